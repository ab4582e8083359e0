//! What needs somebody now: one queue from all ledgers.
//!
//! Each ledger says what waits in it ([`Entry`]) and for whom ([`Whom`]); which of that a reader sees, and in which
//! order, is decided here, in one place ([`select`]).
//!
//! **Invariant:** nobody is shown as theirs what they may not do. Whoever has nothing to do here at all (a viewer, a
//! machine) sees what concerns everybody, and none of it as theirs.

pub mod drills;
pub mod house;
pub mod ledgers;
pub mod openings;
pub mod rollbacks;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::access::{Action, Caller, Place, Role, User};
use crate::backups::Freshness;
use crate::drills::closing::Refusal;
use crate::spot_checks::coverage;

words!(
    /// What waits.
    Kind {
        RollbackApproval = "rollback_approval",
        RunApproval = "run_approval",
        // The rules proposed nothing.
        NeedsPerson = "rollback_needs_person",
        Checklist = "rollback_checklist",
        RunPaused = "run_paused",
        // A step of a run that a person does, or agrees to.
        ManualStep = "manual_step",
        // We paused a workload, and nothing that is under way takes that back.
        ResumeOwed = "resume_owed",
        // A drill that is over or given up has paused a protection that is not known to be back.
        ProtectionOwed = "protection_owed",
        DrillPlanned = "drill_planned",
        DrillUnderWay = "drill_under_way",
        DrillEvidence = "drill_evidence",
        DrillCriteria = "drill_criteria",
        DrillSignOff = "drill_sign_off",
        // Missed, and nobody has said why.
        DrillUnexplained = "drill_unexplained",
        DrillRetest = "drill_retest",
        DrillExpected = "drill_expected",
        ActionItem = "action_item",
        ActionVerification = "action_verification",
        SpotCheckPopulation = "spot_check_population",
        SpotCheckDraw = "spot_check_draw",
        SpotCheckRecord = "spot_check_record",
        SpotCheckAcceptance = "spot_check_acceptance",
        Coverage = "coverage",
        Backup = "backup",
        Objective = "objective",
        QuarterClose = "quarter_close",
        Reconciliation = "reconciliation",
        ImportConsent = "import_consent",
        // A policy or signal that was edited.
        VersionConsent = "version_consent",
        GrantConsent = "grant_consent",
        Holidays = "holidays",
        KillSwitch = "kill_switch",
        Hold = "hold",
        IncidentWish = "incident_wish",
        RunbookProposed = "runbook_proposed",
    }
);

impl Kind {
    /// Whether it concerns everybody who looks on: what is out of order, or under way, right now.
    pub const fn is_public(self) -> bool {
        matches!(
            self,
            Kind::RollbackApproval
                | Kind::RunApproval
                | Kind::NeedsPerson
                | Kind::RunPaused
                | Kind::ProtectionOwed
                | Kind::DrillUnderWay
                | Kind::DrillUnexplained
                | Kind::Backup
                | Kind::Objective
                | Kind::KillSwitch
                | Kind::IncidentWish
                | Kind::RunbookProposed
        )
    }

    /// Whether something goes on right now and waits for this within minutes: it fails closed, or stands still half done.
    /// What has been overdue for months must not hide it.
    pub const fn goes_on(self) -> bool {
        matches!(
            self,
            Kind::RollbackApproval
                | Kind::RunApproval
                | Kind::NeedsPerson
                | Kind::Checklist
                | Kind::RunPaused
                | Kind::ManualStep
                | Kind::ResumeOwed
                | Kind::ProtectionOwed
                | Kind::DrillUnderWay
                | Kind::IncidentWish
                | Kind::RunbookProposed
        )
    }
}

words!(
    /// How urgent it is, the most urgent first.
    Urgency {
        Overdue = "overdue",
        // Close to its end, or burning without having one.
        AtRisk = "at_risk",
        Later = "later",
        // It waits, and nothing says until when.
        NoDue = "no_due",
    }
);

/// Something that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub kind: Kind,
    /// `rollbacks/RB-…`, as the audit log names it.
    pub subject: String,
    /// What it is, in the ledger's own words.
    pub title: String,
    pub detail: Detail,
    pub whom: Whom,
    pub since: DateTime<Utc>,
    pub due: Option<DateTime<Utc>>,
    /// From here on it is at risk.
    pub at_risk: Option<DateTime<Utc>>,
    /// The page on which it is done.
    pub href: String,
}

/// What a reader has to know beside.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Detail {
    Nothing,
    /// In the words of whoever asked, paused or set it.
    Said {
        text: String,
    },
    /// Of so many, so many are not there yet.
    Open {
        open: usize,
        of: usize,
    },
    /// What stands in the way of a signature; none where it can be given.
    Against {
        refusals: Vec<Refusal>,
    },
    Step {
        name: String,
    },
    /// Of which one this is the re-test, and in whose way.
    RetestOf {
        number: String,
    },
    Period {
        period: String,
    },
    Uncovered {
        subjects: Vec<coverage::Subject>,
    },
    Freshness {
        freshness: Freshness,
        findings: usize,
    },
    /// The measurements that miss their target.
    Missed {
        names: Vec<String>,
    },
    Count {
        count: usize,
    },
    Role {
        role: Role,
    },
}

