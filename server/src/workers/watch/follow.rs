//! Follows one resource: reads the list, then what happens to it, for as long as somebody listens.
//!
//! kube's own watcher would do this, but it does not say when a broken watch has been opened again, and it
//! opens one that ends at once again without a pause. Both matter here: how well a cluster is seen is shown
//! to people, and a proxy that closes watches must not be stormed.
//!
//! **Invariant:** every way round the loop either waited for the server or pauses, longer with each failure.

use std::collections::HashSet;
use std::time::Duration;

use domain::watching::Trouble;
use domain::workloads::WorkloadKind;
use futures::StreamExt;
use kube::Client;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::{Request, Status};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::index::Kind;
use super::objects::Object;
use super::trouble;

/// The API server ends a watch after this time, and we open the next: a connection that died without a word
/// is found out when neither an event nor the end comes.
const WATCH: Duration = Duration::from_secs(60);
const MARGIN: Duration = Duration::from_secs(5);

/// How long a list page, or the beginning of a watch, may take.
const ANSWER: Duration = Duration::from_secs(20);

const PAGE: u32 = 500;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a follower has to say.
#[derive(Debug)]
pub(crate) enum Told {
    Applied(Object),
    Deleted(Object),
    /// The whole list was read; what is not in it is gone. The uids; names where the API has no others.
    Listed(HashSet<String>),
    /// The API server answers.
    Fine,
    Troubled(Trouble),
}

/// One resource in one namespace, or in all.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    /// `/apis/apps/v1`
    pub(crate) group: &'static str,
    /// `deployments`
    pub(crate) plural: &'static str,
    pub(crate) namespace: Option<String>,
    /// A field selector: only these are sent.
    pub(crate) only: Option<&'static str>,
}

impl Resource {
    /// Whether the kind comes with something that not every cluster has installed.
    pub(crate) fn is_extra(&self) -> bool {
        matches!(self.kind, Kind::Workload(WorkloadKind::Rollout) | Kind::Around(_))
    }

    pub(crate) fn path(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{}/namespaces/{namespace}/{}", self.group, self.plural),
            None => format!("{}/{}", self.group, self.plural),
        }
    }
}

/// Where a follower stands.
enum State {
    /// Nothing is known: the list comes first.
    New,
    /// All is known up to this version.
    At(String),
}

/// Why a round ended.
enum End {
    /// The watch ended, as watches do; go on from where we are.
    Closed,
    /// The version is too old to go on from.
    Expired,
    /// The server does not send lists as watches.
    NoStreamingLists,
    /// The cluster does not know this kind, so it has none.
    Absent,
    Failed {
        trouble: Trouble,
        /// What the server asks for.
        pause: Option<Duration>,
    },
    /// Nobody listens any more.
    Abandoned,
}

