//! The backup matrix: how each row stands and what is wrong with it.

use chrono::TimeDelta;

use super::{Each, Lang, duration};
use crate::backups::{Encryption, Finding, Freshness, Outcome, Pace, Retention, Site, SourceKind};

pub struct Texts {
    pub title: &'static str,
    /// Rows that cannot be relied on, of all.
    pub lede: fn(usize, usize, usize) -> String,
    pub empty: &'static str,
    pub none_found: &'static str,
    pub matrix: &'static str,
    pub matrix_note: &'static str,
    pub findings: &'static str,
    pub no_findings: &'static str,
    pub domain: &'static str,
    pub artefact: &'static str,
    pub method: &'static str,
    pub freshness: &'static str,
    pub newest: &'static str,
    pub interval: &'static str,
    pub grace: &'static str,
    pub retention: &'static str,
    pub place: &'static str,
    pub encryption: &'static str,
    pub offsite: &'static str,
    pub owner: &'static str,
    pub source: &'static str,
    pub stated_in: &'static str,
    pub looked_at: &'static str,
    pub since: &'static str,
    pub tenant: &'static str,
    pub tenants: &'static str,
    pub only_findings: &'static str,
    pub of_interval: fn(f64) -> String,
    pub progress: fn(&str) -> String,
    pub state_of: fn(Freshness) -> &'static str,
    pub state_means: fn(Freshness) -> &'static str,
    pub finding: fn(&Finding) -> String,
    pub pace: fn(Pace) -> String,
    pub kept: fn(&Retention) -> String,
    pub encryption_of: fn(Option<Encryption>) -> &'static str,
    pub within: fn(u32) -> String,
    pub source_of: fn(SourceKind) -> &'static str,
    pub no_source: &'static str,
    pub not_looked: &'static str,
    pub not_stated: &'static str,

    pub facts: &'static str,
    pub copies: &'static str,
    pub copies_note: fn(usize) -> String,
    pub no_copies: &'static str,
    pub taken: &'static str,
    pub outcome: &'static str,
    pub outcome_of: fn(Outcome) -> &'static str,
    pub site: &'static str,
    pub site_of: fn(Site) -> &'static str,
    pub size: &'static str,
    pub there: &'static str,
    pub gone: fn(&str) -> String,
    pub measured: &'static str,
    pub history: &'static str,
    pub no_history: &'static str,
    /// What the chart shows, for who cannot see it.
    pub chart: &'static str,
    pub chart_says: fn(usize, usize) -> String,

    pub token: &'static str,
    pub token_note: &'static str,
    pub no_token: &'static str,
    pub token_made: &'static str,
    pub token_unused: &'static str,
    pub token_call: &'static str,
    pub token_hint: &'static str,
    pub make_token: &'static str,
    pub replace_token: &'static str,
    pub revoke_token: &'static str,
    pub revoke_token_why: &'static str,
}

