//! The form in which a policy or a signal is edited: first to see the difference, then to hand it to a second person.
//! It has a route of its own because it is held against the whole catalog, which no page can do.

use std::collections::BTreeMap;

use app::doors::Context;
use app::pages::error::Error;
use app::pages::versions::{PROPOSE, edit_form};
use app::pages::visit::Visit;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form};
use domain::catalog::{Document, Kind};
use domain::fields::Fault;
use domain::{policies, signals};

use super::{Web, context, forms};
use crate::catalog::edits;

type Fields = Result<Form<Vec<(String, String)>>, FormRejection>;

pub(super) async fn edit_policy(
    web: State<Web>,
    visit: Extension<Visit>,
    Path(name): Path<String>,
    form: Fields,
) -> Response {
    edit(web, visit, Kind::Policy, Some(name), form).await
}

pub(super) async fn new_policy(web: State<Web>, visit: Extension<Visit>, form: Fields) -> Response {
    edit(web, visit, Kind::Policy, None, form).await
}

pub(super) async fn edit_signal(
    web: State<Web>,
    visit: Extension<Visit>,
    Path(name): Path<String>,
    form: Fields,
) -> Response {
    edit(web, visit, Kind::Signal, Some(name), form).await
}

pub(super) async fn new_signal(web: State<Web>, visit: Extension<Visit>, form: Fields) -> Response {
    edit(web, visit, Kind::Signal, None, form).await
}

async fn edit(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    kind: Kind,
    name: Option<String>,
    form: Fields,
) -> Response {
    let (Some(cx), Some(user)) = (context(&web, &visit), &visit.user) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    if !visit.may_somewhere(edits::action(kind)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Ok(Form(sent)) = form else { return StatusCode::BAD_REQUEST.into_response() };
    let mut fields: BTreeMap<String, String> = sent.iter().cloned().collect();
    let page = match &name {
        Some(name) => format!("/{}/edit", edits::subject(kind, name)),
        None => format!("/{}", edits::subject(kind, "new")),
    };
    if let Some(name) = name {
        // The name of what is edited stands in the address and stays.
        fields.insert("name".to_owned(), name);
    }
    match carry(&cx, kind, &fields).await {
        Ok(Some(subject)) => {
            forms::back(&cx, user.id, edit_form(kind), None, &format!("/{subject}")).await
        }
        Ok(None) => forms::back_with(&cx, user.id, edit_form(kind), sent, None, &page).await,
        Err(error) => {
            forms::back_with(&cx, user.id, edit_form(kind), sent, Some(error), &page).await
        }
    }
}

/// The subject of what was proposed; nothing where its author only looks at it.
async fn carry(
    cx: &Context,
    kind: Kind,
    fields: &BTreeMap<String, String>,
) -> Result<Option<String>, Error> {
    let document = match kind {
        Kind::Policy => Document::Policy(policies::typed(fields)?),
        _ => Document::Signal(signals::typed(fields)?),
    };
    let base = fields.get("base").and_then(|it| it.parse().ok());
    let base = base.ok_or_else(|| Error::field("base", Fault::NotWhole))?;
    if fields.get("step").is_none_or(|it| it != PROPOSE) {
        edits::look(cx, &document, base).await?;
        return Ok(None);
    }
    let reason = fields.get("reason").map_or("", String::as_str);
    let subject = edits::subject(kind, document.name());
    edits::propose(cx, document, base, reason).await?;
    Ok(Some(subject))
}
