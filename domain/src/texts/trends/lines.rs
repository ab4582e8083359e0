//! Figures as people read them, on a page or on paper.

use chrono::TimeDelta;

use super::TEXTS;
use crate::texts::{Lang, duration, number, percent};
use crate::trends::{Figures, Period, Share, Unit};

/// A figure with what stands behind it: its name, its value, and the rows it was counted from.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub name: &'static str,
    pub value: String,
    pub rows: String,
    /// None where there are no rows, or nothing is known of them.
    pub measure: Option<Measure>,
}

/// A figure that can be compared with the same one of another period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    Share(f64),
    /// Microseconds.
    Time(i64),
    Count(u64),
}

/// Every figure of a period, in the order in which they are always shown.
pub fn lines(lang: Lang, it: &Figures) -> Vec<Line> {
    let t = TEXTS.of(lang);
    let ratio = |name, ratio: Option<f64>, rows| Line {
        name,
        value: ratio.map_or_else(|| t.no_rows.to_owned(), percent),
        rows,
        measure: ratio.map(Measure::Share),
    };
    let share = |name, share: Share| match share.of() {
        // Where nothing is known there is nothing to compare.
        1.. if share.unknown == share.of() => {
            Line { name, value: t.unknown.to_owned(), rows: of(lang, share), measure: None }
        }
        _ => ratio(name, share.ratio(), of(lang, share)),
    };
    let span = |name, us: Option<i64>, count: u64| Line {
        name,
        value: us.map_or_else(|| t.no_rows.to_owned(), |us| time(lang, us)),
        rows: number(count as f64),
        measure: us.map(Measure::Time),
    };
    let missed = match it.drills.expected {
        0 => t.no_rows.to_owned(),
        _ => it.drills.missed.to_string(),
    };
    let rollbacks = it.rollbacks;
    let automatic = format!("{} / {}", rollbacks.automatic, rollbacks.executed);
    vec![
        share(t.rto, it.rto),
        share(t.rpo, it.rpo),
        span(t.closure_median, it.closure.median_us, it.closure.count),
        span(t.closure_worst, it.closure.worst_us, it.closure.count),
        share(t.spot_check_rate, it.spot_checks),
        Line {
            name: t.missed,
            value: missed,
            rows: format!("{} / {}", it.drills.missed, it.drills.expected),
            measure: (it.drills.expected > 0).then_some(Measure::Count(it.drills.missed)),
        },
        span(t.mttd, it.mttd.mean_us(), it.mttd.count),
        span(t.mtta, it.mtta.mean_us(), it.mtta.count),
        span(t.mttr, it.mttr.mean_us(), it.mttr.count),
        ratio(t.automatic_rate, it.automatic_rate(), automatic),
        share(t.automatic_success, rollbacks.automatic_success),
        share(t.success_rate, rollbacks.success),
    ]
}

fn time(lang: Lang, us: i64) -> String {
    duration(lang, TimeDelta::microseconds(us))
}

/// `17 / 18`, and what is unknown beside it.
pub fn of(lang: Lang, share: Share) -> String {
    match share.unknown {
        0 => format!("{} / {}", share.met, share.of()),
        n => format!("{} / {}, {} {n}", share.met, share.of(), TEXTS.of(lang).unknown),
    }
}

/// What stands out in a period, part by part.
pub fn said(lang: Lang, it: &Figures) -> Vec<String> {
    let t = &TEXTS.of(lang).said;
    let share = |say: fn(&str) -> String, share: Share| {
        let known = share.ratio().filter(|_| share.unknown < share.of());
        known.map(|it| say(&percent(it)))
    };
    [
        share(t.rto, it.rto),
        share(t.rpo, it.rpo),
        (it.drills.expected > 0).then(|| (t.missed)(it.drills.missed)),
        (it.closure.count > 0).then(|| (t.over)(it.closure.over)),
        share(t.spot_checks, it.spot_checks),
        share(t.automatic, it.rollbacks.automatic_success),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Minutes of a time in microseconds, and how they are written: two digits are what can be told apart.
pub fn minutes(us: i64) -> (f64, String) {
    let value = us as f64 / 60e6;
    let shown = match value {
        10.0.. => number(value.round()),
        _ => number((value * 100.0).round() / 100.0),
    };
    (value, shown)
}

/// `26Q3`, `26-10`: below a point of a chart.
pub fn short(period: Period) -> String {
    let (year, number) = (period.year() % 100, period.number());
    match period.unit() {
        Unit::Quarter => format!("{year:02}Q{number}"),
        Unit::Month => format!("{year:02}-{number:02}"),
    }
}

impl Measure {
    /// How far this is from that, as it is written; None where the two cannot be compared.
    pub fn change(self, lang: Lang, before: Self) -> Option<String> {
        let signed = |text: String, order: std::cmp::Ordering| match order {
            std::cmp::Ordering::Equal => "±0".to_owned(),
            std::cmp::Ordering::Greater => format!("+{text}"),
            std::cmp::Ordering::Less => format!("−{text}"),
        };
        Some(match (self, before) {
            (Measure::Share(now), Measure::Share(before)) => {
                let points = ((now - before) * 1000.0).round() / 10.0;
                let text = (TEXTS.of(lang).points)(&number(points.abs()));
                // A difference that is too small to be written is none.
                signed(text, points.partial_cmp(&0.0)?)
            }
            (Measure::Time(now), Measure::Time(before)) => {
                signed(time(lang, (now - before).abs()), now.cmp(&before))
            }
            (Measure::Count(now), Measure::Count(before)) => {
                signed(now.abs_diff(before).to_string(), now.cmp(&before))
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_its_direction() {
        use Measure::{Count, Share, Time};
        for (now, before, said) in [
            (Share(0.944), Share(0.912), Some("+3.2 points")),
            (Share(0.8), Share(0.80001), Some("±0")),
            (Time(60_000_000), Time(90_000_000), Some("−30 s")),
            (Count(3), Count(1), Some("+2")),
            (Count(3), Share(1.0), None),
        ] {
            assert_eq!(now.change(Lang::En, before).as_deref(), said, "{now:?} {before:?}");
        }
    }

    #[test]
    fn what_has_no_rows_is_not_shown_as_zero() {
        let lines = lines(Lang::En, &Figures::default());
        assert!(lines.iter().all(|it| it.value == "no rows" && it.measure.is_none()));
    }

    #[test]
    fn what_is_not_known_at_all_has_no_share() {
        let rto = Share { met: 0, missed: 0, unknown: 2 };
        let figures = Figures { rto, ..Figures::default() };
        let line = lines(Lang::En, &figures).remove(0);
        assert_eq!((line.value.as_str(), line.rows.as_str()), ("Unknown", "0 / 2, Unknown 2"));
        assert_eq!(line.measure, None);
        assert_eq!(said(Lang::En, &figures), [""; 0]);
    }

    #[test]
    fn what_is_unknown_stands_beside_what_was_met() {
        assert_eq!(of(Lang::En, Share { met: 3, missed: 1, unknown: 0 }), "3 / 4");
        assert_eq!(of(Lang::En, Share { met: 3, missed: 0, unknown: 1 }), "3 / 4, Unknown 1");
        let names = ["2026-Q3", "2026-01"].map(|it| short(it.parse().unwrap()));
        assert_eq!(names, ["26Q3", "26-01"]);
    }
}
