//! `waybill demo`: simulated carriers, a gateway, and a told tour through real gRPC calls.

mod story;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tonic::transport::Channel;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::pipeline::Aggregators;
use waybill::telemetry;
use waybill::v1;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_message::Kind;
use waybill_core::adapter::Hints;
use waybill_core::number::{self, Candidate, TrackingNumber};
use waybill_core::registry::Registry;
use waybill_simulator::{Fault, Options as SimulatorOptions, Scenario, Simulator, Source};

use super::out::say;
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
/// How much more happens while the tour follows parcels.
const LATER: Duration = Duration::from_secs(30 * 3_600);
/// How long the tour waits for a change that it has caused.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a source is left alone in the tour before it is tried again.
const LEFT_ALONE: Duration = Duration::from_secs(2);
/// Shipments of one answer that are told one by one.
const FEW: usize = 3;
/// Asks for the newest, whatever is held.
const NOW: Option<i64> = Some(0);

pub(super) async fn run(options: Options, registry: Registry) -> Result<ExitCode, String> {
    telemetry::init(telemetry::Format::Plain, "error")?;
    let stop = super::serve::stop_signal()?;
    let now = Clock::system().now();
    let simulated = SimulatorOptions {
        start: now
            .checked_sub(ELAPSED)
            .map_err(|error| error.to_string())?,
        elapsed: ELAPSED,
        control_port: options.keep.then_some(0),
        ..SimulatorOptions::default()
    };
    let simulator = Simulator::start(simulated)
        .await
        .map_err(|error| error.to_string())?;
    // Carriers and gateway live by one clock, so that a day can pass in a moment.
    let clock = Clock::manual(now);
    let config = config(&simulator, options.listen)?;
    let app = app::start(config, registry, clock.clone()).await?;
    let client = client::connect_openly(&format!("http://{}", app.address)).await?;
    let tour = Tour {
        simulator: &simulator,
        app: &app,
        clock,
        client,
    };
    let kept = async {
        let tour = tour.tell().await?;
        if options.keep {
            tour.stay().await;
        }
        Ok::<(), String>(())
    };
    let ended = tokio::select! {
        ended = kept => ended,
        _ = stop => Ok(()),
    };
    app.stop().await;
    simulator.stop().await;
    ended.map(|()| ExitCode::SUCCESS)
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
            let mut section = section.clone();
            if let Some(toml::Value::Table(limits)) = section.get_mut("limits") {
                limits.insert("timeout".to_owned(), "1s".into());
            }
            config.sources.insert(id.clone(), section);
        }
    }
    let hurry = Duration::from_secs(1);
    config.freshness.label = hurry;
    config.freshness.transit = hurry;
    config.freshness.out_for_delivery = hurry;
    config.freshness.exception = hurry;
    config.freshness.not_found = hurry;
    config.routing.aggregators = Aggregators::Beside;
    config.guard.breaker.base = LEFT_ALONE;
    config.server.listen = listen;
    config.server.side = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(config)
}

struct Tour<'a> {
    simulator: &'a Simulator,
    app: &'a App,
    clock: Clock,
    client: TrackingServiceClient<Channel>,
}

