//! Alerts, as a page shows them.

use super::Each;
use crate::alerts::State;

pub struct Texts {
    pub title: &'static str,
    pub lede: fn(usize) -> String,
    pub nothing_yet: &'static str,
    pub name: &'static str,
    pub said: &'static str,
    pub source: &'static str,
    pub since: &'static str,
    pub until: &'static str,
    pub decisions: &'static str,
    pub pending: &'static str,
    pub value: &'static str,
    pub fires_at: &'static str,
    pub unmatched: &'static str,
    pub webhook: &'static str,
    pub watch: &'static str,
    pub promql: &'static str,
    pub state_of: fn(State) -> &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "告警",
        lede: |n| match n {
            0 => "现在没有正在触发的告警。".into(),
            n => format!("本页有 {n} 条正在触发的告警。"),
        },
        nothing_yet: "还没有告警。",
        name: "信号",
        said: "说明",
        source: "来源",
        since: "开始",
        until: "结束",
        decisions: "决策",
        pending: "已越限，持续时间未满",
        value: "数值",
        fires_at: "触发时刻",
        unmatched: "未匹配任何服务",
        webhook: "Alertmanager",
        watch: "集群监视",
        promql: "PromQL",
        state_of: |state| match state {
            State::Firing => "触发中",
            State::Resolved => "已恢复",
        },
    },
    en: Texts {
        title: "Alerts",
        lede: |n| match n {
            0 => "Nothing is firing now.".into(),
            1 => "One alert on this page is firing.".into(),
            n => format!("{n} alerts on this page are firing."),
        },
        nothing_yet: "No alerts yet.",
        name: "Signal",
        said: "Says",
        source: "Source",
        since: "Since",
        until: "Until",
        decisions: "Decisions",
        pending: "Beyond the limit, not yet for long enough",
        value: "Value",
        fires_at: "Fires at",
        unmatched: "matches no service",
        webhook: "Alertmanager",
        watch: "Watch",
        promql: "PromQL",
        state_of: |state| match state {
            State::Firing => "firing",
            State::Resolved => "resolved",
        },
    },
};
