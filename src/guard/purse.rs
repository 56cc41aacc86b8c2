//! The purse: what calls to an account cost, and what may be spent in a UTC day.
//!
//! A call is paid for before it leaves and gets its money back if it did not. Where a source bills
//! the numbers that are registered instead of calls, the request that registers is paid for, by its
//! numbers. [`crate::spend`] keeps what has been spent beyond a restart.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tower::ServiceExt;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::quota::{day_of, spent, to_midnight};
use super::step::{Call, Failure, Next, Outcome, Step};
use super::{Names, Priority, lock};
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
    /// What the store had of it when it was last asked, and all servers together have spent.
    stored: Amount,
}

/// What a store is to have of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Days since 1970-01-01 UTC.
    pub day: i64,
    /// What all servers together have spent on that day.
    pub spent: Amount,
    /// What this one knew of it.
    known: Amount,
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
    pub(crate) fn take(&self, amount: Amount, now: Timestamp) -> bool {
        let mut book = lock(&self.book);
        let after = self.with(&mut book, amount, now);
        book.spent = after.unwrap_or(book.spent);
        after.is_some()
    }

    /// What has been spent today once `amount` is; `None` if that is too much.
    fn with(&self, book: &mut Book, amount: Amount, now: Timestamp) -> Option<Amount> {
        let day = day_of(now);
        if day != book.day {
            *book = Book {
                day,
                ..Book::default()
            };
        }
        let after = book.spent.plus(amount);
        let covered = self.budget.0.is_none_or(|budget| after <= budget);
        covered.then_some(after)
    }

    /// Sums up for the store, which has so much of some day: what it has and what was spent here
    /// since.
    pub fn sum(&self, stored: Option<(i64, Amount)>, now: Timestamp) -> Sum {
        let mut book = lock(&self.book);
        self.with(&mut book, Amount::ZERO, now);
        let stored = stored.filter(|(day, _)| *day == book.day);
        let stored = stored.map_or(Amount::ZERO, |(_, amount)| amount);
        Sum {
            day: book.day,
            spent: stored.plus(book.spent).minus(book.stored),
            known: book.spent,
        }
    }

    /// Takes over a sum that the store has now.
    pub fn enter(&self, sum: Sum) {
        let mut book = lock(&self.book);
        if book.day == sum.day {
            book.spent = sum.spent.plus(book.spent).minus(sum.known);
            book.stored = sum.spent;
        }
    }

    /// Takes back what was not spent after all, unless its day is over.
    pub(crate) fn give_back(&self, amount: Amount, day: i64) {
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
    /// Makes a purse for calls, or numbers, that cost so much each.
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

    /// Price of one call, or of one number; see
    /// [`bills_registrations`](waybill_core::adapter::Adapter::bills_registrations).
    pub const fn cost(&self) -> Amount {
        self.cost
    }

    /// The account's own ledger, and that of all sources together.
    pub fn ledgers(&self) -> &[Arc<Ledger>; 2] {
        &self.ledgers
    }

    /// The account's own budget.
    pub fn budget(&self) -> Budget {
        self.ledgers[0].budget
    }

    /// Whether one more call or number can be paid for today.
    pub(super) fn covers(&self, now: Timestamp) -> bool {
        let mut ledgers = self.ledgers.iter();
        ledgers.all(|ledger| ledger.covers(self.cost, now))
    }

    /// Pays so much out of both budgets; refuses with the setting of the one that is used up.
    fn pay(&self, amount: Amount, now: Timestamp) -> Result<(), Error> {
        let [own, all] = &self.ledgers;
        let setting = if !own.take(amount, now) {
            &own.setting
        } else if !all.take(amount, now) {
            own.give_back(amount, day_of(now));
            &all.setting
        } else {
            return Ok(());
        };
        let message =
            format!("the daily budget {setting} is used up; the next day begins at 00:00 UTC");
        let error = Error::new(ErrorKind::Throttled, message).unspent();
        Err(error.with_retry(Retry::After(to_midnight(now))))
    }

    fn give_back(&self, amount: Amount, day: i64) {
        for ledger in &self.ledgers {
            ledger.give_back(amount, day);
        }
    }
}

