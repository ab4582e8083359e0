//! Incidents that are wished for and runbooks that are proposed, as pages show them.

use super::Each;
use crate::openings::{Cause, Kind, Refusal};

pub struct Texts {
    pub title: &'static str,
    pub none: &'static str,
    pub what: &'static str,
    pub why: &'static str,
    pub said: &'static str,
    pub since: &'static str,
    pub act: &'static str,
    pub runbook: &'static str,
    pub trace: &'static str,
    pub take_up: &'static str,
    pub take_up_question: &'static str,
    pub take_up_note: &'static str,
    pub reason: &'static str,
    pub kind_of: fn(Kind) -> &'static str,
    pub cause_of: fn(Cause) -> &'static str,
    pub refused: fn(Refusal) -> &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "待人处理",
        none: "没有等待处理的事件或手册。",
        what: "类别",
        why: "缘由",
        said: "说明",
        since: "提出于",
        act: "操作",
        runbook: "手册",
        trace: "追踪号",
        take_up: "接手",
        take_up_question: "接手此项？",
        take_up_note: "写下由谁处理、去了哪里（事件号、工单），或为什么不需要处理。",
        reason: "去向或理由",
        kind_of: |it| match it {
            Kind::Incident => "需要开事件",
            Kind::Runbook => "建议执行手册",
        },
        cause_of: |it| match it {
            Cause::Signal => "信号触发",
            Cause::NotVerified => "回滚后未通过验证",
            Cause::Failed => "回滚执行失败",
            Cause::Unanswered => "三次审批无人答复",
        },
        refused: |it| match it {
            Refusal::Over => "此项已有人接手。",
        },
    },
    en: Texts {
        title: "Waiting for people",
        none: "No incident and no runbook waits for anybody.",
        what: "What",
        why: "Why",
        said: "Says",
        since: "Since",
        act: "Act",
        runbook: "Runbook",
        trace: "Trace",
        take_up: "Take up",
        take_up_question: "Take this up?",
        take_up_note: "Say who deals with it and where (number of the incident, ticket), or why nobody has to.",
        reason: "Where it went, or why not",
        kind_of: |it| match it {
            Kind::Incident => "open an incident",
            Kind::Runbook => "carry out a runbook",
        },
        cause_of: |it| match it {
            Cause::Signal => "a signal fires",
            Cause::NotVerified => "the rollback was not verified",
            Cause::Failed => "the rollback failed",
            Cause::Unanswered => "three approvals without an answer",
        },
        refused: |it| match it {
            Refusal::Over => "Somebody has taken this up already.",
        },
    },
};
