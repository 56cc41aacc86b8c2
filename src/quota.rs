//! How much each tenant may ask for: `[quota]`.
//!
//! Each node counts by itself, so behind a balancer a tenant has as many times the figures as there
//! are nodes that it reaches; only registrations are counted in the store, by all of them.
//!
//! **Invariant:** what a tenant takes is never taken from another one: its requests at work are a
//! part of the server's, and a refusal costs next to nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use waybill_core::caller::is_tenant;

use crate::grpc::status::Failure;
use crate::server::LoadSettings;
use crate::v1::ErrorReason as Reason;

/// Longest wait that is advised: what is used up for longer is asked for now and then.
const LONGEST: Duration = Duration::from_secs(3_600);
/// When as much as possible is registered, another look can help after this.
const FULL: Duration = Duration::from_secs(60);
/// How long a count of registrations is believed; other nodes register too.
const COUNTED: Duration = Duration::from_secs(600);
const DAY: i64 = 86_400;

/// `[quota]`: what each tenant may do, unless it has a section of its own. Nothing is counted where
/// nobody is asked who they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaSettings {
    /// Requests per second on average, each item of a list being one; 0: no limit.
    pub requests_per_second: f64,
    /// Requests that may come at once.
    pub burst: u32,
    /// Percent of `load.requests` that may be at work for one tenant at the same time.
    pub requests_percent: u32,
    /// Streams at the same time; 0: no limit.
    pub streams: u32,
    /// Shipments registered at the same time; 0: no limit.
    pub shipments: u64,
    /// Lookups in a UTC day that may ask sources which cost something; 0: no limit.
    pub paid_per_day: u64,
    /// Other figures for some tenants, by their ids.
    pub tenants: BTreeMap<String, OwnQuota>,
}

/// `[quota.tenants.<id>]`: what is set, is so for this tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnQuota {
    /// As in `[quota]`.
    pub requests_per_second: Option<f64>,
    /// As in `[quota]`.
    pub burst: Option<u32>,
    /// As in `[quota]`.
    pub requests_percent: Option<u32>,
    /// As in `[quota]`.
    pub streams: Option<u32>,
    /// As in `[quota]`.
    pub shipments: Option<u64>,
    /// As in `[quota]`.
    pub paid_per_day: Option<u64>,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self {
            requests_per_second: 1_000.0,
            burst: 2_000,
            requests_percent: 50,
            streams: 5_000,
            shipments: 0,
            paid_per_day: 0,
            tenants: BTreeMap::new(),
        }
    }
}

impl QuotaSettings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), String> {
        if let Some(id) = self.tenants.keys().find(|id| !is_tenant(id)) {
            return Err(format!("quota.tenants: {id:?} is not the id of a tenant"));
        }
        let rates = self
            .tenants
            .values()
            .filter_map(|own| own.requests_per_second);
        if rates
            .chain([self.requests_per_second])
            .any(|rate| !rate.is_finite() || rate < 0.0)
        {
            return Err("quota: requests_per_second must be 0 or more".to_owned());
        }
        let bursts = self.tenants.values().filter_map(|own| own.burst);
        if bursts.chain([self.burst]).any(|burst| burst == 0) {
            return Err("quota: burst must be 1 or more".to_owned());
        }
        Ok(())
    }

    fn of(&self, tenant: &str, load: &LoadSettings) -> Figures {
        let default = OwnQuota::default();
        let own = self.tenants.get(tenant).unwrap_or(&default);
        let percent = own.requests_percent.unwrap_or(self.requests_percent);
        let part = u64::from(load.requests) * u64::from(percent) / 100;
        Figures {
            per_second: own.requests_per_second.unwrap_or(self.requests_per_second),
            burst: own.burst.unwrap_or(self.burst),
            requests: match percent {
                100.. => 0,
                _ => u32::try_from(part).unwrap_or(u32::MAX).max(1),
            },
            streams: own.streams.unwrap_or(self.streams),
            shipments: own.shipments.unwrap_or(self.shipments),
            paid_per_day: own.paid_per_day.unwrap_or(self.paid_per_day),
        }
    }
}

struct Figures {
    per_second: f64,
    burst: u32,
    /// 0: no limit.
    requests: u32,
    streams: u32,
    shipments: u64,
    paid_per_day: u64,
}

/// The quotas of all tenants. A clone shares them.
#[derive(Clone)]
pub struct Quotas(Arc<All>);

struct All {
    settings: QuotaSettings,
    load: LoadSettings,
    start: Instant,
    tenants: RwLock<HashMap<String, Allowance>>,
}

/// What one tenant has taken of its quota. A clone is the same one.
#[derive(Clone)]
pub struct Allowance(Arc<Taken>);

struct Taken {
    figures: Figures,
    start: Instant,
    /// Nanoseconds from `start` to when everything that was taken so far is paid for.
    paid_until: AtomicU64,
    requests: AtomicU32,
    streams: AtomicU32,
    paid: Mutex<Paid>,
    registered: tokio::sync::Mutex<Registered>,
}

