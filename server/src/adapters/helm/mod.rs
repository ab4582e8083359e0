//! Helm: the Secrets in which it keeps its releases, read natively, and the program that rolls one back.

mod decode;
mod manifest;
mod program;
mod releases;
mod yaml;

pub use self::decode::{Key, Named, Unreadable, decode, is_name, named};
pub use self::program::{Busy, Call, Claim, Failure, Helm};
pub use self::releases::{by_number, newest};

#[cfg(test)]
mod tests;
