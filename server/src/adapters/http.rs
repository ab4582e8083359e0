//! Requests to addresses that somebody wrote into a catalog.
//!
//! **Invariant:** an address of the link or of a cloud's metadata service is never talked to, whatever name leads
//! there, and no answer sends us elsewhere. The address that was looked at is the one that is connected to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use domain::checks::Method;
use domain::checks::chain::{Filled, Verb};
use futures::StreamExt;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

/// More of a body is not read: an expectation is about its beginning.
const LONGEST: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} is no http(s) address")]
    Address(String),
    #[error("{0} is an address of the link or of a metadata service; it is never asked")]
    Denied(String),
    #[error("no answer within {0} s")]
    Slow(u64),
    #[error("no answer: {0}")]
    NoAnswer(String),
}

pub struct Answer {
    pub status: u16,
    /// At most 1 MiB of it.
    pub body: Vec<u8>,
    /// There was more.
    pub cut: bool,
}

/// The client for all such requests: with limits, without redirects.
///
/// # Errors
/// When TLS cannot be set up.
pub fn client() -> reqwest::Result<Client> {
    // Somebody may have done it already; then it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(30))
        .redirect(Policy::none())
        .dns_resolver(Arc::new(Allowed))
        .no_proxy()
        .user_agent("lifeboat")
        .build()
}

pub async fn fetch(
    client: &Client,
    method: Method,
    url: &str,
    within: Duration,
) -> Result<Answer, Error> {
    let url = address(url)?;
    let request = match method {
        Method::Get => client.get(url),
        Method::Head => client.head(url),
    };
    answered(request, within).await
}

/// Sends a request of a chain.
pub async fn send(client: &Client, asked: &Filled, within: Duration) -> Result<Answer, Error> {
    let url = address(&asked.url)?;
    let mut request = match asked.method {
        Verb::Get => client.get(url),
        Verb::Head => client.head(url),
        Verb::Post => client.post(url),
        Verb::Put => client.put(url),
        Verb::Patch => client.patch(url),
        Verb::Delete => client.delete(url),
    };
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    if let Some(json) = &asked.json {
        request = request.json(json);
    }
    answered(request, within).await
}

fn address(text: &str) -> Result<reqwest::Url, Error> {
    let url = text.parse().map_err(|_| Error::Address(text.to_owned()))?;
    allowed(&url)?;
    Ok(url)
}

async fn answered(request: reqwest::RequestBuilder, within: Duration) -> Result<Answer, Error> {
    let answered = async {
        let answer = request.send().await.map_err(|it| no_answer(&it))?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        let mut cut = false;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|it| no_answer(&it))?;
            let room = LONGEST - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                cut = true;
                break;
            }
        }
        Ok(Answer { status, body, cut })
    };
    tokio::time::timeout(within, answered).await.map_err(|_| Error::Slow(within.as_secs()))?
}

/// A name is looked at when it is resolved; an address in the URL never comes by there.
pub fn allowed(url: &reqwest::Url) -> Result<(), Error> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::Address(url.to_string()));
    }
    let host = url.host_str().ok_or_else(|| Error::Address(url.to_string()))?;
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) if denied(address) => Err(Error::Denied(host.to_owned())),
        _ => Ok(()),
    }
}

/// The reason at the end of the chain; the outermost text only says that sending failed.
fn no_answer(error: &reqwest::Error) -> Error {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    Error::NoAnswer(reason.to_string())
}

fn denied(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(it) => {
            it.is_link_local()
                || it.is_unspecified()
                || it.is_broadcast()
                || it.is_multicast()
                // Metadata services outside of the link's range: Alibaba Cloud, Oracle Cloud.
                || matches!(it.octets(), [100, 100, 100, 200] | [192, 0, 0, 192])
        }
        IpAddr::V6(it) => {
            it.is_unicast_link_local()
                || it.is_unspecified()
                || it.is_multicast()
                // Amazon's metadata service.
                || it.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
    }
}

/// Resolves to addresses that may be talked to, and to nothing where there are none.
struct Allowed;

impl Resolve for Allowed {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|it| !denied(it.ip())).collect();
            if allowed.is_empty() {
                return Err(Error::Denied(name.as_str().to_owned()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_never_asked() {
        for (url, expected) in [
            ("http://169.254.169.254/latest/meta-data", false),
            ("http://[fe80::1]/", false),
            ("http://[::ffff:169.254.169.254]/", false),
            ("http://[fd00:ec2::254]/", false),
            ("http://100.100.100.200/", false),
            ("http://0.0.0.0/", false),
            // What decimal and other spellings come to.
            ("http://2852039166/", false),
            ("ftp://example.com/", false),
            ("file:///etc/passwd", false),
            ("http://127.0.0.1:8081/health", true),
            ("https://example.com/", true),
        ] {
            assert_eq!(allowed(&url.parse().unwrap()).is_ok(), expected, "{url}");
        }
    }
}
