//! One row.

use chrono::{DateTime, TimeDelta, Utc};

use super::lines::{self, begin, is_none, lines};
use super::template;
use super::values::{When, quantity, target, when, word};
use super::{Cells, Entry, IMPORTED, Note, Reader, Why};
use crate::drills::closing::Outcome;
use crate::drills::ledger::{Column, Metric, Template, dated};
use crate::drills::{Drill, DrillType, RETEST_DAYS, SignOff, State, StateName, Times};
use crate::measurements::{Measurement, Window};
use crate::texts::{Lang, drills};
use crate::verdict::Verdict;

/// None where something that everything else stands on is wrong; what it is stands in `cells`.
pub(super) fn read(cells: &mut Cells<'_>, reader: &Reader) -> Option<Entry> {
    let mut notes = Vec::new();
    let number = match cells.get(Column::Number) {
        Some(number) if dated(number).is_some() => number.to_owned(),
        Some(_) => return refuse(cells, Column::Number, Why::NotANumber),
        None => return refuse(cells, Column::Number, Why::Required),
    };
    let (scenario, script) = scenario(cells)?;
    let kind = one_of(cells, Column::Type, DrillType::ALL, DrillType::as_str, |lang, it| {
        (drills::TEXTS.of(lang).type_of)(it)
    });
    let kind = kind.unwrap_or_else(|| {
        notes.push(Note::TypeAssumed);
        DrillType::Simulation
    });
    let times = times(cells, reader);
    let planned_at = cells.read(Column::PlannedAt, |it| moment(it, reader, false));
    let planned_at = planned_at.or(times.t0).or_else(|| {
        let (day, _) = dated(&number)?;
        Some(begin(When::Day(day), reader.zone))
    })?;
    let mut drill = Drill {
        number,
        script,
        planned_by: reader.by.clone(),
        imported_at: Some(reader.now),
        created_at: reader.now,
        ..Drill::of(scenario, kind, planned_at)
    };
    drill.times = times;
    drill.event = cells.get(Column::Event).map(str::to_owned);
    people(cells, &mut drill);
    if let Some(limit) = cells.read(Column::ClosureLimit, limit) {
        drill.closure_limit_s = limit;
    }
    closure(cells, &drill);
    results(cells, &mut drill);
    things(cells, &mut drill, reader);
    state(cells, &mut drill, reader, &mut notes)?;
    let service = cells.get(Column::Service).map(str::to_owned);
    Some(Entry { line: cells.line, drill, service, notes })
}

fn refuse<T>(cells: &mut Cells<'_>, column: Column, why: Why) -> Option<T> {
    cells.refuse(column, why);
    None
}

fn scenario(cells: &mut Cells<'_>) -> Option<(String, Option<String>)> {
    if let Some(text) = cells.get(Column::Template(Template::ScenarioAndScript)) {
        return Some(template::scenario(text));
    }
    let script = cells.get(Column::Script).map(str::to_owned);
    match cells.get(Column::Scenario) {
        Some(text) => Some((text.to_owned(), script)),
        None => refuse(cells, Column::Scenario, Why::Required),
    }
}

/// A word of an enum, in any language.
fn one_of<T: Copy>(
    cells: &mut Cells<'_>,
    column: Column,
    all: &[T],
    spelled: impl Fn(T) -> &'static str,
    called: impl Fn(Lang, T) -> &'static str,
) -> Option<T> {
    cells.read(column, |text| {
        word(text, all, &spelled, &called).ok_or_else(|| {
            let words = all.iter().flat_map(|it| {
                Lang::ALL.iter().map(|lang| called(*lang, *it).to_owned()).collect::<Vec<_>>()
            });
            Why::NotOneOf(words.collect())
        })
    })
}

/// A moment with its hour. Where it is about what has happened, it is not in the future.
fn moment(text: &str, reader: &Reader, happened: bool) -> Result<DateTime<Utc>, Why> {
    match when(text, reader.zone) {
        Some(When::At(at)) if happened && at > reader.now => Err(Why::InFuture),
        Some(When::At(at)) => Ok(at),
        Some(When::Day(day)) if !happened => Ok(begin(When::Day(day), reader.zone)),
        _ => Err(Why::NotAMoment),
    }
}

