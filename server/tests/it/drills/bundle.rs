//! The bundle of a drill: who gets it with what, and that whatever is done to it afterwards is found out.

use std::io::{Cursor, Read, Write};
use std::process::Command;

use axum::http::{StatusCode, header};
use domain::access::Role;
use domain::bundle::{AUDIT, CHECKPOINT, EVIDENCE, MANIFEST, SIGNATURE};
use serde_json::{Value, json};
use sqlx::PgPool;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::story::{ok, planned};
use crate::runs::Lab;
use crate::world::{World, key};

/// A drill with a plain and a restricted file, of a service of the team `platform`.
struct Scene {
    world: World,
    _lab: Lab,
    _cluster: server::sim::Cluster,
    pmo: String,
    number: String,
}

const PLAIN: &[u8] = b"ready\n";
const DUMP: &[u8] = b"other people's data";

impl Scene {
    async fn new(owner: PgPool) -> Self {
        let world = World::new(owner.clone()).await;
        let (lab, cluster) = Lab::pretend(owner).await;
        lab.deploy("api", &["app:1"]).await;
        let _watch = lab.watched("api", 1).await;
        for name in ["lena", "mo"] {
            world.sign_in(name, Role::Sre).await;
        }
        let (_, pmo) = world.sign_in("paula", Role::Pmo).await;
        let drill = ok(world.call("POST", "/drills", &pmo, planned()).await, 201);
        let number = drill["number"].as_str().unwrap().to_owned();
        let subject = format!("drills/{number}");
        for (kind, content) in [("log", PLAIN), ("dump", DUMP)] {
            let fields = [("kind", kind), ("subject", &*subject)];
            ok(world.upload(&pmo, &fields, "proof.txt", content).await, 201);
        }
        world.seal().await;
        Self { world, _lab: lab, _cluster: cluster, pmo, number }
    }

    async fn bundle(&self, who: &str) -> Vec<u8> {
        let path = format!("/api/v1/drills/{}/bundle", self.number);
        let (answer, bytes) = self.world.download(&path, who).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/zip");
        let name = answer.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert!(name.contains(&format!("{}.zip", self.number)), "{name}");
        bytes
    }
}

/// The files of a bundle in their order.
pub(crate) fn files(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(bundle)).unwrap();
    let all = (0..zip.len()).map(|n| {
        let mut file = zip.by_index(n).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        (file.name().to_owned(), content)
    });
    all.collect()
}

