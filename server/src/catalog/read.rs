//! A folder of YAML files to documents that are sound as a whole.

use std::fs;
use std::path::{Path, PathBuf};

use domain::catalog::{self, Document};

use super::lines::line_of;
use super::parse::{Error, Located, parse};

/// What a folder may hold at most; a catalog written by people is far below.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
const MAX_FILES: usize = 1000;
const MAX_DEPTH: usize = 8;

/// The documents of every `*.yaml` and `*.yml` in the folder and the folders in it, in the order of their
/// names. Names that begin with a dot are left out.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn folder(folder: &Path) -> Result<Vec<Located>, Vec<Error>> {
    let files = list(folder)?;
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for file in &files {
        let name = file.display().to_string();
        match text(file).map_err(|it| vec![it]).and_then(|text| parse(&name, &text)) {
            Ok(found) => documents.extend(found),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(documents) } else { Err(errors) }
}

/// What is wrong with the documents as a whole, beside `known` ones.
///
/// # Errors
/// Each with the line of the value that is meant.
pub fn check(documents: &[Located], known: &[Document]) -> Result<(), Vec<Error>> {
    let plain: Vec<Document> = documents.iter().map(|it| it.document.clone()).collect();
    let errors: Vec<Error> = catalog::check(&plain, known)
        .into_iter()
        .map(|problem| {
            let catalog::Problem { document, fault, other } = problem;
            let mut message = fault.message;
            if let Some(other) = other.map(|it| &documents[it]) {
                message.push_str(&format!(" (see {}:{})", other.file, other.line("name")));
            }
            let located = &documents[document];
            let line = located.line(&fault.path);
            Error { file: located.file.clone(), line, path: fault.path, message }
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

impl Located {
    /// The line of the value at `path`, in its file.
    fn line(&self, path: &str) -> u64 {
        self.above + line_of(&self.text, path)
    }
}

fn list(root: &Path) -> Result<Vec<PathBuf>, Vec<Error>> {
    if root.is_file() {
        return Ok(vec![root.to_owned()]);
    }
    let mut files = Vec::new();
    collect(root, MAX_DEPTH, &mut files).map_err(|it| vec![it])?;
    files.sort();
    if files.is_empty() {
        return Err(vec![about(root, "holds no *.yaml: name the folder of a catalog")]);
    }
    if files.len() > MAX_FILES {
        let message = format!("holds {} files; at most {MAX_FILES}", files.len());
        return Err(vec![about(root, message)]);
    }
    Ok(files)
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |error: std::io::Error| about(folder, format!("cannot be read: {error}"));
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (name, path) = (entry.file_name(), entry.path());
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let yaml = path.extension().is_some_and(|it| it == "yaml" || it == "yml");
        // A link to a file is followed, as mounted ConfigMaps are made of them; a link to a folder is not,
        // because it may lead in a circle.
        if entry.file_type().map_err(failed)?.is_dir() {
            if depth == 0 {
                return Err(about(&path, "lies too deep; folders may be nested 8 times"));
            }
            collect(&path, depth - 1, files)?;
        } else if yaml {
            files.push(path);
        }
    }
    Ok(())
}

fn text(file: &Path) -> Result<String, Error> {
    let failed = |error: std::io::Error| about(file, format!("cannot be read: {error}"));
    let metadata = fs::metadata(file).map_err(failed)?;
    if !metadata.is_file() {
        return Err(about(file, "is no file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        let message = format!("is {} bytes long; at most {MAX_FILE_BYTES}", metadata.len());
        return Err(about(file, message));
    }
    String::from_utf8(fs::read(file).map_err(failed)?).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|it| **it == b'\n').count() as u64;
        Error { line, ..about(file, "is not UTF-8 text") }
    })
}

fn about(path: &Path, message: impl Into<String>) -> Error {
    Error {
        file: path.display().to_string(),
        line: 0,
        path: String::new(),
        message: message.into(),
    }
}
