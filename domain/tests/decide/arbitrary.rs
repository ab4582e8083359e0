//! Situations that nobody thought of: the files, with members replaced from pools in which values meet and
//! unknown is always among them.

use domain::decide::Situation;
use domain::pods::BadReason;
use domain::signals::{Severity, WatchSignal};
use domain::{changes::Part, decide::situation::*, revisions::RevisionVerdict};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::world::{C1, C2, V1, V2, V3, file};

/// Situations near to those that the rules are made for: most facts are there, some are not.
pub(crate) fn situations() -> impl Strategy<Value = Situation> {
    let files = [
        "bad-image",
        "errors-after-deploy",
        "leak",
        "one-of-three",
        "registry-gone",
        "config-error",
        "weak-node",
        "inconsistent-data",
        "migration-between",
        "first-release",
        "forged-alert",
        "person-asks",
    ];
    // Few members at a time, so that what holds without them is met with them too.
    (select(files.to_vec()), proptest::collection::vec(members(), 0..5)).prop_map(
        |(name, members)| {
            let mut value = file(name);
            for (path, member) in members {
                put(&mut value, path, member);
            }
            serde_json::from_value(value.clone()).unwrap_or_else(|it| panic!("{it}: {value}"))
        },
    )
}

fn put(value: &mut Value, path: &str, member: Value) {
    let mut at = value;
    let (parents, last) = path.rsplit_once('.').map_or(("", path), |it| it);
    for name in parents.split('.').filter(|it| !it.is_empty()) {
        let Some(next) = at.as_object_mut().and_then(|it| it.get_mut(name)) else { return };
        at = next;
    }
    if let Value::Object(members) = at {
        members.insert(last.to_owned(), member);
    }
}

/// A path and what is put there.
fn members() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        3 => ("at", times()).prop_map(|(_, it)| ("at", it)),
        3 => known(times()).prop_map(|it| ("alert.onset", it)),
        2 => list(noticed()).prop_map(|it| ("alert.sources", it)),
        2 => known((noticed(), words(&["pass", "fail", "unknown"]), times()).prop_map(|(by, verdict, at)| {
            json!({"by": by, "verdict": verdict, "checked_at": at})
        })).prop_map(|it| ("alert.second_source", it)),
        5 => pods().prop_map(|it| ("pods", it)),
        3 => known(list(changes())).prop_map(|it| ("changes", it)),
        4 => known(list(revisions())).prop_map(|it| ("revisions", it)),
        2 => known(list(nodes())).prop_map(|it| ("nodes", it)),
        2 => known(list(troubles())).prop_map(|it| ("environment", it)),
        3 => rails(),
        3 => measurement(),
        3 => policy(),
        3 => workload(),
        2 => words_of(Severity::ALL.iter().map(|it| it.as_str())).prop_map(|it| ("signal.severity", it)),
        1 => numbers().prop_map(|it| ("signal.limit", it)),
        1 => numbers().prop_map(|it| ("signal.ceiling", it)),
        1 => words(&["greater", "less"]).prop_map(|it| ("signal.comparison", it)),
        1 => words(&["rollback", "incident"]).prop_map(|it| ("signal.opens", it)),
        1 => watch_signals().prop_map(|it| ("signal", it)),
        1 => known(any::<bool>().prop_map(Value::from)).prop_map(|it| ("data", json!({"inconsistent": it}))),
        1 => (0u32..9, 0u32..9, 0u32..9).prop_map(|(all, ended, failed)| {
            ("history", json!({"unattended": all, "ended_by_themselves": ended, "failed_recoveries": failed}))
        }),
        1 => known(words(&["function_down", "data_inconsistent", "security"]).prop_map(|it| {
            json!({"reason_kind": it})
        })).prop_map(|it| ("request", it)),
    ]
}

fn known(it: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    of(it).prop_map(|it| it.unwrap_or(Value::Null))
}

fn list(it: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::vec(it, 0..5).prop_map(Value::from)
}

fn words(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(words).prop_map(Value::from)
}

fn words_of(words: impl Iterator<Item = &'static str>) -> impl Strategy<Value = Value> {
    select(words.collect::<Vec<_>>()).prop_map(Value::from)
}

