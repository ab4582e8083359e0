//! The text of one file to documents, and everything that is wrong with it.
//!
//! Documents are told apart before they are parsed, so that a slip in one hides nothing of the next: a line
//! that begins with `---` ends a document whatever stands before it.

use std::fmt;

use domain::catalog::{Document, Kind};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, IntoDeserializer, MapAccess};
use serde::{Deserialize, Deserializer};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Options, Spanned};

/// A document with where it stands.
#[derive(Clone, Debug)]
pub struct Located {
    pub document: Document,
    pub file: String,
    /// The line before its first, so that lines inside it can be added.
    pub(super) above: u64,
    pub(super) text: String,
}

/// Something wrong in a file. `line` counts from 1; 0 where the file as a whole is meant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Error {
    pub file: String,
    pub line: u64,
    /// The value that is meant: `workloads[0].kind`; empty for a document as a whole.
    pub path: String,
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, path, message } = self;
        f.write_str(file)?;
        if *line > 0 {
            write!(f, ":{line}")?;
        }
        if path.is_empty() { write!(f, ": {message}") } else { write!(f, ": {path}: {message}") }
    }
}

/// What a file may hold at most; a catalog written by people is far below.
const MAX_DOCUMENTS: usize = 2000;

/// The documents of one file, or all that is wrong with them.
pub fn parse(file: &str, text: &str) -> Result<Vec<Located>, Vec<Error>> {
    let error =
        |line, message: String| Error { file: file.to_owned(), line, path: String::new(), message };
    if let Some((line, found)) = unprintable(text) {
        let message = format!("contains the control character U+{:04X}", u32::from(found));
        return Err(vec![error(line, message)]);
    }
    let parts = split(text);
    if parts.len() > MAX_DOCUMENTS {
        let message = format!("holds {} documents; at most {MAX_DOCUMENTS}", parts.len());
        return Err(vec![error(0, message)]);
    }
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for (above, text) in parts {
        match document(&text) {
            Ok(document) => {
                documents.push(Located { document, file: file.to_owned(), above, text });
            }
            Err(slip) => errors
                .push(Error { path: slip.path, ..error(above + slip.line.max(1), slip.message) }),
        }
    }
    if errors.is_empty() { Ok(documents) } else { Err(errors) }
}

fn unprintable(text: &str) -> Option<(u64, char)> {
    let mut line = 1;
    for letter in text.chars() {
        match letter {
            '\n' => line += 1,
            '\t' | '\r' => {}
            _ if letter.is_control() => return Some((line, letter)),
            _ => {}
        }
    }
    None
}

/// The documents of a file with the number of lines above each; what is only comment is none.
fn split(text: &str) -> Vec<(u64, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parts = vec![(0, String::new())];
    for (above, line) in (0..).zip(text.split_inclusive('\n')) {
        let marker = line.get(..3).filter(|it| matches!(*it, "---" | "..."));
        let marker = marker
            .filter(|_| line[3..].is_empty() || line[3..].starts_with([' ', '\t', '\r', '\n']));
        if marker.is_some() {
            parts.push((above, format!("   {}", &line[3..])));
        } else if let Some((_, part)) = parts.last_mut() {
            part.push_str(line);
        }
    }
    let says_something = |text: &str| {
        let said = |line: &str| !line.is_empty() && !line.starts_with(['#', '%']);
        text.lines().any(|line| said(line.trim()))
    };
    parts.retain(|(_, text)| says_something(text));
    parts
}

pub(super) struct Slip {
    line: u64,
    path: String,
    message: String,
}

