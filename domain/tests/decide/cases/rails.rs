//! What holds the machine back.

use serde_json::{Value, json};

use super::{ASK, Case, EXECUTE, HELD_BACK, ON_REQUEST, SUPPRESSED, case};
use crate::world::{C1, V2, V3};

pub(super) fn cases() -> Vec<Case> {
    let rails = |rails: Value| json!({"rails": rails});
    let mode = |mode: &str| json!({"policy": {"mode": mode}});
    let window =
        json!([{"name": "w", "from": "2026-03-03T10:00:00Z", "to": "2026-03-03T11:00:00Z"}]);
    let over = json!([{"name": "w", "from": "2026-03-03T09:00:00Z", "to": "2026-03-03T10:05:04Z"}]);
    let ended = |at: &str, to: &str| json!([{"ended_at": at, "to": {"digest": to}}]);
    let owner = |kind: &str| json!({"workload": {"owner": {"kind": kind, "name": "shop"}}});
    vec![
        case(
            "a kill switch is on",
            "bad-image",
            rails(json!({"kill_switches": ["global"]})),
            HELD_BACK,
        ),
        case(
            "nobody looked for kill switches",
            "bad-image",
            rails(json!({"kill_switches": null})),
            HELD_BACK,
        ),
        case("the policy's mode is suggest", "bad-image", mode("suggest"), HELD_BACK),
        case(
            "the policy's mode is shadow",
            "bad-image",
            mode("shadow"),
            ["automatic", "record_only", "code_defect", "version_rollback"],
        ),
        case(
            "the policy's mode is off",
            "bad-image",
            mode("off"),
            ["automatic", "none", "code_defect", "version_rollback"],
        ),
        case(
            "one of three crashes while the policy's mode is off",
            "one-of-three",
            mode("off"),
            ["human", "none", "code_defect", "version_rollback"],
        ),
        case("a person asks whatever the mode", "person-asks", mode("off"), ON_REQUEST),
        case(
            "something else rolls out",
            "bad-image",
            rails(json!({"other_rollouts": ["shop/Deployment/cart"]})),
            ASK,
        ),
        case(
            "a rollback is open already",
            "bad-image",
            rails(json!({"duplicate": true})),
            SUPPRESSED,
        ),
        case("a rollback of ours runs", "bad-image", rails(json!({"rollbacks": [{}]})), SUPPRESSED),
        case(
            "less than five minutes after the last rollback",
            "bad-image",
            rails(json!({"rollbacks": ended("2026-03-03T10:00:05Z", V2)})),
            SUPPRESSED,
        ),
        case(
            "five minutes after the last rollback",
            "bad-image",
            rails(json!({"rollbacks": ended("2026-03-03T10:00:04Z", V2)})),
            EXECUTE,
        ),
        case(
            "a drill's fault is rehearsed whatever the service has been through",
            "bad-image",
            rails(json!({
                "drill": "DR-20260303-01", "rollbacks": ended("2026-03-03T10:00:05Z", V2), "failures_in_a_row": 3,
                "automatic_this_hour": 3, "rolling_back_now": 3, "maintenance": window, "freezes": window,
                "held": [{"digest": V3}],
            })),
            EXECUTE,
        ),
        case(
            "a kill switch stops the rehearsal, too",
            "bad-image",
            rails(json!({"drill": "DR-20260303-01", "kill_switches": ["global"]})),
            HELD_BACK,
        ),
        case(
            "what runs was rolled back to",
            "bad-image",
            rails(json!({"rollbacks": ended("2026-03-03T08:00:00Z", V3)})),
            ASK,
        ),
        case(
            "the last change was ours",
            "bad-image",
            json!({"changes": [{"at": "2026-03-03T10:05:00Z", "what": ["image"], "ours": true}]}),
            ASK,
        ),
        case(
            "the same version again after a rollback",
            "bad-image",
            rails(json!({"held": [{"digest": V3, "config_digest": C1}]})),
            ASK,
        ),
        case(
            "three failures block",
            "bad-image",
            rails(json!({"failures_in_a_row": 3})),
            HELD_BACK,
        ),
        case(
            "three automatic in this hour",
            "bad-image",
            rails(json!({"automatic_this_hour": 3})),
            HELD_BACK,
        ),
        case(
            "three other services are being rolled back",
            "bad-image",
            rails(json!({"rolling_back_now": 3})),
            HELD_BACK,
        ),
        case("two other services are being rolled back", "bad-image", rails(json!({"rolling_back_now": 2})), EXECUTE),
        case("a maintenance window is open", "bad-image", rails(json!({"maintenance": window})), SUPPRESSED),
        case("the maintenance window is over", "bad-image", rails(json!({"maintenance": over})), EXECUTE),
        case("a freeze leaves it to people", "bad-image", rails(json!({"freezes": window})), ASK),
        case("somebody paused it", "bad-image", json!({"workload": {"paused": true}}), ASK),
        case(
            "our run paused it",
            "bad-image",
            json!({"workload": {"paused": true, "paused_by_us": true}}),
            EXECUTE,
        ),
        case(
            "a protected namespace",
            "bad-image",
            json!({"workload": {"protected": true}}),
            ["never", "none", "code_defect", "none"],
        ),
        case(
            "a protected namespace, also for a person",
            "person-asks",
            json!({"workload": {"protected": true}}),
            ["never", "none", "unknown", "none"],
        ),
        case("Argo CD would put it back", "bad-image", owner("argocd"), ASK),
        case("Flux would put it back", "bad-image", owner("flux"), ASK),
        case(
            "Flagger owns it",
            "bad-image",
            owner("flagger"),
            ["human", "ask", "code_defect", "traffic_switch"],
        ),
        case("nobody knows the owner", "bad-image", json!({"workload": {"owner": null}}), ASK),
        case("Helm installed it, and one member goes back", "bad-image", owner("helm"), EXECUTE),
        case(
            "the whole release goes back where the policy says so",
            "bad-image",
            json!({
                "policy": {"strategy": "release"},
                "workload": {"owner": {"kind": "helm", "name": "shop"}, "release": {
                    "name": "shop", "revision": 9, "members_changed": 1, "hooks_with_jobs": false,
                    "revisions": [
                        {"revision": 8, "status": "failed"},
                        {"revision": 7, "status": "superseded", "verdict": "verified"},
                    ],
                }},
            }),
            ["automatic", "execute", "code_defect", "helm_rollback"],
        ),
        case(
            "nobody can carry it out here",
            "bad-image",
            rails(json!({"able": ["restart"]})),
            HELD_BACK,
        ),
        case(
            "a person is not held up by a cool-down",
            "person-asks",
            rails(json!({"rollbacks": ended("2026-03-03T10:05:50Z", V2)})),
            ON_REQUEST,
        ),
        case(
            "a person asks while a rollback of ours runs",
            "person-asks",
            rails(json!({"rollbacks": [{}]})),
            ["suppressed", "none", "unknown", "version_rollback"],
        ),
        case(
            "nobody knows what the last rollback went back to, and nothing was deployed since",
            "bad-image",
            json!({"changes": [{"at": "2026-03-03T09:50:00Z", "what": ["image"]}], "rails": {"rollbacks": [{"ended_at": "2026-03-03T09:58:00Z"}]}}),
            ASK,
        ).by("rollback_of_rollback"),
        case(
            "nobody knows what an older rollback went back to, and something was deployed since",
            "bad-image",
            json!({"rails": {"rollbacks": [{"ended_at": "2026-03-03T09:58:00Z"}]}}),
            EXECUTE,
        ).by(""),
        case(
            "one of three crashes while the policy's mode is shadow",
            "one-of-three",
            mode("shadow"),
            ["human", "record_only", "code_defect", "version_rollback"],
        ).by("new_is_bad mode"),
        case(
            "a drill in a protected namespace",
            "bad-image",
            json!({"rails": {"drill": "DR-20260303-01"}, "workload": {"protected": true}}),
            ["never", "none", "code_defect", "none"],
        ),
        case(
            "kill switches of the whole cluster and of the service",
            "bad-image",
            rails(json!({"kill_switches": ["services/api-gateway", "clusters/lab"]})),
            HELD_BACK,
        ).by("kill_switch"),
        case(
            "two stop it at once: a cap and somebody's pause",
            "bad-image",
            json!({"rails": {"automatic_this_hour": 3}, "workload": {"paused": true}}),
            ASK,
        ).by("hourly_cap paused_by_other"),
    ]
}
