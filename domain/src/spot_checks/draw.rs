//! The draw: which items of a population are looked at, in a way that anybody can repeat and nobody can steer.
//!
//! Before anything else, 32 random bytes are the **seed**, and its SHA-256, the **commitment**, goes into the audit
//! log. Then the **population** is fixed, while nobody can read the seed. Then the seed is revealed and the sample
//! follows from both alone.
//!
//! # The algorithm, [`ALGORITHM`]
//!
//! 1. The population is a list of distinct texts, sorted by their UTF-8 bytes. Its digest is the SHA-256 of its
//!    canonical JSON (RFC 8785): `["a","b"]`, without spaces.
//! 2. The stream of numbers: number `i`, counted from 0, is the first 8 bytes, big-endian, of
//!    `SHA-256("lifeboat-draw-1\n" ‖ seed ‖ digest ‖ i)`, with the seed and the digest as 32 bytes each and `i` as 8
//!    bytes big-endian. Each number is used once.
//! 3. A number below `m`: the next `x` of the stream; where `x ≥ 2⁶⁴ − (2⁶⁴ mod m)` it is thrown away and the next one
//!    is taken; else it is `x mod m`. So every number below `m` is equally likely.
//! 4. The sample of `n` out of `N`: for `k` from 0 to `n − 1` the items at `k` and at `k + below(N − k)` change places
//!    (Fisher and Yates); the first `n` are the sample, in this order.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::canonical::{self, Digest};
use crate::fields::{Fault, Faults};

/// The name of the algorithm above; another one would have another name.
pub const ALGORITHM: &str = "lifeboat-draw-1";

/// A population has at most so many items.
pub const MOST_ITEMS: usize = 100_000;

/// The name of an item has at most so many characters.
pub const LONGEST_ITEM: usize = 300;

/// 32 random bytes; as text 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seed([u8; 32]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a seed is 64 lower-case hexadecimal digits")]
pub struct NotASeed;

impl Seed {
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn from_slice(bytes: &[u8]) -> Result<Self, NotASeed> {
        bytes.try_into().map(Self).map_err(|_| NotASeed)
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What is published before the population is known.
    pub fn commitment(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl TryFrom<String> for Seed {
    type Error = NotASeed;

    fn try_from(text: String) -> Result<Self, NotASeed> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| NotASeed)?;
        // Upper-case digits would be the same seed and another text.
        if hex::encode(bytes) == text { Ok(Self(bytes)) } else { Err(NotASeed) }
    }
}

impl From<Seed> for String {
    fn from(seed: Seed) -> Self {
        hex::encode(seed.0)
    }
}

/// Never by accident in a log.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// Where the items of a population come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// Somebody wrote them down.
    List,
    /// Points in time, such as those that can be restored to: `from`, and every `step_s` seconds up to `to`.
    Window { from: DateTime<Utc>, to: DateTime<Utc>, step_s: u32 },
    /// The numbers of all drills of the service that were held in this time; the ledger says which.
    Drills { from: DateTime<Utc>, to: DateTime<Utc> },
}

/// What a sample is drawn from: sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    pub source: Source,
    items: Vec<String>,
}

impl Population {
    /// # Errors
    /// The field `items`: none, too many, one twice, or one that cannot be read back.
    pub fn new(source: Source, mut items: Vec<String>) -> Result<Self, Faults> {
        let wrong = |why: String| Err(Faults::of("items", Fault::Malformed(why)));
        items.sort();
        if items.is_empty() {
            return Err(Faults::of("items", Fault::Required));
        }
        if items.len() > MOST_ITEMS {
            return wrong(format!("a population has at most {MOST_ITEMS} items"));
        }
        let is_item = |it: &String| {
            it.trim() == it
                && !it.is_empty()
                && it.chars().count() <= LONGEST_ITEM
                && !it.contains(char::is_control)
        };
        if let Some(bad) = items.iter().find(|it| !is_item(it)) {
            let shown: String = bad.chars().take(40).collect();
            return wrong(format!(
                "{shown:?}: an item is one line of at most {LONGEST_ITEM} characters without spaces around it"
            ));
        }
        match items.windows(2).find(|it| it[0] == it[1]) {
            Some(twice) => wrong(format!("{:?} is there twice", twice[0])),
            None => Ok(Self { source, items }),
        }
    }

    /// Every point in time of a window, as `2024-05-11T13:00:00Z`.
    ///
    /// # Errors
    /// The fields `to` and `step_s`.
    pub fn window(from: DateTime<Utc>, to: DateTime<Utc>, step_s: u32) -> Result<Self, Faults> {
        if to < from {
            return Err(Faults::of("to", Fault::Malformed("it lies before `from`".into())));
        }
        if step_s == 0 {
            let most = i64::from(u32::MAX);
            return Err(Faults::of("step_s", Fault::OutOfRange { from: 1, to: most }));
        }
        let step = TimeDelta::seconds(step_s.into());
        let count = (to - from).num_seconds() / i64::from(step_s) + 1;
        if count > MOST_ITEMS as i64 {
            let why = format!(
                "these are {count} points in time, and at most {MOST_ITEMS} are drawn from"
            );
            return Err(Faults::of("step_s", Fault::Malformed(why)));
        }
        let points = std::iter::successors(Some(from), |it| Some(*it + step));
        let points = points.take_while(|it| *it <= to);
        let items = points.map(|it| it.to_rfc3339_opts(SecondsFormat::Secs, true)).collect();
        Self::new(Source::Window { from, to, step_s }, items)
    }

    pub fn items(&self) -> &[String] {
        &self.items
    }

    pub fn digest(&self) -> Digest {
        canonical::digest(&self.items)
    }
}

/// The sample: `size` items in the order in which they were drawn; all of them where there are no more.
pub fn sample(seed: &Seed, population: &Population, size: usize) -> Vec<String> {
    let mut numbers = Numbers::new(seed, &population.digest());
    let mut items: Vec<&String> = population.items.iter().collect();
    let size = size.min(items.len());
    for k in 0..size {
        let below = numbers.below((items.len() - k) as u64);
        items.swap(k, k + below as usize);
    }
    items.into_iter().take(size).cloned().collect()
}

/// The stream of numbers.
struct Numbers {
    prefix: Sha256,
    next: u64,
}

impl Numbers {
    fn new(seed: &Seed, population: &Digest) -> Self {
        let digits = population.as_str().trim_start_matches("sha256:");
        let mut digest = [0; 32];
        // A digest always has so many digits.
        let _ = hex::decode_to_slice(digits, &mut digest);
        let prefix = Sha256::new()
            .chain_update(ALGORITHM)
            .chain_update(b"\n")
            .chain_update(seed.0)
            .chain_update(digest);
        Self { prefix, next: 0 }
    }

    fn number(&mut self) -> u64 {
        let block = self.prefix.clone().chain_update(self.next.to_be_bytes()).finalize();
        self.next += 1;
        let mut first = [0; 8];
        first.copy_from_slice(&block[..8]);
        u64::from_be_bytes(first)
    }

    /// `m` is at least 1.
    fn below(&mut self, m: u64) -> u64 {
        // 2⁶⁴ mod m, without a number that does not fit.
        let over = (u64::MAX % m + 1) % m;
        loop {
            let x = self.number();
            if over == 0 || x < u64::MAX - over + 1 {
                return x % m;
            }
        }
    }
}
