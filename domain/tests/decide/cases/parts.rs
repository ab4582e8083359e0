//! A part of the pods or of the traffic.

use serde_json::{Value, json};

use super::{ASK, Case, ENVIRONMENT, EXECUTE, case};
use crate::world::State::Good;
use crate::world::{V2, V3, both, pods};

const PART: [&str; 4] = ["partial", "execute", "code_defect", "version_rollback"];
const ASK_PART: [&str; 4] = ["partial", "ask", "code_defect", "version_rollback"];

/// One new pod takes a share of the requests beside three old ones.
fn canary(severity: &str, new: Value, old: Value) -> Value {
    json!({
        "signal": {"severity": severity},
        "workload": {"share": "rollout", "rollout": {"state": "progressing"}},
        "pods": both(pods(V3, &[Good]), pods(V2, &[Good, Good, Good])),
        "measurement": {"new_value": new, "old_value": old},
    })
}

pub(super) fn cases() -> Vec<Case> {
    let file = "errors-after-deploy";
    let with = |patch: Value| {
        let mut situation = canary("warning", json!(0.6), json!(0.0));
        situation["rails"] = patch["rails"].clone();
        situation["policy"] = patch["policy"].clone();
        situation
    };
    let unsure = |share: &str| {
        json!({
            "workload": {"share": share},
            "history": {"unattended": 9, "ended_by_themselves": 9},
        })
    };
    vec![
        case(
            "the canary fails badly and the stable pods do not",
            file,
            canary("critical", json!(0.6), json!(0.0)),
            EXECUTE,
        )
        .by(""),
        case(
            "a warning about the canary alone",
            file,
            canary("warning", json!(0.6), json!(0.0)),
            PART,
        )
        .by("severity share automatic_above"),
        case(
            "canary and stable pods fail alike",
            file,
            canary("critical", json!(0.2), json!(0.2)),
            ENVIRONMENT,
        )
        .by("old_was_good cause"),
        case(
            "only the stable pods fail",
            file,
            canary("critical", json!(0.0), json!(0.2)),
            ["human", "ask", "unknown", "none"],
        )
        .by("new_is_bad old_was_good cause"),
        case(
            "nobody measured the stable pods apart",
            file,
            canary("critical", json!(0.6), Value::Null),
            ASK,
        )
        .by("old_was_good"),
        case(
            "nobody measured the canary apart",
            file,
            canary("critical", Value::Null, json!(0.0)),
            ASK,
        )
        .by("new_is_bad"),
        case("not quite sure, and a partition can be moved", file, unsure("partition"), PART)
            .by("share automatic_above"),
        case("not quite sure, and members can go one by one", file, unsure("members"), PART)
            .by("share automatic_above"),
        case(
            "a kill switch stops a part as it stops the whole",
            file,
            with(json!({"rails": {"kill_switches": ["services/api-gateway"]}, "policy": {}})),
            ASK_PART,
        )
        .by("kill_switch"),
        case(
            "the policy only suggests a part",
            file,
            with(json!({"rails": {}, "policy": {"mode": "suggest"}})),
            ASK_PART,
        )
        .by("mode"),
        case(
            "too unsure even for a part",
            file,
            with(
                json!({"rails": {}, "policy": {"automatic_above": 0.999, "partial_above": 0.995}}),
            ),
            ASK,
        )
        .by("severity automatic_above"),
        case(
            "a warning after a change of the configuration, which goes back as a whole",
            "config-error",
            json!({"signal": {"severity": "warning"}, "workload": {"share": "routes"}}),
            ["partial", "ask", "configuration_error", "config_restore"],
        )
        .by("severity share automatic_above"),
    ]
}
