use domain::access::Action;
use domain::texts::inbox;
use domain::texts::rollbacks::TEXTS;
use leptos::prelude::*;

use crate::islands::Keys;
use crate::pages::ssr::read;
use crate::pages::ui::{Head, empty, live, page};
use crate::pages::visit::texts;
use crate::pages::waiting::{queue, waiting};

/// Everything that waits for a person to decide, the most urgent first.
#[component]
pub fn ApprovalsPage() -> impl IntoView {
    let t = texts(&TEXTS);
    page(t.approvals, async move {
        let decisions = read(Action::Read, async |cx| waiting(cx).await).await?;
        let count = decisions.len();
        let content = match count {
            0 => empty(t.nothing_waits).into_any(),
            _ => {
                let queue = queue(decisions);
                view! { <Keys>{queue}</Keys> }.into_any()
            }
        };
        let inbox = texts(&inbox::TEXTS);
        let keys = (count > 1).then(|| view! { " " <small class="optional">{inbox.keys}</small> });
        Ok(view! {
            {live("rollbacks runs catalog-imports")}
            <Head title=t.approvals>{(inbox.lede)(count)} {keys}</Head>
            <section class="panel" aria-label=t.approvals>{content}</section>
        })
    })
}
