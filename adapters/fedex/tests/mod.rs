//! Tests. The fixtures are ours: made-up numbers, names and places in the shape of `track.json`.
//! Beside each stands what it is understood as.
#![allow(clippy::unwrap_used)]

use super::*;

/// Settings as the registry fills them.
fn settings(more: &[(&'static str, &str)]) -> Settings {
    let defaults = DESCRIPTOR
        .settings
        .iter()
        .map(|setting| (setting.key, setting.default));
    let given = [("client_id", "app"), ("client_secret", "s3cret&word")];
    let pairs = defaults.chain(given).chain(more.iter().copied());
    Settings::new(pairs.map(|(key, value)| (key, value.to_owned())))
}

fn adapter(more: &[(&'static str, &str)]) -> Fedex {
    Fedex::new(&settings(more)).unwrap()
}

fn response(status: u16, body: &str) -> http::Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    http::Response::builder().status(status).body(body).unwrap()
}

fn query(number: &str) -> Query {
    Query::of(waybill_core::number::TrackingNumber::parse(number).unwrap())
}

/// What one answer with status 200 is understood as.
fn understood(body: &str) -> Answer {
    let mut answers = adapter(&[]).interpret(&[], &response(200, body), now());
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn now() -> Timestamp {
    "2026-03-05T12:00:00Z".parse().unwrap()
}

#[test]
fn tmp_generate() {
    for dir in [
        concat!(env!("CARGO_MANIFEST_DIR"), "/fedex/fixtures"),
        "/work/shared/carriers/samples/fedex",
    ] {
        let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.ends_with("expected.json") || !name.ends_with(".json") {
                continue;
            }
            let body = std::fs::read_to_string(&path).unwrap();
            match understood(&body) {
                Ok(reports) => {
                    for r in &reports {
                        println!("{name}: {} complete={} doubts={:?} est={:?}", r.number.reveal(), r.complete, r.facts.doubts,
                          r.facts.estimates.iter().map(|e| format!("{:?} {:?}..{:?}", e.kind, e.window.start.as_ref().map(waybill_core::time::local_text), e.window.end.as_ref().map(waybill_core::time::local_text))).collect::<Vec<_>>());
                        for c in &r.claims {
                            println!("    {} {:?} {:?} {} [{}] {} {:?} {:?} {}", waybill_core::time::local_text(&c.time), c.time.instant.map(|i| i.to_string()), c.time.basis, c.native_code, c.native_reason, c.code.info().unwrap().name, c.reason.and_then(|r| r.info()).map(|r| r.name), c.basis, c.native_text.reveal());
                        }
                        println!("    ids {:?}", r.facts.identifiers.iter().map(|i| (i.kind, i.value.reveal(), i.check_digit_valid)).collect::<Vec<_>>());
                    }
                    if reports.is_empty() { println!("{name}: nothing"); }
                    if dir.contains("fixtures") && !reports.is_empty() && name != "mixed.json" {
                        std::fs::write(path.to_str().unwrap().replace(".json", ".expected.json"), serde_json::to_string_pretty(&reports).unwrap() + "\n").unwrap();
                    }
                }
                Err(error) => println!("{name}: {error} {:?}", error.retry),
            }
        }
    }
}
