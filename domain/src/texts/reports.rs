//! The printed report of a closed quarter, and how it stands on the page of the quarter.

use super::Each;
use crate::quarters::AuditHead;
use crate::quarters::report::Fault;

/// What can be verified, and how.
pub type Check = (&'static str, String);

pub struct Texts {
    /// Of the quarter.
    pub title: fn(&str) -> String,
    pub subtitle: &'static str,
    pub keywords: [&'static str; 4],
    /// What is frozen, who did it and when.
    pub lede: fn(&str, &str, &str) -> String,
    pub zone: &'static str,
    pub legend: &'static str,
    pub before: &'static str,
    pub months: &'static str,
    pub trends: &'static str,
    pub trends_note: fn(usize) -> String,
    pub ledgers: &'static str,
    /// How many rows there are.
    pub ledgers_note: fn(&str) -> String,
    pub ledger_of: fn(&str) -> String,
    pub date: &'static str,
    pub subject: &'static str,
    pub scenario: &'static str,
    pub cause: &'static str,
    pub promise: &'static str,
    pub worst: &'static str,
    pub outcome: &'static str,
    pub row_digest: &'static str,
    pub unknown: &'static str,
    /// Values of one day that were met, missed, and without a result.
    pub measured: fn(u64, u64, u64) -> String,
    pub verify: &'static str,
    pub verify_note: &'static str,
    /// Of the quarter and the head of the audit chain.
    pub checks: fn(&str, Option<&AuditHead>) -> Vec<Check>,
    pub attachment: &'static str,
    pub page: fn(&str, &str) -> String,

    pub report: &'static str,
    pub stored: &'static str,
    pub stored_at: &'static str,
    pub being_made: &'static str,
    pub not_stored: &'static str,
    pub being_made_note: &'static str,
    /// Why, how often it was tried, and when it is tried again.
    pub not_stored_note: fn(&str, u32, &str) -> String,
    pub fault_of: fn(Fault) -> &'static str,
    pub download: &'static str,
    pub erased: fn(&str) -> String,
    pub file: &'static str,
    pub place: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: |quarter| format!("{quarter} 季度报告"),
        subtitle: "灾备演练、恢复目标与回滚",
        keywords: ["季度关账", "演练台账", "RTO/RPO", "回滚"],
        lede: |quarter, by, at| {
            format!(
                "{quarter} 由 {by} 于 {at} 关账。本报告所载指标与记录自此固定；此后的改动只见于附注，不改变本报告。"
            )
        },
        zone: "时区",
        legend: "“–”表示没有可统计的记录，不等于零；未知不算达成。",
        before: "上季度",
        months: "逐月指标",
        trends: "趋势",
        trends_note: |n| format!("本季度与此前 {n} 个季度，均按关账时的统计。"),
        ledgers: "记录",
        ledgers_note: |n| format!("共 {n} 条。每条记录全文的摘要如下，按台账编号排列。"),
        ledger_of: |name| match name {
            "drills" => "演练台账".into(),
            "rollbacks" => "回滚".into(),
            "measurements" => "RTO / RPO 度量（按日）".into(),
            "spot-checks" => "抽检".into(),
            other => other.into(),
        },
        date: "日期",
        subject: "对象",
        scenario: "场景",
        cause: "原因",
        promise: "承诺",
        worst: "最差值",
        outcome: "结果",
        row_digest: "SHA-256",
        unknown: "未知",
        measured: |met, missed, unknown| match unknown {
            0 => format!("达标 {met}，未达标 {missed}"),
            n => format!("达标 {met}，未达标 {missed}，未知 {n}"),
        },
        verify: "如何核验",
        verify_note: "无需相信本系统：以下各项都可以用通用工具独立完成。",
        checks: |quarter, head| {
            let chain = match head {
                Some(AuditHead { entry, hash }) => format!(
                    "运行 lifeboat audit verify --public-key 公钥文件。审计链第 {entry} 条的哈希应为 {hash}；本次关账是其后的一条，再往后的链头由系统定期签名并公布。"
                ),
                None => "关账时尚无封存的审计记录，因此没有可对照的链头。".to_owned(),
            };
            vec![
                ("本文件", format!("计算本文件的 SHA-256（sha256sum），与系统中 {quarter} 页面及证据所载的值比对。")),
                ("指标与记录", "本文件附带 frozen.json：规范 JSON（RFC 8785）写成的全部指标，以及每条记录的摘要。它的 SHA-256 就是每页页脚中的摘要。".to_owned()),
                ("单条记录", format!("GET /api/v1/quarters/{quarter}/rows 给出每条记录在关账时的全文（facts）；其规范 JSON 的 SHA-256 就是“记录”一节中的摘要。")),
                ("审计链", chain),
                ("后续改动", format!("{quarter} 页面的附注列出关账以来的每处改动、时间与操作人。冻结的内容不变。")),
            ]
        },
        attachment: "冻结的指标与各条记录的摘要",
        page: |n, of| format!("第 {n} 页，共 {of} 页"),
        report: "季度报告（PDF）",
        stored: "已存档",
        stored_at: "存档时间",
        being_made: "生成中",
        not_stored: "尚未存档",
        being_made_note: "报告在关账后自动生成，通常只需几秒。",
        not_stored_note: |why, tries, again| {
            format!("报告尚未存档：{why}。已尝试 {tries} 次，将于 {again} 再试。关账本身不受影响。")
        },
        fault_of: |fault| match fault {
            Fault::Away => "对象存储没有响应",
            Fault::Full => "对象存储已满",
            Fault::Taken => "对象存储中该名称下已有另一份文件，请管理员查明其来源",
            Fault::Differs => "数据库中的记录已不能得出关账时的摘要，请立即核查",
            Fault::TooSlow => "排版超时",
            Fault::Broken => "排版失败，原因见服务日志",
        },
        download: "下载报告",
        erased: |why| format!("报告文件已依法删除：{why}"),
        file: "文件的 SHA-256",
        place: "存放位置",
    },
    en: Texts {
        title: |quarter| format!("Quarterly report {quarter}"),
        subtitle: "Drills, recovery objectives and rollbacks",
        keywords: ["quarter close", "drill ledger", "RTO/RPO", "rollback"],
        lede: |quarter, by, at| {
            format!(
                "{quarter} was closed by {by} at {at}. From then on the figures and rows of this report are fixed; later changes are an addendum and never change it."
            )
        },
        zone: "Time zone",
        legend: "“–” means that there are no rows to count, which is not zero. What is unknown is not met.",
        before: "Quarter before",
        months: "Month by month",
        trends: "Trends",
        trends_note: |n| {
            format!("This quarter and the {n} before it, as they were counted when it was closed.")
        },
        ledgers: "Rows",
        ledgers_note: |n| {
            format!("{n} in all. The digest of each row's full text, in the order of the ledgers.")
        },
        ledger_of: |name| match name {
            "drills" => "Drill ledger".into(),
            "rollbacks" => "Rollbacks".into(),
            "measurements" => "RTO / RPO measurements, by day".into(),
            "spot-checks" => "Spot checks".into(),
            other => other.into(),
        },
        date: "Date",
        subject: "Subject",
        scenario: "Scenario",
        cause: "Cause",
        promise: "Promise",
        worst: "Worst value",
        outcome: "Outcome",
        row_digest: "SHA-256",
        unknown: "Unknown",
        measured: |met, missed, unknown| match unknown {
            0 => format!("met {met}, missed {missed}"),
            n => format!("met {met}, missed {missed}, unknown {n}"),
        },
        verify: "How to verify",
        verify_note: "None of this asks you to trust the system: every check can be done with common tools.",
        checks: |quarter, head| {
            let chain = match head {
                Some(AuditHead { entry, hash }) => format!(
                    "Run lifeboat audit verify --public-key FILE. Entry {entry} of the audit chain has the hash {hash}; this close is a later entry, and the heads after it are signed and published."
                ),
                None => {
                    "No entry of the audit log was sealed by then, so there is no head to compare."
                        .to_owned()
                }
            };
            vec![
                ("This file", format!("Its SHA-256 (sha256sum) stands on the page of {quarter} and in its evidence.")),
                ("Figures and rows", "frozen.json, attached to this file, is the canonical JSON (RFC 8785) of every figure and of the digest of every row. Its SHA-256 is the digest at the foot of each page.".to_owned()),
                ("One row", format!("GET /api/v1/quarters/{quarter}/rows gives the full text (facts) of each row as it was closed; the SHA-256 of its canonical JSON is the digest in the section of rows.")),
                ("Audit chain", chain),
                ("Later changes", format!("The addendum on the page of {quarter} lists every change since the close, with time and author. What is frozen stays.")),
            ]
        },
        attachment: "The frozen figures, and the digest of each row",
        page: |n, of| format!("Page {n} of {of}"),
        report: "Quarterly report (PDF)",
        stored: "Stored",
        stored_at: "Stored at",
        being_made: "Being made",
        not_stored: "Not stored yet",
        being_made_note: "The report is made by itself after the close, usually within seconds.",
        not_stored_note: |why, tries, again| {
            format!(
                "The report is not stored yet: {why}. Attempts so far: {tries}; the next one is at {again}. The close stands."
            )
        },
        fault_of: |fault| match fault {
            Fault::Away => "the object store does not answer",
            Fault::Full => "the object store is full",
            Fault::Taken => {
                "another file lies under its name in the object store; an administrator should find out where it is from"
            }
            Fault::Differs => {
                "the rows in the database no longer give the digest of the close; this must be looked into at once"
            }
            Fault::TooSlow => "setting it took too long",
            Fault::Broken => "it could not be set; the server's log says why",
        },
        download: "Download the report",
        erased: |why| format!("The file had to be erased by law: {why}"),
        file: "SHA-256 of the file",
        place: "Where it lies",
    },
};
