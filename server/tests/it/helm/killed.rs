//! `kill -9` of the real program while a release goes back: at each of its commits, before and after helm, and with
//! helm in the middle of it. The next process finishes what the dead one left, and the release goes back once.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use domain::releases::{Release, Status};
use domain::runs::{Run, StateName};
use server::adapters::helm::{self, Helm};
use sqlx::{ConnectOptions, PgPool};

use super::kit::{Kit, Version, Which, describe, granted, version};
use crate::runs::Lab;
use crate::story::real;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// So many entries of the run are in the log.
    Commit(usize),
    /// Helm was started and has done nothing yet. It lives on.
    HelmBegins,
    /// Helm has done its work and has not ended.
    HelmDone,
    /// Helm dies too, when it has written that it began.
    InTheMiddle,
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_rollback_whenever_it_is_killed_with_helm_3(owner: PgPool) {
    killed(owner, Which::Three).await;
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn one_rollback_whenever_it_is_killed_with_helm_4(owner: PgPool) {
    killed(owner, Which::Four).await;
}

async fn killed(owner: PgPool, which: Which) {
    let url = owner.connect_options().to_url_lossy().to_string();
    let (admin, namespace) = real().await;
    let kit = Kit::new(which, &admin, &namespace);
    let (lifeboat, helm) = granted(&namespace, kit.folder.path());
    let mut lab = Lab::on(owner, lifeboat, &namespace).await;
    describe(&lab, &helm).await;
    let program = Program::new(&kit, url);
    let helm = Helm::new(&program.helm, &program.data, &[7; 32]);
    lab.world = lab.world.clone().with_helm(helm);
    kit.deploy(&Version { worker: "1-slow", ..version(1, "1") }).await.unwrap();

    let commits = (1..=5).map(Point::Commit);
    for point in commits.chain([Point::HelmBegins, Point::HelmDone, Point::InTheMiddle]) {
        kit.deploy(&version(2, "2")).await.unwrap();
        let before = kit.history().await.len();
        let run = asked(&lab, &kit).await;
        program.killed_at(&lab, &kit, &run, point).await;
        let ended = program.ended(&lab, &run).await;
        assert_eq!(ended.state.name(), StateName::Succeeded, "{which:?} {point:?}: {ended:?}");
        assert_eq!(lab.image("api").await, "api:1", "{which:?} {point:?}");
        let history = kit.history().await;
        let back = history[before..].iter().filter(|it| it["status"] == "deployed");
        assert_eq!(back.count(), 1, "{which:?} {point:?}: {history:#?}");
        // Only a helm that died in the middle of it leaves one behind.
        let tries = if point == Point::InTheMiddle { 2 } else { 1 };
        assert_eq!(history.len() - before, tries, "{which:?} {point:?}: {history:#?}");
        let audit = lab.audit(run.id).await;
        let ends = audit.iter().flat_map(|it| it["steps"].as_array().unwrap());
        let ends =
            ends.filter(|it| it["state"] == "succeeded" && it["step"] == "release_rollback shop");
        assert_eq!(ends.count(), 1, "{which:?} {point:?}: {audit:#?}");
        kit.run(&["uninstall", "shop", "--wait"]).await.unwrap();
        kit.deploy(&Version { worker: "1-slow", ..version(1, "1") }).await.unwrap();
    }
}

/// A run that takes the release back to its first revision.
async fn asked(lab: &Lab, kit: &Kit) -> Run {
    let cluster = lab.world.clusters.get("lab").await.unwrap();
    let key = &lab.world.helm.key;
    let revisions = helm::by_number(key, &cluster, &kit.namespace, "shop").await.unwrap();
    let release = Release {
        cluster: "lab".into(),
        namespace: kit.namespace.clone(),
        name: "shop".into(),
        revisions,
        observed: Default::default(),
    };
    lab.asked_for(release.plan(1).unwrap()).await
}

/// The real program, on the database of this test, with a helm that can be held.
struct Program {
    url: String,
    data: PathBuf,
    helm: PathBuf,
    /// Where the script says how far it is, and waits for what to do.
    stage: PathBuf,
}

impl Program {
    fn new(kit: &Kit, url: String) -> Self {
        let folder = kit.folder.path();
        let (data, stage) = (folder.join("data"), folder.join("stage"));
        std::fs::create_dir_all(&data).unwrap();
        std::fs::create_dir_all(&stage).unwrap();
        std::fs::write(data.join("secret-key"), [7; 32]).unwrap();
        let helm = folder.join("held-helm");
        let (program, at) = (kit.which.program(), stage.display().to_string());
        let hold = format!("touch {at}/reached; while [ ! -e {at}/go ]; do sleep 0.02; done");
        let script = format!(
            "#!/bin/sh\nif [ -e {at}/before ]; then {hold}; exec {p} \"$@\"; fi\n\
             if [ -e {at}/after ]; then {p} \"$@\"; end=$?; {hold}; exit $end; fi\nexec {p} \"$@\"\n",
            p = program.display()
        );
        std::fs::write(&helm, script).unwrap();
        std::fs::set_permissions(&helm, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { url, data, helm, stage }
    }

    fn start(&self) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
        command
            .arg("work")
            .env_remove("KUBECONFIG")
            .env("DATABASE_URL", &self.url)
            .env("LIFEBOAT_DATA_DIR", &self.data)
            .env("LIFEBOAT_HELM", &self.helm)
            .env("RUST_LOG", "warn,graphile_worker=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Running(command.spawn().unwrap())
    }

    fn set(&self, name: &str) {
        std::fs::write(self.stage.join(name), "").unwrap();
    }

    fn clear(&self) {
        for name in ["before", "after", "reached", "go"] {
            let _ = std::fs::remove_file(self.stage.join(name));
        }
    }

    async fn killed_at(&self, lab: &Lab, kit: &Kit, run: &Run, point: Point) {
        self.clear();
        match point {
            Point::HelmBegins => self.set("before"),
            Point::HelmDone => self.set("after"),
            Point::Commit(_) | Point::InTheMiddle => {}
        }
        let mut process = self.start();
        lab.approve(run).await;
        let reached = async || match point {
            Point::Commit(n) => lab.audit(run.id).await.len() >= n,
            Point::HelmBegins | Point::HelmDone => self.stage.join("reached").exists(),
            Point::InTheMiddle => pending(lab, kit).await,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !reached().await {
            assert!(Instant::now() < deadline, "{point:?} never came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.kill();
        if point == Point::InTheMiddle {
            end_helm(self);
            assert!(pending(lab, kit).await, "it was too late to be in the middle");
        }
        self.set("go");
    }

    /// A new process carries on until the run has ended.
    async fn ended(&self, lab: &Lab, run: &Run) -> Run {
        let _process = self.start();
        let deadline = Instant::now() + Duration::from_secs(90);
        loop {
            let run = store::runs::get(&lab.world.db, run.id).await.unwrap();
            if run.state.is_terminal() {
                return run;
            }
            assert!(Instant::now() < deadline, "it never ended: {run:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn pending(lab: &Lab, kit: &Kit) -> bool {
    let cluster = lab.world.clusters.get("lab").await.unwrap();
    let key = &lab.world.helm.key;
    let newest = helm::newest(key, &cluster, &kit.namespace, "shop").await.unwrap();
    newest.is_some_and(|it| it.status == Status::PendingRollback)
}

/// The helm whose home this is, by its number.
fn end_helm(program: &Program) {
    let home = format!("HOME={}", program.data.join("helm").display());
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(number) = process.file_name().to_str().and_then(|it| it.parse::<i32>().ok())
        else {
            continue;
        };
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        if environment.split(|it| *it == 0).any(|it| it == home.as_bytes()) {
            let pid = nix::unistd::Pid::from_raw(number);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Killed when dropped.
struct Running(Child);

impl Running {
    /// SIGKILL; no handler runs and nothing is flushed.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
