//! A pretend Prometheus: the query API, answered from series that a test sets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::SimClock;
use super::listener::{Connection, Door};
use super::serve::{self, form};

/// The labels of one series.
pub type Labels = BTreeMap<String, String>;

type Function = Arc<dyn Fn(DateTime<Utc>) -> Option<f64> + Send + Sync>;

/// What goes wrong with every query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrometheusFault {
    /// Connections are refused.
    Down,
    /// Answers take this long.
    Slow(Duration),
    /// 503, as while Prometheus starts.
    Error,
    /// Success without any series.
    Empty,
    /// What a proxy in between says, with the status of success.
    Garbage,
}

/// A running pretend Prometheus; it ends with the last clone of this handle.
#[derive(Debug, Clone)]
pub struct Prometheus {
    inner: Arc<Inner>,
    url: String,
    _end: Arc<DropGuard>,
}

struct Inner {
    /// Query or metric name → series.
    series: Mutex<BTreeMap<String, Vec<(Labels, Function)>>>,
    fault: Mutex<Option<PrometheusFault>>,
    asked: Mutex<Vec<String>>,
    clock: SimClock,
    door: Door,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl Prometheus {
    /// Starts on 127.0.0.1; port 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(port: u16, clock: SimClock) -> std::io::Result<Self> {
        let door = Door::new();
        let inner = Arc::new(Inner {
            series: Mutex::default(),
            fault: Mutex::default(),
            asked: Mutex::default(),
            clock,
            door: door.clone(),
        });
        let stop = CancellationToken::new();
        let router = Router::new().fallback(answer).with_state(inner.clone());
        let service = router.into_make_service_with_connect_info::<Connection>();
        let address = serve::start(port, door, service, stop.clone()).await?;
        Ok(Self { inner, url: format!("http://{address}"), _end: Arc::new(stop.drop_guard()) })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Answers `query` (the whole PromQL text, or a metric name that occurs in it) with one series
    /// of a constant value. A query that is set as a whole wins over a name in it.
    pub fn set(&self, query: &str, value: f64) {
        self.set_function(query, move |_| Some(value));
    }

    /// The same with a function of the time; `None` is a gap.
    pub fn set_function(
        &self,
        query: &str,
        value: impl Fn(DateTime<Utc>) -> Option<f64> + Send + Sync + 'static,
    ) {
        let series = vec![(Labels::new(), Arc::new(value) as Function)];
        lock(&self.inner.series).insert(query.to_owned(), series);
    }

    /// Answers `query` with several labelled constants.
    pub fn set_vector(&self, query: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let constant = |v: f64| Arc::new(move |_| Some(v)) as Function;
        let series = values.into_iter().map(|(labels, v)| (labels, constant(v))).collect();
        lock(&self.inner.series).insert(query.to_owned(), series);
    }

    /// Answers `query` with nothing again.
    pub fn unset(&self, query: &str) {
        lock(&self.inner.series).remove(query);
    }

    /// Switches a fault on, or with `None` off.
    pub fn fault(&self, fault: Option<PrometheusFault>) {
        *lock(&self.inner.fault) = fault;
        match fault {
            Some(PrometheusFault::Down) => self.inner.door.shut(),
            _ => self.inner.door.open(),
        }
    }

    /// The queries so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        lock(&self.inner.asked).clone()
    }
}

