//! From a release Secret to a revision: base64 under the Secret's own base64, gzip, JSON.
//!
//! Whoever may write Secrets in a namespace may write anything into them, so everything has a limit, and what cannot
//! be read is a revision of which no more is known than its labels say.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use domain::canonical::{self, Digest};
use domain::releases::{Hook, Revision, Status};
use flate2::read::GzDecoder;
use ring::hmac;
use serde::Deserialize;
use serde_json::Value;

use super::manifest;
use super::program::masked;

/// What etcd takes is smaller.
const LARGEST: usize = 4 << 20;
/// A chart with its files, unpacked. Above it somebody wants our memory.
const LARGEST_UNPACKED: u64 = 64 << 20;
/// What is put in place, of all objects together.
const LARGEST_MANIFEST: usize = 8 << 20;
const MOST_HOOKS: usize = 1000;

/// What a release holds is told apart without being told: two Secrets with the same value have the same digest here,
/// and nobody without the installation's key finds the value by trying.
#[derive(Clone, Debug)]
pub struct Key(hmac::Key);

impl Key {
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &[b"releases ".as_slice(), secret].concat()))
    }

    pub(super) fn digest(&self, bytes: &[u8]) -> Digest {
        let tag = hmac::sign(&self.0, bytes);
        let text = format!("sha256:{}", hex::encode(tag));
        text.parse().expect("an HMAC with SHA-256 is 64 digits long")
    }
}

/// What the labels of a release Secret say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: String,
    pub revision: i64,
    pub status: Status,
}

/// Why a release Secret cannot be read, in words for people.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it holds no release")]
    Missing,
    #[error("it is larger than Lifeboat reads ({0} bytes)")]
    TooLarge(u64),
    #[error("it is not base64")]
    Base64,
    #[error("it is not gzip: {0}")]
    Gzip(String),
    #[error("it is not the JSON of a release: {0}")]
    Json(String),
    #[error("its manifest cannot be read: {0}")]
    Manifest(String),
    #[error("it says that it is {0}, and its labels say otherwise")]
    Contradicts(String),
}

/// None for what is no revision of a release. The labels are Helm's own index, so the number and the name in them are
/// what Helm goes by.
pub fn named(labels: &BTreeMap<String, String>) -> Option<Named> {
    let label = |name: &str| labels.get(name).map(String::as_str);
    if label("owner") != Some("helm") {
        return None;
    }
    let name = label("name").filter(|it| is_name(it))?.to_owned();
    let revision = label("version")?.parse().ok().filter(|it| *it > 0)?;
    let status = label("status").and_then(Status::parse).unwrap_or(Status::Unknown);
    Some(Named { name, revision, status })
}

/// A name as Helm allows it. It is given to a program, so it begins with no dash.
pub fn is_name(name: &str) -> bool {
    let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    name.len() <= 53
        && name.starts_with(plain)
        && name.ends_with(plain)
        && name.chars().all(|it| plain(it) || it == '-' || it == '.')
}

/// The revision that a Secret tells of; `data` is its member `release` as the API writes it. What cannot be read is a
/// revision all the same.
pub fn decode(
    key: &Key,
    labels: &Named,
    uid: &str,
    namespace: &str,
    data: Option<&str>,
) -> Revision {
    read(key, labels, uid, namespace, data).unwrap_or_else(|error| Revision {
        revision: labels.revision,
        uid: uid.to_owned(),
        status: labels.status,
        chart: String::new(),
        chart_version: String::new(),
        app_version: String::new(),
        description: String::new(),
        first_deployed: None,
        last_deployed: None,
        digest: key.digest(format!("{uid} {}", data.unwrap_or_default()).as_bytes()),
        content: key.digest(data.unwrap_or_default().as_bytes()),
        values_digest: key.digest(b""),
        objects: vec![],
        hooks: vec![],
        members: vec![],
        unreadable: Some(error.to_string()),
    })
}

