//! Wishes about drills: planning, starting, what is found in them, and the signature.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Action, Place, Subject};
use domain::drills::closing::Outcome;
use domain::drills::{ActionItem, CLOSURE, CauseClass, Drill, Issue, Ticket, Unsigned};
use domain::evidence::Sha256;
use domain::fields::{Fault, Faults};
use sqlx::PgConnection;

pub use self::owed::{link_event, resume};
pub use self::planning::{Asked, Performed, of_plan, plan, start};
use crate::doors::{Change, Context};
use crate::pages::error::Error;

pub mod asked;
pub mod import;
mod owed;
mod planning;

/// Texts longer than this belong into a file.
const LONGEST: usize = 4000;

/// A person says that the service is back, where no rollback measures it.
///
/// # Errors
/// The refusals of [`Drill::recover`].
pub async fn recover(cx: &Context, name: &str) -> Result<Drill, Error> {
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        let rollback = store::drills::rollback_of(tx, &drill).await?;
        let by = cx.caller.user().map(|it| it.name.as_str());
        let actor = cx.caller.actor().to_string();
        let drill = drill.recover(rollback.as_ref(), &actor, by, cx.now)?;
        store::drills::save(tx, &drill).await?;
        tx.detail("recovered_at", drill.times.recovered_at);
        Ok(drill)
    })
    .await
}

/// Ends it, and its run.
///
/// # Errors
/// [`domain::drills::Refusal::Over`].
pub async fn cancel(cx: &Context, name: &str, reason: &str) -> Result<Drill, Error> {
    cx.enter(Action::RunDrill)?;
    let mut faults = Faults::default();
    text(&mut faults, "reason", reason);
    faults.into_result()?;
    let reason = reason.trim().to_owned();
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        // The run first: whoever carries it out locks in this order, too.
        let run = store::drills::find(&mut **tx, name).await?.run;
        let run = match run {
            Some(run) => Some(store::runs::lock(tx, run).await?),
            None => None,
        };
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        let acted = run.as_ref().is_some_and(|it| it.has_acted());
        let drill = drill.cancel(reason.clone(), acted)?;
        store::drills::save(tx, &drill).await?;
        if let Some(run) = run.filter(|it| !it.state.is_terminal()) {
            let run = run.abort(&cx.caller.actor().to_string(), &reason, cx.now)?;
            store::runs::save(tx, &run, cx.now).await?;
        }
        tx.detail("reason", &reason);
        tx.detail("state", drill.state.name());
        Ok(drill)
    })
    .await
}

/// What went wrong, and with cause and remedy why a value was missed.
#[derive(Clone, Debug, Default)]
pub struct NewIssue {
    pub text: String,
    /// A measurement, or `closure`.
    pub about: Option<String>,
    /// Has to be said of what explains a value.
    pub class: Option<CauseClass>,
    pub cause: String,
    pub remedy: String,
}

/// # Errors
/// Faults by field; [`domain::drills::Refusal::NotBegun`], [`domain::drills::Refusal::Over`].
pub async fn add_issue(cx: &Context, name: &str, new: NewIssue) -> Result<Drill, Error> {
    cx.enter(Action::RunDrill)?;
    let mut faults = Faults::default();
    text(&mut faults, "text", &new.text);
    if new.about.is_some() {
        text(&mut faults, "cause", &new.cause);
        text(&mut faults, "remedy", &new.remedy);
        // Of what explains something people know what it was.
        if new.class.is_none_or(|it| it == CauseClass::Unknown) {
            faults.add("class", Fault::Required);
        }
    }
    faults.into_result()?;
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        if let Some(about) = &new.about {
            let known = about == CLOSURE
                || drill.targets.iter().any(|it| it.name == *about)
                || drill.measurement(about).is_some();
            if !known {
                return Err(Error::field("about", Fault::Unknown));
            }
        }
        tx.detail("about", &new.about);
        tx.detail("class", new.class);
        tx.detail("text", new.text.trim());
        let drill = drill.add_issue(Issue {
            text: new.text.trim().to_owned(),
            about: new.about,
            class: new.class,
            cause: new.cause.trim().to_owned(),
            remedy: new.remedy.trim().to_owned(),
            by: cx.caller.actor().to_string(),
            at: cx.now,
        })?;
        store::drills::save(tx, &drill).await?;
        Ok(drill)
    })
    .await
}

