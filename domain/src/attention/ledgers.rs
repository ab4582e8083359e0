//! What waits in spot checks, backups, objectives and quarters.

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};

use super::{Detail, Entry, Kind, Whom};
use crate::access::{Action, Role};
use crate::backups::{Backup, Finding, Freshness};
use crate::business_days::Calendar;
use crate::measurements::Measurement;
use crate::objectives::Objective;
use crate::spot_checks::coverage::{Coverage, Line, Quarter};
use crate::spot_checks::{Escalation, SpotCheck, StateName};
use crate::trends::{Period, Unit};
use crate::verdict::Verdict;

/// Gaps in what a quarter has to cover are said so long before it ends.
pub const COVERAGE_AHEAD: TimeDelta = TimeDelta::days(30);

/// So many quarters are looked back for one that nobody has closed.
const QUARTERS: usize = 4;

/// The next thing to do about a spot check. `midnight` is when a day begins in the installation's zone.
pub fn spot_check(
    it: &SpotCheck,
    place: Option<(&str, &str)>,
    calendar: &Calendar,
    today: NaiveDate,
    midnight: impl Fn(NaiveDate) -> DateTime<Utc>,
) -> Option<Entry> {
    let (kind, action) = match it.state.name() {
        StateName::Planned => (Kind::SpotCheckPopulation, Action::RecordSpotCheck),
        StateName::Populated => (Kind::SpotCheckDraw, Action::RecordSpotCheck),
        StateName::Drawn => (Kind::SpotCheckRecord, Action::RecordSpotCheck),
        StateName::Recorded => (Kind::SpotCheckAcceptance, Action::AcceptSpotCheck),
        StateName::Accepted | StateName::Cancelled => return None,
    };
    let drawn = it.draw.as_ref().filter(|_| kind == Kind::SpotCheckRecord);
    let closure = drawn.and_then(|draw| Some((draw.at + it.closure_limit()?, draw.at)));
    // In time is until the end of the day.
    let owed = it.retest_of.as_ref().filter(|_| it.state.is_open());
    let owed = owed.and_then(|it| it.due.day());
    let retest = owed.and_then(|day| {
        let near = Escalation::on(today, day, calendar) != Escalation::None;
        Some((midnight(day.succ_opt()?), near.then(|| midnight(today))))
    });
    let (due, at_risk) = match (closure, retest) {
        (Some((due, from)), None) => (Some(due), Some(from + (due - from) / 4 * 3)),
        (Some((due, from)), Some((day, _))) if due <= day => {
            (Some(due), Some(from + (due - from) / 4 * 3))
        }
        (_, Some((day, near))) => (Some(day), near),
        (None, None) => (None, None),
    };
    let parts = [
        it.population.as_ref().map(|it| &it.by),
        it.draw.as_ref().map(|it| &it.by),
        it.record.as_ref().map(|it| &it.by),
    ];
    let parts = parts.into_iter().flatten().filter_map(|it| super::account(it));
    // Who had a part in it does not accept it, and may go on with it.
    let except = if action == Action::AcceptSpotCheck { parts.collect() } else { vec![] };
    Some(Entry {
        kind,
        subject: format!("spot-checks/{}", it.number),
        title: format!("{} · {}", it.number, it.item),
        detail: match &it.retest_of {
            Some(of) => Detail::RetestOf { number: of.of_number.clone() },
            None => Detail::Nothing,
        },
        whom: Whom { except, ..Whom::may(action).at(place) },
        since: it.record.as_ref().map_or(it.created_at, |it| it.at),
        due,
        at_risk,
        href: format!("/spot-checks/{}", it.number),
    })
}

/// What a quarter that ends soon has not covered. `ends` is its last moment.
pub fn uncovered(
    quarter: Quarter,
    lines: &[Line],
    starts: DateTime<Utc>,
    ends: DateTime<Utc>,
) -> Option<Entry> {
    let missing = lines.iter().filter(|it| it.coverage == Coverage::Missing);
    let subjects: Vec<_> = missing.map(|it| it.subject).collect();
    (!subjects.is_empty()).then(|| Entry {
        kind: Kind::Coverage,
        subject: format!("spot-checks/{quarter}"),
        title: quarter.to_string(),
        detail: Detail::Uncovered { subjects },
        whom: Whom::may(Action::RecordSpotCheck),
        since: starts,
        due: Some(ends),
        at_risk: Some(ends - COVERAGE_AHEAD / 2),
        href: "/spot-checks/new".to_owned(),
    })
}

