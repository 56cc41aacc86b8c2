//! What each layer costs a cached `Track`: the gateway as it is built, with one layer more, and with
//! all of them, beside baseline (a) of `cached`. All with 64 calls in flight.

use std::time::Instant;

use serde_json::{Value, json};
use waybill::auth::keys::{self, NewKey};
use waybill::auth::pepper::Peppers;
use waybill::auth::settings::{self, Settings};
use waybill::config::Config;

use crate::cached::Server;
use crate::median;

const ROUNDS: usize = 5;
/// Connections, and calls in flight on each.
const LOAD: (&str, &str) = ("8", "8");
/// Name, and what is on beside what cannot be turned off: figures, limits, and the tenant, which
/// comes with the key.
const LAYERS: [(&str, &str); 6] = [
    ("encode_per_call", "baseline (a)"),
    ("waybill", "nothing more"),
    ("waybill+auth", "a key and its tenant"),
    ("waybill+trace", "1 % of the calls traced"),
    ("waybill+lines", "1 % of the hits logged"),
    ("waybill+auth+trace+lines", "all of them"),
];
/// Least and desired share of the baseline with everything on.
const LEAST: f64 = 1.4;
const GOAL: f64 = 1.8;

pub(crate) fn run() -> Value {
    let rounds = if std::env::args().any(|it| it == "--quick") {
        1
    } else {
        ROUNDS
    };
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path());
    let mut servers: Vec<Server> = LAYERS
        .iter()
        .map(|(name, _)| {
            let role = format!("{name}@{}", folder.path().display());
            let role = if *name == "encode_per_call" {
                name
            } else {
                role.as_str()
            };
            match name.contains("+auth") {
                true => Server::with_key(role, usize::MAX, &key),
                false => Server::start(role, usize::MAX),
            }
        })
        .collect();
    let mut rates: [Vec<f64>; LAYERS.len()] = Default::default();
    for _ in 0..rounds {
        for (rates, server) in rates.iter_mut().zip(&servers) {
            rates.push(server.load(LOAD.0, LOAD.1));
        }
    }
    for server in &mut servers {
        server.stop();
    }
    let rates = rates.map(median);
    let (baseline, plain) = (rates[0], rates[1]);
    let mut results = serde_json::Map::new();
    for ((name, what), rate) in LAYERS.iter().zip(rates) {
        let costs = 1e6 / rate - 1e6 / plain;
        println!(
            "{what:>24}: {rate:>7.0}/s, {:.2}x the baseline, {costs:+.2} us a call",
            rate / baseline
        );
        results.insert((*name).to_owned(), json!({ "rps": rate, "us": costs }));
    }
    let nanos = figures();
    println!(
        "{:>24}: {nanos:.0} ns a call, always on, measured alone",
        "figures"
    );
    results.insert("figures_ns".to_owned(), json!(nanos));
    let all = rates[LAYERS.len() - 1] / baseline;
    let verdict = match all {
        all if all >= GOAL => "the goal",
        all if all >= LEAST => "enough",
        _ => "TOO LITTLE",
    };
    println!(
        "all layers: {all:.2}x the baseline, of {LEAST} at least and {GOAL} as the goal: {verdict}"
    );
    Value::Object(results)
}

/// Makes a key of a tenant.
fn key(folder: &std::path::Path) -> String {
    let file = folder.join("keys.toml");
    let settings = Settings {
        keys_file: file.clone(),
        ..Settings::default()
    };
    let new = NewKey {
        tenant: "shop-a".to_owned(),
        name: String::new(),
        scopes: settings::scopes(&["track", "personal"]).unwrap(),
        expire_time: None,
    };
    let peppers = Peppers::read_or_create(&settings).unwrap();
    let (_, secret) = keys::create(&file, &peppers, new, jiff::Timestamp::now()).unwrap();
    let text = secret.expose().to_owned();
    std::fs::write(folder.join("key"), &text).unwrap();
    text
}

/// Puts the layers of a role on a server, and returns the key that its caller shows.
pub(crate) fn put_on(config: &mut Config, role: &str) -> Option<String> {
    let (layers, folder) = role.split_once('@')?;
    let folder = std::path::Path::new(folder);
    if layers.contains("+trace") {
        // Nobody listens there: what a span costs a call is made of before it is sent.
        config.trace.endpoint = "http://127.0.0.1:9".to_owned();
        config.trace.percent = 1.0;
    }
    config.log.kept_percent = 0.0;
    if layers.contains("+lines") {
        config.log.kept_percent = 1.0;
        waybill::telemetry::init(waybill::telemetry::Format::Json, "info").unwrap();
    }
    if !layers.contains("+auth") {
        return None;
    }
    config.auth.keys_file = folder.join("keys.toml");
    Some(std::fs::read_to_string(folder.join("key")).unwrap())
}

/// What the figures of one kept answer cost: one count and one duration.
fn figures() -> f64 {
    const CALLS: u32 = 2_000_000;
    let recorder = waybill::telemetry::metrics_handle().unwrap();
    let hits = metrics::counter!("waybill_cache_ops_total", "level" => "kept", "result" => "hit");
    let seconds = metrics::histogram!("rpc_server_call_duration_seconds", "rpc_method" => "bench");
    let begun = Instant::now();
    for at in 0..CALLS {
        hits.increment(1);
        seconds.record(f64::from(at % 7) * 1e-5);
        if at % 100_000 == 0 {
            // As the upkeep of a server does.
            recorder.run_upkeep();
        }
    }
    begun.elapsed().as_nanos() as f64 / f64::from(CALLS)
}
