//! What is wrong with a row, for its owner.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::freshness::{SKEW, Seen, Tally};
use super::{Assessment, Backup, Encryption, Freshness, Offsite, Source};
use crate::objectives::{Objective, gap};

/// One thing that is wrong. Times in seconds; the owner is the row's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Finding {
    /// There was never a copy.
    Never { tenant: String },
    /// The newest copy is older than interval and grace.
    Stale { tenant: String, age_s: i64, allowed_s: i64 },
    /// The last attempt failed, and no other was done since.
    LastFailed { tenant: String, artefact: String, at: DateTime<Utc> },
    /// No source is named, so nobody looks.
    Unobserved,
    /// The source could not be read.
    Unreadable { offsite: bool, why: String },
    /// Nobody has looked for longer than it should take.
    NotLookedAt { offsite: bool },
    /// It could be read, and says something odd.
    SourceWarns { offsite: bool, what: String },
    /// A copy is dated in the future: a clock is wrong, and its age cannot be believed.
    FutureDated { artefact: String, ahead_s: i64 },
    /// A copy was gone before its time.
    GoneTooSoon { artefact: String, after_s: i64, keep_s: i64 },
    /// Copies are kept no longer than the next one takes to come.
    RetentionBelowInterval { keep_s: i64, interval_s: i64 },
    /// Fewer copies are there than are to be kept, though more were made.
    TooFew { tenant: String, present: u32, keep: u32 },
    /// A copy is there that should be gone.
    KeptTooLong { offsite: bool, artefact: String, age_s: i64, at_most_s: i64 },
    /// More copies are there than may be.
    TooMany { present: u32, at_most: u32 },
    /// The matrix does not say how long copies are kept.
    RetentionUnstated,
    /// The matrix does not say whether copies are encrypted.
    EncryptionUnstated,
    /// A copy that must be encrypted is not.
    NotEncrypted { artefact: String },
    /// The source cannot tell whether copies are encrypted, which they must be.
    EncryptionUnseen,
    /// The off-site copy is further behind than it may be.
    OffsiteLate { tenant: String, behind_s: i64, within_s: i64 },
    /// Nothing was ever copied off-site.
    OffsiteNever { tenant: String },
    /// No source is named for the off-site copies, so nobody looks.
    OffsiteUnobserved,
    /// No row of the domain is copied often enough for what may be lost.
    CannotMeetRpo { interval_s: i64, rpo_s: i64 },
}

impl Finding {
    /// Whether it means that there may be nothing to go back to; the others are gaps in the plan or in sight.
    pub fn is_grave(&self) -> bool {
        matches!(
            self,
            Finding::Never { .. }
                | Finding::Stale { .. }
                | Finding::GoneTooSoon { .. }
                | Finding::NotEncrypted { .. }
                | Finding::OffsiteLate { .. }
                | Finding::OffsiteNever { .. }
                | Finding::CannotMeetRpo { .. }
        )
    }
}

/// Everything that is wrong with one row by itself; see [`rpo_gaps`] for what only the whole domain shows.
pub fn findings(
    row: &Backup,
    seen: &Seen,
    assessed: &Assessment,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    of_freshness(row, assessed, now, &mut found);
    of_source(row, seen, assessed, &mut found);
    for tally in &seen.tallies {
        of_clock(tally, now, &mut found);
        if let Some((artefact, at)) = tally.failed.clone() {
            found.push(Finding::LastFailed { tenant: tally.tenant.clone(), artefact, at });
        }
    }
    of_retention(row, seen, now, &mut found);
    of_encryption(row, seen, &mut found);
    if let Some(offsite) = &row.offsite {
        of_offsite(row, offsite, seen, now, &mut found);
    }
    found
}

fn of_freshness(row: &Backup, assessed: &Assessment, now: DateTime<Utc>, found: &mut Vec<Finding>) {
    let allowed_s = (row.pace().limit() + row.grace()).num_seconds();
    for it in &assessed.tenants {
        let tenant = it.tenant.clone();
        match (it.freshness, &it.newest) {
            (Freshness::Never, _) => found.push(Finding::Never { tenant }),
            (Freshness::Stale, Some((_, at))) => {
                found.push(Finding::Stale { tenant, age_s: (now - *at).num_seconds(), allowed_s });
            }
            _ => {}
        }
    }
}

fn of_source(row: &Backup, seen: &Seen, assessed: &Assessment, found: &mut Vec<Finding>) {
    if row.source.is_none() {
        found.push(Finding::Unobserved);
    } else if let Some(why) = seen.here.failure.clone() {
        found.push(Finding::Unreadable { offsite: false, why });
    } else if assessed.freshness == Freshness::Unknown {
        found.push(Finding::NotLookedAt { offsite: false });
    }
    for (offsite, look) in [(false, &seen.here), (true, &seen.offsite)] {
        if let Some(what) = look.warning.clone() {
            found.push(Finding::SourceWarns { offsite, what });
        }
    }
}

fn of_clock(tally: &Tally, now: DateTime<Utc>, found: &mut Vec<Finding>) {
    if let Some((artefact, at)) = tally.future.clone().filter(|(_, at)| *at > now + SKEW) {
        found.push(Finding::FutureDated { artefact, ahead_s: (at - now).num_seconds() });
    }
}

