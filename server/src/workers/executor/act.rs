//! Steps that act on the world.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::plans::{self, Action, Live, LiveState, Moved, StepKind};
use domain::runs::{Ended, Intent, Next, Note, Proof, Purpose, Run};
use domain::services::WorkloadRef;
use domain::workloads::Owner;

use super::objects::{said as said_of_object, timed_out};
use super::releases::Asked;
use super::{Turn, Worker, rails};
use crate::adapters::kubernetes::actions::{self, Ask, Prepared, Target};
use crate::adapters::kubernetes::{Cluster, Error, objects};

/// Between two tries where the API server does not say when to come back.
const PAUSE: Duration = Duration::from_millis(500);

/// An effect that is ready to be brought about.
pub(super) enum Ready {
    Workload(Box<actions::Ready>),
    Object(Box<objects::Ready>),
}

/// What came of it.
enum Applied {
    Done(Proof),
    Going(Note),
    Moved(Vec<Moved>),
}

/// What is there of an effect that somebody meant.
enum Found {
    Effect(Proof),
    Before,
    Moved(Vec<Moved>),
}

impl Worker<'_> {
    /// A step that nobody has meant to do yet.
    pub(super) async fn act(&self, run: &Run, step: usize) -> Result<Turn, store::Error> {
        let next = Next::Act(step);
        if let Some(switch) = rails::kill_switch(self.world, run).await? {
            let now = self.world.now();
            if run.stopped_by(&switch, now).is_some() {
                let stop = |run: Run, now| run.stopped_by(&switch, now).unwrap_or(run);
                return self.settle(next, stop).await;
            }
        }
        if let StepKind::Kubernetes { workload, action: Action::ReplacePods } =
            &run.plan.steps()[step].kind
        {
            return self.replace(run, step, workload).await;
        }
        self.go(run, step, next, self.world.now()).await
    }

    /// A step that somebody meant to do and is gone: what became of it?
    pub(super) async fn look(&self, run: &Run, step: usize) -> Result<Turn, store::Error> {
        let next = Next::Look(step);
        let Some((intent, cluster)) = self.meant(run, step, next).await? else {
            return Ok(Turn::GoOn);
        };
        let kind = &run.plan.steps()[step].kind;
        if let Some(asked) = Asked::of(kind) {
            return self.look_release(run, step, asked, &intent).await;
        }
        match look(&cluster, kind, &intent).await {
            Ok(Found::Effect(proof)) => {
                let note = said(kind, &intent);
                self.end_effect(step, Ended::Succeeded, note, Some(proof)).await
            }
            Ok(Found::Moved(moved)) => self.supersede(moved).await,
            Ok(Found::Before) if run.wish.is_some() => {
                // It has not happened, so there is nothing to wait for.
                self.save(|run, now| Some(run.honour(now))).await
            }
            Ok(Found::Before) => {
                if let Some(switch) = rails::kill_switch(self.world, run).await?
                    && run.stopped_by(&switch, self.world.now()).is_some()
                {
                    return self.save(|run, now| run.stopped_by(&switch, now)).await;
                }
                self.go(run, step, next, intent.stamp).await
            }
            Err(error) => self.trouble(step, next, error).await,
        }
    }

    /// The time is over. An effect that was begun may be there all the same, and then it counts.
    pub(super) async fn time_out(&self, run: &Run, step: usize) -> Result<Turn, store::Error> {
        let next = Next::TimeOut(step);
        let kind = &run.plan.steps()[step].kind;
        if let (Some(intent), Some(asked)) = (run.steps[step].state.intent(), Asked::of(kind)) {
            if let Some((note, proof)) = self.release_is_back(asked, intent).await {
                return self.end_effect(step, Ended::Succeeded, note, Some(proof)).await;
            }
        } else if let Some(intent) = run.steps[step].state.intent()
            && let Ok(cluster) = self.world.clusters.get(intent.before.cluster()).await
            && let Ok(Found::Effect(proof)) = look(&cluster, kind, intent).await
        {
            let note = said(kind, intent);
            return self.end_effect(step, Ended::Succeeded, note, Some(proof)).await;
        }
        if matches!(kind, StepKind::Kubernetes { action: Action::ReplacePods, .. }) {
            return self.replaced_too_slowly(run, step, timed_out(run, step)).await;
        }
        self.end(next, step, Ended::Failed, timed_out(run, step), None).await
    }

    /// Looks, rehearses, writes down and does it.
    async fn go(
        &self,
        run: &Run,
        step: usize,
        next: Next,
        stamp: DateTime<Utc>,
    ) -> Result<Turn, store::Error> {
        let kind = &run.plan.steps()[step].kind;
        if let Some(asked) = Asked::of(kind) {
            return self.go_release(run, step, next, asked, stamp).await;
        }
        let Some((workload, action)) = action_of(kind) else {
            return self.go_object(run, step, next, stamp).await;
        };
        let Some(Live::Workload(believed)) = run.believed(step) else {
            return self.supersede(kind.unknown()).await;
        };
        let cluster = match self.world.clusters.get(&workload.cluster).await {
            Ok(cluster) => cluster,
            Err(error) => return self.trouble(step, next, error).await,
        };
        if let Some(refusal) = self.flaggers(run, workload, &action).await? {
            return self.end(next, step, Ended::Refused, refusal, None).await;
        }
        let own_pause = run.paused_by_itself(step);
        let mut ask =
            Ask { workload, action: &action, believed: &believed, own_pause, stamp, stored: None };
        let mut prepared = actions::prepare(&cluster, &ask).await;
        if let Ok(Prepared::Pruned) = prepared {
            let (stored, refusal) = self.stored(run, workload, &action).await?;
            let Some(stored) = stored else {
                return self.end(next, step, Ended::Refused, refusal, None).await;
            };
            ask.stored = Some(stored);
            prepared = actions::prepare(&cluster, &ask).await;
        }
        match prepared {
            Ok(Prepared::Ready(ready)) => {
                self.bring_about(&cluster, step, next, Ready::Workload(ready)).await
            }
            Ok(Prepared::NoChange { note, proof }) => {
                self.end(next, step, Ended::NoChange, note, Some(proof.whole())).await
            }
            Ok(Prepared::Refused(note)) => self.end(next, step, Ended::Refused, note, None).await,
            Ok(Prepared::Pruned) => Ok(Turn::GoOn),
            Ok(Prepared::Moved(moved)) => self.supersede(moved).await,
            Err(error) => self.trouble(step, next, error).await,
        }
    }

    /// The intent is committed before the effect is begun, and nothing is begun where it could not be.
    pub(super) async fn bring_about(
        &self,
        cluster: &Cluster,
        step: usize,
        next: Next,
        ready: Ready,
    ) -> Result<Turn, store::Error> {
        let mut written = false;
        self.save(|run, now| {
            written = run.next(now) == next && (run.wish.is_none() || next != Next::Act(step));
            written.then(|| run.intend(step, ready.intent(), now))
        })
        .await?;
        if !written || self.lease.is_lost() {
            return Ok(Turn::GoOn);
        }
        match ready.apply(cluster).await {
            Ok(Applied::Done(proof)) => {
                self.end_effect(step, Ended::Succeeded, ready.note(), Some(proof)).await
            }
            Ok(Applied::Going(note)) => self.goes_on(step, note).await,
            Ok(Applied::Moved(moved)) => self.supersede(moved).await,
            // Whether it was done is open; the next turn looks.
            Err(error) => self.trouble(step, Next::Look(step), error).await,
        }
    }

    /// Trouble that may pass is waited out, until the step's deadline; anything else is the end of the step.
    pub(super) async fn trouble(
        &self,
        step: usize,
        next: Next,
        error: Error,
    ) -> Result<Turn, store::Error> {
        let note = Note::Trouble { what: error.to_string() };
        if !error.is_transient() {
            return self.end(next, step, Ended::Failed, note, None).await;
        }
        self.save(|run, now| (run.next(now) == next).then(|| run.remark(step, note, now))).await?;
        self.pause_after(&error).await;
        Ok(Turn::GoOn)
    }

    /// As long as the API server asked for, or a moment.
    pub(super) async fn pause_after(&self, error: &Error) {
        let pause = error.retry_after().unwrap_or(PAUSE).min(Duration::from_secs(30));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.interrupted() => {}
        }
    }

    pub(super) async fn supersede(&self, moved: Vec<Moved>) -> Result<Turn, store::Error> {
        self.save(|run, now| Some(run.supersede(moved, now))).await
    }

    async fn meant(
        &self,
        run: &Run,
        step: usize,
        next: Next,
    ) -> Result<Option<(Intent, Cluster)>, store::Error> {
        let Some(intent) = run.steps[step].state.intent() else { return Ok(None) };
        match self.world.clusters.get(intent.before.cluster()).await {
            Ok(cluster) => Ok(Some((intent.clone(), cluster))),
            Err(error) => {
                self.trouble(step, next, error).await?;
                Ok(None)
            }
        }
    }

    /// What Flagger owns is undone by nobody but Flagger. What the rules decided is not asked again: they have looked.
    async fn flaggers(
        &self,
        run: &Run,
        workload: &WorkloadRef,
        action: &Action,
    ) -> Result<Option<Note>, store::Error> {
        if matches!(run.purpose, Purpose::Rollback(_)) {
            return Ok(None);
        }
        let watched = store::workloads::find(&self.world.db, workload).await?;
        let owner = watched.map(|it| it.owner);
        let canary = owner.as_ref().and_then(|it| match it {
            Owner::Flagger(canary) => Some(canary.as_str()),
            _ => None,
        });
        Ok(plans::not_under_flagger(action, canary))
    }

    /// The template of a revision that is gone from the cluster, as it was watched; and what to say where it
    /// may not or cannot be used.
    async fn stored(
        &self,
        run: &Run,
        workload: &WorkloadRef,
        action: &Action,
    ) -> Result<(Option<Target>, Note), store::Error> {
        let Action::RolloutUndo { to_revision, template_digest: Some(digest) } = action else {
            return Ok((None, Note::NoEarlierRevision));
        };
        let revision = *to_revision;
        if !run.approved_by_a_person() {
            return Ok((None, Note::Pruned { revision }));
        }
        let missing = Note::NoRevision { revision, known: Vec::new() };
        let Some(watched) = store::workloads::find(&self.world.db, workload).await? else {
            return Ok((None, missing));
        };
        let revisions = store::revisions::with_digest(&self.world.db, watched.id, digest).await?;
        let target = revisions.into_iter().next().map(|it| {
            let annotations = it.annotations.into_iter().map(|(name, value)| (name, value.into()));
            Target { revision, template: it.template, annotations: annotations.collect() }
        });
        Ok((target, missing))
    }
}

