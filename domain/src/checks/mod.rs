//! Checks: what must hold of a service, and how that is found out.
//!
//! **Invariant:** a check changes nothing, because it is repeated for as long as a rollback is observed; only a
//! [`chain`] does, which is carried out once and takes away again what it made.

pub mod chain;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::{Faults, rules};
use crate::services::WorkloadKind;
use crate::signals::Comparison;
use crate::verdict::Verdict;

/// One question with its expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Check {
    pub name: String,
    pub kind: CheckKind,
    pub timeout_s: u32,
    /// Whether the verification fails with it; otherwise it is only shown.
    pub blocking: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    Http {
        url: String,
        method: Method,
        expect: Expect,
    },
    /// Passes while every sample of the query is `comparison` than the limit.
    Promql {
        query: String,
        comparison: Comparison,
        limit: f64,
    },
    /// About one workload of the service, or about all of them.
    Kubernetes {
        condition: Condition,
        workload: Option<WorkloadName>,
    },
    /// Requests that do what a customer does.
    Chain(chain::Chain),
}

words!(
    /// The methods that change nothing.
    Method { Get = "GET", Head = "HEAD" }
);

words!(
    /// What can be asked of a workload.
    Condition {
        // Every pod of the live revision is ready, and as many as wanted.
        PodsReady = "pods_ready",
        // The condition `Available` is true.
        Available = "available",
        // No rollout is under way.
        RolledOut = "rolled_out",
    }
);

/// A workload of the service that is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadName {
    pub kind: WorkloadKind,
    pub name: String,
}

/// What an HTTP answer must be like; everything named must agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    pub status: Status,
    /// Members that the JSON in the body must have with these values, among others: by their name, or by a pointer
    /// into it (`/data/0/id`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, Value>,
    /// A text that the body must contain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// How long the whole answer may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u32>,
}

impl Default for Expect {
    fn default() -> Self {
        Self { status: Status::Is(200), json: BTreeMap::new(), contains: None, within_ms: None }
    }
}

/// One status, or all that mean success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Status {
    Is(u16),
    Any(Class),
}

words!(
    /// Statuses that mean the same.
    Class { Success = "2xx" }
);

impl Status {
    pub fn fits(self, status: u16) -> bool {
        match self {
            Self::Is(it) => it == status,
            Self::Any(Class::Success) => (200..300).contains(&status),
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(it) => it.fmt(f),
            Self::Any(it) => f.write_str(it.as_str()),
        }
    }
}

impl Expect {
    fn check(&self, faults: &mut Faults, without_body: bool) {
        if let Status::Is(it) = self.status
            && !(100..600).contains(&it)
        {
            faults.at("status").add("is no HTTP status: 100 to 599");
        }
        if without_body && (!self.json.is_empty() || self.contains.is_some()) {
            faults.add("asks for a body, and an answer to HEAD has none");
        }
    }

    /// Whether anything in the body matters.
    pub fn looks_inside(&self) -> bool {
        !self.json.is_empty() || self.contains.is_some()
    }
}

/// What a JSON body has at this name, or at this pointer.
pub fn member<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { body.pointer(name) } else { body.get(name) }
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    pub name: String,
    pub verdict: Verdict,
    /// What was measured; null where nothing could be.
    pub value: Value,
    /// What it was held against; null where there is no one value.
    pub limit: Value,
    pub blocking: bool,
    /// One sentence: what was seen, or what went wrong and what to do about it.
    pub message: String,
}

impl Check {
    /// The one workload that it is about, if it names one.
    pub fn workload(&self) -> Option<&WorkloadName> {
        match &self.kind {
            CheckKind::Kubernetes { workload, .. } => workload.as_ref(),
            CheckKind::Http { .. } | CheckKind::Promql { .. } | CheckKind::Chain(_) => None,
        }
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("timeout_s").refuse(rules::seconds(1, self.timeout_s));
        if self.timeout_s > 300 {
            faults.at("timeout_s").add("is longer than 300 s");
        }
        match &self.kind {
            CheckKind::Http { url, method, expect } => {
                faults.at("url").refuse(rules::url(url));
                expect.check(&mut faults.at("expect"), *method == Method::Head);
            }
            CheckKind::Promql { query, comparison: _, limit } => {
                faults.at("query").refuse(rules::promql(query));
                faults.at("limit").refuse(rules::finite(*limit));
            }
            CheckKind::Kubernetes { condition: _, workload } => {
                if let Some(workload) = workload {
                    faults.at("workload.name").refuse(rules::dns_subdomain(&workload.name));
                }
            }
            CheckKind::Chain(chain) => chain.check(faults),
        }
    }
}

words!(Kind { Http = "http", Promql = "promql", Kubernetes = "kubernetes", Chain = "chain" });

/// The document as it is written. Each kind takes its own members only.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Method>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expect: Option<Expect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<WorkloadName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<chain::Request>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cleanup: Option<Vec<chain::Request>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<BTreeMap<String, String>>,
    #[serde(default = "timeout_s")]
    timeout_s: u32,
    #[serde(default = "blocking")]
    blocking: bool,
}

fn timeout_s() -> u32 {
    5
}

fn blocking() -> bool {
    true
}

