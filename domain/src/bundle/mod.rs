//! A bundle: everything that the ledger knows of one subject, with its evidence, to be kept and verified where there
//! is no Lifeboat.
//!
//! The manifest names every file with its SHA-256, and the installation's key signs the manifest. Beside that the
//! files vouch for themselves: each audit entry bears its seal, the checkpoint its signature, and a piece of evidence
//! is named by the hash of its bytes.
//!
//! **Invariant:** whatever was changed, removed or added since the export is found by [`verify`], which names the
//! first file that does not fit.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Digest;

use crate::audit::{Checkpoint, Entry, Hash, Seal};
use crate::canonical;
use crate::evidence::{Evidence, Sha256};
use crate::spot_checks::export::{self, Export};

/// Names every file but itself and its signature.
pub const MANIFEST: &str = "manifest.json";
/// One line: the SHA-256 of the manifest, a space, and the signature of that statement.
pub const SIGNATURE: &str = "manifest.sig";
/// The entries of the audit log about the subject, each with its seal.
pub const AUDIT: &str = "audit.json";
/// The newest signed head of the audit chain.
pub const CHECKPOINT: &str = "checkpoint.json";
/// What each piece of evidence proves, and whether it is in the bundle.
pub const EVIDENCE: &str = "evidence.json";

const KIND: &str = "lifeboat bundle";

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `lifeboat bundle`.
    pub kind: String,
    /// `drills/DR-…`
    pub subject: String,
    /// When it was made, and by whom, as the audit log writes it.
    pub made_at: DateTime<Utc>,
    pub made_by: String,
    /// In the order in which they lie in it.
    pub files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub path: String,
    /// Bytes.
    pub size: u64,
    pub sha256: Sha256,
}

impl Manifest {
    pub fn new(subject: String, made_at: DateTime<Utc>, made_by: String, files: Vec<File>) -> Self {
        Self { kind: KIND.to_owned(), subject, made_at, made_by, files }
    }
}

/// The bytes that are signed for a manifest.
pub fn statement(manifest: &Sha256) -> Vec<u8> {
    canonical::to_string(&json!({"kind": KIND, "manifest": manifest})).into_bytes()
}

/// The file beside the manifest. `sign` signs with the installation's key.
pub fn signature(manifest: &[u8], sign: impl Fn(&[u8]) -> [u8; 64]) -> String {
    let hash = sha256(manifest);
    format!("{hash} {}\n", hex::encode(sign(&statement(&hash))))
}

pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256::new(sha2::Sha256::digest(bytes).into())
}

/// One entry of the log as the bundle writes it. Hashes are 64 hexadecimal digits, and not there yet for what the
/// sealer had not come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedEntry {
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub details: Value,
    pub previous: Option<Sha256>,
    pub hash: Option<Sha256>,
}

impl SealedEntry {
    pub fn new(entry: Entry, seal: Option<Seal>) -> Self {
        let Entry { seq, at, actor, action, subject, details } = entry;
        let (previous, hash) =
            seal.map(|it| (Sha256::new(it.previous), Sha256::new(it.hash))).unzip();
        Self { seq, at, actor, action, subject, details, previous, hash }
    }

    /// Whether its seal is over what it says; it has one or none.
    fn fits(&self) -> bool {
        let (previous, hash) = match (&self.previous, &self.hash) {
            (None, None) => return true,
            (Some(previous), Some(hash)) => (bytes(previous), bytes(hash)),
            _ => return false,
        };
        let entry = Entry {
            seq: self.seq,
            at: self.at,
            actor: self.actor.clone(),
            action: self.action.clone(),
            subject: self.subject.clone(),
            details: self.details.clone(),
        };
        entry.seal(previous) == Seal { previous, hash }
    }
}

fn bytes(hash: &Sha256) -> Hash {
    let mut bytes = [0; 32];
    // Always so many digits, and digits always.
    let _ = hex::decode_to_slice(hash.as_str(), &mut bytes);
    bytes
}

/// The head of the chain as the bundle writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    pub seq: i64,
    pub entries: u64,
    pub head: Sha256,
    pub at: DateTime<Utc>,
    /// 128 hexadecimal digits.
    pub signature: String,
}

impl From<Checkpoint> for SignedHead {
    fn from(it: Checkpoint) -> Self {
        Self {
            seq: it.seq,
            entries: it.entries,
            head: Sha256::new(it.head),
            at: it.at,
            signature: hex::encode(it.signature),
        }
    }
}

