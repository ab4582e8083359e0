//! The running numbers of the ledgers.

use chrono::NaiveDate;
use sqlx::PgConnection;

use crate::Error;

/// Whose numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Rollback,
    Drill,
    SpotCheck,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Kind::Rollback => "RB",
            Kind::Drill => "DR",
            Kind::SpotCheck => "SC",
        }
    }
}

/// The next one of a day, such as `RB-20261016-01`. It belongs to the transaction: given up with it, and nobody
/// else draws one of the same day meanwhile, so there are neither gaps nor doubles.
pub async fn next(tx: &mut PgConnection, kind: Kind, day: NaiveDate) -> Result<String, Error> {
    let last = sqlx::query_scalar!(
        "INSERT INTO numbers (kind, day, last) VALUES ($1, $2, 1)
         ON CONFLICT (kind, day) DO UPDATE SET last = numbers.last + 1 RETURNING last",
        kind.as_str(),
        day
    );
    let last = last.fetch_one(tx).await?;
    Ok(format!("{}-{}-{last:02}", kind.as_str(), day.format("%Y%m%d")))
}

/// Those that are drawn of this day from now on come after this one, which stands in the ledger already.
pub async fn keep(
    tx: &mut PgConnection,
    kind: Kind,
    day: NaiveDate,
    place: u32,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO numbers (kind, day, last) VALUES ($1, $2, $3)
         ON CONFLICT (kind, day) DO UPDATE SET last = GREATEST(numbers.last, excluded.last)",
        kind.as_str(),
        day,
        i32::try_from(place).unwrap_or(i32::MAX)
    )
    .execute(tx)
    .await?;
    Ok(())
}
