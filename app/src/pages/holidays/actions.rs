use domain::access::Action;
use domain::business_days::Table;
use domain::fields::{Fault, Faults};
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, entered};
use crate::wishes::holidays;

/// `table` is JSON as in the files of chinese-days.
#[server]
pub async fn import_holidays(
    #[server(default)] year: String,
    #[server(default)] source: String,
    #[server(default)] table: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::AdministerHolidays)?;
        let year = year.trim().parse().map_err(|_| Error::field("year", Fault::Required))?;
        let wrong =
            |error: serde_json::Error| Error::field("table", Fault::Malformed(error.to_string()));
        let table: Table = serde_json::from_str(&table).map_err(wrong)?;
        holidays::import(&cx, year, &source, &table).await.map_err(in_form)
    };
    answer(wish.await)
}

/// Both kinds of days stand in one field of the form.
fn in_form(error: Error) -> Error {
    let Error::Invalid(Faults(faults)) = error else { return error };
    let own = |field: String| match field.as_str() {
        "holidays" | "workdays" => "table".to_owned(),
        _ => field,
    };
    let named = faults.into_iter().map(|(field, fault)| (own(field), fault));
    Error::Invalid(Faults(named.collect()))
}
