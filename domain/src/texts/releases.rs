//! Helm releases in words: what a step on one does, what there is to say, and their history on pages.

use super::{Each, Lang};
use crate::releases::{Drift, Said, Status, What};

pub struct Texts {
    pub title: &'static str,
    pub note: &'static str,
    pub revision: &'static str,
    pub status: &'static str,
    pub status_of: fn(Status) -> &'static str,
    pub chart: &'static str,
    pub app_version: &'static str,
    pub verdict: &'static str,
    pub deployed: &'static str,
    pub description: &'static str,
    pub hooks: &'static str,
    pub is_current: &'static str,
    pub unreadable: &'static str,
    pub not_read: fn(&str) -> String,
    pub difference: fn(i64, i64) -> String,
    pub no_difference: &'static str,
    pub object: &'static str,
    pub what: &'static str,
    pub what_of: fn(What) -> &'static str,
    pub values_changed: &'static str,
    pub hidden: &'static str,
    pub drifts: fn(&Drift) -> String,
    pub runs_hooks: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "Helm 发布",
        note: "按 Helm 自己的记录；密钥只比对是否变化，不显示内容。",
        revision: "版本",
        status: "状态",
        status_of: |it| match it {
            Status::Unknown => "未知",
            Status::Deployed => "已部署",
            Status::Uninstalled => "已卸载",
            Status::Superseded => "已被取代",
            Status::Failed => "失败",
            Status::Uninstalling => "卸载中",
            Status::PendingInstall => "安装未完成",
            Status::PendingUpgrade => "升级未完成",
            Status::PendingRollback => "回滚未完成",
        },
        chart: "Chart",
        app_version: "应用版本",
        verdict: "判定",
        deployed: "部署于",
        description: "说明",
        hooks: "钩子",
        is_current: "当前",
        unreadable: "无法读取",
        not_read: |namespace| {
            format!(
                "没有读取命名空间 {namespace} 里的 Helm 记录：在集群的 helm_namespaces 里加上它，或让策略使用 strategy: release。"
            )
        },
        difference: |from, to| format!("版本 {from} → {to} 的差异"),
        no_difference: "两个版本没有差异。",
        object: "对象",
        what: "变化",
        what_of: |it| match it {
            What::Created => "新建",
            What::Changed => "修改",
            What::Removed => "删除",
        },
        values_changed: "values 不同（不显示内容）。",
        hidden: "密钥内容只显示指纹。",
        drifts: |it| {
            let (said, live) = (images(&it.said), images(&it.live));
            format!(
                "与发布不一致：发布 {} 的版本 {} 写的是 {said}，集群里是 {live}。下一次 helm upgrade 会把它改回去。",
                it.release, it.revision
            )
        },
        runs_hooks: "回滚到此版本会运行钩子",
    },
    en: Texts {
        title: "Helm release",
        note: "As Helm itself keeps it. Of secrets is only told whether they changed, never what they hold.",
        revision: "Revision",
        status: "Status",
        status_of: |it| match it {
            Status::Unknown => "unknown",
            Status::Deployed => "deployed",
            Status::Uninstalled => "uninstalled",
            Status::Superseded => "superseded",
            Status::Failed => "failed",
            Status::Uninstalling => "uninstalling",
            Status::PendingInstall => "install unfinished",
            Status::PendingUpgrade => "upgrade unfinished",
            Status::PendingRollback => "rollback unfinished",
        },
        chart: "Chart",
        app_version: "App version",
        verdict: "Verdict",
        deployed: "Deployed",
        description: "Description",
        hooks: "Hooks",
        is_current: "current",
        unreadable: "cannot be read",
        not_read: |namespace| {
            format!(
                "Nobody reads Helm's records in the namespace {namespace}: add it to helm_namespaces of the cluster, or give the policy strategy: release."
            )
        },
        difference: |from, to| format!("What differs from revision {from} to {to}"),
        no_difference: "The two revisions are the same.",
        object: "Object",
        what: "Change",
        what_of: |it| match it {
            What::Created => "created",
            What::Changed => "changed",
            What::Removed => "removed",
        },
        values_changed: "The values differ; they are not shown.",
        hidden: "Of what secrets hold only a fingerprint is shown.",
        drifts: |it| {
            let (said, live) = (images(&it.said), images(&it.live));
            format!(
                "It drifts from its release: revision {} of {} says {said}, the cluster has {live}. The next helm upgrade puts that back.",
                it.revision, it.release
            )
        },
        runs_hooks: "a rollback to it runs hooks",
    },
};

fn images(images: &[crate::workloads::Image]) -> String {
    let names: Vec<_> = images.iter().map(|it| it.image.as_str()).collect();
    names.join(", ")
}

/// What a step does, as the plan lists it.
pub fn step(name: &str, to_revision: i64, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("回滚 Helm 发布 {name} 到版本 {to_revision}"),
        Lang::En => format!("roll the Helm release {name} back to revision {to_revision}"),
    }
}

pub(super) fn said(said: &Said, lang: Lang) -> String {
    let status = |it: Status| (TEXTS.of(lang).status_of)(it);
    match lang {
        Lang::Zh => match said {
            Said::RolledBack { revision, now } => {
                format!("发布已回滚到版本 {revision}，记为版本 {now}")
            }
            Said::AlreadyAt { revision } => format!("版本 {revision} 已在运行"),
            Said::NoRevision { revision, known } => {
                format!("发布没有版本 {revision}；现有：{}", numbers(known))
            }
            Said::NeverInPlace { revision, status: it } => {
                format!("版本 {revision} 从未完整部署（{}）；请选别的版本", status(*it))
            }
            Said::Unreadable { revision, why } => format!("版本 {revision} 无法使用：{why}"),
            Said::Hooks { hooks } => format!("会运行钩子：{}", hooks.join("、")),
            Said::AtWork => "先前启动的 helm 还在处理该发布，等它结束".into(),
            Said::LeftBehind { revision, status: it, description } => {
                format!(
                    "helm 留下的版本 {revision} 为“{}”：{description}；请查看后重试",
                    status(*it)
                )
            }
            Said::GaveUp { said } => format!("helm 什么也没做就结束了：{said}"),
            Said::NoProgram { said } => said.clone(),
        },
        Lang::En => match said {
            Said::RolledBack { revision, now } => {
                format!("the release is back at revision {revision}, as revision {now}")
            }
            Said::AlreadyAt { revision } => format!("revision {revision} is in place already"),
            Said::NoRevision { revision, known } => {
                format!("the release has no revision {revision}; there are {}", numbers(known))
            }
            Said::NeverInPlace { revision, status: it } => {
                format!("revision {revision} never was in place ({}); choose another", status(*it))
            }
            Said::Unreadable { revision, why } => {
                format!("revision {revision} cannot be used: {why}")
            }
            Said::Hooks { hooks } => format!("it runs hooks: {}", hooks.join(", ")),
            Said::AtWork => "a helm that was started before is still at work on the release".into(),
            Said::LeftBehind { revision, status: it, description } => format!(
                "helm left revision {revision} as {}: {description}; look at it and retry",
                status(*it)
            ),
            Said::GaveUp { said } => format!("helm ended without having done anything: {said}"),
            Said::NoProgram { said } => said.clone(),
        },
    }
}

fn numbers(known: &[i64]) -> String {
    let numbers: Vec<_> = known.iter().map(i64::to_string).collect();
    numbers.join(", ")
}
