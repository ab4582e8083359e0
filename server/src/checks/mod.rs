//! Finds out what a check comes to. What could not be found out is unknown, with the reason, and never a pass.

pub mod chain;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::checks::{
    Check, CheckKind, CheckResult, Condition, Expect, Method, WorkloadName, member,
};
use domain::ids::ServiceId;
use domain::services::{Service, WorkloadRef};
use domain::signals::Comparison;
use domain::verdict::Verdict;
use domain::workloads::Workload;
use serde_json::{Value, json};

use crate::adapters::http;
use crate::adapters::kubernetes::rollout::{self, Progress};
use crate::workers::World;

/// What is checked.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    pub id: ServiceId,
    pub service: &'a Service,
    /// The workload that this is about; its cluster's Prometheus is asked.
    pub workload: WorkloadRef,
}

impl<'a> Subject<'a> {
    pub fn new(id: ServiceId, service: &'a Service, workload: &Workload) -> Self {
        Self { id, service, workload: workload.reference() }
    }
}

/// What was measured, what it was held against, and what there is to say.
struct Found {
    verdict: Verdict,
    value: Value,
    limit: Value,
    message: String,
}

pub async fn evaluate(world: &World, check: &Check, subject: &Subject<'_>) -> CheckResult {
    let within = Duration::from_secs(check.timeout_s.into());
    let found = async {
        match &check.kind {
            CheckKind::Http { url, method, expect } => {
                answers(world, url, *method, expect, within).await
            }
            CheckKind::Promql { query, comparison, limit } => {
                let now = world.now();
                measured(world, &subject.workload.cluster, query, *comparison, *limit, now).await
            }
            CheckKind::Kubernetes { condition, workload } => {
                holds(world, *condition, workload.as_ref(), subject).await
            }
            // Whoever looks again and again must not make something each time.
            CheckKind::Chain(_) => {
                unknown("it is carried out once for a run, and by a run".to_owned())
            }
        }
    };
    let slow = || unknown(format!("no answer within {} s", check.timeout_s));
    let found = tokio::time::timeout(within, found).await.unwrap_or_else(|_| slow());
    CheckResult {
        name: check.name.clone(),
        verdict: found.verdict,
        value: found.value,
        limit: found.limit,
        blocking: check.blocking,
        message: found.message,
    }
}

fn unknown(message: String) -> Found {
    Found { verdict: Verdict::Unknown, value: Value::Null, limit: Value::Null, message }
}

/// An answer that is not as expected is a fail; so is none at all, for then nobody else gets one either. Only an
/// address that we do not ask, or cannot find, leaves it unknown.
async fn answers(
    world: &World,
    url: &str,
    method: Method,
    expect: &Expect,
    within: Duration,
) -> Found {
    let began = tokio::time::Instant::now();
    match http::fetch(&world.http, method, url, within).await {
        Ok(answer) => {
            let took = began.elapsed();
            let fault = fault(expect, &answer, took);
            Found {
                verdict: if fault.is_none() { Verdict::Pass } else { Verdict::Fail },
                value: json!(answer.status),
                limit: json!(expect.status),
                message: fault
                    .unwrap_or_else(|| format!("{} in {} ms", answer.status, took.as_millis())),
            }
        }
        Err(error @ (http::Error::Slow(_) | http::Error::NoAnswer(_))) => Found {
            verdict: Verdict::Fail,
            value: Value::Null,
            limit: json!(expect.status),
            message: error.to_string(),
        },
        Err(error) => unknown(error.to_string()),
    }
}

/// The first thing about the answer that is not as expected.
fn fault(expect: &Expect, answer: &http::Answer, took: Duration) -> Option<String> {
    if !expect.status.fits(answer.status) {
        let onward = match answer.status {
            300..400 => " (it leads elsewhere, which is not followed)",
            _ => "",
        };
        return Some(format!(
            "the answer is {}, expected {}{onward}",
            answer.status, expect.status
        ));
    }
    if let Some(limit) = expect.within_ms.filter(|it| took > Duration::from_millis((*it).into())) {
        return Some(format!("the answer took {} ms, allowed are {limit} ms", took.as_millis()));
    }
    if answer.cut && expect.looks_inside() {
        return Some("the answer is longer than 1 MiB, and so much is not read".to_owned());
    }
    if let Some(text) = &expect.contains
        && !String::from_utf8_lossy(&answer.body).contains(text)
    {
        return Some(format!("the answer does not contain {text:?}"));
    }
    if expect.json.is_empty() {
        return None;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Some("the answer is no JSON".to_owned());
    };
    let differs = expect.json.iter().find(|(name, value)| member(&body, name) != Some(value));
    differs.map(|(name, value)| {
        let found = member(&body, name).unwrap_or(&Value::Null);
        format!("{name} is {found}, expected {value}")
    })
}

/// Every sample has to be on the right side of the limit; none at all, or one that is no number, says nothing.
async fn measured(
    world: &World,
    cluster: &str,
    query: &str,
    comparison: Comparison,
    limit: f64,
    at: DateTime<Utc>,
) -> Found {
    let samples = match world.metrics.of(cluster).await {
        Ok(prometheus) => prometheus.query(query, at).await,
        Err(error) => Err(error),
    };
    let values: Vec<f64> = match samples {
        Ok(samples) => samples.iter().map(|it| it.value).collect(),
        Err(error) => return unknown(error.to_string()),
    };
    let found = Found { limit: json!(limit), ..judged(&values, comparison, limit) };
    Found { message: format!("{} ({query})", found.message), ..found }
}

