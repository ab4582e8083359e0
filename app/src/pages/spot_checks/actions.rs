use domain::access::Action;
use domain::fields::{Fault, Faults};
use domain::spot_checks::results::{CheckResult, ItemResult, Outcome};
use domain::spot_checks::{Results, SubjectKind};
use leptos::prelude::*;

use crate::pages::drills::actions::moment;
use crate::pages::error::Error;
use crate::pages::ssr::{answer, context, entered};
use crate::wishes::spot_checks::{self, Asked, NewPopulation};

/// Leads to the spot check that was planned.
#[server]
pub async fn plan_spot_check(
    service: String,
    kind: SubjectKind,
    item: String,
    #[server(default)] sample_size: String,
    #[server(default)] domain: String,
    #[server(default)] backup: String,
    #[server(default)] closure_limit_min: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::RecordSpotCheck)?;
        let optional = |text: String| Some(text).filter(|it| !it.trim().is_empty());
        let minutes = optional(closure_limit_min);
        let minutes = minutes.map(|it| whole("closure_limit_min", &it, 44_640)).transpose()?;
        let asked = Asked {
            service,
            kind,
            item,
            domain: optional(domain),
            backup: optional(backup),
            sample_size: whole("sample_size", &sample_size, 500)?,
            checks: None,
            closure_limit_s: minutes.map(|it| it * 60),
        };
        let check = spot_checks::plan(&cx, asked).await?;
        leptos_axum::redirect(&format!("/spot-checks/{}", check.number));
        Ok(())
    };
    answer(wish.await)
}

fn whole(field: &str, text: &str, most: u32) -> Result<u32, Error> {
    match text.trim().parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(Error::field(field, Fault::OutOfRange { from: 1, to: most.into() })),
    }
}

/// `source` says which of the fields count: list, window or drills.
#[server]
pub async fn fix_population(
    id: String,
    #[server(default)] source: String,
    #[server(default)] items: String,
    #[server(default)] from: String,
    #[server(default)] to: String,
    #[server(default)] step_min: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::RecordSpotCheck)?;
        let new = match source.as_str() {
            "window" => NewPopulation::Window {
                from: moment("from", &from)?,
                to: moment("to", &to)?,
                step_s: whole("step_min", &step_min, 60 * 24 * 366)? * 60,
            },
            "drills" => {
                NewPopulation::Drills { from: moment("from", &from)?, to: moment("to", &to)? }
            }
            _ => {
                let lines = items.lines().map(str::trim).filter(|it| !it.is_empty());
                NewPopulation::Items(lines.map(str::to_owned).collect())
            }
        };
        let fixed = spot_checks::populate(&cx, &id, new).await;
        fixed.map(drop).map_err(|error| renamed(error, population_field))
    };
    answer(wish.await)
}

fn population_field(field: &str) -> String {
    match field {
        "step_s" => "step_min".into(),
        "drills" => "from".into(),
        other => other.into(),
    }
}

/// With the fields called as those of the form.
fn renamed(error: Error, own: impl Fn(&str) -> String) -> Error {
    let Error::Invalid(Faults(faults)) = error else { return error };
    let named = faults.into_iter().map(|(field, fault)| (own(&field), fault));
    Error::Invalid(Faults(named.collect()))
}

#[server]
pub async fn draw_sample(id: String) -> Result<(), Error> {
    let wish = async { spot_checks::draw(&context()?, &id).await.map(drop) };
    answer(wish.await)
}

/// One outcome and one note for each drawn item, one value and one reason for each check, in their order.
#[server]
pub async fn record_results(
    id: String,
    #[server(default)] outcomes: Vec<String>,
    #[server(default)] notes: Vec<String>,
    #[server(default)] values: Vec<String>,
    #[server(default)] skipped: Vec<String>,
    #[server(default)] note: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::RecordSpotCheck)?;
        let check = store::spot_checks::find(&cx.db, &id).await?;
        let sample = check.draw.as_ref().map(|it| it.sample.clone()).unwrap_or_default();
        let at = |texts: &[String], n: usize| texts.get(n).cloned().unwrap_or_default();
        let mut results = Results { note, ..Results::default() };
        for (n, item) in sample.into_iter().enumerate() {
            let outcome = Outcome::parse(&at(&outcomes, n));
            let missing = || Error::field(&format!("outcomes[{n}]"), Fault::Required);
            let outcome = outcome.ok_or_else(missing)?;
            results.items.push(ItemResult { id: item, outcome, note: at(&notes, n) });
        }
        let asked = check.checks.iter().filter(|it| !it.name.is_measured());
        for (n, it) in asked.enumerate() {
            let skipped = Some(at(&skipped, n)).filter(|it| !it.trim().is_empty());
            let value = typed(&format!("values[{n}]"), &at(&values, n))?;
            results.checks.push(CheckResult { name: it.name, value, skipped });
        }
        let recorded = spot_checks::record(&cx, &id, results).await;
        recorded.map(drop).map_err(|error| renamed(error, results_field))
    };
    answer(wish.await)
}

fn typed(field: &str, text: &str) -> Result<Option<f64>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    // A share may be written as people say it.
    let (digits, scale) = text.strip_suffix('%').map_or((text, 1.0), |it| (it, 100.0));
    let number = digits.trim().parse::<f64>();
    let wrong = |_| Error::field(field, Fault::Malformed("0, 12, 0.85, 85%".into()));
    number.map(|it| Some(it / scale)).map_err(wrong)
}

/// `items[3].note` is `notes[3]`, `checks[0].value` is `values[0]`.
fn results_field(field: &str) -> String {
    let place = field.find('[').zip(field.find(']')).map(|(from, to)| &field[from..=to]);
    let Some(place) = place else { return field.to_owned() };
    let list = match field.rsplit_once('.').map(|it| it.1) {
        Some("note") => "notes",
        Some("value") => "values",
        Some("skipped") => "skipped",
        _ => "outcomes",
    };
    format!("{list}{place}")
}

#[server]
pub async fn accept_spot_check(id: String, #[server(default)] note: String) -> Result<(), Error> {
    let wish = async { spot_checks::accept(&context()?, &id, &note).await.map(drop) };
    answer(wish.await)
}

#[server]
pub async fn cancel_spot_check(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    let wish = async { spot_checks::cancel(&context()?, &id, &reason).await.map(drop) };
    answer(wish.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_stands_at_the_field_of_the_form() {
        for (wish, form) in [
            ("items[3].note", "notes[3]"),
            ("items[0].outcome", "outcomes[0]"),
            ("checks[1].value", "values[1]"),
            ("checks[1].skipped", "skipped[1]"),
            ("note", "note"),
            ("items", "items"),
        ] {
            assert_eq!(results_field(wish), form);
        }
    }

    #[test]
    fn a_share_may_be_written_as_people_say_it() {
        for (text, value) in
            [("85%", Some(0.85)), (" 0.85 ", Some(0.85)), ("0", Some(0.0)), ("", None)]
        {
            assert_eq!(typed("values[0]", text).unwrap(), value, "{text:?}");
        }
        assert!(typed("values[0]", "many").is_err());
    }
}
