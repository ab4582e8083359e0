//! A target in one line, as people type it in a form.

use std::fmt;

use super::measuring::{coverage, hold, step};
use super::{Comparison, Mark, Measuring, Take, Target, Until};

impl Target {
    /// `crr_delay <= 60 s`, `hit_rate >= 0.8 ratio`, `p95 <= 1.1 x 250 ms`; with how it is measured and the query
    /// behind two bars: `p95 <= 1.1 x before 600s s | max t0..t1 | QUERY`,
    /// `hit_rate_back <= 3600 s | until >= 0.8 hold 60s recovered+3900s | QUERY`. As people type it, and [`Display`]
    /// writes it.
    ///
    /// [`Display`]: fmt::Display
    pub fn parse(line: &str) -> Option<Self> {
        // A query may have bars of its own.
        let mut parts = line.splitn(3, '|');
        let (target, baseline_s) = aim(parts.next()?)?;
        let measure = match (parts.next(), parts.next()) {
            (None, _) if baseline_s.is_none() => None,
            (Some(how), Some(query)) => Some(Measuring { baseline_s, ..instruction(how, query)? }),
            _ => return None,
        };
        Some(Self { measure, ..target })
    }
}

/// The target, and how long before T0 its baseline is measured.
fn aim(text: &str) -> Option<(Target, Option<u32>)> {
    let mut words = text.split_whitespace();
    let name = words.next()?.to_owned();
    let comparison = comparison(words.next()?)?;
    let limit = words.next()?.parse().ok()?;
    let mut rest: Vec<&str> = words.collect();
    let (mut baseline, mut before) = (None, None);
    match rest[..] {
        ["x" | "×", "before", span, ..] => {
            before = Some(seconds(span)?);
            rest.drain(..3);
        }
        ["x" | "×", of, ..] => {
            baseline = Some(of.parse().ok()?);
            rest.drain(..2);
        }
        _ => {}
    }
    let unit = rest.join(" ");
    Some((Target { name, unit, comparison, limit, baseline, measure: None }, before))
}

fn instruction(how: &str, query: &str) -> Option<Measuring> {
    let mut words = how.split_whitespace();
    let (take, until) = match words.next()? {
        "until" => {
            let comparison = comparison(words.next()?)?;
            let limit = words.next()?.parse().ok()?;
            (Take::TimeUntil, Some(Until { comparison, limit, hold_s: hold() }))
        }
        word => (Take::parse(word).filter(|it| *it != Take::TimeUntil)?, None),
    };
    let mut it = Measuring {
        prometheus: None,
        query: query.trim().to_owned(),
        take,
        until,
        from: Mark::T0,
        to: None,
        for_s: None,
        baseline_s: None,
        coverage: coverage(),
        step_s: step(),
    };
    while let Some(word) = words.next() {
        match word {
            "hold" => it.until.as_mut()?.hold_s = seconds(words.next()?)?,
            "step" => it.step_s = seconds(words.next()?)?,
            "coverage" => it.coverage = words.next()?.parse().ok()?,
            "at" => it.prometheus = Some(words.next()?.to_owned()),
            window => (it.from, it.to, it.for_s) = span(window)?,
        }
    }
    Some(it)
}

/// `t0..t1` or `recovered+3600s`.
fn span(word: &str) -> Option<(Mark, Option<Mark>, Option<u32>)> {
    if let Some((from, to)) = word.split_once("..") {
        return Some((Mark::parse(from)?, Some(Mark::parse(to)?), None));
    }
    let (from, length) = word.split_once('+')?;
    Some((Mark::parse(from)?, None, Some(seconds(length)?)))
}

fn seconds(word: &str) -> Option<u32> {
    word.strip_suffix('s').unwrap_or(word).parse().ok()
}

fn comparison(sign: &str) -> Option<Comparison> {
    match sign {
        "<=" | "≤" => Some(Comparison::AtMost),
        ">=" | "≥" => Some(Comparison::AtLeast),
        _ => None,
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::AtMost => "<=",
        Comparison::AtLeast => ">=",
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, sign(self.comparison), self.limit)?;
        let before = self.measure.as_ref().and_then(|it| it.baseline_s);
        match (before, self.baseline) {
            (Some(seconds), _) => write!(f, " x before {seconds}s")?,
            (None, Some(baseline)) => write!(f, " x {baseline}")?,
            (None, None) => {}
        }
        if !self.unit.is_empty() {
            write!(f, " {}", self.unit)?;
        }
        self.measure.as_ref().map_or(Ok(()), |it| write!(f, " | {it}"))
    }
}

impl fmt::Display for Measuring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.until {
            Some(Until { comparison, limit, hold_s }) => {
                write!(f, "until {} {limit} hold {hold_s}s", sign(*comparison))?;
            }
            None => f.write_str(self.take.as_str())?,
        }
        let from = self.from.as_str();
        match (self.for_s, self.to) {
            (Some(seconds), _) => write!(f, " {from}+{seconds}s")?,
            (None, Some(to)) => write!(f, " {from}..{}", to.as_str())?,
            (None, None) => write!(f, " {from}..{}", Mark::Recovered.as_str())?,
        }
        if self.step_s != step() {
            write!(f, " step {}s", self.step_s)?;
        }
        if self.coverage != coverage() {
            write!(f, " coverage {}", self.coverage)?;
        }
        if let Some(address) = &self.prometheus {
            write!(f, " at {address}")?;
        }
        // A query of several lines is one all the same.
        let query: Vec<&str> = self.query.split_whitespace().collect();
        write!(f, " | {}", query.join(" "))
    }
}
