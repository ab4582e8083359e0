//! Twins of StatefulSets and DaemonSets: what `kubectl rollout undo` does to the one Lifeboat does to the other, and then
//! the sets and their ControllerRevisions are compared, field by field.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::plans::{self, Action};
use domain::runs::{Note, Run, StateName};
use domain::services::WorkloadKind;
use serde_json::{Value, json};
use server::sim;
use sqlx::PgPool;
use tempfile::TempDir;

use super::{Set, deleted};
use crate::runs::Lab;
use crate::runs::twin::{Kubectl, differ, without_identity};
use crate::world::real_cluster;

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_a_real_cluster_the_twins_are_equal(pool: PgPool) {
    let file = real_cluster();
    // Ours has only the rights that `deploy/` ships.
    compare(pool, &file("kubectl"), file("admin_kubeconfig"), file("lifeboat_kubeconfig")).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn on_the_pretend_cluster_the_twins_are_equal(pool: PgPool) {
    let cluster = sim::Cluster::start(sim::Options::default()).await.unwrap();
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, cluster.kubeconfig()).unwrap();
    let program = std::env::var_os("LIFEBOAT_KUBECTL").unwrap_or_else(|| "kubectl".into());
    compare(pool, &PathBuf::from(program), kubeconfig.clone(), kubeconfig).await;
}

async fn compare(pool: PgPool, program: &Path, admin: PathBuf, ours: PathBuf) {
    let unique = uuid::Uuid::from_u128(rand::random()).simple().to_string();
    let [own, theirs] = ["ours", "kubectl"].map(|it| format!("sets-{}-{it}", &unique[..8]));
    let lab = Lab::on(pool, ours, &own).await;
    let mut table = Vec::new();
    for namespace in [&own, &theirs] {
        let kubectl = Kubectl::new(program.to_owned(), &admin);
        let manifest =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        kubectl.apply("default", &manifest).await;
        let rights = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rbac-namespace.yaml");
        // The pretend cluster knows no rights.
        let _ = kubectl.run(namespace, &["apply", "-f", rights]).await;
    }
    for kind in [WorkloadKind::StatefulSet, WorkloadKind::DaemonSet] {
        let kubectl = Kubectl::new(program.to_owned(), &admin);
        let (ours, theirs) = (own.clone(), theirs.clone());
        let mut twins = Twins { set: Set::new(&lab, kind, "api"), kubectl, ours, theirs, table };
        twins.go_through().await;
        table = twins.table;
    }
    println!("{:64} {:>7} {:>11}", "after", "fields", "differences");
    for (case, fields) in &table {
        println!("{case:64} {fields:>7} {:>11}", 0);
    }
    let kubectl = Kubectl::new(program.to_owned(), &admin);
    for namespace in [&own, &theirs] {
        kubectl.run("default", &["delete", "namespace", namespace, "--wait=false"]).await.unwrap();
    }
}

struct Twins<'a> {
    set: Set<'a>,
    kubectl: Kubectl,
    ours: String,
    theirs: String,
    table: Vec<(String, usize)>,
}

