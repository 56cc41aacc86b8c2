//! A gateway in front of the simulator, for tests of the whole.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests"
)]

pub mod callers;
pub mod commits;
pub mod every;
pub mod figure;
pub mod own;
pub mod plugin;
pub mod post;
pub mod program;
pub mod push;
pub mod python;
pub mod record;
pub mod recording;
pub mod redis;
pub mod shops;
pub mod watching;
pub mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use tonic::transport::Channel;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::{Config, Span};
use waybill::v1;
use waybill::v1::carrier_service_client::CarrierServiceClient;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_core::registry::Registry;
use waybill_simulator::{Options, Simulator};

/// Where nobody's port is fixed.
pub const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A running gateway and its carriers.
pub struct World {
    pub simulator: Simulator,
    pub app: App,
    pub clock: Clock,
}

/// A configuration that points at the simulator, with limits that no test reaches by accident.
pub fn config(simulator: &Simulator) -> Config {
    let limits =
        "limits = { per_second = 10000, burst = 10000, per_day = 0, min_interval = \"0s\" }";
    let text = format!(
        "[dhl]\nbase_url = \"{}\"\napi_key = \"{}\"\n{limits}\n[ups]\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n{limits}\n",
        simulator.dhl().base_url(),
        simulator.dhl().api_key(),
        simulator.ups().base_url(),
        simulator.ups().client_id(),
        simulator.ups().client_secret(),
    );
    let mut config = Config::default();
    for (id, section) in text.parse::<toml::Table>().unwrap() {
        config
            .sources
            .insert(id, section.as_table().unwrap().clone());
    }
    config.server.listen = ANY;
    config.server.side = ANY;
    config.streams.drain_spread = span(0);
    config
}

pub fn span(millis: u64) -> Span {
    Span(Duration::from_millis(millis))
}

pub fn registry() -> Registry {
    Registry::new(waybill_adapters::ALL)
}

/// Carriers whose scripts have run for this long.
pub async fn simulator(elapsed: Duration) -> Simulator {
    Simulator::start(Options {
        elapsed,
        ..Options::live(0.0)
    })
    .await
    .unwrap()
}

impl World {
    /// Starts a gateway whose configuration `change` has seen.
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_at(Duration::from_secs(72 * 3_600), change).await
    }

    pub async fn start_at(elapsed: Duration, change: impl FnOnce(&mut Config)) -> Self {
        let simulator = simulator(elapsed).await;
        let mut config = config(&simulator);
        change(&mut config);
        let clock = Clock::system();
        let app = app::start(config, registry(), clock.clone()).await.unwrap();
        Self {
            simulator,
            app,
            clock,
        }
    }

    pub async fn client(&self) -> TrackingServiceClient<Channel> {
        client(self.app.address).await
    }

    pub async fn carriers(&self) -> CarrierServiceClient<Channel> {
        CarrierServiceClient::new(channel(self.app.address).await)
    }

    pub fn ups_number(&self, scenario: &str) -> String {
        self.simulator
            .ups()
            .scenario(scenario)
            .expect(scenario)
            .number
            .to_owned()
    }

    pub fn dhl_number(&self, scenario: &str) -> String {
        self.simulator
            .dhl()
            .scenario(scenario)
            .expect(scenario)
            .number
            .to_owned()
    }

    pub async fn stop(self) {
        self.app.stop().await;
        self.simulator.stop().await;
    }
}

pub async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

pub async fn client(address: SocketAddr) -> TrackingServiceClient<Channel> {
    TrackingServiceClient::new(channel(address).await)
}

/// A request for a number, and nothing else.
pub fn track(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        tracking_number: number.to_owned(),
        ..Default::default()
    }
}

/// A request that asks the sources now.
pub fn ask(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        max_age: Some(prost_types::Duration::default()),
        ..track(number)
    }
}

/// What a failed call carries besides its code: the reason and the wait in milliseconds.
pub fn trailers(status: &tonic::Status) -> (String, Option<u64>) {
    let text = |key| {
        status
            .metadata()
            .get(key)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let wait = text("waybill-retry-ms").map(|millis| millis.parse().unwrap());
    (text("waybill-reason").unwrap_or_default(), wait)
}

/// What the side port answers.
#[allow(clippy::disallowed_types, reason = "a test looks from outside")]
pub async fn side(world: &World, path: &str) -> String {
    let url = format!("http://{}{path}", world.app.side);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.unwrap().text().await.unwrap()
}

/// Waits until `check` holds; fails the test if it never does.
pub async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never happened: {what}");
}
