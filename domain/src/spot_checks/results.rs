//! What a spot check asks, what was found, and what that comes to.
//!
//! **Invariant:** a spot check passes only where every drawn item was looked at and at least one check has proven
//! the data itself. What was skipped is unknown, and never a pass.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::fields::{Fault, Faults};
use crate::verdict::Verdict;

words!(
    /// What is sampled.
    SubjectKind {
        // A backup is restored, and the copy is compared with what it is a copy of.
        Backup = "backup",
        // Failed tasks are carried out again.
        Replay = "replay",
        // The file of a cache is loaded, and asked.
        CacheFile = "cache_file",
        // Drills of the ledger are looked at again.
        Drill = "drill",
    }
);

/// Glancy §4.3: replayed tasks are all done within 90 minutes.
pub const REPLAY_LIMIT_S: u32 = 90 * 60;

impl SubjectKind {
    /// What is asked where nothing else is said.
    pub fn usual_checks(self) -> Vec<Check> {
        let names: &[CheckName] = match self {
            SubjectKind::Backup => &[CheckName::Restored, CheckName::Differences],
            SubjectKind::Replay => &[CheckName::Differences],
            SubjectKind::CacheFile => &[CheckName::Loads, CheckName::HitRate],
            SubjectKind::Drill => &[CheckName::Closure, CheckName::Differences],
        };
        names.iter().map(|it| Check { name: *it, limit: it.usual_limit() }).collect()
    }

    /// From the draw to the record, in seconds.
    pub const fn usual_limit_s(self) -> Option<u32> {
        match self {
            SubjectKind::Replay => Some(REPLAY_LIMIT_S),
            _ => None,
        }
    }

    /// Whether an item that somebody had to put right by hand is right.
    pub const fn may_be_compensated(self) -> bool {
        matches!(self, SubjectKind::Replay)
    }
}

words!(
    /// What can be asked of the sample as a whole.
    CheckName {
        // 1 where the restore came to its end.
        Restored = "restored",
        // 1 where the file was read without an error.
        Loads = "loads",
        // How much differs: rows of the copy and of the original, tasks and what came of them, evidence and its hash.
        Differences = "differences",
        // Of real requests, how many the loaded file answers.
        HitRate = "hit_rate",
        // The longest of the sampled drills, from T0 to T1, as the ledger has it.
        Closure = "closure_s",
    }
);

impl CheckName {
    /// Whether it looks at the data itself, and not only at whether something ended without an error.
    pub const fn proves_data(self) -> bool {
        matches!(self, CheckName::Differences | CheckName::HitRate)
    }

    pub const fn at_least(self) -> bool {
        matches!(self, CheckName::Restored | CheckName::Loads | CheckName::HitRate)
    }

    /// Glancy §4.3 and §4.1: no difference, a hit rate of 80 %, two hours.
    pub const fn usual_limit(self) -> f64 {
        match self {
            CheckName::Restored | CheckName::Loads => 1.0,
            CheckName::Differences => 0.0,
            CheckName::HitRate => 0.8,
            CheckName::Closure => 7200.0,
        }
    }

    /// What can be measured; nothing else can be typed in.
    pub fn can_be(self, value: f64) -> bool {
        match self {
            CheckName::Restored | CheckName::Loads => value == 0.0 || value == 1.0,
            CheckName::HitRate => (0.0..=1.0).contains(&value),
            CheckName::Differences => (0.0..=1e15).contains(&value) && value.fract() == 0.0,
            CheckName::Closure => (0.0..=1e9).contains(&value),
        }
    }

    /// Whether the ledger itself knows the value, so that nobody types it in.
    pub const fn is_measured(self) -> bool {
        matches!(self, CheckName::Closure)
    }
}

/// One question, with the value that passes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub name: CheckName,
    pub limit: f64,
}

impl Check {
    fn verdict(&self, found: &CheckResult) -> Verdict {
        Verdict::from(found.value.map(|it| match self.name.at_least() {
            true => it >= self.limit,
            false => it <= self.limit,
        }))
    }
}

/// Whether these questions can be asked of this subject.
///
/// # Errors
/// The field `checks`.
pub fn check_plan(kind: SubjectKind, checks: &[Check]) -> Result<(), Faults> {
    let wrong = |why: String| Err(Faults::of("checks", Fault::Malformed(why)));
    for (n, it) in checks.iter().enumerate() {
        let name = it.name.as_str();
        if checks[..n].iter().any(|other| other.name == it.name) {
            return wrong(format!("{name} is there twice"));
        }
        if !it.name.can_be(it.limit) {
            return wrong(format!("{} is no limit for {name}", it.limit));
        }
        if it.name.is_measured() && kind != SubjectKind::Drill {
            return wrong(format!("{name} is measured for drills only"));
        }
    }
    match checks.iter().any(|it| it.name.proves_data()) {
        true => Ok(()),
        false => wrong("at least one must prove the data itself: differences or hit_rate".into()),
    }
}

