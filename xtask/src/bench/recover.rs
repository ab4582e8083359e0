//! From a bad release to all pods of the version before, with nobody asked: fifty services on a real control plane, one
//! broken after the other. The server is told nothing but what its watch sees.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::http::Client;
use super::lab::{Lab, NAMESPACE};
use super::server::{Folder, Server};
use super::{Figure, Limit, PATIENCE, percentile, until};
use crate::process::{build_server, ensure_not_stopped};
use crate::site;

const SERVICES: usize = 50;
const GOOD: &str = "app:1";
const BAD: &str = "app:2-bad";
/// Between two looks at the Deployments; what is measured is as exact as that.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    site::build(true)?;
    build_server("release")?;
    let folder = Folder::new("recover")?;
    let lab = Lab::start(folder.as_ref())?;
    let server = Server::start(&folder.as_ref().join("data"), super::NO_ARGS)?;
    let token = server.token(&["read"])?;
    let mut client = Client::connect(&server.address, Some(&token))?;
    let names: Vec<String> = (0..SERVICES).map(|n| format!("service-{n:02}")).collect();
    prepare(&lab, &server, &mut client, &names)?;

    let recovered = thread::scope(|scope| {
        let watching = scope.spawn(|| watch(&lab));
        let broken = break_all(&lab, &names);
        let recovered = watching.join().expect("who looks does not panic")?;
        took(&broken?, &recovered)
    })?;
    let rollbacks = until_verified(&mut client)?;
    server.stop()?;
    figures(&recovered, &rollbacks)
}

/// Every service has a version that was verified.
fn prepare(
    lab: &Lab,
    server: &Server,
    client: &mut Client,
    names: &[String],
) -> anyhow::Result<()> {
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    lab.describe(server, policy(1), &all)?;
    for name in &all {
        let image = format!("--image={GOOD}");
        lab.kubectl(&["create", "deployment", name, &image, "--replicas=3", "-n", NAMESPACE])?;
    }
    until("verified versions", || {
        Ok(client.all("/api/v1/revisions", "&state=verified")?.len() == SERVICES)
    })?;
    // Long enough that nobody calls a version good which is about to be broken.
    lab.describe(server, policy(10), &all)
}

/// Caps, cool-down and blast radius are lifted. That the signal was clean for ten minutes is asked of one second,
/// because the services are only just there.
fn policy(observation_s: u32) -> Value {
    json!({"kind": "policy", "name": "default", "mode": "auto", "observation_s": observation_s,
        "gates": {"clean_before_s": 1},
        "rails": {"cooldown_s": 0, "per_rule_hour": 1_000_000, "blast_radius": 1_000_000}})
}

/// When each was given its bad release: the API server had taken it by then.
fn break_all(lab: &Lab, names: &[String]) -> anyhow::Result<BTreeMap<String, Instant>> {
    let mut broken = BTreeMap::new();
    for name in names {
        lab.kubectl(&["set", "image", "deployment", name, &format!("*={BAD}"), "-n", NAMESPACE])?;
        broken.insert(name.clone(), Instant::now());
    }
    Ok(broken)
}

/// When each was first seen with all its pods of the version before, after it had been seen without.
fn watch(lab: &Lab) -> anyhow::Result<BTreeMap<String, Instant>> {
    let (mut broken, mut back) = (BTreeSet::new(), BTreeMap::new());
    let deadline = Instant::now() + PATIENCE;
    while back.len() < SERVICES && Instant::now() < deadline {
        ensure_not_stopped()?;
        let said = lab.kubectl(&["get", "deployments", "-n", NAMESPACE, "-o", "json"])?;
        let now = Instant::now();
        let said: Value = serde_json::from_str(&said)?;
        for deployment in said["items"].as_array().context("Deployments")? {
            let name = deployment["metadata"]["name"].as_str().context("a name")?;
            // The revision that the controller gave is 1 before, 2 with the bad one, 3 after going back.
            let gone_back =
                deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3";
            match whole(deployment) {
                true if broken.contains(name) || gone_back => {
                    back.entry(name.to_owned()).or_insert(now);
                }
                true => {}
                false => {
                    broken.insert(name.to_owned());
                }
            }
        }
        thread::sleep(LOOK);
    }
    Ok(back)
}

fn whole(deployment: &Value) -> bool {
    let (spec, status) = (&deployment["spec"], &deployment["status"]);
    let all = |it: &str| status[it] == spec["replicas"];
    spec["template"]["spec"]["containers"][0]["image"] == GOOD
        && status["observedGeneration"] == deployment["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
            .into_iter()
            .all(all)
}

fn took(
    broken: &BTreeMap<String, Instant>,
    back: &BTreeMap<String, Instant>,
) -> anyhow::Result<Vec<f64>> {
    let took = |(name, from): (&String, &Instant)| Some((*back.get(name)? - *from).as_secs_f64());
    let took: Vec<f64> = broken.iter().filter_map(took).collect();
    ensure!(!took.is_empty(), "nothing came back");
    println!("{} of {SERVICES} came back", took.len());
    Ok(took)
}

/// The rollbacks, once each has a verdict, or patience is at its end.
fn until_verified(client: &mut Client) -> anyhow::Result<Vec<Value>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = client.all("/api/v1/rollbacks", "")?;
        let judged = |it: &&Value| ["pass", "fail"].contains(&verdict(it));
        if all.iter().filter(judged).count() >= SERVICES || Instant::now() > deadline {
            return Ok(all);
        }
        ensure_not_stopped()?;
        thread::sleep(Duration::from_millis(500));
    }
}

fn verdict(rollback: &Value) -> &str {
    rollback["verification"]["verdict"].as_str().unwrap_or_default()
}

fn figures(recovered: &[f64], rollbacks: &[Value]) -> anyhow::Result<Vec<Figure>> {
    let seconds = |it: &Value, name: &str| it["times"][name].as_f64();
    let detected: Vec<f64> = rollbacks
        .iter()
        .filter_map(|it| Some(seconds(it, "detect_s")? + seconds(it, "decide_s")?))
        .collect();
    let by_policy = |it: &&Value| {
        let approvals = it["approvals"].as_array();
        approvals.is_some_and(|it| it.iter().any(|it| it["kind"] == "policy"))
    };
    let passed = rollbacks.iter().filter(by_policy).filter(|it| verdict(it) == "pass").count();
    for (what, values) in
        [("onset to decision", &detected), ("release to recovery", &recovered.to_vec())]
    {
        println!(
            "{what}, s: median {:.2}, 99 % {:.2}",
            percentile(values, 0.5)?,
            percentile(values, 0.99)?
        );
    }
    Ok(vec![
        Figure { name: "mttd_s", value: mean(&detected), limit: Limit::AtMost(1.0) },
        Figure { name: "mttr_s", value: mean(recovered), limit: Limit::AtMost(5.0) },
        Figure {
            name: "automatic_success_rate",
            value: passed as f64 / SERVICES as f64,
            limit: Limit::AtLeast(0.99),
        },
    ])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