impl Inner {
    fn find(&self, query: &str) -> Vec<(Labels, Function)> {
        if *lock(&self.fault) == Some(PrometheusFault::Empty) {
            return Vec::new();
        }
        let series = lock(&self.series);
        let part = || series.iter().find(|(name, _)| names(query, name)).map(|(_, s)| s);
        series.get(query).or_else(part).cloned().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a metric name stands in a query as a whole word.
fn names(query: &str, name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    query
        .match_indices(name)
        .any(|(at, _)| !query[..at].ends_with(word) && !query[at + name.len()..].starts_with(word))
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let fault = *lock(&inner.fault);
    match fault {
        Some(PrometheusFault::Slow(time)) => tokio::time::sleep(time).await,
        Some(PrometheusFault::Error) => {
            return (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response();
        }
        Some(PrometheusFault::Garbage) => return "<html>Please sign in</html>".into_response(),
        _ => {}
    }
    let path = request.uri().path().to_owned();
    let form = form(request).await;
    let word = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    match path.as_str() {
        "/-/ready" => "Prometheus Server is Ready.\n".into_response(),
        "/-/healthy" => "Prometheus Server is Healthy.\n".into_response(),
        "/api/v1/status/buildinfo" => success(&json!({"version": "3.5.0"})),
        "/api/v1/query" => {
            lock(&inner.asked).push(word("query").to_owned());
            let at = time(word("time")).unwrap_or_else(|| inner.clock.now());
            success(
                &json!({"resultType": "vector", "result": vector(&inner.find(word("query")), at)}),
            )
        }
        "/api/v1/query_range" => {
            lock(&inner.asked).push(word("query").to_owned());
            let range = (time(word("start")), time(word("end")), step(word("step")));
            let (Some(start), Some(end), Some(step)) = range else {
                return bad("invalid parameter: start, end and step are needed");
            };
            let points = (end - start).num_milliseconds() / step.num_milliseconds().max(1);
            if points > 11_000 {
                return bad("exceeded maximum resolution of 11,000 points per timeseries");
            }
            let result = matrix(&inner.find(word("query")), start, end, step);
            success(&json!({"resultType": "matrix", "result": result}))
        }
        _ => (StatusCode::NOT_FOUND, "404 page not found").into_response(),
    }
}

fn success(data: &Value) -> Response {
    Json(json!({"status": "success", "data": data})).into_response()
}

fn bad(why: &str) -> Response {
    let body = json!({"status": "error", "errorType": "bad_data", "error": why});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn vector(series: &[(Labels, Function)], at: DateTime<Utc>) -> Vec<Value> {
    let sample = |(labels, value): &(Labels, Function)| {
        value(at).map(|v| json!({"metric": labels, "value": point(at, v)}))
    };
    series.iter().filter_map(sample).collect()
}

fn matrix(
    series: &[(Labels, Function)],
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    step: TimeDelta,
) -> Vec<Value> {
    let times =
        || std::iter::successors(Some(start), |t| Some(*t + step)).take_while(|t| *t <= end);
    let row = |(labels, value): &(Labels, Function)| {
        let values: Vec<Value> = times().filter_map(|t| value(t).map(|v| point(t, v))).collect();
        (!values.is_empty()).then(|| json!({"metric": labels, "values": values}))
    };
    series.iter().filter_map(row).collect()
}

/// Seconds and the value as text, as Prometheus writes a sample.
fn point(at: DateTime<Utc>, value: f64) -> Value {
    let text = match value {
        v if v.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        v => v.to_string(),
    };
    json!([at.timestamp_millis() as f64 / 1000.0, text])
}

/// A time as seconds since 1970 or in RFC 3339.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite());
    seconds
        .and_then(|s| DateTime::from_timestamp_millis((s * 1000.0) as i64))
        .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc()))
}

/// A step in seconds (`15`, `0.5`) or with a unit (`15s`, `1m`); never zero.
fn step(text: &str) -> Option<TimeDelta> {
    let (number, unit) =
        text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let factor = match unit {
        "" | "s" => 1000.0,
        "ms" => 1.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    let millis = number.parse::<f64>().ok()? * factor;
    (millis >= 1.0 && millis.is_finite()).then(|| TimeDelta::milliseconds(millis as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_only_as_a_whole_word() {
        assert!(names("sum(rate(http_requests_total{code=~\"5..\"}[5m]))", "http_requests_total"));
        assert!(!names("sum(my_http_requests_total)", "http_requests_total"));
        assert!(!names("http_requests_total_sum", "http_requests_total"));
    }

    #[test]
    fn steps_and_times_are_read_as_prometheus_does() {
        assert_eq!(step("15"), Some(TimeDelta::seconds(15)));
        assert_eq!(step("1m"), Some(TimeDelta::minutes(1)));
        assert_eq!(step("0"), None);
        assert_eq!(step("x"), None);
        assert_eq!(time("1.5"), DateTime::from_timestamp_millis(1500));
        assert_eq!(time("1970-01-01T00:00:01Z"), DateTime::from_timestamp_millis(1000));
    }
}
