//! What an auditor takes away: the export that draws again, and the signed bundle.

use std::process::{Command, Output};

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{Scene, ok, passed, tasks};
use crate::drills::bundle::{files, packed, verified};

/// As somebody without database and settings calls it.
fn replayed(export: &Value) -> (Value, Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.json");
    std::fs::write(&file, export.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lifeboat"))
        .env_clear()
        .args(["--json", "spot-check", "replay"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    (answer, output)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_auditor_draws_the_same_sample_and_finds_every_change(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let (number, sample) = scene.drawn("replay", "导出任务重放", 20, tasks(137)).await;
    let export = scene.get(&format!("/{number}/export")).await;
    let (answer, output) = replayed(&export);
    assert_eq!((&answer["ok"], &answer["sample"]), (&json!(true), &json!(sample)));
    assert!(output.status.success());
    let mut other = export.clone();
    other["draw"]["sample"][0] = json!("export-000-chosen");
    let (answer, output) = replayed(&other);
    assert_eq!((&answer["ok"], output.status.code()), (&json!(false), Some(1)));
    assert_eq!(answer["why"], "the seed draws another sample");

    let results = passed(&sample, &[("differences", 0.0)]);
    ok(scene.post(&format!("/{number}/results"), &scene.dba, results).await, 200);
    scene.proven(&number).await;
    scene.world.seal().await;
    let path = format!("/api/v1/spot-checks/{number}/bundle");
    let (answer, bundle) = scene.world.download(&path, &scene.pmo).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
    let report = verified(&bundle);
    assert_eq!(report["ok"], true, "{report}");
    let all = files(&bundle);
    for n in 0..all.len() {
        let mut changed = all.clone();
        let middle = changed[n].1.len() / 2;
        changed[n].1[middle] ^= 1;
        let report = verified(&packed(&changed));
        assert_eq!((&report["ok"], &report["first"]["file"]), (&json!(false), &json!(all[n].0)));
    }
    let export = &all.iter().find(|(it, _)| it == "spot-check.json").unwrap().1;
    let export: Value = serde_json::from_slice(export).unwrap();
    assert_eq!(replayed(&export).0["ok"], true, "the bundle's own file replays too");
}
