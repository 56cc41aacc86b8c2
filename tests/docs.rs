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

/// Files below the sources, with their content.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let short = path.strip_prefix(root).unwrap().display().to_string();
                files.push((short, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

#[test]
fn every_fault_names_tests_that_exist_or_says_why_there_are_none() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut files = sources("tests");
    files.extend(sources("src"));
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(row) = cells.get(1).and_then(|cell| cell.parse::<usize>().ok()) else {
            continue;
        };
        rows.push(row);
        let tests: Vec<&str> = cells[4].split('`').skip(1).step_by(2).collect();
        let says_why = cells[3].starts_with("not run: ");
        assert!(!tests.is_empty() || says_why, "row {row} shows nothing");
        for test in tests {
            let (place, name) = test.rsplit_once("::").unwrap();
            let file = match place.contains("::") {
                true => format!("src/{}.rs", place.replace("::", "/")),
                false => format!("tests/{place}.rs"),
            };
            let found = files.iter().any(|(path, text)| {
                let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
                *path == file
                    && lines.windows(2).any(|lines| {
                        lines[0].starts_with("#[")
                            && lines[0].contains("test")
                            && lines[1].contains(&format!("fn {name}("))
                    })
            });
            assert!(found, "row {row}: there is no test {test}");
        }
    }
    assert_eq!(rows, (1..=40).collect::<Vec<_>>());
}

#[test]
fn the_service_config_names_methods_that_exist() {
    let path = "examples/balancing/service-config.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let pool = prost_reflect::DescriptorPool::decode(waybill::v1::DESCRIPTORS).unwrap();
    let mut count = 0;
    for method in config["methodConfig"].as_array().unwrap() {
        for name in method["name"].as_array().unwrap() {
            let service = name["service"].as_str().unwrap();
            let service = pool.get_service_by_name(service).expect(service);
            let wanted = name["method"].as_str();
            let mut methods = service.methods();
            assert!(
                wanted.is_none_or(|wanted| methods.any(|it| it.name() == wanted)),
                "{name}"
            );
            count += 1;
        }
    }
    assert!(count > 5);
}
