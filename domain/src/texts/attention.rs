//! What needs somebody: one line for each thing that waits.

use chrono::TimeDelta;

use super::{Each, Lang, backups, drills, duration, measurements, people, spot_checks};
use crate::access::Role;
use crate::attention::{Detail, Kind, Urgency};
use crate::spot_checks::coverage::Subject;

pub struct Texts {
    pub title: &'static str,
    /// How many are overdue, at risk, and there at all.
    pub lede: fn(usize, usize, usize) -> String,
    /// The same for who only looks on.
    pub known: fn(usize, usize, usize) -> String,
    pub queue: &'static str,
    /// Where nothing of it is the reader's to do.
    pub public: &'static str,
    /// There are more than are shown.
    pub more: fn(usize) -> String,
    pub urgency_of: fn(Urgency) -> &'static str,
    /// What waits.
    pub what: fn(Kind) -> &'static str,
    /// The button that leads to it.
    pub act: fn(Kind) -> &'static str,
    pub look: &'static str,
    /// Between what waits and what there is to know beside.
    pub colon: &'static str,
    /// What there is to know beside; empty where that is nothing.
    pub why: fn(&Detail) -> String,
    pub left: fn(TimeDelta) -> String,
    pub over: fn(TimeDelta) -> String,
    pub since: fn(&str) -> String,
    /// Read aloud beside a running clock.
    pub clock: &'static str,
    /// What is fine when nothing waits, in the words of the reader's role.
    pub fine: fn(Role) -> &'static str,
    pub next_drill: &'static str,
    pub next_none: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "现在需要你处理的事",
        lede: |overdue, at_risk, all| match (overdue, at_risk, all) {
            (0, 0, 0) => "没有需要你处理的事".to_owned(),
            (0, 0, all) => format!("{all} 件事等你处理"),
            (0, risk, all) => format!("{all} 件事等你处理，{risk} 件临近期限"),
            (over, 0, all) => format!("{all} 件事等你处理，{over} 件已逾期"),
            (over, risk, all) => {
                format!("{all} 件事等你处理，{over} 件已逾期，{risk} 件临近期限")
            }
        },
        known: |overdue, at_risk, all| match (overdue + at_risk, all) {
            (_, 0) => "没有异常".to_owned(),
            (0, all) => format!("{all} 件事正在等人处理"),
            (now, all) => format!("{all} 件事正在等人处理，{now} 件紧迫或已逾期"),
        },
        queue: "等你处理",
        public: "需要知道的事",
        more: |n| format!("还有 {n} 件不太紧急的没有列出。"),
        urgency_of: |it| match it {
            Urgency::Overdue => "已逾期",
            Urgency::AtRisk => "紧迫",
            Urgency::Later => "待办",
            Urgency::NoDue => "无期限",
        },
        what: |kind| match kind {
            Kind::RollbackApproval => "回滚等待批准",
            Kind::RunApproval => "执行计划等待批准",
            Kind::NeedsPerson => "规则没有给出方案，需要人来判断",
            Kind::Checklist => "回滚后的人工核对清单未完成",
            Kind::RunPaused => "执行已暂停",
            Kind::ManualStep => "有一步等人来做",
            Kind::ResumeOwed => "我们暂停了它的发布，还没有恢复",
            Kind::ProtectionOwed => "演练暂停了一项保护，还没有恢复",
            Kind::DrillPlanned => "计划中的演练",
            Kind::DrillUnderWay => "演练进行中，计时未停",
            Kind::DrillEvidence => "演练证据未齐",
            Kind::DrillCriteria => "演练判据等待判定",
            Kind::DrillSignOff => "演练等待签字",
            Kind::DrillUnexplained => "演练未按期进行，还没有说明原因",
            Kind::DrillRetest => "演练需要重做",
            Kind::DrillExpected => "日历要求的演练还没有人安排",
            Kind::ActionItem => "你的行动项",
            Kind::ActionVerification => "行动项等人核实",
            Kind::SpotCheckPopulation => "抽检：确定总体",
            Kind::SpotCheckDraw => "抽检：抽取样本",
            Kind::SpotCheckRecord => "抽检：记录结果",
            Kind::SpotCheckAcceptance => "抽检等待验收",
            Kind::Coverage => "本季度的抽检覆盖还有缺口",
            Kind::Backup => "备份不可依赖",
            Kind::Objective => "最近一次实测未达目标",
            Kind::QuarterClose => "季度已结束，还没有关账",
            Kind::Reconciliation => "上月对账有不符",
            Kind::ImportConsent => "目录导入等第二个人同意",
            Kind::VersionConsent => "策略或信号的新版本等第二个人同意，提交人",
            Kind::GrantConsent => "角色授权等第二个人同意",
            Kind::Holidays => "明年的节假日表还没有导入",
            Kind::KillSwitch => "自动回滚被关停",
            Kind::Hold => "有版本被扣住，不会再次发布",
            Kind::IncidentWish => "需要开事件",
            Kind::RunbookProposed => "建议执行手册",
        },
        act: |kind| match kind {
            Kind::RollbackApproval | Kind::RunApproval => "审阅",
            Kind::NeedsPerson => "判断",
            Kind::Checklist => "核对",
            Kind::RunPaused | Kind::ResumeOwed => "恢复或结束",
            Kind::ProtectionOwed => "恢复并记录",
            Kind::ManualStep => "去做",
            Kind::DrillPlanned | Kind::DrillUnderWay | Kind::DrillRetest => "打开演练",
            Kind::DrillEvidence => "上传证据",
            Kind::DrillCriteria => "判定",
            Kind::DrillSignOff => "签字",
            Kind::DrillUnexplained => "说明原因",
            Kind::DrillExpected => "安排",
            Kind::ActionItem => "打开",
            Kind::ActionVerification => "核实",
            Kind::SpotCheckPopulation => "确定总体",
            Kind::SpotCheckDraw => "抽取",
            Kind::SpotCheckRecord => "记录",
            Kind::SpotCheckAcceptance => "验收",
            Kind::Coverage => "安排抽检",
            Kind::Backup | Kind::Objective => "查看",
            Kind::QuarterClose => "关账",
            Kind::Reconciliation => "对账",
            Kind::ImportConsent | Kind::VersionConsent | Kind::GrantConsent => "审阅",
            Kind::Holidays => "导入",
            Kind::KillSwitch => "查看护栏",
            Kind::Hold => "查看版本",
            Kind::IncidentWish | Kind::RunbookProposed => "接手",
        },
        look: "查看",
        colon: "：",
        why: |it| why(it, Lang::Zh),
        left: |it| format!("剩 {}", rough(it, Lang::Zh)),
        over: |it| format!("逾期 {}", rough(it, Lang::Zh)),
        since: |at| format!("始于 {at}"),
        clock: "剩余时间",
        fine: |role| match role {
            Role::Sre => "没有等待批准的回滚，没有暂停的执行，演练和抽检都在期限内。",
            Role::Dba => "你的备份可以依赖，数据域达到目标，没有等你记录的抽检。",
            Role::Pmo => "没有等待签字的演练和抽检，季度都已关账。",
            Role::Responder => "没有等你做的演练步骤，没有到期的行动项。",
            Role::Admin => "没有等待同意的授权，节假日表齐全。",
            Role::Viewer => "没有异常：没有等待批准的回滚，演练都在期限内。",
        },
        next_drill: "接下来",
        next_none: "接下来没有计划中的演练。",
    },
    en: Texts {
        title: "What needs you now",
        lede: |overdue, at_risk, all| {
            let things = match all {
                0 => return "Nothing waits for you".to_owned(),
                1 => "1 thing waits for you".to_owned(),
                n => format!("{n} things wait for you"),
            };
            match (overdue, at_risk) {
                (0, 0) => things,
                (0, risk) => format!("{things}, {risk} at risk"),
                (over, 0) => format!("{things}, {over} overdue"),
                (over, risk) => format!("{things}, {over} overdue and {risk} at risk"),
            }
        },
        known: |overdue, at_risk, all| match (overdue + at_risk, all) {
            (_, 0) => "Nothing is out of order".to_owned(),
            (0, 1) => "1 thing waits for somebody".to_owned(),
            (0, all) => format!("{all} things wait for somebody"),
            (now, 1) => format!("1 thing waits for somebody, {now} at risk or overdue"),
            (now, all) => format!("{all} things wait for somebody, {now} at risk or overdue"),
        },
        queue: "Waiting for you",
        public: "To be known",
        more: |n| format!("{n} more that are less urgent are not listed."),
        urgency_of: |it| match it {
            Urgency::Overdue => "overdue",
            Urgency::AtRisk => "at risk",
            Urgency::Later => "to do",
            Urgency::NoDue => "open",
        },
        what: |kind| match kind {
            Kind::RollbackApproval => "A rollback waits for approval",
            Kind::RunApproval => "A run waits for approval",
            Kind::NeedsPerson => "The rules propose nothing; somebody has to look",
            Kind::Checklist => "The checklist after the rollback is not done",
            Kind::RunPaused => "The run is paused",
            Kind::ManualStep => "A step waits for a person",
            Kind::ResumeOwed => "We paused its rollout and have not resumed it",
            Kind::ProtectionOwed => "A drill paused a protection that is not back",
            Kind::DrillPlanned => "A planned drill",
            Kind::DrillUnderWay => "The drill is under way, and its clock runs",
            Kind::DrillEvidence => "Evidence of the drill is missing",
            Kind::DrillCriteria => "Criteria of the drill wait to be judged",
            Kind::DrillSignOff => "The drill waits for a signature",
            Kind::DrillUnexplained => "The drill was missed, and nobody has said why",
            Kind::DrillRetest => "The drill has to be done again",
            Kind::DrillExpected => "The calendar expects it, and nobody has planned it",
            Kind::ActionItem => "Your action item",
            Kind::ActionVerification => "An action item waits to be verified",
            Kind::SpotCheckPopulation => "Spot check: fix the population",
            Kind::SpotCheckDraw => "Spot check: draw the sample",
            Kind::SpotCheckRecord => "Spot check: record the results",
            Kind::SpotCheckAcceptance => "The spot check waits to be accepted",
            Kind::Coverage => "Spot checks of the quarter leave gaps",
            Kind::Backup => "The backup cannot be relied on",
            Kind::Objective => "The newest value misses its target",
            Kind::QuarterClose => "The quarter has ended and is not closed",
            Kind::Reconciliation => "Last month does not reconcile",
            Kind::ImportConsent => "An import waits for a second person",
            Kind::VersionConsent => "A new version waits for a second person; it was written by",
            Kind::GrantConsent => "A role waits for a second person",
            Kind::Holidays => "Next year's holidays are not imported",
            Kind::KillSwitch => "Automatic rollbacks are switched off",
            Kind::Hold => "Versions are held and not deployed again",
            Kind::IncidentWish => "An incident is called for",
            Kind::RunbookProposed => "A runbook is proposed",
        },
        act: |kind| match kind {
            Kind::RollbackApproval | Kind::RunApproval => "Review",
            Kind::NeedsPerson => "Decide",
            Kind::Checklist => "Check",
            Kind::RunPaused | Kind::ResumeOwed => "Resume or end",
            Kind::ProtectionOwed => "Resume and record",
            Kind::ManualStep => "Do it",
            Kind::DrillPlanned | Kind::DrillUnderWay | Kind::DrillRetest => "Open the drill",
            Kind::DrillEvidence => "Upload",
            Kind::DrillCriteria => "Judge",
            Kind::DrillSignOff => "Sign off",
            Kind::DrillUnexplained => "Say why",
            Kind::DrillExpected => "Plan it",
            Kind::ActionItem => "Open",
            Kind::ActionVerification => "Verify",
            Kind::SpotCheckPopulation => "Fix",
            Kind::SpotCheckDraw => "Draw",
            Kind::SpotCheckRecord => "Record",
            Kind::SpotCheckAcceptance => "Accept",
            Kind::Coverage => "Plan a check",
            Kind::Backup | Kind::Objective => "Look",
            Kind::QuarterClose => "Close it",
            Kind::Reconciliation => "Reconcile",
            Kind::ImportConsent | Kind::VersionConsent | Kind::GrantConsent => "Review",
            Kind::Holidays => "Import",
            Kind::KillSwitch => "See the rails",
            Kind::Hold => "See the versions",
            Kind::IncidentWish | Kind::RunbookProposed => "Take it up",
        },
        look: "Look",
        colon: ": ",
        why: |it| why(it, Lang::En),
        left: |it| format!("{} left", rough(it, Lang::En)),
        over: |it| format!("{} over", rough(it, Lang::En)),
        since: |at| format!("since {at}"),
        clock: "Time left",
        fine: |role| match role {
            Role::Sre => {
                "No rollback waits for approval, no run is paused, drills and spot checks are in time."
            }
            Role::Dba => {
                "Your backups can be relied on, your domains meet their targets, no spot check waits for you."
            }
            Role::Pmo => {
                "No drill and no spot check waits for your signature, and the quarters are closed."
            }
            Role::Responder => "No step of a drill waits for you, and no action item is due.",
            Role::Admin => "No role waits for consent, and the holidays are known.",
            Role::Viewer => {
                "Nothing is out of order: no rollback waits for approval, drills are in time."
            }
        },
        next_drill: "Next",
        next_none: "No drill is planned.",
    },
};

