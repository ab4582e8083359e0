//! The rows that other documents keep of what was reached. Glancy §6: "RTO/RPO 结果需在 13.4 的 DR-02、DR-04 表中更新".

use chrono::SecondsFormat;

use super::Dated;
use crate::cells::Cell;
use crate::measurements::{Measurement, RPO, RTO};

words!(
    /// The document does not print the tables themselves; the first has the RTO, the second the RPO.
    Table { Rto = "DR-02", Rpo = "DR-04" }
);

impl Table {
    /// The name of the measurements in it.
    pub const fn measurement(self) -> &'static str {
        match self {
            Self::Rto => RTO,
            Self::Rpo => RPO,
        }
    }
}

/// What the columns of [`row`] are.
pub const HEADS: [&str; 13] = [
    "domain",
    "title",
    "path",
    "target_s",
    "measured_s",
    "verdict",
    "measured_at",
    "subject",
    "source",
    "document",
    "section",
    "version",
    "in_force_since",
];

/// An RTO is that of something that happened; of an RPO what was measured between drills counts, too.
pub fn is_of(table: Table, subject: &str) -> bool {
    let happened = subject.starts_with("drills/") || subject.starts_with("rollbacks/");
    table == Table::Rpo || happened
}

/// One value, or that there is none yet. The target is that of the version in force; the value keeps the verdict of its
/// day.
pub fn row<'a>(
    table: Table,
    dated: &'a Dated,
    subject: &'a str,
    measured: Option<&'a Measurement>,
) -> [Cell<'a>; HEADS.len()] {
    let it = &dated.objective;
    let bound = match table {
        Table::Rto => it.rto(),
        Table::Rpo => it.rpo(),
    };
    let of = |source: &&super::Source| {
        let own = match table {
            Table::Rto => source.rto_s,
            Table::Rpo => source.rpo_s,
        };
        own.is_some() && own == bound
    };
    let source = it.sources.iter().find(of);
    let target: Cell<'_> = match bound {
        Some(bound) => {
            bound.seconds().map_or_else(|| bound.to_string().into(), |it| f64::from(it).into())
        }
        None => Cell::Empty,
    };
    let verdict = measured.and_then(|it| it.verdict);
    let moment = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    [
        it.name.as_str().into(),
        it.title().into(),
        it.path.as_str().into(),
        target,
        measured.and_then(|it| it.value).into(),
        verdict.map(|it| it.as_str()).into(),
        measured.map(|it| moment(it.at)).into(),
        subject.into(),
        measured.map(|it| it.source.as_str()).into(),
        source.map(|it| it.document.as_str()).into(),
        source.map(|it| it.section.as_str()).into(),
        f64::from(dated.version).into(),
        moment(dated.since).into(),
    ]
}
