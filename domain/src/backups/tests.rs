use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::heartbeat::Heartbeat;
use super::*;
use crate::catalog::{Document, check};
use crate::objectives::Objective;

fn now() -> DateTime<Utc> {
    "2026-10-16T03:00:00Z".parse().unwrap()
}

/// A row with these members instead of the usual ones.
fn row(more: &Value) -> Backup {
    let mut json = json!({
        "name": "pg-base", "domain": "history", "artefact": "Base backup", "method": "pg_basebackup",
        "interval_s": 21600, "grace_s": 1800, "retention": {"age_s": 3024000}, "place": "s3://dr/pg/",
        "encryption": "none", "owner": "dba",
        "source": {"kind": "objects", "url": "s3://dr", "path": "pg/{copy}/**"},
    });
    for (member, value) in more.as_object().unwrap() {
        json[member] = value.clone();
        if value.is_null() {
            json.as_object_mut().unwrap().remove(member);
        }
    }
    serde_json::from_value(json).unwrap()
}

fn looked() -> Look {
    Look { at: Some(now()), ..Look::default() }
}

fn ago(seconds: i64) -> Option<(String, DateTime<Utc>)> {
    Some((format!("{seconds}s"), now() - TimeDelta::seconds(seconds)))
}

fn tally(newest_s: i64) -> Tally {
    Tally { newest: ago(newest_s), oldest: ago(newest_s), present: 1, ..Tally::default() }
}

fn seen(tallies: Vec<Tally>) -> Seen {
    Seen { here: looked(), tallies, offsite: looked(), offsite_tallies: vec![] }
}

/// The codes of everything that is wrong.
fn codes(row: &Backup, seen: &Seen) -> Vec<String> {
    let found = findings(row, seen, &assess(row, seen, now()), now());
    found.iter().map(code).collect()
}

fn code(it: &Finding) -> String {
    serde_json::to_value(it).unwrap()["code"].as_str().unwrap().to_owned()
}

#[test]
fn freshness_comes_from_the_rows_own_interval_and_grace() {
    let (hours6, lag) = (json!({}), json!({"interval_s": null, "lag_s": 60, "grace_s": 30}));
    for (members, newest_s, expected) in [
        (&hours6, 0, Freshness::Fresh),
        (&hours6, 21_600, Freshness::Fresh),
        (&hours6, 21_601, Freshness::Due),
        (&hours6, 23_400, Freshness::Due),
        (&hours6, 23_401, Freshness::Stale),
        (&lag, 60, Freshness::Fresh),
        (&lag, 90, Freshness::Due),
        (&lag, 91, Freshness::Stale),
        // A clock that goes ahead by less than the allowance.
        (&hours6, -299, Freshness::Fresh),
    ] {
        let row = row(members);
        let found = assess(&row, &seen(vec![tally(newest_s)]), now());
        assert_eq!(found.freshness, expected, "{members} {newest_s}");
        assert_eq!(found.age, Some(TimeDelta::seconds(newest_s.max(0))), "{newest_s}");
    }
}

#[test]
fn never_is_red_and_unknown_is_never_fresh() {
    let plain = row(&json!({}));
    let fresh = seen(vec![tally(10)]);
    let with = |here: Look| Seen { here, ..fresh.clone() };
    let failed = Look { failure: Some("the bucket is away".into()), ..looked() };
    let long_ago = Look { at: Some(now() - TimeDelta::hours(1)), ..Look::default() };
    for (row, seen, expected, code) in [
        (plain.clone(), seen(vec![]), Freshness::Never, "never"),
        (plain.clone(), with(failed), Freshness::Unknown, "unreadable"),
        (plain.clone(), with(Look::default()), Freshness::Unknown, "not_looked_at"),
        (plain.clone(), with(long_ago), Freshness::Unknown, "not_looked_at"),
        (row(&json!({"source": null})), fresh.clone(), Freshness::Unknown, "unobserved"),
    ] {
        assert_eq!(assess(&row, &seen, now()).freshness, expected, "{code}");
        assert_eq!(codes(&row, &seen), [code]);
    }
    // Nobody looks for a heartbeat: its silence says something by itself.
    let told = row(&json!({"source": {"kind": "heartbeat"}}));
    assert_eq!(assess(&told, &with(Look::default()), now()).freshness, Freshness::Fresh);
    assert_eq!(assess(&told, &Seen::default(), now()).freshness, Freshness::Never);
    assert!(Freshness::Never.is_red() && Freshness::Stale.is_red() && !Freshness::Unknown.is_red());
}

