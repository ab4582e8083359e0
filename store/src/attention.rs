//! What everybody who opens a page should know at once, and what the first page asks of no single ledger.

use domain::attention::house::House;
use serde_json::json;
use sqlx::PgExecutor;

use crate::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Rollbacks and other runs that wait for approval, and imports and versions that wait for consent.
    pub approvals: i64,
    /// The global kill switch is on.
    pub everything_off: bool,
    /// Kill switches that are on, the global one aside.
    pub switches: i64,
}

pub async fn now(db: impl PgExecutor<'_>) -> Result<Attention, Error> {
    let row = sqlx::query_as!(
        Attention,
        r#"SELECT (SELECT count(*) FROM runs WHERE state = 'awaiting_approval')
                      + (SELECT count(*) FROM catalog_imports WHERE state = 'awaiting_consent') AS "approvals!",
                  EXISTS (SELECT FROM kill_switches WHERE scope = 'global') AS "everything_off!",
                  (SELECT count(*) FROM kill_switches WHERE scope <> 'global') AS "switches!""#
    );
    Ok(row.fetch_one(db).await?)
}

/// What waits in the house itself, in one look; of each at most `limit`, the longest waiting first. Services are all
/// there, also those that the catalog has no more: what happened to them still waits.
pub async fn house(db: impl PgExecutor<'_>, limit: i64) -> Result<House, Error> {
    let row = sqlx::query!(
        r#"SELECT
               (SELECT COALESCE(jsonb_agg(to_jsonb(i)), '[]') FROM (
                   SELECT id, requested_by, requested_at, edits,
                          COALESCE(jsonb_array_length(changes -> 'created'), 0)
                          + COALESCE(jsonb_array_length(changes -> 'changed'), 0)
                          + COALESCE(jsonb_array_length(changes -> 'removed'), 0) AS documents
                   FROM catalog_imports WHERE state = 'awaiting_consent' ORDER BY requested_at LIMIT $1
               ) i) AS "imports!",
               (SELECT COALESCE(jsonb_agg(to_jsonb(g)), '[]') FROM (
                   SELECT u.name AS user, g.role, a.name AS requested_by, g.requested_at
                   FROM role_grants g JOIN users u ON u.id = g.user_id LEFT JOIN users a ON a.id = g.requested_by
                   WHERE g.in_force_at IS NULL AND g.ended_at IS NULL ORDER BY g.requested_at LIMIT $1
               ) g) AS "grants!",
               (SELECT COALESCE(jsonb_agg(to_jsonb(k)), '[]') FROM (
                   SELECT k.scope, k.reason, u.name AS set_by, k.set_at
                   FROM kill_switches k LEFT JOIN users u ON u.id = k.set_by ORDER BY k.set_at LIMIT $1
               ) k) AS "switches!",
               (SELECT COALESCE(jsonb_agg(to_jsonb(h)), '[]') FROM (
                   SELECT s.name AS service, s.team, count(*) AS versions, min(h.since) AS since
                   FROM holds h JOIN services s ON s.id = h.service_id
                   WHERE h.released_at IS NULL GROUP BY s.name, s.team ORDER BY min(h.since) LIMIT $1
               ) h) AS "holds!",
               (SELECT COALESCE(jsonb_agg(to_jsonb(w)), '[]') FROM (
                   SELECT w.id AS workload, w.namespace || '/' || w.name AS name,
                          CASE WHEN s.id IS NOT NULL THEN jsonb_build_array(s.name, s.team) END AS service,
                          COALESCE(
                              (SELECT max(r.state_at) FROM runs r WHERE r.service_id = s.id AND r.due_at IS NULL),
                              w.seen_at
                          ) AS since
                   FROM workloads w
                   LEFT JOIN service_workloads p ON (p.cluster_id, p.namespace, p.kind, p.name)
                                                  = (w.cluster_id, w.namespace, w.kind, w.name)
                   LEFT JOIN services s ON s.id = p.service_id
                   -- Whatever is under way may resume it by itself.
                   WHERE w.paused_by_us AND w.gone_at IS NULL
                         AND NOT EXISTS (SELECT FROM runs r WHERE r.service_id = s.id AND r.due_at IS NOT NULL)
                   ORDER BY w.namespace, w.name LIMIT $1
               ) w) AS "paused!",
               (SELECT COALESCE(jsonb_object_agg(id, jsonb_build_array(name, team)), '{}') FROM services) AS "services!",
               ARRAY(SELECT year FROM holiday_years ORDER BY year) AS "years!""#,
        limit
    );
    let row = row.fetch_one(db).await?;
    let house = || {
        serde_json::from_value(json!({
            "imports": row.imports, "grants": row.grants, "switches": row.switches, "holds": row.holds,
            "paused": row.paused, "services": row.services, "years": row.years,
        }))
    };
    house().map_err(|_| Error::Inconsistent { table: "attention", id: "house".to_owned() })
}
