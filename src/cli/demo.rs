//! `waybill demo`: simulated carriers, a gateway, and a told tour through real gRPC calls.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tonic::transport::Channel;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::telemetry;
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_message::Kind;
use waybill_core::adapter::Hints;
use waybill_core::number::{self, TrackingNumber};
use waybill_core::registry::Registry;
use waybill_simulator::{Fault, Options as SimulatorOptions, Scenario, Simulator};

use super::{client, print, sim};

#[derive(Args)]
pub(super) struct Options {
    /// Stay when the tour is over, and print how to call the gateway.
    #[arg(long)]
    keep: bool,
    /// Address of the gRPC port; a free one if it is not given.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// How much of the scripts has happened when the tour begins.
const ELAPSED: Duration = Duration::from_secs(52 * 3_600);
/// How long the tour waits for a change that it has caused.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(options: Options, registry: Registry) -> Result<ExitCode, String> {
    telemetry::init(telemetry::Format::Plain, "error")?;
    let simulated = SimulatorOptions {
        elapsed: ELAPSED,
        control_port: options.keep.then_some(0),
        ..SimulatorOptions::live(0.0)
    };
    let simulator = Simulator::start(simulated)
        .await
        .map_err(|error| error.to_string())?;
    let app = app::start(
        config(&simulator, options.listen)?,
        registry,
        Clock::system(),
    )
    .await?;
    let client = client::connect(&format!("http://{}", app.address)).await?;
    Tour {
        simulator: &simulator,
        app: &app,
        client,
    }
    .tell()
    .await?;
    if options.keep {
        stay(&simulator, &app).await?;
    }
    app.stop().await;
    simulator.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// A gateway in a hurry: data is fresh for seconds, so that changes can be watched.
fn config(simulator: &Simulator, listen: SocketAddr) -> Result<Config, String> {
    let sources: toml::Table = sim::config(simulator)
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())?;
    let mut config: Config = Config::default();
    for (id, section) in sources
        .get("sources")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
    {
        if let toml::Value::Table(section) = section {
            config.sources.insert(id.clone(), section.clone());
        }
    }
    let hurry = Duration::from_secs(1);
    config.freshness.label = hurry;
    config.freshness.transit = hurry;
    config.freshness.out_for_delivery = hurry;
    config.freshness.exception = hurry;
    config.freshness.not_found = hurry;
    config.server.listen = listen;
    config.server.side = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(config)
}

struct Tour<'a> {
    simulator: &'a Simulator,
    app: &'a App,
    client: TrackingServiceClient<Channel>,
}

