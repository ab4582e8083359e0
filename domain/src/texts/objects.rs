//! Steps on objects in words: what they do, what there is to say, what moved.

use std::collections::BTreeMap;

use super::Lang;
use crate::plans::objects::Said;
use crate::plans::{Moved, ObjectAction, ObjectRef};

/// What a step does, as the plan lists it.
pub fn step(object: &ObjectRef, action: &ObjectAction, lang: Lang) -> String {
    let named = format!("{}/{}", object.kind, object.name);
    let of = |zh: &str, en: &str| match lang {
        Lang::Zh => format!("{zh} {named}"),
        Lang::En => format!("{en} {named}"),
    };
    match action {
        ObjectAction::ConfigRestore { contents } => {
            format!("{} → {}", of("恢复配置", "restore the contents of"), contents.short())
        }
        ObjectAction::SetWeights { weights } => {
            format!("{}: {}", of("调整流量", "set the weights of"), shares(weights))
        }
        ObjectAction::SuspendSync => of("暂停 GitOps 同步", "suspend the synchronisation of"),
        ObjectAction::ResumeSync => of("恢复 GitOps 同步", "resume the synchronisation of"),
        ObjectAction::StillSuspended => of("复查同步是否仍暂停", "look whether nobody has resumed"),
        ObjectAction::Cordon => of("停止调度到", "keep new pods off"),
        ObjectAction::Uncordon => of("恢复调度到", "let pods onto"),
        ObjectAction::Drain => of("驱逐副本，腾空", "evict the pods of"),
        ObjectAction::Create { .. } => of("新建", "create"),
        ObjectAction::Delete => of("删除", "delete"),
        ObjectAction::WaitReady => of("等待就绪", "wait for"),
    }
}

/// The kubectl command with the same effect, where there is one.
pub fn command(object: &ObjectRef, action: &ObjectAction) -> Option<String> {
    let kind = object.kind.to_ascii_lowercase();
    let name = &object.name;
    Some(match action {
        ObjectAction::Cordon => format!("kubectl cordon {name}"),
        ObjectAction::Uncordon => format!("kubectl uncordon {name}"),
        ObjectAction::Drain => {
            format!("kubectl drain {name} --ignore-daemonsets --delete-emptydir-data")
        }
        ObjectAction::Delete => format!("kubectl delete {kind}/{name} -n {}", object.namespace),
        _ => return None,
    })
}

pub(super) fn chinese(said: &Said) -> String {
    match said {
        Said::ConfigRestored { contents } => format!("内容已恢复为 {}", contents.short()),
        Said::WeightsSet { weights } => format!("流量权重：{}", shares(weights)),
        Said::SyncSuspended => "GitOps 同步已暂停；记得之后恢复".into(),
        Said::SyncResumed => "GitOps 同步已恢复".into(),
        Said::SyncRests => "同步仍处于暂停".into(),
        Said::Cordoned => "不再调度新副本".into(),
        Said::Uncordoned => "可以重新调度".into(),
        Said::Drained => "副本已全部驱逐".into(),
        Said::Created => "已新建".into(),
        Said::Deleted => "已删除".into(),
        Said::Ready { phase } => format!("已就绪：{phase}"),
        Said::ConfigThere => "内容已经是这样".into(),
        Said::WeightsThere => "权重已经是这样".into(),
        Said::SyncAlready { suspended: true } => "同步本来就已暂停".into(),
        Said::SyncAlready { suspended: false } => "同步本来就没有暂停".into(),
        Said::CordonThere { cordoned: true } => "本来就不可调度".into(),
        Said::CordonThere { cordoned: false } => "本来就可调度".into(),
        Said::NoObject => "没有这个对象".into(),
        Said::NameTaken => "已有同名对象；请换一个名字".into(),
        Said::ContentsGone { contents } => {
            format!("内容 {} 已不再保存；请从 Git 或备份恢复", contents.short())
        }
        Said::Immutable => "该 ConfigMap 不可修改（immutable）；请换名新建并更新引用".into(),
        Said::NoBackend { backend, known } => {
            format!("路由里没有后端 {backend}；现有：{}", known.join("、"))
        }
        Said::NoTraffic => "这样一来没有任何后端接收流量".into(),
        Said::SuspendedByOther => "同步由别人暂停，没有留下原来的设置；请在 Git 里恢复".into(),
        Said::NotCordoned => "节点仍可调度；请先停止调度".into(),
        Said::NotReverted => "没有设置 revertOnDeletion：删除会带走主版本，目标却没有副本".into(),
        Said::TargetNotReady { target, ready, wanted } => {
            format!("{target} 就绪 {ready}，需要 {wanted}；先扩容并等它就绪")
        }
        Said::ServiceGoes { service } => {
            format!("Service {service} 属于这个 Canary，会一起被删除；先去掉它的 ownerReferences")
        }
        Said::Unmanaged { pods } => {
            format!("这些副本没有控制器，驱逐后不会重建：{}", pods.join("、"))
        }
        Said::NoEffect => "API 服务器不会改变该对象（可能有准入 webhook 改了回去）".into(),
        Said::SyncUndone => {
            "同步又被恢复了（可能由上级应用恢复）；回滚会被改回去，请先暂停上级应用".into()
        }
        Said::Failed { phase, why } => format!("结束于 {phase}：{why}"),
        Said::NotDrained { seconds, left, held_by: None } => {
            format!("{seconds} 秒内没有腾空，还剩 {left} 个副本")
        }
        Said::NotDrained { seconds, left, held_by: Some(by) } => {
            format!("{seconds} 秒内没有腾空，还剩 {left} 个副本：{by}")
        }
        Said::Draining { left, held_by: None } => format!("还剩 {left} 个副本"),
        Said::Draining { left, held_by: Some(by) } => format!("还剩 {left} 个副本：{by}"),
        Said::Deleting => "正在删除".into(),
        Said::Waits { phase } if phase.is_empty() => "等待中".into(),
        Said::Waits { phase } => format!("等待中：{phase}"),
    }
}

