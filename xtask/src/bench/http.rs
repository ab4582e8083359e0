//! As much of HTTP as a bench needs: one connection that is kept, JSON both ways, no TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

pub(super) struct Client {
    address: String,
    /// Of the header `Authorization`.
    bearer: Option<String>,
    stream: BufReader<TcpStream>,
}

/// Status, and the body where it is JSON.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Client {
    /// To `127.0.0.1:PORT`, with a token where one is asked for.
    pub(super) fn connect(address: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("no one at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let bearer = token.map(|it| format!("Authorization: Bearer {it}\r\n"));
        Ok(Self { address: address.to_owned(), bearer, stream: BufReader::new(stream) })
    }

    pub(super) fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        let answer = self.call("GET", path, "application/json", "")?;
        ensure!(answer.status == 200, "{path} answers {}: {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// Every item of a list, page by page; `query` is what narrows it down.
    pub(super) fn all(&mut self, path: &str, query: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=500{query}{cursor}"))?;
            items.extend(page["items"].as_array().cloned().context("a list")?);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Sends the request in one piece and waits for the answer.
    pub(super) fn call(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> anyhow::Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}Content-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            self.bearer.as_deref().unwrap_or_default(),
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer().with_context(|| format!("no answer to {method} {path}"))
    }

    fn answer(&mut self) -> anyhow::Result<Answer> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|it| it.parse().ok()).context("a status")?;
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            ensure!(!line.starts_with("transfer-encoding:"), "the length is not said at the start");
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the connection was closed");
        Ok(line.trim_end().to_owned())
    }
}
