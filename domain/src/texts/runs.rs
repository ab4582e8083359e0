//! Plans and runs in words: what a step does, what there is to say about it, what moved.

use super::{Each, Lang, objects, releases};
use crate::approvals::Refusal as Unapproved;
use crate::plans::{Action, Moved, Protection, Step, StepKind};
use crate::runs::{Note, Refusal, StateName};
use crate::services::WorkloadRef;

pub use super::commands::command;

pub struct Texts {
    pub title: &'static str,
    pub lede: &'static str,
    pub nothing_yet: &'static str,
    /// What who approves says by that.
    pub checked: &'static str,
    pub pause: &'static str,
    pub pause_question: &'static str,
    pub resume: &'static str,
    pub resume_question: &'static str,
    pub abort: &'static str,
    pub abort_question: &'static str,
    pub retry: &'static str,
    pub retry_question: &'static str,
    pub confirm: &'static str,
    pub state_of: fn(StateName) -> &'static str,
    pub step_state_of: fn(&str) -> &'static str,
    pub refused: fn(Refusal) -> &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "执行",
        lede: "每一份计划的执行：谁要求、谁批准、每一步做了什么、凭什么证明。",
        nothing_yet: "还没有执行。",
        checked: "我已核对每一步和线上状态",
        pause: "暂停",
        pause_question: "在下一个动作之前暂停？",
        resume: "继续",
        resume_question: "继续执行剩下的步骤？",
        abort: "中止",
        abort_question: "中止？已经完成的步骤不会撤销。",
        retry: "重试",
        retry_question: "从失败的一步重新开始？",
        confirm: "确认完成",
        state_of: |state| match state {
            StateName::AwaitingApproval => "待批准",
            StateName::Approved => "已批准",
            StateName::Running => "执行中",
            StateName::Paused => "已暂停",
            StateName::Succeeded => "成功",
            StateName::Failed => "失败",
            StateName::Aborted => "已中止",
            StateName::Rejected => "已拒绝",
            StateName::Expired => "已过期",
            StateName::Superseded => "已失效",
        },
        step_state_of: |state| match state {
            "pending" => "未开始",
            "running" => "执行中",
            "succeeded" => "完成",
            "no_change" => "无需改动",
            "refused" => "被拒",
            "failed" => "失败",
            "skipped" => "跳过",
            "aborted" => "中止",
            _ => "未知",
        },
        refused: |refusal| match refusal {
            Refusal::Approval(it) => unapproved(it, Lang::Zh),
            Refusal::Ended => "该执行已经结束。",
            Refusal::NotBegun => "该执行尚未开始。",
            Refusal::NotPaused => "该执行没有暂停。",
            Refusal::Paused => "该执行已经暂停。",
            Refusal::NotFailed => "只有在某一步失败的执行才能重试。",
            Refusal::NotWaiting => "这一步不在等人。",
            Refusal::ReasonMissing => "请说明理由。",
        },
    },
    en: Texts {
        title: "Runs",
        lede: "Every plan that was carried out: who asked, who approved, what each step did, and how that is known.",
        nothing_yet: "No runs yet.",
        checked: "I have read every step and the live state",
        pause: "Pause",
        pause_question: "Pause before the next step that acts?",
        resume: "Resume",
        resume_question: "Go on with the steps that are left?",
        abort: "Abort",
        abort_question: "Abort? What is done stays done.",
        retry: "Try again",
        retry_question: "Begin again at the step that failed?",
        confirm: "Confirm",
        state_of: |state| match state {
            StateName::AwaitingApproval => "Awaiting approval",
            StateName::Approved => "Approved",
            StateName::Running => "Running",
            StateName::Paused => "Paused",
            StateName::Succeeded => "Succeeded",
            StateName::Failed => "Failed",
            StateName::Aborted => "Aborted",
            StateName::Rejected => "Rejected",
            StateName::Expired => "Expired",
            StateName::Superseded => "Superseded",
        },
        step_state_of: |state| match state {
            "pending" => "pending",
            "running" => "running",
            "succeeded" => "done",
            "no_change" => "no change",
            "refused" => "refused",
            "failed" => "failed",
            "skipped" => "skipped",
            "aborted" => "aborted",
            _ => "unknown",
        },
        refused: |refusal| match refusal {
            Refusal::Approval(it) => unapproved(it, Lang::En),
            Refusal::Ended => "This run has ended.",
            Refusal::NotBegun => "This run has not begun.",
            Refusal::NotPaused => "This run is not paused.",
            Refusal::Paused => "This run is paused already.",
            Refusal::NotFailed => "Only a run that failed at a step can be tried again.",
            Refusal::NotWaiting => "This step does not wait for a person.",
            Refusal::ReasonMissing => "Please say why.",
        },
    },
};

