//! What answers are understood as.

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::place::FacilityKind;
use waybill_core::shipment::{EstimateKind, IdentifierKind};
use waybill_core::time::{Basis, Precision};

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        read(
            include_str!(concat!("../fixtures/", $name, ".json")),
            include_str!(concat!("../fixtures/", $name, ".expected.json")),
            $name,
        )
    };
}

/// Understands a fixture and compares all of it with what stands beside it.
fn read(body: &str, expected: &str, name: &str) -> Vec<Report> {
    let reports = understood(body).unwrap_or_else(|error| panic!("{name}: {error}"));
    let found = serde_json::to_value(&reports).unwrap();
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    assert!(found == expected, "{name}: {found:#}");
    let back: Vec<Report> = serde_json::from_value(found).unwrap();
    assert!(back == reports, "{name} does not survive the store");
    reports
}

fn codes(report: &Report) -> Vec<EventCode> {
    report.claims.iter().map(|claim| claim.code).collect()
}
#[test]
fn regen() {
    for e in std::fs::read_dir("ups/fixtures").unwrap() {
        let p = e.unwrap().path();
        let n = p.file_name().unwrap().to_str().unwrap().to_owned();
        if n.contains("expected") || n == "not_found.json" { continue; }
        let r = understood(&std::fs::read_to_string(&p).unwrap()).map_err(|e| e.to_string()).unwrap();
        std::fs::write(p.with_extension("expected.json"), serde_json::to_string_pretty(&r).unwrap() + "\n").unwrap();
    }
}
