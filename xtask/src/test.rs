//! `cargo xtask test`: everything that has to hold, on a machine of its own. Stages do not stop each
//! other: one run tells all that is wrong.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::embedded::Postgres;
use crate::process::{
    NATIVE, build_server_for_tests, cargo, check, ensure_not_stopped, start, wait,
};
use crate::{cluster, site, sqlx, target, tidy, tools};

/// What the test runners said, added up.
#[derive(Clone, Copy, Default)]
struct Count {
    passed: u32,
    failed: u32,
}

struct Stage {
    name: &'static str,
    took: Duration,
    fault: Option<anyhow::Error>,
    count: Count,
}

type Body = fn(&mut Count) -> anyhow::Result<()>;

const STAGES: [(&str, Body); 8] = [
    ("format", |_| check(&mut cargo(&["fmt", "--all", "--check"]))),
    ("tidy", |_| tidy::check()),
    ("licences", |_| licences()),
    ("clippy", |_| clippy(&[NATIVE[0], NATIVE[1], "--all-targets"])),
    ("clippy-wasm", |_| clippy(&["--package=frontend", "--target=wasm32-unknown-unknown"])),
    ("queries", |_| queries()),
    ("rust", rust),
    ("browser", browser),
];

/// All stages, or those that are named.
pub(crate) fn run(only: &[&str]) -> anyhow::Result<()> {
    for name in only {
        let names = STAGES.map(|it| it.0).join(", ");
        ensure!(STAGES.iter().any(|it| it.0 == *name), "no stage {name:?}; there are {names}");
    }
    tools::for_test()?;
    forget_dead_runs()?;
    let mut done = Vec::new();
    for (name, body) in STAGES.iter().filter(|it| only.is_empty() || only.contains(&it.0)) {
        ensure_not_stopped()?;
        println!("== {name}");
        let begin = Instant::now();
        let mut count = Count::default();
        let fault = body(&mut count).err();
        if let Some(fault) = &fault {
            println!("{fault:#}");
        }
        done.push(Stage { name, took: begin.elapsed(), fault, count });
    }
    let _ = fs::remove_dir_all(folder());
    ensure_not_stopped()?;
    summary(&done)
}

fn summary(stages: &[Stage]) -> anyhow::Result<()> {
    println!("\n{:<14}{:>8}  {:<6}{:>8}{:>8}", "stage", "s", "", "passed", "failed");
    for Stage { name, took, fault, count } in stages {
        let Count { passed, failed } = count;
        let counts = match passed + failed {
            0 => String::new(),
            _ => format!("{passed:>8}{failed:>8}"),
        };
        let verdict = if fault.is_some() { "FAILED" } else { "ok" };
        println!("{name:<14}{:>8.1}  {verdict:<6}{counts}", took.as_secs_f32());
    }
    // A stage that failed without a failed test, such as clippy, counts as one.
    let failed = |it: &Stage| it.count.failed.max(u32::from(it.fault.is_some()));
    let passed = |it: &Stage| it.count.passed.max(u32::from(it.fault.is_none()));
    let all_failed: u32 = stages.iter().map(failed).sum();
    println!("{} passed, {all_failed} failed", stages.iter().map(passed).sum::<u32>());
    ensure!(all_failed == 0, "some of it failed");
    Ok(())
}

fn clippy(what: &[&str]) -> anyhow::Result<()> {
    check(cargo(&["clippy", "--keep-going"]).args(what).args(["--", "-D", "warnings"]))
}

/// Needs cargo-deny, which is not asked of everybody; advisories would need the network.
fn licences() -> anyhow::Result<()> {
    if crate::process::output(&mut cargo(&["deny", "--version"])).is_err() {
        println!("not checked: cargo-deny is not installed");
        return Ok(());
    }
    check(&mut cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]))
}

/// Whether `store/.sqlx` is what the macros learn from the migrations now. Takes a compilation of
/// `store`, so not again for the same sources.
fn queries() -> anyhow::Result<()> {
    let mark = target().join("queries-checked");
    let sources = sqlx::sources()?;
    if fs::read_to_string(&mark).is_ok_and(|it| it == sources) {
        return Ok(());
    }
    let postgres = Postgres::start_throwaway(&folder().join("sqlx"))?;
    let fresh = target().join("sqlx");
    sqlx::prepare(&postgres, &fresh)?;
    let same = sqlx::contents(&fresh)? == sqlx::contents(Path::new("store/.sqlx"))?;
    ensure!(same, "store/.sqlx is not what the migrations and queries say; run: cargo xtask sqlx");
    Ok(fs::write(mark, sources)?)
}

