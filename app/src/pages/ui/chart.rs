//! A chart over periods: lines or bars, drawn here and by no script. It has a name and a description, each of its
//! points is a link that the keyboard reaches, and the same data stand in a table below.

use domain::texts::trends::TEXTS;
use leptos::prelude::*;

use super::{Table, column, empty};
use crate::pages::visit::texts;

/// How the points of a series are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Lines,
    /// One series beside the other.
    Bars,
}

/// What the height says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Of shares from 0 to 1; what is not needed at the lower end is cut off.
    Shares,
    /// From 0; whole numbers only where it counts something.
    From0 { whole: bool },
}

/// One value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub value: f64,
    /// The value as people say it.
    pub shown: String,
    /// What stands behind it: `17 / 18`.
    pub rows: String,
    /// The list of those rows.
    pub href: String,
}

pub struct Series {
    pub name: &'static str,
    /// None where there are no rows, which is not zero.
    pub points: Vec<Option<Point>>,
}

/// What must be reached, or not be exceeded.
pub struct Limit {
    pub value: f64,
    pub label: String,
}

pub struct Chart {
    /// Unique on the page.
    pub id: &'static str,
    pub title: &'static str,
    pub kind: Kind,
    pub scale: Scale,
    pub limit: Option<Limit>,
    /// Short names, the oldest first; every series has a point or none for each.
    pub periods: Vec<String>,
    /// At most three.
    pub series: Vec<Series>,
}

const LEFT: f64 = 40.0;
const RIGHT: f64 = 396.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 176.0;

/// Colour, marker and dash differ, so that none of them has to be seen.
const LOOKS: [&str; 3] = ["first", "second", "third"];

impl Chart {
    pub fn show(self) -> AnyView {
        let t = texts(&TEXTS);
        if self.series.iter().all(|it| it.points.iter().all(Option::is_none)) {
            return empty(t.no_rows);
        }
        let axis = Axis::of(&self);
        let (title, told) = (format!("{}-t", self.id), format!("{}-d", self.id));
        let (named_by, described_by) = (title.clone(), told.clone());
        let description = self.description();
        view! {
            <figure class="chart body">
                <p class="legend">{self.legend()}</p>
                <svg
                    viewBox="0 0 460 200"
                    role="group"
                    aria-labelledby=named_by
                    aria-describedby=described_by
                >
                    <title id=title>{self.title}</title>
                    <desc id=told>{description}</desc>
                    {axis.grid()}
                    {self.limit.as_ref().map(|it| axis.limit(it))}
                    {self.marks(&axis)}
                    {self.names()}
                </svg>
                <details>
                    <summary>{t.data}</summary>
                    {self.table()}
                </details>
            </figure>
        }
        .into_any()
    }

    fn x(&self, period: usize) -> f64 {
        let width = (RIGHT - LEFT) / self.periods.len().max(1) as f64;
        LEFT + width * (period as f64 + 0.5)
    }

    /// For who cannot see it: where each series begins and where it has come to.
    fn description(&self) -> String {
        let t = texts(&TEXTS);
        let told = |it: &Series| {
            let mut there = it.points.iter().zip(&self.periods).filter_map(|(point, period)| {
                point.as_ref().map(|point| (point.shown.as_str(), period.as_str()))
            });
            match (there.next(), there.next_back()) {
                (None, _) => (t.told_nothing)(it.name),
                (Some((first, from)), None) => format!("{} {from}: {first}", it.name),
                (Some((first, from)), Some((last, to))) => (t.told)(it.name, from, first, to, last),
            }
        };
        self.series.iter().map(told).collect::<Vec<_>>().join(" ")
    }

