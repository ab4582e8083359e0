use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::releases::{Revision, Status};
use domain::workloads::WorkloadKind;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const PASSWORD: &str = "hunter2-is-the-password";

fn manifest() -> String {
    format!(
        "---\n# Source: shop/templates/secret.yaml\napiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  password: {PASSWORD}\ndata:\n  key: {}\n---\n# only a comment\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: env\ndata:\n  A: \"1\"\n  text: |\n    one\n    --- not a document\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels: &l {{app: web}}\nspec:\n  template:\n    metadata:\n      labels: *l\n    spec:\n      containers:\n      - name: web\n        image: web:1\n        envFrom: [{{configMapRef: {{name: env}}}}]\n",
        STANDARD.encode(PASSWORD)
    )
}

fn release(manifest: &str) -> Value {
    json!({
        "name": "shop", "namespace": "shop", "version": 3, "manifest": manifest,
        "info": {
            "first_deployed": "2026-03-03T10:00:00.123456789+08:00", "last_deployed": "2026-03-03T11:00:00Z",
            "deleted": "", "description": "Upgrade complete", "status": "deployed"
        },
        "chart": {
            "metadata": {"name": "shop", "version": "1.2.3", "appVersion": "v3"},
            "templates": [{"name": "a", "data": "e30="}]
        },
        "config": {"password": PASSWORD},
        "hooks": [{"name": "migrate", "kind": "Job", "manifest": "kind: Job", "events": ["pre-rollback"], "weight": 0}]
    })
}

fn packed(json: &[u8]) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(json).unwrap();
    STANDARD.encode(STANDARD.encode(gzip.finish().unwrap()))
}

fn labels() -> Named {
    Named { name: "shop".into(), revision: 3, status: Status::Deployed }
}

fn read(data: &str) -> Revision {
    decode(&Key::new(b"key"), &labels(), "u3", "shop", Some(data))
}

fn of(release: &Value) -> Revision {
    read(&packed(release.to_string().as_bytes()))
}

#[test]
fn a_release_is_read_whole_and_keeps_no_secret() {
    let revision = of(&release(&manifest()));
    assert_eq!(revision.unreadable, None);
    assert_eq!(
        (&*revision.chart, &*revision.chart_version, &*revision.app_version),
        ("shop", "1.2.3", "v3")
    );
    assert_eq!((revision.status, &*revision.description), (Status::Deployed, "Upgrade complete"));
    assert_eq!(
        revision.first_deployed.unwrap().to_rfc3339(),
        "2026-03-03T02:00:00.123456789+00:00"
    );
    assert_eq!((&*revision.hooks[0].kind, revision.hooks[0].runs_at_rollback()), ("Job", true));
    let [member] = &*revision.members else { panic!("{:?}", revision.members) };
    assert_eq!(
        (&*member.namespace, member.kind, &*member.name),
        ("shop", WorkloadKind::Deployment, "web")
    );
    assert!(member.configs.contains_key("env"));
    let kinds: Vec<_> = revision.objects.iter().map(domain::releases::name_of).collect();
    assert_eq!(kinds, ["Secret/db", "ConfigMap/env", "Deployment/web"]);
    assert_eq!(revision.objects[1]["data"]["text"], "one\n--- not a document\n");
    // Neither the values nor what a Secret holds, in clear or in base64.
    let stored = serde_json::to_string(&revision).unwrap();
    assert!(!stored.contains(PASSWORD) && !stored.contains(&STANDARD.encode(PASSWORD)), "{stored}");
}

#[test]
fn secrets_in_a_list_are_put_out_of_sight_too() {
    for list in ["List", "SecretList"] {
        let kind = if list == "List" { "\n  kind: Secret" } else { "" };
        let text = format!(
            "apiVersion: v1\nkind: {list}\nitems:\n- apiVersion: v1{kind}\n  metadata: {{name: db}}\n  \
             stringData: {{password: {PASSWORD}}}\n"
        );
        let revision = of(&release(&text));
        assert_eq!(domain::releases::name_of(&revision.objects[0]), "Secret/db", "{list}");
        assert!(!serde_json::to_string(&revision).unwrap().contains(PASSWORD), "{list}");
    }
}

