//! A check that changes something: requests one after the other that do what a customer does, and others that take
//! away again what came of it.
//!
//! **Invariant:** it is carried out once for a run, never once for a look. What it makes carries the marker of that
//! run, so that somebody who knows nothing else can find it; the clean-up follows whatever the requests came to,
//! and also where the process died between two of them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CheckResult, Expect};
use crate::catalog::{Faults, rules};

/// The value that every request knows: what names the run in what is made.
pub const MARKER: &str = "marker";

/// An attempt that a dying process left behind is followed by another, this often in all.
pub const MOST_ATTEMPTS: u8 = 3;

/// How often a clean-up that fails is tried, before somebody has to do it by hand.
pub const MOST_CLEANING: u8 = 5;

/// More would be a test suite.
const MOST_REQUESTS: usize = 20;

/// Of a value taken from an answer; longer ones are no names of anything.
const LONGEST_VALUE: usize = 1024;

pub type Values = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    pub steps: Vec<Request>,
    /// Carried out after them whatever they came to. One that only finds out what is known already is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleanup: Vec<Request>,
    /// References, by the name that headers and bodies know them by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
}

words!(
    /// The methods of HTTP that a request may have.
    Verb { Get = "GET", Head = "HEAD", Post = "POST", Put = "PUT", Patch = "PATCH", Delete = "DELETE" }
);

/// One request. `{name}` in its address, headers and body stands for a value: the marker, what an earlier answer gave,
/// and outside of the address a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub name: String,
    #[serde(default = "get")]
    pub method: Verb,
    pub url: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    #[serde(default)]
    pub expect: Expect,
    /// Values of the answer for later requests, by name: where they are, as a JSON pointer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub take: BTreeMap<String, String>,
}

fn get() -> Verb {
    Verb::Get
}

/// A request with everything in it.
#[derive(Clone, PartialEq)]
pub struct Filled {
    pub method: Verb,
    pub url: String,
    pub headers: BTreeMap<String, String>,
    pub json: Option<Value>,
}

impl Chain {
    /// What has to outlive the process that took it: whatever the clean-up speaks of.
    pub fn kept(&self) -> BTreeSet<String> {
        let taken = self.steps.iter().flat_map(|it| it.take.keys().cloned());
        let taken: BTreeSet<String> = taken.collect();
        let used = self.cleanup.iter().flat_map(Request::uses);
        used.filter(|it| taken.contains(it)).collect()
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        if self.steps.is_empty() {
            faults.at("steps").add("is empty: there is nothing to ask");
        }
        for (part, requests) in [("steps", &self.steps), ("cleanup", &self.cleanup)] {
            let faults = &mut faults.at(part);
            if requests.len() > MOST_REQUESTS {
                faults.add(format!("has more than {MOST_REQUESTS} requests"));
            }
            faults.refuse(rules::distinct(requests.iter().map(|it| &it.name)));
        }
        for (name, reference) in &self.secrets {
            let faults = &mut faults.at("secrets");
            faults.refuse(rules::label(name, ""));
            faults.at(name.as_str()).refuse(rules::reference(reference));
        }
        self.check_values(faults);
        let changes = self.steps.iter().any(|it| it.method.changes());
        if changes && self.cleanup.is_empty() {
            faults.at("cleanup").add("is empty, and the requests make something");
        }
        let marked = self.steps.iter().filter(|it| it.method == Verb::Post);
        if !marked.clone().any(|it| it.uses().contains(MARKER)) && marked.count() > 0 {
            faults.at("steps").add("carry {marker} nowhere, so nobody could find what they made");
        }
    }

    /// Whoever uses a value comes after whoever takes it. A clean-up may not get as far as the value.
    fn check_values(&self, faults: &mut Faults) {
        let mut known: BTreeSet<String> = self.secrets.keys().cloned().collect();
        known.insert(MARKER.to_owned());
        for (part, requests) in [("steps", &self.steps), ("cleanup", &self.cleanup)] {
            let faults = &mut faults.at(part);
            for (index, request) in requests.iter().enumerate() {
                let faults = &mut faults.at(index);
                request.check(faults);
                for name in request.uses().difference(&known) {
                    faults.add(format!("speaks of {{{name}}}, which nothing before it gives"));
                }
                for name in names(&request.url).filter(|it| self.secrets.contains_key(it)) {
                    faults
                        .at("url")
                        .add(format!("holds the secret {{{name}}}: addresses are logged"));
                }
                known.extend(request.take.keys().cloned());
            }
        }
    }
}

impl Verb {
    fn changes(self) -> bool {
        !matches!(self, Self::Get | Self::Head)
    }
}

