//! The scheduler on a simulated clock: its planner and queue as the gateway runs them, over nodes
//! that can die, and parcels that move by chance.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use waybill::schedule::{Claim, Due, Item, MemoryDue, Planner, Quota, Standing};
use waybill_core::code::EventCode;
use waybill_core::number::TrackingNumber;
use waybill_core::poll::{Look, Next, Rhythm, next_poll};
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{Shipment, ShipmentId};
use waybill_core::status::Status;

/// Calls that one node has under way at one source.
const CALLS: usize = 16;
const SHARE: f64 = 0.85;
const HOUR_MS: f64 = 3_600_000.0;

/// A stage, its share of all parcels, and the mean time to its next news in hours.
const STAGES: [(Status, EventCode, f64, f64); 5] = [
    (Status::InfoReceived, EventCode::INFO_RECEIVED, 0.10, 24.0),
    (Status::InTransit, EventCode::IN_TRANSIT, 0.60, 18.0),
    (
        Status::InTransit,
        EventCode::IMPORT_CUSTOMS_PRESENTED,
        0.15,
        30.0,
    ),
    (
        Status::OutForDelivery,
        EventCode::OUT_FOR_DELIVERY,
        0.02,
        5.0,
    ),
    (Status::Delivered, EventCode::DELIVERED, 0.13, 400.0),
];

/// What is simulated.
pub struct Fleet {
    pub sources: Vec<Source>,
    /// Tenants with their shares of the parcels.
    pub tenants: Vec<(&'static str, f64)>,
    pub hours: u32,
    /// Milliseconds from one step of the nodes to the next, whole seconds.
    pub tick: i64,
    /// Nodes, and how many of them die half-way.
    pub nodes: usize,
    pub dying: usize,
}

pub struct Source {
    pub quota: Quota,
    pub parcels: usize,
    /// Its carriers scan by day only.
    pub by_day: bool,
}

/// What came of it.
pub struct Outcome {
    pub polls: u64,
    /// Greatest and 95th percentile of waited time over wanted interval, after the first poll, by
    /// tenant.
    pub worst: HashMap<&'static str, f64>,
    pub p95: HashMap<&'static str, f64>,
    /// Polls per second: greatest of a second, of as many seconds as 1,000 polls take, and the
    /// mean.
    pub peak_second: f64,
    pub peak: f64,
    pub window: usize,
    pub mean: f64,
    /// Windows of a second, a minute and a day in which a source got more calls than it allows.
    pub exceeded: u64,
    /// Greatest use of a quota, 0 to 1.
    pub used: f64,
    /// Claims of the dead nodes, those that came again, and the longest that took in seconds.
    pub orphans: usize,
    pub rerun: usize,
    pub rerun_after: f64,
    /// Claims while another one held, and ends of claims that nobody held any more.
    pub doubled: u64,
    pub standings: Vec<Standing>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let worst = self.worst.values().copied().fold(0.0, f64::max);
        let (peak, mean) = (self.peak, self.mean);
        writeln!(
            f,
            "{} polls; worst wait {worst:.3} of the wanted interval, allowed 1.5",
            self.polls
        )?;
        writeln!(
            f,
            "polls per second: mean {mean:.2}, greatest of {} s {peak:.2}: {:.3} of the mean, allowed 1.3; greatest of 1 s {}",
            self.window,
            peak / mean,
            self.peak_second
        )?;
        writeln!(
            f,
            "quota windows exceeded: {}; greatest use of one {:.3}; claimed or ended twice: {}",
            self.exceeded, self.used, self.doubled
        )?;
        write!(
            f,
            "leases of dead nodes: {}, run again {}, the last after {:.0} s, allowed 150 s",
            self.orphans, self.rerun, self.rerun_after
        )?;
        for standing in &self.standings {
            write!(
                f,
                "\n{}: {} shipments want {:.3} polls/s of {:.3}, debt {:.0?}",
                standing.source,
                standing.shipments,
                standing.demand,
                standing.budget,
                standing.debt()
            )?;
        }
        Ok(())
    }
}

struct Parcel {
    source: usize,
    tenant: usize,
    stage: usize,
    heard: i64,
    news: i64,
    polled: i64,
    interval: u64,
    leased: i64,
}

/// A poll under way: when it ends, its number, its node and the claim.
struct Flight {
    ends: i64,
    number: u64,
    node: usize,
    claim: Claim,
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Flight {}
impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.ends, self.number).cmp(&(other.ends, other.number))
    }
}