impl Ready {
    fn intent(&self) -> Intent {
        match self {
            Ready::Workload(it) => it.intent.clone().whole(),
            Ready::Object(it) => it.intent.clone().whole(),
        }
    }

    fn note(self) -> Note {
        match self {
            Ready::Workload(it) => it.note,
            Ready::Object(it) => it.note,
        }
    }

    async fn apply(&self, cluster: &Cluster) -> Result<Applied, Error> {
        Ok(match self {
            Ready::Workload(it) => match it.apply(cluster).await? {
                actions::Applied::Done(proof) => Applied::Done(proof.whole()),
                actions::Applied::Moved(moved) => Applied::Moved(moved),
            },
            Ready::Object(it) => match it.apply(cluster).await? {
                objects::Applied::Done(proof) => Applied::Done(proof.whole()),
                objects::Applied::Going(note) => Applied::Going(note),
                objects::Applied::Moved(moved) => Applied::Moved(moved),
            },
        })
    }
}

async fn look(cluster: &Cluster, kind: &StepKind, intent: &Intent) -> Result<Found, Error> {
    if let Some(intent) = intent.of(Live::workload) {
        return Ok(match actions::look(cluster, &intent).await? {
            actions::Found::Effect(proof) => Found::Effect(proof.whole()),
            actions::Found::Before => Found::Before,
            actions::Found::Moved(moved) => Found::Moved(moved),
        });
    }
    let (StepKind::Object { action, .. }, Some(intent)) = (kind, intent.of(Live::object)) else {
        // An intent is about what its step acts on; the row cannot say otherwise.
        return Ok(Found::Moved(kind.unknown()));
    };
    Ok(match objects::look(cluster, action, &intent).await? {
        objects::Found::Effect(proof) => Found::Effect(proof.whole()),
        objects::Found::Before => Found::Before,
        objects::Found::Moved(moved) => Found::Moved(moved),
    })
}

