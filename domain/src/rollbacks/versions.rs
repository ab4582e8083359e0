//! What a rollback goes from and to, as people call it.

use super::Rollback;

impl Rollback {
    /// `v0.4.0 → v0.3.1`; by the numbers of the revisions where the tags do not tell them apart.
    pub fn from_to(&self) -> String {
        let tag = |image: &str| {
            let name = image.split('@').next().unwrap_or(image);
            let tag = name.rsplit('/').next().and_then(|it| it.split_once(':'));
            tag.map(|(_, tag)| tag.to_owned())
        };
        let from = self.from.as_ref();
        let to = self.target.as_ref();
        let tags = (
            from.and_then(|it| tag(&it.images.first()?.image)),
            to.and_then(|it| tag(&it.images.first()?.image)),
        );
        match (tags, from, to) {
            ((Some(from), Some(to)), ..) if from != to => format!("{from} → {to}"),
            (_, Some(from), Some(to)) => format!("{} → {}", from.revision, to.revision),
            (_, Some(from), None) => from.revision.to_string(),
            _ => String::new(),
        }
    }
}
