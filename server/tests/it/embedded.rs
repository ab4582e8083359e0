//! The embedded Postgres survives what happens to newcomers: Ctrl-C, a crash, a second start.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use server::embedded::Postgres;
use sqlx::{Connection, PgConnection};

async fn run(postgres: &Postgres, sql: &'static str) {
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

/// The process that the folder's Postgres runs as.
pub(crate) fn process(dir: &Path) -> Pid {
    let file = fs::read_to_string(dir.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(file.lines().next().unwrap().parse().unwrap())
}

fn is_alive(process: Pid) -> bool {
    // Empty for one that has ended and that nobody has waited for.
    fs::read_to_string(format!("/proc/{process}/cmdline")).is_ok_and(|it| !it.is_empty())
}

/// Kills it so that it can do nothing any more, and waits until it is gone.
pub(crate) async fn crash(process: Pid) {
    kill(process, Signal::SIGKILL).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_alive(process) {
        assert!(Instant::now() < deadline, "it does not die");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn data_outlives_a_stop_and_a_crash() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let postgres = Postgres::start(dir.path()).unwrap();
    run(&postgres, "CREATE TABLE kept (id INT)").await;
    let first = process(dir.path());
    drop(postgres);
    assert!(!is_alive(first), "nothing is left behind");

    let postgres = Postgres::start(dir.path()).unwrap();
    run(&postgres, "INSERT INTO kept VALUES (1)").await;
    crash(process(dir.path())).await;
    drop(postgres);

    let postgres = Postgres::start(dir.path()).unwrap();
    run(&postgres, "DELETE FROM kept").await;
}

#[test]
fn a_second_owner_is_refused() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let _postgres = Postgres::start_throwaway(dir.path()).unwrap();
    let error = Postgres::start_throwaway(dir.path()).err().expect("it is in use");
    assert!(error.to_string().contains("in use by another process"), "{error:#}");
}

#[test]
fn data_of_a_version_that_is_gone_is_not_touched() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("data/PG_VERSION"), "9\n").unwrap();
    let error = Postgres::start(dir.path()).err().expect("nobody has 9 any more");
    assert!(error.to_string().contains("was made by PostgreSQL 9"), "{error:#}");
    assert_eq!(fs::read_to_string(dir.path().join("data/PG_VERSION")).unwrap(), "9\n");
}
