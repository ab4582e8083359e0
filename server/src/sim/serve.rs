//! What the pretend servers share: binding, serving until told to stop, reading forms.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::listener::{Connection, Door, Gate};

/// Serves on 127.0.0.1 until `stop`; port 0 takes a free one.
pub(super) async fn start(
    port: u16,
    door: Door,
    service: IntoMakeServiceWithConnectInfo<Router, Connection>,
    stop: CancellationToken,
) -> std::io::Result<SocketAddr> {
    let tcp = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = tcp.local_addr()?;
    let gate = Gate { tcp, door: door.clone() };
    tokio::spawn(async move {
        let server = axum::serve(gate, service);
        tokio::select! {
            () = stop.cancelled() => {}
            // It goes on for ever; a broken listener ends the pretence as a stop does.
            _ = server.into_future() => stop.cancel(),
        }
        door.break_all();
    });
    Ok(address)
}

/// The parameters of a query string and of a form in the body.
pub(super) async fn form(request: Request) -> HashMap<String, String> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    [query.as_bytes(), &body]
        .into_iter()
        .flat_map(|text| form_urlencoded::parse(text).into_owned())
        .collect()
}
