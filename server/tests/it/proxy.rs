//! A way to a cluster that can be cut, and the way to the real cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes on until it is told otherwise.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    open: watch::Sender<(bool, u64)>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, state) = watch::channel((true, 0));
        tokio::spawn(async move {
            // Ends with the sender.
            let mut ended = state.clone();
            loop {
                let mut client = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    true = async { ended.changed().await.is_err() } => return,
                };
                let mut cut = state.clone();
                let (open, at) = *cut.borrow_and_update();
                if !open {
                    continue;
                }
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(to).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = cut.wait_for(|it| it.1 != at) => {}
                    }
                });
            }
        });
        Self { address, open }
    }

    /// Breaks every connection.
    pub(crate) fn cut(&self) {
        self.open.send_modify(|it| it.1 += 1);
    }

    /// Breaks every connection and takes no more.
    pub(crate) fn refuse(&self) {
        self.open.send_modify(|it| *it = (false, it.1 + 1));
    }

    pub(crate) fn accept(&self) {
        self.open.send_modify(|it| it.0 = true);
    }
}

/// The real cluster of `cargo xtask cluster up`.
pub(crate) struct Real {
    pub(crate) server: SocketAddr,
    /// Kubeconfigs: of somebody who may do everything, and of us.
    pub(crate) admin: String,
    pub(crate) lifeboat: String,
    pub(crate) dir: PathBuf,
    kubectl: String,
}

impl Real {
    pub(crate) fn find() -> Self {
        let variable = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("there is no real cluster: start one with cargo xtask cluster up and eval \"$(cargo xtask cluster env)\"")
            })
        };
        let dir = PathBuf::from(variable("LIFEBOAT_CLUSTER_DIR"));
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        let admin = read("admin.kubeconfig");
        let (_, rest) = admin.split_once("https://").unwrap();
        let server = rest.split(['"', '\n', ' ']).next().unwrap().parse().unwrap();
        let lifeboat = read("lifeboat.kubeconfig");
        Self { server, admin, lifeboat, dir, kubectl: variable("LIFEBOAT_KUBECTL") }
    }

    /// Gives Lifeboat in this namespace what it asks for, and no more.
    pub(crate) fn grant(&self, namespace: &str) {
        self.apply(namespace, "rbac-namespace.yaml");
    }

    /// A file of `deploy/`.
    pub(crate) fn apply(&self, namespace: &str, file: &str) {
        let file = format!("{}/../deploy/{file}", env!("CARGO_MANIFEST_DIR"));
        self.kubectl(&["apply", "-n", namespace, "-f", &file]);
    }

    /// What it printed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let mut kubectl = Command::new(&self.kubectl);
        kubectl.arg("--kubeconfig").arg(self.dir.join("admin.kubeconfig"));
        let done = kubectl.args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}