fn unapproved(refusal: Unapproved, lang: Lang) -> &'static str {
    match (refusal, lang) {
        (Unapproved::OwnRequest, Lang::Zh) => "不能批准自己申请的。",
        (Unapproved::OwnRequest, Lang::En) => "You cannot approve what you requested yourself.",
        (Unapproved::WrongRole, Lang::Zh) => "这里要求的角色，你现在没有可用于批准的。",
        (Unapproved::WrongRole, Lang::En) => {
            "None of your roles that may approve by now is asked for here."
        }
        (Unapproved::Again, Lang::Zh) => "你已经对此做过决定。",
        (Unapproved::Again, Lang::En) => "You have decided on this already.",
        (Unapproved::Moved, Lang::Zh) => "计划或线上状态已变，请重新阅读后再决定。",
        (Unapproved::Moved, Lang::En) => {
            "The plan has changed since you read it; read it again before you decide."
        }
        (Unapproved::Expired, Lang::Zh) => "批准时间已过。",
        (Unapproved::Expired, Lang::En) => "The time for approval is over.",
        (Unapproved::Spent, Lang::Zh) => "批准已经用掉：执行已开始或已结束。",
        (Unapproved::Spent, Lang::En) => "The approval was spent: the run has begun or ended.",
        (Unapproved::Rejected, Lang::Zh) => "已有人拒绝。",
        (Unapproved::Rejected, Lang::En) => "Somebody rejected it.",
        (Unapproved::ReasonMissing, Lang::Zh) => "拒绝时请说明理由。",
        (Unapproved::ReasonMissing, Lang::En) => "A rejection says why.",
    }
}

/// What a step does, as the plan lists it.
pub fn step(step: &Step, lang: Lang) -> String {
    let of = |workload: &WorkloadRef, zh: &str, en: &str| match lang {
        Lang::Zh => format!("{zh} {}/{}", workload.kind.as_str(), workload.name),
        Lang::En => format!("{en} {}/{}", workload.kind.as_str(), workload.name),
    };
    match (&step.kind, lang) {
        (StepKind::Kubernetes { workload, action }, _) => match action {
            Action::RolloutUndo { to_revision, .. } => {
                let undo = of(workload, "回滚", "roll back");
                format!("{undo} → {to_revision}")
            }
            Action::Pause => of(workload, "暂停发布", "pause the rollout of"),
            Action::Resume => of(workload, "恢复发布", "resume the rollout of"),
            Action::Restart => of(workload, "重启", "restart"),
            Action::SetImage { .. } => of(workload, "更换镜像", "set the images of"),
            Action::Scale { replicas } => {
                format!("{} → {replicas}", of(workload, "调整副本数", "scale"))
            }
            Action::ReplacePods => of(
                workload,
                "逐个删除阻塞的旧 Pod（序号从高到低）",
                "delete the pods that hold up, one by one, of",
            ),
            Action::WaitRollout => of(workload, "等待副本就绪", "wait for the pods of"),
            Action::Promote => of(workload, "越过暂停点", "go on past the pause of"),
            Action::PromoteFull => of(workload, "跳过剩余步骤", "skip the steps left of"),
            Action::Abort => of(workload, "中止灰度", "abort the canary of"),
            Action::Retry => of(workload, "重新开始灰度", "begin again the canary of"),
        },
        (StepKind::Object { object, action }, _) => objects::step(object, action, lang),
        (StepKind::Release { release, to_revision, .. }, _) => {
            releases::step(&release.name, *to_revision, lang)
        }
        // Whoever approves a fault sees which one.
        (StepKind::Inject { workload, images }, _) => {
            let images: Vec<_> =
                images.iter().map(|(name, image)| format!("{name} → {image}")).collect();
            let inject = of(workload, "注入故障", "inject the fault into");
            format!("{inject}: {}", images.join(", "))
        }
        (StepKind::Gate { hook, of, .. }, Lang::Zh) => {
            format!("打开 {of} 的闸门 {}", hook.as_str())
        }
        (StepKind::Gate { hook, of, .. }, Lang::En) => {
            format!("open the gate {} of {of}", hook.as_str())
        }
        (StepKind::Wait { seconds }, Lang::Zh) => format!("等待 {seconds} 秒"),
        (StepKind::Wait { seconds }, Lang::En) => format!("wait {seconds} s"),
        (StepKind::Manual { instruction, .. }, _) => instruction.clone(),
        (StepKind::Check { .. } | StepKind::Approval, _) => step.name.clone(),
    }
}

