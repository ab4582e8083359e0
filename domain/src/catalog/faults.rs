use std::fmt;

/// What is wrong with one value of a document.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Where the value stands: `approvals.roles[0]`; empty for the document as a whole.
    pub path: String,
    pub message: String,
}

/// Collects everything that is wrong with a document, so that one look at the answer mends it all.
pub struct Faults<'a> {
    path: String,
    found: &'a mut Vec<Fault>,
}

impl Faults<'_> {
    pub fn of(found: &mut Vec<Fault>) -> Faults<'_> {
        Faults { path: String::new(), found }
    }

    /// The faults of a member, by its name or its number in a list.
    pub fn at(&mut self, segment: impl Into<Segment>) -> Faults<'_> {
        let path = match (segment.into(), self.path.is_empty()) {
            (Segment::Member(name), true) => name,
            (Segment::Member(name), false) => format!("{}.{name}", self.path),
            (Segment::Item(index), _) => format!("{}[{index}]", self.path),
        };
        Faults { path, found: self.found }
    }

    pub fn add(&mut self, message: impl fmt::Display) {
        self.found.push(Fault { path: self.path.clone(), message: message.to_string() });
    }

    pub fn refuse(&mut self, rule: Result<(), String>) {
        if let Err(message) = rule {
            self.add(message);
        }
    }
}

pub enum Segment {
    Member(String),
    Item(usize),
}

impl From<&str> for Segment {
    fn from(name: &str) -> Self {
        Self::Member(name.to_owned())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Item(index)
    }
}
