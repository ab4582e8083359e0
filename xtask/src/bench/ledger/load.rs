//! Many readers at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::Scene;
use crate::process::ensure_not_stopped;

const CONNECTIONS: usize = 64;

/// What each page took, in milliseconds, counted from the moment in which it was due: a server that falls behind does not
/// look faster than it is.
pub(super) fn at_rate(scene: &Scene, rate: f64, lasts: Duration) -> anyhow::Result<Vec<f64>> {
    let begin = Instant::now() + Duration::from_millis(100);
    let next = AtomicUsize::new(0);
    let due = |n: usize| Duration::from_secs_f64(n as f64 / rate);
    let one = || -> anyhow::Result<Vec<f64>> {
        let mut browser = scene.browser()?;
        let mut times = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if due(n) > lasts {
                return Ok(times);
            }
            let due = begin + due(n);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let (status, _) = browser.get(&scene.pages[n % scene.pages.len()])?;
            ensure!(status == 200, "{status}");
            times.push(due.elapsed().as_secs_f64() * 1000.0);
        }
    };
    Ok(all(one)?.concat())
}

/// Pages a second where everybody asks for the next as soon as one is there.
pub(super) fn flat_out(scene: &Scene, lasts: Duration) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let next = AtomicUsize::new(0);
    let one = || -> anyhow::Result<usize> {
        let mut browser = scene.browser()?;
        let mut count = 0;
        while begin.elapsed() < lasts {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let (status, _) = browser.get(&scene.pages[n % scene.pages.len()])?;
            ensure!(status == 200, "{status}");
            count += 1;
        }
        Ok(count)
    };
    let count: usize = all(one)?.iter().sum();
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

fn all<T: Send>(one: impl Fn() -> anyhow::Result<T> + Sync) -> anyhow::Result<Vec<T>> {
    ensure_not_stopped()?;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(&one)).collect();
        let joined = threads.into_iter().map(|it| it.join());
        joined.map(|it| it.map_err(|_| anyhow::anyhow!("a reader broke off"))?).collect()
    })
}
