//! One-time codes of people (TOTP, RFC 6238): the second factor that a policy may ask for at an approval.
//!
//! **Invariant:** a code counts once, and whoever guesses is made to wait.

use chrono::{DateTime, TimeDelta, Utc};

/// After so many wrong codes in a row
pub const MOST_FAILURES: u32 = 5;
/// nobody is listened to for so long.
pub const LOCKED_FOR: TimeDelta = TimeDelta::minutes(5);

/// What is known of somebody's key, beside the secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// A code of it was right once, so the person has it.
    pub confirmed: bool,
    /// The newest step of 30 s whose code was accepted.
    pub last_step: u64,
    /// Wrong codes since the last right one, and when the newest came.
    pub failures: u32,
    pub failed_at: Option<DateTime<Utc>>,
}

/// What becomes of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    Accepted {
        step: u64,
    },
    Wrong,
    /// Nobody looked at it.
    Locked,
}

impl Key {
    /// `step` is the one that the code belongs to, if it is a code of this key around now.
    pub fn judge(&self, step: Option<u64>, now: DateTime<Utc>) -> Judgement {
        let locked =
            self.failures >= MOST_FAILURES && self.failed_at.is_none_or(|it| now < it + LOCKED_FOR);
        match step {
            _ if locked => Judgement::Locked,
            Some(step) if step > self.last_step => Judgement::Accepted { step },
            // A code that was seen before proves nothing: somebody may have looked over a shoulder.
            Some(_) | None => Judgement::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_once_and_guessing_is_slow() {
        let at = |s| DateTime::UNIX_EPOCH + TimeDelta::seconds(s);
        let key = Key { confirmed: true, last_step: 7, ..Key::default() };
        assert_eq!(key.judge(Some(8), at(0)), Judgement::Accepted { step: 8 });
        for spent in [Some(7), Some(6), None] {
            assert_eq!(key.judge(spent, at(0)), Judgement::Wrong, "{spent:?}");
        }
        let failed = |failures| Key { failures, failed_at: Some(at(0)), ..key };
        assert_eq!(
            failed(MOST_FAILURES - 1).judge(Some(8), at(1)),
            Judgement::Accepted { step: 8 }
        );
        assert_eq!(failed(MOST_FAILURES).judge(Some(8), at(299)), Judgement::Locked);
        assert_eq!(failed(MOST_FAILURES).judge(Some(8), at(300)), Judgement::Accepted { step: 8 });
        assert_eq!(failed(MOST_FAILURES + 1).judge(None, at(300)), Judgement::Wrong);
    }
}
