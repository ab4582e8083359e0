//! What each chart of the page shows.

use domain::decisions::Cause;
use domain::drills::{CLOSURE_LIMIT_S, CauseClass};
use domain::texts::drills;
use domain::texts::trends::{TEXTS, minutes, of, short};
use domain::texts::{number, percent};
use domain::trends::{AUTOMATIC_SUCCESS, Figures, Mean, Share};
use leptos::prelude::*;

use super::links::Rows;
use crate::pages::ui::chart::{Chart, Kind, Limit, Point, Scale, Series};
use crate::pages::ui::{Halves, Panel, Table, column, empty};
use crate::pages::visit::{texts, visit};
use crate::wishes::trends::{Point as At, Trends};

pub(super) fn charts(trends: &Trends) -> AnyView {
    let t = texts(&TEXTS);
    let [attainment, closure, spot_checks, missed, times, automation] =
        [attainment, closure, spot_checks, missed, times, automation].map(|it| it(trends).show());
    view! {
        <Halves>
            <Panel id="attainment" title=t.attainment note=t.attainment_note.into_any()>
                {attainment}
            </Panel>
            <Panel id="closure" title=t.closure>{closure}</Panel>
            <Panel id="spot-checks" title=t.spot_check_rate>{spot_checks}</Panel>
            <Panel id="missed" title=t.missed>{missed}</Panel>
            <Panel id="times" title=t.times>{times}</Panel>
            <Panel id="automation" title=t.automation>{automation}</Panel>
        </Halves>
        {causes(trends)}
        {drill_causes(trends)}
    }
    .into_any()
}

/// A chart over the periods of the page.
fn over(trends: &Trends, id: &'static str, title: &'static str, scale: Scale) -> Chart {
    let periods = trends.periods.iter().map(|it| short(it.period)).collect();
    Chart { id, title, kind: Kind::Lines, scale, limit: None, periods, series: vec![] }
}

impl Chart {
    fn line(
        mut self,
        trends: &Trends,
        name: &'static str,
        point: impl Fn(&At) -> Option<Point>,
    ) -> Self {
        self.series.push(Series { name, points: trends.periods.iter().map(point).collect() });
        self
    }

    fn limited(self, value: f64, label: String) -> Self {
        Self { limit: Some(Limit { value, label }), ..self }
    }

    fn in_bars(self) -> Self {
        Self { kind: Kind::Bars, ..self }
    }
}

fn share(share: Share, rows: impl FnOnce() -> Rows) -> Option<Point> {
    let value = share.ratio()?;
    Some(Point { value, shown: percent(value), rows: of(visit().lang, share), href: rows().href() })
}

fn in_minutes(us: Option<i64>, count: u64, rows: impl FnOnce() -> Rows) -> Option<Point> {
    let (value, shown) = minutes(us?);
    Some(Point { value, shown, rows: number(count as f64), href: rows().href() })
}

fn attainment(trends: &Trends) -> Chart {
    let t = texts(&TEXTS);
    let rows = |at: &At| Rows::drills(trends, at);
    over(trends, "at", t.attainment, Scale::Shares)
        .line(trends, t.rto, |at| share(at.figures.rto, || rows(at)))
        .line(trends, t.rpo, |at| share(at.figures.rpo, || rows(at)))
}

fn closure(trends: &Trends) -> Chart {
    let t = texts(&TEXTS);
    let rows = |at: &At| Rows::drills(trends, at);
    let limit = f64::from(CLOSURE_LIMIT_S) / 60.0;
    over(trends, "cl", t.closure, Scale::From0 { whole: false })
        .limited(limit, (t.limit)(&number(limit)))
        .line(trends, t.worst, |at| {
            let it = at.figures.closure;
            in_minutes(it.worst_us, it.count, || rows(at))
        })
        .line(trends, t.median, |at| {
            let it = at.figures.closure;
            in_minutes(it.median_us, it.count, || rows(at))
        })
}

fn spot_checks(trends: &Trends) -> Chart {
    let t = texts(&TEXTS);
    over(trends, "sp", t.spot_check_rate, Scale::Shares).in_bars().line(trends, t.passed, |at| {
        share(at.figures.spot_checks, || Rows::spot_checks(trends, at))
    })
}

