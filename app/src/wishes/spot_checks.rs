//! Wishes about spot checks: the commitment, the population, the draw, what was found, and the signature.

use chrono::{DateTime, Utc};
use domain::access::{Action, Place, Subject};
use domain::fields::{Fault, Faults};
use domain::ids::SpotCheckId;
use domain::spot_checks::draw::ALGORITHM;
use domain::spot_checks::results::{CheckResult, check_plan};
use domain::spot_checks::{
    Check, CheckName, Fixed, MOST_SAMPLED, Population, Refusal, Results, Seed, Source, SpotCheck,
    State, SubjectKind,
};
use serde_json::{Map, Value, json};

use crate::doors::{Change, Context};
use crate::pages::error::Error;

/// Texts longer than this belong into a file.
const LONGEST: usize = 4000;

/// Of what stands in one line, in characters.
const LONGEST_LINE: usize = 200;

/// What somebody wants to check.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name of the service.
    pub service: String,
    pub kind: SubjectKind,
    pub item: String,
    pub domain: Option<String>,
    pub backup: Option<String>,
    pub sample_size: u32,
    /// The usual ones of its kind where nothing is said.
    pub checks: Option<Vec<Check>>,
    /// Seconds; the usual limit of its kind where nothing is said.
    pub closure_limit_s: Option<u32>,
}

/// A row in the ledger with the commitment to a seed, before anybody knows what is drawn from.
///
/// # Errors
/// Faults by field.
pub async fn plan(cx: &Context, asked: Asked) -> Result<SpotCheck, Error> {
    cx.enter(Action::RecordSpotCheck)?;
    let checks = asked.checks.clone().unwrap_or_else(|| asked.kind.usual_checks());
    shape(&asked, &checks).into_result()?;
    let about = Subject::new("services", &asked.service);
    cx.write(Action::RecordSpotCheck, about, async |cx, tx| {
        let service = match store::services::by_name(&mut **tx, &asked.service).await {
            Err(store::Error::NotFound) => return Err(Error::field("service", Fault::Unknown)),
            other => other?,
        };
        let place = Place::service(&service.entry.name, &service.entry.team);
        cx.require(Action::RecordSpotCheck, &place)?;
        let (seed, sealed) = committed(cx)?;
        let given = |it: &Option<String>| it.as_deref().map(str::trim).map(str::to_owned);
        let check = SpotCheck {
            id: SpotCheckId::NEW,
            number: String::new(),
            kind: asked.kind,
            item: asked.item.trim().to_owned(),
            domain: given(&asked.domain),
            backup: given(&asked.backup),
            service: service.id,
            service_name: service.entry.name.clone(),
            sample_size: asked.sample_size,
            checks,
            closure_limit_s: asked.closure_limit_s.or(asked.kind.usual_limit_s()),
            planned_by: cx.caller.actor().to_string(),
            created_at: cx.now,
            commitment: seed.commitment(),
            population: None,
            draw: None,
            record: None,
            retest_of: None,
            retest: None,
            state: State::Planned,
        };
        let check = store::spot_checks::insert(tx, check, &sealed, cx.today()).await?;
        tx.about(Subject::new("spot-checks", &check.number));
        for (name, value) in commitment(&check) {
            tx.detail(&name, value);
        }
        Ok(check)
    })
    .await
}

/// What can be said without looking anything up.
fn shape(asked: &Asked, checks: &[Check]) -> Faults {
    let mut faults = Faults::default();
    if asked.service.is_empty() {
        faults.add("service", Fault::Required);
    }
    line(&mut faults, "item", &asked.item);
    for (field, text) in [("domain", &asked.domain), ("backup", &asked.backup)] {
        if let Some(text) = text {
            line(&mut faults, field, text);
        }
    }
    if !(1..=MOST_SAMPLED).contains(&asked.sample_size) {
        faults.add("sample_size", Fault::OutOfRange { from: 1, to: MOST_SAMPLED.into() });
    }
    let day = 24 * 3600;
    if asked.closure_limit_s.is_some_and(|it| !(1..=31 * day).contains(&it)) {
        let to = i64::from(31 * day);
        faults.add("closure_limit_s", Fault::OutOfRange { from: 1, to });
    }
    faults.extend(check_plan(asked.kind, checks).err().unwrap_or_default());
    faults
}

