//! The steps of sets in words: pods that are deleted so that they come back, and counts of pods.

use super::Lang;
use crate::runs::{DeletedPod, Note};

/// What there is to say about them; nothing about other notes.
pub(super) fn note(note: &Note, lang: Lang) -> String {
    match lang {
        Lang::Zh => chinese(note),
        Lang::En => english(note),
    }
}

fn chinese(note: &Note) -> String {
    match note {
        Note::RolledOutToPartition { updated, partition } => {
            format!("{updated} 个副本已更新并就绪；序号低于 partition {partition} 的保持原样")
        }
        Note::PodsDeleted { pods, then } => after_deletions(pods, then.as_deref(), Lang::Zh),
        Note::NoPodInTheWay => "没有阻塞的旧 Pod".into(),
        Note::NotObserved => "控制器尚未处理新模板".into(),
        Note::PodTerminating { pod } => format!("等待 {pod} 删除完成"),
        Note::PodStarting { pod } => format!("等待 {pod} 就绪"),
        Note::PodsLeft { left } => format!("还有 {left} 个旧 Pod，由控制器逐个替换"),
        Note::OnDelete { outdated } => {
            format!("更新策略为 OnDelete：还有 {outdated} 个旧 Pod，删除后才会更新")
        }
        Note::Autoscaled { name, from, to, min, max } => {
            let scaled = format!("副本数 {from} → {to}；HPA {name}（{min} 到 {max}）");
            match (from, to) {
                (_, 0) if *min > 0 => format!("{scaled}在副本数为 0 时不动作"),
                (0, to) if to < min => format!("{scaled}接着生效，会补到其最小值 {min}"),
                (0, _) => format!("{scaled}从这里接着生效"),
                _ => format!("{scaled}也在设置副本数，可能改回去"),
            }
        }
        _ => String::new(),
    }
}

fn english(note: &Note) -> String {
    match note {
        Note::RolledOutToPartition { updated, partition } => {
            format!(
                "{updated} pods are updated and ready; those below the partition {partition} stay as they are"
            )
        }
        Note::PodsDeleted { pods, then } => after_deletions(pods, then.as_deref(), Lang::En),
        Note::NoPodInTheWay => "no pod of another revision is in the way".into(),
        Note::NotObserved => "the controller has not taken up the newest template yet".into(),
        Note::PodTerminating { pod } => format!("waits for {pod} to be gone"),
        Note::PodStarting { pod } => format!("waits for {pod} to be ready"),
        Note::PodsLeft { left } => {
            format!("{left} pods of other revisions are left; the controller replaces them in turn")
        }
        Note::OnDelete { outdated } => {
            format!(
                "its update strategy is OnDelete: {outdated} pods of other revisions stay until somebody deletes them"
            )
        }
        Note::Autoscaled { name, from, to, min, max } => {
            let scaled = format!("replicas {from} → {to}; the autoscaler {name} ({min} to {max})");
            match (from, to) {
                (_, 0) if *min > 0 => format!("{scaled} does not act while there are none"),
                (0, to) if to < min => {
                    format!("{scaled} goes on from here and brings them to its minimum of {min}")
                }
                (0, _) => format!("{scaled} goes on from here"),
                _ => format!("{scaled} sets the replicas too and may undo this"),
            }
        }
        _ => String::new(),
    }
}

fn after_deletions(pods: &[DeletedPod], then: Option<&Note>, lang: Lang) -> String {
    let pod = |it: &DeletedPod| match (it.revision, lang) {
        (Some(revision), Lang::Zh) => format!("{}（修订 {revision}）", it.name),
        (Some(revision), Lang::En) => format!("{} (revision {revision})", it.name),
        (None, _) => it.name.clone(),
    };
    let pods: Vec<_> = pods.iter().map(pod).collect();
    let deleted = match lang {
        _ if pods.is_empty() => None,
        Lang::Zh => Some(format!("已删除 {}", pods.join("、"))),
        Lang::En => Some(format!("deleted {}", pods.join(", "))),
    };
    let then = then.map(|it| super::runs::note(it, lang));
    let separator = if lang == Lang::Zh { "；" } else { "; " };
    [deleted, then].into_iter().flatten().collect::<Vec<_>>().join(separator)
}
