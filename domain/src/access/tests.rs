use uuid::Uuid;

use super::*;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn user(roles: &[Role], teams: &[&str]) -> User {
    User {
        id: UserId(Uuid::nil()),
        name: "a".into(),
        roles: roles.iter().map(|&role| Held { role, approves_from: NOW }).collect(),
        teams: teams.iter().map(|&it| it.into()).collect(),
    }
}

fn token(scopes: &[Scope], services: &[&str]) -> Token {
    Token {
        id: TokenId(Uuid::nil()),
        name: "t".into(),
        scopes: scopes.to_vec(),
        services: services.iter().map(|&it| it.into()).collect(),
    }
}

/// The whole table as it stands in the design, one line for each action.
#[test]
fn the_table_is_the_one_that_was_agreed() {
    let cell = |role, action| match grant(role, action) {
        Grant::No => "-",
        Grant::Yes => "yes",
        Grant::OwnTeam => "own",
        Grant::MemberOf(team) => team,
        Grant::Database => "db",
    };
    let lines = Action::ALL.iter().filter(|&&it| rule(it).scope.is_some()).map(|&action| {
        let cells: Vec<_> = Role::ALL.iter().map(|&role| cell(role, action)).collect();
        format!("{} {}", action.as_str(), cells.join(" "))
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_grant_reaches_as_far_as_it_says() {
    let ours = Place::service("api", "platform");
    for (role, teams, action, place, expected) in [
        (Role::Viewer, vec![], Action::Read, ours, true),
        (Role::Viewer, vec![], Action::RequestRollback, ours, false),
        (Role::Responder, vec!["platform"], Action::RequestRollback, ours, true),
        (Role::Responder, vec!["cache"], Action::RequestRollback, ours, false),
        (Role::Responder, vec![], Action::RequestRollback, Place::default(), false),
        (Role::Dba, vec![], Action::ApproveRollback, ours, false),
        (Role::Dba, vec![], Action::ApproveRollback, ours.touching_database(true), true),
        (Role::Responder, vec!["communications"], Action::SendNotice, ours, true),
        (Role::Responder, vec!["platform"], Action::SendNotice, ours, false),
        (Role::Admin, vec![], Action::ApproveRollback, ours, false),
    ] {
        let caller = Caller::Person(user(&[role], &teams));
        assert_eq!(caller.may(action, &place, NOW), expected, "{role:?} {action:?} {place:?}");
        assert!(!expected || caller.may_somewhere(action, NOW));
    }
}

#[test]
fn a_fresh_role_does_everything_but_approve() {
    let mut fresh = user(&[Role::Sre], &[]);
    fresh.roles[0].approves_from = NOW + FRESH;
    let caller = Caller::Person(fresh.clone());
    assert!(caller.may(Action::RequestRollback, &Place::default(), NOW));
    assert!(!caller.may_somewhere(Action::ApproveRollback, NOW));
    assert!(caller.may(Action::ApproveRollback, &Place::default(), NOW + FRESH));
    assert_eq!(fresh.approving_roles(NOW), []);
}

#[test]
fn a_token_never_does_more_than_its_owner_nor_than_it_says() {
    let sre = user(&[Role::Sre], &[]);
    let viewer = user(&[Role::Viewer], &[]);
    let anywhere = Place::default();
    let reading = token(&[Scope::Read], &[]);
    let approving = token(&[Scope::Approve], &[]);
    for (caller, action, expected) in [
        (Caller::Personal(sre.clone(), reading.clone()), Action::Read, true),
        (Caller::Personal(sre.clone(), reading.clone()), Action::ApproveRollback, false),
        (Caller::Personal(sre.clone(), approving.clone()), Action::ApproveRollback, true),
        (Caller::Personal(viewer, approving), Action::ApproveRollback, false),
        (Caller::Personal(sre, reading), Action::EditProfile, false),
    ] {
        assert_eq!(caller.may(action, &anywhere, NOW), expected, "{caller:?} {action:?}");
    }
}

#[test]
fn machines_judge_nothing_whatever_their_token_says() {
    let machine = Caller::Machine(token(Scope::ALL, &[]));
    for &action in Action::ALL {
        let expected = rule(action).kind == Kind::Act;
        assert_eq!(machine.may(action, &Place::default(), NOW), expected, "{action:?}");
    }
    for action in [Action::ApproveRollback, Action::SignOffDrill, Action::KillSwitchOff] {
        assert!(!machine.may_somewhere(action, NOW), "{action:?}");
    }
}

#[test]
fn a_bound_token_acts_only_on_its_services() {
    let machine = Caller::Machine(token(&[Scope::Read, Scope::RollbacksRequest], &["api"]));
    for (action, place, expected) in [
        (Action::RequestRollback, Place::service("api", "platform"), true),
        (Action::RequestRollback, Place::service("pay", "platform"), false),
        (Action::RequestRollback, Place::default(), false),
        (Action::Read, Place::default(), true),
    ] {
        assert_eq!(machine.may(action, &place, NOW), expected, "{action:?} {place:?}");
    }
    assert!(machine.may_somewhere(Action::RequestRollback, NOW));
}
