//! The step on a Helm release, in the same order as all that act. What the helm program says decides nothing: whether
//! it is done stands in the Secrets.
//!
//! A helm lives on when its Lifeboat is killed. It holds the lock of its release on this machine while it lives, so
//! the next worker here knows at once whether to wait for it or to take over; on another machine it waits until the
//! dead one's helm must have ended.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::Digest;
use domain::plans::{Live, LiveObject, ObjectRef, StepKind, Would};
use domain::releases::{self, After, Revision, Said};
use domain::runs::{Ended, Intent, Next, Note, Proof, Run};

use super::act::left;
use super::{Turn, Worker, rails};
use crate::adapters::helm::{self, Busy, Call, Claim, Failure};
use crate::adapters::kubernetes::{Cluster, Error};

/// Between two looks at a helm that is at work.
const AGAIN: Duration = Duration::from_secs(1);

/// What helm has to mark the release as failed, before it is ended.
const MARGIN: Duration = Duration::from_secs(5);

/// What a step on a release asks for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    release: &'a ObjectRef,
    to_revision: i64,
    content: &'a Digest,
}

impl<'a> Asked<'a> {
    pub(super) fn of(kind: &'a StepKind) -> Option<Self> {
        match kind {
            StepKind::Release { release, to_revision, content } => {
                Some(Self { release, to_revision: *to_revision, content })
            }
            _ => None,
        }
    }
}

