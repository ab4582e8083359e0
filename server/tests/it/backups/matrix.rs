//! From a catalog to a finding: rows are imported, sources looked at, and what turns red is told once.

use std::path::Path;

use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::access::{Role, Subject};
use serde_json::{Value, json};
use server::workers::backups;
use server::{catalog, clock};
use sqlx::PgPool;
use tempfile::TempDir;

use super::{row, save, workers};
use crate::world::World;

/// The matrix as the page of this test reads it.
struct Scene {
    world: World,
    viewer: String,
    folder: TempDir,
}

impl Scene {
    async fn new(owner: PgPool) -> Self {
        let world = World::new(owner).await;
        let (_, viewer) = world.sign_in("vera", Role::Viewer).await;
        Self { world, viewer, folder: TempDir::new().unwrap() }
    }

    fn source(&self) -> Value {
        let url = format!("file://{}", self.folder.path().display());
        json!({"kind": "objects", "url": url, "path": "*.dump"})
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.world.get(&format!("/api/v1{path}"), &self.viewer).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    async fn tick(&self) {
        let due = "UPDATE backup_looks SET due_at = now() - interval '1 s'";
        sqlx::query(due).execute(&self.world.owner).await.unwrap();
        let (workers, looker) = workers(&self.world.db);
        backups::tick(&workers, &looker).await.unwrap();
    }

    /// A dump that was written so long ago.
    fn dump(&self, name: &str, age: TimeDelta) {
        let file = std::fs::File::create(self.folder.path().join(name)).unwrap();
        std::io::Write::write_all(&mut &file, b"x").unwrap();
        let age = age.to_std().unwrap();
        file.set_modified(std::time::SystemTime::now() - age).unwrap();
    }

    async fn wishes(&self) -> usize {
        let subject = Subject::new("backups", "pg");
        store::outbox::about(&self.world.db, &subject).await.unwrap().len()
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_row_turns_red_and_somebody_is_told_once(owner: PgPool) {
    let scene = Scene::new(owner).await;
    save(&scene.world.db, &[row("pg", &json!({"source": scene.source()}))]).await;
    assert_eq!(scene.get("/backups/pg").await["state"], "unknown", "nobody has looked");

    scene.tick().await;
    let never = scene.get("/backups/pg").await;
    assert_eq!(
        (&never["state"], &never["findings"][0]["code"]),
        (&json!("never"), &json!("never"))
    );
    assert_eq!(never["findings"][0]["owner"], "database");
    assert_eq!(scene.wishes().await, 1);

    scene.dump("a.dump", TimeDelta::minutes(5));
    scene.tick().await;
    let fresh = scene.get("/backups/pg").await;
    assert_eq!((&fresh["state"], &fresh["findings"]), (&json!("fresh"), &json!([])), "{fresh:#}");
    assert_eq!(fresh["newest"]["artefact"], "a.dump");

    // Replaced by an old one: red again, told once, however often it is looked at.
    std::fs::remove_file(scene.folder.path().join("a.dump")).unwrap();
    sqlx::query("DELETE FROM backup_copies").execute(&scene.world.owner).await.unwrap();
    scene.dump("b.dump", TimeDelta::hours(3));
    for _ in 0..3 {
        scene.tick().await;
    }
    assert_eq!(scene.get("/backups/pg").await["state"], "stale");
    assert_eq!(scene.wishes().await, 2);

    // A source that is away for a while is unknown, and red afterwards is the same red.
    let away = scene.folder.path().with_extension("away");
    std::fs::rename(scene.folder.path(), &away).unwrap();
    scene.tick().await;
    let unknown = scene.get("/backups/pg").await;
    assert_eq!(unknown["state"], "unknown");
    assert!(unknown["looked"]["here"]["failure"].as_str().unwrap().contains("is not there"));
    std::fs::rename(&away, scene.folder.path()).unwrap();
    scene.tick().await;
    let stale = scene.get("/backups/pg").await;
    assert_eq!(stale["state"], "stale");
    assert_eq!(scene.wishes().await, 2);
    let states: Vec<&str> = stale["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["stale", "unknown", "stale", "fresh", "never"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn copies_are_listed_by_page_and_what_is_gone_stays_in_the_list(owner: PgPool) {
    let scene = Scene::new(owner).await;
    save(&scene.world.db, &[row("pg", &json!({"source": scene.source()}))]).await;
    for hour in 0..5 {
        scene.dump(&format!("{hour}.dump"), TimeDelta::hours(hour));
    }
    scene.tick().await;
    std::fs::remove_file(scene.folder.path().join("4.dump")).unwrap();
    scene.tick().await;
    let mut path = "/backups/pg/copies?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = scene.get(&path).await;
        for it in page["items"].as_array().unwrap() {
            let gone = if it["gone_at"].is_null() { "" } else { " gone" };
            seen.push(format!("{}{gone}", it["artefact"].as_str().unwrap()));
        }
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/backups/pg/copies?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["0.dump", "1.dump", "2.dump", "3.dump", "4.dump gone"]);
    let found = scene.get("/backups/pg").await;
    assert_eq!(found["findings"][0]["code"], "gone_too_soon", "kept for 4 h of a day: {found:#}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_stopped_worker_writes_nothing_over_another(owner: PgPool) {
    let scene = Scene::new(owner).await;
    save(&scene.world.db, &[row("pg", &json!({"source": scene.source()}))]).await;
    let (workers, looker) = workers(&scene.world.db);
    // Somebody claimed it a moment ago.
    let now = clock::now();
    let held =
        store::backups::claim(&workers.db, now, now + TimeDelta::hours(1), 10).await.unwrap();
    assert_eq!(held.len(), 1);
    backups::tick(&workers, &looker).await.unwrap();
    assert_eq!(scene.get("/backups/pg").await["looked"]["here"]["at"], Value::Null);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_page_shows_what_the_api_says(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let rows = [
        row("pg", &json!({"source": scene.source(), "artefact": "数据库 <b>"})),
        row("keys", &json!({"domain": "config", "owner": "sre"})),
    ];
    save(&scene.world.db, &rows).await;
    scene.dump("a.dump", TimeDelta::minutes(1));
    scene.tick().await;
    let list = scene.get("/backups?limit=1").await;
    assert_eq!(list["items"][0]["name"], "keys");
    let next =
        scene.get(&format!("/backups?cursor={}", list["next_cursor"].as_str().unwrap())).await;
    assert_eq!(
        (next["items"][0]["name"].as_str(), &next["next_cursor"]),
        (Some("pg"), &Value::Null)
    );
    for (query, names) in [
        ("?domain=config", vec!["keys"]),
        ("?owner=database", vec!["pg"]),
        ("?state=unknown", vec!["keys"]),
        ("?state=stale", vec![]),
    ] {
        let found = scene.get(&format!("/backups{query}")).await;
        let found: Vec<_> =
            found["items"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
        assert_eq!(found, names, "{query}");
    }
    for query in ["?state=good", "?limit=501", "?what=1"] {
        let answer = scene.world.get(&format!("/api/v1/backups{query}"), &scene.viewer).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    let page = scene.world.get("/backups", &scene.viewer).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("数据库 &lt;b&gt;") && page.body.contains("无法确认"),
        "{}",
        page.body
    );
    let filtered = scene.world.get("/backups?domain=config", &scene.viewer).await;
    assert!(!filtered.body.contains("数据库 &lt;b&gt;"));
    let detail = scene.world.get("/backups/pg", &scene.viewer).await;
    assert!(detail.body.contains("a.dump") && detail.body.contains("新鲜"), "{}", detail.body);
    assert_eq!(scene.world.get("/backups/none", &scene.viewer).await.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn each_of_the_catalogs_imports_by_itself_and_comes_out_as_it_went_in(owner: PgPool) {
    let world = World::new(owner).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog");
    for (system, rows) in [("glancy", 14), ("es-serverless", 3), ("dlmp", 3)] {
        // Backups alone: what they belong to may come later.
        let file = folder.join(system).join("backups.yaml");
        let documents = catalog::read::folder(&file).unwrap();
        let import = catalog::import(&world.owner, &documents, false, false, clock::now());
        let report = import.await.unwrap();
        assert!(report.errors.is_empty(), "{system}: {:?}", report.errors);
        let again = catalog::import(&world.owner, &documents, false, false, clock::now());
        assert_eq!(again.await.unwrap().summary(), "0 created, 0 changed, 0 removed", "{system}");
        let found = store::backups::list(&world.db).await.unwrap();
        let of_system =
            found.iter().filter(|it| it.stated_in.to_lowercase().starts_with(&system[..2]));
        assert_eq!(of_system.count(), rows, "{system}");
    }
    let edgelink = catalog::read::folder(&folder.join("edgelink")).unwrap();
    let report =
        catalog::import(&world.owner, &edgelink, false, false, clock::now()).await.unwrap();
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    // With the objective of its domain: a copy a day cannot meet 15 minutes (EdgeLink §4.1).
    let (_, viewer) = world.sign_in("vera", Role::Viewer).await;
    let velero = world.get("/api/v1/backups/edgelink-velero", &viewer).await.json();
    let mut findings = velero["findings"].as_array().unwrap().iter();
    let gap = findings.find(|it| it["code"] == "cannot_meet_rpo").expect("the gap");
    assert_eq!((&gap["rpo_s"], &gap["owner"]), (&json!(900), &json!("platform")));
}
