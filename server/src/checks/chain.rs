//! Carries out checks that change something: once for a run, and the clean-up with them, whoever dies meanwhile.
//!
//! What is written down before each request is enough for somebody else to take away what it makes: the marker from
//! the beginning, and whatever an answer gave as soon as it is there.

use std::time::Duration;

use domain::checks::chain::{
    self, Attempt, Chain, MARKER, MOST_CLEANING, Next, Request, Stage, Values, Verb, masked,
};
use domain::checks::{Check, CheckKind, CheckResult};
use domain::ids::RunId;
use domain::verdict::Verdict;
use serde_json::{Value, json};
use store::check_runs::{self, Claim, New, Owed};
use uuid::Uuid;

use super::fault;
use crate::adapters::http;
use crate::config;
use crate::workers::World;

/// Beside what its requests may take: how long an attempt is left alone.
const SLACK_S: f64 = 10.0;
/// What is left behind is looked for by so many at a time.
const OWED: i64 = 16;
/// Between two clean-ups of the same, the first time; four times as long each time after.
const AGAIN_S: f64 = 2.0;
/// How often a run that waits for it looks.
const POLL: Duration = Duration::from_millis(200);
/// Of a clean-up as a whole.
const CLEANING: Duration = Duration::from_secs(60);

/// What the chains of a run have come to, as one look shows them. `begin`: whether what has not begun may; until then
/// it is unknown.
///
/// # Errors
/// Where the database cannot be asked.
pub async fn look(
    world: &World,
    run: RunId,
    checks: &[&Check],
    begin: bool,
) -> Result<Vec<CheckResult>, store::Error> {
    if checks.is_empty() {
        return Ok(Vec::new());
    }
    let all = check_runs::of_run(&world.db, run).await?;
    let mut results = Vec::new();
    for check in checks {
        let attempts: Vec<Attempt> = all
            .iter()
            .filter(|(name, _)| *name == check.name)
            .map(|(_, attempt)| attempt.clone())
            .collect();
        let unknown = |why: &str| result(check, Verdict::Unknown, why.to_owned());
        results.push(match chain::next(&attempts) {
            Next::Begin { number } if begin => {
                self::begin(world, run, check, number).await?;
                unknown("it has begun")
            }
            Next::Begin { .. } => unknown("it begins once the other checks pass"),
            Next::Wait => unknown("it is being carried out"),
            Next::GivenUp => unknown("it was broken off again and again"),
            Next::Show(result) => *result,
        });
        results.extend(left_behind(check, &attempts));
    }
    Ok(results)
}

