//! What the printed report of a closed quarter says: every word and number, and nothing of how it looks.
//!
//! **Invariant:** it is made of what was frozen alone, so the same quarter always says the same. Rows and figures that no
//! longer give the digest of the close are not printed.

mod charts;
mod ledgers;
#[cfg(test)]
mod tests;

use std::fmt::Display;

use chrono::TimeZone;
use serde::Serialize;

pub use self::charts::{Causes, Chart};
pub use self::ledgers::Ledger;
use super::{Fact, Quarter, frozen};
use crate::canonical::Digest;
use crate::texts::trends::{Line, lines, short};
use crate::texts::{Lang, count, quarters, reports, time, trends};
use crate::trends::Figures;

/// Nothing stands behind it.
pub(crate) const NOTHING: &str = "–";

/// Figures that stand out on the first page.
const HIGHLIGHTS: usize = 4;

/// The rows or figures are not those that were closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows and figures no longer give the digest of the close")]
pub struct Differs;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paper {
    pub lang: &'static str,
    pub region: Option<&'static str>,
    pub title: String,
    pub subtitle: &'static str,
    pub author: String,
    pub keywords: Vec<String>,
    /// Each with its name.
    pub facts: Vec<[String; 2]>,
    pub lede: String,
    pub highlights: Vec<Highlight>,
    pub figures: Table,
    pub months: Table,
    pub legend: &'static str,
    pub trends_note: String,
    /// Below each point, the oldest first.
    pub periods: Vec<String>,
    pub charts: Vec<Chart>,
    pub causes: Causes,
    pub ledgers_note: String,
    pub ledgers: Vec<Ledger>,
    /// What is checked, and how.
    pub checks: Vec<[String; 2]>,
    /// On every page.
    pub foot: Vec<[String; 2]>,
    /// The text that the digest is of.
    pub frozen: String,
    pub words: Words,
}

/// Headings and other fixed words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Words {
    pub figures: &'static str,
    pub months: &'static str,
    pub trends: &'static str,
    pub ledgers: &'static str,
    pub no_rows: &'static str,
    pub verify: &'static str,
    pub verify_note: &'static str,
    pub attachment: &'static str,
    /// `Page`, `of`, and what comes after the second number.
    pub page: [String; 3],
}

/// A figure with what it was before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Highlight {
    pub name: &'static str,
    pub value: String,
    pub rows: String,
    pub change: Option<String>,
}

/// The first column names its row; the others are numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    pub heads: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// A value, and in smaller print what it was counted from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell(pub String, pub Option<String>);

/// The report of a quarter with the rows as they were closed; times are of this zone.
///
/// # Errors
/// [`Differs`].
pub fn paper<Z: TimeZone<Offset: Display>>(
    quarter: &Quarter,
    facts: &[Fact],
    zone: &Z,
) -> Result<Paper, Differs> {
    let frozen = frozen(quarter.period, &quarter.figures, facts);
    if Digest::of(frozen.as_bytes()) != quarter.digest {
        return Err(Differs);
    }
    let lang = quarter.lang;
    let (t, of_trends) = (reports::TEXTS.of(lang), trends::TEXTS.of(lang));
    let name = quarter.period.to_string();
    let periods = quarter.before.iter().map(|it| it.period).chain([quarter.period]);
    let figures: Vec<&Figures> =
        quarter.before.iter().map(|it| &it.figures).chain([&quarter.figures]).collect();
    let ledgers = ledgers::ledgers(lang, facts, zone);
    let checks = (t.checks)(&name, quarter.audit.as_ref()).into_iter();
    Ok(Paper {
        lang: if lang == Lang::Zh { "zh" } else { "en" },
        region: (lang == Lang::Zh).then_some("cn"),
        title: (t.title)(&name),
        subtitle: t.subtitle,
        author: quarter.closed_by.clone(),
        keywords: std::iter::once(name.clone())
            .chain(t.keywords.iter().map(|&it| it.to_owned()))
            .collect(),
        facts: facts_of(quarter, zone),
        lede: (t.lede)(&name, &quarter.closed_by, &time(quarter.closed_at, zone)),
        highlights: highlights(quarter),
        figures: compared(quarter),
        months: months(quarter),
        legend: t.legend,
        trends_note: (t.trends_note)(quarter.before.len()),
        periods: periods.map(short).collect(),
        charts: charts::charts(lang, &figures),
        causes: charts::causes(lang, &figures),
        ledgers_note: (t.ledgers_note)(&rows_of(quarter)),
        ledgers,
        checks: checks.map(|(what, how)| [what.to_owned(), how]).collect(),
        foot: foot(quarter),
        frozen,
        words: words(lang, of_trends),
    })
}

fn words(lang: Lang, of_trends: &trends::Texts) -> Words {
    let (t, of_quarters) = (reports::TEXTS.of(lang), quarters::TEXTS.of(lang));
    // The numbers of pages are known to whoever sets them.
    let page = (t.page)("\0", "\0");
    let mut parts = page.split('\0').map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    Words {
        figures: of_quarters.figures,
        months: t.months,
        trends: t.trends,
        ledgers: t.ledgers,
        no_rows: of_trends.no_rows,
        verify: t.verify,
        verify_note: t.verify_note,
        attachment: t.attachment,
        page: [part(), part(), part()],
    }
}

