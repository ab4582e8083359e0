//! Writing rules down.

use std::borrow::Cow;

use crate::decisions::{Reason, RuleName, RuleRecord, Scalar};
use crate::texts::Lang;
use crate::verdict::Verdict;

pub(super) fn rule(name: RuleName, verdict: Verdict, key: Reason) -> RuleRecord {
    RuleRecord {
        name,
        kind: name.kind(),
        input: Cow::Borrowed(""),
        value: None,
        limit: None,
        verdict,
        key,
        reason: Cow::Borrowed(key.text(Lang::En)),
    }
}

pub(super) fn pass(name: RuleName, key: Reason) -> RuleRecord {
    rule(name, Verdict::Pass, key)
}

pub(super) fn fail(name: RuleName, key: Reason) -> RuleRecord {
    rule(name, Verdict::Fail, key)
}

pub(super) fn unknown(name: RuleName, key: Reason) -> RuleRecord {
    rule(name, Verdict::Unknown, key)
}

impl RuleRecord {
    pub(super) fn of(self, input: impl Into<Cow<'static, str>>) -> Self {
        Self { input: input.into(), ..self }
    }

    /// JSON has no number for what is not finite; such a value is none.
    pub(super) fn found(self, value: f64) -> Self {
        Self { value: value.is_finite().then_some(Scalar::Number(value)), ..self }
    }

    pub(super) fn found_text(self, value: impl Into<Cow<'static, str>>) -> Self {
        Self { value: Some(Scalar::Text(value.into())), ..self }
    }

    pub(super) fn limited(self, limit: f64) -> Self {
        Self { limit: limit.is_finite().then_some(Scalar::Number(limit)), ..self }
    }
}
