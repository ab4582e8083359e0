//! A drill as a row of the table.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{Column, Metric};
use crate::cells;
use crate::drills::{ActionItem, Drill, Issue};
use crate::evidence::Evidence;
use crate::measurements::{Measurement, Target};
use crate::texts::{self, Lang, drills, ledger, measurements};

/// For whom a table is written.
#[derive(Clone, Copy, Debug)]
pub struct Sheet {
    pub lang: Lang,
    /// Of the installation.
    pub zone: Tz,
}

/// A cell before it is known what kind of file it goes into.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Empty,
    Text(String),
    Number(f64),
    At(DateTime<Utc>),
}

impl From<Option<&str>> for Cell {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Cell::Empty, |it| Cell::Text(it.to_owned()))
    }
}

impl From<Option<DateTime<Utc>>> for Cell {
    fn from(at: Option<DateTime<Utc>>) -> Self {
        at.map_or(Cell::Empty, Cell::At)
    }
}

/// The cells of a drill in the order of [`Column::all`]; `files` is what was uploaded for it.
pub fn cells(drill: &Drill, files: &[Evidence], sheet: Sheet) -> Vec<Cell> {
    Column::all().into_iter().map(|it| cell(drill, files, sheet, it)).collect()
}

/// A row of a CSV file. Nothing in it is a formula: see [`cells::line`].
pub fn csv_line(row: &[Cell], sheet: Sheet) -> String {
    cells::line(row.iter().map(|it| match it {
        Cell::Empty => cells::Cell::Empty,
        Cell::Text(text) => cells::Cell::from(text.as_str()),
        Cell::Number(number) => cells::Cell::from(*number),
        Cell::At(at) => cells::Cell::from(moment(*at, sheet.zone)),
    }))
}

/// `2026-10-16 03:12:08 +08:00`
pub fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn cell(drill: &Drill, files: &[Evidence], sheet: Sheet, column: Column) -> Cell {
    let t = drills::TEXTS.of(sheet.lang);
    let signed = drill.state.sign_off();
    let times = drill.times;
    match column {
        Column::Number => Cell::from(Some(&*drill.number)),
        Column::State => Cell::from(Some((t.state_of)(drill.state.name()))),
        Column::Outcome => Cell::from(signed.map(|it| (t.outcome_of)(it.outcome))),
        Column::Scenario => Cell::from(Some(&*drill.scenario)),
        Column::Script => Cell::from(drill.script.as_deref()),
        Column::Type => Cell::from(Some((t.type_of)(drill.kind))),
        Column::Service => Cell::from(drill.service.as_ref().map(|it| &*it.name)),
        Column::Lead => Cell::from(drill.lead.as_deref()),
        Column::Participants => Cell::from(named(&drill.participants, sheet.lang).as_deref()),
        Column::PlannedAt => Cell::At(drill.planned_at),
        Column::T0 => Cell::from(times.t0),
        Column::RecoveredAt => Cell::from(times.recovered_at),
        Column::T1 => Cell::from(times.t1),
        Column::Closure => minutes(drill).map_or(Cell::Empty, Cell::Number),
        Column::ClosureLimit => Cell::Number(f64::from(drill.closure_limit_s) / 60.0),
        Column::Value(metric) => value(drill, metric, sheet.lang),
        Column::Target(metric) => Cell::from(target(drill, metric.as_str()).as_deref()),
        Column::Verdict(metric) => {
            let verdict = drill.measurement(metric.as_str()).and_then(|it| it.verdict);
            Cell::from(verdict.map(|it| (t.verdict_of)(it)))
        }
        Column::Others => lines(others(drill, sheet.lang)),
        Column::Evidence => lines(evidence(drill, files, sheet.lang)),
        Column::Issues => lines(drill.issues.iter().map(|it| issue(it, sheet.lang))),
        Column::Actions => lines(drill.actions.iter().map(|it| action(it, sheet))),
        Column::SignedBy => Cell::from(signed.map(|it| &*it.by)),
        Column::SignedAt => Cell::from(signed.map(|it| it.at)),
        Column::SignNote => Cell::from(signed.map(|it| &*it.note).filter(|it| !it.is_empty())),
        Column::Event => Cell::from(drill.event.as_deref()),
        Column::RetestDue => Cell::from(signed.and_then(|it| it.retest_due)),
        Column::Reason => Cell::from(drill.state.reason()),
        Column::Source => {
            let t = ledger::TEXTS.of(sheet.lang);
            let source = if drill.imported_at.is_some() { t.typed_in } else { t.measured_here };
            Cell::from(Some(source))
        }
        Column::Template(_) => Cell::Empty,
    }
}

/// From T0 to T1, both to the second as they stand in the row.
fn minutes(drill: &Drill) -> Option<f64> {
    let second = |it: DateTime<Utc>| it.trunc_subsecs(0);
    let took: TimeDelta = second(drill.times.t1?) - second(drill.times.t0?);
    Some((took.num_seconds() as f64 / 60.0 * 100.0).round() / 100.0)
}

fn named(names: &[String], lang: Lang) -> Option<String> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| (texts::common::TEXTS.of(lang).list)(&names))
}

