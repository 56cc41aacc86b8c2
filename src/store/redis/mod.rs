//! A store in Redis or Valkey (6.2 and later), shared by any number of nodes that know nothing of
//! each other.
//!
//! A shipment belongs to one of 64 partitions by a hash of its id, and all keys of a partition share
//! one hash slot, so that one script can compare epoch and version, write the shipment, put it where
//! its followers find it, and add to the log: state and log cannot part. Hashes of numbers and orders
//! that lead to shipments lie in slots of their own. They are written before the commit and say
//! nothing by themselves: a shipment is found only under what its commit has named.
//!
//! | key after the prefix | what |
//! |---|---|
//! | `store` | layout and key id of the store |
//! | `{wb:NN}:p` | epoch, replication id and end of the log of a partition |
//! | `{wb:NN}:l` | log of a partition: a stream whose ids are the sequences |
//! | `{wb:NN}:f` | what tenants follow, by tenant, update time and id |
//! | `{wb:NN}:s:ID` | a shipment: its value, and the hashes that lead to it |
//! | `{wb:NN}:o:ID` | what tenants add to it |
//! | `{wb:NN}:d:ID` | the key of a shipment, wrapped |
//! | `{wb:NN}:i` | ids of all shipments of a partition |
//! | `n:HASH` | ids that a number or order may lead to |
//! | `k:KEY` | a note |
//!
//! Redis acknowledges before its replicas have what was written, so a fail-over can lose it. It is
//! noticed: every script compares the replication id of the server that runs it with that of the
//! partition, and another one means another epoch, in which nothing that was kept or believed
//! before counts. A commit that was prepared from an earlier epoch and meets its version again by
//! chance is not told apart; the sources still know what it overwrites.
//!
//! **Invariant:** no number, no order and no record is in Redis in clear; what values look like is in
//! `codec`.

mod admit;
mod erase;
mod follow;
mod near;
mod read;
mod script;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;
use moka::sync::Cache;
use redis::{FromRedisValue, RedisError};
use tokio::sync::Mutex;
use waybill_core::adapter::BoxFuture;
use waybill_core::order::Subject;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

pub use self::admit::Findings;
use self::follow::Heard;
use self::near::{As, Near};
use self::script::Scripts;
use super::seal::{DataKey, Keys, hex};
use super::{
    Bell, Commit, CommitError, Erasure, Head, Note, NoteKey, OverlayCommit, Page, Place, Store,
    StoreError, Stored, codec,
};
use crate::clock::Clock;
use crate::redis::RedisConfig;
use crate::redis::link::{Link, Live, Unusable};
use crate::redis::script::Script;
use crate::tasks;

/// Partitions of the log. Their number is part of what is written.
pub const PARTITIONS: u16 = 64;

/// Keys of shipments kept unwrapped.
const KNOWN: u64 = 100_000;

/// The key of a shipment.
#[derive(Clone)]
struct Own {
    key: DataKey,
    /// As it is kept, or is to be.
    wrapped: Vec<u8>,
    /// It was made here, and is kept with the first commit that it seals.
    is_new: bool,
}

/// The store in Redis.
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    link: Arc<Link>,
    prefix: String,
    keys: Arc<Keys>,
    /// Keys of shipments that were used last, with what Redis holds of them.
    known: Cache<ShipmentId, Own>,
    scripts: Scripts,
    near: Near,
    /// One look at a partition at a time.
    looking: Vec<Mutex<()>>,
    heard: Arc<Heard>,
    bell: Bell,
}

impl RedisStore {
    /// Makes the store and starts its tasks on the current runtime; they end with it. A Redis that
    /// does not answer may come later: until then every call fails at once.
    ///
    /// # Errors
    /// Says what is wrong with the URL, a file, or the Redis that answers: it is a replica, throws
    /// keys away that have no end, is of another version of waybill, or sealed with another key.
    pub async fn open(config: RedisConfig, keys: Arc<Keys>, clock: Clock) -> Result<Self, String> {
        let store = Self::connect(config, keys, clock)?;
        let inner = &store.inner;
        match inner.link.connect().await {
            Ok(()) => {}
            Err(Unusable::Unfit(reason)) => return Err(reason),
            Err(Unusable::Away(error)) => {
                tracing::warn!(kind = error.category(), "redis does not answer");
                inner.link.restore();
            }
        }
        let (weak, heard) = (Arc::downgrade(inner), Arc::clone(&inner.heard));
        tasks::spawn("store-follow", follow::follow(weak.clone(), heard.clone()));
        tasks::spawn("store-listen", follow::listen(weak, heard));
        Ok(store)
    }

