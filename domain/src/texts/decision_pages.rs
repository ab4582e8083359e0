//! The pages around a decision; the words of the rules themselves stand in [`super::decisions`].

use super::Each;

pub struct Texts {
    pub title: &'static str,
    pub lede: &'static str,
    pub nothing_yet: &'static str,
    pub outcome: &'static str,
    pub disposition: &'static str,
    pub confidence: &'static str,
    pub cause: &'static str,
    pub strategy: &'static str,
    pub against: &'static str,
    pub follows: &'static str,
    pub record: &'static str,
    pub recomputed: &'static str,
    pub not_recomputed: &'static str,
    pub situation: &'static str,
    pub situation_note: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "决策",
        lede: "规则对每种情形的结论，包括“什么也不做”。",
        nothing_yet: "还没有决策。",
        outcome: "结论",
        disposition: "处置",
        confidence: "置信度",
        cause: "原因",
        strategy: "策略",
        against: "首要反对理由",
        follows: "前一次决策",
        record: "记录",
        recomputed: "仅凭记录重算，结论一致",
        not_recomputed: "仅凭记录重算，结论不一致",
        situation: "情形",
        situation_note: "规则看到的全部数据（可存为文件，用 lifeboat decide --file 重算）",
    },
    en: Texts {
        title: "Decisions",
        lede: "What the rules made of each situation, also where they did nothing.",
        nothing_yet: "No decisions yet.",
        outcome: "Outcome",
        disposition: "Disposition",
        confidence: "Confidence",
        cause: "Cause",
        strategy: "Strategy",
        against: "First objection",
        follows: "Follows",
        record: "Record",
        recomputed: "computed again from the record alone: the same outcome",
        not_recomputed: "computed again from the record alone: another outcome",
        situation: "Situation",
        situation_note: "Everything the rules looked at (save it, and compute it again with lifeboat decide --file)",
    },
};