fn times() -> impl Strategy<Value = Value> {
    words(&[
        "0001-01-01T00:00:00Z",
        "2026-03-01T00:00:00Z",
        "2026-03-03T09:59:00Z",
        "2026-03-03T10:00:00Z",
        "2026-03-03T10:05:00Z",
        "2026-03-03T10:05:02Z",
        "2026-03-03T10:06:00Z",
        "2026-03-03T10:25:00Z",
        "2026-03-04T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ])
}

fn numbers() -> impl Strategy<Value = Value> {
    select(vec![0.0, -1.0, 0.05, 0.15, 0.5, 1.0, 49.0, 50.0, 1e300, -1e300]).prop_map(Value::from)
}

fn digests() -> impl Strategy<Value = Value> {
    words(&[V1, V2, V3])
}

fn configs() -> impl Strategy<Value = Value> {
    known(words(&[C1, C2]))
}

fn flags() -> impl Strategy<Value = Value> {
    known(any::<bool>().prop_map(Value::from))
}

fn noticed() -> impl Strategy<Value = Value> {
    words_of(Noticed::ALL.iter().map(|it| it.as_str()))
}

fn node() -> impl Strategy<Value = Value> {
    words(&["", "node-1", "node-2", "node-3", "node-4"])
}

fn pods() -> impl Strategy<Value = Value> {
    let bad = known(words_of(BadReason::ALL.iter().map(|it| it.as_str())));
    let pod = (known(node()), known(digests()), flags(), flags(), any::<bool>(), bad).prop_map(
        |(node, digest, ready, ever_ready, terminating, bad)| {
            json!({"name": "p", "node": node, "digest": digest, "ready": ready, "ever_ready": ever_ready,
                "terminating": terminating, "bad": bad})
        },
    );
    known(list(pod))
}

fn changes() -> impl Strategy<Value = Value> {
    let parts = list(words_of(Part::ALL.iter().map(|it| it.as_str())));
    (times(), parts, any::<bool>())
        .prop_map(|(at, what, ours)| json!({"at": at, "what": what, "ours": ours}))
}

fn revisions() -> impl Strategy<Value = Value> {
    let verdict = words_of(RevisionVerdict::ALL.iter().map(|it| it.as_str()));
    let flags = proptest::collection::vec(flags(), 6);
    let migration = known(words(&["0041", "0042"]));
    (0i64..9, digests(), configs(), verdict, flags, migration).prop_map(
        |(revision, digest, config_digest, verdict, flags, migration)| {
            let names = [
                "rolled_out", "present", "stored", "config_stored", "config_current", "immutable_difference",
            ];
            let mut value = json!({"revision": revision, "digest": digest, "config_digest": config_digest,
                "verdict": verdict, "migration": migration});
            for (name, flag) in names.into_iter().zip(flags) {
                value[name] = flag;
            }
            value
        },
    )
}

fn nodes() -> impl Strategy<Value = Value> {
    (node(), flags(), flags(), known(times())).prop_map(|(name, ready, pressure, rebooted_at)| {
        json!({"name": name, "ready": ready, "pressure": pressure, "rebooted_at": rebooted_at})
    })
}

pub(crate) fn troubles() -> impl Strategy<Value = Value> {
    let kinds = words_of(TroubleKind::ALL.iter().map(|it| it.as_str()));
    let hits = words_of(Hits::ALL.iter().map(|it| it.as_str()));
    (kinds, hits).prop_map(|(kind, hits)| json!({"kind": kind, "hits": hits}))
}

fn version() -> impl Strategy<Value = Value> {
    (digests(), configs())
        .prop_map(|(digest, config)| json!({"digest": digest, "config_digest": config}))
}

fn rails() -> impl Strategy<Value = (&'static str, Value)> {
    let window =
        || known(list((times(), times()).prop_map(|(from, to)| json!({"from": from, "to": to}))));
    let past = (known(times()), known(version()))
        .prop_map(|(ended_at, to)| json!({"ended_at": ended_at, "to": to}));
    let count = || known((0u32..5).prop_map(Value::from));
    prop_oneof![
        known(list(words(&["global", "services/api-gateway"])))
            .prop_map(|it| ("rails.kill_switches", it)),
        known(list(words(&["shop/Deployment/cart"]))).prop_map(|it| ("rails.other_rollouts", it)),
        flags().prop_map(|it| ("rails.duplicate", it)),
        known(list(past)).prop_map(|it| ("rails.rollbacks", it)),
        count().prop_map(|it| ("rails.failures_in_a_row", it)),
        count().prop_map(|it| ("rails.automatic_this_hour", it)),
        count().prop_map(|it| ("rails.rolling_back_now", it)),
        window().prop_map(|it| ("rails.maintenance", it)),
        window().prop_map(|it| ("rails.freezes", it)),
        known(list(version())).prop_map(|it| ("rails.held", it)),
        known(list(words(&["restart", "version_rollback"]))).prop_map(|it| ("rails.able", it)),
        Just(("rails", Value::Object(Map::new()))),
    ]
}

fn measurement() -> impl Strategy<Value = (&'static str, Value)> {
    let before = known(
        (0u32..1200, known((0u32..1200).prop_map(Value::from)))
            .prop_map(|(clean, watched)| json!({"clean_s": clean, "watched_s": watched})),
    );
    prop_oneof![
        known(numbers()).prop_map(|it| ("measurement.value", it)),
        known(numbers()).prop_map(|it| ("measurement.numerator", it)),
        known(numbers()).prop_map(|it| ("measurement.denominator", it)),
        known(numbers()).prop_map(|it| ("measurement.requests_in_window", it)),
        known(numbers()).prop_map(|it| ("measurement.new_value", it)),
        known(numbers()).prop_map(|it| ("measurement.old_value", it)),
        before.prop_map(|it| ("measurement.before", it)),
        Just(("measurement", Value::Object(Map::new()))),
    ]
}

fn policy() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        words(&["off", "shadow", "suggest", "auto"]).prop_map(|it| ("policy.mode", it)),
        Just(("policy.automatic_rules", json!(["PodCrashLoop", "HighErrorRate", "MemoryHigh"]))),
        Just(("policy.strategy", json!("release"))),
        numbers().prop_map(|it| ("policy.automatic_above", it)),
        numbers().prop_map(|it| ("policy.partial_above", it)),
        Just(("policy.gates", json!({"attribution_s": 0, "clean_before_s": 0, "min_requests": 0}))),
        Just(("policy.rails", json!({"cooldown_s": 4_000_000_000u32, "per_rule_hour": 0}))),
    ]
}

