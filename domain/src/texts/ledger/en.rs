use super::Texts;
use crate::drills::ledger::import::{Note, Why};
use crate::drills::ledger::{Column, Metric, Template};
use crate::texts::drills;

pub(super) const TEXTS: Texts = Texts {
    heads_of: |column| match column {
        Column::Number => &["Number"],
        Column::State => &["State", "Status"],
        Column::Outcome => &["Outcome", "Result"],
        Column::Scenario => &["Scenario"],
        Column::Script => &["Scenario code", "Script"],
        Column::Type => &["Type"],
        Column::Service => &["Service"],
        Column::Lead => &["Lead", "Owner"],
        Column::Participants => &["Participants"],
        Column::PlannedAt => &["Planned for"],
        Column::T0 => &["T0", "Start"],
        Column::RecoveredAt => &["Recovered"],
        Column::T1 => &["T1", "End"],
        Column::Closure => &["Closure (min)"],
        Column::ClosureLimit => &["Closure limit (min)"],
        Column::Value(Metric::Rto) => &["RTO (s)"],
        Column::Target(Metric::Rto) => &["RTO target"],
        Column::Verdict(Metric::Rto) => &["RTO verdict"],
        Column::Value(Metric::Rpo) => &["RPO (s)"],
        Column::Target(Metric::Rpo) => &["RPO target"],
        Column::Verdict(Metric::Rpo) => &["RPO verdict"],
        Column::Value(Metric::Sla) => &["SLA (ratio)"],
        Column::Target(Metric::Sla) => &["SLA target"],
        Column::Verdict(Metric::Sla) => &["SLA verdict"],
        Column::Value(Metric::DegradedHitRate) => &["Degraded hits (ratio)", "Degraded hit rate"],
        Column::Target(Metric::DegradedHitRate) => &["Degraded hits target"],
        Column::Verdict(Metric::DegradedHitRate) => &["Degraded hits verdict"],
        Column::Value(Metric::P95) => &["P95 (ms)"],
        Column::Target(Metric::P95) => &["P95 target"],
        Column::Verdict(Metric::P95) => &["P95 verdict"],
        Column::Value(Metric::ErrorRate) => &["Error rate (ratio)"],
        Column::Target(Metric::ErrorRate) => &["Error rate target"],
        Column::Verdict(Metric::ErrorRate) => &["Error rate verdict"],
        Column::Others => &["Other results"],
        Column::Evidence => &["Evidence", "Evidence links"],
        Column::Issues => &["Issues"],
        Column::Actions => &["Action items"],
        Column::SignedBy => &["Signed off by"],
        Column::SignedAt => &["Signed off at"],
        Column::Event => &["Event"],
        Column::SignNote => &["Remarks"],
        Column::RetestDue => &["Re-test due"],
        Column::Reason => &["Reason"],
        Column::Source => &["Source of the values"],
        Column::Template(Template::ScenarioAndScript) => &["Scenario/script"],
        Column::Template(Template::People) => &["Lead/participants"],
        Column::Template(Template::Times) => &["Start and end"],
        Column::Template(Template::Results) => &["Results"],
        Column::Template(Template::IssuesAndActions) => &["Issues and action items"],
        Column::Template(Template::SignOff) => &["Sign-off"],
    },
    about: "about",
    class: "class",
    cause: "cause",
    remedy: "remedy",
    owner: "owner",
    due: "due",
    critical: "critical",
    verified_by: "confirmed by",
    verified_at: "confirmed at",
    verified_on: "proof",
    measured_here: "measured here",
    typed_in: "imported (typed into an older ledger)",

    search: "Number or scenario",
    search_note: "A number by its beginning; any part of a scenario or its code",
    kind: "Type",
    team: "Team",
    from: "From",
    until: "To",
    sort: "Order",
    newest: "Newest",
    by_planned: "Planned time",
    by_closure: "Closure",
    by_number: "Number",
    wrong_filter: "The filter cannot be used, so no drills are listed:",
    csv: "Export CSV",
    xlsx: "Export XLSX",
    too_many_rows: |most| {
        format!("More than {most} rows do not go into an XLSX: narrow the filter, or export CSV.")
    },
    print: "Print all",
    print_one: "Print on one page",
    print_lede: |count| match count {
        1 => "One drill on one page; use the print function of your browser.".into(),
        n => format!("{n} drills, one page each; use the print function of your browser."),
    },
    print_cut: |most| format!("Only the first {most} are printed; narrow the filter for the rest."),
    people: "Lead / participants",
    times: "Start and end (T0 / T1)",
    results: "Results",
    signature: "Sign-off",
    unsigned: "Not signed off",
    none: "None",
    links_note: "Evidence that the older ledger names. Those files are not here, and nobody has verified them.",

    import: "Import an older ledger",
    import_lede: "From a CSV file: first a preview of what each row becomes; on your confirmation all rows are written, or none.",
    import_note: "Only drills that are over. Numbers stay as they are; values are marked as typed into the older ledger.",
    file: "CSV file",
    file_note: "At most 5 MiB and 5,000 rows; UTF-8, UTF-16 or GBK.",
    columns_note: "Heads that are known (what stands in brackets may be left out):",
    preview: "Preview",
    preview_of: |name, rows| match rows {
        1 => format!("{name}: one drill"),
        n => format!("{name}: {n} drills"),
    },
    becomes: "What it becomes",
    line: "Line",
    column: "Column",
    problem: "Problem",
    problems: "Problems",
    problems_of: |n| match n {
        1 => "One problem".into(),
        n => format!("{n} problems"),
    },
    nothing_imported: "Correct the file and upload it again; nothing was written.",
    shown_of: |shown, all| format!("The first {shown} of {all} are shown."),
    notes: "Notes",
    confirm: |rows| match rows {
        1 => "Import one drill".into(),
        n => format!("Import {n} drills"),
    },
    confirm_note: "What is imported is the file previewed above, with the digest",
    other_file: "Another file",
    gone: "The uploaded file is gone: it was imported, replaced by a later upload, or is more than a day old. Please upload it again.",
    why: |why| match why {
        Why::NotText => "This is no text; save it as CSV in UTF-8.".into(),
        Why::TooLarge { mib } => {
            format!("The file is larger than {mib} MiB; please upload it in parts.")
        }
        Why::NoRows => "The file has no rows.".into(),
        Why::TooManyRows { most } => {
            format!("There are more than {most} rows; please upload them in parts.")
        }
        Why::UnknownColumn => "This column is not known here.".into(),
        Why::ColumnTwice => "This column is there twice.".into(),
        Why::NumberMissing => "There is no column \"Number\".".into(),
        Why::Ragged { found, expected } => {
            format!("There are {found} cells, and {expected} in the head.")
        }
        Why::Required => "Please fill this in.".into(),
        Why::TooLong { most } => format!("At most {most} characters."),
        Why::NotANumber => "A number looks like DR-YYYYMMDD-XX.".into(),
        Why::Twice { line } => format!("Line {line} has this number already."),
        Why::Taken => "This number is in the ledger already.".into(),
        Why::NotAMoment => {
            "This is no moment, such as 2026-10-16 03:12 or 2026-10-16 03:12 +08:00.".into()
        }
        Why::NotOneOf(words) => format!("Must be one of: {}.", words.join(", ")),
        Why::NotAQuantity => "This is no value, such as 840, 14 min or 98.5 %.".into(),
        Why::NotATarget => "This is no target, such as <= 900 s.".into(),
        Why::InFuture => "This is in the future.".into(),
        Why::BeforeT0 => "This is before T0.".into(),
        Why::BeforeRecovery => "This is before the recovery.".into(),
        Why::BeforeT1 => "This is before T1.".into(),
        Why::Open => "Only drills that are over are imported; plan open ones here.".into(),
        Why::HasT0 => "A drill that was missed or cancelled has no T0.".into(),
        Why::HasT1 => "A drill that did not recover has neither a recovery nor a T1.".into(),
        Why::OtherClosure { minutes } => format!("T1 − T0 is {minutes} minutes."),
        Why::OtherVerdict => "The value and its target say something else.".into(),
        Why::BetterThanMeasured => {
            "Something missed its target or was not measured, so it has not passed.".into()
        }
        Why::SignerTookPart => "Who signed took part in the drill.".into(),
        Why::NoOwner => "The action item has no owner; write \"owner: name\".".into(),
        Why::NoDue => "The action item has no due date; write \"due: 2026-11-01\".".into(),
        Why::OwnItem => "Nobody confirms their own action item.".into(),
        Why::HalfVerified => {
            "A confirmed action item has who confirmed it, when, and the SHA-256 of the proof."
                .into()
        }
        Why::UnknownPerson(name) => {
            format!("There is no account {name}; who signs and who owns an action item needs one.")
        }
        Why::UnknownService(name) => format!("There is no service {name}."),
    },
    note: |note| match note {
        Note::NoAccount(name) => format!("no account {name}; kept as written"),
        Note::TypeAssumed => "no type given: a simulation".into(),
        Note::OutcomeDerived(outcome) => {
            let outcome = (drills::TEXTS.en.outcome_of)(*outcome);
            format!("no outcome given: {outcome}, by its results")
        }
        Note::SignedAtAssumed => "no time of the signature given: T1".into(),
        Note::RecoveryAssumed => "no recovery given: T1".into(),
    },
    on_line: |line| format!("Line {line}"),
};
