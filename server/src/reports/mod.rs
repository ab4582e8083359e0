//! Printed reports: data set by a template into a PDF.
//!
//! **Invariant:** what people wrote reaches a template as data and is never read as markup. A template sees no file,
//! network or clock; the same data always gives the same bytes.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, Timelike, Utc};
use domain::quarters::Quarter;
use domain::quarters::paper::Paper;
use serde_json::json;
use tokio::sync::Semaphore;
use typst::diag::{SourceDiagnostic, Warned};
use typst::foundations::{Bytes, Datetime, Dict, Smart};
use typst::text::Font;
use typst_as_lib::TypstEngine;
use typst_pdf::{PdfOptions, Timestamp};

#[cfg(test)]
mod tests;

/// What every report looks like; templates import it.
const LOOK: (&str, &str) = ("look.typ", include_str!("look.typ"));

const QUARTER: Template = Template { name: "quarter.typ", text: include_str!("quarter.typ") };

const REGULAR: &[u8] = include_bytes!("../../fonts/NotoSansSC-Regular-GB2312.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/NotoSansSC-Bold-GB2312.ttf");

static FONTS: LazyLock<Vec<Font>> = LazyLock::new(|| {
    [REGULAR, BOLD].into_iter().flat_map(|it| Font::iter(Bytes::new(it))).collect()
});

/// Whoever waits longer for a report gets none.
const PATIENCE: Duration = Duration::from_secs(120);

/// One is set at a time: it takes a whole core and some memory.
static PLACE: Semaphore = Semaphore::const_new(1);

/// A source that finds its data in `sys.inputs.data`.
#[derive(Clone, Copy, Debug)]
struct Template {
    name: &'static str,
    text: &'static str,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum NotPrinted {
    #[error("setting it took longer than {} s", PATIENCE.as_secs())]
    TooSlow,
    #[error("it cannot be set: {0}")]
    Broken(String),
}

/// The report of a closed quarter as a PDF.
///
/// # Errors
/// [`NotPrinted`].
pub async fn quarter(quarter: &Quarter, paper: &Paper) -> Result<Vec<u8>, NotPrinted> {
    print(document_of(quarter, paper)?).await
}

fn document_of(quarter: &Quarter, paper: &Paper) -> Result<Document, NotPrinted> {
    let data = serde_json::to_value(paper);
    Ok(Document {
        template: QUARTER,
        data: data.map_err(|error| NotPrinted::Broken(error.to_string()))?,
        id: format!("quarters/{} {}", quarter.period, quarter.digest),
        at: quarter.closed_at,
    })
}

/// What is set.
#[derive(Clone, Debug)]
struct Document {
    template: Template,
    data: serde_json::Value,
    /// Names it for ever; no other document has it.
    id: String,
    /// When what it says was fixed.
    at: DateTime<Utc>,
}

/// On a thread of its own, which others can do without. One that takes too long is not waited for; the next one waits
/// until it has ended.
async fn print(document: Document) -> Result<Vec<u8>, NotPrinted> {
    let printed = async {
        let place = PLACE.acquire().await.map_err(|it| NotPrinted::Broken(it.to_string()))?;
        let set = tokio::task::spawn_blocking(move || {
            let _place = place;
            let begun = Instant::now();
            let set = set(&document);
            metrics::histogram!("lifeboat_print_seconds", "template" => document.template.name)
                .record(begun.elapsed().as_secs_f64());
            set
        });
        set.await.map_err(|it| NotPrinted::Broken(it.to_string()))?
    };
    tokio::time::timeout(PATIENCE, printed).await.map_err(|_| NotPrinted::TooSlow)?
}

fn set(document: &Document) -> Result<Vec<u8>, NotPrinted> {
    let Document { template, data, id, at } = document;
    let inputs: Dict = serde_json::from_value(json!({ "data": data }))
        .map_err(|error| NotPrinted::Broken(error.to_string()))?;
    let engine = TypstEngine::builder()
        .main_file((template.name, template.text))
        .with_static_source_file_resolver([LOOK])
        .fonts(FONTS.iter().cloned())
        .build();
    let Warned { output, warnings } = engine.compile_with_input(inputs);
    for warning in &warnings {
        tracing::warn!("{}: {}", template.name, warning.message);
    }
    let set = output.map_err(|error| NotPrinted::Broken(error.to_string()))?;
    let options = PdfOptions {
        ident: Smart::Custom(id.clone()),
        creator: Smart::Custom(Some("Lifeboat".to_owned())),
        timestamp: stamp(*at),
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&set, &options).map_err(|errors| NotPrinted::Broken(said(&errors)))
}

fn said(errors: &[SourceDiagnostic]) -> String {
    errors.iter().map(|it| it.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// In whole seconds of UTC.
fn stamp(at: DateTime<Utc>) -> Option<Timestamp> {
    let small = |it: u32| u8::try_from(it).ok();
    let (date, time) = (at.date_naive(), at.time());
    let moment = Datetime::from_ymd_hms(
        date.year(),
        small(date.month())?,
        small(date.day())?,
        small(time.hour())?,
        small(time.minute())?,
        small(time.second())?,
    );
    moment.map(Timestamp::new_utc)
}
