//! The chain over the entries: sealed behind them, signed now and then, walked from its beginning.

use futures::TryStreamExt;

use super::*;

/// So many entries are sealed at once.
const BATCH: i64 = 1000;

/// Where the chain ends, how far it is signed, and what is to be sealed next.
pub struct Tail {
    pub head: Head,
    /// What the last checkpoint counted, and when it was made.
    pub signed: Option<(u64, DateTime<Utc>)>,
    pub unsealed: Vec<Entry>,
}

/// The number that was drawn last, and the transactions that have drawn one and have not ended.
///
/// **Invariant:** once those have ended, no entry up to that number is still to come.
pub struct Drawn {
    pub seq: i64,
    /// As Postgres calls them; none is ever called the same again while it runs.
    pub writers: Vec<String>,
}

pub async fn drawn(db: &PgPool) -> Result<Drawn, Error> {
    // In this order: whoever draws afterwards draws a higher number.
    let seq = sqlx::query_scalar!("SELECT last_value FROM audit_id_seq").fetch_one(db).await?;
    Ok(Drawn { seq, writers: writers(db).await? })
}

/// The transactions that have written an entry and have not ended.
pub async fn writers(db: &PgPool) -> Result<Vec<String>, Error> {
    let writers = sqlx::query_scalar!(
        r#"SELECT DISTINCT virtualtransaction AS "writer!" FROM pg_locks
           WHERE locktype = 'advisory' AND mode = 'ShareLock' AND objsubid = 1
             AND (classid::bigint << 32 | objid::bigint) = hashtext('audit')
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"#
    );
    Ok(writers.fetch_all(db).await?)
}

/// One sealer at a time: false where another one is at it.
pub async fn try_lock(tx: &mut PgConnection) -> Result<bool, Error> {
    let locked = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtext('audit_seals')) AS "locked!""#
    );
    Ok(locked.fetch_one(tx).await?)
}

/// `complete` is a number up to which no entry is still to come.
pub async fn tail(tx: &mut PgConnection, complete: i64) -> Result<Tail, Error> {
    let last = sqlx::query!("SELECT entry, hash FROM audit_seals ORDER BY entry DESC LIMIT 1")
        .fetch_optional(&mut *tx)
        .await?;
    let signed = sqlx::query!(
        "SELECT entry, entries, at FROM audit_checkpoints ORDER BY entry DESC LIMIT 1"
    )
    .fetch_optional(&mut *tx)
    .await?;
    let counted = signed.as_ref().map_or((0, 0), |it| (it.entry, it.entries));
    let since = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM audit_seals WHERE entry > $1"#,
        counted.0
    );
    let since = since.fetch_one(&mut *tx).await?;
    let (seq, hash) = match last {
        Some(it) => (it.entry, hash("audit_seals", it.entry, &it.hash)?),
        None => (0, domain::audit::GENESIS),
    };
    let unsealed = sqlx::query_as!(
        Entry,
        "SELECT id AS seq, at, actor, action, subject, details FROM audit
         WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3",
        seq,
        complete,
        BATCH
    );
    Ok(Tail {
        head: Head { seq, hash, entries: (counted.1 + since).cast_unsigned() },
        signed: signed.map(|it| (it.entries.cast_unsigned(), it.at)),
        unsealed: unsealed.fetch_all(tx).await?,
    })
}

pub async fn seal(tx: &mut PgConnection, seals: &[(i64, Seal)]) -> Result<(), Error> {
    let entries: Vec<i64> = seals.iter().map(|(seq, _)| *seq).collect();
    let previous: Vec<Vec<u8>> = seals.iter().map(|(_, it)| it.previous.to_vec()).collect();
    let hashes: Vec<Vec<u8>> = seals.iter().map(|(_, it)| it.hash.to_vec()).collect();
    sqlx::query!(
        "INSERT INTO audit_seals (entry, previous, hash)
         SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])",
        &entries,
        &previous,
        &hashes
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn checkpoint(tx: &mut PgConnection, it: &Checkpoint) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO audit_checkpoints (entry, entries, head, at, signature) VALUES ($1, $2, $3, $4, $5)",
        it.seq,
        it.entries.cast_signed(),
        &it.head[..],
        it.at,
        &it.signature[..]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The newest checkpoint: its number, the head it signs and when.
pub async fn latest_checkpoint(db: &PgPool) -> Result<Option<Checkpoint>, Error> {
    let row = sqlx::query!(
        "SELECT entry, entries, head, at, signature FROM audit_checkpoints ORDER BY entry DESC LIMIT 1"
    );
    let Some(row) = row.fetch_optional(db).await? else { return Ok(None) };
    Ok(Some(Checkpoint {
        seq: row.entry,
        entries: row.entries.cast_unsigned(),
        head: hash("audit_checkpoints", row.entry, &row.head)?,
        at: row.at,
        signature: hash("audit_checkpoints", row.entry, &row.signature)?,
    }))
}

/// Hands over everything that has a number, in order and from one moment, until `look` says that it has
/// seen enough. Memory does not grow with the log.
pub async fn walk(
    db: &mut PgConnection,
    mut look: impl FnMut(i64, Option<&Entry>, Option<&Seal>, Option<&Checkpoint>) -> bool,
) -> Result<(), Error> {
    let mut rows = sqlx::query!(
        r#"SELECT COALESCE(a.id, s.entry, c.entry) AS "seq!", a.id AS "id?", a.at AS "at?", a.actor AS "actor?",
                  a.action AS "action?", a.subject AS "subject?", a.details AS "details?",
                  s.previous AS "previous?", s.hash AS "hash?",
                  c.entries AS "entries?", c.head AS "head?", c.at AS "signed_at?", c.signature AS "signature?"
           FROM audit a FULL JOIN audit_seals s ON s.entry = a.id
                FULL JOIN audit_checkpoints c ON c.entry = COALESCE(a.id, s.entry)
           ORDER BY 1"#
    )
    .fetch(db);
    while let Some(row) = rows.try_next().await? {
        let seq = row.seq;
        let entry = match (row.id, row.at, row.actor, row.action, row.subject, row.details) {
            (Some(seq), Some(at), Some(actor), Some(action), Some(subject), Some(details)) => {
                Some(Entry { seq, at, actor, action, subject, details })
            }
            _ => None,
        };
        let seal = match (row.previous, row.hash) {
            (Some(previous), Some(own)) => Some(Seal {
                previous: hash("audit_seals", seq, &previous)?,
                hash: hash("audit_seals", seq, &own)?,
            }),
            _ => None,
        };
        let checkpoint = match (row.entries, row.head, row.signed_at, row.signature) {
            (Some(entries), Some(head), Some(at), Some(signature)) => Some(Checkpoint {
                seq,
                entries: entries.cast_unsigned(),
                head: hash("audit_checkpoints", seq, &head)?,
                at,
                signature: hash("audit_checkpoints", seq, &signature)?,
            }),
            _ => None,
        };
        if !look(seq, entry.as_ref(), seal.as_ref(), checkpoint.as_ref()) {
            break;
        }
    }
    Ok(())
}

pub(super) fn hash<const N: usize>(
    table: &'static str,
    seq: i64,
    bytes: &[u8],
) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(|_| Error::Inconsistent { table, id: seq.to_string() })
}
