use super::*;

/// The contract's own example.
const EXAMPLE: &str = r#"
{kind: cluster, name: lab, kubeconfig: "env:KUBECONFIG", context: lab, prometheus: "http://127.0.0.1:9090", namespaces: [shop]}
---
kind: service
name: api-gateway
team: platform
environment: production
policy: default
workloads: [{cluster: lab, namespace: shop, kind: Deployment, name: api-gateway}]
match: {service: api-gateway}            # alert labels; a workload's namespace + name labels (namespace, deployment, pod) also match
checks: [{name: health, kind: http, url: "http://127.0.0.1:8081/health", expect: {status: 200, json: {status: healthy}}, timeout_s: 5, blocking: true}]
---
kind: policy
name: default
mode: auto                               # off | shadow | suggest | auto
automatic_above: 0.9
partial_above: 0.7
automatic_rules: [PodCrashLoop]
strategy: workload                       # workload | release
approvals: {count: 1, roles: [sre], expires_s: 900, escalate_s: [300, 600]}
gates: {attribution_s: 3600, clean_before_s: 600, alert_age_s: 1200, min_requests: 50, second_source_s: 10}
rails: {cooldown_s: 300, per_rule_hour: 3, failures_to_block: 3, blast_radius: 3}
observation_s: 900                      # 1 or more; also how long a new revision is watched before it counts as verified
---
{kind: signal, name: HighErrorRate, severity: critical, unit: ratio, numerator: 'sum(rate(http_requests_total{status=~"5.."}[5m])) by (service)', denominator: "sum(rate(http_requests_total[5m])) by (service)", limit: 0.05, ceiling: 0.25, baseline: 0.001, for_s: 300, opens: rollback, runbook: "https://runbooks.example/5xx"}
"#;

fn plain(documents: &[Located]) -> Vec<Document> {
    documents.iter().map(|it| it.document.clone()).collect()
}

#[test]
fn the_documented_example_is_sound() {
    let documents = parse("a.yaml", EXAMPLE).unwrap();
    let kinds: Vec<&str> = documents.iter().map(|it| it.document.kind().as_str()).collect();
    assert_eq!(kinds, ["cluster", "service", "policy", "signal"]);
    assert_eq!(super::super::read::check(&documents, &[]), Ok(()));
}

#[test]
fn what_is_written_out_is_read_again() {
    let documents = plain(&parse("a.yaml", EXAMPLE).unwrap());
    let text = super::super::export::text(&documents.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(plain(&parse("b.yaml", &text).unwrap()), documents, "{text}");
}

#[test]
fn a_mistake_is_told_with_its_line_and_path() {
    let service = "kind: service\nname: s\nworkloads:\n- {cluster: c, namespace: n, kind: Deployment, name: d}\n";
    let cases = [
        "name: a\n".to_owned(),
        "kind: cloud\nname: a\n".to_owned(),
        "kind: service\nname: a\n".to_owned(),
        "\n\nkind: policy\nname: p\nmoode: auto\n".to_owned(),
        "kind: policy\nname: p\nmode: perhaps\n".to_owned(),
        "kind: policy\nname: p\nrails:\n  cooldown: 3\n".to_owned(),
        "kind: policy\nname: p\nautomatic_above: high\n".to_owned(),
        "kind: policy\nname: p\nname: q\n".to_owned(),
        format!("# first\n---\n{service}checks:\n- {{name: c, kind: ping}}\n"),
        format!("{service}checks:\n- {{name: c, kind: http}}\n"),
        "kind: policy\nname: p\nrails:\n\tcooldown_s: 3\n".to_owned(),
        "kind: policy\nname: [p\n".to_owned(),
        "- kind: policy\n".to_owned(),
        "just a text\n".to_owned(),
        "kind: policy\nname: \"p\0\"\n".to_owned(),
        "kind: policy\nname: \"p\\0\"\nobservation_s: -1\n".to_owned(),
        "kind: policy\nname: p\nautomatic_rules: a\notp: on\n".to_owned(),
        "kind: policy\nname: p\notp: on\n".to_owned(),
        "kind: policy\nname: p\napprovals: {count: 1, count: 2}\n".to_owned(),
        "kind: signal\nname: s\nseverity: critical\nlimit: 1\nvalue: x\nwatch: oom\n".to_owned(),
    ];
    let found: Vec<String> = cases
        .iter()
        .map(|text| match parse("f", text) {
            Ok(_) => format!("sound: {text}"),
            Err(errors) => errors.iter().map(Error::to_string).collect::<Vec<_>>().join(" | "),
        })
        .collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    f:1: missing field `kind`
    f:1: kind: unknown kind `cloud`, expected one of cluster, policy, signal, service, objective, backup, expected_drill
    f:2: missing field `workloads`
    f:5: moode: unknown field `moode`, expected one of name, mode, automatic_above, partial_above, automatic_rules, strategy, approvals, gates, rails, observation_s, otp, windows
    f:3: mode: unknown variant `perhaps`, expected one of off, shadow, suggest, auto
    f:4: rails.cooldown: unknown field `cooldown`, expected one of cooldown_s, per_rule_hour, failures_to_block, blast_radius
    f:3: automatic_above: expected a number
    f:3: name: is given twice
    f:8: checks[0].kind: unknown variant `ping`, expected one of http, promql, kubernetes, chain
    f:6: checks[0]: missing field `url` of a http check
    f:4: tabs disallowed within this context (block indentation)
    f:2: name: unclosed bracket '['
    f:1: expected members, as in `name: …`
    f:1: expected members, as in `name: …`
    f:2: contains the control character U+0000
    f:3: observation_s: expected a whole number, 0 or more
    f:3: automatic_rules: expected a list, as in `[…]`
    f:3: otp: expected true or false
    f:3: approvals.count: is given twice
    f:1: give one of numerator with denominator, value, or watch, not several
    ");
}

#[test]
fn each_document_has_its_own_mistakes() {
    let text = "kind: policy\nname: [\n---\nkind: policy\nname: p\n---\nkind: policy\nx: 1\n";
    let lines: Vec<u64> = parse("f", text).unwrap_err().iter().map(|it| it.line).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0] <= 3 && lines[1] >= 7, "{lines:?}");
}

