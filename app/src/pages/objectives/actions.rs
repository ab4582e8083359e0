#![expect(clippy::too_many_arguments, reason = "a server function takes the fields of its form")]

use domain::access::Action;
use domain::fields::{Fault, Faults};
use domain::measurements::Target;
use domain::objectives::{Bound, Source};
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, context};
use crate::wishes::objectives;

/// One document's word about a domain. `id` is `NAME/POSITION` of the source, or `NAME/new`; `version` is the one that
/// was read.
#[server]
pub async fn edit_objective(
    id: String,
    version: i32,
    #[server(default)] document: String,
    #[server(default)] section: String,
    #[server(default)] rto_s: String,
    #[server(default)] rpo_s: String,
    #[server(default)] targets: String,
    #[server(default)] remove: bool,
    #[server(default)] reason: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = context()?;
        cx.enter(Action::EditObjective)?;
        let (name, place) = id.rsplit_once('/').ok_or(Error::NotFound)?;
        let dated = store::objectives::by_name(&cx.db, name).await?;
        let mut sources = dated.objective.sources;
        let position = match place {
            "new" => sources.len(),
            number => {
                number.parse().ok().filter(|it| *it < sources.len()).ok_or(Error::NotFound)?
            }
        };
        if remove {
            sources.remove(position);
        } else {
            let source = source(&document, &section, [&rto_s, &rpo_s], &targets)?;
            match sources.get_mut(position) {
                Some(own) => *own = source,
                None => sources.push(source),
            }
        }
        let changed = objectives::change(&cx, name, version, sources, &reason).await;
        changed.map_err(|it| in_form(it, position)).map(drop)
    };
    answer(wish.await)
}

fn source(
    document: &str,
    section: &str,
    bounds: [&str; 2],
    targets: &str,
) -> Result<Source, Error> {
    let mut faults = Faults::default();
    let mut bound = |field: &str, text: &str| match text.trim() {
        "" => None,
        text => {
            let bound = Bound::parse(text);
            if bound.is_none() {
                let words = ["1800", "may_be_lost", "n/a"].map(str::to_owned);
                faults.add(field, Fault::NotOneOf(words.into()));
            }
            bound
        }
    };
    let rto_s = bound("rto_s", bounds[0]);
    let rpo_s = bound("rpo_s", bounds[1]);
    let lines = targets.lines().map(str::trim).filter(|it| !it.is_empty());
    let targets: Option<Vec<_>> = lines.map(Target::parse).collect();
    if targets.is_none() {
        faults.add("targets", Fault::Malformed("crr_delay <= 60 s".to_owned()));
    }
    if document.trim().is_empty() {
        faults.add("document", Fault::Required);
    }
    faults.into_result()?;
    Ok(Source {
        document: document.trim().to_owned(),
        section: section.trim().to_owned(),
        rto_s,
        rpo_s,
        targets: targets.unwrap_or_default(),
    })
}

/// The fields of the form that stand for those of the wish.
fn in_form(error: Error, position: usize) -> Error {
    let Error::Invalid(Faults(faults)) = error else { return error };
    let prefix = format!("sources[{position}]");
    let named = |(field, fault): (String, Fault)| {
        let own = match field.strip_prefix(&prefix) {
            Some("") => "rto_s",
            Some(rest) if rest.starts_with(".targets") => "targets",
            Some(rest) => rest.trim_start_matches('.'),
            None if field == "sources" => "remove",
            None => field.as_str(),
        };
        (own.to_owned(), fault)
    };
    Error::Invalid(Faults(faults.into_iter().map(named).collect()))
}
