//! Who wants to know of changes, and how they are told.
//!
//! A watcher is a [`Mailbox`] that holds the ids of shipments that have changed since it was last
//! emptied, never the changes themselves: a slow reader finds the newest state, and what waits
//! for it is bounded by what it follows.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, watch};
use waybill_core::order::Subject;
use waybill_core::shipment::ShipmentId;

/// All watchers of this server.
#[derive(Default)]
pub struct Hub {
    topics: Mutex<HashMap<Topic, Vec<Weak<Mailbox>>>>,
    versions: Mutex<HashMap<Topic, Weak<AtomicU64>>>,
}

/// What can be watched: a shipment, or a number or order that may come to stand for one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A shipment.
    Shipment(ShipmentId),
    /// A number or order.
    Subject(Subject),
}

/// What one watcher has not looked at yet.
#[derive(Default)]
pub struct Mailbox {
    changed: Mutex<BTreeSet<ShipmentId>>,
    notify: Notify,
}

impl Hub {
    /// Puts a mailbox on a topic; it leaves when it is dropped.
    pub fn follow(&self, topic: Topic, mailbox: &Arc<Mailbox>) {
        let mut topics = lock(&self.topics);
        let followers = topics.entry(topic).or_default();
        followers.retain(|follower| follower.strong_count() > 0);
        if followers
            .iter()
            .all(|follower| !std::ptr::eq(follower.as_ptr(), Arc::as_ptr(mailbox)))
        {
            followers.push(Arc::downgrade(mailbox));
        }
    }

    /// Tells everybody who follows the shipment, one of its numbers or its order that it has changed.
    pub fn publish(&self, id: &ShipmentId, subjects: &[Subject]) {
        let mut topics = lock(&self.topics);
        let shipment = std::iter::once(Topic::Shipment(id.clone()));
        for topic in shipment.chain(subjects.iter().cloned().map(Topic::Subject)) {
            let Some(followers) = topics.get_mut(&topic) else {
                continue;
            };
            followers.retain(|follower| match follower.upgrade() {
                Some(mailbox) => {
                    mailbox.put(id);
                    true
                }
                None => false,
            });
            if followers.is_empty() {
                topics.remove(&topic);
            }
        }
    }

    /// A number that rises with every answer about the topic, whether or not it brought news.
    /// Whoever keeps something made of its records compares it instead of looking them up.
    pub fn version(&self, topic: Topic) -> Arc<AtomicU64> {
        let mut versions = lock(&self.versions);
        if let Some(version) = versions.get(&topic).and_then(Weak::upgrade) {
            return version;
        }
        let version = Arc::new(AtomicU64::new(0));
        versions.insert(topic, Arc::downgrade(&version));
        version
    }

    /// Says that there was an answer about the shipment, under these numbers and orders.
    pub fn touch(&self, id: &ShipmentId, subjects: &[Subject]) {
        let versions = lock(&self.versions);
        let shipment = std::iter::once(Topic::Shipment(id.clone()));
        for topic in shipment.chain(subjects.iter().cloned().map(Topic::Subject)) {
            if let Some(version) = versions.get(&topic).and_then(Weak::upgrade) {
                version.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Forgets what nobody follows or keeps any more.
    pub fn sweep(&self) {
        lock(&self.versions).retain(|_, version| version.strong_count() > 0);
        lock(&self.topics).retain(|_, followers| {
            followers.retain(|follower| follower.strong_count() > 0);
            !followers.is_empty()
        });
    }
}

impl Mailbox {
    /// Says that a shipment may have changed.
    pub fn put(&self, id: &ShipmentId) {
        lock(&self.changed).insert(id.clone());
        self.notify.notify_one();
    }

    /// Waits until something has changed, and takes what has.
    pub async fn take(&self) -> BTreeSet<ShipmentId> {
        loop {
            let changed = std::mem::take(&mut *lock(&self.changed));
            if !changed.is_empty() {
                return changed;
            }
            self.notify.notified().await;
        }
    }
}

/// Waits until a flag is set; a flag whose owner is gone counts as set.
pub async fn told(flag: &mut watch::Receiver<bool>) {
    let _set_or_gone = flag.wait_for(|set| *set).await.map(drop);
}

/// A panic while the lock was held cannot leave these collections half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use waybill_core::number::TrackingNumber;

    use super::*;

    fn id(text: &str) -> ShipmentId {
        ShipmentId(text.to_owned())
    }

    #[tokio::test]
    async fn changes_wait_for_a_slow_reader_once_per_shipment() {
        let hub = Hub::default();
        let mailbox = Arc::new(Mailbox::default());
        let number = TrackingNumber::parse("1Z999AA10123456784").unwrap();
        let number = Subject::Number(number);
        hub.follow(Topic::Subject(number.clone()), &mailbox);
        hub.follow(Topic::Shipment(id("b")), &mailbox);
        for _ in 0..1_000 {
            hub.publish(&id("a"), std::slice::from_ref(&number));
            hub.publish(&id("b"), &[]);
            hub.publish(&id("c"), &[]);
        }
        assert_eq!(mailbox.take().await, BTreeSet::from([id("a"), id("b")]));
    }

    #[tokio::test]
    async fn a_watcher_that_left_leaves_nothing_behind() {
        let hub = Hub::default();
        let mailbox = Arc::new(Mailbox::default());
        hub.follow(Topic::Shipment(id("a")), &mailbox);
        drop(mailbox);
        hub.publish(&id("a"), &[]);
        assert!(lock(&hub.topics).is_empty());
        let mailbox = Arc::new(Mailbox::default());
        hub.follow(Topic::Shipment(id("b")), &mailbox);
        drop(mailbox);
        hub.sweep();
        assert!(lock(&hub.topics).is_empty());
    }
}
