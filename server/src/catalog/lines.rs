//! In which line of a document a value stands.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::parse::read;

/// The line of the value at `path` (`workloads[0].kind`), or of the nearest value above it that is there:
/// what is missing is missed where it would stand. Counted from 1 inside `text`.
pub(super) fn line_of(text: &str, path: &str) -> u64 {
    let Ok(root) = read::<Node>(text) else { return 1 };
    let mut node = &root;
    let mut line = root.first_line();
    for segment in path.split(['.', '[']).filter(|it| !it.is_empty()) {
        let child = match node {
            Node::Map(members) => members.iter().find(|(name, _)| name.value == segment),
            Node::Seq(items) => {
                let index = segment.trim_end_matches(']').parse::<usize>();
                index.ok().and_then(|it| items.get(it))
            }
            Node::Scalar => None,
        };
        let Some((place, child)) = child else { break };
        line = place.referenced.line();
        node = child;
    }
    line
}

enum Node {
    Map(Vec<(Spanned<String>, Node)>),
    /// Each item with its place.
    Seq(Vec<(Spanned<String>, Node)>),
    Scalar,
}

impl Node {
    fn first_line(&self) -> u64 {
        match self {
            Self::Map(children) | Self::Seq(children) => {
                children.first().map_or(1, |(place, _)| place.referenced.line())
            }
            Self::Scalar => 1,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(Spanned { value, referenced, defined }) =
            seq.next_element::<Spanned<Node>>()?
        {
            items.push((Spanned::new(String::new(), referenced, defined), value));
        }
        Ok(Node::Seq(items))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn a_path_leads_to_its_line() {
        let text = "# comment\nname: a\nlist:\n  - x: 1\n    y: 2\n  - {x: 3,\n     y: 4}\n";
        for (path, line) in [
            ("name", 2),
            ("list", 3),
            ("list[0]", 4),
            ("list[0].y", 5),
            ("list[1].x", 6),
            ("list[1].y", 7),
            ("list[1].z", 6),
            ("absent", 2),
            ("", 2),
        ] {
            assert_eq!(line_of(text, path), line, "{path}");
        }
    }
}
