//! A `labelSelector` of an object as the query of a list.

use serde_json::Value;

/// Percent-encoded, ready for an address. A selector that selects everything is empty.
pub(super) fn of(selector: &Value) -> String {
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let labels =
        labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    let expressions = expressions.into_iter().flatten().filter_map(expression);
    let all: Vec<_> = labels.chain(expressions).collect();
    form_urlencoded::byte_serialize(all.join(",").as_bytes()).collect()
}

fn expression(expression: &Value) -> Option<String> {
    let name = expression["key"].as_str()?;
    let values = expression["values"].as_array();
    let values: Vec<_> = values.into_iter().flatten().filter_map(Value::as_str).collect();
    let values = values.join(",");
    Some(match expression["operator"].as_str()? {
        "In" => format!("{name} in ({values})"),
        "NotIn" => format!("{name} notin ({values})"),
        "Exists" => name.to_owned(),
        "DoesNotExist" => format!("!{name}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operator_has_its_words() {
        let selector = json!({
            "matchLabels": {"app.kubernetes.io/name": "api"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["a", "b"]},
                {"key": "tier", "operator": "NotIn", "values": ["c"]},
                {"key": "x", "operator": "Exists"},
                {"key": "y", "operator": "DoesNotExist"}
            ]
        });
        let query = of(&selector);
        let decoded: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        assert_eq!(decoded[0].0, "app.kubernetes.io/name=api,tier in (a,b),tier notin (c),x,!y");
        assert_eq!(of(&Value::Null), "");
    }
}
