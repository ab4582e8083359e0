//! Everything the ledger knows about a workload that the rules look at, read together: one statement for what is
//! known of the workload, one for the rails. A storm of alerts asks for hundreds of scenes a second, and each
//! statement costs a round trip.

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::Digest;
use domain::decide::situation::{History, Measurement, Version};
use domain::decisions::{Decision, Strategy};
use domain::ids::ServiceId;
use domain::plans::ObjectRef;
use domain::plans::objects::is_suspended;
use domain::rollbacks::Rollback;
use domain::rollbacks::proposal::Around;
use domain::scene::{Rails, Scene};
use domain::surroundings::Surrounding;
use domain::watching::SightState;
use domain::workloads::{Event, Node, Rollout, Workload};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::{
    Error, changes, configs, drills, objects, pods, policies, rails, releases, revisions,
    rollbacks, services, windows,
};

/// How far back alerts tell whether a signal goes away by itself.
const PAST: TimeDelta = TimeDelta::days(90);

/// How far back the cluster's own words explain anything.
const RECENT: TimeDelta = TimeDelta::hours(1);

/// How old a sight of what keeps a workload in step may be for a plan that begins with its suspension.
const LATELY: TimeDelta = TimeDelta::seconds(90);

/// How many changes are looked at; the attribution window rarely holds more than a few.
const CHANGES: i64 = 20;

