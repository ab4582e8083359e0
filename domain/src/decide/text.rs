//! A situation as somebody wrote it down.

use super::Situation;
use crate::fields::Fault;

/// Why a text is no situation, and where: line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl From<Malformed> for Fault {
    fn from(it: Malformed) -> Self {
        let Malformed { line, column, message } = it;
        Fault::At { line, column, message }
    }
}

/// A situation from its JSON.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(text: &str) -> Result<Situation, Malformed> {
    serde_json::from_str(text).map_err(|error| {
        // The place stands in members of its own.
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        Malformed { line: error.line(), column: error.column(), message }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, line, column, message) in [
            ("", 1, 0, "EOF while parsing a value"),
            ("{\n  \"at\": 5\n}", 2, 9, "invalid type: integer `5`"),
            ("{\n\n  \"mood\": 1}", 3, 8, "unknown field `mood`"),
            ("{\"service\": }", 1, 13, "expected value"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert_eq!((wrong.line, wrong.column), (line, column), "{text}: {wrong:?}");
            assert!(wrong.message.starts_with(message), "{text}: {wrong:?}");
        }
    }
}
