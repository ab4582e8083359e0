//! The answer to a tool that asks, from what is known at that moment.

use super::{Consent, Hook, MOST_ASKED};
use crate::decide::situation::{Situation, Window};
use crate::decisions::{Decision, RuleName};
use crate::verdict::Verdict;

words!(
    /// Why a gate is open or closed.
    Why {
        // Nobody asks for an answer.
        Told = "told",
        NotSeen = "not_seen",
        KillSwitch = "kill_switch",
        Frozen = "frozen",
        RollbackOpen = "rollback_open",
        Trouble = "trouble",
        TroubleUnconfirmed = "trouble_unconfirmed",
        Waiting = "waiting",
        Refused = "refused",
        Expired = "expired",
        Consented = "consented",
        Clear = "clear",
        // A rollback was decided.
        GoingBack = "going_back",
        NoRollback = "no_rollback",
    }
);

/// What the tool is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Only a pass opens.
    pub verdict: Verdict,
    pub why: Why,
    /// People are to be asked now.
    pub ask: bool,
}

/// What is known when a tool asks. What was not looked at is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The cluster is seen now, and the workload is in it.
    pub seen: bool,
    /// Those that are on and cover the service.
    pub kill_switches: Option<Vec<String>>,
    /// The maintenance windows and freezes that run now.
    pub frozen: Option<Vec<String>>,
    /// The number of the rollback of this workload that is open.
    pub rollback: Option<String>,
    /// The signals that fire and would have it rolled back.
    pub troubles: Vec<Trouble>,
    /// The version that is released was rolled back from before.
    pub held: bool,
    /// A person agrees before a new version goes on.
    pub asks: bool,
    pub consent: Option<Consent>,
    /// A run that was approved waits for the tool to go back.
    pub going_back: bool,
}

/// A signal that fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub signal: String,
    /// Pass: somebody beside the sender says so too.
    pub confirmed: Verdict,
}

impl Trouble {
    /// Of the newest decision about an alert that fires, where there is one yet. Nothing where the signal would not
    /// have anything rolled back, or somebody who can tell says that it is not so.
    pub fn of(signal: &str, decision: Option<&Decision>) -> Option<Self> {
        let verdict = |name| decision.and_then(|it| it.rule(name)).map(|it| it.verdict);
        let opens = verdict(RuleName::Opens).unwrap_or(Verdict::Unknown);
        let confirmed = verdict(RuleName::SecondSource).unwrap_or(Verdict::Unknown);
        let counts = opens != Verdict::Fail && confirmed != Verdict::Fail;
        counts.then(|| Self { signal: signal.to_owned(), confirmed })
    }
}

impl Facts {
    /// What the rules of a rollback look at too. The rest is for the caller to add.
    pub fn of(situation: &Situation, seen: bool) -> Self {
        let rails = &situation.rails;
        let running = |it: &&Window| it.from <= situation.at && situation.at < it.to;
        let names = |windows: &[Window]| {
            let running = windows.iter().filter(running);
            running.map(|it| it.name.clone().unwrap_or_default()).collect::<Vec<_>>()
        };
        let frozen = rails.maintenance.as_ref().zip(rails.freezes.as_ref());
        Self {
            seen,
            kill_switches: rails.kill_switches.clone(),
            frozen: frozen.map(|(windows, freezes)| [names(windows), names(freezes)].concat()),
            held: rails.held.iter().flatten().any(|it| situation.is_live(it)),
            ..Self::default()
        }
    }
}

/// What somebody is told who asks at this hook. The first thing that stands in the way decides.
pub fn answer(hook: Hook, facts: &Facts) -> Answer {
    use Verdict::{Fail, Pass, Unknown};
    let told = |verdict, why| Answer { verdict, why, ask: false };
    match hook {
        Hook::Event => return told(Pass, Why::Told),
        // Whether a kill switch stops it is settled where the run is carried out: people may have confirmed it.
        Hook::Rollback if facts.going_back => return told(Pass, Why::GoingBack),
        Hook::Rollback => return told(Fail, Why::NoRollback),
        _ => {}
    }
    // A release is judged by its health alone once it is under way: a closed answer counts against it, and Flagger
    // goes back by itself when there are enough of them. Switching automation off must not bring that about.
    let goes_on = !matches!(hook, Hook::Rollout | Hook::PostRollout);
    if !facts.seen {
        return told(Unknown, Why::NotSeen);
    }
    if let Some(stop) = stopped(facts).filter(|_| goes_on) {
        return stop;
    }
    if facts.rollback.is_some() {
        return told(Fail, Why::RollbackOpen);
    }
    if facts.troubles.iter().any(|it| it.confirmed == Pass) {
        return told(Fail, Why::Trouble);
    }
    if !facts.troubles.is_empty() {
        return told(Unknown, Why::TroubleUnconfirmed);
    }
    let asks = hook.waits() && facts.asks || goes_on && facts.held;
    if asks { consented(facts.consent) } else { told(Pass, Why::Clear) }
}

/// What holds automation back, whatever is asked.
fn stopped(facts: &Facts) -> Option<Answer> {
    let told = |why| Some(Answer { verdict: Verdict::Unknown, why, ask: false });
    match (&facts.kill_switches, &facts.frozen) {
        (None, _) | (_, None) => told(Why::NotSeen),
        (Some(switches), _) if !switches.is_empty() => told(Why::KillSwitch),
        (_, Some(frozen)) if !frozen.is_empty() => told(Why::Frozen),
        _ => None,
    }
}

fn consented(consent: Option<Consent>) -> Answer {
    let told = |verdict, why| Answer { verdict, why, ask: false };
    match consent.unwrap_or(Consent::NotAsked) {
        Consent::NotAsked => Answer { ask: true, ..told(Verdict::Unknown, Why::Waiting) },
        Consent::Waiting => told(Verdict::Unknown, Why::Waiting),
        Consent::Given => told(Verdict::Pass, Why::Consented),
        Consent::Refused => told(Verdict::Fail, Why::Refused),
        Consent::Expired(times) if times < MOST_ASKED => {
            Answer { ask: true, ..told(Verdict::Unknown, Why::Waiting) }
        }
        Consent::Expired(_) => told(Verdict::Fail, Why::Expired),
    }
}