    fn legend(&self) -> AnyView {
        let item = |(n, it): (usize, &Series)| {
            let sample = match self.kind {
                Kind::Bars => {
                    view! { <rect class=LOOKS[n] x="4" width="14" height="12" /> }.into_any()
                }
                Kind::Lines => view! {
                    <path class=format!("line {}", LOOKS[n]) d="M0 6h22" />
                    {marker(n, 11.0, 6.0)}
                }
                .into_any(),
            };
            view! {
                <span>
                    <svg viewBox="0 0 22 12" aria-hidden="true">{sample}</svg>
                    {it.name}
                </span>
            }
        };
        self.series.iter().enumerate().take(LOOKS.len()).map(item).collect_view().into_any()
    }

    fn marks(&self, axis: &Axis) -> AnyView {
        let series = self.series.iter().enumerate().take(LOOKS.len());
        series
            .map(|(n, it)| match self.kind {
                Kind::Lines => self.lines(n, it, axis),
                Kind::Bars => self.bars(n, it, axis),
            })
            .collect_view()
            .into_any()
    }

    /// A line is broken where a period has no rows.
    fn lines(&self, n: usize, series: &Series, axis: &Axis) -> AnyView {
        let there = |i: usize| series.points.get(i).and_then(Option::as_ref);
        let mut path = String::new();
        for (i, _) in series.points.iter().enumerate() {
            let Some(point) = there(i) else { continue };
            let step = if i > 0 && there(i - 1).is_some() { 'L' } else { 'M' };
            path.push_str(&format!("{step}{:.1} {:.1}", self.x(i), axis.y(point.value)));
        }
        let points = series.points.iter().enumerate().filter_map(|(i, point)| {
            let point = point.as_ref()?;
            let (x, y) = (self.x(i), axis.y(point.value));
            Some(self.link(series, i, point, marker(n, x, y)))
        });
        let last = series.points.iter().rposition(Option::is_some).and_then(|i| {
            let point = there(i)?;
            let (x, y) = (self.x(i) + 8.0, axis.y(point.value) + 4.0 + offset(self, axis, n, i));
            Some(view! { <text class=LOOKS[n] x=place(x) y=place(y)>{point.shown.clone()}</text> })
        });
        let class = format!("line {}", LOOKS[n]);
        view! { <path class=class d=path /> {points.collect_view()} {last} }.into_any()
    }

    fn bars(&self, n: usize, series: &Series, axis: &Axis) -> AnyView {
        let room = (RIGHT - LEFT) / self.periods.len().max(1) as f64;
        let each = (room * 0.6 / self.series.len().max(1) as f64).min(28.0);
        let first = each * self.series.len() as f64 / 2.0;
        let bars = series.points.iter().enumerate().filter_map(|(i, point)| {
            let point = point.as_ref()?;
            let x = self.x(i) - first + each * n as f64;
            let y = axis.y(point.value);
            let label = (self.series.len() == 1).then(|| {
                view! {
                    <text class="value" x=place(self.x(i)) y=place(y - 4.0) text-anchor="middle">
                        {point.shown.clone()}
                    </text>
                }
            });
            // What is zero is a line, and can be pressed.
            let height = (BOTTOM - y).max(1.5);
            let bar = view! {
                <rect
                    class=LOOKS[n]
                    x=place(x)
                    y=place(BOTTOM - height)
                    width=place(each)
                    height=place(height)
                />
            };
            // Beside the link: what it is called would not begin with the number.
            let link = self.link(series, i, point, bar.into_any());
            Some(view! { {link} {label} })
        });
        bars.collect_view().into_any()
    }

    fn link(&self, series: &Series, period: usize, point: &Point, mark: AnyView) -> AnyView {
        let said =
            (texts(&TEXTS).point)(series.name, &self.periods[period], &point.shown, &point.rows);
        let label = said.clone();
        view! {
            <a href=point.href.clone() aria-label=label>
                <title>{said}</title>
                {mark}
            </a>
        }
        .into_any()
    }

    /// Below each period; every second one where they would run into each other.
    fn names(&self) -> AnyView {
        let each = if self.periods.len() > 8 { 2 } else { 1 };
        let last = self.periods.len().saturating_sub(1);
        let name = |(i, it): (usize, &String)| {
            (last - i).is_multiple_of(each).then(|| {
                view! {
                    <text x=place(self.x(i)) y="194" text-anchor="middle">{it.clone()}</text>
                }
            })
        };
        self.periods.iter().enumerate().map(name).collect_view().into_any()
    }

