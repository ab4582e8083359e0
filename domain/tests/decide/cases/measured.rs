//! What was measured, and by whom.

use serde_json::json;

use super::{ASK, Case, EXECUTE, case};
use crate::world::State::Good;
use crate::world::{V2, V3, both, pods};

pub(super) fn cases() -> Vec<Case> {
    let second = |verdict: &str, at: &str| {
        let second = json!({"by": "promql", "verdict": verdict, "checked_at": at});
        json!({"alert": {"second_source": second}})
    };
    vec![
        case(
            "no second source agrees with the webhook",
            "errors-after-deploy",
            json!({"alert": {"second_source": null}}),
            ASK,
        ),
        case(
            "the second source could not tell",
            "errors-after-deploy",
            second("unknown", "2026-03-03T10:05:59Z"),
            ASK,
        ),
        case(
            "the second source agreed too late",
            "errors-after-deploy",
            second("pass", "2026-03-03T10:06:09Z"),
            ASK,
        ),
        case(
            "the second source agreed within ten seconds",
            "errors-after-deploy",
            second("pass", "2026-03-03T10:06:08Z"),
            EXECUTE,
        ),
        case(
            "a webhook confirms no webhook",
            "errors-after-deploy",
            json!({"alert": {"second_source": {"by": "webhook"}}}),
            ASK,
        ),
        case(
            "our own PromQL needs no second",
            "errors-after-deploy",
            json!({"alert": {"sources": ["webhook", "promql"], "second_source": null}}),
            EXECUTE,
        ),
        case(
            "too few requests say nothing",
            "errors-after-deploy",
            json!({"measurement": {"requests_in_window": 49}}),
            ASK,
        ),
        case(
            "fifty requests say enough",
            "errors-after-deploy",
            json!({"measurement": {"requests_in_window": 50}}),
            EXECUTE,
        ),
        case(
            "nobody counted the requests",
            "errors-after-deploy",
            json!({"measurement": {"requests_in_window": null}}),
            ASK,
        ),
        case(
            "no errors beside living traffic are none",
            "errors-after-deploy",
            json!({"measurement": {"numerator": null}}),
            ASK,
        ),
        case(
            "no traffic measured is no share",
            "errors-after-deploy",
            json!({"measurement": {"denominator": null}}),
            ASK,
        ),
        case(
            "old and new serve together and are not told apart",
            "errors-after-deploy",
            json!({"pods": both(pods(V3, &[Good]), pods(V2, &[Good]))}),
            ASK,
        ),
        case(
            "old and new serve together, told apart, and only the new one is bad",
            "errors-after-deploy",
            json!({
                "pods": both(pods(V3, &[Good]), pods(V2, &[Good])),
                "measurement": {"new_value": 0.3, "old_value": 0.0},
            }),
            EXECUTE,
        ),
        case(
            "an alert of twenty minutes is too old",
            "bad-image",
            json!({"at": "2026-03-03T10:25:02Z"}),
            ASK,
        ),
        case(
            "an alert a second younger than twenty minutes",
            "bad-image",
            json!({"at": "2026-03-03T10:25:01Z"}),
            EXECUTE,
        ),
        case(
            "the sender says that it began in 1970",
            "bad-image",
            json!({"alert": {"starts_at": "1970-01-01T00:00:00Z"}}),
            EXECUTE,
        ),
        case(
            "an onset in the future",
            "bad-image",
            json!({"alert": {"onset": "2026-03-03T11:00:00Z"}}),
            ASK,
        ),
        case(
            "info never acts, not even where it is named",
            "bad-image",
            json!({"signal": {"severity": "info"}, "policy": {"automatic_rules": ["PodCrashLoop"]}}),
            ASK,
        ),
        case(
            "a warning acts in part, and a Deployment has no part",
            "bad-image",
            json!({"signal": {"severity": "warning"}}),
            ["partial", "ask", "code_defect", "version_rollback"],
        ),
        case(
            "a warning acts in part where there is one",
            "bad-image",
            json!({"signal": {"severity": "warning"}, "workload": {"share": "members"}}),
            ["partial", "execute", "code_defect", "version_rollback"],
        ),
        case(
            "a warning that the policy names is automatic",
            "bad-image",
            json!({"signal": {"severity": "warning"}, "policy": {"automatic_rules": ["PodCrashLoop"]}}),
            EXECUTE,
        ),
        case(
            "a named rule needs no score, but every gate",
            "errors-after-deploy",
            json!({
                "policy": {"automatic_rules": ["HighErrorRate"], "automatic_above": 1.0, "partial_above": 1.0},
                "measurement": {"before": {"clean_s": 0}},
            }),
            ASK,
        ),
        case(
            "a named rule needs no score",
            "errors-after-deploy",
            json!({"policy": {"automatic_rules": ["HighErrorRate"], "automatic_above": 1.0, "partial_above": 1.0}}),
            EXECUTE,
        ),
        case(
            "a signal that opens an incident proposes no rollback",
            "bad-image",
            json!({"signal": {"opens": "incident"}}),
            ["human", "ask", "code_defect", "none"],
        ),
    ]
}
