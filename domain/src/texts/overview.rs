//! `/`: what needs me now?

use super::Each;

pub struct Texts {
    pub title: &'static str,
    pub calm: &'static str,
    /// How many wait for approval, are running, are being rehearsed, and are firing.
    pub lede: fn(usize, usize, usize, usize) -> Lede,
    pub approvals: &'static str,
    pub no_approvals: &'static str,
    pub all_rollbacks: &'static str,
    pub running: &'static str,
    pub nothing_running: &'static str,
    pub drills: &'static str,
    pub no_drills: &'static str,
    pub all_drills: &'static str,
    pub alerts: &'static str,
    pub no_alerts: &'static str,
    pub all_alerts: &'static str,
    pub approved_of: fn(u32, u32) -> String,
    pub then_expired: &'static str,
    pub time_to_approve: &'static str,
    pub review: &'static str,
    pub closure: &'static str,
}

/// The reason line: what is urgent, then the rest.
pub struct Lede {
    pub urgent: String,
    pub rest: String,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "现在需要你处理的事",
        calm: "没有等待处理的事。",
        lede: |approvals, running, drills, alerts| Lede {
            urgent: match approvals {
                0 => "没有等待批准的回滚".to_owned(),
                n => format!("{n} 条回滚等待批准"),
            },
            rest: format!("；{running} 项正在执行，{drills} 场演练进行中，{alerts} 条告警未解除。"),
        },
        approvals: "等待批准",
        no_approvals: "没有等待批准的回滚。",
        all_rollbacks: "全部回滚",
        running: "正在执行",
        nothing_running: "没有正在执行的计划。",
        drills: "进行中的演练",
        no_drills: "没有进行中的演练。",
        all_drills: "演练台账",
        alerts: "未解除的告警",
        no_alerts: "没有未解除的告警。",
        all_alerts: "全部告警",
        approved_of: |given, needed| format!("已批 {given} / {needed}"),
        then_expired: "后失效",
        time_to_approve: "批准窗口剩余时间",
        review: "审阅并批准",
        closure: "闭环用时",
    },
    en: Texts {
        title: "What needs you now",
        calm: "Nothing waits for you.",
        lede: |approvals, running, drills, alerts| Lede {
            urgent: match approvals {
                0 => "No rollback waits for approval".to_owned(),
                1 => "1 rollback waits for approval".to_owned(),
                n => format!("{n} rollbacks wait for approval"),
            },
            rest: format!(
                "; {running} running, {drills} drills in progress, {alerts} alerts firing."
            ),
        },
        approvals: "Waiting for approval",
        no_approvals: "No rollback waits for approval.",
        all_rollbacks: "All rollbacks",
        running: "Running",
        nothing_running: "Nothing is being carried out.",
        drills: "Drills in progress",
        no_drills: "No drill is in progress.",
        all_drills: "Drill ledger",
        alerts: "Firing alerts",
        no_alerts: "No alert is firing.",
        all_alerts: "All alerts",
        approved_of: |given, needed| format!("{given} of {needed}"),
        then_expired: "left",
        time_to_approve: "Time left to approve",
        review: "Review and approve",
        closure: "Time to closure",
    },
};
