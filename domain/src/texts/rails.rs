//! Rails, as a page shows them.

use super::Each;
use crate::policies::Mode;
use crate::rails::Refusal;

pub struct Texts {
    pub title: &'static str,
    pub lede: &'static str,
    pub all_off: &'static str,
    pub some_on: fn(usize) -> String,
    pub kill_switches: &'static str,
    pub kill_switch: &'static str,
    pub who_lifts: &'static str,
    pub scope: &'static str,
    pub global: &'static str,
    pub state: &'static str,
    pub by: &'static str,
    pub act: &'static str,
    pub on: &'static str,
    pub off: &'static str,
    pub throw: &'static str,
    pub throw_now: &'static str,
    pub throw_question: &'static str,
    pub throw_note: &'static str,
    pub lift: &'static str,
    pub lift_question: &'static str,
    pub not_your_own: &'static str,
    pub reason: &'static str,
    pub services: &'static str,
    pub no_services: &'static str,
    pub service: &'static str,
    pub mode: &'static str,
    pub failures: &'static str,
    pub this_hour: &'static str,
    pub holds: &'static str,
    pub acknowledge: &'static str,
    pub every_rail: &'static str,
    pub rail: &'static str,
    pub now: &'static str,
    pub lifted_by: &'static str,
    pub lets_go: &'static str,
    pub holds_back: fn(usize) -> String,
    pub cools: &'static str,
    pub said: fn(Rail) -> Said,
    pub mode_of: fn(Mode) -> &'static str,
    pub refused: fn(Refusal) -> &'static str,
}

words!(
    /// The rails whose state does not depend on one alert alone.
    Rail {
        KillSwitch = "kill_switch",
        FailuresBlock = "failures_block",
        Cooldown = "cooldown",
        HourlyCap = "hourly_cap",
        BlastRadius = "blast_radius",
        Hold = "hold",
        Mode = "mode",
        ProtectedNamespace = "protected_namespace",
    }
);

/// Of one rail: what it is called, and who may lift it.
pub struct Said {
    pub name: &'static str,
    pub lifted_by: &'static str,
}

fn zh(rail: Rail) -> Said {
    let (name, lifted_by) = match rail {
        Rail::KillSwitch => ("终止开关", "按下者以外的 SRE，写明理由"),
        Rail::FailuresBlock => ("连续失败锁定", "SRE 查明后确认，见下表"),
        Rail::Cooldown => ("冷却", "到时自行解除；时长由策略规定"),
        Rail::HourlyCap => ("每小时自动次数", "一小时内自行恢复；上限由策略规定"),
        Rail::BlastRadius => ("同时回滚的服务", "其他回滚结束后自行恢复；上限由策略规定"),
        Rail::Hold => ("搁置的版本", "SRE 在工作负载页面撤销对该版本的判定"),
        Rail::Mode => ("策略模式", "SRE 编辑策略，第二个人同意"),
        Rail::ProtectedNamespace => ("受保护的命名空间", "管理员修改目录中的集群；从不自动回滚"),
    };
    Said { name, lifted_by }
}

