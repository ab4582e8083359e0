//! `GET /signals/prometheus-rules`: our signals, for a Prometheus that shall say the same.

use app::doors::Context;
use app::pages::error::Error;
use axum::Extension;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::access::Action;
use domain::fields::Fault;
use domain::policies::{self, Policy};
use domain::signals::export::RuleFile;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Endpoint, Problem, Query, needs};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![needs(Action::Read, routes!(rules))]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `file` (what Prometheus reads, and what is given where it is left out) or `object` (a PrometheusRule).
    form: Option<String>,
}

const FORMS: [&str; 2] = ["file", "object"];

/// The signals in force as YAML. Those that only a person can tell have no rule.
#[utoipa::path(get, path = "/signals/prometheus-rules", tag = "signals", params(Wanted),
    responses((status = 200, body = String, content_type = "application/yaml")))]
async fn rules(
    Extension(cx): Extension<Context>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let form = wanted.form.as_deref().unwrap_or(FORMS[0]);
    let object = match FORMS.iter().position(|it| *it == form) {
        Some(n) => n == 1,
        None => {
            let forms = FORMS.map(str::to_owned).to_vec();
            return Err(Error::field("form", Fault::NotOneOf(forms)).into());
        }
    };
    let file = cx
        .read(Action::Read, async |cx| {
            let signals = store::signals::list(&cx.db).await?;
            // The gates of a policy are a service's; a rule is everybody's.
            let least = Policy::named(policies::DEFAULT).gates.min_requests;
            Ok(RuleFile::of(signals.iter().map(|it| &it.entry), least))
        })
        .await?;
    let text = crate::catalog::rules::text(file, object);
    let text = text.map_err(|it| {
        tracing::error!("the rules cannot be written as YAML: {it:#}");
        Problem::from(Error::Unavailable)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/yaml")], text).into_response())
}
