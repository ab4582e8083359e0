//! A catalog from a folder into the database and back.

use std::fs;
use std::path::Path;
use std::process::Command as Process;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use domain::access::{Role, Scope};
use domain::policies::Mode;
use serde_json::{Value, json};
use server::catalog::import::stored as stored_documents;
use server::catalog::{Command, read};
use server::{catalog, clock};
use sqlx::PgPool;
use tempfile::TempDir;

use crate::world::World;

const CLUSTER: &str = "kind: cluster\nname: lab\nkubeconfig: env:KUBECONFIG\nnamespaces: [shop]\n";
const SERVICE: &str = "kind: service\nname: api\nworkloads:\n  - {cluster: lab, namespace: shop, kind: Deployment, name: api}\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// `created`, `changed`, `removed` of an import of the folder.
async fn import(db: &PgPool, folder: &Path, prune: bool, dry_run: bool) -> [Vec<String>; 3] {
    let documents = read::folder(folder).unwrap();
    let report = catalog::import(db, &documents, prune, dry_run, clock::now()).await.unwrap();
    assert_eq!(report.errors, []);
    [report.created, report.changed, report.removed]
}

async fn stored(db: &PgPool) -> Vec<domain::catalog::Document> {
    stored_documents(&mut db.acquire().await.unwrap()).await.unwrap()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_import_is_shown_first_and_done_once(db: PgPool) {
    let policy = "kind: policy\nname: default\nmode: auto\n";
    let folder = folder(&[("a.yaml", CLUSTER), ("b.yml", &format!("{SERVICE}---\n{policy}"))]);
    let created = ["cluster/lab", "policy/default", "service/api"].map(str::to_owned).to_vec();
    let nothing: [Vec<String>; 3] = [vec![], vec![], vec![]];

    let shown = import(&db, folder.path(), false, true).await;
    assert_eq!(shown, [created.clone(), vec![], vec![]]);
    assert!(stored(&db).await.is_empty());

    assert_eq!(import(&db, folder.path(), false, false).await, [created, vec![], vec![]]);
    assert_eq!(import(&db, folder.path(), false, false).await, nothing);
    let policy = store::policies::by_name(&db, "default").await.unwrap();
    assert_eq!((policy.version, policy.mode), (2, Mode::Auto));

    fs::write(folder.path().join("b.yml"), SERVICE.replace("api}", "api}\nteam: web")).unwrap();
    let changed = vec!["service/api".to_owned()];
    assert_eq!(import(&db, folder.path(), false, false).await, [vec![], changed, vec![]]);
    let removed = vec!["policy/default".to_owned()];
    assert_eq!(import(&db, folder.path(), true, false).await, [vec![], vec![], removed]);
    assert_eq!(import(&db, folder.path(), true, false).await, nothing);

    let entries = sqlx::query_as::<_, (String, String, serde_json::Value)>(
        "SELECT actor, subject, details FROM audit WHERE action = 'import_catalog' ORDER BY id",
    );
    let entries = entries.fetch_all(&db).await.unwrap();
    assert!(entries.iter().all(|it| it.0 == "owner"), "{entries:?}");
    let subjects: Vec<&str> = entries.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(
        subjects,
        ["clusters/lab", "policies/default", "services/api", "services/api", "policies/default"]
    );
    assert_eq!(
        entries[3].2,
        serde_json::json!({"changed": [{"path": "team", "from": "platform", "to": "web"}]})
    );
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_exported_is_what_was_imported(db: PgPool) {
    let real = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog/edgelink"));
    import(&db, real, false, false).await;
    let before = stored(&db).await;
    assert_eq!(before.len(), read::folder(real).unwrap().len());

    let folder = tempfile::tempdir().unwrap();
    let export = || Command::Export { folder: folder.path().to_owned() };
    for _ in 0..2 {
        let connect = async || Ok(db.clone());
        assert!(catalog::run(export(), true, connect, clock::now()).await.unwrap());
    }
    let exported = read::folder(folder.path()).unwrap();
    assert_eq!(read::check(&exported, &[]), Ok(()));
    let mut exported: Vec<_> = exported.into_iter().map(|it| it.document).collect();
    exported.sort_by_key(domain::catalog::Document::kind);
    assert_eq!(exported, before);
    assert_eq!(import(&db, folder.path(), true, false).await, [const { Vec::<String>::new() }; 3]);

    fs::write(folder.path().join("mine.yaml"), CLUSTER).unwrap();
    let refused = catalog::run(export(), true, async || Ok(db.clone()), clock::now()).await;
    assert!(refused.unwrap_err().to_string().contains("mine.yaml is there already"));
}

/// Each by itself, as somebody who protects one of these systems imports it.
#[sqlx::test(migrator = "store::MIGRATOR")]
async fn every_catalog_that_comes_along_can_be_imported_and_says_the_same_again(db: PgPool) {
    let all = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog"));
    let folders = fs::read_dir(all).unwrap().map(|it| it.unwrap().path());
    let folders: Vec<_> = folders.filter(|it| it.is_dir()).collect();
    assert!(folders.len() >= 4, "{folders:?}");
    for folder in folders {
        let documents = read::folder(&folder).unwrap();
        let [created, ..] = import(&db, &folder, true, false).await;
        assert_eq!(created.len(), documents.len(), "{}", folder.display());
        let [created, changed, removed] = import(&db, &folder, true, false).await;
        assert_eq!([created, changed, removed], [const { Vec::<String>::new() }; 3]);
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_mistake_and_nothing_is_imported(db: PgPool) {
    let other = SERVICE.replace("name: api\n", "name: other\n");
    let folder = folder(&[("a.yaml", CLUSTER), ("b.yaml", &format!("{SERVICE}---\n{other}"))]);
    let documents = read::folder(folder.path()).unwrap();
    let report = catalog::import(&db, &documents, false, false, clock::now()).await.unwrap();
    let [error] = &report.errors[..] else { panic!("{:?}", report.errors) };
    assert!(error.file.ends_with("b.yaml"), "{error}");
    assert_eq!((error.line, error.path.as_str()), (9, "workloads[0]"));
    assert!(error.message.contains(r#"belongs to the service "api" (see "#), "{error}");
    assert!(stored(&db).await.is_empty());
}

#[test]
fn folders_that_hold_no_catalog_are_refused() {
    let huge = "# ".repeat(600_000);
    for (files, expected) in [
        (&[][..], "holds no *.yaml: name the folder of a catalog"),
        (&[("a.txt", "x")], "holds no *.yaml: name the folder of a catalog"),
        (&[("a.yaml", huge.as_str())], "is 1200000 bytes long; at most 1048576"),
    ] {
        let folder = folder(files);
        let errors = read::folder(folder.path()).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!((errors[0].line, errors[0].message.as_str()), (0, expected));
    }
    let absent = read::folder(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(absent[0].message.starts_with("cannot be read: "), "{absent:?}");

    let folder = folder(&[("b.yaml", "# empty\n"), (".hidden.yaml", "x: [")]);
    fs::write(folder.path().join("a.yaml"), b"name: a\nkind: \xff\xfe\n").unwrap();
    let errors = read::folder(folder.path()).unwrap_err();
    assert_eq!((errors[0].line, errors[0].message.as_str()), (2, "is not UTF-8 text"));
    fs::remove_file(folder.path().join("a.yaml")).unwrap();
    fs::create_dir(folder.path().join("deeper")).unwrap();
    fs::write(folder.path().join("deeper/c.yaml"), CLUSTER).unwrap();
    assert_eq!(read::folder(folder.path()).unwrap().len(), 1);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_pages_show_what_was_imported(db: PgPool) {
    let world = World::new(db).await;
    let real = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog/edgelink"));
    import(&world.db, real, false, false).await;
    let (_, viewer) = world.sign_in("viewer", Role::Viewer).await;
    let (_, admin) = world.sign_in("admin", Role::Admin).await;

    let list = world.get("/services", &viewer).await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(list.body.contains(r#"href="/services/api-gateway""#), "{}", list.body);
    let found = world.get("/services?search=GATE", &viewer).await.body;
    assert!(found.contains("/services/api-gateway") && !found.contains("/services/postgres"));

    let page = world.get("/services/api-gateway", &viewer).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in ["edge-link-production-api-gateway", "HighErrorRate", "device-registration"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    assert_eq!(world.get("/services/nobody", &viewer).await.status, StatusCode::NOT_FOUND);
    let clusters = world.get("/admin/clusters", &admin).await.body;
    assert!(clusters.contains("edgelink-production"), "{clusters}");
}

async fn api(
    world: &World,
    method: &str,
    path: &str,
    token: &str,
    body: &Value,
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json");
    let answer = world.send(request.body(Body::from(body.to_string())).unwrap()).await;
    (answer.status, answer.json())
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_import_through_the_api_waits_for_a_second_person(db: PgPool) {
    let world = World::new(db).await;
    let folder = folder(&[("a.yaml", CLUSTER)]);
    import(&world.db, folder.path(), false, false).await;
    let ci = world.token("ci", None, &[Scope::CatalogWrite, Scope::Read]).await;
    let scopes = [Scope::Approve, Scope::Read, Scope::CatalogWrite];
    let (ann, _) = world.sign_in("ann", Role::Sre).await;
    let ann = world.token("ann", Some(ann), &scopes).await;
    let nothing = json!({});

    let staging = SERVICE.replace("name: api\n", "name: api\nenvironment: staging\n");
    let body = json!({"files": {"s.yaml": staging}});
    let (status, import) = api(&world, "POST", "/catalog/imports", &ci, &body).await;
    assert_eq!((status, &import["state"]), (StatusCode::CREATED, &json!("in_force")), "{import}");

    let body = json!({"files": {"s.yaml": SERVICE}});
    let (status, import) = api(&world, "POST", "/catalog/imports", &ann, &body).await;
    assert_eq!((status, &import["state"]), (StatusCode::CREATED, &json!("awaiting_consent")));
    assert_eq!(import["changes"]["changed"], json!(["service/api"]));
    let (_, service) = api(&world, "GET", "/services/api", &ci, &nothing).await;
    assert_eq!(service["environment"], "staging");

    let path = format!("/catalog/imports/{}/consents", import["id"].as_str().unwrap());
    let digest = json!({"digest": import["digest"]});
    let (status, problem) = api(&world, "POST", &path, &ann, &digest).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    assert!(problem["type"].as_str().unwrap().ends_with("/own-import"), "{problem}");
    let (status, _) = api(&world, "POST", &path, &ci, &digest).await;
    assert_eq!(status, StatusCode::FORBIDDEN);

    let (bob, _) = world.sign_in("bob", Role::Sre).await;
    let bob = world.token("bob", Some(bob), &scopes).await;
    let other = json!({"digest": format!("sha256:{}", "0".repeat(64))});
    let (status, _) = api(&world, "POST", &path, &bob, &other).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, done) = api(&world, "POST", &path, &bob, &digest).await;
    assert_eq!((status, &done["state"]), (StatusCode::CREATED, &json!("in_force")), "{done}");
    assert_eq!(done["consented_by"], "user:bob");
    let (status, _) = api(&world, "POST", &path, &bob, &digest).await;
    assert_eq!(status, StatusCode::CONFLICT);

    let (_, page) = api(&world, "GET", "/services?limit=1", &ci, &nothing).await;
    let service = &page["items"][0];
    assert_eq!(
        (&service["environment"], &service["mode"]),
        (&json!("production"), &json!("suggest"))
    );
    assert_eq!(
        (&service["open_rollback"], &service["match"]),
        (&Value::Null, &json!({"service": "api"}))
    );
    assert_eq!(service["workloads"][0]["state"], "unseen");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_mistake_sent_to_the_api_is_told_by_file_line_and_path(db: PgPool) {
    let world = World::new(db).await;
    let ci = world.token("ci", None, &[Scope::CatalogWrite]).await;
    for (files, field) in [
        (json!({"a.yaml": "kind: policy\nname: p\nmood: x\n"}), "files.a.yaml:3: mood"),
        (json!({"b.yaml": SERVICE}), "files.b.yaml:4: workloads[0].cluster"),
        (json!({}), "files"),
    ] {
        let body = json!({"files": files});
        let (status, problem) = api(&world, "POST", "/catalog/imports", &ci, &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let body = json!({"files": {"c.yaml": CLUSTER}});
    let (status, _) = api(&world, "POST", "/catalog/imports", &ci, &body).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "clusters are the administrators'");
    assert!(stored(&world.db).await.is_empty());
}

/// Exit code, standard output and standard error of `lifeboat catalog …`.
fn lifeboat(db: &PgPool, args: &[&str]) -> (i32, String, String) {
    let url = sqlx::ConnectOptions::to_url_lossy(&*db.connect_options());
    let mut process = Process::new(env!("CARGO_BIN_EXE_lifeboat"));
    let answer = process.arg("catalog").args(args).env("DATABASE_URL", url.as_str()).output();
    let answer = answer.unwrap();
    let [out, err] = [answer.stdout, answer.stderr].map(|it| String::from_utf8(it).unwrap());
    (answer.status.code().unwrap(), out, err)
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_command_line_answers_in_json_and_by_its_exit_code(db: PgPool) {
    let good = folder(&[("a.yaml", CLUSTER), ("b.yaml", SERVICE)]);
    let good = good.path().to_str().unwrap();
    let bad = folder(&[("a.yaml", CLUSTER), ("b.yaml", &format!("# api\n{SERVICE}moode: x\n"))]);
    let bad = bad.path().to_str().unwrap();
    let json = |out: &str| serde_json::from_str::<Value>(out).unwrap();
    let nothing = json!({"errors": [], "created": [], "changed": [], "removed": []});

    let (code, out, _) = lifeboat(&db, &["check", good, "--json"]);
    assert_eq!((code, json(&out)), (0, nothing.clone()));
    for command in ["check", "import"] {
        let (code, out, _) = lifeboat(&db, &[command, bad, "--json"]);
        let error = &json(&out)["errors"][0];
        assert_eq!(code, 1, "{out}");
        assert!(error["file"].as_str().unwrap().ends_with("b.yaml"), "{error}");
        assert_eq!((&error["line"], &error["path"]), (&json!(6), &json!("moode")));
        assert!(error["message"].as_str().unwrap().starts_with("unknown field `moode`"), "{error}");
    }
    let (code, out, _) = lifeboat(&db, &["check", bad]);
    assert_eq!(code, 1);
    assert!(out.contains("b.yaml:6: moode: unknown field"), "{out}");
    assert_eq!(lifeboat(&db, &["check"]).0, 2);
    assert_eq!(lifeboat(&db, &["check", "/nowhere"]).0, 1);

    let created = json!(["cluster/lab", "service/api"]);
    for args in [&["import", good, "--dry-run", "--json"][..], &["import", good, "--json"]] {
        let (code, out, err) = lifeboat(&db, args);
        assert_eq!((code, &json(&out)["created"]), (0, &created), "{out}{err}");
    }
    let (code, out, _) = lifeboat(&db, &["import", good, "--json"]);
    assert_eq!((code, json(&out)), (0, nothing.clone()));

    let exported = tempfile::tempdir().unwrap();
    let exported = exported.path().to_str().unwrap();
    let (code, out, err) = lifeboat(&db, &["export", exported, "--json"]);
    assert_eq!((code, &json(&out)["errors"]), (0, &json!([])), "{err}");
    let (code, out, _) = lifeboat(&db, &["import", exported, "--prune", "--json"]);
    assert_eq!((code, json(&out)), (0, nothing));
    let (code, _, err) = lifeboat(&db, &["export", good]);
    assert!(code == 1 && err.contains("is there already: export into an empty folder"), "{err}");
}
