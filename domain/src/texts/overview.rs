//! `/`, beside what waits for the reader.

use super::Each;

pub struct Texts {
    /// After what waits: how many are running, are being rehearsed, and are firing.
    pub rest: fn(usize, usize, usize) -> String,
    pub running: &'static str,
    pub nothing_running: &'static str,
    pub drills: &'static str,
    pub no_drills: &'static str,
    pub all_drills: &'static str,
    pub alerts: &'static str,
    pub no_alerts: &'static str,
    pub all_alerts: &'static str,
    pub closure: &'static str,
    pub demo: &'static str,
    pub break_gateway: &'static str,
    pub break_note: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        rest: |running, drills, alerts| {
            format!("；{running} 项正在执行，{drills} 场演练进行中，{alerts} 条告警未解除。")
        },
        running: "正在执行",
        nothing_running: "没有正在执行的计划。",
        drills: "进行中的演练",
        no_drills: "没有进行中的演练。",
        all_drills: "演练台账",
        alerts: "未解除的告警",
        no_alerts: "没有未解除的告警。",
        all_alerts: "全部告警",
        closure: "闭环用时",
        demo: "演示环境",
        break_gateway: "弄坏 api-gateway",
        break_note: "发布一个起不来的版本：探测器会发现它，提出回滚，等待批准。集群是模拟的，可以反复尝试。",
    },
    en: Texts {
        rest: |running, drills, alerts| {
            format!(
                "; {running} running, {drills} in progress, {alerts} firing.",
                drills = counted(drills, "drill"),
                alerts = counted(alerts, "alert"),
            )
        },
        running: "Running",
        nothing_running: "Nothing is being carried out.",
        drills: "Drills in progress",
        no_drills: "No drill is in progress.",
        all_drills: "Drill ledger",
        alerts: "Firing alerts",
        no_alerts: "No alert is firing.",
        all_alerts: "All alerts",
        closure: "Time to closure",
        demo: "The demo",
        break_gateway: "Break the api-gateway",
        break_note: "Releases a version that does not start: it is detected, a rollback is proposed, and it waits for approval. The cluster is a pretended one; try it as often as you like.",
    },
};

/// "1 drill", "2 drills".
fn counted(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}