pub static TEXTS: Each<Texts> = Each {
    zh: Texts {
        title: "备份",
        lede: |all, red, unknown| match (red, unknown) {
            (0, 0) => format!("{all} 项备份均可依赖。"),
            (red, 0) => format!("{all} 项备份中 {red} 项不可依赖。"),
            (0, unknown) => format!("{all} 项备份中 {unknown} 项无法确认；无法确认不等于可用。"),
            (red, unknown) => {
                format!("{all} 项备份中 {red} 项不可依赖，{unknown} 项无法确认。")
            }
        },
        empty: "还没有备份矩阵：用 lifeboat catalog import 导入目录。",
        none_found: "没有符合条件的备份。",
        matrix: "备份矩阵",
        matrix_note: "新鲜度 = 距最近一份的时间 ÷ 本行自己的间隔；横条满格为 2 个间隔",
        findings: "发现的问题",
        no_findings: "没有发现问题。",
        domain: "数据域",
        artefact: "内容",
        method: "方式",
        freshness: "新鲜度",
        newest: "最近一份",
        interval: "间隔",
        grace: "宽限",
        retention: "保留",
        place: "位置",
        encryption: "加密",
        offsite: "异地副本",
        owner: "负责组",
        source: "观测来源",
        stated_in: "出处",
        looked_at: "最近查看",
        since: "起始",
        tenant: "租户",
        tenants: "各租户",
        only_findings: "仅看有问题的",
        of_interval: |ratio| format!("{ratio:.2} 个间隔"),
        progress: |name| format!("{name} 距最近一份占间隔之比"),
        state_of: |it| match it {
            Freshness::Fresh => "新鲜",
            Freshness::Due => "待更新",
            Freshness::Unknown => "无法确认",
            Freshness::Stale => "过期",
            Freshness::Never => "从未成功",
        },
        state_means: |it| match it {
            Freshness::Fresh => "最近一份未超过本行的间隔。",
            Freshness::Due => "已过间隔，仍在宽限之内。",
            Freshness::Unknown => "来源未观测或无法读取，不能当作新鲜。",
            Freshness::Stale => "最近一份已超过间隔与宽限。",
            Freshness::Never => "登记后没有一份成功的副本。",
        },
        finding: |it| said(Lang::Zh, it),
        pace: |it| match it {
            Pace::Every(interval) => duration(Lang::Zh, interval),
            Pace::Continuous { lag } => format!("连续，落后 ≤ {}", duration(Lang::Zh, lag)),
        },
        kept: |it| kept(Lang::Zh, it),
        encryption_of: |it| match it {
            Some(Encryption::Required) => "必须加密",
            Some(Encryption::None) => "不加密",
            None => "未说明",
        },
        within: |seconds| format!("≤ {} 内", span(Lang::Zh, seconds.into())),
        source_of: |it| match it {
            SourceKind::Objects => "对象列表",
            SourceKind::Jobs => "CronJob 历史",
            SourceKind::Velero => "Velero",
            SourceKind::VolumeSnapshots => "卷快照",
            SourceKind::Git => "Git 仓库",
            SourceKind::Heartbeat => "心跳",
        },
        no_source: "未观测",
        not_looked: "尚未查看",
        not_stated: "未说明",
        facts: "矩阵条目",
        copies: "副本",
        copies_note: |shown| format!("最新的 {shown} 份"),
        no_copies: "还没有看到任何副本。",
        taken: "完成时间",
        outcome: "结果",
        outcome_of: |it| match it {
            Outcome::Done => "完成",
            Outcome::Failed => "失败",
        },
        site: "所在",
        site_of: |it| match it {
            Site::Here => "本地",
            Site::Offsite => "异地",
        },
        size: "大小",
        there: "在",
        gone: |at| format!("{at} 起不在"),
        measured: "恢复度量",
        history: "状态变化",
        no_history: "状态还没有变化过。",
        chart: "副本随时间",
        chart_says: |done, failed| {
            format!("横轴为时间，共 {done} 份完成、{failed} 次失败；数据见下表。")
        },
        token: "心跳令牌",
        token_note: "做备份的脚本在结束时用它告诉我们有了新副本。一项备份只有一个有效令牌。",
        no_token: "没有令牌",
        token_made: "生成",
        token_unused: "还没有用过",
        token_call: "脚本末尾这样调用",
        token_hint: "只在这里显示一次；请先复制，再让它生效。",
        make_token: "生成令牌",
        replace_token: "换一个令牌",
        revoke_token: "吊销令牌",
        revoke_token_why: "之后用它发来的心跳都不再接受。",
    },
    en: Texts {
        title: "Backups",
        lede: |all, red, unknown| match (red, unknown) {
            (0, 0) => format!("All {all} backups can be relied on."),
            (red, 0) => format!("{red} of {all} backups cannot be relied on."),
            (0, unknown) => {
                format!("Of {all} backups {unknown} are unknown; unknown is not fresh.")
            }
            (red, unknown) => {
                format!("{red} of {all} backups cannot be relied on, {unknown} are unknown.")
            }
        },
        empty: "No backup matrix yet: import a catalog with lifeboat catalog import.",
        none_found: "No backup is like that.",
        matrix: "Backup matrix",
        matrix_note: "Freshness = age of the newest copy ÷ the row's own interval; a full bar is 2 intervals",
        findings: "Findings",
        no_findings: "Nothing is wrong.",
        domain: "Domain",
        artefact: "Artefact",
        method: "Method",
        freshness: "Freshness",
        newest: "Newest copy",
        interval: "Interval",
        grace: "Grace",
        retention: "Retention",
        place: "Place",
        encryption: "Encryption",
        offsite: "Off-site copy",
        owner: "Owner",
        source: "Observed at",
        stated_in: "Stated in",
        looked_at: "Last look",
        since: "Since",
        tenant: "Tenant",
        tenants: "By tenant",
        only_findings: "Only with findings",
        of_interval: |ratio| format!("{ratio:.2} intervals"),
        progress: |name| format!("{name}: age of the newest copy in intervals"),
        state_of: |it| match it {
            Freshness::Fresh => "Fresh",
            Freshness::Due => "Due",
            Freshness::Unknown => "Unknown",
            Freshness::Stale => "Stale",
            Freshness::Never => "Never",
        },
        state_means: |it| match it {
            Freshness::Fresh => "The newest copy is no older than the row's interval.",
            Freshness::Due => "Past the interval, still within the grace.",
            Freshness::Unknown => {
                "The source is not observed or cannot be read; that does not count as fresh."
            }
            Freshness::Stale => "The newest copy is older than interval and grace.",
            Freshness::Never => "There was never a copy.",
        },
        finding: |it| said(Lang::En, it),
        pace: |it| match it {
            Pace::Every(interval) => duration(Lang::En, interval),
            Pace::Continuous { lag } => format!("continuous, ≤ {} behind", duration(Lang::En, lag)),
        },
        kept: |it| kept(Lang::En, it),
        encryption_of: |it| match it {
            Some(Encryption::Required) => "required",
            Some(Encryption::None) => "none",
            None => "not stated",
        },
        within: |seconds| format!("within {}", span(Lang::En, seconds.into())),
        source_of: |it| match it {
            SourceKind::Objects => "object listing",
            SourceKind::Jobs => "CronJob history",
            SourceKind::Velero => "Velero",
            SourceKind::VolumeSnapshots => "VolumeSnapshots",
            SourceKind::Git => "Git repository",
            SourceKind::Heartbeat => "heartbeat",
        },
        no_source: "not observed",
        not_looked: "not looked at yet",
        not_stated: "not stated",
        facts: "Row of the matrix",
        copies: "Copies",
        copies_note: |shown| format!("the newest {shown}"),
        no_copies: "No copy was seen yet.",
        taken: "Complete at",
        outcome: "Outcome",
        outcome_of: |it| match it {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
        },
        site: "Site",
        site_of: |it| match it {
            Site::Here => "here",
            Site::Offsite => "off-site",
        },
        size: "Size",
        there: "There",
        gone: |at| format!("gone since {at}"),
        measured: "Restore measurements",
        history: "How it stood",
        no_history: "Nothing has changed yet.",
        chart: "Copies over time",
        chart_says: |done, failed| {
            format!(
                "Time from left to right: {done} done, {failed} failed; the table below has the data."
            )
        },
        token: "Heartbeat token",
        token_note: "With it the script that makes a copy tells us so at its end. A row has one good token.",
        no_token: "no token",
        token_made: "Made",
        token_unused: "never used",
        token_call: "At the end of the script",
        token_hint: "It is shown here and never again: copy it first, then put it in force.",
        make_token: "Make a token",
        replace_token: "Replace the token",
        revoke_token: "Revoke the token",
        revoke_token_why: "Heartbeats that are sent with it are not taken any more.",
    },
};

