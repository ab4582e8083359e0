//! Rails: what stops a rollback that would be a remedy.

use chrono::TimeDelta;

use super::facts::{CLOCK_SLACK, Facts};
use super::record::{fail, pass, rule, unknown};
use super::situation::{PastRollback, Window};
use super::target;
use crate::decisions::{Reason, RuleName, RuleRecord, Strategy};
use crate::policies::Mode;
use crate::verdict::Verdict;
use crate::workloads::{Owner, Update, UpdateBy};

/// A rail that lets a rollback go on while a list is empty.
fn none_of<T>(
    name: RuleName,
    list: Option<&[T]>,
    [clear, stops]: [Reason; 2],
    word: impl Fn(&T) -> &str,
) -> RuleRecord {
    match list {
        None => unknown(name, Reason::NobodyLooked),
        Some([]) => pass(name, clear),
        Some(list) => {
            let mut words: Vec<_> = list.iter().map(word).collect();
            words.sort_unstable();
            fail(name, stops).of(words.join(", "))
        }
    }
}

pub(super) fn kill_switch(f: &Facts) -> RuleRecord {
    let keys = [Reason::NoKillSwitch, Reason::KillSwitchOn];
    none_of(RuleName::KillSwitch, f.s.rails.kill_switches.as_deref(), keys, |it| it)
}

pub(super) fn mode(f: &Facts) -> RuleRecord {
    let mode = f.s.policy.mode;
    let key = match mode {
        Mode::Off => Reason::ModeOff,
        Mode::Shadow => Reason::ModeShadow,
        Mode::Suggest => Reason::ModeSuggest,
        Mode::Auto => Reason::ModeAuto,
    };
    rule(RuleName::Mode, Verdict::from(mode == Mode::Auto), key).found_text(mode.as_str())
}

pub(super) fn settled(f: &Facts) -> RuleRecord {
    let keys = [Reason::NothingElseRollsOut, Reason::AnotherRollsOut];
    let workload = &f.s.workload;
    let own = format!("{}/{}/{}", workload.namespace, workload.kind.as_str(), workload.name);
    // The rollout that is stuck is the one to be ended.
    let others = |it: &Vec<String>| it.iter().filter(|it| **it != own).cloned().collect::<Vec<_>>();
    let others = f.s.rails.other_rollouts.as_ref().map(others);
    none_of(RuleName::Settled, others.as_deref(), keys, |it| it)
}

pub(super) fn duplicate(f: &Facts) -> RuleRecord {
    match f.s.rails.duplicate {
        None => unknown(RuleName::Duplicate, Reason::NobodyLooked),
        Some(false) => pass(RuleName::Duplicate, Reason::NoDuplicate),
        Some(true) => fail(RuleName::Duplicate, Reason::AlreadyOpen),
    }
}

pub(super) fn own_rollback(f: &Facts) -> RuleRecord {
    let Some(rollbacks) = &f.s.rails.rollbacks else {
        return unknown(RuleName::OwnRollback, Reason::NobodyLooked);
    };
    match rollbacks.iter().any(|it| it.ended_at.is_none()) {
        false => pass(RuleName::OwnRollback, Reason::NoOwnRollback),
        true => fail(RuleName::OwnRollback, Reason::OwnRollbackRuns),
    }
}

fn last(rollbacks: &[PastRollback]) -> Option<&PastRollback> {
    rollbacks.iter().filter(|it| it.ended_at.is_some()).max_by_key(|it| it.ended_at)
}

pub(super) fn rollback_of_rollback(f: &Facts) -> RuleRecord {
    use RuleName::RollbackOfRollback as NAME;
    let Some(rollbacks) = &f.s.rails.rollbacks else { return unknown(NAME, Reason::NobodyLooked) };
    let Some(ended_at) = last(rollbacks).and_then(|it| it.ended_at) else {
        return match f.ours {
            false => pass(NAME, Reason::LiveIsNoRollback),
            true => fail(NAME, Reason::LiveIsARollback),
        };
    };
    let newest = || rollbacks.iter().filter(|it| it.ended_at == Some(ended_at));
    let deployed_since = f.change.is_some_and(|it| it.at - ended_at > CLOCK_SLACK);
    match () {
        () if f.ours || newest().filter_map(|it| it.to.as_ref()).any(|it| f.s.is_live(it)) => {
            fail(NAME, Reason::LiveIsARollback)
        }
        () if newest().any(|it| it.to.is_none()) && !deployed_since => {
            unknown(NAME, Reason::RollbackWentSomewhere)
        }
        () => pass(NAME, Reason::LiveIsNoRollback),
    }
}

