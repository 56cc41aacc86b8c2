//! `[drain]`, and whether the times of a leave fit into one another.

use serde::{Deserialize, Serialize};

use super::{Config, Span};

section! {
    /// `[drain]`
    DrainSettings {
        /// Time between saying that the server goes and taking no more calls: until then balancers
        /// that have not noticed yet still send some. Only after SIGTERM; whoever stops it at a
        /// terminal does not wait.
        notice: Span = super::secs(5),
        /// Time for running calls from then on; those that take longer are refused.
        calls: Span = super::secs(10),
        /// Time from the signal to the end, whatever still runs.
        total: Span = super::secs(55),
    }
}

impl Config {
    /// Checks that what ends first has the time to, before what it is part of ends.
    pub(super) fn check_leave(&self) -> Result<(), String> {
        let (front, streams, drain) = (&self.front, &self.streams, &self.drain);
        let leave = drain.notice.0.saturating_add(front.drain);
        let orders = [
            (
                drain.calls.0,
                front.drain,
                "front.drain: must not be less than drain.calls",
            ),
            (
                streams.drain_spread.0,
                front.drain,
                "front.drain: must not be less than streams.drain_spread",
            ),
            (
                leave,
                drain.total.0,
                "drain.total: must not be less than drain.notice and front.drain together",
            ),
            (
                streams.max_age.0,
                front.age,
                "front.age: must not be less than streams.max_age, or connections end before streams",
            ),
        ];
        match orders.into_iter().find(|(less, more, _)| less > more) {
            Some((_, _, wrong)) => Err(wrong.to_owned()),
            None if self.load.requests == 0 => Err("load.requests: must not be 0".to_owned()),
            None => Ok(()),
        }
    }
}
