//! Steps that act on the world.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::plans::{self, Action, LiveState, Moved, StepKind};
use domain::runs::{Ended, Intent, Next, Note, Purpose, Run};
use domain::services::WorkloadRef;
use domain::workloads::Owner;

use super::{Turn, Worker, rails};
use crate::adapters::kubernetes::actions::{Applied, Ask, Found, Prepared, Ready, Target};
use crate::adapters::kubernetes::{Cluster, Error, actions};

/// Between two tries where the API server does not say when to come back.
const PAUSE: Duration = Duration::from_millis(500);

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
        self.go(run, step, next, self.world.now()).await
    }

    /// A step that somebody meant to do and is gone: what became of it?
    pub(super) async fn look(&self, run: &Run, step: usize) -> Result<Turn, store::Error> {
        let next = Next::Look(step);
        let Some((intent, cluster)) = self.meant(run, step, next).await? else {
            return Ok(Turn::GoOn);
        };
        match actions::look(&cluster, &intent).await {
            Ok(Found::Effect(proof)) => {
                let note = said(&run.plan.steps()[step].kind, &intent);
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
        if let Some(intent) = run.steps[step].state.intent()
            && let Ok(cluster) = self.world.clusters.get(&intent.before.workload.cluster).await
            && let Ok(Found::Effect(proof)) = actions::look(&cluster, intent).await
        {
            let note = said(kind, intent);
            return self.end_effect(step, Ended::Succeeded, note, Some(proof)).await;
        }
        let seconds = run.plan.steps()[step].deadline_s;
        self.end(next, step, Ended::Failed, Note::TimedOut { seconds }, None).await
    }

    /// Looks, rehearses, writes down and does it.
    async fn go(
        &self,
        run: &Run,
        step: usize,
        next: Next,
        stamp: DateTime<Utc>,
    ) -> Result<Turn, store::Error> {
        let Some((workload, action)) = action_of(&run.plan.steps()[step].kind) else {
            // Only steps with an action act; the plan cannot say otherwise.
            return Ok(Turn::Rest);
        };
        let Some(believed) = run.believed(step) else {
            let moved = vec![Moved::Gone { workload: workload.clone() }];
            return self.supersede(moved).await;
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
            Ok(Prepared::Ready(ready)) => self.bring_about(&cluster, step, next, ready).await,
            Ok(Prepared::NoChange { note, proof }) => {
                self.end(next, step, Ended::NoChange, note, Some(proof)).await
            }
            Ok(Prepared::Refused(note)) => self.end(next, step, Ended::Refused, note, None).await,
            Ok(Prepared::Pruned) => Ok(Turn::GoOn),
            Ok(Prepared::Moved(moved)) => self.supersede(moved).await,
            Err(error) => self.trouble(step, next, error).await,
        }
    }

    /// The intent is committed before the effect is begun, and nothing is begun where it could not be.
    async fn bring_about(
        &self,
        cluster: &Cluster,
        step: usize,
        next: Next,
        ready: Ready,
    ) -> Result<Turn, store::Error> {
        let mut written = false;
        self.save(|run, now| {
            written = run.next(now) == next && (run.wish.is_none() || next != Next::Act(step));
            written.then(|| run.intend(step, ready.intent.clone(), now))
        })
        .await?;
        if !written || self.lease.is_lost() {
            return Ok(Turn::GoOn);
        }
        match ready.apply(cluster).await {
            Ok(Applied::Done(proof)) => {
                self.end_effect(step, Ended::Succeeded, ready.note, Some(proof)).await
            }
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
        let pause = error.retry_after().unwrap_or(PAUSE).min(Duration::from_secs(30));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.lease.interrupted() => {}
            () = self.world.stop.cancelled() => {}
        }
        Ok(Turn::GoOn)
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
        match self.world.clusters.get(&intent.before.workload.cluster).await {
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

/// What a step that acts does, and to what.
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
    let Some((_, action)) = action_of(kind) else { return Note::ImagesSet };
    match action {
        Action::RolloutUndo { to_revision, .. } => Note::Undone { revision: to_revision },
        Action::Pause => Note::Paused,
        Action::Resume => Note::Resumed,
        Action::Restart => Note::Restarted,
        Action::SetImage { .. } => Note::ImagesSet,
        Action::Scale { replicas } => {
            let LiveState { replicas: from, .. } = intent.before;
            Note::Scaled { from: from.unwrap_or(1), to: replicas }
        }
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
