//! What is wrong around the workload, and whose doing it is.

use serde_json::{Value, json};

use super::{ASK, Case, ENVIRONMENT, EXECUTE, case};
use crate::world::State::{Good, Lost, Never};
use crate::world::{V2, V3, both, pods, saying};

/// One new pod that never started beside three old ones that serve, with what the cluster says of it.
fn never(reason: &'static str, message: &str, changed: &[&str], around: Value) -> Value {
    json!({
        "changes": [{"at": "2026-03-03T10:05:00Z", "what": changed}],
        "pods": both(saying(message, pods(V3, &[Never(reason)])), pods(V2, &[Good, Good, Good])),
        "environment": around,
    })
}

fn hits(kind: &str, hits: &str) -> Value {
    json!([{"kind": kind, "hits": hits, "message": "as the cluster says it"}])
}

/// The live image comes from a place that no revision before used.
fn moved(mut situation: Value) -> Value {
    let image = "registry.elsewhere.example/api:1.3.0";
    situation["workload"] = json!({"live": {"images": [{"container": "api", "image": image}]}});
    situation
}

pub(super) fn cases() -> Vec<Case> {
    let file = "bad-image";
    let none = || json!([]);
    let timeout = "dial tcp 10.0.0.1:443: i/o timeout";
    let no_secret = "secret \"tls\" not found";
    let mut no_pod = never("unschedulable", "", &["resources"], hits("quota", "new"));
    no_pod["pods"] = json!(pods(V2, &[Good, Good, Good]));
    let mut evicted = never("failed", "Evicted", &["resources"], hits("eviction", "new"));
    evicted["pods"] = both(pods(V3, &[Lost("failed"), Lost("failed")]), pods(V2, &[Good]));
    let mut both_lack = never("cannot_start", no_secret, &["image"], none());
    both_lack["pods"] = both(
        saying(no_secret, pods(V3, &[Never("cannot_start")])),
        saying(no_secret, pods(V2, &[Good, Good, Never("cannot_start")])),
    );
    let measured = |around: Value| json!({"environment": around});
    vec![
        case(
            "the image's name does not exist",
            file,
            never("image_pull", "manifest unknown", &["image"], none()),
            EXECUTE,
        )
        .by(""),
        case(
            "the registry does not answer while a new image is pulled",
            file,
            never("image_pull", timeout, &["image"], none()),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the registry refuses the pull secret for the next tag",
            file,
            never("image_pull", "401 Unauthorized", &["image"], none()),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the new image names a registry that nobody used before",
            file,
            moved(never("image_pull", timeout, &["image"], none())),
            EXECUTE,
        )
        .by(""),
        case(
            "somebody saw that the registry of the new image is none",
            file,
            moved(never("image_pull", "", &["image"], hits("registry", "new"))),
            EXECUTE,
        )
        .by(""),
        case(
            "the registry is down, which only new pods notice",
            file,
            never("image_pull", "", &["image"], hits("registry", "new")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the new template names a pull secret that is not there",
            file,
            never("image_pull", "", &["spec"], hits("pull_secret", "new")),
            EXECUTE,
        )
        .by(""),
        case(
            "the pull secret was deleted",
            file,
            never("image_pull", "", &["image"], hits("pull_secret", "both")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the new template asks for more than the quota",
            file,
            never("unschedulable", "", &["resources"], hits("quota", "new")),
            EXECUTE,
        )
        .by(""),
        case(
            "a neighbour has used up the quota",
            file,
            never("unschedulable", "", &["image"], hits("quota", "new")),
            ENVIRONMENT,
        )
        .by("cause"),
        case("the quota of the new template lets no pod come into being", file, no_pod, ASK)
            .by("signal new_is_bad"),
        case(
            "the new affinity fits no node",
            file,
            never("unschedulable", "", &["spec"], hits("scheduling", "new")),
            EXECUTE,
        )
        .by(""),
        case(
            "the cluster is full, for old pods too",
            file,
            never("unschedulable", "", &["resources"], hits("scheduling", "both")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "a ConfigMap that the new template names is missing",
            file,
            never("cannot_start", "configmap \"flags\" not found", &["env"], none()),
            EXECUTE,
        )
        .by(""),
        case(
            "a Secret was deleted that every template names",
            file,
            never("cannot_start", no_secret, &["image"], none()),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the same Secret is missing for old pods that start anew",
            file,
            both_lack,
            ENVIRONMENT,
        )
        .by("old_was_good cause"),
        case(
            "the new image lacks its command",
            file,
            never("cannot_start", "exec: \"/api\": no such file or directory", &["image"], none()),
            EXECUTE,
        )
        .by(""),
        case(
            "new variables point at a database that is none; the old pods have theirs",
            file,
            never("crash_loop", "", &["env"], hits("dependency", "new")),
            EXECUTE,
        )
        .by(""),
        case(
            "the new version cannot reach its database; only the image was changed",
            file,
            never("crash_loop", "", &["image"], hits("dependency", "new")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the database is down for everybody",
            file,
            never("crash_loop", "", &["env"], hits("dependency", "both")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "nobody knows whom the dead queue hits",
            file,
            never("crash_loop", "", &["env"], hits("dependency", "unknown")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the new template mounts another certificate, which is not valid",
            file,
            never("crash_loop", "", &["volumes"], hits("certificate", "new")),
            EXECUTE,
        )
        .by(""),
        case(
            "the certificate has run out for old and new",
            file,
            never("crash_loop", "", &["volumes"], hits("certificate", "both")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the new template mounts a claim that is not there",
            file,
            never("cannot_start", "", &["volumes"], hits("volume", "new")),
            EXECUTE,
        )
        .by(""),
        case(
            "the same volume cannot be attached to the new pod",
            file,
            never("cannot_start", "", &["image"], hits("volume", "new")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "a network policy cuts the new pods off",
            file,
            never("crash_loop", "", &["image", "labels"], hits("network_policy", "new")),
            ENVIRONMENT,
        )
        .by("cause"),
        case("new pods that ask for more are evicted from two nodes", file, evicted, EXECUTE)
            .by(""),
        case(
            "the autoscaler is at its end under a wave of requests",
            "errors-after-deploy",
            measured(hits("hpa_at_maximum", "both")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "the autoscaler is at its end, and nobody knows for whom",
            "errors-after-deploy",
            measured(hits("hpa_at_maximum", "unknown")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "errors after a deploy while the database is down",
            "errors-after-deploy",
            measured(hits("dependency", "both")),
            ENVIRONMENT,
        )
        .by("cause"),
        case(
            "a claim of the old pods alone is broken",
            "errors-after-deploy",
            measured(hits("volume", "old")),
            ENVIRONMENT,
        )
        .by("cause"),
        case("somebody saw that the registry has no such image", file, json!({"changes": [{"at": "2026-03-03T10:05:00Z", "what": ["image"]}], "pods": both(pods(V3, &[Never("image_pull")]), pods(V2, &[Good])), "environment": [{"kind": "registry", "hits": "new", "message": "manifest unknown"}]}), EXECUTE).by(""),
    ]
}