/// What a step does to a protection of the service.
pub fn protection(it: &Protection, lang: Lang) -> String {
    match (it, lang) {
        (Protection::Pauses(name), Lang::Zh) => format!("暂停保护 {name}"),
        (Protection::Pauses(name), Lang::En) => format!("pauses {name}"),
        (Protection::Resumes(name), Lang::Zh) => format!("恢复保护 {name}"),
        (Protection::Resumes(name), Lang::En) => format!("resumes {name}"),
    }
}

/// What there is to say about a step or a run.
pub fn note(note: &Note, lang: Lang) -> String {
    match lang {
        Lang::Zh => chinese(note),
        Lang::En => english(note),
    }
}

fn chinese(note: &Note) -> String {
    match note {
        Note::Person { by, reason } if reason.is_empty() => by.clone(),
        Note::Person { by, reason } => format!("{by}：{reason}"),
        Note::KillSwitch { scope, reason } => format!("终止开关 {scope} 已按下：{reason}"),
        Note::PausedTooLong => "暂停太久，已结束".into(),
        Note::TimedOut { seconds } => format!("{seconds} 秒内没有完成"),
        Note::Trouble { what } => format!("遇到问题：{what}"),
        Note::Undone { revision } => format!("已回到修订 {revision}"),
        Note::Paused => "已暂停发布".into(),
        Note::Resumed => "已恢复发布".into(),
        Note::Restarted => "已重启".into(),
        Note::ImagesSet => "镜像已更换".into(),
        Note::Scaled { from, to } => format!("副本数 {from} → {to}"),
        Note::RolledOut { ready } => format!("{ready} 个副本全部就绪"),
        Note::Waited { seconds } => format!("等了 {seconds} 秒"),
        Note::Checked { message, .. } => message.clone(),
        Note::AlreadyAt { revision } => format!("当前模板已与修订 {revision} 一致，无需改动"),
        Note::AlreadyPaused => "本来就已暂停".into(),
        Note::NotPaused => "本来就没有暂停".into(),
        Note::ImagesThere => "镜像已经是这样".into(),
        Note::ReplicasThere { replicas } => format!("副本数已经是 {replicas}"),
        Note::NoRevision { revision, known } => {
            format!("历史中没有修订 {revision}；现有：{}", numbers(known))
        }
        Note::NoEarlierRevision => "没有更早的修订".into(),
        Note::PausedByOther => "发布被别人暂停；先恢复，再回滚".into(),
        Note::Protected { namespace } => format!("命名空间 {namespace} 受保护，这里什么都不做"),
        Note::Pruned { revision } => {
            format!("修订 {revision} 已从集群清除；用保存的模板恢复须有人批准")
        }
        Note::NoContainer { container, known } => {
            format!("没有容器 {container}；现有：{}", known.join("、"))
        }
        Note::NotForKind { kind, action } => format!("{kind} 不支持 {action}"),
        Note::NoCluster { cluster } => format!("目录里没有集群 {cluster}"),
        Note::RollingOut { ready, updated, wanted } => {
            format!("就绪 {ready}，已更新 {updated}，共需 {wanted}")
        }
        Note::RolloutStuck { reason } => format!("发布卡住：{reason}"),
        Note::WaitsForPerson => "等待人工确认".into(),
        Note::Steered { action } => match action.as_str() {
            "promote" => "已越过暂停点，继续发布".into(),
            "promote_full" => "已跳过剩余步骤，全量发布".into(),
            "abort" => "已中止，流量回到稳定版；规格里仍是坏版本，还须回退".into(),
            _ => "已重新开始".into(),
        },
        Note::AbortedAlready => "本来就已中止".into(),
        Note::NotAborted => "本来就没有中止".into(),
        Note::PromotedFully => "已经在全量发布".into(),
        Note::GateOpen => "闸门已开，这个版本可以继续".into(),
        Note::GoingBack { phase, weight } => {
            format!("回退闸门已开，等 Flagger 来问（{phase}，流量 {weight}%）")
        }
        Note::WentBack => "Flagger 已回到主版本".into(),
        Note::BackAlready => "在此之前就已回到主版本".into(),
        Note::NothingToGoBack { phase } => {
            format!("没有进行中的发布可回退（{phase}）；Flagger 只在发布途中询问")
        }
        Note::OwnedByFlagger { canary } => {
            format!("由 Flagger 的 Canary {canary} 掌管，会被它改回；请用它的回退闸门")
        }
        Note::RolledOutToPartition { .. }
        | Note::PodsDeleted { .. }
        | Note::NoPodInTheWay
        | Note::NotObserved
        | Note::PodTerminating { .. }
        | Note::PodStarting { .. }
        | Note::PodsLeft { .. }
        | Note::OnDelete { .. }
        | Note::Autoscaled { .. } => super::sets::note(note, Lang::Zh),
        Note::Object { said } => objects::chinese(said),
        Note::Release { said } => releases::said(said, Lang::Zh),
    }
}

