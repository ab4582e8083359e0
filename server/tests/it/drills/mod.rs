//! Drills through the front door.

pub(crate) mod bundle;
mod calendar;
mod import;
mod lists;
mod measured;
mod owed;
mod story;
