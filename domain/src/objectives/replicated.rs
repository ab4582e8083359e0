//! RPO of a replicated database. **Loss** is what the primary has written and the standby has not received; **replay
//! lag** is what it has received and not yet read. Only the first is gone with the primary.
//!
//! **Invariant:** a primary that nobody writes to loses nothing, however old its last transaction is.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Dated, Finding};
use crate::measurements::{Measurement, REPLAY_LAG, RPO, Sample, Window};

/// A position in the log of a Postgres, in bytes from its beginning; written `16/B374D848`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// Where the primary was at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub at: DateTime<Utc>,
    pub lsn: Lsn,
}

/// What the standby says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standby {
    pub at: DateTime<Utc>,
    /// Nothing before it has begun to stream.
    pub received: Option<Lsn>,
    pub replayed: Lsn,
    /// `now() − pg_last_xact_replay_timestamp()` by its own clock, in seconds.
    pub since_last_replay_s: Option<f64>,
    /// The newest heartbeat that can be read there.
    pub heartbeat: Option<DateTime<Utc>>,
}

/// How both sides stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Replicated<'a> {
    /// Where the primary was, oldest first; the last one is of now where it answered.
    pub positions: &'a [Position],
    /// The newest heartbeat on the primary.
    pub heartbeat: Option<DateTime<Utc>>,
    pub standby: Standby,
}

/// Both sides of the standby's backlog.
#[derive(Clone, Debug, PartialEq)]
pub struct Backlog {
    pub loss: Finding,
    /// The loss as time, in seconds.
    pub rpo_s: Option<f64>,
    pub replay_lag_s: Option<f64>,
    pub replay: Finding,
}

impl Standby {
    /// A restarted standby counts what it has received from the start of a segment, which it had read long ago.
    fn has(&self) -> Lsn {
        self.received.map_or(self.replayed, |it| it.max(self.replayed))
    }
}

impl Replicated<'_> {
    pub fn backlog(&self) -> Backlog {
        let (loss, rpo_s) = self.loss();
        let standby = &self.standby;
        let bytes = standby.has().0 - standby.replayed.0;
        let replay_lag_s = match bytes {
            // An idle primary leaves an old last transaction behind, and nothing to be read.
            0 => Some(0.0),
            _ => standby.since_last_replay_s.map(|it| it.max(0.0)),
        };
        let replay =
            Finding::ReplayLag { bytes, received: standby.has(), replayed: standby.replayed };
        Backlog { loss, rpo_s, replay_lag_s, replay }
    }

    fn loss(&self) -> (Finding, Option<f64>) {
        let seconds = |span: TimeDelta| (span.num_milliseconds() as f64 / 1000.0).max(0.0);
        let standby = &self.standby;
        if let (Some(primary), Some(seen)) = (self.heartbeat, standby.heartbeat) {
            return (Finding::Heartbeat { primary, standby: seen }, Some(seconds(primary - seen)));
        }
        let Some(last) = self.positions.last() else {
            return (Finding::NoPosition, None);
        };
        let received = standby.has();
        let bytes = last.lsn.0.saturating_sub(received.0);
        // When the primary was where the standby is now: everything since then is lost with it.
        let same = self.positions.iter().rev().find(|it| it.lsn <= received);
        let finding = Finding::Loss {
            bytes,
            primary: last.lsn,
            primary_at: last.at,
            received,
            same_at: same.map(|it| it.at),
        };
        (finding, same.map(|it| seconds(standby.at.max(last.at) - it.at)))
    }

    /// What has to be remembered of the primary to say this again: the newest position that the standby has, and all
    /// that it has not. Older ones say nothing more.
    pub fn forget_before(&self) -> Option<DateTime<Utc>> {
        let received = self.standby.has();
        self.positions.iter().rev().find(|it| it.lsn <= received).map(|it| it.at)
    }
}

impl Backlog {
    /// The two values as they are kept; `samples` are the positions that the loss was found by.
    pub fn measurements(
        &self,
        objective: &Dated,
        at: DateTime<Utc>,
        samples: Vec<Sample>,
    ) -> Vec<Measurement> {
        let name = &objective.objective.name;
        let value =
            |name: &str, value: Option<f64>, source: String, query: &str, finding: &Finding| {
                Measurement {
                    name: name.to_owned(),
                    value,
                    unit: "s".to_owned(),
                    verdict: objective.objective.verdict(name, value),
                    source,
                    query: Some(query.to_owned()),
                    window: Window { from: at, to: at },
                    at,
                    objective: Some(objective.judge()),
                    result: Some(finding.to_value()),
                    samples: Vec::new(),
                }
            };
        let source = format!("replication of {name}");
        let loss = value(RPO, self.rpo_s, source.clone(), LOSS_QUERY, &self.loss);
        let replay = value(REPLAY_LAG, self.replay_lag_s, source, REPLAY_QUERY, &self.replay);
        vec![Measurement { samples, ..loss }, replay]
    }
}

const LOSS_QUERY: &str = "primary: pg_current_wal_flush_lsn(); standby: pg_last_wal_receive_lsn()";
const REPLAY_QUERY: &str =
    "standby: pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), pg_last_xact_replay_timestamp()";

/// How old a restored copy is: what was written after its newest row is not in it. In seconds.
pub fn age(newest: DateTime<Utc>, lost_at: DateTime<Utc>) -> f64 {
    ((lost_at - newest).num_milliseconds() as f64 / 1000.0).max(0.0)
}
