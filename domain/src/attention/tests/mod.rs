use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta, TimeZone};
use chrono_tz::Tz;
use proptest::prelude::*;
use uuid::Uuid;

use super::house::{Grant, House, Import, Switch};
use super::rollbacks::Paused;
use super::*;
use crate::access::Held;
use crate::approvals::{Approver, Decision, Required};
use crate::backups::{Backup, Finding};
use crate::business_days::Calendar;
use crate::ids::{DrillId, RunId, ServiceId, UserId};
use crate::plans::{Plan, Step, StepKind};
use crate::rollbacks::Rollback;
use crate::runs::{NewRun, Purpose, Run};
use crate::texts::Lang;
use crate::texts::attention::TEXTS;

mod drills;

const ZONE: Tz = Tz::Asia__Shanghai;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 4, 0, 0).unwrap()
}

fn hours(n: i64) -> DateTime<Utc> {
    now() + TimeDelta::hours(n)
}

fn begins(day: NaiveDate) -> DateTime<Utc> {
    crate::calendar::midnight(ZONE, day).unwrap()
}

fn user(name: &str, roles: &[Role], teams: &[&str]) -> User {
    let held = |role: &Role| Held { role: *role, approves_from: DateTime::UNIX_EPOCH };
    User {
        id: UserId(Uuid::nil()),
        name: name.into(),
        roles: roles.iter().map(held).collect(),
        teams: teams.iter().map(|&it| it.to_owned()).collect(),
    }
}

/// Kind and urgency of what somebody is shown.
fn seen(entries: &[Entry], reader: &User) -> Vec<(Kind, Urgency, bool)> {
    let items = select(entries.to_vec(), Some(reader), now());
    items.iter().map(|it| (it.entry.kind, it.urgency, it.mine)).collect()
}

fn kinds(entries: &[Entry], reader: &User) -> Vec<Kind> {
    seen(entries, reader).into_iter().map(|it| it.0).collect()
}

fn run(purpose: Purpose, steps: Vec<Step>) -> Run {
    let new = NewRun {
        service: Some(ServiceId(Uuid::nil())),
        purpose,
        plan: Plan::new(steps, vec![]),
        required: Required::new(1, &[Role::Sre], 3600, &[], now()),
        requested_by: "user:asker".into(),
        reason: "5xx".into(),
        at: now(),
    };
    Run::new(RunId(Uuid::from_u128(5)), new)
}

fn wait() -> Vec<Step> {
    vec![Step::new("settle", StepKind::Wait { seconds: 5 })]
}

fn of_runs(rollbacks: &[Rollback], runs: &[Run]) -> Vec<Entry> {
    let services = HashMap::from([(ServiceId(Uuid::nil()), ("api".into(), "platform".into()))]);
    super::rollbacks::entries(rollbacks, runs, &[], &services, now())
}

#[test]
fn nobody_is_asked_to_approve_their_own_request_or_twice() {
    let waiting = run(Purpose::Run, wait());
    let sre = |name: &str| user(name, &[Role::Sre], &[]);
    let entries = of_runs(&[], std::slice::from_ref(&waiting));
    assert_eq!(kinds(&entries, &sre("other")), [Kind::RunApproval]);
    assert_eq!(kinds(&entries, &sre("asker")), []);
    assert_eq!(kinds(&entries, &user("dba", &[Role::Dba], &[])), [], "no database is touched");
    assert_eq!(kinds(&entries, &user("pmo", &[Role::Pmo], &[])), []);
    let mut fresh = sre("fresh");
    fresh.roles[0].approves_from = hours(1);
    assert_eq!(kinds(&entries, &fresh), []);

    let two = Run { required: Required { count: 2, ..waiting.required.clone() }, ..waiting };
    let digest = two.plan.digest().to_string();
    let approver = Approver { name: "other".into(), roles: vec![Role::Sre] };
    let once = two.decide(&approver, &digest, Decision::Approve, "", now()).unwrap();
    let entries = of_runs(&[], &[once]);
    assert_eq!(kinds(&entries, &sre("other")), [], "decided already");
    assert_eq!(kinds(&entries, &sre("third")), [Kind::RunApproval]);
}

