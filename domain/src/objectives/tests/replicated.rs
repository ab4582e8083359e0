use super::*;
use crate::measurements::REPLAY_LAG;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn position(second: i64, lsn: u64) -> Position {
    Position { at: at(second), lsn: Lsn(lsn) }
}

fn standby(received: Option<u64>, replayed: u64) -> Standby {
    Standby {
        at: at(100),
        received: received.map(Lsn),
        replayed: Lsn(replayed),
        since_last_replay_s: Some(3600.0),
        heartbeat: None,
    }
}

/// Loss and replay lag in seconds.
fn seconds(positions: &[Position], standby: Standby) -> (Option<f64>, Option<f64>) {
    let it = Replicated { positions, heartbeat: None, standby }.backlog();
    (it.rpo_s, it.replay_lag_s)
}

#[test]
fn an_idle_primary_loses_nothing_however_old_its_last_transaction_is() {
    let idle = [position(0, 500), position(100, 500)];
    assert_eq!(seconds(&idle, standby(Some(500), 500)), (Some(0.0), Some(0.0)));
}

#[test]
fn what_was_not_received_is_lost_since_the_primary_was_where_the_standby_is() {
    let busy = [position(60, 100), position(80, 300), position(90, 400), position(100, 500)];
    for (received, expected) in [
        (500, Some(0.0)),
        (499, Some(10.0)),
        (300, Some(20.0)),
        (299, Some(40.0)),
        // Before it was watched; how long is not known.
        (99, None),
    ] {
        assert_eq!(seconds(&busy, standby(Some(received), received)).0, expected, "{received}");
    }
}

#[test]
fn what_is_received_and_not_read_is_no_loss() {
    let busy = [position(90, 400), position(100, 500)];
    assert_eq!(seconds(&busy, standby(Some(500), 300)), (Some(0.0), Some(3600.0)));
    // A restarted standby counts what it received from the start of a segment.
    assert_eq!(seconds(&busy, standby(Some(100), 500)), (Some(0.0), Some(0.0)));
    // One that reads from an archive has received nothing.
    assert_eq!(seconds(&busy, standby(None, 400)), (Some(10.0), Some(0.0)));
}

#[test]
fn a_primary_that_is_gone_has_lost_at_most_what_it_wrote_since_it_was_last_seen() {
    let gone = [position(80, 300), position(90, 400)];
    assert_eq!(seconds(&gone, standby(Some(400), 400)).0, Some(10.0));
    assert_eq!(seconds(&gone, standby(Some(350), 350)).0, Some(20.0));
    assert_eq!(seconds(&[], standby(Some(350), 350)).0, None);
}

#[test]
fn a_heartbeat_says_it_by_itself() {
    let standby = Standby { heartbeat: Some(at(88)), ..standby(Some(1), 1) };
    let it = Replicated { positions: &[], heartbeat: Some(at(100)), standby };
    assert_eq!(it.backlog().rpo_s, Some(12.0));
}

#[test]
fn only_what_says_more_is_remembered() {
    let positions = [position(80, 300), position(90, 300), position(100, 500)];
    for (received, expected) in [(500, Some(100)), (499, Some(90)), (300, Some(90)), (1, None)] {
        let it = Replicated {
            positions: &positions,
            heartbeat: None,
            standby: standby(Some(received), received),
        };
        assert_eq!(it.forget_before(), expected.map(at), "{received}");
    }
}

#[test]
fn both_values_are_kept_and_the_loss_alone_is_judged_by_the_rpo() {
    let objective = dated(json!([{"document": "plan", "rpo_s": 15}]));
    let positions = [position(80, 300), position(100, 500)];
    let it =
        Replicated { positions: &positions, heartbeat: None, standby: standby(Some(300), 200) };
    let rows = it.backlog().measurements(&objective, at(100), Vec::new());
    let rows: Vec<_> = rows.iter().map(|it| (it.name.as_str(), it.value, it.verdict)).collect();
    assert_eq!(rows, [(RPO, Some(20.0), Some(Fail)), (REPLAY_LAG, Some(3600.0), None)]);
}

#[test]
fn positions_are_written_as_postgres_writes_them() {
    assert_eq!(Lsn(0x16_B374_D848).to_string(), "16/B374D848");
    assert_eq!(Lsn(0x0100_0000).to_string(), "0/1000000");
}

#[test]
fn a_restored_copy_is_as_old_as_its_newest_row() {
    assert_eq!(age(at(40), at(100)), 60.0);
    assert_eq!(age(at(100), at(40)), 0.0);
}
