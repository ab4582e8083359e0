//! What was changed, and when.

use serde_json::{Value, json};

use super::{ASK, Case, EXECUTE, case};
use crate::world::State::{Good, Never};
use crate::world::{V2, V3, both, pods};

pub(super) fn cases() -> Vec<Case> {
    let changes = |at: &str, what: Value| json!({"changes": [{"at": at, "what": what}]});
    let unknown = |strategy| ["human", "ask", "unknown", strategy];
    vec![
        case("nothing was changed", "bad-image", json!({"changes": []}), unknown("none")),
        case("nobody looked for changes", "bad-image", json!({"changes": null}), unknown("none")),
        case(
            "a restart is no change",
            "bad-image",
            changes("2026-03-03T10:05:00Z", json!(["restart"])),
            unknown("none"),
        ),
        case(
            "labels and replicas are no change",
            "bad-image",
            changes("2026-03-03T10:05:00Z", json!(["labels", "replicas", "annotations"])),
            unknown("none"),
        ),
        case(
            "something was changed, nobody knows what",
            "bad-image",
            changes("2026-03-03T10:05:00Z", json!([])),
            unknown("none"),
        ),
        case(
            "the change lies an hour before the trouble",
            "bad-image",
            changes("2026-03-03T09:05:02Z", json!(["env"])),
            EXECUTE,
        ),
        case(
            "the change lies an hour and a second before the trouble",
            "bad-image",
            changes("2026-03-03T09:05:01Z", json!(["env"])),
            unknown("none"),
        ),
        case(
            "the change came after the trouble",
            "bad-image",
            json!({"alert": {"onset": "2026-03-03T10:01:00Z"}}),
            unknown("none"),
        ),
        case(
            "Kubernetes cuts seconds off, which is no trouble before the change",
            "bad-image",
            json!({"alert": {"onset": "2026-03-03T10:04:59Z"}}),
            EXECUTE,
        ),
        case(
            "the newest change counts, in whatever order they are told",
            "bad-image",
            json!({"changes": [
                {"at": "2026-03-01T10:00:00Z", "what": ["config"]},
                {"at": "2026-03-03T10:05:00Z", "what": ["resources"]},
                {"at": "2026-03-03T10:05:01Z", "what": ["replicas"]},
            ]}),
            EXECUTE,
        ),
        case(
            "the signal was bad before the change",
            "bad-image",
            json!({"measurement": {"before": {"clean_s": 60}}}),
            ASK,
        ),
        case(
            "nobody knows how it was before",
            "bad-image",
            json!({"measurement": {"before": null}}),
            ASK,
        ),
        case(
            "clean, but not watched for ten minutes",
            "bad-image",
            json!({"measurement": {"before": {"clean_s": 300, "watched_s": 300}}}),
            ASK,
        ),
        case(
            "new limits let the container die for want of memory",
            "bad-image",
            json!({
                "signal": {"name": "PodOOMKilled", "severity": "critical", "limit": 0},
                "changes": [{"at": "2026-03-03T10:05:00Z", "what": ["resources"]}],
                "pods": both(pods(V3, &[Never("oom")]), pods(V2, &[Good, Good, Good])),
            }),
            EXECUTE,
        ),
    ]
}
