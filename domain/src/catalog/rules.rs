//! Rules for single values. Each says in one clause what is wrong; the path before it says with what.

use std::collections::BTreeSet;

type Rule = Result<(), String>;

const YEAR_S: u32 = 365 * 24 * 3600;

fn rule(holds: bool, otherwise: impl FnOnce() -> String) -> Rule {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Names stand in addresses, labels and sentences.
pub(crate) fn name(name: &str) -> Rule {
    let sound = name.chars().all(|it| it.is_alphanumeric() || matches!(it, '-' | '_' | '.' | ':'))
        && name.starts_with(char::is_alphanumeric)
        && name.chars().count() <= 100;
    rule(sound, || {
        format!(
            "{name:?} is no name: up to 100 letters, digits and - _ . : beginning with a letter or digit"
        )
    })
}

/// A namespace of Kubernetes.
pub(crate) fn dns_label(name: &str) -> Rule {
    rule(name.len() <= 63 && is_label(name), || {
        format!("{name:?} is no Kubernetes namespace: up to 63 of a-z 0-9 and - inside")
    })
}

/// The name of a Kubernetes object.
pub(crate) fn dns_subdomain(name: &str) -> Rule {
    rule(name.len() <= 253 && name.split('.').all(is_label), || {
        format!("{name:?} is no Kubernetes name: up to 253 of a-z 0-9 . and - inside")
    })
}

fn is_label(name: &str) -> bool {
    let letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let ends = [name.bytes().next(), name.bytes().next_back()];
    ends.iter().all(|it| it.is_some_and(letter)) && name.bytes().all(|it| letter(it) || it == b'-')
}

/// A label of Prometheus.
pub(crate) fn label(name: &str, value: &str) -> Rule {
    let sound = name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
        && name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
    rule(sound, || {
        format!("{name:?} is no label: letters, digits and _, not beginning with a digit")
    })?;
    rule(value.len() <= 1024, || "has a value of more than 1024 bytes".to_owned())
}

/// An address that is called or linked to.
pub(crate) fn url(url: &str) -> Rule {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else {
        return Err(format!("{url:?} is no address: it must begin with http:// or https://"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    rule(!authority.contains('@'), || {
        "holds a name or password: a catalog holds no secrets".to_owned()
    })?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let sound = !host.is_empty()
        && url.len() <= 2048
        && !url.chars().any(|it| it.is_whitespace() || it.is_control());
    rule(sound, || format!("{url:?} is no address: http://HOST/PATH without spaces"))
}

/// Whether it is a query Prometheus decides; here only what can never be one.
pub(crate) fn promql(query: &str) -> Rule {
    rule(!query.trim().is_empty(), || "is empty".to_owned())?;
    rule(query.len() <= 8192, || "is longer than 8192 bytes".to_owned())?;
    rule(is_balanced(query), || "has brackets or quotes that do not close".to_owned())
}

fn is_balanced(query: &str) -> bool {
    let mut open = Vec::new();
    let mut letters = query.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(letter) => return false,
            '"' | '\'' | '`' if !skip_text(&mut letters, letter) => return false,
            _ => {}
        }
    }
    open.is_empty()
}

/// Goes behind the closing quote; false when there is none. Backslashes mean nothing between backticks.
fn skip_text(letters: &mut std::str::Chars<'_>, quote: char) -> bool {
    while let Some(letter) = letters.next() {
        if letter == quote {
            return true;
        }
        if letter == '\\' && quote != '`' {
            letters.next();
        }
    }
    false
}

/// A reference to a secret, never the secret itself.
pub(crate) fn reference(reference: &str) -> Rule {
    let name = reference.strip_prefix("env:").unwrap_or(reference);
    rule(!name.trim().is_empty(), || "refers to nothing: give env:NAME or a path".to_owned())?;
    let held = reference.contains("://") || reference.contains('=') || reference.contains('\n');
    rule(!held && reference.len() <= 1024, || {
        "must refer to a connection string, not contain one: a catalog holds no secrets".to_owned()
    })
}

/// A name that needs no quotes in SQL.
pub(crate) fn sql_name(name: &str) -> Rule {
    let sound = name.len() <= 63
        && name.starts_with(|it: char| it.is_ascii_lowercase() || it == '_')
        && name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_');
    rule(sound, || format!("{name:?} is no plain name: up to 63 of a-z 0-9 and _"))
}

pub(crate) fn distinct<'a>(names: impl IntoIterator<Item = &'a String>) -> Rule {
    let mut seen = BTreeSet::new();
    match names.into_iter().find(|it| !seen.insert(*it)) {
        Some(twice) => Err(format!("names {twice:?} twice")),
        None => Ok(()),
    }
}

pub(crate) fn share(number: f64) -> Rule {
    rule((0.0..=1.0).contains(&number), || format!("{number} is not between 0 and 1"))
}

pub(crate) fn finite(number: f64) -> Rule {
    rule(number.is_finite(), || format!("{number} is no measurable number"))
}

pub(crate) fn at_least(least: u32, number: u32) -> Rule {
    rule(number >= least, || format!("{number} is less than {least}"))
}

pub(crate) fn seconds(least: u32, seconds: u32) -> Rule {
    at_least(least, seconds)?;
    rule(seconds <= YEAR_S, || format!("{seconds} s are more than a year"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<'a>(rule: fn(&'a str) -> Rule, good: &[&'a str], bad: &[&'a str]) {
        for text in good {
            assert_eq!(rule(text), Ok(()), "{text:?}");
        }
        for text in bad {
            assert!(rule(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names() {
        table(
            name,
            &["api-gateway", "HTTP5xx", "支付网关", "a:b.c_d"],
            &["", "-a", "a/b", "a b", "a\0", "a\n", "😀"],
        );
        assert!(name(&"a".repeat(101)).is_err());
        table(dns_label, &["shop", "a-1"], &["", "Shop", "-a", "a-", "a.b", "a_b"]);
        table(dns_subdomain, &["api", "a.b-c"], &["", ".a", "a..b", "API"]);
    }

    #[test]
    fn addresses() {
        table(
            url,
            &["http://127.0.0.1:9090", "https://h/p?q#f", "http://[::1]:80/"],
            &[
                "",
                "h",
                "ftp://h",
                "http://",
                "http:///p",
                "https://u:p@h/",
                "http://h/a b",
                "http://:80",
                "javascript:alert(1)",
            ],
        );
    }

    #[test]
    fn references() {
        table(
            reference,
            &["env:PRIMARY", "/run/secrets/primary"],
            &["", "env:", "postgres://u:p@h/d", "host=h password=p", "a\nb"],
        );
        table(sql_name, &["heartbeat", "_h1"], &["", "1a", "a b", "a\"b", "a;b", "A"]);
    }

    #[test]
    fn queries() {
        table(
            promql,
            &[
                "up",
                r#"sum(rate(x{status=~"5.."}[5m])) by (service)"#,
                r#"x{a=")"}"#,
                r#"x{a="\""}"#,
                "x{a=`\\`}",
            ],
            &["", "  ", "sum(x", "x)", "x[5m)", r#"x{a="}"#],
        );
    }
}
