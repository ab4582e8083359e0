//! What is wrong around workloads, as the watch sees it.

use domain::ids::ClusterId;
use domain::surroundings::Surrounding;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::Error;

/// Writes what is in trouble and forgets what is not: `gone` by namespace and object. Whoever it may explain is looked
/// at again.
pub async fn observe(
    tx: &mut PgConnection,
    cluster: ClusterId,
    seen: &[Surrounding],
    gone: &[(String, String)],
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO surroundings (cluster_id, namespace, object, trouble, concerns, since, message)
         SELECT $1, x.namespace, x.object, x.trouble, x.concerns, x.since, x.message
         FROM jsonb_to_recordset($2) AS x(namespace text, object text, trouble text, concerns jsonb, since timestamptz,
                message text)
         ON CONFLICT (cluster_id, namespace, object) DO UPDATE SET
                trouble = EXCLUDED.trouble, concerns = EXCLUDED.concerns, since = EXCLUDED.since,
                message = EXCLUDED.message",
        cluster.0,
        Json(seen) as _,
    )
    .execute(&mut *tx)
    .await?;
    let (namespaces, objects): (Vec<String>, Vec<String>) = gone.iter().cloned().unzip();
    sqlx::query!(
        "DELETE FROM surroundings s USING unnest($2::text[], $3::text[]) AS x(namespace, object)
         WHERE s.cluster_id = $1 AND s.namespace = x.namespace AND s.object = x.object",
        cluster.0,
        &namespaces,
        &objects
    )
    .execute(&mut *tx)
    .await?;
    let mut places: Vec<String> = seen.iter().map(|it| it.namespace.clone()).collect();
    places.extend(namespaces);
    sqlx::query!(
        "UPDATE alerts SET decided_at = NULL
         WHERE state = 'firing' AND decided_at IS NOT NULL
               AND service_id IN (SELECT service_id FROM service_workloads WHERE cluster_id = $1 AND namespace = ANY($2))",
        cluster.0,
        &places
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets what went while nobody watched: all but these, by namespace and object.
pub async fn leave_all_but(
    tx: &mut PgConnection,
    cluster: ClusterId,
    there: &[(String, String)],
) -> Result<(), Error> {
    let (namespaces, objects): (Vec<String>, Vec<String>) = there.iter().cloned().unzip();
    sqlx::query!(
        "DELETE FROM surroundings s WHERE s.cluster_id = $1 AND NOT EXISTS (
             SELECT FROM unnest($2::text[], $3::text[]) AS x(namespace, object)
             WHERE s.namespace = x.namespace AND s.object = x.object)",
        cluster.0,
        &namespaces,
        &objects
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use domain::decide::situation::TroubleKind;
    use domain::surroundings::Concerns;
    use domain::workloads::Node;

    use super::*;

    async fn cluster(db: &sqlx::PgPool) -> ClusterId {
        let cluster = serde_json::from_value(serde_json::json!({"name": "lab", "kubeconfig": "k"}));
        let mut tx = db.begin().await.unwrap();
        let now = DateTime::UNIX_EPOCH;
        let id = crate::clusters::save(&mut tx, &cluster.unwrap(), now).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_row_stays_for_as_long_as_its_object_is_in_trouble(db: sqlx::PgPool) {
        let cluster = cluster(&db).await;
        let of = |name: &str, message: &str| Surrounding {
            namespace: "shop".into(),
            object: format!("HorizontalPodAutoscaler/{name}"),
            trouble: TroubleKind::HpaAtMaximum,
            concerns: Concerns::Workload { kind: "Deployment".into(), name: name.into() },
            since: None,
            message: message.into(),
        };
        let place = |name: &str| ("shop".to_owned(), format!("HorizontalPodAutoscaler/{name}"));
        let mut tx = db.begin().await.unwrap();
        observe(&mut tx, cluster, &[of("a", "1"), of("b", "1")], &[]).await.unwrap();
        observe(&mut tx, cluster, &[of("a", "2")], &[]).await.unwrap();
        let messages = async |tx: &mut PgConnection| {
            let rows = sqlx::query_scalar!("SELECT message FROM surroundings ORDER BY object");
            rows.fetch_all(tx).await.unwrap()
        };
        assert_eq!(messages(&mut tx).await, ["2", "1"]);
        observe(&mut tx, cluster, &[], &[place("a")]).await.unwrap();
        assert_eq!(messages(&mut tx).await, ["1"]);
        leave_all_but(&mut tx, cluster, &[place("b")]).await.unwrap();
        assert_eq!(messages(&mut tx).await, ["1"]);
        leave_all_but(&mut tx, cluster, &[]).await.unwrap();
        assert_eq!(messages(&mut tx).await, [""; 0]);
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_node_under_another_boot_id_was_started_anew(db: sqlx::PgPool) {
        let cluster = cluster(&db).await;
        let mut tx = db.begin().await.unwrap();
        let at = |seconds| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds);
        for (seconds, boot_id, expected) in [
            // Whoever says nothing was never seen to start.
            (1, "", None),
            (2, "a", None),
            (3, "a", None),
            (4, "", None),
            (5, "a", None),
            (6, "b", Some(6)),
            (7, "b", Some(6)),
        ] {
            let node = Node {
                name: "n1".into(),
                ready: true,
                pressure: false,
                boot_id: boot_id.into(),
                rebooted_at: None,
            };
            crate::pods::observe_nodes(&mut tx, cluster, &[node], &[], at(seconds)).await.unwrap();
            let row = sqlx::query_scalar!("SELECT rebooted_at FROM nodes");
            let rebooted = row.fetch_one(&mut *tx).await.unwrap();
            assert_eq!(rebooted, expected.map(at), "{seconds}");
        }
    }
}
