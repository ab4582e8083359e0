//! Bearer tokens of people and machines.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::access::Scope;
use crate::fields::{Fault, Faults};
use crate::ids::{TokenId, UserId};

/// What every token begins with, so that a scanner finds one that has leaked.
pub const PREFIX: &str = "lb_";

/// A token that never ends is forgotten.
pub const LONGEST: TimeDelta = TimeDelta::days(366);

/// What is known of a token; the token itself is shown once and not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    pub id: TokenId,
    pub name: String,
    pub owner: Owner,
    pub scopes: Vec<Scope>,
    pub services: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    User { id: UserId, name: String },
    Machine,
}

impl TokenRow {
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// The text of a token made of 32 random bytes.
pub fn text(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", hex::encode(random))
}

/// Whether this is the text of a token.
pub fn is_text(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|it| it.is_ascii_hexdigit())
}

/// What is kept of a token. Its text is random, so one round of SHA-256 is enough.
pub fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Whether a token of this kind may be made.
pub fn faults(is_machine: bool, scopes: &[Scope], expires: TimeDelta) -> Faults {
    let mut faults = Faults::default();
    if scopes.is_empty() {
        faults.add("scopes", Fault::Required);
    }
    if is_machine && scopes.contains(&Scope::Approve) {
        let allowed = Scope::ALL.iter().filter(|&&it| it != Scope::Approve);
        faults.add("scopes", Fault::NotOneOf(allowed.map(|it| it.as_str().to_owned()).collect()));
    }
    if expires <= TimeDelta::zero() || expires > LONGEST {
        faults.add("expires_s", Fault::OutOfRange { from: 1, to: LONGEST.num_seconds() });
    }
    faults
}

/// `90d`, `12h`, `30m` or `45s`.
pub fn parse_duration(text: &str) -> Option<TimeDelta> {
    let unit = text.chars().next_back()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
    match unit {
        'd' => TimeDelta::try_days(number),
        'h' => TimeDelta::try_hours(number),
        'm' => TimeDelta::try_minutes(number),
        's' => TimeDelta::try_seconds(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_given_no_approval_and_nobody_a_token_for_ever() {
        let day = TimeDelta::days(1);
        for (machine, scopes, expires, ok) in [
            (true, vec![Scope::AlertsWrite], day, true),
            (true, vec![Scope::Read, Scope::Approve], day, false),
            (false, vec![Scope::Approve], day, true),
            (false, vec![], day, false),
            (false, vec![Scope::Read], LONGEST + day, false),
            (false, vec![Scope::Read], TimeDelta::zero(), false),
        ] {
            assert_eq!(faults(machine, &scopes, expires).is_empty(), ok, "{machine} {scopes:?}");
        }
    }

    #[test]
    fn durations_have_one_unit() {
        for (text, expected) in [
            ("90d", Some(TimeDelta::days(90))),
            ("12h", Some(TimeDelta::hours(12))),
            ("45s", Some(TimeDelta::seconds(45))),
            ("90", None),
            ("", None),
            ("d", None),
            ("9999999999999999d", None),
            ("三天", None),
        ] {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }
}
