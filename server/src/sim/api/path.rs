//! What a path and a method of the Kubernetes API mean.

use std::sync::Arc;

use axum::http::Method;

use crate::sim::types::{ResourceType, Types};

/// A path below `/api/v1` or `/apis/<group>/<version>` that names a resource.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) kind: Arc<ResourceType>,
    pub(crate) version: String,
    /// Empty for all namespaces and for what belongs to none.
    pub(crate) namespace: String,
    /// Empty for the collection.
    pub(crate) name: String,
    /// Empty for the object itself.
    pub(crate) subresource: String,
}

impl Target {
    /// `None` where no such resource is served.
    pub(crate) fn parse(path: &str, types: &Types) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match parts[..] {
            ["api", version, ref rest @ ..] => ("", version, rest),
            ["apis", group, version, ref rest @ ..] => (group, version, rest),
            _ => return None,
        };
        let (namespace, plural, rest) = match *rest {
            ["namespaces", namespace, plural, ref rest @ ..]
                if !matches!(plural, "status" | "finalize") =>
            {
                (namespace, plural, rest)
            }
            [plural, ref rest @ ..] => ("", plural, rest),
            [] => return None,
        };
        let (name, subresource) = match *rest {
            [] => ("", ""),
            [name] => (name, ""),
            [name, subresource] => (name, subresource),
            _ => return None,
        };
        let kind = types.find(group, version, plural)?.clone();
        if !subresource.is_empty() && !kind.has(subresource) {
            return None;
        }
        Some(Self {
            kind,
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: subresource.to_owned(),
        })
    }

    /// `deployments`, or `deployments/scale`: as RBAC names it.
    pub(crate) fn resource(&self) -> String {
        if self.subresource.is_empty() {
            self.kind.plural.clone()
        } else {
            format!("{}/{}", self.kind.plural, self.subresource)
        }
    }

    /// The namespace as a range: `None` for all.
    pub(crate) fn scope(&self) -> Option<&str> {
        Some(self.namespace.as_str()).filter(|ns| !ns.is_empty())
    }

    /// The verb as RBAC names it.
    pub(crate) fn verb(&self, method: &Method, watching: bool) -> &'static str {
        let collection = self.name.is_empty();
        match *method {
            Method::GET | Method::HEAD if watching => "watch",
            Method::GET | Method::HEAD if collection => "list",
            Method::GET | Method::HEAD => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if collection => "deletecollection",
            Method::DELETE => "delete",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_resources() {
        let types = Types::built_in();
        for (path, expected) in [
            ("/api/v1/pods", Some(("pods", "", "", ""))),
            ("/api/v1/namespaces/shop/pods/a/log", Some(("pods", "shop", "a", "log"))),
            ("/api/v1/namespaces/shop", Some(("namespaces", "", "shop", ""))),
            ("/api/v1/namespaces/shop/finalize", Some(("namespaces", "", "shop", "finalize"))),
            (
                "/apis/apps/v1/namespaces/shop/deployments/web/scale",
                Some(("deployments.apps", "shop", "web", "scale")),
            ),
            ("/apis/apps/v1beta1/deployments", None),
            ("/apis/apps/v1/namespaces/shop/deployments/web/log", None),
            ("/apis/apps/v1", None),
        ] {
            let target = Target::parse(path, &types);
            let found =
                target.as_ref().map(|t| (&*t.kind.id, &*t.namespace, &*t.name, &*t.subresource));
            assert_eq!(found, expected, "{path}");
        }
    }
}
