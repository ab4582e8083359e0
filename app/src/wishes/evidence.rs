//! Files as proof. The bytes go to the object store before their row is written here.

use domain::access::{Action, Place, Subject};
use domain::evidence::{Erased, Evidence, EvidenceKind, LONGEST_REASON, NotKept, Sha256};
use domain::fields::Fault;
use domain::ids::EvidenceId;
use sqlx::PgConnection;

use crate::doors::Context;
use crate::pages::error::Error;

/// A file that the object store has, and what somebody says of it.
#[derive(Clone, Debug)]
pub struct NewEvidence {
    pub sha256: Sha256,
    pub size: u64,
    pub media_type: String,
    pub name: String,
    pub kind: EvidenceKind,
    /// `drills/DR-…`, `rollbacks/RB-…` or `spot-checks/SC-…`.
    pub subject: String,
    pub restricted: bool,
}

/// Asked before a file is kept: whether there is such a subject, and whether the caller may add to it.
///
/// # Errors
/// The field `subject`; [`Error::Forbidden`]; [`NotKept::Erased`] for bytes that had to go.
pub async fn may_add(cx: &Context, subject: &str, file: &Sha256) -> Result<(), Error> {
    cx.read(Action::UploadEvidence, async |cx| {
        let mut db = cx.connection().await?;
        require(cx, &mut db, Action::UploadEvidence, subject).await?;
        refuse_erased(&mut db, file).await
    })
    .await
}

/// Writes what a file proves; a drill's ledger follows.
///
/// # Errors
/// As [`may_add`].
pub async fn add(cx: &Context, new: NewEvidence) -> Result<Evidence, Error> {
    let NewEvidence { sha256, size, media_type, name, kind, subject, restricted } = new;
    let about = Subject::new("evidence", &sha256);
    cx.write(Action::UploadEvidence, about, async |cx, tx| {
        require(cx, tx, Action::UploadEvidence, &subject).await?;
        refuse_erased(tx, &sha256).await?;
        let evidence = Evidence {
            id: EvidenceId::NEW,
            sha256,
            size,
            media_type,
            name,
            kind,
            subject,
            restricted: restricted || kind.is_always_restricted(),
            uploaded_by: cx.caller.actor().to_string(),
            uploaded_at: cx.now,
            erased: None,
        };
        let evidence = store::evidence::insert(tx, &evidence).await?;
        if let Some(number) = evidence.subject.strip_prefix("drills/") {
            let id = store::drills::by_number(&mut **tx, number).await?.id;
            let drill = store::drills::lock(tx, id).await?;
            let after = drill.clone().prove(&evidence);
            if after != drill {
                store::drills::save(tx, &after).await?;
            }
            tx.about(Subject::new("drills", number));
        }
        if let Some(number) = evidence.subject.strip_prefix("spot-checks/") {
            tx.about(Subject::new("spot-checks", number));
        }
        tx.detail("sha256", &evidence.sha256);
        tx.detail("kind", evidence.kind);
        tx.detail("size", evidence.size);
        tx.detail("subject", &evidence.subject);
        Ok(evidence)
    })
    .await
}

async fn refuse_erased(db: &mut PgConnection, file: &Sha256) -> Result<(), Error> {
    match store::evidence::is_erased(&mut *db, file).await? {
        true => Err(Error::NotKept(NotKept::Erased)),
        false => Ok(()),
    }
}

/// Erases a file everywhere: what it proved stays in its rows, the bytes go. A worker lets the object store forget them.
///
/// # Errors
/// The field `reason`; [`Error::NotFound`], also for what is erased already.
pub async fn erase(cx: &Context, file: &Sha256, reason: &str) -> Result<Vec<Evidence>, Error> {
    cx.write(Action::EraseEvidence, Subject::new("evidence", file), async |cx, tx| {
        cx.require(Action::EraseEvidence, &Place::default())?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(Error::field("reason", Fault::Required));
        }
        if reason.chars().count() > LONGEST_REASON {
            return Err(Error::field("reason", Fault::TooLong { most: LONGEST_REASON }));
        }
        let erased =
            Erased { at: cx.now, by: cx.caller.actor().to_string(), reason: reason.to_owned() };
        let rows = store::evidence::erase(tx, file, &erased).await?;
        if rows.is_empty() {
            return Err(Error::NotFound);
        }
        let subjects: Vec<&str> = rows.iter().map(|it| it.subject.as_str()).collect();
        tx.detail("sha256", file);
        tx.detail("reason", reason);
        tx.detail("subjects", subjects);
        Ok(rows)
    })
    .await
}

/// A file's rows, for somebody who may see what it shows.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Forbidden`] where it is restricted anywhere and the caller may not read that.
pub async fn read(cx: &Context, sha256: &Sha256) -> Result<Vec<Evidence>, Error> {
    cx.read(Action::Read, async |cx| {
        let rows = store::evidence::with_hash(&cx.db, sha256).await?;
        if rows.is_empty() {
            return Err(Error::NotFound);
        }
        let mut db = cx.connection().await?;
        for row in rows.iter().filter(|it| it.restricted) {
            require(cx, &mut db, Action::ReadRestrictedEvidence, &row.subject).await?;
        }
        Ok(rows)
    })
    .await
}

/// Whether the caller may do it where the subject belongs.
async fn require(
    cx: &Context,
    db: &mut PgConnection,
    action: Action,
    subject: &str,
) -> Result<(), Error> {
    let unknown = || Error::field("subject", Fault::Unknown);
    let service = match subject.split_once('/') {
        Some(("drills", number)) => {
            let drill = store::drills::by_number(&mut *db, number).await;
            drill.map(|it| it.service.map(|it| it.id))
        }
        Some(("rollbacks", number)) => {
            store::rollbacks::by_number(&mut *db, number).await.map(|it| Some(it.service))
        }
        Some(("spot-checks", number)) => {
            store::spot_checks::by_number(&mut *db, number).await.map(|it| Some(it.service))
        }
        _ => return Err(unknown()),
    };
    let service = match service {
        Err(store::Error::NotFound) => return Err(unknown()),
        Ok(None) => return cx.require(action, &Place::default()),
        Ok(Some(service)) => store::services::get(db, service).await?.entry,
        Err(other) => return Err(other.into()),
    };
    cx.require(action, &Place::service(&service.name, &service.team))
}
