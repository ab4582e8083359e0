//! What the API server answers when it refuses: a `Status` with the words of the real one.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::sim::types::ResourceType;

/// A refusal of the API server.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    reason: &'static str,
    message: String,
    details: Value,
    /// Seconds for the `Retry-After` header.
    retry_after: Option<u32>,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: json!({}), retry_after: None }
    }

    fn about(mut self, kind: &ResourceType, name: &str) -> Self {
        self.details = json!({"name": name, "group": kind.group, "kind": kind.plural});
        self
    }

    /// The path is none of the API.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn not_found(kind: &ResourceType, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.id)).about(kind, name)
    }

    pub(crate) fn already_exists(kind: &ResourceType, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.id);
        Self::new(409, "AlreadyExists", message).about(kind, name)
    }

    /// The resourceVersion that was sent is not the newest, or another precondition fails.
    pub(crate) fn conflict(kind: &ResourceType, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.id);
        Self::new(409, "Conflict", message).about(kind, name)
    }

    pub(crate) fn modified(kind: &ResourceType, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(kind, name, why)
    }

    /// The object breaks a rule of its kind: `field` says which, `why` how.
    pub(crate) fn invalid(kind: &ResourceType, name: &str, field: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is invalid: {field}: {why}", qualified_kind(kind));
        let mut refusal = Self::new(422, "Invalid", message);
        refusal.details = json!({
            "name": name, "group": kind.group, "kind": kind.kind,
            "causes": [{"reason": "FieldValueInvalid", "message": why, "field": field}],
        });
        refusal
    }

    /// A JSON Patch that cannot be applied, a failed `test` too: the real server gives no more away.
    pub(crate) fn patch_failed() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unsupported_media(got: &str) -> Self {
        let message = format!("the body of the request was in an unknown format - {got}");
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn forbidden(
        kind: &ResourceType,
        name: &str,
        user: &str,
        verb: &str,
        resource: &str,
        namespace: &str,
    ) -> Self {
        let subject =
            if name.is_empty() { kind.id.to_string() } else { format!("{} \"{name}\"", kind.id) };
        let place = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let message = format!(
            "{subject} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API \
             group \"{}\" {place}",
            kind.group
        );
        Self::new(403, "Forbidden", message).about(kind, name)
    }

    pub(crate) fn expired(asked: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {asked} ({oldest})");
        Self::new(410, "Expired", message)
    }

    pub(crate) fn too_new(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let mut refusal = Self::new(504, "Timeout", message);
        refusal.details = json!({"causes": [{
            "reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1});
        refusal
    }

    pub(crate) fn too_many_requests(retry_after: u32) -> Self {
        let message =
            "the server has received too many requests and has asked us to try again later";
        let mut refusal = Self::new(429, "TooManyRequests", message);
        refusal.details = json!({"retryAfterSeconds": retry_after});
        refusal.retry_after = Some(retry_after);
        refusal
    }

    /// Of an eviction that a disruption budget does not allow.
    pub(crate) fn disruption_budget(budget: &Value) -> Self {
        let number = |path| budget.pointer(path).and_then(Value::as_i64).unwrap_or(0);
        let why = format!(
            "The disruption budget {} needs {} healthy pods and has {} currently",
            budget["metadata"]["name"].as_str().unwrap_or_default(),
            number("/status/desiredHealthy"),
            number("/status/currentHealthy")
        );
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let mut refusal = Self::new(429, "TooManyRequests", message);
        refusal.details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        refusal
    }

    /// Any other status, as the server itself gives it when it is in trouble.
    pub(crate) fn server_error(code: u16) -> Self {
        match code {
            503 => Self::new(
                503,
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            504 => Self::new(504, "Timeout", "the server was unable to return a response in time"),
            _ => Self::new(
                code,
                "InternalError",
                "Internal error occurred: etcdserver: leader changed",
            ),
        }
    }

    /// The `Status` object.
    pub(crate) fn status(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "details": self.details,
            "code": self.code,
        })
    }
}

/// `Deployment.apps`, as messages about invalid objects name it.
fn qualified_kind(kind: &ResourceType) -> String {
    if kind.group.is_empty() { kind.kind.clone() } else { format!("{}.{}", kind.kind, kind.group) }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.status())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
