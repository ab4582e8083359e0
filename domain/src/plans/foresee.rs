//! What the steps of a plan would do, from what is known of the workloads: said before anybody approves, so that
//! nobody is asked about a step that changes nothing or will be refused.
//!
//! The executor decides anew, on the object itself, when it is the step's turn.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Action, LiveState, Seen, Step, StepKind};
use crate::canonical::Digest;
use crate::rollouts::{NOT_PAUSED, Steering};
use crate::runs::Note;
use crate::services::{WorkloadKind, WorkloadRef};

words!(Would { Patch = "patch", Nothing = "nothing", Refuse = "refuse" });

/// What a step would come to. The note says why, where it would not change anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    pub would: Would,
    pub note: Option<Note>,
}

/// What is known of a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub live: LiveState,
    /// Container → image.
    pub images: BTreeMap<String, String>,
    /// Revisions that are in the cluster, or whose template was kept.
    pub revisions: Vec<(i64, Digest)>,
    /// Nothing is ever done in its namespace.
    pub protected: bool,
    /// Some of its pods are of another template than the live one.
    pub outdated: bool,
    /// The Canary of Flagger that owns it.
    pub canary: Option<String>,
}

/// One for each step, each as if those before it had been done.
pub fn foresee(steps: &[Step], known: &[Known], seen: &[Seen]) -> Vec<Foreseen> {
    let mut world: Vec<World> = known.iter().cloned().map(World::new).collect();
    let mut seen = seen.to_vec();
    let each = steps.iter().map(|step| match &step.kind {
        StepKind::Object { object, action } => {
            match seen.iter_mut().find(|it| it.object == *object) {
                Some(seen) => seen.foresee(action),
                None => refuse(Note::NoCluster { cluster: object.cluster.clone() }),
            }
        }
        // Whether it can go back its Secrets say: see `releases::would`, which is asked where such a step is made.
        StepKind::Release { .. } => patch(),
        kind => foresee_step(kind, &mut world),
    });
    each.collect()
}

struct World {
    known: Known,
    /// `None` once a step made a template that has no digest yet.
    digest: Option<Digest>,
    own_pause: bool,
}

impl World {
    fn new(known: Known) -> Self {
        Self { digest: Some(known.live.digest.clone()), known, own_pause: false }
    }
}

fn foresee_step(kind: &StepKind, world: &mut [World]) -> Foreseen {
    let (workload, action) = match kind {
        StepKind::Kubernetes { workload, action } => (workload, action.clone()),
        StepKind::Inject { workload, images } => {
            (workload, Action::SetImage { images: images.clone() })
        }
        _ => return nothing(None),
    };
    let mut found = world.iter_mut();
    match found.find(|it| it.known.live.workload == *workload) {
        Some(world) => foresee_action(workload, &action, world),
        None => refuse(Note::NoCluster { cluster: workload.cluster.clone() }),
    }
}

fn foresee_action(workload: &WorkloadRef, action: &Action, world: &mut World) -> Foreseen {
    if let Some(note) = not_for_kind(workload.kind, action) {
        return refuse(note);
    }
    if world.known.protected && *action != Action::WaitRollout {
        return refuse(Note::Protected { namespace: workload.namespace.clone() });
    }
    if let Some(note) = not_under_flagger(action, world.known.canary.as_deref()) {
        return refuse(note);
    }
    let live = &mut world.known.live;
    let paused_by_other = live.paused && !world.own_pause;
    match action {
        Action::RolloutUndo { to_revision, template_digest } => match template_digest {
            None => refuse(missing(*to_revision, &world.known.revisions)),
            Some(_) if paused_by_other => refuse(Note::PausedByOther),
            Some(digest) if world.digest.as_ref() == Some(digest) => {
                nothing(Some(Note::AlreadyAt { revision: *to_revision }))
            }
            Some(digest) => {
                world.digest = Some(digest.clone());
                // Its own pause goes with the same patch.
                (live.paused, world.own_pause) = (false, false);
                patch()
            }
        },
        Action::Pause if live.paused => nothing(Some(Note::AlreadyPaused)),
        Action::Pause => {
            (live.paused, world.own_pause) = (true, true);
            patch()
        }
        Action::Resume if !live.paused => nothing(Some(Note::NotPaused)),
        Action::Resume => {
            (live.paused, world.own_pause) = (false, false);
            patch()
        }
        Action::Restart if paused_by_other => refuse(Note::PausedByOther),
        Action::Restart => {
            world.digest = None;
            patch()
        }
        Action::SetImage { images } => set_image(images, world),
        Action::Scale { replicas } if live.replicas == Some(*replicas) => {
            nothing(Some(Note::ReplicasThere { replicas: *replicas }))
        }
        Action::Scale { replicas } => {
            live.replicas = Some(*replicas);
            patch()
        }
        // Which pods will be in the way is seen when it is the step's turn.
        Action::ReplacePods
            if world.known.outdated || world.digest != Some(live.digest.clone()) =>
        {
            patch()
        }
        Action::ReplacePods => nothing(Some(Note::NoPodInTheWay)),
        Action::WaitRollout => nothing(None),
        Action::Promote | Action::PromoteFull | Action::Abort | Action::Retry => {
            steer(action, live.steering.as_mut())
        }
    }
}

