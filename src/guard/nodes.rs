//! The quota of an account as nodes share it: by GCRA in Redis, and without Redis each by the part
//! of it that was last its own.
//!
//! A node is told its part with every answer, and says that it lives twice a second. One that is
//! not heard of may be keeping to its part where Redis is out of reach, so that the others keep to
//! theirs, too, until it is back or forgotten after 150 s. A node that has lost Redis in turn waits
//! until the others must have noticed. So the parts never come on top of the whole.
//!
//! Redis may lose what it knew: then nodes have the parts that they had, and their own counts of
//! the day, until all of these are together again, or 150 s have passed.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use waybill_core::adapter::Limits;

use super::quota::{Book, Bucket, to_midnight};
use super::{Names, lock};
use crate::clock::Clock;
use crate::redis::script::Script;
use crate::store::redis::Beside;
use crate::tasks;

/// How often a node says that it lives.
const BEAT: Duration = Duration::from_millis(500);
/// How long after its last answer a node without Redis begins to use its part: a little more than
/// it takes until the others are told that it is silent, and no longer use it.
const SILENT: Duration = Duration::from_millis(2_500);
/// Time for an answer, and for a connection that was lost to come back.
const ANSWER: Duration = Duration::from_secs(1);
/// How soon a node that has no part asks again.
const AGAIN: Duration = Duration::from_millis(500);

/// Where nodes share quotas. One per process; cheap to clone.
#[derive(Clone)]
pub struct Nodes(Arc<Place>);

struct Place {
    beside: Beside,
    script: Script,
    /// Tells this node from others.
    node: String,
}

impl Nodes {
    /// Quotas are kept beside a store.
    pub fn new(beside: Beside) -> Self {
        Self(Arc::new(Place {
            beside,
            script: Script::new(&[include_str!("nodes.lua")]),
            node: format!("{:016x}", rand::random::<u64>()),
        }))
    }
}

/// The quota of one account, for all nodes.
pub(super) struct Common {
    nodes: Nodes,
    key: String,
    /// Of the whole.
    per_second: f64,
    burst: u32,
    per_day: u32,
    clock: Clock,
    /// What this node has sent.
    book: Arc<Mutex<Book>>,
    state: Arc<Mutex<State>>,
}

/// What this node knows of the others.
struct State {
    /// When the question left that was answered last.
    heard: Instant,
    /// This node's part of the whole, 0 to 1.
    part: f64,
    /// Requests of all nodes on the day of the last answer.
    total: u64,
    /// Nodes that there are, this one counted.
    live: u32,
    /// Requests sent that Redis has not been told of.
    owed: u32,
    /// While this node keeps to its part.
    alone: Option<Alone>,
}

/// A part that is being used.
struct Alone {
    part: f64,
    bucket: Bucket,
    epoch: Instant,
    /// Days since 1970, and requests left of it.
    day: i64,
    left: f64,
}

/// What became of a wish.
pub(super) enum Said {
    Go,
    Wait(Duration),
}

/// What Redis says: what may be done, milliseconds to wait, part, requests of the day, nodes.
type Answer = (u8, u64, String, u64, u32);

impl Common {
    /// The quota of an account; one that takes the place of `before` knows what that one knew.
    pub(super) fn start(
        nodes: Nodes,
        names: &Names,
        limits: &Limits,
        clock: Clock,
        book: Arc<Mutex<Book>>,
        before: Option<&Self>,
    ) -> Arc<Self> {
        let key = format!("qa:{}:{}", names.source, names.account);
        let fresh = || {
            Arc::new(Mutex::new(State {
                heard: Instant::now(),
                part: 0.0,
                total: 0,
                live: 1,
                owed: 0,
                alone: None,
            }))
        };
        let common = Arc::new(Self {
            key: nodes.0.beside.named(&key),
            nodes,
            per_second: limits.per_second,
            burst: limits.burst.max(1),
            per_day: limits.per_day,
            clock,
            book,
            state: before.map_or_else(fresh, |before| Arc::clone(&before.state)),
        });
        tasks::spawn("quota", live(Arc::downgrade(&common)));
        common
    }

    /// Takes one request out of the whole, of which `keep` are left to others.
    pub(super) async fn take(&self, keep: u32) -> Said {
        let answer = self.ask(true, keep).await;
        let mut state = lock(&self.state);
        match answer {
            Ok(0) => Said::Go,
            Ok(wait @ 1..) => Said::Wait(Duration::from_millis(wait)),
            Err(Apart::ByOrder) => self.alone(&mut state),
            Err(Apart::Spent) => Said::Wait(to_midnight(self.clock.now())),
            Err(Apart::Cut) if state.live > 1 && state.heard.elapsed() < SILENT => {
                Said::Wait(SILENT.saturating_sub(state.heard.elapsed()))
            }
            Err(Apart::Cut) => self.alone(&mut state),
        }
    }

