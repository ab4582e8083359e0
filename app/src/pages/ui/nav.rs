//! The pages and their names: for the sidebar, the crumbs and the palette.

use domain::access::Role;
use domain::texts::nav::{self, Texts};
use leptos::either::Either;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use leptos_router::location::Url;

use super::{Tone, number_of};
use crate::islands::palette::Target;
use crate::pages::visit::{texts, visit};

/// A page of the sidebar.
struct Place {
    href: &'static str,
    name: fn(&Texts) -> &'static str,
}

/// Pages under one heading, or a page by itself.
struct Group {
    heading: Option<fn(&Texts) -> &'static str>,
    places: &'static [Place],
    /// Shown to administrators only; the pages themselves ask again.
    admin: bool,
}

const GROUPS: &[Group] = &[
    Group { heading: None, places: &[Place { href: "/", name: |t| t.overview }], admin: false },
    Group {
        heading: Some(|t| t.rollbacks),
        places: &[
            Place { href: "/approvals", name: |t| t.approvals },
            Place { href: "/rollbacks", name: |t| t.all_rollbacks },
            Place { href: "/statistics", name: |t| t.statistics },
            Place { href: "/simulator", name: |t| t.simulator },
        ],
        admin: false,
    },
    Group {
        heading: None,
        places: &[
            Place { href: "/alerts", name: |t| t.alerts },
            Place { href: "/drills", name: |t| t.drills },
            Place { href: "/trends", name: |t| t.trends },
            Place { href: "/backups", name: |t| t.backups },
            Place { href: "/objectives", name: |t| t.objectives },
            Place { href: "/spot-checks", name: |t| t.spot_checks },
            Place { href: "/services", name: |t| t.services },
            Place { href: "/runs", name: |t| t.runs },
            Place { href: "/rails", name: |t| t.rails },
            Place { href: "/policies", name: |t| t.policies },
            Place { href: "/signals", name: |t| t.signals },
            Place { href: "/admin/imports", name: |t| t.imports },
            Place { href: "/audit", name: |t| t.audit },
        ],
        admin: false,
    },
    Group {
        heading: Some(|t| t.admin),
        places: &[
            Place { href: "/admin/users", name: |t| t.users },
            Place { href: "/admin/tokens", name: |t| t.tokens },
            Place { href: "/admin/clusters", name: |t| t.clusters },
            Place { href: "/admin/holidays", name: |t| t.holidays },
        ],
        admin: true,
    },
];

/// Pages that have a name and no place in the sidebar.
const BESIDE: &[Place] = &[
    Place { href: "/decisions", name: |t| t.decisions },
    Place { href: "/drills/calendar", name: |t| t.calendar },
    Place { href: "/drills/import", name: |t| t.import },
    Place { href: "/drills/print", name: |t| t.print },
    Place { href: "/profile", name: |t| t.profile },
    Place { href: "/quarters", name: |t| t.quarters },
    Place { href: "/reconciliation", name: |t| t.reconciliation },
];

fn groups() -> impl Iterator<Item = &'static Group> {
    let admin = visit().user.is_some_and(|it| it.has(Role::Admin));
    GROUPS.iter().filter(move |it| admin || !it.admin)
}

/// Always open where there is room; a drawer on a phone, opened by the menu button, without a script.
pub(super) fn sidebar() -> AnyView {
    let t = texts(&nav::TEXTS);
    let ui = texts(&domain::texts::ui::TEXTS);
    let path = use_location().pathname.get_untracked();
    let group = |group: &'static Group| {
        let places: Vec<_> = group.places.iter().map(|it| item(it, &path)).collect();
        match group.heading {
            Some(heading) => Either::Left(view! {
                <li>
                    <span>{heading(t)}</span>
                    <ul aria-label=heading(t)>{places}</ul>
                </li>
            }),
            None => Either::Right(places),
        }
    };
    view! {
        <nav class="sidebar" id="nav" popover="auto" aria-label=ui.navigation>
            <ul>
                <li>{brand()}</li>
                {groups().map(group).collect_view()}
            </ul>
        </nav>
    }
    .into_any()
}

fn item(place: &'static Place, path: &str) -> AnyView {
    let t = texts(&nav::TEXTS);
    let waiting = visit().attention.approvals;
    let count = (place.href == "/approvals" && waiting > 0).then(|| {
        view! {
            <span class="row">
                {number_of(waiting as usize, Some(Tone::Warn))}
                <span class="spoken">{t.waiting}</span>
            </span>
        }
    });
    let current = is_under(path, place.href).then_some("page");
    view! { <li><a href=place.href aria-current=current>{(place.name)(t)} {count}</a></li> }
        .into_any()
}

