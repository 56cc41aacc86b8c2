//! Answers shared by many nodes: this process first, then Redis.
//!
//! Redis is never waited for longer than one short time-out, and only while it works: without a link
//! every call is a miss at once. Writes go through a bounded queue and are dropped when it is full.
//!
//! **Invariant:** keys are keyed hashes and values are sealed.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc};
use waybill_core::adapter::BoxFuture;

use super::memory::MemoryCache;
use super::{Cache, CacheState, Entry, Key, kept_for};
use crate::clock::Clock;
pub use crate::redis::RedisConfig;
use crate::redis::Server;
use crate::redis::link::Link;
use crate::store::seal::{Keys, hex};
use crate::tasks;

/// Reads under way at once; more are misses.
const READS: usize = 256;
/// Writes that may wait; more are dropped.
const WRITES: usize = 1_024;
/// Writes and bytes sent in one go.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 1 << 20;
/// A larger value stays in this process, where it does not hold up everybody else's.
const VALUE_BYTES: usize = 512 << 10;

/// How long the names of answers are kept at least, 30 days: longer than any of them.
const INDEX_MILLIS: u64 = 30 * 24 * 3_600 * 1_000;

/// Answers in this process, then in Redis.
pub struct RedisCache {
    memory: MemoryCache,
    remote: Arc<Remote>,
    writes: mpsc::Sender<(Key, Arc<Entry>)>,
}

impl RedisCache {
    /// Makes the cache and starts its tasks on the current runtime; they end with it. Redis need
    /// not be there yet.
    ///
    /// # Errors
    /// Says what is wrong with the URL or a file that it needs.
    pub fn new(
        config: RedisConfig,
        keys: Arc<Keys>,
        memory: MemoryCache,
        clock: Clock,
    ) -> Result<Self, String> {
        let server = Server::new(&config)?;
        // Whatever answers may be a cache: values that cannot be opened are misses.
        let admit = Box::new(|_| -> BoxFuture<'static, _> { Box::pin(std::future::ready(Ok(()))) });
        let link = Link::new(server, clock.clone(), fault, admit);
        link.restore();
        let remote = Arc::new(Remote {
            link,
            prefix: config.prefix,
            keys,
            clock,
            reads: Semaphore::new(READS),
        });
        let (writes, queue) = mpsc::channel(WRITES);
        tasks::spawn("redis-writes", write_all(remote.clone(), queue));
        Ok(Self {
            memory,
            remote,
            writes,
        })
    }
}

impl Cache for RedisCache {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Option<Arc<Entry>>> {
        Box::pin(async move {
            let near = self.memory.look_up(key);
            let now = self.remote.clock.now();
            if near.as_ref().is_some_and(|entry| now < entry.fresh_until) {
                return near;
            }
            // Another node may have asked meanwhile.
            let far = self.remote.read(key).await;
            super::count("redis", far.is_some());
            let Some(far) = far else {
                return near;
            };
            if near
                .as_ref()
                .is_some_and(|near| near.fetch_time >= far.fetch_time)
            {
                return near;
            }
            let far = Arc::new(far);
            self.memory.keep(key, far.clone());
            Some(far)
        })
    }

    fn put<'a>(&'a self, key: &'a Key, entry: Arc<Entry>) -> BoxFuture<'a, ()> {
        self.memory.keep(key, entry.clone());
        if self.writes.try_send((key.clone(), entry)).is_err() {
            dropped(1);
        }
        Box::pin(std::future::ready(()))
    }

    fn forget<'a>(&'a self, about: &'a [[u8; 32]]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.drop_about(Some(about));
            self.remote.forget(about).await;
        })
    }

    fn forget_near(&self) {
        self.memory.drop_about(None);
    }

    fn state(&self) -> CacheState {
        match self.remote.link.down_since() {
            Some(since) => CacheState::Degraded { since },
            None => CacheState::Working,
        }
    }
}

struct Remote {
    link: Arc<Link>,
    prefix: String,
    keys: Arc<Keys>,
    clock: Clock,
    reads: Semaphore,
}

impl Remote {
    /// The part of the name before the hash tells the form of the value.
    fn name(&self, key: &Key) -> String {
        format!("{}answer1:{}", self.prefix, key.as_str())
    }

    /// Set of the names of answers about a number or order, by which they can be dropped.
    fn index(&self, about: &[u8; 32]) -> String {
        format!("{}about1:{}", self.prefix, hex(about))
    }

