//! What whoever makes a copy says about it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::{Copy, Outcome, Site};
use crate::evidence::Sha256;
use crate::fields::{Fault, Faults};

/// Between two heartbeats with the same token.
pub const APART: TimeDelta = TimeDelta::seconds(1);

/// In characters, of the names in it.
const LONGEST: usize = 300;

/// The body of a heartbeat. Everything may be left out: then a copy was made just now.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Heartbeat {
    /// What the sender calls the copy. The same name again is the same copy.
    pub artefact: Option<String>,
    pub tenant: Option<String>,
    /// `here` or `offsite`.
    pub site: Option<String>,
    /// When it was complete; now, if it is left out.
    pub taken_at: Option<DateTime<Utc>>,
    /// Instead of `taken_at`, of what is copied continuously: how far the copy is behind, in seconds.
    pub lag_s: Option<f64>,
    /// Bytes.
    pub size: Option<u64>,
    pub sha256: Option<String>,
    pub encrypted: Option<bool>,
    /// `false`: the attempt failed.
    pub ok: Option<bool>,
}

impl Heartbeat {
    /// The copy that it tells of.
    ///
    /// # Errors
    /// Faults by field.
    pub fn copy(self, now: DateTime<Utc>) -> Result<(Site, Copy), Faults> {
        let mut faults = Faults::default();
        for (field, text) in [("artefact", &self.artefact), ("tenant", &self.tenant)] {
            let text = text.as_deref().unwrap_or_default();
            if text.chars().count() > LONGEST {
                faults.add(field, Fault::TooLong { most: LONGEST });
            } else if text.chars().any(char::is_control) {
                faults.add(field, Fault::Malformed("a control character".to_owned()));
            }
        }
        let site = match self.site.as_deref() {
            None => Site::Here,
            Some(word) => Site::parse(word).unwrap_or_else(|| {
                let words = Site::ALL.iter().map(|it| it.as_str().to_owned()).collect();
                faults.add("site", Fault::NotOneOf(words));
                Site::Here
            }),
        };
        let sha256 = self.sha256.map(|it| {
            let bare = it.strip_prefix("sha256:").unwrap_or(&it).to_ascii_lowercase();
            if let Err(error) = bare.parse::<Sha256>() {
                faults.add("sha256", Fault::Malformed(error.to_string()));
            }
            bare
        });
        if self.size.is_some_and(|it| i64::try_from(it).is_err()) {
            faults.add("size", Fault::OutOfRange { from: 0, to: i64::MAX });
        }
        let taken_at = taken_at(self.taken_at, self.lag_s, now, &mut faults);
        faults.into_result()?;
        let outcome = match (self.ok, self.size) {
            // An empty file is nothing to go back to.
            (Some(false), _) | (_, Some(0)) => Outcome::Failed,
            _ => Outcome::Done,
        };
        let named = self.artefact.filter(|it| !it.trim().is_empty());
        let artefact = named
            .or_else(|| sha256.as_ref().map(|it| format!("sha256:{it}")))
            .unwrap_or_else(|| taken_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        let (size, encrypted) = (self.size, self.encrypted);
        let tenant = self.tenant.unwrap_or_default();
        Ok((site, Copy { tenant, artefact, taken_at, outcome, size, sha256, encrypted }))
    }
}

/// A year back is a mistake in the clock or in the unit; the future is recorded as it is told, and is a finding.
fn taken_at(
    taken_at: Option<DateTime<Utc>>,
    lag_s: Option<f64>,
    now: DateTime<Utc>,
    faults: &mut Faults,
) -> DateTime<Utc> {
    const YEAR_S: i64 = 366 * 24 * 3600;
    let year = TimeDelta::seconds(YEAR_S);
    match (taken_at, lag_s) {
        (Some(_), Some(_)) => {
            faults.add("lag_s", Fault::Unexpected);
            now
        }
        (Some(at), None) => {
            if at < now - year || at > now + year {
                let why = "it is more than a year away from now".to_owned();
                faults.add("taken_at", Fault::Malformed(why));
            }
            at
        }
        (None, Some(lag)) if (0.0..=YEAR_S as f64).contains(&lag) => {
            now - TimeDelta::milliseconds((lag * 1000.0) as i64)
        }
        (None, Some(_)) => {
            faults.add("lag_s", Fault::OutOfRange { from: 0, to: YEAR_S });
            now
        }
        (None, None) => now,
    }
}
