//! Cells that hold several things, a line each.

use chrono::{DateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::Why;
use super::values::{When, quantity, target, when, word};
use crate::drills::ledger::Metric;
use crate::drills::{ActionItem, CauseClass, Issue, Verified};
use crate::evidence::Sha256;
use crate::measurements::Target;
use crate::texts::ledger::{self, Texts};
use crate::texts::{Lang, drills, measurements};
use crate::verdict::Verdict;

/// The lines of a cell that say something.
pub(super) fn lines(cell: &str) -> impl Iterator<Item = &str> {
    let marks = |it: char| it.is_whitespace() || "-*•·".contains(it);
    cell.lines().map(move |it| it.trim_start_matches(marks).trim_end()).filter(|it| !it.is_empty())
}

/// A text and what is said beside it: `text | owner: mo | due: 2026-11-01`, or in brackets as `text（负责人：mo，截止：…）`.
struct Said<'a> {
    text: &'a str,
    beside: Vec<&'a str>,
}

fn said(line: &str) -> Said<'_> {
    if line.contains('|') {
        let mut parts = line.split('|').map(str::trim);
        let text = parts.next().unwrap_or_default();
        return Said { text, beside: parts.collect() };
    }
    let closed = line.strip_suffix([')', '）']);
    let opened = closed.and_then(|it| Some((it, it.rfind(['(', '（'])?)));
    if let Some((closed, at)) = opened {
        let (text, beside) = closed.split_at(at);
        let beside = beside.trim_start_matches(['(', '（']);
        let beside: Vec<&str> = beside.split([',', '，', ';', '；']).map(str::trim).collect();
        if beside.iter().any(|it| names(it, |t| t.owner).is_some()) {
            return Said { text: text.trim(), beside };
        }
    }
    Said { text: line, beside: vec![] }
}

/// What stands behind this name, in any language.
fn names(part: &str, name: impl Fn(&Texts) -> &'static str) -> Option<&str> {
    Lang::ALL.iter().find_map(|lang| {
        let name = name(ledger::TEXTS.of(*lang));
        let head = part.get(..name.len())?;
        let rest = head.eq_ignore_ascii_case(name).then(|| &part[name.len()..])?;
        Some(rest.trim_start().strip_prefix([':', '：'])?.trim())
    })
}

impl Said<'_> {
    fn find(&self, name: impl Fn(&Texts) -> &'static str + Copy) -> Option<&str> {
        self.beside.iter().find_map(|it| names(it, name))
    }

    fn has(&self, name: impl Fn(&Texts) -> &'static str) -> bool {
        let name = |it: &str| Lang::ALL.iter().any(|lang| name(ledger::TEXTS.of(*lang)) == it);
        self.beside.iter().any(|it| name(it))
    }
}

/// Whether a line of issues and action items is one of the second.
pub(super) fn is_action(line: &str) -> bool {
    said(line).find(|t| t.owner).is_some()
}

fn class(text: &str) -> Option<CauseClass> {
    word(text, CauseClass::ALL, CauseClass::as_str, |lang, it| {
        (drills::TEXTS.of(lang).class_of)(it)
    })
}

pub(super) fn issue(line: &str, by: &str, at: DateTime<Utc>) -> Issue {
    let said = said(line);
    let text = |it: Option<&str>| it.unwrap_or_default().to_owned();
    Issue {
        text: said.text.to_owned(),
        about: said.find(|t| t.about).map(str::to_owned),
        class: said.find(|t| t.class).and_then(class),
        cause: text(said.find(|t| t.cause)),
        remedy: text(said.find(|t| t.remedy)),
        by: by.to_owned(),
        at,
    }
}

