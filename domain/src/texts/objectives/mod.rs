//! The matrix of objectives, and what measuring came to.

mod en;
mod zh;

use super::{Each, Lang, duration};
use crate::objectives::{Bound, Finding, Gap, Refusal};

pub struct Texts {
    pub title: &'static str,
    pub lede: &'static str,
    pub nothing_yet: &'static str,
    pub domain: &'static str,
    pub path: &'static str,
    pub attained: &'static str,
    pub signals: &'static str,
    pub owner: &'static str,
    pub sources: &'static str,
    pub document: &'static str,
    pub section: &'static str,
    /// Beside the source whose target holds.
    pub holds: &'static str,
    pub others: &'static str,
    pub others_hint: &'static str,
    pub rto_s: &'static str,
    pub rto_hint: &'static str,
    pub rpo_s: &'static str,
    pub rpo_hint: &'static str,
    pub may_be_lost: &'static str,
    pub not_applicable: &'static str,
    /// Where no document says anything.
    pub unsaid: &'static str,
    pub never_measured: &'static str,
    /// Where nothing says how.
    pub not_watched: &'static str,
    pub how: &'static str,
    pub recovery: &'static str,
    pub replication: &'static str,
    pub measurements: &'static str,
    pub measured_at: &'static str,
    pub belongs_to: &'static str,
    pub judged_by: &'static str,
    pub result: &'static str,
    pub history: &'static str,
    pub version: &'static str,
    pub since: &'static str,
    pub changed_by: &'static str,
    pub edit: &'static str,
    pub add_source: &'static str,
    pub remove_source: &'static str,
    pub reason_hint: &'static str,
    pub change: &'static str,
    pub export_rto: &'static str,
    pub export_rpo: &'static str,
    pub database: &'static str,
    pub refused: fn(Refusal) -> &'static str,
    pub finding: fn(&Finding) -> String,
    pub gap: fn(&Gap) -> String,
}

pub static TEXTS: Each<Texts> = Each { zh: zh::TEXTS, en: en::TEXTS };

/// `≤ 30 min`, or in words.
pub fn bound(lang: Lang, bound: Option<Bound>) -> String {
    let t = TEXTS.of(lang);
    match bound {
        None => t.unsaid.to_owned(),
        Some(Bound::MayBeLost) => t.may_be_lost.to_owned(),
        Some(Bound::NotApplicable) => t.not_applicable.to_owned(),
        Some(Bound::Within(seconds)) => {
            format!("≤ {}", duration(lang, chrono::TimeDelta::seconds(seconds.into())))
        }
    }
}

fn moment(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
