//! The webhook of Alertmanager, version 4, read tolerantly: truncated groups, resolved-only groups, members that
//! newer versions add, labels that are no text, times that make no sense. What cannot be understood at all is
//! refused with the place of the trouble; nothing else is lost.

use chrono::{DateTime, Utc};
use domain::alerts::{Labels, Report, State};
use serde_json::{Map, Value};

/// A body that is no webhook of version 4.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Unreadable {
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error("version {0} of the webhook is not known; version 4 is")]
    Version(String),
    #[error("{field} {problem}")]
    Shape { field: String, problem: &'static str },
}

/// # Errors
/// [`Unreadable`], by what is wrong with the body as a whole; single labels and times never refuse it.
pub fn parse(body: &[u8], now: DateTime<Utc>) -> Result<Vec<Report>, Unreadable> {
    let body: Value =
        serde_json::from_slice(body).map_err(|error| Unreadable::NotJson(error.to_string()))?;
    let shape = |field: &str, problem| Unreadable::Shape { field: field.to_owned(), problem };
    let body = body.as_object().ok_or_else(|| shape("the body", "must be an object"))?;
    match body.get("version") {
        Some(Value::String(version)) if version == "4" => {}
        Some(version) => return Err(Unreadable::Version(text(version))),
        None => return Err(shape("version", "is missing; it must be \"4\"")),
    }
    let alerts = body.get("alerts").ok_or_else(|| shape("alerts", "is missing"))?;
    let alerts = alerts.as_array().ok_or_else(|| shape("alerts", "must be a list"))?;
    // A group says once for all its alerts what they have in common.
    let common = labels(body.get("commonLabels"));
    let read = alerts.iter().enumerate().map(|(at, alert)| match alert {
        Value::Object(alert) => Ok(report(alert, &common, now)),
        _ => Err(shape(&format!("alerts[{at}]"), "must be an object")),
    });
    read.collect()
}

fn report(alert: &Map<String, Value>, common: &Labels, now: DateTime<Utc>) -> Report {
    let time = |name: &str| {
        let at = alert.get(name)?.as_str()?.parse::<DateTime<Utc>>().ok()?;
        // Go's zero time stands for "not known".
        (at.timestamp() > 0).then_some(at)
    };
    let mut own = labels(alert.get("labels"));
    for (name, value) in common {
        own.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let state = match alert.get("status").and_then(Value::as_str) {
        Some("resolved") => State::Resolved,
        _ => State::Firing,
    };
    Report::new(own, labels(alert.get("annotations")), state, time("startsAt"), time("endsAt"), now)
}

fn labels(value: Option<&Value>) -> Labels {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    members.map(|(name, value)| (name.clone(), text(value))).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::<Utc>::from_timestamp(1_790_000_000, 0).unwrap();

    fn read(body: &Value) -> Result<Vec<Report>, String> {
        parse(body.to_string().as_bytes(), NOW).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_no_webhook_is_refused_with_its_place() {
        for (body, error) in [
            (json!([]), "the body must be an object"),
            (json!({}), "version is missing; it must be \"4\""),
            (
                json!({"version": "3", "alerts": []}),
                "version 3 of the webhook is not known; version 4 is",
            ),
            (
                json!({"version": 4, "alerts": []}),
                "version 4 of the webhook is not known; version 4 is",
            ),
            (json!({"version": "4"}), "alerts is missing"),
            (json!({"version": "4", "alerts": {}}), "alerts must be a list"),
            (json!({"version": "4", "alerts": [{}, 7]}), "alerts[1] must be an object"),
        ] {
            assert_eq!(read(&body).unwrap_err(), error);
        }
        assert!(matches!(parse(b"\xff{", NOW), Err(Unreadable::NotJson(_))));
    }

    #[test]
    fn a_pair_of_senders_makes_one_alert() {
        let body = |replica: &str, starts: &str| {
            json!({"version": "4", "alerts": [{"status": "firing", "startsAt": starts,
                "labels": {"alertname": "A", "service": "pay", "replica": replica}}]})
        };
        let [a, b] = [("a", "2026-09-21T00:00:00Z"), ("b", "2026-09-21T00:00:07Z")]
            .map(|(replica, starts)| read(&body(replica, starts)).unwrap().remove(0));
        assert_eq!(a.key, b.key);
        assert_ne!(a.starts_at, b.starts_at);
    }

    #[test]
    fn odd_labels_and_times_are_kept_as_far_as_they_make_sense() {
        let reports = read(&json!({"version": "4", "truncatedAlerts": 3, "notification_reason": "new",
            "commonLabels": {"alertname": "A", "team": "x"}, "alerts": [
                {"labels": {"n": 1, "nul": "a\u{0}b", "emoji": "🔥"}, "startsAt": "2100-01-01T00:00:00Z"},
                {"status": "resolved", "startsAt": "1999-01-01T00:00:00Z", "endsAt": "1999-01-01T00:05:00Z"},
                {"startsAt": "soon", "endsAt": 7, "labels": null},
            ]}))
        .unwrap();
        assert_eq!(reports[0].labels["n"], "1");
        assert_eq!(reports[0].labels["nul"], "a\u{fffd}b");
        assert_eq!(reports[0].labels["emoji"], "🔥");
        assert_eq!(reports[0].starts_at, NOW, "a start in the future is now");
        assert_eq!(reports[1].state, State::Resolved);
        assert_eq!(reports[1].ends_at.unwrap().timestamp(), 915_149_100);
        assert_eq!(reports[1].name, "A");
        assert_eq!((reports[2].starts_at, reports[2].ends_at), (NOW, None));
    }
}
