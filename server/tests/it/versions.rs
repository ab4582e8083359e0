//! Policies and signals that people edit: on their pages and by the API, with a second person's consent.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::TimeDelta;
use domain::access::{Role, Scope};
use domain::policies::Mode;
use domain::signals::Severity;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgListener;

use crate::world::World;

struct Scene {
    world: World,
    author: String,
    other: String,
}

impl Scene {
    async fn new(owner: PgPool) -> Self {
        let world = World::new(owner).await;
        let (_, author) = world.sign_in("author", Role::Sre).await;
        let (_, other) = world.sign_in("other", Role::Sre).await;
        Self { world, author, other }
    }

    /// Sends a form to this page as a browser does; the page that it comes back to.
    async fn send(
        &self,
        path: &str,
        cookie: &str,
        fields: &[(String, String)],
    ) -> (String, String) {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let sent = self.world.send(request.body(Body::from(form)).unwrap()).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
        let back = sent.headers[header::LOCATION].to_str().unwrap().to_owned();
        let page = self.world.get(&back, cookie).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        (back, page.body)
    }

    async fn policy(&self) -> Value {
        self.world.get("/api/v1/policies/default", &self.other).await.json()
    }

    /// A new version of the default policy by the API; its id and digest.
    async fn propose(&self, who: &str, version: i32, mode: &str) -> (String, String) {
        let policy = json!({"name": "default", "mode": mode});
        let body = json!({"version": version, "policy": policy, "reason": "we trust it"});
        let answer = self.world.call("PUT", "/policies/default", who, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        let import = answer.json();
        assert_eq!(
            (&import["state"], &import["edits"]),
            (&json!("awaiting_consent"), &json!("policies/default"))
        );
        let text = |name: &str| import[name].as_str().unwrap().to_owned();
        (text("id"), text("digest"))
    }

    async fn consent(&self, who: &str, id: &str, digest: &str) -> (StatusCode, Value) {
        let path = format!("/catalog/imports/{id}/consents");
        let answer = self.world.call("POST", &path, who, json!({"digest": digest})).await;
        (answer.status, answer.json())
    }
}

/// The fields of the form of a policy as it is in force, with some of them changed.
fn fields(change: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields = domain::policies::fields(&domain::policies::Policy::named("default"));
    fields.insert("base".into(), "1".into());
    for (name, value) in change {
        fields.insert((*name).to_owned(), (*value).to_owned());
    }
    fields.into_iter().collect()
}

const EDIT: &str = "/policies/default/edit";

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_policy_is_edited_looked_at_and_put_in_force_by_a_second_person(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let Scene { world, author, other } = &scene;
    let form = world.get(EDIT, author).await.body;
    for name in domain::policies::fields(&domain::policies::Policy::named("x")).keys() {
        let there = form.contains(&format!(r#"name="{name}""#)) || name == "name";
        assert!(there, "the field {name} is not in {form}");
    }

    // First only a look: nothing is stored, and what was typed is still there.
    let look = fields(&[("mode", "auto"), ("rails.cooldown_s", "60"), ("step", "look")]);
    let (_, seen) = scene.send(EDIT, author, &look).await;
    for shown in [r#"mode: "auto""#, "rails.cooldown_s: 60", r#"value="60""#, r#"value="propose""#]
    {
        assert!(seen.contains(shown), "{shown} in {seen}");
    }
    assert_eq!(scene.policy().await["waiting"], json!([]));

    // Without a reason it is not handed over.
    let change = [("mode", "auto"), ("rails.cooldown_s", "60"), ("step", "propose")];
    let (_, refused) = scene.send(EDIT, author, &fields(&change)).await;
    assert!(refused.contains("propose-problem") || refused.contains("reason-problem"), "{refused}");
    assert!(refused.contains(r#"value="60""#), "{refused}");
    let mut with_reason = fields(&change);
    with_reason.push(("reason".into(), "fewer pages at night".into()));
    let (back, waiting) = scene.send(EDIT, author, &with_reason).await;
    assert!(back.starts_with("/policies/default?"), "{back}");
    assert!(
        waiting.contains("fewer pages at night") && !waiting.contains("/consent\""),
        "{waiting}"
    );
    let policy = scene.policy().await;
    assert_eq!((&policy["version"], &policy["definition"]["mode"]), (&json!(1), &Value::Null));
    let import = &policy["waiting"][0];
    let id = import["id"].as_str().unwrap();

    // It is in the inbox and in the first page's queue of who may, and on the page with its difference.
    let inbox = world.get("/approvals", other).await.body;
    assert!(inbox.contains(&format!("/policies/default#import-{id}")), "{inbox}");
    let queue = world.call("GET", "/attention", other, Value::Null).await.json();
    assert_eq!(queue["items"][0]["kind"], "version_consent", "{queue}");
    let page = world.get("/policies/default", other).await.body;
    let path = format!("/admin/imports/{id}/consent");
    assert!(page.contains(&path) && page.contains(r#"mode: "auto""#), "{page}");

    let digest = import["digest"].as_str().unwrap().to_owned();
    let page = world.submit(&path, other, "/policies/default", &format!("digest={digest}")).await;
    assert!(page.starts_with("/policies/default"), "back to where the form stood: {page}");
    let policy = scene.policy().await;
    assert_eq!((&policy["version"], &policy["definition"]["mode"]), (&json!(2), &json!("auto")));
    assert_eq!((&policy["by"], &policy["author"]), (&json!("user:other"), &json!("user:author")));
    assert_eq!(policy["reason"], "fewer pages at night");
    assert_eq!(policy["versions"].as_array().unwrap().len(), 2);
    assert_eq!(policy["waiting"], json!([]));
    let page = world.get("/policies/default", author).await.body;
    assert!(
        page.contains("rails.cooldown_s: 300") && page.contains("rails.cooldown_s: 60"),
        "{page}"
    );
    let audit = world.audit().await;
    let user = |action: &str| ("user".to_owned(), action.to_owned());
    assert_eq!(audit, ["edit_policy", "import_catalog", "consent_version"].map(user));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let wrong = fields(&[
        ("automatic_above", "1.5"),
        ("approvals.roles", "king"),
        ("gates.attribution_s", "an hour"),
        ("automatic_rules", "PodCrashLoop, Mine"),
        ("reason", "because <b>"),
    ]);
    let (back, page) = scene.send(EDIT, &scene.author, &wrong).await;
    assert!(back.starts_with(EDIT), "{back}");
    for field in ["automatic_above", "approvals.roles", "gates.attribution_s"] {
        assert!(page.contains(&format!("{field}-problem")), "{field} in {page}");
    }
    for typed in [r#"value="1.5""#, r#"value="king""#, r#"value="an hour""#, "because &lt;b>"] {
        assert!(page.contains(typed), "{typed} in {page}");
    }
    assert_eq!(scene.policy().await["waiting"], json!([]));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn neither_the_author_nor_a_fresh_role_nor_a_machine_consents(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let Scene { world, author, other } = &scene;
    let (id, digest) = scene.propose(author, 1, "auto").await;

    let (status, problem) = scene.consent(author, &id, &digest).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(problem["type"].as_str().unwrap().ends_with("/own-import"), "{problem}");
    let robot = world.token("robot", None, &[Scope::Read, Scope::CatalogWrite]).await;
    let (status, _) = scene.consent(&format!("Bearer {robot}"), &id, &digest).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (fresh, cookie) = world.sign_in("fresh", Role::Sre).await;
    let tomorrow = server::clock::now() + TimeDelta::hours(24);
    sqlx::query("UPDATE role_grants SET approves_from = $2 WHERE user_id = $1")
        .bind(fresh.0)
        .bind(tomorrow)
        .execute(&world.owner)
        .await
        .unwrap();
    assert_eq!(scene.consent(&cookie, &id, &digest).await.0, StatusCode::FORBIDDEN);
    let (_, dba) = world.sign_in("dba", Role::Dba).await;
    assert_eq!(scene.consent(&dba, &id, &digest).await.0, StatusCode::FORBIDDEN);
    assert_eq!(scene.policy().await["version"], 1);

    let (status, done) = scene.consent(other, &id, &digest).await;
    assert_eq!((status, &done["state"]), (StatusCode::CREATED, &json!("in_force")), "{done}");
    // A machine may write one for people to look at.
    let machine = format!("Bearer {robot}");
    let (id, _) = scene.propose(&machine, 2, "shadow").await;
    let refusal = json!({"reason": "we want it"});
    let path = format!("/catalog/imports/{id}/refusals");
    let refused = world.call("POST", &path, other, refusal).await;
    assert_eq!(
        (refused.status, &refused.json()["refused_reason"]),
        (StatusCode::CREATED, &json!("we want it"))
    );
    assert_eq!(scene.policy().await["definition"]["mode"], "auto");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn an_edit_of_a_version_that_has_moved_is_refused(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let Scene { world, author, other } = &scene;
    let (first, digest) = scene.propose(author, 1, "auto").await;
    let (second, late) = scene.propose(author, 1, "shadow").await;
    assert_eq!(scene.consent(other, &first, &digest).await.0, StatusCode::CREATED);
    let (status, problem) = scene.consent(other, &second, &late).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(problem["type"].as_str().unwrap().ends_with("/version-moved"), "{problem}");
    let page = world.get("/policies/default", other).await.body;
    assert!(page.contains(&format!("import-{second}")), "{page}");

    let stale = json!({"version": 1, "policy": {"name": "default", "mode": "off"}, "reason": "x"});
    let answer = world.call("PUT", "/policies/default", author, stale).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    let same = json!({"version": 2, "policy": {"name": "default", "mode": "auto"}, "reason": "x"});
    let answer = world.call("PUT", "/policies/default", author, same).await;
    assert!(answer.body.contains("/nothing-changes"), "{}", answer.body);
    let form = fields(&[("mode", "off"), ("step", "look")]);
    let (_, page) = scene.send(EDIT, author, &form).await;
    assert!(page.contains(r#"role="alert""#) && !page.contains(r#"value="propose""#), "{page}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_running_server_follows_a_consent_within_two_seconds(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let Scene { world, author, other } = &scene;
    let mut listener = PgListener::connect_with(&world.db).await.unwrap();
    listener.listen("catalog").await.unwrap();
    let signal = json!({"name": "PodOOMKilled", "severity": "warning", "limit": 0});
    let body = json!({"version": 1, "signal": signal, "reason": "they restart by themselves"});
    let answer = world.call("PUT", "/signals/PodOOMKilled", author, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let import = answer.json();
    let built_in = store::signals::by_name(&world.db, "PodOOMKilled").await.unwrap();
    assert_eq!(built_in.severity, Severity::Critical, "nothing is in force before the consent");
    let (id, digest) = (import["id"].as_str().unwrap(), import["digest"].as_str().unwrap());
    assert_eq!(scene.consent(other, id, digest).await.0, StatusCode::CREATED);

    // Every process hears of it at the commit, and reads what is in force from then on.
    let heard = tokio::time::timeout(Duration::from_secs(2), listener.recv()).await;
    assert_eq!(heard.expect("told within two seconds").unwrap().channel(), "catalog");
    let signal = store::signals::by_name(&world.db, "PodOOMKilled").await.unwrap();
    assert_eq!((signal.version, signal.severity), (2, Severity::Warning));
    let page = world.get("/signals/PodOOMKilled", author).await;
    assert!(page.status == StatusCode::OK && page.body.contains("they restart by themselves"));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_new_is_written_on_a_page_of_its_own(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let Scene { world, author, other } = &scene;
    let mut form =
        fields(&[("name", "night"), ("mode", "auto"), ("base", "0"), ("step", "propose")]);
    form.push(("reason".into(), "nights are quiet".into()));
    let (back, page) = scene.send("/policies/new", author, &form).await;
    assert!(back.starts_with("/policies/night"), "{back}");
    assert!(page.contains("nights are quiet"), "{page}");
    assert_eq!(world.get("/api/v1/policies/night", author).await.status, StatusCode::NOT_FOUND);
    let (_, page) =
        scene.send("/policies/new", author, &fields(&[("name", "default"), ("base", "0")])).await;
    assert!(page.contains(r#"role="alert""#), "one of this name is there: {page}");

    let imports = world.get("/api/v1/catalog/imports", other).await.json();
    let import = &imports["items"][0];
    let (id, digest) = (import["id"].as_str().unwrap(), import["digest"].as_str().unwrap());
    assert_eq!(scene.consent(other, id, digest).await.0, StatusCode::CREATED);
    let night = store::policies::by_name(&world.db, "night").await.unwrap();
    assert_eq!((night.version, night.mode), (1, Mode::Auto));
}
