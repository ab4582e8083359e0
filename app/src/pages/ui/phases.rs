//! Where the time went: one bar, cut into its parts.

use chrono::TimeDelta;
use domain::texts::duration;
use leptos::prelude::*;

use crate::pages::visit::visit;

/// One part of the time, in order; `note` says from when to when.
pub struct Phase {
    pub name: &'static str,
    pub took: TimeDelta,
    pub note: String,
}

/// At most five colours; a sixth phase begins them anew. What took less than a hundredth of the whole is drawn
/// that wide, or nobody would see it.
pub fn phases(phases: &[Phase]) -> AnyView {
    let lang = visit().lang;
    let total: i64 = phases.iter().map(|it| it.took.num_milliseconds().max(0)).sum();
    let least = (total / 100).max(1);
    let widths: Vec<_> = phases.iter().map(|it| it.took.num_milliseconds().max(least)).collect();
    let class = |i: usize| format!("phase-{}", i % 5 + 1);
    let mut x = 0;
    let bars: Vec<_> = widths
        .iter()
        .enumerate()
        .map(|(i, width)| {
            let from = x;
            x += width;
            view! { <rect class=class(i) x=from width=*width height="20" /> }
        })
        .collect();
    let said: Vec<_> =
        phases.iter().map(|it| format!("{} {}", it.name, duration(lang, it.took))).collect();
    let legend: Vec<_> = phases
        .iter()
        .enumerate()
        .map(|(i, it)| {
            view! {
                <li>
                    <svg viewBox="0 0 8 8" aria-hidden="true">
                        <rect class=class(i) width="8" height="8" />
                    </svg>
                    {format!("{}. {}", i + 1, it.name)}
                    <b>{duration(lang, it.took)}</b>
                    {it.note.clone()}
                </li>
            }
        })
        .collect();
    view! {
        <div class="phases">
            <svg
                viewBox=format!("0 0 {} 20", x.max(1))
                preserveAspectRatio="none"
                role="img"
                aria-label=said.join("; ")
            >
                {bars}
            </svg>
            <ol>{legend}</ol>
        </div>
    }
    .into_any()
}
