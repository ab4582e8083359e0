//! Accounts: names, passwords, and how a role comes about.
//!
//! **Invariant:** a role that was asked for on a page holds only after a second administrator consented, who
//! is neither the one who asked nor the one who gets it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::access::{FRESH, Role};
use crate::fields::{Fault, Faults};
use crate::ids::{GrantId, UserId};

/// A longer one costs time to hash and protects no better.
const LONGEST_PASSWORD: usize = 128;
/// Length protects, composition rules do not.
const SHORTEST_PASSWORD: usize = 12;
/// As the database has it.
const LONGEST_NAME: usize = 64;

/// A failed sign-in counts for this long after the last one.
pub const FORGET_FAILURES: TimeDelta = TimeDelta::hours(1);

/// What failed sign-ins are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A name, whether or not there is such an account.
    Name,
    /// An address, behind which there may be a whole office.
    Address,
}

/// How long nobody signs in with this name, or from this address, after so many failures in a row: nothing at
/// first, then 15 s, doubled with each further one up to 15 min.
pub fn lock_out(counted: Counted, failures: u32) -> Option<TimeDelta> {
    let free = match counted {
        Counted::Name => 4,
        Counted::Address => 19,
    };
    let doublings = failures.checked_sub(free + 1)?.min(6);
    Some(TimeDelta::seconds(15 << doublings).min(TimeDelta::minutes(15)))
}

/// A role of somebody, asked for on a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub id: GrantId,
    pub user: UserId,
    pub role: Role,
    /// Nobody where the installation's owner granted it on the command line.
    pub requested_by: Option<UserId>,
    pub requested_at: DateTime<Utc>,
    pub state: GrantState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantState {
    AwaitingConsent,
    InForce { since: DateTime<Utc>, approves_from: DateTime<Utc> },
    Ended { at: DateTime<Utc> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error(
        "a role takes effect only after the consent of an administrator who did not ask for it"
    )]
    OwnGrant,
    #[error("nobody consents to a role of their own")]
    OwnRole,
    #[error("this grant is not waiting for consent")]
    NotWaiting,
    #[error("this grant has ended")]
    Ended,
    #[error("nobody disables their own account")]
    OwnAccount,
    #[error("the last administrator stays")]
    LastAdministrator,
}

impl Refusal {
    /// Whether it is about who asks, and not about the state of things.
    pub fn forbids(self) -> bool {
        matches!(self, Self::OwnGrant | Self::OwnRole | Self::OwnAccount)
    }
}

impl Grant {
    /// A second administrator consents. The role holds from now on and approves after [`FRESH`].
    pub fn consent(self, by: UserId, at: DateTime<Utc>) -> Result<Self, Refusal> {
        if self.requested_by == Some(by) {
            return Err(Refusal::OwnGrant);
        }
        if self.user == by {
            return Err(Refusal::OwnRole);
        }
        match self.state {
            GrantState::AwaitingConsent => {
                let state = GrantState::InForce { since: at, approves_from: at + FRESH };
                Ok(Self { state, ..self })
            }
            _ => Err(Refusal::NotWaiting),
        }
    }

    /// Withdrawn before it holds, or taken away afterwards; both at once and by one administrator.
    /// `administrators` is how many others there are, so that the house does not lock itself out.
    pub fn end(self, other_administrators: u64, at: DateTime<Utc>) -> Result<Self, Refusal> {
        match self.state {
            GrantState::Ended { .. } => Err(Refusal::Ended),
            GrantState::InForce { .. } if self.role == Role::Admin && other_administrators == 0 => {
                Err(Refusal::LastAdministrator)
            }
            _ => Ok(Self { state: GrantState::Ended { at }, ..self }),
        }
    }
}

/// The name of an account, a machine or a team: printable, without space around it.
pub fn name_faults(field: &str, name: &str) -> Faults {
    let mut faults = Faults::default();
    if name.trim().is_empty() {
        faults.add(field, Fault::Required);
    } else if name.trim() != name
        || name.chars().any(char::is_control)
        || name.contains([':', '/', ','])
    {
        faults.add(field, Fault::NotAName);
    } else if name.chars().count() > LONGEST_NAME {
        faults.add(field, Fault::TooLong { most: LONGEST_NAME });
    }
    faults
}