fn span(lang: Lang, seconds: i64) -> String {
    duration(lang, TimeDelta::seconds(seconds))
}

fn kept(lang: Lang, it: &Retention) -> String {
    let span = |seconds: u32| span(lang, seconds.into());
    let parts: Vec<String> = match lang {
        Lang::Zh => [
            it.age_s.map(span),
            it.count.map(|it| format!("{it} 份")),
            it.at_most_s.map(|it| format!("≤ {}", span(it))),
        ],
        Lang::En => [
            it.age_s.map(span),
            it.count.map(|it| format!("{it} copies")),
            it.at_most_s.map(|it| format!("≤ {}", span(it))),
        ],
    }
    .into_iter()
    .flatten()
    .collect();
    parts.join(if lang == Lang::Zh { "，" } else { ", " })
}

fn said(lang: Lang, finding: &Finding) -> String {
    match lang {
        Lang::Zh => chinese(finding),
        Lang::En => english(finding),
    }
}

fn chinese(finding: &Finding) -> String {
    let span = |seconds: i64| span(Lang::Zh, seconds);
    let of = |tenant: &str| match tenant {
        "" => String::new(),
        tenant => format!("租户 {tenant}："),
    };
    let far = |offsite: bool| if offsite { "异地副本：" } else { "" };
    match finding {
        Finding::Never { tenant } => format!("{}从未有过成功的副本。", of(tenant)),
        Finding::Stale { tenant, age_s, allowed_s } => {
            format!("{}最近一份已有 {}，最多允许 {}。", of(tenant), span(*age_s), span(*allowed_s))
        }
        Finding::LastFailed { tenant, artefact, .. } => {
            format!("{}最近一次备份失败：{artefact}。", of(tenant))
        }
        Finding::Unobserved => "没有写明观测来源，无人查看。".to_owned(),
        Finding::Unreadable { offsite, why } => format!("{}来源无法读取：{why}", far(*offsite)),
        Finding::NotLookedAt { offsite } => format!("{}近期没有查看过来源。", far(*offsite)),
        Finding::SourceWarns { offsite, what } => format!("{}来源异常：{what}", far(*offsite)),
        Finding::FutureDated { artefact, ahead_s } => {
            format!("{artefact} 的时间在 {} 之后：时钟有误，不予采信。", span(*ahead_s))
        }
        Finding::GoneTooSoon { artefact, after_s, keep_s } => {
            format!("{artefact} 只保留了 {}，应保留 {}。", span(*after_s), span(*keep_s))
        }
        Finding::RetentionBelowInterval { keep_s, interval_s } => {
            format!("保留 {} 短于间隔 {}：两份之间会没有副本。", span(*keep_s), span(*interval_s))
        }
        Finding::TooFew { tenant, present, keep } => {
            format!("{}只有 {present} 份，应保留 {keep} 份。", of(tenant))
        }
        Finding::KeptTooLong { offsite, artefact, age_s, at_most_s } => {
            let (age, most) = (span(*age_s), span(*at_most_s));
            format!("{}{artefact} 已保留 {age}，不得超过 {most}。", far(*offsite))
        }
        Finding::TooMany { present, at_most } => {
            format!("异地副本有 {present} 份，只应保留 {at_most} 份。")
        }
        Finding::RetentionUnstated => "矩阵没有写明保留多久。".to_owned(),
        Finding::EncryptionUnstated => "矩阵没有写明是否加密。".to_owned(),
        Finding::NotEncrypted { artefact } => format!("{artefact} 没有加密，而它必须加密。"),
        Finding::EncryptionUnseen => "必须加密，但来源看不出是否已加密。".to_owned(),
        Finding::OffsiteLate { tenant, behind_s, within_s } => {
            let (behind, within) = (span(*behind_s), span(*within_s));
            format!("{}异地副本落后 {behind}，应在 {within} 内到达。", of(tenant))
        }
        Finding::OffsiteNever { tenant } => format!("{}异地从未有过副本。", of(tenant)),
        Finding::OffsiteUnobserved => "没有写明异地副本的观测来源。".to_owned(),
        Finding::CannotMeetRpo { interval_s, rpo_s } => {
            format!("间隔 {} 无法满足本数据域的 RPO {}。", span(*interval_s), span(*rpo_s))
        }
    }
}

