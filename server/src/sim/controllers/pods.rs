//! Pods: a node for each, and what its containers do there.
//!
//! What a container does is a function of its behaviour and the time since the pod started, so that
//! looking twice at the same moment gives the same status.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::conditions::find;
use super::{events, nodes};
use crate::sim::clock::stamp;
use crate::sim::json::{array, text};
use crate::sim::objects::{Key, Object, State};

/// What a container does after its pod has a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Ready after the usual delay.
    Healthy,
    /// Ready after a long time; image tags with `slow`.
    Slow,
    /// Exits with code 1 again and again: CrashLoopBackOff; tags with `bad`.
    Crashing,
    /// The image cannot be pulled: ImagePullBackOff; tags with `nopull`.
    NoImage,
    /// Ready, later failing its readiness probe for good; tags with `flaky`.
    Flaky,
    /// Killed for its memory again and again; tags with `oom`.
    OutOfMemory,
}

impl Behaviour {
    /// As the tag of the image says; names and registries do not count.
    #[must_use]
    pub fn of_image(image: &str) -> Self {
        let name = image.rsplit('/').next().unwrap_or_default();
        let tag = name.split_once([':', '@']).map_or("", |(_, tag)| tag);
        match tag {
            t if t.contains("nopull") => Self::NoImage,
            t if t.contains("oom") => Self::OutOfMemory,
            t if t.contains("bad") => Self::Crashing,
            t if t.contains("flaky") => Self::Flaky,
            t if t.contains("slow") => Self::Slow,
            _ => Self::Healthy,
        }
    }
}

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Delays {
    /// From the start of a pod until it is ready.
    pub ready: Duration,
    /// The same for [`Behaviour::Slow`].
    pub slow: Duration,
    /// From the start of a pod until [`Behaviour::Flaky`] fails.
    pub flaky: Duration,
    /// From one crash to the next; doubles each time, up to 5 min.
    pub back_off: Duration,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            ready: Duration::ZERO,
            slow: Duration::from_secs(10),
            flaky: Duration::from_secs(5),
            back_off: Duration::from_secs(10),
        }
    }
}

type Matcher = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// What decides over pods: delays, rules that a test has set, and nodes that it broke.
pub(crate) struct Kubelet {
    pub(crate) delays: Delays,
    /// The newest rule that fits counts; without one the image tag.
    rules: Vec<(Matcher, Behaviour)>,
    pub(crate) broken_nodes: BTreeSet<String>,
    turn: usize,
}

impl fmt::Debug for Kubelet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubelet").field("broken_nodes", &self.broken_nodes).finish_non_exhaustive()
    }
}

impl Kubelet {
    pub(crate) fn new(delays: Delays) -> Self {
        Self { delays, rules: Vec::new(), broken_nodes: BTreeSet::new(), turn: 0 }
    }

    pub(crate) fn add_rule(&mut self, matcher: Matcher, behaviour: Behaviour) {
        self.rules.push((matcher, behaviour));
    }

    pub(crate) fn clear_rules(&mut self) {
        self.rules.clear();
    }

    fn behaviour(&self, pod: &Value, container: &Value) -> Behaviour {
        let rule = self.rules.iter().rev().find(|(fits, _)| fits(pod));
        rule.map_or_else(|| Behaviour::of_image(text(container, "/image")), |(_, b)| *b)
    }

    /// The lines a container has written; the error is the API server's sentence.
    pub(crate) fn log(
        &self,
        pod: &Value,
        name: &str,
        previous: bool,
    ) -> Result<Vec<String>, String> {
        let container = array(pod, "/spec/containers").iter().find(|c| c["name"] == name);
        let container = container.ok_or_else(|| format!("container {name} is not valid"))?;
        let behaviour = self.behaviour(pod, container);
        let crashes = matches!(behaviour, Behaviour::Crashing | Behaviour::OutOfMemory);
        if previous && !crashes {
            let pod = text(pod, "/metadata/name");
            return Err(format!(
                "previous terminated container \"{name}\" in pod \"{pod}\" not found"
            ));
        }
        let image = text(container, "/image");
        let start = format!("starting {name} from {image}");
        let lines: &[&str] = match behaviour {
            Behaviour::NoImage => {
                return Err(format!(
                    "container \"{name}\" in pod \"{}\" is waiting to start: trying and failing to \
                     pull image",
                    text(pod, "/metadata/name")
                ));
            }
            Behaviour::Crashing => &[
                "reading configuration",
                "panic: runtime error: invalid memory address or nil pointer dereference",
                "exit status 1",
            ],
            Behaviour::OutOfMemory => &["loading the whole cache into memory"],
            Behaviour::Flaky => &["listening on :8080", "database connection pool exhausted"],
            Behaviour::Slow => &["warming up"],
            Behaviour::Healthy => &["listening on :8080"],
        };
        Ok(std::iter::once(start).chain(lines.iter().map(|&l| l.to_owned())).collect())
    }
}