/// Whether this may become the password of that account.
pub fn password_faults(field: &str, password: &str, account: &str) -> Faults {
    let mut faults = Faults::default();
    let length = password.chars().count();
    if length < SHORTEST_PASSWORD {
        faults.add(field, Fault::TooShort { least: SHORTEST_PASSWORD });
    } else if length > LONGEST_PASSWORD {
        faults.add(field, Fault::TooLong { most: LONGEST_PASSWORD });
    } else if is_guessable(password, account) {
        faults.add(field, Fault::Guessable);
    }
    faults
}

/// The name of the account over and over, or fewer than five different characters.
fn is_guessable(password: &str, account: &str) -> bool {
    let lower = password.to_lowercase();
    let without_name = lower.replace(&account.to_lowercase(), "");
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    different.len() < 5 || without_name.chars().count() < 4
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn grant(role: Role, state: GrantState) -> Grant {
        Grant {
            id: GrantId(Uuid::nil()),
            user: UserId(Uuid::from_u128(1)),
            role,
            requested_by: Some(UserId(Uuid::from_u128(2))),
            requested_at: AT,
            state,
        }
    }

    #[test]
    fn a_role_needs_a_third_person() {
        let in_force = GrantState::InForce { since: AT, approves_from: AT + FRESH };
        for (state, by, expected) in [
            (GrantState::AwaitingConsent, 3, Ok(&in_force)),
            (GrantState::AwaitingConsent, 2, Err(Refusal::OwnGrant)),
            (GrantState::AwaitingConsent, 1, Err(Refusal::OwnRole)),
            (in_force.clone(), 3, Err(Refusal::NotWaiting)),
            (GrantState::Ended { at: AT }, 3, Err(Refusal::NotWaiting)),
        ] {
            let answer = grant(Role::Sre, state).consent(UserId(Uuid::from_u128(by)), AT);
            assert_eq!(answer.as_ref().map(|it| &it.state).map_err(|it| *it), expected, "{by}");
        }
    }

    #[test]
    fn the_last_administrator_stays() {
        let in_force = GrantState::InForce { since: AT, approves_from: AT };
        for (role, state, others, expected) in [
            (Role::Admin, in_force.clone(), 0, Some(Refusal::LastAdministrator)),
            (Role::Admin, in_force.clone(), 1, None),
            (Role::Admin, GrantState::AwaitingConsent, 0, None),
            (Role::Sre, in_force, 0, None),
            (Role::Sre, GrantState::Ended { at: AT }, 1, Some(Refusal::Ended)),
        ] {
            assert_eq!(grant(role, state).end(others, AT).err(), expected, "{role:?} {others}");
        }
    }

    #[test]
    fn each_failure_locks_out_for_longer() {
        for (counted, failures, expected_s) in [
            (Counted::Name, 0, None),
            (Counted::Name, 4, None),
            (Counted::Name, 5, Some(15)),
            (Counted::Name, 6, Some(30)),
            (Counted::Name, 10, Some(480)),
            (Counted::Name, 11, Some(900)),
            (Counted::Name, u32::MAX, Some(900)),
            (Counted::Address, 19, None),
            (Counted::Address, 20, Some(15)),
        ] {
            let lock = lock_out(counted, failures).map(|it| it.num_seconds());
            assert_eq!(lock, expected_s, "{counted:?} {failures}");
        }
    }

    #[test]
    fn a_password_is_long_and_not_the_name() {
        for (password, ok) in [
            ("short", false),
            ("correct horse battery", true),
            ("aaaaaaaaaaaaaaaa", false),
            ("alice-li alice-li", false),
            ("长一点的密码也可以用中文", true),
        ] {
            assert_eq!(
                password_faults("password", password, "alice-li").is_empty(),
                ok,
                "{password}"
            );
        }
        assert!(!password_faults("password", &"ab cd ef ".repeat(20), "x").is_empty());
    }

    #[test]
    fn a_name_can_stand_in_a_log() {
        for (name, ok) in [
            ("SRE on call", true),
            ("值班工程师", true),
            ("", false),
            (" a", false),
            ("a\nb", false),
            ("user:a", false),
        ] {
            assert_eq!(name_faults("name", name).is_empty(), ok, "{name:?}");
        }
    }
}
