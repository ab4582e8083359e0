//! Knowledge of other systems' interfaces, one folder each.

pub mod alertmanager;
pub mod backups;
pub mod helm;
pub mod http;
pub mod kubernetes;
pub mod objects;
pub mod postgres;
pub mod prometheus;
