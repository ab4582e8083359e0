use super::*;
use crate::verdict::Verdict::{self, Fail, Pass, Unknown};

/// Nothing stands in the way.
fn clear() -> Facts {
    Facts {
        seen: true,
        kill_switches: Some(vec![]),
        frozen: Some(vec![]),
        asks: true,
        consent: Some(Consent::Given),
        ..Facts::default()
    }
}

fn trouble(confirmed: Verdict) -> Vec<Trouble> {
    vec![Trouble { signal: "HighErrorRate".into(), confirmed }]
}

fn told(hook: Hook, facts: &Facts) -> (Verdict, Why) {
    let answer = answer(hook, facts);
    (answer.verdict, answer.why)
}

#[test]
fn each_hook_by_what_is_known() {
    use Hook::*;
    let of = |change: fn(&mut Facts)| {
        let mut facts = clear();
        change(&mut facts);
        facts
    };
    let switched = || of(|it| it.kill_switches = Some(vec!["global".into()]));
    let frozen = || of(|it| it.frozen = Some(vec!["year end".into()]));
    let firing = || of(|it| it.troubles = trouble(Pass));
    let going = || of(|it| it.going_back = true);
    for (what, facts, hook, expected) in [
        ("all is well", clear(), ConfirmPromotion, (Pass, Why::Consented)),
        ("all is well", clear(), PreRollout, (Pass, Why::Clear)),
        ("all is well", clear(), Rollout, (Pass, Why::Clear)),
        ("all is well, and nobody wants to go back", clear(), Rollback, (Fail, Why::NoRollback)),
        ("nobody listens", Facts::default(), Event, (Pass, Why::Told)),
        ("nothing is known", Facts::default(), Rollout, (Unknown, Why::NotSeen)),
        ("nothing is known", Facts::default(), ConfirmRollout, (Unknown, Why::NotSeen)),
        ("nothing is known", Facts::default(), Rollback, (Fail, Why::NoRollback)),
        (
            "rails were not looked at",
            of(|it| it.frozen = None),
            ConfirmRollout,
            (Unknown, Why::NotSeen),
        ),
        ("automation is off", switched(), ConfirmPromotion, (Unknown, Why::KillSwitch)),
        ("automation is off", switched(), Analysis, (Unknown, Why::KillSwitch)),
        // Closing here would have Flagger go back by itself.
        ("automation is off, the release is well", switched(), Rollout, (Pass, Why::Clear)),
        ("nothing is to change", frozen(), ConfirmTrafficIncrease, (Unknown, Why::Frozen)),
        ("nothing is to change", frozen(), Rollout, (Pass, Why::Clear)),
        ("a signal fires", firing(), Rollout, (Fail, Why::Trouble)),
        ("a signal fires", firing(), Analysis, (Fail, Why::Trouble)),
        (
            "somebody says so, nobody can tell",
            of(|it| it.troubles = trouble(Unknown)),
            Rollout,
            (Unknown, Why::TroubleUnconfirmed),
        ),
        (
            "it is being rolled back",
            of(|it| it.rollback = Some("RB-1".into())),
            PostRollout,
            (Fail, Why::RollbackOpen),
        ),
        ("people agreed, then it broke", firing(), ConfirmPromotion, (Fail, Why::Trouble)),
        ("a rollback was decided", going(), Rollback, (Pass, Why::GoingBack)),
        (
            "no consent is wanted",
            of(|it| {
                it.asks = false;
                it.consent = None;
            }),
            ConfirmPromotion,
            (Pass, Why::Clear),
        ),
        (
            "it was rolled back from before",
            of(|it| {
                it.asks = false;
                it.held = true;
                it.consent = None;
            }),
            ConfirmRollout,
            (Unknown, Why::Waiting),
        ),
        (
            "somebody said no",
            of(|it| it.consent = Some(Consent::Refused)),
            ConfirmPromotion,
            (Fail, Why::Refused),
        ),
        (
            "nobody came, once",
            of(|it| it.consent = Some(Consent::Expired(1))),
            ConfirmPromotion,
            (Unknown, Why::Waiting),
        ),
        (
            "nobody came, three times",
            of(|it| it.consent = Some(Consent::Expired(3))),
            ConfirmPromotion,
            (Fail, Why::Expired),
        ),
    ] {
        assert_eq!(told(hook, &facts), expected, "{what}, {}", hook.as_str());
    }
}

#[test]
fn people_are_asked_once_and_again_when_nobody_came() {
    for (consent, asks) in [
        (Consent::NotAsked, true),
        (Consent::Waiting, false),
        (Consent::Given, false),
        (Consent::Refused, false),
        (Consent::Expired(2), true),
        (Consent::Expired(3), false),
    ] {
        let facts = Facts { consent: Some(consent), ..clear() };
        assert_eq!(answer(Hook::ConfirmRollout, &facts).ask, asks, "{consent:?}");
        // Not while something else stands in the way: what they would agree to would not come about.
        let facts = Facts { troubles: trouble(Pass), ..facts };
        assert!(!answer(Hook::ConfirmRollout, &facts).ask, "{consent:?}");
    }
}

#[test]
fn less_knowledge_never_opens() {
    for hook in Hook::ALL.iter().filter(|it| !matches!(it, Hook::Event | Hook::Rollback)) {
        for facts in
            [Facts { seen: false, ..clear() }, Facts { troubles: trouble(Unknown), ..clear() }]
        {
            assert!(!answer(*hook, &facts).verdict.passed(), "{hook:?} {facts:?}");
        }
    }
}

#[test]
fn a_canary_has_gone_back_when_it_failed_after_the_wish() {
    let at = |s| DateTime::UNIX_EPOCH + TimeDelta::milliseconds(s);
    let canary = |phase, since| Canary {
        uid: "u".into(),
        phase,
        failed_checks: 0,
        weight: 0,
        since: Some(at(since)),
        suspended: false,
    };
    for (phase, since, expected) in [
        (Some(Phase::Progressing), 0, WentBack::NotYet),
        (Some(Phase::WaitingPromotion), 0, WentBack::NotYet),
        (Some(Phase::Failed), 9_000, WentBack::Before),
        // Times in the API have no fractions.
        (Some(Phase::Failed), 10_000, WentBack::Yes),
        (Some(Phase::Succeeded), 12_000, WentBack::Nothing),
        (Some(Phase::Promoting), 12_000, WentBack::Nothing),
        (None, 0, WentBack::Nothing),
    ] {
        assert_eq!(went_back(&canary(phase, since), at(10_500)), expected, "{phase:?}");
    }
}