#[test]
fn a_paused_run_is_for_who_may_resume_it_and_ends_by_itself() {
    let mut paused = run(Purpose::Run, wait());
    let note = crate::runs::Note::Person { by: "user:a".into(), reason: "lunch".into() };
    paused.state = crate::runs::State::Paused { since: hours(-21), note };
    let entries = of_runs(&[], &[paused]);
    let sre = user("sre", &[Role::Sre], &[]);
    assert_eq!(seen(&entries, &sre), [(Kind::RunPaused, Urgency::AtRisk, true)]);
    assert_eq!(entries[0].detail, Detail::Said { text: "lunch".into() });
    let own = user("r", &[Role::Responder], &["platform"]);
    assert_eq!(kinds(&entries, &own), [Kind::RunPaused]);
    assert_eq!(kinds(&entries, &user("r", &[Role::Responder], &["storage"])), []);
}

#[test]
fn a_manual_step_is_for_its_role() {
    let manual = StepKind::Manual { instruction: "switch DNS".into(), evidence: false };
    let step = Step { role: Some(Role::Dba), ..Step::new("dns", manual) };
    let mut going = run(Purpose::Drill(DrillId::NEW), vec![step]);
    going.state = crate::runs::State::Running { since: now() };
    going.steps[0].state = crate::runs::StepState::Running { started_at: now(), intent: None };
    let entries = of_runs(&[], &[going]);
    assert_eq!(kinds(&entries, &user("dba", &[Role::Dba], &[])), [Kind::ManualStep]);
    assert_eq!(kinds(&entries, &user("sre", &[Role::Sre], &[])), []);
}

#[test]
fn a_backup_is_its_owners() {
    let json = serde_json::json!({"name": "wal", "domain": "pg", "artefact": "WAL", "method": "x",
        "interval_s": 60, "place": "s3", "owner": "database"});
    let row: Backup = serde_json::from_value(json).unwrap();
    let of = |freshness, findings: &[Finding]| {
        super::ledgers::backup(&row, freshness, Some(hours(-2)), findings, now())
    };
    assert_eq!(of(Freshness::Fresh, &[]), None);
    let red = vec![of(Freshness::Stale, &[]).unwrap()];
    let unknown = vec![of(Freshness::Unknown, &[]).unwrap()];
    let gap = vec![of(Freshness::Fresh, &[Finding::RetentionUnstated]).unwrap()];
    let dba = user("dba", &[Role::Dba], &["database"]);
    assert_eq!(seen(&red, &dba), [(Kind::Backup, Urgency::Overdue, true)]);
    assert_eq!(seen(&unknown, &dba), [(Kind::Backup, Urgency::AtRisk, true)]);
    assert_eq!(seen(&gap, &dba), [(Kind::Backup, Urgency::NoDue, true)]);
    assert_eq!(kinds(&red, &user("sre", &[Role::Sre], &["platform"])), []);
    // Whoever has nothing to do here is told all the same.
    let viewer = user("v", &[Role::Viewer], &[]);
    assert_eq!(seen(&red, &viewer), [(Kind::Backup, Urgency::Overdue, false)]);
    assert!(select(red, None, now()).iter().all(|it| !it.mine));
}

fn house() -> House {
    House {
        imports: vec![Import {
            id: "i".into(),
            requested_by: "user:author".into(),
            requested_at: now(),
            documents: 2,
            edits: None,
        }],
        grants: vec![Grant {
            user: "new".into(),
            role: Role::Sre,
            requested_by: Some("ada".into()),
            requested_at: now(),
        }],
        switches: vec![Switch {
            scope: "global".into(),
            reason: "storm".into(),
            set_by: Some("setter".into()),
            set_at: hours(-1),
        }],
        holds: vec![super::house::Hold {
            service: "api".into(),
            team: "platform".into(),
            versions: 1,
            since: now(),
        }],
        paused: vec![Paused {
            workload: "w".into(),
            name: "shop/api".into(),
            service: Some(("api".into(), "platform".into())),
            since: hours(-3),
        }],
        services: HashMap::new(),
        years: vec![2026],
    }
}

