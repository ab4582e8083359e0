#![expect(clippy::too_many_arguments, reason = "a server function takes the fields of its form")]

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use domain::access::Action;
use domain::approvals::Decision as Consent;
use domain::drills::closing::Outcome;
use domain::drills::{CauseClass, DrillType};
use domain::fields::{Fault, Faults};
use domain::measurements::{RTO, Target};
use domain::plans::Protection;
use domain::services::WorkloadKind;
use leptos::prelude::*;

use crate::pages::error::Error;
use crate::pages::ssr::{answer, context, entered};
use crate::pages::visit::visit;
use crate::wishes::calendar;
use crate::wishes::drills::{self, Asked, NewAction, NewIssue, Performed};
use crate::wishes::runs::{self, AskedStep};

/// Leads to the drill that was planned. `workload` is `service/kind/name/container` of what gets the fault, and nothing
/// where there is none; each line of `steps` is something that people do.
#[server]
pub async fn plan_drill(
    scenario: String,
    kind: DrillType,
    lead: String,
    planned_at: String,
    #[server(default)] expected: String,
    #[server(default)] workload: String,
    #[server(default)] image: String,
    #[server(default)] steps: String,
    #[server(default)] participants: String,
    #[server(default)] rto_s: String,
    #[server(default)] targets: String,
    #[server(default)] report_to: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::PlanDrill)?;
        let (service, mut all) = match workload.is_empty() {
            true => (None, vec![]),
            false => {
                fault(&workload, &image).map(|(service, it)| (Some(service), vec![it.into()]))?
            }
        };
        let lines = steps.lines().map(str::trim).filter(|it| !it.is_empty());
        all.extend(lines.map(manual).collect::<Result<Vec<_>, _>>()?);
        let asked = Asked {
            expected: Some(expected).filter(|it| !it.is_empty()),
            scenario: Some(scenario),
            script: None,
            kind: Some(kind),
            lead,
            participants: names(&participants),
            headcount: None,
            planned_at: moment("planned_at", &planned_at)?,
            service,
            steps: all,
            targets: all_targets(&rto_s, &targets)?,
            criteria: None,
            evidence: None,
            closure_limit_s: None,
            retest_days: None,
            report_to: Some(report_to).filter(|it| !it.trim().is_empty()),
        };
        let drill = drills::plan(&cx, asked).await.map_err(in_form)?;
        leptos_axum::redirect(&format!("/drills/{}", drill.number));
        Ok(())
    };
    answer(wish.await)
}

fn fault(workload: &str, image: &str) -> Result<(String, AskedStep), Error> {
    let image = image.trim();
    if image.is_empty() || image.contains(char::is_whitespace) {
        return Err(Error::field("image", Fault::Required));
    }
    let parts: Vec<&str> = workload.split('/').collect();
    let [service, kind, name, container] = parts[..] else {
        return Err(Error::field("workload", Fault::Required));
    };
    let kind = WorkloadKind::parse(kind);
    let kind = kind.ok_or_else(|| Error::field("workload", Fault::Unknown))?;
    let images = [(container.to_owned(), image.to_owned())].into();
    Ok((service.to_owned(), AskedStep::Inject { workload: (kind, name.to_owned()), images }))
}

/// `[pauses replication] stop the standby`
fn manual(line: &str) -> Result<Performed, Error> {
    let marked = line.strip_prefix('[').and_then(|it| it.split_once(']'));
    let Some((mark, instruction)) = marked else {
        return Ok(AskedStep::Manual { instruction: line.to_owned() }.into());
    };
    let protection = match mark.trim().split_once(char::is_whitespace) {
        Some(("pauses", name)) => Protection::Pauses(name.trim().to_owned()),
        Some(("resumes", name)) => Protection::Resumes(name.trim().to_owned()),
        _ => return Err(Error::field("steps", Fault::Malformed("[pauses NAME] …".into()))),
    };
    let instruction = instruction.trim().to_owned();
    if instruction.is_empty() {
        return Err(Error::field("steps", Fault::Malformed(line.to_owned())));
    }
    Ok(Performed { step: AskedStep::Manual { instruction }, protection: Some(protection) })
}