/// A row of the backup matrix that cannot be relied on, or with which something is wrong; for its owner.
pub fn backup(
    row: &Backup,
    freshness: Freshness,
    since: Option<DateTime<Utc>>,
    findings: &[Finding],
    now: DateTime<Utc>,
) -> Option<Entry> {
    let unsure = freshness.is_red() || freshness == Freshness::Unknown;
    let grave = unsure || findings.iter().any(Finding::is_grave);
    let since = since.unwrap_or(now);
    (unsure || !findings.is_empty()).then(|| Entry {
        kind: Kind::Backup,
        subject: format!("backups/{}", row.name),
        title: format!("{} · {}", row.domain, row.artefact),
        detail: Detail::Freshness { freshness, findings: findings.len() },
        whom: Whom::may(Action::Read).of(&row.owner),
        since,
        // Red rows should have been seen to when they turned red.
        due: freshness.is_red().then_some(since),
        at_risk: grave.then_some(since),
        href: format!("/backups/{}", row.name),
    })
}

/// A domain whose newest values miss their targets; for its team. `measured` are the newest of every domain.
pub fn objective<'a>(
    it: &Objective,
    measured: impl IntoIterator<Item = &'a Measurement>,
) -> Option<Entry> {
    let own = |m: &&Measurement| m.objective.as_ref().is_some_and(|judge| judge.name == it.name);
    let failed = |m: &&Measurement| m.verdict == Some(Verdict::Fail);
    let missed: Vec<_> = measured.into_iter().filter(own).filter(failed).collect();
    let since = missed.iter().map(|it| it.at).min()?;
    Some(Entry {
        kind: Kind::Objective,
        subject: format!("objectives/{}", it.name),
        title: it.title().to_owned(),
        detail: Detail::Missed { names: missed.iter().map(|it| it.name.clone()).collect() },
        whom: Whom::may(Action::Read).of(&it.team),
        since,
        due: None,
        at_risk: Some(since),
        href: format!("/objectives/{}", it.name),
    })
}

/// Quarters that have ended, hold something (`first` is the oldest row of a ledger) and are not among the closed ones.
pub fn quarters<Z: TimeZone>(
    first: Option<DateTime<Utc>>,
    closed: &[String],
    today: NaiveDate,
    zone: &Z,
) -> Vec<Entry> {
    let Some(first) = first else { return vec![] };
    let ended = std::iter::successors(Some(Period::of(Unit::Quarter, today).previous()), |it| {
        Some(it.previous())
    });
    let ended = ended.take(QUARTERS).filter(|it| it.ends(zone) > first);
    let open = ended.filter(|it| !closed.contains(&it.to_string()));
    let entry = |it: Period| Entry {
        kind: Kind::QuarterClose,
        subject: format!("quarters/{it}"),
        title: it.to_string(),
        detail: Detail::Nothing,
        whom: Whom::may(Action::CloseQuarter),
        since: it.ends(zone),
        due: None,
        at_risk: Some(it.ends(zone)),
        href: format!("/quarters/{it}"),
    };
    open.map(entry).collect()
}

/// Rows of last month that lack something, as SREs look for them every month (Glancy §6): until the next month ends.
pub fn reconciliation<Z: TimeZone>(month: Period, count: usize, zone: &Z) -> Option<Entry> {
    let (since, due) = (month.ends(zone), month.next().ends(zone));
    (count > 0).then(|| Entry {
        kind: Kind::Reconciliation,
        subject: format!("reconciliation/{month}"),
        title: month.to_string(),
        detail: Detail::Count { count },
        whom: Whom { roles: vec![Role::Sre], ..Whom::may(Action::Read) },
        since,
        due: Some(due),
        at_risk: Some(due - TimeDelta::days(7)),
        href: "/reconciliation".to_owned(),
    })
}
