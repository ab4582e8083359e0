//! What a decision is made of, in words: names, and one line that explains each.

mod reasons;

pub use self::reasons::{Reason, Warning};
use super::Lang;
use crate::decisions::{Cause, Disposition, Outcome, RuleKind, RuleName, Strategy};

/// What a reader is shown for a word of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    pub name: &'static str,
    /// One line.
    pub explanation: &'static str,
}

/// One table per word: name and explanation in English, then in Chinese.
macro_rules! texts {
    ($($of:ident { $($variant:ident: $en:literal, $en_line:literal; $zh:literal, $zh_line:literal;)+ })+) => {$(
        impl $of {
            pub const fn text(self, lang: Lang) -> Text {
                let (name, explanation) = match (self, lang) {
                    $((Self::$variant, Lang::En) => ($en, $en_line), (Self::$variant, Lang::Zh) => ($zh, $zh_line),)+
                };
                Text { name, explanation }
            }
        }
    )+};
}

texts! {
    Outcome {
        Automatic: "Automatic", "Going back is the remedy, and the machine may do it."; "自动", "回滚有效，可由机器执行。";
        Partial: "Partial", "Sure enough to move a part, and to look again."; "部分", "把握足以先移动一部分，再行观察。";
        Human: "Person", "A person decides."; "人工", "由人员决定。";
        Never: "Never", "Nothing is rolled back here."; "禁止", "此处不回滚。";
        Suppressed: "Suppressed", "Something else is already going on."; "抑制", "已有其他处理正在进行。";
    }
    Disposition {
        Execute: "Execute", "The machine carries it out."; "执行", "由机器执行。";
        Ask: "Ask", "A person is asked."; "询问", "询问人员。";
        RecordOnly: "Record only", "Kept, and scored afterwards against what happened."; "仅记录", "保存记录，事后与实际比对。";
        None: "Nothing", "Nothing is done."; "不处理", "不采取动作。";
    }
    Cause {
        CodeDefect: "Code defect", "The image or the template of the new revision."; "代码缺陷", "新版本的镜像或模板有问题。";
        ConfigurationError: "Configuration error", "Only the configuration was changed."; "配置错误", "只有配置发生了变更。";
        DataProblem: "Data problem", "The data are damaged; another version does not mend them."; "数据问题", "数据受损，更换版本无法修复。";
        PartialNodeFailure: "Part of the nodes", "The trouble follows nodes, not revisions."; "部分节点故障", "问题随节点而非随版本出现。";
        ResourceOrEnvironment: "Resources or environment", "The surroundings fail, for old and new alike."; "资源或环境", "周边环境出错，新旧版本同样受影响。";
        Unknown: "Unknown", "Nothing that is known explains it."; "未知", "已知事实无法解释。";
    }
    Strategy {
        VersionRollback: "Version rollback", "The workload goes back to a verified revision."; "版本回退", "工作负载回到已验证的版本。";
        HelmRollback: "Release rollback", "The Helm release goes back to a verified revision."; "发布回退", "Helm 发布回到已验证的版本。";
        ConfigRestore: "Config restore", "The configuration goes back to what was verified, then a restart."; "配置恢复", "恢复已验证的配置并重启。";
        TrafficSwitch: "Traffic switch", "The traffic moves away from what is bad."; "流量切换", "将流量移离异常部分。";
        SnapshotRestore: "Snapshot restore", "The data go back to a snapshot; a person decides."; "数据快照恢复", "从快照恢复数据，由人员决定。";
        DrainAndShrink: "Drain and shrink", "The weak nodes are emptied."; "渐进收缩", "腾空有问题的节点。";
        Restart: "Restart", "The pods start anew with what they have."; "重启", "以现有版本重新启动 Pod。";
        None: "None", "Nothing is proposed."; "无", "没有建议的动作。";
    }
    RuleKind {
        Trigger: "Trigger", "What started the decision."; "触发", "引发决策的原因。";
        Gate: "Gate", "Is a rollback a remedy at all?"; "门槛", "回滚是否真的有效？";
        Rail: "Rail", "What stops a rollback that would be a remedy."; "护栏", "阻止本可有效的回滚的条件。";
        Score: "Score", "How sure are we?"; "评分", "把握有多大？";
    }
    RuleName {
        Signal: "Signal", "The signal is outside its limit."; "信号", "信号超出阈值。";
        Request: "Request", "A person asks."; "人员申请", "由人员申请。";
        Opens: "Opens", "What the signal opens."; "触发动作", "该信号触发什么。";
        Duplicate: "Duplicate", "No rollback is open for the same trouble."; "重复", "同一问题没有未结束的回滚。";
        MaterialChange: "Material change", "Something that matters changed shortly before the trouble."; "实质变更", "问题开始前不久有实质变更。";
        CleanBefore: "Clean before", "All was well before that change."; "变更前正常", "该变更之前一切正常。";
        NewIsBad: "New is bad", "The new revision is bad, and not because of its nodes."; "新版本异常", "新版本异常，且并非节点所致。";
        OldWasGood: "Old was good", "The old revision is good, while it is there."; "旧版本正常", "旧版本存在时是正常的。";
        EnoughTraffic: "Enough traffic", "There were enough requests to say so."; "流量充足", "请求量足以判断。";
        SecondSource: "Second source", "Our own PromQL or the watch agrees."; "第二来源", "自身的 PromQL 或监视一致。";
        Young: "Young", "The alert is young."; "告警新近", "告警仍然新近。";
        Cause: "Cause", "Going back helps against this cause."; "原因", "回退对该原因有效。";
        Target: "Target", "There is a revision to go back to, and nothing lies between."; "目标", "有可回退的版本，且其间无阻碍。";
        KillSwitch: "Kill switch", "No kill switch is on."; "急停开关", "没有打开急停开关。";
        Mode: "Mode", "The policy lets the machine act."; "模式", "策略允许机器执行。";
        Settled: "Settled", "Nothing else is rolling out."; "状态稳定", "没有其他上线正在进行。";
        OwnRollback: "Own rollback", "No rollback of ours is running."; "自身回滚", "没有正在执行的回滚。";
        RollbackOfRollback: "Rollback of a rollback", "What runs is not the result of a rollback."; "回滚之回滚", "当前版本不是回滚的结果。";
        Cooldown: "Cool-down", "The last rollback is long enough ago."; "冷却", "距上次回滚已足够久。";
        FailuresBlock: "Block", "Not too many rollbacks have failed in a row."; "失败锁定", "连续失败的回滚未超限。";
        HourlyCap: "Hourly cap", "Not too many automatic rollbacks in this hour."; "每小时上限", "本小时自动回滚未超限。";
        BlastRadius: "Blast radius", "Not too many services at once."; "影响范围", "同时回滚的服务未超限。";
        MaintenanceWindow: "Maintenance window", "No maintenance window is open."; "维护窗口", "不在维护窗口内。";
        Freeze: "Freeze", "No freeze is in force."; "变更冻结", "没有变更冻结。";
        PausedByOther: "Paused by somebody else", "Nobody else has paused the workload."; "他人暂停", "工作负载未被他人暂停。";
        ProtectedNamespace: "Protected namespace", "The namespace is not protected."; "受保护命名空间", "命名空间不受保护。";
        GitopsOwner: "GitOps", "No GitOps tool puts it back."; "GitOps", "没有 GitOps 工具会将其还原。";
        FlaggerOwner: "Flagger", "Flagger does not own the workload."; "Flagger", "工作负载不由 Flagger 管理。";
        Hold: "Hold", "This version was not rolled back from before."; "版本扣留", "该版本此前未被回滚。";
        UpdateStrategy: "Update strategy", "The new template reaches every pod by itself."; "更新策略", "新模板会自动到达每个 Pod。";
        TargetPresent: "Target at hand", "The target is in the cluster, with its configuration."; "目标可用", "目标及其配置在集群中。";
        Able: "Strategy on", "This installation can carry out the strategy."; "策略可用", "本系统可以执行该策略。";
        Badness: "Badness", "How far outside its limit, from a half to 1."; "严重程度", "超出阈值的程度，0.5 至 1。";
        Severity: "Severity", "The weight of the signal."; "级别", "信号的权重。";
        RecoveryPotential: "Recovery potential", "How likely it ends by itself."; "自愈可能", "自行恢复的可能性。";
        TimeDecay: "Time decay", "How fresh the newest change is."; "时效", "最新变更的新近程度。";
        AutomaticRule: "Named by the policy", "The policy makes the signal automatic."; "策略指名", "策略规定该信号自动处理。";
        Share: "Share", "A part can be moved."; "可部分移动", "可以只移动一部分。";
        PartialAbove: "Sure enough for a part", "The confidence is above the policy's lower threshold."; "足以部分回滚", "置信度高于策略的较低阈值。";
        AutomaticAbove: "Sure enough", "The confidence is above the policy's upper threshold."; "足以自动", "置信度高于策略的较高阈值。";
    }
}