#[test]
fn a_second_person_is_another_one() {
    let entries = super::house::entries(&house(), now().date_naive(), begins);
    let all = [Kind::ResumeOwed, Kind::KillSwitch, Kind::ImportConsent, Kind::Hold];
    assert_eq!(kinds(&entries, &user("sre", &[Role::Sre], &[])), all);
    let without = |kind: Kind| all.into_iter().filter(|it| *it != kind).collect::<Vec<_>>();
    let author = user("author", &[Role::Sre], &[]);
    assert_eq!(kinds(&entries, &author), without(Kind::ImportConsent));
    let setter = user("setter", &[Role::Sre], &[]);
    assert_eq!(kinds(&entries, &setter), without(Kind::KillSwitch));
    let admin = |name: &str| user(name, &[Role::Admin], &[]);
    assert_eq!(kinds(&entries, &admin("bob")), [Kind::Holidays, Kind::GrantConsent]);
    assert_eq!(kinds(&entries, &admin("ada")), [Kind::Holidays], "her own request");
    assert_eq!(kinds(&entries, &admin("new")), [Kind::Holidays], "her own role");
    assert_eq!(kinds(&entries, &user("v", &[Role::Viewer], &[])), [Kind::KillSwitch]);
}

#[test]
fn the_holidays_of_next_year_are_asked_for_from_november_on() {
    let day = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap();
    for (today, years, urgency) in [
        (day(10, 31), vec![2026], None),
        (day(11, 1), vec![2026], Some(Urgency::Later)),
        (day(12, 1), vec![2026], Some(Urgency::AtRisk)),
        (day(12, 1), vec![2026, 2027], None),
    ] {
        let house = House { years, ..House::default() };
        let entries = super::house::entries(&house, today, begins);
        let at = begins(today);
        assert_eq!(entries.first().map(|it| it.urgency(at)), urgency, "{today}");
    }
}

#[test]
fn only_a_quarter_that_holds_something_is_closed() {
    let today = now().date_naive();
    let of = |first: Option<DateTime<Utc>>, closed: &[&str]| -> Vec<String> {
        let closed: Vec<_> = closed.iter().map(|&it| it.to_owned()).collect();
        let entries = super::ledgers::quarters(first, &closed, today, &ZONE);
        entries.into_iter().map(|it| it.title).collect()
    };
    assert!(of(None, &[]).is_empty());
    assert!(of(Some(now()), &[]).is_empty());
    assert_eq!(of(Some(hours(-24 * 100)), &[]), ["2026-Q3"]);
    assert_eq!(of(Some(hours(-24 * 200)), &["2026-Q3"]), ["2026-Q2"]);
    assert_eq!(of(Some(hours(-24 * 2000)), &[]).len(), 4, "no further back");
}

#[test]
fn a_re_test_is_in_time_until_its_day_ends() {
    let calendar = Calendar::default();
    let today = now().date_naive();
    let Some(entry) = spot_check(today, &calendar) else { panic!("it is open") };
    assert_eq!(entry.due, Some(begins(today.succ_opt().unwrap())));
    assert_eq!(entry.urgency(now()), Urgency::AtRisk);
    let late = spot_check(today.pred_opt().unwrap(), &calendar).unwrap();
    assert_eq!(late.urgency(now()), Urgency::Overdue);
}

fn spot_check(due: NaiveDate, calendar: &Calendar) -> Option<Entry> {
    use crate::spot_checks::{Due, Retest, SpotCheck, SubjectKind};
    let kind = SubjectKind::Backup;
    let check = SpotCheck {
        id: crate::ids::SpotCheckId::NEW,
        number: "SC-1".into(),
        kind,
        item: "PITR".into(),
        domain: None,
        backup: None,
        service: ServiceId::NEW,
        service_name: "api".into(),
        sample_size: 1,
        checks: kind.usual_checks(),
        closure_limit_s: None,
        planned_by: "user:a".into(),
        created_at: hours(-48),
        commitment: crate::canonical::Digest::of(b"seed"),
        population: None,
        draw: None,
        record: None,
        retest_of: Some(Retest {
            of: crate::ids::SpotCheckId::NEW,
            of_number: "SC-0".into(),
            since: due.pred_opt()?,
            due: Due::On(due),
            escalation: crate::spot_checks::Escalation::None,
        }),
        retest: None,
        state: crate::spot_checks::State::Planned,
    };
    let today = now().date_naive();
    super::ledgers::spot_check(&check, Some(("api", "platform")), calendar, today, begins)
}

