//! kubectl against the pretend cluster: the same program, the same words, as against a real one.

use std::process::Command;

use serde_json::{Value, json};
use server::sim::Cluster;

use super::cluster;

/// kubectl with a kubeconfig and a cache of its own.
struct Kubectl {
    program: String,
    folder: tempfile::TempDir,
}

impl Kubectl {
    fn of(cluster: &Cluster) -> Self {
        let program = std::env::var("LIFEBOAT_KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config"), cluster.kubeconfig()).unwrap();
        Self { program, folder }
    }

    /// Runs in the namespace `shop`; what it printed, or what it complained about.
    async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command
            .args(["--namespace=shop", "--request-timeout=20s"])
            .arg(format!("--cache-dir={}", self.folder.path().join("cache").display()))
            .args(arguments)
            .env("KUBECONFIG", self.folder.path().join("config"));
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let output = output.expect(
            "kubectl is needed: put it on PATH or name it in LIFEBOAT_KUBECTL \
             (`cargo xtask cluster env` does)",
        );
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    async fn apply(&self, object: &Value) -> String {
        let file = self.folder.path().join("object.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.run(&["apply", "-f", file.to_str().unwrap()]).await.unwrap()
    }
}

fn web(image: &str, colour: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image,
                "env": [{"name": "COLOUR", "value": colour}]}]}}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_applied_broken_undone_and_applied_again() {
    let cluster = cluster().await;
    let kubectl = Kubectl::of(&cluster);
    let run = async |arguments: &[&str]| kubectl.run(arguments).await;
    let status = async || run(&["rollout", "status", "deploy/web", "--timeout=15s"]).await;
    let rolled_out = "deployment \"web\" successfully rolled out";

    assert_eq!(kubectl.apply(&web("web:1", "red")).await, "deployment.apps/web created");
    assert!(status().await.unwrap().ends_with(rolled_out));
    run(&["set", "image", "deploy/web", "web=web:2"]).await.unwrap();
    assert!(status().await.unwrap().ends_with(rolled_out));
    run(&["set", "image", "deploy/web", "web=web:3-bad"]).await.unwrap();
    cluster.settle().await;
    let pods = run(&["get", "pods"]).await.unwrap();
    assert!(pods.contains("CrashLoopBackOff") && pods.contains("1/1"), "{pods}");
    let stuck = run(&["rollout", "status", "deploy/web", "--timeout=1s"]).await.unwrap_err();
    assert!(stuck.contains("timed out waiting"), "{stuck}");

    assert_eq!(
        run(&["rollout", "undo", "deploy/web"]).await.unwrap(),
        "deployment.apps/web rolled back"
    );
    assert!(status().await.unwrap().ends_with(rolled_out));
    let history = run(&["rollout", "history", "deploy/web"]).await.unwrap();
    let revisions: Vec<&str> =
        history.lines().skip(2).filter_map(|l| l.split_whitespace().next()).collect();
    assert_eq!(revisions, ["1", "3", "4"], "{history}");
    run(&["rollout", "undo", "deploy/web", "--to-revision=1"]).await.unwrap();
    assert!(status().await.unwrap().ends_with(rolled_out));
    let missing = run(&["rollout", "undo", "deploy/web", "--to-revision=77"]).await.unwrap_err();
    assert!(missing.contains("unable to find specified revision 77 in history"), "{missing}");

    run(&["rollout", "pause", "deploy/web"]).await.unwrap();
    let paused = run(&["rollout", "undo", "deploy/web"]).await.unwrap_err();
    assert!(paused.contains("you cannot rollback a paused deployment"), "{paused}");
    run(&["rollout", "resume", "deploy/web"]).await.unwrap();
    run(&["scale", "deploy/web", "--replicas=5"]).await.unwrap();
    assert!(status().await.unwrap().ends_with(rolled_out));
    let ready = ["get", "deploy", "web", "-o", "jsonpath={.status.readyReplicas}"];
    assert_eq!(run(&ready).await.unwrap(), "5");

    assert_eq!(kubectl.apply(&web("web:1", "blue")).await, "deployment.apps/web configured");
    assert_eq!(kubectl.apply(&web("web:1", "blue")).await, "deployment.apps/web unchanged");
    let env = ["get", "deploy", "web", "-o", "jsonpath={.spec.replicas} {..env[0].value}"];
    assert_eq!(run(&env).await.unwrap(), "3 blue", "the field that the file owns is back");
    assert!(run(&["logs", "deploy/web"]).await.unwrap().contains("listening"));
    assert!(run(&["describe", "deploy", "web"]).await.unwrap().contains("ScalingReplicaSet"));
    run(&["delete", "deploy", "web"]).await.unwrap();
    cluster.settle().await;
    assert!(cluster.objects("pods", "shop").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stateful_and_daemon_sets_have_a_history_that_can_be_undone() {
    let cluster = cluster().await;
    let kubectl = Kubectl::of(&cluster);
    for kind in ["StatefulSet", "DaemonSet"] {
        let name = kind.to_lowercase();
        let target = format!("{name}/{name}");
        let labels = json!({"app": name});
        kubectl
            .apply(&json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "db", "image": "db:1"}]}}}}))
            .await;
        let run = async |arguments: &[&str]| kubectl.run(arguments).await.unwrap();
        run(&["rollout", "status", &target, "--timeout=15s"]).await;
        run(&["set", "image", &target, "db=db:2"]).await;
        run(&["rollout", "status", &target, "--timeout=15s"]).await;
        let image = ["get", &target, "-o", "jsonpath={..image}"];
        assert_eq!(run(&image).await, "db:2");
        run(&["rollout", "undo", &target]).await;
        run(&["rollout", "status", &target, "--timeout=15s"]).await;
        assert_eq!(run(&image).await, "db:1", "{kind}");
        let history = run(&["rollout", "history", &target]).await;
        assert!(history.contains('3') && history.contains('2'), "{history}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_side_apply_and_custom_kinds_work_too() {
    let cluster = cluster().await;
    let kubectl = Kubectl::of(&cluster);
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "canaries.flagger.app"},
        "spec": {"group": "flagger.app", "scope": "Namespaced",
            "names": {"plural": "canaries", "singular": "canary", "kind": "Canary"},
            "versions": [{"name": "v1beta1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
    kubectl.apply(&crd).await;
    let file = kubectl.folder.path().join("canary.yaml");
    let text = "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata:\n  name: api\nspec:\n  provider: sim\n";
    std::fs::write(&file, text).unwrap();
    let apply = ["apply", "--server-side", "-f", file.to_str().unwrap()];
    let applied = kubectl.run(&apply).await.unwrap();
    assert_eq!(applied, "canary.flagger.app/api serverside-applied");
    let provider = ["get", "canary", "api", "-o", "jsonpath={.spec.provider}"];
    assert_eq!(kubectl.run(&provider).await.unwrap(), "sim");
}
