//! From a batch to Postgres, in one transaction, under the lease.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use domain::canonical::Digest;
use domain::changes::{self, State};
use domain::ids::WorkloadId;
use domain::workloads::Key;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use store::revisions::Seen;
use store::watching::Lease;
use store::workloads::{Before, Observed};
use store::{Of, changes as rows};

use super::index::Batch;

/// The lease was lost: somebody else watches the cluster now.
#[derive(Debug, thiserror::Error)]
#[error("another process watches this cluster now")]
pub(crate) struct Lost;

/// Writes what one watcher sees.
#[derive(Debug)]
pub(crate) struct Writer {
    db: PgPool,
    lease: Lease,
    ids: HashMap<Key, WorkloadId>,
}

impl Writer {
    pub(crate) fn new(db: PgPool, lease: Lease) -> Self {
        Self { db, lease, ids: HashMap::new() }
    }

    pub(crate) fn id(&self, key: &Key) -> Option<WorkloadId> {
        self.ids.get(key).copied()
    }

    /// Writes all of the batch or nothing; gives the workloads that it touches.
    ///
    /// # Errors
    /// [`Lost`] when the lease is held by somebody else; else what the database says.
    pub(crate) async fn write(
        &mut self,
        batch: &Batch,
        now: DateTime<Utc>,
    ) -> anyhow::Result<BTreeSet<WorkloadId>> {
        let mut tx = self.db.begin().await?;
        anyhow::ensure!(store::watching::holds(&mut tx, self.lease).await?, Lost);
        let touched = self.write_in(&mut tx, batch, now).await?;
        tx.commit().await?;
        Ok(touched)
    }

    /// Says what went while nobody watched: everything that is in the database and not in the cluster.
    pub(crate) async fn write_all_gone(
        &mut self,
        keys: &[&Key],
        pods: &[String],
        surroundings: &[(String, String)],
        secrets: &[String],
        now: DateTime<Utc>,
    ) -> anyhow::Result<BTreeSet<WorkloadId>> {
        let cluster = self.lease.cluster;
        let mut tx = self.db.begin().await?;
        anyhow::ensure!(store::watching::holds(&mut tx, self.lease).await?, Lost);
        let gone = store::workloads::leave_all_but(&mut tx, cluster, keys, now).await?;
        store::pods::leave_all_but(&mut tx, cluster, pods).await?;
        store::surroundings::leave_all_but(&mut tx, cluster, surroundings).await?;
        store::releases::leave_all_but(&mut tx, cluster, secrets).await?;
        tx.commit().await?;
        Ok(gone.into_iter().collect())
    }

    /// What the Secrets of releases say; gives the workloads that belong to them. `gone` are the uids of Secrets.
    pub(crate) async fn write_releases(
        &self,
        seen: &[store::releases::Seen],
        gone: &[String],
        now: DateTime<Utc>,
    ) -> anyhow::Result<BTreeSet<WorkloadId>> {
        let cluster = self.lease.cluster;
        let mut tx = self.db.begin().await?;
        anyhow::ensure!(store::watching::holds(&mut tx, self.lease).await?, Lost);
        store::releases::observe(&mut tx, cluster, seen, gone, now).await.context("releases")?;
        let named: BTreeSet<_> = seen.iter().map(|it| (&it.namespace, &it.name)).collect();
        let (namespaces, names): (Vec<String>, Vec<String>) =
            named.into_iter().map(|(a, b)| (a.clone(), b.clone())).unzip();
        let members = store::releases::members(&mut *tx, cluster, &namespaces, &names).await?;
        tx.commit().await?;
        Ok(members.into_iter().collect())
    }

    async fn write_in(
        &mut self,
        tx: &mut PgConnection,
        batch: &Batch,
        now: DateTime<Utc>,
    ) -> anyhow::Result<BTreeSet<WorkloadId>> {
        let cluster = self.lease.cluster;
        let mut touched = BTreeSet::new();
        if !batch.configs.is_empty() {
            store::configs::observe(tx, &batch.configs, now).await.context("config contents")?;
        }
        let before = self.write_workloads(tx, batch, now, &mut touched).await?;
        if !batch.revisions.is_empty() {
            let seen: Vec<_> = self.of(&batch.revisions);
            store::revisions::observe(tx, &seen, now).await.context("revisions")?;
        }
        if !batch.workloads.is_empty() {
            let observed: Vec<_> = batch.workloads.iter().collect();
            store::revisions::prune(tx, cluster, &observed).await.context("pruned revisions")?;
        }
        self.write_changes(tx, batch, &before, now).await.context("changes")?;
        if !batch.pods.is_empty() {
            let pods: Vec<_> = self.of(&batch.pods);
            touched.extend(pods.iter().map(|it| it.workload_id));
            store::pods::observe(tx, cluster, &pods).await.context("pods")?;
        }
        if !batch.gone_pods.is_empty() {
            touched.extend(store::pods::leave(tx, cluster, &batch.gone_pods).await?);
        }
        if !batch.nodes.is_empty() || !batch.gone_nodes.is_empty() {
            let (nodes, gone) = (&batch.nodes, &batch.gone_nodes);
            store::pods::observe_nodes(tx, cluster, nodes, gone, now).await.context("nodes")?;
        }
        if !batch.surroundings.is_empty() || !batch.gone_surroundings.is_empty() {
            let (seen, gone) = (&batch.surroundings, &batch.gone_surroundings);
            store::surroundings::observe(tx, cluster, seen, gone).await.context("surroundings")?;
        }
        if !batch.events.is_empty() {
            // The same event may come twice in one batch, and a statement may write a row only once.
            let newest: BTreeMap<_, _> = batch
                .events
                .iter()
                .map(|(key, it)| ((key, &it.uid), (key.clone(), it.clone())))
                .collect();
            let newest: Vec<_> = newest.into_values().collect();
            store::events::observe(tx, &self.of(&newest)).await.context("events")?;
        }
        if !batch.gone_workloads.is_empty() {
            let gone: Vec<_> = batch.gone_workloads.iter().collect();
            touched.extend(store::workloads::leave(tx, cluster, &gone, now).await?);
        }
        Ok(touched)
    }

