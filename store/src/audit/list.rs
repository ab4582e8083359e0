//! The log as people and programs read it: filtered, newest first, a page at a time.

use super::*;
use crate::audit::chain::hash;

/// Everything that is set must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `user:…`, `machine:…`, `worker:…` or `owner`; a name alone fits any kind.
    pub actor: Option<String>,
    pub action: Option<String>,
    /// A subject, or what it begins with: `rollbacks` means all of them.
    pub subject: Option<String>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// Somewhere in actor, action, subject or details.
    pub text: Option<String>,
    /// Only older ones: the number of the last one of the page before.
    pub before: Option<i64>,
    pub limit: i64,
}

/// An entry and, once the sealer was there, its place in the chain.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub entry: Entry,
    pub seal: Option<Seal>,
}

struct Row {
    id: i64,
    at: DateTime<Utc>,
    actor: String,
    action: String,
    subject: String,
    details: Value,
    previous: Option<Vec<u8>>,
    hash: Option<Vec<u8>>,
}

impl TryFrom<Row> for Sealed {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let seq = row.id;
        let seal = match (row.previous, row.hash) {
            (Some(previous), Some(own)) => Some(Seal {
                previous: hash("audit_seals", seq, &previous)?,
                hash: hash("audit_seals", seq, &own)?,
            }),
            _ => None,
        };
        let Row { at, actor, action, subject, details, .. } = row;
        Ok(Self { entry: Entry { seq, at, actor, action, subject, details }, seal })
    }
}

pub async fn list(db: &PgPool, filter: &Filter) -> Result<Vec<Sealed>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, at, actor, action, subject, details, previous AS "previous?", hash AS "hash?"
           FROM audit LEFT JOIN audit_seals ON entry = id
           WHERE ($1::text IS NULL OR actor = $1 OR split_part(actor, ':', 2) = $1)
             AND ($2::text IS NULL OR action = $2)
             AND ($3::text IS NULL OR subject = $3 OR starts_with(subject, $3 || '/'))
             AND ($4::timestamptz IS NULL OR at >= $4)
             AND ($5::timestamptz IS NULL OR at < $5)
             AND ($6::text IS NULL
                  OR strpos(lower(concat_ws(' ', actor, action, subject, details::text)), lower($6)) > 0)
             AND ($7::bigint IS NULL OR id < $7)
           ORDER BY id DESC LIMIT $8"#,
        filter.actor,
        filter.action,
        filter.subject,
        filter.from,
        filter.to,
        filter.text,
        filter.before,
        filter.limit
    );
    rows.fetch_all(db).await?.into_iter().map(Sealed::try_from).collect()
}

/// Everything that was ever done to these subjects, the oldest first.
pub async fn of_subjects(db: &PgPool, subjects: &[String]) -> Result<Vec<Sealed>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, at, actor, action, subject, details, previous AS "previous?", hash AS "hash?"
           FROM audit LEFT JOIN audit_seals ON entry = id WHERE subject = ANY($1) ORDER BY id"#,
        subjects
    );
    rows.fetch_all(db).await?.into_iter().map(Sealed::try_from).collect()
}

/// How many entries wait for the sealer.
pub async fn unsealed(db: &PgPool) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM audit
           WHERE id > COALESCE((SELECT max(entry) FROM audit_seals), 0)"#
    );
    Ok(count.fetch_one(db).await?)
}

/// The next ones in the chain after `seq`, oldest first.
pub async fn after(db: &PgPool, seq: i64, limit: i64) -> Result<Vec<Entry>, Error> {
    let entries = sqlx::query_as!(
        Entry,
        "SELECT id AS seq, at, actor, action, subject, details FROM audit
         WHERE id > $1 AND id <= (SELECT max(entry) FROM audit_seals) ORDER BY id LIMIT $2",
        seq,
        limit
    );
    Ok(entries.fetch_all(db).await?)
}
