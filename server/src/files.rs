//! Files that only their owner may read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

/// Writes a new file with mode 0600.
///
/// # Errors
/// A sentence that names the file, also where it exists.
pub fn create_private(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    created
        .and_then(|mut it| it.write_all(content))
        .with_context(|| format!("cannot write {}", file.display()))
}
