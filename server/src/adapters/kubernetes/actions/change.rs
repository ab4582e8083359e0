//! What an action does to an object, as a JSON Patch that begins with its condition. Plain functions from the
//! object that was read.

use std::collections::BTreeMap;

use domain::plans::{self, Action, LiveState};
use domain::runs::Note;
use domain::services::WorkloadKind;
use serde_json::{Value, json};

use super::undo::{self, Target};
use super::{Ask, stamp};

/// As `kubectl rollout restart` names it.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// It is so already.
    Nothing(Note),
    Refused(Note),
    Patch {
        patch: Value,
        note: Note,
    },
}

/// `target` is there for an undo and for nothing else.
pub(super) fn change(
    ask: &Ask<'_>,
    object: &Value,
    live: &LiveState,
    target: Option<&Target>,
) -> Change {
    let paused_by_other = live.paused && !ask.own_pause;
    match ask.action {
        Action::RolloutUndo { .. } | Action::Restart if paused_by_other => {
            Change::Refused(Note::PausedByOther)
        }
        Action::RolloutUndo { .. } => match target {
            Some(target) => undo_to(object, live, target),
            None => Change::Refused(Note::NoEarlierRevision),
        },
        Action::Pause if live.paused => Change::Nothing(Note::AlreadyPaused),
        Action::Pause => own(object, Note::Paused, [set("/spec/paused", json!(true))]),
        Action::Resume if !live.paused => Change::Nothing(Note::NotPaused),
        Action::Resume => own(object, Note::Resumed, [set("/spec/paused", json!(false))]),
        Action::Restart => restart(ask, object),
        Action::SetImage { images } => set_image(object, images),
        Action::Scale { replicas } => scale(object, live, *replicas),
        // These have steps of their own; nothing of the object changes.
        Action::ReplacePods => Change::Nothing(Note::NoPodInTheWay),
        Action::WaitRollout => Change::Nothing(Note::RolledOut { ready: 0 }),
        Action::Promote | Action::PromoteFull | Action::Abort | Action::Retry => {
            steer(ask.action, object, live)
        }
    }
}

/// As the plugin of Argo Rollouts does it, with the condition in the same call.
fn steer(action: &Action, object: &Value, live: &LiveState) -> Change {
    let before = live.steering.unwrap_or_default();
    if let Err(note) = plans::steered(action, before) {
        return Change::Nothing(note);
    }
    let (path, value) = match action {
        Action::Promote => ("/status/pauseConditions", json!([])),
        Action::PromoteFull => ("/status/promoteFull", json!(true)),
        Action::Abort => ("/status/abort", json!(true)),
        _ => ("/status/abort", json!(false)),
    };
    let changes = [test(object, path), set(path, value)];
    let note = Note::Steered { action: action.as_str().to_owned() };
    let patch = [test(object, "/metadata/uid")].into_iter().chain(changes).collect();
    Change::Patch { patch, note }
}

fn undo_to(object: &Value, live: &LiveState, target: &Target) -> Change {
    let kind = live.workload.kind;
    if undo::digest(kind, &target.template) == live.digest {
        return Change::Nothing(Note::AlreadyAt { revision: target.revision });
    }
    let mut changes =
        vec![json!({"op": "replace", "path": "/spec/template", "value": target.template})];
    // Of the others only the template goes back: a Rollout's annotations are the controller's own, and kubectl leaves
    // those of a set alone.
    if kind == WorkloadKind::Deployment {
        changes.push(set("/metadata/annotations", undo::annotations(object, target).into()));
    }
    if live.paused && object.get("lender").is_none() {
        // Our own pause: the new template and its rollout come with one call.
        changes.push(set("/spec/paused", json!(false)));
    }
    patch(object, Note::Undone { revision: target.revision }, changes)
}

fn restart(ask: &Ask<'_>, object: &Value) -> Change {
    let annotations = "/spec/template/metadata/annotations";
    let change = match object.pointer(annotations) {
        Some(_) => set(&format!("{annotations}/{}", escaped(RESTARTED_AT)), stamp(ask.stamp)),
        None => set(annotations, json!({RESTARTED_AT: stamp(ask.stamp)})),
    };
    patch(object, Note::Restarted, [change])
}