/// Tells `told` about the resource until nobody listens. `number` says which follower speaks.
pub(crate) async fn follow<T: DeserializeOwned + Clone>(
    client: Client,
    resource: Resource,
    object: impl Fn(T) -> Object,
    number: usize,
    told: mpsc::Sender<(usize, Told)>,
) {
    let request = Request::new(resource.path());
    let mut follower =
        Follower { client, request, resource, object, number, told, streaming: true };
    let mut state = State::New;
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let end = follower.round(&mut state).await;
        // A watch that lived for a while was no failure.
        if began.elapsed() > Duration::from_secs(10) {
            pause = FIRST_PAUSE;
        }
        let mut wait = pause;
        match end {
            End::Abandoned => return,
            End::NoStreamingLists => follower.streaming = false,
            End::Closed => {}
            End::Expired => state = State::New,
            End::Absent => {
                state = State::New;
                wait = LONGEST_PAUSE;
                for told in [Told::Listed(HashSet::new()), Told::Fine] {
                    if follower.tell(told).await.is_err() {
                        return;
                    }
                }
            }
            End::Failed { trouble, pause } => {
                wait = pause.unwrap_or_default().max(wait);
                if follower.tell(Told::Troubled(trouble)).await.is_err() {
                    return;
                }
            }
        }
        // Many followers fail together; they shall not all come back at the same moment.
        tokio::time::sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

struct Follower<F> {
    client: Client,
    request: Request,
    resource: Resource,
    object: F,
    number: usize,
    told: mpsc::Sender<(usize, Told)>,
    /// Whether the server sends lists as watches, as far as is known.
    streaming: bool,
}

#[derive(Deserialize)]
struct List<T> {
    metadata: ListMeta,
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: String,
}

impl<F> Follower<F> {
    async fn round<T>(&self, state: &mut State) -> End
    where
        T: DeserializeOwned + Clone,
        F: Fn(T) -> Object,
    {
        let end = match state {
            State::New if !self.streaming => self.list(state).await,
            _ => self.watch(state).await,
        };
        end.unwrap_or_else(|end| end)
    }

    async fn tell(&self, told: Told) -> Result<(), End> {
        self.told.send((self.number, told)).await.map_err(|_| End::Abandoned)
    }

    /// Reads the list page by page, and then watches from there.
    async fn list<T>(&self, state: &mut State) -> Result<End, End>
    where
        T: DeserializeOwned + Clone,
        F: Fn(T) -> Object,
    {
        let mut uids = HashSet::new();
        let field_selector = self.resource.only.map(str::to_owned);
        let mut params = ListParams { limit: Some(PAGE), field_selector, ..ListParams::default() };
        loop {
            let request = self.request.list(&params).map_err(|it| self.failed(&build(it)))?;
            let list: List<T> = self.answer(self.client.request(request)).await?;
            for item in list.items {
                let object = (self.object)(item);
                uids.insert(object.identity().to_owned());
                self.tell(Told::Applied(object)).await?;
            }
            if list.metadata.next.is_empty() {
                *state = State::At(list.metadata.resource_version);
                self.tell(Told::Listed(uids)).await?;
                return self.watch(state).await;
            }
            params.continue_token = Some(list.metadata.next);
        }
    }

    /// Watches from where we are; from nowhere the watch begins with the list.
    async fn watch<T>(&self, state: &mut State) -> Result<End, End>
    where
        T: DeserializeOwned + Clone,
        F: Fn(T) -> Object,
    {
        let mut uids = matches!(state, State::New).then(HashSet::new);
        let params = WatchParams {
            bookmarks: true,
            timeout: Some(u32::try_from(WATCH.as_secs()).unwrap_or(u32::MAX)),
            send_initial_events: uids.is_some(),
            field_selector: self.resource.only.map(str::to_owned),
            ..WatchParams::default()
        };
        let version = match state {
            State::New => "",
            State::At(version) => version,
        };
        let request = self.request.watch(&params, version).map_err(|it| self.failed(&build(it)))?;
        let events = self.answer(self.client.request_events::<T>(request)).await?;
        let mut events = std::pin::pin!(events);
        self.tell(Told::Fine).await?;
        loop {
            let patience = if uids.is_some() { ANSWER } else { WATCH + MARGIN };
            let event = match timeout(patience, events.next()).await {
                Ok(Some(Ok(event))) => event,
                // One object that cannot be read must not hide the others.
                Ok(Some(Err(kube::Error::SerdeError(error)))) => {
                    tracing::warn!(
                        resource = self.resource.plural,
                        "an object cannot be read: {error}"
                    );
                    continue;
                }
                Ok(Some(Err(kube::Error::Api(status)))) => return Err(self.refused(&status)),
                // Opening it again tells more about what is wrong.
                Ok(None | Some(Err(_))) => return Ok(End::Closed),
                // A server that does not know the question answers as to an ordinary watch, and is silent.
                Err(_) if uids.is_some() => return Ok(End::NoStreamingLists),
                Err(_) => {
                    tracing::warn!(
                        resource = self.resource.plural,
                        "a watch fell silent; opening it again"
                    );
                    return Ok(End::Closed);
                }
            };
            match event {
                WatchEvent::Added(it) | WatchEvent::Modified(it) => {
                    let object = (self.object)(it);
                    match &mut uids {
                        Some(uids) => drop(uids.insert(object.identity().to_owned())),
                        None => *state = State::At(object.meta().resource_version.clone()),
                    }
                    self.tell(Told::Applied(object)).await?;
                }
                WatchEvent::Deleted(it) => {
                    let object = (self.object)(it);
                    if uids.is_none() {
                        *state = State::At(object.meta().resource_version.clone());
                    }
                    self.tell(Told::Deleted(object)).await?;
                }
                WatchEvent::Bookmark(it) => {
                    let end = it.metadata.annotations.contains_key("k8s.io/initial-events-end");
                    if end && let Some(uids) = uids.take() {
                        self.tell(Told::Listed(uids)).await?;
                    }
                    if uids.is_none() {
                        *state = State::At(it.metadata.resource_version);
                    }
                }
                WatchEvent::Error(status) => return Err(self.refused(&status)),
            }
        }
    }

    async fn answer<A>(&self, call: impl Future<Output = kube::Result<A>>) -> Result<A, End> {
        match timeout(ANSWER, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) => Err(self.refused(&status)),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => {
                let detail = format!("no answer within {} s", ANSWER.as_secs());
                Err(End::Failed { trouble: Trouble::Unreachable { detail }, pause: None })
            }
        }
    }

    fn failed(&self, error: &kube::Error) -> End {
        End::Failed { trouble: trouble::of(error, &self.resource), pause: None }
    }

    fn refused(&self, status: &Status) -> End {
        match status.code {
            410 => End::Expired,
            404 if self.resource.is_extra() => End::Absent,
            // "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            400 | 422 if self.streaming => End::NoStreamingLists,
            _ => End::Failed {
                trouble: trouble::of_status(status, &self.resource),
                pause: trouble::pause(status),
            },
        }
    }
}

fn build(error: kube::core::request::Error) -> kube::Error {
    kube::Error::BuildRequest(error)
}
