//! What may stop a run before its next acting step.

use domain::runs::{KillSwitch, Run};

use crate::workers::World;

/// The kill switch that covers this run by now: of its service, of one of its clusters, or of everything. Of
/// several, the one that was switched on last.
pub(super) async fn kill_switch(
    world: &World,
    run: &Run,
) -> Result<Option<KillSwitch>, store::Error> {
    let switches = store::rails::kill_switches(&world.db).await?;
    if switches.is_empty() {
        return Ok(None);
    }
    let service = match run.service {
        Some(id) => store::services::get(&world.db, id).await?.entry.name,
        None => String::new(),
    };
    let touched = run.plan.steps().iter().filter_map(|it| it.kind.cluster());
    let clusters: Vec<String> = touched.map(str::to_owned).collect();
    let covering = switches.into_iter().filter(|it| it.scope.covers(&service, &clusters));
    Ok(covering.max_by_key(|it| it.set_at).map(|it| KillSwitch {
        scope: it.scope.to_string(),
        reason: it.reason,
        since: it.set_at,
    }))
}
