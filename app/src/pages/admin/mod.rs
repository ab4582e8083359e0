//! People, their roles, and tokens.

pub mod actions;
pub mod tokens;
pub mod user;
pub mod users;
