//! What people judge of a drill beside the numbers (EdgeLink §7.2), change tickets, and why one was missed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Drill, Refusal, State, Ticket};
use crate::verdict::Verdict;

/// Something that has to be so at the end: "smoke tests pass".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    pub text: String,
    /// Unknown until somebody judges it.
    pub verdict: Verdict,
    /// The name of the account.
    pub by: Option<String>,
    pub at: Option<DateTime<Utc>>,
}

impl Criterion {
    pub fn open(text: &str) -> Self {
        Self { text: text.to_owned(), verdict: Verdict::Unknown, by: None, at: None }
    }
}

impl Drill {
    /// Somebody who was there says whether the criterion of this number (from 1) is met. Said once: what was wrong
    /// then is an issue.
    ///
    /// # Errors
    /// [`Refusal::NotBegun`], [`Refusal::Over`], [`Refusal::UnknownItem`], [`Refusal::JudgedAlready`].
    pub fn judge(
        mut self,
        position: u32,
        met: bool,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        self.is_amendable()?;
        let index = (position as usize).checked_sub(1);
        let criterion = index.and_then(|it| self.criteria.get_mut(it));
        let criterion = criterion.ok_or(Refusal::UnknownItem)?;
        if criterion.verdict != Verdict::Unknown {
            return Err(Refusal::JudgedAlready);
        }
        criterion.verdict = if met { Verdict::Pass } else { Verdict::Fail };
        criterion.by = Some(by.to_owned());
        criterion.at = Some(now);
        self.part(Some(by));
        Ok(self)
    }

    /// # Errors
    /// [`Refusal::Over`]; a changed parameter may be known before the drill begins.
    pub fn add_ticket(mut self, ticket: Ticket) -> Result<Self, Refusal> {
        if self.state != State::Planned {
            self.is_amendable()?;
        }
        self.tickets.push(ticket);
        Ok(self)
    }

    /// Where it stands in the event system; what was said before is replaced, and stands in the audit log.
    ///
    /// # Errors
    /// [`Refusal::Over`].
    pub fn link(mut self, event: String) -> Result<Self, Refusal> {
        if self.state != State::Planned {
            self.is_amendable()?;
        }
        self.event = Some(event);
        Ok(self)
    }

    /// Why nobody began it. What was said before is replaced, and stands in the audit log.
    ///
    /// # Errors
    /// [`Refusal::NotMissed`].
    pub fn explain(mut self, reason: String) -> Result<Self, Refusal> {
        match &mut self.state {
            State::Missed { reason: said } => *said = Some(reason),
            _ => return Err(Refusal::NotMissed),
        }
        Ok(self)
    }
}
