//! What waits for somebody's yes, line by line.

use super::Each;

pub struct Texts {
    pub lede: fn(usize) -> String,
    /// How the keys move, for who sees the page.
    pub keys: &'static str,
    pub plan: &'static str,
    /// So many of so many have approved: `1 / 2（ann）`.
    pub approved: fn(usize, u32, &str) -> String,
    pub nobody_yet: fn(u32) -> String,
    pub version: fn(&str) -> String,
    pub import: &'static str,
    pub by: fn(&str) -> String,
    pub consent: &'static str,
    pub target: &'static str,
    pub no_end: &'static str,
    pub own: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        lede: |n| match n {
            0 => "现在没有等待的事项。".to_owned(),
            n => format!("{n} 项等待同意；先到期的在前。"),
        },
        keys: "j / k 或 ↑ / ↓ 移动，Enter 打开",
        plan: "计划",
        approved: |given, of, names| format!("已批准 {given} / {of}：{names}"),
        nobody_yet: |of| format!("已批准 0 / {of}"),
        version: |subject| format!("新版本：{subject}"),
        import: "目录导入",
        by: |name| format!("由 {name} 提交"),
        consent: "等待同意",
        target: "目标",
        no_end: "不会过期",
        own: "你自己提交的，由另一个人决定",
    },
    en: Texts {
        lede: |n| match n {
            0 => "Nothing waits now.".to_owned(),
            1 => "1 thing waits for a yes.".to_owned(),
            n => format!("{n} things wait for a yes; what runs out first comes first."),
        },
        keys: "j / k or ↑ / ↓ to move, Enter to open",
        plan: "Plan",
        approved: |given, of, names| format!("{given} of {of} approved: {names}"),
        nobody_yet: |of| format!("0 of {of} approved"),
        version: |subject| format!("New version: {subject}"),
        import: "Catalog import",
        by: |name| format!("by {name}"),
        consent: "waiting for consent",
        target: "Target",
        no_end: "does not expire",
        own: "You asked for it; somebody else decides",
    },
};