fn now_of<T>(answer: impl Future<Output = Result<T, waybill::store::StoreError>>) -> T {
    answer.now_or_never().unwrap().unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn id(number: usize) -> ShipmentId {
    ShipmentId(format!("{number:026}"))
}

fn index(id: &ShipmentId) -> usize {
    id.0.parse().unwrap()
}

/// A record in each stage.
fn records() -> Vec<Shipment> {
    let number = TrackingNumber::parse("AB123456789").unwrap();
    let blank = Dossier::new(id(0), number, "acme".to_owned()).record();
    let record = |(status, code, _, _): &(Status, EventCode, f64, f64)| Shipment {
        status: *status,
        code: Some(*code),
        ..blank.clone()
    };
    STAGES.iter().map(record).collect()
}

/// The next stage, so that the shares stay what they are.
fn next_stage(random: &mut SmallRng) -> usize {
    let weights = STAGES.map(|(_, _, share, hours)| share / hours);
    pick(&weights, random)
}

fn pick(weights: &[f64], random: &mut SmallRng) -> usize {
    let mut left = random.random::<f64>() * weights.iter().sum::<f64>();
    weights
        .iter()
        .position(|weight| {
            left -= weight;
            left < 0.0
        })
        .unwrap_or(0)
}

fn waits(stage: usize, random: &mut SmallRng) -> i64 {
    let mean = STAGES[stage].3 * HOUR_MS;
    (-mean * (1.0 - random.random::<f64>()).ln()) as i64
}

fn by_day() -> Rhythm {
    let mut rhythm = Rhythm::EMPTY;
    let midnight: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    for minute in 0..24 * 60 {
        let hour = minute / 60;
        let scans = if (6..22).contains(&hour) { 3 } else { 1 };
        for _ in 0..scans {
            rhythm.count(midnight + SignedDuration::from_mins(minute));
        }
    }
    rhythm
}

pub fn run(fleet: &Fleet) -> Outcome {
    let mut random = SmallRng::seed_from_u64(1);
    let (records, day) = (records(), by_day());
    let queue = MemoryDue::default();
    let quotas: Vec<Quota> = fleet.sources.iter().map(|source| source.quota).collect();
    let tick = Duration::from_millis(fleet.tick as u64);
    let mut nodes: Vec<Option<Planner>> = (0..fleet.nodes)
        .map(|_| Some(Planner::new(&quotas, SHARE, tick)))
        .collect();
    let tenants: Vec<Arc<str>> = fleet.tenants.iter().map(|it| Arc::from(it.0)).collect();
    let shares: Vec<f64> = fleet.tenants.iter().map(|it| it.1).collect();
    let start: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
    let start = start.as_millisecond();
    let end = start + i64::from(fleet.hours) * 3_600_000;
    let death = start + (end - start) / 2;

    let mut parcels: Vec<Parcel> = Vec::new();
    for (source, of) in fleet.sources.iter().enumerate() {
        for _ in 0..of.parcels {
            let stage = pick(&STAGES.map(|stage| stage.2), &mut random);
            // Without memory: what has passed since the last news is as long as what is to come.
            parcels.push(Parcel {
                source,
                tenant: pick(&shares, &mut random),
                stage,
                heard: start - waits(stage, &mut random).min(30 * 86_400_000),
                news: start + waits(stage, &mut random),
                polled: 0,
                interval: 0,
                leased: 0,
            });
        }
    }
    let mut order: Vec<usize> = (0..parcels.len()).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, random.random_range(0..=at));
    }

    let look_at = |parcel: &Parcel, now: i64| {
        let look = Look {
            now: at(now),
            heard: at(parcel.heard),
            pushed: false,
            rhythm: if fleet.sources[parcel.source].by_day {
                &day
            } else {
                &Rhythm::EMPTY
            },
            pace: 1.0,
        };
        match next_poll(&records[parcel.stage], &look) {
            Next::Poll(poll) => poll,
            Next::Stop(stop) => panic!("{stop:?}"),
        }
    };

    let seconds = ((end - start) / 1_000) as usize;
    let mut per_second = vec![0_u32; seconds + 1];
    let mut calls = vec![vec![0_u32; seconds + 1]; quotas.len()];
    let mut flights: BinaryHeap<Reverse<Flight>> = BinaryHeap::new();
    let mut in_flight = vec![vec![0_usize; quotas.len()]; fleet.nodes];
    let mut ratios: Vec<HashMap<u32, u64>> = vec![HashMap::new(); tenants.len()];
    let mut orphans: HashSet<usize> = HashSet::new();
    let (mut orphaned, mut rerun, mut rerun_after) = (0, 0, 0.0_f64);
    let (mut polls, mut doubled, mut registered, mut number) = (0_u64, 0_u64, 0, 0_u64);
    let mut now = start;
    while now < end {
        // All are registered within a minute.
        let minute = ((now - start) as f64 / 60_000.0 + 1.0 / 60.0).min(1.0);
        let until = (parcels.len() as f64 * minute) as usize;
        let stretches = nodes.iter().flatten().next().unwrap().stretches().clone();
        let new: Vec<Item> = order[registered..until]
            .iter()
            .map(|at_index| {
                let parcel = &parcels[*at_index];
                let source = quotas[parcel.source].source;
                let poll = look_at(parcel, now);
                let tenant = &tenants[parcel.tenant];
                stretches.item(id(*at_index), source, tenant, poll, at(now), None)
            })
            .collect();
        registered = until;
        now_of(queue.put(now, new));

        // What has been answered.
        while flights.peek().is_some_and(|flight| flight.0.ends <= now) {
            let Some(Reverse(flight)) = flights.pop() else {
                break;
            };
            let Some(planner) = &nodes[flight.node] else {
                continue;
            };
            let Item { id, flow, .. } = &flight.claim.item;
            let parcel = &mut parcels[index(id)];
            in_flight[flight.node][parcel.source] -= 1;
            if parcel.news <= now {
                parcel.heard = now;
                parcel.stage = next_stage(&mut random);
                parcel.news = now + waits(parcel.stage, &mut random);
            }
            let poll = look_at(parcel, now);
            let (source, tenant) = (flow.source, &tenants[parcel.tenant]);
            let next =
                planner
                    .stretches()
                    .item(id.clone(), source, tenant, poll, at(now), Some(at(now)));
            parcel.interval = next.interval;
            parcel.polled = now;
            parcel.leased = 0;
            if !now_of(queue.done(flight.claim, Some(next))) {
                doubled += 1;
            }
        }

        let second = ((now - start) / 1_000) as usize;
        for turn in 0..fleet.nodes {
            let node = (turn + second) % fleet.nodes;
            let Some(planner) = &mut nodes[node] else {
                continue;
            };
            let flying = &in_flight[node];
            let room = |source: &str| {
                let at = quotas.iter().position(|quota| quota.source == source);
                at.map_or(1, |at| {
                    (CALLS * quotas[at].batch).saturating_sub(flying[at])
                })
            };
            let claims = now_of(planner.step(&queue, at(now), room));
            let mut packs = vec![0_usize; quotas.len()];
            for claim in claims {
                let at_index = index(&claim.item.id);
                let parcel = &mut parcels[at_index];
                if parcel.leased > now {
                    doubled += 1;
                }
                parcel.leased = now + 120_000;
                if orphans.remove(&at_index) {
                    rerun += 1;
                    rerun_after = rerun_after.max((now - death) as f64 / 1_000.0);
                    assert!(claim.again);
                }
                if parcel.polled > 0 {
                    let ratio = (now - parcel.polled) as f64 / parcel.interval as f64;
                    let slot = (ratio * 1_000.0) as u32;
                    *ratios[parcel.tenant].entry(slot).or_default() += 1;
                }
                polls += 1;
                per_second[second] += 1;
                packs[parcel.source] += 1;
                in_flight[node][parcel.source] += 1;
                number += 1;
                flights.push(Reverse(Flight {
                    ends: now + random.random_range(200..2_000),
                    number,
                    node,
                    claim,
                }));
            }
            for (at, pack) in packs.into_iter().enumerate() {
                calls[at][second] += pack.div_ceil(quotas[at].batch) as u32;
            }
        }

        // They die with what they have just taken.
        if now >= death && nodes.iter().flatten().count() > fleet.nodes - fleet.dying {
            nodes
                .iter_mut()
                .take(fleet.dying)
                .for_each(|node| *node = None);
            for flight in &flights {
                if flight.0.node < fleet.dying {
                    orphans.insert(index(&flight.0.claim.item.id));
                }
            }
            orphaned = orphans.len();
        }
        now += fleet.tick;
    }

    let (mut exceeded, mut used) = (0, 0.0_f64);
    for (quota, calls) in quotas.iter().zip(&calls) {
        let mut windows = |width: usize, allowed: f64| {
            let mut sum = 0_u64;
            for at in 0..calls.len() {
                sum += u64::from(calls[at]);
                if at >= width {
                    sum -= u64::from(calls[at - width]);
                }
                if sum as f64 > allowed {
                    exceeded += 1;
                }
                used = used.max(sum as f64 / allowed);
            }
        };
        // A quota of less than one call in a window is one of a longer window.
        for width in [1, 60, 3_600] {
            let allowed = quota.per_second * width as f64;
            if allowed >= 5.0 {
                windows(width, allowed);
            }
        }
        if quota.per_day > 0 {
            windows(86_400, quota.per_day as f64);
        }
    }
    let names = || fleet.tenants.iter().map(|it| it.0);
    let sorted = |ratios: &HashMap<u32, u64>| {
        let mut all: Vec<(u32, u64)> = ratios.iter().map(|(slot, count)| (*slot, *count)).collect();
        all.sort_unstable();
        all
    };
    let worst = names().zip(&ratios).map(|(name, ratios)| {
        let last = sorted(ratios).last().map_or(0, |last| last.0);
        (name, f64::from(last) / 1_000.0)
    });
    let p95 = names().zip(&ratios).map(|(name, ratios)| {
        let all = sorted(ratios);
        let total: u64 = all.iter().map(|(_, count)| count).sum();
        let mut sum = 0;
        let found = all.iter().find(|(_, count)| {
            sum += count;
            sum as f64 >= total as f64 * 0.95
        });
        (
            name,
            found.map_or(0.0, |(slot, _)| f64::from(*slot) / 1_000.0),
        )
    });
    let mean = polls as f64 / seconds as f64;
    // Numbers that share a call leave at once, and chance makes ten polls seven or thirteen.
    let window = (1_000.0 / mean).ceil() as usize;
    let rate = |window: &[u32]| window.iter().sum::<u32>() as f64 / window.len() as f64;
    Outcome {
        polls,
        worst: worst.collect(),
        p95: p95.collect(),
        peak_second: f64::from(per_second.iter().copied().max().unwrap()),
        peak: per_second.windows(window).map(rate).fold(0.0, f64::max),
        window,
        mean,
        exceeded,
        used,
        orphans: orphaned,
        rerun,
        rerun_after,
        doubled,
        standings: nodes.iter().flatten().next().unwrap().standings().collect(),
    }
}

