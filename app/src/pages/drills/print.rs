//! The filtered ledger on paper, one drill on each sheet.

use std::collections::HashMap;

use domain::access::Action;
use domain::drills::Drill;
use domain::drills::ledger::{MOST_ON_PAPER, subject};
use domain::evidence::Evidence;
use domain::fields::Faults;
use domain::texts::drills::TEXTS;
use domain::texts::ledger;
use leptos::prelude::*;
use store::drills::Filter;

use super::asked;
use super::list::wrong;
use super::sheet::sheet;
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{Head, Query, Tone, empty, mark, page};
use crate::pages::visit::texts;

struct Shown {
    drills: Vec<Drill>,
    files: HashMap<String, Vec<Evidence>>,
    /// There are more than are printed at a time.
    more: bool,
}

#[component]
pub fn PrintPage() -> impl IntoView {
    let (t, l) = (texts(&TEXTS), texts(&ledger::TEXTS));
    let query = Query::here();
    page(l.print, async move {
        let shown = read(Action::Read, async |cx| load(cx, &query).await).await?;
        let back = format!("/drills{}", query.carried());
        let back = view! { <a class="button" href=back>{t.title}</a> }.into_any();
        let (lede, content) = match shown {
            Err(faults) => (String::new(), wrong(&faults)),
            Ok(shown) if shown.drills.is_empty() => (String::new(), empty(t.nothing_yet)),
            Ok(shown) => {
                let cut = shown.more.then(|| {
                    view! { <p>{mark(Tone::Warn, (l.print_cut)(MOST_ON_PAPER))}</p> }
                });
                let none = Vec::new();
                let sheets = shown
                    .drills
                    .iter()
                    .map(|it| sheet(it, shown.files.get(&subject(it)).unwrap_or(&none)));
                let sheets = sheets.collect_view();
                ((l.print_lede)(shown.drills.len()), view! { {cut} {sheets} }.into_any())
            }
        };
        Ok(view! {
            <Head title=l.print actions=back>{lede}</Head>
            <div class="sheets">{content}</div>
        })
    })
}

async fn load(cx: &Context, query: &Query) -> Result<Result<Shown, Faults>, Error> {
    let filter = match asked(query).filter(cx) {
        Ok(filter) => filter,
        Err(faults) => return Ok(Err(faults)),
    };
    let limit = i64::try_from(MOST_ON_PAPER).unwrap_or(i64::MAX) + 1;
    let mut db = cx.connection().await?;
    let mut drills = store::drills::list(&mut db, &Filter { limit, ..filter }).await?;
    let more = drills.len() > MOST_ON_PAPER;
    drills.truncate(MOST_ON_PAPER);
    let subjects: Vec<String> = drills.iter().map(subject).collect();
    let files = store::evidence::of_each(&mut *db, &subjects).await?;
    Ok(Ok(Shown { drills, files, more }))
}