    /// A store whose link is down and that follows nothing.
    fn connect(config: RedisConfig, keys: Arc<Keys>, clock: Clock) -> Result<Self, String> {
        let server = admit::server(&config)?;
        let (prefix, sealed_with) = (config.prefix, Arc::clone(&keys));
        let named = prefix.clone();
        let admit = Box::new(move |connection| -> BoxFuture<'static, _> {
            let (prefix, keys) = (named.clone(), Arc::clone(&sealed_with));
            Box::pin(admit::admit(connection, prefix, keys))
        });
        let inner = Inner {
            link: Link::new(server, clock, fault, admit),
            prefix,
            keys,
            known: Cache::new(KNOWN),
            scripts: Scripts::new(),
            near: Near::new(),
            looking: (0..PARTITIONS).map(|_| Mutex::default()).collect(),
            heard: Arc::default(),
            bell: Bell::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Whether the log has been followed until now. If not, Redis is away or slow, and nothing that
    /// is kept here is answered.
    pub fn is_working(&self) -> bool {
        self.inner.near.is_trusted()
    }

    /// What nodes share beside the shipments, over the same connection.
    pub fn beside(&self) -> Beside {
        Beside(Arc::clone(&self.inner))
    }
}

/// The connection of a store, for what nodes share beside it: what is due, and quotas. Cheap to
/// clone.
#[derive(Clone)]
pub struct Beside(Arc<Inner>);

impl Beside {
    /// Name of a key in the slot of a partition.
    pub(crate) fn in_partition(&self, partition: u16, rest: &str) -> String {
        self.0.name(partition, rest)
    }

    /// Name of a key.
    pub(crate) fn named(&self, rest: &str) -> String {
        format!("{}{rest}", self.0.prefix)
    }

    /// Runs a script, twice if the connection was lost meanwhile.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        call: &'static str,
        script: &Script,
        keys: &[String],
        arguments: &[&[u8]],
    ) -> Result<T, StoreError> {
        self.0.run(call, script, keys, arguments).await
    }
}

fn fault(call: &'static str, kind: &'static str) {
    metrics::counter!("waybill_store_faults_total", "call" => call, "kind" => kind).increment(1);
}

/// Which partition a shipment belongs to, for ever: FNV-1a of its id.
pub(crate) fn partition_of(id: &ShipmentId) -> u16 {
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = id.0.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    // The low bits of this hash are its best, and the remainder is below the divisor.
    u16::try_from(hash % u64::from(PARTITIONS)).unwrap_or(0)
}

/// A time in 25 digits that sort as the times do.
fn sortable(time: Timestamp) -> String {
    format!("{:025x}", time.as_nanosecond() + (1 << 96))
}

fn sorted(text: &str) -> Option<Timestamp> {
    let since = i128::from_str_radix(text, 16).ok()? - (1 << 96);
    Timestamp::from_nanosecond(since).ok()
}

/// Digits of a time.
const DIGITS: usize = 25;

impl Inner {
    fn channel(&self) -> String {
        format!("{}bell", self.prefix)
    }

    /// Name of a key of a partition.
    fn name(&self, partition: u16, rest: &str) -> String {
        format!("{}{{wb:{partition:02}}}:{rest}", self.prefix)
    }

    /// Epoch and log of a partition, which every script about it begins with.
    fn log_names(&self, partition: u16) -> [String; 2] {
        [self.name(partition, "p"), self.name(partition, "l")]
    }

