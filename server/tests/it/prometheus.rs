//! Debian's Prometheus, which scrapes what a test serves.

use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

const PROGRAM: &str = "prometheus";

pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address.to_string()
}

/// Ended with the test.
pub(crate) struct Prometheus {
    _child: Child,
    _folder: tempfile::TempDir,
    pub(crate) url: String,
}

impl Prometheus {
    /// Scrapes this target twice a second.
    pub(crate) async fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\n\
             scrape_configs: [{{job_name: app, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={free}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{PROGRAM} of Debian is needed for this test: {error}"));
        Self { _child: child, _folder: folder, url: format!("http://{free}") }
    }

    /// What a query says now; none as long as it does not answer.
    pub(crate) async fn now(&self, query: &str) -> Option<Value> {
        let http = server::adapters::http::client().unwrap();
        let url = format!("{}/api/v1/query", self.url);
        let answer = http.get(url).query(&[("query", query)]).send().await.ok()?;
        answer.json().await.ok()
    }
}

/// Until it is so, looking again every moment; for what happens outside of this process.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), looking).await;
    found.unwrap_or_else(|_| panic!("not {what} within a minute"))
}
