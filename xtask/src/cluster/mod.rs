//! A real Kubernetes for tests: API server, controller manager, scheduler and etcd; only the kubelets
//! are pretended (KWOK, with the stages in `xtask/cluster/stages.yaml`).
//!
//! **Invariant:** what a cluster started stands in `state.json` of its folder, and a process is ended
//! by the number in there only if it still is the one that was started.

mod binaries;
pub(crate) use binaries::VERSION;
mod crds;
mod kubeconfig;
mod parts;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::cache;
use crate::process::{ensure_not_stopped, output};

/// Where `up` starts and `down` ends a cluster, unless told otherwise.
pub(crate) fn usual_dir() -> anyhow::Result<PathBuf> {
    match std::env::var_os("LIFEBOAT_CLUSTER_DIR") {
        Some(dir) => Ok(std::path::absolute(dir)?),
        None => Ok(cache()?.join("cluster/running")),
    }
}

/// The programs, built if need be: `kubectl` is one of them.
pub(crate) fn programs() -> anyhow::Result<PathBuf> {
    binaries::folder()
}

/// Starts a cluster in this folder, or finds the one that runs there. Returns what tests need to know.
pub(crate) fn up(dir: &Path) -> anyhow::Result<Value> {
    let programs = programs()?;
    fs::create_dir_all(dir)?;
    let lock = File::create(dir.join("lock"))?;
    lock.lock()?;
    if let Some(state) = state(dir)
        && processes(dir, &state).len() == 5
    {
        return Ok(state);
    }
    // A port that was free may be taken before we use it.
    let mut tries = 0;
    loop {
        tries += 1;
        end(dir)?;
        match start(&programs, dir) {
            Err(error) if tries < 3 && in_use(dir) => eprintln!("{error:#}; trying other ports"),
            Err(error) => {
                end(dir)?;
                return Err(error);
            }
            Ok(state) => return Ok(state),
        }
    }
}

/// Ends what runs in this folder and forgets its data. Nothing running is fine.
pub(crate) fn down(dir: &Path) -> anyhow::Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    let lock = File::create(dir.join("lock"))?;
    lock.lock()?;
    end(dir)
}

/// For `eval`.
pub(crate) fn env(dir: &Path) -> anyhow::Result<String> {
    let state = state(dir)
        .with_context(|| format!("no cluster in {}: cargo xtask cluster up", dir.display()))?;
    let text = |name: &str| state[name].as_str().unwrap_or_default().to_owned();
    Ok(format!(
        "export KUBECONFIG='{}'\nexport LIFEBOAT_KUBECTL='{}'\nexport LIFEBOAT_CLUSTER_DIR='{}'\n\
         export LIFEBOAT_HELM3='{programs}/helm3'\nexport LIFEBOAT_HELM4='{programs}/helm4'",
        text("admin_kubeconfig"),
        text("kubectl"),
        dir.display(),
        programs = programs()?.display()
    ))
}

fn state(dir: &Path) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(dir.join("state.json")).ok()?).ok()
}

fn log(dir: &Path, part: &str) -> PathBuf {
    dir.join("logs").join(part).with_extension("log")
}

fn start(programs: &Path, dir: &Path) -> anyhow::Result<Value> {
    let mut starting = Starting {
        programs,
        dir,
        kubectl: programs.join("kubectl"),
        processes: Vec::new(),
        deadline: Instant::now() + Duration::from_secs(90),
    };
    let ports = parts::Ports::find()?;
    for part in parts::store_and_api(programs, dir, &ports)? {
        starting.start(&part)?;
    }
    starting.wait_for("the API server", &["get", "--raw=/readyz"], |said| said == "ok")?;
    for part in parts::controllers_and_nodes(dir, &ports) {
        starting.start(&part)?;
    }
    for file in ["deploy/rbac.yaml", "xtask/cluster/nodes.yaml"] {
        starting.kubectl(&["apply", "-f", file])?;
    }
    for file in crds::files(dir)? {
        let file = file.display().to_string();
        // Too long for the annotation of a usual apply.
        starting.kubectl(&["apply", "--server-side", "-f", &file])?;
    }
    let taints = ["get", "nodes", "-o", "jsonpath={.items[*].spec.taints}"];
    starting.wait_for("the nodes", &taints, str::is_empty)?;
    // Made by a controller, and by its presence the sign that the others run too.
    let account = ["get", "serviceaccount", "default", "-n", "default", "-o", "name"];
    starting.wait_for("the controllers", &account, |said| !said.is_empty())?;
    starting.state(&ports)
}

