//! The purse: what calls to an account cost, and what may be spent in a UTC day.
//!
//! A call is paid for before it leaves and gets its money back if it did not. What has been spent
//! is known to this process only, and a new one begins with a full purse, as with the quota.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tower::ServiceExt;
use waybill_core::error::{ErrorKind, Retry};

use super::quota::{day_of, spent, to_midnight};
use super::step::{Call, Failure, Next, Outcome, Step};
use super::{Names, lock};
use crate::clock::Clock;
use crate::money::{Amount, Budget};

/// What has been spent of one budget today.
pub struct Ledger {
    /// The setting that limits it, for those who look for it.
    setting: String,
    budget: Budget,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    /// Days since 1970-01-01 UTC.
    day: i64,
    spent: Amount,
}

impl Ledger {
    /// Opens a ledger for the budget that a setting gives.
    pub fn new(setting: String, budget: Budget) -> Self {
        Self {
            setting,
            budget,
            book: Arc::default(),
        }
    }

    /// The same ledger with another budget: what has been spent stays spent.
    #[must_use]
    pub fn with_budget(&self, budget: Budget) -> Self {
        Self {
            setting: self.setting.clone(),
            budget,
            book: Arc::clone(&self.book),
        }
    }

    /// Whether so much can still be spent today.
    fn covers(&self, amount: Amount, now: Timestamp) -> bool {
        self.with(&mut lock(&self.book), amount, now).is_some()
    }

    /// Spends so much, if it can be.
    fn take(&self, amount: Amount, now: Timestamp) -> bool {
        let mut book = lock(&self.book);
        let after = self.with(&mut book, amount, now);
        book.spent = after.unwrap_or(book.spent);
        after.is_some()
    }

    /// What has been spent today once `amount` is; `None` if that is too much.
    fn with(&self, book: &mut Book, amount: Amount, now: Timestamp) -> Option<Amount> {
        let day = day_of(now);
        if day != book.day {
            (book.day, book.spent) = (day, Amount::ZERO);
        }
        let after = book.spent.plus(amount);
        let covered = self.budget.0.is_none_or(|budget| after <= budget);
        covered.then_some(after)
    }

    /// Takes back what was not spent after all, unless its day is over.
    fn give_back(&self, amount: Amount, day: i64) {
        let mut book = lock(&self.book);
        if book.day == day {
            book.spent = book.spent.minus(amount);
        }
    }
}

/// The purse of one account; clones share it.
#[derive(Clone)]
pub struct Purse {
    cost: Amount,
    /// The account's own budget, and that of all sources together.
    ledgers: [Arc<Ledger>; 2],
}

impl Purse {
    /// Makes a purse for calls that cost so much each.
    pub fn new(cost: Amount, own: Ledger, all: Arc<Ledger>) -> Self {
        Self {
            cost,
            ledgers: [Arc::new(own), all],
        }
    }

    /// The purse that takes the place of this one when prices or budgets change.
    #[must_use]
    pub fn after(&self, cost: Amount, budget: Budget, all: Arc<Ledger>) -> Self {
        Self::new(cost, self.ledgers[0].with_budget(budget), all)
    }

    /// The budget of all sources together.
    pub fn of_all(&self) -> &Ledger {
        &self.ledgers[1]
    }

    /// Price of one call.
    pub const fn cost(&self) -> Amount {
        self.cost
    }

    /// The account's own budget.
    pub fn budget(&self) -> Budget {
        self.ledgers[0].budget
    }

    /// Whether one more call can be paid for today.
    pub(super) fn covers(&self, now: Timestamp) -> bool {
        let mut ledgers = self.ledgers.iter();
        ledgers.all(|ledger| ledger.covers(self.cost, now))
    }

    /// Pays for one call out of both budgets, or names the setting of the one that is used up.
    fn pay(&self, now: Timestamp) -> Result<(), &str> {
        let [own, all] = &self.ledgers;
        if !own.take(self.cost, now) {
            return Err(&own.setting);
        }
        if !all.take(self.cost, now) {
            own.give_back(self.cost, day_of(now));
            return Err(&all.setting);
        }
        Ok(())
    }
}

/// The purse as a step of the guard's stack.
#[derive(Clone)]
pub(super) struct Paying {
    pub(super) names: Names,
    pub(super) purse: Purse,
    pub(super) clock: Clock,
}

impl Step for Paying {
    async fn around<N: Next>(self, call: Call, next: N) -> Outcome {
        let purse = &self.purse;
        if purse.cost == Amount::ZERO {
            return next.oneshot(call).await;
        }
        let now = self.clock.now();
        purse.pay(now).map_err(|setting| {
            let mut failure = Failure::unsent(ErrorKind::Throttled, "");
            failure.error.message =
                format!("the daily budget {setting} is used up; the next day begins at 00:00 UTC");
            failure.error.retry = Retry::After(to_midnight(now));
            failure
        })?;
        let mut payment = Payment {
            paying: &self,
            day: day_of(now),
            attempts: Arc::clone(&call.attempts),
            before: call.attempts.load(Ordering::Relaxed),
            counted: true,
        };
        let outcome = next.oneshot(call).await;
        payment.counted = spent(&outcome);
        outcome
    }
}

/// Money that a call carries. Whoever lets it drop on the way, a caller that goes away included,
/// has spent it if the call had left.
struct Payment<'a> {
    paying: &'a Paying,
    day: i64,
    attempts: Arc<AtomicU32>,
    before: u32,
    /// The source counted the call, as far as is known.
    counted: bool,
}

impl Drop for Payment<'_> {
    fn drop(&mut self) {
        let Paying { names, purse, .. } = self.paying;
        let has_left = self.attempts.load(Ordering::Relaxed) > self.before;
        if has_left && self.counted {
            metrics::counter!(
                "waybill_source_spend_total",
                "source" => names.source,
                "account" => names.account.to_string(),
            )
            .increment(purse.cost.micros());
            return;
        }
        for ledger in &purse.ledgers {
            ledger.give_back(purse.cost, self.day);
        }
    }
}
