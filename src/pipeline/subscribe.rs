//! Subscriptions at the sources: a source that can push is told which shipments are followed, is told
//! again before it forgets, and is told when nobody follows any more.
//!
//! When a subscription is due again is a note beside the records: every node of a store knows it,
//! and it outlives restarts. Whoever writes the note first asks the source, so that nodes do not
//! subscribe twice; if it dies meanwhile, the next look makes good for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use waybill_core::adapter::{Hints, Subscription};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::shipment::{Shipment, ShipmentId};

use super::ask::question;
use super::route::{self, Routed};
use super::work::failed;
use super::{Lookup, Miss, Pipeline, Question, Source, way};
use crate::guard::{Ask, Asking, Priority, Share};
use crate::store::{Note, NoteKey};

/// Time for one subscription; a background call waits for the quota.
const CALL: Duration = Duration::from_secs(30);
/// Who has begun to subscribe and not said what came of it has died by then.
const CLAIM: SignedDuration = SignedDuration::from_mins(10);
/// A subscription is renewed so long before it ends, or halfway if it is shorter than twice that.
const EARLY: SignedDuration = SignedDuration::from_hours(48);
/// What a source will not do is asked of it again after this: its settings may have changed.
const REFUSED: SignedDuration = SignedDuration::from_hours(24);
/// Shortest wait after a failure; the source is polled meanwhile.
const FAILED: SignedDuration = SignedDuration::from_hours(1);

/// A tenant that follows a shipment.
pub struct Follower {
    /// Its id.
    pub tenant: String,
    /// What it has said that the sources need to know.
    pub hints: Hints,
}

/// What is known of one subscription: the value of its note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    /// The source has it, as far as we know.
    active: bool,
    /// When it is looked at again; `None`: it lasts.
    due: Option<Timestamp>,
}

impl Known {
    fn encode(self) -> Vec<u8> {
        let due = self.due.map_or(i64::MAX, Timestamp::as_millisecond);
        let mut value = vec![u8::from(self.active)];
        value.extend(due.to_be_bytes());
        value
    }

    /// Reads a note; one that cannot be read counts as none.
    fn decode(value: &[u8]) -> Option<Self> {
        let (active, due) = value.split_first()?;
        let due = i64::from_be_bytes(due.try_into().ok()?);
        Some(Self {
            active: *active == 1,
            due: (due != i64::MAX)
                .then(|| Timestamp::from_millisecond(due).ok())
                .flatten(),
        })
    }