fn english(note: &Note) -> String {
    match note {
        Note::Person { by, reason } if reason.is_empty() => by.clone(),
        Note::Person { by, reason } => format!("{by}: {reason}"),
        Note::KillSwitch { scope, reason } => format!("the kill switch {scope} is on: {reason}"),
        Note::PausedTooLong => "it was paused for too long and has ended".into(),
        Note::TimedOut { seconds } => format!("not done within {seconds} s"),
        Note::Trouble { what } => what.clone(),
        Note::Undone { revision } => format!("back at revision {revision}"),
        Note::Paused => "the rollout is paused".into(),
        Note::Resumed => "the rollout is resumed".into(),
        Note::Restarted => "restarted".into(),
        Note::ImagesSet => "the images are set".into(),
        Note::Scaled { from, to } => format!("replicas {from} → {to}"),
        Note::RolledOut { ready } => format!("all {ready} pods are ready"),
        Note::Waited { seconds } => format!("waited {seconds} s"),
        Note::Checked { message, .. } => message.clone(),
        Note::AlreadyAt { revision } => {
            format!("the template is that of revision {revision} already; nothing to do")
        }
        Note::AlreadyPaused => "it was paused already".into(),
        Note::NotPaused => "it was not paused".into(),
        Note::ImagesThere => "the images are there already".into(),
        Note::ReplicasThere { replicas } => format!("there are {replicas} replicas already"),
        Note::NoRevision { revision, known } => {
            format!(
                "unable to find revision {revision} in the history; there are {}",
                numbers(known)
            )
        }
        Note::NoEarlierRevision => "there is no earlier revision".into(),
        Note::PausedByOther => "somebody paused the rollout; resume it first".into(),
        Note::Protected { namespace } => {
            format!("the namespace {namespace} is protected; nothing is done there")
        }
        Note::Pruned { revision } => {
            format!(
                "revision {revision} is gone from the cluster; its stored template takes a person's approval"
            )
        }
        Note::NoContainer { container, known } => {
            format!("there is no container {container}; there are {}", known.join(", "))
        }
        Note::NotForKind { kind, action } => format!("{action} is not for a {kind}"),
        Note::NoCluster { cluster } => format!("the catalog has no cluster {cluster}"),
        Note::RollingOut { ready, updated, wanted } => {
            format!("{ready} ready, {updated} updated, of {wanted}")
        }
        Note::RolloutStuck { reason } => format!("the rollout is stuck: {reason}"),
        Note::WaitsForPerson => "waits for a person".into(),
        Note::Steered { action } => match action.as_str() {
            "promote" => "past the pause, and going on".into(),
            "promote_full" => "the steps that were left are skipped".into(),
            "abort" => "aborted: the traffic is back on the stable version; the spec still names the bad one".into(),
            _ => "begun again".into(),
        },
        Note::AbortedAlready => "it was aborted already".into(),
        Note::NotAborted => "it was not aborted".into(),
        Note::PromotedFully => "it is being promoted in full already".into(),
        Note::GateOpen => "the gate is open: this version may go on".into(),
        Note::GoingBack { phase, weight } => {
            format!(
                "the gate for going back is open; Flagger has not asked yet ({phase}, {weight} % of the traffic)"
            )
        }
        Note::WentBack => "Flagger has gone back to the primary".into(),
        Note::BackAlready => "it had gone back to the primary already".into(),
        Note::NothingToGoBack { phase } => {
            format!("no release is under way ({phase}), and Flagger asks only during one")
        }
        Note::OwnedByFlagger { canary } => {
            format!(
                "Flagger's Canary {canary} owns it and would put it back; use its gate for going back"
            )
        }
        Note::RolledOutToPartition { .. }
        | Note::PodsDeleted { .. }
        | Note::NoPodInTheWay
        | Note::NotObserved
        | Note::PodTerminating { .. }
        | Note::PodStarting { .. }
        | Note::PodsLeft { .. }
        | Note::OnDelete { .. }
        | Note::Autoscaled { .. } => super::sets::note(note, Lang::En),
        Note::Object { said } => objects::english(said),
        Note::Release { said } => releases::said(said, Lang::En),
    }
}

