//! A namespace of the real cluster with a controller in it, our server, and the workers.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::any;
use domain::access::Role;
use domain::gates::Tool;
use domain::services::{Service, WorkloadKind, WorkloadRef};
use domain::tokens;
use domain::workloads::Workload;
use serde_json::{Value, json};
use server::clock;
use server::workers::{World as Workers, objects, watch};
use sqlx::PgPool;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::runs::Lab;
use crate::world::{World, real_cluster};

/// Flagger looks every ten seconds, and goes from phase to phase in several looks.
const PATIENCE: Duration = Duration::from_secs(150);

/// Ended with the test.
struct Controller(Child);

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) struct Place {
    pub(super) lab: Lab,
    pub(super) world: World,
    pub(super) namespace: String,
    /// Where the tools find our server.
    pub(super) address: String,
    /// SREs who may ask and approve, and one who administers, by their sessions.
    pub(super) asker: String,
    pub(super) ben: String,
    pub(super) admin: String,
    files: tempfile::TempDir,
    kubectl: PathBuf,
    _controller: Controller,
    _watch: DropGuard,
}

impl Place {
    pub(super) async fn new(pool: PgPool, tool: Tool, kind: WorkloadKind) -> Self {
        let file = real_cluster();
        let unique = uuid::Uuid::from_u128(rand::random()).simple().to_string();
        let namespace = format!("gates-{}", &unique[..8]);
        let world = World::new(pool.clone()).await;
        let lab = Lab::on(pool, file("lifeboat_kubeconfig"), &namespace).await;
        own(&lab, &file("lifeboat_kubeconfig"), kind).await;
        let asker = world.sign_in("anna", Role::Sre).await.1;
        let ben = world.sign_in("carl", Role::Sre).await.1;
        let admin = world.sign_in("root", Role::Admin).await.1;

        let kubectl = file("kubectl");
        let programs = kubectl.parent().unwrap().to_owned();
        let run = |namespace: &str, arguments: &[&str]| {
            let mut command = Command::new(&kubectl);
            command.env("KUBECONFIG", file("admin_kubeconfig"));
            let output = command.arg("-n").arg(namespace).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let module = match tool {
            Tool::Flagger => "flagger",
            Tool::Argo => "rollouts",
        };
        let kinds = programs.join("crds").join(module).canonicalize().unwrap();
        let kinds = kinds.to_str().unwrap();
        run("default", &["apply", "--server-side", "--force-conflicts", "-f", kinds]);
        run("default", &["create", "namespace", &namespace]);
        let rights = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rbac-namespace.yaml");
        run(&namespace, &["apply", "-f", rights]);

        let controller = start(&programs, tool, &file("admin_kubeconfig"), &namespace).await;
        let stop = CancellationToken::new();
        let workers = Workers { stop: stop.clone(), ..lab.world.clone() };
        tokio::spawn(watch::run(workers.clone()));
        tokio::spawn(objects::run(workers));
        let address = serve(world.router.clone()).await;
        Self {
            lab,
            world,
            namespace,
            address,
            asker,
            ben,
            admin,
            files: tempfile::tempdir().unwrap(),
            kubectl,
            _controller: controller,
            _watch: stop.drop_guard(),
        }
    }

    /// What kubectl says, as the cluster's administrator.
    pub(super) async fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.kubectl);
        command.env("KUBECONFIG", real_cluster()("admin_kubeconfig"));
        command.arg("-n").arg(&self.namespace).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    pub(super) async fn apply(&self, object: &Value) {
        let file = self.files.path().join("object.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.kubectl(&["apply", "-f", file.to_str().unwrap()]).await.unwrap();
    }

    pub(super) async fn object(&self, what: &str) -> Value {
        let said = self.kubectl(&["get", what, "-o", "json"]).await.unwrap();
        serde_json::from_str(&said).unwrap()
    }

    /// The object as soon as this holds of it. Meanwhile runs that are due are carried out.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        loop {
            self.lab.tick().await;
            let object = self.object(what).await;
            if holds(&object) {
                return object;
            }
            assert!(begin.elapsed() < PATIENCE, "{what} never came to that: {object:#}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The workload as the watch wrote it, as soon as this holds of it.
    pub(super) async fn seen(
        &self,
        kind: WorkloadKind,
        name: &str,
        holds: impl Fn(&Workload) -> bool,
    ) -> Workload {
        let of = WorkloadRef { kind, ..self.lab.workload(name) };
        let begin = Instant::now();
        loop {
            let found = store::workloads::find(&self.lab.world.db, &of).await.unwrap();
            if let Some(found) = found.as_ref().filter(|it| holds(it)) {
                return found.clone();
            }
            assert!(begin.elapsed() < PATIENCE, "{of} was never seen like that: {found:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes a gate on the page of the workload; its token.
    pub(super) async fn gate(&self, workload: &Workload, tool: Tool, name: &str) -> String {
        let token = tokens::text(rand::random());
        let form =
            format!("id={}&tool={}&name={name}&password_token={token}", workload.id, tool.as_str());
        let make = "/api/app/pages/workloads/actions/make_gate";
        let made = self.world.post(make, &self.admin, &form).await;
        assert!(made.status.is_success(), "{}", made.body);
        token
    }

    /// Asks the API as one of the SREs.
    pub(super) async fn call(&self, method: &str, path: &str, who: &str, body: Value) -> Value {
        let answer = self.world.call(method, path, who, body).await;
        assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.body);
        answer.json()
    }

    /// The runs that wait for approval.
    pub(super) async fn waiting(&self) -> Vec<Value> {
        let runs = self.call("GET", "/runs?state=awaiting_approval", &self.ben, Value::Null).await;
        runs["items"].as_array().unwrap().clone()
    }

    /// Somebody else than who asked decides about this run.
    pub(super) async fn decide(&self, run: &Value, decision: &str) {
        let path = format!("/runs/{}/approvals", run["id"].as_str().unwrap());
        let body =
            json!({"plan_digest": run["plan"]["digest"], "decision": decision, "reason": "seen"});
        self.call("POST", &path, &self.ben, body).await;
    }

    /// Asks for these steps, has them approved and carried out; the run.
    pub(super) async fn done(&self, steps: Value) -> Value {
        let body = json!({"service": "api", "reason": "5xx", "steps": steps});
        let run = self.call("POST", "/runs", &self.asker, body).await;
        self.decide(&run, "approve").await;
        self.ended(run["id"].as_str().unwrap()).await
    }

    /// The run once it has ended.
    pub(super) async fn ended(&self, id: &str) -> Value {
        let begin = Instant::now();
        loop {
            self.lab.tick().await;
            let path = format!("/runs/{id}");
            let run = self.call("GET", &path, &self.asker, Value::Null).await;
            let state = run["state"].as_str().unwrap();
            if !matches!(state, "approved" | "running" | "paused") {
                return run;
            }
            assert!(begin.elapsed() < PATIENCE, "the run does not end: {run:#}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The service `api` is a workload of this kind, and only its namespace is watched: there our rights end.
async fn own(lab: &Lab, kubeconfig: &Path, kind: WorkloadKind) {
    let described: domain::clusters::Cluster = serde_json::from_value(json!({
        "name": "lab", "kubeconfig": kubeconfig, "namespaces": [lab.namespace]
    }))
    .unwrap();
    let workload = WorkloadRef { kind, ..lab.workload("api") };
    let service: Service = serde_json::from_value(json!({
        "name": "api", "team": "platform", "policy": "default", "workloads": [workload]
    }))
    .unwrap();
    let mut tx = lab.world.db.begin().await.unwrap();
    store::clusters::save(&mut tx, &described, clock::now()).await.unwrap();
    store::services::save(&mut tx, &service, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn start(programs: &Path, tool: Tool, kubeconfig: &Path, namespace: &str) -> Controller {
    let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = match tool {
        Tool::Flagger => {
            let mut command = Command::new(programs.join("flagger"));
            command.arg("-kubeconfig").arg(kubeconfig).arg("-mesh-provider=kubernetes");
            command.arg(format!("-namespace={namespace}")).arg(format!("-port={}", port()));
            command.arg("-control-loop-interval=1s");
            command.arg(format!("-metrics-server={}", serve(no_metrics()).await));
            command
        }
        Tool::Argo => {
            let mut command = Command::new(programs.join("rollouts-controller"));
            command.arg("--kubeconfig").arg(kubeconfig).arg("--leader-elect=false");
            command.arg("--namespaced").arg("--namespace").arg(namespace);
            command.arg(format!("--metricsPort={}", port()));
            command.arg(format!("--healthzPort={}", port()));
            command
        }
    };
    let log = std::fs::File::create(std::env::temp_dir().join(format!("{namespace}.log"))).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Controller(command.spawn().expect("built by `cargo xtask cluster up`"))
}

/// A Prometheus that has nothing to say.
fn no_metrics() -> Router {
    let nothing = json!({"status": "success", "data": {"resultType": "vector", "result": []}});
    Router::new().fallback(any(async move || axum::Json(nothing)))
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
