//! Drills: the ledger, one drill with its signature, and planning one.

/// The name of the form that brings a file; a file has a route of its own and is no server function.
pub const UPLOAD: &str = "upload-evidence";
