//! The ledger with 100,000 drills and more: its page under load, how that grows with the ledger, and the whole of it as
//! a file.

mod browser;
mod load;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use self::browser::Browser;
use super::server::Staged;
use super::{Figure, Limit, median, percentile};
use crate::process::build_server;
use crate::site;

const DRILLS: usize = 100_000;

/// Pages that are asked for in turn: the newest, every filter, every order, a search that finds little, one that finds
/// much, one that finds nothing, and a page deep in the list.
const PAGES: [&str; 16] = [
    "/drills",
    "/drills?state=signed_off",
    "/drills?state=missed",
    "/drills?outcome=failed",
    "/drills?type=tabletop&sort=-planned_at",
    "/drills?service=service-7",
    "/drills?team=team-3",
    "/drills?lead=lead-11&sort=planned_at",
    "/drills?sort=-closure_s",
    "/drills?sort=number",
    "/drills?from=YEAR-03-01&until=YEAR-03-31",
    "/drills?q=%E6%95%B0%E6%8D%AE%E5%BA%93",
    "/drills?q=DR-SQL-77",
    "/drills?q=DR-YEAR0301",
    "/drills?q=%E6%B2%A1%E6%9C%89",
    "/drills?cursor=YEAR-06-01T00:00:00.000000Z_00000000-0000-0000-0000-000000000000",
];

/// A ledger of this size, and somebody who is signed in.
struct Scene {
    staged: Staged,
    cookie: String,
    pages: Vec<String>,
}

impl Scene {
    fn new(what: &str, drills: usize) -> anyhow::Result<Self> {
        let staged = Staged::start(what, &[], &ROWS.replace("DRILLS", &drills.to_string()))?;
        println!("a ledger of {drills} drills");
        let cookie = staged.sign_in("reader")?;
        let year: i32 = super::now()?.get(..4).context("a year")?.parse()?;
        let pages = PAGES.map(|it| it.replace("YEAR", &(year - 1).to_string())).to_vec();
        Ok(Self { staged, cookie, pages })
    }

    fn browser(&self) -> anyhow::Result<Browser> {
        Browser::connect(&self.staged.server.address, &self.cookie)
    }

