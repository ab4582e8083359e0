//! Catalogs that came through the API, and the second person's word on them.

use super::Each;

pub struct Texts {
    pub title: &'static str,
    pub lede: fn(usize) -> String,
    pub none: &'static str,
    pub awaiting: &'static str,
    pub in_force: &'static str,
    pub refused: &'static str,
    /// What was edited, and why.
    pub edits: &'static str,
    pub edit_reason: &'static str,
    pub asked_by: &'static str,
    pub asked_at: &'static str,
    pub consented_by: &'static str,
    /// Where nothing touched production.
    pub nobody: &'static str,
    pub refused_by: &'static str,
    pub prunes: &'static str,
    pub digest: &'static str,
    /// How many documents are made, changed and taken out of force.
    pub counts: fn(usize, usize, usize) -> String,
    pub difference: &'static str,
    pub created: &'static str,
    pub removed: &'static str,
    pub consent: &'static str,
    pub consent_note: &'static str,
    pub refuse: &'static str,
    pub refuse_why: &'static str,
    pub own: &'static str,
    pub not_yours: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "目录导入",
        lede: |waiting| match waiting {
            0 => "没有等待同意的导入。".to_owned(),
            n => format!("{n} 份导入等待第二个人同意；触及生产的内容在同意之前不会生效。"),
        },
        none: "还没有通过接口提交的导入，也没有编辑过的策略或信号。",
        awaiting: "等待同意",
        in_force: "已生效",
        refused: "已拒绝",
        edits: "新版本",
        edit_reason: "修改原因",
        asked_by: "提交人",
        asked_at: "提交时间",
        consented_by: "同意人",
        nobody: "不触及生产，无需同意",
        refused_by: "拒绝人",
        prunes: "文件中没有的内容会被停用",
        digest: "变更摘要",
        counts: |created, changed, removed| {
            format!("新增 {created}，变更 {changed}，停用 {removed}")
        },
        difference: "变更内容",
        created: "新增",
        removed: "停用",
        consent: "同意并生效",
        consent_note: "同意的是上面这份变更。如果目录在此期间变了，导入不会生效。",
        refuse: "拒绝",
        refuse_why: "为什么拒绝",
        own: "这是你自己提交的；由另一个人来看。",
        not_yours: "由 SRE 同意或拒绝。",
    },
    en: Texts {
        title: "Catalog imports",
        lede: |waiting| {
            match waiting {
            0 => "No import waits for consent.".to_owned(),
            1 => "1 import waits for a second person; what touches production is not in force before."
                .to_owned(),
            n => format!(
                "{n} imports wait for a second person; what touches production is not in force before."
            ),
        }
        },
        none: "Nothing was imported through the API yet, and no policy or signal was edited.",
        awaiting: "waiting for consent",
        in_force: "in force",
        refused: "refused",
        edits: "New version of",
        edit_reason: "Why",
        asked_by: "Asked for by",
        asked_at: "Asked for at",
        consented_by: "Consented to by",
        nobody: "touches no production, so nobody had to",
        refused_by: "Refused by",
        prunes: "what the files do not hold is taken out of force",
        digest: "Digest of the changes",
        counts: |created, changed, removed| {
            format!("{created} created, {changed} changed, {removed} removed")
        },
        difference: "What it changes",
        created: "created",
        removed: "removed",
        consent: "Consent and put in force",
        consent_note: "Your consent is to the changes above. Where the catalog has changed meanwhile, nothing is put in force.",
        refuse: "Refuse",
        refuse_why: "Why it is refused",
        own: "You asked for this one; somebody else looks at it.",
        not_yours: "An SRE consents to it or refuses it.",
    },
};
