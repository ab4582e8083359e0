//! Whether documents are sound, each by itself and all together.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::{Document, Fault, Faults, Key, Kind};
use crate::backups::Source;
use crate::services::{Service, WorkloadRef};
use crate::{policies, signals};

/// What is wrong with one of the documents that were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which of the documents.
    pub document: usize,
    pub fault: Fault,
    /// The document that it collides with, where there is one.
    pub other: Option<usize>,
}

/// Everything that is wrong with `documents`, in their order. `known` are the documents beside them which
/// they may refer to; one of the same kind and name is replaced and not a duplicate. Built-in policies and
/// signals are always known.
pub fn check(documents: &[Document], known: &[Document]) -> Vec<Problem> {
    let set = Set::new(documents, known);
    let mut problems = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let mut found = Vec::new();
        let faults = &mut Faults::of(&mut found);
        document.check(faults);
        set.check_references(document, faults);
        let problem = |fault| Problem { document: index, fault, other: None };
        problems.extend(found.into_iter().map(problem));
        problems.extend(set.collisions(index, document));
    }
    problems
}

impl Document {
    fn check(&self, faults: &mut Faults<'_>) {
        match self {
            Self::Cluster(it) => it.check(faults),
            Self::Policy(it) => it.check(faults),
            Self::Signal(it) => it.check(faults),
            Self::Service(it) => it.check(faults),
            Self::Objective(it) => it.check(faults),
            Self::Backup(it) => it.check(faults),
            Self::ExpectedDrill(it) => it.check(faults),
        }
        if let Ok(value) = serde_json::to_value(self) {
            refuse_nul(&value, faults);
        }
    }
}

/// Postgres keeps no NUL, and nothing in a catalog needs one.
fn refuse_nul(value: &Value, faults: &mut Faults<'_>) {
    match value {
        Value::String(text) if text.contains('\0') => faults.add("contains a NUL character"),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_nul(item, &mut faults.at(index));
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if name.contains('\0') {
                    faults.add("has a member with a NUL character in its name");
                }
                refuse_nul(member, &mut faults.at(name.as_str()));
            }
        }
        _ => {}
    }
}

/// Who is who among all documents.
struct Set<'a> {
    names: HashSet<Key<'a>>,
    /// The first document of a name.
    first: HashMap<Key<'a>, usize>,
    /// The service that has a workload; with its number when it is one of those being checked.
    owners: BTreeMap<&'a WorkloadRef, (&'a str, Option<usize>)>,
}

impl<'a> Set<'a> {
    fn new(documents: &'a [Document], known: &'a [Document]) -> Self {
        let mut first = HashMap::new();
        for (index, document) in documents.iter().enumerate() {
            first.entry(document.key()).or_insert(index);
        }
        let mut owners = BTreeMap::new();
        let replaced = |it: &&Document| !first.contains_key(&it.key());
        let beside = known.iter().filter(replaced).map(|it| (None, it));
        let checked = documents.iter().enumerate().map(|(index, it)| (Some(index), it));
        for (index, document) in beside.chain(checked) {
            if let Document::Service(service) = document {
                for workload in &service.workloads {
                    owners.entry(workload).or_insert((service.name.as_str(), index));
                }
            }
        }
        let names = documents.iter().chain(known).map(Document::key).collect();
        Self { names, first, owners }
    }

    fn knows(&self, kind: Kind, name: &str) -> bool {
        let built_in = match kind {
            Kind::Policy => name == policies::DEFAULT,
            Kind::Signal => signals::built_in().iter().any(|it| it.name == name),
            Kind::Cluster
            | Kind::Service
            | Kind::Objective
            | Kind::Backup
            | Kind::ExpectedDrill => false,
        };
        built_in || self.names.contains(&Key { kind, name })
    }

