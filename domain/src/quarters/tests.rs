use chrono::FixedOffset;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn fact(subject: &str, facts: Value) -> Fact {
    Fact { subject: subject.into(), facts }
}

fn closing(zone: &FixedOffset, now: &str) -> Result<Quarter, Refusal> {
    let counted = Counted { facts: vec![fact("drills/DR-1", json!({}))], ..Counted::default() };
    let closing = Closing {
        zone,
        zone_name: "Asia/Shanghai",
        by: "pmo",
        now: now.parse().unwrap(),
        lang: Lang::Zh,
        audit: None,
    };
    close("2026-Q3".parse().unwrap(), &counted, closing)
}

#[test]
fn a_quarter_that_goes_on_is_not_closed() {
    let zone = FixedOffset::east_opt(8 * 3600).unwrap();
    assert_eq!(closing(&zone, "2026-09-30T15:59:59Z"), Err(Refusal::NotEnded));
    let quarter = closing(&zone, "2026-09-30T16:00:00Z").unwrap();
    assert_eq!((quarter.rows, quarter.ends), (1, quarter.closed_at));
    // A month is no quarter, however long ago it was.
    let month = "2020-01".parse().unwrap();
    assert_eq!(may_close(month, &zone, quarter.closed_at), Err(Refusal::NotEnded));
}

#[test]
fn the_digest_covers_every_row_and_figure() {
    let period = "2026-Q3".parse().unwrap();
    let facts = [fact("drills/DR-1", json!({"t1": 1})), fact("rollbacks/RB-1", json!({"a": null}))];
    let figures = Figures::default();
    let whole = digest(period, &figures, &facts);
    let turned = [facts[1].clone(), facts[0].clone()];
    assert_eq!(digest(period, &figures, &turned), whole, "the order of rows says nothing");

    let mut other = facts.clone();
    other[0].facts["t1"] = json!(2);
    assert_ne!(digest(period, &figures, &other), whole);
    assert_ne!(digest(period, &figures, &facts[..1]), whole);
    let mut counted = figures.clone();
    counted.drills.missed = 1;
    assert_ne!(digest(period, &counted, &facts), whole);
    assert_ne!(digest("2026-Q2".parse().unwrap(), &figures, &facts), whole);
}

#[test]
fn what_changed_afterwards_is_an_addendum() {
    let closed = [
        fact("drills/DR-1", json!({"state": "signed_off", "t1": 1})),
        fact("drills/DR-2", json!({"state": "missed"})),
        fact("drills/DR-3", json!({"limit": 1})),
    ];
    let now = [
        fact("drills/DR-1", json!({"state": "signed_off", "t1": 2})),
        fact("drills/DR-3", json!({"limit": 1.0})),
        fact("drills/DR-4", json!({})),
    ];
    let field = Field { name: "t1".into(), closed: json!(1), now: json!(2) };
    let addendum = |subject: &str, what| Addendum { subject: subject.into(), what };
    assert_eq!(
        addenda(&closed, &now),
        [
            addendum("drills/DR-1", What::Changed { fields: vec![field] }),
            addendum("drills/DR-2", What::Gone),
            addendum("drills/DR-4", What::Added),
        ]
    );
}

proptest! {
    /// There is an addendum exactly where the digest is another one.
    #[test]
    fn addenda_and_digest_agree(
        closed in prop::collection::btree_map("[ab]", 0u8..3, 0..3),
        now in prop::collection::btree_map("[ab]", 0u8..3, 0..3),
    ) {
        let facts = |rows: &BTreeMap<String, u8>| -> Vec<Fact> {
            rows.iter().map(|(subject, it)| fact(subject, json!({ "value": it }))).collect()
        };
        let (closed, now) = (facts(&closed), facts(&now));
        let of = |facts: &[Fact]| digest("2026-Q3".parse().unwrap(), &Figures::default(), facts);
        prop_assert_eq!(addenda(&closed, &now).is_empty(), of(&closed) == of(&now));
    }
}
