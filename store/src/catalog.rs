//! What concerns the catalog as a whole.

use sqlx::PgConnection;

use crate::Error;

/// Lets one import after the other look at the catalog and change it, until the transaction ends.
pub async fn lock(tx: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('catalog'))").execute(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{DateTime, TimeDelta, Utc};
    use domain::clusters::Cluster;
    use domain::policies::{Mode, Policy};
    use domain::services::{Service, WorkloadKind, WorkloadRef};
    use domain::signals::{self, Severity, Signal};
    use sqlx::PgPool;
    use sqlx::postgres::PgListener;

    use crate::{Error, clusters, policies, services, signals as stored_signals};

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn cluster(name: &str) -> Cluster {
        Cluster {
            name: name.to_owned(),
            kubeconfig: "env:KUBECONFIG".to_owned(),
            context: Some("lab".to_owned()),
            prometheus: None,
            namespaces: vec!["shop".to_owned()],
            protected_namespaces: vec![],
            helm_namespaces: vec![],
            helm_kubeconfig: None,
        }
    }

    fn service(name: &str, workloads: &[&str]) -> Service {
        let workload = |name: &&str| WorkloadRef {
            cluster: "lab".to_owned(),
            namespace: "shop".to_owned(),
            kind: WorkloadKind::Deployment,
            name: (*name).to_owned(),
        };
        Service {
            name: name.to_owned(),
            team: "platform".to_owned(),
            environment: "production".to_owned(),
            policy: "default".to_owned(),
            workloads: workloads.iter().map(workload).collect(),
            match_labels: BTreeMap::from([("service".to_owned(), name.to_owned())]),
            checks: vec![],
        }
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_fresh_database_holds_what_is_built_in(db: PgPool) {
        let policies = policies::list(&db).await.unwrap();
        let policies: Vec<_> = policies.into_iter().map(|it| it.entry).collect();
        assert_eq!(policies, [Policy::named("default")]);
        let signals = stored_signals::list(&db).await.unwrap();
        let signals: Vec<_> = signals.into_iter().map(|it| it.entry).collect();
        assert_eq!(signals, signals::built_in());
        assert!(policies::stated(&db).await.unwrap().is_empty());
        assert!(stored_signals::stated(&db).await.unwrap().is_empty());
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_change_is_the_next_version_and_the_last_one_is_kept(db: PgPool) {
        let mut tx = db.begin().await.unwrap();
        let id = policies::save(&mut tx, &Policy::named("p"), AT).await.unwrap();
        let auto = Policy { mode: Mode::Auto, ..Policy::named("p") };
        assert_eq!(policies::save(&mut tx, &auto, AT).await.unwrap(), id);
        tx.commit().await.unwrap();
        let stored = policies::by_name(&db, "p").await.unwrap();
        assert_eq!((stored.id, stored.version, stored.entry), (id, 2, auto));

        let mut tx = db.begin().await.unwrap();
        policies::remove(&mut tx, "p", AT).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(policies::by_name(&db, "p").await, Err(Error::NotFound)));

        let mut tx = db.begin().await.unwrap();
        policies::save(&mut tx, &Policy::named("p"), AT).await.unwrap();
        tx.commit().await.unwrap();
        let again = policies::by_name(&db, "p").await.unwrap();
        assert_eq!((again.id, again.version), (id, 3));
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn what_is_built_in_can_be_re_stated_and_goes_back(db: PgPool) {
        let built_in = signals::built_in()[0].clone();
        let re_stated = Signal { severity: Severity::Warning, ..built_in.clone() };
        let mut tx = db.begin().await.unwrap();
        stored_signals::save(&mut tx, &re_stated, AT).await.unwrap();
        tx.commit().await.unwrap();
        let stored = stored_signals::stated(&db).await.unwrap();
        assert_eq!(stored.into_iter().map(|it| it.entry).collect::<Vec<_>>(), [re_stated]);

        let mut tx = db.begin().await.unwrap();
        stored_signals::remove(&mut tx, &built_in.name, AT).await.unwrap();
        tx.commit().await.unwrap();
        assert!(stored_signals::stated(&db).await.unwrap().is_empty());
        let stored = stored_signals::by_name(&db, &built_in.name).await.unwrap();
        assert_eq!((stored.version, stored.entry), (3, built_in));
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn services_come_back_as_they_were_saved_and_are_found_by_workload_and_labels(
        db: PgPool,
    ) {
        let [api, shop] = [service("api", &["api", "worker"]), service("shop", &["shop"])];
        let mut tx = db.begin().await.unwrap();
        clusters::save(&mut tx, &cluster("lab"), AT).await.unwrap();
        let api_id = services::save(&mut tx, &api, AT).await.unwrap();
        services::save(&mut tx, &shop, AT).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(services::get(&db, api_id).await.unwrap().entry, api);
        assert_eq!(services::by_name(&db, "shop").await.unwrap().entry, shop);
        assert_eq!(services::list(&db).await.unwrap().len(), 2);
        assert_eq!(clusters::by_name(&db, "lab").await.unwrap().entry, cluster("lab"));

        let by_workload = async |kind, name| {
            let found = services::for_workload(&db, "lab", "shop", kind, name).await.unwrap();
            found.map(|it| it.entry.name)
        };
        assert_eq!(by_workload(WorkloadKind::Deployment, "worker").await.as_deref(), Some("api"));
        assert_eq!(by_workload(WorkloadKind::StatefulSet, "worker").await, None);

        for (labels, expected) in [
            (&[("service", "shop")][..], &["shop"][..]),
            (&[("namespace", "shop"), ("deployment", "worker")], &["api"]),
            (
                &[("service", "shop"), ("namespace", "shop"), ("deployment", "api")],
                &["api", "shop"],
            ),
            (&[("alertname", "x")], &[]),
        ] {
            let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let found = services::matching(&db, &labels).await.unwrap();
            let found: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
            assert_eq!(found, expected, "{labels:?}");
        }

        let policy = policies::for_service(&db, api_id).await.unwrap();
        assert_eq!(policy.entry, Policy::named("default"));
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_workload_moves_between_services_but_belongs_to_one(db: PgPool) {
        let mut tx = db.begin().await.unwrap();
        clusters::save(&mut tx, &cluster("lab"), AT).await.unwrap();
        services::save(&mut tx, &service("a", &["x", "y"]), AT).await.unwrap();
        services::save(&mut tx, &service("b", &["z"]), AT).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = db.begin().await.unwrap();
        services::save(&mut tx, &service("b", &["z", "y"]), AT).await.unwrap();
        services::save(&mut tx, &service("a", &["x"]), AT).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = db.begin().await.unwrap();
        services::save(&mut tx, &service("a", &["x", "z"]), AT).await.unwrap();
        let error = tx.commit().await.unwrap_err().to_string();
        assert!(error.contains("a_workload_belongs_to_one_service"), "{error}");

        let mut tx = db.begin().await.unwrap();
        services::remove(&mut tx, "b", AT + TimeDelta::days(1)).await.unwrap();
        services::save(&mut tx, &service("a", &["x", "z"]), AT).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(services::list(&db).await.unwrap().len(), 1);
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_change_is_told_to_who_listens(db: PgPool) {
        let mut listener = PgListener::connect_with(&db).await.unwrap();
        listener.listen("catalog").await.unwrap();
        let mut tx = db.begin().await.unwrap();
        clusters::save(&mut tx, &cluster("lab"), AT).await.unwrap();
        tx.commit().await.unwrap();
        let heard = tokio::time::timeout(std::time::Duration::from_secs(10), listener.recv());
        assert_eq!(heard.await.unwrap().unwrap().channel(), "catalog");
    }
}
