//! The triggers of the EdgeLink manual and of KPHub.

use serde_json::{Value, json};

use super::{ASK, Case, EXECUTE, case};

/// A signal of one value in place of the share.
fn value(name: &str, severity: &str, unit: &str, [limit, ceiling, baseline]: [f64; 3]) -> Value {
    json!({
        "name": name, "severity": severity, "unit": unit, "numerator": null, "denominator": null,
        "value": name, "limit": limit, "ceiling": ceiling, "baseline": baseline,
    })
}

fn measures(signal: &Value, value: f64) -> Value {
    let measured = json!({"numerator": null, "denominator": null, "value": value});
    json!({"signal": signal, "measurement": measured})
}

pub(super) fn cases() -> Vec<Case> {
    let file = "errors-after-deploy";
    let share = |above: Value, below: Value| json!({"measurement": {"numerator": above, "denominator": below}});
    let latency = value("LatencyP95", "critical", "ms", [500.0, 2000.0, 150.0]);
    let spike = value("LatencySpike", "warning", "s", [2.0, 5.0, 0.5]);
    let memory = value("MemoryHigh", "critical", "ratio", [0.9, 1.0, 0.7]);
    let mut connections = value("ActiveConnections", "critical", "ratio", [0.5, 0.0, 0.5]);
    connections["comparison"] = json!("less");
    let failures = value("TransactionFailure", "critical", "per_second", [0.0, 1.0, 0.0]);
    let balance = value("BalanceInconsistency", "emergency", "accounts", [0.0, 1.0, 0.0]);
    let mut health = json!({"signal": {"name": "HealthCheckFailures", "limit": 0.1, "ceiling": 0.5, "baseline": 0.0}});
    health["measurement"] = json!({"numerator": 4, "denominator": 10});
    let mut with_routes = measures(&spike, 2.1);
    with_routes["workload"] = json!({"share": "routes"});
    let mut three_requests = measures(&latency, 1900.0);
    three_requests["measurement"]["requests_in_window"] = json!(3);
    let mut long_ago = measures(&memory, 0.99);
    long_ago["changes"] = json!([{"at": "2026-02-28T10:00:00Z", "what": ["image"]}]);
    let opens = |what: &str| json!({"signal": {"opens": what}});
    vec![
        case("P95 of 0.9 s minutes after a deploy", file, measures(&latency, 900.0), EXECUTE)
            .by(""),
        case("P95 of 0.4 s is inside its limit", file, measures(&latency, 400.0), ASK)
            .by("signal new_is_bad"),
        case("P95 over three requests says nothing", file, three_requests, ASK)
            .by("enough_traffic"),
        case(
            "p99 of 2.1 s is a warning, and nothing can be moved in part",
            file,
            measures(&spike, 2.1),
            ["partial", "ask", "code_defect", "version_rollback"],
        )
        .by("severity share automatic_above"),
        case(
            "p99 of 2.1 s is a warning, and the routes can be moved",
            file,
            with_routes,
            ["partial", "execute", "code_defect", "version_rollback"],
        )
        .by("severity share automatic_above"),
        case("memory at 96 % right after a deploy", file, measures(&memory, 0.96), EXECUTE).by(""),
        case(
            "memory at 99 % days after the last deploy",
            file,
            long_ago,
            ["human", "ask", "unknown", "restart"],
        )
        .by("material_change cause"),
        case("40 % of the health checks fail after a deploy", file, health, EXECUTE).by(""),
        case(
            "connections fall to a fifth after a deploy",
            file,
            measures(&connections, 0.2),
            EXECUTE,
        )
        .by(""),
        case(
            "connections fall to two thirds, inside the limit",
            file,
            measures(&connections, 0.66),
            ASK,
        )
        .by("signal new_is_bad"),
        case("connections below zero cannot be", file, measures(&connections, -0.2), ASK)
            .by("signal new_is_bad"),
        case("transactions fail after a deploy", file, measures(&failures, 3.0), EXECUTE).by(""),
        case(
            "balances do not agree after a deploy: another version mends no data",
            file,
            measures(&balance, 4.0),
            ["human", "ask", "data_problem", "snapshot_restore"],
        )
        .by("cause"),
        case(
            "no errors counted beside living traffic are none",
            file,
            share(Value::Null, json!(40.0)),
            ASK,
        )
        .by("signal new_is_bad"),
        case("the traffic has stopped", file, share(json!(6.0), json!(0.0)), ASK)
            .by("signal new_is_bad"),
        case("neither errors nor traffic are measured", file, share(Value::Null, Value::Null), ASK)
            .by("signal new_is_bad"),
        case("every request fails in an emergency", file, share(json!(40.0), json!(40.0)), EXECUTE)
            .by(""),
        case(
            "the error share has always gone down by itself",
            file,
            json!({"history": {"unattended": 9, "ended_by_themselves": 9}}),
            ["partial", "ask", "code_defect", "version_rollback"],
        )
        .by("share automatic_above"),
        case(
            "a restart was tried and did not help",
            file,
            json!({"measurement": {"numerator": 2.04}, "history": {"failed_recoveries": 1}}),
            EXECUTE,
        )
        .by(""),
        case("info about errors never acts", file, json!({"signal": {"severity": "info"}}), ASK)
            .by("severity automatic_above"),
        case(
            "a signal that opens a runbook",
            file,
            opens("runbook"),
            ["human", "ask", "code_defect", "none"],
        )
        .by("opens"),
        case(
            "the catalog knows no such alert",
            file,
            json!({"signal": null, "alert": {"second_source": null}}),
            ASK,
        )
        .by("signal opens new_is_bad second_source"),
    ]
}
