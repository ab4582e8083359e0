//! Measured values, what they are held against, and why there is none.

use super::{Each, Lang, duration, number};
use crate::measurements::{
    Baseline, Comparison, Finding, Mark, Measurement, Measuring, RPO, RTO, Take, Target,
};
use crate::verdict::Verdict;

pub struct Texts {
    pub verdict_of: fn(Verdict) -> &'static str,
    /// The name of a measurement; its own where it is not one of ours.
    pub name_of: fn(&str) -> String,
    pub no_value: &'static str,
    /// What a target is relative to, where that is not measured yet.
    pub before: &'static str,
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
        "hit_rate" => "命中率".into(),
        "hit_rate_recovery" => "命中率恢复用时".into(),
        "crr_delay" => "CRR 延迟".into(),
        "exports_latency" => "导出接口时延".into(),
        "exports_replay" => "失败任务重放用时".into(),
        "contract_pass_rate" => "契约回放通过率".into(),
        "artefacts_recovery" => "产物恢复用时".into(),
        "convergence" => "降级策略收敛用时".into(),
        "first_pass" => "步骤一次通过率".into(),
        "automatic_success_rate" => "自动回滚成功率".into(),
        other => other.into(),
    },
    no_value: "未测得",
    before: "T0 前基线",
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
        "hit_rate" => "Hit rate".into(),
        "hit_rate_recovery" => "Hit rate back".into(),
        "crr_delay" => "CRR delay".into(),
        "exports_latency" => "Export latency".into(),
        "exports_replay" => "Replay of failed jobs".into(),
        "contract_pass_rate" => "Contract replay passed".into(),
        "artefacts_recovery" => "Artefacts back".into(),
        "convergence" => "Degradation converged".into(),
        "first_pass" => "First-pass share of steps".into(),
        "automatic_success_rate" => "Automatic rollbacks that succeed".into(),
        other => other.into(),
    },
    no_value: "not measured",
    before: "before T0",
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

/// `≤ 30 min`; `≤ 1.1 × before T0` where that is not measured yet.
pub fn bound(lang: Lang, target: &Target) -> String {
    let limit = match target.bound() {
        Some(bound) => quantity(lang, bound, &target.unit),
        None => format!("{} × {}", number(target.limit), TEXTS.of(lang).before),
    };
    match target.comparison {
        Comparison::AtMost => format!("≤ {limit}"),
        Comparison::AtLeast => format!("≥ {limit}"),
    }
}

/// How a target is measured, but for its query: "the largest, T0 to recovery".
pub fn how(lang: Lang, it: &Measuring) -> String {
    let take = match (lang, it.take) {
        (Lang::Zh, Take::Max) => "最大值",
        (Lang::Zh, Take::Min) => "最小值",
        (Lang::Zh, Take::Avg) => "平均值",
        (Lang::Zh, Take::Last) => "最后一个值",
        (Lang::Zh, Take::TimeUntil) => "直到满足的用时",
        (Lang::En, Take::Max) => "largest",
        (Lang::En, Take::Min) => "smallest",
        (Lang::En, Take::Avg) => "mean",
        (Lang::En, Take::Last) => "last",
        (Lang::En, Take::TimeUntil) => "time until it holds",
    };
    let from = mark(lang, it.from);
    let span = |seconds: u32| duration(lang, chrono::TimeDelta::seconds(seconds.into()));
    let window = match (it.for_s, lang) {
        (Some(seconds), Lang::Zh) => format!("{from}起 {}", span(seconds)),
        (Some(seconds), Lang::En) => format!("{} from {from}", span(seconds)),
        (None, Lang::Zh) => format!("{from}至{}", mark(lang, it.to.unwrap_or(Mark::Recovered))),
        (None, Lang::En) => format!("{from} to {}", mark(lang, it.to.unwrap_or(Mark::Recovered))),
    };
    let until = it.until.map(|until| {
        let sign = match until.comparison {
            Comparison::AtMost => "≤",
            Comparison::AtLeast => "≥",
        };
        format!(" ({sign} {})", number(until.limit))
    });
    let (until, comma) = (until.unwrap_or_default(), if lang == Lang::Zh { "，" } else { ", " });
    format!("{take}{until}{comma}{window}")
}

fn mark(lang: Lang, mark: Mark) -> &'static str {
    match (lang, mark) {
        (_, Mark::T0) => "T0",
        (_, Mark::T1) => "T1",
        (Lang::Zh, Mark::Recovered) => "恢复",
        (Lang::En, Mark::Recovered) => "recovery",
    }
}

/// What it was held against, where that was measured: `before T0 212 ms`.
pub fn baseline(lang: Lang, it: &Baseline, unit: &str) -> String {
    format!("{} {}", TEXTS.of(lang).before, quantity(lang, it.value, unit))
}

/// What measuring came to, in plain words; nothing where the value says it all.
pub fn finding(lang: Lang, finding: &Finding) -> Option<String> {
    Some(match (lang, finding) {
        (_, Finding::Value { .. }) => return None,
        (Lang::Zh, Finding::NeverHeld { .. }) => "到窗口结束仍未满足，或未持续足够久。".into(),
        (Lang::En, Finding::NeverHeld { .. }) => {
            "It did not hold when the window ended, or not for long enough.".into()
        }
        (Lang::Zh, Finding::NoData) => "指标在该时段没有数据：请检查查询语句和采集。".into(),
        (Lang::En, Finding::NoData) => {
            "The metrics hold nothing of this time: check the query, and whether the target is scraped.".into()
        }
        (Lang::Zh, Finding::NotANumber) => "指标只有 NaN：没有请求，算不出比值。".into(),
        (Lang::En, Finding::NotANumber) => "The metrics say NaN only: nobody called, so there is no share.".into(),
        (Lang::Zh, Finding::Partial { readings, expected }) => {
            format!("数据不全：应有 {expected} 个读数，只有 {readings} 个。")
        }
        (Lang::En, Finding::Partial { readings, expected }) => {
            format!("Readings are missing: {readings} of {expected}.")
        }
        (Lang::Zh, Finding::Gap { .. }) => "窗口末尾没有数据，不知道当时的情况。".into(),
        (Lang::En, Finding::Gap { .. }) => "There is no data of the end of the window.".into(),
        (Lang::Zh, Finding::ManySeries { found }) => {
            format!("查询得到 {found} 条序列，不知道以哪条为准：请先聚合。")
        }
        (Lang::En, Finding::ManySeries { found }) => {
            format!("The query comes to {found} series, and nothing says which is meant: aggregate them.")
        }
        (Lang::Zh, Finding::NoAnswer { reason }) => format!("没有得到回答：{reason}"),
        (Lang::En, Finding::NoAnswer { reason }) => format!("No answer: {reason}"),
        (Lang::Zh, Finding::NoSource { .. }) => "不知道问谁：指标和演练都没有指明 Prometheus。".into(),
        (Lang::En, Finding::NoSource { reason }) => format!("There is nobody to ask: {reason}"),
        (Lang::Zh, Finding::NoBaseline { why }) => {
            format!("没有 T0 前的基线可比：{}", self::finding(lang, why).unwrap_or_default())
        }
        (Lang::En, Finding::NoBaseline { why }) => {
            let why = self::finding(lang, why).unwrap_or_default();
            format!("There is no baseline of before T0 to compare it with. {why}")
        }
        (Lang::Zh, Finding::NotPositive { value }) => format!("基线为 {}，无法按倍数比较。", number(*value)),
        (Lang::En, Finding::NotPositive { value }) => {
            format!("The baseline is {}; nothing can be a multiple of it.", number(*value))
        }
    })
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