    /// Each page once, so that the caches of the database are filled and every page is known to be one.
    fn warm_up(&self) -> anyhow::Result<()> {
        let mut browser = self.browser()?;
        for page in &self.pages {
            let begin = Instant::now();
            let (status, body) = browser.get(page)?;
            ensure!(status == 200 && body.contains("class=\"filters\""), "{page}: {status}");
            println!("{:>8.1} ms {page}", begin.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(())
    }
}

/// 64 connections: first at 100 requests a second, then as many as go.
pub(super) fn page() -> anyhow::Result<Vec<Figure>> {
    built()?;
    let scene = Scene::new("ledger-page", DRILLS)?;
    scene.warm_up()?;
    let times = load::at_rate(&scene, 100.0, Duration::from_secs(20))?;
    let rps = load::flat_out(&scene, Duration::from_secs(10))?;
    println!("{} pages at 100/s, median {:.1} ms", times.len(), median(&times)?);
    scene.staged.server.stop()?;
    Ok(vec![
        Figure { name: "p99_ms", value: percentile(&times, 0.99)?, limit: Limit::AtMost(25.0) },
        Figure { name: "max_rps", value: rps, limit: Limit::AtLeast(400.0) },
    ])
}

/// The same pages of a ledger ten times as long.
pub(super) fn scale() -> anyhow::Result<Vec<Figure>> {
    built()?;
    let mut took = Vec::new();
    for drills in [DRILLS, 10 * DRILLS] {
        let scene = Scene::new("scale", drills)?;
        scene.warm_up()?;
        let mut browser = scene.browser()?;
        let mut times = Vec::new();
        for _ in 0..20 {
            for page in &scene.pages {
                let begin = Instant::now();
                browser.get(page)?;
                times.push(begin.elapsed().as_secs_f64() * 1000.0);
            }
        }
        println!("{drills} drills: median {:.1} ms", median(&times)?);
        took.push(times.iter().sum::<f64>() / times.len() as f64);
        scene.staged.server.stop()?;
    }
    let growth = took[1] / took[0];
    Ok(vec![Figure { name: "page_growth", value: growth, limit: Limit::AtMost(1.3) }])
}

/// The whole ledger as CSV, and what that takes of the server's memory.
pub(super) fn export() -> anyhow::Result<Vec<Figure>> {
    built()?;
    let scene = Scene::new("ledger-export", DRILLS)?;
    scene.warm_up()?;
    let before = scene.staged.server.resident_mib()?;
    let (peak, (rows, seconds)) = scene.staged.server.peak_mib(|| {
        let begin = Instant::now();
        let rows = scene.browser()?.lines("/api/v1/drills.csv?lang=zh-CN")?;
        Ok((rows, begin.elapsed().as_secs_f64()))
    })?;
    scene.staged.server.stop()?;
    Ok(vec![
        Figure {
            name: "rows",
            value: rows.saturating_sub(1) as f64,
            limit: Limit::AtLeast(DRILLS as f64),
        },
        Figure { name: "s", value: seconds, limit: Limit::AtMost(120.0) },
        Figure { name: "rss_growth_mib", value: peak - before, limit: Limit::AtMost(64.0) },
    ])
}

fn built() -> anyhow::Result<()> {
    site::build(true)?;
    build_server("release")
}

/// As wide as real rows, so that the database does not look better than it is; ten files for each of the first 100,000
/// drills.
const ROWS: &str = r#"
INSERT INTO services (name, team, environment, policy, match_labels, checks, created_at, changed_at)
SELECT 'service-' || n, 'team-' || n % 12, 'production', 'default', '{}', '[]', now(), now()
FROM generate_series(1, 200) n;
INSERT INTO drills (number, scenario, script, kind, service_id, steps, lead, participants, planned_by, planned_at,
    closure_limit_s, targets, requirements, injected_at, t0, recovered_at, t1, state, signed_by, signed_at, sign_note,
    outcome, retest_due, created_at)
SELECT 'DR-' || to_char(t, 'YYYYMMDD') || '-' || to_char(n, 'FM0000000'),
    (ARRAY['数据库时间点恢复', '整个 Region 切换', '缓存清空后回源', '发布回退演练'])[1 + n % 4] || ' ' || n % 977,
    'DR-' || (ARRAY['SQL', 'REG', 'RDS', 'REL'])[1 + n % 4] || '-' || n % 100,
    (ARRAY['tabletop', 'walkthrough', 'simulation', 'parallel'])[1 + n % 4], s.id,
    jsonb_build_array(jsonb_build_object('name', 'restore', 'kind', 'manual', 'instruction', repeat('x', 800),
        'evidence', false, 'role', 'sre', 'expected_s', 600, 'deadline_s', 3600, 'retries', 0)), 'lead-' || n % 40, ARRAY['mo', 'dana'], 'user:reader',
    t - interval '1 hour', 7200, '[{"name": "rto", "unit": "s", "comparison": "at_most", "limit": 900}]',
    (SELECT jsonb_agg(jsonb_build_object('kind', 'screenshot', 'due', 't1', 'satisfied_by',
        jsonb_build_object('sha256', repeat(i::text, 64), 'at', t))) FROM generate_series(1, 5) i),
    CASE WHEN n % 50 > 0 THEN t END, CASE WHEN n % 50 > 0 THEN t END, CASE WHEN n % 50 > 0 THEN t END,
    CASE WHEN n % 50 > 0 THEN t + (60 + n % 71) * interval '1 minute' END,
    CASE WHEN n % 50 > 0 THEN 'signed_off' ELSE 'missed' END, CASE WHEN n % 50 > 0 THEN 'pmo' END,
    CASE WHEN n % 50 > 0 THEN t END, CASE WHEN n % 50 > 0 THEN '' END,
    CASE WHEN n % 50 = 0 THEN NULL WHEN n % 40 = 7 THEN 'failed' ELSE 'passed' END,
    CASE WHEN n % 50 > 0 AND n % 40 = 7 THEN t END, t
FROM (SELECT n, now() - n * (interval '1825 days' / DRILLS) AS t FROM generate_series(1, DRILLS) n) rows
JOIN (SELECT id, row_number() OVER () - 1 AS place FROM services) s ON s.place = n % 200;
INSERT INTO measurements (subject, service_id, name, value, unit, verdict, source, window_from, window_to, measured_at)
SELECT 'drills/' || number, service_id, 'rto', 300, 's', 'pass', 'rollback', t0, t1, t1 FROM drills WHERE t1 IS NOT NULL;
INSERT INTO drill_actions (drill_id, position, text, owner, due, critical)
SELECT id, 1, 'update the procedure', 'reader', created_at, false FROM drills WHERE t1 IS NOT NULL;
INSERT INTO evidence (sha256, size, media_type, name, kind, subject, restricted, uploaded_by, created_at)
SELECT encode(sha256(convert_to(number || n, 'UTF8')), 'hex'), 90000, 'image/png', 'grafana.png', 'screenshot',
    'drills/' || number, false, 'user:reader', created_at
FROM (SELECT number, created_at FROM drills ORDER BY created_at DESC LIMIT 100000) d, generate_series(1, 10) n;
"#;