fn of_retention(row: &Backup, seen: &Seen, now: DateTime<Utc>, found: &mut Vec<Finding>) {
    let retention = &row.retention;
    if !retention.is_stated() {
        found.push(Finding::RetentionUnstated);
    }
    let interval_s = row.pace().limit().num_seconds();
    let shortest = [retention.age_s, retention.at_most_s].into_iter().flatten().min();
    if let Some(keep_s) = shortest.map(i64::from).filter(|it| *it < interval_s) {
        found.push(Finding::RetentionBelowInterval { keep_s, interval_s });
    }
    for tally in &seen.tallies {
        if let (Some(keep), Some((artefact, age))) = (retention.age_s, &tally.gone_at_age)
            && age.num_seconds() < i64::from(keep)
        {
            let artefact = artefact.clone();
            let after_s = age.num_seconds();
            found.push(Finding::GoneTooSoon { artefact, after_s, keep_s: keep.into() });
        }
        // Where none is gone yet there were never more.
        if let Some(keep) = retention.count.filter(|it| tally.present < *it)
            && tally.gone_at_age.is_some()
        {
            let tenant = tally.tenant.clone();
            found.push(Finding::TooFew { tenant, present: tally.present, keep });
        }
    }
    let lists_all = |source: Option<&Source>| source.is_some_and(Source::lists_all);
    let there = row.offsite.as_ref().and_then(|it| it.source.as_ref());
    // Whoever does not list the copies cannot say whether they are still there.
    let listed = [
        (false, &seen.tallies, lists_all(row.source.as_ref())),
        (true, &seen.offsite_tallies, lists_all(there)),
    ];
    if let Some(at_most) = retention.at_most_s {
        let oldest = |tallies: &[Tally]| {
            let oldest = tallies.iter().filter_map(|it| it.oldest.clone());
            oldest
                .min_by_key(|(_, at)| *at)
                .filter(|(_, at)| (now - *at).num_seconds() > at_most.into())
        };
        for (offsite, tallies, _) in listed.into_iter().filter(|(_, _, listed)| *listed) {
            if let Some((artefact, at)) = oldest(tallies) {
                let age_s = (now - at).num_seconds();
                found.push(Finding::KeptTooLong {
                    offsite,
                    artefact,
                    age_s,
                    at_most_s: at_most.into(),
                });
            }
        }
    }
}

fn of_encryption(row: &Backup, seen: &Seen, found: &mut Vec<Finding>) {
    match row.encryption {
        None => found.push(Finding::EncryptionUnstated),
        Some(Encryption::None) => {}
        Some(Encryption::Required) => {
            let all = seen.tallies.iter().chain(&seen.offsite_tallies);
            if let Some(artefact) = all.clone().find_map(|it| it.plain.clone()) {
                found.push(Finding::NotEncrypted { artefact });
            } else if all.clone().any(|it| it.untold) {
                found.push(Finding::EncryptionUnseen);
            }
        }
    }
}

fn of_offsite(
    row: &Backup,
    offsite: &Offsite,
    seen: &Seen,
    now: DateTime<Utc>,
    found: &mut Vec<Finding>,
) {
    let listed = offsite.source.as_ref().is_some_and(Source::lists_all);
    if let Some(at_most) = offsite.at_most.filter(|_| listed) {
        let present: u32 = seen.offsite_tallies.iter().map(|it| it.present).sum();
        if present > at_most {
            found.push(Finding::TooMany { present, at_most });
        }
    }
    match &offsite.source {
        None => return found.push(Finding::OffsiteUnobserved),
        Some(source) if source.is_asked() => {
            if let Some(why) = seen.offsite.failure.clone() {
                return found.push(Finding::Unreadable { offsite: true, why });
            }
            if !super::freshness::is_lately(row, &seen.offsite, now) {
                return found.push(Finding::NotLookedAt { offsite: true });
            }
        }
        Some(_) => {}
    }
    for here in &seen.tallies {
        let Some((_, newest)) = &here.newest else { continue };
        let tenant = here.tenant.clone();
        let there = seen.offsite_tallies.iter().find(|it| it.tenant == here.tenant);
        match there.and_then(|it| it.newest.as_ref()) {
            None => {
                // A first copy has its time to arrive, too.
                if (now - *newest).num_seconds() > offsite.within_s.into() || here.present > 1 {
                    found.push(Finding::OffsiteNever { tenant });
                }
            }
            Some((_, arrived)) => {
                let behind_s = (*newest - *arrived).num_seconds();
                let within_s = i64::from(offsite.within_s);
                // The newest has its time to arrive; but where copies come faster than that there is always a
                // newest one on its way, and what counts is how many were left behind.
                let overdue = (now - *newest).num_seconds() > within_s;
                let left_behind = behind_s > within_s + row.pace().limit().num_seconds();
                if behind_s > 0 && (overdue || left_behind) {
                    found.push(Finding::OffsiteLate { tenant, behind_s, within_s });
                }
            }
        }
    }
}

/// The rows of one domain whose interval is longer than what may be lost there, where no other row of the domain makes
/// up for it: a base backup every 6 h is no gap beside a log archive every minute, a daily Velero backup alone
/// against 15 min is (EdgeLink §4.1).
pub fn rpo_gaps<'a>(rows: &[&'a Backup], objective: &Objective) -> Vec<(&'a str, Finding)> {
    let gap = |it: &&'a Backup| {
        let gap = gap(it.pace().limit(), TimeDelta::zero(), objective)?;
        let (interval_s, rpo_s) = (gap.worst_s.into(), gap.rpo_s.into());
        Some((it.name.as_str(), Finding::CannotMeetRpo { interval_s, rpo_s }))
    };
    // One row that is copied often enough is enough.
    rows.iter().map(gap).collect::<Option<_>>().unwrap_or_default()
}