    fn table(&self) -> AnyView {
        let t = texts(&TEXTS);
        let mut heads = vec![column(t.period)];
        heads.extend(self.series.iter().map(|it| column(it.name).number()));
        let cell = |it: &Option<Point>| match it {
            Some(it) => view! {
                <td class="number">
                    <a href=it.href.clone()>{it.shown.clone()}</a>
                    " "
                    <small>{it.rows.clone()}</small>
                </td>
            }
            .into_any(),
            None => view! { <td class="number"><small>{t.no_rows}</small></td> }.into_any(),
        };
        let row = |(i, period): (usize, &String)| {
            let cells = self.series.iter().map(|it| cell(it.points.get(i).unwrap_or(&None)));
            view! { <tr><th scope="row">{period.clone()}</th> {cells.collect_view()}</tr> }
        };
        let rows = self.periods.iter().enumerate().map(row).collect_view();
        view! { <Table label=self.title heads>{rows}</Table> }.into_any()
    }
}

/// So that two labels at the end of two lines can both be read.
fn offset(chart: &Chart, axis: &Axis, n: usize, i: usize) -> f64 {
    let y = |it: &Series| Some(axis.y(it.points.get(i)?.as_ref()?.value));
    let own = y(&chart.series[n]);
    let near = chart.series[..n]
        .iter()
        .filter_map(y)
        .any(|it| own.is_some_and(|own| (own - it).abs() < 11.0));
    if near { 12.0 * n as f64 } else { 0.0 }
}

fn marker(n: usize, x: f64, y: f64) -> AnyView {
    match n {
        0 => view! { <circle class="first" cx=place(x) cy=place(y) r="4" /> }.into_any(),
        1 => view! {
            <rect class="second" x=place(x - 3.5) y=place(y - 3.5) width="7" height="7" />
        }
        .into_any(),
        _ => {
            let path = format!("M{:.1} {:.1}h9l-4.5-8z", x - 4.5, y + 4.0);
            view! { <path class="third" d=path /> }.into_any()
        }
    }
}

fn place(at: f64) -> String {
    format!("{at:.1}")
}

/// From the lowest to the highest value that is drawn.
struct Axis {
    from: f64,
    to: f64,
    step: f64,
    shares: bool,
}

impl Axis {
    fn of(chart: &Chart) -> Self {
        let points = chart.series.iter().flat_map(|it| &it.points).flatten().map(|it| it.value);
        let values: Vec<f64> = points.chain(chart.limit.as_ref().map(|it| it.value)).collect();
        match chart.scale {
            Scale::Shares => {
                let lowest = values.iter().copied().fold(1.0, f64::min);
                let from = match chart.kind {
                    // A bar that does not begin at nothing lies.
                    Kind::Bars => 0.0,
                    Kind::Lines => ((lowest * 10.0).floor() / 10.0 - 0.1).clamp(0.0, 0.7),
                };
                let step = if from < 0.4 { 0.25 } else { 0.1 };
                let from = if from < 0.4 { 0.0 } else { from };
                Self { from, to: 1.0, step, shares: true }
            }
            Scale::From0 { whole } => {
                let highest = values.iter().copied().fold(0.0, f64::max);
                let step = step(highest, whole);
                let to = ((highest / step).ceil().max(1.0)) * step;
                Self { from: 0.0, to, step, shares: false }
            }
        }
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.from) / (self.to - self.from);
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    fn grid(&self) -> AnyView {
        let lines = ((self.to - self.from) / self.step + 0.5).floor();
        let line = |n: i32| {
            let value = self.from + self.step * f64::from(n);
            let y = self.y(value);
            let label = match self.shares {
                true => domain::texts::percent(value),
                false => domain::texts::number(value),
            };
            view! {
                <line class="grid" x1=LEFT x2=RIGHT y1=place(y) y2=place(y) />
                <text x=LEFT - 6.0 y=place(y + 4.0) text-anchor="end">{label}</text>
            }
        };
        (0..=lines as i32).map(line).collect_view().into_any()
    }

