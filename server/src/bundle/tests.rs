use std::io::Cursor;

use domain::bundle::{AUDIT, CHECKPOINT, EVIDENCE, Report};
use sha2::Sha512;

use super::*;

/// The key of these tests: a signature is a hash.
fn sign(statement: &[u8]) -> [u8; 64] {
    Sha512::digest(statement).into()
}

fn bundle() -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()));
    writer.add("drill.json", &br#"{"number": "DR-1"}"#[..]).unwrap();
    writer.add(AUDIT, &b"[]"[..]).unwrap();
    writer.add(CHECKPOINT, &b"null"[..]).unwrap();
    writer.add(EVIDENCE, &b"[]"[..]).unwrap();
    let evidence = bundle::sha256(b"ready\n");
    writer.add(&evidence.path(), &b"ready\n"[..]).unwrap();
    let at = DateTime::UNIX_EPOCH;
    writer.finish("drills/DR-1", at, "user:paula", sign).unwrap().into_inner()
}

fn verified(bytes: &[u8]) -> Report {
    let is_signed = |statement: &[u8], signature: &[u8; 64]| sign(statement) == *signature;
    verify("bundle.zip", &mut Cursor::new(bytes), is_signed).unwrap()
}

#[test]
fn what_was_written_can_be_read() {
    let bytes = bundle();
    assert_eq!(
        verified(&bytes),
        Report { ok: true, checked: 7, unsealed: 0, erased: vec![], first: None }
    );
    assert_eq!(bundle(), bytes, "the same contents make the same bytes");
}

/// Who verifies may have a later release than whoever exported: a new version of the library must not write another
/// container.
#[test]
fn the_container_stays_as_it_is() {
    let hash = bundle::sha256(&bundle());
    insta::assert_snapshot!(hash, @"dc35ca3c20aa201e13dc52f7b8cb752b2b024a48237c9e537b9cf4cc4f335546");
}

#[test]
fn no_byte_can_be_changed_unseen() {
    let mut bytes = bundle();
    let names = ["drill.json", AUDIT, CHECKPOINT, EVIDENCE, MANIFEST, SIGNATURE];
    let mut named = std::collections::BTreeSet::new();
    for n in 0..bytes.len() {
        bytes[n] ^= 1;
        let report = verified(&bytes);
        bytes[n] ^= 1;
        let first = report.first.unwrap_or_else(|| panic!("byte {n} was changed unseen"));
        named.insert(first.file);
    }
    assert!(names.iter().all(|it| named.contains(*it)), "{named:?}");
}

#[test]
fn what_is_no_bundle_is_said_to_be_none() {
    let bytes = bundle();
    for bytes in [&b""[..], b"PK", &bytes[..bytes.len() - 1], &bytes[1..]] {
        assert!(!verified(bytes).ok);
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(!verified(&longer).ok);
    assert_eq!(verified(b"hello").first.unwrap().file, "bundle.zip");
}
