//! Small helpers for JSON objects as Kubernetes writes them.

use serde_json::{Map, Value, json};

/// The letters of generated names: no vowels, so that no words come out (as Kubernetes does).
pub(crate) const SAFE_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// As Go's `encoding/json` writes it, which keeps HTML out of texts. kubectl compares a ControllerRevision byte by byte
/// with what it writes itself.
pub(crate) fn as_go_writes(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let mut bytes = Vec::with_capacity(text.len());
    // Outside of texts JSON has none of these.
    for byte in text.bytes() {
        match byte {
            b'<' => bytes.extend_from_slice(br"\u003c"),
            b'>' => bytes.extend_from_slice(br"\u003e"),
            b'&' => bytes.extend_from_slice(br"\u0026"),
            _ => bytes.push(byte),
        }
    }
    bytes
}

/// The text at a JSON pointer, or "".
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer, or 0.
pub(crate) fn int(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

pub(crate) fn array<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The object at `key`, made if there is none.
pub(crate) fn object<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !value[key].is_object() {
        value[key] = json!({});
    }
    value[key].as_object_mut().unwrap_or_else(|| unreachable!("was just made an object"))
}

/// Sets `key` where nothing is set.
pub(crate) fn default(value: &mut Value, key: &str, fallback: impl Into<Value>) {
    if let Some(map) = value.as_object_mut() {
        map.entry(key).or_insert_with(|| fallback.into());
    }
}

/// An annotation, or "".
pub(crate) fn annotation<'a>(value: &'a Value, key: &str) -> &'a str {
    value["metadata"]["annotations"].get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn annotate(value: &mut Value, key: &str, text: impl Into<String>) {
    object(&mut value["metadata"], "annotations")
        .insert(key.to_owned(), Value::String(text.into()));
}

/// `IntOrString` of a total, a percentage rounded up or down.
pub(crate) fn share(of: &Value, total: i64, round_up: bool) -> i64 {
    match of {
        Value::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or_default();
            let scaled = percent * total;
            if round_up { (scaled + 99).div_euclid(100) } else { scaled.div_euclid(100) }
        }
        other => other.as_i64().unwrap_or_default(),
    }
}

/// A short name for a content, like the `pod-template-hash` of Kubernetes: FNV-1a, 32 bits.
pub(crate) fn short_hash(content: &Value, collisions: i64) -> String {
    let text =
        format!("{content}{}", if collisions > 0 { collisions.to_string() } else { String::new() });
    let hash =
        text.bytes().fold(2_166_136_261_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(16_777_619));
    let digits = hash.to_string();
    digits.bytes().map(|d| char::from(SAFE_LETTERS[usize::from(d) % SAFE_LETTERS.len()])).collect()
}

/// A controller reference to `owner`, whose value carries neither kind nor API version.
pub(crate) fn owner_reference(owner: &Value, api_version: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind,
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_as_asked() {
        assert_eq!(share(&json!("25%"), 3, true), 1);
        assert_eq!(share(&json!("25%"), 3, false), 0);
        assert_eq!(share(&json!("50%"), 4, true), 2);
        assert_eq!(share(&json!(2), 10, true), 2);
    }
}
