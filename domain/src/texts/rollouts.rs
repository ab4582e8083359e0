//! Words about the canaries of Rollouts.

use super::Each;
use crate::rollouts::Finding;

pub struct Texts {
    pub title: &'static str,
    pub healthy: &'static str,
    pub degraded: &'static str,
    pub paused: &'static str,
    pub progressing: &'static str,
    pub aborted: &'static str,
    pub unseen: &'static str,
    pub aborted_note: &'static str,
    pub step: &'static str,
    /// The step that it is at, from 0, of so many.
    pub steps: fn(Option<i32>, i32) -> String,
    pub weight: &'static str,
    pub window: &'static str,
    pub window_of: fn(i32) -> String,
    pub template: &'static str,
    pub finding_of: fn(Finding) -> &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "灰度进度",
        healthy: "已全量",
        degraded: "异常",
        paused: "停在暂停点",
        progressing: "进行中",
        aborted: "已中止",
        unseen: "控制器尚未处理",
        aborted_note: "流量已回到稳定版，但规格里仍是被中止的版本：在规格或 Git 改动之前不算验证通过。",
        step: "步骤",
        steps: |step, of| match step {
            Some(step) if step >= of => format!("{of} 步已走完"),
            Some(step) => format!("第 {} 步，共 {of} 步", step + 1),
            None => format!("共 {of} 步"),
        },
        weight: "新版本流量",
        window: "回滚窗口",
        window_of: |count| format!("回到最近 {count} 个版本时跳过步骤和分析"),
        template: "模板来自",
        finding_of: |it| match it {
            Finding::AnalysisMisplaced => {
                "analysis 写错了位置，控制器不会读它：应写在 strategy.canary 下"
            }
            Finding::NothingJudges => "没有分析，也没有等人确认的暂停：坏版本会自动走到全量",
        },
    },
    en: Texts {
        title: "Canary",
        healthy: "through",
        degraded: "degraded",
        paused: "stops at a pause",
        progressing: "under way",
        aborted: "aborted",
        unseen: "not seen by the controller yet",
        aborted_note: "The traffic is back on the stable version, but the spec still names the aborted one: nothing is verified until the spec or Git changes.",
        step: "Step",
        steps: |step, of| match step {
            Some(step) if step >= of => format!("all {of} done"),
            Some(step) => format!("{} of {of}", step + 1),
            None => format!("{of} in all"),
        },
        weight: "Traffic on the new version",
        window: "Rollback window",
        window_of: |count| format!("going back by {count} revisions skips steps and analysis"),
        template: "Template from",
        finding_of: |it| match it {
            Finding::AnalysisMisplaced => {
                "its analysis is written in the wrong place and never read: it belongs under strategy.canary"
            }
            Finding::NothingJudges => {
                "no analysis judges it and no pause waits for anybody: a bad version goes through by itself"
            }
        },
    },
};
