//! What a tenant adds to a shipment: that it follows it, under which labels, and what it does about
//! exceptions. Kept beside the shared record, outside its revision and etag, with a revision of its
//! own.
//!
//! **Invariant:** the record is never touched. What a tenant sees as closed or open is a function
//! of its overlay and the record, so two tenants that follow one parcel do not see each other.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::adapter::Hints;
use crate::event::{Digest, Event, Standing};
use crate::exception::{Category, Exception};
use crate::order::Order;
use crate::privacy::Pii;
use crate::shipment::Shipment;

/// Steps that are kept of one exception: the newest.
pub const HISTORY: usize = 50;
/// Greatest length of a comment in characters.
pub const COMMENT: usize = 1_000;
/// Greatest length of an assignee or actor in characters.
pub const NAME: usize = 128;
/// Greatest length of a request id in bytes.
pub const REQUEST_ID: usize = 64;
/// How long a step is known by its request id.
const REPEATED_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// What one tenant adds to one shipment.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// Rises by one with every change; 0: there is none yet.
    pub revision: u32,
    /// Exceptions that were touched, in the order in which they first were.
    pub exceptions: Vec<Handling>,
    /// That the tenant follows the shipment; `None` if it does not.
    #[serde(default)]
    pub registration: Option<Registration>,
}

/// That a tenant follows a shipment, and what it calls it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Since when.
    pub since: Timestamp,
    /// What its sources need to know to be asked.
    pub hints: Hints,
    /// By key.
    pub labels: BTreeMap<String, String>,
    /// The tenant's own order; `None` if it named none.
    pub order: Option<Order>,
    /// Delivery promised to the buyer; `None` if nothing was.
    pub promise: Option<Promise>,
}

/// A time within which delivery was promised; at least one end is known.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// First moment.
    pub start: Option<Timestamp>,
    /// First moment that is too late.
    pub end: Option<Timestamp>,
}

impl Registration {
    fn joined(self, other: Self) -> Self {
        let mut labels = other.labels;
        labels.extend(self.labels);
        Self {
            since: self.since.min(other.since),
            hints: match self.hints == Hints::default() {
                true => other.hints,
                false => self.hints,
            },
            labels,
            order: self.order.or(other.order),
            promise: self.promise.or(other.promise),
        }
    }

    /// Whether it has all of these labels.
    pub fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        let mut labels = labels.iter();
        labels.all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

/// What one tenant does about one exception.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// The exception's id.
    pub id: Digest,
    /// Its category.
    pub category: Category,
    /// Its events at the last look, by which it is found again when an older event that came late
    /// gives it another id.
    pub event_ids: BTreeSet<Digest>,
    /// Who works on it; empty: nobody.
    pub assignee: Pii<String>,
    /// When it was acknowledged, since it opened last.
    pub acknowledged: Option<Timestamp>,
    /// When it was closed by hand; `None` if it was not, or was opened again.
    pub resolved: Option<Timestamp>,
    /// When it was opened again.
    pub reopened: Option<Timestamp>,
    /// The newest [`HISTORY`] steps, oldest first.
    pub history: Vec<Step>,
}

/// One thing that was done.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub activity: Activity,
    /// When.
    pub time: Timestamp,
    /// Who did it; empty: the gateway, because of a new event.
    pub actor: Pii<String>,
    /// New assignee, for [`Activity::Assign`]; empty: nobody.
    pub assignee: Pii<String>,
    /// Free text.
    pub comment: Pii<String>,
    /// The caller's own id of the request; empty if it gave none.
    pub request_id: String,
}

/// Kind of step. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Activity {
    /// Somebody has seen it.
    Acknowledge = 1,
    /// Given to somebody, or taken from everybody.
    Assign = 2,
    /// A note.
    Comment = 3,
    /// Closed by hand.
    Resolve = 4,
    /// Opened again.
    Reopen = 5,
}

/// Why a step was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The shipment has no such exception.
    UnknownException,
    /// The caller has seen an older overlay; the revision of this one.
    Stale(u32),
    /// It does not fit what the exception is now.
    Unfit(&'static str),
}

impl Overlay {
    /// What is done about an exception; `None` if nothing was yet.
    pub fn handling(&self, id: Digest) -> Option<&Handling> {
        self.exceptions.iter().find(|one| one.id == id)
    }