#[derive(Default)]
struct Paid {
    /// Days since 1970-01-01 UTC.
    day: i64,
    lookups: u64,
}

#[derive(Default)]
struct Registered {
    count: u64,
    /// When it was counted; `None`: never.
    at: Option<Instant>,
}

/// One of a count; given back when dropped.
pub struct One(Option<(Allowance, Of)>);

#[derive(Clone, Copy)]
enum Of {
    Requests,
    Streams,
}

impl Quotas {
    /// Nobody has taken anything yet.
    pub fn new(settings: QuotaSettings, load: LoadSettings) -> Self {
        Self(Arc::new(All {
            settings,
            load,
            start: Instant::now(),
            tenants: RwLock::default(),
        }))
    }

    /// The quota of a tenant.
    pub fn of(&self, tenant: &str) -> Allowance {
        let known = self
            .0
            .tenants
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(tenant) {
            return known.clone();
        }
        drop(known);
        let mut tenants = self
            .0
            .tenants
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let new = || Allowance::new(self.0.settings.of(tenant, &self.0.load), self.0.start);
        tenants.entry(tenant.to_owned()).or_insert_with(new).clone()
    }
}

impl Allowance {
    /// No quota.
    pub fn unlimited() -> Self {
        let figures = Figures {
            per_second: 0.0,
            burst: 1,
            requests: 0,
            streams: 0,
            shipments: 0,
            paid_per_day: 0,
        };
        Self::new(figures, Instant::now())
    }

    fn new(figures: Figures, start: Instant) -> Self {
        Self(Arc::new(Taken {
            figures,
            start,
            paid_until: AtomicU64::new(0),
            requests: AtomicU32::new(0),
            streams: AtomicU32::new(0),
            paid: Mutex::default(),
            registered: tokio::sync::Mutex::default(),
        }))
    }

    /// Takes so many requests. Whoever may take one may take all of them, and then waits until they
    /// are paid for.
    ///
    /// # Errors
    /// The quota is used up.
    pub fn take(&self, requests: usize) -> Result<(), Failure> {
        let figures = &self.0.figures;
        let each = 1e9 / figures.per_second;
        self.add(requests, (each * f64::from(figures.burst - 1)) as u64)
    }

    /// Takes the rest of a list whose call has been let in: it is paid for afterwards.
    pub fn owe(&self, requests: usize) {
        // Whatever is owed already, this is added.
        let _always = self.add(requests, u64::MAX);
    }

    /// Takes requests if what is owed is not beyond what is allowed, in nanoseconds.
    fn add(&self, requests: usize, allowed: u64) -> Result<(), Failure> {
        let figures = &self.0.figures;
        if figures.per_second == 0.0 || requests == 0 {
            return Ok(());
        }
        let cost = (1e9 / figures.per_second * requests as f64) as u64;
        let elapsed = self.0.start.elapsed().as_nanos();
        let now = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let taken = self
            .0
            .paid_until
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |until| {
                let until = until.max(now);
                (until - now <= allowed).then(|| until.saturating_add(cost))
            });
        taken.map(|_| ()).map_err(|until| {
            let wait = until.saturating_sub(now).saturating_sub(allowed);
            used_up("requests_per_second", Duration::from_nanos(wait))
        })
    }

    /// Begins a request, if not too many are at work.
    ///
    /// # Errors
    /// The quota is used up.
    pub fn begin(&self) -> Result<One, Failure> {
        let wait = Duration::from_millis(rand::random_range(500..1_500));
        self.one(Of::Requests)
            .ok_or_else(|| used_up("requests_percent", wait))
    }

    /// Begins a stream, if there are not too many.
    ///
    /// # Errors
    /// The quota is used up.
    pub fn stream(&self) -> Result<One, Failure> {
        let wait = Duration::from_millis(rand::random_range(5_000..15_000));
        self.one(Of::Streams)
            .ok_or_else(|| used_up("streams", wait))
    }

    fn one(&self, of: Of) -> Option<One> {
        let (count, limit) = self.count(of);
        if limit == 0 {
            return Some(One(None));
        }
        if count.fetch_add(1, Ordering::Relaxed) < limit {
            return Some(One(Some((self.clone(), of))));
        }
        count.fetch_sub(1, Ordering::Relaxed);
        None
    }

    fn count(&self, of: Of) -> (&AtomicU32, u32) {
        let Taken {
            figures,
            requests,
            streams,
            ..
        } = &*self.0;
        match of {
            Of::Requests => (requests, figures.requests),
            Of::Streams => (streams, figures.streams),
        }
    }

    /// Takes so many lookups that may cost something.
    ///
    /// # Errors
    /// The quota is used up.
    pub fn pay(&self, lookups: usize, now: Timestamp) -> Result<(), Failure> {
        let limit = self.0.figures.paid_per_day;
        if limit == 0 {
            return Ok(());
        }
        let mut paid = lock(&self.0.paid);
        let day = now.as_second().div_euclid(DAY);
        if paid.day != day {
            *paid = Paid { day, lookups: 0 };
        }
        let after = paid.lookups + lookups as u64;
        if after > limit {
            let left = DAY - now.as_second().rem_euclid(DAY);
            let wait = Duration::from_secs(left.unsigned_abs());
            return Err(used_up("paid_per_day", wait));
        }
        paid.lookups = after;
        Ok(())
    }

    /// Registers a shipment: `count` counts what is registered, up to a limit that it is given, and
    /// `register` tells whether it is new. Those of one tenant take turns if there is a limit.
    ///
    /// # Errors
    /// The quota is used up, or what the two say.
    pub async fn register<T, C, R>(
        &self,
        count: impl FnOnce(u64) -> C,
        register: R,
    ) -> Result<(T, u64), Failure>
    where
        C: Future<Output = Result<u64, Failure>>,
        R: Future<Output = Result<(T, u64), Failure>>,
    {
        let limit = self.0.figures.shipments;
        if limit == 0 {
            return register.await;
        }
        let mut registered = self.0.registered.lock().await;
        let is_old = registered.at.is_none_or(|at| at.elapsed() >= COUNTED);
        // What was taken back since the last count, here or elsewhere, makes room at once.
        if is_old || registered.count >= limit {
            registered.count = count(limit).await?;
            registered.at = Some(Instant::now());
        }
        if registered.count >= limit {
            return Err(used_up("shipments", FULL));
        }
        let (result, new) = register.await?;
        registered.count += new;
        Ok((result, new))
    }
}