fn times(cells: &mut Cells<'_>, reader: &Reader) -> Times {
    let whole = Column::Template(Template::Times);
    let both = cells.read(whole, |it| template::times(it, reader.zone));
    let happened = |it: &str| moment(it, reader, true);
    let t0 = cells.read(Column::T0, happened).or(both.map(|it| it.0));
    let t1 = cells.read(Column::T1, happened).or(both.and_then(|it| it.1));
    let recovered_at = cells.read(Column::RecoveredAt, happened);
    if [t0, t1].into_iter().flatten().any(|it| it > reader.now) {
        cells.refuse(whole, Why::InFuture);
    }
    let of_t1 = if cells.columns.contains(&Column::T1) { Column::T1 } else { whole };
    if t1.is_some() && t1 < t0 {
        cells.refuse(of_t1, Why::BeforeT0);
    } else if recovered_at.is_some() && t1.is_some() && t1 < recovered_at {
        cells.refuse(of_t1, Why::BeforeRecovery);
    }
    if recovered_at.is_some() && recovered_at < t0 {
        cells.refuse(Column::RecoveredAt, Why::BeforeT0);
    }
    Times { injected_at: t0, t0, recovered_at, t1 }
}

/// The first of the template leads it.
fn people(cells: &mut Cells<'_>, drill: &mut Drill) {
    let together = cells.get(Column::Template(Template::People));
    let mut together = together.map(template::names).unwrap_or_default().into_iter();
    let lead = cells.get(Column::Lead).map(str::to_owned).or_else(|| together.next());
    let own = cells.get(Column::Participants).map(template::names).unwrap_or_default();
    let all = own.into_iter().chain(together).filter(|it| Some(it) != lead.as_ref());
    for name in all {
        if !drill.participants.contains(&name) {
            drill.participants.push(name);
        }
    }
    drill.lead = lead;
}

