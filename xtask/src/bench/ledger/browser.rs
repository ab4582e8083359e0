//! As much of a browser as a bench needs: one connection that is kept, with a cookie.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, ensure};

pub(super) struct Browser {
    address: String,
    cookie: String,
    stream: BufReader<TcpStream>,
}

impl Browser {
    pub(super) fn connect(address: &str, cookie: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("no one at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let stream = BufReader::new(stream);
        Ok(Self { address: address.to_owned(), cookie: cookie.to_owned(), stream })
    }

    /// Status and text of a page, read to its end.
    pub(super) fn get(&mut self, path: &str) -> anyhow::Result<(u16, String)> {
        let mut body = Vec::new();
        let status = self.ask(path, |part| body.extend_from_slice(part))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// How many lines a file has, without keeping it.
    pub(super) fn lines(&mut self, path: &str) -> anyhow::Result<usize> {
        let mut lines = 0;
        let status =
            self.ask(path, |part| lines += part.windows(2).filter(|it| it == b"\r\n").count())?;
        ensure!(status == 200, "{path} answers {status}");
        Ok(lines)
    }

    fn ask(&mut self, path: &str, mut part: impl FnMut(&[u8])) -> anyhow::Result<u16> {
        let Self { address, cookie, stream } = self;
        write!(
            stream.get_mut(),
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/html\r\nCookie: {cookie}\r\n\r\n"
        )?;
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|it| it.parse().ok()).context("a status")?;
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse()?);
            }
        }
        if let Some(length) = length {
            part(&self.bytes(length)?);
            return Ok(status);
        }
        loop {
            let size = usize::from_str_radix(&self.line()?, 16)?;
            let bytes = self.bytes(size + 2)?;
            if size == 0 {
                return Ok(status);
            }
            part(&bytes[..size]);
        }
    }

    fn bytes(&mut self, count: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the connection was closed");
        Ok(line.trim_end().to_owned())
    }
}
