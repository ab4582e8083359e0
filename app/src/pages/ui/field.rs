//! One field: its label above, what is wrong with it below, and what was typed still in it.

use std::fmt::Display;

use domain::texts::{common, ui};
use leptos::prelude::*;

use super::{Query, Sent, Tone, mark};
use crate::pages::visit::texts;

/// A field to be. `Input::text("reason", t.reason).required()`, shown by [`Sent::field`] in a form or
/// [`Query::field`] among filters.
pub struct Input {
    name: &'static str,
    label: String,
    kind: Kind,
    value: String,
    hint: Option<String>,
    required: bool,
    /// `autocomplete`, `minlength`, …: `off` where nothing fits.
    autocomplete: &'static str,
}

enum Kind {
    /// With the `type` of the element.
    Line(&'static str),
    Area,
    /// Value and label of each choice.
    Select(Vec<(String, String)>),
    Check,
}

impl Input {
    fn new(name: &'static str, label: impl ToString, kind: Kind) -> Self {
        Self {
            name,
            label: label.to_string(),
            kind,
            value: String::new(),
            hint: None,
            required: false,
            autocomplete: "off",
        }
    }

    /// One line.
    pub fn text(name: &'static str, label: impl ToString) -> Self {
        Self::new(name, label, Kind::Line("text"))
    }

    pub fn password(name: &'static str, label: impl ToString) -> Self {
        Self::new(name, label, Kind::Line("password"))
    }

    pub fn number(name: &'static str, label: impl ToString) -> Self {
        Self::new(name, label, Kind::Line("number"))
    }

    pub fn search(name: &'static str, label: impl ToString) -> Self {
        Self::new(name, label, Kind::Line("search"))
    }

    /// A day and a time, without a zone: the page says which one is meant.
    pub fn moment(name: &'static str, label: impl ToString) -> Self {
        Self::new(name, label, Kind::Line("datetime-local"))
    }

    /// A day.
    pub fn date(name: &'static str, label: impl ToString) -> Self {
        Self::new(name, label, Kind::Line("date"))
    }

    /// Several lines.
    pub fn area(name: &'static str, label: impl ToString) -> Self {
        Self::new(name, label, Kind::Area)
    }

    /// One of several, as value and label. Where none is chosen yet, put `("", …)` first.
    pub fn select<V: ToString, L: ToString>(
        name: &'static str,
        label: impl ToString,
        choices: impl IntoIterator<Item = (V, L)>,
    ) -> Self {
        let choices = choices.into_iter().map(|(v, l)| (v.to_string(), l.to_string())).collect();
        Self::new(name, label, Kind::Select(choices))
    }

    /// Yes or no; `value` is what is sent for yes.
    pub fn check(name: &'static str, value: impl ToString, label: impl ToString) -> Self {
        Self { value: value.to_string(), ..Self::new(name, label, Kind::Check) }
    }

    /// What stands in it at first.
    pub fn value(self, value: impl ToString) -> Self {
        Self { value: value.to_string(), ..self }
    }

    pub fn hint(self, hint: impl ToString) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }

    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// What a browser may fill in: `username`, `current-password`, `new-password`.
    pub fn autocomplete(self, kind: &'static str) -> Self {
        Self { autocomplete: kind, ..self }
    }

    /// `id` is unique on the page, `typed` what was sent before, `problem` what was wrong with it.
    fn show(
        self,
        id: String,
        typed: Option<String>,
        checked: bool,
        problem: Option<String>,
    ) -> AnyView {
        let required = self.required.then(|| {
            view! { " " <small>"("{texts(&ui::TEXTS).required}")"</small> }
        });
        let problem_id = format!("{id}-problem");
        let hint_id = format!("{id}-hint");
        let said_by: Vec<&str> = [
            problem.as_ref().map(|_| problem_id.as_str()),
            self.hint.as_ref().map(|_| hint_id.as_str()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let described = (!said_by.is_empty()).then(|| said_by.join(" "));
        let invalid = problem.as_ref().map(|_| "true");
        let problem = problem.map(|it| view! { <p id=problem_id>{mark(Tone::Bad, it)}</p> });
        let hint = self.hint.map(|it| view! { <small id=hint_id>{it}</small> });
        let value = typed.unwrap_or_else(|| self.value.clone());

        let control = match self.kind {
            Kind::Check => {
                return view! {
                    <div class="field">
                        <label class="choice">
                            <input
                                type="checkbox"
                                name=self.name
                                value=self.value
                                checked=checked
                                required=self.required
                                aria-invalid=invalid
                                aria-describedby=described
                            />
                            <span>{self.label}</span>
                        </label>
                        {problem}
                        {hint}
                    </div>
                }
                .into_any();
            }
            Kind::Line(kind) => view! {
                <input
                    id=id.clone()
                    type=kind
                    name=self.name
                    value=value
                    required=self.required
                    autocomplete=self.autocomplete
                    aria-invalid=invalid
                    aria-describedby=described
                />
            }
            .into_any(),
            Kind::Area => view! {
                <textarea
                    id=id.clone()
                    name=self.name
                    required=self.required
                    aria-invalid=invalid
                    aria-describedby=described
                >
                    // Leptos writes the children of this element as they are.
                    {value.replace('&', "&amp;").replace('<', "&lt;")}
                </textarea>
            }
            .into_any(),
            Kind::Select(choices) => {
                // One option is always marked, or the list would count as touched (`islands::live`).
                let chosen = choices.iter().position(|(it, _)| *it == value).unwrap_or(0);
                let option = |(i, (value, label))| {
                    view! { <option value=value selected=i == chosen>{label}</option> }
                };
                view! {
                    <select
                        id=id.clone()
                        name=self.name
                        required=self.required
                        aria-invalid=invalid
                        aria-describedby=described
                    >
                        {choices.into_iter().enumerate().map(option).collect_view()}
                    </select>
                }
                .into_any()
            }
        };
        view! {
            <div class="field">
                <label for=id>{self.label} {required}</label>
                {control}
                {problem}
                {hint}
            </div>
        }
        .into_any()
    }
}

impl Sent {
    /// The field with what was typed into it, and what was wrong with it.
    pub fn field(&self, input: Input) -> AnyView {
        let id = format!("{}-{}", self.place(), input.name);
        let typed = self.typed(input.name);
        let checked = match self.refused() {
            true => self.has(input.name, &input.value),
            false => false,
        };
        let problem = self.problem(input.name);
        input.show(id, typed, checked, problem)
    }
}

impl Query {
    /// The field with what the address asks for.
    pub fn field(&self, input: Input) -> AnyView {
        let typed = self.get(input.name);
        let checked = typed.as_deref() == Some(&*input.value);
        let id = format!("filter-{}", input.name);
        input.show(id, typed, checked, None)
    }

    /// A list to choose from, or everything.
    pub fn choice<V: ToString, L: ToString>(
        &self,
        name: &'static str,
        label: impl ToString,
        choices: impl IntoIterator<Item = (V, L)>,
    ) -> AnyView {
        let any = (String::new(), texts(&common::TEXTS).all.to_owned());
        let choices = choices.into_iter().map(|(v, l)| (v.to_string(), l.to_string()));
        self.field(Input::select(name, label, std::iter::once(any).chain(choices)))
    }
}

/// What the reader saw and is sent along: the digest an approval is for.
pub fn hidden(name: &'static str, value: impl Display) -> AnyView {
    view! { <input type="hidden" name=name value=value.to_string() /> }.into_any()
}
