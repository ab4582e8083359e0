//! A chart, the helm program, and a service whose workloads belong to a release.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use server::adapters::helm::Helm;
use server::clock;
use sqlx::PgPool;
use tempfile::TempDir;

use crate::proxy::Real;
use crate::runs::Lab;
use crate::story::{Story, real};

/// Which of the two, by the variable that names it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Three,
    Four,
}

impl Which {
    pub(super) fn program(self) -> PathBuf {
        let name = match self {
            Self::Three => "LIFEBOAT_HELM3",
            Self::Four => "LIFEBOAT_HELM4",
        };
        let path = std::env::var_os(name).unwrap_or_else(|| {
            panic!("this test needs helm: run it by `make test`, or `eval \"$(cargo xtask cluster env)\"` for {name}")
        });
        path.into()
    }
}

/// What a version of the chart holds.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) number: u32,
    pub(super) api: &'static str,
    pub(super) worker: &'static str,
    /// The event at which a Job runs, if there is one.
    pub(super) hook: Option<&'static str>,
}

/// A version whose two workloads have this tag.
pub(super) fn version(number: u32, tag: &'static str) -> Version {
    Version { number, api: tag, worker: tag, hook: None }
}

/// helm as somebody who may do everything, on one namespace.
pub(super) struct Kit {
    pub(super) which: Which,
    pub(super) kubeconfig: PathBuf,
    pub(super) namespace: String,
    pub(super) folder: TempDir,
}

impl Kit {
    pub(super) fn new(which: Which, kubeconfig: &Path, namespace: &str) -> Self {
        let folder = TempDir::new().unwrap();
        Self { which, kubeconfig: kubeconfig.to_owned(), namespace: namespace.to_owned(), folder }
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.which.program());
        command.args(arguments).env_clear().env("HOME", self.folder.path());
        command.env("KUBECONFIG", &self.kubeconfig).arg(format!("--namespace={}", self.namespace));
        command
    }

    /// What it printed, or what it complained about.
    pub(super) async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    pub(super) async fn history(&self) -> Vec<Value> {
        let said = self.run(&["history", "shop", "-o", "json"]).await.unwrap();
        serde_json::from_str(&said).unwrap()
    }

    /// The chart with what this version holds, as a folder.
    pub(super) fn chart(&self, it: &Version) -> String {
        let folder = self.folder.path().join(format!("chart-{}", it.number));
        std::fs::create_dir_all(folder.join("templates")).unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
        write(
            "Chart.yaml",
            format!(
                "apiVersion: v2\nname: shop\nversion: 1.{}.0\nappVersion: \"v{}\"\n",
                it.number, it.number
            ),
        );
        write("values.yaml", "password: none\n".to_owned());
        write(
            "templates/config.yaml",
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: env}}\ndata: {{N: \"{}\"}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\nstringData: {{password: {{{{ .Values.password | quote }}}}}}\n",
                it.number
            ),
        );
        for (name, tag) in [("api", it.api), ("worker", it.worker)] {
            write(&format!("templates/{name}.yaml"), deployment(name, tag));
        }
        if let Some(event) = it.hook {
            write("templates/hook.yaml", job(event));
        }
        folder.to_str().unwrap().to_owned()
    }

    /// Puts this version in place, without waiting for its pods.
    pub(super) async fn deploy(&self, it: &Version) -> Result<String, String> {
        let chart = self.chart(it);
        let password = format!("password=pass-{}-word", it.number);
        self.run(&["upgrade", "--install", "shop", &chart, "--set", &password]).await
    }
}

