//! From the approval of a Deployment's rollback to its new pods being ready, against `kubectl rollout undo` and
//! `kubectl rollout status`, which somebody would type instead: by turns, on twins in a real control plane. The same of
//! a Helm release, against `helm rollback --wait` ([`releases`]).

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::http::Client;
use super::lab::{Lab, NAMESPACE};
use super::server::{Folder, Server};
use super::{Figure, Limit, median, releases, until};
use crate::process::build_server;
use crate::site;

const ROUNDS: usize = 15;
/// The one that we roll back.
const OURS: &str = "ours";
/// The one that kubectl rolls back.
const THEIRS: &str = "theirs";

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    site::build(true)?;
    build_server("release")?;
    let folder = Folder::new("rollback")?;
    let lab = Lab::start(folder.as_ref())?;
    let twins = Twins(&lab);
    let helm = format!("--helm={}", releases::program()?.display());
    let server = Server::start(&folder.as_ref().join("data"), [helm])?;
    let mut people = People::sign_up(&server, folder.as_ref())?;
    // Only what people ask for, so that nobody is sooner than they are.
    let policy = json!({"kind": "policy", "name": "default", "mode": "off", "observation_s": 1,
        "gates": {"clean_before_s": 1}, "rails": {"cooldown_s": 0}});
    lab.describe(&server, policy, &[OURS])?;
    twins.deploy()?;
    until("a verified version", || {
        let verified = people.asker.all("/api/v1/revisions", "&state=verified")?;
        Ok(verified.iter().any(|it| it["service"] == OURS))
    })?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let image = format!("app:{}-bad", round + 2);
        twins.break_both(&image)?;
        let rollback = people.ask(&image)?;
        // By turns first and second, so that neither gains by the order.
        if round % 2 == 0 {
            ours.push(people.approve(&rollback)?);
            theirs.push(twins.undo()?);
        } else {
            theirs.push(twins.undo()?);
            ours.push(people.approve(&rollback)?);
        }
        ensure!(twins.image(OURS)? == "app:1", "our rollback did not arrive");
        ensure!(twins.image(THEIRS)? == "app:1", "kubectl's rollback did not arrive");
        people.close(&rollback)?;
    }
    let helm_ratio = releases::ratio(&lab, &server, &mut people, folder.as_ref())?;
    server.stop()?;
    let all = |times: &[f64]| times.iter().map(|it| format!("{it:.0} ")).collect::<String>();
    println!("ours, ms:    {}\nkubectl, ms: {}", all(&ours), all(&theirs));
    let (ours, theirs) = (median(&ours)?, median(&theirs)?);
    println!("medians: ours {ours:.1} ms, kubectl {theirs:.1} ms");
    Ok(vec![
        Figure { name: "kubectl_ratio", value: ours / theirs, limit: Limit::AtMost(0.5) },
        Figure { name: "helm_ratio", value: helm_ratio, limit: Limit::AtMost(1.1) },
    ])
}

/// What is done to both twins.
struct Twins<'a>(&'a Lab);

impl Twins<'_> {
    fn deploy(&self) -> anyhow::Result<()> {
        for name in [OURS, THEIRS] {
            let image = "--image=app:1";
            self.0.kubectl(&[
                "create",
                "deployment",
                name,
                image,
                "--replicas=3",
                "-n",
                NAMESPACE,
            ])?;
            self.0.kubectl(&["rollout", "status", "deployment", name, "-n", NAMESPACE])?;
        }
        Ok(())
    }

    /// A release whose pods crash, of both twins, and its rollout stopped there.
    fn break_both(&self, image: &str) -> anyhow::Result<()> {
        for name in [OURS, THEIRS] {
            let image = format!("*={image}");
            self.0.kubectl(&["set", "image", "deployment", name, &image, "-n", NAMESPACE])?;
        }
        for name in [OURS, THEIRS] {
            until("a crashing pod", || {
                let path = "jsonpath={.status.updatedReplicas}/{.status.unavailableReplicas}";
                let said =
                    self.0.kubectl(&["get", "deployment", name, "-n", NAMESPACE, "-o", path])?;
                Ok(said == "1/1")
            })?;
        }
        Ok(())
    }

    /// As somebody would who has the terminal open already, in milliseconds.
    fn undo(&self) -> anyhow::Result<f64> {
        let begin = Instant::now();
        self.0.kubectl(&["rollout", "undo", "deployment", THEIRS, "-n", NAMESPACE])?;
        self.0.kubectl(&["rollout", "status", "deployment", THEIRS, "-n", NAMESPACE])?;
        Ok(begin.elapsed().as_secs_f64() * 1000.0)
    }

    fn image(&self, name: &str) -> anyhow::Result<String> {
        let path = "jsonpath={.spec.template.spec.containers[0].image}";
        self.0.kubectl(&["get", "deployment", name, "-n", NAMESPACE, "-o", path])
    }
}

