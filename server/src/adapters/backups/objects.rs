//! Copies as files in an object store or a folder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use domain::backups::{Copy, Outcome, Pattern, Source};
use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectMeta, ObjectStore, RetryConfig};

use super::{Error, MOST, Told};
use crate::adapters::http;

/// Of one request.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// So many files may be looked through for each that may be kept; a folder of a base backup has many.
const LOOKED_THROUGH: usize = MOST * 20;

pub(super) async fn look(
    source: &Source,
    variable: fn(&str) -> Option<String>,
) -> Result<Told, Error> {
    let Source::Objects { url, path, encrypted_suffix, .. } = source else {
        return Err(Error::NotAsked);
    };
    let pattern = Pattern::parse(path).map_err(Error::Objects)?;
    let place = open(source, variable)?;
    let below = Path::parse([place.prefix.as_str(), &pattern.prefix()].join("/").trim_matches('/'))
        .map_err(|it| Error::Objects(it.to_string()))?;
    let away = |error: object_store::Error| Error::Objects(plain(url, &error));
    let mut files = place.store.list(Some(&below));
    let mut found = Found { encrypted_suffix: encrypted_suffix.as_deref(), ..Found::default() };
    let mut looked = 0_usize;
    while let Some(file) = files.try_next().await.map_err(away)? {
        looked += 1;
        if looked > LOOKED_THROUGH || found.copies.len() > MOST {
            return Err(Error::TooMany);
        }
        let path = file.location.as_ref();
        let path = path.strip_prefix(&place.prefix).unwrap_or(path).trim_start_matches('/');
        if let Some(fits) = pattern.matches(path) {
            found.add(fits.tenant, fits.artefact, path, &file);
        }
    }
    Ok(Told { copies: found.into_copies(), warning: None })
}

struct Place {
    store: Box<dyn ObjectStore>,
    /// Below which everything lies; without slashes at its ends.
    prefix: String,
}

fn open(source: &Source, variable: fn(&str) -> Option<String>) -> Result<Place, Error> {
    let Source::Objects { url, credentials, endpoint, region, .. } = source else {
        return Err(Error::NotAsked);
    };
    if let Some(folder) = url.strip_prefix("file://") {
        let folder = PathBuf::from(folder);
        // An empty listing of a folder that is not there would say that there never was a copy.
        if !folder.is_dir() {
            return Err(Error::Objects(format!(
                "the folder {} is not there; mount it, or name another",
                folder.display()
            )));
        }
        let store = LocalFileSystem::new_with_prefix(&folder);
        let store = store.map_err(|it| Error::Objects(plain(url, &it)))?;
        return Ok(Place { store: Box::new(store), prefix: String::new() });
    }
    let place = url.strip_prefix("s3://").unwrap_or_default();
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let mut s3 = match credentials {
        Some(reference) => {
            let (id, secret) = keys(reference, variable)?;
            AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret)
        }
        None => AmazonS3Builder::from_env(),
    };
    s3 = s3
        .with_bucket_name(bucket)
        .with_region(region.as_deref().unwrap_or("us-east-1"))
        .with_retry(RetryConfig {
            max_retries: 2,
            retry_timeout: ANSWER_WITHIN,
            ..RetryConfig::default()
        });
    let mut options = ClientOptions::new().with_timeout(ANSWER_WITHIN);
    if let Some(endpoint) = endpoint {
        let address = endpoint
            .parse()
            .map_err(|_| Error::Objects(format!("{endpoint} is no address; mend the catalog")))?;
        http::allowed(&address).map_err(|it| Error::Objects(it.to_string()))?;
        options = options.with_allow_http(endpoint.starts_with("http://"));
        s3 = s3.with_endpoint(endpoint);
    }
    let store = s3.with_client_options(options).build();
    let store = store.map_err(|it| Error::Objects(plain(url, &it)))?;
    Ok(Place { store: Box::new(store), prefix: prefix.trim_matches('/').to_owned() })
}

fn keys(reference: &str, variable: fn(&str) -> Option<String>) -> Result<(String, String), Error> {
    let name = reference.strip_prefix("env:").unwrap_or(reference);
    let get = |what: &str| {
        let name = format!("{name}_{what}");
        let missing = || {
            Error::Objects(format!("the variable {name} is not set; set it where the workers run"))
        };
        variable(&name).filter(|it| !it.is_empty()).ok_or_else(missing)
    };
    Ok((get("ACCESS_KEY_ID")?, get("SECRET_ACCESS_KEY")?))
}

/// What went wrong and what to do, without the store's own pages of XML.
fn plain(url: &str, error: &object_store::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    let reason = reason.to_string();
    // Of a listing the library tells statuses apart only in words.
    let is = |status: &str| reason.contains(&format!("status code: {status} "));
    if is("401") || is("403") {
        return format!("{url} may not be listed with these credentials; grant them ListBucket");
    }
    if is("404") || matches!(error, object_store::Error::NotFound { .. }) {
        return format!("{url} does not exist; check bucket and prefix");
    }
    let reason: String = reason.chars().take(300).collect();
    format!("{url} cannot be listed: {}", reason.replace(['\n', '\r'], " "))
}

/// Files, put together to copies.
#[derive(Default)]
struct Found<'a> {
    copies: HashMap<(String, String), Copy>,
    encrypted_suffix: Option<&'a str>,
}

impl Found<'_> {
    /// A copy is complete with its last file, as large as all of them, and encrypted where every one of them is.
    fn add(&mut self, tenant: String, artefact: String, path: &str, file: &ObjectMeta) {
        let encrypted = self.encrypted_suffix.map(|it| path.ends_with(it));
        let place = self.copies.entry((tenant, artefact));
        let copy = place.or_insert_with_key(|(tenant, artefact)| Copy {
            tenant: tenant.clone(),
            size: Some(0),
            encrypted,
            ..Copy::done(artefact.clone(), file.last_modified)
        });
        copy.taken_at = copy.taken_at.max(file.last_modified);
        copy.size = copy.size.map(|it| it + file.size);
        copy.encrypted = copy.encrypted.zip(encrypted).map(|(all, this)| all && this);
    }

    fn into_copies(self) -> Vec<Copy> {
        let copies = self.copies.into_values().map(|copy| match copy.size {
            // There is nothing in it to go back to.
            Some(0) => Copy { outcome: Outcome::Failed, ..copy },
            _ => copy,
        });
        copies.collect()
    }
}