/// Of both fields together; nothing where both are left out.
fn all_targets(rto_s: &str, lines: &str) -> Result<Option<Vec<Target>>, Error> {
    let rto = target(rto_s)?;
    let parse = |line: &str| {
        Target::parse(line)
            .ok_or_else(|| Error::field("targets", Fault::Malformed(line.to_owned())))
    };
    let lines = lines.lines().map(str::trim).filter(|it| !it.is_empty());
    let others = lines.map(parse).collect::<Result<Vec<_>, _>>()?;
    let all: Vec<Target> = rto.into_iter().flatten().chain(others).collect();
    Ok((!all.is_empty()).then_some(all))
}

fn names(text: &str) -> Vec<String> {
    let names = text.split([',', '，', '、', ';', '\n']);
    names.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
}

/// As a browser sends a moment, in the reader's zone.
pub(crate) fn moment(field: &str, text: &str) -> Result<DateTime<Utc>, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::field(field, Fault::Required));
    }
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let local = formats.iter().find_map(|it| NaiveDateTime::parse_from_str(text, it).ok());
    let local = local.and_then(|it| visit().zone.from_local_datetime(&it).earliest());
    let wrong = || Error::field(field, Fault::Malformed("2026-10-16T10:00".into()));
    Ok(local.ok_or_else(wrong)?.with_timezone(&Utc))
}

fn target(seconds: &str) -> Result<Option<Vec<Target>>, Error> {
    let seconds = seconds.trim();
    if seconds.is_empty() {
        return Ok(None);
    }
    match seconds.parse::<u32>() {
        Ok(seconds @ 1..=86_400) => Ok(Some(vec![Target::within(RTO, seconds.into())])),
        _ => Err(Error::field("rto_s", Fault::OutOfRange { from: 1, to: 86_400 })),
    }
}

/// The fields of the form that stand for those of the wish.
fn in_form(error: Error) -> Error {
    let Error::Invalid(Faults(faults)) = error else { return error };
    let named = |(field, fault): (String, Fault)| {
        let own = match field.as_str() {
            it if it.starts_with("participants") => "participants",
            it if it.contains(".images") => "image",
            "plan.steps" => "steps",
            it if it.starts_with("plan.steps") && it.ends_with(".protection") => "steps",
            it if it.starts_with("targets") => "targets",
            it if it.starts_with("plan.") => "workload",
            it => it,
        };
        (own.to_owned(), fault)
    };
    Error::Invalid(Faults(faults.into_iter().map(named).collect()))
}

/// Takes over the older ledger that was previewed.
#[server]
pub async fn import_drills(id: String, digest: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::PlanDrill)?;
        let upload = id.parse().map_err(|_| Error::NotFound)?;
        drills::import::confirm(&cx, upload, &digest).await?;
        leptos_axum::redirect("/drills");
        Ok(())
    };
    answer(wish.await)
}

#[server]
pub async fn start_drill(id: String) -> Result<(), Error> {
    let wish = async { drills::start(&context()?, &id).await.map(drop) };
    answer(wish.await)
}

/// The plan of its run, which waits for another person.
#[server]
pub async fn approve_drill(
    id: String,
    plan_digest: String,
    #[server(default)] reject: bool,
    #[server(default)] reason: String,
    #[server(default)] otp: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::ApproveRun)?;
        let drill = store::drills::find(&cx.db, &id).await?;
        let run = drill.run.ok_or(domain::drills::Refusal::NotBegun)?;
        let consent = if reject { Consent::Reject } else { Consent::Approve };
        runs::decide(&cx, run, &plan_digest, consent, &reason, Some(&otp)).await.map(drop)
    };
    answer(wish.await)
}

#[server]
pub async fn recover_drill(id: String) -> Result<(), Error> {
    let wish = async { drills::recover(&context()?, &id).await.map(drop) };
    answer(wish.await)
}

#[server]
pub async fn cancel_drill(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    let wish = async { drills::cancel(&context()?, &id, &reason).await.map(drop) };
    answer(wish.await)
}

#[server]
pub async fn add_issue(
    id: String,
    #[server(default)] text: String,
    #[server(default)] about: String,
    #[server(default)] class: String,
    #[server(default)] cause: String,
    #[server(default)] remedy: String,
) -> Result<(), Error> {
    let wish = async {
        let about = Some(about).filter(|it| !it.is_empty());
        let class = match class.as_str() {
            "" => None,
            word => {
                let class = CauseClass::parse(word);
                Some(class.ok_or_else(|| Error::field("class", Fault::Unknown))?)
            }
        };
        let issue = NewIssue { text, about, class, cause, remedy };
        drills::add_issue(&context()?, &id, issue).await.map(drop)
    };
    answer(wish.await)
}

