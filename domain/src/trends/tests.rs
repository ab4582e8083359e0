use super::*;

fn drill(state: StateName, outcome: Option<Outcome>, count: u64) -> DrillTally {
    DrillTally { period: 0, state, outcome, count, closures: vec![] }
}

fn rollback(state: &str, closure: Option<Closure>, automatic: bool, count: u64) -> RollbackTally {
    RollbackTally {
        period: 0,
        state: state.into(),
        closure,
        automatic,
        executed: true,
        cause: Some(Cause::CodeDefect),
        count,
        detect: Mean::default(),
        approve: Mean::default(),
        recover: Mean::default(),
    }
}

#[test]
fn a_cancelled_drill_was_not_expected_and_a_missed_one_was() {
    let drills = vec![
        drill(StateName::Missed, None, 2),
        drill(StateName::Cancelled, None, 5),
        drill(StateName::SignedOff, Some(Outcome::Passed), 3),
        drill(StateName::SignedOff, Some(Outcome::Failed), 1),
        drill(StateName::SignedOff, Some(Outcome::Incomplete), 1),
        drill(StateName::Planned, None, 1),
    ];
    let figures = figures(1, Tallies { drills, ..Tallies::default() });
    let counted = Drills { expected: 8, missed: 2, signed: 5, passed: 3, failed: 1 };
    assert_eq!(figures[0].drills, counted);
}

#[test]
fn the_success_of_automatic_rollbacks_is_counted_apart() {
    let mut withdrawn = rollback("withdrawn", None, false, 7);
    withdrawn.executed = false;
    let mut failed = rollback("failed", None, true, 1);
    failed.executed = false;
    let rollbacks = vec![
        rollback("closed", Some(Closure::Verified), true, 197),
        failed,
        rollback("closed", Some(Closure::Unknown), true, 2),
        rollback("closed", Some(Closure::NotVerified), false, 4),
        rollback("verifying", None, false, 1),
        withdrawn,
    ];
    let figures = figures(1, Tallies { rollbacks, ..Tallies::default() }).remove(0);
    let counted = Rollbacks {
        executed: 205,
        automatic: 200,
        success: Share { met: 197, missed: 5, unknown: 2 },
        automatic_success: Share { met: 197, missed: 1, unknown: 2 },
    };
    assert_eq!(figures.rollbacks, counted);
    assert_eq!(counted.automatic_success.reaches(AUTOMATIC_SUCCESS), Some(true));
    // Each of them had a cause, also the one that nobody carried out.
    assert_eq!(figures.causes[&Cause::CodeDefect], 212);
}

#[test]
fn each_row_is_counted_in_its_period_and_nowhere_else() {
    let measured =
        [(0, Verdict::Pass), (1, Verdict::Fail), (1, Verdict::Unknown), (9, Verdict::Pass)].map(
            |(period, verdict)| MeasuredTally { period, promise: Promise::Rpo, verdict, count: 1 },
        );
    let tallies = Tallies { measured: measured.to_vec(), ..Tallies::default() };
    let [first, second] = figures(2, tallies).try_into().unwrap();
    assert_eq!(first.rpo, Share { met: 1, missed: 0, unknown: 0 });
    assert_eq!(second.rpo, Share { met: 0, missed: 1, unknown: 1 });
    assert!(first.rto.of() == 0 && !first.is_empty());
}

#[test]
fn closures_of_a_period_are_looked_at_together() {
    let tally = |state, closures| DrillTally { closures, ..drill(state, None, 1) };
    let drills = vec![
        tally(StateName::SignedOff, vec![(100, 120), (130, 120)]),
        tally(StateName::EvidenceComplete, vec![(110, 120)]),
    ];
    let figures = figures(1, Tallies { drills, ..Tallies::default() }).remove(0);
    let spread = Spread { count: 3, median_us: Some(110), worst_us: Some(130), over: 1 };
    assert_eq!(figures.closure, spread);
}
