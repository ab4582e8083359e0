//! The revisions of one release as its Secrets say now.

use domain::releases::Revision;
use serde_json::Value;

use super::decode::{Key, decode, is_name, named};
use crate::adapters::kubernetes::{Cluster, Error};

/// Every revision that Helm has kept, the newest first.
///
/// # Errors
/// As for every question to the API server.
pub async fn by_number(
    key: &Key,
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Vec<Revision>, Error> {
    // It goes into an address.
    if !is_name(name) {
        return Ok(Vec::new());
    }
    let list = cluster.release_secrets(namespace, name).await?;
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    let mut revisions: Vec<Revision> = items.iter().filter_map(|it| one(key, it)).collect();
    revisions.sort_by_key(|it| std::cmp::Reverse(it.revision));
    Ok(revisions)
}

/// What Helm itself would go from.
///
/// # Errors
/// As for [`by_number`].
pub async fn newest(
    key: &Key,
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<Revision>, Error> {
    Ok(by_number(key, cluster, namespace, name).await?.into_iter().next())
}

fn one(key: &Key, secret: &Value) -> Option<Revision> {
    let text = |path: &str| secret.pointer(path).and_then(Value::as_str);
    let labels = serde_json::from_value(secret.pointer("/metadata/labels")?.clone()).ok()?;
    let (uid, namespace) = (text("/metadata/uid")?, text("/metadata/namespace")?);
    Some(decode(key, &named(&labels)?, uid, namespace, text("/data/release")))
}
