//! What waits in the house itself: consents of a second person, switches, holds, and tables that run out.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::rollbacks::{Paused, Services};
use super::{Detail, Entry, Kind, Whom, account};
use crate::access::{Action, Role};

/// From November on the holidays of the next year should be known.
const HOLIDAYS_FROM: u32 = 11;

/// An import that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub id: String,
    /// As the audit log names them.
    pub requested_by: String,
    pub requested_at: DateTime<Utc>,
    /// How many documents it changes.
    pub documents: usize,
    /// The policy or signal that was edited, as `policies/default`; none where files were sent.
    #[serde(default)]
    pub edits: Option<String>,
}

/// A role that waits for a second administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The account that gets it.
    pub user: String,
    pub role: Role,
    /// The account that asked.
    pub requested_by: Option<String>,
    pub requested_at: DateTime<Utc>,
}

/// A kill switch that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    pub scope: String,
    pub reason: String,
    /// The account; nobody's where it was set on the command line.
    pub set_by: Option<String>,
    pub set_at: DateTime<Utc>,
}

/// Versions of a service that are not deployed again unasked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub service: String,
    pub team: String,
    pub versions: usize,
    pub since: DateTime<Utc>,
}

/// All of it, as it is at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct House {
    pub imports: Vec<Import>,
    pub grants: Vec<Grant>,
    pub switches: Vec<Switch>,
    pub holds: Vec<Hold>,
    pub paused: Vec<Paused>,
    /// Every service that anything here may be about.
    pub services: Services,
    /// The years whose holidays are known.
    pub years: Vec<i32>,
}

/// `begins` is when a day begins in the installation's zone.
pub fn entries(
    house: &House,
    today: NaiveDate,
    begins: impl Fn(NaiveDate) -> DateTime<Utc>,
) -> Vec<Entry> {
    let all = house.imports.iter().map(import);
    let all = all.chain(house.grants.iter().map(grant));
    let all = all.chain(house.switches.iter().map(switch));
    let all = all.chain(house.holds.iter().map(hold));
    let all = all.chain(house.paused.iter().map(super::rollbacks::owed));
    all.chain(holidays(&house.years, today, begins)).collect()
}

fn waits(kind: Kind, action: Action, subject: String, since: DateTime<Utc>) -> Entry {
    Entry {
        kind,
        title: String::new(),
        detail: Detail::Nothing,
        whom: Whom::may(action),
        since,
        due: None,
        at_risk: None,
        href: format!("/{subject}"),
        subject,
    }
}

fn import(it: &Import) -> Entry {
    let subject = format!("catalog-imports/{}", it.id);
    let by = it.requested_by.split_once(':').map_or(it.requested_by.as_str(), |(_, name)| name);
    let entry = waits(Kind::ImportConsent, Action::ConsentVersion, subject, it.requested_at);
    let whom = Whom { except: account(&it.requested_by).into_iter().collect(), ..entry.whom };
    match &it.edits {
        Some(edits) => Entry {
            kind: Kind::VersionConsent,
            title: edits.clone(),
            detail: Detail::Said { text: by.to_owned() },
            whom,
            href: format!("/{edits}#import-{}", it.id),
            ..entry
        },
        None => Entry {
            title: by.to_owned(),
            detail: Detail::Count { count: it.documents },
            whom,
            href: format!("/admin/imports#import-{}", it.id),
            ..entry
        },
    }
}

fn grant(it: &Grant) -> Entry {
    let subject = format!("users/{}", it.user);
    let entry = waits(Kind::GrantConsent, Action::ConsentGrant, subject, it.requested_at);
    let except = it.requested_by.iter().chain([&it.user]).cloned().collect();
    Entry {
        title: it.user.clone(),
        detail: Detail::Role { role: it.role },
        whom: Whom { except, ..entry.whom },
        href: "/admin/users#waiting".to_owned(),
        ..entry
    }
}

/// Automation stands still as long as it is on.
fn switch(it: &Switch) -> Entry {
    let subject = format!("kill-switches/{}", it.scope);
    let entry = waits(Kind::KillSwitch, Action::KillSwitchOff, subject, it.set_at);
    Entry {
        title: it.scope.clone(),
        detail: Detail::Said { text: it.reason.clone() },
        whom: Whom { except: it.set_by.iter().cloned().collect(), ..entry.whom },
        at_risk: Some(it.set_at),
        href: "/rails".to_owned(),
        ..entry
    }
}

fn hold(it: &Hold) -> Entry {
    let subject = format!("services/{}", it.service);
    let entry = waits(Kind::Hold, Action::MarkRevision, subject, it.since);
    Entry {
        title: it.service.clone(),
        detail: Detail::Count { count: it.versions },
        whom: entry.whom.at(Some((&it.service, &it.team))),
        ..entry
    }
}

/// Business days of the next year cannot be counted before somebody has imported its table.
fn holidays(
    years: &[i32],
    today: NaiveDate,
    begins: impl Fn(NaiveDate) -> DateTime<Utc>,
) -> Option<Entry> {
    let year = today.year() + 1;
    if years.contains(&year) || today.month() < HOLIDAYS_FROM {
        return None;
    }
    let since = NaiveDate::from_ymd_opt(today.year(), HOLIDAYS_FROM, 1)?;
    let december = NaiveDate::from_ymd_opt(today.year(), 12, 1)?;
    let subject = format!("holidays/{year}");
    let entry = waits(Kind::Holidays, Action::AdministerHolidays, subject, begins(since));
    Some(Entry {
        title: year.to_string(),
        due: NaiveDate::from_ymd_opt(year, 1, 1).map(&begins),
        at_risk: Some(begins(december)),
        href: "/admin/holidays".to_owned(),
        ..entry
    })
}