/// For whom something waits. What is empty asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whom {
    /// What it takes.
    pub action: Action,
    /// Name and team of the service where it happens.
    pub place: Option<(String, String)>,
    /// One of these roles is asked for.
    pub roles: Vec<Role>,
    /// These accounts are meant, and nobody else.
    pub people: Vec<String>,
    /// An account, a team or a role, as catalogs name an owner.
    pub owner: Option<String>,
    /// These accounts may not, whatever their roles.
    pub except: Vec<String>,
}

/// An entry as one reader sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub entry: Entry,
    pub urgency: Urgency,
    /// The reader's to do; else to be known.
    pub mine: bool,
}

impl Whom {
    /// Everybody who may do this.
    pub fn may(action: Action) -> Self {
        let (roles, people, except) = (vec![], vec![], vec![]);
        Self { action, place: None, roles, people, owner: None, except }
    }

    /// Where it is done.
    #[must_use]
    pub fn at(self, place: Option<(&str, &str)>) -> Self {
        let place = place.map(|(service, team)| (service.to_owned(), team.to_owned()));
        Self { place, ..self }
    }

    /// Those of one owner.
    #[must_use]
    pub fn of(self, owner: &str) -> Self {
        Self { owner: Some(owner.to_owned()), ..self }
    }

    /// Whether this account is meant, and may do it.
    pub fn includes(&self, user: &User, now: DateTime<Utc>) -> bool {
        let place = match &self.place {
            Some((service, team)) => Place::service(service, team),
            None => Place::default(),
        };
        let approves = matches!(self.action, Action::ApproveRollback | Action::ApproveRun);
        let holds = |role: &Role| match approves {
            true => user.approving_roles(now).contains(role),
            false => user.has(*role),
        };
        let owns = |owner: &String| {
            *owner == user.name
                || user.teams.contains(owner)
                || Role::parse(owner).is_some_and(|it| user.has(it))
        };
        Caller::Person(user.clone()).may(self.action, &place, now)
            && (self.roles.is_empty() || self.roles.iter().any(holds))
            && (self.people.is_empty() || self.people.contains(&user.name))
            && self.owner.as_ref().is_none_or(owns)
            && !self.except.contains(&user.name)
    }

    /// The roles that it concerns, for whoever wonders why it is theirs.
    pub fn roles(&self) -> Vec<Role> {
        match self.roles.is_empty() {
            true => self.action.roles().collect(),
            false => self.roles.clone(),
        }
    }
}

impl Entry {
    pub fn urgency(&self, now: DateTime<Utc>) -> Urgency {
        let at_risk = self.at_risk.is_some_and(|it| it <= now);
        match self.due {
            Some(due) if due <= now => Urgency::Overdue,
            _ if at_risk => Urgency::AtRisk,
            Some(_) => Urgency::Later,
            None => Urgency::NoDue,
        }
    }
}

/// Whether somebody has nothing to do here at all: a viewer, and a machine.
pub fn looks_on(reader: Option<&User>) -> bool {
    reader.is_none_or(|it| it.roles.iter().all(|it| it.role == Role::Viewer))
}

/// What this reader sees: what goes on right now before everything else, each by urgency, by the time that is left, and
/// what has waited longest.
/// Nobody where a machine asks.
pub fn select(entries: Vec<Entry>, reader: Option<&User>, now: DateTime<Utc>) -> Vec<Item> {
    let looks_on = looks_on(reader);
    let item = |entry: Entry| {
        let mine = reader.is_some_and(|it| entry.whom.includes(it, now));
        let shown = mine || (looks_on && entry.kind.is_public());
        shown.then(|| Item { urgency: entry.urgency(now), mine, entry })
    };
    let mut items: Vec<Item> = entries.into_iter().filter_map(item).collect();
    items.sort_by(|a, b| key(a).cmp(&key(b)));
    items
}

type Key<'a> = (
    Reverse<bool>,
    Urgency,
    Reverse<bool>,
    Option<DateTime<Utc>>,
    DateTime<Utc>,
    Kind,
    &'a str,
    &'a str,
);

/// Of what has no end nothing is known but that it has begun, so it comes after what has one.
fn key(it: &Item) -> Key<'_> {
    let entry = &it.entry;
    let known = Reverse(entry.due.is_some());
    let now = Reverse(entry.kind.goes_on());
    (now, it.urgency, known, entry.due, entry.since, entry.kind, &entry.subject, &entry.title)
}

/// The account behind an actor of the audit log.
fn account(actor: &str) -> Option<String> {
    actor.strip_prefix("user:").map(str::to_owned)
}