/// Rules, SQL, scenarios and access: everything that `cargo test` runs, with a Postgres and a Kubernetes.
fn rust(count: &mut Count) -> anyhow::Result<()> {
    let postgres = Postgres::start_throwaway(&folder().join("postgres"))?;
    let mut tests = cargo(&["test", "--no-fail-fast"]);
    tests.args(NATIVE).env("DATABASE_URL", postgres.url());
    // A failed test says where it stands; the frames of the runtime below it bury that in a log.
    tests.env("RUST_BACKTRACE", "0");
    // Without it the tests that want it fail, each with its sentence; the others still tell something.
    let cluster = Cluster::up(folder().join("cluster"));
    match &cluster {
        Ok(cluster) => cluster.tell(&mut tests)?,
        Err(error) => println!("{error:#}"),
    }
    counted(&mut tests, count, |line| {
        // "test result: ok. 12 passed; 0 failed; 0 ignored; …"
        let line = line.strip_prefix("test result:")?;
        Some(Count { passed: before(line, " passed")?, failed: before(line, " failed")? })
    })
}

/// The pages in Chromium.
fn browser(count: &mut Count) -> anyhow::Result<()> {
    site::build(false)?;
    build_server_for_tests()?;
    let mut tests = Command::new("node");
    // One after the other: a browser and a server each want a core.
    tests.args(["--test", "--test-reporter=spec", "--test-concurrency=1"]).current_dir("e2e");
    tests.env("LIFEBOAT", target().join("debug/lifeboat"));
    tests.env("LIFEBOAT_SITE", target().join("site"));
    counted(&mut tests, count, |line| {
        // "ℹ pass 19" and "ℹ fail 0"
        let (what, number) = line.strip_prefix("ℹ ")?.split_once(' ')?;
        let number = number.trim().parse().ok()?;
        match what {
            "pass" => Some(Count { passed: number, failed: 0 }),
            "fail" => Some(Count { passed: 0, failed: number }),
            _ => None,
        }
    })
}

/// The number that stands before this word.
fn before(line: &str, word: &str) -> Option<u32> {
    line.split_once(word)?.0.rsplit(' ').next()?.parse().ok()
}

/// Shows what the runner says while it says it, and adds up what it counts.
fn counted(
    runner: &mut Command,
    count: &mut Count,
    read: impl Fn(&str) -> Option<Count>,
) -> anyhow::Result<()> {
    ensure_not_stopped()?;
    let mut child = start(runner.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let output = child.stdout.take().context("its output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if let Some(Count { passed, failed }) = read(&line) {
            count.passed += passed;
            count.failed += failed;
        }
    }
    wait(child, runner)?;
    ensure!(count.passed > 0, "no test was run");
    Ok(())
}

/// Ended when dropped.
struct Cluster(PathBuf);

impl Cluster {
    fn up(dir: PathBuf) -> anyhow::Result<Self> {
        let cluster = Self(dir);
        cluster::up(&cluster.0)?;
        Ok(cluster)
    }

    /// How tests find it. Not by KUBECONFIG, which is a setting of the product.
    fn tell(&self, tests: &mut Command) -> anyhow::Result<()> {
        tests.env("LIFEBOAT_CLUSTER_DIR", &self.0);
        let programs = cluster::programs()?;
        for (name, program) in [
            ("LIFEBOAT_KUBECTL", "kubectl"),
            ("LIFEBOAT_HELM3", "helm3"),
            ("LIFEBOAT_HELM4", "helm4"),
        ] {
            tests.env(name, programs.join(program));
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = cluster::down(&self.0) {
            eprintln!("{error:#}");
        }
    }
}

const RUNS: &str = "/var/tmp";
const RUN: &str = "lifeboat-test-";

/// What this run starts lives here: two runs may be under way at once.
fn folder() -> PathBuf {
    Path::new(RUNS).join(format!("{RUN}{}", std::process::id()))
}

/// A run that was killed could not stop what it had started.
fn forget_dead_runs() -> anyhow::Result<()> {
    for run in fs::read_dir(RUNS)?.flatten() {
        let name = run.file_name();
        let Some(process) = name.to_str().and_then(|it| it.strip_prefix(RUN)) else { continue };
        if Path::new("/proc").join(process).exists() {
            continue;
        }
        // Those of somebody else are theirs to clean.
        if cluster::down(&run.path().join("cluster")).is_err() {
            continue;
        }
        for postgres in ["postgres", "sqlx"].map(|it| run.path().join(it)) {
            if postgres.join("data/postmaster.pid").exists() {
                drop(Postgres::start_throwaway(&postgres)?);
            }
        }
        let _ = fs::remove_dir_all(run.path());
    }
    Ok(())
}
