//! Signals: rules over measurements. A signal's name is its alertname.

pub mod evaluation;
pub mod export;
mod typed;

use serde::{Deserialize, Serialize};

use crate::catalog::{Faults, rules};

pub use self::typed::{SOURCES, fields, typed};

words!(
    /// How much a signal weighs. `info` never acts, `warning` at most asks.
    Severity { Info = "info", Warning = "warning", Critical = "critical", Emergency = "emergency" }
);

words!(
    /// What a firing signal opens.
    Opens { Rollback = "rollback", Incident = "incident", Runbook = "runbook" }
);

words!(
    /// On which side of a limit a value is meant to lie.
    Comparison { Greater = "greater", Less = "less" }
);

words!(
    /// What the watch can see by itself.
    WatchSignal {
        CrashLoop = "crash_loop", ImagePull = "image_pull", Oom = "oom", Stuck = "stuck", NotReady = "not_ready",
    }
);

impl Comparison {
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Greater => value > limit,
            Self::Less => value < limit,
        }
    }
}

/// A rule over measurements, with the limits between which its badness is counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Signal {
    pub name: String,
    pub severity: Severity,
    /// Unit of `limit`, `ceiling`, `baseline` and of the measured value: `ratio`, `seconds`, `pods`, …
    pub unit: String,
    pub source: Source,
    /// The label of the series that says whom a sample concerns.
    pub by: String,
    /// The signal fires on values that are `comparison` than this.
    pub limit: f64,
    /// The value at which nothing is worse any more.
    pub ceiling: f64,
    /// Where values lie when all is well.
    pub baseline: f64,
    /// How long the value must stay over its limit.
    pub for_s: u32,
    pub opens: Opens,
    pub runbook: Option<String>,
    pub comparison: Comparison,
}

/// Who can confirm that a signal fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// PromQL for a share: an absent numerator beside a living denominator is zero.
    Ratio {
        numerator: String,
        denominator: String,
    },
    /// PromQL for a plain value.
    Value {
        value: String,
    },
    Watch(WatchSignal),
    /// Nobody but a person.
    None,
}

/// The four signals that come from the watch and need no catalog. A catalog may re-state them; what it
/// leaves out then stays as it is here.
pub fn built_in() -> [Signal; 4] {
    [
        ("PodCrashLoop", WatchSignal::CrashLoop),
        ("PodImagePull", WatchSignal::ImagePull),
        ("PodOOMKilled", WatchSignal::Oom),
        ("RolloutStuck", WatchSignal::Stuck),
    ]
    .map(|(name, watch)| Signal {
        name: name.to_owned(),
        severity: Severity::Critical,
        unit: "ratio".to_owned(),
        source: Source::Watch(watch),
        by: BY.to_owned(),
        limit: 0.0,
        // The share of the new revision's pods; all of them is the worst there is.
        ceiling: 1.0,
        baseline: 0.0,
        for_s: 0,
        opens: Opens::Rollback,
        runbook: None,
        comparison: Comparison::Greater,
    })
}

const BY: &str = "service";

/// Requests are counted over at least so many seconds.
const SHORTEST_WINDOW_S: u32 = 60;

/// What a ratio signal says of a service, and over how many requests in its window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    pub value: Option<f64>,
    pub requests: Option<f64>,
}

impl Share {
    /// The value where there were at least so many requests.
    pub fn over(self, least: u32) -> Option<f64> {
        self.value.filter(|_| self.requests.is_some_and(|it| it >= f64::from(least)))
    }
}

impl Signal {
    pub fn fires(&self, value: f64) -> bool {
        self.comparison.holds(value, self.limit)
    }

    pub fn is_clean(&self, value: f64) -> bool {
        !self.comparison.holds(value, self.baseline)
    }

    /// A share of requests: an absent numerator beside a living denominator is none of them, and without a
    /// denominator nobody can tell. Both are rates per second.
    pub fn share(&self, numerator: Option<f64>, denominator: Option<f64>) -> Share {
        let below = denominator.filter(|it| *it > 0.0);
        Share {
            value: below.map(|below| numerator.unwrap_or(0.0) / below),
            requests: below.map(|below| below * f64::from(self.for_s.max(SHORTEST_WINDOW_S))),
        }
    }

