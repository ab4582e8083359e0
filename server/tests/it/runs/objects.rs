//! Steps on objects that are no workload, on the pretend cluster: what is done, what is refused, what is left after
//! trouble.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use domain::plans::objects::Said;
use domain::plans::{LiveObject, Moved, ObjectAction, ObjectRef, Plan, Step};
use domain::revisions::Contents;
use domain::runs::{Note, Run, State, StateName};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use server::sim;
use sqlx::PgPool;

use super::Lab;

/// The objects of a test, by the plain API and with all rights, past our own client.
pub(crate) struct Things {
    pub(crate) lab: Lab,
    admin: kube::Client,
}

impl Things {
    /// Whoever the lab is may do everything.
    pub(crate) async fn of(lab: Lab) -> Self {
        let admin = lab.world.clusters.get("lab").await.unwrap().client;
        Self { lab, admin }
    }

    /// The lab has only the rights that were granted to it.
    pub(crate) async fn with(lab: Lab, admin: &Path) -> Self {
        let config = Kubeconfig::read_from(admin).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options).await.unwrap();
        Self { lab, admin: kube::Client::try_from(config).unwrap() }
    }

    pub(crate) fn named(&self, api_version: &str, kind: &str, name: &str) -> ObjectRef {
        let namespaced = kind != "Node";
        ObjectRef {
            cluster: "lab".into(),
            namespace: if namespaced { self.lab.namespace.clone() } else { String::new() },
            api_version: api_version.into(),
            kind: kind.into(),
            name: name.into(),
        }
    }

    pub(crate) fn config(&self, name: &str) -> ObjectRef {
        self.named("v1", "ConfigMap", name)
    }

    pub(crate) fn route(&self) -> ObjectRef {
        self.named("gateway.networking.k8s.io/v1", "HTTPRoute", "api")
    }

    fn path(object: &ObjectRef, plural: &str) -> String {
        let root = if object.group().is_empty() { "/api" } else { "/apis" };
        let ObjectRef { api_version, namespace, .. } = object;
        match namespace.is_empty() {
            true => format!("{root}/{api_version}/{plural}"),
            false => format!("{root}/{api_version}/namespaces/{namespace}/{plural}"),
        }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let content = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content)
            .body(body.to_string().into_bytes())
            .unwrap();
        self.admin.request::<Value>(request).await.unwrap()
    }

    pub(crate) async fn make(&self, object: &ObjectRef, mut body: Value) -> Value {
        let plural = object.known().unwrap().plural;
        body["apiVersion"] = json!(object.api_version);
        body["kind"] = json!(object.kind);
        body["metadata"]["name"] = json!(object.name);
        self.call("POST", &Self::path(object, plural), body).await
    }

    pub(crate) async fn change(&self, object: &ObjectRef, patch: Value) -> Value {
        let plural = object.known().unwrap().plural;
        let path = format!("{}/{}", Self::path(object, plural), object.name);
        self.call("PATCH", &path, patch).await
    }

    pub(crate) async fn remove(&self, object: &ObjectRef) {
        let plural = object.known().unwrap().plural;
        let path = format!("{}/{}", Self::path(object, plural), object.name);
        self.call("DELETE", &path, json!({})).await;
    }

    pub(crate) async fn read(&self, object: &ObjectRef) -> Option<Value> {
        let cluster = self.lab.world.clusters.get("lab").await.unwrap();
        server::adapters::kubernetes::objects::get(&cluster, object).await.unwrap()
    }

    pub(crate) async fn live(&self, object: &ObjectRef) -> LiveObject {
        object.live(self.read(object).await.as_ref())
    }

    /// A run of these actions, made for the state that the objects are in now.
    pub(crate) async fn asked(&self, actions: Vec<(ObjectRef, ObjectAction)>) -> Run {
        let mut live: Vec<LiveObject> = Vec::new();
        for (object, _) in &actions {
            if !live.iter().any(|it| it.object == *object) {
                live.push(self.live(object).await);
            }
        }
        let steps = actions.into_iter().map(|(object, action)| Step::on(object, action));
        self.lab.asked_for(Plan::on(steps.collect(), vec![], live)).await
    }

    pub(crate) async fn done(&self, actions: Vec<(ObjectRef, ObjectAction)>) -> Run {
        let run = self.asked(actions).await;
        self.lab.approve(&run).await;
        self.lab.execute(run.id).await
    }

    /// As the watch keeps what a revision ran with.
    pub(crate) async fn kept(&self, contents: &Contents) {
        let digest = contents.digest();
        let observed = store::configs::Observed { digest, contents: contents.clone() };
        let mut tx = self.lab.world.db.begin().await.unwrap();
        store::configs::observe(&mut tx, &[observed], self.lab.world.now()).await.unwrap();
        tx.commit().await.unwrap();
    }
}

