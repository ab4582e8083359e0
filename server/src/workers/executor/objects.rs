//! Steps on objects that are no workload, in the same order as all that act.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::plans::objects::Said;
use domain::plans::{Live, ObjectAction, ObjectRef};
use domain::runs::{Ended, Next, Note, Run};

use super::act::Ready;
use super::{Turn, Worker};
use crate::adapters::kubernetes::objects::{self, Ask, Prepared, Progress};

/// Between two looks at what goes on by itself.
const AGAIN: Duration = Duration::from_secs(1);

impl Worker<'_> {
    /// Looks, rehearses, writes down and does it.
    pub(super) async fn go_object(
        &self,
        run: &Run,
        step: usize,
        next: Next,
        stamp: DateTime<Utc>,
    ) -> Result<Turn, store::Error> {
        let kind = &run.plan.steps()[step].kind;
        let domain::plans::StepKind::Object { object, action } = kind else {
            return Ok(Turn::Rest);
        };
        let Some(Live::Object(believed)) = run.believed(step) else {
            return self.supersede(kind.unknown()).await;
        };
        let contents = match action {
            ObjectAction::ConfigRestore { contents } => {
                match store::configs::get(&self.world.db, contents).await {
                    Ok(kept) => Some(kept),
                    Err(store::Error::NotFound) => None,
                    Err(error) => return Err(error),
                }
            }
            _ => None,
        };
        let cluster = match self.world.clusters.get(&object.cluster).await {
            Ok(cluster) => cluster,
            Err(error) => return self.trouble(step, next, error).await,
        };
        let ask = Ask { object, action, believed: &believed, contents, stamp };
        match objects::prepare(&cluster, &ask).await {
            Ok(Prepared::Ready(ready)) => {
                self.bring_about(&cluster, step, next, Ready::Object(Box::new(ready))).await
            }
            Ok(Prepared::NoChange { note, proof }) => {
                self.end(next, step, Ended::NoChange, note, Some(proof.whole())).await
            }
            Ok(Prepared::Refused(note)) => self.end(next, step, Ended::Refused, note, None).await,
            Ok(Prepared::Moved(moved)) => self.supersede(moved).await,
            Err(error) => self.trouble(step, next, error).await,
        }
    }

    /// Until the object has come to what it was made for.
    pub(super) async fn await_object(
        &self,
        step: usize,
        object: &ObjectRef,
        action: &ObjectAction,
    ) -> Result<Turn, store::Error> {
        let next = Next::Observe(step);
        let cluster = match self.world.clusters.get(&object.cluster).await {
            Ok(cluster) => cluster,
            Err(error) => return self.trouble(step, next, error).await,
        };
        match objects::progress(&cluster, object, action).await {
            Ok(Progress::Done(said)) => {
                self.end(next, step, Ended::Succeeded, said.into(), None).await
            }
            Ok(Progress::Failed(said)) => {
                self.end(next, step, Ended::Failed, said.into(), None).await
            }
            Ok(Progress::Going(said)) => {
                self.settle(next, |run: Run, now| run.remark(step, said.into(), now)).await?;
                self.rest_a_moment(AGAIN).await;
                Ok(Turn::GoOn)
            }
            Err(error) => self.trouble(step, next, error).await,
        }
    }

    /// An effect that goes on by itself, or asks to be continued in a moment.
    pub(super) async fn goes_on(&self, step: usize, note: Note) -> Result<Turn, store::Error> {
        self.save(|run, now| {
            let begun = run.steps[step].may_be_acting();
            begun.then(|| run.remark(step, note, now))
        })
        .await?;
        self.rest_a_moment(AGAIN).await;
        Ok(Turn::GoOn)
    }
}

/// What there is to say about an effect that was found.
pub(super) fn said(action: &ObjectAction) -> Note {
    let said = match action {
        ObjectAction::ConfigRestore { contents } => {
            Said::ConfigRestored { contents: contents.clone() }
        }
        ObjectAction::SetWeights { weights } => Said::WeightsSet { weights: weights.clone() },
        ObjectAction::SuspendSync => Said::SyncSuspended,
        ObjectAction::ResumeSync => Said::SyncResumed,
        ObjectAction::StillSuspended => Said::SyncRests,
        ObjectAction::Cordon => Said::Cordoned,
        ObjectAction::Uncordon => Said::Uncordoned,
        ObjectAction::Drain => Said::Drained,
        ObjectAction::Create { .. } => Said::Created,
        ObjectAction::Delete => Said::Deleted,
        ObjectAction::WaitReady => Said::Ready { phase: String::new() },
    };
    said.into()
}

/// The time is over: what was in the way to the end is said with it.
pub(super) fn timed_out(run: &Run, step: usize) -> Note {
    let seconds = run.plan.steps()[step].deadline_s;
    match &run.steps[step].note {
        Some(Note::Object { said: Said::Draining { left, held_by } }) => {
            Said::NotDrained { seconds, left: *left, held_by: held_by.clone() }.into()
        }
        _ => Note::TimedOut { seconds },
    }
}