#[server]
pub async fn add_action(
    id: String,
    #[server(default)] text: String,
    #[server(default)] owner: String,
    #[server(default)] due: String,
    #[server(default)] critical: bool,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::RunDrill)?;
        let due = moment("due", &due)?;
        let action = NewAction { text, owner: owner.trim().to_owned(), due, critical };
        drills::add_action(&cx, &id, action).await.map(drop)
    };
    answer(wish.await)
}

/// `id` is `DR-…/position`: a page holds one form for each item.
#[server]
pub async fn verify_action(id: String, #[server(default)] evidence: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::VerifyActionItem)?;
        let (number, position) = item(&id)?;
        drills::verify_action(&cx, number, position, &evidence).await.map(drop)
    };
    answer(wish.await)
}

/// `DR-…/2` to the drill and the number of something in it.
fn item(id: &str) -> Result<(&str, u32), Error> {
    let (number, position) = id.rsplit_once('/').ok_or(Error::NotFound)?;
    Ok((number, position.parse().map_err(|_| Error::NotFound)?))
}

/// `id` is `DR-…/position`.
#[server]
pub async fn judge_criterion(id: String, met: bool) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::PerformDrillStep)?;
        let (number, position) = item(&id)?;
        drills::judge(&cx, number, position, met).await.map(drop)
    };
    answer(wish.await)
}

#[server]
pub async fn add_ticket(
    id: String,
    #[server(default)] reference: String,
    #[server(default)] parameter: String,
) -> Result<(), Error> {
    let wish =
        async { drills::add_ticket(&context()?, &id, &reference, &parameter).await.map(drop) };
    answer(wish.await)
}

/// `protection` is the name of what is back.
#[server]
pub async fn resume_protection(
    id: String,
    #[server(default)] protection: String,
    #[server(default)] note: String,
) -> Result<(), Error> {
    let wish = async { drills::resume(&context()?, &id, &protection, &note).await.map(drop) };
    answer(wish.await)
}

#[server]
pub async fn link_event(id: String, #[server(default)] event: String) -> Result<(), Error> {
    let wish = async { drills::link_event(&context()?, &id, &event).await.map(drop) };
    answer(wish.await)
}

#[server]
pub async fn explain_drill(id: String, #[server(default)] reason: String) -> Result<(), Error> {
    let wish = async { drills::explain(&context()?, &id, &reason).await.map(drop) };
    answer(wish.await)
}

#[server]
pub async fn sign_off_drill(
    id: String,
    #[server(default)] note: String,
    #[server(default)] outcome: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::SignOffDrill)?;
        let outcome = match outcome.as_str() {
            "" => None,
            word => {
                let outcome = Outcome::parse(word);
                Some(outcome.ok_or_else(|| Error::field("outcome", Fault::Unknown))?)
            }
        };
        drills::sign_off(&cx, &id, &note, outcome).await.map(drop)
    };
    answer(wish.await)
}

/// `id` is `NAME/PERIOD` of what the calendar expects.
#[server]
pub async fn put_off(
    id: String,
    #[server(default)] from: String,
    #[server(default)] until: String,
    #[server(default)] reason: String,
) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::PlanDrill)?;
        let (name, period) = id.split_once('/').ok_or(Error::NotFound)?;
        let (from, until) = (moment("from", &from)?, moment("until", &until)?);
        calendar::put_off(&cx, name, period, from, until, &reason).await.map(drop)
    };
    answer(wish.await)
}

/// The reader's own link to the feed; `link` is `make` or `remove`.
#[server]
pub async fn calendar_link(#[server(default)] link: String) -> Result<(), Error> {
    let wish = async {
        let cx = entered(Action::EditProfile)?;
        match link.as_str() {
            "make" => calendar::link(&cx).await,
            "remove" => calendar::unlink(&cx).await,
            _ => Err(Error::field("link", Fault::Unknown)),
        }
    };
    answer(wish.await)
}
