//! The table itself: one row for each action, one column for each role.

use super::{Place, Role, Scope};

/// What a role may do with an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    No,
    Yes,
    /// Where the caller's own team is the owner.
    OwnTeam,
    /// Only for members of the team with this name.
    MemberOf(&'static str),
    /// Where a database is touched.
    Database,
}

impl Grant {
    pub(super) fn covers(self, place: &Place<'_>, teams: &[String]) -> bool {
        let member = |team: &str| teams.iter().any(|it| it == team);
        match self {
            Grant::No => false,
            Grant::Yes => true,
            Grant::OwnTeam => place.team.is_some_and(member),
            Grant::MemberOf(team) => member(team),
            Grant::Database => place.database,
        }
    }

    pub(super) fn covers_something(self, teams: &[String]) -> bool {
        match self {
            Grant::No => false,
            Grant::Yes | Grant::Database => true,
            Grant::OwnTeam => !teams.is_empty(),
            Grant::MemberOf(team) => teams.iter().any(|it| it == team),
        }
    }
}

/// What an action asks of the caller beside the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A person or a machine.
    Act,
    /// A person, because it is a judgement: signing off, accepting, verifying, lifting a rail.
    Judge,
    /// A person whose role is not fresh.
    Approve,
    /// Anybody for themselves, signed in with a browser.
    Own,
    /// The product's own workers; nobody can ask for it.
    Worker,
}

pub(super) struct Rule {
    pub(super) kind: Kind,
    /// What a token needs to do it; nothing means that no token is enough.
    pub(super) scope: Option<Scope>,
    grants: [Grant; Role::ALL.len()],
}

pub(super) fn grant(role: Role, action: Action) -> Grant {
    rule(action).grants[role as usize]
}

words!(
    /// Everything that is done here, spelled as in the audit log.
    Action {
        Read = "read",
        ReadRestrictedEvidence = "read_restricted_evidence",
        ExportBundle = "export_bundle",
        OpenIncident = "open_incident",
        WriteTimeline = "write_timeline",
        UploadEvidence = "upload_evidence",
        EraseEvidence = "erase_evidence",
        PerformDrillStep = "perform_drill_step",
        ManageIncident = "manage_incident",
        SendNotice = "send_notice",
        RequestRollback = "request_rollback",
        RequestRun = "request_run",
        ResumeRun = "resume_run",
        ApproveRollback = "approve_rollback",
        ApproveRun = "approve_run",
        CancelRollback = "cancel_rollback",
        PauseRun = "pause_run",
        ConfirmChecklist = "confirm_checklist",
        PlanDrill = "plan_drill",
        RunDrill = "run_drill",
        RecordSpotCheck = "record_spot_check",
        SignOffDrill = "sign_off_drill",
        AcceptSpotCheck = "accept_spot_check",
        PublishPostMortem = "publish_post_mortem",
        CloseQuarter = "close_quarter",
        VerifyActionItem = "verify_action_item",
        EditRunbook = "edit_runbook",
        EditCheck = "edit_check",
        EditSignal = "edit_signal",
        EditPolicy = "edit_policy",
        MarkRevision = "mark_revision",
        ImportCatalog = "import_catalog",
        EditObjective = "edit_objective",
        ConsentVersion = "consent_version",
        KillSwitchOn = "kill_switch_on",
        KillSwitchOff = "kill_switch_off",
        AcknowledgeBlock = "acknowledge_block",
        WaiveRail = "waive_rail",
        ReadUsers = "read_users",
        AdministerUsers = "administer_users",
        RequestGrant = "request_grant",
        ConsentGrant = "consent_grant",
        AdministerTokens = "administer_tokens",
        AdministerChannels = "administer_channels",
        AdministerClusters = "administer_clusters",
        AdministerAgents = "administer_agents",
        AdministerHolidays = "administer_holidays",
        ReceiveAlert = "receive_alert",
        RecordChange = "record_change",
        EditProfile = "edit_profile",
        SignIn = "sign_in",
        SignInRefused = "sign_in_refused",
        SignOut = "sign_out",
        Observe = "observe",
        Decide = "decide",
        ExecuteRollback = "execute_rollback",
        ExecuteStep = "execute_step",
        VerifyRollback = "verify_rollback",
        FollowDrill = "follow_drill",
        StoreReport = "store_report",
        AnswerGate = "answer_gate",
        Escalate = "escalate",
        FillDemo = "fill_demo",
    }
);

impl Action {
    /// The roles that may do it, at some place at least; none for what only workers do.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        let nobody = rule(self).kind == Kind::Worker;
        Role::ALL.iter().copied().filter(move |role| !nobody && grant(*role, self) != Grant::No)
    }
}

