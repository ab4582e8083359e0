//! Drills through the front door.

pub(crate) mod bundle;
mod calendar;
mod story;
