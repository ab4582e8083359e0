//! The audit chain: who did what, in an order and with a content that cannot be changed unseen.
//!
//! Every entry is sealed with a hash over itself and over the hash before it. Now and then the head of the
//! chain is signed with a key that the database does not have.
//!
//! **Invariant:** what was changed, removed, added or reordered among the sealed entries is found by
//! [`Verifier`] and named by the number of the first entry that does not fit.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::canonical;

/// SHA-256.
pub type Hash = [u8; 32];

/// What the first entry has before it.
pub const GENESIS: Hash = [0; 32];

/// A checkpoint is due after so many entries,
pub const CHECKPOINT_ENTRIES: u64 = 1000;
/// or after so long where there is anything new.
pub const CHECKPOINT_PERIOD: TimeDelta = TimeDelta::seconds(60);

/// One change, as it was written in the transaction that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Grows, with gaps where a transaction was given up.
    pub seq: i64,
    /// To the microsecond.
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub subject: String,
    /// What changed; never a secret.
    pub details: Value,
}

/// The place of an entry in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    pub previous: Hash,
    pub hash: Hash,
}

/// A signed statement: up to here there were so many entries, and the chain ended in this hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: i64,
    pub entries: u64,
    pub head: Hash,
    /// To the microsecond.
    pub at: DateTime<Utc>,
    pub signature: [u8; 64],
}

impl Entry {
    /// What seals this entry behind `previous`.
    pub fn seal(&self, previous: Hash) -> Seal {
        let content = canonical::to_string(&json!({
            "seq": self.seq,
            "at": micros(self.at),
            "actor": self.actor,
            "action": self.action,
            "subject": self.subject,
            "details": self.details,
        }));
        let hash = Sha256::new().chain_update(previous).chain_update(content).finalize().into();
        Seal { previous, hash }
    }
}

impl Seal {
    /// 64 hexadecimal digits.
    pub fn hash_hex(&self) -> String {
        hex::encode(self.hash)
    }
}

impl Checkpoint {
    /// 64 hexadecimal digits.
    pub fn head_hex(&self) -> String {
        hex::encode(self.head)
    }

    /// The bytes that are signed.
    pub fn statement(seq: i64, entries: u64, head: Hash, at: DateTime<Utc>) -> Vec<u8> {
        let statement = json!({
            "kind": "lifeboat audit checkpoint",
            "seq": seq,
            "entries": entries,
            "head": hex::encode(head),
            "at": micros(at),
        });
        canonical::to_string(&statement).into_bytes()
    }
}

/// The end of the chain, and how far it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: i64,
    pub hash: Hash,
    pub entries: u64,
}

/// Whether a new checkpoint is due at this head. `last` is how many entries the last one counted, and when.
pub fn checkpoint_due(head: &Head, last: Option<(u64, DateTime<Utc>)>, now: DateTime<Utc>) -> bool {
    let (counted, at) = last.unwrap_or((0, DateTime::UNIX_EPOCH));
    let new = head.entries.saturating_sub(counted);
    new >= CHECKPOINT_ENTRIES || (new > 0 && now - at >= CHECKPOINT_PERIOD)
}

fn micros(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub ok: bool,
    /// Entries that were sealed and fit.
    pub checked: u64,
    /// Entries at the end that were written but not sealed yet: the sealer follows within a second.
    pub unsealed: u64,
    /// Signed checkpoints that fit.
    pub checkpoints: u64,
    /// How many of the sealed entries stand behind the last signature.
    pub unsigned: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Fault>,
}

/// The first thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub seq: i64,
    pub why: &'static str,
}

/// Looks at a chain from its beginning. Hand it everything that has a number, in order; it stops at the
/// first thing that does not fit.
pub struct Verifier<S> {
    is_signed: S,
    head: Hash,
    checked: u64,
    unsealed: Option<(i64, u64)>,
    signed: u64,
    checkpoints: u64,
    fault: Option<Fault>,
}