pub(super) fn cooldown(f: &Facts) -> RuleRecord {
    use RuleName::Cooldown as NAME;
    let limit = f.s.policy.rails.cooldown_s;
    let Some(rollbacks) = &f.s.rails.rollbacks else { return unknown(NAME, Reason::NobodyLooked) };
    let Some(ended_at) = last(rollbacks).and_then(|it| it.ended_at) else {
        return pass(NAME, Reason::NoRollbackBefore).limited(f64::from(limit));
    };
    let since = f.s.at - ended_at;
    let rule = match since {
        since if since < -CLOCK_SLACK => unknown(NAME, Reason::ClockWrong),
        since if since < TimeDelta::seconds(i64::from(limit)) => fail(NAME, Reason::CoolingDown),
        _ => pass(NAME, Reason::CooledDown),
    };
    rule.found(since.as_seconds_f64()).limited(f64::from(limit))
}

/// A rail that lets a rollback go on while a count is below its limit.
fn below(
    name: RuleName,
    count: Option<u32>,
    limit: u32,
    [clear, stops]: [Reason; 2],
) -> RuleRecord {
    let rule = match count {
        None => unknown(name, Reason::NobodyLooked),
        Some(count) if count < limit => pass(name, clear).found(f64::from(count)),
        Some(count) => fail(name, stops).found(f64::from(count)),
    };
    rule.limited(f64::from(limit))
}

pub(super) fn failures_block(f: &Facts) -> RuleRecord {
    let keys = [Reason::NotBlocked, Reason::Blocked];
    let limit = f.s.policy.rails.failures_to_block;
    below(RuleName::FailuresBlock, f.s.rails.failures_in_a_row, limit, keys)
}

pub(super) fn hourly_cap(f: &Facts) -> RuleRecord {
    let keys = [Reason::BelowHourlyCap, Reason::HourlyCapReached];
    let limit = f.s.policy.rails.per_rule_hour;
    below(RuleName::HourlyCap, f.s.rails.automatic_this_hour, limit, keys)
}

pub(super) fn blast_radius(f: &Facts) -> RuleRecord {
    let keys = [Reason::BlastRadiusKept, Reason::BlastRadiusReached];
    let limit = f.s.policy.rails.blast_radius;
    below(RuleName::BlastRadius, f.s.rails.rolling_back_now, limit, keys)
}

pub(super) fn maintenance_window(f: &Facts) -> RuleRecord {
    let keys = [Reason::NoMaintenance, Reason::InMaintenance];
    window(f, RuleName::MaintenanceWindow, f.s.rails.maintenance.as_deref(), keys)
}

pub(super) fn freeze(f: &Facts) -> RuleRecord {
    window(f, RuleName::Freeze, f.s.rails.freezes.as_deref(), [Reason::NoFreeze, Reason::Frozen])
}

fn window(f: &Facts, name: RuleName, windows: Option<&[Window]>, keys: [Reason; 2]) -> RuleRecord {
    let running = |it: &&Window| it.from <= f.s.at && f.s.at < it.to;
    let ends_before_it_begins = |it: &Window| it.to < it.from;
    if windows.iter().copied().flatten().any(ends_before_it_begins) {
        return unknown(name, Reason::WindowContradicts);
    }
    let running = windows.map(|it| it.iter().filter(running).collect::<Vec<_>>());
    none_of(name, running.as_deref(), keys, |it| it.name.as_deref().unwrap_or_default())
}

pub(super) fn paused_by_other(f: &Facts) -> RuleRecord {
    use RuleName::PausedByOther as NAME;
    match f.s.workload.paused {
        None => unknown(NAME, Reason::NobodyLooked),
        Some(false) => pass(NAME, Reason::NotPaused),
        Some(true) if f.s.workload.paused_by_us => pass(NAME, Reason::PausedByUs),
        Some(true) => fail(NAME, Reason::PausedByOther),
    }
}

