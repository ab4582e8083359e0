//! Bundles: all of a drill, or of something else that has one, with its evidence, signed, to be verified elsewhere.

use std::io::{self, Read, Seek, SeekFrom};

use app::doors::Context;
use app::pages::error::Error;
use app::wishes::evidence as wishes;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::access::{Action, Subject};
use domain::bundle::{AUDIT, CHECKPOINT, EVIDENCE, Listed, SealedEntry, SignedHead};
use domain::drills::Drill;
use domain::evidence::{Evidence, Sha256};
use domain::rollbacks::Rollback;
use domain::runs::Run;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio_util::io::ReaderStream;
use utoipa_axum::routes;

use super::{Endpoint, Problem, Shared, drills, needs, rollbacks, runs};
use crate::adapters::objects::Objects;
use crate::bundle::Writer;
use crate::http::Web;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::ExportBundle, routes!(bundle))]
}

/// A zip with the drill's row, measurements, runs with their approvals, rollbacks, audit entries with their seals, the
/// newest signed checkpoint, the evidence that the caller may read, and a signed manifest of it all.
#[utoipa::path(get, path = "/drills/{number}/bundle", tag = "drills", params(("number" = String, Path)),
    responses((status = 200, description = "the bundle", content_type = "application/zip")))]
async fn bundle(
    State(web): Shared,
    Extension(cx): Extension<Context>,
    Path(number): Path<String>,
) -> Result<Response, Problem> {
    let collected = cx.read(Action::ExportBundle, async |cx| collect(cx, &number).await).await?;
    send(web, &cx, collected).await
}

/// Writes it, notes that it was exported, and sends it.
pub(super) async fn send(
    web: Web,
    cx: &Context,
    collected: Collected,
) -> Result<Response, Problem> {
    let (number, subject) = (collected.number.clone(), collected.subject.clone());
    let file = write(web, cx, collected).await?;
    let length = file.metadata().map_err(|error| lost(&error.into()))?.len();
    cx.write(Action::ExportBundle, subject, async |_, tx| {
        tx.detail("size", length);
        Ok(())
    })
    .await?;
    let mut response =
        Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(file))).into_response();
    describe(response.headers_mut(), &number, length);
    Ok(response)
}

fn describe(headers: &mut HeaderMap, number: &str, length: u64) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    // A number holds nothing but letters, digits and hyphens.
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{number}.zip\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
}