impl Request {
    /// The names of all values that it speaks of.
    fn uses(&self) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = names(&self.url).collect();
        found.extend(self.headers.values().flat_map(|it| names(it)));
        texts(self.json.as_ref(), &mut |text| found.extend(names(text)));
        found
    }

    /// Whether all that it would find out is known.
    pub fn is_known(&self, values: &Values) -> bool {
        !self.take.is_empty() && self.take.keys().all(|it| values.contains_key(it))
    }

    /// # Errors
    /// The name of a value that is not there.
    pub fn fill(&self, values: &Values, secrets: &Values) -> Result<Filled, String> {
        let plain = |name: &str| values.get(name).or_else(|| secrets.get(name)).cloned();
        // What an answer gave must not lead to another place than the one that the catalog names.
        let url = replace(&self.url, |name| values.get(name).map(|it| encode(it)))?;
        let headers =
            self.headers.iter().map(|(name, value)| Ok((name.clone(), replace(value, plain)?)));
        let mut json = self.json.clone();
        if let Some(json) = &mut json {
            replace_in(json, &plain)?;
        }
        Ok(Filled {
            method: self.method,
            url,
            headers: headers.collect::<Result<_, String>>()?,
            json,
        })
    }

    /// What it takes of this answer.
    ///
    /// # Errors
    /// A clause that says what is not in it.
    pub fn taken(&self, body: &Value) -> Result<Values, String> {
        let values = self.take.iter().map(|(name, pointer)| {
            let value = match body.pointer(pointer) {
                Some(Value::String(text)) if !text.is_empty() => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => return Err(format!("the answer has nothing at {pointer} to take as {name}")),
            };
            if value.len() > LONGEST_VALUE || value.chars().any(char::is_control) {
                return Err(format!("what the answer has at {pointer} is no value to go on with"));
            }
            Ok((name.clone(), value))
        });
        values.collect()
    }

    /// Nothing of what it looks for is there: there is nothing to take away.
    pub fn finds_nothing(&self, body: &Value) -> bool {
        let absent = |pointer: &String| body.pointer(pointer).is_none_or(Value::is_null);
        !self.take.is_empty() && self.take.values().all(absent)
    }

    fn check(&self, faults: &mut Faults) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("url").refuse(rules::url(&self.url));
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        if rest.split(['/', '?', '#']).next().unwrap_or_default().contains('{') {
            faults.at("url").add("has a value in the place of its host");
        }
        for (name, value) in &self.headers {
            let sound = !name.is_empty()
                && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
                && !value.chars().any(char::is_control);
            if !sound {
                faults.at("headers").add(format!("{name:?} is no header of one line"));
            }
        }
        for (name, pointer) in &self.take {
            let faults = &mut faults.at("take");
            faults.refuse(rules::label(name, ""));
            if !pointer.starts_with('/') {
                faults.at(name.as_str()).add("is no JSON pointer: /data/id");
            }
        }
        self.expect.check(&mut faults.at("expect"), self.method == Verb::Head);
        if self.method == Verb::Head && !self.take.is_empty() {
            faults.at("take").add("asks for a body, and an answer to HEAD has none");
        }
        if !self.method.changes() && self.json.is_some() {
            faults.at("json").add(format!("a {} has no body", self.method.as_str()));
        }
    }
}

/// The names between braces; braces around anything else are text.
fn names(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split('{').skip(1).filter_map(|it| {
        let (name, _) = it.split_once('}')?;
        is_name(name).then(|| name.to_owned())
    })
}

fn is_name(text: &str) -> bool {
    let letter = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
    text.starts_with(|it: char| it.is_ascii_lowercase()) && text.chars().all(letter)
}

fn replace(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut res = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        res.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) if is_name(name) => {
                res.push_str(&value(name).ok_or_else(|| name.to_owned())?);
                rest = behind;
            }
            _ => {
                res.push('{');
                rest = after;
            }
        }
    }
    res.push_str(rest);
    Ok(res)
}

fn replace_in(json: &mut Value, value: &impl Fn(&str) -> Option<String>) -> Result<(), String> {
    match json {
        Value::String(text) => *text = replace(text, value)?,
        Value::Array(items) => items.iter_mut().try_for_each(|it| replace_in(it, value))?,
        Value::Object(members) => members.values_mut().try_for_each(|it| replace_in(it, value))?,
        _ => {}
    }
    Ok(())
}

fn texts(json: Option<&Value>, visit: &mut impl FnMut(&str)) {
    match json {
        Some(Value::String(text)) => visit(text),
        Some(Value::Array(items)) => items.iter().for_each(|it| texts(Some(it), visit)),
        Some(Value::Object(members)) => members.values().for_each(|it| texts(Some(it), visit)),
        _ => {}
    }
}

/// As one segment of a path or one value of a query.
fn encode(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'~');
    // A dot alone means the folder above.
    let whole = text.bytes().any(|it| it != b'.');
    let letter = |it: u8| match plain(it) || (whole && it == b'.') {
        true => char::from(it).to_string(),
        false => format!("%{it:02X}"),
    };
    text.bytes().map(letter).collect()
}

/// Secrets never get into a sentence; what an answer repeats of one neither.
pub fn masked(text: &str, secrets: &Values) -> String {
    let mut res = text.to_owned();
    for secret in secrets.values().filter(|it| !it.is_empty()) {
        res = res.replace(secret.as_str(), "***");
    }
    res
}

words!(
    /// How far an attempt is.
    Stage { Running = "running", Cleaning = "cleaning", Done = "done" }
);

/// One attempt, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub number: u8,
    pub marker: String,
    pub stage: Stage,
    /// What the requests came to; none where the process died before it knew.
    pub result: Option<CheckResult>,
    /// Why the clean-up failed the last time.
    pub clean_fault: Option<String>,
    pub cleaned_at: Option<DateTime<Utc>>,
}

/// What a look finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    Begin {
        number: u8,
    },
    /// Somebody is at it.
    Wait,
    Show(Box<CheckResult>),
    /// It was broken off too often.
    GivenUp,
}

/// What is to be done about a chain, from its attempts in the order in which they were made.
pub fn next(attempts: &[Attempt]) -> Next {
    match attempts.last() {
        None => Next::Begin { number: 1 },
        Some(Attempt { result: Some(result), .. }) => Next::Show(Box::new(result.clone())),
        // What the last one left behind goes first.
        Some(it) if it.stage != Stage::Done => Next::Wait,
        Some(it) if it.number < MOST_ATTEMPTS => Next::Begin { number: it.number + 1 },
        Some(_) => Next::GivenUp,
    }
}

/// The mark of an attempt: `lifeboat-` and what names the run, short enough for a name.
pub fn marker(run: &str, number: u8) -> String {
    let short: String = run.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    format!("lifeboat-{short}-{number}")
}
