//! The part of the pretend application that registers devices, as EdgeLink's does, so that its smoke test has something
//! to register, use and delete.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// Names by id.
#[derive(Clone, Default)]
struct Devices(Arc<Mutex<BTreeMap<String, String>>>);

impl Devices {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) fn router() -> Router {
    Router::new()
        .route("/api/v1/device/register", post(register))
        .route("/api/v1/devices", get(list))
        .route("/api/v1/device/{id}", delete(remove))
        .route("/api/v1/device/{id}/config", get(known))
        .route("/api/v1/device/{id}/metrics", post(known))
        .with_state(Devices::default())
}

async fn register(State(devices): State<Devices>, Json(asked): Json<Value>) -> Response {
    let Some(name) = asked["name"].as_str() else { return StatusCode::BAD_REQUEST.into_response() };
    let id = format!("dev-{:08x}", rand::random::<u32>());
    devices.with(|it| it.insert(id.clone(), name.to_owned()));
    (StatusCode::CREATED, Json(json!({"device_id": id}))).into_response()
}

async fn list(
    State(devices): State<Devices>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let named = |name: &String| asked.get("name").is_none_or(|it| it == name);
    let found: Vec<Value> = devices.with(|it| {
        let found = it.iter().filter(|(_, name)| named(name));
        found.map(|(id, name)| json!({"device_id": id, "name": name})).collect()
    });
    Json(json!({"devices": found}))
}

async fn known(State(devices): State<Devices>, Path(id): Path<String>) -> StatusCode {
    match devices.with(|it| it.contains_key(&id)) {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}

async fn remove(State(devices): State<Devices>, Path(id): Path<String>) -> StatusCode {
    match devices.with(|it| it.remove(&id)) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}
