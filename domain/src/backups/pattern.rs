//! Which files of an object store are copies, and of what.

/// A path with placeholders, segment by segment:
///
/// | | |
/// |---|---|
/// | `{tenant}`, `{namespace}` | whose copy it is; both together are written `tenant/namespace` |
/// | `{copy}` | what tells one copy from the next; files that agree in it are one copy |
/// | `*` | anything inside of a segment |
/// | `**` | everything below, as last segment |
///
/// Without `{copy}` every file is a copy. `pg/{copy}/**` makes a copy of each folder below `pg`, and
/// `{tenant}/{namespace}/snap-*.dat` (ES Serverless §1, isolation by path) keeps tenants apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Vec<Piece>>,
    /// Whether everything below the last segment belongs to it.
    below: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Anything,
    Named(Name),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Tenant,
    Namespace,
    Copy,
}

/// What a path that fits says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Empty where the pattern keeps nobody apart.
    pub tenant: String,
    /// The path, up to and with the segment that tells copies apart.
    pub artefact: String,
}

impl Pattern {
    /// # Errors
    /// What is wrong, in one clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('/') || text.ends_with('/') || text.len() > 500 {
            return Err(format!(
                "{text:?} is no path pattern: up to 500 characters, not beginning or ending with /"
            ));
        }
        let (body, below) = match text.strip_suffix("/**") {
            Some(body) => (body, true),
            None => (text, false),
        };
        let mut seen = Vec::new();
        let mut segments = Vec::new();
        for segment in body.split('/') {
            if segment.is_empty() || segment == "." || segment == ".." {
                return Err(format!("{text:?} has an empty segment, or one that leads elsewhere"));
            }
            segments.push(pieces(segment, &mut seen)?);
        }
        Ok(Self { segments, below })
    }

    pub fn has_tenants(&self) -> bool {
        let names = |it: &Piece| matches!(it, Piece::Named(Name::Tenant | Name::Namespace));
        self.segments.iter().flatten().any(names)
    }

    /// The folder below which everything that fits lies; a listing begins there.
    pub fn prefix(&self) -> String {
        let folders = match self.below {
            true => &self.segments[..],
            false => &self.segments[..self.segments.len() - 1],
        };
        let fixed = folders.iter().map_while(|it| match it.as_slice() {
            [Piece::Text(text)] => Some(text.as_str()),
            _ => None,
        });
        fixed.collect::<Vec<_>>().join("/")
    }

    /// Nothing for a file that is no copy.
    pub fn matches(&self, path: &str) -> Option<Match> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = match self.below {
            true => parts.len() > self.segments.len(),
            false => parts.len() == self.segments.len(),
        };
        if !fits {
            return None;
        }
        let mut found: Vec<(Name, &str)> = Vec::new();
        let mut copy_ends = parts.len();
        for (index, (segment, part)) in self.segments.iter().zip(&parts).enumerate() {
            let before = found.len();
            if !fit(segment, part, &mut found) {
                return None;
            }
            if found[before..].iter().any(|(name, _)| *name == Name::Copy) {
                copy_ends = index + 1;
            }
        }
        let of = |name: Name| found.iter().find(|(it, _)| *it == name).map(|(_, text)| *text);
        let tenant: Vec<&str> =
            [of(Name::Tenant), of(Name::Namespace)].into_iter().flatten().collect();
        Some(Match { tenant: tenant.join("/"), artefact: parts[..copy_ends].join("/") })
    }
}

/// Of one segment; each more multiplies the ways in which a name can be taken apart.
const MOST_VARIABLE: usize = 3;

fn pieces(segment: &str, seen: &mut Vec<Name>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = segment;
    while let Some(at) = rest.find(['{', '*', '}']) {
        if at > 0 {
            pieces.push(Piece::Text(rest[..at].to_owned()));
        }
        rest = &rest[at..];
        let after_variable = pieces.last().is_some_and(|it| !matches!(it, Piece::Text(_)));
        if after_variable {
            return Err(format!("{segment:?} has two placeholders without a text between them"));
        }
        if let Some(after) = rest.strip_prefix('*') {
            pieces.push(Piece::Anything);
            rest = after;
            continue;
        }
        let (name, after) = rest
            .strip_prefix('{')
            .and_then(|it| it.split_once('}'))
            .ok_or_else(|| format!("{segment:?} has a brace without its other half"))?;
        let name = match name {
            "tenant" => Name::Tenant,
            "namespace" => Name::Namespace,
            "copy" => Name::Copy,
            _ => {
                return Err(format!(
                    "{{{name}}} is no placeholder: there are {{tenant}}, {{namespace}} and {{copy}}"
                ));
            }
        };
        if seen.contains(&name) {
            return Err(format!("{segment:?} names a placeholder a second time"));
        }
        seen.push(name);
        pieces.push(Piece::Named(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    let variable = pieces.iter().filter(|it| !matches!(it, Piece::Text(_))).count();
    if variable > MOST_VARIABLE {
        return Err(format!("{segment:?} has more than {MOST_VARIABLE} placeholders"));
    }
    Ok(pieces)
}

/// Whether the pieces make up the text. Between two variable pieces stands a text, and each takes as little as it
/// can, but the last one.
fn fit<'a>(pieces: &[Piece], text: &'a str, found: &mut Vec<(Name, &'a str)>) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    match first {
        Piece::Text(fixed) => match text.strip_prefix(fixed.as_str()) {
            Some(after) => fit(rest, after, found),
            None => false,
        },
        Piece::Anything | Piece::Named(_) => {
            let least = usize::from(matches!(first, Piece::Named(_)));
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            for end in ends.filter(|it| *it >= least) {
                let mark = found.len();
                if let Piece::Named(name) = first {
                    found.push((*name, &text[..end]));
                }
                if fit(rest, &text[end..], found) {
                    return true;
                }
                found.truncate(mark);
            }
            false
        }
    }
}
