use serde_json::json;
use uuid::Uuid;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn service(
    n: u128,
    name: &str,
    wants: &[(&str, &str)],
    workloads: &[&str],
) -> (ServiceId, Service) {
    let workloads: Vec<_> = workloads
        .iter()
        .map(|it| json!({"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": it}))
        .collect();
    let service = json!({"name": name, "workloads": workloads, "match": labels(wants)});
    (ServiceId(Uuid::from_u128(n)), serde_json::from_value(service).unwrap())
}

#[test]
fn an_alert_concerns_the_service_that_all_asked_labels_name() {
    let matcher = Matcher::new(vec![
        service(1, "pay", &[("service", "pay")], &["pay", "pay-worker"]),
        service(2, "pay-eu", &[("region", "eu"), ("service", "pay")], &["pay-eu"]),
        service(3, "twin-a", &[("app", "twin")], &["twin-a"]),
        service(4, "twin-b", &[("app", "twin")], &["twin-b"]),
    ]);
    let concern = |n, workload| Some(Concern { service: ServiceId(Uuid::from_u128(n)), workload });
    for (given, expected) in [
        (&[("service", "pay")][..], concern(1, None)),
        (&[("service", "pay"), ("region", "eu")], concern(2, None)),
        (&[("service", "pay"), ("region", "us")], concern(1, None)),
        (&[("service", "other")], None),
        (&[], None),
        // Two fit equally well: only a workload settles it.
        (&[("app", "twin")], None),
        (&[("app", "twin"), ("namespace", "shop"), ("deployment", "twin-b")], concern(4, Some(0))),
        (&[("namespace", "shop"), ("deployment", "pay-worker")], concern(1, Some(1))),
        (&[("namespace", "shop"), ("pod", "pay-worker-7d9f-x2x")], concern(1, Some(1))),
        (&[("namespace", "shop"), ("pod", "pay-7d9f-x2x")], concern(1, Some(0))),
        (&[("namespace", "bank"), ("pod", "pay-7d9f-x2x")], None),
        (&[("pod", "pay-7d9f-x2x")], None),
        (
            &[("service", "pay"), ("namespace", "shop"), ("pod", "pay-worker-1-a")],
            concern(1, Some(1)),
        ),
    ] {
        assert_eq!(matcher.find(&labels(given)), expected, "{given:?}");
    }
}

#[test]
fn overlong_labels_are_cut_between_characters() {
    let long = "é".repeat(LONGEST_VALUE + 1);
    let report = Report::new(
        labels(&[("alertname", &long)]),
        Labels::new(),
        State::Firing,
        None,
        None,
        DateTime::UNIX_EPOCH,
    );
    assert_eq!(report.name.chars().count(), LONGEST_VALUE);
}

#[test]
fn alerts_about_the_pods_of_one_workload_are_one_matter() {
    let of = |pairs: &[(&str, &str)]| {
        let labels = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        about(&labels.collect())
    };
    assert_eq!(of(&[("namespace", "shop"), ("pod", "api-7d4b9c6f5-x2x4z")]), "shop/api");
    assert_eq!(of(&[("namespace", "shop"), ("pod", "api-7d4b9c6f5-ab1cd")]), "shop/api");
    assert_eq!(of(&[("namespace", "shop"), ("pod", "db-0")]), "shop/db");
    assert_eq!(of(&[("namespace", "shop"), ("deployment", "api"), ("pod", "x-1")]), "shop/api");
    assert_eq!(of(&[("service", "api"), ("instance", "10.0.0.1:80")]), "");
    assert_ne!(of(&[("cluster", "a"), ("pod", "db-0")]), of(&[("cluster", "b"), ("pod", "db-0")]));
}