#[test]
fn digests_tell_what_changed_and_need_the_key() {
    let before = of(&release(&manifest()));
    let other_password = of(&release(&manifest().replace(PASSWORD, "another")));
    assert_ne!(before.objects[0], other_password.objects[0]);
    assert_ne!(before.digest, other_password.digest);
    let mut values = release(&manifest());
    values["config"] = json!({});
    assert_ne!(before.values_digest, of(&values).values_digest);
    let mut status = release(&manifest());
    status["info"]["status"] = json!("superseded");
    assert_eq!(of(&status).digest, before.digest, "it is the same whatever becomes of it");
    let data = packed(release(&manifest()).to_string().as_bytes());
    let elsewhere = decode(&Key::new(b"other"), &labels(), "u3", "shop", Some(&data));
    assert_ne!(elsewhere.values_digest, before.values_digest);
    let made_anew = decode(&Key::new(b"key"), &labels(), "u4", "shop", Some(&data));
    assert_ne!(made_anew.digest, before.digest);
    assert_eq!(made_anew.content, before.content);
}

#[test]
fn what_cannot_be_read_says_why_and_keeps_its_number() {
    let bomb = packed(&vec![b' '; 70 << 20]);
    let wrong_name =
        release(&manifest()).to_string().replace("\"name\":\"shop\"", "\"name\":\"other\"");
    let anchors = format!("a: &a [{}]\nb: [*a,*a,*a,*a]\nc: &c [*a,*a]\n", "x,".repeat(5000));
    for (data, why) in [
        (String::new(), "it holds no release"),
        ("no base64!".to_owned(), "it is not base64"),
        (STANDARD.encode("no base64!"), "it is not base64"),
        (STANDARD.encode(STANDARD.encode([0x1f, 0x8b, 0x08, 0, 1])), "it is not gzip"),
        (packed(b"{\"name\": 1}"), "it is not the JSON of a release"),
        (packed(b"7"), "it is not the JSON of a release"),
        (bomb, "larger"),
        ("A".repeat(5 << 20), "larger"),
        (packed(wrong_name.as_bytes()), "its labels say otherwise"),
        (packed(release("a: [").to_string().as_bytes()), "its manifest cannot be read"),
        (packed(release("just text").to_string().as_bytes()), "its manifest cannot be read"),
        (packed(release(&anchors).to_string().as_bytes()), ""),
    ] {
        let revision = read(&data);
        assert_eq!(revision.revision, 3);
        let said = revision.unreadable.clone().unwrap_or_default();
        assert!(said.contains(why), "{why}: {said}");
        assert!(revision.members.is_empty());
    }
}

#[test]
fn an_old_release_was_not_packed() {
    let plain = STANDARD.encode(STANDARD.encode(release(&manifest()).to_string()));
    assert_eq!(read(&plain), of(&release(&manifest())));
}

#[test]
fn only_what_helm_labels_is_a_revision() {
    let of = |pairs: &[(&str, &str)]| {
        named(&pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    };
    let good =
        [("owner", "helm"), ("name", "shop"), ("version", "3"), ("status", "pending-upgrade")];
    assert_eq!(of(&good), Some(Named { status: Status::PendingUpgrade, ..labels() }));
    for (label, value) in
        [("owner", "x"), ("name", "--help"), ("name", "a/b"), ("version", "0"), ("version", "x")]
    {
        let with = good.map(|(name, old)| (name, if name == label { value } else { old }));
        assert_eq!(of(&with), None, "{label}={value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever stands in a Secret, there is a revision with the number of its labels, and nothing falls over.
    #[test]
    fn anything_at_all_is_read_or_said_to_be_unreadable(bytes in proptest::collection::vec(any::<u8>(), 0..400), how in 0..4) {
        let data = match how {
            0 => String::from_utf8_lossy(&bytes).into_owned(),
            1 => STANDARD.encode(&bytes),
            2 => STANDARD.encode(STANDARD.encode(&bytes)),
            _ => packed(&bytes),
        };
        let revision = read(&data);
        prop_assert_eq!(revision.revision, 3);
        prop_assert!(revision.unreadable.is_some());
    }

    /// A release with any member broken, and any text as its manifest.
    #[test]
    fn a_broken_release_is_no_danger(manifest in "(---\n)?[a-z&*!: {}\\[\\]\n\"'|>-]{0,120}", at in 0usize..900, byte in any::<u8>()) {
        let mut json = release(&manifest).to_string().into_bytes();
        let length = json.len();
        json[at % length] = byte;
        let revision = read(&packed(&json));
        prop_assert_eq!(revision.revision, 3);
        let stored = serde_json::to_string(&revision).unwrap();
        prop_assert!(serde_json::from_str::<Revision>(&stored).is_ok());
    }
}
