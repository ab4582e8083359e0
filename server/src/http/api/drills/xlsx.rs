//! The ledger as a workbook. It is a zip whose end says where its parts are, so it is made whole, in a file that nobody
//! else sees, and sent then.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use app::doors::Context;
use app::pages::error::Error;
use app::pages::visit::Visit;
use app::wishes::drills::asked::AskedList;
use axum::Extension;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use domain::drills::ledger::{Cell, Column, MOST_IN_A_WORKBOOK, Sheet};
use domain::texts::{Lang, drills, ledger};
use rust_xlsxwriter::{Format, FormatAlign, Workbook, Worksheet, XlsxError};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::super::page::attachment;
use super::files::Batches;
use super::{Problem, Query};

type Rows = Vec<Vec<Cell>>;

/// The most that a cell holds, in UTF-16 units.
const LONGEST: usize = 32_767;

/// The filtered ledger in its order, in the reader's language or in `lang`, with real numbers and moments; those are in
/// the installation's zone, which the heads name. At most 20,000 rows.
#[utoipa::path(get, path = "/drills.xlsx", tag = "drills",
    responses((status = 200, description = "all rows",
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))]
pub(super) async fn xlsx(
    Extension(cx): Extension<Context>,
    Extension(visit): Extension<Visit>,
    Query(asked): Query<AskedList>,
) -> Result<Response, Problem> {
    let mut batches = Batches::new(cx, &visit, &asked)?;
    let sheet = batches.sheet;
    let (send, receive) = mpsc::channel::<Rows>(1);
    let made = tokio::task::spawn_blocking(move || workbook(receive, sheet));
    let mut count = 0;
    while let Some(rows) = batches.next().await? {
        count += rows.len();
        if count > MOST_IN_A_WORKBOOK {
            return Err(too_many());
        }
        // Where the writer has given up, its error is the answer.
        if send.send(rows).await.is_err() {
            break;
        }
    }
    drop(send);
    let file = made.await.map_err(|error| broken(&error))?.map_err(|error| broken(&error))?;
    let content = ReaderStream::new(tokio::fs::File::from_std(file));
    Ok(attachment(
        Body::from_stream(content),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "attachment; filename=\"drills.xlsx\"",
    ))
}

fn too_many() -> Problem {
    let said = (ledger::TEXTS.of(Lang::En).too_many_rows)(MOST_IN_A_WORKBOOK);
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many-rows", said)
}

fn broken(error: &dyn std::error::Error) -> Error {
    tracing::error!("a workbook could not be made: {error}");
    Error::Internal
}

#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error("its file")]
    File(#[from] std::io::Error),
    #[error("its cells: {0}")]
    Cells(#[from] XlsxError),
}

/// Writes the rows as they come; only one is in memory.
fn workbook(mut rows: mpsc::Receiver<Rows>, sheet: Sheet) -> Result<File, Unmade> {
    let moment = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss").set_align(FormatAlign::Top);
    let plain = Format::new().set_align(FormatAlign::Top);
    let bold = Format::new().set_bold();
    let mut workbook = Workbook::new();
    let table = workbook.add_worksheet_with_constant_memory()?;
    table.set_name(drills::TEXTS.of(sheet.lang).title)?;
    table.set_freeze_panes(1, 1)?;
    let columns = Column::all();
    for (place, column) in (0..).zip(&columns) {
        table.set_column_width(place, 18)?;
        table.write_string_with_format(0, place, head(*column, sheet), &bold)?;
    }
    let mut line = 0;
    while let Some(batch) = rows.blocking_recv() {
        for row in batch {
            line += 1;
            for (place, cell) in (0..).zip(row) {
                write(table, (line, place), &cell, sheet, (&plain, &moment))?;
            }
        }
    }
    let last = u16::try_from(columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
    table.autofilter(0, 0, line, last)?;
    let mut file = tempfile::tempfile()?;
    workbook.save_to_writer(&mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// A moment has no zone of its own in a workbook.
fn head(column: Column, sheet: Sheet) -> String {
    use Column::{PlannedAt, RecoveredAt, RetestDue, SignedAt, T0, T1};
    let name = column.head(sheet.lang);
    match column {
        PlannedAt | T0 | RecoveredAt | T1 | SignedAt | RetestDue => {
            format!("{name} ({})", sheet.zone.name())
        }
        _ => name.to_owned(),
    }
}

/// A text is a text for every program, whatever it begins with: only a formula's own element is computed.
fn write(
    table: &mut Worksheet,
    (line, place): (u32, u16),
    cell: &Cell,
    sheet: Sheet,
    (plain, moment): (&Format, &Format),
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) => {
            table.write_string_with_format(line, place, cut(text), plain)?;
        }
        Cell::Number(number) => {
            table.write_number_with_format(line, place, *number, plain)?;
        }
        Cell::At(at) => {
            let local = at.with_timezone(&sheet.zone).naive_local();
            table.write_datetime_with_format(line, place, local, moment)?;
        }
    }
    Ok(())
}

fn cut(text: &str) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, it)| {
        units += it.len_utf16();
        units > LONGEST
    });
    end.map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_as_long_as_a_program_opens() {
        assert_eq!(cut("=1+1"), "=1+1");
        assert_eq!(cut(&"台".repeat(LONGEST + 1)).chars().count(), LONGEST);
        assert_eq!(cut(&"𝄞".repeat(LONGEST)).chars().count(), LONGEST / 2);
    }
}
