//! Who wants to know of changes, and how they are told.
//!
//! One task reads the change log in its order and tells everybody (`log.rs`), so a change reaches a
//! watcher whoever made it, on this node or another. A watcher is a [`Mailbox`] that holds which
//! shipments have changed since it was last emptied, never the changes themselves: a slow reader
//! finds the newest state, and what waits for it is bounded.
//!
//! **Invariant:** everything up to [`Hub::mark`] has been put into every mailbox that wants it.
//! Whoever reads the mark first and empties its mailbox afterwards has all that the mark covers.

pub mod filter;
pub mod log;
mod secrets;
pub mod token;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::{Notify, watch};
use waybill_core::order::Subject;
use waybill_core::shipment::{Shipment, ShipmentId};

use crate::store::Head;

/// Records of the last changes made here that are kept for those who want every revision.
const RECENT: u64 = 10_000;
/// Shipments of which it is kept who has registered them.
const OWNED: u64 = 100_000;

/// Forgets a shipment that was erased.
type Forget = Box<dyn Fn(&ShipmentId) + Send + Sync>;

/// All watchers of this server.
pub struct Hub {
    topics: Mutex<Topics>,
    versions: Mutex<HashMap<Topic, Weak<AtomicU64>>>,
    mark: Mutex<Arc<[Head]>>,
    recent: moka::sync::Cache<(ShipmentId, u32), Arc<Shipment>>,
    /// Tenants that have registered a shipment, as of the place that the change log is told to.
    owned: moka::sync::Cache<ShipmentId, Arc<[String]>>,
    /// What else forgets when something is erased.
    forgets: OnceLock<Forget>,
}

type Followers = Vec<Weak<Mailbox>>;

/// Who follows what, by its kind: for every change it is asked which kinds there are.
#[derive(Default)]
struct Topics {
    shipments: BTreeMap<ShipmentId, Followers>,
    subjects: BTreeMap<Subject, Followers>,
    tenants: BTreeMap<String, Followers>,
}

/// What can be watched.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A shipment.
    Shipment(ShipmentId),
    /// A number or order that may come to stand for one.
    Subject(Subject),
    /// Everything that a tenant follows.
    Tenant(String),
}

/// What one watcher has not looked at yet.
pub struct Mailbox {
    room: Room,
    waiting: Mutex<Waiting>,
    notify: Notify,
}

/// How much a mailbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// So many shipments, in whatever revision they are when they are looked at.
    Shipments(usize),
    /// So many revisions.
    Revisions(usize),
}

#[derive(Default)]
struct Waiting {
    news: BTreeMap<ShipmentId, News>,
    /// Revisions in `news`.
    revisions: usize,
    trouble: Option<Trouble>,
}

/// Why a mailbox does not tell what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// More has changed than it holds; the change log still tells what.
    Overflow,
    /// The change log itself was lost.
    Lost,
}

/// What has changed of one shipment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// First and last revision of the record that nobody has looked at; `None` if the log has not
    /// said yet, or only something else changed.
    pub revisions: Option<(u32, u32)>,
    /// What the tenant adds has changed.
    pub overlay: bool,
}

impl News {
    /// One change of the record.
    pub const fn record(revision: u32) -> Self {
        Self {
            revisions: Some((revision, revision)),
            overlay: false,
        }
    }

    /// Puts a later change beside earlier ones.
    pub fn and(&mut self, later: Self) {
        self.overlay |= later.overlay;
        self.revisions = match (self.revisions, later.revisions) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (one, other) => one.or(other),
        };
    }

    fn count(self) -> usize {
        // Of a log that went back only the newer entries count.
        let span = |(first, last): (u32, u32)| last.saturating_sub(first).saturating_add(1);
        let count = self.revisions.map_or(0, span);
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}

/// What a mailbox held.
#[derive(Default)]
pub struct Mail {
    /// What has changed.
    pub news: BTreeMap<ShipmentId, News>,
    /// Why it may not be all.
    pub trouble: Option<Trouble>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            topics: Mutex::default(),
            versions: Mutex::default(),
            mark: Mutex::new(Arc::from([])),
            recent: moka::sync::Cache::new(RECENT),
            owned: moka::sync::Cache::new(OWNED),
            forgets: OnceLock::new(),
        }
    }
}

impl Hub {
    /// Puts a mailbox on a topic; it leaves when it is dropped.
    pub fn follow(&self, topic: Topic, mailbox: &Arc<Mailbox>) {
        let mut topics = lock(&self.topics);
        let followers = match topic {
            Topic::Shipment(id) => topics.shipments.entry(id).or_default(),
            Topic::Subject(subject) => topics.subjects.entry(subject).or_default(),
            Topic::Tenant(tenant) => topics.tenants.entry(tenant).or_default(),
        };
        // A look through all of them only now and then: very many may follow one topic. Whoever is
        // on it twice is told twice, and holds it once.
        if followers.len() == followers.capacity() {
            followers.retain(|follower| follower.strong_count() > 0 && !is(follower, mailbox));
            followers.reserve(followers.len());
        }
        followers.push(Arc::downgrade(mailbox));
    }

