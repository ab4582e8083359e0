//! Which object an action is sent to. The template of a Rollout may be that of a Deployment, which is changed then, and
//! its canary is steered by its status.

use domain::services::{WorkloadKind, WorkloadRef};
use serde_json::Value;

/// What an action changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Template,
    Status,
    Spec,
}

/// The object to be patched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) of: WorkloadRef,
    status: bool,
    /// It lends its template to the workload.
    lends: bool,
}

impl Place {
    pub(super) fn of(workload: &WorkloadRef, object: &Value, asking: Asking) -> Self {
        let lender = lender(workload, object).filter(|_| asking == Asking::Template);
        Self {
            lends: lender.is_some(),
            of: lender.unwrap_or_else(|| workload.clone()),
            status: asking == Asking::Status,
        }
    }

    /// Its path, and what RBAC calls it.
    pub(super) fn path(&self) -> (String, &'static str) {
        let (path, resource) = super::path(&self.of);
        match self.status {
            true => (format!("{path}/status"), "rollouts.argoproj.io/status"),
            false => (path, resource),
        }
    }

    /// The workload after the patch, of which `answer` is the object that was patched.
    pub(super) fn seen(&self, before: &Value, answer: Value) -> Value {
        if !self.lends {
            let mut answer = answer;
            // A Rollout that borrows its template has none of its own in the answer.
            if answer.pointer("/spec/workloadRef").is_some() {
                answer["spec"]["template"] = before["spec"]["template"].clone();
                answer["lender"] = before["lender"].clone();
            }
            return answer;
        }
        let mut object = before.clone();
        lend(&mut object, &answer);
        object
    }
}

/// The Deployment that the template is taken from.
pub(super) fn lender(workload: &WorkloadRef, object: &Value) -> Option<WorkloadRef> {
    let borrows = workload.kind == WorkloadKind::Rollout
        && object.pointer("/spec/workloadRef/kind")? == "Deployment";
    let name = object.pointer("/spec/workloadRef/name")?.as_str()?;
    borrows.then(|| WorkloadRef {
        kind: WorkloadKind::Deployment,
        name: name.to_owned(),
        ..workload.clone()
    })
}

/// The template of the lender as if it were the borrower's own, and beside it what its patch is held against.
pub(super) fn lend(object: &mut Value, lender: &Value) {
    object["spec"]["template"] = lender["spec"]["template"].clone();
    object["lender"] = serde_json::json!({
        "uid": lender.pointer("/metadata/uid"), "paused": lender.pointer("/spec/paused"),
    });
}
