//! How long or how much, where "does not apply" and "may be lost" are answers of their own.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The strictest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// At most so many seconds.
    Within(u32),
    /// All of it may go; it is made anew.
    MayBeLost,
    /// The question does not arise, because nothing is kept there.
    NotApplicable,
}

const MAY_BE_LOST: &str = "may_be_lost";
const NOT_APPLICABLE: &str = "n/a";

impl Bound {
    /// Nothing where any value will do.
    pub const fn seconds(self) -> Option<u32> {
        match self {
            Self::Within(seconds) => Some(seconds),
            Self::MayBeLost | Self::NotApplicable => None,
        }
    }

    /// `1800`, `may_be_lost` or `n/a`, as catalogs and forms write it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            MAY_BE_LOST => Some(Self::MayBeLost),
            NOT_APPLICABLE => Some(Self::NotApplicable),
            seconds => seconds.parse().ok().map(Self::Within),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(seconds) => seconds.fmt(f),
            Self::MayBeLost => f.write_str(MAY_BE_LOST),
            Self::NotApplicable => f.write_str(NOT_APPLICABLE),
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Within(seconds) => serializer.serialize_u32(*seconds),
            word => serializer.collect_str(word),
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoundVisitor)
    }
}

struct BoundVisitor;

impl Visitor<'_> for BoundVisitor {
    type Value = Bound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whole seconds, may_be_lost or n/a")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Bound, E> {
        let fits = u32::try_from(seconds);
        fits.map(Bound::Within).map_err(|_| E::invalid_value(Unexpected::Unsigned(seconds), &self))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Bound, E> {
        let fits = u32::try_from(seconds);
        fits.map(Bound::Within).map_err(|_| E::invalid_value(Unexpected::Signed(seconds), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bound, E> {
        Bound::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}
