//! One call at a time for one thing, however many want it.
//!
//! The work runs by itself: whoever started it may leave, and those who joined still get the
//! result. It knows nothing of what it carries.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::tasks;

/// The calls that are under way.
pub struct Flights<K, V> {
    flying: Arc<Flying<K, V>>,
    name: &'static str,
}

struct Flying<K, V>(Mutex<HashMap<K, watch::Receiver<Option<V>>>>);

/// A share in a call under way.
pub struct Joined<V>(watch::Receiver<Option<V>>);

impl<V: Clone> Joined<V> {
    /// Waits for the result; `None` if the work panicked. Dropping this disturbs nobody.
    pub async fn wait(mut self) -> Option<V> {
        let result = self.0.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

impl<K, V> Flying<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Makes an empty set; `name` labels the tasks.
    pub fn new(name: &'static str) -> Self {
        Self {
            flying: Arc::new(Flying(Mutex::default())),
            name,
        }
    }

    /// Joins the call under way for `key`, or starts it. Tells whether this caller started it.
    pub fn join<F>(&self, key: K, start: impl FnOnce() -> F) -> (Joined<V>, bool)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (sender, result) = {
            let mut flying = self.flying.lock();
            if let Some(result) = flying.get(&key) {
                return (Joined(result.clone()), false);
            }
            let (sender, result) = watch::channel(None);
            flying.insert(key.clone(), result.clone());
            (sender, result)
        };
        let flying = self.flying.clone();
        let landing = Landing { flying, key };
        let work = start();
        tasks::spawn(self.name, async move {
            let _landing = landing;
            let value = work.await;
            // Before the key goes: whoever comes in between gets this result, not a second call.
            sender.send_replace(Some(value));
        });
        (Joined(result), true)
    }

    /// Calls under way.
    pub fn len(&self) -> usize {
        self.flying.lock().len()
    }

    /// Tells whether no call is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Clears the key when the work ends, in whatever way.
struct Landing<K: Eq + Hash, V> {
    flying: Arc<Flying<K, V>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.flying.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn ten_thousand_callers_are_one_call_also_when_the_first_leaves() {
        let flights = Flights::new("test");
        let calls = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let join = || {
            let (calls, gate) = (calls.clone(), gate.clone());
            flights.join("key", move || async move {
                calls.fetch_add(1, Ordering::SeqCst);
                let _ = gate.acquire().await;
                42
            })
        };
        let (first, leader) = join();
        assert!(leader);
        let waiting: Vec<_> = (1..10_000).map(|_| join()).collect();
        assert!(waiting.iter().all(|(_, leader)| !leader));
        drop(first);
        yield_now().await;
        gate.add_permits(1);
        for (joined, _) in waiting {
            assert_eq!(joined.wait().await, Some(42));
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn the_work_is_done_also_when_everybody_leaves() {
        let flights = Flights::new("test");
        let gate = Arc::new(Semaphore::new(0));
        let done = Arc::new(Semaphore::new(0));
        let work = (gate.clone(), done.clone());
        drop(flights.join("key", move || async move {
            let _ = work.0.acquire().await;
            work.1.add_permits(1);
        }));
        gate.add_permits(1);
        assert!(done.acquire().await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_wakes_everybody_and_frees_the_key() {
        let flights = Flights::<_, u32>::new("test");
        let gate = Arc::new(Semaphore::new(0));
        let work = gate.clone();
        let (first, _) = flights.join("key", move || async move {
            let _ = work.acquire().await;
            panic!("on purpose")
        });
        let (second, _) = flights.join("key", || async { 1 });
        gate.add_permits(1);
        assert_eq!(first.wait().await, None);
        assert_eq!(second.wait().await, None);
        while !flights.is_empty() {
            yield_now().await;
        }
        let (again, leader) = flights.join("key", || async { 2 });
        assert!(leader);
        assert_eq!(again.wait().await, Some(2));
    }

    #[tokio::test]
    async fn keys_do_not_wait_for_each_other_and_an_ended_call_starts_anew() {
        let flights = Flights::new("test");
        let (_stuck, _) = flights.join(1, std::future::pending);
        for value in [5, 6] {
            let (joined, leader) = flights.join(2, || async move { value });
            assert!(leader);
            assert_eq!(joined.wait().await, Some(value));
            while flights.len() > 1 {
                yield_now().await;
            }
        }
    }
}
