//! A page: what it has to show once that is read, or what went wrong, with the status that says so.

use domain::texts::errors;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use leptos_router::params::ParamsMap;

use super::form::became;
use super::frame::{bare, frame};
use super::{Tone, badge};
use crate::pages::error::Error;
use crate::pages::ssr::answer;
use crate::pages::visit::{texts, visit};

/// `title` is that of the document until a [`Head`] says another. All pages are of one type: the router would
/// otherwise be compiled anew for every change of a page.
pub fn page<V: IntoView + 'static>(
    title: &'static str,
    content: impl Future<Output = Result<V, Error>> + Send + 'static,
) -> AnyView {
    let content = Suspend::new(async move {
        match answer(content.await) {
            Ok(content) => {
                let content = content.into_any();
                view! { {unsaid()} {content} }.into_any()
            }
            Err(error) => problem(&error),
        }
    });
    let content = view! { <Title text=title /> {content} }.into_any();
    if visit().user.is_some() { frame(content) } else { bare(content) }
}

/// What became of a form that no form of this page has shown, because it is gone.
fn unsaid() -> Option<AnyView> {
    let answer = visit().answer.filter(|it| !it.said.already())?;
    Some(became(&answer))
}

/// The title of the page, and the reason line: in one sentence, why one would look at it. `badge` is the state of
/// what the page is about; `actions` are links and buttons at the right.
#[component]
pub fn Head(
    #[prop(into)] title: String,
    #[prop(optional)] badge: Option<AnyView>,
    #[prop(optional)] actions: Option<AnyView>,
    children: Children,
) -> AnyView {
    view! {
        <Title text=title.clone() />
        <div class="page-head">
            <div class="row">
                <h1>{title}</h1>
                {badge}
                {actions.map(|it| view! { <div class="actions">{it}</div> })}
            </div>
            <p class="lede">{children()}</p>
        </div>
    }
    .into_any()
}

/// Instead of the page: what happened, and where to go now.
fn problem(error: &Error) -> AnyView {
    let t = texts(&errors::TEXTS);
    let lang = visit().lang;
    let (href, label) = match error {
        Error::Unauthenticated => (sign_in_and_back(), t.sign_in),
        _ => ("/".to_owned(), t.to_overview),
    };
    let tone = if *error == Error::Internal { Tone::Bad } else { Tone::Idle };
    view! {
        <Title text=error.title(lang) />
        <div class="page-head" role="alert">
            <div class="row">
                <h1>{error.title(lang)}</h1>
                {badge(tone, error.status().as_u16())}
            </div>
            <p class="lede">{error.text(lang)}</p>
        </div>
        <p>
            <a class="button" href=href>{label}</a>
        </p>
    }
    .into_any()
}

/// The sign-in page, told where the reader was going.
fn sign_in_and_back() -> String {
    let mut query = ParamsMap::new();
    query.insert("next", use_location().pathname.get_untracked());
    format!("/sign-in{}", query.to_query_string())
}

#[component]
pub fn NotFound() -> impl IntoView {
    page(texts(&errors::TEXTS).not_found.title, async { Err::<(), _>(Error::NotFound) })
}
