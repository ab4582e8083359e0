//! What people ask for: another person approves it, and what only holds the machine back does not hold them.

use serde_json::{Value, json};

use super::{Case, ON_REQUEST, case};
use crate::world::{C1, C2, V2, V3, revision};

fn asks(kind: &str, mut more: Value) -> Value {
    more["request"]["reason_kind"] = json!(kind);
    more
}

pub(super) fn cases() -> Vec<Case> {
    let file = "person-asks";
    let nothing = ["human", "ask", "unknown", "none"];
    let window =
        json!([{"name": "night", "from": "2026-03-03T10:00:00Z", "to": "2026-03-03T11:00:00Z"}]);
    let live = || revision(3, V3, "unknown", json!({}));
    vec![
        case(
            "the key function is down, says a person",
            file,
            asks("function_down", json!({})),
            ON_REQUEST,
        ),
        case("a security fix has to go back", file, asks("security", json!({})), ON_REQUEST),
        case(
            "old clients cannot connect any more",
            file,
            asks("client_incompatible", json!({})),
            ON_REQUEST,
        ),
        case(
            "the data are inconsistent, says a person",
            file,
            asks("data_inconsistent", json!({})),
            ["human", "ask", "data_problem", "snapshot_restore"],
        ),
        case(
            "a person asks while a quota is used up",
            file,
            asks("security", json!({"environment": [{"kind": "quota", "hits": "both"}]})),
            ["human", "ask", "resource_or_environment", "version_rollback"],
        ),
        case(
            "a person names the revision before the newest verified",
            file,
            asks("function_down", json!({"request": {"revision": 1}})),
            ON_REQUEST,
        ),
        case(
            "a person names the live revision",
            file,
            asks("function_down", json!({"request": {"revision": 3}})),
            nothing,
        ),
        case(
            "a person names a revision that is forbidden",
            file,
            asks(
                "function_down",
                json!({"request": {"revision": 2}, "revisions": [live(), revision(2, V2, "forbidden", json!({"rolled_out": true}))]}),
            ),
            nothing,
        ),
        case(
            "a person names a revision where only the configuration was changed",
            "config-error",
            asks(
                "function_down",
                json!({"request": {"revision": 2}, "revisions": [revision(3, V3, "unknown", json!({"config_digest": C2})), revision(2, V2, "verified", json!({"config_digest": C1}))]}),
            ),
            ["human", "ask", "configuration_error", "version_rollback"],
        ),
        case(
            "a person asks in a maintenance window",
            file,
            asks("function_down", json!({"rails": {"maintenance": window}})),
            ON_REQUEST,
        ),
        case(
            "a person asks in a freeze",
            file,
            asks("function_down", json!({"rails": {"freezes": window}})),
            ON_REQUEST,
        ),
        case(
            "a person asks under a kill switch",
            file,
            asks("function_down", json!({"rails": {"kill_switches": ["global"]}})),
            ON_REQUEST,
        ),
        case(
            "a person asks for what is open already",
            file,
            asks("function_down", json!({"rails": {"duplicate": true}})),
            ["suppressed", "none", "unknown", "version_rollback"],
        ),
        case(
            "a person asks in shadow mode",
            file,
            asks("function_down", json!({"policy": {"mode": "shadow"}})),
            ON_REQUEST,
        ),
        case(
            "a person asks where the alert would have acted",
            "bad-image",
            asks("function_down", json!({})),
            ["human", "ask", "code_defect", "version_rollback"],
        )
        .by(""),
    ]
}
