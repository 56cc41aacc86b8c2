//! Fake carriers on 127.0.0.1 that speak the real wire formats of DHL Unified Tracking and UPS Tracking.
//!
//! For tests, demonstrations and load. The formats are written here from the carriers' documents and on
//! purpose not shared with the adapters, so that one can catch the other's mistakes. All parcels are made up.

mod body;
mod clock;
mod control;
mod dhl;
mod fake;
mod fault;
mod quota;
mod scenario;
mod seen;
mod server;
mod ups;

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use clock::Clock;
pub use dhl::{Dhl, dhl_load_number};
pub use fake::{Fake, Target};
pub use fault::{ErrorBody, Fault, RetryAfter, UnknownFault};
pub use quota::Quota;
pub use scenario::Scenario;
pub use seen::{Kind, Seen};
pub use ups::{Ups, ups_load_number};

use server::Running;

/// No script is longer than this.
pub const SPAN: Duration = Duration::from_secs(10 * 86_400);

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The instant from which scripted events are counted.
    pub start: Timestamp,
    /// How much of the scripts has already happened.
    pub elapsed: Duration,
    /// Simulated seconds in a real one; 0 stops the clock.
    pub speed: f64,
    /// Port of the fake DHL; 0 lets the system choose.
    pub dhl_port: u16,
    /// Port of the fake UPS; 0 lets the system choose.
    pub ups_port: u16,
    /// Port of the control listener, if there is to be one.
    pub control_port: Option<u16>,
}

impl Default for Options {
    /// A clock that stands still at the start of the scripts, on a fixed date: what tests want.
    fn default() -> Self {
        Self {
            start: Timestamp::constant(1_772_438_400, 0),
            elapsed: Duration::ZERO,
            speed: 0.0,
            dhl_port: 0,
            ups_port: 0,
            control_port: None,
        }
    }
}

impl Options {
    /// Scripts that play at `speed` and whose events all lie in the real past, however fast they play.
    pub fn live(speed: f64) -> Self {
        let span = SignedDuration::try_from(SPAN).unwrap_or(SignedDuration::ZERO);
        let start = Timestamp::now()
            .checked_sub(span)
            .unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            start,
            speed,
            ..Self::default()
        }
    }
}

/// The running fakes. They end when this is dropped.
pub struct Simulator {
    clock: Clock,
    dhl: Fake<Dhl>,
    ups: Fake<Ups>,
    control: Option<SocketAddr>,
    running: Vec<Running>,
}

impl Simulator {
    /// Binds loopback ports and starts answering.
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let clock = Clock::new(options.start, options.elapsed, options.speed);
        let (dhl, dhl_running) = fake::start(Dhl::new(clock.clone()), options.dhl_port).await?;
        let (ups, ups_running) = fake::start(Ups::new(clock.clone()), options.ups_port).await?;
        let mut running = vec![dhl_running, ups_running];
        let mut control = None;
        if let Some(port) = options.control_port {
            let (address, server) =
                control::start(port, clock.clone(), dhl.clone(), ups.clone()).await?;
            control = Some(address);
            running.push(server);
        }
        Ok(Self {
            clock,
            dhl,
            ups,
            control,
            running,
        })
    }

    /// The fake DHL.
    pub fn dhl(&self) -> &Fake<Dhl> {
        &self.dhl
    }

    /// The fake UPS.
    pub fn ups(&self) -> &Fake<Ups> {
        &self.ups
    }

    /// Simulated time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Moves simulated time forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Sets simulated time.
    pub fn set_now(&self, at: Timestamp) {
        self.clock.set_now(at);
    }

    /// Where the control listener is, if one was asked for.
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control
    }

    /// Closes every listener and connection and returns once the ports are free.
    pub async fn stop(self) {
        for server in self.running {
            server.stop().await;
        }
    }
}

/// Locks; a panic elsewhere while holding the lock does not make the values unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