    /// Requests that have left without a question.
    pub(super) fn owe(&self, requests: u32) {
        let mut state = lock(&self.state);
        state.owed = state.owed.saturating_add(requests);
        if let Some(alone) = &mut state.alone {
            let now = alone.epoch.elapsed();
            (0..requests).for_each(|_| alone.bucket.take(now));
            alone.left -= f64::from(requests);
        }
    }

    /// Tells Redis what has been sent, and asks for one more if it is wanted: how many milliseconds
    /// it has to wait.
    async fn ask(&self, wants: bool, keep: u32) -> Result<u64, Apart> {
        let (day, used) = {
            let mut book = lock(&self.book);
            book.roll(self.clock.now());
            (book.day, book.used)
        };
        let (owed, part) = {
            let mut state = lock(&self.state);
            (std::mem::take(&mut state.owed), state.part)
        };
        let interval = (1_000.0 / self.per_second).clamp(0.001, 86_400_000.0);
        let arguments = [
            self.nodes.0.node.clone(),
            day.to_string(),
            used.to_string(),
            owed.to_string(),
            u8::from(wants).to_string(),
            interval.to_string(),
            self.burst.to_string(),
            keep.to_string(),
            self.per_day.to_string(),
            part.to_string(),
        ];
        let arguments: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
        let place = &self.nodes.0;
        let keys = std::slice::from_ref(&self.key);
        let begun = Instant::now();
        let run = place
            .beside
            .run::<Answer>("quota", &place.script, keys, &arguments);
        let answer = timeout(ANSWER, run).await;
        let mut state = lock(&self.state);
        let Ok(Ok((may, wait, part, total, live))) = answer else {
            // It may have been counted all the same: rather twice than never.
            state.owed = state.owed.saturating_add(owed);
            return Err(Apart::Cut);
        };
        state.heard = state.heard.max(begun);
        state.part = part.parse().unwrap_or(0.0);
        (state.total, state.live) = (total, live);
        if may < 3 {
            state.alone = None;
        }
        match may {
            0 => Ok(0),
            1 => Ok(wait.max(u64::from(wants))),
            2 => Err(Apart::Spent),
            _ => Err(Apart::ByOrder),
        }
    }

    /// Takes one request out of this node's part.
    fn alone(&self, state: &mut State) -> Said {
        let part = state.part;
        if part <= 0.0 {
            return Said::Wait(AGAIN);
        }
        let wall = self.clock.now();
        let day = super::quota::day_of(wall);
        let whole = f64::from(self.per_day);
        let bucket = |part: f64| Bucket::new(self.per_second * part, 1);
        #[expect(clippy::cast_precision_loss, reason = "requests of a day")]
        let total = state.total as f64;
        let alone = state.alone.get_or_insert_with(|| {
            let mut bucket = bucket(part);
            // What has left by now was out of the whole.
            bucket.take(Duration::ZERO);
            Alone {
                part,
                bucket,
                epoch: Instant::now(),
                day,
                left: (whole - total).max(0.0) * part,
            }
        });
        if alone.day != day {
            (alone.day, alone.left) = (day, whole * part);
        }
        if part < alone.part {
            alone.left *= part / alone.part;
            alone.bucket.keep_pace_of(&bucket(part));
            alone.part = part;
        }
        if self.per_day > 0 && alone.left < 1.0 {
            return Said::Wait(to_midnight(wall));
        }
        let now = alone.epoch.elapsed();
        let wait = alone.bucket.wait(now, 0);
        if !wait.is_zero() {
            return Said::Wait(wait);
        }
        alone.bucket.take(now);
        alone.left -= 1.0;
        state.owed = state.owed.saturating_add(1);
        Said::Go
    }
}

/// Why the whole is not to be had.
enum Apart {
    /// Redis does not answer.
    Cut,
    /// Somebody is not heard of.
    ByOrder,
    /// The day is over before its end.
    Spent,
}

/// Says that this node lives for as long as the quota does.
async fn live(common: Weak<Common>) {
    while let Some(common) = common.upgrade() {
        // What comes of it is in the state.
        let _answer = common.ask(false, 0).await;
        drop(common);
        sleep(BEAT).await;
    }
}
