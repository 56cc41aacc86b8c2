//! When a stream ends, and what it says then.
//!
//! **Invariant:** whatever a stream is at, it ends in time: also while it waits for a store that is
//! away. What it had not finished is not in its token, and comes again at the next stream.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tonic::Status;

use super::Stream;
use crate::chance::Chance;
use crate::grpc::convert;
use crate::grpc::status::late;
use crate::v1;
use crate::v1::GoingAwayReason;
use crate::v1::watch_message::Kind;
use crate::watch::told;

/// Time left for messages that are due once the stream is announced to end.
const GRACE: Duration = Duration::from_secs(5);
/// Most time over which the streams of a connection that is asked to go end; less than its grace.
const LEAVING: Duration = Duration::from_secs(20);

/// Turns true when the connection is asked to go.
pub(in crate::grpc) type Leaving = watch::Receiver<bool>;

/// When a stream ends at the latest, and how.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) at: Instant,
    how: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    GoingAway(GoingAwayReason),
    /// The time that the caller has given it is over.
    Late,
}

impl End {
    /// The end of a stream that grows old at `age` and may have until the caller's `deadline`.
    pub(super) fn of(age: Instant, deadline: Option<Instant>) -> Self {
        let of_age = Self {
            at: age,
            how: Ending::GoingAway(GoingAwayReason::MaxAge),
        };
        deadline.map_or(of_age, |at| {
            let how = Ending::Late;
            of_age.or_sooner(Self { at, how })
        })
    }

    /// At some moment of the time that follows.
    fn within(spread: Duration, reason: GoingAwayReason, chance: &Chance) -> Self {
        Self {
            at: Instant::now() + spread.mul_f64(chance.within(0.0..=1.0)),
            how: Ending::GoingAway(reason),
        }
    }

    pub(super) fn or_sooner(self, other: Self) -> Self {
        match other.at < self.at {
            true => other,
            false => self,
        }
    }
}

/// Waits until the server or the connection is to go, and says when the stream ends then.
pub(super) async fn called(
    mut drain: watch::Receiver<bool>,
    leaving: Option<Leaving>,
    spread: Duration,
    chance: Chance,
) -> End {
    tokio::select! {
        biased;
        () = told(&mut drain) => End::within(spread, GoingAwayReason::Draining, &chance),
        () = asked_to_go(leaving) => {
            End::within(spread.min(LEAVING), GoingAwayReason::MaxAge, &chance)
        }
    }
}

/// Waits until the connection is asked to go; for ever if there is none that says so.
async fn asked_to_go(mut leaving: Option<Leaving>) {
    if let Some(leaving) = &mut leaving
        && leaving.wait_for(|asked| *asked).await.is_ok()
    {
        return;
    }
    // Whoever would say so is gone with the connection, and then so is the reader.
    std::future::pending().await
}

impl Stream {
    /// Ends as it has to. `is_done`: nothing was broken off for it, so that what is due can still
    /// be sent.
    pub(super) async fn finish(&mut self, is_done: bool) -> Result<(), Status> {
        let reason = match self.end.how {
            Ending::Late => return Err(late().into()),
            Ending::GoingAway(reason) => reason,
        };
        // Clients come back spread over a second per thousand streams, not all at once, unless they
        // are sent away one after the other anyhow.
        let settings = &self.shared.settings;
        let draining = reason == GoingAwayReason::Draining;
        let spread = match draining && !settings.spread.is_zero() {
            true => 1.0,
            false => 1.0 + settings.count as f64 / 1_000.0,
        };
        let delay = Duration::from_secs_f64(self.shared.chance.within(0.0..=spread));
        let going = v1::WatchGoingAway {
            reason: reason as i32,
            grace: Some(convert::duration(GRACE)),
            reconnect_delay: Some(convert::duration(delay)),
        };
        if is_done {
            // What does not come in time comes again, to another stream.
            let due = timeout(GRACE, self.open_mail()).await;
            due.unwrap_or(Ok(()))?;
        }
        // Ready at once: it waits behind what the reader has not taken yet.
        self.send(Kind::GoingAway(going)).now_or_never();
        Ok(())
    }
}