#[test]
fn everything_has_words_in_both_languages() {
    for lang in [Lang::Zh, Lang::En] {
        let t = TEXTS.of(lang);
        for kind in Kind::ALL {
            assert!(!(t.what)(*kind).is_empty() && !(t.act)(*kind).is_empty(), "{kind:?}");
        }
    }
    let t = &TEXTS.en;
    assert_eq!((t.left)(TimeDelta::minutes(90)), "1 h 30 min left");
    assert_eq!((t.over)(TimeDelta::seconds(3)), "1 min over");
    assert_eq!((t.lede)(1, 2, 7), "7 things wait for you, 1 overdue and 2 at risk");
    assert_eq!((TEXTS.zh.lede)(0, 0, 0), "没有需要你处理的事");
}

fn entry() -> impl Strategy<Value = Entry> {
    let name = || prop::sample::select(vec!["ada", "bob", "eve"]).prop_map(str::to_owned);
    let team = || prop::sample::select(vec!["platform", "database"]).prop_map(str::to_owned);
    let names = || prop::collection::vec(name(), 0..2);
    let roles = prop::collection::vec(prop::sample::select(Role::ALL.to_vec()), 0..2);
    let moment = || prop::option::of(-50i64..50);
    let action = prop::sample::select(Action::ALL.to_vec());
    let whom =
        (action, prop::option::of(team()), roles, names(), prop::option::of(team()), names());
    let kind = prop::sample::select(Kind::ALL.to_vec());
    (kind, whom, -50i64..50, moment(), moment(), 0u8..4).prop_map(
        |(kind, (action, place, roles, people, owner, except), since, due, at_risk, n)| Entry {
            kind,
            subject: format!("drills/DR-{n}"),
            title: String::new(),
            detail: Detail::Nothing,
            whom: Whom {
                action,
                place: place.map(|team| ("api".to_owned(), team)),
                roles,
                people,
                owner,
                except,
            },
            since: hours(since),
            due: due.map(hours),
            at_risk: at_risk.map(hours),
            href: String::new(),
        },
    )
}

fn reader() -> impl Strategy<Value = User> {
    let name = prop::sample::select(vec!["ada", "bob", "eve"]);
    let roles = prop::collection::vec(prop::sample::select(Role::ALL.to_vec()), 0..3);
    let teams = prop::collection::vec(prop::sample::select(vec!["platform", "database"]), 0..2);
    (name, roles, teams).prop_map(|(name, roles, teams)| user(name, &roles, &teams))
}

proptest! {
    #[test]
    fn what_is_mine_i_may_do(entries in prop::collection::vec(entry(), 0..30), reader in reader()) {
        let caller = Caller::Person(reader.clone());
        let looks_on = reader.roles.iter().all(|it| it.role == Role::Viewer);
        for item in select(entries, Some(&reader), now()) {
            let whom = &item.entry.whom;
            let place = whom.place.as_ref().map(|(service, team)| Place::service(service, team));
            if item.mine {
                prop_assert!(caller.may(whom.action, &place.unwrap_or_default(), now()));
                prop_assert!(!whom.except.contains(&reader.name));
            } else {
                prop_assert!(looks_on && item.entry.kind.is_public());
            }
        }
    }

    /// However the ledgers bring it.
    #[test]
    fn the_order_is_stable(entries in prop::collection::vec(entry(), 0..30), reader in reader()) {
        let there = select(entries.clone(), Some(&reader), now());
        let back = select(entries.into_iter().rev().collect(), Some(&reader), now());
        let keys = |items: &[Item]| items.iter().map(|it| format!("{:?}", key(it))).collect::<Vec<_>>();
        prop_assert_eq!(keys(&there), keys(&back));
    }

    #[test]
    fn what_goes_on_comes_first_and_then_what_is_overdue(entries in prop::collection::vec(entry(), 0..30)) {
        let all = select(entries, None, now());
        for pair in all.windows(2) {
            let [now, then] = [0, 1].map(|it| pair[it].entry.kind.goes_on());
            prop_assert!(now >= then);
            if now != then {
                continue;
            }
            prop_assert!(pair[0].urgency <= pair[1].urgency);
            if let (true, Some(a), Some(b)) =
                (pair[0].urgency == pair[1].urgency, pair[0].entry.due, pair[1].entry.due)
            {
                prop_assert!(a <= b, "by the time that is left");
            }
        }
        let overdue = |it: &Item| it.entry.due.is_some_and(|due| due <= now());
        prop_assert!(all.iter().all(|it| overdue(it) == (it.urgency == Urgency::Overdue)));
    }
}
