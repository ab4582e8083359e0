//! What a list is asked for, in its address: filters, the order, where it begins. So a list can be sent to
//! somebody as a link, and works without JavaScript.

use chrono::{DateTime, Utc};
use domain::texts::ui;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

use super::when;
use crate::pages::visit::texts;

/// The query of this request.
#[derive(Clone)]
pub struct Query(ParamsMap);

impl Query {
    pub fn here() -> Self {
        let mut query = use_query_map().get_untracked();
        // What became of a form belongs to this load of the page alone.
        query.remove("answer");
        Self(query)
    }

    /// What is asked for under this name; an empty field asks for nothing.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty())
    }

    /// A moment as RFC 3339 has it, as links of ours write it; nothing for what is none.
    pub fn moment(&self, name: &str) -> Option<DateTime<Utc>> {
        self.get(name)?.parse().ok()
    }

    pub fn yes_or_no(&self, name: &str) -> Option<bool> {
        self.get(name)?.parse().ok()
    }

    /// The address of the same list with this changed; it begins at its beginning again.
    pub fn with(&self, name: &'static str, value: &str) -> String {
        let mut query = self.0.clone();
        query.remove("cursor");
        query.replace(name, value.to_owned());
        query.to_query_string()
    }

    /// The same list from its beginning, as the query of another address: a file, a print.
    pub fn carried(&self) -> String {
        let mut query = self.0.clone();
        query.remove("cursor");
        query.to_query_string()
    }

    /// The address of the same list from its beginning.
    pub fn first(&self) -> String {
        let mut query = self.0.clone();
        query.remove("cursor");
        match query.to_query_string() {
            it if it.is_empty() => "?".to_owned(),
            it => it,
        }
    }
}

/// The order of a list: `?sort=name`, or `?sort=-name` from the last to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub by: &'static str,
    pub descending: bool,
}

impl Sort {
    /// What the address asks for, if it is one of `columns`; else the default. Other names are nobody's column and
    /// are not passed on.
    pub fn asked(query: &Query, columns: &[&'static str], default: Sort) -> Self {
        Self::parse(query.get("sort").as_deref(), columns).unwrap_or(default)
    }

    fn parse(asked: Option<&str>, columns: &[&'static str]) -> Option<Self> {
        let asked = asked?;
        let name = asked.strip_prefix('-').unwrap_or(asked);
        let by = columns.iter().copied().find(|it| *it == name)?;
        Some(Self { by, descending: asked.starts_with('-') })
    }
}

/// Which stretch of time a list shows where a link asked for one, and whatever else it asked for that no field shows:
/// a reader has to see why rows are missing.
pub fn period(query: &Query, since: &str, until: &str) -> Option<AnyView> {
    let moments = [query.moment(since), query.moment(until)];
    let more = ["team", "closure", "cause", "automatic", "drill"];
    let more = more.into_iter().filter_map(|it| Some(format!("{it}={}", query.get(it)?)));
    let more = more.collect::<Vec<_>>().join(" ");
    if moments == [None, None] && more.is_empty() {
        return None;
    }
    let [since, until] = moments.map(|it| it.map(when));
    let t = texts(&ui::TEXTS);
    let view = view! {
        <p class="row">{t.only} " " {since} " – " {until} " " {more} " " <a href="?">{t.clear}</a></p>
    };
    Some(view.into_any())
}

/// A row of fields (made by [`super::Input`]) that are sent as the page's own address.
pub fn filters<F: IntoView>(query: &Query, fields: F) -> impl IntoView + use<F> {
    let t = texts(&ui::TEXTS);
    let sort = query.get("sort").map(|it| view! { <input type="hidden" name="sort" value=it /> });
    view! {
        <form class="filters" method="get" aria-label=t.filters>
            {sort}
            {fields}
            <div class="actions">
                <button class="button" type="submit">{t.filter}</button>
                <a class="button quiet" href="?">{t.clear}</a>
            </div>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::Sort;

    #[test]
    fn only_named_columns_sort() {
        let columns = ["at", "name"];
        for (asked, expected) in [
            (Some("-at"), Some(("at", true))),
            (Some("name"), Some(("name", false))),
            (Some("password"), None),
            (Some("--at"), None),
            (None, None),
        ] {
            let sort = Sort::parse(asked, &columns).map(|it| (it.by, it.descending));
            assert_eq!(sort, expected, "{asked:?}");
        }
    }
}