    /// Drops what is about some numbers or orders. What cannot be dropped now is dropped by its age,
    /// and is refused meanwhile by whoever takes it in.
    async fn forget(&self, about: &[[u8; 32]]) {
        let Some(live) = self.link.live() else {
            return fault("forget", "away");
        };
        let mut connection = live.connection.clone();
        for about in about {
            let index = self.index(about);
            let mut members = redis::cmd("SMEMBERS");
            members.arg(&index);
            let names: Result<Vec<String>, _> = members.query_async(&mut connection).await;
            // One by one: in a cluster they are in different places.
            for name in names.unwrap_or_default().iter().chain([&index]) {
                let mut remove = redis::cmd("UNLINK");
                remove.arg(name);
                if let Err(error) = remove.exec_async(&mut connection).await {
                    let _is_lost = self.link.failed("forget", &error, &live);
                }
            }
        }
    }

    async fn read(&self, key: &Key) -> Option<Entry> {
        let mut live = self.link.live()?;
        let Ok(_permit) = self.reads.try_acquire() else {
            fault("get", "full");
            return None;
        };
        let name = self.name(key);
        let mut get = redis::cmd("GET");
        let reply = get.arg(&name).query_async(&mut live.connection).await;
        let sealed: Option<Vec<u8>> = match reply {
            Ok(sealed) => sealed,
            Err(error) => {
                let _is_lost = self.link.failed("get", &error, &live);
                return None;
            }
        };
        self.link.worked(&live);
        let plain = self.keys.open(&[name.as_bytes()], &sealed?);
        let entry = plain
            .ok()
            .and_then(|plain| serde_json::from_slice::<Entry>(&plain).ok());
        if entry.is_none() {
            fault("get", "unreadable");
        }
        entry.filter(|entry| kept_for(entry, self.clock.now()).is_some())
    }

    /// What is left of the batch when the link goes is dropped. Keys of a cluster lie apart, so each
    /// is a command of its own; they share round trips all the same.
    async fn write(&self, batch: &mut Vec<(Key, Arc<Entry>)>) {
        let mut batch = batch.drain(..);
        while batch.len() > 0 {
            let Some(live) = self.link.live() else {
                return dropped(batch.len());
            };
            let mut sets = Vec::new();
            let mut bytes = 0;
            for (key, entry) in batch.by_ref() {
                let Some((name, sealed, left)) = self.seal(&key, &entry) else {
                    continue;
                };
                bytes += sealed.len();
                let mut set = redis::cmd("SET");
                set.arg(&name).arg(sealed).arg("PX").arg(left);
                let index = self.index(key.about());
                let mut add = redis::cmd("SADD");
                add.arg(&index).arg(&name);
                let mut age = redis::cmd("PEXPIRE");
                age.arg(&index).arg(left.max(INDEX_MILLIS));
                let mut connection = live.connection.clone();
                sets.push(async move {
                    // The index first: what it does not name is not found to be dropped.
                    add.exec_async(&mut connection).await?;
                    age.exec_async(&mut connection).await?;
                    set.exec_async(&mut connection).await
                });
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
            for set in join_all(sets).await {
                match set {
                    Ok(()) => self.link.worked(&live),
                    // A full server refuses writes and is still good for reads.
                    Err(error) => {
                        let _is_lost = self.link.failed("put", &error, &live);
                    }
                }
            }
        }
    }

    /// Name, sealed value and milliseconds to live; `None` if it is not worth sending.
    fn seal(&self, key: &Key, entry: &Entry) -> Option<(String, Vec<u8>, u64)> {
        let left = kept_for(entry, self.clock.now())?.as_millis();
        let left = u64::try_from(left).ok().filter(|left| *left > 0)?;
        let name = self.name(key);
        let plain = serde_json::to_vec(entry).ok()?;
        let sealed = self.keys.seal(&[name.as_bytes()], &plain).ok()?;
        if sealed.len() > VALUE_BYTES {
            dropped(1);
            return None;
        }
        Some((name, sealed, left))
    }
}

async fn write_all(remote: Arc<Remote>, mut queue: mpsc::Receiver<(Key, Arc<Entry>)>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        remote.write(&mut batch).await;
    }
}

fn fault(call: &'static str, kind: &'static str) {
    metrics::counter!("waybill_cache_faults_total", "call" => call, "kind" => kind).increment(1);
}

fn dropped(writes: usize) {
    metrics::counter!("waybill_cache_writes_dropped_total").increment(writes as u64);
}
