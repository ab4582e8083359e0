//! Trends by month and quarter, and the monthly reconciliation.

mod charts;
mod compared;
mod links;
pub mod page;
pub mod reconciliation;