    /// It tells whether data agree with each other. The catalog says so by the signal's name or its PromQL; what an
    /// alert says about itself does not count.
    pub fn is_about_data(&self) -> bool {
        const WORDS: &[&str] = &[
            "inconsisten",
            "mismatch",
            "corrupt",
            "integrity",
            "consistency",
            "data_loss",
            "dataloss",
        ];
        let queries = match &self.source {
            Source::Ratio { numerator, .. } => numerator.as_str(),
            Source::Value { value } => value.as_str(),
            Source::Watch(_) => return false,
            Source::None => "",
        };
        let says = |text: &str| {
            let text = text.to_ascii_lowercase();
            WORDS.iter().any(|it| text.contains(it))
        };
        says(&self.name) || says(queries)
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("unit").refuse(rules::name(&self.unit));
        faults.at("by").refuse(rules::label(&self.by, ""));
        faults.at("for_s").refuse(rules::seconds(0, self.for_s));
        let numbers =
            [("limit", self.limit), ("ceiling", self.ceiling), ("baseline", self.baseline)];
        for (field, number) in numbers {
            faults.at(field).refuse(rules::finite(number));
        }
        if numbers.iter().all(|(_, it)| it.is_finite()) {
            self.check_order(faults);
        }
        match &self.source {
            Source::Ratio { numerator, denominator } => {
                faults.at("numerator").refuse(rules::promql(numerator));
                faults.at("denominator").refuse(rules::promql(denominator));
            }
            Source::Value { value } => faults.at("value").refuse(rules::promql(value)),
            Source::Watch(_) | Source::None => {}
        }
        if let Some(runbook) = &self.runbook {
            faults.at("runbook").refuse(rules::url(runbook));
        }
    }

    fn check_order(&self, faults: &mut Faults) {
        let side = self.comparison.as_str();
        if !self.comparison.holds(self.ceiling, self.limit) {
            faults.at("ceiling").add(format!("must be {side} than limit"));
        }
        if self.comparison.holds(self.baseline, self.limit) {
            faults.at("baseline").add(format!("must not be {side} than limit"));
        }
    }
}

/// The document as it is written, with what may be left out.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    numerator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denominator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<WatchSignal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    limit: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opens: Option<Opens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

impl Fields {
    fn source(&mut self) -> Result<Option<Source>, String> {
        let Self { numerator, denominator, value, watch, .. } = self;
        Ok(Some(match (numerator.take(), denominator.take(), value.take(), watch.take()) {
            (Some(numerator), Some(denominator), None, None) => {
                Source::Ratio { numerator, denominator }
            }
            (None, None, Some(value), None) => Source::Value { value },
            (None, None, None, Some(watch)) => Source::Watch(watch),
            (None, None, None, None) => return Ok(None),
            (Some(_), None, ..) => return Err("numerator without denominator".to_owned()),
            (None, Some(_), ..) => return Err("denominator without numerator".to_owned()),
            _ => {
                return Err("give one of numerator with denominator, value, or watch, not several"
                    .to_owned());
            }
        }))
    }
}

impl TryFrom<Fields> for Signal {
    type Error = String;

    fn try_from(mut fields: Fields) -> Result<Self, String> {
        let source = fields.source()?;
        if let Some(signal) = built_in().into_iter().find(|it| it.name == fields.name) {
            return Ok(signal.restated(fields, source));
        }
        let source = source.unwrap_or(Source::None);
        let watched = matches!(source, Source::Watch(_));
        let limit = fields.limit;
        let comparison = fields.comparison.unwrap_or(Comparison::Greater);
        let unit = fields.unit.unwrap_or_else(|| "ratio".to_owned());
        let ratio = unit == "ratio" && comparison == Comparison::Greater;
        Ok(Self {
            name: fields.name,
            severity: fields.severity,
            source,
            by: fields.by.unwrap_or_else(|| BY.to_owned()),
            limit,
            ceiling: fields.ceiling.unwrap_or_else(|| ceiling(limit, ratio, comparison)),
            baseline: fields.baseline.unwrap_or(if ratio { limit.min(0.001) } else { limit }),
            for_s: fields.for_s.unwrap_or(if watched { 0 } else { 300 }),
            opens: fields.opens.unwrap_or(Opens::Rollback),
            runbook: fields.runbook,
            comparison,
            unit,
        })
    }
}

/// The ceiling of a signal that names none: a quarter for a share whose limit lies below it, else five times
/// the limit; nothing at all for a signal that fires on too little.
fn ceiling(limit: f64, ratio: bool, comparison: Comparison) -> f64 {
    match comparison {
        Comparison::Less => 0.0,
        Comparison::Greater if ratio && limit < 0.25 => 0.25,
        Comparison::Greater if ratio && limit < 1.0 => 1.0,
        Comparison::Greater if limit > 0.0 => limit * 5.0,
        Comparison::Greater => limit + 1.0,
    }
}