impl Tour<'_> {
    async fn tell(mut self) -> Result<Self, String> {
        say!("{}", print::bold("waybill demo"));
        say!(
            "A gateway on {}, and {} simulated sources on this machine that speak the",
            self.app.address,
            self.simulator.sources().count()
        );
        say!("wire formats of the real ones. Parcels and places are made up, the calls are not.");
        say!("  DHL  {}", self.simulator.dhl().base_url());
        say!("  UPS  {}\n", self.simulator.ups().base_url());
        self.detect();
        self.scenarios().await?;
        self.outage().await?;
        self.live().await?;
        self.every_source().await?;
        self.story().await?;
        say!("{}", print::bold("That was the tour."));
        Ok(self)
    }

    fn detect(&self) {
        chapter(1, "Whose number is it? (asks nobody)");
        for (_, scenario) in self.all().iter().filter(|(_, it)| it.name == "delivered") {
            say!("{}", scenario.number);
            for candidate in candidates(scenario.number).iter().take(2) {
                say!(
                    "  {}. {} ({}): {}",
                    candidate.rank,
                    candidate.carrier,
                    candidate.format,
                    candidate.reason
                );
            }
        }
        say!("");
    }

    /// Every scenario with the carrier that plays it.
    fn all(&self) -> Vec<(&'static str, Scenario)> {
        let ups = self.simulator.ups().scenarios();
        let dhl = self.simulator.dhl().scenarios();
        let ups = ups.into_iter().map(|scenario| ("ups", scenario));
        let dhl = dhl.into_iter().map(|scenario| ("dhl", scenario));
        ups.chain(dhl).collect()
    }

    async fn scenarios(&mut self) -> Result<(), String> {
        chapter(
            2,
            "One gRPC call per parcel, each asking the carrier over HTTP",
        );
        say!(
            "The clock says {}.",
            self.clock.now().strftime("%F %H:%M UTC")
        );
        for (carrier, scenario) in self.all() {
            say!("{} - {}", print::bold(scenario.number), scenario.title);
            let known = candidates(scenario.number)
                .iter()
                .any(|candidate| candidate.carrier == carrier);
            if !known {
                say!("  (its form does not point to {carrier}, so the call names it)");
            }
            let named = if known { "" } else { carrier };
            let response = self.track(scenario.number, named, NOW).await?;
            if response.shipments.is_empty() {
                say!("  {}", outcome(&response));
            }
            if response.shipments.len() > FEW {
                summary(&response.shipments);
            } else {
                response.shipments.iter().for_each(state);
            }
        }
        say!("");
        Ok(())
    }

    /// One parcel of every source.
    async fn every_source(&mut self) -> Result<(), String> {
        chapter(5, "Every source");
        let simulator = self.simulator;
        for source in simulator.sources() {
            let Some(scenario) = source
                .scenario("delivered")
                .or_else(|| source.scenarios().into_iter().next())
            else {
                continue;
            };
            let response = self.ask(self.request(scenario.number, source)).await?;
            let status = response.shipments.first();
            let status = status.map_or_else(
                || "no shipment".to_owned(),
                |record| print::words(record.status().as_str_name(), "SHIPMENT_STATUS_"),
            );
            say!(
                "  {:14} {} - {status}; {}",
                source.id(),
                print::bold(scenario.number),
                outcome(&response)
            );
        }
        say!("");
        Ok(())
    }

    /// A question to one source, whatever it costs.
    fn request(&self, number: &str, source: &dyn Source) -> v1::TrackRequest {
        let sources = self.app.pipeline.sources();
        let known = sources.iter().find(|it| source.id() == it.descriptor.id);
        v1::TrackRequest {
            tracking_number: number.to_owned(),
            carrier: known.map_or_else(String::new, |it| it.descriptor.carrier.to_owned()),
            sources: vec![source.id().to_owned()],
            allow_paid: true,
            wait_for_all_sources: true,
            ..Default::default()
        }
    }

    async fn ask(&self, request: v1::TrackRequest) -> Result<v1::TrackResponse, String> {
        let answer = self.client.clone().track(request).await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| client::failure(&status))
    }

    async fn outage(&mut self) -> Result<(), String> {
        chapter(3, "A carrier stops answering");
        let dhl = self.simulator.dhl();
        let number = number_of(dhl.scenario("in-transit"))?;
        let other = number_of(self.simulator.ups().scenario("in-transit"))?;
        let asked = dhl.requests();
        dhl.set_fault(Some(Fault::Hang));
        say!("DHL takes requests and answers none. {number} is still answered, from what is held:");
        let mut calls = 0;
        loop {
            self.pass(Duration::from_secs(60));
            let response = self.track(number, "", NOW).await?;
            calls += 1;
            say!("  {}", answered(&response));
            let tripped = |it: &v1::SourceOutcome| it.result() == v1::SourceResult::Tripped;
            if response.outcomes.iter().any(tripped) {
                break;
            }
            if calls == 10 {
                return Err("the breaker did not trip".to_owned());
            }
        }
        say!(
            "{calls} calls cost DHL {} requests; now it is left alone and costs none.",
            dhl.requests() - asked
        );
        let response = self.track(other, "", NOW).await?;
        say!("UPS is not concerned: {other} {}", answered(&response));
        dhl.set_fault(None);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            tokio::time::sleep(LEFT_ALONE).await;
            self.pass(Duration::from_secs(60));
            let response = self.track(number, "", NOW).await?;
            let found = |it: &v1::SourceOutcome| it.result() == v1::SourceResult::Found;
            if response.outcomes.iter().any(found) {
                say!("DHL works again, one call has found out:");
                say!("  {}\n", answered(&response));
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                return Err("the breaker did not close".to_owned());
            }
        }
    }

    async fn live(&mut self) -> Result<(), String> {
        chapter(4, "Live changes over Follow");
        let names = [
            "in-transit",
            "failed-attempt",
            "customs-hold",
            "return-to-sender",
        ];
        let ups = self.simulator.ups();
        let numbers = names.map(|name| number_of(ups.scenario(name)).map(str::to_owned));
        let numbers = numbers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let view = v1::ShipmentView::Standard as i32;
        let mut stream = self
            .client
            .follow(client::subscription(&numbers, view, "en"))
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
                    say!(
                        "Following {} UPS parcels. {} hours pass ...",
                        synced.shipment_count,
                        LATER.as_secs() / 3_600
                    );
                    self.pass(LATER);
                }
                Some(Kind::Update(update)) if update.change() == v1::WatchChange::Updated => {
                    updates += 1;
                    if let Some(record) = update.shipment {
                        say!(
                            "{} - revision {}, {} new events",
                            print::bold(&record.tracking_number),
                            record.revision,
                            update.new_event_ids.len(),
                        );
                        state(&record);
                    }
                }
                _ => {}
            }
        }
        say!("");
        Ok(())
    }

    /// Lets time pass for the gateway and its carriers.
    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.simulator.advance(time);
    }

    async fn track(
        &mut self,
        number: &str,
        carrier: &str,
        max_age: Option<i64>,
    ) -> Result<v1::TrackResponse, String> {
        let mut request = tonic::Request::new(v1::TrackRequest {
            tracking_number: number.to_owned(),
            carrier: carrier.to_owned(),
            max_age: max_age.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            ..Default::default()
        });
        request.set_timeout(Duration::from_secs(10));
        let response = self.client.track(request).await;
        response
            .map(tonic::Response::into_inner)
            .map_err(|status| format!("{number}: {}", client::failure(&status)))
    }

    /// Says how to call the gateway, and lets time pass until the program is stopped.
    async fn stay(&self) {
        // Customs hold it for two days of its clock, so that whoever follows it sees news.
        let number = self.simulator.ups().scenario("customs-hold");
        let number = number.map_or("", |it| it.number);
        let (grpc, side) = (self.app.address, self.app.side);
        say!("The gateway stays until you press Ctrl-C; every second a minute passes in it.");
        say!("From another terminal:");
        say!("  waybill track {number} --address http://{grpc}");
        say!("  waybill follow {number} --address http://{grpc}");
        say!(
            "  buf curl --http2-prior-knowledge --protocol grpc -d '{{\"trackingNumber\":\"{number}\"}}' http://{grpc}/waybill.v1.TrackingService/Track"
        );
        say!("  curl http://{side}/metrics");
        if let Some(control) = self.simulator.control_address() {
            say!("  curl http://{control}/_sim");
            say!("  curl -X POST 'http://{control}/_sim/fault?carrier=dhl&fault=hang'");
        }
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            self.pass(Duration::from_secs(60));
        }
    }
}