pub(crate) fn contents(value: &str) -> Contents {
    Contents { data: [("level".to_owned(), value.to_owned())].into(), ..Contents::default() }
}

fn crd(group: &str, version: &str, kind: &str, plural: &str) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
            "versions": [{"name": version, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}

async fn pretend(pool: PgPool) -> (Things, sim::Cluster) {
    let (lab, cluster) = Lab::pretend(pool).await;
    let things = Things::of(lab).await;
    crds(&things).await;
    (things, cluster)
}

/// What the pretend cluster does not know by itself.
pub(crate) async fn crds(things: &Things) {
    for (group, version, kind, plural) in [
        ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
        ("networking.istio.io", "v1", "VirtualService", "virtualservices"),
        ("argoproj.io", "v1alpha1", "Application", "applications"),
        ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"),
        ("velero.io", "v1", "Restore", "restores"),
    ] {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        things.call("POST", path, crd(group, version, kind, plural)).await;
    }
}

pub(crate) fn http_route(blue: i32, green: i32) -> Value {
    json!({"spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [
        {"name": "blue", "port": 80, "weight": blue}, {"name": "green", "port": 80, "weight": green}]}]}})
}

fn weights(blue: i32, green: i32) -> ObjectAction {
    let weights: BTreeMap<_, _> = [("blue".to_owned(), blue), ("green".to_owned(), green)].into();
    ObjectAction::SetWeights { weights }
}

fn ends(run: &Run) -> Vec<&'static str> {
    run.steps.iter().map(|it| it.state_name()).collect()
}