/// The same for a run that needs it now: until it is done.
///
/// # Errors
/// Where the database cannot be asked.
pub async fn settle(world: &World, run: RunId, check: &Check) -> Result<CheckResult, store::Error> {
    loop {
        look(world, run, &[check], true).await?;
        let attempts = check_runs::of_run(&world.db, run).await?.into_iter();
        let attempts = attempts.filter(|(name, _)| *name == check.name).map(|(_, it)| it);
        // What was found before may be older than this; looked at again it is told as it ended.
        if matches!(chain::next(&attempts.collect::<Vec<_>>()), Next::Show(_) | Next::GivenUp)
            && let Some(result) = look(world, run, &[check], true).await?.into_iter().next()
        {
            return Ok(result);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What could not be taken away is told beside what it was made for.
fn left_behind(check: &Check, attempts: &[Attempt]) -> Option<CheckResult> {
    let left =
        attempts.iter().rev().find(|it| it.clean_fault.is_some() && it.cleaned_at.is_none())?;
    let why = left.clean_fault.as_deref().unwrap_or_default();
    let message = match left.stage {
        Stage::Done => format!("{why}: take away what is called {} by hand", left.marker),
        _ => format!("{why}: it is tried again"),
    };
    Some(CheckResult {
        name: format!("{} clean-up", check.name),
        verdict: Verdict::Fail,
        value: json!(left.marker),
        limit: Value::Null,
        blocking: false,
        message,
    })
}

async fn begin(world: &World, run: RunId, check: &Check, number: u8) -> Result<(), store::Error> {
    let name = domain::canonical::digest(&json!([run, check.name]));
    let marker = chain::marker(name.as_str(), number);
    let holder = Uuid::from_u128(rand::random());
    let new = New { run, check, number, marker: &marker, holder };
    let mut db = world.db.acquire().await?;
    let Some(claim) = check_runs::begin(&mut db, &new, lease_s(check), world.now()).await? else {
        return Ok(()); // Another process has.
    };
    let (world, check) = (world.clone(), check.clone());
    tokio::spawn(async move {
        let attempt = Work { world: &world, check: &check, claim };
        let stop = world.stop.clone();
        // Where the process is told to stop, what is left is taken away by the next one.
        if let Some(Err(error)) = stop.run_until_cancelled(attempt.carry_out(marker)).await {
            tracing::warn!(check = check.name, "a check is left to the next look: {error:#}");
        }
    });
    Ok(())
}

/// Takes away what others have left behind.
///
/// # Errors
/// Where the database cannot be asked.
pub async fn tidy(world: &World) -> Result<(), store::Error> {
    let holder = Uuid::from_u128(rand::random());
    let mut db = world.db.acquire().await?;
    let owed =
        check_runs::take_over(&mut db, holder, CLEANING.as_secs_f64() + SLACK_S, OWED).await?;
    drop(db);
    for Owed { claim, run, check, marker, mut kept, tries } in owed {
        let world = world.clone();
        tokio::spawn(async move {
            kept.insert(MARKER.to_owned(), marker);
            let work = Work { world: &world, check: &check, claim };
            if let Err(error) = work.clean(kept, tries).await {
                tracing::warn!(%run, check = check.name, "a clean-up waits: {error:#}");
            }
        });
    }
    Ok(())
}

fn lease_s(check: &Check) -> f64 {
    f64::from(check.timeout_s) + SLACK_S
}

fn result(check: &Check, verdict: Verdict, message: String) -> CheckResult {
    CheckResult {
        name: check.name.clone(),
        verdict,
        value: Value::Null,
        limit: Value::Null,
        blocking: check.blocking,
        message,
    }
}

/// One attempt in our hands.
struct Work<'a> {
    world: &'a World,
    check: &'a Check,
    claim: Claim,
}

/// Why a request did not do.
enum Wrong {
    /// The service did not answer as it should.
    Fails(String),
    /// Nobody can tell.
    Unknown(String),
}

impl Work<'_> {
    async fn carry_out(&self, marker: String) -> Result<(), store::Error> {
        let CheckKind::Chain(chain) = &self.check.kind else { return Ok(()) };
        let mut values = Values::from([(MARKER.to_owned(), marker)]);
        let within = Duration::from_secs(self.check.timeout_s.into());
        let began = tokio::time::Instant::now();
        let asked = tokio::time::timeout(within, self.steps(chain, &mut values)).await;
        let took = began.elapsed().as_millis();
        let result = match asked {
            Ok(Ok(None)) => return Ok(()), // It is in other hands.
            Ok(Ok(Some(Ok(())))) => {
                let steps = chain.steps.len();
                result(self.check, Verdict::Pass, format!("{steps} requests in {took} ms"))
            }
            Ok(Ok(Some(Err(Wrong::Fails(why))))) => result(self.check, Verdict::Fail, why),
            Ok(Ok(Some(Err(Wrong::Unknown(why))))) => result(self.check, Verdict::Unknown, why),
            Ok(Err(error)) => return Err(error),
            // Whoever is that slow to a check is so to everybody.
            Err(_) => {
                let why = format!("not done within {} s", self.check.timeout_s);
                result(self.check, Verdict::Fail, why)
            }
        };
        let lease_s = CLEANING.as_secs_f64() + SLACK_S;
        if !check_runs::conclude(&self.world.db, self.claim, &result, lease_s).await? {
            return Ok(());
        }
        self.clean(values, 0).await
    }

    /// None where the attempt is in other hands by now.
    async fn steps(
        &self,
        chain: &Chain,
        values: &mut Values,
    ) -> Result<Option<Result<(), Wrong>>, store::Error> {
        let secrets = match secrets(chain) {
            Ok(secrets) => secrets,
            Err(why) => return Ok(Some(Err(Wrong::Unknown(why)))),
        };
        let kept = chain.kept();
        for request in &chain.steps {
            match self.ask(request, values, &secrets, false).await {
                Ok((_, taken)) => {
                    let matters = taken.keys().any(|it| kept.contains(it));
                    values.extend(taken);
                    let only = |it: &Values| -> Values {
                        let wanted = it.iter().filter(|(name, _)| kept.contains(*name));
                        wanted.map(|(name, value)| (name.clone(), value.clone())).collect()
                    };
                    let (db, lease_s) = (&self.world.db, lease_s(self.check));
                    // Before the next request is sent, so that nobody has to look for it.
                    if matters && !check_runs::keep(db, self.claim, &only(values), lease_s).await? {
                        return Ok(None);
                    }
                }
                Err(wrong) => return Ok(Some(Err(wrong))),
            }
        }
        Ok(Some(Ok(())))
    }

    /// The answer to a request and what it gave; a sentence without any secret where it did not do. To who takes away,
    /// what is gone is as good as taken away.
    async fn ask(
        &self,
        request: &Request,
        values: &Values,
        secrets: &Values,
        cleans: bool,
    ) -> Result<(Value, Values), Wrong> {
        let say = |why: &str| format!("{}: {}", request.name, masked(why, secrets));
        let unknown =
            |name: String| Wrong::Unknown(say(&format!("there is no {name} to go on with")));
        let filled = request.fill(values, secrets).map_err(unknown)?;
        let within = Duration::from_secs(self.check.timeout_s.into());
        let began = tokio::time::Instant::now();
        let answer = match http::send(&self.world.http, &filled, within).await {
            Ok(answer) => answer,
            Err(error @ (http::Error::Slow(_) | http::Error::NoAnswer(_))) => {
                return Err(Wrong::Fails(say(&error.to_string())));
            }
            Err(error) => return Err(Wrong::Unknown(say(&error.to_string()))),
        };
        if cleans && request.method == Verb::Delete && matches!(answer.status, 404 | 410) {
            return Ok((Value::Null, Values::new()));
        }
        if let Some(fault) = fault(&request.expect, &answer, began.elapsed()) {
            return Err(Wrong::Fails(say(&fault)));
        }
        if request.take.is_empty() {
            return Ok((Value::Null, Values::new()));
        }
        if answer.cut {
            return Err(Wrong::Fails(say(
                "the answer is longer than 1 MiB, and so much is not read",
            )));
        }
        let body = serde_json::from_slice::<Value>(&answer.body);
        let body = body.map_err(|_| Wrong::Fails(say("the answer is no JSON")))?;
        if cleans && request.finds_nothing(&body) {
            return Ok((body, Values::new()));
        }
        let taken = request.taken(&body).map_err(|why| Wrong::Fails(say(&why)))?;
        Ok((body, taken))
    }

    async fn clean(&self, values: Values, tries: u8) -> Result<(), store::Error> {
        let (db, claim) = (&self.world.db, self.claim);
        let cleaned = tokio::time::timeout(CLEANING, self.cleanup(values)).await;
        let fault = match cleaned {
            Ok(Ok(())) => {
                check_runs::cleaned(db, claim, self.world.now()).await?;
                return Ok(());
            }
            Ok(Err(why)) => why,
            Err(_) => format!("the clean-up was not done within {} s", CLEANING.as_secs()),
        };
        tracing::warn!(check = self.check.name, "a clean-up failed: {fault}");
        let again = (tries + 1 < MOST_CLEANING).then(|| AGAIN_S * 4_f64.powi(i32::from(tries)));
        let mut db = db.acquire().await?;
        check_runs::not_cleaned(&mut db, claim, &fault, again).await?;
        Ok(())
    }

    /// Every request is sent whose values are known; what is gone already is as good as taken away.
    async fn cleanup(&self, mut values: Values) -> Result<(), String> {
        let CheckKind::Chain(chain) = &self.check.kind else { return Ok(()) };
        let secrets = secrets(chain)?;
        for request in &chain.cleanup {
            if request.is_known(&values) {
                continue;
            }
            match self.ask(request, &values, &secrets, true).await {
                Ok((body, _)) if request.finds_nothing(&body) => return Ok(()),
                Ok((_, taken)) => values.extend(taken),
                Err(Wrong::Fails(why) | Wrong::Unknown(why)) => return Err(why),
            }
        }
        Ok(())
    }
}

/// # Errors
/// A sentence that names the reference that leads to nothing.
fn secrets(chain: &Chain) -> Result<Values, String> {
    let read = chain.secrets.iter().map(|(name, reference)| {
        let text = match reference.strip_prefix("env:") {
            Some(variable) => config::variable(variable)
                .ok_or_else(|| format!("the variable {variable}, which holds {name}, is not set")),
            None => std::fs::read_to_string(reference)
                .map_err(|error| format!("the file that holds {name} cannot be read: {error}")),
        };
        Ok((name.clone(), text?.trim_end().to_owned()))
    });
    read.collect()
}
