//! The time of the server, going on.

use std::time::Duration;

use js_sys::Date;
use leptos::prelude::*;
use wasm_bindgen::JsValue;

/// `at_ms` is the server's time since 1970, `offset_s` that of the reader's zone; `shown` is both as text, for
/// until this runs. The reader's own clock only measures what has passed since.
#[island]
pub fn Now(at_ms: f64, offset_s: i32, shown: String) -> impl IntoView {
    let shown = RwSignal::new(shown);
    Effect::new(move |_| {
        let start = Date::now();
        let tick = move || shown.set(text(at_ms + Date::now() - start, offset_s));
        set_interval(tick, Duration::from_secs(1));
    });
    view! { <span>{move || shown.get()}</span> }
}

/// `10-16 03:12:08`: a date whose UTC parts are those of the zone.
fn text(at_ms: f64, offset_s: i32) -> String {
    let it = Date::new(&JsValue::from_f64(at_ms + f64::from(offset_s) * 1000.0));
    format!(
        "{:02}-{:02} {:02}:{:02}:{:02}",
        it.get_utc_month() + 1,
        it.get_utc_date(),
        it.get_utc_hours(),
        it.get_utc_minutes(),
        it.get_utc_seconds()
    )
}
