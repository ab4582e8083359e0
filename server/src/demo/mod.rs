//! What a newcomer's first run has and nothing else: sample people. All of it exists only with `--demo`.

pub mod people;