struct Starting<'a> {
    programs: &'a Path,
    dir: &'a Path,
    kubectl: PathBuf,
    processes: Vec<(&'static str, Child)>,
    deadline: Instant,
}

impl Starting<'_> {
    /// Written down at once, so that `down` finds it whatever happens next.
    fn start(&mut self, part: &parts::Part) -> anyhow::Result<()> {
        self.processes.push((part.name, part.start(self.programs, self.dir)?));
        self.write(json!({ "processes": self.numbers() }))
    }

    fn state(&self, ports: &parts::Ports) -> anyhow::Result<Value> {
        let state = json!({
            "dir": self.dir,
            "server": format!("https://127.0.0.1:{}", ports.api),
            "context": "lab",
            "admin_kubeconfig": self.dir.join("admin.kubeconfig"),
            "lifeboat_kubeconfig": self.dir.join("lifeboat.kubeconfig"),
            "kubectl": self.kubectl,
            "processes": self.numbers(),
        });
        self.write(state.clone())?;
        Ok(state)
    }

    fn numbers(&self) -> Value {
        self.processes.iter().map(|(name, child)| ((*name).to_owned(), child.id())).collect()
    }

    fn write(&self, state: Value) -> anyhow::Result<()> {
        let unfinished = self.dir.join("state.json.unfinished");
        fs::write(&unfinished, format!("{state:#}\n"))?;
        Ok(fs::rename(unfinished, self.dir.join("state.json"))?)
    }

    fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        let mut kubectl = Command::new(&self.kubectl);
        kubectl.arg("--kubeconfig").arg(self.dir.join("admin.kubeconfig"));
        output(kubectl.arg("--request-timeout=10s").args(args))
    }

    fn wait_for(
        &mut self,
        what: &str,
        question: &[&str],
        is_there: impl Fn(&str) -> bool,
    ) -> anyhow::Result<()> {
        loop {
            ensure_not_stopped()?;
            let answer = self.kubectl(question);
            if answer.as_ref().is_ok_and(|it| is_there(it)) {
                return Ok(());
            }
            for (name, child) in &mut self.processes {
                if let Some(status) = child.try_wait()? {
                    bail!("{name} ended ({status}): {}", last_line(&log(self.dir, name)));
                }
            }
            if Instant::now() > self.deadline {
                let logs = self.dir.join("logs");
                let said = answer.unwrap_or_else(|it| format!("{it:#}"));
                bail!("{what} did not come up ({said}); see {}", logs.display());
            }
            sleep(Duration::from_millis(50));
        }
    }
}

fn last_line(log: &Path) -> String {
    let content = fs::read_to_string(log).unwrap_or_default();
    content.lines().rev().find(|it| !it.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}

fn in_use(dir: &Path) -> bool {
    let logs = fs::read_dir(dir.join("logs")).into_iter().flatten().flatten();
    logs.into_iter().any(|log| {
        fs::read_to_string(log.path()).is_ok_and(|it| it.contains("address already in use"))
    })
}

/// Those of the state's processes that still run, the last started first.
fn processes(dir: &Path, state: &Value) -> Vec<Pid> {
    let numbers = state["processes"].as_object().into_iter().flatten();
    let numbers = numbers.filter_map(|(_, it)| i32::try_from(it.as_i64()?).ok());
    let mut processes: Vec<i32> = numbers.filter(|it| is_ours(dir, *it)).collect();
    processes.sort_by_key(|it| std::cmp::Reverse(*it));
    processes.into_iter().map(Pid::from_raw).collect()
}

/// Empty for a process that has ended and that nobody has waited for.
fn is_ours(dir: &Path, process: i32) -> bool {
    fs::read_to_string(format!("/proc/{process}/cmdline"))
        .is_ok_and(|it| it.contains(&*dir.to_string_lossy()))
}

fn end(dir: &Path) -> anyhow::Result<()> {
    let state = state(dir).unwrap_or_default();
    // Nothing of it will be read again, so nobody has to be asked nicely.
    for process in processes(dir, &state) {
        let _ = kill(process, Signal::SIGKILL);
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while !processes(dir, &state).is_empty() {
        ensure!(Instant::now() < deadline, "the cluster in {} does not end", dir.display());
        sleep(Duration::from_millis(20));
    }
    for folder in ["etcd", "logs", "certs"] {
        let _ = fs::remove_dir_all(dir.join(folder));
    }
    let _ = fs::remove_file(dir.join("state.json"));
    Ok(())
}
