//! What carriers send by themselves, on its way to steps 4 to 8.
//!
//! A push that can be believed goes where an answer goes. Of one that cannot, only the number is
//! taken: its source is asked, behind everybody who waits for an answer and within its quota.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Hints, Report};
use waybill_core::error::{Error, Retry};
use waybill_core::number::TrackingNumber;
use waybill_core::shipment::ShipmentId;

use super::settle::{Origin, absorb, store_error};
use super::{Lookup, Miss, Outcome, Pipeline, Source, SourceResult};
use crate::evidence::Said;
use crate::guard::Priority;
use crate::money::Amount;

/// Time for one poll: a background call waits long for its turn and for the quota.
const POLL: Duration = Duration::from_secs(30);
/// Wait after a failure that says nothing of the kind.
const AGAIN: Duration = Duration::from_secs(60);
/// Shortest wait.
const LEAST: Duration = Duration::from_secs(1);
/// A shipment of which nothing was pushed for so long is polled like any other: its subscription
/// may be over.
const COVERED: SignedDuration = SignedDuration::from_hours(48);
/// What a push itself brought into the store is not an answer that came after it.
const OWN: Duration = Duration::from_millis(1);

/// What became of a poll that a push has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// The source has answered since the push came.
    Done,
    /// It has not; it can be asked after this time.
    Later(Duration),
    /// It may not be asked about the number: a hint is missing, or it bills calls.
    Never,
}

impl Pipeline {
    /// Takes in what a source has sent by itself and what can be believed. To do it again changes
    /// nothing.
    ///
    /// # Errors
    /// `Internal` if the store does not take it.
    pub async fn take_push(
        &self,
        source: &Source,
        reports: &[Report],
        body: Bytes,
        receive_time: Timestamp,
    ) -> Result<(), Error> {
        if !self.admits(reports).await.map_err(store_error)? {
            // All of it or nothing: the body is of all of them.
            return Ok(());
        }
        let absorbed = absorb(self, source, Origin::Push, reports, receive_time).await?;
        for (id, _) in &absorbed.about {
            self.pushed(
                id,
                receive_time.saturating_add(COVERED).unwrap_or(receive_time),
            );
        }
        self.parts.evidence.keep(Said {
            about: absorbed.about,
            source: source.name.clone(),
            bodies: Arc::new([body]),
            time: receive_time,
        });
        Ok(())
    }

    /// The news of a shipment is pushed until then: it is polled once a day only, in case a push
    /// is lost.
    pub fn pushed(&self, id: &ShipmentId, until: Timestamp) {
        self.pushed.insert(id.clone(), until);
    }

    /// Whether the news of a shipment is pushed.
    pub fn is_pushed(&self, id: &ShipmentId, now: Timestamp) -> bool {
        self.pushed.get(id).is_some_and(|until| now < until)
    }

    /// Asks a source about a number of which it has said at `since` that there is news, unless it
    /// has been asked since then.
    pub async fn poll_for_push(
        &self,
        source: &Source,
        number: &TrackingNumber,
        since: Timestamp,
    ) -> Polled {
        let id = source.descriptor.id;
        let now = self.now();
        let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let age = age.saturating_sub(OWN);
        let is_billed =
            source.descriptor.capabilities.paid || source.guard.purse().cost() > Amount::ZERO;
        let lookup = Lookup {
            tenant: source.tenants.first().cloned().unwrap_or_default(),
            subject: number.clone().into(),
            carrier: source.descriptor.carrier.to_owned(),
            hints: Hints::default(),
            sources: vec![id.to_owned()],
            max_age: Some(age),
            cache_only: false,
            wait_for_all: true,
            // It has the number already, since it pushes news of it: nothing is registered.
            allow_paid: !is_billed,
            deadline: tokio::time::Instant::now() + POLL,
            priority: Priority::Background,
        };
        let outcomes = match self.track(&lookup).await {
            Ok(found) => found.outcomes,
            Err(Miss::SourcesFailed(outcomes)) => outcomes,
            Err(Miss::Store(_) | Miss::NoTime) => return Polled::Later(AGAIN),
            Err(_) => return Polled::Never,
        };
        let own = outcomes.iter().find(|outcome| outcome.source == id);
        own.map_or(Polled::Never, |own| self.judge(source, own, since))
    }

    fn judge(&self, source: &Source, outcome: &Outcome, since: Timestamp) -> Polled {
        let is_asked = outcome.latency.is_some();
        let last = outcome.fetch_time.max(outcome.attempt_time);
        match &outcome.result {
            SourceResult::Found | SourceResult::NotFound(_) | SourceResult::SkippedFresh
                if is_asked || last >= Some(since) =>
            {
                Polled::Done
            }
            SourceResult::NotFound(wait) => Polled::Later((*wait).max(LEAST)),
            // Asked so short a time before the push that it may not be asked again yet.
            SourceResult::Found | SourceResult::SkippedFresh => {
                let last = last.unwrap_or(since);
                let passed = Duration::try_from(self.now().duration_since(last));
                let left = source.limits.min_interval;
                let left = left.saturating_sub(passed.unwrap_or_default());
                Polled::Later(left.max(LEAST))
            }
            SourceResult::StillRunning => Polled::Later(AGAIN),
            SourceResult::Failed(error) => match error.retry {
                Retry::Never => Polled::Never,
                Retry::After(wait) => Polled::Later(wait.max(AGAIN)),
                _ => Polled::Later(AGAIN),
            },
            SourceResult::SkippedNotNeeded
            | SourceResult::SkippedPaid
            | SourceResult::SkippedNoSource
            | SourceResult::SkippedHintMissing(_) => Polled::Never,
        }
    }
}