fn value(drill: &Drill, metric: Metric, lang: Lang) -> Cell {
    match drill.measurement(metric.as_str()) {
        None => Cell::Empty,
        Some(Measurement { value: None, .. }) => {
            Cell::from(Some(measurements::TEXTS.of(lang).no_value))
        }
        Some(Measurement { value: Some(value), unit, .. }) if unit == metric.unit() => {
            Cell::Number(*value)
        }
        Some(Measurement { value: Some(value), unit, .. }) => {
            Cell::Text(format!("{value} {unit}").trim().to_owned())
        }
    }
}

/// `<= 900 s`
fn target(drill: &Drill, name: &str) -> Option<String> {
    let target = drill.targets.iter().find(|it| it.name == name)?;
    Some(without_name(target))
}

fn without_name(target: &Target) -> String {
    let whole = target.to_string();
    whole.strip_prefix(&target.name).unwrap_or(&whole).trim().to_owned()
}

/// `mttd = 5 s | <= 10 s | met`; what an objective judged says whose it is.
fn others(drill: &Drill, lang: Lang) -> Vec<String> {
    let is_own = |name: &str| Metric::parse(name).is_some();
    let measured = drill.measurements.iter();
    let measured = measured.filter(|it| it.objective.is_some() || !is_own(&it.name));
    let mut said: Vec<String> = measured.map(|it| measured_line(drill, it, lang)).collect();
    let open = drill.targets.iter();
    let open = open.filter(|it| !is_own(&it.name) && drill.measurement(&it.name).is_none());
    said.extend(open.map(|it| {
        let none = measurements::TEXTS.of(lang).no_value;
        format!("{} = {none} | {}", it.name, without_name(it))
    }));
    said
}

fn measured_line(drill: &Drill, it: &Measurement, lang: Lang) -> String {
    let t = drills::TEXTS.of(lang);
    let value = match it.value {
        Some(value) => format!("{value} {}", it.unit).trim().to_owned(),
        None => measurements::TEXTS.of(lang).no_value.to_owned(),
    };
    let (name, target) = match &it.objective {
        Some(judge) => (format!("{} @{}", it.name, judge.name), None),
        None => (it.name.clone(), target(drill, &it.name)),
    };
    let verdict = it.verdict.map(|it| (t.verdict_of)(it).to_owned());
    let parts = [Some(format!("{name} = {value}")), target, verdict];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
}

/// What was uploaded with its hash, what is missing, and what an older ledger names.
fn evidence(drill: &Drill, files: &[Evidence], lang: Lang) -> Vec<String> {
    let t = drills::TEXTS.of(lang);
    let there = files.iter().map(|it| {
        let gone = it.erased.as_ref().map(|it| format!(" ({})", (t.erased)(&it.reason)));
        let name = format!("{} {}", (t.kind_of)(it.kind), it.name);
        format!("{name} sha256:{}{}", it.sha256, gone.unwrap_or_default())
    });
    let missing = drill.requirements.iter().filter(|it| it.satisfied_by.is_none());
    let missing = missing.map(|it| format!("{}: {}", (t.kind_of)(it.kind), t.not_uploaded));
    there.chain(missing).chain(drill.links.iter().cloned()).collect()
}

fn issue(it: &Issue, lang: Lang) -> String {
    let t = ledger::TEXTS.of(lang);
    let about = it.about.as_deref();
    let some = |text: &str| Some(text.to_owned()).filter(|it| !it.is_empty());
    let parts = [
        Some(it.text.clone()),
        about.map(|it| format!("{}: {it}", t.about)),
        it.class.map(|it| format!("{}: {}", t.class, (drills::TEXTS.of(lang).class_of)(it))),
        some(&it.cause).map(|it| format!("{}: {it}", t.cause)),
        some(&it.remedy).map(|it| format!("{}: {it}", t.remedy)),
    ];
    joined(parts)
}

fn action(it: &ActionItem, sheet: Sheet) -> String {
    let t = ledger::TEXTS.of(sheet.lang);
    let verified = it.verified.as_ref();
    let parts = [
        Some(it.text.clone()),
        Some(format!("{}: {}", t.owner, it.owner)),
        Some(format!("{}: {}", t.due, moment(it.due, sheet.zone))),
        it.critical.then(|| t.critical.to_owned()),
        verified.map(|by| format!("{}: {}", t.verified_by, by.by)),
        verified.map(|by| format!("{}: {}", t.verified_at, moment(by.at, sheet.zone))),
        verified.map(|by| format!("{}: sha256:{}", t.verified_on, by.evidence)),
    ];
    joined(parts)
}

/// One line whose parts can be told apart again.
fn joined(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts = parts.into_iter().flatten();
    let one_line = |it: String| {
        let words: Vec<&str> = it.split_whitespace().collect();
        words.join(" ").replace('|', "｜")
    };
    parts.map(one_line).collect::<Vec<_>>().join(" | ")
}

fn lines(lines: impl IntoIterator<Item = String>) -> Cell {
    let lines: Vec<String> = lines.into_iter().collect();
    if lines.is_empty() { Cell::Empty } else { Cell::Text(lines.join("\n")) }
}
