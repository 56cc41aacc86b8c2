//! What was spent today, kept in the store, so that no restart has the budget of a day again.
//!
//! A note for each budget has its day and what all servers on the store have spent. Each server adds
//! what it has spent since it last did, so servers that share a store share their budgets, a second
//! behind one another. What a server spent in the second before a crash is forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::guard::Ledger;
use crate::money::Amount;
use crate::pipeline::{Pipeline, Source};
use crate::store::seal::Keys;
use crate::store::{Note, NoteKey, Store, StoreError};

/// How often the store is told.
const EVERY: Duration = Duration::from_secs(1);

/// The budgets of all sources that have a price, and where they are kept.
pub struct Books {
    ledgers: Mutex<Ledgers>,
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
    clock: Clock,
}

type Ledgers = Vec<(NoteKey, Arc<Ledger>)>;

impl Books {
    /// Of the sources that have a price.
    pub fn new(
        sources: &[Arc<Source>],
        store: Arc<dyn Store>,
        keys: Arc<Keys>,
        clock: Clock,
    ) -> Self {
        Self {
            ledgers: Mutex::new(priced(sources, &keys)),
            store,
            keys,
            clock,
        }
    }

    fn ledgers(&self) -> MutexGuard<'_, Ledgers> {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was spent here to the store, and hears what others have spent. Whoever loses a race
    /// for a note does so the next time.
    ///
    /// # Errors
    /// The store cannot be asked; nothing is lost by that.
    pub async fn balance(&self) -> Result<(), StoreError> {
        let ledgers = self.ledgers().clone();
        if ledgers.is_empty() {
            return Ok(());
        }
        let keys: Vec<NoteKey> = ledgers.iter().map(|(key, _)| *key).collect();
        let notes = self.store.notes(&keys).await?;
        let now = self.clock.now();
        let (mut sums, mut writes) = (Vec::new(), Vec::new());
        for ((key, ledger), note) in ledgers.iter().zip(notes) {
            let stored = note.as_ref().and_then(|note| read(&note.value));
            let sum = ledger.sum(stored, now);
            let is_new = stored != Some((sum.day, sum.spent));
            if !is_new || (stored.is_none() && sum.spent == Amount::ZERO) {
                ledger.enter(sum);
                continue;
            }
            let version = note.map_or(0, |note| note.version) + 1;
            let value = write(sum.day, sum.spent);
            writes.push((*key, Note { version, value }));
            sums.push((ledger, sum));
        }
        if writes.is_empty() {
            return Ok(());
        }
        let kept = self.store.keep(writes).await?;
        for ((ledger, sum), kept) in sums.into_iter().zip(kept) {
            if kept {
                ledger.enter(sum);
            }
        }
        Ok(())
    }

    /// Balances for as long as it runs, also what a reload brings; `works`: the last time was no
    /// failure.
    pub async fn balance_forever(self: Arc<Self>, pipeline: Pipeline, mut works: bool) {
        let mut generation = pipeline.live().generation;
        loop {
            tokio::time::sleep(EVERY).await;
            let live = pipeline.live();
            if std::mem::replace(&mut generation, live.generation) != live.generation {
                *self.ledgers() = priced(&live.configured.sources, &self.keys);
            }
            works = self.try_to_balance(works).await;
        }
    }

    /// Balances, and logs the first failure of several.
    pub async fn try_to_balance(&self, works: bool) -> bool {
        let done = self.balance().await;
        if let (Err(error), true) = (&done, works) {
            tracing::warn!(%error, "what was spent cannot be kept; it is tried again");
        }
        done.is_ok()
    }
}

/// The ledgers of sources that have a price, and that of all together.
fn priced(sources: &[Arc<Source>], keys: &Keys) -> Ledgers {
    let mut ledgers = Ledgers::new();
    for source in sources {
        let purse = source.guard.purse();
        if purse.cost() == Amount::ZERO {
            continue;
        }
        let whose = [source.descriptor.id, &source.account].map(str::as_bytes);
        let [own, all] = purse.ledgers();
        ledgers.push((keys.hash("spend", &whose), Arc::clone(own)));
        let all = (keys.hash("spend", &[]), Arc::clone(all));
        if ledgers.iter().all(|(key, _)| *key != all.0) {
            ledgers.push(all);
        }
    }
    ledgers
}

fn write(day: i64, spent: Amount) -> Vec<u8> {
    [day.to_be_bytes(), spent.micros().to_be_bytes()].concat()
}

/// `None` if no version of ours wrote it.
fn read(value: &[u8]) -> Option<(i64, Amount)> {
    let (day, spent) = value.split_first_chunk()?;
    let spent = u64::from_be_bytes(spent.try_into().ok()?);
    Some((i64::from_be_bytes(*day), Amount::of_micros(spent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    #[test]
    fn a_sum_is_read_as_it_was_written() {
        let amount = Amount::of_micros(250_000);
        assert_eq!(read(&write(20_514, amount)), Some((20_514, amount)));
        assert_eq!(read(b"damaged"), None);
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    /// A server with one budget of 1 a day on a store.
    fn server(store: &Arc<MemoryStore>, clock: &Clock) -> (Books, Arc<Ledger>) {
        let budget = "1".parse().unwrap();
        let ledger = Arc::new(Ledger::new("routing.daily_budget".to_owned(), budget));
        let books = Books {
            ledgers: Mutex::new(vec![([1; 32], Arc::clone(&ledger))]),
            store: Arc::clone(store) as Arc<dyn Store>,
            keys: Arc::new(Keys::new(&[7; 32])),
            clock: clock.clone(),
        };
        (books, ledger)
    }

    #[tokio::test]
    async fn servers_on_a_store_share_a_budget_and_a_new_one_knows_it() {
        let clock = Clock::system();
        let now = clock.now();
        let store = Arc::new(MemoryStore::new(10));
        let (first, one) = server(&store, &clock);
        let (second, two) = server(&store, &clock);
        assert!(one.take(amount("0.5"), now));
        assert!(two.take(amount("0.25"), now));
        first.balance().await.unwrap();
        second.balance().await.unwrap();
        first.balance().await.unwrap();
        for ledger in [&one, &two] {
            assert!(!ledger.take(amount("0.3"), now));
        }
        // What comes back, because it was not spent after all, comes back to all.
        assert!(one.take(amount("0.25"), now));
        first.balance().await.unwrap();
        one.give_back(amount("0.5"), one.sum(None, now).day);
        first.balance().await.unwrap();
        second.balance().await.unwrap();
        assert!(two.take(amount("0.5"), now));
        second.balance().await.unwrap();

        let (third, three) = server(&store, &clock);
        third.balance().await.unwrap();
        assert!(
            !three.take(amount("0.1"), now),
            "a restart gives nothing back"
        );
        let tomorrow = now + std::time::Duration::from_secs(86_400);
        assert!(three.take(amount("1"), tomorrow));
    }
}