fn set_image(object: &Value, images: &BTreeMap<String, String>) -> Change {
    let mut places = BTreeMap::new();
    for list in ["containers", "initContainers"] {
        let path = format!("/spec/template/spec/{list}");
        let containers = object.pointer(&path).and_then(Value::as_array);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            if let Some(name) = container["name"].as_str() {
                places.insert(name, (format!("{path}/{index}/image"), &container["image"]));
            }
        }
    }
    let mut changes = Vec::new();
    for (container, image) in images {
        match places.get(container.as_str()) {
            None => {
                let known = places.keys().map(|it| (*it).to_owned()).collect();
                let container = container.clone();
                return Change::Refused(Note::NoContainer { container, known });
            }
            Some((_, own)) if own.as_str() == Some(image) => {}
            Some((path, _)) => changes.push(set(path, json!(image))),
        }
    }
    match changes.is_empty() {
        true => Change::Nothing(Note::ImagesThere),
        false => patch(object, Note::ImagesSet, changes),
    }
}

fn scale(object: &Value, live: &LiveState, to: i32) -> Change {
    // The API server writes 1 where nothing is said.
    let from = live.replicas.unwrap_or(1);
    if from == to {
        return Change::Nothing(Note::ReplicasThere { replicas: to });
    }
    let changes = [test(object, "/spec/replicas"), set("/spec/replicas", json!(to))];
    own(object, Note::Scaled { from, to }, changes)
}

/// What is changed on the workload itself, also where its template is another object's.
fn own(object: &Value, note: Note, changes: impl IntoIterator<Item = Value>) -> Change {
    if object.get("lender").is_none() {
        return patch(object, note, changes);
    }
    let conditions = ["/metadata/uid", "/spec/paused"];
    let patch = conditions.iter().map(|path| test(object, path)).chain(changes);
    Change::Patch { patch: patch.collect(), note }
}

/// The condition first: still this object, still this template, still paused or not. `resourceVersion` and
/// `generation` move with every status and every autoscaler, so they are no condition.
fn patch(object: &Value, note: Note, changes: impl IntoIterator<Item = Value>) -> Change {
    let lender = object.get("lender");
    let is = |path, value: Option<&Value>| json!({"op": "test", "path": path, "value": value});
    let conditions = match lender {
        // The Deployment that lends its template is what is patched.
        Some(lender) => [
            is("/metadata/uid", lender.get("uid")),
            test(object, "/spec/template"),
            is("/spec/paused", lender.get("paused").filter(|it| !it.is_null())),
        ],
        None => ["/metadata/uid", "/spec/template", "/spec/paused"].map(|it| test(object, it)),
    };
    Change::Patch { patch: conditions.into_iter().chain(changes).collect(), note }
}

/// The member is as it was read. One that was not there is tested against null, which the API server takes for
/// absent.
fn test(object: &Value, path: &str) -> Value {
    json!({"op": "test", "path": path, "value": object.pointer(path).unwrap_or(&Value::Null)})
}