pub(super) fn reconcile(state: &mut State, key: &Key, now: DateTime<Utc>) {
    let Some(pod) = state.get_key(key).cloned() else { return };
    let Some(pod) = schedule(state, key, &pod, now) else { return };
    let node_broken = state.kubelet.broken_nodes.contains(text(&pod.value, "/spec/nodeName"));
    let (status, next) = observe(&state.kubelet, &pod.value, node_broken, now);
    if status != pod.value["status"] {
        tell(state, &pod, &status, now);
        state.edit(key, |value| value["status"] = status);
    }
    if let Some(due) = next {
        state.work.at(due, key.clone());
    }
}

/// Gives a pod a node, in turn; `None` where there is none to give.
fn schedule(
    state: &mut State,
    key: &Key,
    pod: &Arc<Object>,
    now: DateTime<Utc>,
) -> Option<Arc<Object>> {
    let placed = text(&pod.value, "/spec/nodeName").to_owned();
    if !placed.is_empty() {
        return state.edit(key, |value| {
            if text(value, "/status/startTime").is_empty() {
                value["status"]["startTime"] = json!(stamp(now));
            }
        });
    }
    let ready: Vec<String> = state
        .list("nodes", None)
        .filter(|n| nodes::takes_pods(&n.value))
        .map(|n| n.name().to_owned())
        .collect();
    if ready.is_empty() {
        let message = "0/0 nodes are available.";
        if find(&pod.value, "PodScheduled").is_none() {
            events::write(
                state,
                &events::SCHEDULER,
                pod,
                "Warning",
                "FailedScheduling",
                message,
                now,
            );
            state.edit(key, |value| {
                value["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "False",
                    "reason": "Unschedulable", "message": message,
                    "lastTransitionTime": stamp(now)}]);
            });
        }
        return None;
    }
    state.kubelet.turn += 1;
    let node = &ready[state.kubelet.turn % ready.len()];
    // One write for the node and the first status, which `reconcile` makes from the start time.
    let mut value = pod.value.clone();
    value["spec"]["nodeName"] = json!(node);
    value["status"]["startTime"] = json!(stamp(now));
    Some(state.put("pods", value))
}

/// The status of a pod now, and when it will change by itself.
fn observe(
    kubelet: &Kubelet,
    pod: &Value,
    node_broken: bool,
    now: DateTime<Utc>,
) -> (Value, Option<DateTime<Utc>>) {
    let started =
        DateTime::parse_from_rfc3339(text(pod, "/status/startTime")).map_or(now, |t| t.to_utc());
    let mut next: Option<DateTime<Utc>> = None;
    let mut statuses = Vec::new();
    for container in array(pod, "/spec/containers") {
        let behaviour = kubelet.behaviour(pod, container);
        let (status, due) =
            container_status(behaviour, &kubelet.delays, pod, container, started, now);
        next = [next, due].into_iter().flatten().min();
        statuses.push(status);
    }
    let unready: Vec<&str> = statuses
        .iter()
        .filter(|s| s["ready"] != json!(true))
        .filter_map(|s| s["name"].as_str())
        .collect();
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    let ready = unready.is_empty() && !node_broken;
    let waits = statuses.iter().any(|s| text(s, "/state/waiting/reason").contains("Pull"));
    let condition = |kind: &str, holds: bool| condition(pod, kind, holds, &message, now);
    let mut status = pod["status"].clone();
    status["phase"] = json!(if waits { "Pending" } else { "Running" });
    status["conditions"] = json!([
        condition("PodReadyToStartContainers", true),
        condition("Initialized", true),
        condition("Ready", ready),
        condition("ContainersReady", unready.is_empty()),
        condition("PodScheduled", true),
    ]);
    status["containerStatuses"] = json!(statuses);
    let ip = address(text(pod, "/metadata/uid"));
    status["podIP"] = json!(ip);
    status["podIPs"] = json!([{"ip": ip}]);
    status["hostIP"] = json!("10.0.0.1");
    (status, next)
}

fn condition(pod: &Value, kind: &str, holds: bool, message: &str, now: DateTime<Utc>) -> Value {
    let status = if holds { "True" } else { "False" };
    let since = find(pod, kind)
        .filter(|c| c["status"] == status)
        .map_or_else(|| json!(stamp(now)), |c| c["lastTransitionTime"].clone());
    let mut condition = json!({"type": kind, "status": status, "lastProbeTime": null,
        "lastTransitionTime": since});
    if !holds {
        condition["reason"] = json!("ContainersNotReady");
        condition["message"] = json!(message);
    }
    condition
}