/// # Errors
/// What of it is missing or wrong.
pub(super) fn action(line: &str, position: u32, zone: Tz) -> Result<ActionItem, Why> {
    let said = said(line);
    let owner = said.find(|t| t.owner).filter(|it| !it.is_empty()).ok_or(Why::NoOwner)?;
    let due = said.find(|t| t.due).and_then(|it| when(it, zone)).ok_or(Why::NoDue)?;
    let by = said.find(|t| t.verified_by);
    let at = said.find(|t| t.verified_at).and_then(|it| when(it, zone));
    let file = said.find(|t| t.verified_on);
    let file = file.and_then(|it| it.trim_start_matches("sha256:").parse::<Sha256>().ok());
    let verified = match (by, at, file) {
        (None, None, None) => None,
        (Some(by), _, _) if by == owner => return Err(Why::OwnItem),
        (Some(by), Some(at), Some(evidence)) => {
            Some(Verified { by: by.to_owned(), at: begin(at, zone), evidence })
        }
        _ => return Err(Why::HalfVerified),
    };
    Ok(ActionItem {
        position,
        text: said.text.to_owned(),
        owner: owner.to_owned(),
        due: begin(due, zone),
        critical: said.has(|t| t.critical),
        verified,
    })
}

/// A day begins at midnight.
pub(super) fn begin(when: When, zone: Tz) -> DateTime<Utc> {
    match when {
        When::At(at) => at,
        When::Day(day) => {
            let midnight = zone.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest();
            midnight.map_or(DateTime::<Utc>::MAX_UTC, |it| it.to_utc())
        }
    }
}

/// One result: what was measured, and what it is held against.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) name: String,
    /// Outer: whether anything is said of it. Inner: whether it could be measured.
    pub(super) value: Option<Option<(f64, String)>>,
    pub(super) target: Option<Target>,
    pub(super) verdict: Option<Verdict>,
}

/// `RTO 12 min | <= 15 min | met`, `mttd = 5 s`. Nothing for what an objective judged, which judges for itself.
///
/// # Errors
/// [`Why::NotAQuantity`], [`Why::NotATarget`], [`Why::NotOneOf`].
pub(super) fn result(line: &str) -> Result<Option<Outcome>, Why> {
    let mut parts = line.split('|').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let (name, rest) = named(first).ok_or(Why::NotAQuantity)?;
    if name.contains('@') {
        return Ok(None);
    }
    let unit = Metric::parse(&name).map_or("", Metric::unit);
    let value = match is_none(rest) {
        true => None,
        false => Some(quantity(rest, unit).ok_or(Why::NotAQuantity)?),
    };
    let unit = value.as_ref().map_or(unit, |it| it.1.as_str()).to_owned();
    let mut found = Outcome { name, value: Some(value), target: None, verdict: None };
    for part in parts.filter(|it| !it.is_empty()) {
        match verdict(part) {
            Some(verdict) => found.verdict = Some(verdict),
            None => {
                let target = target(part, &found.name, &unit).ok_or(Why::NotATarget)?;
                found.target = Some(target);
            }
        }
    }
    Ok(Some(found))
}

/// The name of a measurement and what is said of it.
fn named(text: &str) -> Option<(String, &str)> {
    let known = Metric::ALL.iter().flat_map(|metric| {
        let called =
            Lang::ALL.iter().map(|it| (measurements::TEXTS.of(*it).name_of)(metric.as_str()));
        called.chain([metric.as_str().to_owned()]).map(|it| (it, metric.as_str()))
    });
    let lead = |it: char| it.is_whitespace() || "=:：".contains(it);
    for (called, name) in known {
        let head = text.get(..called.len()).filter(|it| it.eq_ignore_ascii_case(&called));
        if let Some(head) = head {
            let rest = &text[head.len()..];
            if rest.starts_with(lead) || rest.starts_with(|it: char| it.is_ascii_digit()) {
                return Some((name.to_owned(), rest.trim_start_matches(lead)));
            }
        }
    }
    let (name, rest) = text.split_once(['=', ':', '：'])?;
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_owned(), rest.trim()))
}

/// Whether it says that nothing was measured.
pub(super) fn is_none(text: &str) -> bool {
    Lang::ALL.iter().any(|it| measurements::TEXTS.of(*it).no_value.eq_ignore_ascii_case(text))
}

/// As we say it, and as ledgers say it.
pub(super) fn verdict(text: &str) -> Option<Verdict> {
    let called = |lang, it| (measurements::TEXTS.of(lang).verdict_of)(it);
    word(text, Verdict::ALL, Verdict::as_str, called).or(match text.to_lowercase().as_str() {
        "合格" | "通过" | "passed" | "ok" => Some(Verdict::Pass),
        "不合格" | "未通过" | "failed" => Some(Verdict::Fail),
        _ => None,
    })
}
