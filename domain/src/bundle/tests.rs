use chrono::TimeDelta;

use super::*;
use crate::audit::GENESIS;
use crate::evidence::EvidenceKind;
use crate::ids::EvidenceId;

/// The key of these tests: a signature is the hash of the statement, twice.
fn sign(statement: &[u8]) -> [u8; 64] {
    let hash: Hash = sha2::Sha256::digest(statement).into();
    std::array::from_fn(|n| hash[n % 32])
}

fn is_signed(statement: &[u8], signature: &[u8; 64]) -> bool {
    sign(statement) == *signature
}

fn file(path: &str, content: &[u8]) -> Found {
    let is_evidence = path.starts_with("evidence/");
    Found {
        path: path.to_owned(),
        size: content.len() as u64,
        sha256: sha256(content),
        content: (!is_evidence).then(|| content.to_vec()),
    }
}

fn json_file(path: &str, content: &impl Serialize) -> Found {
    file(path, &serde_json::to_vec(content).unwrap())
}

fn entries() -> Vec<SealedEntry> {
    let mut head = GENESIS;
    let mut entries = Vec::new();
    for seq in [3, 5] {
        let entry = Entry {
            seq,
            at: DateTime::UNIX_EPOCH + TimeDelta::microseconds(seq),
            actor: "user:lena".into(),
            action: "run_drill".into(),
            subject: "drills/DR-1".into(),
            details: json!({"n": seq}),
        };
        let seal = entry.seal(head);
        head = seal.hash;
        entries.push(SealedEntry::new(entry, Some(seal)));
    }
    let last = SealedEntry { seq: 9, previous: None, hash: None, ..entries[1].clone() };
    entries.push(last);
    entries
}

fn head() -> SignedHead {
    let (at, head) = (DateTime::UNIX_EPOCH, [7; 32]);
    let signature = sign(&Checkpoint::statement(5, 2, head, at));
    Checkpoint { seq: 5, entries: 2, head, at, signature }.into()
}

fn listed(content: &[u8], included: bool) -> Listed {
    let evidence = Evidence {
        id: EvidenceId(Default::default()),
        sha256: sha256(content),
        size: content.len() as u64,
        media_type: "text/plain; charset=utf-8".into(),
        name: "log.txt".into(),
        kind: EvidenceKind::Log,
        subject: "drills/DR-1".into(),
        restricted: !included,
        uploaded_by: "user:lena".into(),
        uploaded_at: DateTime::UNIX_EPOCH,
        erased: None,
    };
    Listed { evidence, included }
}

/// With its manifest, whatever it holds.
fn signed(mut files: Vec<Found>) -> Vec<Found> {
    let named =
        |it: &Found| File { path: it.path.clone(), size: it.size, sha256: it.sha256.clone() };
    let named = files.iter().map(named).collect();
    let manifest =
        Manifest::new("drills/DR-1".into(), DateTime::UNIX_EPOCH, "user:paula".into(), named);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let signature = signature(&manifest, sign);
    files.push(file(MANIFEST, &manifest));
    files.push(file(SIGNATURE, signature.as_bytes()));
    files
}

fn contents() -> Vec<Found> {
    vec![
        json_file("drill.json", &json!({"number": "DR-1"})),
        json_file(AUDIT, &entries()),
        json_file(CHECKPOINT, &head()),
        json_file(EVIDENCE, &[listed(b"ready\n", true), listed(b"secret", false)]),
        file(&sha256(b"ready\n").path(), b"ready\n"),
    ]
}

fn first(found: &[Found]) -> Fault {
    let report = verify(found, is_signed);
    assert!(!report.ok);
    report.first.unwrap()
}

#[test]
fn an_untouched_bundle_fits() {
    let report = verify(&signed(contents()), is_signed);
    assert_eq!(report, Report { ok: true, checked: 7, unsealed: 1, erased: vec![], first: None });
}

#[test]
fn whatever_was_touched_afterwards_is_named() {
    let all = signed(contents());
    for n in 0..all.len() {
        let path = &all[n].path;
        let mut changed = all.clone();
        let mut content = all[n].content.clone().unwrap_or(b"ready\n".to_vec());
        for byte in 0..content.len() {
            content[byte] ^= 1;
            changed[n] = file(path, &content);
            content[byte] ^= 1;
            assert_eq!(first(&changed).file, *path, "byte {byte}");
        }
        let mut removed = all.clone();
        removed.remove(n);
        assert_eq!(first(&removed).file, *path, "removed");
        let mut twice = all.clone();
        twice.push(all[n].clone());
        assert_eq!(first(&twice).file, *path, "twice");
    }
    let mut added = all.clone();
    added.push(file("notes.txt", b"x"));
    assert_eq!(first(&added).file, "notes.txt");
    // Of several things it is the first that is named.
    let mut several = added;
    several.remove(0);
    assert_eq!(first(&several).file, "drill.json");
}

#[test]
fn another_key_is_not_the_one_that_is_trusted() {
    let report = verify(&signed(contents()), |_, _| false);
    assert_eq!(report.first.unwrap().file, SIGNATURE);
}

/// What was wrong before the export is no less wrong for being signed.
#[test]
fn what_the_ledger_itself_does_not_prove_is_named() {
    type Break = fn(&mut Vec<Found>);
    let cases: [(&str, Break); 5] = [
        (AUDIT, |files| {
            let mut entries = entries();
            entries[1].actor = "user:mo".into();
            files[1] = json_file(AUDIT, &entries);
        }),
        (AUDIT, |files| {
            let mut entries = entries();
            entries[0].previous = None;
            files[1] = json_file(AUDIT, &entries);
        }),
        (CHECKPOINT, |files| {
            files[2] = json_file(CHECKPOINT, &SignedHead { entries: 3, ..head() });
        }),
        ("", |files| drop(files.pop())),
        ("", |files| {
            let path = files.pop().unwrap().path;
            files.push(file(&path, b"never\n"));
        }),
    ];
    let evidence = sha256(b"ready\n").path();
    for (path, spoil) in cases {
        let mut files = contents();
        spoil(&mut files);
        let path = if path.is_empty() { &evidence } else { path };
        assert_eq!(first(&signed(files)).file, path);
    }
}
