//! Knowledge of other systems' interfaces, one folder each.

pub mod alertmanager;
pub mod kubernetes;
