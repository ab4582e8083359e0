//! Twins: two Deployments with one history, one in each of two namespaces. What `kubectl` does to the one Lifeboat
//! does to the other, and then everything about them is compared, field by field, with their ReplicaSets.
//!
//! On the real API server, and on the pretend one, which is right only where the real one agrees.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use domain::plans::{self, Action};
use domain::runs::{Note, Run, StateName};
use serde_json::{Value, json};
use server::sim;
use sqlx::PgPool;
use tempfile::TempDir;

use super::Lab;
use super::lab::steps;
use crate::world::real_cluster;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_a_real_cluster_the_twins_are_equal(pool: PgPool) {
    let file = real_cluster();
    let admin = Kubectl::new(file("kubectl"), &file("admin_kubeconfig"));
    // Ours has only the rights that `deploy/` ships.
    compare(pool, admin, file("lifeboat_kubeconfig")).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_the_pretend_cluster_the_twins_are_equal(pool: PgPool) {
    let cluster = sim::Cluster::start(sim::Options::default()).await.unwrap();
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, cluster.kubeconfig()).unwrap();
    let program = std::env::var_os("LIFEBOAT_KUBECTL").unwrap_or_else(|| "kubectl".into());
    compare(pool, Kubectl::new(program.into(), &kubeconfig), kubeconfig).await;
}

/// kubectl with a cache of its own.
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    folder: TempDir,
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, kubeconfig: &Path) -> Self {
        Self { program, kubeconfig: kubeconfig.to_owned(), folder: TempDir::new().unwrap() }
    }

    /// What it printed, or what it complained about.
    pub(crate) async fn run(&self, namespace: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .arg(format!("--cache-dir={}", self.folder.path().display()))
            .arg(format!("--namespace={namespace}"))
            .args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let output = output.expect("kubectl is needed: name it in LIFEBOAT_KUBECTL");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    pub(crate) async fn json(&self, namespace: &str, arguments: &[&str]) -> Value {
        let said =
            self.run(namespace, &[&["get", "-o", "json"], arguments].concat()).await.unwrap();
        serde_json::from_str(&said).unwrap()
    }

    pub(crate) async fn apply(&self, namespace: &str, object: &Value) {
        let file = self.folder.path().join(format!("{namespace}.json"));
        std::fs::write(&file, object.to_string()).unwrap();
        self.run(namespace, &["apply", "-f", file.to_str().unwrap()]).await.unwrap();
    }

    async fn rolled_out(&self, namespace: &str) {
        let status = ["rollout", "status", "deployment/api", "--timeout=60s"];
        self.run(namespace, &status).await.unwrap();
    }
}

/// The twins, and what has been compared of them.
struct Twins {
    lab: Lab,
    kubectl: Kubectl,
    ours: String,
    theirs: String,
    table: Vec<(String, usize)>,
}

async fn compare(pool: PgPool, kubectl: Kubectl, kubeconfig: PathBuf) {
    let unique = uuid::Uuid::from_u128(rand::random()).simple().to_string();
    let [ours, theirs] = ["ours", "kubectl"].map(|it| format!("twin-{}-{it}", &unique[..8]));
    let lab = Lab::on(pool, kubeconfig, &ours).await;
    let mut twins = Twins { lab, kubectl, ours, theirs, table: Vec::new() };
    twins.make().await;
    twins.undo_and_its_ways().await;
    twins.refusals().await;
    twins.other_actions().await;
    println!("{:64} {:>7} {:>11}", "after", "fields", "differences");
    for (case, fields) in &twins.table {
        println!("{case:64} {fields:>7} {:>11}", 0);
    }
    for namespace in [&twins.ours, &twins.theirs] {
        let gone = ["delete", "namespace", namespace, "--wait=false"];
        twins.kubectl.run("default", &gone).await.unwrap();
    }
}

/// As somebody would write it; `n` tells the versions apart.
fn manifest(n: u32, extra: Value) -> Value {
    let mut annotations =
        json!({"kubernetes.io/change-cause": format!("release {n}"), "team": "platform"});
    for (name, value) in extra.as_object().unwrap() {
        annotations[name] = value.clone();
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "api", "labels": {"app": "api"}, "annotations": annotations},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "api"}},
            "template": {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{
                "name": "app", "image": format!("shop/api:{n}"),
                // Go writes these with escapes, and a patch is compared byte by byte.
                "command": ["sh", "-c", "a && b > /dev/null < <(echo '<é>')"],
                "env": [{"name": "N", "value": n.to_string()}],
                "resources": {"requests": {"cpu": "0.1", "memory": "64Mi"}}}],
                "volumes": [{"name": "v", "emptyDir": {}}]}}}})
}

