//! Times, durations and numbers as people read them. All are pure: the zone comes in as a value.

use std::fmt::Display;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};

use super::Lang;

/// `2026-10-16 03:12:08 UTC+8`: a moment in the reader's zone, with the offset visible.
pub fn time<Z: TimeZone<Offset: Display>>(at: DateTime<Utc>, zone: &Z) -> String {
    let local = at.with_timezone(zone);
    format!("{} {}", local.format("%Y-%m-%d %H:%M:%S"), offset(at, zone))
}

/// `10-16 03:12:08`: for columns and lines of a page that says its offset elsewhere; `2025-10-16` if it is not
/// of the year of `now`.
pub fn short_time<Z: TimeZone<Offset: Display>>(
    at: DateTime<Utc>,
    now: DateTime<Utc>,
    zone: &Z,
) -> String {
    let (at, now) = (at.with_timezone(zone), now.with_timezone(zone));
    let same_year = at.format("%Y").to_string() == now.format("%Y").to_string();
    at.format(if same_year { "%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M" }).to_string()
}

/// `2026-10-16`
pub fn date<Z: TimeZone<Offset: Display>>(at: DateTime<Utc>, zone: &Z) -> String {
    at.with_timezone(zone).format("%Y-%m-%d").to_string()
}

/// `UTC+8`, `UTC−3:30`, `UTC`: the zone's offset at that moment.
pub fn offset<Z: TimeZone<Offset: Display>>(at: DateTime<Utc>, zone: &Z) -> String {
    let text = at.with_timezone(zone).format("%:z").to_string();
    let (sign, rest) = text.split_at(1);
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
    let sign = if sign == "-" { "−" } else { "+" };
    match (hours.trim_start_matches('0'), minutes) {
        ("", "00") => "UTC".to_owned(),
        ("", minutes) => format!("UTC{sign}0:{minutes}"),
        (hours, "00") => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes}"),
    }
}

/// `0.84 s`, `8.7 s`, `40 s`, `5 min 40 s`, `2 h 35 min`, `4 d 23 h`; the two largest units. Negative durations
/// carry a minus.
pub fn duration(lang: Lang, duration: TimeDelta) -> String {
    let sign = if duration < TimeDelta::zero() { "−" } else { "" };
    let duration = duration.abs();
    let seconds = duration.num_seconds();
    let [day, hour, minute, second] = match lang {
        Lang::Zh => ["天", "小时", "分", "秒"],
        Lang::En => ["d", "h", "min", "s"],
    };
    let two = |larger: i64, unit: &str, smaller: i64, small_unit: &str| match smaller {
        0 => format!("{sign}{larger} {unit}"),
        _ => format!("{sign}{larger} {unit} {smaller} {small_unit}"),
    };
    let milliseconds = duration.num_milliseconds();
    match seconds {
        0 if milliseconds == 0 => format!("0 {second}"),
        0 => format!("{sign}{} {second}", hundredths(milliseconds)),
        1..10 if milliseconds % 1000 >= 50 => {
            format!("{sign}{:.1} {second}", milliseconds as f64 / 1000.0)
        }
        1..60 => format!("{sign}{seconds} {second}"),
        60..3600 => two(seconds / 60, minute, seconds % 60, second),
        3600..86_400 => two(seconds / 3600, hour, seconds % 3600 / 60, minute),
        _ => two(seconds / 86_400, day, seconds % 86_400 / 3600, hour),
    }
}

/// Two digits after the point, and never `0.00` for something that took time.
fn hundredths(milliseconds: i64) -> String {
    if milliseconds < 10 {
        "< 0.01".to_owned()
    } else {
        format!("{:.2}", milliseconds as f64 / 1000.0)
    }
}

/// `5 min ago`, `5 分前`; what is less than a second away, or a little ahead of our clock, is `just now`.
pub fn ago(lang: Lang, age: TimeDelta) -> String {
    if age < TimeDelta::seconds(1) {
        return match lang {
            Lang::Zh => "刚刚".to_owned(),
            Lang::En => "just now".to_owned(),
        };
    }
    let whole = duration(lang, TimeDelta::seconds(age.num_seconds()));
    match lang {
        Lang::Zh => format!("{whole}前"),
        Lang::En => format!("{whole} ago"),
    }
}

