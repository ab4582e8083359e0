//! How the sample came about: what was committed to, what it was drawn from, and how anybody draws it again.

use domain::spot_checks::draw::ALGORITHM;
use domain::spot_checks::{Source, SpotCheck};
use domain::texts::{duration, spot_checks::TEXTS, time};
use leptos::prelude::*;

use super::detail::Shown;
use crate::pages::ui::{Panel, Table, column, command, digest, facts};
use crate::pages::visit::{texts, visit};

pub(super) fn panel(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let check = &shown.check;
    let seed = match &check.draw {
        Some(it) => digest(&String::from(it.seed.clone())),
        None => t.seed_hidden.into_any(),
    };
    let mut pairs = vec![(t.commitment, digest(check.commitment.as_str()))];
    if let Some(fixed) = &check.population {
        pairs.push((t.population_digest, digest(fixed.digest.as_str())));
        pairs.push((t.source, source(&fixed.source).into_any()));
    }
    pairs.push((t.seed, seed));
    pairs.push((t.algorithm, view! { <code>{ALGORITHM}</code> }.into_any()));
    let note = t.proof_note.into_any();
    let (exports, sample) = (exports(shown), sample(check));
    view! {
        <Panel id="draw" title=t.proof note=note>
            <div class="body">{facts(pairs)} {exports}</div>
            {sample}
        </Panel>
    }
    .into_any()
}

fn source(source: &Source) -> String {
    let t = texts(&TEXTS);
    let visit = visit();
    let at = |it| time(it, &visit.zone);
    match source {
        Source::List => t.source_list.to_owned(),
        Source::Window { from, to, step_s } => {
            let step = chrono::TimeDelta::seconds((*step_s).into());
            (t.source_window)(&at(*from), &at(*to), &duration(visit.lang, step))
        }
        Source::Drills { from, to } => (t.source_drills)(&at(*from), &at(*to)),
    }
}

/// Files, and so no pages of ours.
fn exports(shown: &Shown) -> AnyView {
    let t = texts(&TEXTS);
    let number = &shown.check.number;
    let json = format!("/api/v1/spot-checks/{number}/export");
    let zip = format!("/api/v1/spot-checks/{number}/bundle");
    let file = format!("{number}.json");
    let replay = shown.check.draw.as_ref().map(|_| {
        view! { <p>{t.replay}</p> {command(format!("lifeboat spot-check replay {file}"))} }
    });
    let bundle = shown.may.export.then(|| {
        view! {
            <a class="button" href=zip rel="external" download="">
                {t.bundle}
            </a>
        }
    });
    view! {
        {replay}
        <div class="actions">
            <a class="button" href=json rel="external" download=file>
                {t.export}
            </a>
            {bundle}
        </div>
    }
    .into_any()
}

fn sample(check: &SpotCheck) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let draw = check.draw.as_ref()?;
    let of = check.population.as_ref().map_or(0, |it| it.size as usize);
    let found = |id: &str| {
        let results = &check.record.as_ref()?.results;
        results.items.iter().find(|it| it.id == id)
    };
    let rows = draw.sample.iter().enumerate().map(|(n, id)| {
        let found = found(id);
        let outcome = found.map(|it| super::results::outcome(it.outcome));
        let note = found.map(|it| it.note.clone());
        view! {
            <tr>
                <th scope="row">{n + 1}</th>
                <td>{id.clone()}</td>
                <td>{outcome}</td>
                <td>{note}</td>
            </tr>
        }
    });
    let rows: Vec<_> = rows.collect();
    let heads = vec![column(t.position), column(t.sample), column(t.outcome), column(t.note)];
    let caption = (t.drawn)(draw.sample.len(), of);
    Some(
        view! {
            <Table label=t.sample heads=heads caption=caption>
                {rows}
            </Table>
        }
        .into_any(),
    )
}
