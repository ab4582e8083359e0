//! The monthly reconciliation: rows of the ledgers that lack what should stand beside them (Glancy §6).
//!
//! Each ledger says of its rows what is beside them ([`Beside`]); which of that is missing is decided here, in one
//! place, so that another ledger brings another arm and nothing else.

use serde::Serialize;

use crate::drills::StateName;
use crate::rollbacks::Closure;

words!(
    /// What a row lacks.
    Gap {
        // A drill that was carried out, with nothing that proves it.
        NoEvidence = "no_evidence",
        // Signed off, and its bundle was never exported.
        NoBundle = "no_bundle",
        // Over, and nobody has signed it.
        NotSigned = "not_signed",
        // Missed or failed, and never done again.
        NoRetest = "no_retest",
        // It did not bring the service back, or nobody knows, and nothing followed.
        NoFollowUp = "no_follow_up",
    }
);

/// A row of a ledger, and what stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `drills/DR-…`
    pub subject: String,
    pub service: String,
    pub beside: Beside,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Beside {
    Drill {
        state: StateName,
        /// A failed one, or one that never began, is done again.
        to_repeat: bool,
        files: u64,
        /// Exports of its bundle since it was signed.
        bundles: u64,
        /// Later drills of the same scenario for the same service that came to a signature.
        repeated: u64,
    },
    Rollback {
        /// Carried out, and begun but not ended as it should.
        failed: bool,
        closure: Option<Closure>,
        /// Later rollbacks and runs of the same service that ended well.
        followed: u64,
    },
}

/// A row with everything that it lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    pub subject: String,
    pub service: String,
    pub gaps: Vec<Gap>,
}

/// Rows that lack something, in their order.
pub fn mismatches(rows: Vec<Row>) -> Vec<Mismatch> {
    let look = |row: Row| {
        let gaps = row.beside.gaps();
        (!gaps.is_empty()).then_some(Mismatch { subject: row.subject, service: row.service, gaps })
    };
    rows.into_iter().filter_map(look).collect()
}

impl Beside {
    fn gaps(&self) -> Vec<Gap> {
        let gaps = match *self {
            Beside::Drill { state, to_repeat, files, bundles, repeated } => {
                use StateName::{Aborted, EvidenceComplete, Recovered, SignedOff};
                let carried_out =
                    matches!(state, Recovered | EvidenceComplete | SignedOff | Aborted);
                let unsigned = matches!(state, Recovered | EvidenceComplete);
                vec![
                    (carried_out && files == 0, Gap::NoEvidence),
                    (unsigned, Gap::NotSigned),
                    (state == SignedOff && bundles == 0, Gap::NoBundle),
                    (to_repeat && repeated == 0, Gap::NoRetest),
                ]
            }
            Beside::Rollback { failed, closure, followed } => {
                let unverified = matches!(closure, Some(Closure::NotVerified | Closure::Unknown));
                vec![((failed || unverified) && followed == 0, Gap::NoFollowUp)]
            }
        };
        gaps.into_iter().filter_map(|(lacks, gap)| lacks.then_some(gap)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drill(state: StateName, files: u64, bundles: u64) -> Beside {
        Beside::Drill { state, to_repeat: false, files, bundles, repeated: 0 }
    }

    #[test]
    fn a_row_names_all_that_it_lacks() {
        use StateName::{Cancelled, EvidenceComplete, Missed, Planned, Recovered, SignedOff};
        let missed = |repeated| Beside::Drill {
            state: Missed,
            to_repeat: true,
            files: 0,
            bundles: 0,
            repeated,
        };
        let rollback = |failed, closure, followed| Beside::Rollback { failed, closure, followed };
        for (beside, gaps) in [
            (drill(SignedOff, 4, 1), vec![]),
            (drill(SignedOff, 0, 0), vec![Gap::NoEvidence, Gap::NoBundle]),
            (drill(EvidenceComplete, 4, 0), vec![Gap::NotSigned]),
            (drill(Recovered, 0, 0), vec![Gap::NoEvidence, Gap::NotSigned]),
            (drill(Planned, 0, 0), vec![]),
            (drill(Cancelled, 0, 0), vec![]),
            (missed(0), vec![Gap::NoRetest]),
            (missed(1), vec![]),
            (rollback(false, Some(Closure::Verified), 0), vec![]),
            (rollback(false, Some(Closure::NotVerified), 0), vec![Gap::NoFollowUp]),
            (rollback(false, Some(Closure::Unknown), 0), vec![Gap::NoFollowUp]),
            (rollback(false, Some(Closure::NotVerified), 1), vec![]),
            (rollback(true, None, 0), vec![Gap::NoFollowUp]),
            (rollback(false, None, 0), vec![]),
        ] {
            assert_eq!(beside.gaps(), gaps, "{beside:?}");
        }
    }
}
