//! Files that come in and go out. What comes in is a form with a file; what goes out can do nothing in a browser.

use app::doors::Context;
use app::pages::drills::UPLOAD;
use app::pages::error::Error;
use app::pages::visit::Visit;
use app::wishes::evidence::{self as wishes, NewEvidence};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Multipart, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::access::Action;
use domain::evidence::{Evidence, EvidenceKind, LARGEST, NotKept, Sha256, is_raster, sent_as};
use domain::fields::{Fault, Faults};
use futures::stream::BoxStream;

use super::{Web, context, forms};
use crate::adapters::objects::{Broken, Objects, Received};

/// Of a request with a file, in bytes: the file and what is said of it.
pub(super) const LONGEST: usize = LARGEST as usize + (1 << 20);

/// Of one field beside the file, in bytes.
const LONGEST_FIELD: usize = 4096;

/// Of the name of a file, in characters.
const LONGEST_NAME: usize = 200;

/// Nothing in a file runs, loads or frames anything.
const SANDBOX: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// A form with a file.
#[derive(Debug, Default)]
pub(super) struct Upload {
    file: Option<(Received, String)>,
    fields: Vec<(String, String)>,
}

impl Upload {
    /// Hashes the file while it comes in; nothing is kept yet.
    ///
    /// # Errors
    /// [`Error::NotKept`] for one that is too large, before any of it is read where its sender says so; the field
    /// that is wrong.
    pub(super) async fn read(
        objects: &Objects,
        headers: &HeaderMap,
        mut form: Multipart,
    ) -> Result<Self, Error> {
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
        if length.is_some_and(|it: u64| it > LONGEST as u64) {
            return Err(Error::NotKept(NotKept::TooLarge));
        }
        let mut upload = Self::default();
        while let Some(field) = form.next_field().await.map_err(|it| interrupted(&it))? {
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" => {
                    let called = called(field.file_name().unwrap_or_default());
                    let file = objects.receive(field).await.map_err(|broken| match broken {
                        Broken::NotKept(why) => Error::NotKept(why),
                        Broken::Empty => Error::field("file", Fault::Required),
                        Broken::Stream(error) => interrupted(&error),
                    })?;
                    upload.file = Some((file, called));
                }
                "kind" | "subject" | "sha256" | "restricted" => {
                    let value = short(field, &name).await?;
                    upload.fields.push((name, value));
                }
                _ => return Err(Error::field(&name, Fault::Unexpected)),
            }
        }
        Ok(upload)
    }

    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.trim()).filter(|it| !it.is_empty())
    }

    /// Keeps the file, and then writes its row.
    ///
    /// # Errors
    /// Faults by field, [`Error::NotKept`]; nothing is left behind then that anybody could find.
    pub(super) async fn keep(self, cx: &Context, objects: &Objects) -> Result<Evidence, Error> {
        let mut faults = Faults::default();
        let kind = self.field("kind").map(EvidenceKind::parse);
        if kind.flatten().is_none() {
            let words = EvidenceKind::ALL.iter().map(|it| it.as_str().to_owned()).collect();
            faults.add("kind", kind.map_or(Fault::Required, |_| Fault::NotOneOf(words)));
        }
        let subject = self.field("subject").map(str::to_owned);
        if subject.is_none() {
            faults.add("subject", Fault::Required);
        }
        let restricted = match self.field("restricted") {
            None | Some("false") => false,
            Some("true" | "on") => true,
            Some(_) => {
                faults.add("restricted", Fault::NotOneOf(vec!["true".into(), "false".into()]));
                false
            }
        };
        match (&self.file, self.field("sha256")) {
            (None, _) => faults.add("file", Fault::Required),
            (Some((file, _)), Some(claimed)) => {
                let bare = claimed.strip_prefix("sha256:").unwrap_or(claimed);
                if !bare.eq_ignore_ascii_case(file.sha256.as_str()) {
                    faults.add("sha256", Fault::Differs { found: file.sha256.to_string() });
                }
            }
            (Some(_), None) => {}
        }
        faults.into_result()?;
        let (Some((file, name)), Some(kind), Some(subject)) = (self.file, kind.flatten(), subject)
        else {
            return Err(Error::Malformed);
        };
        wishes::may_add(cx, &subject, &file.sha256).await?;
        let new = NewEvidence {
            sha256: file.sha256.clone(),
            size: file.size,
            media_type: file.media_type.to_owned(),
            name,
            kind,
            subject,
            restricted,
        };
        objects.keep(file).await.map_err(Error::NotKept)?;
        wishes::add(cx, new).await
    }
}

/// Too much, or a sender that went away.
fn interrupted(error: &MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::NotKept(NotKept::TooLarge),
        _ => Error::Malformed,
    }
}

