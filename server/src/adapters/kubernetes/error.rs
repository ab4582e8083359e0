//! What can be wrong with a cluster, in words that say what to do.

use std::time::Duration;

use kube::client::Body;
use serde_json::Value;

use super::connect;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the catalog has no cluster {0}")]
    Unknown(String),
    #[error("cluster {cluster}: {error}")]
    Connect { cluster: String, error: connect::Error },
    #[error(
        "the API server of {cluster} cannot be reached: {reason}; check its address and the network"
    )]
    Unreachable { cluster: String, reason: String },
    #[error("the API server of {cluster} gave no answer within {seconds} s")]
    Slow { cluster: String, seconds: u64 },
    #[error(
        "the API server of {cluster} does not accept our credentials (401); renew the kubeconfig"
    )]
    Unauthorized { cluster: String },
    #[error(
        "Lifeboat may not {verb} {resource} in namespace {namespace} of {cluster} (403); grant the verb in its Role"
    )]
    Forbidden { cluster: String, verb: String, resource: String, namespace: String },
    #[error("{what} does not exist in {cluster}")]
    NotFound { cluster: String, what: String },
    #[error("{cluster}: somebody else changed the object at the same moment (409)")]
    Conflict { cluster: String },
    #[error("{cluster}: what we remember of the watch is too old (410)")]
    Gone { cluster: String },
    #[error("{cluster} does not accept the change (422): {message}")]
    Unprocessable { cluster: String, message: String },
    #[error("the API server of {cluster} is busy (429); it asked us to come back after {} s", after.as_secs())]
    Busy { cluster: String, after: Duration },
    #[error("{cluster}: {message} (429)")]
    Held { cluster: String, message: String },
    #[error("the API server of {cluster} is in trouble ({status}): {message}")]
    Trouble { cluster: String, status: u16, message: String },
    #[error("the API server of {cluster} answered {status}: {message}")]
    Refused { cluster: String, status: u16, message: String },
    #[error("{cluster} sent something that is no answer of the Kubernetes API: {reason}")]
    Malformed { cluster: String, reason: String },
}

impl Error {
    /// Whether it may pass by itself, so that trying again can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Unreachable { .. }
            | Error::Slow { .. }
            | Error::Conflict { .. }
            | Error::Gone { .. }
            | Error::Busy { .. }
            | Error::Held { .. }
            | Error::Trouble { .. } => true,
            Error::Unknown(_)
            | Error::Connect { .. }
            | Error::Unauthorized { .. }
            | Error::Forbidden { .. }
            | Error::NotFound { .. }
            | Error::Unprocessable { .. }
            | Error::Refused { .. }
            | Error::Malformed { .. } => false,
        }
    }

    /// How long to wait before trying again, where the API server said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Busy { after, .. } => Some(*after),
            _ => None,
        }
    }

    /// No answer came, or none that can be trusted.
    pub(super) fn no_answer(cluster: &str, error: &kube::Error) -> Self {
        // The outermost text says "error trying to connect"; why is at the other end of the chain.
        let mut reason: &dyn std::error::Error = error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        Error::Unreachable { cluster: cluster.to_owned(), reason: reason.to_string() }
    }

    /// An answer with a status of 400 or more.
    pub(super) async fn of_answer(
        cluster: &str,
        asked: &Asked<'_>,
        answer: axum::http::Response<Body>,
    ) -> Self {
        let after =
            answer.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok());
        let status = answer.status().as_u16();
        let body = answer.into_body().collect_bytes().await.unwrap_or_default();
        let held = String::from_utf8_lossy(&body).contains("\"DisruptionBudget\"");
        let message = message(&body);
        let cluster = cluster.to_owned();
        match status {
            401 => Error::Unauthorized { cluster },
            403 => Error::Forbidden {
                cluster,
                verb: asked.verb.to_owned(),
                resource: asked.resource.to_owned(),
                namespace: asked.namespace.to_owned(),
            },
            404 => Error::NotFound { cluster, what: asked.to_string() },
            409 => Error::Conflict { cluster },
            410 => Error::Gone { cluster },
            422 => Error::Unprocessable { cluster, message },
            429 if held => Error::Held { cluster, message },
            429 => Error::Busy { cluster, after: Duration::from_secs(after.unwrap_or(1)) },
            500.. => Error::Trouble { cluster, status, message },
            _ => Error::Refused { cluster, status, message },
        }
    }
}

/// What was asked for, as RBAC names it.
pub(super) struct Asked<'a> {
    pub(super) verb: &'a str,
    /// `deployments.apps`
    pub(super) resource: &'a str,
    pub(super) namespace: &'a str,
    /// Empty for a list.
    pub(super) name: &'a str,
}

impl std::fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.resource, self.namespace, self.name)
    }
}

/// The message of a `Status`, and the causes of it where there are any; else the beginning of the text.
fn message(body: &[u8]) -> String {
    let Ok(status) = serde_json::from_slice::<Value>(body) else {
        return String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
    };
    let causes = status.pointer("/details/causes").and_then(Value::as_array);
    let causes = causes.into_iter().flatten().filter_map(|it| it["message"].as_str());
    let said = status["message"].as_str().into_iter().chain(causes);
    said.collect::<Vec<_>>().join(": ")
}