fn missed(trends: &Trends) -> Chart {
    let t = texts(&TEXTS);
    over(trends, "mi", t.missed, Scale::From0 { whole: true }).in_bars().line(
        trends,
        t.missed,
        |at| {
            let it = at.figures.drills;
            (it.expected > 0).then(|| Point {
                value: it.missed as f64,
                shown: it.missed.to_string(),
                rows: format!("{} / {}", it.missed, it.expected),
                href: Rows::drills(trends, at).with("state", "missed").href(),
            })
        },
    )
}

fn times(trends: &Trends) -> Chart {
    let t = texts(&TEXTS);
    let point = |at: &At, of: fn(&Figures) -> Mean| {
        let it = of(&at.figures);
        in_minutes(it.mean_us(), it.count, || Rows::rollbacks(trends, at))
    };
    over(trends, "mt", t.times, Scale::From0 { whole: false })
        .line(trends, t.mttr, |at| point(at, |it| it.mttr))
        .line(trends, t.mttd, |at| point(at, |it| it.mttd))
        .line(trends, t.mtta, |at| point(at, |it| it.mtta))
}

fn automation(trends: &Trends) -> Chart {
    let t = texts(&TEXTS);
    let line = AUTOMATIC_SUCCESS as f64 / 1000.0;
    over(trends, "au", t.automation, Scale::Shares)
        .limited(line, percent(line))
        .line(trends, t.automatic_success, |at| {
            let rows = || Rows::rollbacks(trends, at).with("automatic", "true");
            share(at.figures.rollbacks.automatic_success, rows)
        })
        .line(trends, t.automatic_rate, |at| {
            let it = at.figures.rollbacks;
            let value = at.figures.automatic_rate()?;
            Some(Point {
                value,
                shown: percent(value),
                rows: format!("{} / {}", it.automatic, it.executed),
                href: Rows::rollbacks(trends, at).href(),
            })
        })
}

/// Rows are causes, columns are periods: there are too many causes for lines that could be told apart.
fn causes(trends: &Trends) -> AnyView {
    let t = texts(&TEXTS);
    let lang = visit().lang;
    let there =
        |cause: &&Cause| trends.periods.iter().any(|it| it.figures.causes.contains_key(*cause));
    let row = |cause: &Cause| {
        let cells = trends.periods.iter().map(|at| {
            let link = at.figures.causes.get(cause).map(|count| {
                let href = Rows::rollbacks(trends, at).cause(*cause).href();
                view! { <a href=href>{count.to_string()}</a> }
            });
            view! { <td class="number">{link}</td> }
        });
        let cells = cells.collect_view();
        view! { <tr><th scope="row">{cause.text(lang).name}</th> {cells}</tr> }
    };
    let rows: Vec<_> = Cause::ALL.iter().filter(there).map(row).collect();
    let content = match rows.is_empty() {
        true => empty(t.no_rows),
        false => {
            let mut heads = vec![column(t.causes)];
            heads.extend(trends.periods.iter().map(|it| column(short(it.period)).number()));
            view! { <Table label=t.causes heads>{rows}</Table> }.into_any()
        }
    };
    view! { <Panel id="causes" title=t.causes>{content}</Panel> }.into_any()
}

/// The same of what went wrong in drills; an issue is no rollback, so they are not added up.
fn drill_causes(trends: &Trends) -> AnyView {
    let t = texts(&TEXTS);
    let class_of = texts(&drills::TEXTS).class_of;
    let there = |class: &&CauseClass| {
        trends.periods.iter().any(|it| it.figures.drill_causes.contains_key(*class))
    };
    let row = |class: &CauseClass| {
        let cells = trends.periods.iter().map(|at| {
            let link = at.figures.drill_causes.get(class).map(|count| {
                let href = Rows::drills(trends, at).href();
                view! { <a href=href>{count.to_string()}</a> }
            });
            view! { <td class="number">{link}</td> }
        });
        let cells = cells.collect_view();
        view! { <tr><th scope="row">{class_of(*class)}</th> {cells}</tr> }
    };
    let rows: Vec<_> = CauseClass::ALL.iter().filter(there).map(row).collect();
    let content = match rows.is_empty() {
        true => empty(t.no_rows),
        false => {
            let mut heads = vec![column(t.drill_causes)];
            heads.extend(trends.periods.iter().map(|it| column(short(it.period)).number()));
            view! { <Table label=t.drill_causes heads>{rows}</Table> }.into_any()
        }
    };
    let note = view! { <small>{t.drill_causes_note}</small> }.into_any();
    view! { <Panel id="drill-causes" title=t.drill_causes note=note>{content}</Panel> }.into_any()
}