    /// Whether an exception of the record is open for this tenant.
    pub fn is_open(&self, exception: &Exception) -> bool {
        let handling = self.handling(exception.id);
        exception.close_time.is_none() && handling.is_none_or(|one| one.resolved.is_none())
    }

    /// What the record makes of the overlay; `None` if it stays as it is.
    ///
    /// An exception that is closed by hand opens again with an event of its own that is later than
    /// the closing. An event that is only heard of later does not open it.
    pub fn revised(&self, record: &Shipment) -> Option<Self> {
        let mut new = self.clone();
        for at in 0..new.exceptions.len() {
            let taken: BTreeSet<Digest> = new.exceptions.iter().map(|one| one.id).collect();
            let handling = &mut new.exceptions[at];
            let Some(exception) = found_again(handling, record, &taken) else {
                continue;
            };
            handling.id = exception.id;
            handling.event_ids.extend(&exception.event_ids);
            if exception.close_time.is_none()
                && let Some(closed) = handling.resolved
                && let Some(time) = reopening(record, exception, closed)
            {
                handling.take(Step {
                    activity: Activity::Reopen,
                    time,
                    actor: Pii::default(),
                    assignee: Pii::default(),
                    comment: Pii::default(),
                    request_id: String::new(),
                });
            }
        }
        let shown = |overlay: &Self| -> Vec<(Digest, Option<Timestamp>)> {
            let all = overlay.exceptions.iter();
            all.map(|one| (one.id, one.resolved)).collect()
        };
        (shown(&new) != shown(self)).then(|| new.raised())
    }

    /// Follows the shipment so from now on, or no longer. Nothing is raised if nothing changes.
    #[must_use]
    pub fn registered(&self, registration: Option<Registration>) -> Self {
        let same = match (&self.registration, &registration) {
            (Some(old), Some(new)) => {
                *old == Registration {
                    since: old.since,
                    ..new.clone()
                }
            }
            (old, new) => old.is_none() && new.is_none(),
        };
        if same {
            return self.clone();
        }
        let since = self.registration.as_ref().map(|old| old.since);
        let registration = registration.map(|new| Registration {
            since: since.unwrap_or(new.since),
            ..new
        });
        let new = Self {
            registration,
            ..self.clone()
        };
        new.raised()
    }

    /// Takes a step about an exception of the record. `seen` is the revision that the caller goes
    /// by, if it says so. A step whose request id was taken within a day changes nothing.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub fn step(
        &self,
        record: &Shipment,
        exception_id: &str,
        step: Step,
        seen: Option<u32>,
    ) -> Result<Self, Refusal> {
        let exceptions = &record.exceptions;
        let exception = exceptions
            .iter()
            .find(|one| one.id.to_string() == exception_id)
            .ok_or(Refusal::UnknownException)?;
        let known = self.handling(exception.id);
        if known.is_some_and(|known| known.has_taken(&step)) {
            return Ok(self.clone());
        }
        if seen.is_some_and(|seen| seen != self.revision) {
            return Err(Refusal::Stale(self.revision));
        }
        fits(exception, known, &step).map_err(Refusal::Unfit)?;
        let mut new = self.clone();
        let at = new.exceptions.iter().position(|one| one.id == exception.id);
        let at = at.unwrap_or_else(|| {
            new.exceptions.push(Handling::new(exception));
            new.exceptions.len() - 1
        });
        let handling = &mut new.exceptions[at];
        handling.event_ids.extend(&exception.event_ids);
        handling.take(step);
        Ok(new.raised())
    }

    /// Takes in what the tenant added to a shipment that turned out to be this one; what was said of
    /// this one comes first.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let mut new = self.clone();
        new.registration = match (new.registration, other.registration.clone()) {
            (Some(own), Some(other)) => Some(own.joined(other)),
            (own, other) => own.or(other),
        };
        for handling in &other.exceptions {
            if new.handling(handling.id).is_none() {
                new.exceptions.push(handling.clone());
            }
        }
        new.raised()
    }

    /// Whether the tenant adds nothing.
    pub fn is_empty(&self) -> bool {
        self.registration.is_none() && self.exceptions.is_empty()
    }

    /// What is left of it once another shipment has it.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self {
            revision: self.revision,
            ..Self::default()
        }
        .raised()
    }

    fn raised(mut self) -> Self {
        self.revision = self.revision.saturating_add(1);
        self
    }
}

