//! What goes next: the due work that the sources' quotas allow, in the order that is fair.
//!
//! A state machine without clock, timer or task: `step` is told the time and returns claims. The
//! loop of [`super::Scheduler`] drives it, and so does the simulation in `tests/schedule_sim.rs`.
//!
//! Quotas are kept by even spacing: a source is called at no more than its rate and the even part
//! of its day, less what callers who wait are left. While demand is below that, polls are spaced by
//! the demand itself, so that what falls due at once does not leave at once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use waybill_core::poll::Poll;
use waybill_core::shipment::ShipmentId;

use super::fair::{self, Turns};
use super::queue::{Claim, Due, Flow, Item, Pace, Task, Want};
use crate::store::StoreError;

/// How far the spacing runs ahead of demand, so that chance does not pile work up.
const AHEAD: f64 = 1.15;
/// Polls and calls per second that need no spacing.
const UNSPACED: (f64, f64) = (1.0, 0.1);
/// Work that waits longer than this is worked off as fast as the quota allows.
const CATCH_UP: i64 = 10 * 60 * 1_000;
/// How long due work waits for company in one call.
const COMPANY: i64 = 30 * 1_000;
/// How often demand is looked at.
const LOOK: i64 = 10 * 1_000;
/// Reviews per second: each reads and perhaps writes the store.
const REVIEWS: f64 = 500.0;
const DAY: f64 = 86_400.0;

/// Source of reviews in [`Flow::source`]: nobody is asked.
pub const NOBODY: &str = "";

/// What a source allows, its accounts together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// Source id.
    pub source: &'static str,
    /// Numbers in one call.
    pub batch: usize,
    /// Calls per second.
    pub per_second: f64,
    /// Calls per UTC day; 0: no limit.
    pub per_day: u64,
}

impl Quota {
    /// Calls per second, the even part of the day counted too.
    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
        let by_day = match self.per_day {
            0 => f64::INFINITY,
            calls => calls as f64 / DAY,
        };
        self.per_second.min(by_day)
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
    fn batch(&self) -> f64 {
        self.batch.max(1) as f64
    }
}

/// How a source stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Source id.
    pub source: &'static str,
    /// Shipments that it is asked about.
    pub shipments: u64,
    /// Polls per second that they want.
    pub demand: f64,
    /// Polls per second that it allows.
    pub budget: f64,
}

impl Standing {
    /// How it stands once its shipments want this.
    pub(super) fn with(self, wants: &[Want]) -> Self {
        Self {
            shipments: wants.iter().map(|want| want.count).sum(),
            demand: wants.iter().map(|want| want.rate).sum(),
            ..self
        }
    }

    /// By how much the mean interval of its shipments is longer than they want, because the quota
    /// does not allow more.
    pub fn debt(&self) -> Duration {
        if self.demand <= self.budget {
            return Duration::ZERO;
        }
        #[expect(clippy::cast_precision_loss, reason = "a mean need not be exact")]
        let shipments = self.shipments as f64;
        let debt = shipments / self.budget.max(f64::MIN_POSITIVE) - shipments / self.demand;
        Duration::try_from_secs_f64(debt).unwrap_or(Duration::MAX)
    }
}