/// What goes into a bundle.
pub(super) struct Collected {
    subject: Subject,
    number: String,
    /// Path and content of everything that is no evidence.
    lists: Vec<(&'static str, Vec<u8>)>,
    evidence: Vec<Sha256>,
}

impl Collected {
    /// A file that proves several things is there once.
    pub(super) fn new(
        subject: Subject,
        number: String,
        lists: Vec<(&'static str, Vec<u8>)>,
        listed: &[Listed],
    ) -> Self {
        let mut evidence: Vec<Sha256> = Vec::new();
        for it in listed.iter().filter(|it| it.included) {
            if !evidence.contains(&it.evidence.sha256) {
                evidence.push(it.evidence.sha256.clone());
            }
        }
        Self { subject, number, lists, evidence }
    }
}

async fn collect(cx: &Context, number: &str) -> Result<Collected, Error> {
    let drill = store::drills::find(&cx.db, number).await?;
    cx.require(Action::ExportBundle, &app::wishes::drills::place(&drill))?;
    let rollbacks = store::rollbacks::of_drill(&cx.db, drill.id).await?;
    let mut runs = store::runs::of_drill(&cx.db, drill.id).await?;
    for run in rollbacks.iter().filter_map(|it| it.run) {
        runs.push(store::runs::get(&cx.db, run).await?);
    }
    let own = std::iter::once(Subject::new("drills", &drill.number));
    let others = rollbacks.iter().map(|it| Subject::new("rollbacks", &it.number));
    let subjects: Vec<_> = own.chain(others).collect();
    let listed = shown_evidence(cx, &subjects).await?;
    // Read last: of everything that the rows say the log says it, too.
    let mut named: Vec<_> = subjects.iter().map(Subject::to_string).collect();
    named.extend(runs.iter().map(|it| Subject::new("runs", it.id).to_string()));
    let (entries, head) = log(cx, &named).await?;
    let lists = vec![
        ("drill.json", text(&row(cx, &drill))?),
        ("measurements.json", text(&drill.measurements)?),
        ("approvals.json", text(&approvals(&runs))?),
        ("runs.json", text(&shown_runs(cx, &runs).await?)?),
        ("rollbacks.json", text(&shown_rollbacks(cx, rollbacks).await?)?),
        (AUDIT, text(&entries)?),
        (CHECKPOINT, text(&head)?),
        (EVIDENCE, text(&listed)?),
    ];
    let subject = Subject::new("drills", &drill.number);
    Ok(Collected::new(subject, drill.number, lists, &listed))
}

pub(super) fn text(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec_pretty(value).map_err(|error| lost(&error.into()))
}

/// Without what is against the reader's own signature: that is about the reader.
fn row(cx: &Context, drill: &Drill) -> Value {
    let mut shown = drills::shown(cx, drill);
    if let Some(members) = shown.as_object_mut() {
        members.remove("refusals");
    }
    shown
}

fn approvals(runs: &[Run]) -> Vec<Value> {
    let of_run = |run: &Run| {
        json!({
            "run": run.id, "purpose": run.purpose, "requested_by": run.requested_by,
            "plan_digest": run.plan.digest(), "approvals": runs::approvals(run),
        })
    };
    runs.iter().map(of_run).collect()
}

async fn shown_runs(cx: &Context, all: &[Run]) -> Result<Vec<Value>, Error> {
    let mut shown = Vec::with_capacity(all.len());
    for run in all {
        shown.push(runs::shown(cx, run).await?);
    }
    Ok(shown)
}

async fn shown_rollbacks(cx: &Context, all: Vec<Rollback>) -> Result<Vec<Value>, Error> {
    let mut shown = Vec::with_capacity(all.len());
    for rollback in all {
        shown.push(rollbacks::shown(cx, rollback).await?);
    }
    Ok(shown)
}

/// The files of these subjects; of the restricted ones only those that the caller may read are included.
pub(super) async fn shown_evidence(
    cx: &Context,
    subjects: &[Subject],
) -> Result<Vec<Listed>, Error> {
    let mut files: Vec<Evidence> = Vec::new();
    for subject in subjects {
        files.extend(store::evidence::of(&cx.db, subject.as_str()).await?);
    }
    let mut listed = Vec::with_capacity(files.len());
    for evidence in files {
        let included = match wishes::read(cx, &evidence.sha256).await {
            // The row says why it is not there.
            Ok(_) => evidence.erased.is_none(),
            Err(Error::Forbidden | Error::Lacking(_)) => false,
            Err(error) => return Err(error),
        };
        listed.push(Listed { evidence, included });
    }
    Ok(listed)
}

/// The entries of the log about these subjects, and the newest signed head.
pub(super) async fn log(
    cx: &Context,
    subjects: &[String],
) -> Result<(Vec<SealedEntry>, Option<SignedHead>), Error> {
    let entries = store::audit::list::of_subjects(&cx.db, subjects).await?;
    let entries = entries.into_iter().map(|it| SealedEntry::new(it.entry, it.seal));
    let head = store::audit::chain::latest_checkpoint(&cx.db).await?;
    Ok((entries.collect(), head.map(Into::into)))
}

/// On the disk first: what cannot be had is said before anything is sent, and memory does not grow with the evidence.
async fn write(web: Web, cx: &Context, collected: Collected) -> Result<std::fs::File, Error> {
    let (at, by) = (cx.now, cx.caller.actor().to_string());
    let handle = Handle::current();
    let written = tokio::task::spawn_blocking(move || {
        let mut writer = Writer::new(tempfile::tempfile()?);
        for (path, content) in &collected.lists {
            writer.add(path, &**content)?;
        }
        for file in &collected.evidence {
            // What the store has lost is listed and not there; whoever verifies learns it.
            if let Some(content) = Content::open(&handle, &web.objects, file)? {
                writer.add(&file.path(), content)?;
            }
        }
        let subject = collected.subject.as_str();
        let mut file = writer.finish(subject, at, &by, |statement| web.key.sign(statement))?;
        file.seek(SeekFrom::Start(0))?;
        anyhow::Ok(file)
    });
    let written = written.await.map_err(|error| lost(&error.into()))?;
    written.map_err(|error| lost(&error))
}

fn lost(error: &anyhow::Error) -> Error {
    tracing::error!("a bundle could not be made: {error:#}");
    Error::Internal
}

/// A file of the object store, read by a thread that may wait for it.
struct Content {
    handle: Handle,
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
    rest: Bytes,
}

impl Content {
    fn open(handle: &Handle, objects: &Objects, file: &Sha256) -> anyhow::Result<Option<Self>> {
        let chunks = handle.block_on(objects.read(file))?;
        let open = |chunks| Self { handle: handle.clone(), chunks, rest: Bytes::new() };
        Ok(chunks.map(open))
    }
}

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.handle.block_on(self.chunks.next()) {
                Some(chunk) => self.rest = chunk.map_err(io::Error::other)?,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.rest.len());
        into[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}
