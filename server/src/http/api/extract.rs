//! Body and query of a request as our types. What does not fit is answered with the field that is wrong.

use app::pages::error::Error;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::fields::Fault;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::Problem;

/// A JSON body. Fields that are not known are refused by the types themselves (`deny_unknown_fields`).
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(too_large)?;
        parse(&bytes).map(Self)
    }
}

fn too_large(rejection: BytesRejection) -> Problem {
    Problem::new(rejection.status(), "body", rejection.body_text())
}

/// # Errors
/// 400 for what is no JSON, 422 with the field for JSON that is not what was asked for.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    refuse_nul(bytes)?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        match error.inner().classify() {
            Category::Data => {
                let path = error.path().to_string();
                misfit(&path, &error.inner().to_string())
            }
            _ => not_json(error.inner()),
        }
    })?;
    json.end().map_err(|it| not_json(&it))?;
    Ok(value)
}

/// No body is the body that says nothing.
///
/// # Errors
/// As [`parse`].
pub(crate) fn optional<T: Default + DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    if bytes.is_empty() { Ok(T::default()) } else { parse(bytes) }
}

/// What says nothing, and may be left out altogether.
#[derive(Debug, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed", "The body is not JSON")
        .detail(error.to_string())
}

/// Postgres stores every character but this one.
fn refuse_nul(bytes: &[u8]) -> Result<(), Problem> {
    if !bytes.windows(6).any(|it| it.eq_ignore_ascii_case(b"\\u0000")) {
        return Ok(());
    }
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => match nul_in(&value, "") {
            Some(field) => Err(fault(&field, Fault::Malformed("the character U+0000".into()))),
            None => Ok(()),
        },
        Err(error) => Err(not_json(&error)),
    }
}

/// The path of the first text with a NUL in it.
fn nul_in(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(n, it)| nul_in(it, &format!("{path}[{n}]")))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, it)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if name.contains('\0') { Some(path) } else { nul_in(it, &path) }
        }),
        _ => None,
    }
}

/// The query of the address.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        if form_urlencoded::parse(query.as_bytes()).any(|(_, value)| value.contains('\0')) {
            return Err(fault("", Fault::Malformed("the character U+0000".into())));
        }
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let text = rejection.body_text();
                let text =
                    text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                let (path, why) = text.split_once(": ").unwrap_or(("", text));
                Err(misfit(path, why))
            }
        }
    }
}

/// Takes serde's sentence apart, because it names missing and unknown fields only in words.
fn misfit(path: &str, said: &str) -> Problem {
    let named = |prefix: &str| said.strip_prefix(prefix)?.split('`').next().map(str::to_owned);
    let below = |name: String| match path {
        "" | "." => name,
        path => format!("{path}.{name}"),
    };
    if let Some(name) = named("unknown field `") {
        // The path ends in the unknown field already where the reader got that far.
        let is_last = path == name || path.ends_with(&format!(".{name}"));
        return fault(&if is_last { path.to_owned() } else { below(name) }, Fault::Unexpected);
    }
    if let Some(name) = named("missing field `") {
        return fault(&below(name), Fault::Required);
    }
    let path = if path == "." { "" } else { path };
    // Where in the text it stands helps nobody who sends the JSON by program.
    let said = said.split(" at line ").next().unwrap_or(said);
    fault(path, Fault::Malformed(said.to_owned()))
}

fn fault(field: &str, fault: Fault) -> Problem {
    Error::field(field, fault).into()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only read by serde")]
        name: String,
        #[expect(dead_code, reason = "only read by serde")]
        #[serde(default)]
        parts: Vec<Part>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        #[expect(dead_code, reason = "only read by serde")]
        size: u8,
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (body, status, field) in [
            (r#"{"name": "a"}"#, 200, ""),
            ("{", 400, ""),
            ("", 400, ""),
            (r#"{"name": "a"} x"#, 400, ""),
            (r#"{"nam": "a"}"#, 422, "nam"),
            ("{}", 422, "name"),
            ("[]", 422, "name"),
            (r#"{"name": 1}"#, 422, "name"),
            (r#"{"name": "a\u0000"}"#, 422, "name"),
            (r#"{"name": "a\\u0000"}"#, 200, ""),
            (r#"{"name": "a", "parts": [{"size": 1}, {"size": 300}]}"#, 422, "parts[1].size"),
            (r#"{"name": "a", "parts": [{"size": 1, "x": 1}]}"#, 422, "parts[0].x"),
        ] {
            let problem = match parse::<Sample>(body.as_bytes()) {
                Ok(_) => json!({"status": 200}),
                Err(it) => serde_json::to_value(it).unwrap(),
            };
            assert_eq!(problem["status"], status, "{body}: {problem}");
            if status == 422 && body != "[]" {
                assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
            }
        }
    }
}