/// Of a workload, for the rule of this name; empty where a person asks. Alert, signal, request and what is measured
/// outside are for the caller to add.
pub async fn of(
    db: &mut PgConnection,
    service: ServiceId,
    workload: &Workload,
    rule: &str,
    now: DateTime<Utc>,
) -> Result<Scene, Error> {
    let row = sqlx::query!(
        r#"SELECT
            (SELECT to_jsonb(s) || jsonb_build_object('workloads', COALESCE((
                        SELECT jsonb_agg(
                            jsonb_build_object(
                                'cluster', c.name, 'namespace', w.namespace, 'kind', w.kind, 'name', w.name
                            ) ORDER BY w.position
                        )
                        FROM service_workloads w JOIN clusters c ON c.id = w.cluster_id
                        WHERE w.service_id = s.id
                    ), '[]'))
             FROM services s WHERE s.id = $1 AND s.removed_at IS NULL) AS "service: Json<services::Row>",
            (SELECT jsonb_build_object('id', head.id, 'version', head.version, 'definition', body.definition)
             FROM services s JOIN policies head ON head.name = s.policy
             JOIN policy_versions body ON body.policy_id = head.id AND body.version = head.version
             WHERE s.id = $1 AND head.removed_at IS NULL) AS "policy: Json<policies::Row>",
            (SELECT $4 = ANY(protected_namespaces) FROM clusters
             WHERE name = $3 AND removed_at IS NULL) AS protected,
            EXISTS (SELECT FROM gates
                    WHERE workload_id = $2 AND tool = 'flagger' AND revoked_at IS NULL) AS "gated!",
            (SELECT g.state FROM sights g JOIN clusters c ON c.id = g.cluster_id WHERE c.name = $3) AS sight,
            COALESCE((
                SELECT jsonb_agg(to_jsonb(p) ORDER BY p.created_at, p.name) FROM pods p WHERE p.workload_id = $2
            ), '[]') AS "pods!: Json<Vec<pods::Row>>",
            COALESCE((
                SELECT jsonb_agg(to_jsonb(n)
                                 ORDER BY n.name)
                FROM nodes n JOIN clusters c ON c.id = n.cluster_id WHERE c.name = $3
            ), '[]') AS "nodes!: Json<Vec<Node>>",
            COALESCE((
                SELECT jsonb_agg(to_jsonb(r) || jsonb_build_object('template', t.template)
                                 ORDER BY r.revision DESC, r.seen_at DESC, r.id)
                FROM revisions r JOIN templates t USING (digest) WHERE r.workload_id = $2
            ), '[]') AS "revisions!: Json<Vec<revisions::Row>>",
            COALESCE((
                SELECT jsonb_agg(to_jsonb(h) ORDER BY h.at DESC, h.id)
                FROM (SELECT * FROM changes WHERE workload_id = $2 ORDER BY at DESC, id LIMIT $5) h
            ), '[]') AS "changes!: Json<Vec<changes::Row>>",
            COALESCE((
                SELECT jsonb_agg(to_jsonb(a) ORDER BY a.object) FROM surroundings a JOIN clusters c ON c.id = a.cluster_id
                WHERE c.name = $3 AND a.namespace = $4
            ), '[]') AS "surroundings!: Json<Vec<Surrounding>>",
            COALESCE((
                SELECT jsonb_agg(to_jsonb(e) ORDER BY e.last_at DESC, e.uid)
                FROM events e WHERE e.workload_id = $2 AND e.warning AND e.last_at >= $8
            ), '[]') AS "events!: Json<Vec<Event>>",
            (SELECT count(*) FROM alerts
             WHERE service_id = $1 AND name = $6 AND state = 'resolved' AND NOT acted AND starts_at >= $7)
                AS "unattended!",
            (SELECT count(*) FROM alerts
             WHERE service_id = $1 AND name = $6 AND state = 'resolved' AND NOT acted AND starts_at >= $7
                   AND ends_at - starts_at <= interval '5 minutes') AS "recovered!""#,
        service.0,
        workload.id.0,
        workload.cluster,
        workload.namespace,
        CHANGES,
        rule,
        now - PAST,
        now - RECENT
    );
    let row = row.fetch_one(&mut *db).await?;
    let rails = rails_of(db, service, workload, rule, now).await?;
    let release = releases::of_workload(db, workload).await?;
    let policy = domain::catalog::Stored::try_from(row.policy.ok_or(Error::NotFound)?.0)?;
    let sight = row.sight.as_deref().and_then(SightState::parse);
    let mut changes: Vec<_> = all(row.changes)?;
    // The table names the service only of what somebody told about it.
    changes.iter_mut().for_each(|it: &mut domain::changes::Change| it.service = Some(service));
    Ok(Scene {
        service: domain::catalog::Stored::try_from(row.service.ok_or(Error::NotFound)?.0)?.entry,
        policy: policy.entry,
        policy_version: policy.version,
        protected: row.protected.ok_or(Error::NotFound)?,
        connected: sight.is_some_and(SightState::is_connected),
        gated: row.gated,
        revisions: all(row.revisions)?,
        changes,
        history: History {
            unattended: small(row.unattended),
            ended_by_themselves: small(row.recovered),
            failed_recoveries: rails.failures_in_a_row,
        },
        rails,
        release,
        measurement: Measurement::default(),
        workload: workload.clone(),
        confirmation: None,
        sighting: None,
        request: None,
        signal: None,
        alert: None,
        nodes: Some(row.nodes.0).filter(|it| !it.is_empty()),
        pods: all(row.pods)?,
        surroundings: row.surroundings.0,
        events: row.events.0,
    })
}