/// A new seed, and the same sealed: from here on nobody reads it before the draw.
fn committed(cx: &Context) -> Result<(Seed, Vec<u8>), Error> {
    let seed = Seed::new(rand::random());
    let sealed = cx.vault.seal(seed.commitment().as_str(), seed.bytes()).map_err(lost)?;
    Ok((seed, sealed))
}

fn lost(error: crate::vault::Broken) -> Error {
    tracing::error!("the seed of a spot check: {error}");
    Error::Internal
}

/// What the audit log says of a new one.
fn commitment(check: &SpotCheck) -> Map<String, Value> {
    let details = json!({
        "service": check.service_name, "kind": check.kind, "item": check.item, "sample_size": check.sample_size,
        "checks": check.checks, "algorithm": ALGORITHM, "commitment": check.commitment,
        "retest_of": check.retest_of.as_ref().map(|it| &it.of_number),
        "due_on": check.retest_of.as_ref().and_then(|it| it.due.day()),
    });
    match details {
        Value::Object(details) => details,
        _ => Map::new(),
    }
}

/// What a sample is to be drawn from.
#[derive(Clone, Debug)]
pub enum NewPopulation {
    Items(Vec<String>),
    Window { from: DateTime<Utc>, to: DateTime<Utc>, step_s: u32 },
    Drills { from: DateTime<Utc>, to: DateTime<Utc> },
}

/// Fixes the population, for ever.
///
/// # Errors
/// Faults by field; the refusals of [`SpotCheck::populate`].
pub async fn populate(cx: &Context, name: &str, new: NewPopulation) -> Result<SpotCheck, Error> {
    cx.write(Action::RecordSpotCheck, Subject::new("spot-checks", name), async |cx, tx| {
        let check = find(cx, tx, Action::RecordSpotCheck, name).await?;
        check.can_be_populated()?;
        let population = population(tx, &check, new).await?;
        let check = check.populate(fixed(cx, &population))?;
        store::spot_checks::save_population(tx, &check, &population).await?;
        tx.detail("population_digest", population.digest());
        tx.detail("population_size", population.items().len());
        tx.detail("population_source", &population.source);
        Ok(check)
    })
    .await
}

fn fixed(cx: &Context, population: &Population) -> Fixed {
    Fixed {
        source: population.source.clone(),
        size: u32::try_from(population.items().len()).unwrap_or(u32::MAX),
        digest: population.digest(),
        by: cx.caller.actor().to_string(),
        at: cx.now,
    }
}

/// Which drills were held stands in the ledger, so nobody writes them down.
async fn population(
    tx: &mut Change,
    check: &SpotCheck,
    new: NewPopulation,
) -> Result<Population, Error> {
    let of_drills = check.kind == SubjectKind::Drill;
    match new {
        NewPopulation::Drills { from, to } if of_drills => {
            let items = store::spot_checks::drills_held(&mut **tx, check.service, from, to).await?;
            let none = |_| {
                let why = "no drill of this service had its T0 in this time";
                Error::field("drills", Fault::Malformed(why.into()))
            };
            Population::new(Source::Drills { from, to }, items).map_err(none)
        }
        NewPopulation::Drills { .. } => Err(Error::field("drills", Fault::Unexpected)),
        _ if of_drills => Err(Error::field("drills", Fault::Required)),
        NewPopulation::Items(items) => Ok(Population::new(Source::List, items)?),
        NewPopulation::Window { from, to, step_s } => Ok(Population::window(from, to, step_s)?),
    }
}

