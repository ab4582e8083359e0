use chrono::{FixedOffset, TimeZone};
use domain::quarters::paper::paper;
use domain::quarters::{AuditHead, Closing, Counted, Fact, PeriodFigures, close};
use domain::texts::Lang;
use domain::trends::{Figures, Period, Share};

use super::*;

/// What markup would make something else of.
const MARKUP: &str = "#import \"x\": y *bold* _it_ $x$ \\ `raw` <a> @b // c";

fn zone() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).unwrap()
}

fn document(lang: Lang, drills: usize) -> Document {
    let period: Period = "2026-Q3".parse().unwrap();
    let figures = Figures { rto: Share { met: 9, missed: 1, unknown: 0 }, ..Figures::default() };
    let named = |period| PeriodFigures { period, figures: Figures::default() };
    let fact = |n| Fact {
        subject: format!("drills/DR-20260702-{n:04}"),
        facts: json!({"service": "支付", "scenario": MARKUP, "state": "missed"}),
    };
    let counted = Counted {
        figures,
        months: period.months().into_iter().map(named).collect(),
        before: period.previous().last(7).into_iter().map(named).collect(),
        facts: (0..drills).map(fact).collect(),
    };
    let closing = Closing {
        zone: &zone(),
        zone_name: "Asia/Shanghai",
        by: "pmo",
        now: Utc.with_ymd_and_hms(2026, 10, 8, 1, 2, 3).unwrap(),
        lang,
        audit: Some(AuditHead { entry: 7, hash: "ab".repeat(32) }),
    };
    let quarter = close(period, &counted, closing).unwrap();
    let paper = paper(&quarter, &counted.facts, &zone()).unwrap();
    document_of(&quarter, &paper).unwrap()
}

/// What a program that reads PDFs says of one.
fn said_by(program: &str, args: &[&str], pdf: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pdf).unwrap();
    let mut command = std::process::Command::new(program);
    let (before, after) = args.split_at(args.len().min(1));
    let output = command.args(before).arg(file.path()).args(after).output();
    let output = output.expect("poppler-utils, which `make test` installs");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    let (document, other) = (document(Lang::Zh, 3), document(Lang::En, 3));
    let pdf = set(&document).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.7"));
    assert_eq!(pdf, set(&document).unwrap());
    assert_ne!(pdf, set(&other).unwrap());
}

#[test]
fn what_people_wrote_is_no_markup() {
    let pdf = set(&document(Lang::En, 1)).unwrap();
    // As it stands on the paper, with its lines put together again.
    let text = said_by("pdftotext", &["-raw", "-"], &pdf);
    let words = |it: &str| it.split_whitespace().collect::<String>();
    assert!(words(&text).contains(&words(MARKUP)), "{text}");
}

#[test]
fn a_report_says_what_it_is_and_carries_its_fonts() {
    let pdf = set(&document(Lang::Zh, 120)).unwrap();
    let text = said_by("pdftotext", &["-layout", "-"], &pdf);
    for word in ["2026-Q3 季度报告", "RTO 达成率", "如何核验", "DR-20260702-0119", "支付", "缺席"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    let about = said_by("pdfinfo", &[], &pdf);
    let says = |name: &str| {
        let line = about.lines().find(|it| it.starts_with(name)).unwrap_or_default();
        line.rsplit_once("  ").map_or(line, |it| it.1).trim().to_owned()
    };
    assert_eq!(says("Title:"), "2026-Q3 季度报告", "{about}");
    assert_eq!((says("Author:"), says("Tagged:")), ("pmo".into(), "yes".into()));
    assert!(says("CreationDate:").contains("2026"), "{about}");
    let pages: usize = says("Pages:").parse().unwrap();
    assert!(pages >= 5, "{about}");
    // Head and foot are on every page.
    let feet = text.matches(&format!("，共 {pages} 页")).count();
    let heads = text.matches("SHA-256\n").count();
    assert_eq!(feet, pages);
    assert_eq!(text.matches("ab".repeat(32).as_str()).count(), pages + 2, "{text}");
    assert!(heads >= 3, "a table over pages says on each what its columns are: {text}");

    let fonts = said_by("pdffonts", &[], &pdf);
    let fonts: Vec<_> = fonts.lines().skip(2).collect();
    assert!(!fonts.is_empty() && fonts.iter().all(|it| it.contains("NotoSansSC")), "{fonts:?}");
    let embedded = |it: &&str| it.split_whitespace().rev().nth(4) == Some("yes");
    assert!(fonts.iter().all(embedded), "{fonts:?}");
    let attached = said_by("pdfdetach", &["-list"], &pdf);
    assert!(attached.contains("frozen.json"), "{attached}");
}

#[test]
fn a_template_sees_no_file() {
    let mut document = document(Lang::En, 0);
    for text in
        ["#read(\"/etc/passwd\")", "#import \"@preview/a:0.1.0\": b", "#include \"quarter.typ\""]
    {
        document.template = Template { name: "other.typ", text };
        assert!(matches!(set(&document), Err(NotPrinted::Broken(_))), "{text}");
    }
}
