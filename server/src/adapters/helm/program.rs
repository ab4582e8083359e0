//! Calls the helm program: by its arguments, without a shell, in a process group of its own that ends at the deadline,
//! and with nothing of our environment but the path.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::decode::Key;
use crate::config;

/// What of its output is kept.
const KEPT: usize = 64 << 10;

/// The program, and what goes with it.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    /// Its home, and the locks.
    folder: PathBuf,
    pub key: Key,
}

/// One rollback of one release.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub kubeconfig: &'a Path,
    pub context: Option<&'a str>,
    pub namespace: &'a str,
    pub name: &'a str,
    /// To which revision.
    pub revision: i64,
    /// What helm itself is told. It waits for the workloads so long, and marks the release as failed then.
    pub timeout: Duration,
    /// When it is ended, whatever it does.
    pub end: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(
        "the helm program {program} cannot be started: {reason}; install it or name it in LIFEBOAT_HELM"
    )]
    Missing { program: String, reason: String },
    #[error("helm gave up{code}: {said}")]
    Exit { code: String, said: String },
    #[error("helm did not end within {seconds} s and was ended")]
    Slow { seconds: u64 },
    #[error("helm was ended because Lifeboat stops")]
    Stopped,
}

/// A helm that was started from here is at work on the release.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    #[error("a helm that was started before is still at work on the release")]
    AtWork,
    #[error("the lock {path} cannot be used: {error}")]
    Broken { path: String, error: io::Error },
}

/// The right to call helm for one release on this machine. Its lock goes on to the program as its input, so it is
/// held until both have ended: a helm whose Lifeboat was killed is known to live.
#[derive(Debug)]
pub struct Claim(File);

impl Helm {
    /// `secret` is the installation's.
    pub fn new(program: &Path, data_dir: &Path, secret: &[u8]) -> Self {
        let (program, folder) = (program.to_owned(), data_dir.join("helm"));
        Self { program, folder, key: Key::new(secret) }
    }

    /// Where no setting names any: `helm` of the path, with a key that nobody else has.
    pub fn unconfigured() -> Self {
        let folder = std::env::temp_dir().join(format!("lifeboat-{}", std::process::id()));
        Self::new(Path::new("helm"), &folder, &rand::random::<[u8; 32]>())
    }

    /// # Errors
    /// [`Busy::AtWork`] while another holds it.
    pub fn claim(&self, release: &str) -> Result<Claim, Busy> {
        let path = self.lock(release);
        let broken = |error| Busy::Broken { path: path.display().to_string(), error };
        std::fs::create_dir_all(&self.folder).map_err(broken)?;
        let mut options = File::options();
        let file = options.create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(broken)?;
        match file.try_lock() {
            Ok(()) => Ok(Claim(file)),
            Err(TryLockError::WouldBlock) => Err(Busy::AtWork),
            Err(TryLockError::Error(error)) => Err(broken(error)),
        }
    }

    fn lock(&self, release: &str) -> PathBuf {
        let name = Digest::of(release.as_bytes());
        self.folder.join(format!("{}.lock", name.short()))
    }

    /// What helm said. Whether it did what it should is seen in its Secrets, not here.
    ///
    /// # Errors
    /// Each leaves open what was done: look at the release.
    pub async fn rollback(
        &self,
        claim: Claim,
        call: &Call<'_>,
        stop: &CancellationToken,
    ) -> Result<String, Failure> {
        let mut command = Command::new(&self.program);
        command.args(arguments(call)).env_clear().process_group(0).kill_on_drop(true);
        if let Some(path) = config::variable("PATH") {
            command.env("PATH", path);
        }
        command.env("HOME", &self.folder).current_dir(&self.folder);
        command.stdin(claim.0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let missing = |error: io::Error| Failure::Missing {
            program: self.program.display().to_string(),
            reason: error.to_string(),
        };
        let mut child = command.spawn().map_err(missing)?;
        // What it started goes with it. It leads its group, so the group has its number.
        let group = Group(child.id().and_then(|it| i32::try_from(it).ok()));
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let work = async { tokio::join!(kept(out), kept(err), child.wait()) };
        let (out, err, status) = tokio::select! {
            done = work => done,
            () = tokio::time::sleep(call.end) => {
                drop(group);
                return Err(Failure::Slow { seconds: call.end.as_secs() });
            }
            () = stop.cancelled() => return Err(Failure::Stopped),
        };
        group.forget();
        let said = masked(&format!("{out}{err}"));
        match status {
            Ok(status) if status.success() => Ok(said),
            Ok(status) => {
                let code = status.code().map_or(String::new(), |it| format!(" ({it})"));
                Err(Failure::Exit { code, said })
            }
            Err(error) => Err(missing(error)),
        }
    }
}

impl Claim {
    /// What is written beside the lock: which attempt holds it.
    pub fn mark(&mut self, stamp: DateTime<Utc>) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(stamp.to_rfc3339().as_bytes())
    }

