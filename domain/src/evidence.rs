//! Evidence: stored files, known by the SHA-256 of their bytes, and what they prove.
//!
//! **Invariant:** a file never changes, because its name is its hash; what is said about it is a row of its own.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::access::Subject;
use crate::ids::EvidenceId;

/// How large one file may be, in bytes: 2 GiB.
pub const LARGEST: u64 = 2 << 30;

words!(
    /// What a file is, and so which requirement it can meet.
    EvidenceKind {
        Screenshot = "screenshot",
        // The log whose hash stands in the ledger.
        Log = "log",
        ScriptLog = "script_log",
        // What a console of the provider recorded: DNS, databases, object stores.
        ConsoleRecord = "console_record",
        SpotCheck = "spot_check",
        Report = "report",
        Dump = "dump",
        Other = "other",
    }
);

impl EvidenceKind {
    /// Dumps hold other people's data, so not everybody reads them, whatever the uploader says.
    pub const fn is_always_restricted(self) -> bool {
        matches!(self, EvidenceKind::Dump)
    }
}

/// 64 lower-case hexadecimal digits: the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 lower-case hexadecimal digits")]
pub struct NotASha256;

impl Sha256 {
    pub fn new(hash: [u8; 32]) -> Self {
        Self(hex::encode(hash))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the object store keeps it.
    pub fn path(&self) -> String {
        format!("evidence/{}", self.0)
    }
}

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Self, NotASha256> {
        let lower_hex = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
        match text.len() == 64 && text.bytes().all(lower_hex) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotASha256),
        }
    }
}

impl TryFrom<String> for Sha256 {
    type Error = NotASha256;

    fn try_from(text: String) -> Result<Self, NotASha256> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hash.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One file as proof of one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    pub id: EvidenceId,
    pub sha256: Sha256,
    /// Bytes.
    pub size: u64,
    /// The media type that the bytes themselves show, whatever the sender said.
    #[serde(rename = "type")]
    pub media_type: String,
    /// What the uploader called the file; shown, and never used as a path.
    pub name: String,
    pub kind: EvidenceKind,
    /// What it is about: `drills/DR-…`.
    pub subject: String,
    pub restricted: bool,
    /// As the audit log writes it.
    pub uploaded_by: String,
    pub uploaded_at: DateTime<Utc>,
    /// Where the bytes had to go; everything else stays, so that what they proved can be explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
}

/// That a file was erased: the law may ask for it, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    pub at: DateTime<Utc>,
    /// As the audit log writes it.
    pub by: String,
    pub reason: String,
}

/// The reason of an erasure, in characters.
pub const LONGEST_REASON: usize = 1000;

impl Evidence {
    pub fn is_about(&self, subject: &Subject) -> bool {
        self.subject == subject.as_str()
    }

    /// What its name says that it is, where its bytes say otherwise: `image/png` of a page that is called `a.png`.
    pub fn pretends(&self) -> Option<&'static str> {
        let extension = self.name.rsplit_once('.').map(|(_, it)| it.to_ascii_lowercase())?;
        let claimed = match extension.as_str() {
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "gif" => "image/gif",
            "webp" => "image/webp",
            "pdf" => "application/pdf",
            _ => return None,
        };
        (claimed != self.media_type).then_some(claimed)
    }
}

/// Why a file was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotKept {
    #[error("it is larger than {} MiB", LARGEST >> 20)]
    TooLarge,
    #[error("the place for evidence is full")]
    Full,
    #[error("the place for evidence is away")]
    Away,
    #[error("the same file had to be erased before")]
    Erased,
}

/// The media type that these first bytes of a file show. What could carry a script is named, so that people are told
/// of it, and is never sent under that name: see [`sent_as`].
pub fn sniff(head: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 6] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
    ];
    if let Some((_, found)) = MAGIC.into_iter().find(|(magic, _)| head.starts_with(magic)) {
        return found;
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return "image/webp";
    }
    if head.starts_with(b"\x1f\x8b") {
        return "application/gzip";
    }
    if let Some(found) = markup(head) {
        return found;
    }
    // The head may end in the middle of a character.
    let is_text = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let control = |it: &u8| *it < 0x20 && !b"\t\r\n\x1b".contains(it);
    match is_text && !head.iter().any(control) {
        true => "text/plain; charset=utf-8",
        false => "application/octet-stream",
    }
}

/// What a browser would read as a page or a drawing with scripts in it.
fn markup(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let lower = head.to_ascii_lowercase();
    let holds = |what: &[u8]| lower.windows(what.len()).any(|it| it == what);
    let begins = |what: &[u8]| lower.starts_with(what);
    if !begins(b"<") {
        return None;
    }
    if holds(b"<svg") {
        return Some("image/svg+xml");
    }
    let page: [&[u8]; 5] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<script"];
    if page.iter().any(|it| holds(it)) {
        return Some("text/html");
    }
    begins(b"<?xml").then_some("text/xml")
}

/// The type that a file is sent under. Nothing that could carry a script is sent as what it is.
pub fn sent_as(media_type: &str) -> &str {
    match media_type {
        "text/html" | "image/svg+xml" | "text/xml" => "application/octet-stream",
        other => other,
    }
}

/// Whether a browser may show it in place: pictures without scripts.
pub fn is_raster(media_type: &str) -> bool {
    ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(&media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_say_what_they_are() {
        for (head, found) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a\0", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b"%PDF-1.7", "application/pdf"),
            (b"<svg onload=alert(1)>", "image/svg+xml"),
            (b"<?xml version=\"1.0\"?><SVG>", "image/svg+xml"),
            (b"\xef\xbb\xbf  <!DOCTYPE html>", "text/html"),
            (b"<html><script>", "text/html"),
            (b"<?xml version=\"1.0\"?><a/>", "text/xml"),
            (b"a < b", "text/plain; charset=utf-8"),
            (b"<14> a log of syslog", "text/plain; charset=utf-8"),
            ("回滚完成\n".as_bytes(), "text/plain; charset=utf-8"),
            (&"回".as_bytes()[..2], "text/plain; charset=utf-8"),
            (b"", "text/plain; charset=utf-8"),
            (b"a\0b", "application/octet-stream"),
            (b"\xfe\xff\0a", "application/octet-stream"),
        ] {
            assert_eq!(sniff(head), found, "{head:?}");
        }
        assert!(is_raster("image/png"));
        for scripted in ["image/svg+xml", "text/html", "text/xml"] {
            assert!(!is_raster(scripted));
            assert_eq!(sent_as(scripted), "application/octet-stream");
        }
        assert_eq!(sent_as("image/png"), "image/png");
    }

    #[test]
    fn only_a_hash_is_a_name() {
        let hash = Sha256::new([0xab; 32]);
        assert_eq!(hash.as_str().parse(), Ok(hash.clone()));
        assert_eq!(hash.path(), format!("evidence/{hash}"));
        for text in ["", "../../etc/passwd", &"A".repeat(64), &"0".repeat(63), &"g".repeat(64)] {
            assert_eq!(text.parse::<Sha256>(), Err(NotASha256), "{text}");
        }
    }
}
