//! The OpenAPI document, made from the endpoints themselves.

use std::sync::Arc;

use axum::{Extension, Json};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::routes;

use super::{Endpoint, Problem, open};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![open(routes!(document))]
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "meta", responses((status = 200, description = "OpenAPI 3.1")))]
async fn document(Extension(document): Extension<Arc<OpenApi>>) -> Json<OpenApi> {
    Json(OpenApi::clone(&document))
}

/// What stands in the document beside the endpoints.
pub(super) fn frame() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(
            title = "Lifeboat",
            description = "The drill ledger and rollback control plane. Times are RFC 3339 in UTC, durations \
                           are seconds in fields that end in `_s`, fields that are not known are refused. \
                           Errors are RFC 9457 problems. Every POST takes an `Idempotency-Key`.",
            license(name = "Apache-2.0", identifier = "Apache-2.0"),
        ),
        components(schemas(Problem)),
        security(("token" = []))
    )]
    struct Frame;

    let mut frame = <Frame as utoipa::OpenApi>::openapi();
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    if let Some(components) = &mut frame.components {
        components.add_security_scheme("token", token);
    }
    frame
}
