//! The close of a quarter with 5,000 rows, as somebody of the PMO asks for it, and the report that is printed of it
//! afterwards.

use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::server::{Server, Staged};
use super::{Figure, Limit, until};
use crate::process::{build_server, output};
use crate::site;

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    site::build(true)?;
    build_server("release")?;
    let metrics = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let listen = format!("--metrics-listen={metrics}");
    let staged = Staged::start("quarter-close", &[&listen], ROWS)?;
    let (server, cookie) = (&staged.server, staged.sign_in("pmo")?);

    let quarter =
        "SELECT to_char(now() AT TIME ZONE 'Asia/Shanghai' - interval '3 months', 'YYYY-\"Q\"Q')";
    let quarter =
        output(Command::new("psql").args(["-qtA", &staged.postgres.url(), "-c", quarter]))?;
    let quarter = quarter.trim();
    let begin = Instant::now();
    let closed = ask(server, &cookie, "POST", &format!("/api/v1/quarters/{quarter}/close"))?;
    let close_s = begin.elapsed().as_secs_f64();
    ensure!(closed["rows"] == 5000, "it closed other rows: {closed}");

    let mut report = Value::Null;
    until("the report", || {
        report =
            ask(server, &cookie, "GET", &format!("/api/v1/quarters/{quarter}"))?["report"].take();
        Ok(report["state"] != "being_made")
    })?;
    ensure!(report["state"] == "stored", "the report is not stored: {report}");
    let size = report["size"].as_f64().context("its size")?;
    let said = output(Command::new("curl").args(["-sf", &format!("http://{metrics}/metrics")]))?;
    let took = said.lines().find_map(|it| it.strip_prefix("lifeboat_print_seconds_sum"));
    let took = took.and_then(|it| it.rsplit(' ').next()?.parse::<f64>().ok());
    staged.server.stop()?;
    Ok(vec![
        Figure { name: "close_s", value: close_s, limit: Limit::AtMost(5.0) },
        Figure {
            name: "render_ms",
            value: took.context("how long it was set")? * 1000.0,
            limit: Limit::AtMost(10_000.0),
        },
        Figure { name: "pdf_kib", value: size / 1024.0, limit: Limit::AtMost(4096.0) },
    ])
}

fn ask(server: &Server, cookie: &str, method: &str, path: &str) -> anyhow::Result<Value> {
    let answer = server.exchange(&format!(
        "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Length: 0\r\nCookie: {cookie}\r\n\r\n",
        server.address
    ))?;
    let body = answer.split_once("\r\n\r\n").context("no HTTP answer")?.1;
    serde_json::from_str(body).with_context(|| format!("no JSON from {path}: {answer}"))
}

/// 2,000 drills and 3,000 rollbacks of the quarter before this one, as wide as real ones.
const ROWS: &str = r#"
CREATE TEMPORARY TABLE q AS SELECT (date_trunc('quarter', now() AT TIME ZONE 'Asia/Shanghai') - interval '3 months')
    AT TIME ZONE 'Asia/Shanghai' AS starts;
INSERT INTO services (name, team, environment, policy, match_labels, checks, created_at, changed_at)
SELECT 'service-' || n, 'team-' || n % 12, 'production', 'default', '{}', '[]', now(), now()
FROM generate_series(1, 200) n;
INSERT INTO drills (number, scenario, kind, service_id, steps, lead, participants, planned_by, planned_at,
    closure_limit_s, targets, requirements, injected_at, t0, recovered_at, t1, state, signed_by, signed_at, sign_note,
    outcome, created_at)
SELECT 'DR-' || to_char(t, 'YYYYMMDD') || '-' || substr(s.name, 9), '主库故障切换到同城备库', 'simulation', s.id,
    jsonb_build_array(jsonb_build_object('name', repeat('x', 800))), 'reader', '{}', 'user:reader', t, 7200, '[]', '[]', t, t, t,
    t + (60 + random() * 70) * interval '1 minute', 'signed_off', 'pmo', t, '', 'passed', t
FROM services s, (SELECT starts + n * interval '8 days' AS t FROM q, generate_series(0, 9) n) o;
INSERT INTO rollbacks (id, number, service_id, trigger, state, state_reason, closure, onset_at, detected_at, decided_at,
    approved_at, executed_at, healthy_at, verification, observation_s, created_at, ended_at, cause, automatic)
SELECT gen_random_uuid(), 'RB-' || to_char(t, 'YYYYMMDD') || '-' || substr(s.name, 9), s.id, '{}', 'closed', 'every check passed',
    CASE WHEN random() < 0.98 THEN 'verified' ELSE 'not_verified' END, t, t + interval '7 s', t + interval '8 s',
    t + interval '9 s', t + interval '20 s', t + interval '23 s', jsonb_build_object('checks', repeat('x', 1500)), 900, t,
    t, (ARRAY['code_defect', 'configuration_error', 'data_problem', 'unknown'])[1 + n % 4], random() < 0.8
FROM services s, (SELECT n, starts + n * interval '5 days' AS t FROM q, generate_series(0, 14) n) o;
"#;
