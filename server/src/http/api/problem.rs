//! What went wrong, as RFC 9457 has it: `application/problem+json` with a `type` that stays.

use app::pages::error::Error;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::evidence::NotKept;
use domain::texts::{Lang, drills};
use serde::Serialize;
use utoipa::ToSchema;

/// In front of every type; what follows never changes its meaning.
const TYPES: &str = "https://lifeboat.dev/problems/";

/// An answer instead of the one that was asked for. The words are English, for programs and their authors.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    #[schema(example = "https://lifeboat.dev/problems/not-found")]
    kind: String,
    title: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What is wrong field by field, where the status is 422.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Everything that stands in the way of signing a drill off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refusals: Vec<ClosingRefusal>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ClosingRefusal {
    #[schema(example = "evidence_missing")]
    code: &'static str,
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct FieldError {
    /// A path as `steps[0].kind`; empty for the whole.
    field: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &str, title: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPES}{code}"),
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            errors: Vec::new(),
            refusals: Vec::new(),
        }
    }

    pub(crate) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = error.status();
        let code = match &error {
            Error::Unauthenticated => "unauthenticated".to_owned(),
            Error::Forbidden | Error::Lacking(_) => "forbidden".to_owned(),
            Error::NotFound => "not-found".to_owned(),
            Error::Malformed => "malformed".to_owned(),
            Error::Invalid(_) => "invalid".to_owned(),
            Error::Refused(refusal) => refusal.code(),
            Error::ClosingRefused(_) => "closing-refused".to_owned(),
            Error::NotKept(NotKept::TooLarge) => "evidence-too-large".to_owned(),
            Error::NotKept(NotKept::Full) => "evidence-store-full".to_owned(),
            Error::NotKept(NotKept::Away) => "evidence-store-away".to_owned(),
            Error::NotKept(NotKept::Erased) => "evidence-was-erased".to_owned(),
            Error::Erased(_) => "erased".to_owned(),
            Error::Unavailable => "unavailable".to_owned(),
            Error::Internal => "internal".to_owned(),
        };
        let problem = Self::new(status, &code, error.title(Lang::En));
        let problem = problem.detail(error.text(Lang::En));
        match error {
            Error::Invalid(faults) => {
                let errors = faults
                    .0
                    .into_iter()
                    .map(|(field, fault)| FieldError { field, message: fault.text(Lang::En) });
                Self { errors: errors.collect(), ..problem }
            }
            Error::ClosingRefused(reasons) => {
                let say = drills::TEXTS.en.against;
                let said =
                    reasons.iter().map(|it| ClosingRefusal { code: it.code(), message: say(it) });
                Self { refusals: said.collect(), ..problem }
            }
            _ => problem,
        }
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
