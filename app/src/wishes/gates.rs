//! Gates: made and revoked by people, asked by delivery tools.

use chrono::{DateTime, Utc};
use domain::access::{Action, Actor, Place, Subject};
use domain::fields::Fault;
use domain::gates::{Answer, Facts, Gate, Hook, MOST_ASKED, Tool, Trouble, answer};
use domain::ids::{GateId, WorkloadId};
use domain::plans::StepKind;
use domain::rollbacks::proposal;
use domain::runs::{KillSwitch, NewRun, Purpose, Run, StepState};
use domain::tokens;
use domain::workloads::Workload;
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgPool};

use crate::doors::Context;
use crate::pages::error::Error;

const ACTOR: Actor = Actor::Worker("gates");

/// The longest name of a Canary, as Kubernetes has it.
const LONGEST: usize = 253;

/// What somebody wants asked.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub tool: Tool,
    /// Of the Canary or the Rollout.
    pub name: String,
    /// A person agrees before a new version goes on.
    pub consent: bool,
}

/// A new gate of a workload; the one of the same tool before it is good no longer. `text` is the token, made by
/// [`super::tokens::random`] and shown by whoever asks, once.
///
/// # Errors
/// The fields `token` and `name`; [`Error::NotFound`]; [`Error::Lacking`].
pub async fn make(
    cx: &Context,
    workload: WorkloadId,
    wanted: &Wanted,
    text: &str,
) -> Result<(), Error> {
    cx.enter(Action::AdministerTokens)?;
    if !tokens::is_text(text) {
        return Err(Error::field("token", Fault::Unknown));
    }
    let name = wanted.name.trim();
    match name.chars().count() {
        0 => return Err(Error::field("name", Fault::Required)),
        n if n > LONGEST => return Err(Error::field("name", Fault::TooLong { most: LONGEST })),
        _ => {}
    }
    cx.write(Action::AdministerTokens, Subject::new("workloads", workload), async |cx, tx| {
        cx.require(Action::AdministerTokens, &Place::default())?;
        let workload = store::workloads::get(&mut **tx, workload).await?;
        // Who would be asked, and by which policy, is said by the service.
        let service = workload.service.ok_or(Error::NotFound)?;
        let by = cx.caller.actor().to_string();
        let new = store::gates::New {
            service,
            workload: workload.id,
            tool: wanted.tool,
            name,
            consent: wanted.consent,
            hash: tokens::hash(text),
            by: &by,
        };
        store::gates::make(tx, new, cx.now).await?;
        tx.detail("gate", wanted.tool);
        tx.detail("name", name);
        tx.detail("consent", wanted.consent);
        Ok(())
    })
    .await
}

/// Its token is good no longer.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Lacking`].
pub async fn revoke(cx: &Context, workload: WorkloadId, gate: GateId) -> Result<(), Error> {
    cx.write(Action::AdministerTokens, Subject::new("workloads", workload), async |cx, tx| {
        cx.require(Action::AdministerTokens, &Place::default())?;
        store::gates::revoke(tx, gate, cx.now).await?;
        tx.detail("gate", "revoked");
        Ok(())
    })
    .await
}

/// Answers a tool. What changed is written down with it, and people are asked where that is what is missing.
///
/// `told` is what the tool says about itself; it is kept and decides nothing.
///
/// # Errors
/// [`Error::NotFound`] where the gate is gone by now; [`Error::Unavailable`].
pub async fn ask(
    db: &PgPool,
    gate: GateId,
    hook: Hook,
    told: &Value,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    let mut tx = db.begin().await.map_err(store::Error::from)?;
    let gate = store::gates::lock(&mut tx, gate, now).await?;
    let workload = store::workloads::get(&mut *tx, gate.workload).await?;
    let facts = facts(&mut tx, &gate, hook, &workload, now).await?;
    let answer = answer(hook, &facts);
    let run = match answer.ask {
        true => Some(question(&mut tx, &gate, hook, &workload, now).await?),
        false => None,
    };
    if hook == Hook::PostRollout {
        store::gates::finished(&mut tx, gate.id, now).await?;
    }
    let digest = workload.live.digest.as_str();
    let changed = store::gates::answered(&mut tx, gate.id, hook, answer, digest, told, now).await?;
    if changed {
        let details = json!({
            "gate": gate.tool, "name": gate.name, "hook": hook, "verdict": answer.verdict, "why": answer.why,
            "digest": digest, "troubles": facts.troubles.iter().map(|it| &it.signal).collect::<Vec<_>>(),
            "rollback": facts.rollback, "run": run.map(|it| it.id),
        });
        audit(&mut tx, Subject::new("workloads", workload.id), details, now).await?;
    }
    tx.commit().await.map_err(store::Error::from)?;
    Ok(answer)
}