/// By how much intervals stretch, by source and tenant. Clones share it.
#[derive(Clone, Default)]
pub struct Stretches(Arc<RwLock<HashMap<&'static str, Factors>>>);

/// By tenant.
type Factors = HashMap<Arc<str>, f64>;

impl Stretches {
    /// 1 or more.
    pub fn of(&self, source: &str, tenant: &str) -> f64 {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(source).and_then(|tenants| tenants.get(tenant));
        known.copied().unwrap_or(1.0)
    }

    fn set(&self, source: &'static str, factors: Factors) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(source, factors);
    }

    /// The next poll of a shipment after the one at `last`; `None`: the first by schedule.
    pub fn item(
        &self,
        id: ShipmentId,
        source: &'static str,
        tenant: &Arc<str>,
        poll: Poll,
        now: Timestamp,
        last: Option<Timestamp>,
    ) -> Item {
        let interval = millis(poll.interval);
        let stretched = Poll {
            interval: poll.interval.mul_f64(self.of(source, tenant).min(1e6)),
            ..poll
        };
        let (from, wait) = match last {
            Some(last) => (last, stretched.after(&id, last)),
            None => (now, stretched.first(&id)),
        };
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let due = from.as_millisecond().saturating_add(wait);
        Item {
            task: Task::Poll,
            id,
            flow: Flow {
                source,
                lane: poll.lane,
                tenant: Arc::clone(tenant),
            },
            due: due.max(now.as_millisecond()),
            interval,
            failures: 0,
        }
    }
}

/// Milliseconds of a duration.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The state machine of one node.
pub struct Planner {
    lines: Vec<Line>,
    stretches: Stretches,
    /// Time between two steps.
    tick: Duration,
}

/// One source.
struct Line {
    quota: Quota,
    /// Calls per second that polls may use.
    budget: f64,
    turns: Turns,
    standing: Standing,
    looked: Option<i64>,
}

impl Planner {
    /// Plans for these sources, of whose quotas it uses `share`, 0 to 1; `step` is to be called
    /// every `tick`.
    pub fn new(quotas: &[Quota], share: f64, tick: Duration) -> Self {
        let mut planner = Self {
            lines: Vec::new(),
            stretches: Stretches::default(),
            tick,
        };
        planner.renew(quotas, share);
        planner
    }

    /// Plans for other sources or quotas from now on. Whose turn it is at a source stays.
    pub fn renew(&mut self, quotas: &[Quota], share: f64) {
        let reviews = Quota {
            source: NOBODY,
            batch: 1,
            per_second: REVIEWS,
            per_day: 0,
        };
        let mut before = std::mem::take(&mut self.lines);
        let lines = quotas.iter().chain([&reviews]).map(|quota| {
            let same = |line: &Line| line.quota.source == quota.source;
            let known = before.iter().position(same);
            let known = known.map(|at| before.swap_remove(at));
            let (turns, shipments, demand) = known.map_or_else(Default::default, |line| {
                (line.turns, line.standing.shipments, line.standing.demand)
            });
            Line {
                quota: *quota,
                budget: quota.rate() * share,
                turns,
                standing: Standing {
                    source: quota.source,
                    shipments,
                    demand,
                    budget: quota.rate() * share * quota.batch(),
                },
                // The stretch of its intervals is to follow the new budget at once.
                looked: None,
            }
        });
        self.lines = lines.collect();
    }

    /// By how much intervals stretch.
    pub fn stretches(&self) -> &Stretches {
        &self.stretches
    }

    /// How the sources stood at the last look.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        let sources = self.lines.iter().map(|line| line.standing);
        sources.filter(|standing| standing.source != NOBODY)
    }

    /// Claims what is due and may leave at `now`. `room` says for how many more polls of a source
    /// there is room; none while it must be left alone.
    ///
    /// # Errors
    /// The queue failed; what was claimed until then comes back when its lease ends.
    pub async fn step(
        &mut self,
        queue: &dyn Due,
        now: Timestamp,
        mut room: impl FnMut(&'static str) -> usize,
    ) -> Result<Vec<Claim>, StoreError> {
        let now = now.as_millisecond();
        let mut claims = Vec::new();
        for line in &mut self.lines {
            line.look(queue, now, &self.stretches).await?;
            line.step(queue, now, &mut room, self.tick, &mut claims)
                .await?;
        }
        Ok(claims)
    }
}

impl Line {
    /// Looks at demand, and stretches the intervals of those who want too much.
    async fn look(
        &mut self,
        queue: &dyn Due,
        now: i64,
        stretches: &Stretches,
    ) -> Result<(), StoreError> {
        let source = self.quota.source;
        let is_new = self
            .looked
            .is_some_and(|at| (0..LOOK).contains(&(now - at)));
        if is_new || source == NOBODY {
            return Ok(());
        }
        self.looked = Some(now);
        let wants = queue.wants(source).await?;
        self.standing = self.standing.with(&wants);
        stretches.set(source, fair::stretch(&wants, self.standing.budget));
        Ok(())
    }

    async fn step(
        &mut self,
        queue: &dyn Due,
        now: i64,
        room: &mut impl FnMut(&'static str) -> usize,
        tick: Duration,
        claims: &mut Vec<Claim>,
    ) -> Result<(), StoreError> {
        let source = self.quota.source;
        let room = room(source);
        if room == 0 {
            return Ok(());
        }
        let backlog = queue.backlog(source, now, room).await?;
        let Some(oldest) = backlog.iter().map(|flow| flow.oldest).min() else {
            return Ok(());
        };
        let total: usize = backlog.iter().map(|flow| flow.count).sum();
        let (total, batch) = (total.min(room), self.quota.batch.max(1));
        let calls = if now - oldest >= COMPANY {
            total.div_ceil(batch)
        } else {
            total / batch
        };
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        let pace = self.pace(now - oldest, tick);
        let granted = match calls {
            0 => 0,
            calls => queue.take(source, now, pace, calls).await?,
        };
        let slots = usize::try_from(granted).unwrap_or_default() * batch;
        for (flow, count) in self.turns.share(&backlog, now, slots.min(total)) {
            claims.extend(queue.claim(&flow, now, count).await?);
        }
        Ok(())
    }

    /// How fast the source may be called while its oldest due work waits for `late` milliseconds.
    fn pace(&self, late: i64, tick: Duration) -> Pace {
        let budget = self.budget;
        let (polls, calls) = UNSPACED;
        let spaced = (self.standing.demand * AHEAD).max(polls) / self.quota.batch();
        let spaced = spaced.max(calls);
        let is_review = self.quota.source == NOBODY;
        let rate = if late > CATCH_UP || is_review {
            budget
        } else {
            budget.min(spaced)
        };
        let burst = 1.0 + rate * tick.as_secs_f64();
        Pace { rate, burst }
    }
}
