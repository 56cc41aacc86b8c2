//! A gateway in front of the simulator, in this process.

use std::time::Duration;

use tonic::transport::Channel;
use waybill::app::App;
use waybill::config::Config;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill_simulator::{Options, Simulator, dhl_load_number, ups_load_number};

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) app: App,
}

impl World {
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        waybill::http::install_crypto();
        let elapsed = Duration::from_secs(72 * 3_600);
        let simulator = Simulator::start(Options {
            elapsed,
            ..Options::live(0.0)
        })
        .await
        .unwrap();
        let limits =
            "limits = { per_second = 100000, burst = 100000, per_day = 0, min_interval = \"0s\" }";
        let text = format!(
            "[dhl]\nbase_url = \"{}\"\napi_key = \"{}\"\n{limits}\n[ups]\nbase_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n{limits}",
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
        config.server.listen = "127.0.0.1:0".parse().unwrap();
        config.server.side = "127.0.0.1:0".parse().unwrap();
        change(&mut config);
        let registry = waybill_core::registry::Registry::new(waybill_adapters::ALL);
        let clock = waybill::clock::Clock::system();
        let app = waybill::app::start(config, registry, clock).await.unwrap();
        Self { simulator, app }
    }

    pub(crate) async fn client(&self) -> TrackingServiceClient<Channel> {
        let url = format!("http://{}", self.app.address);
        TrackingServiceClient::new(Channel::from_shared(url).unwrap().connect().await.unwrap())
    }

    pub(crate) async fn stop(self) {
        self.app.stop().await;
        self.simulator.stop().await;
    }
}

/// The numbers of both carriers in turn.
pub(crate) fn load_number(index: u64) -> String {
    if index.is_multiple_of(2) {
        dhl_load_number(index / 2)
    } else {
        ups_load_number(index / 2)
    }
}

/// A client that knows no gateway.
pub(crate) fn http() -> reqwest::Client {
    waybill::http::install_crypto();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
