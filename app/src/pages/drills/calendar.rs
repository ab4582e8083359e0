//! What is expected in a year or a month, and what became of it.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use domain::access::{Action, Place};
use domain::calendar::{Standing, midnight};
use domain::texts::calendar::TEXTS;
use domain::texts::{common, drills, offset};
use leptos::either::Either;
use leptos::prelude::*;

use super::actions::{CalendarLink, PutOff};
use super::bound;
use crate::doors::Context;
use crate::pages::error::Error;
use crate::pages::ssr::read;
use crate::pages::ui::{
    Button, Head, Input, Panel, Query, Table, Tone, badge, column, command, empty, form, live,
    mark, page, submit, when_short,
};
use crate::pages::visit::{texts, visit};
use crate::wishes::calendar::{self, Entry};

/// A stretch that the page shows.
#[derive(Clone, Copy)]
enum Shown {
    Year(i32),
    Month(NaiveDate),
}

impl Shown {
    /// `2026`, `2026-02`, and whatever else begins so: the period of any occurrence. This year otherwise.
    fn parse(at: Option<&str>, today: NaiveDate) -> Self {
        let number = |text: Option<&str>| text.and_then(|it| it.parse::<u32>().ok());
        let at = at.unwrap_or_default();
        let mut parts = at.split('-');
        let year = number(parts.next()).and_then(|it| i32::try_from(it).ok());
        let Some(year @ 1970..=2200) = year else { return Self::Year(today.year()) };
        let first = number(parts.next()).and_then(|it| NaiveDate::from_ymd_opt(year, it, 1));
        first.map_or(Self::Year(year), Self::Month)
    }

    /// Its first day, and the day after its last.
    fn days(self) -> (NaiveDate, NaiveDate) {
        let first = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
        match self {
            Self::Year(year) => (first(year), first(year + 1)),
            Self::Month(day) => {
                (day, day.checked_add_months(chrono::Months::new(1)).unwrap_or(day))
            }
        }
    }

    fn address(self) -> String {
        match self {
            Self::Year(year) => format!("?at={year}"),
            Self::Month(day) => format!("?at={}", day.format("%Y-%m")),
        }
    }

    fn moved(self, by: i32) -> Self {
        match self {
            Self::Year(year) => Self::Year(year + by),
            Self::Month(day) if by < 0 => {
                Self::Month(day.checked_sub_months(chrono::Months::new(1)).unwrap_or(day))
            }
            Self::Month(_) => Self::Month(self.days().1),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Year(year) => year.to_string(),
            Self::Month(day) => day.format("%Y-%m").to_string(),
        }
    }
}

#[component]
pub fn CalendarPage() -> impl IntoView {
    let t = texts(&TEXTS);
    let query = Query::here();
    page(t.title, async move {
        let today = visit().now.with_timezone(&visit().zone).date_naive();
        let shown = Shown::parse(query.get("at").as_deref(), today);
        let (entries, link) = read(Action::Read, async |cx| load(cx, shown).await).await?;
        let number = |which: Standing| entries.iter().filter(|it| it.standing == which).count();
        let summary =
            (t.summary)(number(Standing::Held), number(Standing::Missed), number(Standing::Due));
        let content = match (entries.is_empty(), shown) {
            (true, _) => empty(t.nothing),
            (_, Shown::Year(_)) => year(&entries),
            (_, Shown::Month(_)) => month(&entries),
        };
        let feed = visit().user.is_some().then(|| feed(link));
        Ok(view! {
            {live("drills expected-drills")}
            <Head title=format!("{} {}", t.title, shown.name()) actions=ways(shown, today)>
                <strong>{summary}</strong>
                " "
                {t.lede}
            </Head>
            <section class="panel" aria-label=t.title>{content}</section>
            {feed}
        })
    })
}

async fn load(cx: &Context, shown: Shown) -> Result<(Vec<Entry>, Option<String>), Error> {
    let (from, until) = shown.days();
    let at = |day| midnight(cx.zone, day).unwrap_or(cx.now);
    let entries = calendar::between(cx, at(from), at(until)).await?;
    let link = match cx.caller.user() {
        Some(_) => calendar::token(cx).await?,
        None => None,
    };
    Ok((entries, link))
}

/// To the stretches around this one, and to the other view.
fn ways(shown: Shown, today: NaiveDate) -> AnyView {
    let t = texts(&TEXTS);
    let other = match shown {
        Shown::Year(_) => (Shown::Month(today.with_day(1).unwrap_or(today)), t.month),
        Shown::Month(day) => (Shown::Year(day.year()), t.year),
    };
    let way = |(to, name): (Shown, &'static str)| {
        view! { <a class="button" href=to.address()>{name}</a> }
    };
    let all = [(shown.moved(-1), t.before), other, (shown.moved(1), t.after)];
    all.map(way).collect_view().into_any()
}

fn tone(standing: Standing) -> Tone {
    match standing {
        Standing::Missed => Tone::Bad,
        Standing::Due => Tone::Warn,
        Standing::Running | Standing::Planned => Tone::Live,
        Standing::Upcoming => Tone::Idle,
        Standing::Held => Tone::Ok,
    }
}

