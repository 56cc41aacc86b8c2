//! The life of a request between gRPC and the sources, in eight steps.
//!
//! 1. **route**: which sources may know this number or order (`route.rs`)
//! 2. **recall**: what is held already, and is it fresh enough to answer now (`recall.rs`)
//! 3. **ask**: the routed sources at once, one flight per source and number or order (`ask.rs`)
//! 4. **reconcile** reports and last known record into one
//! 5. **verify**: findings attached, nothing thrown away
//! 6. **assess**: what depends on the clock
//! 7. **remember**: compare version, write dossier, record and change log in one commit
//! 8. **publish**: tell watchers
//!
//! Steps 4 to 8 are in `settle.rs`: whatever brings news, a call, a poll or a replay, ends there.
//!
//! **Invariant:** a caller that goes away cancels nobody. Sources are asked by detached flights
//! that end in steps 4 to 8 whether or not somebody still waits.

mod ask;
mod erase;
mod evidence;
mod fleet;
mod freshness;
mod ingest;
mod live;
mod note;
mod pack;
mod push;
mod recall;
mod replay;
mod review;
mod route;
mod seen;
mod settle;
mod shelter;
mod standing;
mod subscribe;
mod unite;
mod way;
mod work;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use waybill_core::adapter::{Adapter, Descriptor, Hints, Limits, OrderQuery, Query};
use waybill_core::error::Error;
use waybill_core::forecast::Forecast;
use waybill_core::order::Subject;
use waybill_core::owner::source_of;
use waybill_core::shipment::{Shipment, ShipmentId};

use crate::audit::Audit;
use crate::cache::flight::Flights;
use crate::cache::{self, Cache, Entry, Key};
use crate::clock::Clock;
use crate::config::Routing;
use crate::evidence::Evidence;
use crate::guard::{Guard, Priority};
use crate::kpi::Kpis;
use crate::store::seal::Keys;
use crate::store::{Store, StoreError};
use crate::watch::Hub;

pub use erase::{Gone, Receipt};
pub use evidence::{Everything, Held, Owned};
pub use fleet::{Enrolled, Enrolment};
pub use ingest::{Item, Refusal, Taken};
pub use live::{Live, MadeOf, Rules};
pub use note::Note;
pub use pack::Pack;
pub use push::Polled;
pub use replay::Replayed;
pub use review::{Explained, Rebuilt};
pub use route::Aggregators;
pub use settle::Settled;
pub use subscribe::Follower;
pub use work::{Unworked, Worked};

/// One account of one source, behind its guard.
pub struct Source {
    /// What it is.
    pub descriptor: &'static Descriptor,
    /// Name of the account, "default" if there is only one.
    pub account: String,
    /// Tenants that may use the account; empty: all of them.
    pub tenants: Vec<String>,
    /// Under which name what it says is kept: its id, and whose it is if it is not everybody's.
    pub name: String,
    /// Limits with the operator's changes.
    pub limits: Limits,
    /// Shops and platforms whose orders it can look up.
    pub platforms: Vec<String>,
    /// What understands its pushes. Whoever asks it goes through the guard.
    pub adapter: Arc<dyn Adapter>,
    /// The stack that protects it, and us from it.
    pub guard: Guard,
    /// Numbers that wait to be asked for together.
    pub pack: pack::Pack,
    /// It is asked, unless an operator says otherwise.
    pub enabled: bool,
    /// Digests of the settings that it was made of.
    pub made_of: MadeOf,
}

impl Source {
    /// The tenant that alone uses the account; empty if others do too.
    fn only_tenant(&self) -> &str {
        match &*self.tenants {
            [only] => only,
            _ => "",
        }
    }
}

/// Everything that the eight steps use.
pub struct Parts {
    /// Configured sources, accounts of one source side by side.
    pub sources: Vec<Arc<Source>>,
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Keyed hashes.
    pub keys: Arc<Keys>,
    /// Answers of sources.
    pub cache: Arc<dyn Cache>,
    /// How long an answer is fresh.
    pub policy: cache::Freshness,
    /// How long to wait for the others after the first usable answer.
    pub patience: Duration,
    /// Which sources are asked.
    pub routing: Routing,
    /// Now.
    pub clock: Clock,
    /// Who wants to know of changes.
    pub hub: Arc<Hub>,
    /// The key figures.
    pub kpis: Kpis,
    /// What sources said, as received.
    pub evidence: Evidence,
    /// There can be more than one tenant.
    pub has_tenants: bool,
    /// Where erasures are written down.
    pub audit: Audit,
    /// How long what was erased is kept from coming back.
    pub barred_for: Duration,
}

