//! Knowledge of other systems' interfaces, one folder each.

pub mod kubernetes;
