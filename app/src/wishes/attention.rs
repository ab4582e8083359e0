//! What needs the reader now, from all ledgers at once. What it takes to know that is asked of the database set by set,
//! and only what this reader could act upon, so that the first page stays fast.

use domain::access::{Action, Caller, Place, Role, User};
use domain::attention::{self, Entry, Item, drills, ledgers, rollbacks};
use domain::drills::{Drill, State};
use domain::rollbacks::Rollback;
use domain::runs::Run;
use domain::spot_checks::coverage::{Quarter, coverage};

use super::{backups, calendar, quarters};
use crate::doors::Context;
use crate::pages::error::Error;

/// Of one kind; whoever has more to do than that sees the rest once some of it is done.
const MOST: i64 = 100;

/// What waits, and the open rows that it was found in.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// The most urgent first.
    pub items: Vec<Item>,
    /// The reader has nothing to do here, and sees what concerns everybody.
    pub looks_on: bool,
    pub rollbacks: Vec<Rollback>,
    pub runs: Vec<Run>,
    pub drills: Vec<Drill>,
}

impl Now {
    /// What is planned next, for when nothing waits.
    pub fn next_drill(&self) -> Option<&Drill> {
        self.drills.iter().find(|it| it.state == State::Planned)
    }
}

/// What this reader sees: with a token as much as its person, and as a machine what concerns everybody.
///
/// # Errors
/// [`Error::Lacking`].
pub async fn now(cx: &Context) -> Result<Now, Error> {
    cx.read(Action::Read, async |cx| {
        let (db, reader) = (&cx.db, cx.caller.user());
        let name = reader.map(|it| it.name.as_str()).unwrap_or_default();
        let open = store::rollbacks::Filter { open: true, limit: MOST, ..Default::default() };
        let mut now = Now {
            items: vec![],
            looks_on: attention::looks_on(reader),
            rollbacks: store::rollbacks::list(db, &open).await?,
            runs: store::runs::open(db, MOST).await?,
            drills: store::drills::waiting(db, name, MOST).await?,
        };
        let house = store::attention::house(db, MOST).await?;
        let mut entries =
            rollbacks::entries(&now.rollbacks, &now.runs, &now.drills, &house.services, cx.now);
        entries.extend(now.drills.iter().flat_map(|it| drills::entries(it, cx.now)));
        let begins = |day| cx.begin_of(day);
        entries.extend(attention::house::entries(&house, cx.today(), begins));
        let openings = store::openings::waiting(db, MOST).await?;
        entries.extend(openings.iter().map(attention::openings::entry));
        entries.extend(spot_checks(cx, &house.services).await?);
        entries.extend(domains(cx).await?);
        if let Some(reader) = reader {
            entries.extend(periods(cx, reader).await?);
        }
        now.items = attention::select(entries, reader, cx.now);
        Ok(now)
    })
    .await
}

async fn spot_checks(cx: &Context, services: &rollbacks::Services) -> Result<Vec<Entry>, Error> {
    let checks = store::spot_checks::open(&cx.db, MOST).await?;
    let today = cx.today();
    let holidays = match checks.iter().any(|it| it.retest_of.is_some()) {
        true => store::holidays::calendar(&cx.db, today).await?,
        false => Default::default(),
    };
    let entry = |it| {
        let it: &domain::spot_checks::SpotCheck = it;
        let place = services.get(&it.service).map(|(name, team)| (name.as_str(), team.as_str()));
        ledgers::spot_check(it, place, &holidays, today, |day| cx.begin_of(day))
    };
    Ok(checks.iter().filter_map(entry).collect())
}

/// Backups and objectives, which belong to somebody.
async fn domains(cx: &Context) -> Result<Vec<Entry>, Error> {
    let (rows, objectives) = backups::with_objectives(cx).await?;
    let measured = match objectives.is_empty() {
        true => vec![],
        false => store::measurements::latest(&cx.db).await?,
    };
    let backup = |it: &backups::Standing| {
        ledgers::backup(&it.row, it.assessed.freshness, it.since, &it.findings, cx.now)
    };
    let newest = || measured.iter().map(|it| &it.measurement);
    let failing = objectives.iter().filter_map(|it| ledgers::objective(&it.objective, newest()));
    Ok(rows.iter().filter_map(backup).chain(failing).collect())
}

/// What has to be done in a stretch of time: by planners, by who records spot checks, by the PMO and by SREs.
async fn periods(cx: &Context, reader: &User) -> Result<Vec<Entry>, Error> {
    let caller = Caller::Person(reader.clone());
    let may = |action| caller.may(action, &Place::default(), cx.now);
    let mut entries = Vec::new();
    if may(Action::PlanDrill) {
        let soon = cx.now + chrono::TimeDelta::seconds(1);
        let expected = calendar::between(cx, cx.now, soon).await?;
        let entry = |it: &calendar::Entry| {
            drills::expected(&it.expected.drill, &it.occurrence, it.standing)
        };
        entries.extend(expected.iter().filter_map(entry));
    }
    if may(Action::RecordSpotCheck) {
        entries.extend(uncovered(cx).await?);
    }
    if may(Action::CloseQuarter) {
        let first = store::quarters::first(&cx.db).await?;
        let closed = store::quarters::closed(&cx.db).await?;
        entries.extend(ledgers::quarters(first, &closed, cx.today(), &cx.zone));
    }
    if reader.has(Role::Sre) {
        let last = quarters::reconcile(cx, None).await?;
        entries.extend(ledgers::reconciliation(last.month, last.mismatches.len(), &cx.zone));
    }
    Ok(entries)
}

/// Nothing while the quarter is young.
async fn uncovered(cx: &Context) -> Result<Option<Entry>, Error> {
    let quarter = Quarter::of(cx.today());
    let (first, next) = quarter.days();
    let (starts, ends) = (cx.begin_of(first), cx.begin_of(next));
    if ends - cx.now > ledgers::COVERAGE_AHEAD {
        return Ok(None);
    }
    let seen = store::spot_checks::coverage::seen(&cx.db, starts, ends).await?;
    let held = store::spot_checks::coverage::held(&cx.db, starts, ends).await?;
    Ok(ledgers::uncovered(quarter, &coverage(&seen, &held), starts, ends))
}
