//! The rules of a rollback, from outside: situations in, decisions out.

mod arbitrary;
mod cases;
mod properties;
mod worked;
mod world;
