//! The tables of holidays: which years are known, and the form that brings another.

pub mod actions;

use chrono::Datelike;
use domain::access::Action;
use domain::business_days::name_of;
use domain::texts::holidays::TEXTS;
use leptos::prelude::*;
use store::holidays::Year;

use self::actions::ImportHolidays;
use super::ui::{
    Button, Head, Input, Panel, Query, Table, Tone, column, form, live, mark, page, submit,
    when_short,
};
use super::visit::{texts, visit};
use crate::pages::ssr::read;

#[component]
pub fn HolidaysPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let (years, this) = read(Action::AdministerHolidays, async |cx| {
            Ok((store::holidays::years(&cx.db).await?, cx.today().year()))
        })
        .await?;
        let asked = query.get("year").and_then(|it| it.parse().ok()).unwrap_or(this);
        let known = |year: i32| years.iter().any(|it| it.year == year);
        let missing = [this, this + 1].into_iter().filter(|it| !known(*it));
        let missing = missing.map(|it| {
            view! { <p class="notice" role="status" data-state="warn">{(t.missing)(it)}</p> }
        });
        let missing = missing.collect_view();
        let days = years.iter().find(|it| it.year == asked).map(days);
        Ok(view! {
            {live("holidays")}
            <Head title=t.title>{t.lede}</Head>
            {missing}
            {known_years(&years)}
            {import(this + 1)}
            {days}
        })
    })
}

fn known_years(years: &[Year]) -> AnyView {
    let t = texts(&TEXTS);
    let heads = vec![
        column(t.year),
        column(t.holidays).number(),
        column(t.workdays).number(),
        column(t.source),
        column(t.imported).optional(),
    ];
    let row = |it: &Year| {
        let imported = match it.imported_at {
            Some(at) => {
                let by = it.imported_by.split_once(':').map_or(&*it.imported_by, |it| it.1);
                view! { {by.to_owned()} " " {when_short(at)} }.into_any()
            }
            None => t.delivered.into_any(),
        };
        view! {
            <tr>
                <th scope="row">
                    <a href=format!("?year={}", it.year)>{it.year}</a>
                </th>
                <td class="number">{it.table.holidays.len()}</td>
                <td class="number">{it.table.workdays.len()}</td>
                <td>{it.source.clone()}</td>
                <td class="optional">{imported}</td>
            </tr>
        }
    };
    let rows: Vec<_> = years.iter().take(8).map(row).collect();
    view! {
        <Panel id="years" title=t.years>
            <Table label=t.years heads=heads>
                {rows}
            </Table>
        </Panel>
    }
    .into_any()
}

fn days(year: &Year) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let off = year.table.holidays.iter().map(|(day, name)| (*day, name, false));
    let worked = year.table.workdays.iter().map(|(day, name)| (*day, name, true));
    let mut all: Vec<_> = off.chain(worked).collect();
    all.sort();
    let row = |(day, name, worked): (chrono::NaiveDate, &String, bool)| {
        let what = match worked {
            true => mark(Tone::Warn, t.workday),
            false => mark(Tone::Ok, t.holiday),
        };
        view! {
            <tr>
                <th scope="row">{day.to_string()}</th>
                <td>{what}</td>
                <td>{name_of(name, lang).to_owned()}</td>
            </tr>
        }
    };
    let rows: Vec<_> = all.into_iter().map(row).collect();
    let heads = vec![column(t.day), column(t.what), column(t.name)];
    let title = (t.of_year)(year.year);
    view! {
        <Panel id="days" title=title>
            <Table label=t.day heads=heads>
                {rows}
            </Table>
        </Panel>
    }
    .into_any()
}

fn import(next: i32) -> AnyView {
    let t = texts(&TEXTS);
    let form = form::<ImportHolidays, _>("", |sent| {
        Some(view! {
            {sent.field(Input::number("year", t.year).value(next).required())}
            {sent.field(Input::text("source", t.source).hint(t.source_note).required())}
            {sent.field(Input::area("table", t.table).hint(t.table_note).required())}
            {submit(Button::Primary, t.import)}
        })
    });
    view! {
        <Panel id="import" title=t.import>
            <div class="body">
                <p>{t.import_note}</p>
                {form}
            </div>
        </Panel>
    }
    .into_any()
}
