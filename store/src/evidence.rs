//! What is known of the files in the object store. The files themselves are elsewhere.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::evidence::{Erased, Evidence, EvidenceKind, Sha256};
use domain::ids::EvidenceId;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// The row of a file that the object store has by now, with its id. Nothing new where the same file proves the same already.
pub async fn insert(tx: &mut PgConnection, new: &Evidence) -> Result<Evidence, Error> {
    let row = sqlx::query_as!(
        Row,
        "INSERT INTO evidence (sha256, size, media_type, name, kind, subject, restricted, uploaded_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (subject, sha256, kind) DO UPDATE SET restricted = evidence.restricted OR excluded.restricted
         RETURNING *",
        new.sha256.as_str(),
        i64::try_from(new.size).unwrap_or(i64::MAX),
        new.media_type,
        new.name,
        new.kind.as_str(),
        new.subject,
        new.restricted,
        new.uploaded_by,
        new.uploaded_at
    );
    row.fetch_one(tx).await?.try_into()
}

/// Everything that was said of one file, the oldest first.
pub async fn with_hash(db: impl PgExecutor<'_>, hash: &Sha256) -> Result<Vec<Evidence>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM evidence WHERE sha256 = $1 ORDER BY created_at, id",
        hash.as_str()
    );
    rows.fetch_all(db).await?.into_iter().map(Evidence::try_from).collect()
}

/// Whether these bytes had to go once.
pub async fn is_erased(db: impl PgExecutor<'_>, hash: &Sha256) -> Result<bool, Error> {
    let erased = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM evidence WHERE sha256 = $1 AND erased_at IS NOT NULL) AS "erased!""#,
        hash.as_str()
    );
    Ok(erased.fetch_one(db).await?)
}

/// Marks every row of these bytes as erased; none where there is none that is not.
pub async fn erase(
    tx: &mut PgConnection,
    hash: &Sha256,
    erased: &Erased,
) -> Result<Vec<Evidence>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "UPDATE evidence SET erased_at = $2, erased_by = $3, erased_reason = $4
         WHERE sha256 = $1 AND erased_at IS NULL RETURNING *",
        hash.as_str(),
        erased.at,
        erased.by,
        erased.reason
    );
    rows.fetch_all(tx).await?.into_iter().map(Evidence::try_from).collect()
}

/// What the object store is to let go of.
pub async fn to_remove(db: impl PgExecutor<'_>) -> Result<Vec<Sha256>, Error> {
    let hashes = sqlx::query_scalar!(
        "SELECT DISTINCT sha256 FROM evidence WHERE erased_at IS NOT NULL AND removed_at IS NULL
         ORDER BY sha256 LIMIT 100"
    );
    let parse = |it: String| {
        it.parse().map_err(|_| Error::Inconsistent { table: "evidence", id: it.clone() })
    };
    hashes.fetch_all(db).await?.into_iter().map(parse).collect()
}

/// The object store has let go of it.
pub async fn removed(
    db: impl PgExecutor<'_>,
    hash: &Sha256,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE evidence SET removed_at = GREATEST($2, erased_at)
         WHERE sha256 = $1 AND erased_at IS NOT NULL AND removed_at IS NULL",
        hash.as_str(),
        at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The files of one subject, the oldest first.
pub async fn of(db: impl PgExecutor<'_>, subject: &str) -> Result<Vec<Evidence>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM evidence WHERE subject = $1 ORDER BY created_at, id",
        subject
    );
    rows.fetch_all(db).await?.into_iter().map(Evidence::try_from).collect()
}

/// The files of these subjects, each with its own, the oldest first.
pub async fn of_each(
    db: impl PgExecutor<'_>,
    subjects: &[String],
) -> Result<HashMap<String, Vec<Evidence>>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM evidence WHERE subject = ANY($1) ORDER BY created_at, id",
        subjects as _
    );
    let mut each: HashMap<String, Vec<Evidence>> = HashMap::new();
    for row in rows.fetch_all(db).await? {
        let it = Evidence::try_from(row)?;
        each.entry(it.subject.clone()).or_default().push(it);
    }
    Ok(each)
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub subject: Option<String>,
    pub since: Option<DateTime<Utc>>,
    /// After this one, in the order of the list.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// Newest first.
pub async fn list(db: impl PgExecutor<'_>, filter: &Filter) -> Result<Vec<Evidence>, Error> {
    let (at, id) = filter.after.unzip();
    let rows = sqlx::query_as!(
        Row,
        "SELECT * FROM evidence
         WHERE ($1::text IS NULL OR subject = $1) AND ($2::timestamptz IS NULL OR created_at >= $2)
               AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4))
         ORDER BY created_at DESC, id DESC LIMIT $5",
        filter.subject.as_deref(),
        filter.since,
        at,
        id,
        filter.limit
    );
    rows.fetch_all(db).await?.into_iter().map(Evidence::try_from).collect()
}

struct Row {
    id: Uuid,
    sha256: String,
    size: i64,
    media_type: String,
    name: String,
    kind: String,
    subject: String,
    restricted: bool,
    uploaded_by: String,
    created_at: DateTime<Utc>,
    erased_at: Option<DateTime<Utc>>,
    erased_by: Option<String>,
    erased_reason: Option<String>,
    #[expect(dead_code, reason = "only asked for by what removes")]
    removed_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Evidence {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = row.id;
        let broken = || Error::Inconsistent { table: "evidence", id: id.to_string() };
        Ok(Evidence {
            id: EvidenceId(row.id),
            sha256: row.sha256.parse().map_err(|_| broken())?,
            size: u64::try_from(row.size).map_err(|_| broken())?,
            media_type: row.media_type,
            name: row.name,
            kind: EvidenceKind::parse(&row.kind).ok_or_else(broken)?,
            subject: row.subject,
            restricted: row.restricted,
            uploaded_by: row.uploaded_by,
            uploaded_at: row.created_at,
            erased: match (row.erased_at, row.erased_by, row.erased_reason) {
                (None, None, None) => None,
                (Some(at), Some(by), Some(reason)) => Some(Erased { at, by, reason }),
                _ => return Err(broken()),
            },
        })
    }
}