pub(super) fn protected_namespace(f: &Facts) -> RuleRecord {
    use RuleName::ProtectedNamespace as NAME;
    let rule = match f.s.workload.protected {
        None => unknown(NAME, Reason::NobodyLooked),
        Some(false) => pass(NAME, Reason::NotProtected),
        Some(true) => fail(NAME, Reason::Protected),
    };
    rule.of(f.s.workload.namespace.clone())
}

pub(super) fn gitops_owner(f: &Facts) -> RuleRecord {
    use RuleName::GitopsOwner as NAME;
    match &f.s.workload.owner {
        None => unknown(NAME, Reason::OwnerUnknown),
        Some(it @ (Owner::Argocd(name) | Owner::Flux(name))) => {
            fail(NAME, Reason::OwnedByGitops).of(name.clone()).found_text(it.as_str())
        }
        Some(it) => pass(NAME, Reason::NotOwnedByGitops).found_text(it.as_str()),
    }
}

pub(super) fn flagger_owner(f: &Facts) -> RuleRecord {
    use RuleName::FlaggerOwner as NAME;
    match &f.s.workload.owner {
        None => unknown(NAME, Reason::OwnerUnknown),
        Some(Owner::Flagger(name)) => fail(NAME, Reason::OwnedByFlagger).of(name.clone()),
        Some(_) => pass(NAME, Reason::NotOwnedByFlagger),
    }
}

pub(super) fn hold(f: &Facts) -> RuleRecord {
    match &f.s.rails.held {
        None => unknown(RuleName::Hold, Reason::NobodyLooked),
        Some(held) if held.iter().any(|it| f.s.is_live(it)) => fail(RuleName::Hold, Reason::Held),
        Some(_) => pass(RuleName::Hold, Reason::NotHeld),
    }
}

/// Who holds pods back by hand wants to say which ones go when.
pub(super) fn update_strategy(f: &Facts) -> RuleRecord {
    use RuleName::UpdateStrategy as NAME;
    match f.s.workload.update {
        Some(Update { by: UpdateBy::OnDelete, .. }) => {
            fail(NAME, Reason::PodsReplacedByHand).found_text(UpdateBy::OnDelete.as_str())
        }
        Some(it @ Update { partition, .. }) if !it.reaches_all() => {
            fail(NAME, Reason::HeldByPartition).found(f64::from(partition))
        }
        _ => pass(NAME, Reason::ReachesAllPods),
    }
}

pub(super) fn able(f: &Facts, strategy: Strategy) -> RuleRecord {
    let can = f.s.rails.able.as_ref().is_none_or(|it| it.contains(&strategy));
    let rule = match can || strategy == Strategy::None {
        true => pass(RuleName::Able, Reason::StrategyIsOn),
        false => fail(RuleName::Able, Reason::StrategyIsOff),
    };
    rule.of(strategy.as_str())
}

/// The fault of a drill is rehearsed as if it were the first trouble of the service.
fn unless_drilled(f: &Facts, rail: fn(&Facts) -> RuleRecord) -> RuleRecord {
    let rule = rail(f);
    match &f.s.rails.drill {
        Some(drill) => pass(rule.name, Reason::DrillsFault).of(drill.clone()),
        None => rule,
    }
}

pub(super) fn all(f: &Facts, found: &target::Found, strategy: Strategy) -> [RuleRecord; 19] {
    [
        kill_switch(f),
        mode(f),
        settled(f),
        own_rollback(f),
        rollback_of_rollback(f),
        unless_drilled(f, cooldown),
        unless_drilled(f, failures_block),
        unless_drilled(f, hourly_cap),
        unless_drilled(f, blast_radius),
        unless_drilled(f, maintenance_window),
        unless_drilled(f, freeze),
        paused_by_other(f),
        protected_namespace(f),
        gitops_owner(f),
        flagger_owner(f),
        unless_drilled(f, hold),
        update_strategy(f),
        target::present(f, found),
        able(f, strategy),
    ]
}
