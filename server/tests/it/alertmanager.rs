//! A real pair of Alertmanagers, as Debian ships it, in front of everything.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::story::{Story, patches, policy};

const PROGRAM: &str = "prometheus-alertmanager";

/// One of the pair; ended with the test.
struct Alertmanager {
    _child: Child,
    url: String,
}

impl Alertmanager {
    async fn start(folder: &Path, name: &str, web: &str, gossip: &str, peer: &str) -> Self {
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", folder.join("config.yml").display()))
            .arg(format!("--storage.path={}", folder.join(name).display()))
            .arg(format!("--web.listen-address={web}"))
            .arg(format!("--cluster.listen-address={gossip}"))
            .arg(format!("--cluster.peer={peer}"))
            .args([
                "--cluster.settle-timeout=1s",
                "--cluster.gossip-interval=50ms",
                "--log.level=warn",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{PROGRAM} of Debian is needed for this test: {error}"));
        let it = Self { _child: child, url: format!("http://{web}") };
        let ready = async {
            while !it.is_ready().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ready).await.expect("an Alertmanager starts");
        it
    }

    async fn is_ready(&self) -> bool {
        let answer = http().get(format!("{}/-/ready", self.url)).send().await;
        answer.is_ok_and(|it| it.status().is_success())
    }

    async fn fire(&self, alert: &Value) {
        let url = format!("{}/api/v2/alerts", self.url);
        let answer = http().post(url).json(&json!([alert])).send().await.unwrap();
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }
}

fn http() -> reqwest::Client {
    server::adapters::http::client().unwrap()
}

/// Free a moment ago.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_highly_available_pair_gives_one_rollback(owner: sqlx::PgPool) {
    // What the watch sees by itself opens nothing here, so that only the pair can.
    let (story, cluster) = Story::pretend(owner, policy("auto")).await;
    story.restate("PodCrashLoop", json!({"severity": "info"})).await;
    story.restate("RolloutStuck", json!({"severity": "info"})).await;
    story.signal(json!({"name": "GatewayCrashing", "severity": "critical", "limit": 0, "watch": "crash_loop"})).await;
    let address = story.listen().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yml"), config(address, &story.sender)).unwrap();
    let [web_a, web_b, gossip_a, gossip_b] = [(); 4].map(|()| free());
    let (a, b) = tokio::join!(
        Alertmanager::start(folder.path(), "a", &web_a, &gossip_a, &gossip_b),
        Alertmanager::start(folder.path(), "b", &web_b, &gossip_b, &gossip_a),
    );

    story.bad_release().await;
    story.crashing().await;
    for (sender, replica) in [(&a, "a"), (&b, "b"), (&a, "b"), (&b, "a")] {
        let alert = json!({"labels": {"alertname": "GatewayCrashing", "namespace": "shop", "deployment": "api",
            "replica": replica}, "annotations": {"summary": "pods crash"}});
        sender.fire(&alert).await;
    }
    let done = story.rollback("carried out", |it| it["state"] == "verifying").await;
    assert_eq!(story.image().await, "app:1");
    story.told_by_both().await;
    let alerts = story.get("/alerts?service=api").await;
    let told: Vec<_> = alerts["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["name"] == "GatewayCrashing")
        .collect();
    assert_eq!(told.len(), 1, "{alerts:#}");
    let rollbacks = story.get("/rollbacks").await;
    assert_eq!(rollbacks["items"].as_array().unwrap().len(), 1, "{rollbacks:#}");
    assert_eq!(done["approvals"][0]["kind"], "policy");
    assert_eq!(patches(&cluster), 2, "the bad release, and one way back");
}

fn config(address: SocketAddr, token: &str) -> String {
    format!(
        "route:
  receiver: lifeboat
  group_by: ['...']
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: lifeboat
    webhook_configs:
      - url: http://{address}/api/v1/alerts
        http_config: {{authorization: {{credentials: {token}}}}}
"
    )
}