words!(
    /// What became of one drawn item.
    Outcome {
        Passed = "passed",
        // Right in the end, because somebody stepped in.
        Compensated = "compensated",
        Failed = "failed",
        Skipped = "skipped",
    }
);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemResult {
    pub id: String,
    pub outcome: Outcome,
    /// Why, for everything that did not simply pass.
    #[serde(default)]
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    pub name: CheckName,
    #[serde(default)]
    pub value: Option<f64>,
    /// Why there is no value.
    #[serde(default)]
    pub skipped: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    pub items: Vec<ItemResult>,
    pub checks: Vec<CheckResult>,
    #[serde(default)]
    pub note: String,
}

/// Items by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub passed: usize,
    pub compensated: usize,
    pub failed: usize,
    pub skipped: usize,
}

/// One line of the judgement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub what: Line,
    pub verdict: Verdict,
}

/// What a line of the judgement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Every drawn item.
    Items,
    Check(CheckName),
    /// From the draw to the record, where that is limited.
    InTime,
    /// At least one check has proven the data itself.
    Proof,
}

impl Results {
    pub fn counts(&self) -> Counts {
        let of = |outcome| self.items.iter().filter(|it| it.outcome == outcome).count();
        Counts {
            passed: of(Outcome::Passed),
            compensated: of(Outcome::Compensated),
            failed: of(Outcome::Failed),
            skipped: of(Outcome::Skipped),
        }
    }

    pub fn value(&self, name: CheckName) -> Option<&CheckResult> {
        self.checks.iter().find(|it| it.name == name)
    }

    /// Whether it answers for everything that was drawn and asked, and for nothing else.
    ///
    /// # Errors
    /// `items` or `checks` with the place of each.
    pub fn check(
        &self,
        kind: SubjectKind,
        checks: &[Check],
        sample: &[String],
    ) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let mut seen = BTreeSet::new();
        for (n, item) in self.items.iter().enumerate() {
            if !sample.contains(&item.id) {
                faults.add(&format!("items[{n}].id"), Fault::Malformed("it was not drawn".into()));
            } else if !seen.insert(&item.id) {
                faults.add(&format!("items[{n}].id"), Fault::Taken);
            }
            if item.outcome == Outcome::Compensated && !kind.may_be_compensated() {
                let words = [Outcome::Passed, Outcome::Failed, Outcome::Skipped];
                let words = words.map(|it| it.as_str().to_owned()).to_vec();
                faults.add(&format!("items[{n}].outcome"), Fault::NotOneOf(words));
            }
            if item.outcome != Outcome::Passed && item.note.trim().is_empty() {
                faults.add(&format!("items[{n}].note"), Fault::Required);
            }
        }
        let forgotten: Vec<&str> =
            sample.iter().filter(|it| !seen.contains(it)).map(String::as_str).collect();
        if !forgotten.is_empty() {
            let why = format!("drawn, and not answered for: {}", forgotten.join(", "));
            faults.add("items", Fault::Malformed(why));
        }
        self.check_values(checks, &mut faults);
        faults.into_result()
    }

    fn check_values(&self, checks: &[Check], faults: &mut Faults) {
        for (n, found) in self.checks.iter().enumerate() {
            let place = |field: &str| format!("checks[{n}].{field}");
            if !checks.iter().any(|it| it.name == found.name) {
                faults.add(&place("name"), Fault::Malformed("it was not asked".into()));
            }
            if self.checks[..n].iter().any(|it| it.name == found.name) {
                faults.add(&place("name"), Fault::Taken);
            }
            match (found.value, &found.skipped) {
                (Some(value), None) if !found.name.can_be(value) => {
                    let name = found.name.as_str();
                    faults.add(
                        &place("value"),
                        Fault::Malformed(format!("{name} cannot be {value}")),
                    );
                }
                (Some(_), None) => {}
                (None, Some(why)) if !why.trim().is_empty() => {}
                (Some(_), Some(_)) => faults.add(&place("skipped"), Fault::Unexpected),
                (None, _) => faults.add(&place("value"), Fault::Required),
            }
        }
        for it in checks.iter().filter(|it| self.value(it.name).is_none()) {
            let why = format!("asked, and not answered: {}", it.name.as_str());
            faults.add("checks", Fault::Malformed(why));
        }
    }

    /// The judgement, line by line; the whole is [`Verdict::all`] of them. `took` is from the draw to the record.
    pub fn findings(
        &self,
        kind: SubjectKind,
        checks: &[Check],
        took: TimeDelta,
        limit: Option<TimeDelta>,
    ) -> Vec<Finding> {
        let items = Verdict::all(self.items.iter().map(|it| match it.outcome {
            Outcome::Passed => Verdict::Pass,
            Outcome::Compensated => Verdict::from(kind.may_be_compensated()),
            Outcome::Failed => Verdict::Fail,
            Outcome::Skipped => Verdict::Unknown,
        }));
        let of =
            |it: &Check| self.value(it.name).map_or(Verdict::Unknown, |found| it.verdict(found));
        let proven = checks.iter().any(|it| it.name.proves_data() && of(it).passed());
        let proof = if proven { Verdict::Pass } else { Verdict::Unknown };
        let mut findings = vec![Finding { what: Line::Items, verdict: items }];
        let checks =
            checks.iter().map(|it| Finding { what: Line::Check(it.name), verdict: of(it) });
        findings.extend(checks);
        findings
            .extend(limit.map(|it| Finding { what: Line::InTime, verdict: (took <= it).into() }));
        findings.push(Finding { what: Line::Proof, verdict: proof });
        findings
    }
}