impl Fields {
    /// The first member that belongs to another kind.
    fn stray(&self) -> Option<&'static str> {
        let members = [
            ("url", Kind::Http, self.url.is_some()),
            ("method", Kind::Http, self.method.is_some()),
            ("expect", Kind::Http, self.expect.is_some()),
            ("query", Kind::Promql, self.query.is_some()),
            ("comparison", Kind::Promql, self.comparison.is_some()),
            ("limit", Kind::Promql, self.limit.is_some()),
            ("condition", Kind::Kubernetes, self.condition.is_some()),
            ("workload", Kind::Kubernetes, self.workload.is_some()),
            ("steps", Kind::Chain, self.steps.is_some()),
            ("cleanup", Kind::Chain, self.cleanup.is_some()),
            ("secrets", Kind::Chain, self.secrets.is_some()),
        ];
        let stray = members.iter().find(|(_, kind, given)| *given && *kind != self.kind);
        stray.map(|(name, ..)| *name)
    }
}

impl TryFrom<Fields> for Check {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        if let Some(stray) = fields.stray() {
            return Err(format!("unknown field `{stray}` of a {} check", fields.kind.as_str()));
        }
        let missing =
            |member: &str| format!("missing field `{member}` of a {} check", fields.kind.as_str());
        let kind = match fields.kind {
            Kind::Http => CheckKind::Http {
                url: fields.url.ok_or_else(|| missing("url"))?,
                method: fields.method.unwrap_or(Method::Get),
                expect: fields.expect.unwrap_or_default(),
            },
            Kind::Promql => CheckKind::Promql {
                query: fields.query.ok_or_else(|| missing("query"))?,
                comparison: fields.comparison.unwrap_or(Comparison::Less),
                limit: fields.limit.ok_or_else(|| missing("limit"))?,
            },
            Kind::Kubernetes => CheckKind::Kubernetes {
                condition: fields.condition.unwrap_or(Condition::PodsReady),
                workload: fields.workload,
            },
            Kind::Chain => CheckKind::Chain(chain::Chain {
                steps: fields.steps.ok_or_else(|| missing("steps"))?,
                cleanup: fields.cleanup.unwrap_or_default(),
                secrets: fields.secrets.unwrap_or_default(),
            }),
        };
        let Fields { name, timeout_s, blocking, .. } = fields;
        Ok(Self { name, kind, timeout_s, blocking })
    }
}

impl From<Check> for Fields {
    fn from(check: Check) -> Self {
        let Check { name, kind, timeout_s, blocking } = check;
        let mut fields = Self {
            name,
            kind: Kind::Http,
            url: None,
            method: None,
            expect: None,
            query: None,
            comparison: None,
            limit: None,
            condition: None,
            workload: None,
            steps: None,
            cleanup: None,
            secrets: None,
            timeout_s,
            blocking,
        };
        match kind {
            CheckKind::Http { url, method, expect } => {
                (fields.url, fields.method, fields.expect) =
                    (Some(url), Some(method), Some(expect));
            }
            CheckKind::Promql { query, comparison, limit } => {
                fields.kind = Kind::Promql;
                (fields.query, fields.comparison, fields.limit) =
                    (Some(query), Some(comparison), Some(limit));
            }
            CheckKind::Kubernetes { condition, workload } => {
                fields.kind = Kind::Kubernetes;
                (fields.condition, fields.workload) = (Some(condition), workload);
            }
            CheckKind::Chain(chain::Chain { steps, cleanup, secrets }) => {
                fields.kind = Kind::Chain;
                fields.steps = Some(steps);
                fields.cleanup = Some(cleanup).filter(|it| !it.is_empty());
                fields.secrets = Some(secrets).filter(|it| !it.is_empty());
            }
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(json: Value) -> Result<Check, String> {
        serde_json::from_value(json).map_err(|it| it.to_string())
    }

    #[test]
    fn each_kind_has_its_members_and_defaults() {
        let http = check(json!({"name": "c", "kind": "http", "url": "http://h/"})).unwrap();
        assert_eq!(
            http.kind,
            CheckKind::Http {
                url: "http://h/".into(),
                method: Method::Get,
                expect: Expect::default()
            }
        );
        assert_eq!((http.timeout_s, http.blocking), (5, true));
        for (json, expected) in [
            (json!({"kind": "http"}), "missing field `url` of a http check"),
            (
                json!({"kind": "http", "url": "http://h/", "limit": 1}),
                "unknown field `limit` of a http check",
            ),
            (json!({"kind": "promql", "query": "up"}), "missing field `limit` of a promql check"),
            (
                json!({"kind": "kubernetes", "url": "http://h/"}),
                "unknown field `url` of a kubernetes check",
            ),
        ] {
            let mut json = json;
            json["name"] = "c".into();
            assert_eq!(check(json), Err(expected.to_owned()));
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for json in [
            json!({"name": "a", "kind": "http", "url": "http://h/", "expect": {"json": {"status": "healthy"}, "within_ms": 500}}),
            json!({"name": "b", "kind": "promql", "query": "up", "comparison": "greater", "limit": 0.5, "blocking": false}),
            json!({"name": "c", "kind": "kubernetes", "workload": {"kind": "Deployment", "name": "api"}}),
        ] {
            let check = check(json).unwrap();
            let json = serde_json::to_value(&check).unwrap();
            assert_eq!(serde_json::from_value::<Check>(json).unwrap(), check);
        }
    }
}