pub(super) fn brand() -> AnyView {
    view! {
        <a class="brand" href="/">
            <svg
                width="20"
                height="20"
                viewBox="0 0 20 20"
                fill="none"
                stroke="currentColor"
                aria-hidden="true"
            >
                <circle cx="10" cy="10" r="6" stroke-width="5" />
                <path class="rope" d="M10 1v5M10 14v5M1 10h5M14 10h5" stroke-width="2.4" />
            </svg>
            "Lifeboat"
        </a>
    }
    .into_any()
}

/// Where the reader is: group and page by the address, and then what the address names.
pub(super) fn crumbs() -> AnyView {
    let t = texts(&nav::TEXTS);
    let ui = texts(&domain::texts::ui::TEXTS);
    let path = use_location().pathname.get_untracked();
    let trail = trail(&path, t);
    let last = trail.len().saturating_sub(1);
    let crumb = |(i, (name, href)): (usize, (String, Option<String>))| match href {
        Some(href) if i < last => Either::Left(view! { <li><a href=href>{name}</a></li> }),
        _ => Either::Right(view! { <li aria-current=(i == last).then_some("page")>{name}</li> }),
    };
    view! {
        <nav class="crumbs" aria-label=ui.crumbs>
            <ol>{trail.into_iter().enumerate().map(crumb).collect_view()}</ol>
        </nav>
    }
    .into_any()
}

/// Names and addresses, from the outermost inwards.
fn trail(path: &str, t: &Texts) -> Vec<(String, Option<String>)> {
    let inside = |group: &'static Group| group.places.iter().map(move |it| (group.heading, it));
    let known = GROUPS.iter().flat_map(inside).chain(BESIDE.iter().map(|it| (None, it)));
    let Some((heading, place)) = known.into_iter().find(|(_, it)| is_under(path, it.href)) else {
        return Vec::new();
    };
    let mut trail: Vec<_> = heading.map(|it| (it(t).to_owned(), None)).into_iter().collect();
    trail.push(((place.name)(t).to_owned(), Some(place.href.to_owned())));
    let mut href = place.href.to_owned();
    for segment in path[place.href.len()..].split('/').filter(|it| !it.is_empty()) {
        href = format!("{}/{segment}", href.trim_end_matches('/'));
        let own = BESIDE.iter().find(|it| it.href == href).map(|it| (it.name)(t).to_owned());
        let act = match segment {
            "edit" => Some(t.edit.to_owned()),
            "new" => Some(t.new.to_owned()),
            _ => None,
        };
        let own = own.or(act);
        trail.push((own.unwrap_or_else(|| readable(segment)), Some(href.clone())));
    }
    trail
}

/// As a person would write it; a UUID is shortened to what tells two apart.
fn readable(segment: &str) -> String {
    let segment = Url::unescape(segment);
    let is_uuid = segment.len() == 36 && segment.matches('-').count() == 4;
    if is_uuid { segment.chars().take(8).collect() } else { segment }
}

fn is_under(path: &str, href: &str) -> bool {
    match path.strip_prefix(href) {
        Some("") => true,
        Some(rest) => href != "/" && rest.starts_with('/'),
        None => false,
    }
}

/// Where the palette can go.
pub(super) fn targets() -> Vec<Target> {
    let t = texts(&nav::TEXTS);
    let named = |group: &'static Group| {
        group.places.iter().map(move |it| Target {
            label: match group.heading {
                Some(heading) => format!("{} / {}", heading(t), (it.name)(t)),
                None => (it.name)(t).to_owned(),
            },
            href: it.href.to_owned(),
        })
    };
    groups().flat_map(named).collect()
}

#[cfg(test)]
mod tests {
    use domain::texts::nav::TEXTS;

    use super::*;

    #[test]
    fn the_trail_leads_to_what_the_address_names() {
        for (path, names) in [
            ("/", vec!["总览"]),
            ("/approvals", vec!["回滚", "待审批"]),
            ("/rollbacks/RB-20261016-01", vec!["回滚", "全部", "RB-20261016-01"]),
            ("/runs/01930000-0000-7000-8000-000000000000", vec!["执行", "01930000"]),
            ("/rollbacksx", vec![]),
            ("/nowhere", vec![]),
        ] {
            let trail: Vec<_> = trail(path, &TEXTS.zh).into_iter().map(|it| it.0).collect();
            assert_eq!(trail, names, "{path}");
        }
    }
}