/// A row for each expected drill, a column for each month.
fn year(entries: &[Entry]) -> AnyView {
    let t = texts(&TEXTS);
    let mut names: Vec<&str> = Vec::new();
    for entry in entries {
        let name = entry.expected.drill.name.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut heads = vec![column(t.scenario)];
    heads.extend(t.months.map(column));
    let rows = names.iter().map(|name| {
        let own: Vec<&Entry> =
            entries.iter().filter(|it| it.expected.drill.name == *name).collect();
        let scenario = own.first().map(|it| it.expected.drill.scenario.clone());
        let cells = (1..=12).map(|month| view! { <td>{cell(&own, month)}</td> });
        view! {
            <tr>
                <th scope="row">{scenario} <small>{(*name).to_owned()}</small></th>
                {cells.collect_view()}
            </tr>
        }
    });
    let rows: Vec<_> = rows.collect();
    view! { <Table label=t.title heads=heads>{rows}</Table> }.into_any()
}

/// How the occurrences that begin in a month stand, the worst of them first.
fn cell(entries: &[&Entry], month: u32) -> Option<AnyView> {
    let t = texts(&TEXTS);
    let of_month = |at: DateTime<Utc>| at.with_timezone(&visit().zone);
    let here: Vec<_> =
        entries.iter().filter(|it| of_month(it.occurrence.from).month() == month).collect();
    let worst = here.iter().map(|it| it.standing).min()?;
    let first = of_month(here.first()?.occurrence.from);
    let held = here.iter().filter(|it| it.standing == Standing::Held).count();
    let word = match here.len() {
        1 => (t.standing_of)(worst).to_owned(),
        all => (t.held_of)(held, all),
    };
    let href = format!("?at={}", first.format("%Y-%m"));
    Some(view! { <a href=href>{mark(tone(worst), word)}</a> }.into_any())
}

/// A row for each occurrence, with what can be done about it.
fn month(entries: &[Entry]) -> AnyView {
    let t = texts(&TEXTS);
    let heads = vec![
        column(t.scenario),
        column(t.standing),
        column(t.when),
        column(t.drills),
        column(t.targets).optional(),
        column(t.plan),
    ];
    let rows: Vec<_> = entries.iter().map(row).collect();
    view! { <Table label=t.title heads=heads>{rows}</Table> }.into_any()
}

fn row(it: &Entry) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let expected = &it.expected.drill.entry;
    let drills = it.drills.iter().map(|it| {
        let href = format!("/drills/{}", it.number);
        let word = (texts(&drills::TEXTS).state_of)(it.state);
        view! { <div><a href=href>{it.number.clone()}</a> " " <small>{word}</small></div> }
    });
    let targets = expected.targets.iter().map(|it| {
        let name = (texts(&drills::TEXTS).metric_of)(&it.name);
        view! { <div>{name} " " {bound(it)}</div> }
    });
    let moved = it.moves.last().map(|it| {
        let by = it.by.split_once(':').map_or(it.by.as_str(), |(_, name)| name);
        view! { <small>{(t.moved)(by, &it.reason)}</small> }
    });
    let plan = visit().may(Action::PlanDrill, &Place::default()).then(|| plan(it));
    view! {
        <tr>
            <th scope="row">
                {expected.scenario.clone()} <small>{expected.source.clone()}</small>
            </th>
            <td>{badge(tone(it.standing), (t.standing_of)(it.standing))}</td>
            <td>{when_short(it.occurrence.from)} " – " {when_short(it.occurrence.until)} {moved}</td>
            <td>{drills.collect_view()}</td>
            <td class="optional">{targets.collect_view()}</td>
            <td>{plan}</td>
        </tr>
    }
}

/// Planning a drill for it, or putting it to another time; neither once it is over.
fn plan(it: &Entry) -> impl IntoView + use<> {
    let t = texts(&TEXTS);
    let visit = visit();
    if visit.now >= it.occurrence.until {
        return Either::Left(());
    }
    let local =
        |at: DateTime<Utc>| at.with_timezone(&visit.zone).format("%Y-%m-%dT%H:%M").to_string();
    let at = it.occurrence.from.max(visit.now + chrono::TimeDelta::hours(1));
    let name = &it.expected.drill.name;
    let href = format!("/drills/new?expected={name}&at={}", local(at.min(it.occurrence.until)));
    let id = format!("{name}/{}", it.occurrence.period);
    let (from, until) = (local(it.occurrence.from), local(it.occurrence.until));
    let zone = offset(visit.now, &visit.zone).to_string();
    let put_off = form::<PutOff, _>(id, move |sent| {
        Some(view! {
            {sent.field(Input::moment("from", t.from).value(from).hint(zone).required())}
            {sent.field(Input::moment("until", t.until).value(until).required())}
            {sent.field(Input::text("reason", texts(&common::TEXTS).reason).required())}
            {submit(Button::Plain, t.put_off)}
        })
    });
    Either::Right(view! {
        <a href=href>{t.plan}</a>
        <details>
            <summary>{t.put_off}</summary>
            {put_off}
        </details>
    })
}

/// The private link of the reader.
fn feed(token: Option<String>) -> AnyView {
    let t = texts(&TEXTS);
    let remove = token.as_ref().map(|_| {
        view! {
            <button class=Button::Danger.class() type="submit" name="link" value="remove">
                {t.remove_link}
            </button>
        }
    });
    let link = token.map(|it| command(format!("/calendar.ics?token={it}")));
    let ways = form::<CalendarLink, _>("", |_| {
        Some(view! {
            <div class="actions">
                <button class=Button::Plain.class() type="submit" name="link" value="make">
                    {t.make_link}
                </button>
                {remove}
            </div>
        })
    });
    view! {
        <Panel id="feed" title=t.feed>
            <div class="body">
                <p>{t.feed_note}</p>
                {link}
                {ways}
            </div>
        </Panel>
    }
    .into_any()
}