/// A piece of evidence as the bundle lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    #[serde(flatten)]
    pub evidence: Evidence,
    /// Not where it is restricted and whoever exported the bundle may not read it, nor where it was erased.
    pub included: bool,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub ok: bool,
    /// Files that fit.
    pub checked: u64,
    /// Audit entries that the sealer had not come to when the bundle was made.
    pub unsealed: u64,
    /// Files that were not there any more because they had to be erased; the list of the evidence says why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<Sha256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Fault>,
}

/// The first file that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub file: String,
    pub why: String,
}

impl Fault {
    pub fn new(file: &str, why: impl Into<String>) -> Self {
        Self { file: file.to_owned(), why: why.into() }
    }
}

impl Report {
    /// Nothing of it could be looked at.
    pub fn unreadable(fault: Fault) -> Self {
        Self { ok: false, checked: 0, unsealed: 0, erased: Vec::new(), first: Some(fault) }
    }
}

/// A file as it lies in a bundle.
#[derive(Clone, Debug)]
pub struct Found {
    pub path: String,
    /// Bytes.
    pub size: u64,
    pub sha256: Sha256,
    /// Of everything but evidence, which is known by its hash.
    pub content: Option<Vec<u8>>,
}

/// Looks at everything that a bundle holds. `is_signed` says whether a statement bears this signature of the key that
/// the reader trusts.
pub fn verify(found: &[Found], is_signed: impl Fn(&[u8], &[u8; 64]) -> bool) -> Report {
    let bundle = Bundle { found: by_path(found), is_signed };
    let mut report = Report { ok: true, checked: 0, unsealed: 0, erased: Vec::new(), first: None };
    if let Err(fault) = bundle.look(found, &mut report) {
        report = Report { ok: false, first: Some(fault), ..report };
    }
    report
}

fn by_path(found: &[Found]) -> BTreeMap<&str, &Found> {
    found.iter().map(|it| (it.path.as_str(), it)).collect()
}

struct Bundle<'a, S> {
    found: BTreeMap<&'a str, &'a Found>,
    is_signed: S,
}