/// What stays as it is while the pipeline runs.
#[derive(Clone)]
struct Fixed {
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
    cache: Arc<dyn Cache>,
    clock: Clock,
    hub: Arc<Hub>,
    kpis: Kpis,
    evidence: Evidence,
    has_tenants: bool,
    audit: Audit,
    barred_for: Duration,
}

/// The eight steps. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    parts: Arc<Fixed>,
    live: live::Table,
    flights: Arc<Flights<Key, Arc<Settled>>>,
    /// Newest failures of sources for which an older answer stands in.
    lapses: moka::sync::Cache<Key, Arc<Entry>>,
    /// Until when the news of a shipment is pushed.
    pushed: moka::sync::Cache<ShipmentId, Timestamp>,
    /// What it learns is for good, and counts.
    records: bool,
    shelter: Arc<shelter::Shelter>,
}

/// Shipments that are known to be pushed.
const PUSHED: u64 = 1_000_000;
/// Failures that are remembered beside the answers that stand in for them.
const LAPSES: u64 = 10_000;

/// One question of a caller.
#[derive(Clone)]
pub struct Lookup {
    /// Tenant that asks; empty: the server itself, which sees what is shared.
    pub tenant: String,
    /// The number or order.
    pub subject: Subject,
    /// Carrier named by the caller; empty if none. Of an order it only tells which parcel is meant
    /// first.
    pub carrier: String,
    /// Further facts.
    pub hints: Hints,
    /// Source ids to use; empty: all.
    pub sources: Vec<String>,
    /// Greatest age of held data.
    pub max_age: Option<Duration>,
    /// Ask nobody.
    pub cache_only: bool,
    /// Wait for everybody until the deadline.
    pub wait_for_all: bool,
    /// Ask sources that bill each call or register each number.
    pub allow_paid: bool,
    /// When the caller stops waiting.
    pub deadline: tokio::time::Instant,
    /// Whether somebody waits at a screen.
    pub priority: Priority,
}

/// A question to one source.
#[derive(Clone)]
enum Question {
    /// About a number.
    Number(Query),
    /// About an order.
    Order(OrderQuery),
}

impl Question {
    /// What it asks about.
    fn subject(&self) -> Subject {
        match self {
            Self::Number(query) => Subject::Number(query.number.clone()),
            Self::Order(query) => Subject::Order(query.order.clone()),
        }
    }
}

/// What a lookup comes to.
pub struct Found {
    /// Records, best first.
    pub shipments: Vec<Arc<Shipment>>,
    /// Their age.
    pub freshness: Freshness,
    /// Every source that could have been asked.
    pub outcomes: Vec<Outcome>,
    /// Until when the same lookup has the same answer without asking anybody; `None` if the next
    /// one has to look again.
    pub good_until: Option<Timestamp>,
    /// They are the store's; else it was away, and this is only what sources said lately.
    pub is_recorded: bool,
}

/// Why a lookup has nothing to show.
#[derive(Clone, Debug)]
pub enum Miss {
    /// No configured source serves the number; what it looks like.
    NoSource {
        /// Carriers that the format points to.
        carriers: Vec<String>,
    },
    /// No configured source looks up orders of the platform.
    NoOrderSource {
        /// Platforms whose orders can be looked up.
        platforms: Vec<String>,
    },
    /// Every source that could answer needs this hint.
    HintRequired(&'static str),
    /// A source id that does not exist or is not configured.
    UnknownSource(String),
    /// None of the sources that the caller names serves the number.
    SourcesUnfit,
    /// Only sources that bill each call or register each number serve it, and they may not be
    /// asked.
    PaidOnly,
    /// Every asked source failed, and nothing is stored.
    SourcesFailed(Vec<Outcome>),
    /// Less time is left than asking takes, and nothing is stored.
    NoTime,
    /// The store does not answer.
    Store(String),
    /// No shipment has this id.
    UnknownId,
    /// What the number or order led to was erased.
    Erased,
}

/// Age of the records of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Summary; `None` if there is nothing whose age could be told.
    pub state: Option<State>,
    /// Most recent successful fetch.
    pub fetch_time: Option<Timestamp>,
    /// Until then it counts as fresh.
    pub fresh_until: Option<Timestamp>,
    /// Most recent attempt.
    pub last_attempt: Option<Timestamp>,
    /// A refresh is running.
    pub revalidating: bool,
}

/// Summary of freshness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A source was asked for this call and answered.
    Live,
    /// Held, within its fresh period.
    Fresh,
    /// Held, past it.
    Stale,
    /// Held, past it, because every suitable source failed.
    StaleSourcesDown,
    /// Terminal; no refresh is needed.
    Final,
}