/// What is not known of a canary is left to the executor.
fn steer(action: &Action, steering: Option<&mut Steering>) -> Foreseen {
    let Some(steering) = steering else { return patch() };
    match steered(action, *steering) {
        Ok(after) => {
            *steering = after;
            patch()
        }
        Err(note) => nothing(Some(note)),
    }
}

/// How a canary is steered afterwards.
///
/// # Errors
/// What there is to say where it is so already.
pub fn steered(action: &Action, before: Steering) -> Result<Steering, Note> {
    match action {
        Action::Promote if before.paused_at == Some(NOT_PAUSED) => Err(Note::NotPaused),
        Action::Promote => Ok(Steering { paused_at: Some(NOT_PAUSED), ..before }),
        Action::PromoteFull if before.full == Some(true) => Err(Note::PromotedFully),
        Action::PromoteFull => Ok(Steering { full: Some(true), ..before }),
        Action::Abort if before.aborted == Some(true) => Err(Note::AbortedAlready),
        Action::Abort => Ok(Steering { aborted: Some(true), ..before }),
        Action::Retry if before.aborted == Some(false) => Err(Note::NotAborted),
        Action::Retry => Ok(Steering { aborted: Some(false), ..before }),
        _ => Ok(before),
    }
}

fn set_image(images: &BTreeMap<String, String>, world: &mut World) -> Foreseen {
    let own = &mut world.known.images;
    if let Some(container) = images.keys().find(|it| !own.contains_key(*it)) {
        let known = own.keys().cloned().collect();
        return refuse(Note::NoContainer { container: container.clone(), known });
    }
    if images.iter().all(|(container, image)| own.get(container) == Some(image)) {
        return nothing(Some(Note::ImagesThere));
    }
    own.extend(images.clone());
    world.digest = None;
    patch()
}

/// Flagger releases what it finds in the template of its target, and writes that of the primary itself: going back in
/// either is a release of its own, or undone at once.
pub fn not_under_flagger(action: &Action, canary: Option<&str>) -> Option<Note> {
    let undo = matches!(action, Action::RolloutUndo { .. });
    canary.filter(|_| undo).map(|it| Note::OwnedByFlagger { canary: it.to_owned() })
}

/// Pausing, steering and leaving pods of another template behind are things that only some kinds do.
pub fn not_for_kind(kind: WorkloadKind, action: &Action) -> Option<Note> {
    let possible = match action {
        Action::Pause | Action::Resume => {
            matches!(kind, WorkloadKind::Deployment | WorkloadKind::Rollout)
        }
        Action::ReplacePods => kind.is_set(),
        Action::Scale { .. } => kind != WorkloadKind::DaemonSet,
        // Another template would go through the whole canary to make the same pods.
        Action::Restart => kind != WorkloadKind::Rollout,
        Action::RolloutUndo { .. } | Action::SetImage { .. } | Action::WaitRollout => true,
        Action::Promote | Action::PromoteFull | Action::Abort | Action::Retry => {
            kind == WorkloadKind::Rollout
        }
    };
    let (kind, action) = (kind.as_str().to_owned(), action.as_str().to_owned());
    (!possible).then_some(Note::NotForKind { kind, action })
}

