//! The figures of one period beside those of the period before.

use domain::texts::trends::{Line, TEXTS, lines};
use leptos::prelude::*;

use crate::pages::ui::{Panel, Table, column};
use crate::pages::visit::{texts, visit};
use crate::wishes::trends::Trends;

pub(super) fn compared(trends: &Trends) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let (now, before) = (trends.last()?, trends.before()?);
    let note = (t.compared_note)(&now.period.to_string(), &before.period.to_string());
    let row = |(now, before): (Line, Line)| {
        let change =
            now.measure.zip(before.measure).and_then(|(now, before)| now.change(lang, before));
        view! {
            <tr>
                <th scope="row">{now.name}</th>
                <td class="number">{now.value}</td>
                <td class="number optional"><small>{now.rows}</small></td>
                <td class="number">{before.value}</td>
                <td class="number optional"><small>{before.rows}</small></td>
                <td class="number">{change}</td>
            </tr>
        }
    };
    let rows = lines(lang, &now.figures).into_iter().zip(lines(lang, &before.figures));
    let rows = rows.map(row).collect_view();
    let heads = vec![
        column(t.figure),
        column(now.period.to_string()).number(),
        column(t.measured).number().optional(),
        column(before.period.to_string()).number(),
        column(t.measured).number().optional(),
        column(t.change).number(),
    ];
    Some(
        view! {
            <Panel id="compared" title=t.compared note=note.into_any()>
                <Table label=t.compared heads>{rows}</Table>
            </Panel>
        }
        .into_any(),
    )
}
