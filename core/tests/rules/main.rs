//! The rules of the record, seen from outside: reports in, a record out.
#![allow(clippy::unwrap_used, reason = "tests")]

mod clock;
mod exceptions;
mod explain;
mod figures;
mod identity;
mod milestones;
mod projection;
mod properties;
mod record;
mod revisions;
mod simulated;
mod support;
mod transitions;