/// Parcels of twenty tenants at four sources that are each asked in another way: one by one, in
/// packs, with a limit per day, and seldom.
pub fn fleet(parcels: usize, tick: i64) -> Fleet {
    let source = |name, share: f64, batch: usize, by_day, daily| {
        let parcels = (parcels as f64 * share) as usize;
        // What they want, as the simulation measures it, and a third more.
        let wanted = parcels as f64 / 39_000.0 / batch as f64 / SHARE * 1.33;
        Source {
            quota: Quota {
                source: name,
                batch,
                per_second: if daily { 100.0 } else { wanted.max(0.2) },
                per_day: if daily { (wanted * 86_400.0) as u64 } else { 0 },
            },
            parcels,
            by_day,
        }
    };
    const NAMES: [&str; 20] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t",
    ];
    let tenants = NAMES.iter().enumerate();
    Fleet {
        sources: vec![
            source("single", 0.45, 1, false, false),
            source("packs", 0.30, 40, true, false),
            source("daily", 0.20, 10, false, true),
            source("seldom", 0.05, 1, false, false),
        ],
        tenants: tenants
            .map(|(at, name)| (*name, 0.7_f64.powi(at as i32)))
            .collect(),
        hours: 48,
        tick,
        nodes: 4,
        dying: 2,
    }
}

/// Two tenants, 1,000 to 1, at a source that allows half of what they want; or the small one alone.
pub fn unequal(small_alone: bool, parcels: usize) -> Fleet {
    let wanted = parcels as f64 / 39_000.0;
    let shares = [("big", 0.999), ("small", 0.001)];
    let count = if small_alone {
        parcels / 1_000
    } else {
        parcels
    };
    Fleet {
        sources: vec![Source {
            quota: Quota {
                source: "single",
                batch: 1,
                per_second: wanted * 0.5 / SHARE,
                per_day: 0,
            },
            parcels: count,
            by_day: false,
        }],
        tenants: if small_alone {
            vec![("small", 1.0)]
        } else {
            shares.to_vec()
        },
        hours: 48,
        tick: 5_000,
        nodes: 2,
        dying: 0,
    }
}
