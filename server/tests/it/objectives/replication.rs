//! RPO of a real primary and its real standby: idle, busy, reading late, cut off, promoted.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use domain::measurements::Measurement;
use domain::objectives::{Dated, Finding};
use domain::verdict::Verdict;
use nix::unistd::{Uid, User};
use serde_json::json;
use server::workers::{World, measurer};
use sqlx::{Connection, PgConnection, PgPool};
use store::measurements::Filter;

use super::{state, worker};
use crate::prometheus::until;

/// The system's Postgres, over TCP; ended with the test.
struct Server {
    child: Child,
    port: u16,
}

fn binaries() -> PathBuf {
    let versions =
        fs::read_dir("/usr/lib/postgresql").expect("Debian's postgresql is needed for this test");
    let mut versions: Vec<_> = versions.map(|it| it.unwrap().path().join("bin")).collect();
    versions.sort();
    versions.pop().expect("Debian's postgresql is needed for this test")
}

/// Postgres refuses to run as root.
fn program(name: &str) -> Command {
    let mut command = Command::new(binaries().join(name));
    if Uid::effective().is_root() {
        let user = User::from_name("postgres").unwrap().expect("there is a user postgres");
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn done(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

impl Server {
    fn start(folder: &Path) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = program("postgres");
        command.arg("-D").arg(folder);
        for setting in [
            format!("port={}", free.port()),
            "listen_addresses=127.0.0.1".into(),
            "unix_socket_directories=".into(),
            "fsync=off".into(),
            "wal_level=replica".into(),
            "wal_keep_size=64MB".into(),
            "wal_retrieve_retry_interval=200ms".into(),
        ] {
            command.arg("-c").arg(setting);
        }
        Self { child: command.spawn().unwrap(), port: free.port() }
    }

    fn url(&self) -> String {
        format!("postgres://lifeboat@127.0.0.1:{}/postgres", self.port)
    }

    async fn connect(&self) -> PgConnection {
        until("a Postgres that takes connections", async || {
            PgConnection::connect(&self.url()).await.ok()
        })
        .await
    }

    fn kill(&mut self) {
        // A fault, and no farewell: the children notice and end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Both sides and what the catalog would name.
struct Pair {
    primary: Server,
    standby: Server,
    // Dropped last, when nobody writes there any more.
    folder: tempfile::TempDir,
}

impl Pair {
    async fn start() -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        if Uid::effective().is_root() {
            let user = User::from_name("postgres").unwrap().expect("there is a user postgres");
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        let [first, second] = ["primary", "standby"].map(|it| folder.path().join(it));
        done(
            program("initdb")
                .args(["-A", "trust", "-U", "lifeboat", "--no-sync", "-D"])
                .arg(&first),
        );
        let primary = Server::start(&first);
        let mut connection = primary.connect().await;
        execute(
            &mut connection,
            "CREATE TABLE written (at timestamptz DEFAULT now(), filler text)",
        )
        .await;
        let mut copy = program("pg_basebackup");
        copy.args([
            "-h",
            "127.0.0.1",
            "-U",
            "lifeboat",
            "-R",
            "-X",
            "stream",
            "--checkpoint=fast",
            "--no-sync",
        ]);
        done(copy.arg("-p").arg(primary.port.to_string()).arg("-D").arg(&second));
        let standby = Server::start(&second);
        standby.connect().await;
        for (name, server) in [("primary.url", &primary), ("standby.url", &standby)] {
            fs::write(folder.path().join(name), server.url()).unwrap();
        }
        Self { folder, primary, standby }
    }

    fn objective(&self) -> serde_json::Value {
        let file = |name: &str| self.folder.path().join(name);
        json!({"name": "orders", "sources": [{"document": "plan", "rpo_s": 2}],
            "replication": {"primary": file("primary.url"), "standby": file("standby.url")}})
    }
}

async fn execute(connection: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

const WRITE: &str =
    "INSERT INTO written (filler) SELECT repeat('x', 500) FROM generate_series(1, 200)";

async fn says(connection: &mut PgConnection, sql: &'static str) -> bool {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Loss and replay lag in seconds and as found.
struct Seen {
    rpo: Measurement,
    lag: Option<f64>,
    /// Bytes that were received and not read.
    unread: u64,
}

async fn measure(world: &World, objective: &Dated) -> Seen {
    let replication = objective.objective.replication.as_ref().unwrap();
    let mut found =
        measurer::replication::measure(world, objective, replication).await.unwrap().into_iter();
    let rpo = found.next().unwrap();
    let replay = found.next();
    let unread = replay.as_ref().and_then(|it| Finding::of_value(it.result.as_ref()?));
    let unread = match unread {
        Some(Finding::ReplayLag { bytes, .. }) => bytes,
        _ => 0,
    };
    Seen { rpo, lag: replay.and_then(|it| it.value), unread }
}

fn finding(it: &Measurement) -> Finding {
    Finding::of_value(it.result.as_ref().unwrap()).unwrap()
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_loss_is_what_was_written_and_not_received(owner: PgPool) {
    store::migrate(&owner).await.unwrap();
    let db = store::pool((*owner.connect_options()).clone(), 5);
    let world = worker(&db);
    let mut pair = Pair::start().await;
    let objective = state(&db, pair.objective()).await;
    let (mut primary, mut standby) = (pair.primary.connect().await, pair.standby.connect().await);

    // Idle: the last transaction grows old, and nothing is lost.
    execute(&mut primary, WRITE).await;
    until("an old last transaction that was read", async || {
        let old = "SELECT coalesce(now() - pg_last_xact_replay_timestamp() > '3 s', false)
            AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()";
        says(&mut standby, old).await.then_some(())
    })
    .await;
    let idle = measure(&world, &objective).await;
    assert_eq!((idle.rpo.value, idle.lag, idle.unread), (Some(0.0), Some(0.0), 0));
    assert_eq!(idle.rpo.verdict, Some(Verdict::Pass));

    // Busy: what is on its way is no loss worth the name.
    let writing = tokio::spawn({
        let url = pair.primary.url();
        async move {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            loop {
                execute(&mut connection, WRITE).await;
            }
        }
    });
    for _ in 0..10 {
        let busy = measure(&world, &objective).await;
        assert!(busy.rpo.value.is_some_and(|it| it < 2.0), "{:?}", busy.rpo);
        assert_eq!(busy.rpo.verdict, Some(Verdict::Pass));
    }
    writing.abort();

    // It receives and does not read: a lag, and no loss.
    execute(&mut standby, "SELECT pg_wal_replay_pause()").await;
    until("a standby that reads no more", async || {
        let paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'";
        says(&mut standby, paused).await.then_some(())
    })
    .await;
    execute(&mut primary, WRITE).await;
    let late = until("something received and not read", async || {
        let seen = measure(&world, &objective).await;
        (seen.unread > 100_000 && seen.rpo.value == Some(0.0)).then_some(seen)
    })
    .await;
    assert!(late.lag.is_some_and(|it| it > 0.0), "{:?}", late.lag);
    execute(&mut standby, "SELECT pg_wal_replay_resume()").await;
    until("nothing left to read", async || {
        let seen = measure(&world, &objective).await;
        (seen.unread == 0 && seen.lag == Some(0.0)).then_some(())
    })
    .await;

    // Kept by the worker, for the comparison with what comes now.
    measurer::tick(&world).await.unwrap();
    // Cut off: what is written from now on is lost with the primary.
    execute(&mut standby, "ALTER SYSTEM SET primary_conninfo = ''").await;
    execute(&mut standby, "SELECT pg_reload_conf()").await;
    until("a standby that is cut off", async || {
        says(&mut standby, "SELECT count(*) = 0 FROM pg_stat_wal_receiver").await.then_some(())
    })
    .await;
    execute(&mut primary, WRITE).await;
    let lost = until("a loss beyond what is allowed", async || {
        measurer::tick(&world).await.unwrap();
        let seen = measure(&world, &objective).await;
        (seen.rpo.verdict == Some(Verdict::Fail)).then_some(seen.rpo)
    })
    .await;
    assert!(lost.value.is_some_and(|it| (2.0..60.0).contains(&it)), "{lost:?}");
    let Finding::Loss { bytes, primary: at, received, .. } = finding(&lost) else {
        panic!("{lost:?}")
    };
    assert!(bytes > 100_000 && at.0 - received.0 == bytes, "{lost:?}");
    measurer::tick(&world).await.unwrap();
    let filter = Filter { objective: Some("orders".into()), limit: 50, ..Filter::default() };
    let kept = store::measurements::list(&db, &filter).await.unwrap();
    let verdicts: Vec<_> = kept
        .iter()
        .rev()
        .filter(|it| it.measurement.name == "rpo")
        .map(|it| it.measurement.verdict)
        .collect();
    assert_eq!(verdicts, [Some(Verdict::Pass), Some(Verdict::Fail)]);

    // The primary is gone: at most what it wrote since it was last seen is lost, too.
    pair.primary.kill();
    let gone = measure(&world, &objective).await;
    assert!(gone.rpo.value > lost.value, "{:?}", gone.rpo);
    assert_eq!(gone.rpo.verdict, Some(Verdict::Fail));

    execute(&mut standby, "SELECT pg_promote()").await;
    let promoted = measure(&world, &objective).await;
    assert_eq!((promoted.rpo.value, promoted.rpo.verdict), (None, Some(Verdict::Unknown)));
    assert_eq!(finding(&promoted.rpo), Finding::NotAStandby);

    pair.standby.kill();
    let away = measure(&world, &objective).await;
    assert_eq!((away.rpo.value, away.rpo.verdict), (None, Some(Verdict::Unknown)));
    assert!(matches!(finding(&away.rpo), Finding::NoAnswer { .. }), "{:?}", away.rpo);
}