/// What became of one source.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Source id; empty if no source of the carrier is configured.
    pub source: &'static str,
    /// Carrier that it speaks for.
    pub carrier: &'static str,
    /// Result.
    pub result: SourceResult,
    /// When its data in the answer was fetched.
    pub fetch_time: Option<Timestamp>,
    /// From the first attempt to the result.
    pub latency: Option<Duration>,
    /// Upstream requests made for this call.
    pub attempts: u32,
    /// When it was last asked, successfully or not.
    pub attempt_time: Option<Timestamp>,
    /// Hint that it can use and the caller did not give; empty if there is none.
    pub hint: &'static str,
}

/// Result of a source in one answer.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceResult {
    /// Answered and knows the number.
    Found,
    /// Answered (now or within the negative period) and does not know it; ask again after this.
    NotFound(Duration),
    /// Not asked: what is held is fresh enough, or the caller wants held data only.
    SkippedFresh,
    /// Not asked: the caller named other sources.
    SkippedNotNeeded,
    /// Not asked: it bills each call or registers each number, and that is not allowed.
    SkippedPaid,
    /// Not asked: no source of the carrier is configured.
    SkippedNoSource,
    /// Not asked: a hint is missing.
    SkippedHintMissing(&'static str),
    /// Failed.
    Failed(Error),
    /// Still being asked.
    StillRunning,
}

