//! The due queue in Redis, beside the store: every node may claim everything.
//!
//! Work about a shipment lies in the slot of the shipment's partition, so that it is claimed and
//! ended by one script each. Nobody owns a shard: a node looks at all of them once a second, and
//! claims where it has seen something due, in random order. Only the log of a partition is read into
//! the queue by one node at a time, to spare the others the work; two at once do no harm.
//!
//! | key after the prefix | what |
//! |---|---|
//! | `{wb:NN}:qi` | items, by task and id |
//! | `{wb:NN}:qo` | their order: a sorted set of flow, time and item |
//! | `{wb:NN}:qh` | flows by the time from which their first item can be claimed |
//! | `{wb:NN}:qn` | of each flow, how many items and how many polls a second |
//! | `{wb:NN}:qs` | place in the log, who reads it, and the last fence |
//! | `qt:SOURCE` | spacing of the calls to a source |
//!
//! **Invariant:** only what can be made from the registrations again is in here: no number and no
//! record, but ids, tenants, sources and times.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use rand::seq::SliceRandom as _;
use redis::FromRedisValue;
use tokio::time::Instant;
use waybill_core::adapter::BoxFuture;
use waybill_core::shipment::ShipmentId;

use super::queue::{Backlog, Claim, Due, Flow, Heads, Item, LEASE, Pace, Places, Task, Want};
use super::written::{flow, item, key, time, words};
use crate::redis::script::Script;
use crate::store::redis::{Beside, PARTITIONS, partition_of};
use crate::store::{Head, StoreError};

/// How old what a node has seen of the queue may be.
const LOOK: i64 = 1_000;
/// How long a node reads the log of a partition without asking again whether it may.
const LEAD: i64 = 2_000;
/// How long it may.
const READER: i64 = 10_000;
/// Flows with something due that are seen of a shard at once.
const FLOWS: usize = 1_000;
/// Items entered by one script, so that the server is not stopped for long.
const ITEMS: usize = 100;
/// Items claimed by one script.
const CLAIMS: usize = 40;
/// Work for a source that this node does not have is planned anew when it is as late as this:
/// nobody has it any more.
const ORPHANED: i64 = 10 * 60 * 1_000;

/// The queue of all nodes.
pub struct RedisDue {
    beside: Beside,
    /// Tells this node from others.
    node: String,
    sources: Vec<&'static str>,
    scripts: Scripts,
    seen: Mutex<Seen>,
    sums: Mutex<Option<(Instant, Arc<[Sum]>)>>,
    reading: Mutex<Option<Reading>>,
}

struct Scripts {
    put: Script,
    remove: Script,
    get: Script,
    look: Script,
    claim: Script,
    done: Script,
    sums: Script,
    upcoming: Script,
    pace: Script,
    lead: Script,
    read: Script,
}

/// What was due at the last look.
#[derive(Default)]
struct Seen {
    looked: Option<(i64, Instant)>,
    flows: HashMap<Flow, Vec<Part>>,
    /// Flows of a shard to be passed over by the next look, because this one had no room for more:
    /// what waits for a source that nobody can ask does not hide what is due elsewhere.
    passed: HashMap<u16, usize>,
}

/// What is due of a flow in one shard.
struct Part {
    shard: u16,
    /// Its name there.
    name: Arc<str>,
    count: usize,
    oldest: i64,
    interval: u64,
}

/// A flow in one shard: how many items, and polls in 10⁹ seconds.
struct Sum {
    flow: Flow,
    count: u64,
    rate: u64,
}

/// Partitions whose log this node reads, and since when it knows.
struct Reading {
    asked: (i64, Instant),
    places: BTreeMap<u16, Option<Head>>,
}

impl RedisDue {
    /// The queue beside a store, for these sources.
    pub fn new(beside: Beside, sources: &[&'static str]) -> Self {
        let of = |own: &str| Script::new(&[include_str!("lua/queue.lua"), own]);
        Self {
            beside,
            node: format!("{:016x}", rand::random::<u64>()),
            sources: sources.to_vec(),
            scripts: Scripts {
                put: of(include_str!("lua/put.lua")),
                remove: of(include_str!("lua/remove.lua")),
                get: of(include_str!("lua/get.lua")),
                look: of(include_str!("lua/look.lua")),
                claim: of(include_str!("lua/claim.lua")),
                done: of(include_str!("lua/done.lua")),
                sums: of(include_str!("lua/sums.lua")),
                upcoming: of(include_str!("lua/upcoming.lua")),
                pace: Script::new(&[include_str!("lua/pace.lua")]),
                lead: Script::new(&[include_str!("lua/lead.lua")]),
                read: Script::new(&[include_str!("lua/read.lua")]),
            },
            seen: Mutex::default(),
            sums: Mutex::default(),
            reading: Mutex::default(),
        }
    }

    /// Runs a script about a shard.
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        shard: u16,
        arguments: &[String],
    ) -> Result<T, StoreError> {
        let names = ["qi", "qo", "qh", "qn", "qs"];
        let keys = names.map(|name| self.beside.in_partition(shard, name));
        self.ask(script, &keys, arguments).await
    }