impl Tour<'_> {
    async fn tell(mut self) -> Result<(), String> {
        println!("{}", print::bold("waybill demo"));
        println!(
            "A gateway on {}, and two carriers on loopback that speak their real",
            self.app.address
        );
        println!("wire formats: DHL at {}", self.simulator.dhl().base_url());
        println!("              UPS at {}\n", self.simulator.ups().base_url());
        self.detect();
        self.scenarios().await?;
        self.outage().await?;
        self.live().await?;
        println!("{}", print::bold("That was the tour."));
        Ok(())
    }

    fn detect(&self) {
        chapter(1, "Whose number is it? (asks nobody)");
        let scenarios = self.scenario_list();
        for scenario in scenarios
            .iter()
            .filter(|scenario| scenario.name == "delivered")
        {
            let Ok(number) = TrackingNumber::parse(scenario.number) else {
                continue;
            };
            println!("{}", scenario.number);
            for candidate in number::detect(&number, &Hints::default()).iter().take(2) {
                println!(
                    "  {}. {} ({}): {}",
                    candidate.rank, candidate.carrier, candidate.format, candidate.reason
                );
            }
        }
        println!();
    }

    fn scenario_list(&self) -> Vec<Scenario> {
        let mut all = self.simulator.ups().scenarios();
        all.extend(self.simulator.dhl().scenarios());
        all
    }

    async fn scenarios(&mut self) -> Result<(), String> {
        chapter(
            2,
            "One call per parcel, each answered by the carrier over HTTP",
        );
        for scenario in self.scenario_list() {
            println!("{} - {}", print::bold(scenario.number), scenario.title);
            let response = self.track(scenario.number, Some(0)).await?;
            if response.shipments.is_empty() {
                let outcome = response.outcomes.first();
                let result =
                    outcome.map_or("nobody was asked", |outcome| outcome.result().as_str_name());
                println!("  {}", print::words(result, "SOURCE_RESULT_"));
            }
            for record in &response.shipments {
                println!(
                    "  {:<20} {}",
                    print::words(record.status().as_str_name(), "SHIPMENT_STATUS_"),
                    print::time(record.last_event_time.as_ref()),
                );
                if let Some(position) = print::position(record) {
                    println!("{position}");
                }
                for problem in record
                    .exceptions
                    .iter()
                    .filter(|it| it.close_time.is_none())
                {
                    println!("  ! {}", print::exception(problem));
                }
            }
        }
        println!();
        Ok(())
    }

    async fn outage(&mut self) -> Result<(), String> {
        chapter(3, "A carrier stops answering");
        let number = self.named("out-for-delivery", "delivered")?;
        let asked = self.simulator.dhl().requests();
        self.simulator.dhl().set_fault(Some(Fault::Hang));
        println!("DHL hangs. Its parcel is still answered, from what is held:");
        for _ in 0..8 {
            let response = self.track(&number, Some(0)).await?;
            let outcome = response
                .outcomes
                .first()
                .map_or("", |outcome| outcome.result().as_str_name());
            let freshness = response
                .freshness
                .as_ref()
                .map(print::freshness)
                .unwrap_or_default();
            println!(
                "  {} record(s), source: {}, data: {freshness}",
                response.shipments.len(),
                print::words(outcome, "SOURCE_RESULT_"),
            );
            if outcome == "SOURCE_RESULT_TRIPPED" {
                break;
            }
            // The answer of a failed source is kept for a while; ask past it.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let spent = self.simulator.dhl().requests() - asked;
        self.simulator.dhl().set_fault(None);
        println!("It cost DHL {spent} requests. It answers again; UPS never noticed.\n");
        Ok(())
    }

    async fn live(&mut self) -> Result<(), String> {
        chapter(4, "Live changes over Follow");
        let numbers: Vec<String> = self
            .simulator
            .ups()
            .scenarios()
            .iter()
            .take(6)
            .map(|it| it.number.to_owned())
            .collect();
        let view = v1::ShipmentView::Standard as i32;
        let mut stream = self
            .client
            .follow(client::subscription(&numbers, view))
            .await
            .map_err(|status| client::failure(&status))?
            .into_inner();
        let mut updates = 0;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while updates < 3 {
            let message = tokio::time::timeout_at(deadline, stream.message())
                .await
                .map_err(|_| "the stream told of no change in time".to_owned())?
                .map_err(|status| client::failure(&status))?
                .ok_or("the stream ended")?;
            match message.kind {
                Some(Kind::Synced(synced)) => {
                    println!(
                        "Following {} parcels. A day passes at UPS ...",
                        synced.shipment_count
                    );
                    self.simulator.advance(Duration::from_secs(30 * 3_600));
                }
                Some(Kind::Update(update)) if update.change() == v1::WatchChange::Updated => {
                    updates += 1;
                    let Some(record) = update.shipment else {
                        continue;
                    };
                    println!(
                        "  {} is now {} (revision {}, {} new events)",
                        record.tracking_number,
                        print::words(record.status().as_str_name(), "SHIPMENT_STATUS_"),
                        record.revision,
                        update.new_event_ids.len(),
                    );
                }
                _ => {}
            }
        }
        println!();
        Ok(())
    }

    /// Number of the first of these DHL scenarios that exists.
    fn named(&self, first: &str, second: &str) -> Result<String, String> {
        let dhl = self.simulator.dhl();
        let scenario = dhl.scenario(first).or_else(|| dhl.scenario(second));
        scenario
            .map(|it| it.number.to_owned())
            .ok_or_else(|| format!("no scenario {second}"))
    }

    async fn track(
        &mut self,
        number: &str,
        max_age: Option<i64>,
    ) -> Result<v1::TrackResponse, String> {
        let mut request = tonic::Request::new(v1::TrackRequest {
            tracking_number: number.to_owned(),
            max_age: max_age.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            ..Default::default()
        });
        request.set_timeout(Duration::from_millis(1_500));
        let response = self.client.track(request).await;
        response
            .map(tonic::Response::into_inner)
            .map_err(|status| client::failure(&status))
    }
}

fn chapter(number: u32, title: &str) {
    println!("{}", print::bold(&format!("{number}. {title}")));
}

async fn stay(simulator: &Simulator, app: &App) -> Result<(), String> {
    let number = simulator
        .ups()
        .scenarios()
        .first()
        .map_or("", |it| it.number);
    println!("The gateway stays until you press Ctrl-C. From another terminal:");
    println!("  waybill track {number} --address http://{}", app.address);
    println!("  waybill follow {number} --address http://{}", app.address);
    println!(
        "  buf curl --http2-prior-knowledge --protocol grpc -d '{{\"trackingNumber\":\"{number}\"}}' http://{}/waybill.v1.TrackingService/Track",
        app.address
    );
    println!("  curl http://{}/metrics", app.side);
    if let Some(control) = simulator.control_address() {
        println!("  curl http://{control}/_sim");
        println!("  curl -X POST 'http://{control}/_sim/fault?carrier=dhl&fault=hang'");
    }
    super::serve::stop_signal().await
}
