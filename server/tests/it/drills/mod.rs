//! Drills through the front door.

pub(crate) mod bundle;
mod calendar;
mod measured;
mod owed;
mod story;