impl Pipeline {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let rules = Rules {
            sources: parts.sources,
            routing: parts.routing,
            policy: parts.policy,
            patience: parts.patience,
        };
        let fixed = Fixed {
            store: parts.store,
            keys: parts.keys,
            cache: parts.cache,
            clock: parts.clock,
            hub: parts.hub,
            kpis: parts.kpis,
            evidence: parts.evidence,
            has_tenants: parts.has_tenants,
            audit: parts.audit,
            barred_for: parts.barred_for,
        };
        Self::over(fixed, live::Table::new(rules))
    }

    fn over(fixed: Fixed, live: live::Table) -> Self {
        let lapses = moka::sync::Cache::new(LAPSES);
        let (cache, failed) = (Arc::clone(&fixed.cache), lapses.clone());
        let evidence = fixed.evidence.clone();
        fixed.hub.forgets(Box::new(move |id| {
            cache.forget_near();
            failed.invalidate_all();
            // What the sources have told this node lies here, wherever the call was.
            evidence.forget(id);
        }));
        Self {
            parts: Arc::new(fixed),
            live,
            flights: Arc::new(Flights::new("ask")),
            lapses,
            pushed: moka::sync::Cache::new(PUSHED),
            records: true,
            shelter: Arc::default(),
        }
    }

    /// The sources that are asked.
    pub fn sources(&self) -> Arc<[Arc<Source>]> {
        Arc::clone(&self.live.now().sources)
    }

    /// The sources and the rules as they are now.
    pub fn live(&self) -> Arc<Live> {
        self.live.now()
    }

    /// Puts other sources and rules in place. Work that has begun goes on by those before.
    pub fn renew(&self, rules: Rules) {
        self.live.renew(rules);
    }

    /// Turns sources on or off, or lets them be as configured.
    pub fn switch(&self, sources: &[Arc<Source>], on: Option<bool>) {
        self.live.switch(sources, on);
    }

    /// Who wants to know of changes.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.parts.hub
    }

    /// Where erasures, exports and what operators do are written down.
    pub fn audit(&self) -> &Audit {
        &self.parts.audit
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Our own expectation of the delivery of a shipment. It is no part of the record, because it
    /// changes with what is learned from others.
    pub fn forecast(&self, record: &Shipment) -> Option<Forecast> {
        self.parts.kpis.forecast(record, self.now())
    }

    /// Answers a lookup: steps 1 to 3, and what steps 4 to 8 made of it.
    ///
    /// # Errors
    /// Only when there is nothing to show; see [`Miss`].
    pub async fn track(&self, lookup: &Lookup) -> Result<Found, Miss> {
        let live = self.live();
        let (sources, routing) = (live.sources_of(&lookup.tenant), &live.configured.routing);
        let mut way = way::way(self, lookup).await?;
        let mut route = route::route(&sources, routing, lookup, &way)?;
        let mut held = recall::recall(self, lookup, &route.sources).await?;
        // Only what nobody has told of can have been erased.
        if !held.must_not_ask && held.is_of_nothing() {
            let failed = |error: StoreError| Miss::Store(error.to_string());
            let is_known = !self.known(&lookup.subject).await?.is_empty();
            if !is_known && self.is_barred(&lookup.subject).await.map_err(failed)? {
                return Err(Miss::Erased);
            }
        }
        let mut asked = ask::ask(self, lookup, &route.sources, &held, &[]).await;
        // What one end of the way has just said can be the reason to ask the other one.
        if !held.must_not_ask && way.is_of_two_posts() {
            let known = way::way(self, lookup).await?;
            if known != way {
                way = known;
                route = route::route(&sources, routing, lookup, &way)?;
                held = recall::recall(self, lookup, &route.sources).await?;
                let further = ask::ask(self, lookup, &route.sources, &held, &asked).await;
                asked.extend(further);
            }
        }
        route.unserved = way::unserved(&route, &way);
        let answer = recall::answer(self, lookup, route, held, asked).await;
        match &answer {
            Ok(found) => {
                note::outcomes(&found.outcomes);
                note::ages(&live, &found.shipments, &found.freshness, self.now());
            }
            Err(Miss::SourcesFailed(outcomes)) => note::outcomes(outcomes),
            Err(_) => {}
        }
        answer
    }

    /// Shipments that a number or order stands for, in order of their ids.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub async fn known(&self, subject: &Subject) -> Result<Vec<ShipmentId>, Miss> {
        let found = standing::found(self, subject).await;
        found.map_err(|error| Miss::Store(error.to_string()))
    }

    /// The record with this id, brought up to now, and when time alone changes it next; `None` if
    /// there is none.
    ///
    /// # Errors
    /// [`Miss::Store`].
    pub(crate) async fn current(
        &self,
        id: &ShipmentId,
    ) -> Result<Option<(Arc<Shipment>, Option<Timestamp>)>, Miss> {
        recall::current(self, id).await
    }

    /// Source that is asked first about a record; `None` if none may be asked.
    pub(crate) fn asks(&self, record: &Shipment) -> Option<&'static str> {
        let live = self.live();
        route::first(&live.sources, &live.configured.routing, record)
    }

    /// Least interval between two questions of a source about one number; none if the source is
    /// no longer configured.
    pub(crate) fn least_interval(&self, source: &str) -> Duration {
        let live = self.live();
        let mut accounts = live.sources.iter();
        accounts
            .find(|account| account.descriptor.id == source_of(source))
            .map_or(Duration::ZERO, |account| account.limits.min_interval)
    }

    /// Answers a lookup by shipment id: the record's own number and carrier, and of what comes
    /// back the shipment with that id.
    ///
    /// # Errors
    /// As [`Pipeline::track`], and [`Miss::UnknownId`].
    pub async fn get(&self, id: &ShipmentId, options: &LookupOptions) -> Result<Found, Miss> {
        let stored = self
            .parts
            .store
            .load(id)
            .await
            .map_err(|error| Miss::Store(error.to_string()))?;
        let record = stored.ok_or(Miss::UnknownId)?.record.clone();
        let record = self.seen_by(&options.tenant, record).await?;
        let (record, _) = record.ok_or(Miss::UnknownId)?;
        let lookup = options.lookup(record.number.clone().into(), record.carrier.clone());
        let mut found = self.track(&lookup).await?;
        // By now it may have become a part of another one.
        found.shipments.retain(|shipment| {
            shipment.id == record.id || shipment.superseded.contains(&record.id)
        });
        if found.shipments.is_empty() {
            return Err(Miss::UnknownId);
        }
        Ok(found)
    }

    /// Returns the record with this id as it is held and as a tenant sees it, brought up to now,
    /// and its age.
    ///
    /// # Errors
    /// [`Miss::Store`] or [`Miss::UnknownId`].
    pub async fn held(
        &self,
        tenant: &str,
        id: &ShipmentId,
    ) -> Result<(Arc<Shipment>, Freshness), Miss> {
        let record = self.current_of(tenant, id).await?;
        let freshness = freshness::stored_freshness(self, tenant, &record).await?;
        Ok((record, freshness))
    }
}

/// The options of a lookup without its subject.
#[derive(Clone)]
pub struct LookupOptions {
    /// As in [`Lookup`].
    pub tenant: String,
    /// As in [`Lookup`].
    pub hints: Hints,
    /// As in [`Lookup`].
    pub max_age: Option<Duration>,
    /// As in [`Lookup`].
    pub cache_only: bool,
    /// As in [`Lookup`].
    pub wait_for_all: bool,
    /// As in [`Lookup`].
    pub allow_paid: bool,
    /// As in [`Lookup`].
    pub sources: Vec<String>,
    /// As in [`Lookup`].
    pub deadline: tokio::time::Instant,
    /// As in [`Lookup`].
    pub priority: Priority,
}

impl LookupOptions {
    /// Makes a lookup of these options.
    pub fn lookup(&self, subject: Subject, carrier: String) -> Lookup {
        Lookup {
            tenant: self.tenant.clone(),
            subject,
            carrier,
            hints: self.hints.clone(),
            sources: self.sources.clone(),
            max_age: self.max_age,
            cache_only: self.cache_only,
            wait_for_all: self.wait_for_all,
            allow_paid: self.allow_paid,
            deadline: self.deadline,
            priority: self.priority,
        }
    }
}
