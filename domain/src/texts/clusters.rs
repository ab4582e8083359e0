//! Clusters and how well they can be seen.

use super::Each;
use crate::watching::{SightState, Trouble};

pub struct Texts {
    pub title: &'static str,
    pub lede: fn(usize, usize) -> String,
    pub empty: &'static str,
    pub kubeconfig: &'static str,
    pub context: &'static str,
    pub prometheus: &'static str,
    pub namespaces: &'static str,
    pub protected: &'static str,
    pub all_namespaces: &'static str,
    pub current_context: &'static str,
    pub since: &'static str,
    pub state_of: fn(SightState) -> &'static str,
    /// What is wrong, and what to do about it.
    pub trouble: fn(&Trouble) -> String,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "集群",
        lede: |clusters, unseen| match unseen {
            0 => format!("{clusters} 个集群，全部已连接。集群由目录（catalog）导入，此页只读。"),
            _ => format!(
                "{clusters} 个集群，其中 {unseen} 个看不全。集群由目录（catalog）导入，此页只读。"
            ),
        },
        empty: "还没有集群：用 lifeboat catalog import 导入目录。",
        kubeconfig: "kubeconfig",
        context: "上下文",
        prometheus: "Prometheus",
        namespaces: "命名空间",
        protected: "受保护",
        all_namespaces: "全部",
        current_context: "当前上下文",
        since: "起始",
        state_of: |state| match state {
            SightState::Connecting => "连接中",
            SightState::Connected => "已连接",
            SightState::Partial => "部分可见",
            SightState::Blind => "不可见",
        },
        trouble: |trouble| match trouble {
            Trouble::Kubeconfig { detail } => format!("kubeconfig 无法使用：{detail}"),
            Trouble::Unreachable { detail } => format!("API 服务器无响应：{detail}"),
            Trouble::Unauthorized => {
                "凭证错误或已过期（401）：请更换 kubeconfig 中的凭证。".to_owned()
            }
            Trouble::Forbidden { verb, resource, group, namespace } => {
                let group = if group.is_empty() { "core" } else { group };
                let place = namespace.as_deref().unwrap_or("全部命名空间");
                format!("缺少 RBAC 权限：{place} 中对 {resource}（{group}）的 {verb}。")
            }
            Trouble::Refused { status, message } => format!("API 服务器回答 {status}：{message}"),
        },
    },
    en: Texts {
        title: "Clusters",
        lede: |clusters, unseen| match unseen {
            0 => format!(
                "{clusters} clusters, all connected. Clusters come from the catalog; this page only shows them."
            ),
            _ => format!(
                "{clusters} clusters, {unseen} of them not fully seen. Clusters come from the catalog; this page only shows them."
            ),
        },
        empty: "No clusters yet: import a catalog with lifeboat catalog import.",
        kubeconfig: "kubeconfig",
        context: "Context",
        prometheus: "Prometheus",
        namespaces: "Namespaces",
        protected: "Protected",
        all_namespaces: "all",
        current_context: "current context",
        since: "Since",
        state_of: |state| match state {
            SightState::Connecting => "Connecting",
            SightState::Connected => "Connected",
            SightState::Partial => "Partly seen",
            SightState::Blind => "Not seen",
        },
        trouble: |trouble| match trouble {
            Trouble::Kubeconfig { detail } => format!("The kubeconfig cannot be used: {detail}"),
            Trouble::Unreachable { detail } => format!("The API server does not answer: {detail}"),
            Trouble::Unauthorized => {
                "The credentials are wrong or have run out (401): replace those of the kubeconfig."
                    .to_owned()
            }
            Trouble::Forbidden { verb, resource, group, namespace } => {
                let group = if group.is_empty() { "core" } else { group };
                let place = namespace.as_deref().unwrap_or("all namespaces");
                format!("Missing RBAC permission: {verb} on {resource} ({group}) in {place}.")
            }
            Trouble::Refused { status, message } => {
                format!("The API server answered {status}: {message}")
            }
        },
    },
};