/// Something to be done afterwards.
#[derive(Clone, Debug)]
pub struct NewAction {
    pub text: String,
    /// The name of an account.
    pub owner: String,
    pub due: DateTime<Utc>,
    pub critical: bool,
}

/// # Errors
/// Faults by field; [`domain::drills::Refusal::NotBegun`], [`domain::drills::Refusal::Over`].
pub async fn add_action(cx: &Context, name: &str, new: NewAction) -> Result<Drill, Error> {
    cx.enter(Action::RunDrill)?;
    let mut faults = Faults::default();
    text(&mut faults, "text", &new.text);
    if new.owner.is_empty() {
        faults.add("owner", Fault::Required);
    }
    // Today counts, wherever the reader is.
    if new.due < cx.now - TimeDelta::days(1) {
        faults.add("due", Fault::Malformed("it lies in the past".into()));
    }
    faults.into_result()?;
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        if !is_known(tx, &new.owner).await? {
            return Err(Error::field("owner", Fault::Unknown));
        }
        tx.detail("text", new.text.trim());
        tx.detail("owner", &new.owner);
        let drill = drill.add_action(ActionItem {
            position: 0,
            text: new.text.trim().to_owned(),
            owner: new.owner,
            due: new.due,
            critical: new.critical,
            verified: None,
        })?;
        store::drills::save(tx, &drill).await?;
        Ok(drill)
    })
    .await
}

/// Somebody other than its owner has seen that an action item is done, on a file that was uploaded for the drill.
///
/// # Errors
/// A fault where there is no such file; the refusals of [`Drill::verify`].
pub async fn verify_action(
    cx: &Context,
    name: &str,
    position: u32,
    evidence: &str,
) -> Result<Drill, Error> {
    cx.enter(Action::VerifyActionItem)?;
    let evidence: Sha256 = match evidence.trim() {
        "" => return Err(Error::field("evidence", Fault::Required)),
        hash => hash.parse().map_err(|_| Error::field("evidence", Fault::Unknown))?,
    };
    cx.write(Action::VerifyActionItem, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::VerifyActionItem, name).await?;
        let subject = Subject::new("drills", &drill.number);
        let files = store::evidence::of(&mut **tx, subject.as_str()).await?;
        if !files.iter().any(|it| it.sha256 == evidence) {
            return Err(Error::field("evidence", Fault::Unknown));
        }
        tx.detail("position", position);
        tx.detail("evidence", &evidence);
        let drill = drill.verify(position, evidence, &cx.user()?.name, cx.now)?;
        store::drills::save(tx, &drill).await?;
        Ok(drill)
    })
    .await
}

/// Somebody has done what a step of its run asks for; `step` counts from 0.
///
/// # Errors
/// [`domain::drills::Refusal::NotBegun`]; the refusals of [`super::runs::confirm`].
pub async fn confirm(cx: &Context, name: &str, step: usize, reason: &str) -> Result<Drill, Error> {
    cx.enter(Action::PerformDrillStep)?;
    let run = store::drills::find(&cx.db, name).await?.run;
    let run = run.ok_or(domain::drills::Refusal::NotBegun)?;
    super::runs::confirm(cx, run, step, reason).await?;
    Ok(store::drills::find(&cx.db, name).await?)
}

/// Somebody who was there says whether a criterion is met; `position` counts from 1.
///
/// # Errors
/// The refusals of [`Drill::judge`].
pub async fn judge(cx: &Context, name: &str, position: u32, met: bool) -> Result<Drill, Error> {
    cx.write(Action::PerformDrillStep, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::PerformDrillStep, name).await?;
        let drill = drill.judge(position, met, &cx.user()?.name, cx.now)?;
        store::drills::save(tx, &drill).await?;
        tx.detail("position", position);
        tx.detail("met", met);
        Ok(drill)
    })
    .await
}

