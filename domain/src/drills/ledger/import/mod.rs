//! An older ledger, from the cells of its table to drills.
//!
//! **Invariant:** nothing is guessed silently and nothing half done. What cannot be read is a [`Problem`] with its line
//! and column; what was left out and taken as usual is a [`Note`]. Only drills that are over are taken over, with what
//! was typed in then; every value says so by its source.

mod lines;
mod row;
mod template;
mod values;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::Column;
use crate::cells;
use crate::drills::{Drill, Outcome};
use crate::texts::Lang;

/// The source of every value that was typed in elsewhere.
pub const IMPORTED: &str = "imported";

/// A file may have so many bytes.
pub const LARGEST: usize = 5 << 20;

/// A file may have so many rows.
pub const MOST_ROWS: usize = 5_000;

/// A cell may have so many characters.
pub const LONGEST: usize = 4_000;

/// The cells of a file, with the lines on which they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub head_line: u64,
    pub heads: Vec<String>,
    pub rows: Vec<(u64, Vec<String>)>,
}

/// Who imports, when, and what a moment without a zone means.
#[derive(Clone, Debug)]
pub struct Reader {
    pub zone: Tz,
    pub now: DateTime<Utc>,
    /// As the audit log writes it.
    pub by: String,
}

/// What a row becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub line: u64,
    /// With its number, and without its service.
    pub drill: Drill,
    /// The name of the service.
    pub service: Option<String>,
    pub notes: Vec<Note>,
}

/// Something that the file does not say, and what is taken instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The name stands as it is written; there is no such account.
    NoAccount(String),
    /// A simulation.
    TypeAssumed,
    /// As its results are.
    OutcomeDerived(Outcome),
    /// T1.
    SignedAtAssumed,
    /// T1.
    RecoveryAssumed,
}

/// What is wrong, and where. The whole file is, where there is no line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub line: Option<u64>,
    pub column: Option<Head>,
    pub why: Why,
}

/// Which column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// As the head of the file calls it.
    Written(String),
    /// As we call it: the file has none, or it was found wrong only after it was read.
    Missing(Column),
}

impl Head {
    pub fn text(&self, lang: Lang) -> &str {
        match self {
            Head::Written(head) => head,
            Head::Missing(column) => column.head(lang),
        }
    }
}

/// What is wrong with a file, a row or a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// In no encoding that is known here.
    NotText,
    TooLarge {
        mib: usize,
    },
    NoRows,
    TooManyRows {
        most: usize,
    },
    UnknownColumn,
    ColumnTwice,
    NumberMissing,
    /// It has another number of cells than the head.
    Ragged {
        found: usize,
        expected: usize,
    },
    Required,
    TooLong {
        most: usize,
    },
    NotANumber,
    /// The file has the number on an earlier line.
    Twice {
        line: u64,
    },
    /// The ledger has the number.
    Taken,
    NotAMoment,
    NotOneOf(Vec<String>),
    NotAQuantity,
    NotATarget,
    InFuture,
    BeforeT0,
    BeforeRecovery,
    BeforeT1,
    /// Only what is over is taken over.
    Open,
    /// Nothing was begun in one that was missed or cancelled.
    HasT0,
    /// One that was aborted did not recover.
    HasT1,
    /// From T0 to T1 it is so many minutes.
    OtherClosure {
        minutes: String,
    },
    /// The value and its target say something else.
    OtherVerdict,
    /// It missed something, or was not measured.
    BetterThanMeasured,
    SignerTookPart,
    NoOwner,
    NoDue,
    OwnItem,
    HalfVerified,
    UnknownPerson(String),
    UnknownService(String),
}

impl Problem {
    pub fn of_file(why: Why) -> Self {
        Self { line: None, column: None, why }
    }
}

/// Reads every row; with a problem anywhere nothing is to be imported.
pub fn read(table: &Table, reader: &Reader) -> (Vec<Entry>, Vec<Problem>) {
    let (columns, mut problems) = columns(table);
    if !problems.is_empty() {
        return (vec![], problems);
    }
    if table.rows.is_empty() {
        return (vec![], vec![Problem::of_file(Why::NoRows)]);
    }
    if table.rows.len() > MOST_ROWS {
        return (vec![], vec![Problem::of_file(Why::TooManyRows { most: MOST_ROWS })]);
    }
    let mut entries = Vec::new();
    let mut numbers: HashMap<String, u64> = HashMap::new();
    for (line, row) in &table.rows {
        if row.len() != columns.len() {
            let why = Why::Ragged { found: row.len(), expected: columns.len() };
            problems.push(Problem { line: Some(*line), column: None, why });
            continue;
        }
        let mut cells =
            Cells { columns: &columns, heads: &table.heads, row, line: *line, problems: vec![] };
        let entry = row::read(&mut cells, reader);
        if let Some(entry) = &entry
            && let Some(line) = numbers.insert(entry.drill.number.clone(), *line)
        {
            cells.refuse(Column::Number, Why::Twice { line });
        }
        match entry.filter(|_| cells.problems.is_empty()) {
            Some(entry) => entries.push(entry),
            None => problems.append(&mut cells.problems),
        }
    }
    (entries, problems)
}

/// Which column each head is.
fn columns(table: &Table) -> (Vec<Column>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    let mut columns = Vec::new();
    for (index, head) in table.heads.iter().enumerate() {
        let mut refuse = |why| {
            let column = match head.trim() {
                "" => format!("#{}", index + 1),
                head => head.to_owned(),
            };
            let column = Some(Head::Written(column));
            problems.push(Problem { line: Some(table.head_line), column, why });
        };
        match Column::of_head(head) {
            None => refuse(Why::UnknownColumn),
            Some(column) if !seen.insert(format!("{column:?}")) => refuse(Why::ColumnTwice),
            Some(column) => columns.push(column),
        }
    }
    if problems.is_empty() && !columns.contains(&Column::Number) {
        problems.push(Problem::of_file(Why::NumberMissing));
    }
    (columns, problems)
}

/// One row, and what is wrong with it so far.
struct Cells<'a> {
    columns: &'a [Column],
    heads: &'a [String],
    row: &'a [String],
    line: u64,
    problems: Vec<Problem>,
}

impl<'a> Cells<'a> {
    /// What stands there, as it was typed; nothing for an empty cell.
    fn get(&mut self, column: Column) -> Option<&'a str> {
        let index = self.columns.iter().position(|it| *it == column)?;
        let text = cells::typed(self.row.get(index)?.trim()).trim();
        if text.chars().count() > LONGEST {
            self.refuse(column, Why::TooLong { most: LONGEST });
            return None;
        }
        (!text.is_empty()).then_some(text)
    }

    fn refuse(&mut self, column: Column, why: Why) {
        let index = self.columns.iter().position(|it| *it == column);
        let head = index.and_then(|it| self.heads.get(it));
        let head = head.map_or(Head::Missing(column), |it| Head::Written(it.trim().to_owned()));
        self.problems.push(Problem { line: Some(self.line), column: Some(head), why });
    }

    /// What was read of a cell; what is wrong with it is kept.
    fn read<T>(&mut self, column: Column, read: impl FnOnce(&str) -> Result<T, Why>) -> Option<T> {
        let text = self.get(column)?;
        match read(text) {
            Ok(it) => Some(it),
            Err(why) => {
                self.refuse(column, why);
                None
            }
        }
    }
}
