//! Bodies of requests and answers.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answer::Refusal;
use crate::sim::objects::Object;
use crate::sim::types::ResourceType;

/// Decodes JSON or YAML.
pub(crate) fn decode(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).or_else(|json| {
        std::str::from_utf8(body)
            .ok()
            .and_then(|text| serde_saphyr::from_str::<Value>(text).ok())
            .filter(Value::is_object)
            .ok_or_else(|| Refusal::bad_request(format!("couldn't decode the body: {json}")))
    })
}

/// An object as JSON, with the API version that was asked for.
pub(crate) fn object_json(kind: &ResourceType, version: &str, object: &Object) -> Vec<u8> {
    let mut json = typed(kind, version);
    json.extend_from_slice(object.body());
    json
}

/// The beginning of an object: its type and a comma.
pub(crate) fn typed(kind: &ResourceType, version: &str) -> Vec<u8> {
    format!(r#"{{"apiVersion":"{}","kind":"{}","#, kind.api_version(version), kind.kind)
        .into_bytes()
}

/// Answers JSON that is already written.
pub(crate) fn json_response(status: StatusCode, json: impl Into<Bytes>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(json.into())).into_response()
}
