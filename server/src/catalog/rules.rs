//! Signals as rules of Prometheus.

use anyhow::Context;
use domain::catalog::Document;
use domain::policies::{self, Policy};
use domain::signals::built_in;
use domain::signals::export::RuleFile;

use super::parse::Located;

/// The rules that the signals of a catalog come to, with those that are built in.
pub fn of(documents: &[Located]) -> RuleFile {
    let stated = || {
        documents.iter().filter_map(|it| match &it.document {
            Document::Signal(signal) => Some(signal),
            _ => None,
        })
    };
    let built_in = built_in();
    let other = built_in.iter().filter(|it| stated().all(|own| own.name != it.name));
    RuleFile::of(stated().chain(other), Policy::named(policies::DEFAULT).gates.min_requests)
}

/// As YAML: the file that Prometheus reads, or the object that its Operator does.
///
/// # Errors
/// Where it cannot be written.
pub fn text(file: RuleFile, object: bool) -> anyhow::Result<String> {
    let text = match object {
        true => serde_saphyr::to_string(&file.object()),
        false => serde_saphyr::to_string(&file),
    };
    text.context("the rules cannot be written as YAML")
}
