//! A failed drill is done again.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Criterion, Drill, Link, Requirement};

impl Drill {
    /// By when it has to be done again if it fails now.
    pub(super) fn retest_due(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + TimeDelta::days(self.retest_days.into())
    }

    /// The drill that does it again: the same scenario, plan, people and targets, and nothing of what came out. There is
    /// one as soon as a failed one is signed off, so one that nobody does is missed like any other.
    pub fn retest(&self, by: &str, now: DateTime<Utc>) -> Option<Self> {
        let due = self.state.sign_off()?.retest_due?;
        Some(Self {
            script: self.script.clone(),
            service: self.service.clone(),
            workload: self.workload,
            steps: self.steps.clone(),
            lead: self.lead.clone(),
            participants: self.participants.clone(),
            headcount: self.headcount,
            retest_of: Some(Link { id: self.id, number: self.number.clone() }),
            planned_by: by.to_owned(),
            closure_limit_s: self.closure_limit_s,
            retest_days: self.retest_days,
            targets: self.targets.clone(),
            criteria: self.criteria.iter().map(|it| Criterion::open(&it.text)).collect(),
            requirements: self
                .requirements
                .iter()
                .map(|it| Requirement::open(it.kind, it.due))
                .collect(),
            follow_ups: self.follow_ups.clone(),
            report_to: self.report_to.clone(),
            created_at: now,
            ..Self::of(self.scenario.clone(), self.kind, due)
        })
    }
}