/// What is no longer as the plan found it.
pub fn moved(moved: &Moved, lang: Lang) -> String {
    match (moved, lang) {
        (Moved::Gone { workload }, Lang::Zh) => format!("{} 已不存在", workload.name),
        (Moved::Gone { workload }, Lang::En) => format!("{} is gone", workload.name),
        (Moved::Replaced { workload, .. }, Lang::Zh) => {
            format!("{} 已被同名的新对象取代", workload.name)
        }
        (Moved::Replaced { workload, .. }, Lang::En) => {
            format!("another object is called {} now", workload.name)
        }
        (Moved::Template { workload, expected, found }, Lang::Zh) => {
            format!(
                "{} 的模板已变（{} → {}）：有人又发布了",
                workload.name,
                expected.short(),
                found.short()
            )
        }
        (Moved::Template { workload, expected, found }, Lang::En) => format!(
            "the template of {} has changed ({} → {}): somebody deployed meanwhile",
            workload.name,
            expected.short(),
            found.short()
        ),
        (Moved::Paused { workload, found: true }, Lang::Zh) => {
            format!("{} 已被暂停", workload.name)
        }
        (Moved::Paused { workload, found: true }, Lang::En) => {
            format!("{} was paused", workload.name)
        }
        (Moved::Paused { workload, found: false }, Lang::Zh) => {
            format!("{} 已被恢复", workload.name)
        }
        (Moved::Paused { workload, found: false }, Lang::En) => {
            format!("{} was resumed", workload.name)
        }
        (Moved::Replicas { workload, expected, found }, Lang::Zh) => {
            format!("{} 的副本数已变：{expected} → {found}", workload.name)
        }
        (Moved::Replicas { workload, expected, found }, Lang::En) => {
            format!("the replicas of {} have changed: {expected} → {found}", workload.name)
        }
        (Moved::Steered { workload }, Lang::Zh) => {
            format!("{} 的灰度已被别人推进、中止或重新开始", workload.name)
        }
        (Moved::Steered { workload }, Lang::En) => {
            format!("somebody promoted, aborted or began again the canary of {}", workload.name)
        }
        (
            Moved::ObjectGone { .. } | Moved::ObjectReplaced { .. } | Moved::ObjectChanged { .. },
            _,
        ) => objects::moved(moved, lang),
        (Moved::Late { .. }, Lang::Zh) => "批准后一刻钟内没能开始".into(),
        (Moved::Late { .. }, Lang::En) => {
            "nobody could begin within a quarter of an hour of the approval".into()
        }
        (Moved::Target { workload, revision }, Lang::Zh) => {
            format!("{} 的修订 {revision} 已不是批准时的模板", workload.name)
        }
        (Moved::Target { workload, revision }, Lang::En) => {
            format!(
                "revision {revision} of {} has another template than was approved",
                workload.name
            )
        }
    }
}

fn numbers(known: &[i64]) -> String {
    known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
