//! Faults that a test or the demo switches on: what goes wrong, for which requests, how often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::api::{Target, answer::Refusal};

/// What a fault does to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The request is handled after this time.
    Delay(Duration),
    /// The connection breaks before anything happens.
    LoseRequest,
    /// The request takes effect, then the connection breaks.
    LoseAnswer,
    /// 401.
    Unauthorized,
    /// 403, with the words of RBAC.
    Forbidden,
    /// 409, as if somebody else had changed the object.
    Conflict,
    /// 410: the version that was asked for is too old.
    Gone,
    /// 429 with `Retry-After` in seconds.
    TooManyRequests(u32),
    /// 500, 503, 504 or another status of trouble.
    ServerError(u16),
}

impl Effect {
    pub(crate) fn refusal(&self, verb: &str, target: &Target, user: &str) -> Refusal {
        match self {
            Self::Unauthorized => Refusal::unauthorized(),
            Self::Forbidden => Refusal::forbidden(
                &target.kind,
                &target.name,
                user,
                verb,
                &target.resource(),
                &target.namespace,
            ),
            Self::Conflict => Refusal::modified(&target.kind, &target.name),
            Self::Gone => Refusal::expired(0, 0),
            Self::TooManyRequests(seconds) => Refusal::too_many_requests(*seconds),
            Self::ServerError(code) => Refusal::server_error(*code),
            Self::Delay(_) | Self::LoseRequest | Self::LoseAnswer => Refusal::server_error(500),
        }
    }
}

/// An effect on some requests: those that fit every condition that was set.
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    verb: Option<String>,
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    skip: u32,
    times: Option<u32>,
}

impl Fault {
    /// On every request that names a resource, until it is cleared.
    #[must_use]
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            verb: None,
            resource: None,
            namespace: None,
            name: None,
            skip: 0,
            times: None,
        }
    }

    /// Only on this verb as RBAC names it: `get`, `list`, `watch`, `create`, `update`, `patch`,
    /// `delete`, `deletecollection`.
    #[must_use]
    pub fn verb(self, verb: impl Into<String>) -> Self {
        Self { verb: Some(verb.into()), ..self }
    }

    /// Only on this resource: `pods`, `deployments.apps`.
    #[must_use]
    pub fn resource(self, resource: impl Into<String>) -> Self {
        Self { resource: Some(resource.into()), ..self }
    }

    /// Only in this namespace.
    #[must_use]
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..self }
    }

    /// Only on the object of this name.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The first `skip` requests that fit go through.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Then only on so many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    fn fits(&self, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|w| w == is);
        fits(&self.verb, verb)
            && fits(&self.resource, resource)
            && fits(&self.namespace, namespace)
            && fits(&self.name, name)
    }

    /// Counts a request that fits; true where the effect is due.
    fn count(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if let Some(times) = &mut self.times {
            *times = times.saturating_sub(1);
        }
        true
    }
}

/// The faults that are switched on.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// What happens to this request; what is used up is forgotten.
    pub(crate) fn take(&self, verb: &str, target: &Target) -> Vec<Effect> {
        let mut faults = self.lock();
        let mut effects = Vec::new();
        for fault in faults.iter_mut() {
            if fault.fits(verb, &target.kind.id, &target.namespace, &target.name) && fault.count() {
                effects.push(fault.effect.clone());
            }
        }
        faults.retain(|f| f.times != Some(0));
        effects
    }

    /// Whether RBAC, as far as faults play it, forbids this.
    pub(crate) fn denies(&self, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
        self.lock()
            .iter()
            .any(|f| f.effect == Effect::Forbidden && f.fits(verb, resource, namespace, name))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