impl<S: Fn(&[u8], &[u8; 64]) -> bool> Bundle<'_, S> {
    fn look(&self, all: &[Found], report: &mut Report) -> Result<(), Fault> {
        let manifest = self.manifest()?;
        report.checked += 2;
        for (n, named) in manifest.files.iter().enumerate() {
            if manifest.files[..n].iter().any(|it| it.path == named.path) {
                return Err(Fault::new(&named.path, "the manifest names it twice"));
            }
            let removed = || Fault::new(&named.path, "it was removed");
            let file = self.found.get(named.path.as_str()).ok_or_else(removed)?;
            if (file.size, &file.sha256) != (named.size, &named.sha256) {
                return Err(Fault::new(&named.path, "it was changed"));
            }
            match named.path.as_str() {
                AUDIT => report.unsealed = self.audit()?,
                CHECKPOINT => self.checkpoint()?,
                EVIDENCE => report.erased = self.evidence()?,
                export::FILE => self.spot_check()?,
                path => its_own_name(path, &file.sha256)?,
            }
            report.checked += 1;
        }
        let named = |path: &str| manifest.files.iter().any(|it| it.path == path);
        let known = |it: &&Found| [MANIFEST, SIGNATURE].contains(&&*it.path) || named(&it.path);
        if let Some(stray) = all.iter().find(|it| !known(it)) {
            return Err(Fault::new(&stray.path, "it was added: the manifest does not name it"));
        }
        let twice = all.iter().enumerate().find(|(n, it)| {
            let before = &all[..*n];
            before.iter().any(|other| other.path == it.path)
        });
        match twice {
            Some((_, it)) => Err(Fault::new(&it.path, "it was added: it is there twice")),
            None => Ok(()),
        }
    }

    fn content(&self, path: &str) -> Option<&[u8]> {
        self.found.get(path)?.content.as_deref()
    }

    /// The manifest, once it is known that it is the one that was signed.
    fn manifest(&self) -> Result<Manifest, Fault> {
        let text = self.content(MANIFEST);
        let text = text.ok_or_else(|| Fault::new(MANIFEST, "it was removed"))?;
        let line = self.content(SIGNATURE);
        let line = line.ok_or_else(|| Fault::new(SIGNATURE, "it was removed"))?;
        let (claimed, signature) =
            parsed(line).ok_or_else(|| Fault::new(SIGNATURE, "it is no signature"))?;
        let hash = sha256(text);
        match (self.is_signed)(&statement(&claimed), &signature) {
            true if claimed == hash => {}
            true => return Err(Fault::new(MANIFEST, "it is not the one that was signed")),
            false => {
                return Err(Fault::new(SIGNATURE, "it is not a signature by the trusted key"));
            }
        }
        let manifest: Manifest = read(MANIFEST, text)?;
        match manifest.kind == KIND {
            true => Ok(manifest),
            false => Err(Fault::new(MANIFEST, "it is the manifest of something else")),
        }
    }

    /// How many entries bear no seal yet.
    fn audit(&self) -> Result<u64, Fault> {
        let entries: Vec<SealedEntry> = read(AUDIT, self.content(AUDIT).unwrap_or_default())?;
        if let Some(entry) = entries.iter().find(|it| !it.fits()) {
            let why = format!("entry {} is not what was sealed", entry.seq);
            return Err(Fault::new(AUDIT, why));
        }
        if !entries.is_sorted_by(|a, b| a.seq < b.seq) {
            return Err(Fault::new(AUDIT, "its entries are not in their order"));
        }
        Ok(entries.iter().filter(|it| it.hash.is_none()).count() as u64)
    }

    fn checkpoint(&self) -> Result<(), Fault> {
        let head: Option<SignedHead> =
            read(CHECKPOINT, self.content(CHECKPOINT).unwrap_or_default())?;
        // The first one is signed within a minute of the first entry.
        let Some(head) = head else { return Ok(()) };
        let statement = Checkpoint::statement(head.seq, head.entries, bytes(&head.head), head.at);
        let mut signature = [0; 64];
        let is_hex = hex::decode_to_slice(&head.signature, &mut signature).is_ok();
        match is_hex && (self.is_signed)(&statement, &signature) {
            true => Ok(()),
            false => Err(Fault::new(CHECKPOINT, "its signature is not by the trusted key")),
        }
    }

    /// What was drawn can be drawn again, and the log says when it was committed to.
    fn spot_check(&self) -> Result<(), Fault> {
        let export: Export = read(export::FILE, self.content(export::FILE).unwrap_or_default())?;
        let entries: Vec<SealedEntry> = read(AUDIT, self.content(AUDIT).unwrap_or_default())?;
        let why = match &export.draw {
            None => None,
            Some(_) => export.replay().why.or_else(|| export.fits_log(&entries).err()),
        };
        why.map_or(Ok(()), |why| Err(Fault::new(export::FILE, why)))
    }

    /// Everything that is listed as included is there; what was erased.
    fn evidence(&self) -> Result<Vec<Sha256>, Fault> {
        let listed: Vec<Listed> = read(EVIDENCE, self.content(EVIDENCE).unwrap_or_default())?;
        if let Some(it) = listed.iter().find(|it| it.included && it.evidence.erased.is_some()) {
            let path = it.evidence.sha256.path();
            return Err(Fault::new(&path, "it was erased, and is said to be there"));
        }
        let included = listed.iter().filter(|it| it.included);
        let mut paths = included.map(|it| it.evidence.sha256.path());
        if let Some(path) = paths.find(|it| !self.found.contains_key(it.as_str())) {
            return Err(Fault::new(&path, "the ledger names it, and it is not there"));
        }
        let erased = listed.into_iter().filter(|it| it.evidence.erased.is_some());
        Ok(erased.map(|it| it.evidence.sha256).collect())
    }
}

/// Evidence is named by its hash.
fn its_own_name(path: &str, sha256: &Sha256) -> Result<(), Fault> {
    match path.starts_with("evidence/") && path != sha256.path() {
        true => Err(Fault::new(path, "its bytes are not those that were uploaded")),
        false => Ok(()),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &str, text: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(text)
        .map_err(|error| Fault::new(path, format!("it cannot be read: {error}")))
}

/// The hash and the signature of exactly one line.
fn parsed(line: &[u8]) -> Option<(Sha256, [u8; 64])> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (hash, signature) = line.split_once(' ')?;
    let mut bytes = [0; 64];
    hex::decode_to_slice(signature, &mut bytes).ok()?;
    // Upper-case digits would be the same number and other bytes.
    (hex::encode(bytes) == signature).then_some((hash.parse().ok()?, bytes))
}
