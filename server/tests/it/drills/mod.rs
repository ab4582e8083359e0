//! Drills through the front door.

mod bundle;
mod story;