    /// Whether this attempt was the last to hold the lock here. Then its helm has ended, because we hold it now.
    pub fn was_of(&mut self, stamp: DateTime<Utc>) -> bool {
        let mut text = String::new();
        let read = self.0.rewind().and_then(|()| self.0.read_to_string(&mut text));
        read.is_ok() && text == stamp.to_rfc3339()
    }
}

/// Never `--force`: it deletes what it cannot change.
fn arguments(call: &Call<'_>) -> Vec<String> {
    let mut arguments = vec![
        "rollback".to_owned(),
        call.name.to_owned(),
        call.revision.to_string(),
        format!("--namespace={}", call.namespace),
        format!("--kubeconfig={}", call.kubeconfig.display()),
        "--wait".to_owned(),
        format!("--timeout={}s", call.timeout.as_secs()),
    ];
    arguments.extend(call.context.map(|it| format!("--kube-context={it}")));
    arguments
}

/// Ended when dropped.
struct Group(Option<i32>);

impl Group {
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            let _ = killpg(Pid::from_raw(number), Signal::SIGKILL);
        }
    }
}

/// The beginning of what comes; the rest is read and dropped, so that nobody waits for a full pipe.
async fn kept(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut text = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part).await {
        let room = KEPT.saturating_sub(text.len());
        text.extend_from_slice(&part[..read.min(room)]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// What the API server says of an object that it refuses may quote what is in it.
pub(super) fn masked(said: &str) -> String {
    let mut text = String::with_capacity(said.len());
    let mut quoted = String::new();
    let mut inside = false;
    for it in said.trim().chars() {
        match (it, inside) {
            ('"', false) => inside = true,
            ('"', true) => {
                text.push('"');
                text.push_str(if looks_secret(&quoted) { "…" } else { &quoted });
                text.push('"');
                quoted.clear();
                inside = false;
            }
            (it, true) => quoted.push(it),
            (it, false) => text.push(it),
        }
    }
    if inside {
        text.push('"');
        text.push_str(if looks_secret(&quoted) { "…" } else { &quoted });
    }
    text.split_inclusive([' ', '\n', '\t']).map(without_secret).collect()
}

fn without_secret(word: &str) -> String {
    let bare = word.trim();
    match looks_secret(bare) && !bare.contains('"') {
        true => word.replace(bare, "…"),
        false => word.to_owned(),
    }
}

/// Long, without spaces, and with both letters and digits, as keys and what is in base64; or said to be one.
fn looks_secret(text: &str) -> bool {
    let named = ["password", "passwd", "secret=", "token", "apikey", "api_key", "BEGIN "];
    let lower = text.to_lowercase();
    let long = text.len() >= 24
        && text.chars().all(|it| it.is_ascii_alphanumeric() || "+/=_-".contains(it))
        && text.contains(|it: char| it.is_ascii_digit())
        && text.contains(|it: char| it.is_ascii_uppercase());
    long || named
        .iter()
        .any(|it| lower.contains(&it.to_lowercase()) && text.contains(['=', ':', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_quotes_no_secret() {
        let key = "c2VjcmV0LXBhc3N3b3JkLTEyMzQ1Njc4OTA=";
        let said = masked(&format!(
            "Error: Secret \"db\" is invalid: data[x]: Invalid value: \"{key}\": must be … {key}\npassword=hunter2"
        ));
        assert!(!said.contains(key) && !said.contains("hunter2"), "{said}");
        assert!(said.starts_with("Error: Secret \"db\" is invalid"), "{said}");
    }

    #[test]
    fn it_is_called_without_force_and_waits() {
        let call = Call {
            kubeconfig: Path::new("/k"),
            context: Some("lab"),
            namespace: "shop",
            name: "web",
            revision: 3,
            timeout: Duration::from_secs(50),
            end: Duration::from_secs(60),
        };
        assert_eq!(
            arguments(&call).join(" "),
            "rollback web 3 --namespace=shop --kubeconfig=/k --wait --timeout=50s --kube-context=lab"
        );
    }

    #[test]
    fn one_at_a_time_and_the_next_knows_whose_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let helm = Helm::new(Path::new("helm"), folder.path(), b"k");
        let stamp = DateTime::UNIX_EPOCH;
        let mut first = helm.claim("lab/shop/web").unwrap();
        first.mark(stamp).unwrap();
        assert!(matches!(helm.claim("lab/shop/web"), Err(Busy::AtWork)));
        helm.claim("lab/shop/api").unwrap();
        drop(first);
        let mut second = helm.claim("lab/shop/web").unwrap();
        assert!(second.was_of(stamp));
        assert!(!second.was_of(stamp + chrono::TimeDelta::seconds(1)));
    }
}
