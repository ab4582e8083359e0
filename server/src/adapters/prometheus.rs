//! Prometheus: what a query says now or said over a stretch of time.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use prometheus_http_query::Client;
use prometheus_http_query::response::{Data, Sample as Point};
use sqlx::PgPool;

/// Long enough for a busy Prometheus, short enough for a decision.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the catalog names no Prometheus for cluster {0}")]
    None(String),
    #[error("{address} is no address of a Prometheus: {reason}")]
    Address { address: String, reason: String },
    #[error("Prometheus gave no answer within {} s", ANSWER_WITHIN.as_secs())]
    Slow,
    #[error("Prometheus could not be asked: {0}")]
    NoAnswer(String),
    #[error("Prometheus does not accept the query: {0}")]
    Query(String),
}

/// The Prometheus of each cluster.
#[derive(Clone)]
pub struct Metrics {
    db: PgPool,
    http: reqwest::Client,
}

/// One Prometheus.
#[derive(Clone)]
pub struct Prometheus(Client);

/// One value with the labels it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub labels: HashMap<String, String>,
    /// May be NaN or infinite, as Prometheus knows them.
    pub value: f64,
}

/// Values over time with the labels they belong to.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub labels: HashMap<String, String>,
    /// Oldest first.
    pub values: Vec<(DateTime<Utc>, f64)>,
}

impl Metrics {
    pub fn new(db: PgPool, http: reqwest::Client) -> Self {
        Self { db, http }
    }

    /// # Errors
    /// When the catalog names none for this cluster, or an address that cannot be one.
    pub async fn of(&self, cluster: &str) -> Result<Prometheus, Error> {
        let none = || Error::None(cluster.to_owned());
        let described = store::clusters::by_name(&self.db, cluster).await.map_err(|_| none())?;
        let address = described.entry.prometheus.ok_or_else(none)?;
        self.at(&address)
    }

    /// The one at an address that a catalog names.
    ///
    /// # Errors
    /// When it cannot be the address of one.
    pub fn at(&self, address: &str) -> Result<Prometheus, Error> {
        let unfit = |reason: String| Error::Address { address: address.to_owned(), reason };
        let url = address.parse::<reqwest::Url>().map_err(|it| unfit(it.to_string()))?;
        super::http::allowed(&url).map_err(|it| unfit(it.to_string()))?;
        let client = Client::from(self.http.clone(), address);
        client.map(Prometheus).map_err(|it| unfit(it.to_string()))
    }
}

impl Prometheus {
    /// What the query says at this moment: one sample for each combination of labels.
    pub async fn query(&self, query: &str, at: DateTime<Utc>) -> Result<Vec<Sample>, Error> {
        let asked = self.0.query(query).at(at.timestamp()).get();
        let (data, _) = within(asked).await?.into_inner();
        Ok(match data {
            Data::Scalar(it) => vec![Sample { labels: HashMap::new(), value: it.value() }],
            Data::Vector(all) => all
                .into_iter()
                .map(|it| {
                    let (labels, sample) = it.into_inner();
                    Sample { labels, value: sample.value() }
                })
                .collect(),
            Data::Matrix(all) => all
                .into_iter()
                .filter_map(|it| {
                    let (labels, samples) = it.into_inner();
                    Some(Sample { labels, value: samples.last()?.value() })
                })
                .collect(),
        })
    }

    /// What it said from one moment to another, once every `step`.
    pub async fn range(
        &self,
        query: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        step: TimeDelta,
    ) -> Result<Vec<Series>, Error> {
        let step = step.num_milliseconds() as f64 / 1000.0;
        let asked = self.0.query_range(query, from.timestamp(), to.timestamp(), step).get();
        let (data, _) = within(asked).await?.into_inner();
        let Data::Matrix(all) = data else { return Ok(Vec::new()) };
        let series = all.into_iter().map(|it| {
            let (labels, samples) = it.into_inner();
            Series { labels, values: samples.iter().filter_map(point).collect() }
        });
        Ok(series.collect())
    }
}

impl Series {
    /// Whether it concerns this service: by its label, or because it has none.
    pub fn is_of(&self, by: &str, service: &str) -> bool {
        self.labels.get(by).is_none_or(|it| it == service)
    }
}

/// The sample of this service: the one that names it, or the only one where the query names nobody.
pub fn mine(samples: &[Sample], by: &str, service: &str) -> Option<f64> {
    let value = match samples {
        [only] if !only.labels.contains_key(by) => Some(only.value),
        all => all
            .iter()
            .find(|it| it.labels.get(by).is_some_and(|it| it == service))
            .map(|it| it.value),
    };
    value.filter(|it| it.is_finite())
}

fn point(sample: &Point) -> Option<(DateTime<Utc>, f64)> {
    let at = DateTime::from_timestamp_millis((sample.timestamp() * 1000.0) as i64)?;
    Some((at, sample.value()))
}

async fn within<T>(
    asked: impl Future<Output = Result<T, prometheus_http_query::Error>>,
) -> Result<T, Error> {
    use prometheus_http_query::Error as Said;
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Err(_) => Err(Error::Slow),
        Ok(Err(Said::Prometheus(error))) => Err(Error::Query(error.to_string())),
        Ok(Err(error)) => {
            let mut reason: &dyn std::error::Error = &error;
            while let Some(source) = reason.source() {
                reason = source;
            }
            Err(Error::NoAnswer(reason.to_string()))
        }
        Ok(Ok(answer)) => Ok(answer),
    }
}
