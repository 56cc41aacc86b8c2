//! What an operator can do with a running server: have it read its configuration anew, turn sources
//! on and off, hold breakers, log more for a while, and go.
//!
//! **Invariant:** a configuration is taken whole or not at all. Everything that can be wrong with it
//! is found before anything is put in place, and then nothing can fail any more.

mod diff;
mod log;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use waybill_core::registry::Registry;

use self::log::Log;
use crate::app;
use crate::auth::audit;
use crate::clock::Clock;
use crate::config::{Config, DrainSettings};
use crate::guard::{Hold, Nodes, Which};
use crate::http::Client;
use crate::pipeline::{Pipeline, Rules, Source};
use crate::watch::told;

pub use self::diff::LIVE;

/// How often the files of a configuration are looked at. No file system is asked to tell: those
/// that orchestrators mount often do not.
const LOOK: Duration = Duration::from_secs(2);
/// How often quotas and breakers are shown in the metrics.
const SHOW: Duration = Duration::from_secs(5);

/// Where a configuration comes from, to read it anew.
pub trait Origin: Send + Sync {
    /// Reads it.
    ///
    /// # Errors
    /// Names what is wrong with it, and no credential.
    fn read(&self) -> Result<Config, String>;

    /// A digest of every file that it is read from.
    fn digest(&self) -> [u8; 32];
}

/// The operator's hand on a server. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    pipeline: Pipeline,
    registry: Registry,
    clock: Clock,
    http: Client,
    nodes: Option<Nodes>,
    origin: Option<Box<dyn Origin>>,
    /// What the server runs with; held while another one is read.
    running: Mutex<Config>,
    generation: AtomicU64,
    log: Arc<Log>,
    leave: DrainSettings,
    /// Time over which streams are ended.
    spread: Duration,
    going: watch::Sender<bool>,
}

/// What a server is made of, as far as it can be changed later.
pub struct Making {
    /// What asks the sources.
    pub pipeline: Pipeline,
    /// Every source that there is.
    pub registry: Registry,
    /// Now.
    pub clock: Clock,
    /// The way out.
    pub http: Client,
    /// With whom the limits of sources are shared.
    pub nodes: Option<Nodes>,
    /// Where the configuration comes from; `None`: it cannot be read anew.
    pub origin: Option<Box<dyn Origin>>,
    /// What the server was started with.
    pub config: Config,
}

/// What reading the configuration anew came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// How often it has been read, the start counted.
    pub generation: u64,
    /// Settings that differ from before and are in force now.
    pub applied: Vec<String>,
    /// Settings that differ from those that the server runs with and need a start.
    pub restart: Vec<String>,
}

/// When what happens once a server goes, counted from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    /// No more calls are taken.
    pub stops: Duration,
    /// The last stream has been ended.
    pub streams: Duration,
    /// Calls that still run are refused.
    pub calls: Duration,
    /// The server has ended.
    pub exits: Duration,
}

impl Control {
    /// Of a server.
    pub fn new(making: Making) -> Self {
        let Making {
            pipeline,
            registry,
            clock,
            http,
            nodes,
            origin,
            config,
        } = making;
        metrics::gauge!("waybill_config_generation").set(1);
        Self(Arc::new(Inner {
            log: Arc::new(Log::new(&config.log.filter)),
            leave: config.drain.clone(),
            spread: config.streams.drain_spread.0,
            running: Mutex::new(config),
            generation: AtomicU64::new(1),
            going: watch::channel(false).0,
            pipeline,
            registry,
            clock,
            http,
            nodes,
            origin,
        }))
    }

    /// How often the configuration has been read, the start counted.
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Reads the configuration anew and takes it, or only checks it if `dry` says so. `cause` says in
    /// the log why: a signal, a change of the file, an operator.
    ///
    /// # Errors
    /// What is wrong with it; the one before stays.
    pub async fn reload(&self, cause: &'static str, dry: bool) -> Result<Reloaded, String> {
        let result = self.try_reload(dry).await;
        if dry {
            return result;
        }
        let label = if result.is_ok() { "ok" } else { "error" };
        metrics::counter!("waybill_config_reloads_total", "result" => label).increment(1);
        match &result {
            Ok(reloaded) => {
                #[expect(clippy::cast_precision_loss, reason = "a count of reads")]
                metrics::gauge!("waybill_config_generation").set(reloaded.generation as f64);
                audit::configured(
                    cause,
                    reloaded.generation,
                    &reloaded.applied.join(" "),
                    &reloaded.restart.join(" "),
                );
            }
            Err(reason) => tracing::error!(
                cause,
                reason,
                generation = self.generation(),
                "the configuration is not usable; the one before stays"
            ),
        }
        result
    }