fn deployment(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: app
        image: {name}:{tag}
        ports: [{{containerPort: 8080}}]
        resources: {{requests: {{cpu: 0.1, memory: 64Mi}}}}
        readinessProbe: {{httpGet: {{path: /ready, port: 8080}}}}
        envFrom: [{{configMapRef: {{name: env}}}}]
        env:
        - {{name: EMPTY, value: \"\"}}
        - name: PASSWORD
          valueFrom: {{secretKeyRef: {{name: db, key: password}}}}
        volumeMounts: [{{name: tmp, mountPath: /tmp}}, {{name: env, mountPath: /env}}]
      volumes: [{{name: tmp, emptyDir: {{}}}}, {{name: env, configMap: {{name: env}}}}]
"
    )
}

fn job(event: &str) -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {{\"helm.sh/hook\": {event}, \"helm.sh/hook-delete-policy\": before-hook-creation}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: migrate, image: \"migrate:1\"}}]
"
    )
}

/// A service `api` with both workloads of the release, watched by everything that works.
pub(super) struct Shop {
    pub(super) story: Story,
    pub(super) kit: Kit,
}

impl Shop {
    pub(super) async fn open(owner: PgPool, which: Which, mode: &str, strategy: &str) -> Self {
        Self::with_program(owner, which, mode, strategy, &which.program()).await
    }

    /// The program that Lifeboat calls may be another than the one that deploys.
    pub(super) async fn with_program(
        owner: PgPool,
        which: Which,
        mode: &str,
        strategy: &str,
        program: &Path,
    ) -> Self {
        let (admin, namespace) = real().await;
        let kit = Kit::new(which, &admin, &namespace);
        let (lifeboat, helm) = granted(&namespace, kit.folder.path());
        let mut lab = Lab::on(owner.clone(), lifeboat, &namespace).await;
        describe(&lab, &helm).await;
        lab.world = lab.world.clone().with_helm(Helm::new(program, kit.folder.path(), &[7; 32]));
        let policy = json!({"name": "default", "mode": mode, "observation_s": 1, "strategy": strategy,
            "gates": {"clean_before_s": 0}, "rails": {"cooldown_s": 1}});
        let story = Story::begin(owner, lab, policy).await;
        Self { story, kit }
    }

    /// Version 1 runs and both its workloads are verified.
    pub(super) async fn good(&self) {
        self.kit.deploy(&version(1, "1")).await.unwrap();
        self.verified("1").await;
    }

    pub(super) async fn verified(&self, tag: &str) {
        for name in ["api", "worker"] {
            self.story.verified(&format!("{name}:{tag}")).await;
        }
    }

    /// A person asks for this revision of the release.
    pub(super) async fn ask(&self, revision: i64) -> crate::world::Answer {
        let wish = json!({"service": "api", "reason_kind": "function_down", "reason": "checkout fails",
            "target": {"release": "shop", "revision": revision}});
        self.story.post("/rollbacks", &self.story.engineer, wish).await
    }

    /// Another person agrees to it.
    pub(super) async fn approve(&self, asked: &Value) {
        let path = format!("/rollbacks/{}/approvals", asked["id"].as_str().unwrap());
        let consent = json!({"plan_digest": asked["plan"]["digest"], "decision": "approve"});
        let given = self.story.post(&path, &self.story.second, consent).await;
        assert_eq!(given.status, 201, "{}", given.body);
    }

    /// The release as the ledger knows it, once this holds of it.
    pub(super) async fn release(
        &self,
        what: &str,
        fits: impl Fn(&domain::releases::Release) -> bool,
    ) -> domain::releases::Release {
        self.story
            .eventually(what, async || {
                let mut db = self.story.lab.world.db.acquire().await.unwrap();
                let namespace = &self.kit.namespace;
                let found = store::releases::find(&mut db, "lab", namespace, "shop").await.unwrap();
                found.filter(|it| fits(it))
            })
            .await
    }

    pub(super) async fn in_place(&self, revision: i64) -> domain::releases::Release {
        let fits = |it: &domain::releases::Release| {
            it.current().is_some_and(|it| {
                it.revision == revision && it.status == domain::releases::Status::Deployed
            })
        };
        self.release(&format!("revision {revision} is in place"), fits).await
    }

    /// The steps of the run of a rollback.
    pub(super) async fn run_of(&self, rollback: &Value) -> Value {
        self.story.get(&format!("/runs/{}", rollback["run"].as_str().unwrap())).await
    }
}

/// Kubeconfigs with the rights that `deploy/` ships: ours, and that of helm.
pub(super) fn granted(namespace: &str, folder: &Path) -> (PathBuf, PathBuf) {
    let real = Real::find();
    real.grant(namespace);
    real.apply(namespace, "rbac-helm.yaml");
    let token = real.kubectl(&["create", "token", "lifeboat-helm", "-n", namespace]);
    let file = folder.join("helm.kubeconfig");
    let ours = "lifeboat-in-the-test-cluster";
    assert!(real.lifeboat.contains(ours));
    std::fs::write(&file, real.lifeboat.replace(ours, &token)).unwrap();
    (real.dir.join("lifeboat.kubeconfig"), file)
}

/// The catalog says where helm's rights are, and that both workloads belong to the service.
pub(super) async fn describe(lab: &Lab, helm: &Path) {
    let mut tx = lab.world.db.begin().await.unwrap();
    let stored = store::clusters::by_name(&mut *tx, "lab").await.unwrap().entry;
    let described = domain::clusters::Cluster {
        namespaces: vec![lab.namespace.clone()],
        helm_namespaces: vec![lab.namespace.clone()],
        helm_kubeconfig: Some(helm.to_str().unwrap().to_owned()),
        ..stored
    };
    store::clusters::save(&mut tx, &described, clock::now()).await.unwrap();
    let workload = |name: &str| json!({"cluster": "lab", "namespace": lab.namespace, "kind": "Deployment", "name": name});
    let service = json!({"name": "api", "team": "platform", "policy": "default",
        "workloads": [workload("api"), workload("worker")]});
    let service = serde_json::from_value(service).unwrap();
    store::services::save(&mut tx, &service, clock::now()).await.unwrap();
    tx.commit().await.unwrap();
}
