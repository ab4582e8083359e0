//! What waits in the ledger of drills and in its calendar.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Detail, Entry, Kind, Whom};
use crate::access::Action;
use crate::calendar::{ExpectedDrill, Occurrence, Standing};
use crate::drills::{ActionItem, Drill, State, refusals};
use crate::verdict::Verdict;

/// Drills are announced to those who are in them so long before.
pub const AHEAD: TimeDelta = TimeDelta::days(7);

/// Re-tests are announced so long before: as long as one may take to be planned.
pub const RETEST_AHEAD: TimeDelta = TimeDelta::days(30);

/// Everything that waits in one drill.
pub fn entries(drill: &Drill, now: DateTime<Utc>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = match &drill.state {
        // What an older ledger brought has nobody here who was in it.
        _ if drill.imported_at.is_some() => vec![],
        State::Planned => planned(drill, now).into_iter().collect(),
        State::Running => under_way(drill).into_iter().chain(evidence(drill)).collect(),
        State::Recovered | State::EvidenceComplete => {
            let own = [evidence(drill), criteria(drill)];
            own.into_iter().flatten().chain([sign_off(drill, now)]).collect()
        }
        State::Missed { reason: None } => vec![unexplained(drill)],
        _ => vec![],
    };
    entries.extend(protections(drill));
    let open = drill.actions.iter().filter(|it| it.verified.is_none());
    entries.extend(open.flat_map(|it| action(drill, it, now)));
    entries
}

fn entry(drill: &Drill, kind: Kind, action: Action, since: DateTime<Utc>) -> Entry {
    let place = drill.service.as_ref().map(|it| (it.name.as_str(), it.team.as_str()));
    Entry {
        kind,
        subject: format!("drills/{}", drill.number),
        title: format!("{} · {}", drill.number, drill.scenario),
        detail: Detail::Nothing,
        whom: Whom::may(action).at(place),
        since,
        due: None,
        at_risk: None,
        href: format!("/drills/{}", drill.number),
    }
}

/// The lead and who takes part.
fn members(drill: &Drill) -> Vec<String> {
    drill.lead.iter().chain(&drill.participants).cloned().collect()
}

fn planned(drill: &Drill, now: DateTime<Utc>) -> Option<Entry> {
    let at = drill.planned_at;
    let (kind, ahead) = match drill.retest_of {
        Some(_) => (Kind::DrillRetest, RETEST_AHEAD),
        None => (Kind::DrillPlanned, AHEAD),
    };
    let detail = match &drill.retest_of {
        Some(it) => Detail::RetestOf { number: it.number.clone() },
        None => Detail::Nothing,
    };
    let entry = entry(drill, kind, Action::Read, drill.created_at);
    (at - now <= ahead).then(|| Entry {
        detail,
        whom: Whom { people: members(drill), ..entry.whom },
        due: Some(at),
        at_risk: Some(at - TimeDelta::days(1)),
        ..entry
    })
}

/// With the clock of its closure, which begins when the fault is proven.
fn under_way(drill: &Drill) -> Option<Entry> {
    let t0 = drill.times.t0?;
    let entry = entry(drill, Kind::DrillUnderWay, Action::Read, t0);
    Some(Entry {
        whom: Whom { people: members(drill), ..entry.whom },
        due: Some(t0 + drill.closure_limit()),
        at_risk: Some(t0 + drill.at_risk_after()),
        ..entry
    })
}

/// What it has paused and no step of it will resume any more. Nothing protects meanwhile, so it is urgent from its
/// first moment.
fn protections(drill: &Drill) -> Vec<Entry> {
    if matches!(drill.state, State::Planned | State::Running) {
        return vec![];
    }
    let owed = drill.owed().map(|it| {
        let entry = entry(drill, Kind::ProtectionOwed, Action::RunDrill, it.from);
        let href = format!("{}#unprotected", entry.href);
        Entry {
            detail: Detail::Said { text: it.name.clone() },
            at_risk: Some(it.from),
            href,
            ..entry
        }
    });
    owed.collect()
}

