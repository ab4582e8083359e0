use super::Each;
use crate::rollbacks::{Refusal, State};

pub struct Texts {
    pub title: &'static str,
    pub requested_at: &'static str,
    pub plan: &'static str,
    pub time_left: &'static str,
    pub nothing_yet: &'static str,
    pub state_of: fn(&State) -> &'static str,
    pub not_waiting: &'static str,
    pub own_request: &'static str,
    pub plan_moved: &'static str,
}

impl Texts {
    pub fn refused(&self, refusal: Refusal) -> &'static str {
        match refusal {
            Refusal::NotWaiting => self.not_waiting,
            Refusal::OwnRequest => self.own_request,
            Refusal::PlanMoved => self.plan_moved,
        }
    }
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "回滚",
        requested_at: "申请时间",
        plan: "计划摘要",
        time_left: "审批剩余时间",
        nothing_yet: "还没有回滚。",
        state_of: |state| match state {
            State::AwaitingApproval => "待审批",
            State::Approved(..) => "已批准",
            State::Running(..) => "执行中",
            State::Succeeded(..) => "已完成",
        },
        not_waiting: "该回滚已不在待审批状态。",
        own_request: "不能批准自己申请的回滚。",
        plan_moved: "计划已变更，请重新阅读后再批准。",
    },
    en: Texts {
        title: "Rollbacks",
        requested_at: "Requested at",
        plan: "Plan digest",
        time_left: "Time left to approve",
        nothing_yet: "No rollbacks yet.",
        state_of: |state| match state {
            State::AwaitingApproval => "Awaiting approval",
            State::Approved(..) => "Approved",
            State::Running(..) => "Running",
            State::Succeeded(..) => "Succeeded",
        },
        not_waiting: "This rollback is no longer waiting for approval.",
        own_request: "You cannot approve what you requested yourself.",
        plan_moved: "The plan has changed; read it again before you approve.",
    },
};
