//! Documents to files that can be imported again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::catalog::{Document, Kind};

/// Writes one file for each kind of document; a kind without documents has none. Files of an earlier export
/// are replaced.
///
/// # Errors
/// Where the folder holds other YAML files, which an import of it would take for part of the catalog; and
/// where it cannot be written.
pub fn folder(folder: &Path, documents: &[Document]) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    refuse_strangers(folder)?;
    let mut written = Vec::new();
    for kind in Kind::ALL {
        let path = folder.join(name(*kind));
        let of_kind: Vec<&Document> = documents.iter().filter(|it| it.kind() == *kind).collect();
        if of_kind.is_empty() {
            if path.exists() {
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
            continue;
        }
        replace(&path, &text(&of_kind)?)?;
        written.push(path);
    }
    Ok(written)
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Cluster => "clusters.yaml",
        Kind::Policy => "policies.yaml",
        Kind::Signal => "signals.yaml",
        Kind::Service => "services.yaml",
        Kind::Objective => "objectives.yaml",
        Kind::Backup => "backups.yaml",
        Kind::ExpectedDrill => "calendar.yaml",
    }
}

/// The documents as the text of one file.
pub fn text(documents: &[&Document]) -> anyhow::Result<String> {
    let texts: Result<Vec<String>, _> = documents.iter().map(serde_saphyr::to_string).collect();
    Ok(texts.context("a document cannot be written as YAML")?.join("---\n"))
}

fn refuse_strangers(folder: &Path) -> anyhow::Result<()> {
    let cannot_read = || format!("cannot read the folder {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot_read)? {
        let path = entry.with_context(cannot_read)?.path();
        let yaml = path.extension().is_some_and(|it| it == "yaml" || it == "yml");
        let ours = Kind::ALL.iter().any(|it| path.ends_with(name(*it)));
        if path.is_dir() || (yaml && !ours) {
            anyhow::bail!("{} is there already: export into an empty folder", path.display());
        }
    }
    Ok(())
}

/// A reader finds the old file or the new one, never half of it.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let unfinished = path.with_extension("yaml.part");
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
