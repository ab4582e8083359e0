//! Who watches which cluster, and how well each can be seen.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::ClusterId;
use domain::watching::{Sight, SightState, Trouble};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::Error;

/// The right to watch a cluster, until it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub cluster: ClusterId,
    pub holder: Uuid,
    /// Grows with each new holder; every write says which it was made under.
    pub epoch: i64,
}

/// Takes a lease that is free or has expired, or keeps one's own. `None`: somebody else holds it.
pub async fn claim(
    db: impl PgExecutor<'_>,
    cluster: ClusterId,
    holder: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<Option<Lease>, Error> {
    let epoch = sqlx::query_scalar!(
        "INSERT INTO watch_leases (cluster_id, holder, epoch, expires_at) VALUES ($1, $2, 1, $4)
         ON CONFLICT (cluster_id) DO UPDATE SET
                epoch = watch_leases.epoch
                        + (watch_leases.holder <> EXCLUDED.holder OR watch_leases.expires_at < $3)::int,
                holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at
         WHERE watch_leases.holder = EXCLUDED.holder OR watch_leases.expires_at < $3
         RETURNING epoch",
        cluster.0,
        holder,
        now,
        expires_at,
    );
    Ok(epoch.fetch_optional(db).await?.map(|epoch| Lease { cluster, holder, epoch }))
}

/// Holds the lease longer. `false`: it was lost, and nothing may be written under it any more.
pub async fn renew(
    db: impl PgExecutor<'_>,
    lease: Lease,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let renewed = sqlx::query!(
        "UPDATE watch_leases SET expires_at = $4 WHERE cluster_id = $1 AND holder = $2 AND epoch = $3",
        lease.cluster.0,
        lease.holder,
        lease.epoch,
        expires_at
    );
    Ok(renewed.execute(db).await?.rows_affected() == 1)
}

/// Lets somebody else take it at once.
pub async fn release(
    db: impl PgExecutor<'_>,
    lease: Lease,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    // A moment ago, because who claims asks for "before now".
    renew(db, lease, now - TimeDelta::milliseconds(1)).await?;
    Ok(())
}

/// Whether the lease still holds; nobody can take it until the transaction ends.
pub async fn holds(tx: &mut PgConnection, lease: Lease) -> Result<bool, Error> {
    let held = sqlx::query_scalar!(
        "SELECT true FROM watch_leases WHERE cluster_id = $1 AND holder = $2 AND epoch = $3 FOR SHARE",
        lease.cluster.0,
        lease.holder,
        lease.epoch
    );
    Ok(held.fetch_optional(tx).await?.is_some())
}

/// Writes how well a cluster can be seen. `since` moves only with the state.
pub async fn see(
    tx: &mut PgConnection,
    cluster: ClusterId,
    state: SightState,
    troubles: &[Trouble],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO sights (cluster_id, state, since, connected_since, troubles)
         VALUES ($1, $2, $4, CASE WHEN $5 THEN $4::timestamptz END, $3)
         ON CONFLICT (cluster_id) DO UPDATE SET
                state = EXCLUDED.state, troubles = EXCLUDED.troubles,
                since = CASE WHEN sights.state = EXCLUDED.state THEN sights.since ELSE EXCLUDED.since END,
                connected_since = CASE WHEN $5 THEN COALESCE(sights.connected_since, $4::timestamptz) END",
        cluster.0,
        state.as_str(),
        Json(troubles) as _,
        now,
        state.is_connected(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// How well each cluster of the catalog can be seen; one that nobody has looked at is connecting.
pub async fn sights(db: impl PgExecutor<'_>) -> Result<Vec<Sight>, Error> {
    let rows = sqlx::query!(
        r#"SELECT c.name, c.created_at, g.state AS "state?", g.since AS "since?",
                  g.troubles AS "troubles?: Json<Vec<Trouble>>"
           FROM clusters c LEFT JOIN sights g ON g.cluster_id = c.id
           WHERE c.removed_at IS NULL ORDER BY c.name"#
    );
    let rows = rows.fetch_all(db).await?.into_iter().map(|row| {
        let state = row.state.as_deref().map_or(Some(SightState::Connecting), SightState::parse);
        Ok(Sight {
            state: state
                .ok_or_else(|| Error::Inconsistent { table: "sights", id: row.name.clone() })?,
            cluster: row.name,
            since: row.since.unwrap_or(row.created_at),
            troubles: row.troubles.map(|it| it.0).unwrap_or_default(),
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    async fn cluster(db: &sqlx::PgPool) -> ClusterId {
        let cluster = domain::clusters::Cluster {
            name: "lab".into(),
            kubeconfig: "/none".into(),
            context: None,
            prometheus: None,
            namespaces: vec![],
            protected_namespaces: vec![],
            helm_namespaces: vec![],
            helm_kubeconfig: None,
        };
        let mut tx = db.begin().await.unwrap();
        let id = crate::clusters::save(&mut tx, &cluster, at(0)).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn one_holds_a_lease_and_every_new_holder_has_a_new_epoch(db: sqlx::PgPool) {
        let cluster = cluster(&db).await;
        let [a, b] = [1, 2].map(Uuid::from_u128);
        let first = claim(&db, cluster, a, at(0), at(6)).await.unwrap().unwrap();
        assert_eq!(claim(&db, cluster, b, at(5), at(11)).await.unwrap(), None);
        assert!(renew(&db, first, at(8)).await.unwrap());
        assert_eq!(claim(&db, cluster, b, at(7), at(13)).await.unwrap(), None, "it was renewed");
        let again = claim(&db, cluster, a, at(7), at(13)).await.unwrap().unwrap();
        assert_eq!(again.epoch, first.epoch, "its own, still in time");

        let second = claim(&db, cluster, b, at(14), at(20)).await.unwrap().unwrap();
        assert!(second.epoch > first.epoch);
        assert!(!renew(&db, first, at(30)).await.unwrap());
        let mut tx = db.begin().await.unwrap();
        assert!(!holds(&mut tx, first).await.unwrap());
        assert!(holds(&mut tx, second).await.unwrap());
        tx.commit().await.unwrap();

        release(&db, second, at(15)).await.unwrap();
        let third = claim(&db, cluster, a, at(15), at(21)).await.unwrap().unwrap();
        assert!(third.epoch > second.epoch);
        // Who slept through the end of the own lease may have missed something.
        let late = claim(&db, cluster, a, at(30), at(36)).await.unwrap().unwrap();
        assert!(late.epoch > third.epoch);
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_gap_in_what_is_seen_begins_the_connection_anew(db: sqlx::PgPool) {
        let cluster = cluster(&db).await;
        let unseen = sights(&db).await.unwrap().remove(0);
        assert_eq!((unseen.state, unseen.since), (SightState::Connecting, at(0)));
        let mut tx = db.begin().await.unwrap();
        let forbidden = vec![Trouble::Unauthorized];
        let connected_since = async |tx: &mut PgConnection| {
            sqlx::query_scalar!("SELECT connected_since FROM sights").fetch_one(tx).await.unwrap()
        };
        for (second, state, troubles, since, connected) in [
            (1, SightState::Connected, &vec![], 1, Some(1)),
            (2, SightState::Connected, &vec![], 1, Some(1)),
            (3, SightState::Partial, &forbidden, 3, Some(1)),
            (4, SightState::Blind, &forbidden, 4, None),
            (5, SightState::Connected, &vec![], 5, Some(5)),
        ] {
            see(&mut tx, cluster, state, troubles, at(second)).await.unwrap();
            let sight = sights(&mut *tx).await.unwrap().remove(0);
            assert_eq!((sight.state, sight.since, &sight.troubles), (state, at(since), troubles));
            assert_eq!(connected_since(&mut tx).await, connected.map(at), "{second}");
        }
    }
}