#[test]
fn a_row_is_as_its_worst_tenant() {
    let path = json!({"kind": "objects", "url": "s3://es", "path": "{tenant}/{namespace}/snap-*"});
    let row = row(&json!({"source": path, "tenants": ["acme/logs", "beta/shop"]}));
    let of = |tenant: &str, newest_s| Tally { tenant: tenant.into(), ..tally(newest_s) };
    let found = assess(&row, &seen(vec![of("acme/logs", 5), of("zeta/new", 30_000)]), now());
    let tenants: Vec<_> =
        found.tenants.iter().map(|it| (it.tenant.as_str(), it.freshness.as_str())).collect();
    // One that must be there and was never seen, one that nobody named, one that is well.
    assert_eq!(tenants, [("beta/shop", "never"), ("zeta/new", "stale"), ("acme/logs", "fresh")]);
    assert_eq!(found.freshness, Freshness::Never);
    assert_eq!((found.newest, found.age), (None, None));
}

#[test]
fn a_copy_from_the_future_is_not_believed() {
    let future = now() + TimeDelta::hours(2);
    let it = Tally { future: Some(("tomorrow".into(), future)), ..Tally::default() };
    let row = row(&json!({}));
    let seen = seen(vec![it]);
    assert_eq!(assess(&row, &seen, now()).freshness, Freshness::Never);
    assert_eq!(codes(&row, &seen), ["never", "future_dated"]);
    // Once its time has come it is a copy like any other, and no finding.
    let then = findings(&row, &seen, &assess(&row, &seen, future), future);
    assert!(!then.iter().any(|it| code(it) == "future_dated"));
}

#[test]
fn retention_has_a_lower_and_an_upper_bound() {
    let day = 86_400;
    let gone = |age: i64| Some(("old".to_owned(), TimeDelta::seconds(age)));
    for (retention, change, expected) in [
        (json!({}), Tally::default(), vec!["retention_unstated"]),
        (
            json!({"age_s": 7 * day}),
            Tally { gone_at_age: gone(7 * day), ..Tally::default() },
            vec![],
        ),
        (
            json!({"age_s": 7 * day}),
            Tally { gone_at_age: gone(7 * day - 1), ..Tally::default() },
            vec!["gone_too_soon"],
        ),
        (json!({"age_s": 3600}), Tally::default(), vec!["retention_below_interval"]),
        // Glancy §3.1: keys at most 90 days.
        (
            json!({"at_most_s": 90 * day}),
            Tally { oldest: ago(90 * day), ..Tally::default() },
            vec![],
        ),
        (
            json!({"at_most_s": 90 * day}),
            Tally { oldest: ago(90 * day + 1), ..Tally::default() },
            vec!["kept_too_long"],
        ),
        // Fewer than are to be kept are a fault only where there were more.
        (json!({"count": 2}), Tally { present: 1, ..Tally::default() }, vec![]),
        (
            json!({"count": 2}),
            Tally { present: 1, gone_at_age: gone(5), ..Tally::default() },
            vec!["too_few"],
        ),
    ] {
        let row = row(&json!({"retention": retention}));
        let tally = Tally { newest: ago(5), ..change };
        assert_eq!(codes(&row, &seen(vec![tally])), expected, "{retention}");
    }
}

#[test]
fn encryption_is_stated_and_seen() {
    for (encryption, plain, untold, expected) in [
        (Value::Null, None, true, vec!["encryption_unstated"]),
        (json!("none"), Some("a"), false, vec![]),
        (json!("required"), None, false, vec![]),
        (json!("required"), None, true, vec!["encryption_unseen"]),
        (json!("required"), Some("dump.sql"), true, vec!["not_encrypted"]),
    ] {
        let row = row(&json!({"encryption": encryption}));
        let tally = Tally { plain: plain.map(str::to_owned), untold, ..tally(5) };
        assert_eq!(codes(&row, &seen(vec![tally])), expected, "{encryption}");
    }
}

