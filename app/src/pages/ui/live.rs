use domain::texts::{errors, ui};
use leptos::prelude::*;

use crate::islands::Live;
use crate::pages::visit::{texts, visit};

/// Keeps a page true about everything below the subject: "rollbacks" for a list, "rollbacks/{id}" for one.
/// Several subjects are parted by spaces.
pub fn live(subject: impl ToString) -> AnyView {
    let t = texts(&ui::TEXTS);
    let offline = texts(&errors::TEXTS).offline;
    view! {
        <Live subject=subject.to_string() after=visit().live_from offline=offline.to_owned()>
            {t.page_changed} " " <a href="">{t.reload}</a>
        </Live>
    }
    .into_any()
}
