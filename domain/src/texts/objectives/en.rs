use super::{Lang, Texts, duration, moment};
use crate::objectives::{Finding, Refusal};
use crate::texts::bytes;

pub(super) const TEXTS: Texts = Texts {
    title: "Objectives",
    lede: "RTO, RPO and other targets of each data domain. Where two documents differ the stricter holds and both are \
           shown; every change has a date and a reason, and an old drill is judged by the target of its day.",
    nothing_yet: "No objectives yet. Import a catalog with an objectives.yaml: lifeboat catalog import.",
    domain: "Data domain",
    path: "Recovery path",
    attained: "Last measured",
    signals: "Signals",
    owner: "Owner",
    sources: "Documents",
    document: "Document",
    section: "Section",
    holds: "holds",
    others: "Other targets",
    others_hint: "One on each line, as in: crr_delay <= 60 s, hit_rate >= 0.8 ratio",
    rto_s: "RTO (seconds)",
    rto_hint: "Seconds or n/a; empty where the document says nothing",
    rpo_s: "RPO (seconds)",
    rpo_hint: "Seconds, may_be_lost or n/a; empty where the document says nothing",
    may_be_lost: "may be lost",
    not_applicable: "n/a",
    unsaid: "not set",
    never_measured: "not measured yet",
    not_watched: "Nothing says how to measure it; only the clocks of drills do.",
    how: "How it is measured",
    recovery: "Success of the key calls (RTO)",
    replication: "Replication (RPO)",
    measurements: "Measurements",
    measured_at: "Measured",
    belongs_to: "Belongs to",
    judged_by: "Judged by",
    result: "Result",
    history: "History of the target",
    version: "Version",
    since: "In force since",
    changed_by: "Changed by",
    edit: "Change the target",
    add_source: "Add a document",
    remove_source: "Remove this document",
    reason_hint: "Goes into the history and the audit log",
    change: "Save the new version",
    export_rto: "Export DR-02 (RTO)",
    export_rpo: "Export DR-04 (RPO)",
    database: "database domain",
    refused: |refusal| match refusal {
        Refusal::ObjectiveMoved => {
            "Somebody has changed this objective meanwhile; look at the new version first."
        }
        Refusal::NothingChanges => "Nothing would change.",
    },
    finding: |finding| {
        match finding {
        Finding::Back { at, held_until } => {
            format!("Back at {}, and held until {}.", moment(*at), moment(*held_until))
        }
        Finding::ByLedger { at } => {
            format!("Back at {} by the ledger's clock; nothing says how to measure the calls.", moment(*at))
        }
        Finding::NeverDown { until } => format!("The key calls met it all the time until {}.", moment(*until)),
        Finding::NotSeen { until } => format!("No interruption was seen until {}.", moment(*until)),
        Finding::NotYet { until } => {
            format!("Not back by {}, or not for long enough.", moment(*until))
        }
        Finding::NoData => {
            "The metrics hold no data: check the query, and whether the target is scraped.".into()
        }
        Finding::NotANumber => "The metrics say NaN only: nobody calls, so there is no share that succeeds.".into(),
        Finding::Gap { from, to } => {
            let (from, to) = (moment(*from), moment(*to));
            format!("There is no data from {from} to {to}; the calls may have been back in between.")
        }
        Finding::MissingSeries { found, expected } => {
            format!("Data of {found} key calls, where there should be {expected}.")
        }
        Finding::NoAnswer { reason } => format!("No answer: {reason}"),
        Finding::NoSource { reason } => format!("There is nobody to ask: {reason}"),
        Finding::Loss { bytes: lost, primary, received, same_at: Some(_), .. } => {
            format!("The primary is at {primary}, the standby has received {received}: {} apart.", bytes(*lost))
        }
        Finding::Loss { bytes: lost, received, same_at: None, .. } => format!(
            "{} apart; the standby was at {received} before the primary was watched, so it is not known for how long.",
            bytes(*lost)
        ),
        Finding::Heartbeat { primary, standby } => {
            format!("Heartbeat on the primary {}, on the standby {}.", moment(*primary), moment(*standby))
        }
        Finding::ReplayLag { bytes: lag, received, replayed } => {
            format!("Received {received}, read up to {replayed}: {} apart, none of it lost.", bytes(*lag))
        }
        Finding::NoPosition => {
            "The primary has not answered since it is watched, so nobody knows how far it has written.".into()
        }
        Finding::NotAStandby => "The standby is not in recovery: it was promoted, or never was a standby.".into(),
        Finding::NotAPrimary => "The primary is in recovery, so it is none.".into(),
        Finding::Strangers => "The two are not copies of one database: their system identifiers differ.".into(),
    }
    },
    gap: |gap| {
        let said = |seconds: u32| duration(Lang::En, chrono::TimeDelta::seconds(seconds.into()));
        format!(
            "At worst {} are lost, and {} allows {}: copies come too seldom for the RPO.",
            said(gap.worst_s),
            gap.objective,
            said(gap.rpo_s)
        )
    },
};