    /// Takes a mailbox off a topic.
    pub fn leave(&self, topic: &Topic, mailbox: &Arc<Mailbox>) {
        lock(&self.topics).visit(topic, |followers| {
            followers.retain(|follower| follower.strong_count() > 0 && !is(follower, mailbox));
        });
    }

    /// Tells everybody on a topic that something has changed.
    pub fn tell(&self, topic: &Topic, id: &ShipmentId, news: News) {
        lock(&self.topics).visit(topic, |followers| {
            put(followers, id, news);
        });
    }

    /// Tells those who wait for one of these numbers or orders that it stands for the shipment.
    pub fn join(&self, id: &ShipmentId, subjects: &[Subject]) {
        for subject in subjects {
            self.tell(&Topic::Subject(subject.clone()), id, News::default());
        }
    }

    /// Tells everybody that the change log was lost.
    fn lost(&self) {
        self.owned.invalidate_all();
        lock(&self.topics).each(|followers| {
            let followers = followers.iter().filter_map(Weak::upgrade);
            followers.for_each(|mailbox| mailbox.fail(Trouble::Lost));
        });
    }

    /// Tells those who watch all that a tenant has registered.
    fn tell_tenant(&self, tenant: &str, id: &ShipmentId, news: News) {
        visit_one(&mut lock(&self.topics).tenants, tenant, |followers| {
            put(followers, id, news);
        });
    }

    /// Whether somebody watches all that some tenant has registered.
    fn has_tenants(&self) -> bool {
        !lock(&self.topics).tenants.is_empty()
    }

    /// Whether somebody waits for a number or order, or keeps something that was made of one.
    fn has_subjects(&self) -> bool {
        let keeps = !lock(&self.versions).is_empty();
        keeps || !lock(&self.topics).subjects.is_empty()
    }

    /// How far the change log has been told.
    pub fn mark(&self) -> Arc<[Head]> {
        Arc::clone(&lock(&self.mark))
    }

    fn set_mark(&self, mark: &[Head]) {
        *lock(&self.mark) = Arc::from(mark);
    }

    /// Keeps a record that was just committed.
    pub fn made(&self, record: &Arc<Shipment>) {
        let key = (record.id.clone(), record.revision);
        self.recent.insert(key, Arc::clone(record));
    }

    /// What else has to be forgotten once something was erased. Only the first one counts.
    pub fn forgets(&self, forget: Forget) {
        let _first = self.forgets.set(forget);
    }

    /// A shipment was erased: nothing that was made of it here is shown any more, to nobody. That is
    /// seldom, so that everybody looks again.
    pub fn erased(&self, id: &ShipmentId) {
        for (key, _) in &self.recent {
            if key.0 == *id {
                self.recent.invalidate(&*key);
            }
        }
        if let Some(forget) = self.forgets.get() {
            forget(id);
        }
        self.owned.invalidate(id);
        for version in lock(&self.versions).values().filter_map(Weak::upgrade) {
            version.fetch_add(1, Ordering::AcqRel);
        }
        // Who had registered it is erased, too: each stream knows whether it has shown it.
        let tenants: Vec<String> = lock(&self.topics).tenants.keys().cloned().collect();
        for tenant in &tenants {
            self.tell_tenant(tenant, id, News::default());
        }
        self.tell(&Topic::Shipment(id.clone()), id, News::default());
    }

    /// A revision of a record, if it was made here not long ago.
    pub fn recent(&self, id: &ShipmentId, revision: u32) -> Option<Arc<Shipment>> {
        self.recent.get(&(id.clone(), revision))
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
        lock(&self.topics).each(|followers| {
            followers.retain(|follower| follower.strong_count() > 0);
        });
    }
}

impl Topics {
    /// Shows the followers of a topic, if it has any, and forgets the topic if none are left.
    fn visit(&mut self, topic: &Topic, visit: impl FnOnce(&mut Followers)) {
        match topic {
            Topic::Shipment(id) => visit_one(&mut self.shipments, id, visit),
            Topic::Subject(subject) => visit_one(&mut self.subjects, subject, visit),
            Topic::Tenant(tenant) => visit_one(&mut self.tenants, tenant, visit),
        }
    }

    /// Shows all followers, and forgets the topics of which none are left.
    fn each(&mut self, mut visit: impl FnMut(&mut Followers)) {
        let mut stays = |followers: &mut Followers| {
            visit(followers);
            !followers.is_empty()
        };
        // In an order, so that a simulation can repeat it.
        self.shipments.retain(|_, followers| stays(followers));
        self.subjects.retain(|_, followers| stays(followers));
        self.tenants.retain(|_, followers| stays(followers));
    }
}

fn visit_one<K, Q>(
    topics: &mut BTreeMap<K, Followers>,
    topic: &Q,
    visit: impl FnOnce(&mut Followers),
) where
    K: std::borrow::Borrow<Q> + Ord,
    Q: Ord + ?Sized,
{
    let Some(followers) = topics.get_mut(topic) else {
        return;
    };
    visit(followers);
    if followers.is_empty() {
        topics.remove(topic);
    }
}

