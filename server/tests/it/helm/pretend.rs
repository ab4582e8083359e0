//! On the pretend cluster there is no helm, but there are Secrets: enough to read a release and to decide.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PostParams};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::runs::deployment;
use crate::story::{Story, policy};

struct Pretended {
    story: Story,
    _cluster: server::sim::Cluster,
}

impl Pretended {
    async fn begin(owner: PgPool, mode: &str) -> Self {
        let mut policy = policy(mode);
        policy["strategy"] = json!("release");
        let (story, cluster) = Story::pretend(owner, policy).await;
        Self { story, _cluster: cluster }
    }

    async fn secrets(&self) -> Api<Secret> {
        let cluster = self.story.lab.world.clusters.get("lab").await.unwrap();
        Api::namespaced(cluster.client, "shop")
    }

    /// As Helm writes it down: this image, with this status.
    async fn release(&self, revision: i64, image: &str, status: &str) {
        let mut manifest = serde_json::to_value(deployment("api", image)).unwrap();
        manifest["apiVersion"] = json!("apps/v1");
        manifest["kind"] = json!("Deployment");
        let release = json!({
            "name": "shop", "namespace": "shop", "version": revision, "hooks": [], "config": {},
            "manifest": format!("---\n{manifest}\n"),
            "info": {"status": status, "description": "x", "last_deployed": "2026-03-03T10:00:00Z"},
            "chart": {"metadata": {"name": "shop", "version": "1.0.0", "appVersion": image}}
        });
        self.write(revision, status, packed(&release)).await;
    }

    async fn write(&self, revision: i64, status: &str, release: Vec<u8>) {
        let name = format!("sh.helm.release.v1.shop.v{revision}");
        let mut secret: Secret = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"owner": "helm", "name": "shop",
                "version": revision.to_string(), "status": status}},
            "type": "helm.sh/release.v1",
        }))
        .unwrap();
        secret.data = Some([("release".to_owned(), ByteString(release))].into());
        let api = self.secrets().await;
        let _ = api.delete(&name, &DeleteParams::default()).await;
        api.create(&PostParams::default(), &secret).await.unwrap();
    }

    /// The first version runs and is verified, then a bad one follows, each written down by Helm.
    async fn bad_release(&self) {
        let story = &self.story;
        self.release(1, "app:1", "deployed").await;
        story.lab.deploy("api", &["app:1"]).await;
        let labelled = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "shop"}}});
        let api = story.lab.deployments().await;
        api.patch("api", &Default::default(), &Patch::Merge(labelled)).await.unwrap();
        story.verified("app:1").await;
        self.release(1, "app:1", "superseded").await;
        self.release(2, "app:2-bad", "deployed").await;
        story.lab.set_image("api", "app:2-bad").await;
    }
}

fn packed(release: &Value) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(release.to_string().as_bytes()).unwrap();
    STANDARD.encode(gzip.finish().unwrap()).into_bytes()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_release_is_read_and_its_last_good_revision_is_proposed(owner: PgPool) {
    let shop = Pretended::begin(owner, "suggest").await;
    shop.bad_release().await;
    let asked = shop
        .story
        .rollback("a release is proposed", |it| {
            it["state"] == "awaiting_approval" && it["target"]["kind"] == "release"
        })
        .await;
    assert_eq!(
        (&asked["target"]["release"], &asked["target"]["revision"]),
        (&json!("shop"), &json!(1))
    );
    let steps: Vec<_> =
        asked["plan"]["steps"].as_array().unwrap().iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(steps, ["release", "kubernetes"]);
    let decision =
        shop.story.get(&format!("/decisions/{}", asked["decision"].as_str().unwrap())).await;
    assert_eq!(decision["strategy"], "helm_rollback", "{decision:#}");
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_release_that_cannot_be_read_is_no_target(owner: PgPool) {
    let shop = Pretended::begin(owner, "suggest").await;
    shop.bad_release().await;
    shop.write(1, "superseded", b"garbage".to_vec()).await;
    // Whatever was proposed before, what is decided with the broken Secret proposes nothing.
    let decision = shop
        .story
        .eventually("decided without it", async || {
            let page = shop.story.get("/decisions?service=api&limit=1").await;
            let newest = page["items"].get(0)?.clone();
            (newest["strategy"] == "none").then_some(newest)
        })
        .await;
    assert_ne!(decision["disposition"], "execute", "{decision:#}");
}