#[derive(Deserialize)]
struct Release {
    #[serde(default)]
    name: String,
    #[serde(default)]
    info: Info,
    #[serde(default)]
    chart: Chart,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    manifest: String,
    #[serde(default)]
    hooks: Option<Vec<HookOf>>,
    #[serde(default)]
    version: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    first_deployed: Option<Value>,
    last_deployed: Option<Value>,
    description: String,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chart {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    version: String,
    app_version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HookOf {
    name: String,
    kind: String,
    manifest: String,
    events: Option<Vec<String>>,
}

fn read(
    key: &Key,
    labels: &Named,
    uid: &str,
    namespace: &str,
    data: Option<&str>,
) -> Result<Revision, Unreadable> {
    let json = unpack(data.filter(|it| !it.is_empty()).ok_or(Unreadable::Missing)?)?;
    let release: Release =
        serde_json::from_slice(&json).map_err(|it| Unreadable::Json(it.to_string()))?;
    if release.name != labels.name || release.version != labels.revision {
        let says = format!("revision {} of {}", release.version, release.name);
        return Err(Unreadable::Contradicts(says.chars().take(200).collect()));
    }
    if release.manifest.len() > LARGEST_MANIFEST {
        return Err(Unreadable::TooLarge(release.manifest.len() as u64));
    }
    let placed = manifest::read(key, namespace, &release.manifest)?;
    let hooks = release.hooks.unwrap_or_default();
    if hooks.len() > MOST_HOOKS {
        return Err(Unreadable::TooLarge(hooks.len() as u64));
    }
    let content = serde_json::json!({
        "manifest": release.manifest, "config": release.config,
        "hooks": hooks.iter().map(|it| (&it.manifest, &it.events)).collect::<Vec<_>>(),
    });
    let content = key.digest(canonical::to_string(&content).as_bytes());
    // And the Secret itself: one that was deleted and made anew is another.
    let whole = format!("{uid} {} {} {}", release.name, release.version, content.as_str());
    Ok(Revision {
        revision: labels.revision,
        uid: uid.to_owned(),
        status: Status::parse(&release.info.status).unwrap_or(labels.status),
        chart: release.chart.metadata.name,
        chart_version: release.chart.metadata.version,
        app_version: release.chart.metadata.app_version,
        // Of a failed release it is what the API server said, and that repeats values that it refused.
        description: masked(&release.info.description),
        first_deployed: time(release.info.first_deployed.as_ref()),
        last_deployed: time(release.info.last_deployed.as_ref()),
        digest: key.digest(whole.as_bytes()),
        content,
        values_digest: key.digest(canonical::to_string(&release.config).as_bytes()),
        objects: placed.objects,
        members: placed.members,
        hooks: hooks.into_iter().map(Hook::from).collect(),
        unreadable: None,
    })
}

impl From<HookOf> for Hook {
    fn from(it: HookOf) -> Self {
        let events = it.events.unwrap_or_default();
        Hook { name: it.name, kind: it.kind, events: events.into_iter().take(20).collect() }
    }
}

/// Helm writes an empty text for a time that it does not have.
fn time(value: Option<&Value>) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(value?.as_str()?).ok()?;
    Some(time.with_timezone(&Utc))
}

fn unpack(data: &str) -> Result<Vec<u8>, Unreadable> {
    if data.len() > LARGEST {
        return Err(Unreadable::TooLarge(data.len() as u64));
    }
    let outer = STANDARD.decode(data).map_err(|_| Unreadable::Base64)?;
    let inner = STANDARD.decode(outer.trim_ascii()).map_err(|_| Unreadable::Base64)?;
    // Old releases were not packed.
    if !inner.starts_with(&[0x1f, 0x8b, 0x08]) {
        return Ok(inner);
    }
    let mut json = Vec::new();
    let mut unpacked = GzDecoder::new(&*inner).take(LARGEST_UNPACKED + 1);
    unpacked.read_to_end(&mut json).map_err(|it| Unreadable::Gzip(it.to_string()))?;
    if json.len() as u64 > LARGEST_UNPACKED {
        return Err(Unreadable::TooLarge(LARGEST_UNPACKED));
    }
    Ok(json)
}
