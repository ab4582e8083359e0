//! Services, and what the catalog says about them.

use super::Each;
use crate::catalog::ImportRefusal;
use crate::checks::Condition;
use crate::policies::{Mode, Strategy};
use crate::services::Standing;
use crate::signals::{Opens, Severity, WatchSignal};

pub struct Texts {
    pub title: &'static str,
    /// How many there are, and how many of them have a workload that is not as it should be.
    pub lede: fn(usize, usize) -> String,
    pub empty: &'static str,
    pub none_found: &'static str,
    pub team: &'static str,
    pub environment: &'static str,
    pub mode: &'static str,
    pub workloads: &'static str,
    pub open_rollback: &'static str,
    pub facts: &'static str,
    pub policy: &'static str,
    /// `default，第 3 版`
    pub version: fn(&str, i32) -> String,
    pub matches: &'static str,
    pub matches_nothing: &'static str,
    pub mode_of: fn(Mode) -> &'static str,
    /// What the mode means, in one sentence.
    pub mode_means: fn(Mode) -> &'static str,
    pub standing_of: fn(Standing) -> &'static str,
    pub pods_ready: &'static str,
    pub place: &'static str,
    pub search: &'static str,
    pub images: &'static str,
    // The policy.
    pub automatic_above: &'static str,
    pub partial_above: &'static str,
    pub automatic_rules: &'static str,
    pub strategy: &'static str,
    pub strategy_of: fn(Strategy) -> &'static str,
    pub approvals: &'static str,
    /// So many people of these roles, within so long.
    pub approval: fn(u32, &str, &str) -> String,
    pub otp: &'static str,
    pub observation: &'static str,
    pub attribution: &'static str,
    pub clean_before: &'static str,
    pub alert_age: &'static str,
    pub min_requests: &'static str,
    pub second_source: &'static str,
    pub cooldown: &'static str,
    pub per_rule_hour: &'static str,
    pub failures_to_block: &'static str,
    pub blast_radius: &'static str,
    pub gates: &'static str,
    pub rails: &'static str,
    pub times: fn(u32) -> String,
    pub yes: &'static str,
    pub no: &'static str,
    // The signals.
    pub signals: &'static str,
    pub severity: &'static str,
    pub severity_of: fn(Severity) -> &'static str,
    pub fires: &'static str,
    pub lasting: &'static str,
    pub at_once: &'static str,
    pub baseline: &'static str,
    pub ceiling: &'static str,
    pub confirmed_by: &'static str,
    pub by_watch: fn(WatchSignal) -> &'static str,
    pub by_promql: &'static str,
    pub by_person: &'static str,
    pub opens: &'static str,
    pub opens_what: fn(Opens) -> &'static str,
    // The checks.
    pub checks: &'static str,
    pub no_checks: &'static str,
    pub expects: &'static str,
    pub timeout: &'static str,
    pub blocking: &'static str,
    pub advisory: &'static str,
    pub condition_of: fn(Condition) -> &'static str,
    pub contains: fn(&str) -> String,
    pub refused: fn(ImportRefusal) -> &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "服务",
        lede: |services, unwell| match unwell {
            0 => format!("{services} 个服务，工作负载均正常。"),
            _ => format!("{services} 个服务，其中 {unwell} 个的工作负载不正常。"),
        },
        empty: "还没有服务：用 lifeboat catalog import 导入目录。",
        none_found: "没有符合条件的服务。",
        team: "团队",
        environment: "环境",
        mode: "模式",
        workloads: "工作负载",
        open_rollback: "进行中的回滚",
        facts: "概况",
        policy: "策略",
        version: |name, version| format!("{name}，第 {version} 版"),
        matches: "匹配标签",
        matches_nothing: "只按工作负载名匹配",
        mode_of: |mode| match mode {
            Mode::Off => "关闭",
            Mode::Shadow => "只记录",
            Mode::Suggest => "建议",
            Mode::Auto => "自动",
        },
        mode_means: |mode| match mode {
            Mode::Off => "不自动决策；人工申请不受影响。",
            Mode::Shadow => "记录会怎样决策，不执行，事后对照结果。",
            Mode::Suggest => "给出计划，由人批准后执行。",
            Mode::Auto => "置信度足够且护栏允许时自动执行，否则由人批准。",
        },
        standing_of: |standing| match standing {
            Standing::Well => "正常",
            Standing::Progressing => "发布中",
            Standing::Unseen => "未见",
            Standing::NotReady => "未全部就绪",
            Standing::Stuck => "发布卡住",
            Standing::Gone => "已删除",
        },
        pods_ready: "就绪",
        place: "位置",
        search: "名称包含",
        images: "镜像",
        automatic_above: "自动阈值",
        partial_above: "部分阈值",
        automatic_rules: "无条件自动的信号",
        strategy: "回滚单位",
        strategy_of: |strategy| match strategy {
            Strategy::Workload => "工作负载",
            Strategy::Release => "整个 release",
        },
        approvals: "审批",
        approval: |count, roles, within| format!("{count} 人（{roles}），{within}内"),
        otp: "一次性验证码",
        observation: "观察期",
        attribution: "变更归因窗口",
        clean_before: "变更前须正常",
        alert_age: "告警最长时效",
        min_requests: "最少请求数",
        second_source: "第二来源等待",
        cooldown: "冷却",
        per_rule_hour: "每小时自动次数",
        failures_to_block: "失败几次后锁定",
        blast_radius: "同时回滚的服务",
        gates: "门槛",
        rails: "护栏",
        times: |count| format!("{count} 次"),
        yes: "需要",
        no: "不需要",
        signals: "信号",
        severity: "级别",
        severity_of: |severity| match severity {
            Severity::Info => "提示",
            Severity::Warning => "警告",
            Severity::Critical => "严重",
            Severity::Emergency => "紧急",
        },
        fires: "触发条件",
        lasting: "持续",
        at_once: "立即",
        baseline: "基线",
        ceiling: "上限",
        confirmed_by: "由谁确认",
        by_watch: |watch| match watch {
            WatchSignal::CrashLoop => "集群监视：容器反复崩溃",
            WatchSignal::ImagePull => "集群监视：拉取镜像失败",
            WatchSignal::Oom => "集群监视：内存超限被杀",
            WatchSignal::Stuck => "集群监视：发布超时",
            WatchSignal::NotReady => "集群监视：就绪检查失败",
        },
        by_promql: "PromQL",
        by_person: "人",
        opens: "引发",
        opens_what: |opens| match opens {
            Opens::Rollback => "回滚决策",
            Opens::Incident => "事件",
            Opens::Runbook => "手册建议",
        },
        checks: "检查",
        no_checks: "没有检查：回滚后只看 Pod 是否就绪。",
        expects: "期望",
        timeout: "超时",
        blocking: "阻断",
        advisory: "仅提示",
        condition_of: |condition| match condition {
            Condition::PodsReady => "全部 Pod 就绪",
            Condition::Available => "工作负载可用",
            Condition::RolledOut => "发布已完成",
        },
        contains: |text| format!("包含 {text}"),
        refused: |refusal| match refusal {
            ImportRefusal::NotAwaitingConsent => "该导入已不在等待同意。",
            ImportRefusal::OwnImport => "不能同意自己提交的导入。",
            ImportRefusal::OwnRefusal => "不能由提交人自己拒绝导入。",
            ImportRefusal::VersionMoved => {
                "所编辑的版本已不是生效版本，没有任何改动生效。请在新版本上重新编辑。"
            }
            ImportRefusal::NothingChanges => "与生效版本相同，没有需要同意的改动。",
            ImportRefusal::ImportMoved => {
                "目录在此期间已变更，导入的结果会不同：请重新提交并阅读差异。"
            }
        },
    },
    en: Texts {
        title: "Services",
        lede: |services, unwell| match unwell {
            0 => format!("{services} services, and all their workloads are well."),
            _ => format!("{services} services, {unwell} of them with a workload that is not well."),
        },
        empty: "No services yet: import a catalog with lifeboat catalog import.",
        none_found: "No service is like that.",
        team: "Team",
        environment: "Environment",
        mode: "Mode",
        workloads: "Workloads",
        open_rollback: "Open rollback",
        facts: "Facts",
        policy: "Policy",
        version: |name, version| format!("{name}, version {version}"),
        matches: "Matches labels",
        matches_nothing: "by the names of its workloads only",
        mode_of: |mode| match mode {
            Mode::Off => "Off",
            Mode::Shadow => "Shadow",
            Mode::Suggest => "Suggest",
            Mode::Auto => "Auto",
        },
        mode_means: |mode| match mode {
            Mode::Off => "Nothing is decided by itself; requests of people are not affected.",
            Mode::Shadow => {
                "Writes down what would be decided, does not act, and is held against what happened."
            }
            Mode::Suggest => "Makes a plan that is carried out once people approve it.",
            Mode::Auto => {
                "Acts by itself where confidence and rails allow it, and asks people otherwise."
            }
        },
        standing_of: |standing| match standing {
            Standing::Well => "Well",
            Standing::Progressing => "Rolling out",
            Standing::Unseen => "Not seen",
            Standing::NotReady => "Not all ready",
            Standing::Stuck => "Rollout stuck",
            Standing::Gone => "Deleted",
        },
        pods_ready: "Ready",
        place: "Where",
        search: "Name contains",
        images: "Images",
        automatic_above: "Automatic above",
        partial_above: "Partial above",
        automatic_rules: "Always automatic",
        strategy: "Rolled back as",
        strategy_of: |strategy| match strategy {
            Strategy::Workload => "one workload",
            Strategy::Release => "the whole release",
        },
        approvals: "Approvals",
        approval: |count, roles, within| format!("{count} of {roles} within {within}"),
        otp: "One-time code",
        observation: "Observation",
        attribution: "Changes count for",
        clean_before: "Clean before the change",
        alert_age: "Oldest alert",
        min_requests: "Fewest requests",
        second_source: "Wait for a second source",
        cooldown: "Cool-down",
        per_rule_hour: "Automatic per rule and hour",
        failures_to_block: "Failures until blocked",
        blast_radius: "Services at once",
        gates: "Gates",
        rails: "Rails",
        times: |count| match count {
            1 => "once".to_owned(),
            _ => format!("{count} times"),
        },
        yes: "asked for",
        no: "not asked for",
        signals: "Signals",
        severity: "Severity",
        severity_of: |severity| match severity {
            Severity::Info => "Info",
            Severity::Warning => "Warning",
            Severity::Critical => "Critical",
            Severity::Emergency => "Emergency",
        },
        fires: "Fires when",
        lasting: "For",
        at_once: "at once",
        baseline: "Baseline",
        ceiling: "Ceiling",
        confirmed_by: "Confirmed by",
        by_watch: |watch| match watch {
            WatchSignal::CrashLoop => "the watch: containers crash again and again",
            WatchSignal::ImagePull => "the watch: images cannot be pulled",
            WatchSignal::Oom => "the watch: killed for memory",
            WatchSignal::Stuck => "the watch: the rollout takes too long",
            WatchSignal::NotReady => "the watch: pods do not get ready",
        },
        by_promql: "PromQL",
        by_person: "a person",
        opens: "Opens",
        opens_what: |opens| match opens {
            Opens::Rollback => "a decision on a rollback",
            Opens::Incident => "an incident",
            Opens::Runbook => "a runbook proposal",
        },
        checks: "Checks",
        no_checks: "No checks: after a rollback only the readiness of the pods is looked at.",
        expects: "Expects",
        timeout: "Timeout",
        blocking: "Blocking",
        advisory: "Advisory",
        condition_of: |condition| match condition {
            Condition::PodsReady => "all pods ready",
            Condition::Available => "workload available",
            Condition::RolledOut => "rolled out",
        },
        contains: |text| format!("contains {text}"),
        refused: |refusal| match refusal {
            ImportRefusal::NotAwaitingConsent => "This import is not waiting for consent any more.",
            ImportRefusal::OwnRefusal => "Somebody other than who asked for it refuses an import.",
            ImportRefusal::VersionMoved => {
                "The version that was edited has moved: another one is in force. Nothing was changed; edit the new one."
            }
            ImportRefusal::NothingChanges => {
                "This says the same as the version in force; there is nothing to consent to."
            }
            ImportRefusal::OwnImport => {
                "You cannot consent to an import that you asked for yourself."
            }
            ImportRefusal::ImportMoved => {
                "The catalog has changed, so this import would now do something else: ask for it again and read what differs."
            }
        },
    },
};
