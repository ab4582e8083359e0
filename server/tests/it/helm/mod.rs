//! Helm releases on the real API server, with the real programs of both Helms.

mod killed;
mod kit;
mod pretend;
mod stories;
mod trouble;