async fn short(mut field: Field<'_>, name: &str) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|it| interrupted(&it))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_FIELD {
            return Err(Error::field(name, Fault::TooLong { most: LONGEST_FIELD }));
        }
    }
    let text = String::from_utf8(bytes).ok().filter(|it| !it.contains('\0'));
    text.ok_or_else(|| Error::field(name, Fault::Malformed("it is no text".into())))
}

/// The last part of a path, without what no name of a file holds.
pub(super) fn called(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|it| !it.is_control()).take(LONGEST_NAME).collect();
    match clean.trim() {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

/// The form on the page of a drill.
pub(super) async fn upload_of_drill(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(number): Path<String>,
    headers: HeaderMap,
    form: Multipart,
) -> Response {
    upload(&web, &visit, "drills", &number, &headers, form).await
}

/// The form on the page of a spot check.
pub(super) async fn upload_of_spot_check(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(number): Path<String>,
    headers: HeaderMap,
    form: Multipart,
) -> Response {
    upload(&web, &visit, "spot-checks", &number, &headers, form).await
}

/// The sender goes back to the page, and learns what became of it.
async fn upload(
    web: &Web,
    visit: &Visit,
    kind: &str,
    number: &str,
    headers: &HeaderMap,
    form: Multipart,
) -> Response {
    if !number.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-') {
        return StatusCode::NOT_FOUND.into_response();
    }
    let page = format!("/{kind}/{number}");
    let (Some(cx), Some(user)) = (context(web, visit), &visit.user) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    if !visit.may_somewhere(Action::UploadEvidence) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let kept = async {
        let mut upload = Upload::read(&web.objects, headers, form).await?;
        upload.fields.push(("subject".into(), format!("{kind}/{number}")));
        upload.keep(&cx, &web.objects).await
    };
    forms::back(&cx, user.id, UPLOAD, kept.await.err(), &format!("{page}#evidence")).await
}

/// For somebody who is signed in.
pub(super) async fn download(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(file): Path<String>,
) -> Response {
    let Some(cx) = context(&web, &visit) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    match send(&cx, &web.objects, &file).await {
        Ok(response) => response,
        Err(error) => (error.status(), error.text(visit.lang)).into_response(),
    }
}

/// The file itself: to be saved, and only plain pictures to be looked at in place.
pub(super) async fn send(cx: &Context, objects: &Objects, file: &str) -> Result<Response, Error> {
    let file: Sha256 = file.parse().map_err(|_| Error::NotFound)?;
    let rows = wishes::read(cx, &file).await?;
    let row = rows.first().ok_or(Error::NotFound)?;
    if let Some(erased) = rows.iter().find_map(|it| it.erased.as_ref()) {
        return Err(Error::Erased(erased.reason.clone()));
    }
    let content = objects.read(&file).await.map_err(Error::NotKept)?.ok_or_else(|| {
        tracing::error!("evidence {file} is in the ledger and not in the object store");
        Error::NotFound
    })?;
    let file = Sent { media_type: &row.media_type, name: &row.name, size: row.size, sha256: &file };
    sent(content, &file)
}

/// What is said of a file that goes out.
pub(super) struct Sent<'a> {
    pub(super) media_type: &'a str,
    pub(super) name: &'a str,
    /// Bytes.
    pub(super) size: u64,
    pub(super) sha256: &'a Sha256,
}

/// A file that can do nothing in a browser.
pub(super) fn sent(
    content: BoxStream<'static, object_store::Result<Bytes>>,
    file: &Sent<'_>,
) -> Result<Response, Error> {
    let shown = if is_raster(file.media_type) { "inline" } else { "attachment" };
    let name: String = form_urlencoded::byte_serialize(file.name.as_bytes()).collect();
    let disposition = format!("{shown}; filename*=UTF-8''{}", name.replace('+', "%20"));
    let mut response = Body::from_stream(content).into_response();
    let headers = response.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Error::Internal);
    headers.insert(header::CONTENT_TYPE, value(sent_as(file.media_type))?);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.size));
    headers.insert(header::CONTENT_DISPOSITION, value(&disposition)?);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    headers.insert(header::ETAG, value(&format!("\"{}\"", file.sha256))?);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for (sent, kept) in [
            ("grafana.png", "grafana.png"),
            ("C:\\fakepath\\截图 1.png", "截图 1.png"),
            ("../../etc/passwd", "passwd"),
            ("a\r\nset-cookie: x", "aset-cookie: x"),
            ("/", "file"),
            ("", "file"),
        ] {
            assert_eq!(called(sent), kept, "{sent:?}");
        }
    }
}