impl Worker<'_> {
    /// Looks, rehearses, writes down and does it.
    pub(super) async fn go_release(
        &self,
        run: &Run,
        step: usize,
        next: Next,
        asked: Asked<'_>,
        stamp: DateTime<Utc>,
    ) -> Result<Turn, store::Error> {
        let cluster = match self.world.clusters.get(&asked.release.cluster).await {
            Ok(cluster) => cluster,
            Err(error) => return self.trouble(step, next, error).await,
        };
        let namespace = &asked.release.namespace;
        if cluster.described.protects(namespace) {
            let note = Note::Protected { namespace: namespace.clone() };
            return self.end(next, step, Ended::Refused, note, None).await;
        }
        let claim = match self.world.helm.claim(&asked.release.to_string()) {
            Ok(claim) => claim,
            Err(busy) => return self.busy(step, next, busy).await,
        };
        let revisions = match self.revisions(&cluster, asked.release).await {
            Ok(revisions) => revisions,
            Err(error) => return self.trouble(step, next, error).await,
        };
        let Some(current) = revisions.first() else {
            return self.supersede(run.plan.steps()[step].kind.unknown()).await;
        };
        let live = current.live(asked.release);
        if let Some(Live::Object(believed)) = run.believed(step) {
            let moved = believed.moved(&live);
            if !moved.is_empty() {
                return self.supersede(moved).await;
            }
        }
        let foreseen = releases::would(&revisions, asked.to_revision, Some(asked.content));
        match (foreseen.would, foreseen.note) {
            (Would::Refuse, Some(note)) => {
                return self.end(next, step, Ended::Refused, note, None).await;
            }
            (Would::Nothing, Some(note)) => {
                let proof = proof(current, &live, false);
                return self.end(next, step, Ended::NoChange, note, Some(proof)).await;
            }
            _ => {}
        }
        // What it will be called nobody knows before: the next revision, with the content of the target.
        let expected = LiveObject { digest: asked.content.clone(), ..live.clone() };
        let intent = Intent { before: live.into(), expected: expected.into(), stamp };
        let mut written = false;
        self.save(|run, now| {
            written = run.next(now) == next && (run.wish.is_none() || next != Next::Act(step));
            written.then(|| run.intend(step, intent.clone(), now))
        })
        .await?;
        if !written || self.lease.is_lost() {
            return Ok(Turn::GoOn);
        }
        self.call(run, step, &cluster, asked, &intent, claim, asked.to_revision).await
    }

    /// A step that somebody meant to do and is gone: what became of it?
    pub(super) async fn look_release(
        &self,
        run: &Run,
        step: usize,
        asked: Asked<'_>,
        intent: &Intent,
    ) -> Result<Turn, store::Error> {
        let next = Next::Look(step);
        let mut claim = match self.world.helm.claim(&asked.release.to_string()) {
            Ok(claim) => claim,
            Err(busy) => return self.busy(step, next, busy).await,
        };
        let cluster = match self.world.clusters.get(&asked.release.cluster).await {
            Ok(cluster) => cluster,
            Err(error) => return self.trouble(step, next, error).await,
        };
        let revisions = match self.revisions(&cluster, asked.release).await {
            Ok(revisions) => revisions,
            Err(error) => return self.trouble(step, next, error).await,
        };
        let Some(before) = intent.before.object() else {
            return self.supersede(run.plan.steps()[step].kind.unknown()).await;
        };
        match releases::after(&revisions, &before.digest, asked.content) {
            After::Before if run.wish.is_some() => {
                // It has not happened, so there is nothing to wait for.
                self.save(|run, now| Some(run.honour(now))).await
            }
            After::Before => {
                drop(claim);
                if let Some(switch) = rails::kill_switch(self.world, run).await?
                    && run.stopped_by(&switch, self.world.now()).is_some()
                {
                    return self.save(|run, now| run.stopped_by(&switch, now)).await;
                }
                self.go_release(run, step, next, asked, intent.stamp).await
            }
            After::Pending(pending) => {
                let planned = run.plan.steps()[step].deadline_s;
                let over = intent.stamp + TimeDelta::seconds(planned.into()) < self.world.now();
                if !claim.was_of(intent.stamp) && !over {
                    return self.remark_and_rest(step, Said::AtWork).await;
                }
                // Its helm has ended without finishing. The documented remedy is another rollback; where Helm has
                // pruned the target meanwhile, what it left behind holds the same.
                let there = revisions.iter().any(|it| it.revision == asked.to_revision);
                let to = if there { asked.to_revision } else { pending.revision };
                self.call(run, step, &cluster, asked, intent, claim, to).await
            }
            after => self.judge(run, step, asked, &after, true).await,
        }
    }

    /// Whether the effect is there by the deadline.
    pub(super) async fn release_is_back(
        &self,
        asked: Asked<'_>,
        intent: &Intent,
    ) -> Option<(Note, Proof)> {
        let cluster = self.world.clusters.get(&asked.release.cluster).await.ok()?;
        let revisions = self.revisions(&cluster, asked.release).await.ok()?;
        let before = &intent.before.object()?.digest;
        match releases::after(&revisions, before, asked.content) {
            After::Done(now) => Some(done(asked, now, true)),
            _ => None,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of the one call")]
    async fn call(
        &self,
        run: &Run,
        step: usize,
        cluster: &Cluster,
        asked: Asked<'_>,
        intent: &Intent,
        mut claim: Claim,
        to: i64,
    ) -> Result<Turn, store::Error> {
        let described = &cluster.described;
        let reference = described.helm_kubeconfig.as_ref().unwrap_or(&described.kubeconfig);
        let kubeconfig = match self.world.clusters.kubeconfig(reference) {
            Ok(path) => path,
            Err(error) => {
                let error = Error::Connect { cluster: cluster.name.clone(), error };
                return self.trouble(step, Next::Look(step), error).await;
            }
        };
        if let Err(error) = claim.mark(intent.stamp) {
            let what = format!("the lock of the release cannot be written: {error}");
            return self.fail(step, Note::Trouble { what }).await;
        }
        let end = left(run, step, self.world.now());
        let call = Call {
            kubeconfig: &kubeconfig,
            context: described.context.as_deref(),
            namespace: &asked.release.namespace,
            name: &asked.release.name,
            revision: to,
            timeout: end.saturating_sub(MARGIN).max(Duration::from_secs(1)),
            end,
        };
        let said = tokio::select! {
            said = self.world.helm.rollback(claim, &call, &self.world.stop) => said,
            // Whoever has the run now looks for himself.
            () = self.lease.lost() => return Ok(Turn::GoOn),
        };
        if let Err(Failure::Stopped) = said {
            return Ok(Turn::Rest);
        }
        let revisions = match self.revisions(cluster, asked.release).await {
            Ok(revisions) => revisions,
            // Whether it was done is open; the next turn looks.
            Err(error) => return self.trouble(step, Next::Look(step), error).await,
        };
        let before = intent.before.object().map(|it| &it.digest);
        let after = before.map_or(After::Gone, |it| releases::after(&revisions, it, asked.content));
        match (said, after) {
            (Err(error @ Failure::Missing { .. }), After::Before) => {
                self.fail(step, Said::NoProgram { said: error.to_string() }.into()).await
            }
            (said, After::Before) => {
                let said = said.unwrap_or_else(|it| it.to_string());
                self.fail(step, Said::GaveUp { said }.into()).await
            }
            (Err(error), After::Failed(it) | After::Pending(it)) => {
                let (revision, status) = (it.revision, it.status);
                let description = error.to_string();
                self.fail(step, Said::LeftBehind { revision, status, description }.into()).await
            }
            (_, after) => self.judge(run, step, asked, &after, false).await,
        }
    }

    async fn judge(
        &self,
        run: &Run,
        step: usize,
        asked: Asked<'_>,
        after: &After<'_>,
        found: bool,
    ) -> Result<Turn, store::Error> {
        match after {
            After::Done(now) => {
                let (note, proof) = done(asked, now, found);
                self.end_effect(step, Ended::Succeeded, note, Some(proof)).await
            }
            After::Failed(it) | After::Pending(it) => {
                let (revision, status) = (it.revision, it.status);
                let description = it.description.clone();
                self.fail(step, Said::LeftBehind { revision, status, description }.into()).await
            }
            After::Moved(now) => {
                let planned = run.steps[step].state.intent().map(|it| it.before.clone());
                let believed = planned.or_else(|| run.believed(step));
                let moved = match believed {
                    Some(Live::Object(it)) => it.moved(&now.live(asked.release)),
                    _ => run.plan.steps()[step].kind.unknown(),
                };
                self.supersede(moved).await
            }
            After::Before | After::Gone => {
                self.supersede(run.plan.steps()[step].kind.unknown()).await
            }
        }
    }

    async fn fail(&self, step: usize, note: Note) -> Result<Turn, store::Error> {
        self.end_effect(step, Ended::Failed, note, None).await
    }

    async fn busy(&self, step: usize, next: Next, busy: Busy) -> Result<Turn, store::Error> {
        match busy {
            Busy::AtWork => {
                let note: Note = Said::AtWork.into();
                self.save(|run, now| (run.next(now) == next).then(|| run.remark(step, note, now)))
                    .await?;
                self.rest_a_moment(AGAIN).await;
                Ok(Turn::GoOn)
            }
            broken => {
                let note = Note::Trouble { what: broken.to_string() };
                self.end(next, step, Ended::Failed, note, None).await
            }
        }
    }

    async fn remark_and_rest(&self, step: usize, said: Said) -> Result<Turn, store::Error> {
        self.goes_on(step, said.into()).await
    }

    async fn revisions(
        &self,
        cluster: &Cluster,
        release: &ObjectRef,
    ) -> Result<Vec<Revision>, Error> {
        let key = &self.world.helm.key;
        helm::by_number(key, cluster, &release.namespace, &release.name).await
    }
}

fn done(asked: Asked<'_>, now: &Revision, found: bool) -> (Note, Proof) {
    let note = Said::RolledBack { revision: asked.to_revision, now: now.revision }.into();
    (note, proof(now, &now.live(asked.release), found))
}

fn proof(revision: &Revision, live: &LiveObject, found: bool) -> Proof {
    let resource_version = revision.revision.to_string();
    Proof { after: live.clone().into(), resource_version, found }
}
