//! A running limit: the number, what it counts to, and a bar.

use std::time::Duration;

use js_sys::Date;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Which way a clock runs, and where it changes its colour. All in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Limit {
    /// Down from `of` to zero, and on below: time to decide.
    Down { of: i64, warn: i64, bad: i64 },
    /// Up to `of` and beyond: a duration that must not be exceeded.
    Up { of: i64, warn: i64 },
}

impl Limit {
    fn after(self, start: i64, elapsed: i64) -> i64 {
        match self {
            Limit::Down { .. } => start - elapsed,
            Limit::Up { .. } => start + elapsed,
        }
    }

    fn tone(self, seconds: i64) -> &'static str {
        match self {
            Limit::Down { bad, .. } if seconds <= bad => "bad",
            Limit::Down { warn, .. } if seconds <= warn => "warn",
            Limit::Up { of, .. } if seconds > of => "bad",
            Limit::Up { warn, .. } if seconds >= warn => "warn",
            Limit::Down { .. } | Limit::Up { .. } => "live",
        }
    }

    fn of(self) -> i64 {
        match self {
            Limit::Down { of, .. } | Limit::Up { of, .. } => of.max(1),
        }
    }
}

/// `seconds` is what is left or what has passed, as the server counted it, and not a moment: the reader's clock
/// may be wrong, and counts only from here. `label` says aloud what runs; the children say what it counts to.
#[island]
pub fn Clock(
    seconds: i64,
    limit: Limit,
    label: String,
    large: bool,
    children: Children,
) -> impl IntoView {
    let shown = RwSignal::new(seconds);
    Effect::new(move |_| {
        let start = Date::now();
        let tick = move || {
            let elapsed = ((Date::now() - start) / 1000.0) as i64;
            shown.set(limit.after(seconds, elapsed));
        };
        set_interval(tick, Duration::from_secs(1));
    });
    view! {
        <div class=if large { "clock large" } else { "clock" } data-state=move || limit.tone(shown.get())>
            <p>
                <strong role="timer" aria-label=label.clone()>{move || digits(shown.get())}</strong>
                " "
                {children()}
            </p>
            <progress
                max=limit.of()
                value=move || shown.get().clamp(0, limit.of())
                aria-label=label
            ></progress>
        </div>
    }
}

/// `0:40`, `10:25`, `2:35:52`
pub fn digits(seconds: i64) -> String {
    let sign = if seconds < 0 { "−" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{sign}{minutes}:{seconds:02}"),
        _ => format!("{sign}{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_on_below_zero() {
        for (seconds, shown) in
            [(900, "15:00"), (61, "1:01"), (0, "0:00"), (-61, "−1:01"), (9_352, "2:35:52")]
        {
            assert_eq!(digits(seconds), shown);
        }
    }

    #[test]
    fn the_colour_turns_at_the_limit() {
        let down = Limit::Down { of: 900, warn: 300, bad: 0 };
        assert_eq!(
            [301, 300, 1, 0, -5].map(|it| down.tone(it)),
            ["live", "warn", "warn", "bad", "bad"]
        );
        let up = Limit::Up { of: 7200, warn: 5400 };
        assert_eq!([5399, 5400, 7200, 7201].map(|it| up.tone(it)), ["live", "warn", "warn", "bad"]);
    }
}
