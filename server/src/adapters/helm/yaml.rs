//! One document of a manifest, read as helm and kubectl read it: by YAML 1.1, where a key that is written `no` or `N`
//! without quotes is a boolean, which the API server gets to see as the text `false` (sigs.k8s.io/yaml).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub(super) struct Document(pub(super) Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(of: D) -> Result<Self, D::Error> {
        of.deserialize_any(Anything).map(Self)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(Number::from_f64(it).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_string<E>(self, it: String) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut of: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Document(it)) = of.next_element()? {
            all.push(it);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut of: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((Document(key), Document(value))) = of.next_entry()? {
            all.insert(name(&key).into_owned(), value);
        }
        Ok(Value::Object(all))
    }
}

/// What JSON calls the member, whose names are texts alone.
fn name(key: &Value) -> Cow<'_, str> {
    match key {
        Value::String(it) => Cow::Borrowed(it),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        let options = serde_saphyr::options! { legacy_octal_numbers: true };
        serde_saphyr::from_str_with_options::<Document>(text, options).unwrap().0
    }

    #[test]
    fn keys_are_those_that_the_api_server_sees() {
        let read = read("{N: \"1\", yes: \"2\", \"no\": \"3\", 8: \"4\", name: \"5\", On: \"6\"}");
        assert_eq!(read, json!({"false": "1", "true": "6", "no": "3", "8": "4", "name": "5"}));
    }

    #[test]
    fn values_keep_their_types() {
        let read = read("a: yes\nb: 'yes'\nc: 0644\nd: 0.5\ne: ~\nf: [1, -1, on]\ng: |\n  x\n");
        let told = json!({"a": true, "b": "yes", "c": 420, "d": 0.5, "e": null, "f": [1, -1, true], "g": "x\n"});
        assert_eq!(read, told);
    }
}
