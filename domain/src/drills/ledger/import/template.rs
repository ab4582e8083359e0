//! Cells of the template that hold what has columns of its own here (Glancy §4.2).

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::Why;
use super::values::{When, when};

/// `DR-SQL-01 point-in-time recovery`: the scenario and its code.
pub(super) fn scenario(text: &str) -> (String, Option<String>) {
    let code = text.split([' ', '/', '／', '　']).next().unwrap_or_default();
    let is_code = code.contains('-')
        && code.bytes().any(|it| it.is_ascii_digit())
        && code.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'-');
    if !is_code {
        return (text.to_owned(), None);
    }
    let rest = text[code.len()..].trim_start_matches([' ', '/', '／', '　', ':', '：']).trim();
    let scenario = if rest.is_empty() { text } else { rest };
    (scenario.to_owned(), Some(code.to_owned()))
}

/// Names, as lists of them are written.
pub(super) fn names(text: &str) -> Vec<String> {
    let names = text.split([',', '，', '、', ';', '；', '/', '／', '\n']);
    names.map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// `2024-05-12 10:00 / 2024-05-12 11:20`, also with the hour alone at the end: T0 and T1.
pub(super) fn times(text: &str, zone: Tz) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>), Why> {
    let apart = [" / ", "~", "～", "–", "—", "至", " - ", "\n", "→", " to "];
    let split = apart.iter().find_map(|it| text.split_once(it));
    let (first, second) = split.map_or((text, None), |(a, b)| (a, Some(b.trim())));
    let bare = |it: &str| {
        let it = it.trim().trim_start_matches("T0").trim_start_matches("T1");
        it.trim_start_matches([':', '：', '=', ' ']).trim().to_owned()
    };
    let moment = |it: &str| match when(it, zone) {
        Some(When::At(at)) => Ok(at),
        _ => Err(Why::NotAMoment),
    };
    let first = bare(first);
    let t0 = moment(&first)?;
    let Some(second) = second.map(bare).filter(|it| !it.is_empty()) else { return Ok((t0, None)) };
    let day = first.split([' ', 'T']).next().unwrap_or_default();
    let t1 = moment(&second).or_else(|_| moment(&format!("{day} {second}")))?;
    Ok((t0, Some(t1)))
}

/// Results are written in a row or in lines.
pub(super) fn results(text: &str) -> Vec<String> {
    let text = text.replace(", ", "\n").replace(" / ", "\n");
    let lines = text.split(['\n', ';', '；', '，', '、']).map(str::trim);
    lines.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Who signed, when, and where more is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) by: Option<String>,
    pub(super) at: Option<When>,
    pub(super) links: Vec<String>,
}

/// `paula 2024-05-12 https://tickets/DR-7`.
pub(super) fn sign_off(text: &str, zone: Tz) -> Signed {
    let mut signed = Signed::default();
    // An account may be called so, too.
    let mut role = None;
    let words = text.split(|it: char| it.is_whitespace() || ",，;；+、".contains(it));
    for word in words.filter(|it| !it.is_empty()) {
        let bare = word.trim_start_matches("PMO").trim_start_matches("签字");
        let bare = bare.trim_start_matches([':', '：', '/']);
        if word.contains("://") {
            signed.links.push(word.to_owned());
        } else if let Some(at) = when(word, zone) {
            signed.at = Some(at);
        } else if bare.is_empty() {
            role = role.or_else(|| word.starts_with("PMO").then(|| "PMO".to_owned()));
        } else if signed.by.is_none() {
            signed.by = Some(bare.to_owned());
        }
    }
    signed.by = signed.by.or(role);
    signed
}
