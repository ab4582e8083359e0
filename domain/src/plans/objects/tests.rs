use serde_json::json;

use super::*;
use crate::plans::{Foreseen, Plan, Step, Would, foresee};
use crate::revisions::Contents;
use crate::runs::{Intent, Note};

fn object(api_version: &str, kind: &str) -> ObjectRef {
    ObjectRef {
        cluster: "lab".into(),
        namespace: "shop".into(),
        api_version: api_version.into(),
        kind: kind.into(),
        name: "api".into(),
    }
}

fn config() -> ObjectRef {
    object("v1", "ConfigMap")
}

fn route() -> ObjectRef {
    object("gateway.networking.k8s.io/v1", "HTTPRoute")
}

fn contents(value: &str) -> Contents {
    Contents { data: [("level".to_owned(), value.to_owned())].into(), ..Contents::default() }
}

fn config_map(value: &str) -> Value {
    json!({"metadata": {"uid": "u", "labels": {"a": "b"}}, "data": {"level": value}})
}

fn shares(blue: i32, green: i32) -> BTreeMap<String, i32> {
    [("blue".to_owned(), blue), ("green".to_owned(), green)].into()
}

fn http_route(blue: i32, green: i32) -> Value {
    json!({"metadata": {"uid": "u"}, "spec": {"rules": [
        {"backendRefs": [{"name": "blue", "port": 80, "weight": blue}, {"name": "green", "port": 80, "weight": green}]},
        {"backendRefs": [{"name": "assets", "port": 80}]},
    ]}})
}

fn changed(object: &ObjectRef, action: ObjectAction, found: &Value) -> Change {
    change(object, &action, Some(found), None)
}

fn said(change: &Change) -> &Said {
    match change {
        Change::Nothing(Note::Object { said })
        | Change::Refused(Note::Object { said })
        | Change::Patch { note: Note::Object { said }, .. } => said,
        other => panic!("{other:?}"),
    }
}

/// Paths and values of a patch.
fn sets(change: Change) -> Vec<(String, Value)> {
    let Change::Patch { sets, .. } = change else { panic!("{change:?}") };
    sets.into_iter().map(|it| (it.path, it.value.unwrap_or_default())).collect()
}

#[test]
fn only_the_part_that_a_step_depends_on_is_in_the_digest() {
    let before = config().live(Some(&config_map("1")));
    let mut labelled = config_map("1");
    labelled["metadata"]["labels"] = json!({"other": "label"});
    labelled["metadata"]["resourceVersion"] = json!("77");
    labelled["binaryData"] = json!({});
    assert!(before.looks_like(&config().live(Some(&labelled))));
    let found = config().live(Some(&config_map("2")));
    assert!(matches!(*before.moved(&found), [Moved::ObjectChanged { .. }]));
    let mut other = config_map("1");
    other["metadata"]["uid"] = json!("v");
    assert!(matches!(*before.moved(&config().live(Some(&other))), [Moved::ObjectReplaced { .. }]));
    let none = config().live(None);
    assert!(matches!(*before.moved(&none), [Moved::ObjectGone { .. }]));
    assert!(matches!(*none.moved(&before), [Moved::ObjectReplaced { .. }]));
    assert!(none.looks_like(&config().live(None)));
}

#[test]
fn objects_are_in_the_digest_of_a_plan_and_a_plan_without_them_keeps_its_own() {
    let step =
        || Step::on(config(), ObjectAction::ConfigRestore { contents: contents("1").digest() });
    let live = |value| config().live(Some(&config_map(value)));
    let plan = Plan::on(vec![step()], vec![], vec![live("2")]);
    assert_ne!(plan.digest(), Plan::on(vec![step()], vec![], vec![live("3")]).digest());
    assert_ne!(plan.digest(), Plan::new(vec![step()], vec![]).digest());
    let stored = serde_json::to_value(&plan).unwrap();
    assert_eq!(stored["steps"][0]["kind"], "object");
    assert_eq!(stored["steps"][0]["action"], "config_restore");
    assert_eq!(stored["steps"][0]["object"]["kind"], "ConfigMap");
    assert_eq!(serde_json::from_value::<Plan>(stored).unwrap(), plan);
    // As plans were stored before there were objects.
    let without = serde_json::to_value(Plan::new(vec![step()], vec![])).unwrap();
    assert_eq!(without.get("objects"), None);
    assert_eq!(without["digest"], canonical::digest(&(&[step()], json!([]))).as_str());
}