fn said(run: &Run, step: usize) -> Said {
    match run.steps[step].note.clone() {
        Some(Note::Object { said }) => said,
        other => panic!("{other:?} {run:?}"),
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_config_map_goes_back_and_carries_its_condition(pool: PgPool) {
    let (things, cluster) = pretend(pool).await;
    let config = things.config("settings");
    things.make(&config, json!({"data": {"level": "2", "other": "x"}})).await;
    things.kept(&contents("1")).await;
    cluster.forget_requests();
    let restore = ObjectAction::ConfigRestore { contents: contents("1").digest() };
    let run = things.done(vec![(config.clone(), restore.clone()), (config.clone(), restore)]).await;
    assert_eq!(ends(&run), ["succeeded", "no_change"], "{run:?}");
    assert_eq!(said(&run, 0), Said::ConfigRestored { contents: contents("1").digest() });
    assert_eq!(things.read(&config).await.unwrap()["data"], json!({"level": "1"}));
    let requests = cluster.requests();
    let patches: Vec<_> = requests.iter().filter(|it| it.verb == "patch").collect();
    assert_eq!(patches.iter().map(|it| it.is_dry_run()).collect::<Vec<_>>(), [true, false]);
    let patch = patches[1].json();
    let operations = patch.as_array().unwrap().iter();
    let operations: Vec<_> = operations
        .map(|it| format!("{} {}", it["op"].as_str().unwrap(), it["path"].as_str().unwrap()))
        .collect();
    assert_eq!(operations, ["test /metadata/uid", "test /data", "test /binaryData", "add /data"]);
    let (intent, proof) =
        (run.steps[0].state.intent().unwrap(), run.steps[0].state.proof().unwrap());
    assert!(intent.expected.looks_like(&proof.after) && !proof.found);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_cannot_be_done_to_an_object_is_refused_and_says_why(pool: PgPool) {
    let (things, _cluster) = pretend(pool).await;
    let config = things.config("settings");
    things.make(&config, json!({"data": {"level": "2"}, "immutable": true})).await;
    things.kept(&contents("1")).await;
    let restore = |value| ObjectAction::ConfigRestore { contents: contents(value).digest() };
    let lost = Said::ContentsGone { contents: contents("lost").digest() };
    let node = things.named("v1", "Node", "node-1");
    let gone = things.config("nowhere");
    for (object, action, expected) in [
        (&config, restore("1"), Said::Immutable),
        (&config, restore("lost"), lost),
        (&gone, restore("1"), Said::NoObject),
        (&node, ObjectAction::Drain, Said::NotCordoned),
    ] {
        let run = things.done(vec![(object.clone(), action)]).await;
        assert_eq!((ends(&run), said(&run, 0)), (vec!["refused"], expected), "{object}");
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn traffic_moves_step_by_step_and_back(pool: PgPool) {
    let (things, _cluster) = pretend(pool).await;
    let route = things.route();
    things.make(&route, http_route(0, 100)).await;
    let moves = vec![weights(50, 50), weights(100, 0), weights(0, 0)];
    let run = things.done(moves.into_iter().map(|it| (route.clone(), it)).collect()).await;
    assert_eq!(ends(&run), ["succeeded", "succeeded", "refused"], "{run:?}");
    assert_eq!(said(&run, 2), Said::NoTraffic);
    let rules = things.read(&route).await.unwrap()["spec"]["rules"].clone();
    assert_eq!(rules, http_route(100, 0)["spec"]["rules"]);
    let run = things.done(vec![(route.clone(), weights(0, 100))]).await;
    assert_eq!(run.state.name(), StateName::Succeeded);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn nothing_happens_where_the_object_has_moved(pool: PgPool) {
    let (things, _cluster) = pretend(pool).await;
    let route = things.route();
    things.make(&route, http_route(0, 100)).await;
    // Somebody else moved the traffic after the approval.
    let run = things.asked(vec![(route.clone(), weights(100, 0))]).await;
    things.lab.approve(&run).await;
    things.change(&route, http_route(20, 80)).await;
    let run = things.lab.execute(run.id).await;
    let State::Superseded { moved, .. } = &run.state else { panic!("{:?}", run.state) };
    assert!(matches!(**moved, [Moved::ObjectChanged { .. }]), "{moved:?}");
    // Labels are nobody's business.
    let run = things.asked(vec![(route.clone(), weights(100, 0))]).await;
    things.lab.approve(&run).await;
    things.change(&route, json!({"metadata": {"labels": {"team": "edge"}}})).await;
    assert_eq!(things.lab.execute(run.id).await.state.name(), StateName::Succeeded);
    // Replaced, and gone.
    for remade in [true, false] {
        let run = things.asked(vec![(route.clone(), weights(50, 50))]).await;
        things.lab.approve(&run).await;
        things.remove(&route).await;
        if remade {
            things.make(&route, http_route(100, 0)).await;
        }
        let run = things.lab.execute(run.id).await;
        let State::Superseded { moved, .. } = &run.state else { panic!("{:?}", run.state) };
        match remade {
            true => assert!(matches!(**moved, [Moved::ObjectReplaced { .. }]), "{moved:?}"),
            false => assert!(matches!(**moved, [Moved::ObjectGone { .. }]), "{moved:?}"),
        }
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn gitops_rests_and_goes_on_as_it_was(pool: PgPool) {
    let (things, _cluster) = pretend(pool).await;
    let application = things.named("argoproj.io/v1alpha1", "Application", "shop");
    let kustomization = things.named("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "shop");
    let policy = json!({"automated": {"prune": true, "selfHeal": true}, "syncOptions": ["A=b"]});
    things.make(&application, json!({"spec": {"project": "default", "syncPolicy": policy}})).await;
    things.make(&kustomization, json!({"spec": {"interval": "5m"}})).await;
    let both = |action: ObjectAction| {
        vec![(application.clone(), action.clone()), (kustomization.clone(), action)]
    };
    let run = things
        .done([both(ObjectAction::SuspendSync), both(ObjectAction::StillSuspended)].concat())
        .await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    let rests = things.read(&application).await.unwrap();
    assert_eq!(rests["spec"]["syncPolicy"], json!({"syncOptions": ["A=b"]}));
    assert_eq!(things.read(&kustomization).await.unwrap()["spec"]["suspend"], true);

    let run = things.done(both(ObjectAction::ResumeSync)).await;
    assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
    assert_eq!(things.read(&application).await.unwrap()["spec"]["syncPolicy"], policy);
    // Put back by the application above: the run says so.
    let run = things.done(vec![(application, ObjectAction::StillSuspended)]).await;
    assert_eq!((ends(&run), said(&run, 0)), (vec!["failed"], Said::SyncUndone));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_node_is_emptied_as_far_as_its_budgets_allow(pool: PgPool) {
    let (things, cluster) = pretend(pool).await;
    things.lab.deploy("api", &["shop/api:1"]).await;
    let pods = format!("/api/v1/namespaces/{}/pods", things.lab.namespace);
    let on = |list: &Value| -> BTreeMap<String, String> {
        let pods = list["items"].as_array().unwrap().iter();
        pods.map(|it| {
            let text = |path| it.pointer(path).unwrap().as_str().unwrap().to_owned();
            (text("/metadata/name"), text("/spec/nodeName"))
        })
        .collect()
    };
    things.lab.until("api", |it| it["status"]["availableReplicas"] == 2).await;
    let before = on(&things.call("GET", &pods, json!({})).await);
    let name = before.values().next().unwrap().clone();
    let node = things.named("v1", "Node", &name);
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "api"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "api"}}}});
    let budgets =
        format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets", things.lab.namespace);
    things.call("POST", &budgets, budget).await;
    let allow = |allowed: i32| json!({"status": {"disruptionsAllowed": allowed, "currentHealthy": 2, "desiredHealthy": 2}});
    things.call("PATCH", &format!("{budgets}/api/status"), allow(0)).await;

    // Held until the deadline, and then said by the budget's name.
    let mut drain = Step::on(node.clone(), ObjectAction::Drain);
    drain.deadline_s = 1;
    let steps = vec![Step::on(node.clone(), ObjectAction::Cordon), drain];
    let run = things.lab.asked_for(Plan::on(steps, vec![], vec![things.live(&node).await])).await;
    things.lab.approve(&run).await;
    let run = things.lab.execute(run.id).await;
    assert_eq!(ends(&run), ["succeeded", "failed"], "{run:?}");
    let Said::NotDrained { left, held_by: Some(by), .. } = said(&run, 1) else { panic!("{run:?}") };
    assert!(left > 0 && by.contains("The disruption budget api needs 2 healthy pods"), "{by}");

    // Allowed: exactly those pods go, and the node stays as it is.
    things.call("PATCH", &format!("{budgets}/api/status"), allow(2)).await;
    cluster.forget_requests();
    let drain = vec![(node.clone(), ObjectAction::Drain), (node.clone(), ObjectAction::Uncordon)];
    let run = tokio::time::timeout(Duration::from_secs(30), things.done(drain)).await.unwrap();
    assert_eq!(ends(&run), ["succeeded", "succeeded"], "{run:?}");
    let evictions: Vec<_> =
        cluster.requests().into_iter().filter(|it| it.subresource == "eviction").collect();
    let went = before.values().filter(|it| **it == name).count();
    assert_eq!(evictions.iter().filter(|it| it.status() == Some(200)).count(), went);
    assert!(
        evictions.iter().all(|it| it.json()["deleteOptions"]["preconditions"]["uid"].is_string())
    );
    let after = on(&things.call("GET", &pods, json!({})).await);
    assert!(before.iter().filter(|(_, on)| **on == name).all(|(pod, _)| !after.contains_key(pod)));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_claim_is_replaced_and_a_restore_followed_to_its_end(pool: PgPool) {
    let (things, _cluster) = pretend(pool).await;
    let claim = things.named("v1", "PersistentVolumeClaim", "data-db-0");
    let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
        "resources": {"requests": {"storage": "1Gi"}}});
    let first = things.make(&claim, json!({"spec": spec})).await;
    let mut restored = spec.clone();
    restored["dataSource"] =
        json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "nightly"});
    let create = ObjectAction::Create { manifest: json!({"spec": restored}) };
    let run = things.asked(vec![
        (claim.clone(), ObjectAction::Delete),
        (claim.clone(), create.clone()),
        (claim.clone(), ObjectAction::WaitReady),
    ]);
    let run = run.await;
    things.lab.approve(&run).await;
    let (run, ()) = tokio::join!(things.lab.execute(run.id), async {
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(25)).await;
            if things
                .read(&claim)
                .await
                .is_some_and(|it| it["metadata"]["uid"] != first["metadata"]["uid"])
            {
                break;
            }
        }
        let path = format!(
            "/api/v1/namespaces/{}/persistentvolumeclaims/data-db-0/status",
            things.lab.namespace
        );
        things.call("PATCH", &path, json!({"status": {"phase": "Bound"}})).await;
    });
    assert_eq!(ends(&run), ["succeeded", "succeeded", "succeeded"], "{run:?}");
    assert_eq!(said(&run, 2), Said::Ready { phase: "Bound".into() });
    assert_eq!(things.read(&claim).await.unwrap()["spec"]["dataSource"]["name"], "nightly");

    let restore = things.named("velero.io/v1", "Restore", "back");
    let create = ObjectAction::Create { manifest: json!({"spec": {"backupName": "b1"}}) };
    let follow =
        vec![(restore.clone(), create.clone()), (restore.clone(), ObjectAction::WaitReady)];
    let run = things.asked(follow).await;
    things.lab.approve(&run).await;
    let (run, ()) = tokio::join!(things.lab.execute(run.id), async {
        while things.read(&restore).await.is_none() {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let failed = json!({"status": {"phase": "PartiallyFailed", "failureReason": "2 errors"}});
        things.change(&restore, failed).await;
    });
    assert_eq!(ends(&run), ["succeeded", "failed"], "{run:?}");
    assert_eq!(
        said(&run, 1),
        Said::Failed { phase: "PartiallyFailed".into(), why: "2 errors".into() }
    );
    // The name is taken now.
    let run = things.done(vec![(restore, create)]).await;
    assert_eq!((ends(&run), said(&run, 0)), (vec!["refused"], Said::NameTaken));
}

/// A fault of the API server at a step, and what becomes of it.
#[sqlx::test(migrator = "store::MIGRATOR")]
async fn trouble_is_waited_out_and_refusals_are_said(pool: PgPool) {
    let (things, cluster) = pretend(pool).await;
    let route = things.route();
    things.make(&route, http_route(0, 100)).await;
    let on_route = |effect| {
        sim::Fault::new(effect).verb("patch").resource("httproutes.gateway.networking.k8s.io")
    };
    // Each at the effect itself, after its rehearsal: somebody else wrote at the same moment; the server is busy; the
    // answer is lost after the effect.
    for effect in [sim::Effect::Conflict, sim::Effect::TooManyRequests(1), sim::Effect::LoseAnswer]
    {
        things.change(&route, http_route(0, 100)).await;
        cluster.inject(on_route(effect.clone()).after(1).times(1));
        let run = things.done(vec![(route.clone(), weights(100, 0))]).await;
        assert_eq!(ends(&run), ["succeeded"], "{effect:?}: {run:?}");
    }
    // An admission webhook that says no: nothing is begun, and the run says what it said.
    things.change(&route, http_route(0, 100)).await;
    cluster.inject(on_route(sim::Effect::Forbidden).times(1));
    let run = things.done(vec![(route.clone(), weights(100, 0))]).await;
    assert_eq!(ends(&run), ["failed"], "{run:?}");
    assert!(run.steps[0].state.intent().is_none(), "it was refused in the rehearsal");
}