fn workload() -> impl Strategy<Value = (&'static str, Value)> {
    let owner = words(&["helm", "argocd", "flux", "flagger"])
        .prop_map(|it| json!({"kind": it, "name": "o"}));
    let release = list((0i64..9, words(&["deployed", "failed", "pending"]), words(&["verified", "bad"]))
        .prop_map(|(revision, status, verdict)| json!({"revision": revision, "status": status, "verdict": verdict})));
    let release = (release, flags()).prop_map(|(revisions, hooks)| {
        json!({"name": "r", "revision": 3, "members_changed": 2, "hooks_with_jobs": hooks, "revisions": revisions})
    });
    prop_oneof![
        known(owner).prop_map(|it| ("workload.owner", it)),
        known(release).prop_map(|it| ("workload.release", it)),
        flags().prop_map(|it| ("workload.paused", it)),
        flags().prop_map(|it| ("workload.protected", it)),
        known(words_of(Share::ALL.iter().map(|it| it.as_str())))
            .prop_map(|it| ("workload.share", it)),
        known(words(&["settled", "progressing"]).prop_map(|it| json!({"state": it})))
            .prop_map(|it| ("workload.rollout", it)),
        words(&["Deployment", "StatefulSet", "DaemonSet"]).prop_map(|it| ("workload.kind", it)),
        configs().prop_map(|it| ("workload.live.config_digest", it)),
        digests().prop_map(|it| ("workload.live.digest", it)),
    ]
}

fn watch_signals() -> impl Strategy<Value = Value> {
    words_of(WatchSignal::ALL.iter().map(|it| it.as_str()))
        .prop_map(|it| json!({"name": "Watched", "severity": "critical", "limit": 0, "watch": it}))
}

/// What nobody would write, and somebody does.
pub(crate) fn garbage() -> impl Strategy<Value = Value> {
    let strange = vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(f64::MAX),
        json!(f64::MIN_POSITIVE),
        json!(""),
        json!("\u{0}\u{202e}'; --"),
        json!("+262142-12-31T23:59:59.999999999Z"),
        json!("-262143-01-01T00:00:00Z"),
        json!([]),
        json!({}),
        json!([null]),
    ];
    select(strange)
}
