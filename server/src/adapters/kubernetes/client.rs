//! The clusters of the catalog, and the few calls that acting on them takes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request, header};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::Mutex;

use super::connect::{self, Places};
use super::error::{Asked, Error};

/// Long enough for an API server that is busy, short enough to be tried again before a step's deadline.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The name under which the API server keeps what we wrote.
const FIELD_MANAGER: &str = "lifeboat";

/// Every cluster of the catalog; a client is made when it is first asked for.
#[derive(Clone)]
pub struct Clusters {
    db: PgPool,
    /// The variable of this name, for `env:NAME`.
    variable: fn(&str) -> Option<String>,
    demo: Option<PathBuf>,
    made: Arc<Mutex<HashMap<String, Cluster>>>,
}

/// One cluster that can be talked to.
#[derive(Clone)]
pub struct Cluster {
    pub name: String,
    pub client: Client,
    /// As the catalog describes it.
    pub described: Arc<domain::clusters::Cluster>,
}

impl Clusters {
    /// `demo` is the kubeconfig of the pretend cluster, where there is one.
    pub fn new(db: PgPool, variable: fn(&str) -> Option<String>, demo: Option<PathBuf>) -> Self {
        Self { db, variable, demo, made: Arc::default() }
    }

    /// # Errors
    /// [`Error::Unknown`] and [`Error::Connect`]; whether the API server answers is found out by asking it.
    pub async fn get(&self, name: &str) -> Result<Cluster, Error> {
        let mut made = self.made.lock().await;
        if let Some(cluster) = made.get(name) {
            return Ok(cluster.clone());
        }
        let described = match store::clusters::by_name(&self.db, name).await {
            Ok(stored) => stored.entry,
            Err(_) => return Err(Error::Unknown(name.to_owned())),
        };
        let client = self
            .connect(&described)
            .await
            .map_err(|error| Error::Connect { cluster: name.to_owned(), error })?;
        let cluster = Cluster { name: name.to_owned(), client, described: Arc::new(described) };
        made.insert(name.to_owned(), cluster.clone());
        Ok(cluster)
    }

    /// A client of its own for a cluster as it is described, whatever the catalog says by now.
    ///
    /// # Errors
    /// Where the kubeconfig leads nowhere or does not fit.
    pub async fn connect(
        &self,
        described: &domain::clusters::Cluster,
    ) -> Result<Client, connect::Error> {
        let places = Places { variable: self.variable, demo: self.demo.as_deref() };
        connect::connect(described, places).await
    }

    /// The file that a cluster's description refers to.
    ///
    /// # Errors
    /// Where the reference leads nowhere.
    pub fn kubeconfig(&self, reference: &str) -> Result<PathBuf, connect::Error> {
        let places = Places { variable: self.variable, demo: self.demo.as_deref() };
        connect::path(reference, places)
    }

    /// Where the references of a catalog to variables lead.
    pub fn variable(&self) -> fn(&str) -> Option<String> {
        self.variable
    }

    /// The catalog has changed: whoever asks next gets a client that is made anew.
    pub async fn forget(&self) {
        self.made.lock().await.clear();
    }
}

impl Cluster {
    /// The Secrets of one Helm release. `name` is one that Helm allows.
    pub(in crate::adapters) async fn release_secrets(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Value, Error> {
        let path = format!(
            "/api/v1/namespaces/{namespace}/secrets?labelSelector=owner%3Dhelm%2Cname%3D{name}\
             &fieldSelector=type%3Dhelm.sh%2Frelease.v1"
        );
        self.get(&path, &Asked { verb: "list", resource: "secrets", namespace, name: "" }).await
    }

    pub(super) async fn get(&self, path: &str, asked: &Asked<'_>) -> Result<Value, Error> {
        self.call(Request::get(path), Vec::new(), asked).await
    }

    /// A JSON Patch. `dry_run`: the API server says what would come of it and keeps nothing.
    pub(super) async fn patch(
        &self,
        path: &str,
        asked: &Asked<'_>,
        patch: &Value,
        dry_run: bool,
    ) -> Result<Value, Error> {
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(format!("{path}?fieldManager={FIELD_MANAGER}{dry_run}"))
            .header(header::CONTENT_TYPE, "application/json-patch+json");
        self.call(request, as_go_writes_it(patch), asked).await
    }

    /// A new object, or a subresource that is created, such as an eviction.
    pub(super) async fn post(
        &self,
        path: &str,
        asked: &Asked<'_>,
        body: &Value,
        dry_run: bool,
    ) -> Result<Value, Error> {
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{path}?fieldManager={FIELD_MANAGER}{dry_run}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.call(request, body.to_string().into_bytes(), asked).await
    }

    /// Of exactly this object: another one of its name stays.
    pub(super) async fn delete(
        &self,
        path: &str,
        asked: &Asked<'_>,
        uid: &str,
        dry_run: bool,
    ) -> Result<Value, Error> {
        let query = if dry_run { "?dryRun=All" } else { "" };
        let request = Request::builder()
            .method(Method::DELETE)
            .uri(format!("{path}{query}"))
            .header(header::CONTENT_TYPE, "application/json");
        // With a body the API server looks for nothing in the query.
        let rehearsed: &[&str] = if dry_run { &["All"] } else { &[] };
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid},
            "dryRun": rehearsed,
        });
        self.call(request, options.to_string().into_bytes(), asked).await
    }

    async fn call(
        &self,
        request: axum::http::request::Builder,
        body: Vec<u8>,
        asked: &Asked<'_>,
    ) -> Result<Value, Error> {
        let malformed = |reason: String| Error::Malformed { cluster: self.name.clone(), reason };
        let request = request.body(Body::from(body)).map_err(|it| malformed(it.to_string()))?;
        let answered = async {
            let answer = self.client.send(request).await;
            let answer = answer.map_err(|it| Error::no_answer(&self.name, &it))?;
            if answer.status().as_u16() >= 400 {
                return Err(Error::of_answer(&self.name, asked, answer).await);
            }
            let body = answer.into_body().collect_bytes().await;
            let body = body.map_err(|it| Error::no_answer(&self.name, &it))?;
            serde_json::from_slice(&body).map_err(|it| malformed(it.to_string()))
        };
        let slow = || Error::Slow { cluster: self.name.clone(), seconds: ANSWER_WITHIN.as_secs() };
        tokio::time::timeout(ANSWER_WITHIN, answered).await.map_err(|_| slow())?
    }
}

/// JSON with the escapes of Go's encoder. The API server holds a `test` of a JSON Patch against its own text of
/// the object, byte by byte, and writes `&` as `\u0026`: a container with `a && b` in its command would never
/// be as it was read.
fn as_go_writes_it(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let mut written = Vec::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // All of them can only stand inside of strings.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                written.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => written.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_written_as_the_api_server_writes_it() {
        let value = json!({"command": ["sh", "-c", "a && b > <c> \u{2028} é \u{1}"]});
        let text = String::from_utf8(as_go_writes_it(&value)).unwrap();
        assert_eq!(
            text,
            r#"{"command":["sh","-c","a \u0026\u0026 b \u003e \u003cc\u003e \u2028 é \u0001"]}"#
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