    fn limit(&self, limit: &Limit) -> AnyView {
        let y = self.y(limit.value);
        view! {
            <line class="limit" x1=LEFT x2=RIGHT y1=place(y) y2=place(y) />
            <text class="limit-label" x=RIGHT + 6.0 y=place(y + 15.0)>{limit.label.clone()}</text>
        }
        .into_any()
    }
}

/// 1, 2 or 5 of some power of ten, so that at most six lines reach the highest value.
fn step(highest: f64, whole: bool) -> f64 {
    if highest <= 0.0 {
        return 1.0;
    }
    let rough = highest / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().map(|it| it * power).find(|it| *it >= rough);
    let step = nice.unwrap_or(rough);
    if whole { step.ceil().max(1.0) } else { step }
}

#[cfg(test)]
mod tests {
    use domain::texts::Lang;

    use super::*;
    use crate::pages::visit::Visit;

    fn point(value: f64) -> Option<Point> {
        let shown = format!("{value}");
        Some(Point { value, shown, rows: "3".into(), href: "/drills?a=1&b=2".into() })
    }

    fn shown(kind: Kind, points: Vec<Option<Point>>) -> String {
        Owner::new().with(|| {
            provide_context(Visit { lang: Lang::En, ..Visit::default() });
            let periods = (1..=points.len()).map(|n| format!("26Q{n}")).collect();
            let series = vec![Series { name: "RTO", points }];
            let limit = Some(Limit { value: 0.9, label: "target 90%".into() });
            let scale = Scale::Shares;
            Chart { id: "c", title: "Attainment", kind, scale, limit, periods, series }
                .show()
                .to_html()
        })
    }

    #[test]
    fn a_chart_says_what_it_shows_and_leads_to_its_rows() {
        let html = shown(Kind::Lines, vec![point(0.8), None, point(0.95)]);
        for part in [
            "<title id=\"c-t\">Attainment</title>",
            "RTO: 0.8 in 26Q1, 0.95 in 26Q3.",
            "href=\"/drills?a=1&amp;b=2\"",
            "aria-label=\"RTO, 26Q3: 0.95 (3); open the rows\"",
            "<table",
            "no rows",
            "target 90%",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn a_line_does_not_bridge_what_has_no_rows() {
        let path = |html: &str| {
            let at = html.find("d=\"M").expect("a line after that of the legend");
            let rest = &html[at + 3..];
            let next = rest.find("d=\"M").map(|it| &rest[it + 3..]).unwrap_or(rest);
            next[..next.find('"').unwrap()].to_owned()
        };
        let broken = path(&shown(Kind::Lines, vec![point(0.8), None, point(0.9)]));
        assert_eq!((broken.matches('M').count(), broken.matches('L').count()), (2, 0));
        let whole = path(&shown(Kind::Lines, vec![point(0.8), point(0.8), point(0.9)]));
        assert_eq!((whole.matches('M').count(), whole.matches('L').count()), (1, 2));
    }

    #[test]
    fn no_rows_is_no_bar_and_none_is_a_thin_one() {
        let bars = |points| shown(Kind::Bars, points).matches("height=\"1.5\"").count();
        assert_eq!((bars(vec![None]), bars(vec![point(0.0)])), (0, 1));
    }

    #[test]
    fn steps_are_round() {
        for (highest, whole, expected) in [
            (0.0, true, 1.0),
            (3.0, true, 1.0),
            (31.0, false, 10.0),
            (120.0, false, 50.0),
            (0.4, false, 0.1),
            (0.4, true, 1.0),
            (7.0, true, 2.0),
        ] {
            let found = step(highest, whole);
            assert!((found - expected).abs() < 1e-9, "{highest}: {found}");
        }
    }
}
