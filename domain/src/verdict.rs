//! What a rule, a check or a verification came to.
//!
//! **Invariant:** unknown never acts and never counts as a pass.

words!(
    /// Three-valued: what could not be measured is neither good nor bad.
    Verdict { Pass = "pass", Fail = "fail", Unknown = "unknown" }
);

impl Verdict {
    /// All must pass: one failure fails the whole, otherwise one unknown makes it unknown.
    /// Nothing at all passes, so whoever has nothing to look at must say that apart.
    pub fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().fold(Self::Pass, |whole, part| match (whole, part) {
            (Self::Fail, _) | (_, Self::Fail) => Self::Fail,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Pass, Self::Pass) => Self::Pass,
        })
    }

    pub fn passed(self) -> bool {
        self == Self::Pass
    }
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::Pass } else { Self::Fail }
    }
}

/// What was not measured is unknown.
impl From<Option<bool>> for Verdict {
    fn from(holds: Option<bool>) -> Self {
        holds.map_or(Self::Unknown, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{self, Fail, Pass, Unknown};

    #[test]
    fn a_whole_is_as_good_as_its_worst_part() {
        for (parts, whole) in [
            (&[][..], Pass),
            (&[Pass, Pass], Pass),
            (&[Pass, Unknown, Pass], Unknown),
            (&[Unknown, Fail, Pass], Fail),
            (&[Fail, Unknown], Fail),
        ] {
            assert_eq!(Verdict::all(parts.iter().copied()), whole, "{parts:?}");
        }
    }
}