    async fn try_reload(&self, dry: bool) -> Result<Reloaded, String> {
        let inner = &self.0;
        let origin = inner.origin.as_ref();
        let origin = origin.ok_or("this server's configuration comes from no file")?;
        let mut running = inner.running.lock().await;
        let new = origin.read()?;
        new.check_all()?;
        crate::telemetry::read_filter(&new.log.filter)?;
        let (applied, restart) = diff::between(&running, &new);
        let taken = diff::live(&running, &new);
        let live = inner.pipeline.live();
        let before = &live.configured.sources;
        let (registry, clock) = (inner.registry, &inner.clock);
        let sources = app::sources_after(
            &taken,
            registry,
            clock,
            &inner.http,
            before,
            inner.nodes.as_ref(),
        )?;
        let mut reloaded = Reloaded {
            generation: self.generation(),
            applied,
            restart,
        };
        // Files of credentials are named, not held, by their sections.
        for source in &sources {
            let same = before.iter().any(|before| {
                before.descriptor.id == source.descriptor.id
                    && before.account == source.account
                    && before.made_of.credentials == source.made_of.credentials
            });
            let name = format!("sources.{}", source.descriptor.id);
            if !same && !reloaded.applied.contains(&name) {
                reloaded.applied.push(name);
            }
        }
        reloaded.applied.sort();
        if dry {
            return Ok(reloaded);
        }
        inner.pipeline.renew(Rules {
            sources,
            routing: taken.routing.clone(),
            policy: taken.freshness,
            patience: taken.calls.patience.0,
        });
        inner.log.configure(&taken.log.filter);
        crate::telemetry::set_kept_percent(taken.log.kept_percent);
        *running = taken;
        reloaded.generation = inner.generation.fetch_add(1, Ordering::AcqRel) + 1;
        Ok(reloaded)
    }

    /// Shows for ever what is left of the quotas, and how breakers stand.
    pub async fn show(self) {
        loop {
            for source in self.0.pipeline.live().configured.sources.iter() {
                // Whoever looks ends an operator's word whose time is over.
                let _noticed = source.guard.breakers();
                let spent = source.guard.spent();
                let (id, account) = (source.descriptor.id, &source.account);
                let left = |window: &'static str, left: f64| {
                    metrics::gauge!(
                        "waybill_quota_remaining",
                        "source" => id,
                        "account" => account.clone(),
                        "window" => window,
                    )
                    .set(left);
                };
                left("burst", spent.burst_left);
                if spent.day_limit > 0 {
                    let day = spent.day_limit.saturating_sub(spent.day_used);
                    left("day", f64::from(day));
                }
            }
            tokio::time::sleep(SHOW).await;
        }
    }

    /// Looks at the files of the configuration for ever, and takes what they have become.
    pub async fn watch(self) {
        let Some(origin) = &self.0.origin else {
            return;
        };
        let mut seen = origin.digest();
        loop {
            tokio::time::sleep(LOOK).await;
            let digest = origin.digest();
            if digest != seen {
                seen = digest;
                // Said where it happened. A file that is half written is read again when it is whole.
                let _reported = self.reload("file", false).await;
            }
        }
    }

    /// Accounts of a source, on or off; those of all sources, or all of a source, for empty names.
    pub fn accounts(&self, source: &str, account: &str) -> Vec<Arc<Source>> {
        let live = self.0.pipeline.live();
        let all = live.configured.sources.iter();
        let mut found: Vec<Arc<Source>> = all
            .filter(|it| source.is_empty() || it.descriptor.id == source)
            .filter(|it| account.is_empty() || it.account == account)
            .cloned()
            .collect();
        found.sort_by(|a, b| (a.descriptor.id, &a.account).cmp(&(b.descriptor.id, &b.account)));
        found
    }

    /// Turns accounts on or off, or lets them be as configured.
    pub fn switch(&self, sources: &[Arc<Source>], on: Option<bool>) {
        self.0.pipeline.switch(sources, on);
    }

    /// Has breakers let everybody or nobody through for a time, or decide for themselves.
    pub fn hold(&self, sources: &[Arc<Source>], which: Which, order: Option<(bool, Duration)>) {
        let hold = order.map(|(passing, time)| Hold {
            passing,
            until: Instant::now() + time,
        });
        for source in sources {
            source.guard.hold(which, hold);
        }
    }

    /// Logs by a filter for a time; an empty one: by the configured one again. Says what is logged
    /// now, and until when.
    ///
    /// # Errors
    /// A filter that cannot be read, or a process that does not log by ours.
    pub fn set_log(
        &self,
        filter: &str,
        time: Duration,
    ) -> Result<(String, Option<Timestamp>), String> {
        let until = self.0.clock.now().saturating_add(time).ok();
        let filter = Log::set(&self.0.log, filter, time)?;
        let until = until.filter(|_| !time.is_zero());
        Ok((filter, until))
    }

    /// Has the server go as after SIGTERM, and says when what happens.
    pub fn leave(&self) -> Phases {
        self.0.going.send_replace(true);
        let (leave, notice) = (&self.0.leave, self.0.leave.notice.0);
        Phases {
            stops: notice,
            streams: notice + self.0.spread,
            calls: notice + leave.calls.0,
            exits: leave.total.0,
        }
    }

    /// Waits until somebody has the server go.
    pub async fn asked_to_leave(&self) {
        told(&mut self.0.going.subscribe()).await;
    }
}
