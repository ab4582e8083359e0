use super::{Met, Texts};
use crate::drills::closing::{self, Outcome};
use crate::drills::{CLOSURE, DrillType, Due, Refusal, StateName};
use crate::evidence::{EvidenceKind, NotKept};
use crate::texts::measurements;

pub(super) const TEXTS: Texts = Texts {
    title: "Drill ledger",
    lede: "From T0 (the fault) to T1 (recovered, with its evidence) there is a limit. Values are measured, and somebody who took no part signs it off.",
    nothing_yet: "No such drills.",
    plan: "Plan a drill",
    number: "Number",
    state: "State",
    scenario: "Scenario",
    lead: "Lead",
    t0_t1: "T0 / T1",
    closure: "Closure, T1 − T0",
    closure_head: "Closure",
    evidence: "Evidence",
    open_actions: "Open actions",
    rto: "RTO",
    outcome: "Outcome",
    service: "Service",
    at_most: |limit| format!("≤ {limit}"),
    script: "Scenario code",
    headcount: "Headcount",
    headcount_of: |there, asked| format!("{there} of {asked}"),
    calendar: "Calendar",
    expected_for: "For the calendar",
    retest_of: "Re-test of",
    retest: "Re-test",
    imported: "Taken over from an older ledger; its numbers were typed in there",
    criteria: "Acceptance criteria",
    criterion_met: "Met",
    criterion_failed: "Not met",
    judged_by: |name| format!("judged by {name}"),
    not_judged: "not judged",
    tickets: "Change tickets",
    tickets_note: "Each changed parameter of the procedure names its change ticket.",
    ticket: "Ticket",
    parameter: "What was changed",
    add_ticket: "Add a ticket",
    no_tickets: "No parameter was changed.",
    proof: "File that shows it",
    no_proof: "Upload the file that shows it first.",
    explain: "Say why it was missed",
    missed_because: |reason| format!("Why: {reason}"),
    missed_unexplained: "Nobody has said why yet.",
    waits_to_start: "Not started yet.",
    waits_for_approval: "Waits for approval: then the fault is put in, and T0 is the moment in which it is proven.",
    waits_for_fault: "Approved; the fault is being put in.",
    fault_stopped: "The run is paused; the fault is not in.",
    waits_for_recovery: "The fault is in; detection, rollback and verification are awaited.",
    waits_for_evidence: "The service is back. The clock stops once the evidence due by T1 is uploaded.",
    cannot_close: |n| match n {
        1 => "It cannot be signed off yet: one thing is missing.".into(),
        n => format!("It cannot be signed off yet: {n} things are missing."),
    },
    can_close: "It can be signed off.",
    recovered_in: |took| format!("The service was back after {took}."),
    signed: |name| format!("Signed off by {name}."),
    missed: "Nobody began it in time; it counts as missed.",
    retest_due: "Re-test due",
    next: "Next",
    start: "Start the drill",
    start_note: "Makes the plan and asks another person to approve it; the fault is put in as soon as it is approved.",
    own_request: "You started it; another person approves it.",
    cancel: "End the drill",
    cancel_note: "Cancelled before the fault is in, aborted afterwards",
    recover: "Record the recovery",
    recover_note: "Only where no rollback measures it; the service counts as back from this moment.",
    at_rollback: "The recovery is measured by the clocks of",
    sign_off: "PMO sign-off",
    sign: "Sign off",
    sign_note: "Remarks",
    sign_rule: "Not the lead, a participant, who performed a step or approved; uploading evidence alone is not taking part.",
    missing: |n| format!("{n} missing"),
    ready: "ready to sign",
    only_pmo: "The PMO signs it off.",
    met: Met {
        recovered: "Recovered, with T1",
        evidence: "Evidence complete",
        targets: "Every missed target has a cause and a remedy",
        closure: "Within the limit, or the overrun was looked into",
        criteria: "Every criterion judged",
        actions: "No critical action open",
        signer: "The signer took no part",
    },
    objectives: "Objectives and measurements",
    metric: "Measurement",
    target: "Target",
    measured: "Measured",
    verdict: "Verdict",
    how: "Measured by",
    not_measured: "not measured",
    recorded_by: |name| format!("recorded by {name}"),
    steps: "Steps and times",
    steps_note: "Left: since T0; right: measured, and below it planned",
    planned_times: |took| format!("planned {took}"),
    no_steps_yet: "Nothing was carried out yet.",
    detected: "Detected",
    decided: "Decided",
    approved: "Rollback approved",
    rolled_back: "Rolled back",
    healthy: "Healthy again (where the verified stretch begins)",
    recovered: "Recovery recorded",
    evidence_there: "T1: recovered, and the evidence is there",
    upload: "Upload evidence",
    file: "File",
    file_note: |most| {
        format!("At most {most}. It is kept unchanged, under the name of its SHA-256.")
    },
    kind: "Kind",
    size: "Size",
    by: "Uploaded",
    not_uploaded: "not uploaded",
    no_files: "No files yet.",
    restricted: "restricted",
    erased: |reason| format!("Erased: {reason}"),
    erase: "Erase by law",
    erase_file: |name| format!("Erase {name} by law"),
    erase_note: "The file goes from every ledger and does not come back. Its rows stay, with the hash and the reason, and the same bytes are not taken again.",
    erase_why: "What the law asks, and why",
    erase_confirm: "I mean to erase this file for good",
    pretends: |claimed, found| format!("Called {claimed}, but its bytes are {found}"),
    restrict: "Restricted: opened only by those who may",
    bundle: "Bundle",
    export: "Export, signed, to be verified offline",
    issues: "Issues",
    issue: "Issue",
    about: "About",
    about_nothing: "no particular value",
    cause: "Cause",
    remedy: "Remedy",
    add_issue: "Record an issue",
    issue_note: "Every missed target and an overrun need one that says cause and remedy.",
    no_issues: "No issues recorded.",
    actions: "Action items",
    action: "Action",
    owner: "Owner",
    due: "Due",
    critical: "Critical: no sign-off before it is done",
    add_action: "Add an action item",
    no_actions: "No action items.",
    verify: "Confirm that it is done",
    verified_by: |name| format!("confirmed by {name}"),
    open: "open",
    facts: "Ledger entry",
    drill_type: "Type",
    participants: "Participants",
    participants_note: "Names of accounts, separated by commas",
    nobody: "nobody",
    planned_for: "Planned for",
    planned_by: "Planned by",
    run: "Run",
    rollback: "Rollback",
    new: "Plan a drill",
    new_lede: "A bad image in a service, to see how it is detected, rolled back and verified; or steps that people take; or both. Another person approves it when it starts.",
    workload: "Service and workload",
    container: "Container",
    image: "The bad image",
    image_note: "The container's image is replaced by this one",
    planned_at: "Planned for",
    rto_target: "RTO target (seconds)",
    create: "Plan it",
    no_fault: "No fault is put in",
    manual_steps: "What people do",
    manual_steps_note: "One step on each line; each is confirmed by who has done it. A tabletop or a walkthrough has only these.",
    fault: |image| format!("put in {image}"),
    state_of: |state| match state {
        StateName::Planned => "Planned",
        StateName::Running => "Running",
        StateName::Recovered => "Recovered",
        StateName::EvidenceComplete => "Evidence complete",
        StateName::SignedOff => "Signed off",
        StateName::Missed => "Missed",
        StateName::Aborted => "Aborted",
        StateName::Cancelled => "Cancelled",
    },
    outcome_of: |outcome| match outcome {
        Outcome::Passed => "Passed",
        Outcome::PassedWithConditions => "Passed with conditions",
        Outcome::Incomplete => "Incomplete",
        Outcome::Failed => "Failed",
    },
    type_of: |kind| match kind {
        DrillType::Tabletop => "Tabletop",
        DrillType::Walkthrough => "Walkthrough",
        DrillType::Simulation => "Simulation",
        DrillType::Parallel => "Parallel",
        DrillType::FullInterruption => "Full interruption",
    },
    kind_of: |kind| match kind {
        EvidenceKind::Screenshot => "Screenshot",
        EvidenceKind::Log => "Log",
        EvidenceKind::ScriptLog => "Script log",
        EvidenceKind::ConsoleRecord => "Console record",
        EvidenceKind::SpotCheck => "Spot-check picture",
        EvidenceKind::Report => "Report",
        EvidenceKind::Dump => "Dump",
        EvidenceKind::Other => "Other",
    },
    due_of: |due| match due {
        Due::T1 => "by T1",
        Due::Day => "within 24 h",
    },
    verdict_of: measurements::EN.verdict_of,
    metric_of: |name| match name {
        CLOSURE => "Overrun of the closure".into(),
        other => (measurements::EN.name_of)(other),
    },
    refused: |refusal| match refusal {
        Refusal::Begun => "The drill has begun already.",
        Refusal::NotBegun => "The drill has not begun yet.",
        Refusal::Over => "The drill is over.",
        Refusal::RollbackOpen => "The rollback is still open; it measures the recovery.",
        Refusal::WorkloadBusy => {
            "The workload has an open rollback; start the drill when that has ended."
        }
        Refusal::BetterThanMeasured => "The outcome cannot be better than what was measured.",
        Refusal::UnknownItem => "There is no item of this number.",
        Refusal::OwnItem => "Nobody confirms their own action item.",
        Refusal::VerifiedAlready => "The action item was confirmed already.",
        Refusal::JudgedAlready => "The criterion was judged already.",
        Refusal::NotMissed => "The drill was not missed.",
        Refusal::NotExpectedThen => {
            "The calendar expects it at another time. Choose a time within the period, or move the period first."
        }
        Refusal::PeriodOver => "The period is over; it can no longer be moved.",
        Refusal::OtherDrill => {
            "Another drill of this workload is under way; start this one when that is over."
        }
    },
    against: |refusal| match refusal {
        closing::Refusal::NotRecovered => "The service is not back yet.".into(),
        closing::Refusal::NoT1 => {
            "There is no T1: it takes the recovery and the evidence due by then.".into()
        }
        closing::Refusal::EvidenceMissing { kind, count } => {
            format!("Evidence is missing: {count} × {}.", (TEXTS.kind_of)(*kind))
        }
        closing::Refusal::TargetUnexplained { name } => {
            format!("{} missed its target; cause and remedy are missing.", (TEXTS.metric_of)(name))
        }
        closing::Refusal::OverrunUnexplained => {
            "It took too long; a retrospective with cause and remedy is missing.".into()
        }
        closing::Refusal::CriterionOpen { position, text } => {
            format!("Criterion {position} is not judged: {text}")
        }
        closing::Refusal::CriticalActionOpen { position, text } => {
            format!("Critical action item {position} is open: {text}")
        }
        closing::Refusal::SignerTookPart { name } => format!("{name} took part in this drill."),
    },
    closing_refused: "It cannot be signed off yet; all the reasons are listed.",
    not_kept: |why| match why {
        NotKept::TooLarge => "The file is larger than 2 GiB and was not kept.",
        NotKept::Erased => "The same file had to be erased before; it is not kept again.",
        NotKept::Full => {
            "The place for evidence is full and the file was not kept. Make room, then upload it again."
        }
        NotKept::Away => {
            "The place for evidence is away and the file was not kept. Upload it again in a moment."
        }
    },
};
