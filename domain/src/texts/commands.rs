//! The commands with the same effect as a step, for whoever wants to compare.

use crate::plans::Action;
use crate::services::{WorkloadKind, WorkloadRef};

/// The kubectl command with the same effect, for whoever wants to compare.
pub fn command(workload: &WorkloadRef, action: &Action) -> Option<String> {
    if workload.kind == WorkloadKind::Rollout {
        return argo(workload, action);
    }
    let kind = workload.kind.as_str().to_ascii_lowercase();
    let name = format!("{kind}/{} -n {}", workload.name, workload.namespace);
    Some(match action {
        Action::RolloutUndo { to_revision, .. } => {
            format!("kubectl rollout undo {name} --to-revision={to_revision}")
        }
        Action::Pause => format!("kubectl rollout pause {name}"),
        Action::Resume => format!("kubectl rollout resume {name}"),
        Action::Restart => format!("kubectl rollout restart {name}"),
        Action::SetImage { images } => {
            let images: Vec<String> =
                images.iter().map(|(name, image)| format!("{name}={image}")).collect();
            format!("kubectl set image {name} {}", images.join(" "))
        }
        Action::Scale { replicas } => format!("kubectl scale {name} --replicas={replicas}"),
        Action::ReplacePods => return None,
        Action::WaitRollout => format!("kubectl rollout status {name}"),
        Action::Promote | Action::PromoteFull | Action::Abort | Action::Retry => {
            return None;
        }
    })
}

/// The same by the plugin of Argo Rollouts.
fn argo(workload: &WorkloadRef, action: &Action) -> Option<String> {
    let name = format!("{} -n {}", workload.name, workload.namespace);
    let done = match action {
        Action::RolloutUndo { to_revision, .. } => {
            format!("undo {name} --to-revision={to_revision}")
        }
        Action::Pause => format!("pause {name}"),
        Action::Resume | Action::Promote => format!("promote {name}"),
        Action::PromoteFull => format!("promote {name} --full"),
        Action::Abort => format!("abort {name}"),
        Action::Retry => format!("retry rollout {name}"),
        Action::Restart => format!("restart {name}"),
        Action::SetImage { images } => {
            let images = images.iter().map(|(container, image)| format!("{container}={image}"));
            format!("set image {name} {}", images.collect::<Vec<_>>().join(" "))
        }
        Action::WaitRollout => format!("status {name}"),
        Action::Scale { .. } | Action::ReplacePods => return None,
    };
    Some(format!("kubectl argo rollouts {done}"))
}
