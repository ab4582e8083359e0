//! Reads a bundle and finds the first file that does not fit, without a database and without a network.

use std::io::{Read, Seek, SeekFrom};

use domain::bundle::{self, Fault, Found, Report};
use domain::evidence::Sha256;
use sha2::Digest;
use zip::ZipArchive;

use super::{CHUNK, Writer};

/// What is no evidence is read as a whole, up to so many bytes.
const LARGEST: u64 = 256 << 20;

/// A second copy of the bundle is held in memory up to this size, in bytes.
const IN_MEMORY: usize = 1 << 20;

/// Looks at every file of a bundle and at every byte between them. `name` is what the bundle itself is called where
/// none of its files can be named; `is_signed` says whether a statement bears a signature of the trusted key.
///
/// # Errors
/// Only where the bundle cannot be read at all, or there is no room for a second copy.
pub fn verify(
    name: &str,
    bundle: &mut (impl Read + Seek),
    is_signed: impl Fn(&[u8], &[u8; 64]) -> bool,
) -> anyhow::Result<Report> {
    let mut zip = match ZipArchive::new(&mut *bundle) {
        Ok(zip) => zip,
        Err(zip::result::ZipError::Io(error))
            if error.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            return Err(error.into());
        }
        Err(error) => {
            let why = format!("it is no bundle: {error}");
            return Ok(Report::unreadable(Fault::new(name, why)));
        }
    };
    // The same contents, as we would write them.
    let mut again = Writer::new(tempfile::spooled_tempfile(IN_MEMORY));
    let mut all = Vec::new();
    for n in 0..zip.len() {
        match read(&mut zip, n, &mut again) {
            Ok(found) => all.push(found),
            Err(fault) => return Ok(Report::unreadable(fault)),
        }
    }
    let report = bundle::verify(&all, is_signed);
    if !report.ok {
        return Ok(report);
    }
    drop(zip);
    let first = compare(name, bundle, &mut again.close()?)?;
    Ok(Report { ok: first.is_none(), first, ..report })
}

/// One file of the container; also written to the second copy.
fn read<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    n: usize,
    again: &mut Writer<tempfile::SpooledTempFile>,
) -> Result<Found, Fault> {
    let path = zip.name_for_index(n).unwrap_or_default().to_owned();
    let broken =
        |error: &dyn std::fmt::Display| Fault::new(&path, format!("it was changed: {error}"));
    let file = zip.by_index(n).map_err(|error| broken(&error))?;
    let keep = !path.starts_with("evidence/");
    if keep && file.size() > LARGEST {
        return Err(broken(&"it is larger than any list of ours"));
    }
    let mut passing =
        Passing { file, hash: sha2::Sha256::new(), size: 0, kept: keep.then(Vec::new) };
    again.add(&path, &mut passing).map_err(|error| broken(&error.root_cause()))?;
    let Passing { hash, size, kept, .. } = passing;
    Ok(Found { path, size, sha256: Sha256::new(hash.finalize().into()), content: kept })
}

/// Hashes what is read, and keeps what is to be looked at.
struct Passing<R> {
    file: R,
    hash: sha2::Sha256,
    size: u64,
    kept: Option<Vec<u8>>,
}

impl<R: Read> Read for Passing<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.file.read(into)?;
        self.hash.update(&into[..length]);
        self.size += length as u64;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&into[..length]);
        }
        Ok(length)
    }
}

/// The contents fit; so the container has to be the one that they make. The file that the first other byte belongs to.
fn compare(
    name: &str,
    bundle: &mut (impl Read + Seek),
    again: &mut (impl Read + Seek),
) -> anyhow::Result<Option<Fault>> {
    let Some(at) = first_difference(bundle, again)? else { return Ok(None) };
    let mut zip = ZipArchive::new(again)?;
    let mut before: Option<(u64, String)> = None;
    for n in 0..zip.len() {
        let file = zip.by_index(n)?;
        for start in [file.header_start(), file.central_header_start()] {
            if start <= at && before.as_ref().is_none_or(|(other, _)| start > *other) {
                before = Some((start, file.name().to_owned()));
            }
        }
    }
    let file = before.map_or(name.to_owned(), |(_, file)| file);
    Ok(Some(Fault::new(&file, format!("its place in the container was changed, at byte {at}"))))
}

/// Where two files begin to differ; nowhere where they are the same.
fn first_difference(
    one: &mut (impl Read + Seek),
    other: &mut (impl Read + Seek),
) -> std::io::Result<Option<u64>> {
    one.seek(SeekFrom::Start(0))?;
    other.seek(SeekFrom::Start(0))?;
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut at = 0;
    loop {
        a.clear();
        b.clear();
        one.by_ref().take(CHUNK as u64).read_to_end(&mut a)?;
        other.by_ref().take(CHUNK as u64).read_to_end(&mut b)?;
        if a != b {
            let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            return Ok(Some(at + same as u64));
        }
        if a.is_empty() {
            return Ok(None);
        }
        at += a.len() as u64;
    }
}
