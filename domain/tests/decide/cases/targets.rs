//! What there is to go back to.

use domain::decide::decide;
use serde_json::{Value, json};

use super::{ASK, Case, HELD_BACK, case};
use crate::world::{C1, C2, V1, V2, V3, revision, situation};

pub(super) fn cases() -> Vec<Case> {
    let known = |revisions: Value| json!({"revisions": revisions});
    let live = || revision(3, V3, "unknown", json!({}));
    vec![
        case(
            "nobody knows the revisions",
            "bad-image",
            json!({"revisions": null}),
            ["human", "ask", "code_defect", "none"],
        ),
        case(
            "none was verified yet: a person may choose what was rolled out",
            "bad-image",
            known(json!([live(), revision(2, V2, "unknown", json!({"rolled_out": true}))])),
            ASK,
        ),
        case(
            "none was verified, and none was ever rolled out",
            "bad-image",
            known(json!([live(), revision(2, V2, "unknown", json!({}))])),
            ["never", "none", "code_defect", "none"],
        ),
        case(
            "the only other one is forbidden",
            "bad-image",
            known(json!([live(), revision(2, V2, "forbidden", json!({"rolled_out": true}))])),
            ["never", "none", "code_defect", "none"],
        ),
        case(
            "the only verified one was pruned, and its template was kept",
            "bad-image",
            known(json!([
                live(),
                revision(2, V2, "verified", json!({"present": false, "stored": true}))
            ])),
            HELD_BACK,
        ),
        case(
            "the only verified one was pruned and is gone",
            "bad-image",
            known(json!([live(), revision(2, V2, "verified", json!({"present": false}))])),
            ["never", "none", "code_defect", "none"],
        ),
        case(
            "the migration annotations of live and target differ",
            "bad-image",
            known(json!([live(), revision(2, V2, "verified", json!({"migration": "0041"}))])),
            ["human", "ask", "code_defect", "none"],
        ),
        case(
            "something differs from the target that cannot be changed in place",
            "bad-image",
            known(json!([
                live(),
                revision(2, V2, "verified", json!({"immutable_difference": true}))
            ])),
            ["human", "ask", "code_defect", "none"],
        ),
        case(
            "the target's configuration has moved on since",
            "bad-image",
            known(json!([live(), revision(2, V2, "verified", json!({"config_current": false}))])),
            HELD_BACK,
        ),
    ]
}

#[test]
fn the_target_is_the_newest_that_was_verified_and_never_just_the_one_before() {
    let target = |patch: Value| {
        let decision = decide(&situation("bad-image", &patch));
        decision.target.map(|it| it.revision)
    };
    let revisions = |list: Value| target(json!({"revisions": list}));
    let live = || revision(9, V3, "unknown", json!({}));
    let verified = |number, digest| revision(number, digest, "verified", json!({}));
    let unknown = |number, digest| revision(number, digest, "unknown", json!({"rolled_out": true}));
    let bad = |number, digest| revision(number, digest, "bad", json!({}));

    assert_eq!(revisions(json!([live(), verified(2, V2), verified(1, V1)])), Some(2));
    assert_eq!(revisions(json!([verified(1, V1), live(), verified(2, V2)])), Some(2));
    assert_eq!(revisions(json!([live(), unknown(8, V2), verified(1, V1)])), Some(1));
    assert_eq!(revisions(json!([live(), bad(8, V2), verified(1, V1)])), Some(1));
    // The number of the live version does not matter, nor that it was verified under another.
    assert_eq!(revisions(json!([live(), verified(8, V3), verified(1, V1)])), Some(1));
    // An undo gave version 2 a new number; it stays what it was found to be.
    assert_eq!(revisions(json!([live(), bad(2, V2), verified(7, V2), verified(1, V1)])), Some(1));
    assert_eq!(
        revisions(json!([live(), verified(2, V2), unknown(7, V2), verified(1, V1)])),
        Some(7)
    );
    // Under another configuration it was another version.
    let other = revision(2, V2, "bad", json!({"config_digest": C2}));
    assert_eq!(revisions(json!([live(), other, verified(7, V2), verified(1, V1)])), Some(7));
    // Rolled back from before.
    let held = json!({"rails": {"held": [{"digest": V2, "config_digest": C1}]}});
    assert_eq!(target(held), Some(1));
    // A person may name another that is not forbidden.
    let asks = |number: i64| {
        target(json!({"request": {"reason_kind": "function_down", "revision": number}}))
    };
    assert_eq!((asks(1), asks(3), asks(7)), (Some(1), None, None));
}
