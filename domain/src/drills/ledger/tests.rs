use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Asia::Shanghai;
use proptest::prelude::*;

use super::import::{Entry, Head, IMPORTED, Note, Problem, Reader, Table, Why, read};
use super::*;
use crate::drills::closing::Outcome;
use crate::drills::{
    ActionItem, CauseClass, DrillType, Issue, OfService, SignOff, State, Times, Verified,
};
use crate::evidence::Sha256;
use crate::ids::ServiceId;
use crate::measurements::{Measurement, Target, Window};
use crate::verdict::Verdict;

fn at(minute: i64) -> DateTime<Utc> {
    "2026-10-16T02:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minute)
}

fn reader() -> Reader {
    Reader { zone: Shanghai, now: at(100_000), by: "user:paula".into() }
}

fn table(heads: &[&str], rows: &[&[&str]]) -> Table {
    let own = |row: &[&str]| row.iter().map(|it| (*it).to_owned()).collect();
    let rows = (2..).zip(rows.iter().map(|it| own(it))).collect();
    Table { head_line: 1, heads: own(heads), rows }
}

fn imported(heads: &[&str], row: &[&str]) -> Entry {
    let (mut entries, problems) = read(&table(heads, &[row]), &reader());
    assert_eq!(problems, []);
    entries.remove(0)
}

fn refused(heads: &[&str], row: &[&str]) -> Vec<(String, Why)> {
    let (entries, problems) = read(&table(heads, &[row]), &reader());
    assert!(entries.is_empty(), "{entries:?}");
    let named = |it: Problem| {
        let column = it.column.map(|it| it.text(Lang::En).to_owned());
        (column.unwrap_or_default(), it.why)
    };
    problems.into_iter().map(named).collect()
}

/// Signed off, with something in every column.
fn whole() -> Drill {
    let window = Window { from: at(0), to: at(90) };
    let targets = vec![Target::within("rto", 900.0), Target::within("mttd", 10.0)];
    let measured = |name: &str, value, unit: &str| Measurement {
        value: Some(value),
        unit: unit.into(),
        verdict: targets.iter().find(|it| it.name == name).map(|it| it.verdict(value)),
        ..Measurement::span(name, window, "clock".into(), &[])
    };
    let issue = Issue {
        text: "缓存击穿, \"twice\"".into(),
        about: Some("rto".into()),
        class: Some(CauseClass::Capacity),
        cause: "预热不足".into(),
        remedy: "preheat".into(),
        by: "user:lena".into(),
        at: at(80),
    };
    let verified = Verified { by: "paula".into(), at: at(200), evidence: Sha256::new([7; 32]) };
    let action = ActionItem {
        position: 1,
        text: "=HYPERLINK(\"x\")".into(),
        owner: "mo".into(),
        due: at(5_000),
        critical: true,
        verified: Some(verified),
    };
    Drill {
        number: "DR-20261016-01".into(),
        script: Some("DR-SQL-01".into()),
        service: Some(OfService { id: ServiceId::NEW, name: "pay".into(), team: "t".into() }),
        lead: Some("lena".into()),
        participants: vec!["mo".into(), "业务".into()],
        targets: targets.clone(),
        measurements: vec![
            measured("rto", 840.5, "s"),
            measured("p95", 12.25, "ms"),
            measured("error_rate", 0.015, "ratio"),
            measured("mttd", 5.0, "s"),
        ],
        issues: vec![issue],
        actions: vec![action],
        links: vec!["截图 https://s3/a.png".into()],
        event: Some("https://events.example/4711".into()),
        times: Times {
            injected_at: Some(at(0)),
            t0: Some(at(0)),
            recovered_at: Some(at(14)),
            t1: Some(at(90)),
        },
        state: State::SignedOff(SignOff {
            by: "paula".into(),
            at: at(300),
            note: "好".into(),
            outcome: Outcome::Passed,
            retest_due: None,
        }),
        ..Drill::of("数据库恢复".into(), DrillType::Parallel, at(-60))
    }
}

