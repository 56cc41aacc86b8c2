//! `waybill sim`: the simulated carriers alone, for a gateway of one's own.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use waybill_simulator::{Options as SimulatorOptions, Simulator};

use super::out::say;

#[derive(Args)]
pub(super) struct Options {
    /// Port of a fake, as `<source id>=<port>`; can be repeated. The system chooses the others.
    #[arg(long = "port", value_name = "SOURCE=PORT", value_parser = port)]
    ports: Vec<(String, u16)>,
    /// Port for switching faults and looking at counters; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// Where the gateway takes pushes; needed for /_sim/push.
    #[arg(long, value_name = "ADDRESS")]
    push_to: Option<SocketAddr>,
    /// Simulated seconds in a real one.
    #[arg(long, default_value_t = 600.0)]
    speed: f64,
    /// Hours of the scripts that have already happened.
    #[arg(long, default_value_t = 48)]
    elapsed_hours: u64,
}

pub(super) async fn run(options: Options) -> Result<ExitCode, String> {
    let settings = SimulatorOptions {
        ports: options.ports.into_iter().collect(),
        control_port: Some(options.control_port),
        push_to: options.push_to,
        elapsed: Duration::from_secs(options.elapsed_hours * 3_600),
        ..SimulatorOptions::live(options.speed)
    };
    let stop = super::serve::stop_signal()?;
    let simulator = Simulator::start(settings)
        .await
        .map_err(|error| error.to_string())?;
    say!(
        "# a configuration for these carriers; save it as waybill.toml\n{}",
        config(&simulator)
    );
    if let Some(address) = simulator.control_address() {
        say!("# what there is:  curl http://{address}/_sim");
        if options.push_to.is_some() {
            say!(
                "# a push:         curl -X POST 'http://{address}/_sim/push?carrier=17track&number=NUMBER'"
            );
        }
        say!("# a fault:        curl -X POST 'http://{address}/_sim/fault?carrier=dhl&fault=hang'");
    }
    stop.await;
    simulator.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn port(text: &str) -> Result<(String, u16), String> {
    let (source, port) = text.split_once('=').ok_or("must be <source id>=<port>")?;
    let port = port.parse().map_err(|_| "the port must be a number")?;
    Ok((source.to_owned(), port))
}

/// The sections of a configuration that point a gateway at a simulator.
pub(super) fn config(simulator: &Simulator) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for source in simulator.sources() {
        // Writing to a string does not fail.
        let _infallible = writeln!(text, "[sources.{}]", source.id());
        for (key, value) in source.settings() {
            let _infallible = writeln!(text, "{key} = {}", toml::Value::from(value));
        }
        let _infallible = writeln!(text, "{LIMITS}");
    }
    text
}

/// Simulated carriers may be asked as often as one likes.
const LIMITS: &str =
    "limits = { per_second = 1000, burst = 1000, per_day = 0, min_interval = \"0s\" }\n";
