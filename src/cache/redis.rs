//! Answers shared by many nodes: this process first, then Redis.
//!
//! Redis is never waited for longer than one short time-out, and only while it works. The first
//! fault cuts the link: from then on every call is a miss at once, while one task knocks after
//! short, growing pauses and restores the link when Redis answers. So a Redis that is frozen costs
//! the calls that were under way one time-out, and nobody else anything. Writes go through a
//! bounded queue and are dropped when it is full.
//!
//! **Invariant:** keys are keyed hashes and values are sealed; a URL is never logged.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::Rng as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};
use tokio::sync::{Semaphore, mpsc};
use waybill_core::adapter::BoxFuture;
use waybill_core::privacy::Secret;

use super::memory::MemoryCache;
use super::{Cache, CacheState, Entry, Key, kept_for};
use crate::clock::Clock;
use crate::store::seal::Keys;
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
/// Pause before the link is tried again: doubles from the first to the last, less up to half.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// A fault that is over sooner is not worth telling.
const BLINK: SignedDuration = SignedDuration::from_secs(1);

/// Which Redis, and how patiently.
pub struct RedisConfig {
    /// `redis://[user:password@]host[:port][/database]`.
    pub url: Secret,
    /// What every key starts with.
    pub prefix: String,
    /// Longest wait for an answer.
    pub response_timeout: Duration,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
}

impl RedisConfig {
    /// The defaults, for a URL.
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            prefix: "waybill:".to_owned(),
            response_timeout: Duration::from_millis(100),
            connect_timeout: Duration::from_millis(250),
        }
    }
}

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
    /// The URL is not one of a Redis.
    pub fn new(
        config: RedisConfig,
        keys: Arc<Keys>,
        memory: MemoryCache,
        clock: Clock,
    ) -> Result<Self, &'static str> {
        let client = redis::Client::open(config.url.expose())
            .map_err(|_| "the URL is not of the form redis://[user:password@]host[:port]")?;
        let remote = Arc::new(Remote {
            client,
            link: RwLock::new(Link::Down { since: clock.now() }),
            config,
            keys,
            clock,
            reads: Semaphore::new(READS),
            faults_in_row: AtomicU32::new(0),
        });
        tasks::spawn("redis-link", restore(Arc::downgrade(&remote)));
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
            let Some(far) = self.remote.read(key).await else {
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

    fn state(&self) -> CacheState {
        match *self.remote.link() {
            Link::Down { since } if self.remote.clock.now().duration_since(since) > BLINK => {
                CacheState::Degraded { since }
            }
            _ => CacheState::Working,
        }
    }
}

struct Remote {
    client: redis::Client,
    config: RedisConfig,
    keys: Arc<Keys>,
    clock: Clock,
    link: RwLock<Link>,
    reads: Semaphore,
    /// Faults since the last command that succeeded; what pauses grow by.
    faults_in_row: AtomicU32,
}

/// There is a connection exactly when Redis may be asked.
enum Link {
    Up(Connection),
    Down { since: Timestamp },
}

#[derive(Clone)]
struct Connection {
    connection: MultiplexedConnection,
    /// Tells connections apart: a late fault of an old one must not cut its successor.
    made: Arc<()>,
}

impl Remote {
    fn link(&self) -> RwLockReadGuard<'_, Link> {
        self.link.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn link_mut(&self) -> RwLockWriteGuard<'_, Link> {
        self.link.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> Option<Connection> {
        match &*self.link() {
            Link::Up(connection) => Some(connection.clone()),
            Link::Down { .. } => None,
        }
    }

    /// The part of the name before the hash tells the form of the value.
    fn name(&self, key: &Key) -> String {
        format!("{}answer1:{}", self.config.prefix, key.as_str())
    }

    async fn read(self: &Arc<Self>, key: &Key) -> Option<Entry> {
        let mut link = self.connection()?;
        let Ok(_permit) = self.reads.try_acquire() else {
            fault("get", "full");
            return None;
        };
        let name = self.name(key);
        let mut get = redis::cmd("GET");
        let reply = get.arg(&name).query_async(&mut link.connection).await;
        let sealed: Option<Vec<u8>> = match reply {
            Ok(sealed) => sealed,
            Err(error) => {
                self.failed("get", &error);
                self.cut(&link);
                return None;
            }
        };
        self.faults_in_row.store(0, Ordering::Relaxed);
        let plain = self.keys.open(&[name.as_bytes()], &sealed?);
        let entry = plain
            .ok()
            .and_then(|plain| serde_json::from_slice::<Entry>(&plain).ok());
        if entry.is_none() {
            fault("get", "unreadable");
        }
        entry.filter(|entry| kept_for(entry, self.clock.now()).is_some())
    }