fn document(text: &str) -> Result<Document, Slip> {
    #[derive(Deserialize)]
    struct Head {
        kind: Spanned<String>,
    }

    let head: Head = read(text)?;
    let Some(kind) = Kind::parse(&head.kind.value) else {
        let known: Vec<&str> = Kind::ALL.iter().map(|it| it.as_str()).collect();
        let message =
            format!("unknown kind `{}`, expected one of {}", head.kind.value, known.join(", "));
        let line = head.kind.referenced.line();
        return Err(Slip { line, path: "kind".to_owned(), message });
    };
    Ok(match kind {
        Kind::Cluster => Document::Cluster(read_untagged(text)?),
        Kind::Policy => Document::Policy(read_untagged(text)?),
        Kind::Signal => Document::Signal(read_untagged(text)?),
        Kind::Service => Document::Service(read_untagged(text)?),
        Kind::Objective => Document::Objective(read_untagged(text)?),
        Kind::Backup => Document::Backup(Box::new(read_untagged(text)?)),
        Kind::ExpectedDrill => Document::ExpectedDrill(read_untagged(text)?),
    })
}

fn read_untagged<T: DeserializeOwned>(text: &str) -> Result<T, Slip> {
    read::<Untagged<T>>(text).map(|it| it.0)
}

pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Slip> {
    let mut path = String::new();
    let res = serde_saphyr::with_deserializer_from_str_with_options(text, options(), |yaml| {
        serde_path_to_error::deserialize(yaml).map_err(|error| {
            path = error.path().to_string();
            error.into_inner()
        })
    });
    res.map_err(|error| {
        let error = error.without_snippet();
        let line = error.location().map_or(1, |it| it.line());
        // A member that is not known by its name yet is written as `?`.
        let mut path = path.trim_end_matches('?').to_owned();
        match error {
            serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => path.push_str(key),
            _ => path.truncate(path.trim_end_matches('.').len()),
        }
        Slip { line, path, message: message(error) }
    })
}

/// In words that need no knowledge of the parser, and without the place, which is told apart.
fn message(error: &serde_saphyr::Error) -> String {
    if let serde_saphyr::Error::DuplicateMappingKey { .. } = error {
        return "is given twice".to_owned();
    }
    let message = error.to_string();
    let end = message.rfind(" at line ").unwrap_or(message.len());
    match message[..end].trim_end_matches(['\n', ':', ' ']) {
        "expected mapping start" => "expected members, as in `name: …`".to_owned(),
        "expected sequence start" => "expected a list, as in `[…]`".to_owned(),
        "invalid floating point" => "expected a number".to_owned(),
        "invalid u32" | "invalid u16" => "expected a whole number, 0 or more".to_owned(),
        "invalid boolean (strict mode expects true/false)" => "expected true or false".to_owned(),
        other => other.to_owned(),
    }
}

/// Limits that no catalog comes near, and that stop a small file from becoming a large one.
pub(super) fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: 32,
            max_nodes: 100_000,
            max_events: 300_000,
            max_aliases: 1_000,
            max_anchors: 100,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Merge,
        strict_booleans: true,
        with_snippet: false,
    }
}

/// A document without its member `kind`, which says what `T` is.
struct Untagged<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Untagged<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UntaggedVisitor(std::marker::PhantomData))
    }
}

struct UntaggedVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for UntaggedVisitor<T> {
    type Value = Untagged<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document of members")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(WithoutKind(map))).map(Untagged)
    }
}

struct WithoutKind<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutKind<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        mut seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        loop {
            match self.0.next_key_seed(Member(seed))? {
                None => return Ok(None),
                Some(Found::Member(value)) => return Ok(Some(value)),
                Some(Found::Kind(unused)) => {
                    self.0.next_value::<IgnoredAny>()?;
                    seed = unused;
                }
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

struct Member<K>(K);

enum Found<K, V> {
    Kind(K),
    Member(V),
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Member<K> {
    type Value = Found<K, K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> serde::de::Visitor<'de> for Member<K> {
    type Value = Found<K, K::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        if name == "kind" {
            return Ok(Found::Kind(self.0));
        }
        let name: StrDeserializer<'_, E> = name.into_deserializer();
        self.0.deserialize(name).map(Found::Member)
    }
}

#[cfg(test)]
mod tests;