/// `12,480`
pub fn count(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if value < 0 { format!("−{grouped}") } else { grouped }
}

/// A measured value with at most three decimals and no trailing zeros: `0.967`, `15.2`, `780`, `12,480`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let rounded = format!("{:.3}", value.abs());
    let (whole, decimals) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let decimals = decimals.trim_end_matches('0');
    let sign = if value < 0.0 && (whole != "0" || !decimals.is_empty()) { "−" } else { "" };
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    if decimals.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{decimals}") }
}

/// `15.2%` of a ratio 0.152
pub fn percent(ratio: f64) -> String {
    format!("{}%", number((ratio * 1000.0).round() / 10.0))
}

/// `412 kB`, `1.9 MB`: decimal units, as file managers show them.
pub fn bytes(size: u64) -> String {
    match size {
        0..1000 => format!("{size} B"),
        1000..1_000_000 => format!("{} kB", size / 1000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", size as f64 / 1e6),
        _ => format!("{:.1} GB", size as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn zone(minutes: i32) -> FixedOffset {
        FixedOffset::east_opt(minutes * 60).unwrap()
    }

    #[test]
    fn a_time_shows_its_offset() {
        let moment = at("2026-10-15T19:12:08Z");
        for (minutes, shown) in [
            (480, "2026-10-16 03:12:08 UTC+8"),
            (0, "2026-10-15 19:12:08 UTC"),
            (-210, "2026-10-15 15:42:08 UTC−3:30"),
            (30, "2026-10-15 19:42:08 UTC+0:30"),
        ] {
            assert_eq!(time(moment, &zone(minutes)), shown);
        }
    }

    #[test]
    fn another_year_is_said() {
        let now = at("2026-01-01T00:00:00Z");
        assert_eq!(short_time(at("2025-12-31T17:00:00Z"), now, &zone(480)), "01-01 01:00:00");
        assert_eq!(short_time(at("2025-12-31T10:00:00Z"), now, &zone(480)), "2025-12-31 18:00");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (ms, zh, en) in [
            (0, "0 秒", "0 s"),
            (3, "< 0.01 秒", "< 0.01 s"),
            (840, "0.84 秒", "0.84 s"),
            (8_700, "8.7 秒", "8.7 s"),
            (9_000, "9 秒", "9 s"),
            (40_900, "40 秒", "40 s"),
            (340_000, "5 分 40 秒", "5 min 40 s"),
            (900_000, "15 分", "15 min"),
            (9_352_000, "2 小时 35 分", "2 h 35 min"),
            (428_400_000, "4 天 23 小时", "4 d 23 h"),
            (-61_000, "−1 分 1 秒", "−1 min 1 s"),
        ] {
            assert_eq!(duration(Lang::Zh, TimeDelta::milliseconds(ms)), zh);
            assert_eq!(duration(Lang::En, TimeDelta::milliseconds(ms)), en);
        }
    }

    #[test]
    fn what_just_happened_has_no_number() {
        assert_eq!(ago(Lang::Zh, TimeDelta::milliseconds(-300)), "刚刚");
        assert_eq!(ago(Lang::En, TimeDelta::seconds(65)), "1 min 5 s ago");
    }

    #[test]
    fn numbers_are_grouped_and_end_where_they_say_nothing_more() {
        for (value, shown) in [
            (0.0, "0"),
            (-0.0001, "0"),
            (0.9671, "0.967"),
            (15.20, "15.2"),
            (12_480.0, "12,480"),
            (-1_234_567.5, "−1,234,567.5"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), shown);
        }
        assert_eq!(percent(0.152), "15.2%");
        assert_eq!(percent(0.9999), "100%");
        assert_eq!([count(999), count(1000), count(-12_480)], ["999", "1,000", "−12,480"]);
        assert_eq!([bytes(999), bytes(412_000), bytes(1_900_000)], ["999 B", "412 kB", "1.9 MB"]);
    }
}
