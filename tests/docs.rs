//! Documentation that is generated from tables is what the tables say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write;
use std::path::Path;

/// An enum value's name without its prefix; a dash for none.
fn short(name: &str, prefix: &str) -> String {
    match name.trim_start_matches(prefix) {
        "UNSPECIFIED" => "-".to_owned(),
        name => name.to_owned(),
    }
}

#[test]
fn the_page_of_event_codes_is_the_table() {
    let mut page = String::from(
        "# Event codes\n\n\
         What each code means, as `CarrierService.ListEventCodes` serves it. A dash under status keeps the\n\
         status. The hundreds digit is the phase: 1 pre-shipment, 2 acceptance and origin, 3 transport,\n\
         4 customs, 5 destination and last mile, 6 delivery outcome, 7 return, 8 exception, 9 information.\n\n\
         | number | code | title | status | milestone | severity | UPU |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let texts = waybill_core::text::Catalogue::new(&[]).unwrap();
    for info in waybill::grpc::carrier::event_codes(texts.find("en")) {
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            info.code,
            short(info.code().as_str_name(), "EVENT_CODE_"),
            info.title,
            short(info.status().as_str_name(), "SHIPMENT_STATUS_"),
            short(info.milestone().as_str_name(), "MILESTONE_"),
            short(info.severity().as_str_name(), "SEVERITY_"),
            info.upu_codes.join(", "),
        )
        .unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/event-codes.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written != page {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("event-codes.md");
        std::fs::write(&fresh, &page).unwrap();
        panic!(
            "docs/event-codes.md is not the table; what it should be is in {}",
            fresh.display()
        );
    }
}

#[test]
fn the_page_about_explanations_has_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explain.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let rules = waybill_core::explain::RULES.iter();
    let expected: Vec<String> = rules
        .map(|(id, meaning)| format!("| `{id}` | {meaning} |"))
        .collect();
    assert_eq!(rows, expected);
}