/// Reveals the seed and draws the sample, once.
///
/// # Errors
/// The refusals of [`SpotCheck::draw`].
pub async fn draw(cx: &Context, name: &str) -> Result<SpotCheck, Error> {
    cx.write(Action::RecordSpotCheck, Subject::new("spot-checks", name), async |cx, tx| {
        let check = find(cx, tx, Action::RecordSpotCheck, name).await?;
        let population = store::spot_checks::population(&mut **tx, &check).await?;
        let population = population.ok_or(match check.state {
            State::Planned => Refusal::NoPopulation,
            _ => Refusal::Over,
        })?;
        let sealed = store::spot_checks::sealed_seed(&mut **tx, check.id).await?;
        let seed = cx.vault.open(check.commitment.as_str(), &sealed).map_err(lost)?;
        let seed = Seed::from_slice(&seed).map_err(|_| Error::Internal)?;
        let check = check.draw(seed, &population, cx.caller.actor().to_string(), cx.now)?;
        store::spot_checks::save(tx, &check).await?;
        if let Some(draw) = &check.draw {
            tx.detail("seed", &draw.seed);
            tx.detail("sample", &draw.sample);
        }
        Ok(check)
    })
    .await
}

/// Writes down what was found, and judges it. What did not pass opens its re-test, and asks for an incident where
/// something is known to be wrong.
///
/// # Errors
/// Faults by field; the refusals of [`SpotCheck::record`].
pub async fn record(cx: &Context, name: &str, results: Results) -> Result<SpotCheck, Error> {
    cx.write(Action::RecordSpotCheck, Subject::new("spot-checks", name), async |cx, tx| {
        let check = find(cx, tx, Action::RecordSpotCheck, name).await?;
        let results = match (&check.state, &check.draw) {
            (State::Drawn, Some(draw)) => {
                let results = measured(tx, &check, &draw.sample, results).await?;
                results.check(check.kind, &check.checks, &draw.sample)?;
                lengths(&results).into_result()?;
                results
            }
            _ => results,
        };
        let mut check = check.record(results, cx.caller.actor().to_string(), cx.now)?;
        store::spot_checks::save(tx, &check).await?;
        if let Some(record) = &check.record {
            tx.detail("verdict", record.verdict);
            tx.detail("counts", record.results.counts());
            tx.detail("checks", &record.results.checks);
        }
        if check.wishes_incident() {
            let reason = format!("{} ({}) failed", check.number, check.item);
            store::spot_checks::wish_incident(tx, &check, &reason, cx.now).await?;
            tx.detail("incident", "wished");
        }
        if check.needs_retest() {
            let retest = again(cx, tx, &check).await?;
            tx.detail("retest", &retest.number);
            check.retest = Some(retest.number);
        }
        Ok(check)
    })
    .await
}

/// With the values that the ledger has itself.
async fn measured(
    tx: &mut Change,
    check: &SpotCheck,
    sample: &[String],
    mut results: Results,
) -> Result<Results, Error> {
    let typed = results.checks.iter().position(|it| it.name.is_measured());
    if let Some(n) = typed {
        return Err(Error::field(&format!("checks[{n}].name"), Fault::Unexpected));
    }
    if check.checks.iter().any(|it| it.name == CheckName::Closure) {
        let value = store::spot_checks::longest_closure(&mut **tx, sample).await?;
        let skipped = value.is_none().then(|| "a drill has no T1".to_owned());
        results.checks.push(CheckResult { name: CheckName::Closure, value, skipped });
    }
    Ok(results)
}

fn lengths(results: &Results) -> Faults {
    let mut faults = Faults::default();
    let mut long = |field: String, text: &str| {
        if text.chars().count() > LONGEST {
            faults.add(&field, Fault::TooLong { most: LONGEST });
        }
    };
    long("note".into(), &results.note);
    for (n, it) in results.items.iter().enumerate() {
        long(format!("items[{n}].note"), &it.note);
    }
    for (n, it) in results.checks.iter().enumerate() {
        long(format!("checks[{n}].skipped"), it.skipped.as_deref().unwrap_or_default());
    }
    faults
}