#[test]
fn intents_say_what_they_are_about_by_their_members() {
    let live = config().live(Some(&config_map("1")));
    let at = chrono::DateTime::UNIX_EPOCH;
    let intent = Intent { before: live.clone(), expected: live, stamp: at };
    let stored = serde_json::to_value(intent.clone().whole()).unwrap();
    let read: Intent = serde_json::from_value(stored).unwrap();
    assert_eq!(read.of(Live::object), Some(intent));
    assert_eq!(read.of(Live::workload), None);
    // As workloads were always written.
    let old = json!({"workload": {"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "api"},
        "uid": "u", "digest": canonical::digest(&1), "revision": 3, "paused": false, "replicas": null});
    assert!(serde_json::from_value::<Live>(old).unwrap().workload().is_some());
}

#[test]
fn a_config_map_goes_back_to_its_contents() {
    let restore = ObjectAction::ConfigRestore { contents: contents("1").digest() };
    let restored = |found: &Value| change(&config(), &restore, Some(found), Some(&contents("1")));
    let expected = vec![("/data".to_owned(), json!({"level": "1"}))];
    assert_eq!(sets(restored(&config_map("2"))), expected);
    assert_eq!(*said(&restored(&config_map("1"))), Said::ConfigThere);
    let binary = json!({"metadata": {"uid": "u"}, "binaryData": {"a": "AA=="}});
    let expected = [expected[0].clone(), ("/binaryData".to_owned(), Value::Null)];
    assert_eq!(sets(restored(&binary)), expected);
    let mut fixed = config_map("2");
    fixed["immutable"] = json!(true);
    assert_eq!(*said(&restored(&fixed)), Said::Immutable);
    let gone = change(&config(), &restore, Some(&config_map("2")), None);
    assert_eq!(*said(&gone), Said::ContentsGone { contents: contents("1").digest() });
}

#[test]
fn weights_are_set_where_the_backends_are_and_nowhere_else() {
    let set = |blue, green| ObjectAction::SetWeights { weights: shares(blue, green) };
    let expected = json!([
        {"backendRefs": [{"name": "blue", "port": 80, "weight": 50}, {"name": "green", "port": 80, "weight": 50}]},
        {"backendRefs": [{"name": "assets", "port": 80}]},
    ]);
    let change = changed(&route(), set(50, 50), &http_route(0, 100));
    assert_eq!(sets(change), [("/spec/rules".to_owned(), expected)]);
    assert_eq!(*said(&changed(&route(), set(0, 100), &http_route(0, 100))), Said::WeightsThere);
    assert_eq!(*said(&changed(&route(), set(0, 0), &http_route(0, 100))), Said::NoTraffic);
    let unknown = ObjectAction::SetWeights { weights: [("red".to_owned(), 1)].into() };
    let known = ["assets", "blue", "green"].map(str::to_owned).to_vec();
    assert_eq!(
        *said(&changed(&route(), unknown, &http_route(0, 100))),
        Said::NoBackend { backend: "red".into(), known }
    );
}

#[test]
fn subsets_of_a_virtual_service_have_weights_of_their_own() {
    let service = object("networking.istio.io/v1", "VirtualService");
    let to = |subset: &str, weight: i32| json!({"destination": {"host": "api", "subset": subset}, "weight": weight});
    let found = json!({"metadata": {"uid": "u"}, "spec": {"http": [{"route": [to("v1", 0), to("v2", 100)]}]}});
    assert_eq!(
        weights(&service, &found),
        [("api/v1".to_owned(), 0), ("api/v2".to_owned(), 100)].into()
    );
    let back = [("api/v1".to_owned(), 100), ("api/v2".to_owned(), 0)].into();
    let change = changed(&service, ObjectAction::SetWeights { weights: back }, &found);
    assert_eq!(
        sets(change),
        [("/spec/http".to_owned(), json!([{"route": [to("v1", 100), to("v2", 0)]}]))]
    );
    let alone = json!({"spec": {"http": [{"route": [{"destination": {"host": "api"}}]}]}});
    assert_eq!(weights(&service, &alone), [("api".to_owned(), 100)].into());
}

#[test]
fn an_application_keeps_how_it_was_synchronised_and_gets_it_back() {
    let application = object("argoproj.io/v1alpha1", "Application");
    let mut found = json!({"metadata": {"uid": "u"},
        "spec": {"syncPolicy": {"automated": {"prune": true}, "retry": {"limit": 2}}}});
    let Change::Patch { sets, .. } = changed(&application, ObjectAction::SuspendSync, &found)
    else {
        panic!()
    };
    assert_eq!(sets[1], Set { path: "/spec/syncPolicy/automated".into(), value: None });
    found["metadata"]["annotations"] = sets[0].value.clone().unwrap();
    found["spec"]["syncPolicy"].as_object_mut().unwrap().remove("automated");
    let again = changed(&application, ObjectAction::SuspendSync, &found);
    assert_eq!(*said(&again), Said::SyncAlready { suspended: true });
    let Change::Patch { sets, .. } = changed(&application, ObjectAction::ResumeSync, &found) else {
        panic!()
    };
    assert_eq!(sets[0].path, "/spec/syncPolicy/automated");
    assert_eq!(sets[0].value, Some(json!({"prune": true})));
    assert_eq!(sets[1].path, "/metadata/annotations/lifeboat~1suspended-sync");
    // Suspended by somebody else: how it was is not known.
    found["metadata"] = json!({"uid": "u"});
    let theirs = changed(&application, ObjectAction::ResumeSync, &found);
    assert_eq!(*said(&theirs), Said::SuspendedByOther);
}

#[test]
fn actions_fit_their_kinds() {
    let node = ObjectRef { namespace: String::new(), ..object("v1", "Node") };
    assert!(ObjectAction::Drain.fits(&node));
    assert!(!ObjectAction::Drain.fits(&config()));
    assert!(!ObjectAction::Delete.fits(&config()));
    assert!(!ObjectAction::Cordon.fits(&object("v1", "Secret")));
    assert_eq!(
        *said(&changed(&node, ObjectAction::Drain, &json!({"spec": {}}))),
        Said::NotCordoned
    );
    let refused = changed(&config(), ObjectAction::Cordon, &json!({}));
    assert_eq!(
        refused,
        Change::Refused(Note::NotForKind { kind: "ConfigMap".into(), action: "cordon".into() })
    );
}

#[test]
fn each_step_is_foreseen_as_if_those_before_it_were_done() {
    let of = |seen: Seen, actions: Vec<ObjectAction>| {
        let steps: Vec<_> = actions.into_iter().map(|it| Step::on(route(), it)).collect();
        let foreseen = foresee(&steps, &[], &[seen]);
        foreseen.into_iter().map(|it| it.would).collect::<Vec<_>>()
    };
    let set = |blue, green| ObjectAction::SetWeights { weights: shares(blue, green) };
    let seen = Seen {
        object: route(),
        found: Some(http_route(0, 100)),
        contents: vec![],
        protected: false,
    };
    use Would::{Nothing, Patch, Refuse};
    assert_eq!(
        of(seen.clone(), vec![set(50, 50), set(50, 50), set(100, 0), set(0, 0)]),
        [Patch, Nothing, Patch, Refuse]
    );
    assert_eq!(of(Seen { found: None, ..seen.clone() }, vec![set(50, 50)]), [Refuse]);
    let protected = Seen { protected: true, ..seen };
    let steps = [Step::on(route(), set(50, 50))];
    let note = Some(Note::Protected { namespace: "shop".into() });
    assert_eq!(foresee(&steps, &[], &[protected]), [Foreseen { would: Refuse, note }]);
}

#[test]
fn a_tracking_id_names_its_application() {
    for (id, namespace, name) in [
        ("shop:apps/Deployment:shop/api", "argocd", "shop"),
        ("team_shop:apps/D:x/y", "team", "shop"),
    ] {
        let application = ObjectRef::application("lab", id);
        assert_eq!((&*application.namespace, &*application.name), (namespace, name));
        assert!(ObjectAction::SuspendSync.fits(&application));
    }
}