/// What a step on a workload does, and to what.
fn action_of(kind: &StepKind) -> Option<(&WorkloadRef, Action)> {
    match kind {
        StepKind::Kubernetes { workload, action } => Some((workload, action.clone())),
        StepKind::Inject { workload, images } => {
            Some((workload, Action::SetImage { images: images.clone() }))
        }
        _ => None,
    }
}

/// What there is to say about an effect that was found.
fn said(kind: &StepKind, intent: &Intent) -> Note {
    if let StepKind::Object { action, .. } = kind {
        return said_of_object(action);
    }
    let Some((_, action)) = action_of(kind) else { return Note::ImagesSet };
    match action {
        Action::RolloutUndo { to_revision, .. } => Note::Undone { revision: to_revision },
        Action::Pause => Note::Paused,
        Action::Resume => Note::Resumed,
        Action::Restart => Note::Restarted,
        Action::SetImage { .. } => Note::ImagesSet,
        Action::Scale { replicas } => {
            let from = intent.before.workload().and_then(|it: &LiveState| it.replicas);
            Note::Scaled { from: from.unwrap_or(1), to: replicas }
        }
        Action::ReplacePods => Note::NoPodInTheWay,
        Action::WaitRollout => Note::RolledOut { ready: 0 },
        Action::Promote | Action::PromoteFull | Action::Abort | Action::Retry => {
            Note::Steered { action: action.as_str().to_owned() }
        }
    }
}

/// How much of its time a step has left.
pub(super) fn left(run: &Run, step: usize, now: DateTime<Utc>) -> Duration {
    let planned = TimeDelta::seconds(run.plan.steps()[step].deadline_s.into());
    let left = run.deadline(step).map_or(planned, |it| it - now);
    left.to_std().unwrap_or(Duration::ZERO)
}
