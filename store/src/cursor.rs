//! Where a list goes on: the moment and the id of its last row, as one word for an address.

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

/// `2026-10-16T03:12:08.000123Z_6f0c…`
pub fn of(at: DateTime<Utc>, id: Uuid) -> String {
    format!("{}_{id}", at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// None for what no list has given out.
pub fn parse(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = text.split_once('_')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}
