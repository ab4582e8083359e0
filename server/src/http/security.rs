//! What every answer tells the browser, and how often one address may ask.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use super::api::Problem;

/// Headers of every answer. Pages bring a content security policy with their own nonce; the one here is for
/// all that is no page.
pub(super) fn headers(router: Router, https: bool) -> Router {
    let always = [
        ("x-content-type-options", "nosniff"),
        // Not `no-referrer`: a form finds its page again by it.
        ("referrer-policy", "same-origin"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ];
    let https = https.then_some(("strict-transport-security", "max-age=31536000"));
    always
        .into_iter()
        .chain(https)
        .fold(router, |router, (name, value)| router.layer(header(name, value)))
}

pub(super) fn header(
    name: &'static str,
    value: &'static str,
) -> SetResponseHeaderLayer<HeaderValue> {
    let name = HeaderName::from_static(name);
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// By the address that a request comes from. A proxy in front limits those behind it.
#[derive(Clone, Debug)]
pub(super) struct Peer;

impl KeyExtractor for Peer {
    type Key = IpAddr;

    fn extract<T>(&self, request: &axum::http::Request<T>) -> Result<IpAddr, GovernorError> {
        Ok(peer(request.extensions()))
    }
}

/// Where a request comes from; without a network, as in tests, nowhere in particular.
pub(super) fn peer(extensions: &axum::http::Extensions) -> IpAddr {
    let info = extensions.get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.0.ip())
}

/// So many requests at once from one address, and one more each `every_ms`; asked before any body is read.
pub(super) fn limited<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    burst: u32,
    every_ms: u64,
) -> Router<S> {
    let config = GovernorConfigBuilder::default()
        .key_extractor(Peer)
        .per_millisecond(every_ms)
        .burst_size(burst)
        .finish()
        .expect("neither number is zero");
    router.layer(GovernorLayer::new(Arc::new(config)).error_handler(too_many))
}

fn too_many(error: GovernorError) -> Response {
    let wait = match error {
        GovernorError::TooManyRequests { wait_time, .. } => wait_time.max(1),
        _ => 1,
    };
    let problem = Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-requests",
        format!("Too many requests; try again in {wait} s"),
    );
    let mut response = problem.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    response
}
