//! From the approval of a release's rollback to the end of its run, against `helm rollback --wait`: by turns, on two
//! releases of one chart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::lab::{Lab, NAMESPACE};
use super::rollback::People;
use super::server::Server;
use super::{median, until};
use crate::cluster;
use crate::process::output;

const ROUNDS: usize = 11;
/// The release that we roll back, and its service.
const OURS: &str = "shop";
/// The one that helm rolls back.
const THEIRS: &str = "twin";

/// The helm that both use.
pub(super) fn program() -> anyhow::Result<PathBuf> {
    Ok(cluster::programs()?.join("helm4"))
}

pub(super) fn ratio(
    lab: &Lab,
    server: &Server,
    people: &mut People,
    folder: &Path,
) -> anyhow::Result<f64> {
    lab.kubectl(&["apply", "-n", NAMESPACE, "-f", "deploy/rbac-helm.yaml"])?;
    let [admin, lifeboat] = lab.kubeconfigs();
    // The rights of the administrator for both, so that neither is asked for more.
    lab.import(
        server,
        [
            json!({"kind": "cluster", "name": "lab", "kubeconfig": lifeboat, "namespaces": [NAMESPACE],
                "helm_namespaces": [NAMESPACE], "helm_kubeconfig": admin}),
            json!({"kind": "service", "name": OURS, "workloads": [
                {"cluster": "lab", "namespace": NAMESPACE, "kind": "Deployment", "name": OURS}]}),
        ],
    )?;
    let releases = Releases { helm: program()?, admin: admin.to_owned(), chart: chart(folder)? };
    releases.deploy("app:1", "--wait")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let good = releases.revision()?;
        releases.deploy(&format!("app:{}-bad", round + 2), "--timeout=60s")?;
        let rollback = ask(people, good)?;
        // By turns first and second, so that neither gains by the order.
        if round % 2 == 0 {
            ours.push(people.approve(&rollback)?);
            theirs.push(releases.roll_back(good)?);
        } else {
            theirs.push(releases.roll_back(good)?);
            ours.push(people.approve(&rollback)?);
        }
        ensure!(releases.revision()? == good + 2, "our rollback did not arrive");
        people.close(&rollback)?;
    }
    let all = |times: &[f64]| times.iter().map(|it| format!("{it:.0} ")).collect::<String>();
    println!("ours of a release, ms: {}\nhelm, ms:              {}", all(&ours), all(&theirs));
    let (ours, theirs) = (median(&ours)?, median(&theirs)?);
    println!("medians: ours {ours:.1} ms, helm {theirs:.1} ms");
    Ok(ours / theirs)
}

/// Refused until the watch has seen that another revision is in place.
fn ask(people: &mut People, revision: i64) -> anyhow::Result<Value> {
    let wish = json!({"service": OURS, "reason_kind": "function_down", "reason": "it crashes",
        "target": {"release": OURS, "revision": revision}});
    let mut asked = Value::Null;
    until("a rollback of the release", || {
        let answer = people.asker.call(
            "POST",
            "/api/v1/rollbacks",
            "application/json",
            &wish.to_string(),
        )?;
        let made = answer.status == 201;
        asked = answer.body;
        Ok(made)
    })?;
    Ok(asked)
}

struct Releases {
    helm: PathBuf,
    admin: PathBuf,
    chart: PathBuf,
}

impl Releases {
    /// Both releases with this image.
    fn deploy(&self, image: &str, wait: &str) -> anyhow::Result<()> {
        let chart = self.chart.to_string_lossy();
        let image = format!("image={image}");
        for name in [OURS, THEIRS] {
            self.helm(&["upgrade", "--install", name, &chart, "--set", &image, wait])?;
        }
        Ok(())
    }

    /// The newest of ours.
    fn revision(&self) -> anyhow::Result<i64> {
        let history: Vec<Value> =
            serde_json::from_str(&self.helm(&["history", OURS, "-o", "json"])?)?;
        history.last().and_then(|it| it["revision"].as_i64()).context("a revision")
    }

    /// As somebody would who has the terminal open already, in milliseconds.
    fn roll_back(&self, revision: i64) -> anyhow::Result<f64> {
        let begin = Instant::now();
        self.helm(&["rollback", THEIRS, &revision.to_string(), "--wait", "--timeout=60s"])?;
        Ok(begin.elapsed().as_secs_f64() * 1000.0)
    }

    fn helm(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut helm = Command::new(&self.helm);
        helm.args(args).arg(format!("--namespace={NAMESPACE}"));
        output(helm.arg(format!("--kubeconfig={}", self.admin.display())))
    }
}

/// Four objects.
fn chart(folder: &Path) -> anyhow::Result<PathBuf> {
    let chart = folder.join("chart");
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: bench\nversion: 1.0.0\n")?;
    fs::write(chart.join("values.yaml"), "image: app:1\n")?;
    let name = "{{ .Release.Name }}";
    let objects = [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": {"image": "{{ .Values.image }}"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"key": "value"}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "{{ .Values.image }}"}]}}}}),
    ];
    for (number, object) in objects.iter().enumerate() {
        fs::write(chart.join(format!("templates/{number}.yaml")), object.to_string())?;
    }
    Ok(chart)
}
