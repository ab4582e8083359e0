//! A policy as the fields of a form, and back. A field is called as its member: `rails.cooldown_s`.

use std::collections::BTreeMap;

use super::{Approvals, Gates, Mode, Policy, Rails, Strategy};
use crate::access::Role;
use crate::fields::{Fault, Faults};
use crate::typed::Typed;
use crate::windows::{Kind, Recurring};

/// The policy that somebody typed.
///
/// # Errors
/// Everything that is wrong, field by field.
pub fn typed(fields: &BTreeMap<String, String>) -> Result<Policy, Faults> {
    let mut it = Typed::new(fields);
    let policy = Policy {
        name: it.required("name"),
        mode: it.word("mode", Mode::ALL, Mode::as_str),
        automatic_above: it.share("automatic_above"),
        partial_above: it.share("partial_above"),
        automatic_rules: it.list("automatic_rules"),
        strategy: it.word("strategy", Strategy::ALL, Strategy::as_str),
        approvals: approvals(&mut it),
        gates: Gates {
            attribution_s: it.seconds("gates.attribution_s", 1),
            clean_before_s: it.seconds("gates.clean_before_s", 0),
            alert_age_s: it.seconds("gates.alert_age_s", 1),
            min_requests: it.whole("gates.min_requests", 0, u32::MAX),
            second_source_s: it.seconds("gates.second_source_s", 1),
        },
        rails: Rails {
            cooldown_s: it.seconds("rails.cooldown_s", 0),
            per_rule_hour: it.whole("rails.per_rule_hour", 0, u32::MAX),
            failures_to_block: it.whole("rails.failures_to_block", 1, u32::MAX),
            blast_radius: it.whole("rails.blast_radius", 1, u32::MAX),
        },
        observation_s: it.seconds("observation_s", 1),
        otp: it.word("otp", &[false, true], yes_or_no),
        windows: windows(&mut it),
    };
    it.whole_of(policy, Policy::check)
}

fn approvals(it: &mut Typed<'_>) -> Approvals {
    let roles = it.list("approvals.roles");
    let known: Vec<Role> = roles.iter().filter_map(|it| Role::parse(it)).collect();
    if known.len() < roles.len() {
        let words = [Role::Sre, Role::Dba].map(|it| it.as_str().to_owned());
        it.add("approvals.roles", Fault::NotOneOf(words.to_vec()));
    }
    Approvals {
        count: it.whole("approvals.count", 1, 10),
        roles: known,
        expires_s: it.seconds("approvals.expires_s", 1),
        escalate_s: it.wholes("approvals.escalate_s"),
    }
}

/// One a line: name, kind, seconds, zone and the five words of its cron.
fn windows(it: &mut Typed<'_>) -> Vec<Recurring> {
    let mut windows = Vec::new();
    for line in it.text("windows").lines().filter(|it| !it.trim().is_empty()) {
        match window(line) {
            Some(window) => windows.push(window),
            None => {
                let example = "night maintenance 5400 Asia/Shanghai 30 2 * * 1-5";
                it.add("windows", Fault::Malformed(example.to_owned()));
            }
        }
    }
    windows
}

fn window(line: &str) -> Option<Recurring> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, kind, seconds, zone, cron @ ..] = words.as_slice() else { return None };
    Some(Recurring {
        name: (*name).to_owned(),
        kind: Kind::parse(kind)?,
        cron: cron.join(" "),
        duration_s: seconds.parse().ok()?,
        zone: zone.parse().ok()?,
    })
}

fn line(it: &Recurring) -> String {
    format!("{} {} {} {} {}", it.name, it.kind.as_str(), it.duration_s, it.zone, it.cron)
}

