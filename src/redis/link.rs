//! The link to a Redis: there, or being restored.
//!
//! The first fault cuts it: from then on there is no connection, while one task knocks after short,
//! growing pauses and restores it when Redis answers. So a Redis that is frozen costs the calls that
//! were under way one time-out, and nobody else anything.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::Rng as _;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::sync::watch;
use tokio::time::Instant;
use waybill_core::adapter::BoxFuture;

use super::{Connection, Server};
use crate::clock::Clock;
use crate::tasks;

/// Pause before the link is tried again: doubles from the first to the last, less up to half.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// A fault that is over sooner is not worth telling.
const BLINK: SignedDuration = SignedDuration::from_secs(1);
/// As long as this a link that was lost may come back before a caller who can wait is turned away.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a Redis is not used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It does not answer, or not now.
    Away(RedisError),
    /// It answers and is not what it has to be: it is tried again, in case somebody changes that.
    Unfit(String),
}

impl From<RedisError> for Unusable {
    fn from(error: RedisError) -> Self {
        Self::Away(error)
    }
}

/// Looks at a new connection before anybody uses it.
pub(crate) type Admit =
    Box<dyn Fn(Connection) -> BoxFuture<'static, Result<(), Unusable>> + Send + Sync>;

/// A link; one task restores it.
pub(crate) struct Link {
    server: Server,
    clock: Clock,
    admit: Admit,
    /// Counts a fault: in which call, of which kind.
    count: fn(&'static str, &'static str),
    state: RwLock<State>,
    /// Told whenever the link is restored.
    restored: watch::Sender<()>,
    /// Times in a row that it was cut or could not be restored; what pauses grow by.
    faults_in_row: AtomicU32,
}

/// There is a connection exactly when Redis may be asked.
enum State {
    Up(Live),
    Down { since: Timestamp, at: Instant },
}

/// A connection of the link.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) connection: Connection,
    /// When something was answered last. Tells connections apart as well: a late fault of an old one
    /// must not cut its successor.
    worked: Arc<Mutex<Instant>>,
}

impl Link {
    /// A link that is down.
    pub(crate) fn new(
        server: Server,
        clock: Clock,
        count: fn(&'static str, &'static str),
        admit: Admit,
    ) -> Arc<Self> {
        let down = State::Down {
            since: clock.now(),
            at: Instant::now(),
        };
        Arc::new(Self {
            server,
            clock,
            admit,
            count,
            state: RwLock::new(down),
            restored: watch::Sender::new(()),
            faults_in_row: AtomicU32::new(0),
        })
    }

    /// Starts to knock. The first time there is no pause: nothing has failed yet.
    pub(crate) fn restore(self: &Arc<Self>) {
        tasks::spawn("redis-link", restore(Arc::downgrade(self)));
    }