#[test]
fn the_copy_far_away_may_be_late_by_so_much() {
    let source = json!({"kind": "objects", "url": "s3://far", "path": "*"});
    let offsite =
        |within_s: u32| json!({"place": "ap-northeast-1", "within_s": within_s, "source": source});
    let slow = row(&json!({"offsite": offsite(3600)}));
    let quick = row(&json!({"interval_s": 60, "offsite": offsite(300)}));
    let unseen = row(&json!({"offsite": {"place": "far", "within_s": 60}}));
    for (row, here_s, there_s, expected) in [
        // The newest is on its way.
        (&slow, 1800, Some(23_000), vec![]),
        (&slow, 3601, Some(23_000), vec!["offsite_late"]),
        // It arrived after it was taken.
        (&slow, 7200, Some(7000), vec![]),
        (&slow, 1800, None, vec![]),
        (&slow, 3601, None, vec!["offsite_never"]),
        // There is always one on its way; others were left behind.
        (&quick, 10, Some(310), vec![]),
        (&quick, 10, Some(371), vec!["offsite_late"]),
        (&unseen, 10, None, vec!["offsite_unobserved"]),
    ] {
        let there = there_s.map(tally).into_iter().collect();
        let seen = Seen { offsite_tallies: there, ..seen(vec![tally(here_s)]) };
        assert_eq!(codes(row, &seen), expected, "{} {here_s} {there_s:?}", row.name);
    }
    let away = Look { failure: Some("no answer".into()), ..looked() };
    let seen = Seen { offsite: away, ..seen(vec![tally(10)]) };
    assert_eq!(codes(&slow, &seen), ["unreadable"]);
}

#[test]
fn a_failed_attempt_and_an_odd_source_are_told() {
    let row = row(&json!({}));
    let failed = Tally { failed: Some(("job-7".into(), now())), ..tally(5) };
    let odd = Look { warning: Some("the CronJob is suspended".into()), ..looked() };
    let seen = Seen { here: odd, ..seen(vec![failed]) };
    assert_eq!(codes(&row, &seen), ["source_warns", "last_failed"]);
}

#[test]
fn an_interval_is_judged_with_the_whole_domain() {
    let daily = row(&json!({"name": "velero", "interval_s": 86_400}));
    let base = row(&json!({"name": "base"}));
    let wal = row(&json!({"name": "wal", "interval_s": null, "lag_s": 60}));
    let objective = |rpo: Value| -> Objective {
        let source = json!({"document": "EdgeLink", "rpo_s": rpo});
        serde_json::from_value(json!({"name": "history", "sources": [source]})).unwrap()
    };
    let quarter = objective(json!(900));
    let names = |rows: &[&Backup]| -> Vec<String> {
        rpo_gaps(rows, &quarter).into_iter().map(|(name, _)| name.to_owned()).collect()
    };
    assert_eq!(names(&[&base, &wal]), [""; 0]);
    assert_eq!(names(&[&daily, &base]), ["velero", "base"]);
    assert_eq!(names(&[]), [""; 0]);
    assert_eq!(rpo_gaps(&[&daily], &objective(json!("may_be_lost"))), []);
    assert_eq!(rpo_gaps(&[&daily], &objective(json!(86_400))), []);
    let gap = Finding::CannotMeetRpo { interval_s: 86_400, rpo_s: 900 };
    assert_eq!(rpo_gaps(&[&daily], &quarter), [("velero", gap)]);
}

#[test]
fn one_notice_for_each_turn_to_red() {
    use Freshness::{Due, Fresh, Never, Stale, Unknown};
    for (before, after, turns) in [
        (None, Stale, true),
        (None, Never, true),
        (Some(Fresh), Stale, true),
        (Some(Due), Stale, true),
        (Some(Stale), Stale, false),
        (Some(Stale), Never, false),
        (Some(Never), Stale, false),
        (Some(Fresh), Unknown, false),
        (Some(Stale), Fresh, false),
    ] {
        assert_eq!(turns_red(before, after), turns, "{before:?} {after:?}");
    }
}

