//! Files that only their owner may read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

/// Writes a new file with mode 0600, and makes the folder that it belongs into where there is none yet.
///
/// # Errors
/// A sentence that names the file, also where it exists.
pub fn create_private(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(cannot)?;
    }
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    created.and_then(|mut it| it.write_all(content)).with_context(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_made_once_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/key");
        create_private(&file, b"a").unwrap();
        assert!(create_private(&file, b"b").is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"a");
    }
}