    async fn write_workloads(
        &mut self,
        tx: &mut PgConnection,
        batch: &Batch,
        now: DateTime<Utc>,
        touched: &mut BTreeSet<WorkloadId>,
    ) -> anyhow::Result<HashMap<Key, Before>> {
        // Revisions and pods may belong to a workload whose own row says nothing new.
        let unknown = batch
            .revisions
            .iter()
            .map(|(key, _)| key)
            .chain(batch.pods.iter().map(|(key, _)| key))
            .chain(batch.events.iter().map(|(key, _)| key))
            .filter(|it| !self.ids.contains_key(it));
        let unknown: BTreeSet<&Key> = unknown.collect();
        if !unknown.is_empty() {
            let unknown: Vec<_> = unknown.into_iter().collect();
            self.ids.extend(store::workloads::ids(tx, self.lease.cluster, &unknown).await?);
        }
        if batch.workloads.is_empty() {
            return Ok(HashMap::new());
        }
        let observed: Vec<&Observed> = batch.workloads.iter().collect();
        let keys: Vec<&Key> = observed.iter().map(|it| &it.key).collect();
        let before = store::workloads::before(tx, self.lease.cluster, &keys).await?;
        let ids = store::workloads::observe(tx, self.lease.cluster, &observed, now).await;
        let ids = ids.context("workloads")?;
        touched.extend(ids.iter().map(|(_, id)| *id));
        self.ids.extend(ids);
        Ok(before.into_iter().collect())
    }

    async fn write_changes(
        &self,
        tx: &mut PgConnection,
        batch: &Batch,
        before: &HashMap<Key, Before>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let mut revisions: HashMap<&Key, Vec<&Seen>> = HashMap::new();
        for (key, seen) in &batch.revisions {
            revisions.entry(key).or_default().push(seen);
        }
        let candidates = batch.workloads.iter().filter_map(|it| {
            let seen = revisions.get(&it.key).map_or(&[][..], Vec::as_slice);
            Candidate::of(it, before.get(&it.key), seen, now)
        });
        let candidates: Vec<Candidate<'_>> = candidates.collect();
        if candidates.is_empty() {
            return Ok(());
        }
        let digests = candidates.iter().flat_map(|it| [&it.from.digest, &it.to.digest]);
        let digests: BTreeSet<String> = digests.map(Digest::to_string).collect();
        let digests: Vec<String> = digests.into_iter().collect();
        let templates = store::revisions::templates(&mut *tx, &digests).await?;
        for it in candidates {
            let template = |digest: &Digest| -> Option<&Value> { templates.get(digest.as_str()) };
            let both = template(&it.from.digest).zip(template(&it.to.digest));
            let (Some(seen), Some(workload)) =
                (changes::seen(&it.from, &it.to, both), self.id(it.key))
            else {
                continue;
            };
            let change = rows::New {
                subject: rows::Subject::Seen { workload, from: Some(it.from), to: it.to },
                kind: seen.kind,
                material: seen.material,
                at: it.at,
                items: seen.items,
            };
            rows::insert(tx, &change, now).await?;
        }
        Ok(())
    }

    fn of<T: Clone>(&self, rows: &[(Key, T)]) -> Vec<Of<T>> {
        let known = rows
            .iter()
            .filter_map(|(key, row)| Some(Of { workload_id: self.id(key)?, row: row.clone() }));
        known.collect()
    }
}

/// Two states of a workload between which something may have been done.
struct Candidate<'a> {
    key: &'a Key,
    from: State,
    to: State,
    at: DateTime<Utc>,
}

impl<'a> Candidate<'a> {
    fn of(
        now_is: &'a Observed,
        before: Option<&Before>,
        seen: &[&Seen],
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let to = State {
            revision: now_is.live_revision,
            digest: now_is.live_digest.clone(),
            config_digest: now_is.live_config_digest.clone(),
            replicas: now_is.replicas,
        };
        let created = |digest: &Digest| {
            let seen = seen.iter().find(|it| it.digest == *digest && it.revision > 0)?;
            seen.body.as_ref().map(|it| it.created_at)
        };
        let (from, last_seen) = match before {
            // A new object of an old name is a new beginning.
            Some(before) if before.uid == now_is.uid && !before.gone => {
                let from = State {
                    revision: before.revision,
                    digest: before.digest.parse().ok()?,
                    config_digest: before.config_digest.parse().ok()?,
                    replicas: before.replicas,
                };
                (from, before.seen_at)
            }
            Some(_) => return None,
            // Seen for the first time: the revision before it was what ran until its template was made.
            None => {
                let previous = seen.iter().filter(|it| it.revision < to.revision);
                let previous = previous.max_by_key(|it| it.revision)?;
                let from = State {
                    revision: previous.revision,
                    digest: previous.digest.clone(),
                    config_digest: previous.config_digest.clone(),
                    replicas: to.replicas,
                };
                let (older, newer) = (created(&previous.digest)?, created(&to.digest)?);
                // After an undo the live template is the older one, and nobody knows when it was made live.
                if newer <= older {
                    return None;
                }
                (from, older)
            }
        };
        let at = changes::made_at(created(&to.digest), last_seen, now);
        Some(Self { key: &now_is.key, from, to, at })
    }
}
