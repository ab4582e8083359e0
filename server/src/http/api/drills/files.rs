//! What the files of the ledger have in common: the rows that a filter finds, a batch at a time, so that memory does
//! not grow with them.

use app::doors::Context;
use app::pages::error::Error;
use app::pages::visit::Visit;
use app::wishes::drills::asked::AskedList;
use domain::access::Action;
use domain::drills::Drill;
use domain::drills::ledger::{Cell, Sheet, cells, subject};
use domain::texts::Lang;
use store::drills::{Filter, key_of};

use super::super::page::{Cursor, word};

/// Rows that are read at a time.
pub(super) const BATCH: i64 = 500;

/// Reads the rows of a filter from its beginning.
pub(super) struct Batches {
    cx: Context,
    /// Nothing once all is read.
    filter: Option<Filter>,
    pub(super) sheet: Sheet,
}

impl Batches {
    /// # Errors
    /// 422 for a filter that is none, and for what only pages of a list have.
    pub(super) fn new(cx: Context, visit: &Visit, asked: &AskedList) -> Result<Self, Error> {
        Cursor { limit: asked.limit, cursor: asked.cursor.clone() }.of_file()?;
        let lang = match asked.lang.as_deref() {
            None => visit.lang,
            Some(text) => word(text, "lang", Lang::parse, Lang::ALL, Lang::as_str)?,
        };
        let filter = Filter { limit: BATCH, ..asked.filter(&cx)? };
        let sheet = Sheet { lang, zone: cx.zone };
        Ok(Self { cx, filter: Some(filter), sheet })
    }

    /// The cells of the next rows; nothing where there are none any more.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Vec<Cell>>>, Error> {
        let Some(filter) = self.filter.take() else { return Ok(None) };
        let (drills, rows) = self
            .cx
            .read(Action::Read, async |cx| {
                let mut db = cx.connection().await?;
                let drills = store::drills::list(&mut db, &filter).await?;
                let subjects: Vec<String> = drills.iter().map(subject).collect();
                let files = store::evidence::of_each(&mut *db, &subjects).await?;
                let row = |it: &Drill| {
                    let own = files.get(&subject(it)).map(Vec::as_slice);
                    cells(it, own.unwrap_or_default(), self.sheet)
                };
                let rows: Vec<_> = drills.iter().map(row).collect();
                Ok((drills, rows))
            })
            .await?;
        let full = drills.len() >= BATCH as usize;
        if let Some(last) = drills.last().filter(|_| full) {
            let after = Some((key_of(last, filter.sort), last.id.0));
            self.filter = Some(Filter { after, ..filter });
        }
        Ok((!rows.is_empty()).then_some(rows))
    }
}