impl Drop for One {
    fn drop(&mut self) {
        if let Some((allowance, of)) = &self.0 {
            allowance.count(*of).0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The tenant has as many connections as it may have.
pub fn too_many_connections() -> Failure {
    used_up("connections_per_principal", Duration::from_secs(5))
}

/// A quota is used up; `subject`: which setting it is.
fn used_up(subject: &'static str, wait: Duration) -> Failure {
    metrics::counter!("waybill_quota_refusals_total", "quota" => subject).increment(1);
    let message = format!("the tenant's quota of {subject} is used up");
    let mut failure = Failure::new(Reason::CallerQuota, message).with("subject", subject);
    failure.retry = Some(wait.clamp(Duration::from_millis(1), LONGEST));
    failure
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(change: impl FnOnce(&mut QuotaSettings)) -> Quotas {
        let mut settings = QuotaSettings::default();
        change(&mut settings);
        settings.check().unwrap();
        let load = LoadSettings {
            requests: 4,
            ..LoadSettings::default()
        };
        Quotas::new(settings, load)
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_as_many_as_the_rate() {
        let quotas = quotas(|it| (it.requests_per_second, it.burst) = (10.0, 5));
        let one = quotas.of("shop-a");
        for _ in 0..5 {
            one.take(1).unwrap();
        }
        let wait = one.take(1).unwrap_err().retry.unwrap();
        assert_eq!(wait.as_millis(), 100);
        quotas.of("shop-b").take(1).unwrap();
        tokio::time::advance(wait).await;
        one.take(1).unwrap();
        assert!(one.take(1).is_err());
        // A list whose call is let in is taken whole and paid for afterwards.
        tokio::time::advance(Duration::from_millis(100)).await;
        one.take(1).unwrap();
        one.owe(49);
        let wait = one.take(1).unwrap_err().retry.unwrap();
        assert_eq!(wait.as_millis(), 5_000);
    }

    #[test]
    fn what_is_at_work_is_given_back() {
        let quotas = quotas(|it| {
            it.streams = 1;
            let own = OwnQuota {
                streams: Some(0),
                ..OwnQuota::default()
            };
            it.tenants.insert("shop-b".to_owned(), own);
        });
        let one = quotas.of("shop-a");
        let held = [one.begin().unwrap(), one.begin().unwrap()];
        let refused = quotas.of("shop-a").begin().err().unwrap();
        assert_eq!(refused.metadata["subject"], "requests_percent");
        drop(held);
        one.begin().unwrap();
        let _stream = one.stream().unwrap();
        assert!(one.stream().is_err());
        let other = quotas.of("shop-b");
        let _all = [other.stream().unwrap(), other.stream().unwrap()];
    }

    #[test]
    fn a_day_has_its_paid_lookups() {
        let one = quotas(|it| it.paid_per_day = 3).of("shop-a");
        let evening: Timestamp = "2026-01-31T23:59:50Z".parse().unwrap();
        one.pay(2, evening).unwrap();
        let wait = one.pay(2, evening).unwrap_err().retry.unwrap();
        assert_eq!(wait.as_secs(), 10);
        one.pay(1, evening).unwrap();
        one.pay(3, evening + jiff::SignedDuration::from_secs(10))
            .unwrap();
    }

    #[tokio::test]
    async fn registrations_are_counted_in_the_store_when_it_seems_full() {
        let one = quotas(|it| it.shipments = 2).of("shop-a");
        let register = async |stored: u64| {
            let count = async move |_| Ok(stored);
            one.register(count, async { Ok(((), 1)) }).await
        };
        register(0).await.unwrap();
        register(9).await.unwrap();
        assert!(register(2).await.is_err());
        register(1).await.unwrap();
    }
}