impl Twins {
    /// The same history in both namespaces: applied, edited by hand, annotated, scaled.
    async fn make(&mut self) {
        for namespace in [&self.ours, &self.theirs] {
            let manifest =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            self.kubectl.apply("default", &manifest).await;
            if std::env::var_os("LIFEBOAT_CLUSTER_DIR").is_some() {
                let rights = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rbac-namespace.yaml");
                // The pretend cluster knows no rights.
                let _ = self.kubectl.run(namespace, &["apply", "-f", rights]).await;
            }
        }
        let extras = [json!({}), json!({"ticket": "OPS-2"}), json!({"owner": "anna", "x/y": "1"})];
        for (n, extra) in (1..).zip(extras) {
            self.both(async |twins, namespace| {
                twins.kubectl.apply(namespace, &manifest(n, extra.clone())).await;
                twins.kubectl.rolled_out(namespace).await;
            })
            .await;
        }
        // Past kubectl apply: the last-applied annotation is stale from here on.
        self.kubectl_on_both(&["set", "image", "deployment/api", "app=shop/api:4"]).await;
        self.kubectl_on_both(&["annotate", "deployment/api", "note=by hand"]).await;
        self.equal("the same history").await;
    }

    async fn undo_and_its_ways(&mut self) {
        let back = self.undo("2").await;
        assert_eq!(steps(&back)[0].1, Some(Note::Undone { revision: 2 }));
        self.equal("undo --to-revision=2").await;

        self.kubectl_on_both(&["scale", "deployment/api", "--replicas=5"]).await;
        self.undo("0").await;
        self.equal("undo to the one before, replicas changed since").await;

        self.undo("0").await;
        self.equal("undo again, which goes forward").await;

        // A later apply merges with what the undo left.
        self.both(async |twins, namespace| {
            twins.kubectl.apply(namespace, &manifest(7, json!({"ticket": "OPS-7"}))).await;
        })
        .await;
        self.equal("kubectl apply after the undo").await;

        let first = self.first_revision().await;
        self.undo(&first).await;
        self.equal("undo to the oldest revision").await;

        self.kubectl_on_both(&["set", "image", "deployment/api", "app=shop/api:8-bad"]).await;
        self.both(async |twins, namespace| twins.stuck(namespace).await).await;
        self.undo("0").await;
        self.equal("undo of a release that never became ready").await;
    }

    async fn refusals(&mut self) {
        let live = self.live_revision().await;
        let said = self.kubectl_undo(&live).await.unwrap();
        assert!(said.contains("skipped rollback"), "{said}");
        let run = self.run_undo(&live).await;
        assert_eq!(run.steps[0].state_name(), "no_change", "{run:?}");
        self.equal("the same template: nothing changes").await;

        let said = self.kubectl_undo("99").await.unwrap_err();
        assert!(said.contains("unable to find specified revision 99"), "{said}");
        let run = self.run_undo("99").await;
        assert!(
            matches!(run.steps[0].note, Some(Note::NoRevision { revision: 99, .. })),
            "{run:?}"
        );
        self.equal("a missing revision: refused").await;

        self.kubectl_on_both(&["rollout", "pause", "deployment/api"]).await;
        let said = self.kubectl_undo("0").await.unwrap_err();
        assert!(said.contains("paused"), "{said}");
        let run = self.run_undo("0").await;
        assert_eq!(steps(&run), [("refused", Some(Note::PausedByOther))]);
        self.equal("paused by somebody: refused").await;
        self.kubectl_on_both(&["rollout", "resume", "deployment/api"]).await;
    }

    async fn other_actions(&mut self) {
        let images = [("app".to_owned(), "shop/api:9".to_owned())].into();
        for (action, arguments) in [
            (
                Action::SetImage { images },
                &["set", "image", "deployment/api", "app=shop/api:9"][..],
            ),
            (Action::Scale { replicas: 3 }, &["scale", "deployment/api", "--replicas=3"]),
            (Action::Restart, &["rollout", "restart", "deployment/api"]),
            (Action::Pause, &["rollout", "pause", "deployment/api"]),
            (Action::Resume, &["rollout", "resume", "deployment/api"]),
        ] {
            let case = arguments.join(" ");
            self.kubectl.run(&self.theirs, arguments).await.unwrap();
            let run = self.lab.done("api", vec![action]).await;
            assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
            self.equal(&case).await;
        }
    }

    async fn both(&self, does: impl AsyncFn(&Self, &str)) {
        does(self, &self.theirs).await;
        does(self, &self.ours).await;
    }

    async fn kubectl_on_both(&self, arguments: &[&str]) {
        self.both(async |twins, namespace| {
            twins.kubectl.run(namespace, arguments).await.unwrap();
        })
        .await;
    }

    async fn kubectl_undo(&self, to: &str) -> Result<String, String> {
        let to = format!("--to-revision={to}");
        self.kubectl.run(&self.theirs, &["rollout", "undo", "deployment/api", &to]).await
    }

    /// The plan names the revision; "the one before" is found out when it is made.
    async fn run_undo(&self, to: &str) -> Run {
        let revision = match to.parse().unwrap() {
            0 => plans::the_one_before(&self.revisions().await).unwrap(),
            revision => revision,
        };
        let undo = self.lab.undo("api", revision).await;
        self.lab.done("api", vec![undo]).await
    }

