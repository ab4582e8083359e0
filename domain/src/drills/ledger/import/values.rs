//! Moments, quantities and words as people write them into a spreadsheet.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::measurements::{Comparison, Target};
use crate::texts::Lang;

/// A day, or a moment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Day(NaiveDate),
    At(DateTime<Utc>),
}

/// `2026-10-16 03:12:08 +08:00`, `2024/5/12 10:00 (UTC+8)`, `2024年5月12日 10:00`, RFC 3339, or a day alone. What names no
/// zone is meant in this one.
pub(super) fn when(text: &str, zone: Tz) -> Option<When> {
    let found = match DateTime::parse_from_rfc3339(text) {
        Ok(at) => When::At(at.to_utc()),
        Err(_) => written(text, zone)?,
    };
    let year = match found {
        When::Day(day) => day.year(),
        When::At(at) => at.year(),
    };
    // A year beyond these is a slip of the pen.
    (2000..2100).contains(&year).then_some(found)
}

fn written(text: &str, zone: Tz) -> Option<When> {
    let text = text.replace(['年', '月', '/', '.'], "-").replace('日', " ");
    let text = text.replace('：', ":").replace('−', "-");
    let text = text.trim();
    // `2026-10-16T03:12`, and not the one of UTC.
    let text = &*match text.split_once('T') {
        Some((day, time)) if !day.contains(':') => format!("{day} {time}"),
        _ => text.to_owned(),
    };
    let Some(colon) = text.find(':') else {
        return NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(When::Day);
    };
    let (time, zone_part) = match text[colon..].find(['+', '-', 'Z', 'U', 'G', '(', '（']) {
        Some(at) => text.split_at(colon + at),
        None => (text, ""),
    };
    let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let words: Vec<&str> = time.split_whitespace().collect();
    let time = words.join(" ");
    let local = formats.iter().find_map(|it| NaiveDateTime::parse_from_str(&time, it).ok())?;
    let at = match zone_part {
        "" => zone.from_local_datetime(&local).earliest()?.to_utc(),
        part => offset(part)?.from_local_datetime(&local).single()?.to_utc(),
    };
    Some(When::At(at))
}

/// `+08:00`, `UTC+8`, `(GMT-3:30)`, `Z`.
fn offset(text: &str) -> Option<FixedOffset> {
    let text = text.trim_matches(|it: char| "()（） ".contains(it));
    let text = text.trim_start_matches("UTC").trim_start_matches("GMT").trim();
    if text.is_empty() || text == "Z" {
        return FixedOffset::east_opt(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 => rest.split_at_checked(2)?,
        None => (rest, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let in_range = (0..=14).contains(&hours) && (0..60).contains(&minutes);
    in_range.then(|| FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)))?
}

/// A number with its unit: `840`, `14 min`, `1 h 20 min`, `98.5 %`, `3 pods`. Without a unit it is in `unit`; times come
/// in seconds, or in milliseconds where that is the unit, and shares as ratios.
pub(super) fn quantity(text: &str, unit: &str) -> Option<(f64, String)> {
    let parts = parts(text)?;
    if let [(value, "")] = parts[..] {
        return Some((value, unit.to_owned()));
    }
    if let [(value, "%" | "％")] = parts[..] {
        return Some((value / 100.0, "ratio".to_owned()));
    }
    let seconds: Option<Vec<f64>> =
        parts.iter().map(|(value, unit)| Some(value * seconds_of(unit)?)).collect();
    if let Some(seconds) = seconds {
        let sum: f64 = seconds.iter().sum();
        return Some(match unit {
            "ms" => (sum * 1000.0, "ms".to_owned()),
            _ => (sum, "s".to_owned()),
        });
    }
    match parts[..] {
        [(value, unit)] => Some((value, unit.to_owned())),
        _ => None,
    }
}

/// Numbers, each with what is written behind it.
fn parts(text: &str) -> Option<Vec<(f64, &str)>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|it: char| !(it.is_ascii_digit() || ".,-".contains(it)));
        let (number, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let value: f64 = number.replace(',', "").parse().ok()?;
        let end = behind.find(|it: char| it.is_ascii_digit()).unwrap_or(behind.len());
        // A unit may hold a digit, but then it is the only one.
        let end = if parts.is_empty() && seconds_of(behind[..end].trim()).is_none() {
            behind.len()
        } else {
            end
        };
        let (unit, after) = behind.split_at(end);
        parts.push((value, unit.trim()));
        rest = after;
    }
    let fit = !parts.is_empty() && parts.iter().all(|it| it.0.is_finite());
    fit.then_some(parts)
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit.to_lowercase().as_str() {
        "ms" | "毫秒" => 0.001,
        "s" | "sec" | "秒" => 1.0,
        "min" | "m" | "分" | "分钟" => 60.0,
        "h" | "小时" => 3600.0,
        "d" | "天" => 86_400.0,
        _ => return None,
    })
}

/// `<= 900 s`, `≤15 min`, `>= 0.999 ratio`, `<= 1.1 x 250 ms`: a target of this name, whose value is in `unit`.
pub(super) fn target(text: &str, name: &str, unit: &str) -> Option<Target> {
    let exact = Target::parse(&format!("{name} {text}"));
    if let Some(exact) = exact.filter(|it| it.baseline.is_some() || it.unit == unit) {
        return exact.bound().is_some_and(f64::is_finite).then_some(exact);
    }
    let signs = [("<=", Comparison::AtMost), ("≤", Comparison::AtMost), ("≦", Comparison::AtMost)];
    let more =
        [(">=", Comparison::AtLeast), ("≥", Comparison::AtLeast), ("≧", Comparison::AtLeast)];
    let mut all = signs.into_iter().chain(more);
    let found = all.find_map(|(sign, it)| Some((it, text.trim().strip_prefix(sign)?)));
    let (comparison, rest) = found?;
    let (limit, unit) = quantity(rest, unit)?;
    Some(Target { comparison, unit, ..Target::within(name, limit) })
}

/// One of the words of an enum, as it is spelled or as a reader calls it.
pub(super) fn word<T: Copy>(
    text: &str,
    all: &[T],
    spelled: impl Fn(T) -> &'static str,
    called: impl Fn(Lang, T) -> &'static str,
) -> Option<T> {
    let text = text.trim().to_lowercase();
    all.iter().copied().find(|it| {
        let names = Lang::ALL.iter().map(|lang| called(*lang, *it));
        std::iter::once(spelled(*it)).chain(names).any(|name| name.to_lowercase() == text)
    })
}