    /// The keys of a commit.
    fn commit_names(&self, partition: u16, id: &ShipmentId) -> [String; 7] {
        let [head, log] = self.log_names(partition);
        [
            head,
            log,
            self.name(partition, "f"),
            self.name(partition, &format!("s:{id}", id = id.0)),
            self.name(partition, &format!("o:{id}", id = id.0)),
            self.key_name(id),
            self.name(partition, "i"),
        ]
    }

    fn key_name(&self, id: &ShipmentId) -> String {
        self.name(partition_of(id), &format!("d:{id}", id = id.0))
    }

    async fn live(&self) -> Result<Live, StoreError> {
        let live = self.link.soon().await;
        live.ok_or_else(|| StoreError::new("redis does not answer"))
    }

    /// What a fault means. Once it is no error if the connection was lost: whatever is asked may be
    /// asked again, because a script that has written already says the same once more.
    fn faulted(
        &self,
        call: &'static str,
        live: &Live,
        error: &RedisError,
        was_lost: &mut bool,
    ) -> Result<(), StoreError> {
        let is_lost = self.link.failed(call, error, live);
        if is_lost {
            self.near.distrust();
        }
        if is_lost && !error.is_timeout() && !std::mem::replace(was_lost, true) {
            return Ok(());
        }
        Err(StoreError::new(format_args!("redis: {error}")))
    }

    async fn run<T: FromRedisValue>(
        &self,
        call: &'static str,
        script: &Script,
        keys: &[String],
        arguments: &[&[u8]],
    ) -> Result<T, StoreError> {
        let mut was_lost = false;
        loop {
            let mut live = self.live().await?;
            match script.run(&mut live.connection, keys, arguments).await {
                Ok(answer) => {
                    self.link.worked(&live);
                    return Ok(answer);
                }
                Err(error) => self.faulted(call, &live, &error, &mut was_lost)?,
            }
        }
    }

    async fn ask<T: FromRedisValue>(
        &self,
        call: &'static str,
        cmd: &redis::Cmd,
    ) -> Result<T, StoreError> {
        let mut was_lost = false;
        loop {
            let mut live = self.live().await?;
            match cmd.query_async(&mut live.connection).await {
                Ok(answer) => {
                    self.link.worked(&live);
                    return Ok(answer);
                }
                Err(error) => self.faulted(call, &live, &error, &mut was_lost)?,
            }
        }
    }

    fn subject_name(&self, subject: &[u8; 32]) -> String {
        format!("{}n:{}", self.prefix, hex(subject))
    }

    fn note_name(&self, key: &NoteKey) -> String {
        format!("{}k:{}", self.prefix, hex(key))
    }
}

/// An epoch that nobody has had; 0 stands for none.
fn new_epoch() -> Vec<u8> {
    rand::random::<u64>().max(1).to_string().into_bytes()
}

