//! Fake carriers on 127.0.0.1 that speak the real wire formats of DHL Unified Tracking, UPS
//! Tracking and AfterShip.
//!
//! For tests, demonstrations and load. The formats are written here from the carriers' documents and on
//! purpose not shared with the adapters, so that one can catch the other's mistakes. All parcels are made up.

mod aftership;
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

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use aftership::{
    AFTERSHIP_AES, AfterShip, aftership_load_number, aftership_push, aftership_sign,
};
pub use clock::Clock;
pub use dhl::{Dhl, dhl_load_number};
pub use fake::{Fake, Source, Target};
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
    /// Ports of fakes by source id; the system chooses the others.
    pub ports: BTreeMap<String, u16>,
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
            ports: BTreeMap::new(),
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

/// Every fake, shared with the control port.
type Sources = Arc<[Box<dyn Source>]>;

/// The running fakes. They end when this is dropped.
pub struct Simulator {
    clock: Clock,
    dhl: Fake<Dhl>,
    ups: Fake<Ups>,
    sources: Sources,
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
        let mut fakes = Fakes {
            ports: options.ports,
            sources: Vec::new(),
            running: Vec::new(),
        };
        let dhl = fakes.start(Dhl::new(clock.clone())).await?;
        let ups = fakes.start(Ups::new(clock.clone())).await?;
        fakes.start(AfterShip::new(clock.clone())).await?;
        let Fakes {
            sources,
            mut running,
            ..
        } = fakes;
        let sources: Sources = sources.into();
        let mut control = None;
        if let Some(port) = options.control_port {
            let (address, server) =
                control::start(port, clock.clone(), Arc::clone(&sources), ups.clone()).await?;
            control = Some(address);
            running.push(server);
        }
        Ok(Self {
            clock,
            dhl,
            ups,
            sources,
            control,
            running,
        })
    }

    /// Every fake, in the order of the list in `start`.
    pub fn sources(&self) -> impl Iterator<Item = &dyn Source> {
        self.sources.iter().map(AsRef::as_ref)
    }

    /// The fake of a source.
    pub fn source(&self, id: &str) -> Option<&dyn Source> {
        self.sources().find(|source| source.id() == id)
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

/// Fakes on their way up.
struct Fakes {
    ports: BTreeMap<String, u16>,
    sources: Vec<Box<dyn Source>>,
    running: Vec<Running>,
}

impl Fakes {
    async fn start<C: fake::Dialect>(&mut self, dialect: C) -> io::Result<Fake<C>> {
        let port = self.ports.get(dialect.id()).copied().unwrap_or_default();
        let (fake, running) = fake::start(dialect, port).await?;
        self.sources.push(Box::new(fake.clone()));
        self.running.push(running);
        Ok(fake)
    }
}

/// Locks; a panic elsewhere while holding the lock does not make the values unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