/// The status of one container, and when it will change by itself.
fn container_status(
    behaviour: Behaviour,
    delays: &Delays,
    pod: &Value,
    container: &Value,
    started: DateTime<Utc>,
    now: DateTime<Utc>,
) -> (Value, Option<DateTime<Utc>>) {
    let after = |delay: Duration| started + TimeDelta::from_std(delay).unwrap_or_default();
    let (image, name) = (text(container, "/image"), text(container, "/name"));
    let digest = hex::encode(Sha256::digest(image.as_bytes()));
    let mut status = json!({
        "name": name, "image": image, "imageID": format!("{image}@sha256:{digest}"),
        "containerID": format!("containerd://{}", text(pod, "/metadata/uid")),
        "ready": false, "started": false, "restartCount": 0, "lastState": {},
    });
    let running = json!({"running": {"startedAt": stamp(started)}});
    let next = match behaviour {
        Behaviour::Healthy | Behaviour::Slow => {
            let due = after(if behaviour == Behaviour::Slow { delays.slow } else { delays.ready });
            status["state"] = running;
            status["started"] = json!(true);
            status["ready"] = json!(now >= due);
            (now < due).then_some(due)
        }
        Behaviour::Flaky => {
            let due = after(delays.flaky);
            status["state"] = running;
            status["started"] = json!(true);
            status["ready"] = json!(now < due);
            (now < due).then_some(due)
        }
        Behaviour::NoImage => {
            status["image"] = json!(image);
            status["imageID"] = json!("");
            let message = format!("Back-off pulling image \"{image}\"");
            status["state"] =
                json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
            None
        }
        Behaviour::Crashing => Some(crash(&mut status, pod, delays, started, now, ("Error", 1))),
        Behaviour::OutOfMemory => {
            Some(crash(&mut status, pod, delays, started, now, ("OOMKilled", 137)))
        }
    };
    (status, next)
}

/// A container between two crashes; says when the next one is.
fn crash(
    status: &mut Value,
    pod: &Value,
    delays: &Delays,
    started: DateTime<Utc>,
    now: DateTime<Utc>,
    (reason, code): (&str, i32),
) -> DateTime<Utc> {
    const LONGEST: TimeDelta = TimeDelta::minutes(5);
    let mut pause = TimeDelta::from_std(delays.back_off).unwrap_or(LONGEST);
    let (mut restarts, mut last) = (1, started);
    while pause > TimeDelta::zero() && last + pause <= now {
        last += pause;
        pause = (pause * 2).min(LONGEST);
        restarts += 1;
    }
    let at = stamp(last);
    let message = format!(
        "back-off {}s restarting failed container={} pod={}_{}({})",
        pause.num_seconds(),
        text(status, "/name"),
        text(pod, "/metadata/name"),
        text(pod, "/metadata/namespace"),
        text(pod, "/metadata/uid"),
    );
    status["restartCount"] = json!(restarts);
    status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
    status["lastState"] = json!({"terminated": {"exitCode": code, "reason": reason,
        "startedAt": at, "finishedAt": at, "containerID": status["containerID"]}});
    last + pause.max(TimeDelta::seconds(1))
}

/// Writes the events of a change of status.
fn tell(state: &mut State, pod: &Object, status: &Value, now: DateTime<Utc>) {
    for (at, container) in array(status, "/containerStatuses").iter().enumerate() {
        let before = &pod.value["status"]["containerStatuses"][at];
        let name = text(container, "/name");
        let (reason, message) = match text(container, "/state/waiting/reason") {
            "CrashLoopBackOff" => (
                "BackOff",
                format!(
                    "Back-off restarting failed container {name} in pod {}_{}({})",
                    pod.name(),
                    pod.namespace(),
                    pod.uid()
                ),
            ),
            "ImagePullBackOff" => {
                let image = text(container, "/image");
                let message = format!("Failed to pull image \"{image}\": not found");
                events::write(state, &events::KUBELET, pod, "Warning", "Failed", &message, now);
                ("BackOff", text(container, "/state/waiting/message").to_owned())
            }
            _ if before["ready"] == json!(true) && container["ready"] == json!(false) => (
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned(),
            ),
            _ => continue,
        };
        events::write(state, &events::KUBELET, pod, "Warning", reason, &message, now);
    }
}

/// An address that stays with the pod.
fn address(uid: &str) -> String {
    let hash = uid.bytes().fold(7_u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
    format!("10.244.{}.{}", (hash >> 8) % 250 + 1, hash % 250 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_alone_says_what_an_image_does() {
        for (image, expected) in [
            ("registry.local:5000/badge:1.0", Behaviour::Healthy),
            ("shop/api:2.4.1-bad", Behaviour::Crashing),
            ("api:nopull", Behaviour::NoImage),
            ("api:1-oom", Behaviour::OutOfMemory),
            ("slow/api:1", Behaviour::Healthy),
            ("api:slow", Behaviour::Slow),
            ("api:flaky-2", Behaviour::Flaky),
            ("api", Behaviour::Healthy),
        ] {
            assert_eq!(Behaviour::of_image(image), expected, "{image}");
        }
    }
}
