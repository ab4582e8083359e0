//! Our signals as rules of Prometheus, for whoever wants its Alertmanager to say the same.
//!
//! **Invariant:** a rule fires where our own evaluation would, and on nothing where that would not know: without a
//! denominator, or with too little of it, there is no sample.

use serde::Serialize;

use super::{Comparison, SHORTEST_WINDOW_S, Signal, Source, WatchSignal};

/// A file of rules: what Prometheus reads, and what `promtool check rules` does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleFile {
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    pub name: String,
    pub rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    pub alert: String,
    pub expr: String,
    #[serde(rename = "for")]
    pub held: String,
    pub labels: Labels,
    pub annotations: Annotations,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Labels {
    pub severity: &'static str,
    /// What it opens here.
    pub opens: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Annotations {
    pub summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook_url: Option<String>,
}

/// The same file as an object of the Prometheus Operator.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusRule {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: Metadata,
    pub spec: RuleFile,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metadata {
    pub name: &'static str,
}

const NAME: &str = "lifeboat-signals";

impl RuleFile {
    /// Those that a Prometheus can say. `min_requests`: a share of fewer in its window says nothing.
    pub fn of<'a>(signals: impl IntoIterator<Item = &'a Signal>, min_requests: u32) -> Self {
        let mut rules: Vec<Rule> =
            signals.into_iter().filter_map(|it| rule(it, min_requests)).collect();
        rules.sort_by(|a, b| a.alert.cmp(&b.alert));
        Self { groups: vec![Group { name: NAME.to_owned(), rules }] }
    }

    pub fn object(self) -> PrometheusRule {
        PrometheusRule {
            api_version: "monitoring.coreos.com/v1",
            kind: "PrometheusRule",
            metadata: Metadata { name: NAME },
            spec: self,
        }
    }
}

fn rule(signal: &Signal, min_requests: u32) -> Option<Rule> {
    let side = match signal.comparison {
        Comparison::Greater => '>',
        Comparison::Less => '<',
    };
    let limit = signal.limit;
    let expr = match &signal.source {
        Source::Ratio { numerator, denominator } => {
            // Requests per second below which nobody can tell.
            let least = f64::from(min_requests) / f64::from(signal.for_s.max(SHORTEST_WINDOW_S));
            format!(
                "((({numerator}) or ({denominator}) * 0) / (({denominator}) >= {least})) {side} {limit}"
            )
        }
        Source::Value { value } => format!("({value}) {side} {limit}"),
        Source::Watch(watch) => watched(*watch).to_owned(),
        Source::None => return None,
    };
    let unit = &signal.unit;
    Some(Rule {
        alert: signal.name.clone(),
        expr,
        held: format!("{}s", signal.for_s),
        labels: Labels { severity: signal.severity.as_str(), opens: signal.opens.as_str() },
        annotations: Annotations {
            summary: format!("{} is {side} {limit} ({unit})", signal.name),
            runbook_url: signal.runbook.clone(),
        },
    })
}

/// What the watch sees by itself, as kube-state-metrics says it.
fn watched(signal: WatchSignal) -> &'static str {
    match signal {
        WatchSignal::CrashLoop => {
            r#"max by (namespace, pod) (kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}) > 0"#
        }
        WatchSignal::ImagePull => {
            r#"max by (namespace, pod) (kube_pod_container_status_waiting_reason{reason=~"ImagePullBackOff|ErrImagePull"}) > 0"#
        }
        WatchSignal::Oom => {
            r#"max by (namespace, pod) (kube_pod_container_status_last_terminated_reason{reason="OOMKilled"} and on (namespace, pod, container) (increase(kube_pod_container_status_restarts_total[10m]) > 0)) > 0"#
        }
        WatchSignal::Stuck => {
            r#"max by (namespace, deployment) (kube_deployment_status_condition{condition="Progressing",status="false"}) > 0"#
        }
        WatchSignal::NotReady => {
            r#"max by (namespace, pod) (kube_pod_status_ready{condition="false"}) > 0"#
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_share_says_nothing_without_traffic_and_nobody_but_a_person_has_no_rule() {
        let signal = |fields| serde_json::from_value::<Signal>(fields).unwrap();
        let share =
            signal(json!({"name": "Errors", "severity": "critical", "limit": 0.05, "for_s": 100,
            "numerator": "bad", "denominator": "all", "runbook": "https://runbooks.example/5xx"}));
        let asked = signal(json!({"name": "Asked", "severity": "info", "limit": 1}));
        let less = signal(
            json!({"name": "Less", "severity": "warning", "limit": 0.5, "value": "v", "comparison": "less"}),
        );
        let file = RuleFile::of([&share, &asked, &less], 50);
        let [errors, less] = &file.groups[0].rules[..] else { panic!("{file:?}") };
        assert_eq!(errors.expr, "(((bad) or (all) * 0) / ((all) >= 0.5)) > 0.05");
        assert_eq!((errors.held.as_str(), errors.labels.severity), ("100s", "critical"));
        assert_eq!(errors.annotations.runbook_url.as_deref(), Some("https://runbooks.example/5xx"));
        assert_eq!(less.expr, "(v) < 0.5");
    }
}
