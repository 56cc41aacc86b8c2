//! Fake carriers and aggregators on 127.0.0.1, one for each source of the gateway that is asked over HTTP,
//! speaking its real wire format.
//! Fake carriers on 127.0.0.1 that speak the real wire formats of DHL Unified Tracking, UPS
//! Tracking and AfterShip.
//!
//! For tests, demonstrations and load. The formats are written here from the carriers' documents and on
//! purpose not shared with the adapters, so that one can catch the other's mistakes. All parcels are made up.

mod aftership;
mod body;
mod cainiao;
mod china_post;
mod clock;
mod control;
mod dhl;
mod dhl_express;
mod dhl_parcel_de;
mod fake;
mod fault;
mod fedex;
mod kuaidi100;
mod push;
mod quota;
mod scenario;
mod seen;
mod server;
mod sf;
mod track17;
mod ups;
mod usps;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use aftership::{
    AFTERSHIP_AES, AfterShip, aftership_load_number, aftership_push, aftership_sign,
};
pub use cainiao::{Cainiao, cainiao_load_number};
pub use china_post::{china_post_load_number, china_post_push};
pub use clock::Clock;
pub use dhl::{Dhl, dhl_load_number};
pub use fake::{Fake, Source, Target};
pub use fault::{ErrorBody, Fault, RetryAfter, UnknownFault};
pub use fedex::{Fedex, fedex_load_number};
pub use kuaidi100::{Kuaidi100, Kuaidi100Push, kuaidi100_load_number};
pub use push::Push;
pub use quota::Quota;
pub use scenario::Scenario;
pub use seen::{Kind, Seen};
pub use track17::{Track17, track17_load_number, track17_push};
pub use ups::{Ups, ups_load_number};

use dhl_express::DhlExpress;
use dhl_parcel_de::DhlParcelDe;
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
    /// Where the gateway takes pushes, if the control listener is to send some.
    pub push_to: Option<SocketAddr>,
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
            push_to: None,
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
    cainiao: Fake<Cainiao>,
    dhl: Fake<Dhl>,
    fedex: Fake<Fedex>,
    ups: Fake<Ups>,
    kuaidi100: Fake<Kuaidi100>,
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
        let fedex = fakes.start(Fedex::new(clock.clone())).await?;
        fakes.start(usps::Usps::new(clock.clone())).await?;
        fakes.start(DhlExpress::new(clock.clone())).await?;
        fakes.start(DhlParcelDe::new(clock.clone())).await?;
        fakes
            .start(china_post::ChinaPost::new(clock.clone()))
            .await?;
        let cainiao = fakes.start(Cainiao::new(clock.clone())).await?;
        fakes.start(sf::Sf::new(clock.clone())).await?;
        let kuaidi100 = fakes.start(Kuaidi100::new(clock.clone())).await?;
        fakes.start(Track17::new(clock.clone())).await?;
        fakes.start(AfterShip::new(clock.clone())).await?;
        let Fakes {
            sources,
            mut running,
            ..
        } = fakes;
        let sources: Sources = sources.into();
        let mut control = None;
        if let Some(port) = options.control_port {
            let (address, server) = control::start(
                port,
                clock.clone(),
                Arc::clone(&sources),
                ups.clone(),
                options.push_to,
            )
            .await?;
            control = Some(address);
            running.push(server);
        }
        Ok(Self {
            clock,
            cainiao,
            dhl,
            fedex,
            ups,
            kuaidi100,
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

    /// The fake Cainiao.
    pub fn cainiao(&self) -> &Fake<Cainiao> {
        &self.cainiao
    }

    /// The fake DHL.
    pub fn dhl(&self) -> &Fake<Dhl> {
        &self.dhl
    }

    /// The fake FedEx.
    pub fn fedex(&self) -> &Fake<Fedex> {
        &self.fedex
    }

    /// The fake UPS.
    pub fn ups(&self) -> &Fake<Ups> {
        &self.ups
    }

    /// The fake Kuaidi100.
    pub fn kuaidi100(&self) -> &Fake<Kuaidi100> {
        &self.kuaidi100
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
