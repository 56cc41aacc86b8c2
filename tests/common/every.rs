//! A gateway that knows every source which has a fake.

use std::time::Duration;

use waybill::clock::Clock;
use waybill::config::Config;
use waybill_simulator::Source;

use super::{ANY, World, registry, simulator};

/// Starts the gateway, with limits that no test reaches by accident, once `change` has seen its
/// configuration.
pub async fn world(change: impl FnOnce(&mut Config)) -> World {
    let simulator = simulator(Duration::from_hours(60)).await;
    let mut config = Config::default();
    for source in simulator.sources() {
        config
            .sources
            .insert(source.id().to_owned(), section(source));
    }
    config.server.listen = ANY;
    config.server.side = ANY;
    change(&mut config);
    let clock = Clock::system();
    let app = waybill::app::start(config, registry(), clock.clone())
        .await
        .unwrap();
    World {
        simulator,
        app,
        clock,
    }
}

/// Settings that point at a fake, with limits that no test reaches by accident.
pub fn section(source: &dyn Source) -> toml::Table {
    let limits =
        "limits = { per_second = 10000, burst = 10000, per_day = 0, min_interval = \"0s\" }";
    let mut section: toml::Table = limits.parse().unwrap();
    for (key, value) in source.settings() {
        section.insert(key.to_owned(), value.into());
    }
    section
}