fn missing(revision: i64, known: &[(i64, Digest)]) -> Note {
    let mut known: Vec<_> = known.iter().map(|(number, _)| *number).collect();
    known.sort_unstable();
    match revision {
        0 => Note::NoEarlierRevision,
        revision => Note::NoRevision { revision, known },
    }
}

pub(super) fn patch() -> Foreseen {
    Foreseen { would: Would::Patch, note: None }
}

pub(super) fn nothing(note: Option<Note>) -> Foreseen {
    Foreseen { would: Would::Nothing, note }
}

pub(super) fn refuse(note: Note) -> Foreseen {
    Foreseen { would: Would::Refuse, note: Some(note) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(kind: WorkloadKind) -> WorkloadRef {
        WorkloadRef { cluster: "lab".into(), namespace: "shop".into(), kind, name: "api".into() }
    }

    fn known(kind: WorkloadKind) -> Known {
        Known {
            live: LiveState {
                workload: workload(kind),
                uid: "u".into(),
                digest: Digest::of(b"2"),
                revision: 2,
                paused: false,
                replicas: Some(3),
                steering: None,
            },
            images: [("app".to_owned(), "api:2".to_owned())].into(),
            revisions: vec![(1, Digest::of(b"1")), (2, Digest::of(b"2"))],
            protected: false,
            outdated: false,
            canary: None,
        }
    }

    fn undo(to_revision: i64, template: Option<&[u8]>) -> Action {
        Action::RolloutUndo { to_revision, template_digest: template.map(Digest::of) }
    }

    fn image(container: &str, image: &str) -> Action {
        Action::SetImage { images: [(container.to_owned(), image.to_owned())].into() }
    }

    fn foresee(known: Known, actions: Vec<Action>) -> Vec<Foreseen> {
        let workload = known.live.workload.clone();
        let steps: Vec<_> = actions.into_iter().map(|it| Step::act(workload.clone(), it)).collect();
        super::foresee(&steps, &[known], &[])
    }

    #[test]
    fn each_step_alone() {
        let no_container =
            Note::NoContainer { container: "x".into(), known: vec!["app".to_owned()] };
        for (action, expected) in [
            (undo(1, Some(b"1")), patch()),
            (undo(2, Some(b"2")), nothing(Some(Note::AlreadyAt { revision: 2 }))),
            (undo(9, None), refuse(Note::NoRevision { revision: 9, known: vec![1, 2] })),
            (undo(0, None), refuse(Note::NoEarlierRevision)),
            (Action::Pause, patch()),
            (Action::Resume, nothing(Some(Note::NotPaused))),
            (Action::Restart, patch()),
            (image("app", "api:3"), patch()),
            (image("app", "api:2"), nothing(Some(Note::ImagesThere))),
            (image("x", "api:3"), refuse(no_container)),
            (Action::Scale { replicas: 3 }, nothing(Some(Note::ReplicasThere { replicas: 3 }))),
            (Action::Scale { replicas: 0 }, patch()),
            (Action::WaitRollout, nothing(None)),
        ] {
            let foreseen = foresee(known(WorkloadKind::Deployment), vec![action.clone()]);
            assert_eq!(foreseen, [expected], "{action:?}");
        }
    }

    #[test]
    fn each_step_as_if_those_before_it_were_done() {
        let of = |actions| {
            let foreseen = foresee(known(WorkloadKind::Deployment), actions);
            foreseen.into_iter().map(|it| it.would).collect::<Vec<_>>()
        };
        use Would::{Nothing, Patch};
        // Our own pause is no obstacle, and the undo ends it.
        assert_eq!(
            of(vec![Action::Pause, undo(1, Some(b"1")), Action::Resume]),
            [Patch, Patch, Nothing]
        );
        assert_eq!(of(vec![undo(1, Some(b"1")), undo(1, Some(b"1"))]), [Patch, Nothing]);
        assert_eq!(of(vec![image("app", "api:3"), undo(2, Some(b"2"))]), [Patch, Patch]);
    }

    #[test]
    fn pods_are_replaced_where_some_are_or_will_be_of_another_template() {
        let of = |known, actions| {
            let foreseen = foresee(known, actions);
            foreseen.into_iter().map(|it| it.would).collect::<Vec<_>>()
        };
        use Would::{Nothing, Patch};
        let set = || known(WorkloadKind::StatefulSet);
        assert_eq!(of(set(), vec![Action::ReplacePods]), [Nothing]);
        assert_eq!(of(set(), vec![undo(1, Some(b"1")), Action::ReplacePods]), [Patch, Patch]);
        assert_eq!(of(set(), vec![undo(2, Some(b"2")), Action::ReplacePods]), [Nothing, Nothing]);
        let outdated = Known { outdated: true, ..set() };
        assert_eq!(of(outdated, vec![Action::ReplacePods]), [Patch]);
    }

    #[test]
    fn what_somebody_paused_or_protected_is_left_alone() {
        let mut paused = known(WorkloadKind::Deployment);
        paused.live.paused = true;
        for action in [undo(1, Some(b"1")), Action::Restart] {
            assert_eq!(foresee(paused.clone(), vec![action]), [refuse(Note::PausedByOther)]);
        }
        let protected = Known { protected: true, ..known(WorkloadKind::Deployment) };
        let note = Note::Protected { namespace: "shop".into() };
        assert_eq!(foresee(protected, vec![Action::Restart]), [refuse(note)]);
    }

    #[test]
    fn what_flagger_owns_is_not_undone() {
        let owned = Known { canary: Some("api".into()), ..known(WorkloadKind::Deployment) };
        let note = Note::OwnedByFlagger { canary: "api".into() };
        assert_eq!(foresee(owned.clone(), vec![undo(1, Some(b"1"))]), [refuse(note)]);
        assert_eq!(foresee(owned, vec![Action::Restart]), [patch()]);
    }

    #[test]
    fn a_canary_is_steered_once() {
        let at = |aborted, paused_at: Option<i32>| {
            let mut known = known(WorkloadKind::Rollout);
            let paused_at = Some(paused_at.unwrap_or(NOT_PAUSED));
            known.live.steering =
                Some(Steering { aborted: Some(aborted), paused_at, full: Some(false) });
            known
        };
        use Action::{Abort, Promote, PromoteFull, Retry};
        for (known, actions, expected) in [
            (
                at(false, Some(1)),
                vec![Abort, Abort],
                vec![patch(), nothing(Some(Note::AbortedAlready))],
            ),
            (at(false, Some(1)), vec![Promote], vec![patch()]),
            (at(false, None), vec![Promote], vec![nothing(Some(Note::NotPaused))]),
            (at(false, None), vec![PromoteFull], vec![patch()]),
            (at(true, None), vec![Retry], vec![patch()]),
            (at(false, None), vec![Retry], vec![nothing(Some(Note::NotAborted))]),
        ] {
            assert_eq!(foresee(known, actions.clone()), expected, "{actions:?}");
        }
    }

    #[test]
    fn kinds_can_do_different_things() {
        use WorkloadKind::{DaemonSet, Deployment, Rollout, StatefulSet};
        for (action, possible) in [
            (undo(1, Some(b"1")), vec![Deployment, StatefulSet, DaemonSet, Rollout]),
            (Action::ReplacePods, vec![StatefulSet, DaemonSet]),
            (Action::Pause, vec![Deployment, Rollout]),
            (Action::Restart, vec![Deployment, StatefulSet, DaemonSet]),
            (Action::Scale { replicas: 1 }, vec![Deployment, StatefulSet, Rollout]),
            (Action::Abort, vec![Rollout]),
            (Action::Promote, vec![Rollout]),
        ] {
            for kind in [Deployment, StatefulSet, DaemonSet, Rollout] {
                let foreseen = foresee(known(kind), vec![action.clone()]);
                let refused = foreseen[0].would == Would::Refuse;
                assert_eq!(!refused, possible.contains(&kind), "{kind:?} {action:?}");
            }
        }
    }
}
