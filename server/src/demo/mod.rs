//! What a newcomer's first run has and nothing else: sample people, and a pretend world to look after. All of it
//! exists only with `--demo`.

mod devices;
pub mod people;
pub mod world;