impl Twins<'_> {
    async fn go_through(&mut self) {
        for n in 1..=3 {
            self.apply(n).await;
            self.rolled_out().await;
        }
        // Past kubectl apply: the last-applied annotation is stale from here on.
        let object = self.object();
        self.kubectl_on_both(&["set", "image", &object, "app=shop/api:4"]).await;
        self.kubectl_on_both(&["annotate", &object, "note=by hand"]).await;
        self.equal("the same history").await;

        let back = self.undo("2").await;
        assert_eq!(back.steps[0].note, Some(Note::Undone { revision: 2 }));
        self.equal("undo --to-revision=2").await;
        self.undo("0").await;
        self.equal("undo to the one before").await;
        self.undo("0").await;
        self.equal("undo again, which goes forward").await;
        self.apply(7).await;
        self.equal("kubectl apply after the undo").await;
        let first = self.revisions().await.into_iter().min().unwrap().to_string();
        self.undo(&first).await;
        self.equal("undo to the oldest revision").await;

        self.bad_release().await;
        self.refusals().await;
    }

    async fn bad_release(&mut self) {
        let object = self.object();
        self.kubectl_on_both(&["set", "image", &object, "app=shop/api:8-bad"]).await;
        for namespace in [&self.ours, &self.theirs] {
            self.until_bad(namespace).await;
        }
        self.undo("0").await;
        let run = self.set.done(vec![Action::ReplacePods, Action::WaitRollout]).await;
        assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
        if self.set.kind == WorkloadKind::StatefulSet {
            // kubectl leaves the broken pod to who knows that it has to be deleted.
            assert_eq!(deleted(run.steps[0].note.as_ref()), ["api-2"]);
            self.kubectl
                .run(&self.theirs, &["delete", "pod", "api-2", "--wait=false"])
                .await
                .unwrap();
        }
        self.equal("undo of a release that never became ready").await;
    }

    async fn refusals(&mut self) {
        let live = self.revisions().await.into_iter().max().unwrap().to_string();
        let said = self.kubectl_undo(&live).await.unwrap();
        assert!(said.contains("skipped rollback"), "{said}");
        let run = self.run_undo(&live).await;
        assert_eq!(run.steps[0].state_name(), "no_change", "{run:?}");
        self.equal("the same template: nothing changes").await;

        let said = self.kubectl_undo("99").await.unwrap_err();
        assert!(said.contains("unable to find specified revision 99"), "{said}");
        let run = self.run_undo("99").await;
        let note = run.steps[0].note.clone();
        assert!(matches!(note, Some(Note::NoRevision { revision: 99, .. })), "{run:?}");
        self.equal("a missing revision: refused").await;
    }

    fn object(&self) -> String {
        format!("{}/api", self.set.kind.as_str().to_lowercase())
    }

    async fn apply(&self, n: u32) {
        let mut manifest =
            super::manifest(self.set.kind, "api", &format!("shop/api:{n}"), json!({}));
        manifest["metadata"]["annotations"] =
            json!({"kubernetes.io/change-cause": format!("release {n}"), "team": "platform"});
        let container = &mut manifest["spec"]["template"]["spec"]["containers"][0];
        container["env"] = json!([{"name": "N", "value": n.to_string()}]);
        container["resources"] = json!({"requests": {"cpu": "0.1", "memory": "64Mi"}});
        for namespace in [&self.ours, &self.theirs] {
            self.kubectl.apply(namespace, &manifest).await;
        }
    }

    async fn rolled_out(&self) {
        let object = self.object();
        self.kubectl_on_both(&["rollout", "status", &object, "--timeout=60s"]).await;
    }

    async fn kubectl_on_both(&self, arguments: &[&str]) {
        for namespace in [&self.ours, &self.theirs] {
            self.kubectl.run(namespace, arguments).await.unwrap();
        }
    }

    async fn kubectl_undo(&self, to: &str) -> Result<String, String> {
        let (object, to) = (self.object(), format!("--to-revision={to}"));
        self.kubectl.run(&self.theirs, &["rollout", "undo", &object, &to]).await
    }

    /// The plan names the revision; "the one before" is found out when it is made.
    async fn run_undo(&self, to: &str) -> Run {
        let revision = match to.parse().unwrap() {
            0 => plans::the_one_before(&self.revisions().await).unwrap(),
            revision => revision,
        };
        let undo = self.set.undo(revision).await;
        self.set.done(vec![undo]).await
    }

    async fn undo(&self, to: &str) -> Run {
        self.kubectl_undo(to).await.unwrap();
        let run = self.run_undo(to).await;
        assert_eq!(run.state.name(), StateName::Succeeded, "{run:?}");
        run
    }

    async fn kept(&self, namespace: &str) -> Vec<Value> {
        let all = self.kubectl.json(namespace, &["controllerrevisions"]).await;
        let all = all["items"].as_array().unwrap().clone().into_iter();
        let own =
            |it: &Value| it["metadata"]["ownerReferences"][0]["kind"] == self.set.kind.as_str();
        let mut kept: Vec<Value> = all.filter(own).collect();
        kept.sort_by_key(|it| it["revision"].as_i64());
        kept
    }

    async fn revisions(&self) -> Vec<i64> {
        let kept = self.kept(&self.ours).await;
        kept.iter().filter_map(|it| it["revision"].as_i64()).collect()
    }

    async fn until_bad(&self, namespace: &str) {
        for _ in 0..200 {
            let pods = self.kubectl.json(namespace, &["pods"]).await;
            let bad = |it: &Value| it["spec"]["containers"][0]["image"] == "shop/api:8-bad";
            if pods["items"].as_array().unwrap().iter().any(bad) {
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
            if differences.is_empty() && self.is_settled(&ours) {
                self.table.push((format!("{}: {case}", self.set.kind.as_str()), fields));
                return;
            }
            assert!(
                Instant::now() < deadline,
                "after {case} the twins differ (ours, kubectl's):\n{}\n{:#}",
                differences.join("\n"),
                ours["set"]["status"]
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The set and its revisions, without what two objects can never share.
    async fn whole(&self, namespace: &str) -> Value {
        let kind = self.set.kind.as_str().to_lowercase();
        let set = self.kubectl.json(namespace, &[&kind, "api"]).await;
        let whole = json!({"set": set, "revisions": self.kept(namespace).await});
        // The copy that `kubectl apply` keeps holds the namespace as text.
        let text = whole.to_string().replace(namespace, "NAMESPACE");
        let mut whole = serde_json::from_str(&text).unwrap();
        without_identity(&mut whole);
        whole
    }

    /// The rollout is over, so nothing is equal only for a moment.
    fn is_settled(&self, whole: &Value) -> bool {
        let (set, status) = (&whole["set"], &whole["set"]["status"]);
        let number = |name: &str| status[name].as_i64().unwrap_or(0);
        let observed = set["metadata"]["generation"] == status["observedGeneration"];
        observed
            && match self.set.kind {
                WorkloadKind::DaemonSet => {
                    let wanted = number("desiredNumberScheduled");
                    wanted > 0
                        && number("updatedNumberScheduled") == wanted
                        && number("numberAvailable") == wanted
                }
                _ => {
                    number("updatedReplicas") == 3
                        && number("availableReplicas") == 3
                        && status["currentRevision"] == status["updateRevision"]
                }
            }
    }
}
