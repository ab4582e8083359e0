//! What people and programs can wish for, whoever brings it: a form of a page ([`crate::pages`]) or the API of
//! the server. One function for each, so that both ask the same questions and leave the same trace.

pub mod attention;
pub mod backups;
pub mod calendar;
pub mod drills;
pub mod evidence;
pub mod gates;
pub mod holidays;
pub mod imports;
pub mod objectives;
pub mod one_time;
pub mod openings;
pub mod quarters;
pub mod rails;
pub mod rollbacks;
pub mod runs;
pub mod spot_checks;
pub mod tokens;
pub mod trends;
pub mod users;
pub mod windows;
pub mod workloads;
