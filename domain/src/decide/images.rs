//! Why an image or what belongs to it cannot be had, in the words of the cluster.
//!
//! **Invariant:** these words only ever take automation away. A name that does not exist is the new revision's own
//! fault; a registry that does not answer, or answers nobody, is not.

use super::facts::Facts;
use crate::decisions::Reason;

/// The registry is there and has no such image.
const NO_SUCH_IMAGE: &[&str] =
    &["not found", "manifest unknown", "invalid reference", "name unknown"];

const NO_ANSWER: &[&str] = &[
    "dial tcp",
    "i/o timeout",
    "deadline exceeded",
    "connection refused",
    "connection reset",
    "no such host",
    "network is unreachable",
    "no route to host",
    "tls handshake",
    "x509",
    "unexpected eof",
    "toomanyrequests",
    "too many requests",
    "registryunavailable",
    "internal server error",
    "bad gateway",
    "service unavailable",
];

const NOT_ALLOWED: &[&str] = &[
    "unauthorized",
    "authentication required",
    "authorization failed",
    "no basic auth",
    "insufficient_scope",
    "forbidden",
    "denied",
];

/// Why the surroundings keep back an image that may well exist; None where nothing says so.
pub(super) fn withheld(message: &str) -> Option<Reason> {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|it| message.contains(it));
    match () {
        () if says(NO_ANSWER) => Some(Reason::RegistryGone),
        () if says(NO_SUCH_IMAGE) => None,
        () if says(NOT_ALLOWED) => Some(Reason::PullSecretGone),
        () => None,
    }
}

/// The registry answers that it has no such image.
pub(super) fn is_none(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    NO_SUCH_IMAGE.iter().any(|it| lower.contains(it)) && withheld(message).is_none()
}

/// A ConfigMap, a Secret or a key of one is missing.
pub(super) fn lacks_a_reference(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let names = ["configmap", "secret", "find key"].iter().any(|it| message.contains(it));
    names && ["not found", "couldn't find", "non-existent"].iter().any(|it| message.contains(it))
}

/// The live images come from a place that no other revision took its images from: that nobody answers there is the
/// new revision's own mistake. False where the images are not known.
pub(super) fn elsewhere(f: &Facts) -> bool {
    let live = &f.s.workload.live;
    let others = f.s.revisions.iter().flatten().filter(|it| it.digest != live.digest);
    let known: Vec<&str> =
        others.flat_map(|it| &it.images).map(|it| repository(&it.image)).collect();
    !known.is_empty() && live.images.iter().any(|it| !known.contains(&repository(&it.image)))
}

/// `registry/path/name` of an image, without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        // A colon before a slash parts a registry from its port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_registry_says_tells_whose_fault_it_is() {
        for (message, expected) in [
            ("Back-off pulling image \"api:2\"", None),
            ("Failed to pull image \"api:2\": not found", None),
            ("manifest unknown: manifest unknown", None),
            ("dial tcp 10.0.0.1:443: i/o timeout", Some(Reason::RegistryGone)),
            ("lookup registry.example: no such host", Some(Reason::RegistryGone)),
            ("503 Service Unavailable", Some(Reason::RegistryGone)),
            ("401 Unauthorized", Some(Reason::PullSecretGone)),
            ("pull access denied", Some(Reason::PullSecretGone)),
        ] {
            assert_eq!(withheld(message), expected, "{message}");
        }
    }

    #[test]
    fn a_repository_is_an_image_without_tag_and_digest() {
        for (image, expected) in [
            ("api", "api"),
            ("api:2", "api"),
            ("registry.example:5000/api", "registry.example:5000/api"),
            ("registry.example:5000/api:2", "registry.example:5000/api"),
            ("registry.example/api:2@sha256:22", "registry.example/api"),
        ] {
            assert_eq!(repository(image), expected);
        }
    }
}
