//! A server under measurement: `lifeboat run` with a folder of its own, ended when dropped.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::embedded::Postgres;
use crate::process::{check, ensure_not_stopped, output, spawn};
use crate::target;

/// A folder that is gone when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(what: &str) -> anyhow::Result<Self> {
        let folder = Path::new("/var/tmp").join(format!("lifeboat-{what}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server over a database of its own, with rows in it and people who may sign in: `reader`, a viewer, and `pmo`.
pub(super) struct Staged {
    pub(super) server: Server,
    // Ended after the server, and then the folder.
    pub(super) postgres: Postgres,
    _folder: Folder,
}

const PASSWORD: &str = "a password of the bench";

impl Staged {
    /// `rows` is SQL; `args` are flags beside those that every server under measurement has.
    pub(super) fn start(what: &str, args: &[&str], rows: &str) -> anyhow::Result<Self> {
        let folder = Folder::new(what)?;
        let postgres = Postgres::start_throwaway(&folder.as_ref().join("postgres"))?;
        let url = format!("--database-url={}", postgres.url());
        let server =
            Server::start(&folder.as_ref().join("data"), [&[url.as_str()], args].concat())?;
        let password = folder.as_ref().join("password");
        fs::write(&password, PASSWORD)?;
        let file = format!("--password-file={}", password.display());
        server.command(&[&url, "admin", "user", "add", "reader", "--role=viewer", &file])?;
        server.command(&[&url, "admin", "user", "add", "pmo", "--role=pmo", &file])?;
        let mut psql = Command::new("psql");
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", &postgres.url(), "-c", rows]);
        check(psql.args(["-c", "VACUUM ANALYZE"]))?;
        Ok(Self { server, postgres, _folder: folder })
    }

    /// The cookie of one of the people.
    pub(super) fn sign_in(&self, name: &str) -> anyhow::Result<String> {
        let form = format!("name={name}&password={}", PASSWORD.replace(' ', "+"));
        let answer = self.server.exchange(&format!(
            "POST /sign-in HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{form}",
            self.server.address,
            form.len()
        ))?;
        let cookie = answer.lines().find_map(|it| it.strip_prefix("set-cookie: "));
        let cookie = cookie.and_then(|it| it.split(';').next());
        Ok(cookie.with_context(|| format!("nobody is signed in: {answer}"))?.to_owned())
    }
}

pub(super) struct Server {
    child: Child,
    data: PathBuf,
    /// `127.0.0.1:PORT`
    pub(super) address: String,
}

impl Server {
    /// Until it says that it is ready.
    pub(super) fn start<I, A>(data: &Path, args: I) -> anyhow::Result<Self>
    where
        I: IntoIterator<Item = A>,
        A: AsRef<OsStr>,
    {
        let log = fs::File::create(data.with_extension("log"))?;
        let mut command = lifeboat(data);
        command.args(["run", "--listen=127.0.0.1:0"]);
        command.arg("--site").arg(target().join("site")).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = spawn(&mut command)?;
        let output = child.stdout.take().context("its output")?;
        let mut server = Self { child, data: data.to_owned(), address: String::new() };
        let mut lines = BufReader::new(output).lines();
        for line in &mut lines {
            let line = line?;
            if let Some(address) = ready(&line) {
                server.address = address;
                // It may write more, and would wait for ever where nobody reads.
                thread::spawn(move || lines.for_each(drop));
                return Ok(server);
            }
        }
        ensure_not_stopped()?;
        let log = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
        bail!("the server ended before it was ready:\n{log}")
    }

    /// The status of a page, read to its end.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<u16> {
        let answer = self.exchange(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
            self.address
        ))?;
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
        status.with_context(|| format!("no HTTP answer from {path}"))
    }

    /// Sends a request that asks for the connection to be closed; everything that comes back.
    pub(super) fn exchange(&self, request: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// The command line, beside the running server: the object that it prints.
    pub(super) fn command(&self, args: &[&str]) -> anyhow::Result<Value> {
        let said = output(lifeboat(&self.data).arg("--json").args(args))?;
        serde_json::from_str(&said).with_context(|| format!("no JSON: {said}"))
    }

    /// The text of a new machine token.
    pub(super) fn token(&self, scopes: &[&str]) -> anyhow::Result<String> {
        let mut args = vec!["admin", "token", "add", "--machine=bench", "--expires=1d"];
        args.extend(scopes.iter().flat_map(|it| ["--scope", it]));
        let token = self.command(&args)?;
        Ok(token["token"].as_str().context("a token")?.to_owned())
    }

    /// What it holds in memory, in MiB.
    pub(super) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        let kib: f64 =
            line.and_then(|it| it.trim().strip_suffix(" kB")).context("its size")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// Like Ctrl-C, until it is gone with everything it had started.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.end(Signal::SIGTERM)
    }

    fn end(&mut self, signal: Signal) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "the server does not stop");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Err(error) = self.end(Signal::SIGTERM)
        {
            eprintln!("{error:#}");
        }
    }
}

/// The program with this data folder and nothing else that our own environment says.
fn lifeboat(data: &Path) -> Command {
    let mut command = Command::new(target().join("release/lifeboat"));
    command.arg("--data-dir").arg(data);
    command.env_remove("DATABASE_URL").env_remove("KUBECONFIG");
    command
}

/// The address in `{"event":"ready","url":"http://127.0.0.1:8080"}`.
fn ready(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let url = line["url"].as_str().filter(|_| line["event"] == "ready")?;
    Some(url.strip_prefix("http://")?.trim_end_matches('/').to_owned())
}
