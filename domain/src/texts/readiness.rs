//! Rollback readiness: what is looked at, why it matters and what to do.

use super::Each;
use crate::readiness::Finding;

pub struct Texts {
    pub title: &'static str,
    pub note: &'static str,
    /// So many are not as they should be.
    pub open: fn(usize) -> String,
    pub well: &'static str,
    pub finding: &'static str,
    pub seen: &'static str,
    pub what: &'static str,
    pub said: fn(Finding) -> Said,
    pub unseen: &'static str,
}

/// Of one finding: its name, why it matters, and what to do.
pub struct Said {
    pub name: &'static str,
    pub why: &'static str,
    pub remedy: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "回滚就绪度",
        note: "如果现在必须回滚，能不能快速、安全地退回去",
        open: |n| format!("{n} 项待处理"),
        well: "全部就绪",
        finding: "项目",
        seen: "现状",
        what: "为什么重要，怎么办",
        said: zh,
        unseen: "目录中的工作负载还没有被集群监视看到。",
    },
    en: Texts {
        title: "Rollback readiness",
        note: "could it be brought back quickly and safely, if it had to be now",
        open: |n| format!("{n} to look at"),
        well: "ready",
        finding: "Finding",
        seen: "Seen",
        what: "Why it matters, and what to do",
        said: en,
        unseen: "No watch has seen the workloads that the catalog names.",
    },
};

fn zh(finding: Finding) -> Said {
    let (name, why, remedy) = match finding {
        Finding::VerifiedRevision => (
            "已验证的版本",
            "回滚只会自动退到已验证的版本；没有时只能由人选择。",
            "让一个健康的版本跑满观察期，或由 SRE 标记。",
        ),
        Finding::ReadinessProbe => (
            "就绪检查",
            "没有就绪检查的容器一启动就算就绪，坏版本会接到流量，回滚也无法证明已恢复。",
            "为每个容器配置 readinessProbe。",
        ),
        Finding::HistoryLimit => (
            "保留的历史版本",
            "旧的 ReplicaSet 被清理后，只能用保存的模板回滚，且须人批准。",
            "把 revisionHistoryLimit 设为 10 或更多。",
        ),
        Finding::LatestTag => (
            "latest 标签",
            "同一个标签每天可能是不同的镜像：退回旧版本得到的可能仍是新镜像。",
            "使用带版本号的标签，最好再加摘要。",
        ),
        Finding::Downtime => (
            "回滚期间的可用性",
            "Recreate、OnDelete 或过大的 maxUnavailable 会让回滚本身造成中断。",
            "使用 RollingUpdate，并把 maxUnavailable 设为 0 或不超过四分之一。",
        ),
        Finding::SingleReplica => (
            "副本数",
            "只有一个副本时，任何替换都会中断，也看不出是版本坏还是节点坏。",
            "至少运行两个副本。",
        ),
        Finding::Checks => (
            "回滚后的检查",
            "没有阻断性检查时，只有 Pod 就绪能说明服务已恢复。",
            "在目录中为服务添加 blocking 的检查。",
        ),
        Finding::Owner => (
            "其他控制者",
            "GitOps 或 Flagger 会把改动改回去：回滚须由人批准，并先暂停同步。",
            "把回滚也提交到 Git，或在手册中写明暂停同步的步骤。",
        ),
        Finding::PinnedImage => (
            "镜像摘要",
            "没有摘要的标签可能被重新推送，退回的不一定是当时验证过的内容。",
            "用 @sha256 摘要固定镜像。",
        ),
    };
    Said { name, why, remedy }
}

fn en(finding: Finding) -> Said {
    let (name, why, remedy) = match finding {
        Finding::VerifiedRevision => (
            "A verified revision",
            "Only a verified revision is gone back to by itself; without one a person has to choose.",
            "Let a healthy revision run through its observation, or have an SRE mark one.",
        ),
        Finding::ReadinessProbe => (
            "Readiness probes",
            "A container without one is ready as soon as it starts: a bad version gets traffic, and nothing proves that a rollback helped.",
            "Give each container a readinessProbe.",
        ),
        Finding::HistoryLimit => (
            "Revisions kept",
            "Once the old ReplicaSet is pruned, only the stored template is left, and it takes a person's approval.",
            "Set revisionHistoryLimit to 10 or more.",
        ),
        Finding::LatestTag => (
            "The tag latest",
            "The same tag may be another image every day: going back may bring the new one again.",
            "Use tags with a version, better with a digest.",
        ),
        Finding::Downtime => (
            "Available during a rollback",
            "Recreate, OnDelete or a large maxUnavailable make the rollback itself an outage.",
            "Use RollingUpdate with a maxUnavailable of 0, or of a quarter at most.",
        ),
        Finding::SingleReplica => (
            "Replicas",
            "With one replica every replacement is an outage, and a bad version cannot be told from a bad node.",
            "Run at least two.",
        ),
        Finding::Checks => (
            "Checks after a rollback",
            "Without a blocking check only the pods' readiness says that the service is back.",
            "Give the service blocking checks in the catalog.",
        ),
        Finding::Owner => (
            "Somebody else controls it",
            "GitOps or Flagger puts the workload back after us: a rollback needs a person, and sync suspended first.",
            "Roll back in Git too, or write the step that suspends sync into the runbook.",
        ),
        Finding::PinnedImage => (
            "Image digests",
            "A tag without a digest can be pushed again; what one goes back to may not be what was verified.",
            "Pin images by @sha256.",
        ),
    };
    Said { name, why, remedy }
}
