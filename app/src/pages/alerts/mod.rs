//! Alerts: what fires, what fired, and what of it concerns nobody.

pub mod list;
