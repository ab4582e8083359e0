//! The Kubernetes API.

pub mod connect;