fn en(rail: Rail) -> Said {
    let (name, lifted_by) = match rail {
        Rail::KillSwitch => ("Kill switch", "an SRE other than who threw it, with a reason"),
        Rail::FailuresBlock => ("Block after failures", "an SRE who has looked into them, below"),
        Rail::Cooldown => ("Cool-down", "ends by itself; the policy says how long it is"),
        Rail::HourlyCap => {
            ("Automatic per hour", "frees itself within the hour; the policy says how many")
        }
        Rail::BlastRadius => {
            ("Services at once", "frees itself as others end; the policy says how many")
        }
        Rail::Hold => ("Held versions", "an SRE who takes back the verdict on the workload's page"),
        Rail::Mode => {
            ("Mode of the policy", "an SRE edits the policy and a second person consents")
        }
        Rail::ProtectedNamespace => {
            ("Protected namespaces", "an administrator changes the cluster; never automatic")
        }
    };
    Said { name, lifted_by }
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "护栏",
        lede: "现在有什么在拦着自动回滚，谁可以解除。",
        all_off: "自动回滚：启用",
        some_on: |n| format!("{n} 个终止开关已按下"),
        kill_switches: "终止开关",
        kill_switch: "终止开关",
        who_lifts: "任何人都能按下；只能由按下者以外的 SRE 解除",
        scope: "范围",
        global: "全局",
        state: "状态",
        by: "按下者",
        act: "操作",
        on: "已按下",
        off: "未按下",
        throw: "终止开关…",
        throw_now: "停止自动回滚",
        throw_question: "按下终止开关？",
        throw_note: "范围内立即停止自动回滚：策略的自动批准作废，正在执行的停在下一个动作之前。人工申请的回滚经再次确认后可以继续。",
        lift: "解除",
        lift_question: "解除终止开关？",
        not_your_own: "不能由按下者本人解除",
        reason: "理由",
        services: "服务",
        no_services: "还没有服务；请先导入目录。",
        service: "服务",
        mode: "模式",
        failures: "连续失败 / 阻断",
        this_hour: "本小时自动 / 上限",
        holds: "搁置的版本",
        acknowledge: "确认并解除阻断",
        every_rail: "每条护栏",
        rail: "护栏",
        now: "现在拦着什么",
        lifted_by: "谁可以解除",
        lets_go: "放行",
        holds_back: |n| format!("拦着 {n} 处"),
        cools: "冷却剩余",
        said: zh,
        mode_of: |mode| match mode {
            Mode::Off => "关闭",
            Mode::Shadow => "影子",
            Mode::Suggest => "建议",
            Mode::Auto => "自动",
        },
        refused: |refusal| match refusal {
            Refusal::OwnSwitch => "终止开关不能由按下者本人解除。",
            Refusal::NotOn => "该终止开关没有按下。",
            Refusal::NoReason => "请说明理由。",
            Refusal::NotBlocked => "没有需要确认的阻断。",
        },
    },
    en: Texts {
        title: "Rails",
        lede: "What holds automatic rollbacks back now, and who may lift it.",
        all_off: "Automatic rollbacks: on",
        some_on: |n| format!("{n} kill switches are on"),
        kill_switches: "Kill switches",
        kill_switch: "Kill switch",
        who_lifts: "Anybody may throw one; an SRE other than who threw it may lift it",
        scope: "Scope",
        global: "Global",
        state: "State",
        by: "Thrown by",
        act: "Act",
        on: "on",
        off: "off",
        throw: "Kill switch…",
        throw_now: "Stop automatic rollbacks",
        throw_question: "Throw the kill switch?",
        throw_note: "Automatic rollbacks in this scope stop at once: approvals by policy are void, and what is being carried out stops before its next act. What a person asked for goes on after a second confirmation.",
        lift: "Lift",
        lift_question: "Lift the kill switch?",
        not_your_own: "not to be lifted by who threw it",
        reason: "Reason",
        services: "Services",
        no_services: "No services yet; import a catalog first.",
        service: "Service",
        mode: "Mode",
        failures: "Failures / block",
        this_hour: "Automatic this hour / cap",
        holds: "Held versions",
        acknowledge: "Acknowledge and unblock",
        every_rail: "Each rail",
        rail: "Rail",
        now: "What it holds back now",
        lifted_by: "Who may lift it",
        lets_go: "lets go on",
        holds_back: |n| format!("holds back {n}"),
        cools: "left of the cool-down",
        said: en,
        mode_of: |mode| match mode {
            Mode::Off => "off",
            Mode::Shadow => "shadow",
            Mode::Suggest => "suggest",
            Mode::Auto => "auto",
        },
        refused: |refusal| match refusal {
            Refusal::OwnSwitch => "A kill switch is lifted by somebody other than who threw it.",
            Refusal::NotOn => "This kill switch is not on.",
            Refusal::NoReason => "Please say why.",
            Refusal::NotBlocked => "There is no block to acknowledge.",
        },
    },
};
