//! Asks Prometheus what a signal is now, and what it was before the change.
//!
//! **Invariant:** an absent numerator beside a living denominator is 0; an absent or too small denominator, and an
//! answer that did not come, is unknown.

use chrono::{DateTime, TimeDelta, Utc};
use domain::decide::situation::{Before, Confirmation, Measurement, Noticed};
use domain::scene::Scene;
use domain::signals::{Signal, Source};
use domain::verdict::Verdict;

use crate::adapters::prometheus::{Error, Prometheus, mine};
use crate::workers::World;

/// Between two samples of the past.
const STEP: TimeDelta = TimeDelta::seconds(15);

/// Fills in what Prometheus says; where it says nothing the scene stays as it was, and that is unknown.
pub(super) async fn measure(world: &World, signal: &Signal, scene: &mut Scene, now: DateTime<Utc>) {
    let answer = match world.metrics.of(&scene.workload.cluster).await {
        Ok(prometheus) => now_and_before(&prometheus, signal, scene, now).await,
        // The catalog names none for this cluster, so nobody is asked, now or later.
        Err(Error::None(_)) => return,
        Err(error) => Err(error.into()),
    };
    let (measurement, verdict) = match answer {
        Ok(measurement) => {
            let enough = measurement
                .requests_in_window
                .is_none_or(|it| it >= f64::from(scene.policy.gates.min_requests));
            let fires = measurement.value.filter(|_| enough).map(|it| signal.fires(it));
            (measurement, Verdict::from(fires))
        }
        Err(error) => {
            tracing::warn!(signal = %signal.name, "Prometheus could not be asked: {error:#}");
            (Measurement::default(), Verdict::Unknown)
        }
    };
    scene.measurement = measurement;
    scene.confirmation = Some(Confirmation { by: Noticed::Promql, verdict, checked_at: now });
}

async fn now_and_before(
    prometheus: &Prometheus,
    signal: &Signal,
    scene: &Scene,
    now: DateTime<Utc>,
) -> anyhow::Result<Measurement> {
    let service = scene.service.name.as_str();
    let of = |samples: Vec<_>| mine(&samples, &signal.by, service);
    let mut measurement = Measurement::default();
    match &signal.source {
        Source::Ratio { numerator, denominator } => {
            let (above, below) = tokio::try_join!(
                prometheus.query(numerator, now),
                prometheus.query(denominator, now)
            )?;
            measurement.denominator = of(below);
            measurement.numerator = of(above);
            let share = signal.share(measurement.numerator, measurement.denominator);
            measurement.value = share.value;
            measurement.requests_in_window = share.requests;
        }
        Source::Value { value } => measurement.value = of(prometheus.query(value, now).await?),
        Source::Watch(_) | Source::None => {}
    }
    let change = scene.changes.iter().filter(|it| it.material).map(|it| it.at).max();
    if let Some(change) = change {
        let window = TimeDelta::seconds(i64::from(scene.policy.gates.clean_before_s));
        measurement.before = before(prometheus, signal, service, change, window).await?;
    }
    Ok(measurement)
}

/// The stretch up to the change during which the signal was inside its baseline.
async fn before(
    prometheus: &Prometheus,
    signal: &Signal,
    service: &str,
    change: DateTime<Utc>,
    window: TimeDelta,
) -> anyhow::Result<Option<Before>> {
    let query = match &signal.source {
        // The denominator alone keeps the moments in which nothing failed.
        Source::Ratio { numerator, denominator } => {
            format!("(({numerator}) or 0 * ({denominator})) / ({denominator})")
        }
        Source::Value { value } => value.clone(),
        Source::Watch(_) | Source::None => return Ok(None),
    };
    let series = prometheus.range(&query, change - window, change, STEP).await?;
    let mut samples: Vec<(DateTime<Utc>, f64)> = series
        .into_iter()
        .filter(|it| it.is_of(&signal.by, service))
        .flat_map(|it| it.values)
        .collect();
    samples.sort_by_key(|(at, _)| *at);
    Ok(clean(&samples, change, |value| signal.is_clean(value)))
}

/// Counts back from the change; a gap ends the stretch, and so does a value that is no number.
fn clean(
    samples: &[(DateTime<Utc>, f64)],
    change: DateTime<Utc>,
    is_clean: impl Fn(f64) -> bool,
) -> Option<Before> {
    let mut watched = change;
    let mut clean = None;
    for (at, value) in samples.iter().rev() {
        if watched - *at > STEP * 2 {
            break;
        }
        watched = *at;
        if clean.is_none() && (value.is_nan() || !is_clean(*value)) {
            clean = Some(change - *at - STEP);
        }
    }
    if watched == change {
        return None;
    }
    let watched = change - watched;
    let seconds = |it: TimeDelta| u32::try_from(it.num_seconds().max(0)).unwrap_or(u32::MAX);
    Some(Before { clean_s: seconds(clean.unwrap_or(watched)), watched_s: Some(seconds(watched)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn the_clean_stretch_ends_at_the_first_bad_or_missing_sample() {
        let series = |values: &[f64]| -> Vec<(DateTime<Utc>, f64)> {
            (0..).step_by(15).map(at).zip(values.iter().copied()).collect()
        };
        let change = at(60);
        let clean_of = |values: &[f64]| {
            clean(&series(values), change, |it| it < 0.5).map(|it| (it.clean_s, it.watched_s))
        };
        assert_eq!(clean_of(&[0.0, 0.0, 0.0, 0.0]), Some((60, Some(60))));
        assert_eq!(clean_of(&[0.0, 1.0, 0.0, 0.0]), Some((30, Some(60))));
        assert_eq!(clean_of(&[0.0, 0.0, 0.0, f64::NAN]), Some((0, Some(60))));
        assert_eq!(clean_of(&[]), None);
    }
}
