//! The tables of holidays, one for each year.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use domain::access::Actor;
use domain::business_days::{Calendar, Table, shipped};
use serde_json::json;
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::Error;

/// A year whose table is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Year {
    pub year: i32,
    pub source: String,
    /// As the audit log writes it.
    pub imported_by: String,
    /// Nothing where it came with the product.
    pub imported_at: Option<DateTime<Utc>>,
    pub table: Table,
}

/// Fills in the years that come with the product; a year that is there stays as it is.
pub async fn seed(owner: &PgPool) -> Result<(), Error> {
    let (source, Calendar(years)) = shipped();
    let mut tx = owner.begin().await?;
    let known = sqlx::query_scalar!("SELECT year FROM holiday_years").fetch_all(&mut *tx).await?;
    for (year, table) in years.iter().filter(|(year, _)| !known.contains(year)) {
        write(&mut tx, *year, &source, &Actor::Owner.to_string(), None, table).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Replaces the table of a year.
pub async fn replace(
    tx: &mut PgConnection,
    year: i32,
    source: &str,
    by: &Actor,
    at: DateTime<Utc>,
    table: &Table,
) -> Result<(), Error> {
    write(tx, year, source, &by.to_string(), Some(at), table).await
}

async fn write(
    tx: &mut PgConnection,
    year: i32,
    source: &str,
    by: &str,
    at: Option<DateTime<Utc>>,
    table: &Table,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO holiday_years (year, source, imported_by, imported_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (year) DO UPDATE SET
             source = excluded.source, imported_by = excluded.imported_by, imported_at = excluded.imported_at",
        year,
        source,
        by,
        at
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM holidays WHERE year = $1", year).execute(&mut *tx).await?;
    sqlx::query!(
        "INSERT INTO holidays (day, year, workday, name)
         SELECT day::date, $1::integer, false, name FROM jsonb_each_text($2) AS d (day, name)
         UNION ALL
         SELECT day::date, $1::integer, true, name FROM jsonb_each_text($3) AS d (day, name)",
        year,
        json!(table.holidays),
        json!(table.workdays)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Every year that is known, the newest first.
pub async fn years(db: impl PgExecutor<'_>) -> Result<Vec<Year>, Error> {
    let rows = sqlx::query!(
        r#"SELECT y.year AS "year!", source AS "source!", imported_by AS "imported_by!", imported_at, day AS "day?", workday AS "workday?", name AS "name?"
           FROM holiday_years y LEFT JOIN holidays h ON h.year = y.year ORDER BY y.year DESC, day"#
    );
    let mut years: Vec<Year> = Vec::new();
    for row in rows.fetch_all(db).await? {
        if years.last().is_none_or(|it| it.year != row.year) {
            years.push(Year {
                year: row.year,
                source: row.source,
                imported_by: row.imported_by,
                imported_at: row.imported_at,
                table: Table::default(),
            });
        }
        let (Some(day), Some(name), Some(it)) = (row.day, row.name, years.last_mut()) else {
            continue;
        };
        let days =
            if row.workday == Some(true) { &mut it.table.workdays } else { &mut it.table.holidays };
        days.insert(day, name);
    }
    Ok(years)
}

/// The tables of all years from that of `day` on, which is what somebody needs who counts from there.
pub async fn calendar(db: impl PgExecutor<'_>, day: NaiveDate) -> Result<Calendar, Error> {
    let rows = sqlx::query!(
        r#"SELECT y.year AS "year!", day AS "day?", workday AS "workday?", name AS "name?"
           FROM holiday_years y LEFT JOIN holidays h ON h.year = y.year
           WHERE y.year >= EXTRACT(year FROM $1::date) - 1"#,
        day
    );
    let mut years: BTreeMap<i32, Table> = BTreeMap::new();
    for row in rows.fetch_all(db).await? {
        let table = years.entry(row.year).or_default();
        if let (Some(day), Some(workday), Some(name)) = (row.day, row.workday, row.name) {
            let days = if workday { &mut table.workdays } else { &mut table.holidays };
            days.insert(day, name);
        }
    }
    Ok(Calendar(years))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn what_was_imported_stays_and_the_rest_comes_with_the_product(pool: PgPool) {
        let own = r#"{"holidays": {"2026-01-01": "元旦"}, "workdays": {"2026-01-03": "元旦"}}"#;
        let own: Table = serde_json::from_str(own).unwrap();
        let now = DateTime::UNIX_EPOCH;
        let by = Actor::User("adam".into());
        let mut tx = pool.begin().await.unwrap();
        for _ in 0..2 {
            replace(&mut tx, 2026, "notice", &by, now, &own).await.unwrap();
        }
        tx.commit().await.unwrap();
        for _ in 0..2 {
            seed(&pool).await.unwrap();
        }
        let all = years(&pool).await.unwrap();
        assert_eq!(all.len(), 23);
        assert_eq!((all[0].year, &all[0].table), (2026, &own));
        assert_eq!(all[0].imported_at, Some(now));
        let (_, shipped) = shipped();
        assert_eq!(Some(&all[1].table), shipped.0.get(&2025).map(without_in_lieu).as_ref());
        let calendar = calendar(&pool, "2026-06-01".parse().unwrap()).await.unwrap();
        assert_eq!(calendar.0.keys().copied().collect::<Vec<_>>(), [2025, 2026]);
        assert_eq!(calendar.0.get(&2026), Some(&own));
    }

    fn without_in_lieu(table: &Table) -> Table {
        Table { in_lieu: BTreeMap::new(), ..table.clone() }
    }
}