pub(super) fn english(said: &Said) -> String {
    match said {
        Said::ConfigRestored { contents } => format!("the contents are {} again", contents.short()),
        Said::WeightsSet { weights } => format!("weights: {}", shares(weights)),
        Said::SyncSuspended => "the synchronisation is suspended; resuming it is owed".into(),
        Said::SyncResumed => "the synchronisation is resumed".into(),
        Said::SyncRests => "the synchronisation is still suspended".into(),
        Said::Cordoned => "no new pods come here".into(),
        Said::Uncordoned => "pods may come here again".into(),
        Said::Drained => "all pods are evicted".into(),
        Said::Created => "created".into(),
        Said::Deleted => "deleted".into(),
        Said::Ready { phase } => format!("ready: {phase}"),
        Said::ConfigThere => "the contents are there already".into(),
        Said::WeightsThere => "the weights are so already".into(),
        Said::SyncAlready { suspended: true } => "it was suspended already".into(),
        Said::SyncAlready { suspended: false } => "it was not suspended".into(),
        Said::CordonThere { cordoned: true } => "it was cordoned already".into(),
        Said::CordonThere { cordoned: false } => "it was not cordoned".into(),
        Said::NoObject => "there is no such object".into(),
        Said::NameTaken => "an object of this name exists; take another name".into(),
        Said::ContentsGone { contents } => {
            format!(
                "the contents {} are not kept any more; restore them from Git or a backup",
                contents.short()
            )
        }
        Said::Immutable => {
            "this ConfigMap is immutable; make one under another name and refer to that".into()
        }
        Said::NoBackend { backend, known } => {
            format!("the route has no backend {backend}; there are {}", known.join(", "))
        }
        Said::NoTraffic => "no backend would get any traffic".into(),
        Said::SuspendedByOther => {
            "somebody else suspended it, and how it was before is not known; resume it in Git".into()
        }
        Said::NotReverted => {
            "revertOnDeletion is not set: the primary would go, and the target has no pods".into()
        }
        Said::TargetNotReady { target, ready, wanted } => {
            format!("{target} has {ready} ready pods of {wanted}; scale it up and wait for them first")
        }
        Said::ServiceGoes { service } => {
            format!(
                "the Service {service} belongs to the Canary and would be deleted with it; remove its ownerReferences first"
            )
        }
        Said::NotCordoned => "pods may still come to this node; cordon it first".into(),
        Said::Unmanaged { pods } => {
            format!("nobody would make these pods again elsewhere: {}", pods.join(", "))
        }
        Said::NoEffect => {
            "the API server would leave it as it is; an admission webhook may put it back".into()
        }
        Said::SyncUndone => {
            "the synchronisation was resumed, maybe by the application above, and will undo the rollback; suspend that one first".into()
        }
        Said::Failed { phase, why } => format!("it ended as {phase}: {why}"),
        Said::NotDrained { seconds, left, held_by: None } => {
            format!("not empty within {seconds} s; {left} pods are left")
        }
        Said::NotDrained { seconds, left, held_by: Some(by) } => {
            format!("not empty within {seconds} s; {left} pods are left: {by}")
        }
        Said::Draining { left, held_by: None } => format!("{left} pods are left"),
        Said::Draining { left, held_by: Some(by) } => format!("{left} pods are left: {by}"),
        Said::Deleting => "it is being deleted".into(),
        Said::Waits { phase } if phase.is_empty() => "waiting".into(),
        Said::Waits { phase } => format!("waiting: {phase}"),
    }
}

/// What is no longer as the plan found it.
pub(super) fn moved(moved: &Moved, lang: Lang) -> String {
    match (moved, lang) {
        (Moved::ObjectGone { object }, Lang::Zh) => format!("{object} 已不存在"),
        (Moved::ObjectGone { object }, Lang::En) => format!("{object} is gone"),
        (Moved::ObjectReplaced { object, .. }, Lang::Zh) => {
            format!("{object} 已是另一个同名对象")
        }
        (Moved::ObjectReplaced { object, .. }, Lang::En) => {
            format!("another object is called {object} now")
        }
        (Moved::ObjectChanged { object, expected, found }, Lang::Zh) => {
            format!("{object} 已被修改（{} → {}）", expected.short(), found.short())
        }
        (Moved::ObjectChanged { object, expected, found }, Lang::En) => {
            format!("{object} was changed meanwhile ({} → {})", expected.short(), found.short())
        }
        _ => String::new(),
    }
}

fn shares(weights: &BTreeMap<String, i32>) -> String {
    let shares: Vec<_> = weights.iter().map(|(name, it)| format!("{name} {it}")).collect();
    shares.join(", ")
}
