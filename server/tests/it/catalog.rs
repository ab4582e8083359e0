//! A catalog from a folder into the database and back.

use std::fs;
use std::path::Path;

use domain::policies::Mode;
use server::catalog::import::stored as stored_documents;
use server::catalog::{Command, demo, read};
use server::{catalog, clock};
use sqlx::PgPool;
use tempfile::TempDir;

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
    let documents = demo::documents(&demo::Pretend::default()).unwrap();
    let real = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog/edgelink"));
    import(&db, real, false, false).await;
    let before = stored(&db).await;
    assert_eq!(before.len(), documents.len());

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
