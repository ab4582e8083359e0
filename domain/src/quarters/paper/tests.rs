use chrono::FixedOffset;
use serde_json::json;

use super::*;
use crate::quarters::{AuditHead, Closing, Counted, PeriodFigures, close};
use crate::trends::Share;

fn zone() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).unwrap()
}

fn fact(subject: &str, facts: serde_json::Value) -> Fact {
    Fact { subject: subject.into(), facts }
}

fn closed(lang: Lang, counted: &Counted) -> Quarter {
    let closing = Closing {
        zone: &zone(),
        zone_name: "Asia/Shanghai",
        by: "pmo",
        now: "2026-10-08T01:00:00Z".parse().unwrap(),
        lang,
        audit: Some(AuditHead { entry: 7, hash: "ab".repeat(32) }),
    };
    close("2026-Q3".parse().unwrap(), counted, closing).unwrap()
}

fn counted() -> Counted {
    let with = |met| Figures { rto: Share { met, missed: 1, unknown: 0 }, ..Figures::default() };
    let of = |period: &str, figures| PeriodFigures { period: period.parse().unwrap(), figures };
    Counted {
        figures: with(9),
        months: ["2026-07", "2026-08", "2026-09"].map(|it| of(it, with(3))).into(),
        before: vec![of("2026-Q1", Figures::default()), of("2026-Q2", with(4))],
        facts: vec![
            fact(
                "drills/DR-20260702-01",
                json!({"service": "pay", "scenario": "*bold* #import \"x\" $x$ \\", "state": "signed_off",
                       "outcome": "passed", "t0": "2026-07-01T20:00:00Z", "planned_at": "2026-07-01T00:00:00Z"}),
            ),
            fact(
                "drills/DR-20260703-01",
                json!({"service": null, "scenario": "x".repeat(99), "state": "missed"}),
            ),
            fact(
                "measurements/2026-07-03/rpo/order-db",
                json!({"name": "rpo", "of": "order-db", "pass": 22, "fail": 1, "unknown": 1, "worst": 912.5, "unit": "s"}),
            ),
            fact(
                "rollbacks/RB-20260802-01",
                json!({"service": "pay", "state": "failed", "state_reason": "no"}),
            ),
            fact("rollbacks/RB-20260802-02", json!({"service": "pay", "state": "later_word"})),
            fact(
                "spot-checks/SC-20260803-01",
                json!({"service": "pay", "item": "PITR", "verdict": "fail", "created_at": "2026-08-01T00:00:00Z",
                       "recorded_at": "2026-08-03T00:00:00Z"}),
            ),
        ],
    }
}

#[test]
fn rows_stand_by_ledger_with_their_digests() {
    let counted = counted();
    let paper = paper(&closed(Lang::Zh, &counted), &counted.facts, &zone()).unwrap();
    let names: Vec<_> = paper.ledgers.iter().map(|it| (&*it.name, &*it.count)).collect();
    assert_eq!(
        names,
        [("演练台账", "2"), ("RTO / RPO 度量（按日）", "1"), ("回滚", "2"), ("抽检", "1")]
    );
    let row =
        |ledger: usize, row: usize| paper.ledgers[ledger].rows[row].0.each_ref().map(|it| &**it);
    // What somebody wrote stays as it was written.
    let drill = ["DR-20260702-01", "2026-07-02", "pay", "*bold* #import \"x\" $x$ \\", "通过"];
    assert_eq!(row(0, 0), drill);
    let missed = row(0, 1);
    assert_eq!((missed[1], missed[2], missed[4]), ("–", "–", "缺席"));
    assert_eq!(missed[3], format!("{}…", "x".repeat(80)));
    let measured = ["RPO", "2026-07-03", "order-db", "912.5 s", "达标 22，未达标 1，未知 1"];
    assert_eq!(row(1, 0), measured);
    assert_eq!([row(2, 0)[4], row(2, 1)[4]], ["失败", "未知"]);
    assert_eq!(row(3, 0), ["SC-20260803-01", "2026-08-03", "pay", "PITR", "不合格"]);
    let digest = counted.facts[0].digest().to_string();
    assert_eq!(format!("sha256:{}", paper.ledgers[0].rows[0].1.concat()), digest);
}

#[test]
fn figures_stand_beside_those_before() {
    let counted = counted();
    let paper = paper(&closed(Lang::En, &counted), &counted.facts, &zone()).unwrap();
    assert_eq!(paper.periods, ["26Q1", "26Q2", "26Q3"]);
    let rto = &paper.highlights[0];
    assert_eq!((&*rto.value, rto.change.as_deref()), ("90%", Some("+10 points")));
    // Nothing is not zero.
    let closure = &paper.figures.rows[2];
    assert_eq!(
        closure.iter().map(|it| &*it.0).collect::<Vec<_>>(),
        ["Closure, median", "–", "0", "–", "–"]
    );
    assert_eq!(paper.months.heads[1..], ["2026-07", "2026-08", "2026-09"]);
    assert_eq!(paper.months.rows[0][1], Cell("75%".into(), Some("3 / 4".into())));
    let rto: Vec<_> = paper.charts[0].series[0].points.iter().map(|it| &*it.shown).collect();
    assert_eq!(rto, ["–", "80%", "90%"]);
}

#[test]
fn what_is_attached_gives_the_digest() {
    let counted = counted();
    let quarter = closed(Lang::En, &counted);
    let paper = paper(&quarter, &counted.facts, &zone()).unwrap();
    assert_eq!(Digest::of(paper.frozen.as_bytes()), quarter.digest);
    assert_eq!(paper.foot[0][1], quarter.digest.to_string());
    assert_eq!(paper.foot[1][1], format!("#7 {}", "ab".repeat(32)));
    assert_eq!(paper.words.page, ["Page ", " of ", ""]);
}

#[test]
fn what_is_not_what_was_closed_is_not_printed() {
    let mut counted = counted();
    let quarter = closed(Lang::Zh, &counted);
    counted.facts[0].facts["outcome"] = json!("failed");
    assert_eq!(paper(&quarter, &counted.facts, &zone()), Err(Differs));
    let mut better = quarter;
    better.figures.rto.met += 1;
    assert_eq!(paper(&better, &super::tests::counted().facts, &zone()), Err(Differs));
}
