//! Quarters: which are closed, and what was closed.

pub mod actions;
pub mod detail;
pub mod list;