fn judged(values: &[f64], comparison: Comparison, limit: f64) -> Found {
    if values.is_empty() {
        return unknown("the query has no result".to_owned());
    }
    if values.iter().any(|it| it.is_nan()) {
        return unknown("the query has a result that is no number".to_owned());
    }
    let (worst, passes) = match comparison {
        Comparison::Less => {
            let worst = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (worst, worst < limit)
        }
        Comparison::Greater => {
            let worst = values.iter().copied().fold(f64::INFINITY, f64::min);
            (worst, worst > limit)
        }
    };
    let verdict = if passes { Verdict::Pass } else { Verdict::Fail };
    let message = format!("{worst}, expected {} than {limit}", comparison.as_str());
    Found { verdict, value: json!(worst), limit: Value::Null, message }
}

/// Of one workload of the service, or of the one that this is about.
async fn holds(
    world: &World,
    condition: Condition,
    workload: Option<&WorkloadName>,
    subject: &Subject<'_>,
) -> Found {
    let named = match workload {
        None => Some(&subject.workload),
        Some(name) => {
            subject.service.workloads.iter().find(|it| it.kind == name.kind && it.name == name.name)
        }
    };
    let Some(workload) = named else {
        return unknown("the service has no workload of this name".to_owned());
    };
    let cluster = match world.clusters.get(&workload.cluster).await {
        Ok(cluster) => cluster,
        Err(error) => return unknown(error.to_string()),
    };
    match rollout::progress(&cluster, workload).await {
        Ok(progress) => of_progress(condition, &progress),
        Err(error) => unknown(error.to_string()),
    }
}

fn of_progress(condition: Condition, progress: &Progress) -> Found {
    let (verdict, ready, wanted, message) = match progress {
        Progress::Done { ready } => {
            (Verdict::Pass, Some(*ready), Some(*ready), format!("{ready} pods are ready"))
        }
        Progress::DoneToPartition { updated, partition } => {
            let message = format!(
                "{updated} pods are of the live revision and available, those below {partition} stay"
            );
            // Nobody has looked at the pods that stay as they are.
            let passes = condition == Condition::Available;
            let verdict = if passes { Verdict::Pass } else { Verdict::Unknown };
            (verdict, Some(*updated), None, message)
        }
        Progress::OnDelete { outdated } => {
            // Whether they are available is not said.
            let verdict = match condition {
                Condition::Available => Verdict::Unknown,
                Condition::PodsReady | Condition::RolledOut => Verdict::Fail,
            };
            let message =
                format!("{outdated} pods are of another template until somebody deletes them");
            (verdict, None, None, message)
        }
        Progress::Going { ready, updated, wanted } => {
            // Enough pods may be available while older ones are still being replaced.
            let passes = condition == Condition::Available && ready >= wanted;
            let verdict = if passes { Verdict::Pass } else { Verdict::Fail };
            let message =
                format!("{ready} of {wanted} pods are ready, {updated} are of the live revision");
            (verdict, Some(*ready), Some(*wanted), message)
        }
        Progress::Stuck { reason } => (Verdict::Fail, None, None, reason.clone()),
        Progress::Gone => (Verdict::Fail, None, None, "the workload does not exist".to_owned()),
    };
    Found { verdict, value: json!(ready), limit: json!(wanted), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> http::Answer {
        http::Answer { status, body: body.as_bytes().to_vec(), cut: false }
    }

    #[test]
    fn an_answer_is_held_against_everything_that_is_expected() {
        let healthy = Expect {
            json: [("status".to_owned(), json!("healthy"))].into(),
            contains: Some("heal".into()),
            within_ms: Some(100),
            ..Expect::default()
        };
        let ok = r#"{"status": "healthy", "version": 3}"#;
        let fast = Duration::from_millis(5);
        assert_eq!(fault(&healthy, &answer(200, ok), fast), None);
        for (answer, took, expected) in [
            (answer(503, ok), fast, "the answer is 503, expected 200"),
            (
                answer(302, ok),
                fast,
                "the answer is 302, expected 200 (it leads elsewhere, which is not followed)",
            ),
            (
                http::Answer { cut: true, ..answer(200, ok) },
                fast,
                "the answer is longer than 1 MiB, and so much is not read",
            ),
            (
                answer(200, ok),
                Duration::from_secs(1),
                "the answer took 1000 ms, allowed are 100 ms",
            ),
            (answer(200, "{}"), fast, "the answer does not contain \"heal\""),
            (answer(200, "healthy"), fast, "the answer is no JSON"),
            (
                answer(200, r#"{"status": "unhealthy"}"#),
                fast,
                "status is \"unhealthy\", expected \"healthy\"",
            ),
        ] {
            assert_eq!(fault(&healthy, &answer, took).as_deref(), Some(expected));
        }
    }

    #[test]
    fn no_sample_is_no_pass() {
        use Comparison::{Greater, Less};
        use Verdict::{Fail, Pass, Unknown};
        for (values, comparison, expected) in [
            (vec![], Less, Unknown),
            (vec![f64::NAN], Less, Unknown),
            (vec![0.1, f64::NAN], Less, Unknown),
            (vec![0.1, 0.2], Less, Pass),
            (vec![0.1, 0.6], Less, Fail),
            (vec![0.5], Less, Fail),
            (vec![0.6, 0.7], Greater, Pass),
            (vec![0.6, 0.4], Greater, Fail),
        ] {
            assert_eq!(judged(&values, comparison, 0.5).verdict, expected, "{values:?}");
        }
    }
}
