//! The container of a bundle: a zip, so that everybody can open it. What it holds and what has to fit is
//! [`domain::bundle`].
//!
//! Files are stored as they are, in one order and without times or comments of the container. So the same contents
//! make the same bytes, and a reader finds out about every byte that somebody has changed, also between the files.

#[cfg(test)]
mod tests;
mod verify;

use std::io::{Read, Seek, Write};

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::bundle::{self, File, MANIFEST, Manifest, SIGNATURE};
use domain::evidence::Sha256;
use sha2::Digest;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub use self::verify::verify;

/// So many bytes are held at a time.
const CHUNK: usize = 64 << 10;

/// Writes a bundle, one file after the other.
pub struct Writer<W: Write + Seek> {
    zip: ZipWriter<W>,
    files: Vec<File>,
}

impl<W: Write + Seek> Writer<W> {
    pub fn new(to: W) -> Self {
        Self { zip: ZipWriter::new(to), files: Vec::new() }
    }

    /// Adds a file, whatever its size; it is hashed while it passes.
    ///
    /// # Errors
    /// Of the reader or the writer.
    pub fn add(&mut self, path: &str, mut content: impl Read) -> anyhow::Result<()> {
        // Its times are those of no clock.
        let plain = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644);
        self.zip.start_file(path, plain).with_context(|| path.to_owned())?;
        let (mut hash, mut size) = (sha2::Sha256::new(), 0);
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = content.read(&mut chunk).with_context(|| path.to_owned())?;
            if length == 0 {
                break;
            }
            hash.update(&chunk[..length]);
            size += length as u64;
            self.zip.write_all(&chunk[..length]).with_context(|| path.to_owned())?;
        }
        let sha256 = Sha256::new(hash.finalize().into());
        self.files.push(File { path: path.to_owned(), size, sha256 });
        Ok(())
    }

    /// Ends it with the manifest and its signature. `sign` signs with the installation's key.
    ///
    /// # Errors
    /// Of the writer.
    pub fn finish(
        mut self,
        subject: &str,
        at: DateTime<Utc>,
        by: &str,
        sign: impl Fn(&[u8]) -> [u8; 64],
    ) -> anyhow::Result<W> {
        let files = std::mem::take(&mut self.files);
        let manifest = Manifest::new(subject.to_owned(), at, by.to_owned(), files);
        let manifest = serde_json::to_vec_pretty(&manifest).context(MANIFEST)?;
        self.add(MANIFEST, &*manifest)?;
        self.add(SIGNATURE, bundle::signature(&manifest, sign).as_bytes())?;
        self.close()
    }

    fn close(self) -> anyhow::Result<W> {
        self.zip.finish().context("the end of the bundle")
    }
}