impl Mailbox {
    /// Makes an empty one.
    pub fn new(room: Room) -> Self {
        Self {
            room,
            waiting: Mutex::default(),
            notify: Notify::new(),
        }
    }

    /// Says that a shipment has changed, or may have.
    pub fn put(&self, id: &ShipmentId, news: News) {
        {
            let mut waiting = lock(&self.waiting);
            if waiting.trouble.is_some() {
                return;
            }
            match waiting.news.get_mut(id) {
                Some(known) => {
                    let before = known.count();
                    known.and(news);
                    waiting.revisions = waiting.revisions - before + waiting.news[id].count();
                }
                None => {
                    waiting.news.insert(id.clone(), news);
                    waiting.revisions += news.count();
                }
            }
            let is_full = match self.room {
                Room::Shipments(room) => waiting.news.len() > room,
                Room::Revisions(room) => waiting.revisions > room || waiting.news.len() > room,
            };
            if is_full {
                *waiting = Waiting {
                    trouble: Some(Trouble::Overflow),
                    ..Waiting::default()
                };
            }
        }
        self.notify.notify_one();
    }

    fn fail(&self, trouble: Trouble) {
        *lock(&self.waiting) = Waiting {
            trouble: Some(trouble),
            ..Waiting::default()
        };
        self.notify.notify_one();
    }

    /// Takes what is there.
    pub fn empty(&self) -> Mail {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        Mail {
            news: waiting.news,
            trouble: waiting.trouble,
        }
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        let waiting = lock(&self.waiting);
        waiting.news.is_empty() && waiting.trouble.is_none()
    }

    /// Waits until there is something.
    pub async fn filled(&self) {
        while self.is_empty() {
            self.notify.notified().await;
        }
    }
}

/// Puts news into each mailbox, and forgets those that are gone.
fn put(followers: &mut Followers, id: &ShipmentId, news: News) {
    followers.retain(|follower| match follower.upgrade() {
        Some(mailbox) => {
            mailbox.put(id, news);
            true
        }
        None => false,
    });
}

fn is(follower: &Weak<Mailbox>, mailbox: &Arc<Mailbox>) -> bool {
    std::ptr::eq(follower.as_ptr(), Arc::as_ptr(mailbox))
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

    fn mailbox(room: Room) -> Arc<Mailbox> {
        Arc::new(Mailbox::new(room))
    }

    fn is_empty(hub: &Hub) -> bool {
        let topics = lock(&hub.topics);
        topics.shipments.is_empty() && topics.subjects.is_empty() && topics.tenants.is_empty()
    }

    #[tokio::test]
    async fn changes_wait_for_a_slow_reader_once_per_shipment() {
        let hub = Hub::default();
        let mailbox = mailbox(Room::Shipments(10));
        let number = TrackingNumber::parse("1Z999AA10123456784").unwrap();
        let number = Subject::Number(number);
        hub.follow(Topic::Subject(number.clone()), &mailbox);
        hub.follow(Topic::Shipment(id("b")), &mailbox);
        for revision in 1..=1_000 {
            hub.join(&id("a"), std::slice::from_ref(&number));
            for name in ["b", "c"] {
                let topic = Topic::Shipment(id(name));
                hub.tell(&topic, &id(name), News::record(revision));
            }
        }
        mailbox.filled().await;
        let news = mailbox.empty().news;
        let all = News {
            revisions: Some((1, 1_000)),
            overlay: false,
        };
        let expected = [(id("a"), News::default()), (id("b"), all)];
        assert_eq!(news, BTreeMap::from(expected));
        assert!(mailbox.empty().news.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_said_and_not_kept() {
        let many = mailbox(Room::Shipments(2));
        let every = mailbox(Room::Revisions(3));
        for name in ["a", "b", "c"] {
            many.put(&id(name), News::record(7));
        }
        for revision in 1..=4 {
            every.put(&id("a"), News::record(revision));
        }
        for mailbox in [many, every] {
            let mail = mailbox.empty();
            assert_eq!(mail.trouble, Some(Trouble::Overflow));
            assert!(mail.news.is_empty());
            mailbox.put(&id("z"), News::record(1));
            assert_eq!(mailbox.empty().news.len(), 1, "and then it goes on");
        }
    }

    #[test]
    fn a_watcher_that_left_leaves_nothing_behind() {
        let hub = Hub::default();
        let topic = Topic::Shipment(id("a"));
        let first = mailbox(Room::Shipments(2));
        hub.follow(topic.clone(), &first);
        drop(first);
        hub.tell(&topic, &id("a"), News::record(1));
        assert!(is_empty(&hub));
        let second = mailbox(Room::Shipments(2));
        hub.follow(topic.clone(), &second);
        hub.leave(&topic, &second);
        assert!(is_empty(&hub));
        hub.follow(topic, &second);
        drop(second);
        hub.sweep();
        assert!(is_empty(&hub));
    }
}