    fn check_references(&self, document: &Document, faults: &mut Faults<'_>) {
        let refer = |faults: &mut Faults<'_>, kind: Kind, name: &str| {
            if !self.knows(kind, name) {
                faults.add(format!("there is no {} {name:?}", kind.as_str()));
            }
        };
        match document {
            Document::Cluster(_) | Document::Signal(_) => {}
            Document::ExpectedDrill(drill) => {
                if let Some(service) = &drill.service {
                    refer(&mut faults.at("service"), Kind::Service, service);
                }
            }
            Document::Policy(policy) => {
                for (index, rule) in policy.automatic_rules.iter().enumerate() {
                    refer(&mut faults.at("automatic_rules").at(index), Kind::Signal, rule);
                }
            }
            Document::Service(service) => {
                refer(&mut faults.at("policy"), Kind::Policy, &service.policy);
                for (index, workload) in service.workloads.iter().enumerate() {
                    let faults = &mut faults.at("workloads");
                    let faults = &mut faults.at(index);
                    refer(&mut faults.at("cluster"), Kind::Cluster, &workload.cluster);
                }
                check_workload_names(service, faults);
            }
            Document::Objective(objective) => {
                for (index, service) in objective.services.iter().enumerate() {
                    refer(&mut faults.at("services").at(index), Kind::Service, service);
                }
            }
            Document::Backup(backup) => {
                let offsite = backup.offsite.as_ref().and_then(|it| it.source.as_ref());
                if let Some(cluster) = backup.source.as_ref().and_then(Source::cluster) {
                    refer(&mut faults.at("source").at("cluster"), Kind::Cluster, cluster);
                }
                if let Some(cluster) = offsite.and_then(Source::cluster) {
                    let faults = &mut faults.at("offsite");
                    refer(&mut faults.at("source").at("cluster"), Kind::Cluster, cluster);
                }
            }
        }
    }

    fn collisions(&self, index: usize, document: &Document) -> Vec<Problem> {
        let key = document.key();
        if let Some(first) = self.first.get(&key).filter(|first| **first != index) {
            let message = format!("the {} {:?} is described twice", key.kind.as_str(), key.name);
            let fault = Fault { path: "name".to_owned(), message };
            return vec![Problem { document: index, fault, other: Some(*first) }];
        }
        let Document::Service(service) = document else { return Vec::new() };
        let mut own = HashSet::new();
        let workloads = service.workloads.iter().enumerate();
        workloads
            .filter_map(|(number, workload)| {
                let (owner, other) = *self.owners.get(workload)?;
                let message = if !own.insert(workload) {
                    format!("names {workload} twice")
                } else if owner != service.name {
                    format!("{workload} belongs to the service {owner:?}")
                } else {
                    return None;
                };
                let fault = Fault { path: format!("workloads[{number}]"), message };
                Some(Problem { document: index, fault, other: other.filter(|it| *it != index) })
            })
            .collect()
    }
}