/// Minutes below an hour, hours below a day; nobody plans by the second.
fn rough(it: TimeDelta, lang: Lang) -> String {
    let unit = match it.num_hours() {
        0 => TimeDelta::minutes(1),
        1..24 => TimeDelta::minutes(10),
        _ => TimeDelta::hours(1),
    };
    let whole = it.num_seconds() / unit.num_seconds();
    let at_least_one = i32::try_from(whole.max(1)).unwrap_or(i32::MAX);
    duration(lang, unit * at_least_one)
}

fn why(detail: &Detail, lang: Lang) -> String {
    let zh = lang == Lang::Zh;
    let list = |all: Vec<String>| {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        (super::common::TEXTS.of(lang).list)(&all)
    };
    match detail {
        Detail::Nothing => String::new(),
        Detail::Said { text } | Detail::Step { name: text } | Detail::Period { period: text } => {
            text.clone()
        }
        Detail::Open { open, of } if zh => format!("{of} 项中还缺 {open} 项"),
        Detail::Open { open, of } => format!("{open} of {of} missing"),
        Detail::Against { refusals } if refusals.is_empty() => {
            drills::TEXTS.of(lang).ready.to_owned()
        }
        Detail::Against { refusals } => {
            let against = drills::TEXTS.of(lang).against;
            let all: Vec<_> = refusals.iter().map(against).collect();
            all.join(if zh { "；" } else { "; " })
        }
        Detail::RetestOf { number } if zh => format!("{number} 未通过，这是它的复测"),
        Detail::RetestOf { number } => format!("{number} did not pass; this is its re-test"),
        Detail::Uncovered { subjects } => {
            let name = |it: &Subject| match it {
                Subject::Kind(kind) => (spot_checks::TEXTS.of(lang).kind_of)(*kind).to_owned(),
                Subject::DrillType(kind) => (drills::TEXTS.of(lang).type_of)(*kind).to_owned(),
            };
            list(subjects.iter().map(name).collect())
        }
        Detail::Freshness { freshness, findings } => {
            let state = (backups::TEXTS.of(lang).state_of)(*freshness);
            match (findings, zh) {
                (0, _) => state.to_owned(),
                (n, true) => format!("{state}；{n} 条发现"),
                (1, false) => format!("{state}; 1 finding"),
                (n, false) => format!("{state}; {n} findings"),
            }
        }
        Detail::Missed { names } => {
            let name = measurements::TEXTS.of(lang).name_of;
            list(names.iter().map(|it| name(it)).collect())
        }
        Detail::Count { count } if zh => format!("{count} 项"),
        Detail::Count { count: 1 } => "1 entry".to_owned(),
        Detail::Count { count } => format!("{count} entries"),
        Detail::Role { role } => (people::TEXTS.of(lang).role)(*role).to_owned(),
    }
}