    pub(crate) const fn server(&self) -> &Server {
        &self.server
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if there is one.
    pub(crate) fn live(&self) -> Option<Live> {
        match &*self.state() {
            State::Up(live) => Some(live.clone()),
            State::Down { .. } => None,
        }
    }

    /// The connection; one that was lost just now is waited for as long as an answer would be.
    pub(crate) async fn soon(&self) -> Option<Live> {
        let mut restored = self.restored.subscribe();
        let lost = match &*self.state() {
            State::Up(live) => return Some(live.clone()),
            State::Down { at, .. } => *at,
        };
        if lost.elapsed() < PATIENCE {
            let waiting = restored.changed();
            // Either way the state says what came of it.
            let _waited = tokio::time::timeout(self.server.response_timeout(), waiting).await;
        }
        self.live()
    }

    /// Since when it is down, unless that is too short a time to tell.
    pub(crate) fn down_since(&self) -> Option<Timestamp> {
        match *self.state() {
            State::Down { since, .. } if self.clock.now().duration_since(since) > BLINK => {
                Some(since)
            }
            _ => None,
        }
    }

    /// Something was answered.
    pub(crate) fn worked(&self, by: &Live) {
        self.faults_in_row.store(0, Ordering::Relaxed);
        *by.worked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Counts a fault, and cuts the link if it is broken. Says whether it is. A connection that heals
    /// by itself is given up only when nothing at all is answered any more: it has been seen to get
    /// stuck while slots move.
    pub(crate) fn failed(
        self: &Arc<Self>,
        call: &'static str,
        error: &RedisError,
        of: &Live,
    ) -> bool {
        self.count_fault(call, error);
        let worked = *of.worked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_silent = worked.elapsed() >= self.server.response_timeout() / 2;
        let is_lost = is_broken(error) && (is_silent || !of.connection.heals());
        if is_lost {
            self.cut(of);
        }
        is_lost
    }

    /// Stops using `broken`, and starts knocking, unless somebody has done so already.
    fn cut(self: &Arc<Self>, broken: &Live) {
        let mut state = self.state_mut();
        if let State::Up(current) = &*state
            && Arc::ptr_eq(&current.worked, &broken.worked)
        {
            *state = State::Down {
                since: self.clock.now(),
                at: Instant::now(),
            };
            drop(state);
            self.faults_in_row.fetch_add(1, Ordering::Relaxed);
            self.restore();
        }
    }

    fn count_fault(&self, call: &'static str, error: &RedisError) {
        let kind = match error {
            error if error.is_timeout() => "timeout",
            error if is_broken(error) => "connection",
            _ => "refused",
        };
        metrics::counter!("waybill_redis_errors_total", "kind" => kind).increment(1);
        (self.count)(call, kind);
    }

    /// Connects once.
    pub(crate) async fn connect(&self) -> Result<(), Unusable> {
        let connection = self.server.connect().await?;
        (self.admit)(connection.clone()).await?;
        *self.state_mut() = State::Up(Live {
            connection,
            worked: Arc::new(Mutex::new(Instant::now())),
        });
        // Nobody may be waiting.
        self.restored.send_replace(());
        Ok(())
    }

    fn pause(&self) -> Duration {
        let faults = self.faults_in_row.load(Ordering::Relaxed);
        if faults == 0 {
            return Duration::ZERO;
        }
        let doubled = 2_u32.saturating_pow(faults.saturating_sub(1));
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LAST_PAUSE);
        pause.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

/// Knocks until Redis answers or the link is gone.
async fn restore(link: Weak<Link>) {
    let mut told = false;
    loop {
        let Some(pause) = link.upgrade().map(|link| link.pause()) else {
            return;
        };
        tokio::time::sleep(pause).await;
        let Some(link) = link.upgrade() else {
            return;
        };
        match link.connect().await {
            Ok(()) => {
                if told {
                    tracing::info!("redis answers again");
                }
                return;
            }
            Err(Unusable::Away(error)) => {
                link.faults_in_row.fetch_add(1, Ordering::Relaxed);
                link.count_fault("probe", &error);
                if !told {
                    tracing::warn!(kind = error.category(), "redis does not answer");
                }
            }
            Err(Unusable::Unfit(reason)) => {
                link.faults_in_row.fetch_add(1, Ordering::Relaxed);
                (link.count)("probe", "unfit");
                if !told {
                    tracing::error!(reason, "redis answers and cannot be used");
                }
            }
        }
        told = true;
    }
}

/// Tells a broken link from an answer that says no. A server that has become a replica, or is not
/// ready, is as good as gone: another one may have its place.
fn is_broken(error: &RedisError) -> bool {
    let kind = error.kind();
    error.is_io_error()
        || error.is_timeout()
        || error.is_unrecoverable_error()
        || matches!(
            kind,
            ErrorKind::Server(
                ServerErrorKind::MasterDown
                    | ServerErrorKind::ReadOnly
                    | ServerErrorKind::BusyLoading
            )
        )
}

#[cfg(test)]
mod tests {
    use waybill_core::privacy::Secret;

    use super::*;
    use crate::redis::RedisConfig;

    fn link() -> Arc<Link> {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let config = RedisConfig::new(Secret::new("redis://127.0.0.1:1".to_owned()));
        let server = Server::new(&config).unwrap();
        let admit: Admit = Box::new(|_| Box::pin(std::future::ready(Ok(()))));
        Link::new(server, clock, |_, _| {}, admit)
    }

    #[tokio::test]
    async fn pauses_grow_from_a_tenth_of_a_second_to_two_seconds_and_are_spread() {
        let link = link();
        assert_eq!(link.pause(), Duration::ZERO);
        for (faults, longest) in [(1, 100), (2, 200), (4, 800), (6, 2_000), (u32::MAX, 2_000)] {
            link.faults_in_row.store(faults, Ordering::Relaxed);
            let pauses: Vec<_> = (0..100).map(|_| link.pause().as_millis()).collect();
            assert!(pauses.iter().all(|p| (longest / 2..=longest).contains(p)));
            assert!(pauses.iter().any(|p| *p != pauses[0]));
        }
    }
}
