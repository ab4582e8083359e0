//! What a command answers, for people and for programs.

use domain::catalog::{Change, Member};

use super::parse::Error;

/// The one object that `--json` prints. Documents are named `service/api-gateway`.
#[derive(Debug, Default, serde::Serialize)]
pub struct Report {
    pub errors: Vec<Error>,
    pub created: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// The members behind `changed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// What an export wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

#[derive(Debug, serde::Serialize)]
pub struct Difference {
    pub document: String,
    pub members: Vec<Member>,
}

impl Report {
    pub fn errors(errors: Vec<Error>) -> Self {
        Self { errors, ..Self::default() }
    }

    pub fn changes(changes: &[Change]) -> Self {
        let mut report = Self::default();
        for change in changes {
            let key = change.document().key().to_string();
            match change {
                Change::Create(_) => report.created.push(key),
                Change::Remove(_) => report.removed.push(key),
                Change::Change(_, members) => {
                    report.changed.push(key.clone());
                    report.differences.push(Difference { document: key, members: members.clone() });
                }
            }
        }
        report
    }

    /// Lines for people: what is wrong, or what changes and how.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.errors.iter().map(Error::to_string).collect();
        lines.extend(self.created.iter().map(|it| format!("created  {it}")));
        for difference in &self.differences {
            lines.push(format!("changed  {}", difference.document));
            let member = |it: &Member| format!("           {}: {} → {}", it.path, it.from, it.to);
            lines.extend(difference.members.iter().map(member));
        }
        lines.extend(self.removed.iter().map(|it| format!("removed  {it}")));
        lines.extend(self.files.iter().map(|it| format!("wrote    {it}")));
        lines
    }

    /// The last line for people.
    pub fn summary(&self) -> String {
        match self.errors.len() {
            0 => format!(
                "{} created, {} changed, {} removed",
                self.created.len(),
                self.changed.len(),
                self.removed.len()
            ),
            1 => "1 error, nothing imported".to_owned(),
            errors => format!("{errors} errors, nothing imported"),
        }
    }
}
