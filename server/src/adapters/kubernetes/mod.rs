//! The Kubernetes API.

pub mod actions;
pub mod canaries;
mod client;
pub mod connect;
pub mod copies;
mod error;
pub mod objects;
pub mod rollout;
mod selector;

pub use self::client::{Cluster, Clusters};
pub use self::error::Error;
