//! Which pod of a StatefulSet or DaemonSet is deleted next, so that it comes back with the live template.
//!
//! A StatefulSet under OrderedReady waits for a broken pod also after its template is back, and a set under OnDelete
//! replaces no pod by itself. A pod is only ever deleted where the controller would not do it; never one below the
//! partition, and never one of the live template.

use crate::runs::{DeletedPod, Note};

/// A set and its pods as they are by now.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// The controller has taken the live template up. Before that a deleted pod might come back as it was.
    pub observed: bool,
    /// It waits for each pod before it goes on (StatefulSet under OrderedReady).
    pub ordered: bool,
    pub on_delete: bool,
    /// Pods with a lower number keep the template that they have.
    pub partition: i64,
    /// As many pods as there are to be.
    pub wanted: usize,
    pub pods: Vec<Pod>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub pod: DeletedPod,
    /// `None` for a pod of a DaemonSet, which has no number.
    pub ordinal: Option<i64>,
    /// Of the live template.
    pub live: bool,
    pub ready: bool,
    pub terminating: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Turn<'a> {
    Delete(&'a Pod),
    Wait(Note),
    /// Every pod that should be is of the live template.
    Done,
}

/// One at a time: the pods that do not work first, from the highest number down. What works is deleted under OnDelete
/// alone, and only while everything else is ready.
pub fn next(set: &Set) -> Turn<'_> {
    if !set.observed {
        return Turn::Wait(Note::NotObserved);
    }
    let mut outdated: Vec<&Pod> = set.pods.iter().filter(|it| is_outdated(set, it)).collect();
    outdated.sort_by(|a, b| (b.ordinal, &b.pod.name).cmp(&(a.ordinal, &a.pod.name)));
    if outdated.is_empty() {
        return Turn::Done;
    }
    if let Some(it) = set.pods.iter().find(|it| it.terminating) {
        return Turn::Wait(Note::PodTerminating { pod: it.pod.name.clone() });
    }
    if (set.ordered || set.on_delete)
        && let Some(broken) = outdated.iter().find(|it| !it.ready)
    {
        return Turn::Delete(broken);
    }
    if !set.on_delete {
        return Turn::Wait(Note::PodsLeft { left: outdated.len() });
    }
    match set.pods.iter().find(|it| !it.ready) {
        Some(it) => Turn::Wait(Note::PodStarting { pod: it.pod.name.clone() }),
        None if set.pods.len() < set.wanted => Turn::Wait(Note::PodsLeft { left: outdated.len() }),
        None => Turn::Delete(outdated[0]),
    }
}

fn is_outdated(set: &Set, pod: &Pod) -> bool {
    !pod.live && pod.ordinal.is_none_or(|it| it >= set.partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `db-2!~`: not ready, of another template; `x` for one that is going.
    fn pod(said: &str) -> Pod {
        let name = said.trim_end_matches(['!', '~', 'x']);
        Pod {
            pod: DeletedPod { name: name.to_owned(), uid: name.to_owned(), revision: Some(3) },
            ordinal: name.rsplit('-').next().and_then(|it| it.parse().ok()),
            live: !said.contains('~'),
            ready: !said.contains('!'),
            terminating: said.contains('x'),
        }
    }

    fn set(pods: &[&str]) -> Set {
        Set {
            observed: true,
            ordered: true,
            on_delete: false,
            partition: 0,
            wanted: pods.len(),
            pods: pods.iter().map(|it| pod(it)).collect(),
        }
    }

    fn said(set: &Set) -> String {
        match next(set) {
            Turn::Delete(it) => format!("delete {}", it.pod.name),
            Turn::Wait(Note::PodTerminating { pod }) => format!("until {pod} is gone"),
            Turn::Wait(Note::PodStarting { pod }) => format!("until {pod} is ready"),
            Turn::Wait(Note::PodsLeft { left }) => format!("{left} left"),
            Turn::Wait(note) => format!("{note:?}"),
            Turn::Done => "done".to_owned(),
        }
    }

    #[test]
    fn what_holds_up_goes_from_the_highest_number_down() {
        for (pods, expected) in [
            (&["db-0", "db-1", "db-2!~"][..], "delete db-2"),
            (&["db-9!~", "db-10!~"], "delete db-10"),
            (&["db-0!~", "db-1~", "db-2~"], "delete db-0"),
            // One at a time, and the next only when the one before is gone.
            (&["db-1!~", "db-2!~x"], "until db-2 is gone"),
            (&["db-1!~"], "delete db-1"),
            // What works is the controller's to replace.
            (&["db-0", "db-1~", "db-2~"], "2 left"),
            // A pod of the live template that is not ready is never touched.
            (&["db-0~", "db-1~", "db-2!"], "2 left"),
            (&["db-0", "db-1", "db-2!"], "done"),
            (&[], "done"),
        ] {
            assert_eq!(said(&set(pods)), expected, "{pods:?}");
        }
    }

    #[test]
    fn nothing_is_deleted_before_the_controller_knows_the_template() {
        let early = Set { observed: false, ..set(&["db-0!~"]) };
        assert_eq!(next(&early), Turn::Wait(Note::NotObserved));
    }

    #[test]
    fn below_the_partition_everything_stays() {
        let of = |partition| said(&Set { partition, ..set(&["db-0!~", "db-1!~", "db-2"]) });
        assert_eq!([of(0), of(1), of(2)], ["delete db-1", "delete db-1", "done"]);
    }

    #[test]
    fn a_controller_that_does_not_wait_is_left_alone() {
        let parallel = Set { ordered: false, ..set(&["db-0!~", "db-1"]) };
        assert_eq!(said(&parallel), "1 left");
    }

    #[test]
    fn under_on_delete_what_works_goes_too_while_the_rest_is_ready() {
        let of = |pods: &[&str], wanted| {
            said(&Set { on_delete: true, ordered: false, wanted, ..set(pods) })
        };
        assert_eq!(of(&["agent-a~", "agent-b!~"], 2), "delete agent-b");
        assert_eq!(of(&["agent-a~", "agent-b!"], 2), "until agent-b is ready");
        assert_eq!(of(&["agent-a~"], 2), "1 left");
        assert_eq!(of(&["agent-a~", "agent-b"], 2), "delete agent-a");
        assert_eq!(of(&["agent-a", "agent-b"], 2), "done");
        let kept = Set { on_delete: true, partition: 1, ..set(&["db-0~", "db-1"]) };
        assert_eq!(said(&kept), "done");
    }
}