/// In seconds, of minutes unless a unit is there.
fn limit(text: &str) -> Result<u32, Why> {
    let seconds = match text.parse::<f64>() {
        Ok(minutes) => minutes * 60.0,
        Err(_) => quantity(text, "s").ok_or(Why::NotAQuantity)?.0,
    };
    if !(60.0..=604_800.0).contains(&seconds) {
        return Err(Why::NotAQuantity);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within a week")]
    Ok(seconds.round() as u32)
}

/// What was counted there has to be what is counted here, to the minute.
fn closure(cells: &mut Cells<'_>, drill: &Drill) {
    let said = cells.read(Column::Closure, |text| match text.parse::<f64>() {
        Ok(minutes) => Ok(minutes),
        Err(_) => quantity(text, "s").map(|it| it.0 / 60.0).ok_or(Why::NotAQuantity),
    });
    let Some((said, took)) = said.zip(drill.closure()) else { return };
    let minutes = took.num_seconds() as f64 / 60.0;
    if (said - minutes).abs() > 1.0 {
        let minutes = crate::texts::number(minutes);
        cells.refuse(Column::Closure, Why::OtherClosure { minutes });
    }
}

fn results(cells: &mut Cells<'_>, drill: &mut Drill) {
    for metric in Metric::ALL {
        let (name, unit) = (metric.as_str(), metric.unit());
        let value = cells.read(Column::Value(*metric), |it| match is_none(it) {
            true => Ok(None),
            false => quantity(it, unit).map(Some).ok_or(Why::NotAQuantity),
        });
        let of_value = value.as_ref().and_then(|it| it.as_ref()).map_or(unit, |it| &it.1);
        let target = cells
            .read(Column::Target(*metric), |it| target(it, name, of_value).ok_or(Why::NotATarget));
        let verdict = cells.read(Column::Verdict(*metric), |it| {
            let words = || Verdict::ALL.iter().map(|it| it.as_str().to_owned()).collect();
            lines::verdict(it).ok_or_else(|| Why::NotOneOf(words()))
        });
        let found = lines::Outcome { name: name.to_owned(), value, target, verdict };
        if keep(drill, found).is_err() {
            cells.refuse(Column::Verdict(*metric), Why::OtherVerdict);
        }
    }
    let together = Column::Template(Template::Results);
    let written = cells.get(together).map(template::results).unwrap_or_default();
    let written: Vec<_> = written.into_iter().map(|it| (together, it)).collect();
    let others = cells.get(Column::Others).map(|it| lines(it).map(str::to_owned).collect());
    let others: Vec<String> = others.unwrap_or_default();
    let others = others.into_iter().map(|it| (Column::Others, it));
    for (column, line) in written.into_iter().chain(others) {
        match lines::result(&line) {
            Ok(Some(found)) => {
                if let Err(why) = keep(drill, found) {
                    cells.refuse(column, why);
                }
            }
            Ok(None) => {}
            Err(why) => cells.refuse(column, why),
        }
    }
}

/// Typed in there, and judged here where value and target are known.
fn keep(drill: &mut Drill, found: lines::Outcome) -> Result<(), Why> {
    let lines::Outcome { name, value, target, verdict } = found;
    let number = value.as_ref().and_then(|it| it.as_ref());
    let judged = match (&target, number) {
        (Some(target), Some((value, unit))) if target.unit == *unit => Some(target.verdict(*value)),
        // In two units nobody can compare them.
        (Some(_), Some(_)) => Some(verdict.unwrap_or(Verdict::Unknown)),
        _ if value == Some(None) && (target.is_some() || verdict.is_some()) => {
            Some(Verdict::Unknown)
        }
        _ => verdict,
    };
    drill.targets.extend(target);
    if verdict.is_some() && (verdict != judged || value.is_none()) {
        return Err(Why::OtherVerdict);
    }
    let Some(value) = value else { return Ok(()) };
    let from = drill.times.t0.unwrap_or(drill.planned_at);
    let to = drill.times.t1.unwrap_or(from).max(from);
    let (value, unit) = value.unzip();
    drill.measurements.push(Measurement {
        unit: unit.unwrap_or_else(|| Metric::parse(&name).map_or("", Metric::unit).to_owned()),
        name,
        value,
        verdict: judged,
        source: IMPORTED.to_owned(),
        query: None,
        window: Window { from, to },
        at: to,
        objective: None,
        result: None,
        samples: vec![],
    });
    Ok(())
}

/// Evidence, issues and action items.
fn things(cells: &mut Cells<'_>, drill: &mut Drill, reader: &Reader) {
    let evidence = cells.get(Column::Evidence);
    drill.links = evidence.map(|it| lines(it).map(str::to_owned).collect()).unwrap_or_default();
    let at = drill.times.t1.or(drill.times.t0).unwrap_or(drill.planned_at);
    let issues = cells.get(Column::Issues).into_iter().flat_map(lines);
    drill.issues.extend(issues.map(|it| lines::issue(it, &reader.by, at)));
    let together = Column::Template(Template::IssuesAndActions);
    let mut actions: Vec<(Column, &str)> = Vec::new();
    actions.extend(
        cells.get(Column::Actions).into_iter().flat_map(lines).map(|it| (Column::Actions, it)),
    );
    for line in cells.get(together).into_iter().flat_map(lines) {
        match lines::is_action(line) {
            true => actions.push((together, line)),
            false => drill.issues.push(lines::issue(line, &reader.by, at)),
        }
    }
    for (position, (column, line)) in (1..).zip(actions) {
        match lines::action(line, position, reader.zone) {
            Ok(action) => drill.actions.push(action),
            Err(why) => cells.refuse(column, why),
        }
    }
}

fn state(
    cells: &mut Cells<'_>,
    drill: &mut Drill,
    reader: &Reader,
    notes: &mut Vec<Note>,
) -> Option<()> {
    let together = cells.get(Column::Template(Template::SignOff));
    let signed = together.map(|it| template::sign_off(it, reader.zone)).unwrap_or_default();
    drill.links.extend(signed.links);
    let signer = cells.get(Column::SignedBy).map(str::to_owned).or(signed.by);
    let state = one_of(cells, Column::State, StateName::ALL, StateName::as_str, |lang, it| {
        (drills::TEXTS.of(lang).state_of)(it)
    });
    let state = state.or(signer.is_some().then_some(StateName::SignedOff));
    let reason = cells.get(Column::Reason).map(str::to_owned);
    drill.state = match state {
        None => return refuse(cells, Column::State, Why::Required),
        Some(StateName::SignedOff) => {
            return sign(cells, drill, reader, notes, signer, signed.at);
        }
        Some(StateName::Missed) => State::Missed { reason },
        Some(StateName::Cancelled) => State::Cancelled { reason: needed(cells, reason)? },
        Some(StateName::Aborted) => State::Aborted { reason: needed(cells, reason)? },
        Some(_) => return refuse(cells, Column::State, Why::Open),
    };
    if drill.times.t1.is_some() || drill.times.recovered_at.is_some() {
        cells.refuse(Column::T1, Why::HasT1);
    }
    if drill.times.t0.is_some() && state != Some(StateName::Aborted) {
        cells.refuse(Column::T0, Why::HasT0);
    }
    Some(())
}

fn needed(cells: &mut Cells<'_>, reason: Option<String>) -> Option<String> {
    match reason {
        Some(reason) => Some(reason),
        None => refuse(cells, Column::Reason, Why::Required),
    }
}

fn sign(
    cells: &mut Cells<'_>,
    drill: &mut Drill,
    reader: &Reader,
    notes: &mut Vec<Note>,
    signer: Option<String>,
    beside: Option<When>,
) -> Option<()> {
    let missing = |column| if cells.columns.contains(&column) { column } else { Column::State };
    let (of_t0, of_t1) = (missing(Column::T0), missing(Column::T1));
    let Some(by) = signer else { return refuse(cells, Column::SignedBy, Why::Required) };
    let (Some(_), Some(t1)) = (drill.times.t0, drill.times.t1) else {
        let column = if drill.times.t0.is_none() { of_t0 } else { of_t1 };
        // What stands there and is no moment was refused already.
        return match cells.get(column) {
            Some(_) if column != Column::State => None,
            _ => refuse(cells, column, Why::Required),
        };
    };
    if drill.times.recovered_at.is_none() {
        drill.times.recovered_at = Some(t1);
        notes.push(Note::RecoveryAssumed);
    }
    if drill.has_part(&by) {
        cells.refuse(Column::SignedBy, Why::SignerTookPart);
    }
    let day = |at: DateTime<Utc>| at.with_timezone(&reader.zone).date_naive();
    let said = cells.read(Column::SignedAt, |it| when(it, reader.zone).ok_or(Why::NotAMoment));
    let at = match said.or(beside) {
        None => {
            notes.push(Note::SignedAtAssumed);
            t1
        }
        // On the day of T1 it was after T1.
        Some(When::Day(it)) if it == day(t1) => t1,
        Some(it) => begin(it, reader.zone),
    };
    if at > reader.now {
        cells.refuse(Column::SignedAt, Why::InFuture);
    } else if at.timestamp() < t1.timestamp() {
        cells.refuse(Column::SignedAt, Why::BeforeT1);
    }
    let said = one_of(cells, Column::Outcome, Outcome::ALL, Outcome::as_str, |lang, it| {
        (drills::TEXTS.of(lang).outcome_of)(it)
    });
    let outcome = outcome(cells, drill, said, at, notes);
    let due = cells.read(Column::RetestDue, |it| moment(it, reader, false));
    let due = due.unwrap_or(at + TimeDelta::days(RETEST_DAYS.into()));
    let retest_due = (outcome == Outcome::Failed).then_some(due);
    let note = cells.get(Column::SignNote).unwrap_or_default().to_owned();
    drill.state = State::SignedOff(SignOff { by, at, note, outcome, retest_due });
    Some(())
}

/// What is said of it, unless its results say worse: unknown is never a pass.
fn outcome(
    cells: &mut Cells<'_>,
    drill: &Drill,
    said: Option<Outcome>,
    at: DateTime<Utc>,
    notes: &mut Vec<Note>,
) -> Outcome {
    let measured = drill.outcome(at);
    let best = match measured {
        Outcome::Failed | Outcome::Incomplete => measured,
        // Overruns and what was left to do are conditions, which who signed had looked at.
        _ => Outcome::Passed,
    };
    match said {
        Some(said) => {
            if said < best {
                cells.refuse(Column::Outcome, Why::BetterThanMeasured);
            }
            said
        }
        None => {
            let derived = if drill.targets.is_empty() && measured != Outcome::Failed {
                Outcome::Incomplete
            } else {
                measured
            };
            notes.push(Note::OutcomeDerived(derived));
            derived
        }
    }
}