#[test]
fn a_row_that_names_places_of_its_own_reaches_out() {
    let heartbeat = json!({"kind": "heartbeat"});
    let velero =
        json!({"kind": "velero", "cluster": "lab", "namespace": "velero", "schedule": "daily"});
    let git = json!({"kind": "git", "repository": "/srv/git", "path": "a"});
    for (members, expected) in [
        (json!({}), true),
        (json!({"source": git}), true),
        (json!({"source": velero}), false),
        (json!({"source": heartbeat}), false),
        (json!({"source": null}), false),
        (json!({"source": null, "offsite": {"place": "far", "within_s": 1, "source": git}}), true),
    ] {
        assert_eq!(row(&members).reaches_out(), expected, "{members}");
    }
}

#[test]
fn sources_are_looked_at_as_often_as_it_matters() {
    for (members, seconds) in [
        (json!({}), 300),
        (json!({"interval_s": 600}), 60),
        (json!({"interval_s": 30}), 10),
        (json!({"interval_s": null, "lag_s": 60}), 30),
        (json!({"interval_s": null, "lag_s": 1}), 10),
    ] {
        assert_eq!(look_every(&row(&members)).num_seconds(), seconds, "{members}");
    }
}

#[test]
fn a_path_says_whose_copy_it_is() {
    for (pattern, path, expected) in [
        ("pg/{copy}/**", "pg/2026101600/base/1", Some(("", "pg/2026101600"))),
        ("pg/{copy}/**", "pg/2026101600", None),
        ("pg/{copy}/**", "wal/2026101600/x", None),
        ("*.dump", "edgelink_20261016.dump", Some(("", "edgelink_20261016.dump"))),
        ("*.dump", "edgelink_20261016.dump.part", None),
        (
            "{tenant}/{namespace}/snap-*.dat",
            "acme/logs/snap-1.dat",
            Some(("acme/logs", "acme/logs/snap-1.dat")),
        ),
        ("{tenant}/{namespace}/snap-*.dat", "acme/snap-1.dat", None),
        ("metadata/{tenant}/metadata_backup_{tenant_}*.enc", "x", None),
        (
            "metadata/{tenant}/metadata_*_{copy}.sql.enc",
            "metadata/all/metadata_backup_all_1.sql.enc",
            Some(("all", "metadata/all/metadata_backup_all_1.sql.enc")),
        ),
        ("{tenant}-*", "-x", None),
    ] {
        let Ok(parsed) = Pattern::parse(pattern) else {
            assert!(pattern.contains("tenant_"), "{pattern}");
            continue;
        };
        let found = parsed.matches(path);
        let found = found.as_ref().map(|it| (it.tenant.as_str(), it.artefact.as_str()));
        assert_eq!(found, expected, "{pattern} {path}");
    }
    for (pattern, prefix) in
        [("pg/{copy}/**", "pg"), ("*.dump", ""), ("a/b/*.x", "a/b"), ("a/b/**", "a/b")]
    {
        assert_eq!(Pattern::parse(pattern).unwrap().prefix(), prefix);
    }
    for wrong in [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "{tenant",
        "tenant}",
        "{who}",
        "**a",
        "{copy}*",
        "*{copy}",
        "{copy}/{copy}",
        "*a*b*c*",
    ] {
        assert!(Pattern::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_catalog_row_is_sound() {
    let cluster = serde_json::from_value(json!({"name": "lab", "kubeconfig": "env:K"})).unwrap();
    let cluster = Document::Cluster(cluster);
    for (members, expected) in [
        (json!({}), ""),
        (
            json!({"interval_s": null}),
            "interval_s: is missing: say interval_s, or lag_s for what is copied continuously",
        ),
        (
            json!({"lag_s": 5}),
            "lag_s: stands beside interval_s: a row is copied at intervals or continuously",
        ),
        (json!({"interval_s": 0}), "interval_s: 0 is less than 1"),
        (json!({"owner": " "}), "owner: is empty"),
        (json!({"artefact": "a\nb"}), "artefact: has a line break or another control character"),
        (
            json!({"retention": {"age_s": 9, "at_most_s": 8}}),
            "retention.at_most_s: 8 s are less than age_s, 9 s",
        ),
        (json!({"retention": {"count": 0}}), "retention.count: 0 is less than 1"),
        (json!({"offsite": {"place": "x", "within_s": 0}}), "offsite.within_s: 0 is less than 1"),
        (
            json!({"tenants": ["acme"]}),
            "tenants: are named, but the source does not keep tenants apart: put {tenant} or {namespace} into the path of an objects source",
        ),
        (
            json!({"source": {"kind": "velero", "cluster": "other", "namespace": "velero", "schedule": "daily"}}),
            r#"source.cluster: there is no cluster "other""#,
        ),
        (
            json!({"source": {"kind": "velero", "cluster": "lab", "namespace": "velero", "schedule": "daily"}}),
            "",
        ),
        (
            json!({"source": {"kind": "jobs", "cluster": "lab", "namespace": "Es", "cron_job": "es-backup"}}),
            r#"source.namespace: "Es" is no Kubernetes namespace: up to 63 of a-z 0-9 and - inside"#,
        ),
        (
            json!({"source": {"kind": "objects", "url": "http://x", "path": "*"}}),
            r#"source.url: "http://x" is neither s3://bucket/prefix nor file:///folder"#,
        ),
        (
            json!({"source": {"kind": "objects", "url": "s3://b", "path": "*", "credentials": "AKIA"}}),
            "source.credentials: is no reference: say env:NAME; a catalog holds no secrets",
        ),
        (
            json!({"source": {"kind": "git", "repository": "ext::sh -c x", "path": "a"}}),
            r#"source.repository: "ext::sh -c x" is no repository: https://, ssh:// or file:/// and an address, or a folder of this machine"#,
        ),
        (
            json!({"source": {"kind": "git", "repository": "https://u:p@h/r", "path": "a"}}),
            "source.repository: holds a name or password: a catalog holds no secrets",
        ),
        (
            json!({"source": {"kind": "git", "repository": "ssh://git@h/r", "path": "-x"}}),
            r#"source.path: "-x" is no path inside of a repository"#,
        ),
    ] {
        let documents = [cluster.clone(), Document::Backup(Box::new(row(&members)))];
        let found: Vec<String> = check(&documents, &[])
            .into_iter()
            .map(|it| format!("{}: {}", it.fault.path, it.fault.message))
            .collect();
        let expected: Vec<&str> = (!expected.is_empty()).then_some(expected).into_iter().collect();
        assert_eq!(found, expected, "{members}");
    }
}

#[test]
fn a_heartbeat_tells_of_a_copy() {
    let sha = "ab".repeat(32);
    let read = |json: Value| -> Heartbeat { serde_json::from_value(json).unwrap() };
    let copy = |json: Value| read(json).copy(now()).unwrap();
    let (site, plain) = copy(json!({}));
    assert_eq!((site, plain.artefact.as_str()), (Site::Here, "2026-10-16T03:00:00Z"));
    assert_eq!((plain.taken_at, plain.outcome), (now(), Outcome::Done));
    let (site, full) = copy(json!({
        "site": "offsite", "size": 5, "sha256": format!("SHA256:{sha}").to_lowercase(), "encrypted": true, "lag_s": 1.5,
    }));
    assert_eq!(site, Site::Offsite);
    assert_eq!(full.artefact, format!("sha256:{sha}"));
    assert_eq!(full.taken_at, now() - TimeDelta::milliseconds(1500));
    assert_eq!(copy(json!({"size": 0})).1.outcome, Outcome::Failed);
    assert_eq!(copy(json!({"ok": false})).1.outcome, Outcome::Failed);
    for (json, field) in [
        (json!({"artefact": "x".repeat(301)}), "artefact"),
        (json!({"tenant": "a\nb"}), "tenant"),
        (json!({"site": "moon"}), "site"),
        (json!({"sha256": "xyz"}), "sha256"),
        (json!({"size": u64::MAX}), "size"),
        (json!({"taken_at": "2024-01-01T00:00:00Z"}), "taken_at"),
        (json!({"lag_s": -1}), "lag_s"),
        (json!({"lag_s": 1, "taken_at": "2026-10-16T03:00:00Z"}), "lag_s"),
    ] {
        let faults = read(json.clone()).copy(now()).unwrap_err();
        assert!(faults.field(field).is_some(), "{json}: {faults:?}");
    }
}