/// As a CSV reader takes it apart again.
fn exported(drill: &Drill, lang: Lang) -> (Vec<String>, Vec<String>) {
    let sheet = Sheet { lang, zone: Shanghai };
    let heads = Column::all().iter().map(|it| it.head(lang).to_owned()).collect();
    let text = |cell: &Cell| match cell {
        Cell::Empty => String::new(),
        Cell::Text(it) => crate::cells::text(it).into_owned(),
        Cell::Number(it) => it.to_string(),
        Cell::At(it) => moment(*it, Shanghai),
    };
    (heads, cells(drill, &[], sheet).iter().map(text).collect())
}

#[test]
fn heads_are_known_in_both_languages_and_mean_one_column() {
    for column in Column::all() {
        for lang in Lang::ALL {
            assert_eq!(Column::of_head(column.head(*lang)), Some(column));
        }
    }
    for (head, column) in [
        ("场景/脚本", Column::Template(Template::ScenarioAndScript)),
        ("起止时间（T0/T1)", Column::Template(Template::Times)),
        (" rto ", Column::Value(Metric::Rto)),
        ("\u{feff}编号", Column::Number),
        ("证据链接", Column::Evidence),
    ] {
        assert_eq!(Column::of_head(head), Some(column), "{head}");
    }
    assert_eq!(Column::of_head(""), None);
}

#[test]
fn what_is_exported_is_imported_and_exported_again_the_same() {
    for lang in Lang::ALL {
        let (heads, row) = exported(&whole(), *lang);
        let table = Table { head_line: 1, heads, rows: vec![(2, row.clone())] };
        let (entries, problems) = read(&table, &reader());
        assert_eq!(problems, []);
        let Entry { drill, service, notes, .. } = &entries[0];
        assert_eq!((service.as_deref(), notes.as_slice()), (Some("pay"), &[][..]));
        assert_eq!(drill.actions, whole().actions, "no apostrophe stays");
        assert!(drill.measurements.iter().all(|it| it.source == IMPORTED));
        let drill = Drill { service: whole().service, ..drill.clone() };
        let (_, mut again) = exported(&drill, *lang);
        // All that differs is whose values they are.
        let source = Column::all().iter().position(|it| *it == Column::Source).unwrap();
        assert_ne!(again[source], row[source]);
        again[source].clone_from(&row[source]);
        assert_eq!(again, row);
    }
}

#[test]
fn the_template_of_the_older_ledger_is_read() {
    let heads = [
        "编号",
        "场景/脚本",
        "负责人/参与人",
        "起止时间（T0/T1)",
        "指标结果",
        "证据链接",
        "问题与行动项",
        "闭环确认",
    ];
    let entry = imported(
        &heads,
        &[
            "DR-20240512-01",
            "DR-SQL-01 PITR 恢复",
            "lena、mo、AI 平台",
            "2024-05-12 10:00 至 11:20",
            "RTO 12 min；RPO 3min，SLA 99.95 %；错误率 0.2%",
            "监控截图 https://a\n日志哈希 abc",
            "- 主备延迟偏高\n- 补监控（负责人：mo，截止：2024-06-01）",
            "PMO 签字：paula 2024-05-12 https://tickets/7",
        ],
    );
    let drill = &entry.drill;
    assert_eq!((drill.script.as_deref(), &*drill.scenario), (Some("DR-SQL-01"), "PITR 恢复"));
    assert_eq!(drill.lead.as_deref(), Some("lena"));
    assert_eq!(drill.participants, ["mo", "AI 平台"]);
    assert_eq!(drill.times.t0, Some("2024-05-12T02:00:00Z".parse().unwrap()));
    assert_eq!(drill.closure(), Some(TimeDelta::minutes(80)));
    let value = |name| drill.measurement(name).and_then(|it| it.value);
    assert_eq!(
        [value("rto"), value("rpo"), value("sla"), value("error_rate")],
        [Some(720.0), Some(180.0), Some(0.9995), Some(0.002)]
    );
    assert_eq!(drill.issues.len(), 1);
    assert_eq!((&*drill.actions[0].text, &*drill.actions[0].owner), ("补监控", "mo"));
    assert_eq!(drill.links.len(), 3);
    let signed = drill.state.sign_off().unwrap();
    assert_eq!((&*signed.by, signed.at), ("paula", drill.times.t1.unwrap()));
    // Nothing says what it had to reach, so nothing says that it did.
    assert_eq!(signed.outcome, Outcome::Incomplete);
    assert!(entry.notes.contains(&Note::OutcomeDerived(Outcome::Incomplete)));
}

