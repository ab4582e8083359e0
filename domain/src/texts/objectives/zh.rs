use super::{Lang, Texts, duration, moment};
use crate::objectives::{Finding, Refusal};
use crate::texts::bytes;

pub(super) const TEXTS: Texts = Texts {
    title: "目标矩阵",
    lede: "每个数据域的 RTO、RPO 与其他目标。两份文档不一致时以更严格者为准，两者都列出；每次调整都有日期和原因，旧演练按当日的目标判定。",
    nothing_yet: "还没有目标。用 lifeboat catalog import 导入目录中的 objectives.yaml。",
    domain: "数据域",
    path: "恢复路径",
    attained: "最近实测",
    signals: "监控信号",
    owner: "负责团队",
    sources: "来源文档",
    document: "文档",
    section: "章节",
    holds: "生效",
    others: "其他目标",
    others_hint: "每行一个，例如：crr_delay <= 60 s、hit_rate >= 0.8 ratio",
    rto_s: "RTO（秒）",
    rto_hint: "秒数或 n/a；留空表示该文档未提",
    rpo_s: "RPO（秒）",
    rpo_hint: "秒数、may_be_lost（可丢失）或 n/a；留空表示该文档未提",
    may_be_lost: "可丢失",
    not_applicable: "不适用",
    unsaid: "未规定",
    never_measured: "尚未测得",
    not_watched: "没有配置测量方法，只能由演练的时钟给出。",
    how: "如何测量",
    recovery: "关键接口成功率（RTO）",
    replication: "主备复制（RPO）",
    measurements: "度量记录",
    measured_at: "测量时间",
    belongs_to: "归属",
    judged_by: "判定依据",
    result: "结果",
    history: "目标的历史",
    version: "版本",
    since: "生效时间",
    changed_by: "修改人",
    edit: "调整目标",
    add_source: "增加一份来源文档",
    remove_source: "移除这份来源文档",
    reason_hint: "将写入历史和审计日志",
    change: "保存新版本",
    export_rto: "导出 DR-02（RTO）",
    export_rpo: "导出 DR-04（RPO）",
    database: "数据库域",
    refused: |refusal| match refusal {
        Refusal::ObjectiveMoved => "期间有人修改了这个目标，请看过新版本再改。",
        Refusal::NothingChanges => "没有任何变化。",
    },
    finding: |finding| match finding {
        Finding::Back { at, held_until } => {
            format!("{} 恢复，并保持到 {}。", moment(*at), moment(*held_until))
        }
        Finding::ByLedger { at } => {
            format!("没有配置测量方法，以台账的恢复时刻 {} 为准。", moment(*at))
        }
        Finding::NeverDown { until } => format!("到 {} 为止关键接口始终达标。", moment(*until)),
        Finding::NotSeen { until } => format!("到 {} 为止还没有看到中断。", moment(*until)),
        Finding::NotYet { until } => {
            format!("到 {} 为止仍未恢复，或保持时间还不够。", moment(*until))
        }
        Finding::NoData => "监控没有任何数据：检查查询语句，以及目标是否被采集。".into(),
        Finding::NotANumber => "监控只给出 NaN：没有调用，成功率无从谈起。".into(),
        Finding::Gap { from, to } => {
            format!("{} 到 {} 之间缺少数据，恢复可能发生在其中。", moment(*from), moment(*to))
        }
        Finding::MissingSeries { found, expected } => {
            format!("应有 {expected} 个关键接口的数据，只有 {found} 个。")
        }
        Finding::NoAnswer { reason } => format!("没有得到答复：{reason}"),
        Finding::NoSource { reason } => format!("不知道问谁：{reason}"),
        Finding::Loss { bytes: lost, primary, received, same_at: Some(_), .. } => {
            format!("主库 {primary}，备库收到 {received}，相差 {}。", bytes(*lost))
        }
        Finding::Loss { bytes: lost, received, same_at: None, .. } => {
            format!(
                "相差 {}；开始观测时备库就已落后于 {received} 之后的位置，无法换算成时间。",
                bytes(*lost)
            )
        }
        Finding::Heartbeat { primary, standby } => {
            format!("心跳：主库 {}，备库 {}。", moment(*primary), moment(*standby))
        }
        Finding::ReplayLag { bytes: lag, received, replayed } => {
            format!("收到 {received}，回放到 {replayed}，相差 {}；不算丢失。", bytes(*lag))
        }
        Finding::NoPosition => "开始观测以来主库从未应答，不知道它写到了哪里。".into(),
        Finding::NotAStandby => "备库不在恢复模式：已被提升，或从来不是备库。".into(),
        Finding::NotAPrimary => "主库处于恢复模式，它不是主库。".into(),
        Finding::Strangers => "两个库不是同一份数据：系统标识不同。".into(),
    },
    gap: |gap| {
        let said = |seconds: u32| duration(Lang::Zh, chrono::TimeDelta::seconds(seconds.into()));
        format!(
            "最坏会丢失 {}，而 {} 只允许丢失 {}：备份间隔满足不了 RPO。",
            said(gap.worst_s),
            gap.objective,
            said(gap.rpo_s)
        )
    },
};