fn rows_of(quarter: &Quarter) -> String {
    count(i64::try_from(quarter.rows).unwrap_or(i64::MAX))
}

fn head_of(quarter: &Quarter) -> String {
    match &quarter.audit {
        Some(head) => format!("#{} {}", head.entry, head.hash),
        None => quarters::TEXTS.of(quarter.lang).no_audit_head.to_owned(),
    }
}

fn facts_of<Z: TimeZone<Offset: Display>>(quarter: &Quarter, zone: &Z) -> Vec<[String; 2]> {
    let t = quarters::TEXTS.of(quarter.lang);
    let facts = [
        (t.quarter, quarter.period.to_string()),
        (t.from, time(quarter.starts, zone)),
        (t.until, time(quarter.ends, zone)),
        (reports::TEXTS.of(quarter.lang).zone, quarter.zone.clone()),
        (t.closed_by, quarter.closed_by.clone()),
        (t.closed_at, time(quarter.closed_at, zone)),
        (t.rows, rows_of(quarter)),
        (t.digest, quarter.digest.to_string()),
        (t.audit_head, head_of(quarter)),
    ];
    facts.into_iter().map(|(name, value)| [name.to_owned(), value]).collect()
}

fn foot(quarter: &Quarter) -> Vec<[String; 2]> {
    let t = quarters::TEXTS.of(quarter.lang);
    vec![
        [t.digest.to_owned(), quarter.digest.to_string()],
        [t.audit_head.to_owned(), head_of(quarter)],
    ]
}

/// As a figure is printed; one without rows is a dash.
fn printed(lang: Lang, line: &Line) -> String {
    match line.value == trends::TEXTS.of(lang).no_rows {
        true => NOTHING.to_owned(),
        false => line.value.clone(),
    }
}

/// Each figure of the quarter with the same one of the quarter before.
fn with_before(quarter: &Quarter) -> Vec<(Line, Option<Line>)> {
    let lang = quarter.lang;
    let before = quarter.before.last().map(|it| lines(lang, &it.figures)).unwrap_or_default();
    let mut before = before.into_iter();
    lines(lang, &quarter.figures).into_iter().map(|it| (it, before.next())).collect()
}

fn change(lang: Lang, now: &Line, before: Option<&Line>) -> Option<String> {
    now.measure.zip(before?.measure).and_then(|(now, before)| now.change(lang, before))
}

fn highlights(quarter: &Quarter) -> Vec<Highlight> {
    let lang = quarter.lang;
    let t = trends::TEXTS.of(lang);
    let shown: [_; HIGHLIGHTS] = [t.rto, t.missed, t.spot_check_rate, t.automatic_success];
    let all = with_before(quarter).into_iter().filter(|(it, _)| shown.contains(&it.name));
    all.map(|(line, before)| Highlight {
        name: line.name,
        value: printed(lang, &line),
        change: change(lang, &line, before.as_ref()),
        rows: line.rows,
    })
    .collect()
}

/// With what it was counted from, where there was anything.
fn beside(value: String, line: Option<Line>) -> Cell {
    let rows = line.map(|it| it.rows).filter(|_| value != NOTHING);
    Cell(value, rows)
}

fn compared(quarter: &Quarter) -> Table {
    let lang = quarter.lang;
    let (t, words) = (reports::TEXTS.of(lang), trends::TEXTS.of(lang));
    let before = quarter.before.last().map(|it| it.period.to_string());
    let plain = |text: String| Cell(text, None);
    let row = |(line, before): (Line, Option<Line>)| {
        let was = before.as_ref().map_or_else(|| NOTHING.to_owned(), |it| printed(lang, it));
        let change = change(lang, &line, before.as_ref());
        vec![
            plain(line.name.to_owned()),
            plain(printed(lang, &line)),
            plain(line.rows.clone()),
            beside(was, before),
            plain(change.unwrap_or_else(|| NOTHING.to_owned())),
        ]
    };
    Table {
        heads: vec![
            words.figure.to_owned(),
            quarter.period.to_string(),
            words.measured.to_owned(),
            before.unwrap_or_else(|| t.before.to_owned()),
            words.change.to_owned(),
        ],
        rows: with_before(quarter).into_iter().map(row).collect(),
    }
}

fn months(quarter: &Quarter) -> Table {
    let lang = quarter.lang;
    let months: Vec<_> = quarter.months.iter().map(|it| lines(lang, &it.figures)).collect();
    let row = |(n, line): (usize, Line)| {
        let of = |it: &Line| beside(printed(lang, it), Some(it.clone()));
        let cells =
            months.iter().map(|it| it.get(n).map_or_else(|| Cell(NOTHING.into(), None), of));
        std::iter::once(Cell(line.name.to_owned(), None)).chain(cells).collect()
    };
    let heads = quarter.months.iter().map(|it| it.period.to_string());
    Table {
        heads: std::iter::once(trends::TEXTS.of(lang).figure.to_owned()).chain(heads).collect(),
        rows: lines(lang, &quarter.figures).into_iter().enumerate().map(row).collect(),
    }
}