/// The same question again, with a commitment of its own and the day on which it is due.
async fn again(cx: &Context, tx: &mut Change, check: &SpotCheck) -> Result<SpotCheck, Error> {
    let (seed, sealed) = committed(cx)?;
    let today = cx.today();
    let calendar = store::holidays::calendar(&mut **tx, today).await?;
    let by = cx.caller.actor().to_string();
    let retest = check.again(seed.commitment(), by, today, &calendar, cx.now);
    let retest = store::spot_checks::insert(tx, retest, &sealed, today).await?;
    tx.beside(Subject::new("spot-checks", &retest.number), commitment(&retest));
    Ok(retest)
}

/// The PMO's signature under what was recorded.
///
/// # Errors
/// The refusals of [`SpotCheck::accept`].
pub async fn accept(cx: &Context, name: &str, note: &str) -> Result<SpotCheck, Error> {
    cx.enter(Action::AcceptSpotCheck)?;
    let note = note.trim().to_owned();
    if note.chars().count() > LONGEST {
        return Err(Error::field("note", Fault::TooLong { most: LONGEST }));
    }
    cx.write(Action::AcceptSpotCheck, Subject::new("spot-checks", name), async |cx, tx| {
        let check = find(cx, tx, Action::AcceptSpotCheck, name).await?;
        let subject = Subject::new("spot-checks", &check.number);
        let files = store::evidence::of(&mut **tx, subject.as_str()).await?;
        let check = check.accept(&cx.user()?.name, note.clone(), files.len(), cx.now)?;
        store::spot_checks::save(tx, &check).await?;
        tx.detail("verdict", check.verdict());
        tx.detail("note", &note);
        Ok(check)
    })
    .await
}

/// Ends it without a result; what was drawn stays visible. A re-test that is given up is owed all the same, so
/// another takes its place.
///
/// # Errors
/// The field `reason`; the refusals of [`SpotCheck::cancel`].
pub async fn cancel(cx: &Context, name: &str, reason: &str) -> Result<SpotCheck, Error> {
    cx.enter(Action::RecordSpotCheck)?;
    let reason = reason.trim().to_owned();
    match reason.chars().count() {
        0 => return Err(Error::field("reason", Fault::Required)),
        1..=LONGEST => {}
        _ => return Err(Error::field("reason", Fault::TooLong { most: LONGEST })),
    }
    cx.write(Action::RecordSpotCheck, Subject::new("spot-checks", name), async |cx, tx| {
        let check = find(cx, tx, Action::RecordSpotCheck, name).await?;
        let check = check.cancel(reason.clone())?;
        store::spot_checks::save(tx, &check).await?;
        tx.detail("reason", &reason);
        if check.retest_of.is_some() {
            let other = again(cx, tx, &check).await?;
            tx.detail("instead", &other.number);
        }
        Ok(check)
    })
    .await
}

/// Locked, once it is known that the caller may do this here.
async fn find(
    cx: &Context,
    tx: &mut Change,
    action: Action,
    name: &str,
) -> Result<SpotCheck, Error> {
    let id = store::spot_checks::find(&mut **tx, name).await?.id;
    let check = store::spot_checks::lock(tx, id).await?;
    let service = store::services::get(&mut **tx, check.service).await?.entry;
    cx.require(action, &Place::service(&service.name, &service.team))?;
    tx.about(Subject::new("spot-checks", &check.number));
    Ok(check)
}

fn line(faults: &mut Faults, field: &str, text: &str) {
    let text = text.trim();
    match text.chars().count() {
        0 => faults.add(field, Fault::Required),
        _ if text.contains(char::is_control) => {
            faults.add(field, Fault::Malformed("one line only".into()));
        }
        1..=LONGEST_LINE => {}
        _ => faults.add(field, Fault::TooLong { most: LONGEST_LINE }),
    }
}