#[rustfmt::skip] // A table is read by its columns.
pub(super) const fn rule(action: Action) -> Rule {
    use Action as A;
    use Grant::{Database as Db, MemberOf, No, OwnTeam as Own, Yes};
    use Kind::{Act, Approve, Judge};
    use Scope as S;
    const COMMS: Grant = MemberOf("communications");

    const fn row(kind: Kind, scope: Scope, grants: [Grant; Role::ALL.len()]) -> Rule {
        Rule { kind, scope: Some(scope), grants }
    }

    match action {
        //                                                          viewer responder sre  dba  pmo  admin
        A::Read                    => row(Act, S::Read,             [Yes, Yes,      Yes, Yes, Yes, Yes]),
        A::ReadRestrictedEvidence
        | A::ExportBundle          => row(Act, S::Read,             [No,  Own,      Yes, Yes, Yes, No]),
        A::OpenIncident
        | A::WriteTimeline         => row(Act, S::IncidentsWrite,   [No,  Yes,      Yes, Yes, Yes, No]),
        A::UploadEvidence          => row(Act, S::EvidenceWrite,    [No,  Yes,      Yes, Yes, Yes, No]),
        A::PerformDrillStep        => row(Judge, S::DrillsWrite,    [No,  Yes,      Yes, Yes, Yes, No]),
        A::ManageIncident
        | A::SendNotice            => row(Act, S::IncidentsWrite,   [No,  COMMS,    Yes, Yes, Yes, No]),
        A::RequestRollback
        | A::RequestRun
        | A::ResumeRun             => row(Act, S::RollbacksRequest, [No,  Own,      Yes, Db,  No,  No]),
        A::ApproveRollback
        | A::ApproveRun            => row(Approve, S::Approve,      [No,  No,       Yes, Db,  No,  No]),
        A::CancelRollback
        | A::PauseRun              => row(Act, S::RollbacksRequest, [No,  Own,      Yes, Yes, Yes, Yes]),
        A::ConfirmChecklist        => row(Judge, S::Approve,        [No,  Own,      Yes, Yes, No,  No]),
        A::PlanDrill
        | A::RunDrill              => row(Act, S::DrillsWrite,      [No,  No,       Yes, No,  Yes, No]),
        A::RecordSpotCheck         => row(Act, S::DrillsWrite,      [No,  Own,      Yes, Yes, No,  No]),
        A::SignOffDrill
        | A::AcceptSpotCheck
        | A::PublishPostMortem
        | A::CloseQuarter          => row(Judge, S::Approve,        [No,  No,       No,  No,  Yes, No]),
        A::VerifyActionItem        => row(Judge, S::Approve,        [No,  Yes,      Yes, Yes, Yes, No]),
        A::EditRunbook             => row(Act, S::CatalogWrite,     [No,  Own,      Yes, Db,  No,  No]),
        A::EditCheck
        | A::EditSignal
        | A::EditPolicy
        | A::ImportCatalog         => row(Act, S::CatalogWrite,     [No,  No,       Yes, Db,  No,  No]),
        A::MarkRevision            => row(Judge, S::CatalogWrite,   [No,  No,       Yes, Db,  No,  No]),
        A::EditObjective           => row(Act, S::CatalogWrite,     [No,  No,       Yes, Db,  Yes, No]),
        A::ConsentVersion          => row(Approve, S::Approve,      [No,  No,       Yes, Db,  No,  No]),
        A::KillSwitchOn            => row(Act, S::Rails,            [No,  Yes,      Yes, Yes, Yes, Yes]),
        A::KillSwitchOff
        | A::AcknowledgeBlock
        | A::WaiveRail             => row(Judge, S::Rails,          [No,  No,       Yes, No,  No,  No]),
        A::ReadUsers
        | A::AdministerChannels
        | A::AdministerClusters
        | A::AdministerAgents
        | A::AdministerHolidays    => row(Act, S::Admin,            [No,  No,       No,  No,  No,  Yes]),
        // A machine that could make tokens or users could give itself any right, and no machine knows what the law asks.
        A::AdministerUsers
        | A::EraseEvidence
        | A::RequestGrant
        | A::AdministerTokens      => row(Judge, S::Admin,          [No,  No,       No,  No,  No,  Yes]),
        A::ConsentGrant            => row(Approve, S::Admin,        [No,  No,       No,  No,  No,  Yes]),
        // What monitoring and pipelines tell. A person may do it by hand, with a token like theirs.
        A::ReceiveAlert            => row(Act, S::AlertsWrite,      [No,  No,       Yes, No,  No,  No]),
        A::RecordChange            => row(Act, S::ChangesWrite,     [No,  No,       Yes, Yes, No,  No]),
        A::EditProfile | A::SignOut => Rule { kind: Kind::Own, scope: None, grants: [No; Role::ALL.len()] },
        A::SignIn
        | A::SignInRefused
        | A::Observe
        | A::Decide
        | A::ExecuteRollback
        | A::ExecuteStep
        | A::VerifyRollback
        | A::FollowDrill
        | A::StoreReport
        | A::AnswerGate
        | A::Escalate
        | A::FillDemo => Rule { kind: Kind::Worker, scope: None, grants: [No; Role::ALL.len()] },
    }
}
