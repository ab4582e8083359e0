//! Stretches of time in which automation stays away: maintenance windows, and freezes.
//!
//! In a maintenance window nothing is rolled back by itself, because somebody is at work; the decision is recorded as
//! suppressed. In a freeze nothing is changed unless a person says so, and says it twice. What comes again is part of
//! the policy, so that it takes two people; a single stretch is set by one, with a reason.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use serde::{Deserialize, Serialize};

use crate::catalog::{Faults, rules};
use crate::decide::situation as facts;
use crate::ids::WindowId;
use crate::rails::Scope;

/// Longer than this is a policy, and no window.
pub const LONGEST: TimeDelta = TimeDelta::days(31);

words!(
    /// What a stretch is for.
    Kind { Maintenance = "maintenance", Freeze = "freeze" }
);

/// One that comes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurring {
    pub name: String,
    pub kind: Kind,
    /// When it begins: minute, hour, day, month, weekday.
    pub cron: String,
    pub duration_s: u32,
    pub zone: Tz,
}

/// One stretch that somebody has set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    pub id: WindowId,
    pub kind: Kind,
    pub scope: Scope,
    pub reason: String,
    pub from: DateTime<Utc>,
    /// Not any more at this moment.
    pub to: DateTime<Utc>,
    pub set_by_name: String,
    pub set_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("a window ends after it begins, and later than now")]
    Over,
    #[error("a window lasts 31 days at most; longer is a matter of the policy")]
    TooLong,
}

impl Window {
    /// # Errors
    /// [`Refusal::Over`], [`Refusal::TooLong`].
    pub fn check(
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        match () {
            () if to <= from || to <= now => Err(Refusal::Over),
            () if to - from > LONGEST => Err(Refusal::TooLong),
            () => Ok(()),
        }
    }

    pub fn is_running(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.to
    }

    pub fn fact(&self) -> facts::Window {
        facts::Window { name: Some(self.reason.clone()), from: self.from, to: self.to }
    }
}

impl Recurring {
    /// The stretch of it that is running; the newest where one reaches into the next.
    pub fn running(&self, now: DateTime<Utc>) -> Option<facts::Window> {
        let cron = Cron::from_str(&self.cron).ok()?;
        let lasts = TimeDelta::seconds(i64::from(self.duration_s));
        let begins = cron.iter_after((now - lasts).with_timezone(&self.zone));
        let from = begins.take_while(|it| *it <= now).take(1_000).last()?.to_utc();
        let name = Some(self.name.clone());
        Some(facts::Window { name, from, to: from + lasts }).filter(|it| now < it.to)
    }

    pub(crate) fn check(&self, faults: &mut Faults) {
        faults.at("name").refuse(rules::name(&self.name));
        faults.at("duration_s").refuse(rules::seconds(60, self.duration_s));
        if TimeDelta::seconds(i64::from(self.duration_s)) > LONGEST {
            faults.at("duration_s").add("is longer than 31 days");
        }
        if let Err(why) = Cron::from_str(&self.cron) {
            faults.at("cron").add(format!("{:?} is no schedule: {why}", self.cron));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn one_that_comes_again_is_running_from_its_moment_for_its_length() {
        let nightly: Recurring = serde_json::from_value(json!({
            "name": "nightly", "kind": "maintenance", "cron": "30 2 * * 1-5", "duration_s": 5400, "zone": "Asia/Shanghai",
        }))
        .unwrap();
        // Tuesday, 3 March 2026; 02:30 there is 18:30 the day before.
        for (now, running) in [
            ("2026-03-02T18:29:59Z", false),
            ("2026-03-02T18:30:00Z", true),
            ("2026-03-02T19:59:59Z", true),
            ("2026-03-02T20:00:00Z", false),
            // Saturday there.
            ("2026-03-06T18:45:00Z", false),
        ] {
            let found = nightly.running(at(now));
            assert_eq!(found.is_some(), running, "{now}");
            if let Some(it) = found {
                assert_eq!(
                    (it.from, it.to),
                    (at("2026-03-02T18:30:00Z"), at("2026-03-02T20:00:00Z"))
                );
            }
        }
    }

    #[test]
    fn a_moment_that_the_clock_leaves_out_does_no_harm() {
        let sunday: Recurring = serde_json::from_value(json!({
            "name": "n", "kind": "freeze", "cron": "30 2 * * *", "duration_s": 3600, "zone": "Europe/Berlin",
        }))
        .unwrap();
        // On 29 March 2026 there is no half past two in Berlin, and nothing breaks.
        let whole_day = (0..24 * 60).filter(|minute| {
            sunday.running(at("2026-03-29T00:00:00Z") + TimeDelta::minutes(*minute)).is_some()
        });
        assert!(whole_day.count() <= 120);
    }

    #[test]
    fn a_stretch_has_an_end_that_is_yet_to_come() {
        let now = at("2026-03-03T10:00:00Z");
        let hour = TimeDelta::hours(1);
        assert_eq!(Window::check(now, now + hour, now), Ok(()));
        assert_eq!(Window::check(now - hour, now + hour, now), Ok(()));
        assert_eq!(Window::check(now, now, now), Err(Refusal::Over));
        assert_eq!(Window::check(now - hour, now, now), Err(Refusal::Over));
        assert_eq!(Window::check(now, now + TimeDelta::days(40), now), Err(Refusal::TooLong));
    }
}
