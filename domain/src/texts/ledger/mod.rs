//! The ledger as a list, a file and a print, and taking over an older one.

mod en;
mod zh;

use super::{Each, Lang};
use crate::drills::ledger::Column;
use crate::drills::ledger::import::{Note, Problem, Why};

pub struct Texts {
    /// What a column is called; the first is how we write it, the others are read too.
    pub heads_of: fn(Column) -> &'static [&'static str],
    /// What is said beside an issue or an action item, as `name: value`.
    pub about: &'static str,
    pub class: &'static str,
    pub cause: &'static str,
    pub remedy: &'static str,
    pub owner: &'static str,
    pub due: &'static str,
    pub critical: &'static str,
    pub verified_by: &'static str,
    pub verified_at: &'static str,
    pub verified_on: &'static str,
    pub measured_here: &'static str,
    pub typed_in: &'static str,

    pub search: &'static str,
    pub search_note: &'static str,
    pub kind: &'static str,
    pub team: &'static str,
    pub from: &'static str,
    pub until: &'static str,
    pub sort: &'static str,
    pub newest: &'static str,
    pub by_planned: &'static str,
    pub by_closure: &'static str,
    pub by_number: &'static str,
    pub wrong_filter: &'static str,
    pub csv: &'static str,
    pub xlsx: &'static str,
    pub too_many_rows: fn(usize) -> String,
    pub print: &'static str,
    pub print_one: &'static str,
    pub print_lede: fn(usize) -> String,
    pub print_cut: fn(usize) -> String,
    pub people: &'static str,
    pub times: &'static str,
    pub results: &'static str,
    pub signature: &'static str,
    pub unsigned: &'static str,
    pub none: &'static str,
    pub links_note: &'static str,

    pub import: &'static str,
    pub import_lede: &'static str,
    pub import_note: &'static str,
    pub file: &'static str,
    pub file_note: &'static str,
    pub columns_note: &'static str,
    pub preview: &'static str,
    pub preview_of: fn(&str, usize) -> String,
    pub becomes: &'static str,
    pub line: &'static str,
    pub column: &'static str,
    pub problem: &'static str,
    pub problems: &'static str,
    pub problems_of: fn(usize) -> String,
    pub nothing_imported: &'static str,
    pub shown_of: fn(usize, usize) -> String,
    pub notes: &'static str,
    pub confirm: fn(usize) -> String,
    pub confirm_note: &'static str,
    pub other_file: &'static str,
    pub gone: &'static str,
    pub why: fn(&Why) -> String,
    pub note: fn(&Note) -> String,
    pub on_line: fn(u64) -> String,
}

pub static TEXTS: Each<Texts> = Each { zh: zh::TEXTS, en: en::TEXTS };

impl Problem {
    /// Line, column and what is wrong, in one sentence.
    pub fn text(&self, lang: Lang) -> String {
        let t = TEXTS.of(lang);
        let line = self.line.map(t.on_line);
        let column = self.column.as_ref().map(|it| it.text(lang).to_owned());
        let place: Vec<String> = line.into_iter().chain(column).collect();
        let why = (t.why)(&self.why);
        if place.is_empty() { why } else { format!("{}: {why}", place.join(", ")) }
    }
}