fn english(finding: &Finding) -> String {
    let span = |seconds: i64| span(Lang::En, seconds);
    let of = |tenant: &str| match tenant {
        "" => String::new(),
        tenant => format!("Tenant {tenant}: "),
    };
    let far = |offsite: bool| if offsite { "Off-site: " } else { "" };
    match finding {
        Finding::Never { tenant } => format!("{}There was never a copy.", of(tenant)),
        Finding::Stale { tenant, age_s, allowed_s } => {
            let (age, allowed) = (span(*age_s), span(*allowed_s));
            format!("{}The newest copy is {age} old; {allowed} are allowed.", of(tenant))
        }
        Finding::LastFailed { tenant, artefact, .. } => {
            format!("{}The last attempt failed: {artefact}.", of(tenant))
        }
        Finding::Unobserved => "No source is named, so nobody looks.".to_owned(),
        Finding::Unreadable { offsite, why } => {
            format!("{}The source cannot be read: {why}", far(*offsite))
        }
        Finding::NotLookedAt { offsite } => {
            format!("{}Nobody has looked at the source lately.", far(*offsite))
        }
        Finding::SourceWarns { offsite, what } => {
            format!("{}The source says something odd: {what}", far(*offsite))
        }
        Finding::FutureDated { artefact, ahead_s } => {
            format!(
                "{artefact} is dated {} ahead: a clock is wrong, and it is not believed.",
                span(*ahead_s)
            )
        }
        Finding::GoneTooSoon { artefact, after_s, keep_s } => {
            format!(
                "{artefact} was gone after {}; it is to be kept for {}.",
                span(*after_s),
                span(*keep_s)
            )
        }
        Finding::RetentionBelowInterval { keep_s, interval_s } => {
            let (keep, interval) = (span(*keep_s), span(*interval_s));
            format!("Kept for {keep}, made every {interval}: between two copies there is none.")
        }
        Finding::TooFew { tenant, present, keep } => {
            format!("{}{present} copies are there; {keep} are to be kept.", of(tenant))
        }
        Finding::KeptTooLong { offsite, artefact, age_s, at_most_s } => {
            let (age, most) = (span(*age_s), span(*at_most_s));
            format!("{}{artefact} is {age} old and must be gone after {most}.", far(*offsite))
        }
        Finding::TooMany { present, at_most } => {
            format!("{present} copies are off-site; only {at_most} are to be kept there.")
        }
        Finding::RetentionUnstated => {
            "The matrix does not say how long copies are kept.".to_owned()
        }
        Finding::EncryptionUnstated => {
            "The matrix does not say whether copies are encrypted.".to_owned()
        }
        Finding::NotEncrypted { artefact } => {
            format!("{artefact} is not encrypted, which it must be.")
        }
        Finding::EncryptionUnseen => {
            "Must be encrypted; the source cannot tell whether it is.".to_owned()
        }
        Finding::OffsiteLate { tenant, behind_s, within_s } => {
            let (behind, within) = (span(*behind_s), span(*within_s));
            format!("{}The off-site copy is {behind} behind; {within} are allowed.", of(tenant))
        }
        Finding::OffsiteNever { tenant } => {
            format!("{}Nothing was ever copied off-site.", of(tenant))
        }
        Finding::OffsiteUnobserved => {
            "No source is named for the off-site copies, so nobody looks.".to_owned()
        }
        Finding::CannotMeetRpo { interval_s, rpo_s } => {
            let (interval, rpo) = (span(*interval_s), span(*rpo_s));
            format!("An interval of {interval} cannot meet the domain's RPO of {rpo}.")
        }
    }
}
