//! The parts of the control plane: how each is called.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use super::kubeconfig;
use crate::process::{output, spawn};

/// Free ports on loopback. Somebody may take one before we do; then the part ends and `up` tries anew.
pub(crate) struct Ports {
    etcd: u16,
    etcd_peer: u16,
    pub(crate) api: u16,
    kubelet: u16,
}

impl Ports {
    pub(crate) fn find() -> anyhow::Result<Self> {
        // All are held until the last is found, so that they differ.
        let mut held = Vec::new();
        let mut find = || {
            let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
            let port = listener.local_addr()?.port();
            held.push(listener);
            anyhow::Ok(port)
        };
        Ok(Self { etcd: find()?, etcd_peer: find()?, api: find()?, kubelet: find()? })
    }
}

/// A program and its arguments. Each names the cluster's folder somewhere, which tells our
/// processes from a stranger that was given the same number later.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    args: Vec<String>,
}

impl Part {
    /// It outlives us: `cluster up` returns.
    pub(crate) fn start(&self, programs: &Path, dir: &Path) -> anyhow::Result<Child> {
        let log = File::create(super::log(dir, self.name))?;
        let mut command = Command::new(programs.join(self.name));
        command.args(&self.args).current_dir(dir).process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        spawn(&mut command)
    }
}

/// What the parts read, and the first two of them: the others want an API server that answers.
pub(crate) fn store_and_api(
    programs: &Path,
    dir: &Path,
    ports: &Ports,
) -> anyhow::Result<[Part; 2]> {
    fs::create_dir_all(dir.join("logs"))?;
    fs::write(
        dir.join("key.pem"),
        output(&mut Command::new(programs.join("service-account-key")))?,
    )?;
    kubeconfig::write(dir, &format!("https://127.0.0.1:{}", ports.api))?;
    write_kwok_config(dir)?;
    Ok([etcd(dir, ports), api_server(dir, ports)])
}

fn etcd(dir: &Path, ports: &Ports) -> Part {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    Part {
        name: "etcd",
        args: vec![
            format!("--data-dir={}", dir.join("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--log-level=warn".to_owned(),
            // The cluster is thrown away; nobody needs it after a power cut.
            "--unsafe-no-fsync".to_owned(),
        ],
    }
}

fn api_server(dir: &Path, ports: &Ports) -> Part {
    let file = |name: &str| dir.join(name).display().to_string();
    Part {
        name: "kube-apiserver",
        args: vec![
            format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
            "--bind-address=127.0.0.1".to_owned(),
            // It would publish its own address in the cluster, and loopback is refused there.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={}", ports.api),
            format!("--cert-dir={}", file("certs")),
            format!("--service-account-key-file={}", file("key.pem")),
            format!("--service-account-signing-key-file={}", file("key.pem")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--token-auth-file={}", file("tokens.csv")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/24".to_owned(),
            // No controller makes the default service account's token fast enough for a first pod.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ],
    }
}

pub(crate) fn controllers_and_nodes(dir: &Path, ports: &Ports) -> [Part; 3] {
    let kubeconfig = format!("--kubeconfig={}", dir.join("admin.kubeconfig").display());
    [
        Part {
            name: "kube-controller-manager",
            args: vec![
                kubeconfig.clone(),
                // nodelifecycle stays: it takes off the taint that keeps pods from new nodes.
                "--controllers=*,-nodeipam".to_owned(),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
                format!("--service-account-private-key-file={}", dir.join("key.pem").display()),
            ],
        },
        Part {
            name: "kube-scheduler",
            args: vec![
                kubeconfig.clone(),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
            ],
        },
        Part {
            name: "kwok",
            args: vec![
                kubeconfig,
                format!("--config={}", dir.join("kwok.yaml").display()),
                "--manage-all-nodes=true".to_owned(),
                "--node-ip=127.0.0.1".to_owned(),
                format!("--node-port={}", ports.kubelet),
                // Answers the API server when somebody asks for the logs of a pod.
                format!("--server-address=127.0.0.1:{}", ports.kubelet),
            ],
        },
    ]
}

/// Every pretend container has written the same.
const CONTAINER_LOG: &str = "\
2026-01-01T00:00:00.000000000Z stdout F starting
2026-01-01T00:00:00.100000000Z stdout F configuration read
2026-01-01T00:00:00.200000000Z stderr F cannot reach the database: connection refused
";

fn write_kwok_config(dir: &Path) -> anyhow::Result<()> {
    let container_log = dir.join("container.log");
    fs::write(&container_log, CONTAINER_LOG)?;
    let path = container_log.display();
    let logs = format!(
        "---\nkind: ClusterLogs\napiVersion: kwok.x-k8s.io/v1alpha1\nmetadata: {{name: all}}\n\
         spec: {{logs: [{{logsFile: \"{path}\", previousLogsFile: \"{path}\"}}]}}\n"
    );
    fs::write(dir.join("kwok.yaml"), fs::read_to_string("xtask/cluster/stages.yaml")? + &logs)?;
    Ok(())
}
