//! Starting other programs, and ending well when we are told to stop.

use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, thread};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

/// The program that [`check`] waits for, so that a signal can end it.
static RUNNING: Mutex<Option<Pid>> = Mutex::new(None);
static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on a signal ends the program that runs under [`check`], which then fails, so that whatever
/// was started is stopped on the way out. Call it before any thread starts: threads inherit the mask. So do
/// programs: [`spawn`] starts them without it.
pub(crate) fn unwind_on_signals() -> anyhow::Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block()?;
    thread::spawn(move || {
        while signals.wait().is_ok() {
            STOPPED.store(true, Ordering::SeqCst);
            let running = RUNNING.lock().unwrap_or_else(|it| it.into_inner());
            if let Some(pid) = *running {
                // It may have ended already, by the same Ctrl-C.
                let _ = kill(pid, Signal::SIGTERM);
            }
        }
    });
    Ok(())
}

/// Starts a program that can be told to stop. It inherits what we have blocked, and would never hear of it.
pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    let mut told_to_stop = SigSet::empty();
    told_to_stop.add(Signal::SIGTERM);
    // Only where it is blocked is it to be blocked again. The moment in between ends us without a clean-up.
    let blocks = SigSet::thread_get_mask()?.contains(Signal::SIGTERM);
    told_to_stop.thread_unblock()?;
    let child = command.spawn();
    if blocks {
        told_to_stop.thread_block()?;
    }
    child.with_context(|| not_started(command))
}

/// Whether somebody told us to stop; loops that wait for something ask.
pub(crate) fn ensure_not_stopped() -> anyhow::Result<()> {
    ensure!(!STOPPED.load(Ordering::SeqCst), "stopped");
    Ok(())
}

pub(crate) fn cargo(args: &[&str]) -> Command {
    // The one that called us. Otherwise the one on the path: rustup's, which chooses the toolchain.
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // `cargo run` tells us about our own package. The build script of `ring` watches these, and would
    // build itself and half of the server anew each time one calls cargo with and without xtask.
    for (name, _) in env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG") || name.starts_with("CARGO_MANIFEST"))
    {
        cargo.env_remove(name);
    }
    cargo.args(args);
    cargo
}

/// Everything that is not wasm. Always this choice and then a filter, never `--package`: cargo unifies
/// the features of what is chosen, and compiles half of the world again for another choice.
pub(crate) const NATIVE: [&str; 2] = ["--workspace", "--exclude=frontend"];

/// The server, where [`crate::target`] is; cargo shows how far it is.
pub(crate) fn build_server(profile: &str) -> anyhow::Result<()> {
    check(cargo(&["build", "--profile", profile, "--bin=lifeboat"]).args(NATIVE))
}

/// The same as the tests of Rust have built it beside themselves: with what only tests ask of a library, so that nothing
/// is compiled twice.
pub(crate) fn build_server_for_tests() -> anyhow::Result<()> {
    check(cargo(&["test", "--no-run", "--test=it"]).args(NATIVE))
}

/// Runs to the end; an error where it did not succeed.
pub(crate) fn check(command: &mut Command) -> anyhow::Result<()> {
    ensure_not_stopped()?;
    let child = start(command)?;
    wait(child, command).map(drop)
}

/// Runs to the end; what it wrote to its output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| not_started(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}", name(command), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Like [`check`], for somebody who reads what it writes; [`wait`] belongs to it.
pub(crate) fn start(command: &mut Command) -> anyhow::Result<Child> {
    let mut running = RUNNING.lock().unwrap_or_else(|it| it.into_inner());
    let child = spawn(command)?;
    *running = Some(pid(&child));
    Ok(child)
}

pub(crate) fn wait(mut child: Child, command: &Command) -> anyhow::Result<()> {
    let status = child.wait();
    *RUNNING.lock().unwrap_or_else(|it| it.into_inner()) = None;
    ensure_not_stopped()?;
    ensure!(status?.success(), "{} failed", name(command));
    Ok(())
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

fn not_started(command: &Command) -> String {
    format!("cannot start {}", name(command))
}

/// The program and its first words, as a person would name it.
fn name(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let words = command.get_args().take(3).map(|it| it.to_string_lossy().into_owned());
    std::iter::once(program).chain(words).collect::<Vec<_>>().join(" ")
}
