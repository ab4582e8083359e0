//! The end of a drill: how it came out, and what stands in the way of signing it off.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CLOSURE, Drill, State};
use crate::evidence::EvidenceKind;
use crate::verdict::Verdict;

words!(
    /// How a drill came out, the best first.
    Outcome {
        Passed = "passed",
        PassedWithConditions = "passed_with_conditions",
        // Something that has a target was not measured.
        Incomplete = "incomplete",
        Failed = "failed",
    }
);

/// A reason against signing off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// The service is not back.
    NotRecovered,
    /// It is back, and the evidence that is due by then is not there.
    NoT1,
    EvidenceMissing {
        kind: EvidenceKind,
        count: usize,
    },
    /// A value missed its target, and nothing says why and what is done about it.
    TargetUnexplained {
        name: String,
    },
    /// It took too long, and no retrospective says why and what is done about it.
    OverrunUnexplained,
    /// Nobody has said whether this is so.
    CriterionOpen {
        position: usize,
        text: String,
    },
    CriticalActionOpen {
        position: u32,
        text: String,
    },
    /// A protection was paused, and nobody has resumed it.
    ProtectionPaused {
        name: String,
    },
    SignerTookPart {
        name: String,
    },
}

impl Refusal {
    /// The name of the rule, as the API spells it.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::NotRecovered => "not_recovered",
            Refusal::NoT1 => "no_t1",
            Refusal::EvidenceMissing { .. } => "evidence_missing",
            Refusal::TargetUnexplained { .. } => "target_unexplained",
            Refusal::OverrunUnexplained => "overrun_unexplained",
            Refusal::CriterionOpen { .. } => "criterion_open",
            Refusal::CriticalActionOpen { .. } => "critical_action_open",
            Refusal::ProtectionPaused { .. } => "protection_paused",
            Refusal::SignerTookPart { .. } => "signer_took_part",
        }
    }
}

/// Everything that stands in the way of this person's signature, all at once.
pub fn refusals(drill: &Drill, signer: &str, now: DateTime<Utc>) -> Vec<Refusal> {
    let mut found = Vec::new();
    if drill.times.recovered_at.is_none() {
        found.push(Refusal::NotRecovered);
    }
    if drill.times.t1.is_none() {
        found.push(Refusal::NoT1);
    }
    found.extend(missing_evidence(drill));
    let failed = drill.measurements.iter().filter(|it| it.verdict == Some(Verdict::Fail));
    let unexplained =
        failed.filter(|it| !drill.issues.iter().any(|issue| issue.explains(&it.name)));
    found.extend(unexplained.map(|it| Refusal::TargetUnexplained { name: it.name.clone() }));
    if drill.is_overrun(now) && !drill.issues.iter().any(|it| it.explains(CLOSURE)) {
        found.push(Refusal::OverrunUnexplained);
    }
    let unjudged = (1..).zip(&drill.criteria).filter(|(_, it)| it.verdict == Verdict::Unknown);
    found.extend(
        unjudged.map(|(position, it)| Refusal::CriterionOpen { position, text: it.text.clone() }),
    );
    let open = drill.actions.iter().filter(|it| it.critical && it.verified.is_none());
    found.extend(
        open.map(|it| Refusal::CriticalActionOpen { position: it.position, text: it.text.clone() }),
    );
    found.extend(drill.owed().map(|it| Refusal::ProtectionPaused { name: it.name.clone() }));
    if drill.has_part(signer) {
        found.push(Refusal::SignerTookPart { name: signer.to_owned() });
    }
    found
}

/// One reason for each kind that is missing.
fn missing_evidence(drill: &Drill) -> Vec<Refusal> {
    let mut missing: Vec<(EvidenceKind, usize)> = Vec::new();
    for requirement in drill.requirements.iter().filter(|it| it.satisfied_by.is_none()) {
        match missing.iter_mut().find(|(kind, _)| *kind == requirement.kind) {
            Some((_, count)) => *count += 1,
            None => missing.push((requirement.kind, 1)),
        }
    }
    let reason = |(kind, count)| Refusal::EvidenceMissing { kind, count };
    missing.into_iter().map(reason).collect()
}

impl Drill {
    /// The best that can be said of it: a missed target or criterion fails it, one of which nothing is known leaves it
    /// incomplete, and an overrun or something left to do is a condition.
    pub fn outcome(&self, now: DateTime<Utc>) -> Outcome {
        let verdict = |name: &str| self.measurement(name).and_then(|it| it.verdict);
        let own = self.targets.iter().map(|it| verdict(&it.name));
        // An objective without a target of this name has no verdict, and asks for nothing.
        let by_objectives = self.measurements.iter().filter(|it| it.objective.is_some());
        let by_objectives = by_objectives.filter(|it| it.verdict.is_some()).map(|it| it.verdict);
        let judged = self.criteria.iter().map(|it| Some(it.verdict));
        let verdicts: Vec<Option<Verdict>> = own.chain(by_objectives).chain(judged).collect();
        let verdicts = || verdicts.iter().copied();
        if verdicts().any(|it| it == Some(Verdict::Fail)) {
            return Outcome::Failed;
        }
        if verdicts().any(|it| it != Some(Verdict::Pass)) {
            return Outcome::Incomplete;
        }
        let to_do = self.actions.iter().any(|it| it.verified.is_none());
        match self.is_overrun(now) || to_do {
            true => Outcome::PassedWithConditions,
            false => Outcome::Passed,
        }
    }

    /// Whether somebody could sign it off by now, as far as its state goes.
    pub const fn is_open(&self) -> bool {
        !self.state.is_over() && !matches!(self.state, State::Planned)
    }
}
