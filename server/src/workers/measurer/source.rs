//! Where readings come from: the Prometheus at an address that the catalog names, else that of a cluster.

use chrono::{DateTime, TimeDelta, Utc};
use domain::measurements::{self, Sample};
use domain::objectives;

use super::World;
use crate::adapters::prometheus::{Error, Prometheus, Series};

pub(super) struct Source<'a> {
    pub(super) address: Option<&'a str>,
    pub(super) cluster: Option<&'a str>,
}

/// Why there are no readings.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// Nothing says whom to ask.
    NoSource(String),
    NoAnswer(String),
}

impl Source<'_> {
    /// As a measurement names it.
    pub(super) fn name(&self) -> String {
        match (self.address, self.cluster) {
            (Some(address), _) => format!("prometheus {address}"),
            (None, Some(cluster)) => format!("prometheus of {cluster}"),
            (None, None) => "prometheus".to_owned(),
        }
    }

    /// `asker` could have named one: an objective, a target.
    pub(super) async fn prometheus(
        &self,
        world: &World,
        asker: &str,
    ) -> Result<Prometheus, Trouble> {
        let found = match (self.address, self.cluster) {
            (Some(address), _) => world.metrics.at(address),
            (None, Some(cluster)) => world.metrics.of(cluster).await,
            (None, None) => {
                let why = format!("neither the {asker} nor a workload says which Prometheus");
                return Err(Trouble::NoSource(why));
            }
        };
        found.map_err(Trouble::from)
    }
}

/// Every series that a query comes to in a stretch of time.
pub(super) async fn range(
    prometheus: &Prometheus,
    query: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    step: TimeDelta,
) -> Result<Vec<Vec<Sample>>, Trouble> {
    let all = prometheus.range(query, from, to, step).await?;
    Ok(all.into_iter().map(samples).collect())
}

fn samples(series: Series) -> Vec<Sample> {
    let values = series.values.into_iter();
    values
        .map(|(at, value)| Sample { at, value: Some(value).filter(|it| it.is_finite()) })
        .collect()
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::None(_) | Error::Address { .. } => Self::NoSource(reason),
            Error::Slow | Error::NoAnswer(_) | Error::Query(_) => Self::NoAnswer(reason),
        }
    }
}

impl From<Trouble> for objectives::Finding {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoSource(reason) => Self::NoSource { reason },
            Trouble::NoAnswer(reason) => Self::NoAnswer { reason },
        }
    }
}

impl From<Trouble> for measurements::Finding {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoSource(reason) => Self::NoSource { reason },
            Trouble::NoAnswer(reason) => Self::NoAnswer { reason },
        }
    }
}
