//! Steps that only look at an object: whether it has come to what it was made for.

use domain::plans::objects::{self, Said};
use domain::plans::{ObjectAction, ObjectRef};
use serde_json::Value;

use super::super::{Cluster, Error};
use super::get;

#[derive(Debug, PartialEq)]
pub enum Progress {
    Done(Said),
    Going(Said),
    /// It will not come to it any more.
    Failed(Said),
}

/// How far it has come.
pub async fn progress(
    cluster: &Cluster,
    object: &ObjectRef,
    action: &ObjectAction,
) -> Result<Progress, Error> {
    let Some(found) = get(cluster, object).await? else {
        return Ok(Progress::Failed(Said::NoObject));
    };
    Ok(match action {
        ObjectAction::StillSuspended => match objects::is_suspended(object, &found) {
            true => Progress::Done(Said::SyncRests),
            false => Progress::Failed(Said::SyncUndone),
        },
        _ => phase(object, &found),
    })
}

fn phase(object: &ObjectRef, found: &Value) -> Progress {
    let phase = found.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    let phase = phase.to_owned();
    match (object.kind.as_str(), phase.as_str()) {
        ("PersistentVolumeClaim", "Bound") | ("Restore", "Completed") => {
            Progress::Done(Said::Ready { phase })
        }
        ("PersistentVolumeClaim", "Lost")
        | ("Restore", "Failed" | "PartiallyFailed" | "FailedValidation") => {
            let why = found.pointer("/status/failureReason").and_then(Value::as_str);
            let faults = found.pointer("/status/validationErrors").and_then(Value::as_array);
            let faults = faults.into_iter().flatten().filter_map(Value::as_str);
            let why = why.into_iter().chain(faults).collect::<Vec<_>>().join("; ");
            Progress::Failed(Said::Failed { phase, why })
        }
        _ => Progress::Going(Said::Waits { phase }),
    }
}
