//! Lists, a page at a time. A cursor is the key of the last row, so a page is as fast at the end of a list as
//! at its beginning, and rows that come in between are neither doubled nor lost.

use app::pages::error::Error;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use domain::fields::Fault;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const MOST: u16 = 500;
const USUAL: u16 = 50;

/// A file to be saved under this name.
pub(crate) fn attachment(content: Body, kind: &'static str, disposition: &'static str) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}

/// `{items, next_cursor}`; the last page has no next one.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// `?limit=&cursor=` of every list. Flatten it into the query of a list, or name both fields there.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
}

/// The query of the lists whose rows are dated and belong to services.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfServices {
    /// A name.
    pub(crate) service: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) sort: Option<String>,
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
}

impl Cursor {
    /// How many rows a page has; ask the store for one more, so that [`Cursor::page`] knows if there is a next.
    ///
    /// # Errors
    /// 422 for none and for more than 500.
    pub(crate) fn limit(&self) -> Result<i64, Error> {
        match self.limit.unwrap_or(USUAL) {
            limit @ 1..=MOST => Ok(limit.into()),
            _ => Err(Error::field("limit", Fault::OutOfRange { from: 1, to: MOST.into() })),
        }
    }

    /// The key after which the page begins.
    ///
    /// # Errors
    /// 422 for a cursor that none of our answers held.
    pub(crate) fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Error> {
        let Some(text) = &self.cursor else { return Ok(None) };
        let wrong = || Error::field("cursor", Fault::Unknown);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| wrong())
    }

    /// A file has all rows.
    ///
    /// # Errors
    /// 422 for what only pages have.
    pub(crate) fn of_file(&self) -> Result<(), Error> {
        let asked = [("limit", self.limit.is_some()), ("cursor", self.cursor.is_some())];
        match asked.into_iter().find(|it| it.1) {
            Some((field, _)) => Err(Error::field(field, Fault::Unexpected)),
            None => Ok(()),
        }
    }

    /// A page of `rows`, which hold one more than the limit where there is a next page.
    pub(crate) fn page<R, K: Serialize, T>(
        &self,
        mut rows: Vec<R>,
        key: impl Fn(&R) -> K,
        item: impl FnMut(R) -> T,
    ) -> Result<Page<T>, Error> {
        let limit = usize::try_from(self.limit()?).unwrap_or(usize::from(MOST));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(key);
        let next_cursor = next.and_then(|it| serde_json::to_vec(&it).ok());
        let next_cursor = next_cursor.map(|it| BASE64_URL_SAFE_NO_PAD.encode(it));
        Ok(Page { items: rows.into_iter().map(item).collect(), next_cursor })
    }
}

/// Lists have one order, newest first, by the field they are dated with; `created_at` names it too.
///
/// # Errors
/// 422 for any other.
pub(crate) fn newest_first(sort: Option<&str>, dated: &str) -> Result<(), Error> {
    let own = format!("-{dated}");
    match sort {
        None | Some("-created_at") => Ok(()),
        Some(it) if it == own => Ok(()),
        Some(_) => Err(Error::field("sort", Fault::NotOneOf(vec!["-created_at".into(), own]))),
    }
}

/// One of the words of an enum.
///
/// # Errors
/// 422 with the words there are.
pub(crate) fn word<T: Copy>(
    text: &str,
    field: &str,
    parse: impl Fn(&str) -> Option<T>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, Error> {
    let words = || all.iter().map(|it| name(*it).to_owned()).collect();
    parse(text).ok_or_else(|| Error::field(field, Fault::NotOneOf(words())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another() {
        let mut cursor = Cursor { limit: Some(2), cursor: None };
        let mut seen = Vec::new();
        loop {
            let after: i64 = cursor.after().unwrap().unwrap_or(0);
            let rows: Vec<i64> = (after + 1..=5).take(3).collect();
            let page = cursor.page(rows, |it| *it, |it| it).unwrap();
            seen.push(page.items);
            match page.next_cursor {
                Some(next) => cursor.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, [vec![1, 2], vec![3, 4], vec![5]]);
    }

    #[test]
    fn a_limit_and_a_cursor_of_ones_own_making_are_refused() {
        for limit in [0, MOST + 1] {
            assert!(Cursor { limit: Some(limit), cursor: None }.limit().is_err());
        }
        for cursor in ["x", "!!", "", "bnVsbA"] {
            let cursor = Cursor { limit: None, cursor: Some(cursor.into()) };
            assert!(cursor.after::<i64>().is_err(), "{cursor:?}");
        }
    }
}
