//! The catalog of the demo: EdgeLink's and of Glancy what is drilled, with the pretend world in the place of the real one.

use domain::catalog::Document;
use domain::checks::CheckKind;
use domain::checks::chain::Chain;
use domain::policies::Mode;
use serde_json::Value;

use super::parse::{Error, Located, parse};

const FILES: [(&str, &str); 10] = [
    ("edgelink/clusters.yaml", include_str!("../../../catalog/edgelink/clusters.yaml")),
    ("edgelink/policies.yaml", include_str!("../../../catalog/edgelink/policies.yaml")),
    ("edgelink/signals.yaml", include_str!("../../../catalog/edgelink/signals.yaml")),
    ("edgelink/services.yaml", include_str!("../../../catalog/edgelink/services.yaml")),
    ("edgelink/objectives.yaml", include_str!("../../../catalog/edgelink/objectives.yaml")),
    ("edgelink/backups.yaml", include_str!("../../../catalog/edgelink/backups.yaml")),
    ("edgelink/calendar.yaml", include_str!("../../../catalog/edgelink/calendar.yaml")),
    ("glancy/clusters.yaml", include_str!("../../../catalog/glancy/clusters.yaml")),
    ("glancy/services.yaml", include_str!("../../../catalog/glancy/services.yaml")),
    ("glancy/calendar.yaml", include_str!("../../../catalog/glancy/calendar.yaml")),
];

/// How long a rollback is observed in the demo, and a revision before it counts as verified.
const OBSERVATION_S: u32 = 20;

/// How long the pretended world has to be well before it is broken.
pub(crate) const CLEAN_BEFORE_S: u32 = 3;

/// Where the pretend world listens. What it does not have is not asked.
#[derive(Clone, Debug, Default)]
pub struct Pretend {
    /// Address of its Prometheus API.
    pub prometheus: Option<String>,
    /// Address that answers for every protected application: `http://127.0.0.1:PORT`.
    pub application: Option<String>,
}

/// The documents of the demo. Clusters have the kubeconfig `demo`, people approve, and observation is short
/// enough to wait for.
pub fn documents(pretend: &Pretend) -> Result<Vec<Located>, Vec<Error>> {
    let mut documents = Vec::new();
    for (file, text) in FILES {
        documents.extend(parse(file, text)?);
    }
    for located in &mut documents {
        pretend.adapt(&mut located.document);
    }
    Ok(documents)
}

impl Pretend {
    fn adapt(&self, document: &mut Document) {
        match document {
            Document::ExpectedDrill(drill) => {
                let measured = drill.targets.iter_mut().filter_map(|it| it.measure.as_mut());
                measured.for_each(|it| it.prometheus.clone_from(&self.prometheus));
            }
            Document::Cluster(cluster) => {
                cluster.kubeconfig = "demo".to_owned();
                cluster.context = None;
                cluster.prometheus.clone_from(&self.prometheus);
            }
            Document::Policy(policy) => {
                if policy.mode == Mode::Auto {
                    policy.mode = Mode::Suggest;
                }
                policy.observation_s = policy.observation_s.min(OBSERVATION_S);
                // Nobody watches the pretend world for ten minutes before breaking it.
                policy.gates.clean_before_s = policy.gates.clean_before_s.min(CLEAN_BEFORE_S);
            }
            Document::Service(service) => {
                service.checks.retain(|it| match it.kind {
                    CheckKind::Http { .. } => self.application.is_some(),
                    CheckKind::Promql { .. } => self.prometheus.is_some(),
                    CheckKind::Kubernetes { .. } => true,
                    CheckKind::Chain(_) => self.application.is_some(),
                });
                for check in &mut service.checks {
                    let Some(application) = &self.application else { continue };
                    let move_in = |url: &mut String| *url = format!("{application}{}", path(url));
                    match &mut check.kind {
                        CheckKind::Http { url, .. } => move_in(url),
                        CheckKind::Chain(chain) => {
                            let all = chain.steps.iter_mut().chain(&mut chain.cleanup);
                            all.for_each(|it| move_in(&mut it.url));
                            forget_secrets(chain);
                        }
                        CheckKind::Promql { .. } | CheckKind::Kubernetes { .. } => {}
                    }
                }
            }
            // Nobody calls the pretended applications, so there is no share of calls that succeed.
            Document::Objective(objective) => objective.recovery = None,
            Document::Signal(_) => {}
            // No copies are made of a pretend world, and EdgeLink's own places are not asked.
            Document::Backup(backup) => backup.source = None,
        }
    }
}

/// The pretend application knows no secret, so any word will do.
fn forget_secrets(chain: &mut Chain) {
    let names: Vec<String> = std::mem::take(&mut chain.secrets).into_keys().collect();
    for request in chain.steps.iter_mut().chain(&mut chain.cleanup) {
        let headers = request.headers.values_mut();
        let json = request.json.iter_mut().filter_map(|it| it.as_object_mut());
        let texts = json.flat_map(|it| it.values_mut()).filter_map(|it| match it {
            Value::String(text) => Some(text),
            _ => None,
        });
        for text in headers.chain(texts) {
            names.iter().for_each(|name| *text = text.replace(&format!("{{{name}}}"), "pretend"));
        }
    }
}

/// What stands behind the host of an address.
fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |it| &rest[it..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::read;

    #[test]
    fn the_demo_is_sound_with_all_of_the_pretend_world_and_without_it() {
        let all = Pretend {
            prometheus: Some("http://127.0.0.1:1".to_owned()),
            application: Some("http://127.0.0.1:2".to_owned()),
        };
        for (pretend, checks) in [(all, 8), (Pretend::default(), 1)] {
            let documents = documents(&pretend).unwrap();
            assert_eq!(read::check(&documents, &[]), Ok(()));
            let gateway = documents.iter().find_map(|it| match &it.document {
                Document::Service(service) if service.name == "api-gateway" => Some(service),
                _ => None,
            });
            let gateway = gateway.unwrap();
            assert_eq!(gateway.checks.len(), checks);
            for check in &gateway.checks {
                let urls: Vec<&String> = match &check.kind {
                    CheckKind::Http { url, .. } => vec![url],
                    CheckKind::Chain(chain) => {
                        assert_eq!(chain.secrets.len(), 0);
                        chain.steps.iter().chain(&chain.cleanup).map(|it| &it.url).collect()
                    }
                    CheckKind::Promql { .. } | CheckKind::Kubernetes { .. } => vec![],
                };
                for url in urls {
                    assert!(url.starts_with("http://127.0.0.1:2/"), "{url}");
                }
            }
        }
    }

    #[test]
    fn every_catalog_beside_the_code_is_sound() {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog"));
        for entry in std::fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let documents = read::folder(&path).unwrap();
                assert_eq!(read::check(&documents, &[]), Ok(()), "{}", path.display());
            }
        }
    }
}