/// The next of what is asked for: at T1 within the closure limit, and the rest a day after.
fn evidence(drill: &Drill) -> Option<Entry> {
    let t0 = drill.times.t0?;
    let open = || drill.requirements.iter().filter(|it| it.satisfied_by.is_none());
    let next = open().min_by_key(|it| it.due)?;
    let due = next.deadline(&drill.times, drill.closure_limit())?;
    let entry = entry(drill, Kind::DrillEvidence, Action::UploadEvidence, t0);
    Some(Entry {
        detail: Detail::Open { open: open().count(), of: drill.requirements.len() },
        whom: Whom { people: members(drill), ..entry.whom },
        due: Some(due),
        at_risk: Some(due - next.due.within(drill.closure_limit()) / 4),
        href: format!("{}#evidence", entry.href),
        ..entry
    })
}

/// Judged by those who were there.
fn criteria(drill: &Drill) -> Option<Entry> {
    let open = drill.criteria.iter().filter(|it| it.verdict == Verdict::Unknown).count();
    let since = drill.times.recovered_at?;
    let entry = entry(drill, Kind::DrillCriteria, Action::PerformDrillStep, since);
    (open > 0).then(|| Entry {
        detail: Detail::Open { open, of: drill.criteria.len() },
        whom: Whom { people: members(drill), ..entry.whom },
        ..entry
    })
}

/// With what still stands in the way of anybody's signature; who took part gives none.
fn sign_off(drill: &Drill, now: DateTime<Utc>) -> Entry {
    let since = drill.times.t1.or(drill.times.recovered_at).unwrap_or(drill.planned_at);
    let entry = entry(drill, Kind::DrillSignOff, Action::SignOffDrill, since);
    let except = members(drill).into_iter().chain(drill.took_part.iter().cloned()).collect();
    Entry {
        detail: Detail::Against { refusals: refusals(drill, "", now) },
        whom: Whom { except, ..entry.whom },
        ..entry
    }
}

fn unexplained(drill: &Drill) -> Entry {
    let entry = entry(drill, Kind::DrillUnexplained, Action::PlanDrill, drill.planned_at);
    Entry { due: Some(drill.planned_at), ..entry }
}

/// The owner's to do, and once it is near or over somebody else's to look at.
fn action(drill: &Drill, item: &ActionItem, now: DateTime<Utc>) -> Vec<Entry> {
    let since = drill.times.recovered_at.unwrap_or(drill.planned_at);
    let at = |kind, action| {
        let entry = entry(drill, kind, action, since);
        Entry {
            title: item.text.clone(),
            detail: Detail::Said { text: entry.title.clone() },
            due: Some(item.due),
            at_risk: Some(item.due - TimeDelta::days(2)),
            href: format!("{}#actions", entry.href),
            ..entry
        }
    };
    let own = at(Kind::ActionItem, Action::Read);
    let own = Entry { whom: Whom { people: vec![item.owner.clone()], ..own.whom }, ..own };
    let other = at(Kind::ActionVerification, Action::VerifyActionItem);
    let other = Entry { whom: Whom { except: vec![item.owner.clone()], ..other.whom }, ..other };
    let near = item.due - now <= AHEAD;
    [Some(own), near.then_some(other)].into_iter().flatten().collect()
}

/// A drill that the calendar expects now and that nobody has planned.
pub fn expected(drill: &ExpectedDrill, it: &Occurrence, standing: Standing) -> Option<Entry> {
    let span = it.until - it.from;
    (standing == Standing::Due).then(|| Entry {
        kind: Kind::DrillExpected,
        subject: format!("expected-drills/{}", drill.name),
        title: drill.scenario.clone(),
        detail: Detail::Period { period: it.period.clone() },
        whom: Whom::may(Action::PlanDrill),
        since: it.from,
        due: Some(it.until),
        // A week is what it takes to get people together, where there is a week.
        at_risk: Some(it.until - AHEAD.min(span / 2)),
        href: format!("/drills/new?expected={}", drill.name),
    })
}
