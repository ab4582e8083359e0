//! Spot checks through the front door.

mod bundle;
mod pages;
mod retests;
mod story;

use domain::access::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::world::{Answer, World};

/// A service, and people around it.
pub(super) struct Scene {
    pub(super) world: World,
    /// Plans, draws and records.
    pub(super) dba: String,
    pub(super) sre: String,
    pub(super) pmo: String,
}

impl Scene {
    pub(super) async fn new(owner: PgPool) -> Self {
        let world = World::new(owner).await;
        let mut db = world.db.acquire().await.unwrap();
        let service = json!({"name": "lookup", "team": "platform", "workloads": []});
        let service = serde_json::from_value(service).unwrap();
        store::services::save(&mut db, &service, server::clock::now()).await.unwrap();
        drop(db);
        let (_, dba) = world.sign_in("dana", Role::Dba).await;
        let (_, sre) = world.sign_in("sam", Role::Sre).await;
        let (_, pmo) = world.sign_in("paula", Role::Pmo).await;
        Self { world, dba, sre, pmo }
    }

    pub(super) async fn post(&self, path: &str, who: &str, body: Value) -> Answer {
        self.world.call("POST", &format!("/spot-checks{path}"), who, body).await
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let path = format!("/spot-checks{path}");
        ok(self.world.call("GET", &path, &self.sre, Value::Null).await, 200)
    }

    /// Planned by the DBA; its number.
    pub(super) async fn planned(&self, kind: &str, item: &str, sample_size: u32) -> String {
        let body = json!({
            "service": "lookup", "kind": kind, "item": item, "sample_size": sample_size,
        });
        let check = ok(self.post("", &self.dba, body).await, 201);
        check["number"].as_str().unwrap().to_owned()
    }

    /// Planned, fixed and drawn; its number and its sample.
    pub(super) async fn drawn(
        &self,
        kind: &str,
        item: &str,
        size: u32,
        population: Value,
    ) -> (String, Vec<String>) {
        let number = self.planned(kind, item, size).await;
        let sample = self.sampled(&number, population).await;
        (number, sample)
    }

    pub(super) async fn sampled(&self, number: &str, population: Value) -> Vec<String> {
        ok(self.post(&format!("/{number}/population"), &self.dba, population).await, 200);
        let check = ok(self.post(&format!("/{number}/draw"), &self.dba, json!({})).await, 200);
        serde_json::from_value(check["draw"]["sample"].clone()).unwrap()
    }

    pub(super) async fn proven(&self, number: &str) {
        let subject = format!("spot-checks/{number}");
        let fields = [("kind", "spot_check"), ("subject", &*subject)];
        ok(self.world.upload(&self.sre, &fields, "shot.txt", number.as_bytes()).await, 201);
    }
}

/// Every item passed, with these values.
pub(super) fn passed(sample: &[String], checks: &[(&str, f64)]) -> Value {
    let items: Vec<_> = sample.iter().map(|it| json!({"id": it, "outcome": "passed"})).collect();
    let checks: Vec<_> =
        checks.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({"items": items, "checks": checks})
}

pub(super) fn tasks(count: usize) -> Value {
    let items: Vec<_> = (0..count).map(|it| format!("export-{it:03}")).collect();
    json!({"items": items})
}

pub(super) fn ok(answer: Answer, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    answer.json()
}

/// The fields that a refused request names.
pub(super) fn fields(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status.as_u16(), 422, "{}", answer.body);
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|it| it["field"].as_str().unwrap().to_owned()).collect()
}
