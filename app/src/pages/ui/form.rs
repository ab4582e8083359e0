//! A plain form, posted to a server function; `server::http::forms` brings its sender back to the page.

use std::fmt::Display;

use domain::texts::ui;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use crate::pages::error::Error;
use crate::pages::visit::{Answer, texts, visit};

/// What became of one form, if it was just sent. A page may hold several for the same function, so a form is
/// known by its `id` too.
pub struct Sent {
    place: String,
    answer: Option<Answer>,
}

impl Sent {
    pub(super) fn of<F: ServerFn>(id: &str) -> Self {
        let answer = visit()
            .answer
            .filter(|it| it.form == F::PATH && it.field("id").unwrap_or_default() == id);
        let function = F::PATH.rsplit('/').next().unwrap_or_default();
        Self { place: format!("{function}{id}"), answer }
    }

    /// The same for a form that has a route of its own.
    pub fn named(form: &str) -> Self {
        let answer = visit().answer.filter(|it| it.form == form);
        Self { place: form.to_owned(), answer }
    }

    /// What is said above a form whose answer, where it was taken, is shown by something else.
    pub fn notice_of_refusal(&self) -> Option<AnyView> {
        self.error()?;
        self.notice()
    }

    /// Unique on the page.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    fn error(&self) -> Option<&Error> {
        self.answer.as_ref()?.error.as_ref()
    }

    pub(super) fn refused(&self) -> bool {
        self.error().is_some()
    }

    /// What was typed into a field of a form that was refused.
    pub fn typed(&self, name: &str) -> Option<String> {
        let answer = self.answer.as_ref().filter(|it| it.error.is_some())?;
        answer.field(name).map(str::to_owned)
    }

    /// Whether this value was among those sent under the name.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        let answer = self.answer.as_ref();
        answer.is_some_and(|it| it.fields.iter().any(|(n, v)| n == name && v == value))
    }

    /// What was wrong with a field.
    pub fn problem(&self, name: &str) -> Option<String> {
        self.error()?.of_field(name, visit().lang)
    }

    /// What is said above the form.
    pub(super) fn notice(&self) -> Option<AnyView> {
        let answer = self.answer.as_ref()?;
        answer.said.now();
        Some(became(answer))
    }
}

/// Where the reader looks first; a refusal takes the focus.
pub(super) fn became(answer: &Answer) -> AnyView {
    match &answer.error {
        Some(error) => view! {
            <p class="notice" role="alert" tabindex="-1" autofocus=true data-state="bad">
                {error.text(visit().lang)}
            </p>
        }
        .into_any(),
        None => view! {
            <p class="notice" role="status" data-state="ok">{texts(&ui::TEXTS).done}</p>
        }
        .into_any(),
    }
}

/// A form for a server function, and above it what became of it when it was sent. `id` is sent along unless it
/// is empty. `inputs` gets [`Sent`] to show its fields with, and is `None` when there is nothing to send any more.
pub fn form<F: ServerFn, V: IntoView>(
    id: impl Display,
    inputs: impl FnOnce(&Sent) -> Option<V>,
) -> AnyView {
    let id = id.to_string();
    let sent = Sent::of::<F>(&id);
    let notice = sent.notice();
    let inputs = inputs(&sent).map(|it| post::<F>(id, it.into_any()));
    view! { {notice} {inputs} }.into_any()
}

pub(super) fn post<F: ServerFn>(id: String, inputs: AnyView) -> AnyView {
    let id = (!id.is_empty()).then(|| super::hidden("id", id));
    view! { <form class="form" method="post" action=F::PATH>{id} {inputs}</form> }.into_any()
}

/// How much a button weighs: `Primary` once per region, `Deciding` once per page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    Plain,
    Primary,
    Deciding,
    Danger,
    Quiet,
}

impl Button {
    pub const fn class(self) -> &'static str {
        match self {
            Button::Plain => "button",
            Button::Primary => "button primary",
            Button::Deciding => "button primary large",
            Button::Danger => "button danger",
            Button::Quiet => "button quiet",
        }
    }
}

/// Sends the form it stands in.
pub fn submit(kind: Button, label: impl ToString) -> AnyView {
    view! { <button class=kind.class() type="submit">{label.to_string()}</button> }.into_any()
}

/// A button that cannot be pressed yet; `why` is the id of what says what is missing.
pub fn blocked(kind: Button, label: impl ToString, why: &'static str) -> AnyView {
    view! {
        <button class=kind.class() type="submit" disabled=true aria-describedby=why>
            {label.to_string()}
        </button>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::fields::Fault;
    use domain::texts::Lang;

    use super::super::Input;
    use super::*;
    use crate::pages::visit::Visit;

    fn shown(error: Option<Error>) -> String {
        Owner::new().with(|| {
            provide_context(Visit { lang: Lang::En, ..Visit::default() });
            let fields = vec![("why".to_owned(), "half a <b>".to_owned())];
            let answer = Answer { form: "f".to_owned(), error, fields, said: Default::default() };
            let sent = Sent { place: "f1".to_owned(), answer: Some(answer) };
            sent.field(Input::text("why", "Why").required()).to_html()
        })
    }

    #[test]
    fn a_refused_form_keeps_what_was_typed_and_says_what_is_wrong() {
        let html = shown(Some(Error::field("why", Fault::TooShort { least: 20 })));
        for part in [
            r#"value="half a &lt;b&gt;""#,
            r#"aria-invalid="true""#,
            r#"aria-describedby="f1-why-problem""#,
            r#"id="f1-why-problem""#,
            "At least 20 characters.",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn a_form_that_was_taken_is_empty_again() {
        let html = shown(None);
        assert!(!html.contains("half a") && !html.contains("aria-invalid"), "{html}");
    }
}
