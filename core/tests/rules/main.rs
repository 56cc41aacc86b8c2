//! The rules of the record, seen from outside: reports in, a record out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod clock;
mod distortions;
mod doubts;
mod exceptions;
mod explain;
mod figures;
mod forecasts;
mod handover;
mod histories;
mod identity;
mod matching;
mod milestones;
mod nearing;
mod onward;
mod polls;
mod precedence;
mod projection;
mod properties;
mod pushes;
mod questions;
mod record;
mod revisions;
mod routes;
mod script;
mod simulated;
mod support;
mod transitions;
mod travel;
mod work;
