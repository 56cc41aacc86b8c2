//! `waybill carriers`: carriers with their number formats, and every source with what it can do.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use waybill_core::adapter::{Capabilities, Descriptor};
use waybill_core::number;
use waybill_core::registry::Registry;

use super::Configured;
use super::json;
use super::local::table;
use super::out::say;

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    configured: Configured,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One carrier as `carriers --json` prints it.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Carrier {
    carrier: String,
    sources: Vec<&'static str>,
    formats: Vec<String>,
}

/// One source as `carriers --json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    source: &'static str,
    name: &'static str,
    api: &'static str,
    /// It is in the configuration.
    configured: bool,
    abilities: Vec<&'static str>,
    required_hints: &'static [&'static str],
    optional_hints: &'static [&'static str],
    batch: usize,
    per_second: f64,
    burst: u32,
    per_day: u32,
    timeout_seconds: f64,
    interval_seconds: f64,
}

pub(super) fn run(options: &Options, registry: Registry) -> Result<ExitCode, String> {
    let configured = options.configured.load()?.sources;
    let sources = registry.iter().map(|descriptor| {
        let is_configured = configured.contains_key(descriptor.id);
        source(descriptor, is_configured)
    });
    let sources: Vec<Source> = sources.collect();
    let carriers = carriers(registry);
    if options.json {
        json::pretty(&serde_json::json!({ "carriers": carriers, "sources": sources }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table(["carrier", "sources", "number formats"]);
    for carrier in carriers {
        rows.add_row([
            carrier.carrier,
            carrier.sources.join(", "),
            carrier.formats.join(", "),
        ]);
    }
    say!("{rows}");
    let mut rows = table([
        "source", "API", "state", "can", "needs", "can use", "batch", "rate", "per day",
        "time-out", "interval",
    ]);
    for source in sources {
        rows.add_row([
            source.source.to_owned(),
            source.api.to_owned(),
            if source.configured {
                "configured"
            } else {
                "off"
            }
            .to_owned(),
            source.abilities.join(", "),
            source.required_hints.join(", "),
            source.optional_hints.join(", "),
            source.batch.to_string(),
            rate(source.per_second, source.burst),
            match source.per_day {
                0 => "-".to_owned(),
                limit => limit.to_string(),
            },
            format!("{} s", source.timeout_seconds),
            format!("{} s", source.interval_seconds),
        ]);
    }
    say!("{rows}");
    Ok(ExitCode::SUCCESS)
}

fn carriers(registry: Registry) -> Vec<Carrier> {
    let mut carriers: BTreeMap<String, Carrier> = BTreeMap::new();
    for format in number::formats().filter(|format| !format.carrier.is_empty()) {
        let carrier = carriers.entry(format.carrier.clone()).or_default();
        carrier.formats.push(format.id.clone());
    }
    for source in registry.iter() {
        let carrier = carriers.entry(source.carrier.to_owned()).or_default();
        carrier.sources.push(source.id);
    }
    let named = carriers.into_iter().map(|(id, carrier)| Carrier {
        carrier: id,
        ..carrier
    });
    named.collect()
}

/// The limits are the source's own; `waybill check` shows those of each account.
fn source(descriptor: &'static Descriptor, configured: bool) -> Source {
    let limits = &descriptor.limits;
    Source {
        source: descriptor.id,
        name: descriptor.display_name,
        api: descriptor.api,
        configured,
        abilities: abilities(&descriptor.capabilities),
        required_hints: descriptor.capabilities.required_hints,
        optional_hints: descriptor.capabilities.optional_hints,
        batch: limits.batch,
        per_second: limits.per_second,
        burst: limits.burst,
        per_day: limits.per_day,
        timeout_seconds: limits.timeout.as_secs_f64(),
        interval_seconds: limits.min_interval.as_secs_f64(),
    }
}

fn abilities(can: &Capabilities) -> Vec<&'static str> {
    let all = [
        ("paid", can.paid),
        ("registers", can.registers),
        ("push", can.push.is_some()),
        ("orders", can.order_lookup),
        ("estimate", can.delivery_estimate),
        ("proof", can.proof_of_delivery),
    ];
    let own = all.into_iter().filter(|(_, is)| *is);
    own.map(|(name, _)| name).collect()
}

/// Calls in a span that makes the figure a readable one.
fn rate(per_second: f64, burst: u32) -> String {
    const HOUR: Duration = Duration::from_secs(3_600);
    if per_second < 1.0 {
        let per_hour = (per_second * HOUR.as_secs_f64()).round();
        format!("{per_hour}/h, {burst} at once")
    } else {
        format!("{per_second}/s, {burst} at once")
    }
}
