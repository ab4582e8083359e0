//! Targets of drills that a query measures, once the window is over.

use domain::access::{Action, Actor};
use domain::drills::Drill;
use domain::ids::DrillId;
use domain::measurements::{Answer, Measurement, Measuring, Target, Window};
use serde_json::json;
use store::drills::ToMeasure;

use super::World;
use super::source::{Source, Trouble, range};
use crate::adapters::prometheus::Prometheus;

const ACTOR: Actor = Actor::Worker("measurer");

/// A drill that waits for a slow Prometheus keeps no other waiting.
pub(super) async fn tick(world: &World) -> Result<(), store::Error> {
    let drills = store::drills::to_measure(&world.db).await?;
    let looks = drills.iter().map(async |it| {
        if let Err(error) = look(world, it).await {
            tracing::warn!(drill = %it.id, "its targets could not be measured: {error:#}");
        }
    });
    futures::future::join_all(looks).await;
    Ok(())
}

async fn look(world: &World, it: &ToMeasure) -> Result<(), store::Error> {
    let drill = store::drills::get(&world.db, it.id).await?;
    let due = drill.to_measure(world.now());
    let asked = due.iter().map(|target| measure(world, &drill, it.cluster.as_deref(), target));
    for measured in futures::future::join_all(asked).await.into_iter().flatten() {
        keep(world, it.id, &measured).await?;
    }
    Ok(())
}

/// Nothing where the target is not one of those.
async fn measure(
    world: &World,
    drill: &Drill,
    cluster: Option<&str>,
    target: &Target,
) -> Option<Measurement> {
    let measuring = target.measure.as_ref()?;
    let window = drill.window_of(target)?;
    let source = Source { address: measuring.prometheus.as_deref(), cluster };
    let prometheus = source.prometheus(world, "target").await;
    let own = ask(&prometheus, measuring, window).await;
    let before = match measuring.window_before(&drill.marks()) {
        Some(window) => Some(ask(&prometheus, measuring, window).await),
        None => None,
    };
    target.measure(&own, before.as_ref(), &source.name(), world.now())
}

async fn ask(
    prometheus: &Result<Prometheus, Trouble>,
    measuring: &Measuring,
    window: Window,
) -> Answer {
    let series = match prometheus {
        Err(why) => Err(why.clone()),
        Ok(it) => {
            let step = measuring.step(window);
            range(it, &measuring.query, window.from, window.to, step).await
        }
    };
    Answer { window, series: series.map_err(Into::into) }
}

/// What was found is written each time; that it is another than before is said in the audit log, too.
async fn keep(world: &World, id: DrillId, measured: &Measurement) -> Result<(), store::Error> {
    let mut tx = world.db.begin().await?;
    let Some(kept) = store::drills::keep_measured(&mut tx, id, measured).await? else {
        return Ok(());
    };
    let (subject, last) = kept;
    let code = |it: &Option<serde_json::Value>| it.as_ref().map(|it| it["code"].clone());
    if code(&measured.result) != code(&last) {
        let details = json!({
            "measured": measured.name, "value": measured.value, "verdict": measured.verdict,
            "result": measured.result,
        });
        let (details, now) = (crate::audit::details(details), world.now());
        store::audit::record(&mut tx, &ACTOR, Action::Observe, &subject, details, now).await?;
    }
    tx.commit().await?;
    Ok(())
}