    /// What is left of the batch when the link goes is dropped.
    async fn write(self: &Arc<Self>, batch: &mut Vec<(Key, Arc<Entry>)>) {
        let mut batch = batch.drain(..);
        while batch.len() > 0 {
            let Some(mut link) = self.connection() else {
                return dropped(batch.len());
            };
            let mut pipe = redis::pipe();
            let mut bytes = 0;
            for (key, entry) in batch.by_ref() {
                let Some((name, sealed, left)) = self.seal(&key, &entry) else {
                    continue;
                };
                bytes += sealed.len();
                pipe.cmd("SET")
                    .arg(name)
                    .arg(sealed)
                    .arg("PX")
                    .arg(left)
                    .ignore();
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
            if pipe.is_empty() {
                continue;
            }
            match pipe.query_async::<()>(&mut link.connection).await {
                Ok(()) => self.faults_in_row.store(0, Ordering::Relaxed),
                Err(error) => {
                    self.failed("put", &error);
                    // A full or read-only server refuses writes and is still good for reads.
                    if is_broken(&error) {
                        self.cut(&link);
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

    fn failed(&self, call: &'static str, error: &RedisError) {
        self.faults_in_row.fetch_add(1, Ordering::Relaxed);
        let kind = match error {
            error if error.is_timeout() => "timeout",
            error if is_broken(error) => "connection",
            _ => "refused",
        };
        fault(call, kind);
    }

    /// Stops using `broken`, and starts knocking, unless somebody has done so already.
    fn cut(self: &Arc<Self>, broken: &Connection) {
        let mut link = self.link_mut();
        if let Link::Up(current) = &*link
            && Arc::ptr_eq(&current.made, &broken.made)
        {
            *link = Link::Down {
                since: self.clock.now(),
            };
            tasks::spawn("redis-link", restore(Arc::downgrade(self)));
        }
    }

    async fn connect(&self) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.config.connect_timeout))
            .set_response_timeout(Some(self.config.response_timeout));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await?;
        redis::cmd("PING").exec_async(&mut connection).await?;
        Ok(Connection {
            connection,
            made: Arc::new(()),
        })
    }

    fn pause(&self) -> Duration {
        let faults = self.faults_in_row.load(Ordering::Relaxed);
        let doubled = 2_u32.saturating_pow(faults.saturating_sub(1));
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LAST_PAUSE);
        pause.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

/// Knocks until Redis answers or the cache is gone. The first time there is no pause: nothing has
/// failed yet.
async fn restore(remote: Weak<Remote>) {
    let mut told = false;
    loop {
        let Some(pause) = remote.upgrade().map(|remote| {
            let faults = remote.faults_in_row.load(Ordering::Relaxed);
            if faults == 0 {
                Duration::ZERO
            } else {
                remote.pause()
            }
        }) else {
            return;
        };
        tokio::time::sleep(pause).await;
        let Some(remote) = remote.upgrade() else {
            return;
        };
        match remote.connect().await {
            Ok(connection) => {
                *remote.link_mut() = Link::Up(connection);
                if told {
                    tracing::info!("redis answers again");
                }
                return;
            }
            Err(error) => {
                remote.failed("probe", &error);
                if !told {
                    tracing::warn!(kind = error.category(), "redis does not answer");
                    told = true;
                }
            }
        }
    }
}

async fn write_all(remote: Arc<Remote>, mut queue: mpsc::Receiver<(Key, Arc<Entry>)>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        remote.write(&mut batch).await;
    }
}

/// Tells a broken link from an answer that says no.
fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error()
}

fn fault(call: &'static str, kind: &'static str) {
    metrics::counter!("waybill_cache_faults_total", "call" => call, "kind" => kind).increment(1);
}

fn dropped(writes: usize) {
    metrics::counter!("waybill_cache_writes_dropped_total").increment(writes as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> Remote {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        Remote {
            client: redis::Client::open("redis://127.0.0.1:1").unwrap(),
            config: RedisConfig::new(Secret::default()),
            keys: Arc::new(Keys::new(&[1; 32])),
            link: RwLock::new(Link::Down { since: clock.now() }),
            clock,
            reads: Semaphore::new(READS),
            faults_in_row: AtomicU32::new(0),
        }
    }

    #[test]
    fn pauses_grow_from_a_tenth_of_a_second_to_two_seconds_and_are_spread() {
        let remote = remote();
        for (faults, longest) in [(1, 100), (2, 200), (4, 800), (6, 2_000), (u32::MAX, 2_000)] {
            remote.faults_in_row.store(faults, Ordering::Relaxed);
            let pauses: Vec<_> = (0..100).map(|_| remote.pause().as_millis()).collect();
            assert!(pauses.iter().all(|p| (longest / 2..=longest).contains(p)));
            assert!(pauses.iter().any(|p| *p != pauses[0]));
        }
    }
}
