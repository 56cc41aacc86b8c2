//! Understanding an answer (parse and map) of every source against a plain typed parse of the same
//! bytes: at most three times that and 2 us per event.
//!
//! China Post is measured twice, as an answer in clear and as a push in an envelope of SM4; the plain
//! parse opens the envelope too. The plain parse of DHL Parcel DE is one of
//! XML into elements and attributes.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use waybill_core::registry::Registry;

use crate::plain::{self, read, read_both};
use crate::{median, payload};

const ROUNDS: usize = 9;
const CALLS: u32 = 1_000;

/// A name, the source, an answer of about 25 events, and how it is read plainly.
type Case = (&'static str, &'static str, Vec<u8>, fn(&[u8]));

fn cases() -> Vec<Case> {
    let rows = payload::rows;
    let china_post = payload::china_post();
    let sealed = payload::sealed(&china_post);
    let open: fn(&[u8]) = |bytes| {
        read_both::<plain::china_post::Answer, plain::china_post::Inner>(bytes, |it| it.body());
    };
    let sf: fn(&[u8]) =
        |bytes| read_both::<plain::sf::Answer, plain::sf::Inner>(bytes, |it| it.body());
    vec![
        (
            "ups",
            "ups",
            include_bytes!("answer.json").to_vec(),
            read::<plain::ups::Answer>,
        ),
        (
            "dhl",
            "dhl",
            include_bytes!("answer-dhl.json").to_vec(),
            read::<plain::dhl::Answer>,
        ),
        (
            "dhl-express",
            "dhl-express",
            rows(payload::DHL_EXPRESS),
            read::<plain::dhl_express::Answer>,
        ),
        (
            "dhl-parcel-de",
            "dhl-parcel-de",
            payload::dhl_parcel_de(),
            plain::read_xml,
        ),
        (
            "fedex",
            "fedex",
            rows(payload::FEDEX),
            read::<plain::fedex::Answer>,
        ),
        (
            "usps",
            "usps",
            rows(payload::USPS),
            read::<plain::usps::Answer>,
        ),
        ("china-post", "china-post", china_post, open),
        (
            "china-post-sealed",
            "china-post",
            sealed,
            payload::read_sealed,
        ),
        (
            "cainiao",
            "cainiao",
            rows(payload::CAINIAO),
            read::<plain::cainiao::Answer>,
        ),
        ("sf", "sf", payload::sf(), sf),
        (
            "kuaidi100",
            "kuaidi100",
            rows(payload::KUAIDI100),
            read::<plain::kuaidi100::Answer>,
        ),
        (
            "17track",
            "17track",
            rows(payload::TRACK17),
            read::<plain::track17::Answer>,
        ),
        (
            "aftership",
            "aftership",
            rows(payload::AFTERSHIP),
            read::<plain::aftership::Answer>,
        ),
    ]
}

pub(crate) fn run() -> Value {
    let mut results = Map::new();
    for (name, source, bytes, plain) in cases() {
        results.insert(name.to_owned(), one(name, source, bytes, plain));
    }
    Value::Object(results)
}

fn one(name: &str, source: &str, bytes: Vec<u8>, plain: fn(&[u8])) -> Value {
    let registry = Registry::new(waybill_adapters::ALL);
    let descriptor = registry.get(source).unwrap();
    let required = descriptor
        .settings
        .iter()
        .filter(|setting| setting.required);
    let pairs = required.map(|setting| (setting.key.to_owned(), payload::KEY.to_owned()));
    let adapter = registry.build(source, pairs).unwrap();
    let response = http::Response::new(Bytes::from(bytes.clone()));
    let now = Timestamp::from_second(1_775_000_000).unwrap();
    let understand = || adapter.interpret(black_box(&[]), black_box(&response), now);
    let answers = understand();
    let reports = answers[0].as_ref().unwrap();
    let events: usize = reports.iter().map(|report| report.claims.len()).sum();
    let (mut plain_times, mut full_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain_times.push(time(|| plain(&bytes)));
        full_times.push(time(|| {
            black_box(understand());
        }));
    }
    let (plain, full) = (median(plain_times), median(full_times));
    let allowed = 3.0 * plain + 2.0 * events as f64;
    println!(
        "{name}: {events} events, {} bytes: plain parse {plain:.1} us, parse and map {full:.1} us, allowed {allowed:.1} us{}",
        bytes.len(),
        if full > allowed { ": MISSED" } else { "" },
    );
    json!({
        "events": events, "bytes": bytes.len(), "plain_us": plain, "parse_and_map_us": full,
        "allowed_us": allowed,
    })
}

/// Microseconds of one call.
fn time(call: impl Fn()) -> f64 {
    let started = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}