    async fn ask<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[String],
    ) -> Result<T, StoreError> {
        let arguments: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
        self.beside.run("queue", script, keys, &arguments).await
    }

    /// Sees what is due in all shards, unless that was seen a moment ago.
    async fn look(&self, now: i64) -> Result<(), StoreError> {
        if is_fresh(lock(&self.seen).looked, now, LOOK) {
            return Ok(());
        }
        let begun = Instant::now();
        let passed = lock(&self.seen).passed.clone();
        let looks = (0..PARTITIONS).map(async |shard| {
            type Flows = Vec<(String, usize, i64, u64)>;
            let from = passed.get(&shard).copied().unwrap_or_default();
            let arguments = [time(now), FLOWS.to_string(), from.to_string()];
            let seen: (bool, Flows) = self.run(&self.scripts.look, shard, &arguments).await?;
            Ok::<_, StoreError>((shard, seen.0.then_some(from + FLOWS), seen.1))
        });
        let mut flows: HashMap<Flow, Vec<Part>> = HashMap::new();
        let mut passed = HashMap::new();
        for (shard, further, due) in try_join_all(looks).await? {
            passed.extend(further.map(|further| (shard, further)));
            for (name, count, oldest, interval) in due {
                let Some((flow, is_known)) = flow(&name, &self.sources) else {
                    continue;
                };
                if is_known || now.saturating_sub(oldest) >= ORPHANED {
                    flows.entry(flow).or_default().push(Part {
                        shard,
                        name: name.into(),
                        count,
                        oldest,
                        interval,
                    });
                }
            }
        }
        *lock(&self.seen) = Seen {
            looked: Some((now, begun)),
            flows,
            passed,
        };
        Ok(())
    }

    /// Takes up to `limit` items of a flow out of what was seen, and says where they are.
    fn reserve(&self, flow: &Flow, limit: usize) -> Vec<(u16, Arc<str>, usize)> {
        let mut seen = lock(&self.seen);
        let Some(parts) = seen.flows.get_mut(flow) else {
            return Vec::new();
        };
        // Several nodes have seen the same.
        parts.shuffle(&mut rand::rng());
        let (mut left, mut reserved) = (limit, Vec::new());
        for part in parts.iter_mut() {
            let count = part.count.min(left).min(CLAIMS);
            if count == 0 {
                break;
            }
            part.count -= count;
            left -= count;
            reserved.push((part.shard, Arc::clone(&part.name), count));
        }
        parts.retain(|part| part.count > 0);
        if parts.is_empty() {
            seen.flows.remove(flow);
        }
        reserved
    }

    async fn claim_of(
        &self,
        flow: &Flow,
        now: i64,
        (shard, name, count): (u16, Arc<str>, usize),
    ) -> Result<Vec<Claim>, StoreError> {
        let lease = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
        let arguments = [
            name.to_string(),
            time(now),
            time(now.saturating_add(lease)),
            count.to_string(),
        ];
        let claims: Vec<(String, String, u8)> =
            self.run(&self.scripts.claim, shard, &arguments).await?;
        let claim = |(key, value, again): (String, String, u8)| {
            let (item, fence) = item(&key, &value, &self.sources)?;
            let item = Item {
                flow: flow.clone(),
                ..item
            };
            Some(Claim {
                item,
                fence,
                again: again == 1,
            })
        };
        Ok(claims.into_iter().filter_map(claim).collect())
    }

    async fn claims(&self, flow: &Flow, now: i64, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let mut claims = Vec::new();
        // Others may have been faster: then the rest is where more was seen.
        while claims.len() < limit {
            let reserved = self.reserve(flow, limit - claims.len());
            if reserved.is_empty() {
                break;
            }
            let parts = reserved.into_iter();
            let claiming = parts.map(|part| self.claim_of(flow, now, part));
            for claimed in join_all(claiming).await {
                match claimed {
                    Ok(claimed) => claims.extend(claimed),
                    // What has been claimed is not to wait for the end of its lease.
                    Err(_) if !claims.is_empty() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(claims)
    }

    async fn put_all(
        &self,
        now: i64,
        items: &[Item],
        seen: impl Fn(&Item) -> String,
    ) -> Result<(), StoreError> {
        let mut by_shard: BTreeMap<u16, Vec<&Item>> = BTreeMap::new();
        for item in items {
            by_shard
                .entry(partition_of(&item.id))
                .or_default()
                .push(item);
        }
        let chunks = by_shard.iter().flat_map(|(shard, items)| {
            let chunks = items.chunks(ITEMS);
            chunks.map(|items| (*shard, items))
        });
        let putting = chunks.map(async |(shard, items)| {
            let mut arguments = vec![time(now)];
            for item in items {
                arguments.push(key(item.task, &item.id));
                arguments.extend(words(item));
                arguments.push(seen(item));
            }
            let _nothing: Option<u8> = self.run(&self.scripts.put, shard, &arguments).await?;
            Ok::<_, StoreError>(())
        });
        try_join_all(putting).await.map(|_| ())
    }

    /// Sums of all shards, as of a moment ago.
    async fn all_sums(&self) -> Result<Arc<[Sum]>, StoreError> {
        if let Some((at, sums)) = &*lock(&self.sums)
            && at.elapsed() < Duration::from_millis(LOOK.unsigned_abs())
        {
            return Ok(Arc::clone(sums));
        }
        let begun = Instant::now();
        let reads = (0..PARTITIONS).map(async |shard| {
            let fields: Result<HashMap<String, u64>, _> =
                self.run(&self.scripts.sums, shard, &[]).await;
            fields
        });
        let mut sums = Vec::new();
        for fields in try_join_all(reads).await? {
            for (field, count) in &fields {
                let Some(name) = field.strip_prefix('c') else {
                    continue;
                };
                let rate = fields.get(&format!("r{name}")).copied();
                if let Some((flow, true)) = flow(name, &self.sources) {
                    sums.push(Sum {
                        flow,
                        count: *count,
                        rate: rate.unwrap_or_default(),
                    });
                }
            }
        }
        let sums: Arc<[Sum]> = sums.into();
        *lock(&self.sums) = Some((begun, Arc::clone(&sums)));
        Ok(sums)
    }

    /// Asks for every partition whether this node may read its log, and learns from where.
    async fn lead(&self, now: i64, partitions: u16) -> Result<(), StoreError> {
        let asked = (now, Instant::now());
        let arguments = [
            self.node.clone(),
            time(now),
            time(now.saturating_add(READER)),
        ];
        let leads = (0..partitions).map(async |partition| {
            let keys = [self.beside.in_partition(partition, "qs")];
            let answer: Vec<Option<String>> =
                self.ask(&self.scripts.lead, &keys, &arguments).await?;
            let mut answer = answer.into_iter().flatten();
            let is_ours = answer.next().as_deref() == Some("1");
            let mut number = || answer.next().and_then(|text| text.parse().ok());
            let head = number().zip(number());
            let head = head.map(|(epoch, sequence)| Head { epoch, sequence });
            Ok::<_, StoreError>(is_ours.then_some((partition, head)))
        });
        let places = try_join_all(leads).await?;
        *lock(&self.reading) = Some(Reading {
            asked,
            places: places.into_iter().flatten().collect(),
        });
        Ok(())
    }
}

/// Whether what was learned at some time, by a node's clock and by the machine's, is fresh still.
fn is_fresh(learned: Option<(i64, Instant)>, now: i64, millis: i64) -> bool {
    learned.is_some_and(|(at, begun)| {
        let age = begun.elapsed().as_millis();
        (0..millis).contains(&now.saturating_sub(at)) && age < u128::from(millis.unsigned_abs())
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Due for RedisDue {
    fn put(&self, now: i64, items: Vec<Item>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.put_all(now, &items, |_| "*".to_owned()).await })
    }

    fn replace(
        &self,
        now: i64,
        seen: Option<Item>,
        next: Item,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let seen = seen.map_or_else(String::new, |seen| {
            let [due, interval, failures, _] = words(&seen);
            format!("{due} {interval} {failures}")
        });
        Box::pin(async move { self.put_all(now, &[next], |_| seen.clone()).await })
    }

    fn remove<'a>(
        &'a self,
        task: Task,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let (script, shard) = (&self.scripts.remove, partition_of(id));
            let _nothing: Option<u8> = self.run(script, shard, &[key(task, id)]).await?;
            Ok(())
        })
    }

    fn get<'a>(
        &'a self,
        task: Task,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Item>, StoreError>> {
        Box::pin(async move {
            let key = key(task, id);
            let shard = partition_of(id);
            let get = self.run(&self.scripts.get, shard, std::slice::from_ref(&key));
            let value: Option<String> = get.await?;
            let item = value.and_then(|value| item(&key, &value, &self.sources));
            Ok(item.map(|(item, _)| item))
        })
    }

    /// As of a second ago.
    fn backlog<'a>(
        &'a self,
        source: &'a str,
        now: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Backlog>, StoreError>> {
        Box::pin(async move {
            self.look(now).await?;
            let seen = lock(&self.seen);
            let flows = seen.flows.iter();
            let flows = flows.filter(|(flow, _)| flow.source == source);
            let backlog = flows.filter_map(|(flow, parts)| {
                let first = parts.iter().min_by_key(|part| part.oldest)?;
                let count: usize = parts.iter().map(|part| part.count).sum();
                Some(Backlog {
                    flow: flow.clone(),
                    count: count.min(limit),
                    oldest: first.oldest,
                    interval: first.interval,
                })
            });
            Ok(backlog.collect())
        })
    }

    fn take(
        &self,
        source: &'static str,
        now: i64,
        pace: Pace,
        calls: u32,
    ) -> BoxFuture<'_, Result<u32, StoreError>> {
        Box::pin(async move {
            let interval = 1_000.0 / pace.rate;
            if !interval.is_finite() || interval <= 0.0 {
                return Ok(0);
            }
            let keys = [self.beside.named(&format!("qt:{source}"))];
            let arguments = [
                now.to_string(),
                interval.to_string(),
                pace.burst.max(1.0).to_string(),
                calls.to_string(),
            ];
            self.ask(&self.scripts.pace, &keys, &arguments).await
        })
    }

    fn claim<'a>(
        &'a self,
        flow: &'a Flow,
        now: i64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>> {
        Box::pin(self.claims(flow, now, limit))
    }

    fn done(&self, claim: Claim, next: Option<Item>) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let Item { task, id, .. } = &claim.item;
            let mut arguments = vec![key(*task, id), claim.fence.to_string()];
            arguments.extend(next.iter().flat_map(words));
            let script = &self.scripts.done;
            let held: u8 = self.run(script, partition_of(id), &arguments).await?;
            Ok(held == 1)
        })
    }

    fn wants<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Result<Vec<Want>, StoreError>> {
        Box::pin(async move {
            let sums = self.all_sums().await?;
            let mut wants: BTreeMap<&Arc<str>, (u64, u64)> = BTreeMap::new();
            for sum in sums.iter().filter(|sum| sum.flow.source == source) {
                let want = wants.entry(&sum.flow.tenant).or_default();
                want.0 += sum.count;
                want.1 += sum.rate;
            }
            #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
            let want = |(tenant, (count, rate)): (&Arc<str>, (u64, u64))| Want {
                tenant: Arc::clone(tenant),
                count,
                rate: rate as f64 / 1e9,
            };
            Ok(wants.into_iter().map(want).collect())
        })
    }

    fn upcoming(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Item>, StoreError>> {
        Box::pin(async move {
            let arguments = [limit.to_string()];
            let reads = (0..PARTITIONS).map(async |shard| {
                let items: Result<Vec<(String, String)>, _> =
                    self.run(&self.scripts.upcoming, shard, &arguments).await;
                items
            });
            let mut items = Vec::new();
            for (key, value) in try_join_all(reads).await?.into_iter().flatten() {
                let order = value.get(..15).unwrap_or_default().to_owned();
                items.extend(item(&key, &value, &self.sources).map(|(item, _)| (order, item)));
            }
            items.sort_by(|one, other| one.0.cmp(&other.0));
            items.truncate(limit);
            Ok(items.into_iter().map(|(_, item)| item).collect())
        })
    }

    fn reading(&self, now: i64, partitions: u16) -> BoxFuture<'_, Result<Heads, StoreError>> {
        Box::pin(async move {
            let asked = lock(&self.reading).as_ref().map(|reading| reading.asked);
            if !is_fresh(asked, now, LEAD) {
                self.lead(now, partitions).await?;
            }
            let reading = lock(&self.reading);
            let places = reading.iter().flat_map(|reading| &reading.places);
            Ok(places.map(|(at, head)| (*at, *head)).collect())
        })
    }

    fn has_read(&self, places: Places) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let writes = places.into_iter().map(async |(partition, place)| {
                let keys = [self.beside.in_partition(partition, "qs")];
                let Head { epoch, sequence } = place;
                let arguments = [self.node.clone(), epoch.to_string(), sequence.to_string()];
                let is_ours: u8 = self.ask(&self.scripts.read, &keys, &arguments).await?;
                if let Some(reading) = &mut *lock(&self.reading) {
                    match is_ours {
                        1 => reading.places.insert(partition, Some(place)),
                        // Another node has taken over, and reads on from what it knows.
                        _ => reading.places.remove(&partition),
                    };
                }
                Ok::<_, StoreError>(())
            });
            try_join_all(writes).await.map(|_| ())
        })
    }

    fn concerns(&self, id: &ShipmentId, partitions: &BTreeSet<u16>) -> bool {
        partitions.contains(&partition_of(id))
    }
}
