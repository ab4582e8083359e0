//! Rows. A table scrolls inside itself, so that the page never scrolls sideways; its first column stays.

use std::borrow::Cow;

use domain::texts::ui;
use leptos::prelude::*;

use super::{Query, Sort};
use crate::pages::visit::texts;

/// One column: its head, and whether its cells are numbers (`<td class="number">`) or can go on a phone
/// (`<td class="optional">`); the cells say so themselves.
pub struct Column {
    label: Cow<'static, str>,
    number: bool,
    optional: bool,
    order: Option<Order>,
}

struct Order {
    /// `ascending`, `descending`, or `none` where the list is in another order.
    now: &'static str,
    /// Where the head leads: this column from its end, or, where that is so already, from its beginning.
    then: String,
}

pub fn column(label: impl Into<Cow<'static, str>>) -> Column {
    Column { label: label.into(), number: false, optional: false, order: None }
}

impl Column {
    /// Right-aligned figures.
    pub fn number(self) -> Self {
        Self { number: true, ..self }
    }

    /// Left out on a phone.
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// The head becomes a link that sorts by this column.
    pub fn sorted(self, by: &'static str, sort: Sort, query: &Query) -> Self {
        let now = match (sort.by == by, sort.descending) {
            (true, true) => "descending",
            (true, false) => "ascending",
            (false, _) => "none",
        };
        let then = if now == "descending" { by.to_owned() } else { format!("-{by}") };
        Self { order: Some(Order { now, then: query.with("sort", &then) }), ..self }
    }

    fn head(self) -> impl IntoView {
        let class = match (self.number, self.optional) {
            (true, true) => Some("number optional"),
            (true, false) => Some("number"),
            (false, true) => Some("optional"),
            (false, false) => None,
        };
        let order = self.order.as_ref().map(|it| it.now);
        let label = match self.order {
            Some(order) => view! { <a href=order.then>{self.label}</a> }.into_any(),
            None => self.label.into_any(),
        };
        view! { <th scope="col" class=class aria-sort=order>{label}</th> }
    }
}

/// The children are its rows: `<tr>` with `<th scope="row">` first. `label` names the region that scrolls;
/// `caption` says units and order where they need saying. `aria-current="true"` on a row says that it applies.
#[component]
pub fn Table(
    #[prop(into)] label: String,
    heads: Vec<Column>,
    #[prop(optional, into)] caption: Option<String>,
    children: Children,
) -> AnyView {
    let heads: Vec<_> = heads.into_iter().map(Column::head).collect();
    view! {
        <div class="table" role="group" aria-label=label tabindex="0">
            <table>
                {caption.map(|it| view! { <caption>{it}</caption> })}
                <thead>
                    <tr>{heads}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// The way on in a list that is read by keyset: `next` is the cursor after its last row. Nothing where all is
/// shown on one page.
pub fn pager(query: &Query, next: Option<&str>) -> Option<AnyView> {
    let t = texts(&ui::TEXTS);
    let further = query.get("cursor").is_some();
    let first = query.first();
    let next = next.map(|cursor| query.with("cursor", cursor));
    (further || next.is_some()).then(|| {
        view! {
            <nav class="pager" aria-label=t.pages>
                {further.then(|| view! { <a href=first>{t.first_page}</a> })}
                {next.map(|it| view! { <a class="next" rel="next" href=it>{t.next_page}</a> })}
            </nav>
        }
        .into_any()
    })
}