/// What a plan for this decision looks at beside the workload.
pub async fn around(
    db: &mut PgConnection,
    scene: &Scene,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<Around, Error> {
    let workload = &scene.workload;
    let mut around = Around::of(&scene.pods);
    if let (Some(target), Strategy::ConfigRestore) = (&decision.target, decision.strategy) {
        around.configs = configs::changed(&mut *db, workload, target).await?;
    }
    if decision.strategy == Strategy::HelmRollback {
        around.release.clone_from(&scene.release);
    }
    if let Some(keeper) = ObjectRef::keeper(&workload.cluster, &workload.owner) {
        let found = objects::latest(&mut *db, &keeper, now - LATELY).await?;
        let kept = found.filter(|it| !is_suspended(&keeper, it));
        around.gitops = kept.map(|it| keeper.live(Some(&it)));
    }
    Ok(around)
}

/// What the rails say now; asked again where something is about to be done.
pub async fn rails_of(
    db: &mut PgConnection,
    service: ServiceId,
    workload: &Workload,
    rule: &str,
    now: DateTime<Utc>,
) -> Result<Rails, Error> {
    let drill = drills::whose_fault(&mut *db, workload).await?;
    let history = rails::history(&mut *db, service, rule, now).await?;
    let row = sqlx::query!(
        r#"SELECT
            COALESCE((SELECT jsonb_agg(to_jsonb(k) ORDER BY k.scope) FROM kill_switches k), '[]')
                AS "kill_switches!: Json<Vec<rails::Row>>",
            ARRAY(SELECT w.namespace || '/' || w.kind || '/' || w.name FROM workloads w
                  JOIN service_workloads s ON s.cluster_id = w.cluster_id AND s.namespace = w.namespace
                       AND s.kind = w.kind AND s.name = w.name
                  WHERE s.service_id = $1 AND w.id <> $2 AND w.rollout = $3 ORDER BY s.position)
                AS "other_rollouts!",
            (SELECT to_jsonb(r) || jsonb_build_object('service_name', s.name)
             FROM rollbacks r JOIN services s ON s.id = r.service_id
             WHERE r.ended_at IS NULL AND (r.workload_id = $2
                   OR r.members @> jsonb_build_array(jsonb_build_object('workload_id', $2::uuid))
                   OR (r.target ->> 'release' IS NOT NULL AND EXISTS (
                       SELECT FROM workloads own JOIN workloads it USING (cluster_id, namespace, owner, owner_name)
                       WHERE own.id = r.workload_id AND it.id = $2)))
             ORDER BY r.created_at LIMIT 1) AS "open: Json<rollbacks::Row>",
            (SELECT to_jsonb(r) || jsonb_build_object('service_name', s.name)
             FROM rollbacks r JOIN services s ON s.id = r.service_id
             WHERE r.workload_id = $2 ORDER BY r.created_at DESC LIMIT 1) AS "last: Json<rollbacks::Row>",
            (SELECT to_jsonb(r) || jsonb_build_object('service_name', s.name)
             FROM rollbacks r JOIN services s ON s.id = r.service_id
             WHERE r.service_id = $1
                   AND (r.executed_at IS NOT NULL OR r.state IN ('approved', 'executing', 'paused'))
                   AND (r.drill_id IS NULL OR r.ended_at IS NULL)
             ORDER BY r.created_at DESC LIMIT 1) AS "newest: Json<rollbacks::Row>",
            COALESCE((SELECT jsonb_agg(to_jsonb(x) ORDER BY x.from_at, x.id) FROM windows x
                      WHERE x.ended_at IS NULL AND x.from_at <= $4 AND x.to_at > $4), '[]')
                AS "windows!: Json<Vec<windows::Row>>",
            ARRAY(SELECT digest FROM holds WHERE service_id = $1 AND released_at IS NULL ORDER BY since DESC)
                AS "held!""#,
        service.0,
        workload.id.0,
        Rollout::Progressing.as_str(),
        now
    );
    let row = row.fetch_one(db).await?;
    let rollback =
        |row: Option<Json<rollbacks::Row>>| row.map(|it| Rollback::try_from(it.0)).transpose();
    let held = row.held.iter().map(|it| it.parse::<Digest>());
    let held = held.collect::<Result<Vec<_>, _>>();
    let broken = |_| Error::Inconsistent { table: "holds", id: service.to_string() };
    Ok(Rails {
        kill_switches: all(row.kill_switches)?,
        other_rollouts: row.other_rollouts,
        open: rollback(row.open)?,
        last: rollback(row.last)?,
        newest: rollback(row.newest)?,
        failures_in_a_row: small(history.failures),
        automatic_this_hour: small(history.automatic_this_hour),
        rolling_back_now: small(history.services_rolling_back),
        held: held
            .map_err(broken)?
            .into_iter()
            .map(|digest| Version { digest, config_digest: None })
            .collect(),
        windows: all(row.windows)?,
        drill,
    })
}

fn all<R, T: TryFrom<R, Error = Error>>(rows: Json<Vec<R>>) -> Result<Vec<T>, Error> {
    rows.0.into_iter().map(T::try_from).collect()
}

fn small(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
