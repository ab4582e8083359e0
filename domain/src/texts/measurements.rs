//! Measured values, what they are held against, and why there is none.

use super::{Each, Lang, duration, number};
use crate::measurements::{Comparison, Measurement, RPO, RTO, Target};
use crate::verdict::Verdict;

pub struct Texts {
    pub verdict_of: fn(Verdict) -> &'static str,
    /// The name of a measurement; its own where it is not one of ours.
    pub name_of: fn(&str) -> String,
    pub no_value: &'static str,
}

pub static TEXTS: Each<Texts> = Each { zh: ZH, en: EN };

pub(super) const ZH: Texts = Texts {
    verdict_of: |verdict| match verdict {
        Verdict::Pass => "达标",
        Verdict::Fail => "未达标",
        Verdict::Unknown => "未知",
    },
    name_of: |name| match name {
        RTO => "RTO".into(),
        RPO => "RPO".into(),
        "replay_lag" => "回放延迟".into(),
        "mttd" => "发现用时".into(),
        "mttr" => "恢复用时".into(),
        "mtta" => "批准用时".into(),
        "execution" => "执行用时".into(),
        "sla" => "SLA".into(),
        "p95" => "P95 时延".into(),
        "error_rate" => "错误率".into(),
        "degraded_hit_rate" => "降级命中率".into(),
        "first_pass" => "步骤一次通过率".into(),
        "automatic_success_rate" => "自动回滚成功率".into(),
        other => other.into(),
    },
    no_value: "未测得",
};

pub(super) const EN: Texts = Texts {
    verdict_of: |verdict| match verdict {
        Verdict::Pass => "met",
        Verdict::Fail => "missed",
        Verdict::Unknown => "unknown",
    },
    name_of: |name| match name {
        RTO => "RTO".into(),
        RPO => "RPO".into(),
        "replay_lag" => "Replay lag".into(),
        "mttd" => "Time to detect".into(),
        "mttr" => "Time to recover".into(),
        "mtta" => "Time to approve".into(),
        "execution" => "Execution".into(),
        "sla" => "SLA".into(),
        "p95" => "P95 latency".into(),
        "error_rate" => "Error rate".into(),
        "degraded_hit_rate" => "Degraded answers".into(),
        "first_pass" => "First-pass share of steps".into(),
        "automatic_success_rate" => "Automatic rollbacks that succeed".into(),
        other => other.into(),
    },
    no_value: "not measured",
};

/// A value with its unit; seconds and shares as people say them.
pub fn quantity(lang: Lang, value: f64, unit: &str) -> String {
    match unit {
        // Longer than any span that is measured; beyond it the cast would say something else.
        "s" if value.abs() < 1e12 => {
            duration(lang, chrono::TimeDelta::milliseconds((value * 1000.0) as i64))
        }
        "ratio" if value.is_finite() => {
            let percent = format!("{:.3}", value * 100.0);
            format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
        }
        "" => number(value),
        unit => format!("{} {unit}", number(value)),
    }
}

/// What was measured, or that nothing was.
pub fn measured(lang: Lang, it: &Measurement) -> String {
    match it.value {
        Some(value) => quantity(lang, value, &it.unit),
        None => TEXTS.of(lang).no_value.to_owned(),
    }
}

/// `≤ 30 min`
pub fn bound(lang: Lang, target: &Target) -> String {
    let limit = quantity(lang, target.bound(), &target.unit);
    match target.comparison {
        Comparison::AtMost => format!("≤ {limit}"),
        Comparison::AtLeast => format!("≥ {limit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_said_as_people_say_them() {
        for (value, unit, expected) in [
            (1800.0, "s", "30 min"),
            (8.7, "s", "8.7 s"),
            (0.985, "ratio", "98.5 %"),
            (0.99999, "ratio", "99.999 %"),
            (1.0, "ratio", "100 %"),
            (20.0, "", "20"),
            (3.0, "pods", "3 pods"),
        ] {
            assert_eq!(quantity(Lang::En, value, unit), expected);
        }
        let target = Target { comparison: Comparison::AtLeast, ..Target::within("x", 60.0) };
        assert_eq!(bound(Lang::Zh, &target), "≥ 1 分");
    }
}
