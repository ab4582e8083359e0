//! Label and field selectors, as the query string of a list or watch writes them.

use serde_json::Value;

/// What a list or watch asked for: a label selector and a field selector, both may be empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq)]
enum Requirement {
    In(String, Vec<String>),
    /// Also true where the label is absent, as in Kubernetes.
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

#[derive(Debug, Clone)]
struct Field {
    /// A JSON pointer: `/metadata/name`.
    pointer: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Parses `labelSelector` and `fieldSelector`; the error is a sentence for the caller.
    pub(crate) fn parse(labels: &str, fields: &str) -> Result<Self, String> {
        let labels = split_outside_brackets(labels)
            .into_iter()
            .map(requirement)
            .collect::<Result<Vec<_>, _>>()?;
        let fields = fields
            .split(',')
            .filter(|s| !s.is_empty())
            .map(field)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { labels, fields })
    }

    /// From a `spec.selector` object with matchLabels and matchExpressions.
    pub(crate) fn of_object(selector: &Value) -> Self {
        let mut labels = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            labels.push(Requirement::In(key.clone(), vec![value]));
        }
        for rule in selector["matchExpressions"].as_array().into_iter().flatten() {
            let key = rule["key"].as_str().unwrap_or_default().to_owned();
            let values = rule["values"].as_array().into_iter().flatten();
            let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
            labels.push(match rule["operator"].as_str() {
                Some("NotIn") => Requirement::NotIn(key, values),
                Some("Exists") => Requirement::Exists(key),
                Some("DoesNotExist") => Requirement::Absent(key),
                _ => Requirement::In(key, values),
            });
        }
        Self { labels, fields: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.labels.iter().all(|r| r.holds(&object["metadata"]["labels"]))
            && self.fields.iter().all(|f| f.holds(object))
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let label = |key: &str| labels.get(key).and_then(Value::as_str);
        match self {
            Self::In(key, values) => label(key).is_some_and(|l| values.iter().any(|v| v == l)),
            Self::NotIn(key, values) => label(key).is_none_or(|l| values.iter().all(|v| v != l)),
            Self::Exists(key) => label(key).is_some(),
            Self::Absent(key) => label(key).is_none(),
        }
    }
}

impl Field {
    fn holds(&self, object: &Value) -> bool {
        let found = match object.pointer(&self.pointer) {
            Some(Value::String(s)) => *s == self.value,
            Some(Value::Null) | None => self.value.is_empty(),
            Some(other) => serde_json::from_str(&self.value).is_ok_and(|v: Value| v == *other),
        };
        found == self.equal
    }
}

/// Commas inside `in (a,b)` do not separate.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|s| !s.is_empty()).collect()
}

fn requirement(text: &str) -> Result<Requirement, String> {
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement::Absent(key.trim().to_owned()));
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    let Some((head, values)) = text.split_once('(') else {
        return Ok(Requirement::Exists(text.to_owned()));
    };
    let values = values.trim_end().trim_end_matches(')');
    let values = values.split(',').map(|v| v.trim().to_owned()).collect();
    match head.split_whitespace().collect::<Vec<_>>()[..] {
        [key, "in"] => Ok(Requirement::In(key.to_owned(), values)),
        [key, "notin"] => Ok(Requirement::NotIn(key.to_owned(), values)),
        _ => Err(format!("unable to parse requirement: found '{text}', expected: in, notin, =")),
    }
}

fn field(text: &str) -> Result<Field, String> {
    let (path, value, equal) = if let Some((path, value)) = text.split_once("!=") {
        (path, value, false)
    } else if let Some((path, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (path, value, true)
    } else {
        return Err(format!("invalid selector: '{text}'; can't understand '{text}'"));
    };
    Ok(Field {
        pointer: format!("/{}", path.trim().replace('.', "/")),
        value: value.trim().to_owned(),
        equal,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_and_fields_select() {
        let pod = json!({"metadata": {"name": "a", "labels": {"app": "web", "tier": "front"}},
            "spec": {"nodeName": "node-1"}, "status": {"phase": "Running"}});
        for (labels, fields, expected) in [
            ("", "", true),
            ("app=web", "", true),
            ("app==web,tier!=back", "", true),
            ("app in (api, web),tier", "", true),
            ("app notin (api,web)", "", false),
            ("!app", "", false),
            ("missing!=x", "", true),
            ("app=api", "", false),
            ("", "metadata.name=a,spec.nodeName=node-1", true),
            ("", "status.phase!=Running", false),
            ("", "spec.missing=", true),
        ] {
            let selector = Selector::parse(labels, fields).unwrap();
            assert_eq!(selector.matches(&pod), expected, "{labels:?} {fields:?}");
        }
        assert!(Selector::parse("app around (x)", "").is_err());
        assert!(Selector::parse("", "metadata.name").is_err());
    }
}