    fn is_due(self, now: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

impl Pipeline {
    /// Has the sources of a shipment push its news, or, if no follower is theirs any more, no longer. To
    /// do it again does nothing until a subscription is due for renewal.
    ///
    /// # Errors
    /// [`Miss::Store`]. What a source says is counted and tried again later.
    pub async fn subscribe(&self, id: &ShipmentId, followers: &[Follower]) -> Result<(), Miss> {
        let Some((record, _)) = self.current(id).await? else {
            return Ok(());
        };
        let live = self.live();
        // An account hears only of what its own tenants follow, and only what they say of it.
        let owners: BTreeSet<&[String]> = live.sources.iter().map(|one| &*one.tenants).collect();
        for owners in owners {
            let hints = stated_hints(followers, owners);
            let followed = hints.is_some();
            let lookup = lookup(&record, hints.unwrap_or_default());
            let way = way::way(self, &lookup).await?;
            let route = route::route(&live.sources, &live.configured.routing, &lookup, &way)?;
            let pushing = route.sources.iter().filter(|routed| {
                routed.skip.is_none()
                    && *routed.source.tenants == *owners
                    && routed.source.descriptor.capabilities.push.is_some()
            });
            for routed in pushing {
                self.subscribe_at(id, &lookup, routed, followed).await?;
            }
        }
        Ok(())
    }

    async fn subscribe_at(
        &self,
        id: &ShipmentId,
        lookup: &Lookup,
        routed: &Routed,
        followed: bool,
    ) -> Result<(), Miss> {
        let Question::Number(query) = question(lookup, routed) else {
            return Ok(());
        };
        let source = &routed.source;
        let key = self.subscription_key(source, id);
        let store = &self.parts.store;
        let notes = store.notes(&[key]).await.map_err(failed)?;
        let note = notes.into_iter().next().flatten();
        let version = note.as_ref().map_or(0, |note| note.version);
        let known = note.and_then(|note| Known::decode(&note.value));
        let now = self.now();
        let change = match known {
            None if followed => Subscription::Start,
            Some(known) if followed && known.is_due(now) => Subscription::Start,
            Some(known) if !followed && known.active => Subscription::Stop,
            _ => return Ok(()),
        };
        let claim = Known {
            active: known.is_some_and(|known| known.active) || change == Subscription::Start,
            due: now.checked_add(CLAIM).ok(),
        };
        if !self.note(key, version + 1, claim).await? {
            // Another node is at it.
            return Ok(());
        }
        let ask = Ask {
            asking: Asking::Subscription(Arc::from([query]), change),
            deadline: Instant::now() + CALL,
            priority: Priority::Background,
            share: Share::Full,
        };
        let asked = source.guard.ask(ask).await;
        let result = asked.answers.into_iter().next();
        let result = result.unwrap_or_else(|| {
            let message = "the adapter gave no answer";
            Err(Error::new(ErrorKind::Internal, message))
        });
        let renewal = asked.renewals.into_iter().next().flatten();
        let now = self.now();
        let (after, outcome) = match (&result, change) {
            (Ok(_), Subscription::Start) => {
                let outcome = match known {
                    Some(known) if known.active => "renewed",
                    _ => "started",
                };
                (subscribed(renewal, now), outcome)
            }
            (Ok(_), Subscription::Stop) => (ended(now), "ended"),
            // It ends by itself, or is none.
            (Err(error), Subscription::Stop) if is_refusal(error) => (ended(now), "left"),
            (Err(error), _) => {
                let active = known.is_some_and(|known| known.active);
                let outcome = if is_refusal(error) {
                    "refused"
                } else {
                    "failed"
                };
                (put_off(error, active, now), outcome)
            }
        };
        metrics::counter!(
            "waybill_subscriptions_total",
            "source" => source.descriptor.id, "outcome" => outcome
        )
        .increment(1);
        self.note(key, version + 2, after).await?;
        Ok(())
    }

    /// Writes what is known of a subscription, unless somebody else has written meanwhile.
    async fn note(&self, key: NoteKey, version: u64, known: Known) -> Result<bool, Miss> {
        let note = Note {
            version,
            value: known.encode(),
        };
        let kept = self.parts.store.keep(vec![(key, note)]).await;
        Ok(kept.map_err(failed)?.first().copied().unwrap_or(false))
    }

    fn subscription_key(&self, source: &Source, id: &ShipmentId) -> NoteKey {
        let parts = [source.descriptor.id, &source.account, &id.0];
        self.parts
            .keys
            .hash("subscription", &parts.map(str::as_bytes))
    }
}

/// What the followers have said whose account this is; `None` if nobody of them follows.
fn stated_hints(followers: &[Follower], owners: &[String]) -> Option<Hints> {
    let theirs = followers
        .iter()
        .filter(|one| owners.is_empty() || owners.contains(&one.tenant))
        .map(|one| &one.hints);
    let stated = theirs.clone().find(|hints| **hints != Hints::default());
    stated.or(theirs.clone().next()).cloned()
}

/// The question that a subscription stands for. Sources that bill are subscribed to only if they may
/// be asked anyway.
fn lookup(record: &Shipment, hints: Hints) -> Lookup {
    Lookup {
        tenant: String::new(),
        subject: record.number.clone().into(),
        carrier: record.carrier.clone(),
        hints,
        sources: Vec::new(),
        max_age: None,
        cache_only: false,
        wait_for_all: false,
        allow_paid: false,
        deadline: Instant::now() + CALL,
        priority: Priority::Background,
    }
}

fn subscribed(until: Option<Timestamp>, now: Timestamp) -> Known {
    let due = until.map(|until| {
        let lasts = until.duration_since(now).max(SignedDuration::ZERO);
        let early = EARLY.min(lasts / 2);
        until.checked_sub(early).unwrap_or(until)
    });
    Known { active: true, due }
}

/// Who follows it again later has it subscribed at once.
const fn ended(now: Timestamp) -> Known {
    Known {
        active: false,
        due: Some(now),
    }
}

fn put_off(error: &Error, active: bool, now: Timestamp) -> Known {
    let wait = match error.retry {
        _ if is_refusal(error) => REFUSED,
        Retry::After(wait) => SignedDuration::try_from(wait)
            .unwrap_or(REFUSED)
            .max(FAILED),
        Retry::Now | Retry::Never => FAILED,
    };
    Known {
        active,
        due: now.checked_add(wait).ok(),
    }
}

/// Whether asking again soon would come to the same.
const fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Unsupported
            | ErrorKind::InvalidQuery
            | ErrorKind::NotFound
            | ErrorKind::HintRequired
            | ErrorKind::Denied
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_subscription_is_renewed_two_days_early_or_halfway() {
        let due = |until| subscribed(Some(at(until)), at(0)).due;
        assert_eq!(due(14 * 24), Some(at(12 * 24)));
        assert_eq!(due(24), Some(at(12)));
        assert_eq!(due(-5), Some(at(-5)), "over already: at once");
        assert_eq!(subscribed(None, at(0)).due, None);
    }

    #[test]
    fn what_is_noted_is_read_again() {
        for due in [None, Some(at(1)), Some(at(-1))] {
            for active in [true, false] {
                let known = Known { active, due };
                assert_eq!(Known::decode(&known.encode()), Some(known));
            }
        }
        assert_eq!(Known::decode(b""), None);
        assert_eq!(Known::decode(b"\x01\x02"), None);
    }

    #[test]
    fn a_refusal_is_left_for_a_day_and_a_failure_for_an_hour_or_as_long_as_it_says() {
        let wait = |kind, retry| {
            let mut error = Error::new(kind, "x");
            error.retry = retry;
            put_off(&error, false, at(0)).due
        };
        assert_eq!(wait(ErrorKind::Unsupported, Retry::Never), Some(at(24)));
        assert_eq!(wait(ErrorKind::Timeout, Retry::Now), Some(at(1)));
        let long = Retry::After(Duration::from_hours(5));
        assert_eq!(wait(ErrorKind::Throttled, long), Some(at(5)));
        let short = Retry::After(Duration::from_secs(5));
        assert_eq!(wait(ErrorKind::Throttled, short), Some(at(1)));
    }
}