#[test]
fn nothing_but_comments_is_no_document() {
    for text in ["", "\n\n", "# only\n---\n# comments\n---\n", "\u{feff}---\n...\n"] {
        assert!(parse("f", text).unwrap().is_empty(), "{text:?}");
    }
}

#[test]
fn a_marker_inside_a_document_is_no_end_of_it() {
    let text = "kind: cluster\nname: a\nkubeconfig: \" --- \"\ncontext: ---x\n";
    assert_eq!(parse("f", text).unwrap().len(), 1);
    let text = "--- {kind: cluster, name: a, kubeconfig: k}\n--- # second\nkind: cluster\nname: b\nkubeconfig: k\n";
    assert_eq!(parse("f", text).unwrap().len(), 2);
}

#[test]
fn aliases_serve_but_do_not_explode() {
    let shared =
        "kind: cluster\nname: a\nkubeconfig: k\nnamespaces: &n [x, y]\nprotected_namespaces: *n\n";
    assert_eq!(parse("f", shared).unwrap().len(), 1);

    let mut bomb =
        "kind: service\nname: a\nworkloads: []\nmatch: {}\nx0: &x0 [a, a, a, a, a, a, a, a, a]\n"
            .to_owned();
    for level in 1..12 {
        let before = format!("*x{}", level - 1);
        bomb.push_str(&format!("x{level}: &x{level} [{}]\n", vec![before; 9].join(", ")));
    }
    assert_eq!(parse("f", &bomb).unwrap_err().len(), 1);
    let nested = format!("kind: policy\nname: {}p{}\n", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(parse("f", &nested).unwrap_err().len(), 1);
}

proptest::proptest! {
    /// Whatever a file holds, it is read or refused, and a refusal names a line that is there.
    #[test]
    fn any_text_is_read_or_refused(text in "(kind|name|: |- |\\{|\\}|\\[|\\]|\"|'|\\||>|&a|\\*a|<<|---|\\.\\.\\.|#|%|!|\\?|\t| |\n|\r|[a-z]|[0-9]|中|😀|\u{0}|\u{feff}){0,80}") {
        if let Err(errors) = parse("f", &text) {
            // YAML ends a line with a carriage return too.
            let lines = text.split(['\n', '\r']).count() as u64;
            for error in errors {
                proptest::prop_assert!(error.line <= lines + 1, "{error} of {lines} in {text:?}");
                proptest::prop_assert!(!error.message.is_empty());
            }
        }
    }

    /// Texts that look like something else in YAML come back as they were.
    #[test]
    fn any_label_is_written_so_that_it_is_read_again(value in "\\PC{0,40}", prefix in "(|off|null|~|1e3|0x1|- |: |# |\\||>|&|\\*|!|%|@|`|\\?)") {
        let value = format!("{prefix}{value}");
        let json = serde_json::json!({"name": "a", "workloads": [], "match": {"service": value}});
        let document = Document::Service(serde_json::from_value(json).unwrap());
        let text = super::super::export::text(&[&document]).unwrap();
        proptest::prop_assert_eq!(plain(&parse("f", &text).unwrap()), [document], "{}", text);
    }
}

/// With how its target is measured from line 6 on.
fn drill(measure: &str) -> String {
    format!(
        "kind: expected_drill\nname: d\nscenario: s\nschedule: {{months: [1]}}\n\
         targets:\n  - name: p95\n    unit: s\n    limit: 1.1\n    measure:\n{measure}"
    )
}

#[test]
fn how_a_drill_is_measured_is_checked_where_it_stands() {
    let sound = drill("      query: up\n      take: max\n      baseline_s: 600\n");
    let documents = parse("a.yaml", &sound).unwrap();
    assert_eq!(super::super::read::check(&documents, &[]), Ok(()));
    for (measure, line, path) in [
        ("      query: sum(up\n      take: max\n", 10, "targets[0].measure.query"),
        ("      query: up\n      take: time_until\n", 9, "targets[0].measure.until"),
        (
            "      query: up\n      take: max\n      coverage: 2\n",
            12,
            "targets[0].measure.coverage",
        ),
        ("      query: up\n      take: most\n", 11, "targets[0].measure.take"),
        ("      query: up\n      take: max\n      steps: 2\n", 12, "targets[0].measure.steps"),
    ] {
        let errors =
            parse("a.yaml", &drill(measure)).and_then(|it| super::super::read::check(&it, &[]));
        let errors = errors.unwrap_err();
        assert_eq!((errors[0].line, errors[0].path.as_str()), (line, path), "{errors:?}");
    }
}

#[test]
fn the_calendars_that_come_along_are_written_out_and_read_again() {
    for system in ["glancy", "edgelink"] {
        let file = format!("{}/../catalog/{system}/calendar.yaml", env!("CARGO_MANIFEST_DIR"));
        let documents = plain(&parse(&file, &std::fs::read_to_string(&file).unwrap()).unwrap());
        let measured = |it: &Document| match it {
            Document::ExpectedDrill(it) => it.reaches_out(),
            _ => false,
        };
        assert!(documents.iter().any(measured), "{system}");
        let text = super::super::export::text(&documents.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(plain(&parse("b.yaml", &text).unwrap()), documents, "{text}");
    }
}