impl<S: Fn(&[u8], &[u8; 64]) -> bool> Verifier<S> {
    /// `is_signed` says whether a statement bears this signature of the trusted key.
    pub fn new(is_signed: S) -> Self {
        Self {
            is_signed,
            head: GENESIS,
            checked: 0,
            unsealed: None,
            signed: 0,
            checkpoints: 0,
            fault: None,
        }
    }

    /// What stands under one number: the entry, its seal and a checkpoint, each where there is one.
    /// False when nothing more needs to be looked at.
    pub fn look(
        &mut self,
        seq: i64,
        entry: Option<&Entry>,
        seal: Option<&Seal>,
        checkpoint: Option<&Checkpoint>,
    ) -> bool {
        if self.fault.is_none() {
            let why = match (entry, seal) {
                (Some(entry), Some(seal)) => self.sealed(entry, seal),
                (Some(_), None) => {
                    let (first, count) = self.unsealed.unwrap_or((seq, 0));
                    self.unsealed = Some((first, count + 1));
                    Ok(())
                }
                (None, Some(_)) => Err((None, "the entry was removed")),
                (None, None) => Ok(()),
            };
            let why = why.and_then(|()| checkpoint.map_or(Ok(()), |it| self.checkpoint(it)));
            self.fault = why.err().map(|(seq_of, why)| Fault { seq: seq_of.unwrap_or(seq), why });
        }
        self.fault.is_none()
    }

    fn sealed(&mut self, entry: &Entry, seal: &Seal) -> Found {
        if let Some((first, _)) = self.unsealed {
            return Err((
                Some(first),
                "the entry is not in the chain: it was added later, or its seal was removed",
            ));
        }
        if seal.previous != self.head {
            return Err((
                None,
                "the chain breaks before this entry: one was removed, added or moved",
            ));
        }
        if entry.seal(self.head) != *seal {
            return Err((None, "the entry is not what was sealed: it was changed or moved"));
        }
        self.head = seal.hash;
        self.checked += 1;
        Ok(())
    }

    fn checkpoint(&mut self, it: &Checkpoint) -> Found {
        let statement = Checkpoint::statement(it.seq, it.entries, it.head, it.at);
        if !(self.is_signed)(&statement, &it.signature) {
            return Err((None, "the signature of this checkpoint is not by the trusted key"));
        }
        if it.head != self.head || it.entries != self.checked {
            return Err((
                None,
                "the chain is not the one that was signed here: it was cut or written anew",
            ));
        }
        self.signed = self.checked;
        self.checkpoints += 1;
        Ok(())
    }

    pub fn report(self) -> Report {
        Report {
            ok: self.fault.is_none(),
            checked: self.checked,
            unsealed: self.unsealed.map_or(0, |(_, count)| count),
            checkpoints: self.checkpoints,
            unsigned: self.checked - self.signed,
            first: self.fault,
        }
    }
}

