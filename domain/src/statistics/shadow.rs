//! A decision that was only recorded, held against what happened afterwards.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::decisions::Outcome;
use crate::rollbacks::Closure;

/// What goes away so soon needed nobody.
const BY_ITSELF: TimeDelta = TimeDelta::minutes(5);

/// So long after a decision a person's rollback is an answer to the same trouble.
const ANSWER: TimeDelta = TimeDelta::minutes(60);

/// What was recorded, and what is known of the time after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    pub outcome: Outcome,
    pub at: DateTime<Utc>,
    /// When the alert was over; none while it fires, and where there is none.
    pub resolved_at: Option<DateTime<Utc>>,
    /// The first rollback of the workload that a person asked for or approved afterwards.
    pub rolled_back: Option<Rolled>,
    /// Something else was deployed before the alert was over: that may have helped, too.
    pub changed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rolled {
    pub at: DateTime<Utc>,
    /// None while it is open, where it failed, and where it never was carried out.
    pub closure: Option<Closure>,
}

words!(
    /// Whether acting as recorded would have been right.
    Score { Right = "right", Wrong = "wrong", Unknown = "unknown" }
);

/// What happened is the judge: a rollback that helped was needed, and what went away by itself needed none. Where
/// neither is so, nobody can tell.
pub fn score(it: &Shadow) -> Score {
    let acts = matches!(it.outcome, Outcome::Automatic | Outcome::Partial);
    match needed(it) {
        Some(needed) if needed == acts => Score::Right,
        Some(_) => Score::Wrong,
        None => Score::Unknown,
    }
}

/// Whether a rollback was the remedy.
fn needed(it: &Shadow) -> Option<bool> {
    let answer =
        it.rolled_back.as_ref().filter(|rolled| rolled.at >= it.at && rolled.at - it.at <= ANSWER);
    if let Some(rolled) = answer {
        return match rolled.closure {
            Some(Closure::Verified) => Some(true),
            Some(Closure::NotVerified) => Some(false),
            // It is open, was not carried out to the end, or nobody knows how it ended.
            _ => None,
        };
    }
    let soon = it.resolved_at.is_some_and(|at| at - it.at <= BY_ITSELF);
    (soon && !it.changed).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    #[test]
    fn what_happened_is_the_judge() {
        let rolled =
            |minutes, closure: Closure| Some(Rolled { at: at(minutes), closure: Some(closure) });
        let open = Some(Rolled { at: at(5), closure: None });
        for (outcome, resolved, rolled_back, changed, expected) in [
            (Outcome::Automatic, Some(20), rolled(5, Closure::Verified), false, Score::Right),
            (Outcome::Automatic, Some(20), rolled(5, Closure::NotVerified), false, Score::Wrong),
            (Outcome::Automatic, Some(3), None, false, Score::Wrong),
            (Outcome::Automatic, Some(3), None, true, Score::Unknown),
            (Outcome::Automatic, Some(40), None, false, Score::Unknown),
            (Outcome::Automatic, None, None, false, Score::Unknown),
            (Outcome::Partial, None, rolled(59, Closure::Verified), false, Score::Right),
            // A day later it is about something else.
            (Outcome::Automatic, None, rolled(24 * 60, Closure::Verified), false, Score::Unknown),
            (Outcome::Human, Some(3), None, false, Score::Right),
            (Outcome::Human, Some(20), rolled(5, Closure::Verified), false, Score::Wrong),
            (Outcome::Never, Some(20), rolled(5, Closure::NotVerified), false, Score::Right),
            (Outcome::Automatic, Some(20), open, false, Score::Unknown),
            (Outcome::Automatic, Some(20), rolled(5, Closure::Unknown), false, Score::Unknown),
        ] {
            let resolved_at = resolved.map(at);
            let it = Shadow { outcome, at: at(0), resolved_at, rolled_back, changed };
            assert_eq!(score(&it), expected, "{it:?}");
        }
    }
}
