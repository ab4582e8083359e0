//! Runs against a cluster, pretend or real: what is done, what is refused, what is left after trouble.

mod api;
pub(crate) mod kill9;
mod lab;
mod steps;
mod trouble;
mod twin;

pub(crate) use self::lab::Lab;
