//! Folders, a real S3 server, a real Git repository.

use std::path::Path;
use std::process::Command;

use domain::backups::{Copy, Outcome, Source};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::variable;
use server::adapters::backups::{Looker, Told};
use server::adapters::kubernetes::Clusters;

fn looker(db: &PgPool) -> Looker {
    Looker::new(Clusters::new(db.clone(), variable, None))
}

async fn look(db: &PgPool, source: Value) -> Result<Told, String> {
    let source: Source = serde_json::from_value(source).unwrap();
    looker(db).look(&source).await.map_err(|it| it.to_string())
}

/// Tenant, artefact, bytes and what became of it, in the order of their names.
fn shown(told: &Told) -> Vec<String> {
    let one = |it: &Copy| {
        let encrypted = it.encrypted.map_or("?", |it| if it { "enc" } else { "plain" });
        let (tenant, size) = (&it.tenant, it.size.unwrap_or_default());
        format!("{tenant}|{}|{size}|{}|{encrypted}", it.artefact, it.outcome.as_str())
    };
    let mut shown: Vec<String> = told.copies.iter().map(one).collect();
    shown.sort();
    shown
}

fn write(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn fill(folder: &Path) {
    for (path, content) in [
        ("snapshots/acme/logs/snap-1.dat", "12345"),
        ("snapshots/acme/logs/snap-2.dat", "1"),
        ("snapshots/acme/logs/index-0", "not a copy"),
        ("snapshots/beta/shop/snap-7.dat", "123"),
        ("metadata/all/metadata_backup_all_1.sql.enc", "x"),
        ("metadata/all/metadata_backup_all_2.sql", "x"),
        ("pg/2026101600/base/1", "12"),
        ("pg/2026101600/base/2", "345"),
        ("pg/2026101606/base/1", ""),
        ("stray", "x"),
    ] {
        write(folder, path, content);
    }
}

/// What is listed of a place, whatever holds it. `source` makes a source of a path below it.
async fn lists(db: &PgPool, source: impl Fn(&str, &str) -> Value) {
    let told = look(db, source("snapshots", "{tenant}/{namespace}/snap-*.dat")).await.unwrap();
    assert_eq!(
        shown(&told),
        [
            "acme/logs|acme/logs/snap-1.dat|5|done|?",
            "acme/logs|acme/logs/snap-2.dat|1|done|?",
            "beta/shop|beta/shop/snap-7.dat|3|done|?",
        ]
    );
    let mut encrypted = source("metadata", "{tenant}/metadata_backup_*");
    encrypted["encrypted_suffix"] = json!(".sql.enc");
    assert_eq!(
        shown(&look(db, encrypted).await.unwrap()),
        [
            "all|all/metadata_backup_all_1.sql.enc|1|done|enc",
            "all|all/metadata_backup_all_2.sql|1|done|plain",
        ]
    );
    // A folder is one copy; an empty one is nothing to go back to.
    let told = look(db, source("", "pg/{copy}/**")).await.unwrap();
    assert_eq!(shown(&told), ["|pg/2026101600|5|done|?", "|pg/2026101606|0|failed|?"]);
    let young = chrono::TimeDelta::minutes(5);
    let now = server::clock::now();
    assert!(told.copies.iter().all(|it| (now - it.taken_at).abs() < young), "{told:?}");
    let none = look(db, source("nowhere", "*")).await;
    assert!(none.as_ref().is_ok_and(|it| it.copies.is_empty()) || none.is_err(), "{none:?}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_folder_is_listed(db: PgPool) {
    let folder = TempDir::new().unwrap();
    fill(folder.path());
    let place = folder.path().display().to_string();
    let source = |below: &str, path: &str| {
        let url = format!("file://{place}/{below}");
        json!({"kind": "objects", "url": url.trim_end_matches('/'), "path": path})
    };
    lists(&db, source).await;
    // An empty list of a folder that is not mounted would say that there never was a copy.
    let said = look(&db, source("nowhere", "*")).await.unwrap_err();
    assert!(said.contains("is not there; mount it"), "{said}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_bucket_is_listed(db: PgPool) {
    let folder = TempDir::new().unwrap();
    fill(&folder.path().join("backups/es"));
    let endpoint = serve_s3(folder.path()).await;
    let source = |below: &str, path: &str| {
        let url = format!("s3://backups/es/{below}");
        json!({"kind": "objects", "url": url.trim_end_matches('/'), "path": path,
            "credentials": "env:LAB", "endpoint": endpoint})
    };
    lists(&db, source).await;
    for (change, said) in [
        (("credentials", json!("env:WRONG")), "s3://backups/es may not be listed"),
        (("credentials", json!("env:NONE")), "the variable NONE_ACCESS_KEY_ID is not set"),
        (("url", json!("s3://elsewhere")), "s3://elsewhere "),
        (("endpoint", json!("http://169.254.169.254")), "it is never asked"),
        (("endpoint", json!("http://127.0.0.1:9")), "s3://backups/es cannot be listed: "),
    ] {
        let mut source = source("", "*");
        source[change.0] = change.1;
        let found = look(&db, source).await.unwrap_err();
        assert!(found.contains(said) && !found.contains('\n'), "{said}: {found}");
    }
}

/// A real S3 server over a folder, in this process; its address.
async fn serve_s3(folder: &Path) -> String {
    let mut service = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    service.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    address
}

fn git(folder: &Path, arguments: &[&str], at: &str) {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .env("GIT_COMMITTER_DATE", at)
        .env("GIT_AUTHOR_DATE", at)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn commits_that_touch_a_path_are_copies(db: PgPool) {
    let folder = TempDir::new().unwrap();
    let repository = folder.path().join("edgelink-infra");
    std::fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "--quiet", "--initial-branch=main"], "2026-10-01T00:00:00Z");
    for (path, at) in [
        ("config-backups/a.yaml", "2026-10-01T00:00:00Z"),
        ("helm-values/v.yaml", "2026-10-02T00:00:00Z"),
        ("config-backups/b.yaml", "2026-10-03T00:00:00Z"),
    ] {
        write(&repository, path, path);
        git(&repository, &["add", "."], at);
        git(&repository, &["commit", "--quiet", "-m", path], at);
    }
    let place = repository.display().to_string();
    let plain = looker(&db);
    for address in [place.clone(), format!("file://{place}")] {
        let source = |path: &str, branch: Option<&str>| -> Source {
            let source =
                json!({"kind": "git", "repository": address, "path": path, "branch": branch});
            serde_json::from_value(source).unwrap()
        };
        let told = plain.look(&source("config-backups", None)).await.unwrap();
        let times: Vec<_> = told.copies.iter().map(|it| it.taken_at.to_rfc3339()).collect();
        assert_eq!(times, ["2026-10-03T00:00:00+00:00", "2026-10-01T00:00:00+00:00"]);
        assert!(
            told.copies.iter().all(|it| it.outcome == Outcome::Done && it.artefact.len() == 40)
        );
        assert_eq!(plain.look(&source("helm-values", Some("main"))).await.unwrap().copies.len(), 1);
        let nothing = plain.look(&source("nowhere", None)).await.unwrap();
        assert!(nothing.copies.is_empty() && nothing.warning.unwrap().contains("touches nowhere"));
        let said = plain.look(&source("a", Some("other"))).await.unwrap_err().to_string();
        assert!(said.starts_with("git: "), "{said}");
    }
    // What was copied before is brought up to date.
    write(&repository, "helm-values/v.yaml", "new");
    git(&repository, &["commit", "--quiet", "-am", "values"], "2026-10-04T00:00:00Z");
    let source =
        json!({"kind": "git", "repository": format!("file://{place}"), "path": "helm-values"});
    let source: Source = serde_json::from_value(source).unwrap();
    assert_eq!(plain.look(&source).await.unwrap().copies.len(), 2);
    let away = json!({"kind": "git", "repository": "/nowhere/at/all", "path": "a"});
    assert!(look(&db, away).await.unwrap_err().contains("is not there"));
    let program =
        json!({"kind": "git", "repository": "ext::sh -c 'touch /tmp/pwned'", "path": "a"});
    assert!(look(&db, program).await.is_err());
}
