//! What a second person has to agree to.

use axum::http::{StatusCode, header};
use domain::access::Role;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::kinds;
use crate::world::World;

const REFUSE: &str = "/api/app/pages/imports/actions/refuse_import";

struct Scene {
    world: World,
    author: String,
    other: String,
    dba: String,
    admin: String,
}

impl Scene {
    async fn new(owner: PgPool) -> Self {
        let world = World::new(owner).await;
        let (_, author) = world.sign_in("author", Role::Sre).await;
        let (_, other) = world.sign_in("other", Role::Sre).await;
        let (_, dba) = world.sign_in("dba", Role::Dba).await;
        let (_, admin) = world.sign_in("admin", Role::Admin).await;
        Self { world, author, other, dba, admin }
    }

    /// An import of one policy, which protects production; its id and digest.
    async fn import(&self, mode: &str) -> (String, String) {
        let text = format!("kind: policy\nname: default\nmode: {mode}\n");
        let files = json!({"files": {"p.yaml": text}});
        let answer = self.world.call("POST", "/catalog/imports", &self.author, files).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let import = answer.json();
        assert_eq!(import["state"], "awaiting_consent");
        let text = |name: &str| import[name].as_str().unwrap().to_owned();
        (text("id"), text("digest"))
    }

    async fn state(&self, id: &str) -> Value {
        self.world.get(&format!("/api/v1/catalog/imports/{id}"), &self.other).await.json()
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_import_is_consented_to_on_its_page_by_another_person(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let Scene { world, author, other, dba, admin } = &scene;
    let (id, digest) = scene.import("auto").await;

    assert_eq!(kinds(world, other).await, ["import_consent"]);
    assert!(kinds(world, author).await.is_empty() && kinds(world, dba).await.is_empty());
    let path = format!("/admin/imports/{id}/consent");
    let page = world.get("/admin/imports", other).await.body;
    for shown in [&path, &digest, "policy/default", "mode: auto"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    let own = world.get("/admin/imports", author).await.body;
    assert!(own.contains("policy/default") && !own.contains(&path), "{own}");

    let form = format!("digest={digest}");
    for sent in [form.as_str(), ""] {
        assert_eq!(world.post(&path, "", sent).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.post(&path, admin, &form).await.status, StatusCode::FORBIDDEN);
    // Who may in part, or asked for it, is told on the page, and nothing is in force.
    for cookie in [author, dba] {
        let sent = world.post(&path, cookie, &form).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER);
        let back = world.get(sent.headers[header::LOCATION].to_str().unwrap(), cookie).await;
        assert!(back.body.contains(r#"role="alert""#), "{}", back.body);
        assert_eq!(scene.state(&id).await["state"], "awaiting_consent");
    }
    let stale = format!("digest=sha256:{}", "0".repeat(64));
    world.post(&path, other, &stale).await;
    assert_eq!(scene.state(&id).await["state"], "awaiting_consent", "another digest than was read");

    let sent = world.post(&path, other, &form).await;
    let back = world.get(sent.headers[header::LOCATION].to_str().unwrap(), other).await.body;
    assert!(back.contains(r#"role="status""#) && back.contains("已生效"), "{back}");
    let done = scene.state(&id).await;
    assert_eq!((&done["state"], &done["consented_by"]), (&json!("in_force"), &json!("user:other")));
    assert!(kinds(world, other).await.is_empty());
    let policy = store::policies::by_name(&world.db, "default").await.unwrap();
    assert_eq!(policy.mode, domain::policies::Mode::Auto);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_import_is_refused_with_a_reason_by_another_person(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let Scene { world, author, other, dba, .. } = &scene;
    let (id, digest) = scene.import("auto").await;
    let form = format!("id={id}&reason=not+tonight");
    assert_eq!(world.post(REFUSE, author, &form).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.post(REFUSE, dba, &form).await.status, StatusCode::FORBIDDEN);
    let silent = world.post(REFUSE, other, &format!("id={id}")).await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", silent.body);

    let page = world.submit(REFUSE, other, "/admin/imports", &form).await;
    let page = world.get(&page, other).await.body;
    assert!(page.contains("not tonight") && page.contains("已拒绝"), "{page}");
    let refused = scene.state(&id).await;
    assert_eq!(
        (&refused["state"], &refused["refused_by"]),
        (&json!("refused"), &json!("user:other"))
    );
    assert_eq!(refused["refused_reason"], "not tonight");
    let consent = json!({"digest": digest});
    let late = world.call("POST", &format!("/catalog/imports/{id}/consents"), other, consent).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.body);
    assert!(kinds(world, other).await.is_empty());

    // The same again through the API, where it is the same rule.
    let (id, _) = scene.import("off").await;
    let path = format!("/catalog/imports/{id}/refusals");
    let no = json!({"reason": "no"});
    let own = world.call("POST", &path, author, no.clone()).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN);
    assert!(own.json()["type"].as_str().unwrap().ends_with("/own-refusal"), "{}", own.body);
    assert_eq!(world.call("POST", &path, other, no).await.status, StatusCode::CREATED);
    let list = world.get("/api/v1/catalog/imports", other).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let actions: Vec<_> = world.audit().await.into_iter().map(|it| it.1).collect();
    assert_eq!(actions, ["import_catalog", "consent_version", "import_catalog", "consent_version"]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_role_waits_for_an_administrator_who_neither_asked_nor_gets_it(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let Scene { world, admin, .. } = &scene;
    let (_, second) = world.sign_in("second", Role::Admin).await;
    let asked = "/api/app/pages/admin/actions/request_role";
    let sent = world.post(asked, admin, "id=second&role=sre").await;
    assert!(sent.status.is_success(), "{}", sent.body);
    let has = async |cookie: &str| kinds(world, cookie).await.contains(&"grant_consent".to_owned());
    assert!(!has(admin).await, "who asked");
    assert!(!has(&second).await, "whose role it is");
    let (_, third) = world.sign_in("third", Role::Admin).await;
    assert!(has(&third).await);
    assert!(world.get("/", &third).await.body.contains("/admin/users#waiting"));
}