/// A parameter of the procedure was changed under a change ticket.
///
/// # Errors
/// Faults by field; [`domain::drills::Refusal::Over`].
pub async fn add_ticket(
    cx: &Context,
    name: &str,
    reference: &str,
    parameter: &str,
) -> Result<Drill, Error> {
    cx.enter(Action::RunDrill)?;
    let mut faults = Faults::default();
    text(&mut faults, "reference", reference);
    text(&mut faults, "parameter", parameter);
    faults.into_result()?;
    cx.write(Action::RunDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::RunDrill, name).await?;
        tx.detail("reference", reference.trim());
        tx.detail("parameter", parameter.trim());
        let drill = drill.add_ticket(Ticket {
            reference: reference.trim().to_owned(),
            parameter: parameter.trim().to_owned(),
            by: cx.caller.actor().to_string(),
            at: cx.now,
        })?;
        store::drills::save(tx, &drill).await?;
        Ok(drill)
    })
    .await
}

/// Why a missed one did not happen.
///
/// # Errors
/// A fault where the reason is missing; [`domain::drills::Refusal::NotMissed`].
pub async fn explain(cx: &Context, name: &str, reason: &str) -> Result<Drill, Error> {
    cx.enter(Action::PlanDrill)?;
    let mut faults = Faults::default();
    text(&mut faults, "reason", reason);
    faults.into_result()?;
    cx.write(Action::PlanDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::PlanDrill, name).await?;
        let drill = drill.explain(reason.trim().to_owned())?;
        store::drills::save(tx, &drill).await?;
        tx.detail("reason", reason.trim());
        Ok(drill)
    })
    .await
}

/// The PMO's signature.
///
/// # Errors
/// [`Error::ClosingRefused`] with all reasons; the other refusals of [`Drill::sign_off`].
pub async fn sign_off(
    cx: &Context,
    name: &str,
    note: &str,
    outcome: Option<Outcome>,
) -> Result<Drill, Error> {
    cx.write(Action::SignOffDrill, Subject::new("drills", name), async |cx, tx| {
        let drill = find(cx, tx, Action::SignOffDrill, name).await?;
        let signer = cx.user()?.name.clone();
        let signed = drill.sign_off(&signer, note.trim().to_owned(), outcome, cx.now);
        let drill = signed.map_err(|unsigned| match unsigned {
            Unsigned::Wish(refusal) => refusal.into(),
            Unsigned::Refused(reasons) => Error::ClosingRefused(reasons),
        })?;
        store::drills::save(tx, &drill).await?;
        tx.detail("outcome", drill.state.sign_off().map(|it| it.outcome));
        tx.detail("note", note.trim());
        if let Some(again) = drill.retest(&cx.caller.actor().to_string(), cx.now) {
            let again = store::drills::insert(tx, again, cx.today()).await?;
            tx.detail("retest", again.number);
        }
        Ok(drill)
    })
    .await
}

/// Locked, once it is known that the caller may do this here.
async fn find(cx: &Context, tx: &mut Change, action: Action, name: &str) -> Result<Drill, Error> {
    let id = store::drills::find(&mut **tx, name).await?.id;
    let drill = store::drills::lock(tx, id).await?;
    cx.require(action, &place(&drill))?;
    tx.about(Subject::new("drills", &drill.number));
    Ok(drill)
}

/// Where it is done, as far as that is somewhere.
pub fn place(drill: &Drill) -> Place<'_> {
    let service = drill.service.as_ref();
    service.map(|it| Place::service(&it.name, &it.team)).unwrap_or_default()
}

pub(super) fn text(faults: &mut Faults, field: &str, text: &str) {
    if text.trim().is_empty() {
        faults.add(field, Fault::Required);
    } else if text.chars().count() > LONGEST {
        faults.add(field, Fault::TooLong { most: LONGEST });
    }
}

async fn is_known(tx: &mut PgConnection, name: &str) -> Result<bool, Error> {
    match store::users::by_name(tx, name).await {
        Ok(_) => Ok(true),
        Err(store::Error::NotFound) => Ok(false),
        Err(other) => Err(other.into()),
    }
}
