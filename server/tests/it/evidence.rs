//! Evidence through the front door: what comes in, what is told of it, and what had to go.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, header};
use domain::access::Role;
use domain::evidence::LARGEST;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use server::clock;
use server::workers::evidence;
use sqlx::PgPool;

use crate::world::{Answer, World};

const BOUNDARY: &str = "between-the-parts";

/// A rollback to prove something of, and somebody who may.
struct Scene {
    world: World,
    sre: String,
    subject: String,
}

impl Scene {
    async fn new(owner: PgPool) -> Self {
        let world = World::new(owner).await;
        let (id, sre) = world.sign_in("sam", Role::Sre).await;
        let (number, _) = world.rollback(id).await;
        Self { world, sre, subject: format!("rollbacks/{number}") }
    }

    async fn upload(&self, name: &str, content: &[u8], more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("kind", "screenshot"), ("subject", &*self.subject)];
        fields.extend(more);
        self.world.upload(&self.sre, &fields, name, content).await
    }

    async fn listed(&self) -> Value {
        let path = format!("/api/v1/evidence?subject={}", self.subject);
        self.world.get(&path, &self.sre).await.json()["items"].clone()
    }

    /// A form that is sent part by part, with these chunks as its file.
    async fn stream<S>(&self, chunks: S) -> Answer
    where
        S: futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    {
        let field = |name: &str, value: &str| {
            format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let head = [
            field("kind", "log"),
            field("subject", &self.subject),
            format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.log\"\r\n\r\n"
            ),
        ];
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let body = stream::iter([Ok(Bytes::from(head.concat()))])
            .chain(chunks)
            .chain(stream::iter([Ok(Bytes::from(tail))]));
        let request = Request::post("/api/v1/evidence")
            .header(header::COOKIE, &self.sre)
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"));
        self.world.send(request.body(Body::from_stream(body)).unwrap()).await
    }

    /// Files of the folder that keeps evidence.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        for place in ["evidence", "incoming"] {
            let Ok(folder) = std::fs::read_dir(self.world.evidence.join(place)) else { continue };
            found.extend(folder.map(|it| it.unwrap().file_name().into_string().unwrap()));
        }
        found
    }

    async fn until_only(&self, count: usize) {
        let gone = async {
            while self.files().len() != count {
                tokio::task::yield_now().await;
            }
        };
        let within = std::time::Duration::from_secs(10);
        tokio::time::timeout(within, gone).await.unwrap_or_else(|_| panic!("{:?}", self.files()));
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_page_that_is_called_a_picture_is_told_and_does_nothing(owner: PgPool) {
    let scene = Scene::new(owner).await;
    for (content, found) in [
        (&b"<!DOCTYPE html><script>alert(1)</script>"[..], "text/html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
    ] {
        let kept = scene.upload("screenshot.png", content, &[]).await;
        assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.body);
        let kept = kept.json();
        assert_eq!((&kept["type"], &kept["pretends"]), (&json!(found), &json!("image/png")));
        let path = format!("/evidence/{}", kept["sha256"].as_str().unwrap());
        let (answer, bytes) = scene.world.download(&path, &scene.sre).await;
        assert_eq!(bytes, content);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/octet-stream");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        let shown = answer.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert!(shown.starts_with("attachment"), "{shown}");
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("sandbox; default-src 'none'"), "{policy}");
    }
    let real = scene.upload("real.png", b"\x89PNG\r\n\x1a\nrest", &[]).await.json();
    assert_eq!((&real["type"], &real["pretends"]), (&json!("image/png"), &Value::Null));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_cut_wrong_or_too_large_is_recorded_nowhere(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let chunk = || Ok(Bytes::from(vec![7; 1 << 20]));
    // In the middle of the seventeenth mebibyte the sender goes away.
    let cut = stream::repeat_with(chunk).take(17);
    let gone = stream::iter([Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
    let answer = scene.stream(cut.chain(gone)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    scene.until_only(0).await;

    let large = vec![7; 12 << 20];
    let wrong = scene.upload("a.log", &large, &[("sha256", &"0".repeat(64))]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.json()["errors"][0]["field"], "sha256");
    scene.until_only(0).await;

    let request = Request::post("/api/v1/evidence")
        .header(header::COOKIE, &scene.sre)
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .header(header::CONTENT_LENGTH, LARGEST + (2 << 20));
    let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let answer = scene.world.send(request.body(never).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.json()["type"].as_str().unwrap().ends_with("/evidence-too-large"));

    // The place goes away: said as it is, and no row is written.
    std::fs::remove_dir_all(&scene.world.evidence).unwrap();
    std::fs::write(&scene.world.evidence, "no folder").unwrap();
    for content in [&b"small"[..], &large] {
        let away = scene.upload("a.log", content, &[]).await;
        assert_eq!(away.status, StatusCode::SERVICE_UNAVAILABLE, "{}", away.body);
    }
    assert_eq!(scene.listed().await, json!([]));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_large_file_comes_and_goes_whole(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let chunks = stream::iter((0..24_u8).map(|it| Ok(Bytes::from(vec![it; 1 << 20]))));
    let kept = scene.stream(chunks).await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.body);
    let kept = kept.json();
    assert_eq!(kept["size"], 24 << 20);
    let path = format!("/evidence/{}", kept["sha256"].as_str().unwrap());
    let (_, bytes) = scene.world.download(&path, &scene.sre).await;
    assert_eq!((bytes.len(), bytes[24 * (1 << 20) - 1]), (24 << 20, 23));
    scene.until_only(1).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_had_to_be_erased_leaves_its_row_and_does_not_come_back(owner: PgPool) {
    let scene = Scene::new(owner).await;
    let kept = scene.upload("a.log", b"somebody's address", &[("restricted", "true")]).await.json();
    let sha = kept["sha256"].as_str().unwrap().to_owned();
    let erase = async |who: &str, sha: &str, reason: &str| {
        let path = format!("/evidence/{sha}/erase");
        scene.world.call("POST", &path, who, json!({"reason": reason})).await
    };
    let (_, admin) = scene.world.sign_in("ada", Role::Admin).await;
    assert_eq!(erase(&scene.sre, &sha, "PIPL 47").await.status, StatusCode::FORBIDDEN);
    let without = erase(&admin, &sha, " ").await;
    assert_eq!(without.json()["errors"][0]["field"], "reason", "{}", without.body);
    assert_eq!(erase(&admin, &"0".repeat(64), "x").await.status, StatusCode::NOT_FOUND);
    let erased = erase(&admin, &sha, "PIPL 47").await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.body);
    assert_eq!(erase(&admin, &sha, "again").await.status, StatusCode::NOT_FOUND);

    // The bytes go with the next tick of the worker; the row stays, with the hash.
    evidence::tick(&scene.world.db, &scene.world.objects, clock::now()).await.unwrap();
    assert_eq!(scene.files(), [""; 0]);
    let row = scene.listed().await[0].clone();
    assert_eq!((&row["sha256"], &row["erased"]["reason"]), (&json!(sha), &json!("PIPL 47")));
    assert_eq!(row["erased"]["by"], "user:ada");
    let (gone, _) =
        scene.world.download(&format!("/api/v1/evidence/{sha}/content"), &scene.sre).await;
    assert_eq!(gone.status, StatusCode::GONE, "{}", gone.body);
    assert!(gone.body.contains("PIPL 47"), "{}", gone.body);
    let back = scene.upload("a.log", b"somebody's address", &[]).await;
    assert_eq!(back.status, StatusCode::CONFLICT, "{}", back.body);
    assert!(back.json()["type"].as_str().unwrap().ends_with("/evidence-was-erased"));
    scene.until_only(0).await;
    let log = scene.world.audit().await;
    assert!(log.contains(&("user".to_owned(), "erase_evidence".to_owned())), "{log:?}");
}
