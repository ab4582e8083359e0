//! Drills: the ledger, one drill with its signature, and planning one.

mod en;
mod zh;

use super::Each;
use crate::drills::closing::{self, Outcome};
use crate::drills::{DrillType, Due, Refusal, StateName};
use crate::evidence::{EvidenceKind, NotKept};
use crate::verdict::Verdict;

pub struct Texts {
    pub title: &'static str,
    pub lede: &'static str,
    pub nothing_yet: &'static str,
    pub plan: &'static str,
    pub number: &'static str,
    pub state: &'static str,
    pub scenario: &'static str,
    pub lead: &'static str,
    pub t0_t1: &'static str,
    pub closure: &'static str,
    pub closure_head: &'static str,
    pub evidence: &'static str,
    pub open_actions: &'static str,
    pub rto: &'static str,
    pub outcome: &'static str,
    pub service: &'static str,
    pub at_most: fn(&str) -> String,

    /// What is said first: how it stands.
    pub waits_to_start: &'static str,
    pub waits_for_approval: &'static str,
    /// Approved, and not in yet: it is being put in, or its run was stopped.
    pub waits_for_fault: &'static str,
    pub fault_stopped: &'static str,
    pub waits_for_recovery: &'static str,
    pub waits_for_evidence: &'static str,
    pub cannot_close: fn(usize) -> String,
    pub can_close: &'static str,
    pub recovered_in: fn(&str) -> String,
    pub signed: fn(&str) -> String,
    pub missed: &'static str,
    pub retest_due: &'static str,

    pub next: &'static str,
    pub start: &'static str,
    pub start_note: &'static str,
    pub own_request: &'static str,
    pub cancel: &'static str,
    pub cancel_note: &'static str,
    pub recover: &'static str,
    pub recover_note: &'static str,
    pub at_rollback: &'static str,

    pub sign_off: &'static str,
    pub sign: &'static str,
    pub sign_note: &'static str,
    pub sign_rule: &'static str,
    pub missing: fn(usize) -> String,
    pub ready: &'static str,
    pub only_pmo: &'static str,
    pub met: Met,

    pub objectives: &'static str,
    pub metric: &'static str,
    pub target: &'static str,
    pub measured: &'static str,
    pub verdict: &'static str,
    pub how: &'static str,
    pub not_measured: &'static str,
    pub recorded_by: fn(&str) -> String,

    pub steps: &'static str,
    pub steps_note: &'static str,
    pub planned_times: fn(&str) -> String,
    pub no_steps_yet: &'static str,
    pub detected: &'static str,
    pub decided: &'static str,
    pub approved: &'static str,
    pub rolled_back: &'static str,
    pub healthy: &'static str,
    pub recovered: &'static str,
    pub evidence_there: &'static str,

    pub upload: &'static str,
    pub file: &'static str,
    pub file_note: fn(&str) -> String,
    pub kind: &'static str,
    pub size: &'static str,
    pub by: &'static str,
    pub not_uploaded: &'static str,
    pub no_files: &'static str,
    pub restricted: &'static str,
    /// Why a file is not there any more.
    pub erased: fn(&str) -> String,
    /// What the name says, and what the bytes say.
    pub pretends: fn(&str, &str) -> String,
    pub restrict: &'static str,
    pub bundle: &'static str,
    pub export: &'static str,

    pub issues: &'static str,
    pub issue: &'static str,
    pub about: &'static str,
    pub about_nothing: &'static str,
    pub cause: &'static str,
    pub remedy: &'static str,
    pub add_issue: &'static str,
    pub issue_note: &'static str,
    pub no_issues: &'static str,
    pub actions: &'static str,
    pub action: &'static str,
    pub owner: &'static str,
    pub due: &'static str,
    pub critical: &'static str,
    pub add_action: &'static str,
    pub no_actions: &'static str,
    pub verify: &'static str,
    pub verified_by: fn(&str) -> String,
    pub open: &'static str,

    pub facts: &'static str,
    pub drill_type: &'static str,
    pub participants: &'static str,
    pub participants_note: &'static str,
    pub nobody: &'static str,
    pub planned_for: &'static str,
    pub planned_by: &'static str,
    pub run: &'static str,
    pub rollback: &'static str,

    pub new: &'static str,
    pub new_lede: &'static str,
    pub choose: &'static str,
    pub workload: &'static str,
    pub container: &'static str,
    pub image: &'static str,
    pub image_note: &'static str,
    pub planned_at: &'static str,
    pub rto_target: &'static str,
    pub create: &'static str,
    pub no_workloads: &'static str,
    pub fault: fn(&str) -> String,

    pub state_of: fn(StateName) -> &'static str,
    pub outcome_of: fn(Outcome) -> &'static str,
    pub type_of: fn(DrillType) -> &'static str,
    pub kind_of: fn(EvidenceKind) -> &'static str,
    pub due_of: fn(Due) -> &'static str,
    pub verdict_of: fn(Verdict) -> &'static str,
    /// The name of a measurement; its own where it is not one of ours.
    pub metric_of: fn(&str) -> String,
    pub refused: fn(Refusal) -> &'static str,
    pub against: fn(&closing::Refusal) -> String,
    pub closing_refused: &'static str,
    pub not_kept: fn(NotKept) -> &'static str,
}

/// What holds, line by line, where nothing stands in the way of a signature.
pub struct Met {
    pub recovered: &'static str,
    pub evidence: &'static str,
    pub targets: &'static str,
    pub closure: &'static str,
    pub actions: &'static str,
    pub signer: &'static str,
}

pub static TEXTS: Each<Texts> = Each { zh: zh::TEXTS, en: en::TEXTS };