/// What does not fit, and where, if not at the number that was looked at.
type Found = Result<(), (Option<i64>, &'static str)>;

#[cfg(test)]
mod tests {
    use super::*;

    /// A row as a verifier is handed it.
    type Row = (i64, Option<Entry>, Option<Seal>, Option<Checkpoint>);

    fn entry(seq: i64) -> Entry {
        Entry {
            seq,
            at: DateTime::UNIX_EPOCH + TimeDelta::microseconds(seq),
            actor: "user:a".into(),
            action: "read".into(),
            subject: format!("rollbacks/{seq}"),
            details: json!({"n": seq}),
        }
    }

    /// The key of these tests: a signature is the hash of the statement, twice.
    fn sign(statement: &[u8]) -> [u8; 64] {
        let hash: Hash = Sha256::digest(statement).into();
        std::array::from_fn(|n| hash[n % 32])
    }

    /// Numbers 1 to 6 without 3, a checkpoint at 2 and at 6, and 7 not sealed yet.
    fn chain() -> Vec<Row> {
        let mut head = GENESIS;
        let mut rows: Vec<Row> = Vec::new();
        for (n, seq) in [1, 2, 4, 5, 6].into_iter().enumerate() {
            let seal = entry(seq).seal(head);
            head = seal.hash;
            let checkpoint = [2, 6].contains(&seq).then(|| checkpoint(seq, n as u64 + 1, head));
            rows.push((seq, Some(entry(seq)), Some(seal), checkpoint));
        }
        rows.push((7, Some(entry(7)), None, None));
        rows
    }

    fn checkpoint(seq: i64, entries: u64, head: Hash) -> Checkpoint {
        let at = DateTime::UNIX_EPOCH;
        let signature = sign(&Checkpoint::statement(seq, entries, head, at));
        Checkpoint { seq, entries, head, at, signature }
    }

    fn verify(rows: &[Row]) -> Report {
        let mut verifier = Verifier::new(|statement, signature| sign(statement) == *signature);
        for (seq, entry, seal, checkpoint) in rows {
            verifier.look(*seq, entry.as_ref(), seal.as_ref(), checkpoint.as_ref());
        }
        verifier.report()
    }

    #[test]
    fn an_untouched_chain_fits_and_names_its_unsealed_tail() {
        let expected =
            Report { ok: true, checked: 5, unsealed: 1, checkpoints: 2, unsigned: 0, first: None };
        assert_eq!(verify(&chain()), expected);
        assert!(verify(&[]).ok);
    }

    #[test]
    fn the_first_thing_that_was_tampered_with_is_named() {
        type Tamper = fn(&mut Vec<Row>);
        let cases: [(&str, Tamper, i64); 10] = [
            ("changed", |rows| rows[2].1.as_mut().unwrap().actor = "user:b".into(), 4),
            ("details", |rows| rows[1].1.as_mut().unwrap().details = json!({}), 2),
            ("entry removed", |rows| rows[2].1 = None, 4),
            ("entry and seal removed", |rows| drop(rows.remove(2)), 5),
            ("the first removed", |rows| drop(rows.remove(0)), 2),
            ("seal removed", |rows| rows[3].2 = None, 5),
            (
                "contents swapped",
                |rows| {
                    let other = rows[3].1.clone().unwrap();
                    rows[2].1 = Some(Entry { seq: 4, ..other });
                },
                4,
            ),
            ("added", |rows| rows.insert(2, (3, Some(entry(3)), None, None)), 3),
            ("signature", |rows| rows[4].3.as_mut().unwrap().signature[0] ^= 1, 6),
            (
                "tail cut",
                |rows| {
                    rows.truncate(5);
                    rows[4].1 = None;
                    rows[4].2 = None;
                },
                6,
            ),
        ];
        for (name, tamper, seq) in cases {
            let mut rows = chain();
            tamper(&mut rows);
            let report = verify(&rows);
            assert_eq!((report.ok, report.first.map(|it| it.seq)), (false, Some(seq)), "{name}");
        }
    }

    #[test]
    fn a_chain_written_anew_does_not_fit_the_signature() {
        let mut rows = chain();
        let mut head = GENESIS;
        rows[0].1.as_mut().unwrap().actor = "user:b".into();
        for (_, entry, seal, _) in &mut rows[..5] {
            *seal = entry.as_ref().map(|it| it.seal(head));
            head = seal.unwrap().hash;
        }
        assert_eq!(verify(&rows).first.unwrap().seq, 2);
    }

    #[test]
    fn a_checkpoint_is_due_after_many_entries_or_after_a_while() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        for (entries, last, expected) in [
            (0, None, false),
            (1, None, true),
            (1, Some((1, now - TimeDelta::days(1))), false),
            (2, Some((1, now)), false),
            (2, Some((1, now - CHECKPOINT_PERIOD)), true),
            (1001, Some((1, now)), true),
        ] {
            let head = Head { seq: 1, hash: GENESIS, entries };
            assert_eq!(checkpoint_due(&head, last, now), expected, "{entries} {last:?}");
        }
    }
}
