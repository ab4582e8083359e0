//! A signal as the fields of a form, and back. A field is called as its member.

use std::collections::BTreeMap;

use super::{Comparison, Opens, Severity, Signal, Source, WatchSignal};
use crate::fields::Faults;
use crate::typed::Typed;

/// The words of the field `source`: who can confirm that the signal fires.
pub const SOURCES: [&str; 4] = ["ratio", "value", "watch", "none"];

/// The signal that somebody typed. Of the fields of sources only those of the chosen one are read.
///
/// # Errors
/// Everything that is wrong, field by field.
pub fn typed(fields: &BTreeMap<String, String>) -> Result<Signal, Faults> {
    let mut it = Typed::new(fields);
    let signal = Signal {
        name: it.required("name"),
        severity: it.word("severity", Severity::ALL, Severity::as_str),
        unit: it.required("unit"),
        source: source(&mut it),
        by: it.required("by"),
        limit: it.number("limit"),
        ceiling: it.number("ceiling"),
        baseline: it.number("baseline"),
        for_s: it.seconds("for_s", 0),
        opens: it.word("opens", Opens::ALL, Opens::as_str),
        runbook: it.optional("runbook"),
        comparison: it.word("comparison", Comparison::ALL, Comparison::as_str),
    };
    it.whole_of(signal, Signal::check)
}

fn source(it: &mut Typed<'_>) -> Source {
    match it.word("source", &SOURCES, |it| it) {
        "ratio" => Source::Ratio {
            numerator: it.required("numerator"),
            denominator: it.required("denominator"),
        },
        "value" => Source::Value { value: it.required("value") },
        "watch" => Source::Watch(it.word("watch", WatchSignal::ALL, WatchSignal::as_str)),
        _ => Source::None,
    }
}

/// What stands in the form at first.
pub fn fields(it: &Signal) -> BTreeMap<String, String> {
    let (mut numerator, mut denominator, mut value) = (String::new(), String::new(), String::new());
    let mut watch = WatchSignal::ALL[0];
    let source = match &it.source {
        Source::Ratio { numerator: above, denominator: below } => {
            (numerator, denominator) = (above.clone(), below.clone());
            "ratio"
        }
        Source::Value { value: query } => {
            value = query.clone();
            "value"
        }
        Source::Watch(it) => {
            watch = *it;
            "watch"
        }
        Source::None => "none",
    };
    let fields = [
        ("name", it.name.clone()),
        ("severity", it.severity.as_str().to_owned()),
        ("unit", it.unit.clone()),
        ("source", source.to_owned()),
        ("numerator", numerator),
        ("denominator", denominator),
        ("value", value),
        ("watch", watch.as_str().to_owned()),
        ("by", it.by.clone()),
        ("limit", it.limit.to_string()),
        ("ceiling", it.ceiling.to_string()),
        ("baseline", it.baseline.to_string()),
        ("for_s", it.for_s.to_string()),
        ("opens", it.opens.as_str().to_owned()),
        ("runbook", it.runbook.clone().unwrap_or_default()),
        ("comparison", it.comparison.as_str().to_owned()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fault;
    use crate::signals::built_in;

    fn share() -> Signal {
        let json = serde_json::json!({
            "name": "High", "severity": "critical", "limit": 0.05, "numerator": "a", "denominator": "b",
            "runbook": "https://runbooks.example/5xx",
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_stands_in_the_form_is_the_signal() {
        for signal in built_in().into_iter().chain([share()]) {
            assert_eq!(typed(&fields(&signal)), Ok(signal));
        }
    }

    #[test]
    fn every_field_has_a_fault_of_its_own() {
        for (name, value, fault) in [
            ("name", "a/b", None),
            ("unit", "", Some(Fault::Required)),
            ("limit", "5 %", Some(Fault::NotANumber)),
            ("ceiling", "0.01", Some(Fault::Malformed("must be greater than limit".into()))),
            ("baseline", "0.5", Some(Fault::Malformed("must not be greater than limit".into()))),
            ("for_s", "", Some(Fault::Required)),
            ("numerator", "", Some(Fault::Required)),
            ("denominator", "sum(x", None),
            ("runbook", "javascript:alert(1)", None),
            ("source", "oracle", None),
        ] {
            let mut form = fields(&share());
            form.insert(name.to_owned(), value.to_owned());
            let faults = typed(&form).unwrap_err();
            let found = faults.field(name);
            assert!(found.is_some(), "{name} = {value}: {faults:?}");
            assert!(fault.is_none() || found == fault.as_ref(), "{name} = {value}: {faults:?}");
        }
    }

    #[test]
    fn the_fields_of_other_sources_do_not_count() {
        let mut form = fields(&share());
        form.insert("source".into(), "none".into());
        assert_eq!(typed(&form).unwrap().source, Source::None);
    }
}