fn chapter(number: u32, title: &str) {
    say!("{}", print::bold(&format!("{number}. {title}")));
}

fn candidates(number: &str) -> Vec<Candidate> {
    TrackingNumber::parse(number)
        .map(|number| number::detect(&number, &Hints::default()))
        .unwrap_or_default()
}

fn number_of(scenario: Option<Scenario>) -> Result<&'static str, String> {
    scenario
        .map(|it| it.number)
        .ok_or_else(|| "the simulator lacks a scenario".to_owned())
}

/// Where a parcel is, what comes next, and what is wrong.
fn state(record: &v1::Shipment) {
    say!(
        "  {:<20} {}",
        print::words(record.status().as_str_name(), "SHIPMENT_STATUS_"),
        print::time(record.last_event_time.as_ref()),
    );
    if let Some(position) = print::position(record) {
        say!("{position}");
    }
    let open = |problem: &&v1::ShipmentException| problem.close_time.is_none();
    for problem in record.exceptions.iter().filter(open) {
        say!("  ! {}", print::exception(problem));
    }
}

/// Many shipments of one answer, counted by status.
fn summary(records: &[v1::Shipment]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        let status = print::words(record.status().as_str_name(), "SHIPMENT_STATUS_");
        *counts.entry(status).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    say!("  {} shipments: {}", records.len(), counts.join(", "));
}

/// What became of the sources.
fn outcome(response: &v1::TrackResponse) -> String {
    let outcomes = response.outcomes.iter().map(|outcome| {
        let result = print::words(outcome.result().as_str_name(), "SOURCE_RESULT_");
        format!("{}: {result}", outcome.source)
    });
    let outcomes: Vec<String> = outcomes.collect();
    outcomes.join(", ")
}

/// An answer, who gave it and how old it is, in one line.
fn answered(response: &v1::TrackResponse) -> String {
    let status = match response.shipments.first() {
        Some(record) => print::words(record.status().as_str_name(), "SHIPMENT_STATUS_"),
        None => "nothing held".to_owned(),
    };
    let freshness = response.freshness.as_ref().map(print::freshness);
    format!(
        "{status}; {}; data {}",
        outcome(response),
        freshness.unwrap_or_default()
    )
}