/// The purse as a step of the guard's stack.
#[derive(Clone)]
pub(super) struct Paying {
    pub(super) names: Names,
    pub(super) purse: Purse,
    pub(super) clock: Clock,
    /// The numbers of registrations are paid for, not calls.
    pub(super) by_registration: bool,
}

impl Step for Paying {
    async fn around<N: Next>(self, call: Call, next: N) -> Outcome {
        let purse = &self.purse;
        if purse.cost == Amount::ZERO || self.by_registration {
            return next.oneshot(call).await;
        }
        let now = self.clock.now();
        purse.pay(purse.cost, now).map_err(|error| Failure {
            error,
            took: None,
            cut: false,
        })?;
        let mut payment = Payment {
            class: class(call.priority),
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
    /// Who waits for the call.
    class: &'static str,
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
            count(names, purse.cost, 1, self.class);
            return;
        }
        purse.give_back(purse.cost, self.day);
    }
}

/// Who waits for a call, as the metrics name it.
const fn class(priority: Priority) -> &'static str {
    match priority {
        Priority::Interactive => "interactive",
        Priority::Background => "background",
    }
}

/// Counts calls or numbers that were paid for, at this price each.
fn count(names: &Names, price: Amount, number: u32, class: &'static str) {
    metrics::counter!(
        "waybill_source_spend_total",
        "source" => names.source,
        "account" => names.account.to_string(),
    )
    .increment(price.times(number).micros());
    metrics::counter!(
        "waybill_billable_calls_total",
        "source" => names.source,
        "class" => class,
    )
    .increment(number.into());
}

/// Pays for what one attempt registers.
pub(super) struct Till<'a> {
    paying: &'a Paying,
    class: &'static str,
    bill: Mutex<Bill>,
}

/// Numbers that were paid for on one day.
#[derive(Clone, Copy, Default)]
struct Bill {
    day: i64,
    numbers: u32,
}

impl<'a> Till<'a> {
    /// Of an account whose source bills registrations; `None` for any other.
    pub(super) fn of(paying: &'a Paying, priority: Priority) -> Option<Self> {
        let has_price = paying.purse.cost > Amount::ZERO;
        (has_price && paying.by_registration).then(|| Self {
            paying,
            class: class(priority),
            bill: Mutex::default(),
        })
    }

    /// Pays for the registration of so many numbers.
    pub(super) fn pay(&self, numbers: u32) -> Result<(), Error> {
        let Paying { purse, clock, .. } = self.paying;
        let now = clock.now();
        // What cannot be registered is no reason not to read what is.
        let paid = purse.pay(purse.cost.times(numbers), now);
        paid.map_err(Error::of_query)?;
        let mut bill = lock(&self.bill);
        let day = day_of(now);
        if bill.day != day {
            self.close(*bill);
            *bill = Bill { day, numbers: 0 };
        }
        bill.numbers = bill.numbers.saturating_add(numbers);
        Ok(())
    }

    /// Takes back what so many numbers cost that were not billed.
    pub(super) fn give_back(&self, numbers: u32) {
        let mut bill = lock(&self.bill);
        let numbers = numbers.min(bill.numbers);
        bill.numbers -= numbers;
        let purse = &self.paying.purse;
        purse.give_back(purse.cost.times(numbers), bill.day);
    }

    fn close(&self, bill: Bill) {
        let Paying { names, purse, .. } = self.paying;
        if bill.numbers > 0 {
            count(names, purse.cost, bill.numbers, self.class);
        }
    }
}

impl Drop for Till<'_> {
    fn drop(&mut self) {
        let bill = *lock(&self.bill);
        self.close(bill);
    }
}