/// A check may name a workload, but only one of its service.
fn check_workload_names(service: &Service, faults: &mut Faults<'_>) {
    for (index, check) in service.checks.iter().enumerate() {
        let Some(named) = check.workload() else { continue };
        let own = |it: &WorkloadRef| it.kind == named.kind && it.name == named.name;
        if !service.workloads.iter().any(own) {
            let faults = &mut faults.at("checks");
            let faults = &mut faults.at(index);
            let (kind, name) = (named.kind.as_str(), &named.name);
            faults.at("workload").add(format!("there is no {kind} {name:?} among the workloads"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clusters::Cluster;
    use crate::policies::Policy;
    use crate::signals::Signal;

    fn cluster(name: &str) -> Document {
        let cluster: Cluster =
            serde_json::from_value(json!({"name": name, "kubeconfig": "env:K"})).unwrap();
        Document::Cluster(cluster)
    }

    fn service(name: &str, workload: &str, more: &Value) -> Document {
        let mut json = json!({"name": name, "workloads": [
            {"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": workload}
        ]});
        for (member, value) in more.as_object().unwrap() {
            json[member] = value.clone();
        }
        Document::Service(serde_json::from_value(json).unwrap())
    }

    fn policy(change: impl FnOnce(&mut Policy)) -> Document {
        let mut policy = Policy::named("p");
        change(&mut policy);
        Document::Policy(policy)
    }

    fn signal(more: &Value) -> Document {
        let mut json = json!({"name": "S", "severity": "critical", "limit": 0.05, "value": "up"});
        for (member, value) in more.as_object().unwrap() {
            json[member] = value.clone();
        }
        let signal: Signal = serde_json::from_value(json).unwrap();
        Document::Signal(signal)
    }

    /// `document: path: message` of each problem.
    fn found(documents: &[Document], known: &[Document]) -> Vec<String> {
        let line = |it: &Problem| {
            let other = it.other.map(|it| format!(" (see {it})")).unwrap_or_default();
            format!("{}: {}: {}{other}", it.document, it.fault.path, it.fault.message)
        };
        check(documents, known).iter().map(line).collect()
    }

    #[test]
    fn references_lead_somewhere() {
        let none = json!({});
        let api = service("api", "api", &none);
        assert_eq!(found(&[cluster("lab"), api.clone()], &[]), [""; 0]);
        assert_eq!(found(std::slice::from_ref(&api), &[cluster("lab")]), [""; 0]);
        assert_eq!(found(&[api], &[]), [r#"0: workloads[0].cluster: there is no cluster "lab""#]);
        assert_eq!(
            found(
                &[
                    cluster("lab"),
                    service("api", "api", &json!({"policy": "strict"})),
                    policy(|it| it.automatic_rules = vec!["RolloutStuck".into(), "Nope".into()]),
                ],
                &[]
            ),
            [
                r#"1: policy: there is no policy "strict""#,
                r#"2: automatic_rules[1]: there is no signal "Nope""#,
            ]
        );
        let check = json!({"checks": [{"name": "c", "kind": "kubernetes", "workload": {"kind": "Deployment", "name": "web"}}]});
        assert_eq!(
            found(&[cluster("lab"), service("api", "api", &check)], &[]),
            [r#"1: checks[0].workload: there is no Deployment "web" among the workloads"#]
        );
    }

    #[test]
    fn names_and_workloads_are_used_once() {
        let none = json!({});
        let [a, b] = ["a", "b"].map(|it| service(it, "api", &none));
        assert_eq!(
            found(&[cluster("lab"), cluster("lab"), a.clone(), b.clone()], &[]),
            [
                r#"1: name: the cluster "lab" is described twice (see 0)"#,
                r#"3: workloads[0]: lab/shop/Deployment/api belongs to the service "a" (see 2)"#,
            ]
        );
        // A stored service keeps its workload, unless it is one of those being imported.
        let known = [cluster("lab"), a.clone()];
        assert_eq!(
            found(std::slice::from_ref(&b), &known),
            [r#"0: workloads[0]: lab/shop/Deployment/api belongs to the service "a""#]
        );
        assert_eq!(found(&[service("a", "other", &none), b], &known), [""; 0]);

        let workload =
            json!({"cluster": "lab", "namespace": "shop", "kind": "Deployment", "name": "api"});
        let twice = service("a", "api", &json!({"workloads": [workload, workload]}));
        assert_eq!(
            found(&[cluster("lab"), twice], &[]),
            ["1: workloads[1]: names lab/shop/Deployment/api twice"]
        );
    }

    #[test]
    fn values_are_sound() {
        for (document, expected) in [
            (policy(|it| it.automatic_above = 1.5), "automatic_above: 1.5 is not between 0 and 1"),
            (policy(|it| it.partial_above = 0.95), "partial_above: is above automatic_above"),
            (
                policy(|it| it.automatic_above = f64::NAN),
                "automatic_above: NaN is not between 0 and 1",
            ),
            (policy(|it| it.observation_s = 0), "observation_s: 0 is less than 1"),
            (policy(|it| it.approvals.count = 0), "approvals.count: 0 is less than 1"),
            (
                policy(|it| it.approvals.roles.clear()),
                "approvals.roles: names no role: nobody could approve",
            ),
            (
                policy(|it| it.approvals.roles = vec![crate::access::Role::Admin]),
                "approvals.roles[0]: the role admin never approves",
            ),
            (
                policy(|it| it.approvals.escalate_s = vec![600, 300]),
                "approvals.escalate_s: must ascend and stay below expires_s",
            ),
            (policy(|it| it.rails.blast_radius = 0), "rails.blast_radius: 0 is less than 1"),
            (
                policy(|it| it.gates.attribution_s = u32::MAX),
                "gates.attribution_s: 4294967295 s are more than a year",
            ),
            (signal(&json!({"ceiling": 0.01})), "ceiling: must be greater than limit"),
            (signal(&json!({"baseline": 0.06})), "baseline: must not be greater than limit"),
            (
                signal(&json!({"value": "sum(up"})),
                "value: has brackets or quotes that do not close",
            ),
            (
                signal(&json!({"by": "a-b"})),
                r#"by: "a-b" is no label: letters, digits and _, not beginning with a digit"#,
            ),
            (
                signal(&json!({"runbook": "javascript:alert(1)"})),
                r#"runbook: "javascript:alert(1)" is no address: it must begin with http:// or https://"#,
            ),
        ] {
            assert_eq!(found(&[document], &[]), [format!("0: {expected}")]);
        }
        let nul = json!({"match": {"service": "a\0b"}});
        assert_eq!(
            found(&[cluster("lab"), service("api", "api", &nul)], &[]),
            ["1: match.service: contains a NUL character"]
        );
    }
}
