//! Our signals as rules of Prometheus, judged by Prometheus' own tool: every catalog's are accepted, and each of
//! EdgeLink's triggers fires where it should and is over when it is.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use domain::signals::export::{Rule, RuleFile};
use server::catalog::{read, rules};

use crate::world::World;

/// One trigger: what is measured every 15 s, when it must fire, and when it must be over.
struct Case {
    signal: &'static str,
    series: &'static [(&'static str, &'static str)],
    /// Whom the alert concerns.
    labels: &'static [(&'static str, &'static str)],
    quiet: &'static str,
    fires: &'static str,
    over: &'static str,
}

const POD: &str = "edge-link-production-api-7d4b9c-x2x4z";

const EDGELINK: &[Case] = &[
    Case {
        signal: "HighErrorRate",
        series: &[
            (
                r#"http_requests_total{namespace="edgelink-prod",service="api",status="500"}"#,
                "0+30x40 1200+0x80",
            ),
            (
                r#"http_requests_total{namespace="edgelink-prod",service="api",status="200"}"#,
                "0+270x120",
            ),
            // A share of next to nothing says nothing.
            (
                r#"http_requests_total{namespace="edgelink-prod",service="idle",status="500"}"#,
                "0+0.1x120",
            ),
        ],
        labels: &[("service", "api")],
        quiet: "4m",
        fires: "9m",
        over: "20m",
    },
    Case {
        signal: "HighLatencyP95",
        series: &[
            (
                r#"http_request_duration_seconds_bucket{namespace="edgelink-prod",service="api",le="0.1"}"#,
                "0+0x40 0+300x80",
            ),
            (
                r#"http_request_duration_seconds_bucket{namespace="edgelink-prod",service="api",le="1"}"#,
                "0+300x120",
            ),
            (
                r#"http_request_duration_seconds_bucket{namespace="edgelink-prod",service="api",le="+Inf"}"#,
                "0+300x120",
            ),
        ],
        labels: &[("service", "api")],
        quiet: "4m",
        fires: "9m",
        over: "20m",
    },
    Case {
        signal: "PodCrashLoop",
        series: &[(
            r#"kube_pod_container_status_waiting_reason{namespace="edgelink-prod",pod="POD",container="app",reason="CrashLoopBackOff"}"#,
            "0x4 1x8 0x40",
        )],
        labels: &[("namespace", "edgelink-prod"), ("pod", POD)],
        quiet: "45s",
        fires: "2m",
        over: "6m",
    },
    Case {
        signal: "HealthCheckFailing",
        series: &[(r#"probe_success{namespace="edgelink-prod",service="api"}"#, "0x20 1x60")],
        labels: &[("service", "api")],
        quiet: "1m",
        fires: "4m",
        over: "12m",
    },
    Case {
        signal: "HighMemoryUsage",
        series: &[
            (
                r#"container_memory_working_set_bytes{namespace="edgelink-prod",container="app",pod="POD"}"#,
                "95x40 50x60",
            ),
            (
                r#"container_spec_memory_limit_bytes{namespace="edgelink-prod",container="app",pod="POD"}"#,
                "100x100",
            ),
        ],
        labels: &[("service", "api")],
        quiet: "4m",
        fires: "8m",
        over: "15m",
    },
    Case {
        signal: "HighCPUUsage",
        series: &[
            (
                r#"container_cpu_usage_seconds_total{namespace="edgelink-prod",container="app",pod="POD"}"#,
                "0+14.7x60 882+3x80",
            ),
            (
                r#"container_spec_cpu_quota{namespace="edgelink-prod",container="app",pod="POD"}"#,
                "100000x160",
            ),
            (
                r#"container_spec_cpu_period{namespace="edgelink-prod",container="app",pod="POD"}"#,
                "100000x160",
            ),
        ],
        labels: &[("service", "api")],
        // A rate over five minutes takes as long to be one.
        quiet: "8m",
        fires: "12m",
        over: "25m",
    },
    Case {
        signal: "ActiveConnectionsDropped",
        // The baseline is the same hour of the day before.
        series: &[(
            r#"edgelink_active_connections{namespace="edgelink-prod",service="api"}"#,
            "100x6000 20x100 100x100",
        )],
        labels: &[("service", "api")],
        quiet: "24h30m",
        fires: "25h10m",
        over: "25h45m",
    },
];

fn catalog(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog").join(name)
}

fn file_of(folder: &Path) -> RuleFile {
    rules::of(&read::folder(folder).unwrap())
}

/// What promtool printed, or what it complained about.
fn promtool(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("promtool").current_dir(folder).args(arguments).output();
    let output = output.expect("promtool is needed: it comes with Debian's prometheus");
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    if output.status.success() { Ok(said.concat()) } else { Err(said.concat()) }
}

#[test]
fn promtool_accepts_the_rules_of_every_catalog() {
    let mut checked = 0;
    for entry in std::fs::read_dir(catalog("")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let file = file_of(&folder);
        let there = tempfile::tempdir().unwrap();
        std::fs::write(there.path().join("rules.yaml"), rules::text(file, false).unwrap()).unwrap();
        promtool(there.path(), &["check", "rules", "rules.yaml"])
            .unwrap_or_else(|said| panic!("{}: {said}", folder.display()));
        checked += 1;
    }
    assert!(checked >= 5, "{checked}");
}

#[test]
fn each_trigger_of_edgelink_fires_and_is_over() {
    let file = file_of(&catalog("edgelink"));
    let there = tempfile::tempdir().unwrap();
    std::fs::write(there.path().join("rules.yaml"), rules::text(file.clone(), false).unwrap())
        .unwrap();
    let stated = std::fs::read_to_string(catalog("edgelink/signals.yaml")).unwrap();
    assert_eq!(stated.matches("kind: signal").count(), EDGELINK.len(), "a case for each trigger");
    for case in EDGELINK {
        let rule = file.groups[0].rules.iter().find(|it| it.alert == case.signal).unwrap();
        std::fs::write(there.path().join("test.yaml"), unit_test(case, rule)).unwrap();
        promtool(there.path(), &["test", "rules", "test.yaml"])
            .unwrap_or_else(|said| panic!("{}: {said}", case.signal));
    }
}

fn unit_test(case: &Case, rule: &Rule) -> String {
    let mut text = String::from(
        "rule_files: [rules.yaml]\nevaluation_interval: 15s\ntests:\n- interval: 15s\n  input_series:\n",
    );
    for (series, values) in case.series {
        let series = series.replace("POD", POD);
        writeln!(text, "  - {{series: '{series}', values: '{values}'}}").unwrap();
    }
    text += "  alert_rule_test:\n";
    let labels = case
        .labels
        .iter()
        .copied()
        .chain([("severity", rule.labels.severity), ("opens", rule.labels.opens)]);
    let labels: Vec<_> = labels.map(|(name, value)| format!("{name}: \"{value}\"")).collect();
    let expected = format!(
        "[{{exp_labels: {{{}}}, exp_annotations: {{summary: \"{}\"}}}}]",
        labels.join(", "),
        rule.annotations.summary
    );
    for (at, alerts) in [(case.quiet, "[]"), (case.fires, expected.as_str()), (case.over, "[]")] {
        writeln!(text, "  - {{eval_time: {at}, alertname: {}, exp_alerts: {alerts}}}", case.signal)
            .unwrap();
    }
    text
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_signals_in_force_can_be_fetched_as_a_file_or_an_object(pool: sqlx::PgPool) {
    let world = World::new(pool).await;
    let (_, viewer) = world.sign_in("vera", domain::access::Role::Viewer).await;
    let file = world.get("/api/v1/signals/prometheus-rules", &viewer).await;
    assert!(file.status.is_success(), "{}", file.body);
    let there = tempfile::tempdir().unwrap();
    std::fs::write(there.path().join("rules.yaml"), &file.body).unwrap();
    promtool(there.path(), &["check", "rules", "rules.yaml"]).unwrap();
    let object = world.get("/api/v1/signals/prometheus-rules?form=object", &viewer).await;
    assert!(object.body.contains("kind: PrometheusRule"), "{}", object.body);
    let wrong = world.get("/api/v1/signals/prometheus-rules?form=x", &viewer).await;
    assert_eq!(wrong.status, 422);
}
