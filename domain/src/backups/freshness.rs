//! Whether there is a copy to go back to, and whether it is young enough.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Backup, Pace};

/// Clocks differ by this much without anybody being wrong; a copy that is younger than that is of this moment.
pub const SKEW: TimeDelta = TimeDelta::minutes(5);

words!(
    /// How a row stands, from the best to the worst.
    Freshness {
        // No older than the row's own interval, or no further behind than its lag.
        Fresh = "fresh",
        // Older than that, and still within the grace.
        Due = "due",
        // Nobody can tell. Never fresh.
        Unknown = "unknown",
        Stale = "stale",
        // There was never a copy.
        Never = "never",
    }
);

impl Freshness {
    /// Whether somebody has to be told: there is nothing young enough to go back to.
    pub fn is_red(self) -> bool {
        matches!(self, Freshness::Stale | Freshness::Never)
    }
}

/// Whether a row has just turned red. `before` is the last state in which it was known; a red row that could not be
/// read for a while and is red again has not turned.
pub fn turns_red(before: Option<Freshness>, now: Freshness) -> bool {
    now.is_red() && !before.is_some_and(Freshness::is_red)
}

/// The last look at a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Nothing while nobody has looked.
    pub at: Option<DateTime<Utc>>,
    /// Why it could not be read, and what to do.
    pub failure: Option<String>,
    /// What was odd about it although it could be read: a CronJob that is suspended.
    pub warning: Option<String>,
}

/// What is known of one tenant's copies at one site; counts and ends, not the copies themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Empty where the row keeps nobody apart.
    pub tenant: String,
    /// The newest copy that is not dated in the future, whether it is there still or not.
    pub newest: Option<(String, DateTime<Utc>)>,
    /// The oldest that is there.
    pub oldest: Option<(String, DateTime<Utc>)>,
    /// How many are there.
    pub present: u32,
    /// One that is dated later than [`SKEW`] from when it was seen.
    pub future: Option<(String, DateTime<Utc>)>,
    /// One that is there and known not to be encrypted.
    pub plain: Option<String>,
    /// Whether there is one of which nobody can tell whether it is encrypted.
    pub untold: bool,
    /// The one that was gone soonest, and its age then.
    pub gone_at_age: Option<(String, TimeDelta)>,
    /// The last attempt of all that failed, if none was done after it.
    pub failed: Option<(String, DateTime<Utc>)>,
}

/// Everything that was observed of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub here: Look,
    pub tallies: Vec<Tally>,
    pub offsite: Look,
    pub offsite_tallies: Vec<Tally>,
}

/// How one tenant's copies stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfTenant {
    pub tenant: String,
    pub freshness: Freshness,
    pub newest: Option<(String, DateTime<Utc>)>,
}

/// How a row stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// That of the tenant who is worst off.
    pub freshness: Freshness,
    /// The copy that this is said of: of the worst tenant the newest.
    pub newest: Option<(String, DateTime<Utc>)>,
    /// Since that copy; never negative.
    pub age: Option<TimeDelta>,
    /// Every tenant that must be or is there, the worst first; one without a name where nobody is kept apart.
    pub tenants: Vec<OfTenant>,
}

/// Says how a row stands.
pub fn assess(row: &Backup, seen: &Seen, now: DateTime<Utc>) -> Assessment {
    let known = is_known(row, &seen.here, now);
    let mut tenants: Vec<OfTenant> = names(row, &seen.tallies)
        .into_iter()
        .map(|tenant| {
            let tally = seen.tallies.iter().find(|it| it.tenant == tenant);
            let newest = tally.and_then(|it| it.newest.clone());
            let freshness = match (known, &newest) {
                (false, _) => Freshness::Unknown,
                (true, None) => Freshness::Never,
                (true, Some((_, at))) => by_age(row, now - *at),
            };
            OfTenant { tenant: tenant.to_owned(), freshness, newest }
        })
        .collect();
    // The worst first; of two that are as bad the one with the older copy.
    tenants.sort_by(|a, b| {
        let at = |it: &OfTenant| it.newest.as_ref().map(|(_, at)| *at);
        b.freshness.cmp(&a.freshness).then(at(a).cmp(&at(b))).then(a.tenant.cmp(&b.tenant))
    });
    let worst = tenants.first().cloned();
    let newest = worst.as_ref().and_then(|it| it.newest.clone());
    Assessment {
        freshness: worst.map_or(Freshness::Unknown, |it| it.freshness),
        age: newest.as_ref().map(|(_, at)| (now - *at).max(TimeDelta::zero())),
        newest,
        tenants,
    }
}

/// Those that must be there, and those that are; nobody in particular where no one is kept apart.
fn names<'a>(row: &'a Backup, tallies: &'a [Tally]) -> Vec<&'a str> {
    let mut names: Vec<&str> = row.tenants.iter().map(String::as_str).collect();
    names.extend(tallies.iter().map(|it| it.tenant.as_str()));
    // What was recorded before tenants were kept apart is nobody's.
    if names.iter().any(|it| !it.is_empty()) {
        names.retain(|it| !it.is_empty());
    }
    if names.is_empty() {
        names.push("");
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn by_age(row: &Backup, age: TimeDelta) -> Freshness {
    let limit = row.pace().limit();
    if age <= limit {
        Freshness::Fresh
    } else if age <= limit + row.grace() {
        Freshness::Due
    } else {
        Freshness::Stale
    }
}

/// Whether what was observed can be relied on: somebody could look, and did so lately. A heartbeat is not looked
/// for; its silence says something by itself.
fn is_known(row: &Backup, look: &Look, now: DateTime<Utc>) -> bool {
    match &row.source {
        None => false,
        Some(source) if !source.is_asked() => true,
        Some(_) => look.failure.is_none() && is_lately(row, look, now),
    }
}

/// Whether somebody has looked as lately as somebody should have.
pub(super) fn is_lately(row: &Backup, look: &Look, now: DateTime<Utc>) -> bool {
    let long = look_every(row) * 3 + TimeDelta::minutes(1);
    look.at.is_some_and(|at| now - at <= long)
}

/// How often a row's sources are looked at: often enough to notice a late copy soon, and never so often that the
/// looking is a burden. Between 10 s and 5 min.
pub fn look_every(row: &Backup) -> TimeDelta {
    let part = match row.pace() {
        Pace::Every(interval) => interval / 10,
        Pace::Continuous { lag } => lag / 2,
    };
    part.clamp(TimeDelta::seconds(10), TimeDelta::minutes(5))
}