#[test]
fn who_signed_is_a_name_also_where_that_is_the_name_of_a_role() {
    let heads = ["编号", "场景", "T0", "T1", "闭环确认"];
    for (text, by) in [
        ("PMO 签字：paula 2024-05-12", "paula"),
        ("PMO 2024-05-12 https://tickets/7", "PMO"),
        ("签字: 张三", "张三"),
    ] {
        let row = ["DR-20240512-01", "x", "2024-05-12 10:00", "2024-05-12 11:00", text];
        let drill = imported(&heads, &row).drill;
        assert_eq!(drill.state.sign_off().map(|it| &*it.by), Some(by), "{text}");
    }
}

const HEADS: [&str; 9] =
    ["Number", "State", "Scenario", "Lead", "T0", "T1", "Signed off by", "RTO", "RTO target"];

fn row<'a>(changes: &[(usize, &'a str)]) -> [&'a str; 9] {
    let mut row = [
        "DR-20240512-01",
        "signed_off",
        "PITR",
        "lena",
        "2024-05-12 10:00",
        "2024-05-12 11:20",
        "paula",
        "12 min",
        "<= 15 min",
    ];
    for (index, text) in changes {
        row[*index] = text;
    }
    row
}

#[test]
fn what_cannot_be_read_is_named_by_its_column() {
    assert_eq!(imported(&HEADS, &row(&[])).drill.outcome(at(0)), Outcome::Passed);
    for (changes, column, why) in [
        (vec![(0, "")], "Number", Why::Required),
        (vec![(0, "DR-20240231-01")], "Number", Why::NotANumber),
        (vec![(0, "DR-20240512-00")], "Number", Why::NotANumber),
        (vec![(1, "running")], "State", Why::Open),
        (vec![(2, " ")], "Scenario", Why::Required),
        (vec![(4, "yesterday")], "T0", Why::NotAMoment),
        (vec![(4, "2024-05-12")], "T0", Why::NotAMoment),
        (vec![(5, "2024-05-12 09:59")], "T1", Why::BeforeT0),
        (vec![(5, "2099-05-12 09:59")], "T1", Why::InFuture),
        (vec![(5, "")], "T1", Why::Required),
        (vec![(6, "lena")], "Signed off by", Why::SignerTookPart),
        (vec![(6, "")], "Signed off by", Why::Required),
        (vec![(7, "soon")], "RTO", Why::NotAQuantity),
        (vec![(8, "15 min")], "RTO target", Why::NotATarget),
        (vec![(1, "missed"), (5, "")], "T0", Why::HasT0),
        (vec![(1, "aborted"), (4, ""), (5, "")], "Reason", Why::Required),
    ] {
        assert_eq!(refused(&HEADS, &row(&changes)), [(column.to_owned(), why)], "{changes:?}");
    }
}

#[test]
fn unknown_is_never_a_pass() {
    let heads: Vec<&str> = HEADS.into_iter().chain(["Outcome", "RTO verdict"]).collect();
    for (value, outcome, verdict, fault) in [
        ("not measured", "passed", "", Some(("Outcome", Why::BetterThanMeasured))),
        ("20 min", "通过", "", Some(("Outcome", Why::BetterThanMeasured))),
        ("20 min", "failed", "met", Some(("RTO verdict", Why::OtherVerdict))),
        ("not measured", "incomplete", "达标", Some(("RTO verdict", Why::OtherVerdict))),
        ("20 min", "未通过", "未达标", None),
        ("", "incomplete", "", None),
    ] {
        let row: Vec<&str> = row(&[(7, value)]).into_iter().chain([outcome, verdict]).collect();
        match fault {
            Some((column, why)) => {
                assert_eq!(refused(&heads, &row), [(column.to_owned(), why)], "{row:?}");
            }
            None => {
                let drill = imported(&heads, &row).drill;
                let failed = drill.state.sign_off().unwrap().outcome == Outcome::Failed;
                assert_eq!(drill.state.sign_off().unwrap().retest_due.is_some(), failed);
                let verdict = drill.measurement("rto").and_then(|it| it.verdict);
                assert_ne!(verdict, Some(Verdict::Pass));
            }
        }
    }
}

