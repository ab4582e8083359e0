//! How well a cluster is seen, from what each follower says.

use domain::watching::{SightState, Trouble};

/// What is known of one follower.
#[derive(Clone, Debug, Default)]
struct Stream {
    /// Without it nothing can be concluded from what is not there.
    essential: bool,
    listed: bool,
    answered: bool,
    trouble: Option<Trouble>,
}

/// All followers of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    streams: Vec<Stream>,
}

impl Sight {
    /// `essential`: for each follower, whether the others mean nothing without it.
    pub(crate) fn new(essential: impl IntoIterator<Item = bool>) -> Self {
        let streams = essential.into_iter();
        Self {
            streams: streams.map(|essential| Stream { essential, ..Stream::default() }).collect(),
        }
    }

    pub(crate) fn listed(&mut self, stream: usize) {
        if let Some(it) = self.streams.get_mut(stream) {
            it.listed = true;
        }
        self.fine(stream);
    }

    pub(crate) fn fine(&mut self, stream: usize) {
        if let Some(it) = self.streams.get_mut(stream) {
            it.answered = true;
            it.trouble = None;
        }
    }

    pub(crate) fn troubled(&mut self, stream: usize, trouble: Trouble) {
        if let Some(it) = self.streams.get_mut(stream) {
            it.trouble = Some(trouble);
        }
    }

    /// Every list that matters was read once, as far as we may read it.
    pub(crate) fn complete(&self) -> bool {
        self.streams
            .iter()
            .filter(|it| it.essential)
            .all(|it| it.listed || it.trouble.as_ref().is_some_and(Trouble::hides_only_a_part))
    }

    /// The state, and what is wrong: each cause once, in a fixed order.
    pub(crate) fn state(&self) -> (SightState, Vec<Trouble>) {
        let mut troubles: Vec<Trouble> =
            self.streams.iter().filter_map(|it| it.trouble.clone()).collect();
        troubles.sort();
        troubles.dedup();
        let hidden = self.streams.iter().filter(|it| it.trouble.is_some()).count();
        let state = if troubles.iter().any(|it| !it.hides_only_a_part())
            || (hidden > 0 && hidden == self.streams.len())
        {
            SightState::Blind
        } else if !self.streams.iter().all(|it| it.answered || it.trouble.is_some()) {
            return (SightState::Connecting, Vec::new());
        } else if troubles.is_empty() {
            SightState::Connected
        } else {
            SightState::Partial
        };
        (state, troubles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden() -> Trouble {
        Trouble::Forbidden {
            verb: "list".into(),
            resource: "nodes".into(),
            group: String::new(),
            namespace: None,
        }
    }

    #[test]
    fn one_missing_verb_hides_a_part_and_no_answer_hides_all() {
        let mut sight = Sight::new([true, true, false]);
        assert_eq!(sight.state(), (SightState::Connecting, vec![]));
        sight.listed(0);
        sight.listed(1);
        assert!(sight.complete());
        assert_eq!(sight.state().0, SightState::Connecting, "one has not answered");
        sight.troubled(2, forbidden());
        assert_eq!(sight.state(), (SightState::Partial, vec![forbidden()]));
        sight.fine(2);
        assert_eq!(sight.state(), (SightState::Connected, vec![]));

        let gone = Trouble::Unreachable { detail: "connection refused".into() };
        sight.troubled(0, gone.clone());
        sight.troubled(1, gone.clone());
        assert_eq!(sight.state(), (SightState::Blind, vec![gone]), "each cause once");
        sight.fine(0);
        sight.fine(1);
        assert_eq!(sight.state().0, SightState::Connected);
        (0..3).for_each(|it| sight.troubled(it, forbidden()));
        assert_eq!(sight.state().0, SightState::Blind, "nothing may be read at all");
    }

    #[test]
    fn what_may_not_be_read_is_not_waited_for() {
        let mut sight = Sight::new([true, true, false]);
        sight.listed(0);
        assert!(!sight.complete());
        sight.troubled(1, Trouble::Unauthorized);
        assert!(!sight.complete());
        sight.troubled(1, forbidden());
        assert!(sight.complete());
    }
}