/// Who asks, and who approves: never the same.
pub(super) struct People {
    pub(super) asker: Client,
    approver: Client,
}

impl People {
    fn sign_up(server: &Server, folder: &Path) -> anyhow::Result<Self> {
        let password = folder.join("password");
        fs::write(&password, "a password that nobody uses")?;
        let mut clients = Vec::new();
        for name in ["asker", "approver"] {
            let file = password.to_string_lossy();
            server.command(&[
                "admin",
                "user",
                "add",
                name,
                "--role=sre",
                "--password-file",
                &file,
            ])?;
            let token = server.command(&[
                "admin",
                "token",
                "add",
                "--user",
                name,
                "--expires=1d",
                "--scope=read",
                "--scope=rollbacks:request",
                "--scope=approve",
            ])?;
            let token = token["token"].as_str().context("a token")?;
            clients.push(Client::connect(&server.address, Some(token))?);
        }
        let [asker, approver] = <[Client; 2]>::try_from(clients).ok().context("two people")?;
        Ok(Self { asker, approver })
    }

    /// A rollback of the service whose live image is this one, with its plan.
    fn ask(&mut self, image: &str) -> anyhow::Result<Value> {
        until("the release, as the watch sees it", || {
            let workloads = self.asker.get("/api/v1/workloads?service=ours")?;
            Ok(workloads["items"][0]["live"]["images"].to_string().contains(image))
        })?;
        let wish = json!({"service": OURS, "reason_kind": "function_down", "reason": "it crashes"});
        self.post("/api/v1/rollbacks", &wish, Who::Asker)
    }

    /// From the approval until the run says that the new pods are ready, in milliseconds.
    pub(super) fn approve(&mut self, rollback: &Value) -> anyhow::Result<f64> {
        let digest = rollback["plan"]["digest"].as_str().context("a plan to approve")?;
        let run = rollback["run"].as_str().context("a run")?;
        let path = format!("/api/v1/rollbacks/{}/approvals", id(rollback)?);
        let consent = json!({"plan_digest": digest, "decision": "approve"});
        let begin = Instant::now();
        self.post(&path, &consent, Who::Approver)?;
        let path = format!("/api/v1/runs/{run}");
        loop {
            let run = self.asker.get(&path)?;
            let state = run["state"].as_str().unwrap_or_default();
            if state == "succeeded" {
                return Ok(begin.elapsed().as_secs_f64() * 1000.0);
            }
            let under_way = ["approved", "running"].contains(&state);
            ensure!(under_way && begin.elapsed() < Duration::from_secs(60), "{run:#}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ticks the checklist, and waits until the next rollback may be asked for.
    pub(super) fn close(&mut self, rollback: &Value) -> anyhow::Result<()> {
        let path = format!("/api/v1/rollbacks/{}", id(rollback)?);
        let items = rollback["verification"]["checklist"].as_array().context("a checklist")?;
        let items: Vec<_> =
            items.iter().map(|it| json!({"name": it["name"], "done": true})).collect();
        self.post(&format!("{path}/checklist"), &json!({"items": items}), Who::Asker)?;
        until("the end of the observation", || Ok(self.asker.get(&path)?["state"] == "closed"))
    }

    fn post(&mut self, path: &str, body: &Value, who: Who) -> anyhow::Result<Value> {
        let client = match who {
            Who::Asker => &mut self.asker,
            Who::Approver => &mut self.approver,
        };
        let answer = client.call("POST", path, "application/json", &body.to_string())?;
        ensure!(answer.status < 300, "{path} answers {}: {}", answer.status, answer.body);
        Ok(answer.body)
    }
}

enum Who {
    Asker,
    Approver,
}

fn id(rollback: &Value) -> anyhow::Result<&str> {
    rollback["id"].as_str().context("an id")
}