    async fn undo(&self, to: &str) -> Run {
        self.kubectl_undo(to).await.unwrap();
        let run = self.run_undo(to).await;
        assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
        run
    }

    async fn revisions(&self) -> Vec<i64> {
        let sets = self.kubectl.json(&self.ours, &["replicasets"]).await;
        let sets = sets["items"].as_array().unwrap().clone();
        let revision = |it: &Value| it["metadata"]["annotations"][REVISION].as_str()?.parse().ok();
        sets.iter().filter_map(revision).collect()
    }

    async fn first_revision(&self) -> String {
        self.revisions().await.into_iter().min().unwrap().to_string()
    }

    async fn live_revision(&self) -> String {
        self.revisions().await.into_iter().max().unwrap().to_string()
    }

    /// A pod of the new revision is there and does not become ready.
    async fn stuck(&self, namespace: &str) {
        for _ in 0..200 {
            let object = self.kubectl.json(namespace, &["deployment", "api"]).await;
            let status = &object["status"];
            if status["unavailableReplicas"].as_i64() > Some(0)
                && status["updatedReplicas"].as_i64() > Some(0)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no pod of the bad release came into being");
    }

    /// Waits until the controllers have made them equal; if they do not, says where they differ.
    async fn equal(&mut self, case: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (ours, theirs) = (self.whole(&self.ours).await, self.whole(&self.theirs).await);
            let mut differences = Vec::new();
            let fields = differ("", &ours, &theirs, &mut differences);
            if differences.is_empty() && settled(&ours) {
                self.table.push((case.to_owned(), fields));
                return;
            }
            assert!(
                Instant::now() < deadline,
                "after {case} the twins differ (ours, kubectl's):\n{}\n{:#}",
                differences.join("\n"),
                ours["deployment"]["status"]
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The Deployment and its ReplicaSets, without what two objects can never share.
    async fn whole(&self, namespace: &str) -> Value {
        let deployment = self.kubectl.json(namespace, &["deployment", "api"]).await;
        let mut sets = self.kubectl.json(namespace, &["replicasets"]).await;
        for set in sets["items"].as_array_mut().unwrap() {
            // In how many steps a rolling update scales depends on which pod is ready first.
            set["metadata"]["generation"].take();
            set["status"]["observedGeneration"].take();
        }
        let whole = json!({"deployment": deployment, "replica_sets": sets["items"]});
        // The copy that `kubectl apply` keeps holds the namespace as text.
        let mut text = whole.to_string().replace(namespace, "NAMESPACE");
        // Names of ReplicaSets come from a hash of the template, and that holds the moment of a restart.
        for set in sets["items"].as_array().unwrap() {
            let hash = set["metadata"]["labels"]["pod-template-hash"].as_str().unwrap();
            let revision = set["metadata"]["annotations"][REVISION].as_str().unwrap();
            text = text.replace(hash, &format!("HASH-{revision}"));
        }
        let mut whole = serde_json::from_str(&text).unwrap();
        without_identity(&mut whole);
        whole
    }
}

const REVISION: &str = "deployment.kubernetes.io/revision";

/// Fields in which any two objects differ: who they are, and when and by whom they were written.
const IDENTITY: [&str; 8] = [
    "creationTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "managedFields",
    "resourceVersion",
    "uid",
    "kubectl.kubernetes.io/restartedAt",
    "selfLink",
];

pub(crate) fn without_identity(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_identity),
        Value::Object(members) => {
            members.retain(|name, _| !IDENTITY.contains(&name.as_str()));
            members.values_mut().for_each(without_identity);
            if let Some(Value::Array(items)) = members.get_mut("replica_sets") {
                items.sort_by_key(|it| it["metadata"]["annotations"][REVISION].to_string());
            }
        }
        _ => {}
    }
}

/// Every rollout is over, so nothing is equal only for a moment.
fn settled(whole: &Value) -> bool {
    let (spec, status) = (&whole["deployment"]["spec"], &whole["deployment"]["status"]);
    let paused = spec["paused"] == true;
    whole["deployment"]["metadata"]["generation"] == status["observedGeneration"]
        && (paused
            || ["replicas", "updatedReplicas", "availableReplicas"]
                .iter()
                .all(|it| spec["replicas"] == status[*it]))
}

/// How many fields were compared; where they differ is added to `differences`.
pub(crate) fn differ(
    path: &str,
    ours: &Value,
    theirs: &Value,
    differences: &mut Vec<String>,
) -> usize {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            let member = |it: &serde_json::Map<String, Value>, name: &String| {
                it.get(name).cloned().unwrap_or_default()
            };
            names
                .into_iter()
                .map(|it| {
                    differ(&format!("{path}.{it}"), &member(a, it), &member(b, it), differences)
                })
                .sum()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .map(|(i, (a, b))| differ(&format!("{path}[{i}]"), a, b, differences))
            .sum(),
        _ => {
            if ours != theirs {
                differences.push(format!("{path}: {ours} {theirs}"));
            }
            1
        }
    }
}