impl Signal {
    fn restated(self, fields: Fields, source: Option<Source>) -> Self {
        Self {
            name: self.name,
            severity: fields.severity,
            unit: fields.unit.unwrap_or(self.unit),
            source: source.unwrap_or(self.source),
            by: fields.by.unwrap_or(self.by),
            limit: fields.limit,
            ceiling: fields.ceiling.unwrap_or(self.ceiling),
            baseline: fields.baseline.unwrap_or(self.baseline),
            for_s: fields.for_s.unwrap_or(self.for_s),
            opens: fields.opens.unwrap_or(self.opens),
            runbook: fields.runbook.or(self.runbook),
            comparison: fields.comparison.unwrap_or(self.comparison),
        }
    }
}

impl From<Signal> for Fields {
    fn from(signal: Signal) -> Self {
        let (mut numerator, mut denominator, mut value, mut watch) = (None, None, None, None);
        match signal.source {
            Source::Ratio { numerator: n, denominator: d } => {
                (numerator, denominator) = (Some(n), Some(d));
            }
            Source::Value { value: v } => value = Some(v),
            Source::Watch(w) => watch = Some(w),
            Source::None => {}
        }
        Self {
            name: signal.name,
            severity: signal.severity,
            unit: Some(signal.unit),
            numerator,
            denominator,
            value,
            watch,
            by: Some(signal.by),
            limit: signal.limit,
            ceiling: Some(signal.ceiling),
            baseline: Some(signal.baseline),
            for_s: Some(signal.for_s),
            opens: Some(signal.opens),
            runbook: signal.runbook,
            comparison: Some(signal.comparison),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn signal(json: Value) -> Result<Signal, String> {
        serde_json::from_value(json).map_err(|it| it.to_string())
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let signal = signal(json!({"name": "S", "severity": "critical", "limit": 0.05})).unwrap();
        assert_eq!(signal.source, Source::None);
        assert_eq!((signal.ceiling, signal.baseline, signal.for_s), (0.25, 0.001, 300));
        assert_eq!((&*signal.unit, &*signal.by), ("ratio", "service"));
        assert_eq!((signal.opens, signal.comparison), (Opens::Rollback, Comparison::Greater));
    }

    #[test]
    fn a_signal_of_consistency_says_so_in_its_name_or_its_query() {
        let of = |name: &str, value: &str| {
            let fields = json!({"name": name, "severity": "emergency", "limit": 0, "value": value});
            signal(fields).unwrap().is_about_data()
        };
        assert!(of("BalanceInconsistency", "accounts > 0"));
        assert!(of("Balances", "account_balance_mismatch > 0"));
        assert!(!of("TransactionFailure", "sum(rate(financial_transactions_failed[5m]))"));
        assert!(built_in().iter().all(|it| !it.is_about_data()));
    }

    #[test]
    fn a_built_in_signal_keeps_what_a_catalog_does_not_re_state() {
        let re_stated =
            signal(json!({"name": "PodOOMKilled", "severity": "warning", "limit": 0})).unwrap();
        let expected = Signal { severity: Severity::Warning, ..built_in()[2].clone() };
        assert_eq!(re_stated, expected);
        assert_eq!(re_stated.source, Source::Watch(WatchSignal::Oom));
    }

    #[test]
    fn a_signal_has_one_source() {
        for (source, expected) in [
            (json!({"value": "v"}), Ok(Source::Value { value: "v".into() })),
            (json!({"watch": "stuck"}), Ok(Source::Watch(WatchSignal::Stuck))),
            (
                json!({"numerator": "n", "denominator": "d"}),
                Ok(Source::Ratio { numerator: "n".into(), denominator: "d".into() }),
            ),
            (json!({"numerator": "n"}), Err("numerator without denominator")),
            (json!({"denominator": "d"}), Err("denominator without numerator")),
            (
                json!({"value": "v", "watch": "oom"}),
                Err("give one of numerator with denominator, value, or watch, not several"),
            ),
        ] {
            let mut json = source;
            json["name"] = "S".into();
            json["severity"] = "info".into();
            json["limit"] = 1.into();
            let answer = signal(json).map(|it| it.source);
            assert_eq!(answer, expected.map_err(str::to_owned));
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let less = json!({"name": "S", "severity": "info", "limit": 0.5, "comparison": "less", "value": "v"});
        for signal in built_in().into_iter().chain([signal(less).unwrap()]) {
            let json = serde_json::to_value(&signal).unwrap();
            assert_eq!(serde_json::from_value::<Signal>(json).unwrap(), signal);
        }
    }
}