/// `add` replaces what is there already.
fn set(path: &str, value: Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::services::WorkloadRef;
    use serde_json::Map;

    use super::super::live_state;
    use super::*;

    fn workload() -> WorkloadRef {
        WorkloadRef {
            cluster: "lab".into(),
            namespace: "shop".into(),
            kind: WorkloadKind::Deployment,
            name: "api".into(),
        }
    }

    fn template(image: &str) -> Value {
        json!({
            "metadata": {"labels": {"app": "api"}},
            "spec": {
                "initContainers": [{"name": "wait", "image": "busybox:1"}],
                "containers": [{"name": "api", "image": image}]
            }
        })
    }

    fn deployment() -> Value {
        json!({
            "metadata": {"uid": "u", "annotations": {"deployment.kubernetes.io/revision": "2"}},
            "spec": {"replicas": 3, "template": template("api:2")}
        })
    }

    fn conditions(paused: Value) -> Vec<Value> {
        vec![
            json!({"op": "test", "path": "/metadata/uid", "value": "u"}),
            json!({"op": "test", "path": "/spec/template", "value": template("api:2")}),
            json!({"op": "test", "path": "/spec/paused", "value": paused}),
        ]
    }

    fn changed(object: &Value, action: Action, own_pause: bool) -> Change {
        changed_of(WorkloadKind::Deployment, object, action, own_pause)
    }

    fn changed_of(kind: WorkloadKind, object: &Value, action: Action, own_pause: bool) -> Change {
        let workload = WorkloadRef { kind, ..workload() };
        let live = live_state(&workload, object);
        let ask = Ask {
            workload: &workload,
            action: &action,
            believed: &live,
            own_pause,
            stamp: DateTime::UNIX_EPOCH,
            stored: None,
        };
        let annotations = Map::from_iter([("cause".to_owned(), json!("first"))]);
        let target = Target { revision: 1, template: template("api:1"), annotations };
        change(&ask, object, &live, Some(&target))
    }

    fn undo() -> Action {
        Action::RolloutUndo { to_revision: 1, template_digest: None }
    }

    #[test]
    fn an_undo_carries_its_condition_template_and_annotations() {
        let Change::Patch { patch, note } = changed(&deployment(), undo(), false) else { panic!() };
        let mut expected = conditions(Value::Null);
        expected.extend([
            json!({"op": "replace", "path": "/spec/template", "value": template("api:1")}),
            json!({"op": "add", "path": "/metadata/annotations", "value": {
                "deployment.kubernetes.io/revision": "2", "cause": "first"
            }}),
        ]);
        assert_eq!((patch, note), (expected.into(), Note::Undone { revision: 1 }));
    }

    #[test]
    fn an_undo_of_a_set_moves_the_template_and_nothing_else() {
        for kind in [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
            let changed = changed_of(kind, &deployment(), undo(), false);
            let Change::Patch { patch, .. } = changed else { panic!() };
            let mut expected = conditions(Value::Null);
            let template = template("api:1");
            expected.push(json!({"op": "replace", "path": "/spec/template", "value": template}));
            assert_eq!(patch, Value::from(expected), "{kind:?}");
        }
    }

    #[test]
    fn a_paused_deployment_is_refused_unless_we_paused_it() {
        let mut paused = deployment();
        paused["spec"]["paused"] = json!(true);
        assert_eq!(changed(&paused, undo(), false), Change::Refused(Note::PausedByOther));
        assert_eq!(changed(&paused, Action::Restart, false), Change::Refused(Note::PausedByOther));
        let Change::Patch { patch, .. } = changed(&paused, undo(), true) else { panic!() };
        assert_eq!(patch[2], conditions(json!(true))[2]);
        assert_eq!(patch[5], json!({"op": "add", "path": "/spec/paused", "value": false}));
    }

    #[test]
    fn what_is_so_already_is_no_change() {
        let mut old = deployment();
        old["spec"]["template"] = template("api:1");
        let images = BTreeMap::from([("api".to_owned(), "api:2".to_owned())]);
        for (object, action, expected) in [
            (&old, undo(), Note::AlreadyAt { revision: 1 }),
            (&deployment(), Action::Resume, Note::NotPaused),
            (&deployment(), Action::Scale { replicas: 3 }, Note::ReplicasThere { replicas: 3 }),
            (&deployment(), Action::SetImage { images }, Note::ImagesThere),
        ] {
            assert_eq!(changed(object, action, false), Change::Nothing(expected));
        }
    }

    #[test]
    fn each_action_changes_its_field_and_nothing_else() {
        let image = |container: &str| {
            let images = BTreeMap::from([(container.to_owned(), "new:1".to_owned())]);
            Action::SetImage { images }
        };
        let set = |path: &str, value: Value| json!({"op": "add", "path": path, "value": value});
        let spec = "/spec/template/spec";
        for (action, expected) in [
            (Action::Pause, vec![set("/spec/paused", json!(true))]),
            (
                Action::Restart,
                vec![set(
                    "/spec/template/metadata/annotations",
                    json!({RESTARTED_AT: "1970-01-01T00:00:00Z"}),
                )],
            ),
            (image("api"), vec![set(&format!("{spec}/containers/0/image"), json!("new:1"))]),
            (image("wait"), vec![set(&format!("{spec}/initContainers/0/image"), json!("new:1"))]),
            (
                Action::Scale { replicas: 0 },
                vec![
                    json!({"op": "test", "path": "/spec/replicas", "value": 3}),
                    set("/spec/replicas", json!(0)),
                ],
            ),
        ] {
            let Change::Patch { patch, .. } = changed(&deployment(), action, false) else {
                panic!()
            };
            let expected: Vec<_> = conditions(Value::Null).into_iter().chain(expected).collect();
            assert_eq!(patch, Value::from(expected));
        }
    }

    #[test]
    fn a_container_that_is_not_there_is_refused_with_those_that_are() {
        let images = BTreeMap::from([("nginx".to_owned(), "n:1".to_owned())]);
        let known = vec!["api".to_owned(), "wait".to_owned()];
        assert_eq!(
            changed(&deployment(), Action::SetImage { images }, false),
            Change::Refused(Note::NoContainer { container: "nginx".into(), known })
        );
    }
}
