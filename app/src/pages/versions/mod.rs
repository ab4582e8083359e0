//! Policies and signals, and their versions: what is in force, how it came about, what waits for a second person, and
//! the form in which a new version is written.

pub mod detail;
pub mod edit;
mod fields;
pub mod list;

use domain::access::{Action, Place};
use domain::catalog::{Change, Document, Kind, Member, changes};
use domain::texts::versions::TEXTS;
use leptos::prelude::*;
use serde_json::Value;

use super::imports::member_lines;
use super::ui::diff;
use super::visit::{texts, visit};

pub use self::detail::{PolicyPage, SignalPage};
pub use self::edit::{EditPolicyPage, EditSignalPage, NewPolicyPage, NewSignalPage};
pub use self::list::{PoliciesPage, SignalsPage};

/// The word that a form sends under `step` to hand over what it holds; any other only looks at it.
pub const PROPOSE: &str = "propose";

/// The form in which one is edited. No server function: what is typed is held against the whole catalog, which only
/// the server around the pages can do.
pub const fn edit_form(kind: Kind) -> &'static str {
    match kind {
        Kind::Policy => "edit_policy",
        _ => "edit_signal",
    }
}

/// `policies`, `signals`: the word of the address.
fn word(kind: Kind) -> &'static str {
    if kind == Kind::Policy { "policies" } else { "signals" }
}

fn action(kind: Kind) -> Action {
    if kind == Kind::Policy { Action::EditPolicy } else { Action::EditSignal }
}

fn may_edit(kind: Kind) -> bool {
    visit().may(action(kind), &Place::default())
}

/// A stored definition; none where this build cannot read it any more.
fn document(kind: Kind, definition: &Value) -> Option<Document> {
    match kind {
        Kind::Policy => serde_json::from_value(definition.clone()).ok().map(Document::Policy),
        _ => serde_json::from_value(definition.clone()).ok().map(Document::Signal),
    }
}

/// The members in which two versions differ.
fn members(old: &Document, new: &Document) -> Vec<Member> {
    let found = changes(std::slice::from_ref(old), std::slice::from_ref(new), false);
    let members = found.into_iter().flat_map(|it| match it {
        Change::Change(_, members) => members,
        Change::Create(_) | Change::Remove(_) => vec![],
    });
    members.collect()
}

/// Old and new of every member that differs.
fn difference(label: &str, members: &[Member]) -> AnyView {
    diff(label, members.iter().flat_map(member_lines))
}

/// As a person reads an actor of the audit log. Nobody put in force what the product brings; of old versions nobody
/// knows.
fn person(actor: Option<&str>, built_in: bool) -> String {
    let name = actor.map(|it| it.split_once(':').map_or(it, |(_, name)| name));
    let nobody = if built_in { texts(&TEXTS).built_in } else { "–" };
    name.unwrap_or(nobody).to_owned()
}