async fn facts(
    tx: &mut PgConnection,
    gate: &Gate,
    hook: Hook,
    workload: &Workload,
    now: DateTime<Utc>,
) -> Result<Facts, Error> {
    let scene = store::scenes::of(tx, gate.service, workload, "", now).await?;
    let seen = scene.connected && workload.gone_at.is_none();
    let firing = store::gates::firing(&mut *tx, gate.service, workload.id).await?;
    let asked = store::gates::asked(tx, gate.id, hook, MOST_ASKED.into()).await?;
    let going = match hook {
        Hook::Rollback => store::gates::going(tx, gate.service).await?,
        _ => vec![],
    };
    let clusters = [workload.cluster.clone()];
    let switches = scene.rails.kill_switches.iter();
    let covering = switches.filter(|it| it.scope.covers(&scene.service.name, &clusters));
    let covering: Vec<KillSwitch> = covering
        .map(|it| KillSwitch {
            scope: it.scope.to_string(),
            reason: it.reason.clone(),
            since: it.set_at,
        })
        .collect();
    let stopped = |run: &Run| covering.iter().any(|it| run.stopped_by(it, now).is_some());
    Ok(Facts {
        rollback: scene.rails.open.as_ref().map(|it| it.number.clone()),
        troubles: firing
            .iter()
            .filter_map(|(signal, it)| Trouble::of(signal, it.as_ref()))
            .collect(),
        asks: gate.consent,
        consent: Some(gate.consent(&asked, &proposal::live(workload), now)),
        going_back: going.iter().any(|it| goes_back(it, &gate.name, workload) && !stopped(it)),
        ..Facts::of(&scene.situation(None, None, now), seen)
    })
}

/// Whether it is the turn of a step that has this Canary go back.
fn goes_back(run: &Run, canary: &str, workload: &Workload) -> bool {
    let reference = workload.reference();
    run.plan.steps().iter().zip(&run.steps).any(|(step, record)| {
        matches!(record.state, StepState::Running { .. })
            && matches!(&step.kind, StepKind::Gate { hook: Hook::Rollback, of, workload }
                if of == canary && *workload == reference)
    })
}

/// Asks people, as the policy of the service says.
async fn question(
    tx: &mut PgConnection,
    gate: &Gate,
    hook: Hook,
    workload: &Workload,
    now: DateTime<Utc>,
) -> Result<Run, Error> {
    let policy = store::policies::for_service(&mut *tx, gate.service).await?.entry;
    let new = NewRun {
        service: Some(gate.service),
        purpose: Purpose::Run,
        plan: gate.question(hook, workload),
        required: proposal::required(&policy, now),
        requested_by: format!("machine:{}", gate.tool.as_str()),
        reason: format!("{} {}/{}", gate.tool.as_str(), workload.namespace, gate.name),
        at: now,
    };
    let run = store::runs::create(tx, new).await?;
    store::gates::ask(tx, gate.id, hook, run.id).await?;
    let details = json!({"plan_digest": run.plan.digest(), "hook": hook, "name": gate.name});
    audit(tx, Subject::new("runs", run.id), details, now).await?;
    Ok(run)
}

async fn audit(
    tx: &mut PgConnection,
    subject: Subject,
    details: Value,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let details = match details {
        Value::Object(details) => details,
        _ => Map::new(),
    };
    Ok(store::audit::record(tx, &ACTOR, Action::AnswerGate, &subject, details, now).await?)
}
