//! What the watch has seen of how workloads are set up to be rolled back.

use std::collections::BTreeMap;

use domain::ids::WorkloadId;
use domain::readiness::Shape;
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::Error;

/// How these are set up to be rolled back, as far as the watch has seen it.
pub async fn shapes(
    db: impl PgExecutor<'_>,
    ids: &[WorkloadId],
) -> Result<BTreeMap<WorkloadId, Shape>, Error> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|it| it.0).collect();
    let rows = sqlx::query!(
        r#"SELECT id, shape AS "shape!: Json<Shape>" FROM workloads WHERE id = ANY($1) AND shape IS NOT NULL"#,
        &ids
    );
    let rows = rows.fetch_all(db).await?;
    Ok(rows.into_iter().map(|it| (WorkloadId(it.id), it.shape.0)).collect())
}
