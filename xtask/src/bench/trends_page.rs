//! The page of the trends, as somebody who is signed in gets it, with five years of 200 services behind it: a drill of
//! each service every quarter, and a rollback every week.

use std::time::Instant;

use anyhow::{Context, ensure};

use super::server::Staged;
use super::{Figure, Limit, median, percentile};
use crate::process::build_server;
use crate::site;

/// Pages that are asked for in turn.
const PAGES: [&str; 5] = [
    "/trends",
    "/trends?unit=month",
    "/trends?team=team-3",
    "/trends?service=service-7&unit=month",
    "/trends?to=QUARTER&source=real",
];

const ROUNDS: usize = 100;

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    site::build(true)?;
    build_server("release")?;
    let staged = Staged::start("trends-page", &[], ROWS)?;
    let (server, cookie) = (&staged.server, staged.sign_in("reader")?);
    let year: i32 = super::now()?.get(..4).context("a year")?.parse()?;
    let pages = PAGES.map(|it| it.replace("QUARTER", &format!("{}-Q2", year - 1)));
    let mut times = Vec::new();
    for round in 0..=ROUNDS {
        for page in &pages {
            let begin = Instant::now();
            let answer = server.exchange(&format!(
                "GET {page} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n",
                server.address
            ))?;
            let took = begin.elapsed().as_secs_f64() * 1000.0;
            ensure!(answer.contains("id=\"compared\""), "{page} does not show the figures");
            // The first round fills the caches of the database.
            if round > 0 {
                times.push(took);
            }
        }
    }
    println!("{} pages, median {:.1} ms", times.len(), median(&times)?);
    staged.server.stop()?;
    let p99 = percentile(&times, 0.99)?;
    Ok(vec![Figure { name: "p99_ms", value: p99, limit: Limit::AtMost(50.0) }])
}

/// As wide as real rows, so that the database does not look better than it is.
const ROWS: &str = r#"
INSERT INTO services (name, team, environment, policy, match_labels, checks, created_at, changed_at)
SELECT 'service-' || n, 'team-' || n % 12, 'production', 'default', '{}', '[]', now(), now()
FROM generate_series(1, 200) n;
INSERT INTO drills (number, scenario, kind, service_id, steps, lead, participants, planned_by, planned_at,
    closure_limit_s, targets, requirements, injected_at, t0, recovered_at, t1, state, signed_by, signed_at, sign_note,
    outcome, created_at)
SELECT 'DR-' || row_number() OVER (), 'failover', 'simulation', s.id, jsonb_build_array(jsonb_build_object('name',
    repeat('x', 800))), 'reader', '{}', 'user:reader', t, 7200, '[]', '[]', t, t, t,
    t + (60 + random() * 70) * interval '1 minute', 'signed_off', 'pmo', t, '', 'passed', t
FROM services s, (SELECT now() - n * interval '91 days' AS t FROM generate_series(0, 19) n) q;
INSERT INTO rollbacks (id, number, service_id, trigger, state, state_reason, closure, onset_at, detected_at, decided_at,
    approved_at, executed_at, healthy_at, verification, observation_s, created_at, ended_at, cause, automatic)
SELECT gen_random_uuid(), 'RB-' || row_number() OVER (), s.id, '{}', 'closed', 'every check passed',
    CASE WHEN random() < 0.98 THEN 'verified' ELSE 'not_verified' END, t, t + interval '7 s', t + interval '8 s',
    t + interval '9 s', t + interval '20 s', t + interval '23 s', jsonb_build_object('checks', repeat('x', 1500)), 900, t,
    t, (ARRAY['code_defect', 'configuration_error', 'data_problem', 'unknown'])[1 + n % 4], random() < 0.8
FROM services s, (SELECT n, now() - n * interval '7 days' AS t FROM generate_series(0, 260) n) q;
"#;