const fn yes_or_no(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

/// What stands in the form at first.
pub fn fields(it: &Policy) -> BTreeMap<String, String> {
    let roles: Vec<&str> = it.approvals.roles.iter().map(|it| it.as_str()).collect();
    let escalate: Vec<String> = it.approvals.escalate_s.iter().map(u32::to_string).collect();
    let Gates { attribution_s, clean_before_s, alert_age_s, min_requests, second_source_s } =
        &it.gates;
    let Rails { cooldown_s, per_rule_hour, failures_to_block, blast_radius } = &it.rails;
    let fields = [
        ("name", it.name.clone()),
        ("mode", it.mode.as_str().to_owned()),
        ("automatic_above", it.automatic_above.to_string()),
        ("partial_above", it.partial_above.to_string()),
        ("automatic_rules", it.automatic_rules.join(", ")),
        ("strategy", it.strategy.as_str().to_owned()),
        ("approvals.count", it.approvals.count.to_string()),
        ("approvals.roles", roles.join(", ")),
        ("approvals.expires_s", it.approvals.expires_s.to_string()),
        ("approvals.escalate_s", escalate.join(", ")),
        ("gates.attribution_s", attribution_s.to_string()),
        ("gates.clean_before_s", clean_before_s.to_string()),
        ("gates.alert_age_s", alert_age_s.to_string()),
        ("gates.min_requests", min_requests.to_string()),
        ("gates.second_source_s", second_source_s.to_string()),
        ("rails.cooldown_s", cooldown_s.to_string()),
        ("rails.per_rule_hour", per_rule_hour.to_string()),
        ("rails.failures_to_block", failures_to_block.to_string()),
        ("rails.blast_radius", blast_radius.to_string()),
        ("observation_s", it.observation_s.to_string()),
        ("otp", yes_or_no(it.otp).to_owned()),
        ("windows", it.windows.iter().map(line).collect::<Vec<_>>().join("\n")),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_form_is_the_policy() {
        let approvals =
            Approvals { count: 2, roles: vec![Role::Sre, Role::Dba], ..Approvals::default() };
        let windows =
            "night maintenance 5400 Asia/Shanghai 30 2 * * 1-5\nsale freeze 60 UTC 0 0 11 11 *";
        let windows: Vec<_> = windows.lines().filter_map(window).collect();
        assert_eq!(windows.len(), 2);
        let policy =
            Policy { mode: Mode::Auto, otp: true, approvals, windows, ..Policy::named("pay") };
        assert_eq!(typed(&fields(&policy)), Ok(policy));
    }

    #[test]
    fn every_field_has_a_fault_of_its_own() {
        for (name, value, fault) in [
            ("name", "", Fault::Required),
            (
                "mode",
                "wild",
                Fault::NotOneOf(Mode::ALL.iter().map(|it| it.as_str().to_owned()).collect()),
            ),
            ("automatic_above", "1.5", Fault::OutOfRange { from: 0, to: 1 }),
            ("automatic_above", "NaN", Fault::NotANumber),
            ("partial_above", "0.95", Fault::Malformed("is above automatic_above".into())),
            ("automatic_rules", "A, A", Fault::Malformed("names \"A\" twice".into())),
            ("approvals.count", "11", Fault::OutOfRange { from: 1, to: 10 }),
            ("approvals.roles", "", Fault::Malformed("names no role: nobody could approve".into())),
            ("approvals.roles", "king", Fault::NotOneOf(vec!["sre".into(), "dba".into()])),
            ("approvals.roles", "pmo", Fault::Malformed("the role pmo never approves".into())),
            (
                "approvals.escalate_s",
                "600 300",
                Fault::Malformed("must ascend and stay below expires_s".into()),
            ),
            ("approvals.escalate_s", "soon", Fault::NotWhole),
            ("gates.min_requests", "-1", Fault::NotWhole),
            ("rails.blast_radius", "0", Fault::OutOfRange { from: 1, to: u32::MAX.into() }),
            ("observation_s", "15 min", Fault::NotWhole),
            (
                "windows",
                "night holiday 60 UTC 0 0 * * *",
                Fault::Malformed("night maintenance 5400 Asia/Shanghai 30 2 * * 1-5".into()),
            ),
        ] {
            let mut form = fields(&Policy::named("pay"));
            form.insert(name.to_owned(), value.to_owned());
            let faults = typed(&form).unwrap_err();
            assert_eq!(faults.field(name), Some(&fault), "{name} = {value}: {faults:?}");
        }
    }
}