/// Packed again by somebody who knows how we pack.
pub(crate) fn packed(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644);
        zip.start_file(path, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What the command says of a bundle, as somebody without database and settings calls it.
pub(crate) fn verified(bundle: &[u8]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (file, public) = (folder.path().join("bundle.zip"), folder.path().join("key.pub.pem"));
    std::fs::write(&file, bundle).unwrap();
    key().publish(&public).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lifeboat"))
        .env_clear()
        .args(["--json", "evidence", "verify"])
        .arg(&file)
        .arg("--public-key")
        .arg(&public)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!(output.status.code(), Some(if report["ok"] == true { 0 } else { 1 }), "{report}");
    report
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bundle_holds_all_of_a_drill_and_betrays_whoever_touches_it(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let bundle = scene.bundle(&scene.pmo).await;
    let report = verified(&bundle);
    assert_eq!((&report["ok"], &report["unsealed"]), (&json!(true), &json!(0)), "{report}");
    let all = files(&bundle);
    assert_eq!(report["checked"], all.len());

    let content = |path: &str| {
        let found = all.iter().find(|(it, _)| it == path);
        found.unwrap_or_else(|| panic!("there is no {path}")).1.clone()
    };
    let read = |path: &str| -> Value { serde_json::from_slice(&content(path)).unwrap() };
    assert_eq!(read("drill.json")["number"], json!(scene.number));
    for path in ["measurements.json", "approvals.json", "runs.json", "rollbacks.json"] {
        assert!(read(path).is_array(), "{path}");
    }
    let entries = read(AUDIT);
    let entries = entries.as_array().unwrap();
    let actions: Vec<_> = entries.iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["plan_drill", "upload_evidence", "upload_evidence"]);
    assert!(entries.iter().all(|it| it["hash"].is_string()), "{entries:?}");
    assert!(read(CHECKPOINT)["signature"].is_string());
    let paths = [PLAIN, DUMP].map(|it| domain::bundle::sha256(it).path());
    for (path, own) in paths.iter().zip([PLAIN, DUMP]) {
        assert_eq!(content(path), own);
    }

    // A byte of each file, each file gone, and one more.
    for n in 0..all.len() {
        let path = &all[n].0;
        let mut changed = all.clone();
        let middle = changed[n].1.len() / 2;
        changed[n].1[middle] ^= 1;
        let report = verified(&packed(&changed));
        assert_eq!((&report["ok"], &report["first"]["file"]), (&json!(false), &json!(path)));
        let mut removed = all.clone();
        removed.remove(n);
        let report = verified(&packed(&removed));
        assert_eq!((&report["ok"], &report["first"]["file"]), (&json!(false), &json!(path)));
    }
    let mut added = all.clone();
    added.push(("notes.txt".to_owned(), b"all was well".to_vec()));
    assert_eq!(verified(&packed(&added))["first"]["file"], "notes.txt");
    assert_eq!(verified(&packed(&all))["ok"], true, "packed again it is the same");
    // Also without packing it anew.
    let mut raw = bundle.clone();
    let start = raw.windows(PLAIN.len()).position(|it| it == PLAIN).unwrap();
    raw[start] ^= 1;
    assert_eq!(verified(&raw)["first"]["file"], json!(paths[0]));
    assert_eq!(all.last().unwrap().0, SIGNATURE);
    assert_eq!(all[all.len() - 2].0, MANIFEST);

    let exported = scene.world.audit().await;
    assert_eq!(exported.last().unwrap().1, "export_bundle");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn restricted_evidence_is_for_those_who_may_read_it(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let world = &scene.world;
    let (viewer, admin) = (Role::Viewer, Role::Admin);
    for (name, role) in [("vera", viewer), ("adam", admin)] {
        let (_, who) = world.sign_in(name, role).await;
        let path = format!("/api/v1/drills/{}/bundle", scene.number);
        let (answer, _) = world.download(&path, &who).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {}", answer.body);
    }
    let unknown = "/api/v1/drills/DR-20200101-01/bundle";
    assert_eq!(world.download(unknown, &scene.pmo).await.0.status, StatusCode::NOT_FOUND);

    // The same file is restricted where another team's drill shows it; the rest of the bundle is for this team.
    let (id, platform) = world.sign_in("rita", Role::Responder).await;
    let path = format!("/api/v1/drills/{}/bundle", scene.number);
    assert_eq!(world.download(&path, &platform).await.0.status, StatusCode::FORBIDDEN);
    let mut db = world.db.acquire().await.unwrap();
    store::users::set_teams(&mut db, id, &["platform".to_owned()]).await.unwrap();
    let other = json!({"name": "pay", "team": "payments", "workloads": []});
    let other = serde_json::from_value(other).unwrap();
    store::services::save(&mut db, &other, server::clock::now()).await.unwrap();
    drop(db);
    assert_eq!(files(&scene.bundle(&platform).await).len(), 12, "their own dump is included");
    let mut theirs = planned();
    theirs["plan"] = json!({"service": "pay", "steps": [{"kind": "wait", "seconds": 1}]});
    theirs["targets"] = json!([]);
    let theirs = ok(world.call("POST", "/drills", &scene.pmo, theirs).await, 201);
    let subject = format!("drills/{}", theirs["number"].as_str().unwrap());
    let fields = [("kind", "log"), ("subject", &*subject), ("restricted", "true")];
    ok(world.upload(&scene.pmo, &fields, "raw.txt", PLAIN).await, 201);

    let bundle = scene.bundle(&platform).await;
    let all = files(&bundle);
    let path = domain::bundle::sha256(PLAIN).path();
    assert!(!all.iter().any(|(it, _)| *it == path), "{path} is not for them");
    let listed = &all.iter().find(|(it, _)| it == EVIDENCE).unwrap().1;
    let listed: Value = serde_json::from_slice(listed).unwrap();
    assert_eq!((&listed[0]["included"], &listed[1]["included"]), (&json!(false), &json!(true)));
    assert_eq!(verified(&bundle)["ok"], true, "what is withheld is not missing");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bundle_explains_what_had_to_be_erased(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let (_, admin) = scene.world.sign_in("ada", Role::Admin).await;
    let sha = domain::bundle::sha256(DUMP).to_string();
    let path = format!("/evidence/{sha}/erase");
    let erased = scene.world.call("POST", &path, &admin, json!({"reason": "PIPL 47"})).await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.body);
    let bundle = scene.bundle(&scene.pmo).await;
    let report = verified(&bundle);
    assert_eq!((&report["ok"], &report["erased"]), (&json!(true), &json!([sha])), "{report}");
    let mut all = files(&bundle);
    assert!(!all.iter().any(|(path, _)| path.ends_with(&sha)), "its bytes are not there");
    let list = all.iter_mut().find(|(path, _)| path == EVIDENCE).unwrap();
    let text = String::from_utf8(list.1.clone()).unwrap();
    assert!(text.contains("PIPL 47") && text.contains("user:ada"), "{text}");
    list.1 = text.replace("PIPL 47", "PIPL 74").into_bytes();
    assert_eq!(verified(&packed(&all))["first"]["file"], EVIDENCE);
}
