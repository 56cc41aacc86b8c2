//! Following the log: what other nodes commit is heard at once, or found by a look every half second.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _, select_biased};
use redis::RedisError;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use super::super::StoreError;
use super::near::As;
use super::{Inner, PARTITIONS};

/// Longest time between two looks at a partition.
const LOOK: Duration = Duration::from_millis(500);
/// Messages that come this soon one after the other are one look.
const GATHER: Duration = Duration::from_millis(5);
/// Entries in one look.
const PAGE: usize = 1_000;
/// Silence after which the one who is heard is asked for a sign of life.
const SILENCE: Duration = Duration::from_secs(10);
/// Pause before a connection that was lost is made again.
const PAUSE: Duration = Duration::from_millis(500);

/// Partitions that somebody has said something about.
#[derive(Default)]
pub(super) struct Heard {
    partitions: Mutex<BTreeSet<u16>>,
    notify: Notify,
}

impl Heard {
    pub(super) fn put(&self, partition: u16) {
        let partitions = self.partitions.lock();
        let mut partitions = partitions.unwrap_or_else(PoisonError::into_inner);
        partitions.insert(partition);
        self.notify.notify_one();
    }

    fn take(&self) -> BTreeSet<u16> {
        let partitions = self.partitions.lock();
        std::mem::take(&mut *partitions.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    /// Looks at a partition until everything in its log has been taken in. Says whether there was
    /// news.
    pub(super) async fn look(&self, partition: u16) -> Result<bool, StoreError> {
        let Some(looking) = self.looking.get(usize::from(partition)) else {
            return Ok(false);
        };
        let _only = looking.lock().await;
        let mut news = false;
        loop {
            let (begun, known) = (Instant::now(), self.near.part(partition));
            // The first time there is nothing to take out of what is kept.
            let limit = if known.epoch == 0 { 0 } else { PAGE };
            let (epoch, sequence, changes) = self.read(partition, known.applied, limit).await?;
            let at = As {
                partition,
                epoch,
                sequence,
            };
            let (new, more) = self.near.looked(at, &changes, begun, known.applied);
            news |= new;
            if !more {
                return Ok(news);
            }
        }
    }

    /// Looks at some partitions at once, and rings if there was news.
    pub(super) async fn look_at(
        &self,
        partitions: impl IntoIterator<Item = u16>,
    ) -> Result<(), StoreError> {
        let looks = partitions.into_iter().map(|one| self.look(one));
        let mut result = Ok(());
        let mut news = false;
        for look in join_all(looks).await {
            match look {
                Ok(new) => news |= new,
                Err(error) => result = Err(error),
            }
        }
        if news {
            self.bell.ring();
        }
        result
    }
}

/// Looks at what was heard, and at everything every half second, until the store is gone.
pub(super) async fn follow(inner: Weak<Inner>, heard: Arc<Heard>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let all = select_biased! {
            _ = ticks.tick().fuse() => true,
            () = heard.notify.notified().fuse() => false,
        };
        if !all {
            tokio::time::sleep(GATHER).await;
        }
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let partitions = heard.take();
        // What fails is counted where it does, and until a look succeeds nothing kept is answered.
        let _looked = if all {
            inner.look_at(0..PARTITIONS).await
        } else {
            inner.look_at(partitions).await
        };
    }
}

/// Hears what nodes say when they commit, until the store is gone.
pub(super) async fn listen(inner: Weak<Inner>, heard: Arc<Heard>) {
    loop {
        let Some(connecting) = inner.upgrade() else {
            return;
        };
        if connecting.link.live().is_some() {
            match connecting.link.server().listen().await {
                Ok(connection) => {
                    let channel = connecting.channel();
                    drop(connecting);
                    // The look that comes every half second makes up for what is missed.
                    let _lost = hear(connection, &channel, &inner, &heard).await;
                }
                Err(error) => {
                    metrics::counter!("waybill_store_faults_total", "call" => "listen", "kind" => "connection")
                        .increment(1);
                    tracing::debug!(kind = error.category(), "nobody can be heard");
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(
    connection: redis::aio::PubSub,
    channel: &str,
    inner: &Weak<Inner>,
    heard: &Heard,
) -> Result<(), RedisError> {
    let (mut sink, mut messages) = connection.split();
    sink.subscribe(channel).await?;
    loop {
        let message = match tokio::time::timeout(SILENCE, messages.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(_) => {
                let ping = tokio::time::timeout(SILENCE, sink.ping::<redis::Value>()).await;
                match ping {
                    Ok(answer) => answer?,
                    Err(_) => return Ok(()),
                };
                continue;
            }
        };
        let Some(inner) = inner.upgrade() else {
            return Ok(());
        };
        let text: String = message.get_payload()?;
        let mut words = text.split(' ').map(str::parse::<u64>);
        let (Some(Ok(partition)), Some(Ok(epoch)), Some(Ok(sequence))) =
            (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let Some(partition) = u16::try_from(partition).ok().filter(|it| *it < PARTITIONS) else {
            continue;
        };
        let part = inner.near.part(partition);
        if part.epoch != epoch || part.applied < sequence {
            heard.put(partition);
        }
    }
}
