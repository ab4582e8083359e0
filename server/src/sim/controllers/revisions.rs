//! ControllerRevisions: the history of StatefulSets and DaemonSets.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::sim::json::{int, object, owner_reference, short_hash};
use crate::sim::objects::{Key, Object, State};
use crate::sim::writes::{Propagation, Write};

const RESOURCE: &str = "controllerrevisions.apps";

/// The revision of the owner's template: made, or found again and given the newest number.
pub(super) fn current(
    state: &mut State,
    owner: &Object,
    kind: &str,
    hash_label: &str,
    now: DateTime<Utc>,
) -> Arc<Object> {
    let data = data_of(&owner.value["spec"]["template"]);
    let all = history(state, owner);
    let newest = all.last().map_or(0, |r| int(&r.value, "/revision"));
    if let Some(found) = all.iter().rev().find(|r| r.value["data"] == data) {
        if int(&found.value, "/revision") == newest {
            return found.clone();
        }
        let renumbered = state.edit(&key_of(found), |value| value["revision"] = json!(newest + 1));
        return renumbered.unwrap_or_else(|| found.clone());
    }
    let hash = short_hash(&data, 0);
    let mut revision = json!({
        "metadata": {
            "name": format!("{}-{hash}", owner.name()),
            "namespace": owner.namespace(),
            "labels": owner.value["spec"]["template"]["metadata"]["labels"],
            "ownerReferences": [owner_reference(&owner.value, "apps/v1", kind)],
        },
        "data": data, "revision": newest + 1,
    });
    object(&mut revision["metadata"], "labels").insert(hash_label.to_owned(), json!(hash));
    if let Some(annotations) = owner.value["metadata"].get("annotations") {
        revision["metadata"]["annotations"] = annotations.clone();
    }
    state.christen(&mut revision, now);
    state.put(RESOURCE, revision)
}

/// The revisions of an owner, the oldest first.
pub(super) fn history(state: &State, owner: &Object) -> Vec<Arc<Object>> {
    let mut all = state.owned(owner.uid(), RESOURCE);
    all.sort_by_key(|r| int(&r.value, "/revision"));
    all
}

/// The template that a revision keeps.
pub(super) fn template_of(revision: &Object) -> Value {
    let mut template = revision.value["data"]["spec"]["template"].clone();
    template.as_object_mut().and_then(|t| t.remove("$patch"));
    template
}

/// Deletes the oldest revisions beyond the limit, but none that is still `used`.
pub(super) fn forget_old(
    state: &mut State,
    owner: &Object,
    used: impl Fn(&Object) -> bool,
    now: DateTime<Utc>,
) {
    let limit = usize::try_from(int(&owner.value, "/spec/revisionHistoryLimit")).unwrap_or(10);
    let unused: Vec<_> = history(state, owner).into_iter().filter(|r| !used(r)).collect();
    let Some(kind) = state.types.get(RESOURCE).map(Arc::clone) else { return };
    for revision in unused.iter().take(unused.len().saturating_sub(limit)) {
        state.delete(&kind, revision, Propagation::Delete, Write { now, dry: false });
    }
}

/// A patch that puts the template back, as kubectl sends it.
fn data_of(template: &Value) -> Value {
    let mut template = template.clone();
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

fn key_of(revision: &Object) -> Key {
    Key::new(RESOURCE, revision.namespace(), revision.name())
}