impl Handling {
    fn new(exception: &Exception) -> Self {
        Self {
            id: exception.id,
            category: exception.category,
            event_ids: BTreeSet::new(),
            assignee: Pii::default(),
            acknowledged: None,
            resolved: None,
            reopened: None,
            history: Vec::new(),
        }
    }

    /// Since when it is open: since it opened again, if it did.
    pub fn open_since(&self, exception: &Exception) -> Timestamp {
        self.reopened.unwrap_or(exception.open_time)
    }

    fn has_taken(&self, step: &Step) -> bool {
        let is_same = |one: &Step| {
            one.request_id == step.request_id
                && step.time.duration_since(one.time) < REPEATED_WITHIN
        };
        !step.request_id.is_empty() && self.history.iter().any(is_same)
    }

    fn take(&mut self, step: Step) {
        match step.activity {
            Activity::Acknowledge => self.acknowledged = Some(step.time),
            Activity::Assign => self.assignee = step.assignee.clone(),
            Activity::Comment => {}
            Activity::Resolve => self.resolved = Some(step.time),
            Activity::Reopen => {
                self.resolved = None;
                self.acknowledged = None;
                self.reopened = Some(step.time);
            }
        }
        self.history.push(step);
        let surplus = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..surplus);
    }
}

/// The exception that a handling is about: by its id, else the one of its category that has an
/// event of it and is nobody else's.
fn found_again<'a>(
    handling: &Handling,
    record: &'a Shipment,
    taken: &BTreeSet<Digest>,
) -> Option<&'a Exception> {
    let all = &record.exceptions;
    let same = all.iter().find(|one| one.id == handling.id);
    same.or_else(|| {
        all.iter().find(|one| {
            let shares = |id: &Digest| handling.event_ids.contains(id);
            one.category == handling.category
                && !taken.contains(&one.id)
                && one.event_ids.iter().any(shares)
        })
    })
}

/// Time of the first event of an exception that is later than its closing by hand.
fn reopening(record: &Shipment, exception: &Exception, closed: Timestamp) -> Option<Timestamp> {
    let own = |event: &&Event| {
        event.standing == Standing::Accepted && exception.event_ids.contains(&event.id)
    };
    let times = record.events.iter().filter(own);
    let times = times.map(|event| event.time().anchor());
    times.filter(|time| *time > closed).min()
}

/// Whether a step fits what the exception is for the tenant.
fn fits(
    exception: &Exception,
    handling: Option<&Handling>,
    step: &Step,
) -> Result<(), &'static str> {
    let is_closed = exception.close_time.is_some();
    let is_resolved = handling.is_some_and(|one| one.resolved.is_some());
    let is_acknowledged = handling.is_some_and(|one| one.acknowledged.is_some());
    let assignee = handling.map_or("", |one| one.assignee.reveal());
    match step.activity {
        Activity::Comment => Ok(()),
        _ if is_closed => Err("the exception has closed by itself; only comments are taken"),
        Activity::Reopen if is_resolved => Ok(()),
        Activity::Reopen => Err("the exception is open"),
        _ if is_resolved => Err("the exception is closed by hand; reopen it first"),
        Activity::Acknowledge if is_acknowledged => Err("the exception is acknowledged already"),
        Activity::Assign if assignee == step.assignee.reveal() => {
            Err("the exception is assigned so already")
        }
        _ => Ok(()),
    }
}

/// No overlays.
pub const NOBODY: [&Overlay; 0] = [];

/// Whether what sources said about a shipment has to be kept: a loss, damage or missing contents is
/// open for a tenant. Where nobody has touched it, it counts as open.
///
/// What a new event makes of an overlay counts, whether or not anybody has seen it yet.
pub fn is_evidence(record: &Shipment, overlays: &[impl Borrow<Overlay>]) -> bool {
    let is_open = |overlay: &Overlay, exception: &Exception| {
        let revised = overlay.revised(record);
        revised.as_ref().unwrap_or(overlay).is_open(exception)
    };
    record.exceptions.iter().any(|exception| {
        matches!(
            exception.category,
            Category::Loss | Category::Damage | Category::MissingContents
        ) && exception.close_time.is_none()
            && (overlays.is_empty() || overlays.iter().any(|one| is_open(one.borrow(), exception)))
    })
}
