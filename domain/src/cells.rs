//! Texts in the cells of a table that a spreadsheet program opens.
//!
//! **Invariant:** what somebody typed is shown and never computed. A program that finds `=`, `+`, `-`, `@`, a tab or
//! a line break at the beginning of a cell takes the rest for a formula, which may reach out to anywhere
//! (OWASP, "CSV Injection").

use std::borrow::Cow;

/// Stands before a file, so that spreadsheet programs take it for UTF-8 and read Chinese.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The text as a cell that no program computes: an apostrophe goes before what would be a formula. Numbers that we
/// wrote ourselves need none of this.
pub fn text(text: &str) -> Cow<'_, str> {
    // Programs skip blanks and byte order marks before they look for the sign.
    let seen = text.trim_start_matches([' ', '\u{a0}', '\u{3000}', '\u{feff}', '\u{200b}']);
    // The full-width signs are those of a Chinese keyboard, and Excel knows them.
    let sign = |it: char| "=+-@＝＋－＠\t\r\n|%".contains(it);
    match seen.starts_with(sign) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// What somebody typed, of a cell that [`text`] has made: without the apostrophe that went before a formula.
pub fn typed(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if text(rest) != rest => rest,
        _ => cell,
    }
}

/// One line of a CSV file (RFC 4180), with its line end. Every cell goes through [`text`] unless it is a number.
pub fn line<'a>(cells: impl IntoIterator<Item = Cell<'a>>) -> String {
    let mut line = String::new();
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        match cell {
            Cell::Text(it) => quote(&text(&it), &mut line),
            Cell::Number(it) if it.is_finite() => line.push_str(&it.to_string()),
            Cell::Number(_) | Cell::Empty => {}
        }
    }
    line.push_str("\r\n");
    line
}

/// A cell of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Empty,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// What is not there is an empty cell.
impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(cell: Option<T>) -> Self {
        cell.map_or(Self::Empty, Into::into)
    }
}

fn quote(text: &str, line: &mut String) {
    // Programs of some countries separate by semicolons.
    if !text.contains(['"', ',', ';', '\t', '\r', '\n']) {
        line.push_str(text);
        return;
    }
    line.push('"');
    line.push_str(&text.replace('"', "\"\""));
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_typed_is_a_formula() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "\u{a0}=1",
            "\u{feff}=1",
            "＝1",
            "=cmd|' /C calc'!A0",
            "|calc",
        ] {
            assert_eq!(text(formula), format!("'{formula}"), "{formula:?}");
        }
        assert_eq!(typed("'=1+1"), "=1+1");
        for plain in ["", "a", "a=1", "1-2", "历史/配置", "'=1", "≤30 min"] {
            assert_eq!(text(plain), plain);
        }
        for plain in ["", "'", "'quoted'", "a"] {
            assert_eq!(typed(plain), plain);
        }
    }

    #[test]
    fn a_line_is_read_back_as_it_was() {
        let cells = [
            Cell::from("a,b"),
            Cell::from("say \"hi\""),
            Cell::from("=1"),
            Cell::from(-1.5),
            Cell::from(f64::NAN),
            Cell::from(None::<f64>),
            Cell::from("two\nlines".to_owned()),
            Cell::from("'"),
        ];
        assert_eq!(line(cells), "\"a,b\",\"say \"\"hi\"\"\",'=1,-1.5,,,\"two\nlines\",'\r\n");
    }
}
