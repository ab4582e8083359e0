//! From the call of `lifeboat run`, with the database of an earlier start, to the first finished page:
//! Postgres is started, migrations are looked at, the page is rendered.

use std::time::Instant;

use anyhow::ensure;

use super::server::{Folder, Server};
use super::{Figure, Limit, NO_ARGS, median};
use crate::process::build_server;
use crate::site;

const STARTS: usize = 9;

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    site::build(true)?;
    build_server("release")?;
    let folder = Folder::new("start")?;
    let data = folder.as_ref().join("data");
    // Makes the database.
    Server::start(&data, NO_ARGS)?.stop()?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let begin = Instant::now();
        let server = Server::start(&data, NO_ARGS)?;
        let status = server.get("/sign-in")?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        ensure!(status == 200, "/sign-in answers {status}");
        server.stop()?;
    }
    println!(
        "{STARTS} starts, ms: {}",
        times.iter().map(|it| format!("{it:.0} ")).collect::<String>()
    );
    Ok(vec![Figure { name: "first_page_ms", value: median(&times)?, limit: Limit::AtMost(1000.0) }])
}
