//! Pods, and when one counts as bad.
//!
//! **Invariant:** a pod is bad for what the cluster says about it, at once and without a clock. A pod that
//! merely has not become ready yet is not bad: that is for the rollout's own deadline to say.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::ids::WorkloadId;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pod {
    pub uid: String,
    pub name: String,
    /// Empty while it is not scheduled.
    pub node: String,
    pub workload_id: WorkloadId,
    /// The template digest of its revision; `None` while its ReplicaSet or ControllerRevision is unknown.
    pub digest: Option<Digest>,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`, as the API writes it.
    pub phase: String,
    pub ready: bool,
    /// Ready at some moment of its life, also before a restart.
    pub ever_ready: bool,
    /// Being deleted: it counts neither for nor against its revision.
    pub terminating: bool,
    pub restarts: i32,
    pub created_at: DateTime<Utc>,
    pub bad: Option<Bad>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bad {
    pub reason: BadReason,
    /// In the words of the cluster.
    pub message: String,
    pub container: Option<String>,
    pub exit_code: Option<i32>,
    /// The time of the container's state, or of the first bad sample where the state has none.
    pub since: DateTime<Utc>,
    pub restarts: i32,
}

words!(
    /// Why a pod is bad: it crashes again and again; its image cannot be had; it was killed for want of
    /// memory; it was ready and is no more; a container cannot be made, for want of a ConfigMap, a Secret or
    /// a command; no node takes it; it ended as failed, for instance evicted.
    BadReason {
        CrashLoop = "crash_loop",
        ImagePull = "image_pull",
        Oom = "oom",
        NotReady = "not_ready",
        CannotStart = "cannot_start",
        Unschedulable = "unschedulable",
        Failed = "failed",
    }
);

/// What the API says about a pod, as far as it is judged here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    pub phase: String,
    /// Of the whole pod, as `Evicted`.
    pub reason: String,
    pub message: String,
    /// `Ready`: what it is, and since when.
    pub ready: Option<(bool, Option<DateTime<Utc>>)>,
    /// `PodScheduled` is false as unschedulable: why, and since when.
    pub unschedulable: Option<(String, Option<DateTime<Utc>>)>,
    /// Init containers first.
    pub containers: Vec<Container>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    pub name: String,
    pub ready: bool,
    pub restarts: i32,
    pub state: ContainerState,
    /// How it ended the time before.
    pub last: Option<Ended>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ContainerState {
    Waiting { reason: String, message: String },
    Running,
    Terminated(Ended),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub reason: String,
    pub message: String,
    pub exit_code: i32,
    pub at: Option<DateTime<Utc>>,
}

/// Whether the pod is bad, and since when. `ever_ready` is what was known before, `now` stands in where the
/// cluster gives no time.
pub fn bad(status: &Status, ever_ready: bool, now: DateTime<Utc>) -> Option<Bad> {
    if status.phase == "Succeeded" {
        return None;
    }
    if status.phase == "Failed" {
        let ended = status.containers.iter().find_map(Container::ended);
        return Some(Bad {
            reason: if ended.is_some_and(Ended::is_oom) {
                BadReason::Oom
            } else {
                BadReason::Failed
            },
            message: join(&status.reason, &status.message),
            container: None,
            exit_code: ended.map(|it| it.exit_code),
            since: ended.and_then(|it| it.at).unwrap_or(now),
            restarts: restarts(status),
        });
    }
    let of_container = status.containers.iter().find_map(|it| it.bad(now));
    of_container.or_else(|| unschedulable(status, now)).or_else(|| {
        let (ready, since) = status.ready.as_ref()?;
        (!ready && ever_ready).then(|| Bad {
            reason: BadReason::NotReady,
            message: status.message.clone(),
            container: status.containers.iter().find(|it| !it.ready).map(|it| it.name.clone()),
            exit_code: None,
            since: since.unwrap_or(now),
            restarts: restarts(status),
        })
    })
}

pub fn restarts(status: &Status) -> i32 {
    status.containers.iter().map(|it| it.restarts).sum()
}

fn unschedulable(status: &Status, now: DateTime<Utc>) -> Option<Bad> {
    let (message, since) = status.unschedulable.as_ref()?;
    Some(Bad {
        reason: BadReason::Unschedulable,
        message: message.clone(),
        container: None,
        exit_code: None,
        since: since.unwrap_or(now),
        restarts: 0,
    })
}

impl Container {
    fn bad(&self, now: DateTime<Utc>) -> Option<Bad> {
        let ended = self.ended();
        let (reason, message) = match &self.state {
            ContainerState::Waiting { reason, message } => {
                (self.waiting(reason, ended)?, join(reason, message))
            }
            ContainerState::Terminated(it) if it.is_oom() => (BadReason::Oom, it.text()),
            ContainerState::Terminated(it) if it.exit_code != 0 && self.restarts > 0 => {
                (BadReason::CrashLoop, it.text())
            }
            ContainerState::Terminated(_) => return None,
            // Between two crashes it runs for a moment; it has recovered only when it is ready.
            ContainerState::Running if !self.ready => match ended? {
                it if it.is_oom() => (BadReason::Oom, it.text()),
                it if it.exit_code != 0 && self.restarts > 1 => (BadReason::CrashLoop, it.text()),
                _ => return None,
            },
            ContainerState::Running => return None,
        };
        Some(Bad {
            reason,
            message,
            container: Some(self.name.clone()),
            exit_code: ended.map(|it| it.exit_code),
            since: ended.and_then(|it| it.at).unwrap_or(now),
            restarts: self.restarts,
        })
    }

    fn waiting(&self, reason: &str, ended: Option<&Ended>) -> Option<BadReason> {
        match reason {
            "CrashLoopBackOff" if ended.is_some_and(Ended::is_oom) => Some(BadReason::Oom),
            "CrashLoopBackOff" => Some(BadReason::CrashLoop),
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => Some(BadReason::ImagePull),
            "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "PostStartHookError"
            | "PreStartHookError" => Some(BadReason::CannotStart),
            _ => None,
        }
    }

    fn ended(&self) -> Option<&Ended> {
        match &self.state {
            ContainerState::Terminated(it) => Some(it),
            _ => self.last.as_ref(),
        }
    }
}

impl Ended {
    fn is_oom(&self) -> bool {
        self.reason == "OOMKilled"
    }

    fn text(&self) -> String {
        join(&format!("{} (exit code {})", self.reason, self.exit_code), &self.message)
    }
}

fn join(reason: &str, message: &str) -> String {
    match (reason, message) {
        ("", it) | (it, "") => it.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn ended(reason: &str, exit_code: i32) -> Ended {
        let at = Some(NOW - TimeDelta::seconds(5));
        Ended { reason: reason.into(), message: String::new(), exit_code, at }
    }

    fn waiting(reason: &str) -> ContainerState {
        ContainerState::Waiting { reason: reason.into(), message: "why".into() }
    }

    fn container(state: ContainerState) -> Container {
        Container { name: "api".into(), ready: false, restarts: 0, state, last: None }
    }

    fn running(containers: Vec<Container>) -> Status {
        let ready = Some((containers.iter().all(|it| it.ready), None));
        Status { phase: "Running".into(), ready, containers, ..Status::default() }
    }

    #[test]
    fn a_pod_is_bad_for_what_its_containers_say() {
        use BadReason::{CannotStart, CrashLoop, ImagePull, Oom};

        let fresh = container(ContainerState::Running);
        let crashed = Container { last: Some(ended("Error", 1)), restarts: 1, ..fresh.clone() };
        let killed =
            Container { last: Some(ended("OOMKilled", 137)), restarts: 1, ..fresh.clone() };
        let state = |of: &Container, state| Container { state, ..of.clone() };
        for (container, expected) in [
            (fresh.clone(), None),
            (state(&fresh, waiting("ContainerCreating")), None),
            (state(&fresh, waiting("PodInitializing")), None),
            (state(&fresh, waiting("CrashLoopBackOff")), Some(CrashLoop)),
            (state(&crashed, waiting("CrashLoopBackOff")), Some(CrashLoop)),
            (state(&killed, waiting("CrashLoopBackOff")), Some(Oom)),
            (state(&fresh, waiting("ErrImagePull")), Some(ImagePull)),
            (state(&fresh, waiting("ImagePullBackOff")), Some(ImagePull)),
            (state(&fresh, waiting("CreateContainerConfigError")), Some(CannotStart)),
            (state(&fresh, ContainerState::Terminated(ended("OOMKilled", 137))), Some(Oom)),
            // One crash is no loop, an init container that is done is no crash.
            (state(&fresh, ContainerState::Terminated(ended("Error", 1))), None),
            (state(&fresh, ContainerState::Terminated(ended("Completed", 0))), None),
            (state(&crashed, ContainerState::Terminated(ended("Error", 1))), Some(CrashLoop)),
            // Started anew after a crash: once may pass, killed for memory or twice may not until it is ready.
            (crashed.clone(), None),
            (Container { restarts: 2, ..crashed.clone() }, Some(CrashLoop)),
            (killed.clone(), Some(Oom)),
            (Container { ready: true, ..killed }, None),
            (Container { ready: true, restarts: 9, ..crashed }, None),
        ] {
            let bad = bad(&running(vec![container.clone()]), false, NOW);
            assert_eq!(bad.map(|it| it.reason), expected, "{container:?}");
        }
    }

    #[test]
    fn since_is_the_end_of_the_container_or_the_first_sample() {
        let at = Some(ended("Error", 1)).and_then(|it| it.at);
        let mut crashing = container(waiting("CrashLoopBackOff"));
        let first = bad(&running(vec![crashing.clone()]), false, NOW).unwrap();
        assert_eq!((first.since, first.exit_code), (NOW, None));
        crashing.last = Some(ended("Error", 3));
        let known = bad(&running(vec![crashing]), false, NOW).unwrap();
        assert_eq!((Some(known.since), known.exit_code), (at, Some(3)));
        assert_eq!(known.message, "CrashLoopBackOff: why");
    }

    #[test]
    fn not_ready_is_bad_only_for_a_pod_that_was_ready() {
        let status = running(vec![container(ContainerState::Running)]);
        assert_eq!(bad(&status, false, NOW), None);
        let lost = bad(&status, true, NOW).unwrap();
        assert_eq!((lost.reason, lost.container.as_deref()), (BadReason::NotReady, Some("api")));
    }

    #[test]
    fn pods_without_a_node_and_evicted_ones_say_why() {
        let pending = Status {
            phase: "Pending".into(),
            unschedulable: Some(("0/3 nodes are available".into(), None)),
            ..Status::default()
        };
        assert_eq!(bad(&pending, false, NOW).unwrap().reason, BadReason::Unschedulable);
        let evicted = Status {
            phase: "Failed".into(),
            reason: "Evicted".into(),
            message: "low on memory".into(),
            ..Status::default()
        };
        let bad_of = bad(&evicted, true, NOW).unwrap();
        assert_eq!(
            (bad_of.reason, &*bad_of.message),
            (BadReason::Failed, "Evicted: low on memory")
        );
        assert_eq!(bad(&Status { phase: "Succeeded".into(), ..evicted }, true, NOW), None);
    }
}