impl Store for RedisStore {
    fn find<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        let key = self.inner.keys.subject(subject);
        Box::pin(self.inner.find(key))
    }

    fn load_stored<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Stored>>, StoreError>> {
        if let Some(stored) = self.inner.near.shipment(partition_of(id), id) {
            return Box::pin(std::future::ready(Ok(Some(stored))));
        }
        Box::pin(self.inner.load(id))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(self.inner.commit(commit))
    }

    /// As of at most a second ago; what this node has committed or rung for is in it.
    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, StoreError>> {
        Box::pin(self.inner.heads())
    }

    fn changes(
        &self,
        partition: u16,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            let (epoch, sequence, changes) = self.inner.read(partition, after, limit).await?;
            let at = As {
                partition,
                epoch,
                sequence,
            };
            self.inner.believe(at).await?;
            self.inner.near.apply(partition, epoch, &changes);
            Ok(Page { epoch, changes })
        })
    }

    fn bell(&self) -> &Bell {
        &self.inner.bell
    }

    /// Costs 64 small reads, and more where a tenant's shipments crowd one partition.
    fn registered<'a>(
        &'a self,
        tenant: &'a str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Place>, StoreError>> {
        Box::pin(self.inner.registered(tenant, after, limit))
    }

    fn tenants(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(self.inner.tenants())
    }

    fn overlay<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Overlay>>, StoreError>> {
        let key = (id.clone(), tenant.to_owned());
        if let Some(overlay) = self.inner.near.overlay(partition_of(id), &key) {
            return Box::pin(std::future::ready(Ok(overlay)));
        }
        Box::pin(self.inner.load_overlay(key))
    }

    fn overlays<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Vec<(String, Arc<Overlay>)>, StoreError>> {
        Box::pin(async move {
            let [_, _, _, _, name, ..] = self.inner.commit_names(partition_of(id), id);
            let mut all = redis::cmd("HGETALL");
            all.arg(name);
            let fields: BTreeMap<String, Vec<u8>> = self.inner.ask("load", &all).await?;
            let own = match fields.is_empty() {
                true => None,
                false => self.inner.held_key(id).await?.map(|own| own.key),
            };
            let overlay = |(field, value): (&String, &Vec<u8>)| {
                let tenant = field.strip_prefix('o')?;
                let keys = &self.inner.keys;
                let overlay = codec::open_overlay(keys, own.as_ref(), id, tenant, value)?;
                Some((tenant.to_owned(), Arc::new(overlay)))
            };
            Ok(fields.iter().filter_map(overlay).collect())
        })
    }

    fn commit_overlay(&self, commit: OverlayCommit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.inner.commit_overlay(commit))
    }

    fn erase(&self, erasure: Erasure) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.inner.erase(erasure))
    }

    fn all<'a>(
        &'a self,
        after: Option<&'a ShipmentId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        Box::pin(self.inner.all(after, limit))
    }

    fn notes<'a>(
        &'a self,
        keys: &'a [NoteKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Note>>, StoreError>> {
        Box::pin(async move {
            let reading = keys.iter().map(async |key| {
                let mut get = redis::cmd("GET");
                get.arg(self.inner.note_name(key));
                let value: Option<Vec<u8>> = self.inner.ask("notes", &get).await?;
                Ok(value.and_then(|value| codec::open_note(&self.inner.keys, key, &value)))
            });
            try_join_all(reading).await
        })
    }

    fn keep(&self, notes: Vec<(NoteKey, Note)>) -> BoxFuture<'_, Result<Vec<bool>, StoreError>> {
        Box::pin(async move {
            // Those of one key one after the other, in their order; different keys at once.
            let mut by_key: BTreeMap<NoteKey, Vec<usize>> = BTreeMap::new();
            for (at, (key, _)) in notes.iter().enumerate() {
                by_key.entry(*key).or_default().push(at);
            }
            let keeping = by_key.into_iter().map(async |(key, places)| {
                let mut kept = Vec::with_capacity(places.len());
                for at in places {
                    let Some((_, note)) = notes.get(at) else {
                        continue;
                    };
                    kept.push((at, self.inner.keep_note(&key, note).await?));
                }
                Ok::<_, StoreError>(kept)
            });
            let mut kept = vec![false; notes.len()];
            for one in join_all(keeping).await {
                for (at, was_kept) in one? {
                    if let Some(place) = kept.get_mut(at) {
                        *place = was_kept;
                    }
                }
            }
            Ok(kept)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_their_texts_and_come_back() {
        let times = [
            Timestamp::MIN,
            Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_nanos(1),
            Timestamp::UNIX_EPOCH,
            "2026-03-01T12:00:00.000000001Z".parse().unwrap(),
            Timestamp::MAX,
        ];
        let texts = times.map(sortable);
        assert!(texts.is_sorted());
        assert!(texts.iter().all(|text| text.len() == DIGITS));
        assert_eq!(texts.each_ref().map(|text| sorted(text).unwrap()), times);
    }

    #[test]
    fn partitions_never_change_and_share_the_work() {
        let of = |text: &str| partition_of(&ShipmentId(text.to_owned()));
        assert_eq!((of("a"), of("b")), (12, 37));
        let mut counts = [0; PARTITIONS as usize];
        for n in 0..64_000 {
            counts[usize::from(of(&format!("jzffz81zgcv288jsz525h{n:05}")))] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)));
    }
}