#[test]
fn a_table_that_is_none_is_refused_whole() {
    let numbers = table(&["Number", "Colour", "number", ""], &[]);
    let (_, problems) = read(&numbers, &reader());
    let named = |it: &Problem| (it.column.clone(), it.why.clone());
    let head = |it: &str| Some(Head::Written(it.into()));
    assert_eq!(
        problems.iter().map(named).collect::<Vec<_>>(),
        [
            (head("Colour"), Why::UnknownColumn),
            (head("number"), Why::ColumnTwice),
            (head("#4"), Why::UnknownColumn),
        ]
    );
    let whys = |table: &Table| {
        read(table, &reader()).1.into_iter().map(|it| (it.line, it.why)).collect::<Vec<_>>()
    };
    assert_eq!(whys(&table(&["Scenario"], &[])), [(None, Why::NumberMissing)]);
    assert_eq!(whys(&table(&HEADS, &[])), [(None, Why::NoRows)]);
    let twice = table(&HEADS, &[&row(&[]), &row(&[]), &["DR-20240512-02"]]);
    let ragged = Why::Ragged { found: 1, expected: HEADS.len() };
    assert_eq!(whys(&twice), [(Some(3), Why::Twice { line: 2 }), (Some(4), ragged)]);
}

#[test]
fn moments_are_read_as_people_write_them() {
    let heads = ["Number", "State", "Scenario", "Reason", "T0"];
    for (text, utc) in [
        ("2024-05-12 10:00", "2024-05-12T02:00:00Z"),
        ("2024/5/12 10:00:30", "2024-05-12T02:00:30Z"),
        ("2024年5月12日 10:00", "2024-05-12T02:00:00Z"),
        ("2024-05-12 10:00 +08:00", "2024-05-12T02:00:00Z"),
        ("2024-05-12 10:00 (UTC+8)", "2024-05-12T02:00:00Z"),
        ("2024-05-12T10:00:00Z", "2024-05-12T10:00:00Z"),
        ("2024-05-12 10:00 UTC", "2024-05-12T10:00:00Z"),
        ("2024-05-12 10:00 GMT-3:30", "2024-05-12T13:30:00Z"),
    ] {
        let row = ["DR-20240512-01", "aborted", "x", "y", text];
        let t0 = imported(&heads, &row).drill.times.t0;
        assert_eq!(t0, Some(utc.parse().unwrap()), "{text}");
    }
}

proptest! {
    #[test]
    fn whatever_stands_in_a_cell_nothing_panics(cells in prop::collection::vec("\\PC{0,40}|[ -~\\n]{0,40}|[0-9:/ .-]{0,24}", Column::all().len())) {
        let heads: Vec<String> = Column::all().iter().map(|it| it.head(Lang::En).to_owned()).collect();
        prop_assert_eq!(heads.len(), cells.len());
        let (entries, problems) = read(&Table { head_line: 1, heads, rows: vec![(2, cells)] }, &reader());
        prop_assert!(entries.is_empty() != problems.is_empty());
    }

    #[test]
    fn no_exported_cell_is_a_formula_and_every_text_comes_back(
        scenario in "[=+@|%'＝\\t -]{0,3}[^\\r\\n\\x00]{1,30}", note in "\\PC{0,30}", lead in "[=+@-]?[a-z李]{1,8}",
    ) {
        prop_assume!(!scenario.trim().is_empty() && !scenario.trim().starts_with('\''));
        let mut drill = whole();
        drill.scenario = scenario.trim().to_owned();
        drill.lead = Some(lead.clone());
        if let State::SignedOff(signed) = &mut drill.state {
            signed.note = note.trim().trim_start_matches('\'').trim().to_owned();
        }
        let (heads, row) = exported(&drill, Lang::Zh);
        for cell in &row {
            let seen = cell.trim_start_matches([' ', '\u{3000}', '\u{a0}']);
            let number = cell.parse::<f64>().is_ok();
            prop_assert!(number || !seen.starts_with(['=', '+', '-', '@', '\t', '＝']), "{}", cell);
        }
        let (entries, problems) = read(&Table { head_line: 1, heads, rows: vec![(2, row)] }, &reader());
        prop_assert_eq!(problems, vec![]);
        let read = &entries[0].drill;
        prop_assert_eq!(&read.scenario, &drill.scenario);
        prop_assert_eq!(&read.lead, &drill.lead);
    }
}
