//! Steps that only look or wait. They may be begun again at any time.

use std::time::Duration;

use chrono::TimeDelta;
use domain::checks::{Check, CheckKind};
use domain::gates::{Hook, WentBack, went_back};
use domain::plans::StepKind;
use domain::runs::{Ended, Next, Note, Run};
use domain::services::WorkloadRef;
use domain::verdict::Verdict;

use super::act::left;
use super::{Turn, Worker, rails};
use crate::adapters::kubernetes::canaries;
use crate::adapters::kubernetes::rollout::{self, Progress};
use crate::checks::{self, Subject};

/// Between two looks at a check that does not pass yet.
const AGAIN: Duration = Duration::from_secs(2);
/// How long a rollout is followed before the page is told how far it has come.
const TELL: Duration = Duration::from_secs(1);
/// A wait that ends sooner is not worth giving the run back for.
const SOON: Duration = Duration::from_secs(2);

impl Worker<'_> {
    pub(super) async fn observe(&self, run: &Run, step: usize) -> Result<Turn, store::Error> {
        let next = Next::Observe(step);
        if !run.steps[step].state.is_running() {
            return self.settle(next, |run, now| run.start_step(step, now)).await;
        }
        match &run.plan.steps()[step].kind {
            StepKind::Kubernetes { workload, .. } => self.follow(run, step, workload).await,
            StepKind::Object { object, action } => self.await_object(step, object, action).await,
            StepKind::Check { check } => self.check(run, step, check).await,
            StepKind::Wait { seconds } => self.wait(run, step, *seconds).await,
            StepKind::Gate { hook: Hook::Rollback, of, workload } => {
                self.go_back(run, step, of, workload).await
            }
            // Consent is all that it stands for: whoever asks finds it in the run.
            StepKind::Gate { .. } => {
                self.end(next, step, Ended::Succeeded, Note::GateOpen, None).await
            }
            StepKind::Manual { .. } | StepKind::Approval => {
                let told = |run: Run, now| run.remark(step, Note::WaitsForPerson, now);
                self.settle(next, told).await?;
                Ok(Turn::Rest)
            }
            // They act, so they are never observed.
            StepKind::Inject { .. } | StepKind::Release { .. } => Ok(Turn::Rest),
        }
    }

    async fn follow(
        &self,
        run: &Run,
        step: usize,
        workload: &WorkloadRef,
    ) -> Result<Turn, store::Error> {
        let next = Next::Observe(step);
        let cluster = match self.world.clusters.get(&workload.cluster).await {
            Ok(cluster) => cluster,
            Err(error) => return self.trouble(step, next, error).await,
        };
        let within = left(run, step, self.world.now()).min(TELL);
        let progress = tokio::select! {
            progress = rollout::follow(&cluster, workload, within) => progress,
            () = self.interrupted() => return Ok(Turn::GoOn),
        };
        let note = match progress {
            Ok(Progress::Done { ready }) => {
                return self
                    .end(next, step, Ended::Succeeded, Note::RolledOut { ready }, None)
                    .await;
            }
            Ok(Progress::DoneToPartition { updated, partition }) => {
                let note = Note::RolledOutToPartition { updated, partition };
                return self.end(next, step, Ended::Succeeded, note, None).await;
            }
            Ok(Progress::OnDelete { outdated }) => Note::OnDelete { outdated },
            Ok(Progress::Gone) => {
                let what = domain::plans::Moved::Gone { workload: workload.clone() };
                return self.supersede(vec![what]).await;
            }
            Ok(Progress::Going { ready, updated, wanted }) => {
                Note::RollingOut { ready, updated, wanted }
            }
            // The words may be about the template before, so they are no end; the deadline is.
            Ok(Progress::Stuck { reason }) => {
                self.rest_a_moment(TELL).await;
                Note::RolloutStuck { reason }
            }
            Err(error) => return self.trouble(step, next, error).await,
        };
        self.settle(next, |run, now| run.remark(step, note, now)).await
    }

    /// The gate is open while this step is under way; Flagger asks when it looks next, and does the rest.
    async fn go_back(
        &self,
        run: &Run,
        step: usize,
        canary: &str,
        workload: &WorkloadRef,
    ) -> Result<Turn, store::Error> {
        let next = Next::Observe(step);
        if let Some(switch) = rails::kill_switch(self.world, run).await?
            && run.stopped_by(&switch, self.world.now()).is_some()
        {
            let stop = |run: Run, now| run.stopped_by(&switch, now).unwrap_or(run);
            return self.settle(next, stop).await;
        }
        let found = match self.world.clusters.get(&workload.cluster).await {
            Ok(cluster) => canaries::read(&cluster, &workload.namespace, canary).await,
            Err(error) => Err(error),
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.trouble(step, next, error).await,
        };
        let phase = found.phase.map_or_else(String::new, |it| it.as_str().to_owned());
        let since = run.steps[step].started_at().unwrap_or_else(|| self.world.now());
        let note = match went_back(&found, since) {
            WentBack::Yes => {
                return self.end(next, step, Ended::Succeeded, Note::WentBack, None).await;
            }
            WentBack::Before => {
                return self.end(next, step, Ended::NoChange, Note::BackAlready, None).await;
            }
            WentBack::Nothing => {
                let note = Note::NothingToGoBack { phase };
                return self.end(next, step, Ended::Refused, note, None).await;
            }
            WentBack::NotYet => Note::GoingBack { phase, weight: found.weight },
        };
        self.settle(next, |run, now| run.remark(step, note, now)).await?;
        self.rest_a_moment(TELL).await;
        Ok(Turn::GoOn)
    }

    /// A blocking check is asked until it passes; an advisory one is asked once and written down.
    async fn check(&self, run: &Run, step: usize, check: &Check) -> Result<Turn, store::Error> {
        let next = Next::Observe(step);
        let (verdict, message) = tokio::select! {
            found = self.evaluate(run, check) => found?,
            () = self.interrupted() => return Ok(Turn::GoOn),
        };
        let note = Note::Checked { verdict, message };
        if verdict.passed() || !check.blocking {
            return self.end(next, step, Ended::Succeeded, note, None).await;
        }
        self.settle(next, |run, now| run.remark(step, note, now)).await?;
        self.rest_a_moment(AGAIN.min(left(run, step, self.world.now()))).await;
        Ok(Turn::GoOn)
    }

    async fn evaluate(&self, run: &Run, check: &Check) -> Result<(Verdict, String), store::Error> {
        let Some(id) = run.service else {
            return Ok((Verdict::Unknown, "the run belongs to no service".to_owned()));
        };
        if matches!(check.kind, CheckKind::Chain(_)) {
            let result = checks::chain::settle(self.world, run.id, check).await?;
            return Ok((result.verdict, result.message));
        }
        let service = store::services::get(&self.world.db, id).await?.entry;
        let acted_on = run.plan.steps().iter().find_map(|it| it.kind.workload());
        let Some(workload) = acted_on.or(service.workloads.first()).cloned() else {
            return Ok((Verdict::Unknown, "the service has no workload".to_owned()));
        };
        let subject = Subject { id, service: &service, workload };
        let result = checks::evaluate(self.world, check, &subject).await;
        Ok((result.verdict, result.message))
    }

    async fn wait(&self, run: &Run, step: usize, seconds: u32) -> Result<Turn, store::Error> {
        let next = Next::Observe(step);
        let Some(began) = run.steps[step].started_at() else { return Ok(Turn::GoOn) };
        let due = began + TimeDelta::seconds(seconds.into());
        let remaining = (due - self.world.now()).to_std().unwrap_or(Duration::ZERO);
        if remaining > SOON {
            return Ok(Turn::Rest);
        }
        self.rest_a_moment(remaining).await;
        if self.world.now() < due {
            return Ok(Turn::Rest);
        }
        self.end(next, step, Ended::Succeeded, Note::Waited { seconds }, None).await
    }

    pub(super) async fn rest_a_moment(&self, moment: Duration) {
        tokio::select! {
            () = tokio::time::sleep(moment) => {}
            () = self.interrupted() => {}
        }
    }

    pub(super) async fn interrupted(&self) {
        tokio::select! {
            () = self.lease.interrupted() => {}
            () = self.world.stop.cancelled() => {}
        }
    }
}
