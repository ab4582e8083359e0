//! Looks at objects beside workloads when somebody asks what they look like: pages and the API write the question
//! into Postgres, and the answer stands in the same row.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::plans::ObjectRef;
use futures::StreamExt;
use serde_json::{Map, Value};
use sqlx::postgres::PgListener;
use store::objects::Sight;

use super::World;
use crate::adapters::kubernetes::objects;

/// Also without being told: a notice may be lost with its connection.
const PERIOD: Duration = Duration::from_secs(5);
/// What keeps workloads in step is looked at so often.
const KEEPERS_EVERY: TimeDelta = TimeDelta::seconds(30);
const AT_ONCE: usize = 8;
const ROWS: i64 = 200;

/// For ever.
pub async fn run(world: World) {
    loop {
        if let Err(error) = listen(&world).await {
            tracing::warn!("objects are looked at again in a moment: {error:#}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn listen(world: &World) -> anyhow::Result<()> {
    let mut asked = PgListener::connect_with(&world.db).await?;
    asked.listen("objects_asked").await?;
    let mut due = world.now();
    loop {
        if world.now() >= due {
            due = world.now() + KEEPERS_EVERY;
            ask_for_keepers(world).await?;
        }
        tick(world).await?;
        // Whether it was told or the time is over: it looks.
        if let Ok(told) = tokio::time::timeout(PERIOD, asked.recv()).await {
            told?;
        }
    }
}

/// What keeps workloads in step by GitOps is looked at now and then, so that a plan can begin with its suspension.
pub async fn ask_for_keepers(world: &World) -> anyhow::Result<()> {
    let tracked = store::objects::tracked(&world.db).await?;
    let keepers = tracked.iter().filter_map(|(cluster, owner)| ObjectRef::keeper(cluster, owner));
    let keepers: BTreeSet<_> = keepers.collect();
    let keepers: Vec<_> = keepers.into_iter().collect();
    Ok(store::objects::ask(&world.db, &keepers, world.now()).await?)
}

/// Everything that is asked for now.
pub async fn tick(world: &World) -> anyhow::Result<()> {
    let wanted = store::objects::wanted(&world.db, ROWS).await?;
    let looks = wanted.into_iter().map(|(object, asked_at)| look(world, object, asked_at));
    let mut looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
    while let Some(written) = looks.next().await {
        written?;
    }
    Ok(())
}

async fn look(world: &World, object: ObjectRef, asked_at: DateTime<Utc>) -> anyhow::Result<()> {
    let found = async {
        if object.known().is_none() {
            return Err(format!("there are no steps for a {}", object.kind));
        }
        let cluster = world.clusters.get(&object.cluster).await.map_err(|it| it.to_string())?;
        let found = objects::get(&cluster, &object).await.map_err(|it| it.to_string())?;
        Ok(found.map(|it| essence(&it)))
    };
    let sight = Sight { found: found.await, object };
    Ok(store::objects::seen(&world.db, &sight, asked_at).await?)
}

/// What steps may depend on or copy; the rest is long and moves.
fn essence(object: &Value) -> Value {
    let some = |from: &Value, names: &[&str]| -> Map<String, Value> {
        let kept = names.iter().filter_map(|it| Some(((*it).to_owned(), from.get(it)?.clone())));
        kept.collect()
    };
    let mut kept = some(object, &["spec", "data", "binaryData", "immutable"]);
    let metadata =
        some(&object["metadata"], &["uid", "name", "namespace", "labels", "annotations"]);
    kept.insert("metadata".to_owned(), metadata.into());
    kept.insert("status".to_owned(), some(&object["status"], &["phase", "readyToUse"]).into());
    kept.into()
}
