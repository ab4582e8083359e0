//! Wishes about workloads: what people know of a revision, and what pipelines tell about a release.

use chrono::{DateTime, Utc};
use domain::access::{Action, Place, Subject};
use domain::changes::{ChangeKind, Told};
use domain::fields::{Fault, Faults};
use domain::ids::{ChangeId, RevisionId, ServiceId};
use domain::revisions::RevisionVerdict;

use crate::doors::Context;
use crate::pages::error::Error;

/// The longest text of a release that is kept, in characters.
const LONGEST: usize = 256;

/// Somebody says that a revision is bad or forbidden, or takes that back.
///
/// # Errors
/// A fault where the reason is missing, and for the verdict that only observation gives.
pub async fn mark_revision(
    cx: &Context,
    id: RevisionId,
    verdict: &str,
    reason: &str,
) -> Result<(), Error> {
    cx.enter(Action::MarkRevision)?;
    let verdict = RevisionVerdict::parse(verdict)
        .filter(|it| RevisionVerdict::BY_PEOPLE.contains(it))
        .ok_or_else(|| {
            let words = RevisionVerdict::BY_PEOPLE.map(|it| it.as_str().to_owned());
            Error::field("verdict", Fault::NotOneOf(words.to_vec()))
        })?;
    let reason = match reason.trim() {
        "" => return Err(Error::field("reason", Fault::Required)),
        reason => reason.to_owned(),
    };
    cx.write(Action::MarkRevision, Subject::new("revisions", id), async |cx, tx| {
        let revision = store::revisions::get(&mut **tx, id).await?;
        let workload = store::workloads::lock(tx, revision.workload_id).await?;
        let service = required_at(cx, tx, workload.service).await?;
        let said = (verdict != RevisionVerdict::Unknown).then_some(&*reason);
        store::revisions::mark(tx, id, verdict, said, cx.now).await?;
        if verdict == RevisionVerdict::Unknown {
            store::rails::release(tx, workload.id, &revision.digest, cx.now).await?;
        }
        if let Some(service) = service {
            // Another target may be the right one now.
            store::alerts::make_due(tx, service).await?;
        }
        tx.about(Subject::new("workloads", workload.id));
        tx.detail("revision", revision.revision);
        tx.detail("digest", &revision.digest);
        tx.detail("verdict", verdict);
        tx.detail("before", revision.verdict);
        tx.detail("reason", &reason);
        Ok(())
    })
    .await
}

/// A workload that no service names belongs to nobody in particular.
async fn required_at(
    cx: &Context,
    tx: &mut crate::doors::Change,
    service: Option<ServiceId>,
) -> Result<Option<ServiceId>, Error> {
    let Some(id) = service else {
        cx.require(Action::MarkRevision, &Place::default())?;
        return Ok(None);
    };
    let service = store::services::get(&mut **tx, id).await?;
    cx.require(Action::MarkRevision, &Place::service(&service.entry.name, &service.entry.team))?;
    Ok(Some(id))
}

/// A pipeline tells of a release. Times to come are those of a wrong clock: the release was made now.
///
/// # Errors
/// A fault for an unknown service and for texts that are missing or too long.
pub async fn record_change(
    cx: &Context,
    service: &str,
    told: Told,
    at: DateTime<Utc>,
) -> Result<ChangeId, Error> {
    cx.enter(Action::RecordChange)?;
    checked(&told)?;
    cx.write(Action::RecordChange, Subject::new("services", service), async |cx, tx| {
        let unknown = || Error::field("service", Fault::Unknown);
        let service = match store::services::by_name(&mut **tx, service).await {
            Err(store::Error::NotFound) => return Err(unknown()),
            other => other?,
        };
        cx.require(
            Action::RecordChange,
            &Place::service(&service.entry.name, &service.entry.team),
        )?;
        tx.detail("told", &told);
        let change = store::changes::New {
            subject: store::changes::Subject::Told { service: service.id, told },
            kind: ChangeKind::Template,
            // What really runs is seen by the watch; being told proves nothing.
            material: false,
            at: at.min(cx.now),
            items: Vec::new(),
        };
        Ok(store::changes::insert(tx, &change, cx.now).await?)
    })
    .await
}

fn checked(told: &Told) -> Result<(), Faults> {
    let mut faults = Faults::default();
    if told.version.trim().is_empty() {
        faults.add("version", Fault::Required);
    }
    for (field, text) in [
        ("version", Some(&told.version)),
        ("digest", told.digest.as_ref()),
        ("commit", told.commit.as_ref()),
        ("author", told.author.as_ref()),
        ("ticket", told.ticket.as_ref()),
    ] {
        if text.is_some_and(|it| it.chars().count() > LONGEST) {
            faults.add(field, Fault::TooLong { most: LONGEST });
        }
    }
    faults.into_result()
}
