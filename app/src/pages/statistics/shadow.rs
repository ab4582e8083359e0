//! What was only recorded, against what happened then.

use domain::statistics::{Score, score};
use domain::texts::statistics::TEXTS;
use domain::texts::{common, decision_pages};
use leptos::prelude::*;
use store::statistics::Recorded;

use crate::pages::decisions::tone as tone_of;
use crate::pages::ui::{Panel, Table, Tone, badge, column, empty, mark, when_short};
use crate::pages::visit::{texts, visit};

pub(super) fn panel(all: &[Recorded]) -> AnyView {
    let t = texts(&TEXTS);
    let note = view! { <small>{t.shadow_note}</small> }.into_any();
    if all.is_empty() {
        return view! { <Panel id="shadow" title=t.shadow note=note>{empty(t.shadow_none)}</Panel> }.into_any();
    }
    let count = |of: Score| all.iter().filter(|it| score(&it.shadow) == of).count() as u64;
    let sum = (t.shadow_sum)(count(Score::Right), count(Score::Wrong), count(Score::Unknown));
    let rows: Vec<_> = all.iter().map(row).collect();
    let heads = vec![
        column(texts(&common::TEXTS).at),
        column(texts(&common::TEXTS).service),
        column(texts(&decision_pages::TEXTS).outcome),
        column(texts(&common::TEXTS).verdict),
        column(t.happened).optional(),
    ];
    view! {
        <Panel id="shadow" title=t.shadow note=note>
            <p class="body"><strong>{sum}</strong></p>
            <Table label=t.shadow heads=heads>{rows}</Table>
        </Panel>
    }
    .into_any()
}

fn row(it: &Recorded) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let judged = score(&it.shadow);
    let tone = match judged {
        Score::Right => Tone::Ok,
        Score::Wrong => Tone::Bad,
        Score::Unknown => Tone::Idle,
    };
    let outcome = it.shadow.outcome;
    view! {
        <tr>
            <th scope="row"><a href=format!("/decisions/{}", it.id)>{when_short(it.shadow.at)}</a></th>
            <td>{it.service.clone()}</td>
            <td>{badge(tone_of(outcome), outcome.text(lang).name)}</td>
            <td>{mark(tone, (t.score_of)(judged))}</td>
            <td class="optional">{happened(it)}</td>
        </tr>
    }
    .into_any()
}

fn happened(it: &Recorded) -> AnyView {
    let t = texts(&TEXTS);
    let rolled = it.shadow.rolled_back.as_ref().map(|it| {
        view! { {t.rolled_back} " " {when_short(it.at)} "; " }
    });
    let changed = it.shadow.changed.then(|| view! { {t.changed} "; " });
    let over = match it.shadow.resolved_at {
        Some(at) => view! { {t.resolved} " " {when_short(at)} }.into_any(),
        None => t.still.into_any(),
    };
    view! { {rolled} {changed} {over} }.into_any()
}
