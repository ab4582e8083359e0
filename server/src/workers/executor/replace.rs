//! The step that deletes the pods which hold a set up, one by one.
//!
//! It needs no intent: what is left to do is seen in the cluster, and a deletion that names a pod's uid comes about
//! once however often it is tried. Each pod is written down before it is deleted, so the ledger names also the last
//! one of a process that died.

use std::time::Duration;

use domain::plans::{Live, Moved};
use domain::runs::{DeletedPod, Ended, Next, Note, Proof, Run};
use domain::services::WorkloadRef;

use super::act::left;
use super::{Turn, Worker};
use crate::adapters::kubernetes::actions::replace::{self, Look};
use crate::adapters::kubernetes::{Cluster, Error};

/// How long a set is followed before it is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

impl Worker<'_> {
    pub(super) async fn replace(
        &self,
        run: &Run,
        step: usize,
        workload: &WorkloadRef,
    ) -> Result<Turn, store::Error> {
        let Some(Live::Workload(believed)) = run.believed(step) else {
            return self.supersede(vec![Moved::Gone { workload: workload.clone() }]).await;
        };
        let cluster = match self.world.clusters.get(&workload.cluster).await {
            Ok(cluster) => cluster,
            Err(error) => return self.hindered(run, step, error).await,
        };
        match replace::look(&cluster, workload, &believed).await {
            Ok(Look::Delete(pod)) => self.delete(&cluster, run, step, workload, pod).await,
            Ok(Look::Wait { note, version }) => {
                let turn = self.tell(run, step, Some(note)).await?;
                let within = AGAIN.min(left(run, step, self.world.now()));
                tokio::select! {
                    // What is wrong with following it is found by looking again.
                    _ = replace::changed(&cluster, workload, &version, within) => {}
                    () = self.interrupted() => {}
                }
                Ok(turn)
            }
            Ok(Look::Done(proof)) => self.replaced(run, step, proof).await,
            Ok(Look::Refused(note)) => {
                self.end(Next::Act(step), step, Ended::Refused, note, None).await
            }
            Ok(Look::Moved(moved)) => self.supersede(moved).await,
            Err(error) => self.hindered(run, step, error).await,
        }
    }

    /// Nothing is deleted that could not be written down.
    async fn delete(
        &self,
        cluster: &Cluster,
        run: &Run,
        step: usize,
        workload: &WorkloadRef,
        pod: DeletedPod,
    ) -> Result<Turn, store::Error> {
        let mut pods = deleted(run, step);
        if !pods.contains(&pod) {
            pods.push(pod.clone());
        }
        let note = Note::PodsDeleted { pods, then: None };
        let mut written = false;
        let turn = self
            .save(|run, now| {
                written = run.next(now) == Next::Act(step);
                written.then(|| run.remark(step, note, now))
            })
            .await?;
        if !written || self.lease.is_lost() {
            return Ok(Turn::GoOn);
        }
        match replace::delete(cluster, workload, &pod).await {
            Ok(()) => Ok(turn),
            Err(error) => match turn {
                Turn::From(run) => self.hindered(&run, step, error).await,
                other => Ok(other),
            },
        }
    }

    async fn replaced(&self, run: &Run, step: usize, proof: Proof) -> Result<Turn, store::Error> {
        let pods = deleted(run, step);
        let (how, note) = match pods.is_empty() {
            true => (Ended::NoChange, Note::NoPodInTheWay),
            false => (Ended::Succeeded, Note::PodsDeleted { pods, then: None }),
        };
        self.end(Next::Act(step), step, how, note, Some(proof)).await
    }

    /// What there is to say now, after the pods that were deleted.
    async fn tell(&self, run: &Run, step: usize, then: Option<Note>) -> Result<Turn, store::Error> {
        let note = Note::PodsDeleted { pods: deleted(run, step), then: then.map(Box::new) };
        self.settle(Next::Act(step), |run, now| run.remark(step, note, now)).await
    }

    async fn hindered(&self, run: &Run, step: usize, error: Error) -> Result<Turn, store::Error> {
        let what = Note::Trouble { what: error.to_string() };
        if !error.is_transient() {
            let note = Note::PodsDeleted { pods: deleted(run, step), then: Some(Box::new(what)) };
            return self.end(Next::Act(step), step, Ended::Failed, note, None).await;
        }
        let turn = self.tell(run, step, Some(what)).await?;
        self.pause_after(&error).await;
        Ok(turn)
    }

    /// The time of the step is over. What was deleted stays said.
    pub(super) async fn replaced_too_slowly(
        &self,
        run: &Run,
        step: usize,
        note: Note,
    ) -> Result<Turn, store::Error> {
        let note = Note::PodsDeleted { pods: deleted(run, step), then: Some(Box::new(note)) };
        self.end(Next::TimeOut(step), step, Ended::Failed, note, None).await
    }
}

/// Those that the step has deleted so far, or was about to.
fn deleted(run: &Run, step: usize) -> Vec<DeletedPod> {
    match &run.steps[step].note {
        Some(Note::PodsDeleted { pods, .. }) => pods.clone(),
        _ => Vec::new(),
    }
}
