//! The query string of a request.

use std::collections::HashMap;
use std::time::Duration;

use super::answer::Refusal;
use crate::sim::selectors::Selector;

/// The parameters of a request; the last of several of one name counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(HashMap<String, String>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// A parameter, or "".
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), "true" | "1")
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).parse().ok()
    }

    pub(crate) fn selector(&self) -> Result<Selector, Refusal> {
        Selector::parse(self.get("labelSelector"), self.get("fieldSelector"))
            .map_err(Refusal::bad_request)
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.get("dryRun") == "All"
    }

    /// How long a watch is kept open at most; 30 min where nothing is said.
    pub(crate) fn watch_time(&self) -> Duration {
        Duration::from_secs(self.number("timeoutSeconds").filter(|s| *s > 0).unwrap_or(1800))
    }

    /// `resourceVersion`: `None` where unset or 0 ("any").
    pub(crate) fn version(&self) -> Result<Option<u64>, Refusal> {
        match self.get("resourceVersion") {
            "" | "0" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Refusal::bad_request(format!("invalid resource version \"{text}\""))),
        }
    }
}
