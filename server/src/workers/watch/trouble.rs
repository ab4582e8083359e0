//! From what an API server answers to what people are told about it.

use std::error::Error as _;
use std::time::Duration;

use domain::watching::Trouble;
use kube::core::Status;

use super::follow::Resource;

pub(crate) fn of(error: &kube::Error, resource: &Resource) -> Trouble {
    match error {
        kube::Error::Api(status) => of_status(status, resource),
        kube::Error::Auth(_) => Trouble::Kubeconfig { detail: root(error) },
        _ => Trouble::Unreachable { detail: root(error) },
    }
}

pub(crate) fn of_status(status: &Status, resource: &Resource) -> Trouble {
    match status.code {
        401 => Trouble::Unauthorized,
        403 => forbidden(&status.message).unwrap_or_else(|| Trouble::Forbidden {
            verb: "list".to_owned(),
            resource: resource.plural.to_owned(),
            group: group(resource.group),
            namespace: resource.namespace.clone(),
        }),
        code => Trouble::Refused { status: code, message: status.message.clone() },
    }
}

/// How long the server asks us to wait, as with 429.
pub(crate) fn pause(status: &Status) -> Option<Duration> {
    let seconds = status.details.as_ref()?.retry_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
}

/// `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "shop"`: the
/// sentence is the only place where the API says which verb is missing.
fn forbidden(message: &str) -> Option<Trouble> {
    let (_, rest) = message.split_once("cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once("\" in API group \"")?;
    let (group, rest) = rest.split_once('"')?;
    let namespace = rest.split_once("in the namespace \"").and_then(|(_, it)| it.split_once('"'));
    Some(Trouble::Forbidden {
        verb: verb.to_owned(),
        resource: resource.to_owned(),
        group: group.to_owned(),
        namespace: namespace.map(|(it, _)| it.to_owned()),
    })
}

/// `/apis/apps/v1` is the group `apps`, `/api/v1` the one without a name.
fn group(path: &str) -> String {
    path.strip_prefix("/apis/").and_then(|it| it.split('/').next()).unwrap_or_default().to_owned()
}

/// The innermost cause, which is what can be acted upon.
fn root(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::index::Kind;
    use super::*;

    #[test]
    fn a_missing_verb_is_named() {
        let resource = Resource {
            kind: Kind::ReplicaSet,
            group: "/apis/apps/v1",
            plural: "replicasets",
            only: None,
            namespace: Some("shop".into()),
        };
        let of = |message: &str| {
            let status = Status { code: 403, message: message.to_owned(), ..Status::default() };
            of_status(&status, &resource)
        };
        let named =
            |verb: &str, resource: &str, group: &str, namespace: Option<&str>| Trouble::Forbidden {
                verb: verb.into(),
                resource: resource.into(),
                group: group.into(),
                namespace: namespace.map(Into::into),
            };
        assert_eq!(
            of(
                r#"pods is forbidden: User "u" cannot watch resource "pods" in API group "" in the namespace "a""#
            ),
            named("watch", "pods", "", Some("a"))
        );
        assert_eq!(
            of(
                r#"x: User "u" cannot list resource "replicasets" in API group "apps" at the cluster scope"#
            ),
            named("list", "replicasets", "apps", None)
        );
        assert_eq!(of("no"), named("list", "replicasets", "apps", Some("shop")));
    }
}
