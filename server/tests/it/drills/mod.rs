//! Drills through the front door.

mod bundle;
mod calendar;
mod story;
