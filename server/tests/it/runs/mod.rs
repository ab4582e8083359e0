//! Runs against a cluster, pretend or real: what is done, what is refused, what is left after trouble.

mod api;
pub(crate) mod kill9;
mod lab;
mod object_wishes;
pub(crate) mod objects;
mod objects_real;
mod steps;
mod trouble;
pub(crate) mod twin;

pub(crate) use self::lab::{Lab, deployment};
