//! House rules that a compiler does not know.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file below `folder` whose name ends in one of `endings`; build output left out.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(path) = open.pop() {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | ".git") {
                open.extend(
                    std::fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files in {folder}");
    found
}

/// Whether a file holds tests and nothing else.
fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn short(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR"))
        .unwrap()
        .display()
        .to_string()
}

fn ids() -> Vec<&'static str> {
    let mut ids: Vec<&str> = waybill_adapters::ALL
        .iter()
        .map(|source| source.id)
        .collect();
    ids.extend(waybill_adapters::ALL.iter().map(|source| source.carrier));
    ids.retain(|id| !id.is_empty());
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Folder of a source: its id as a name in Rust, which cannot begin with a digit.
fn folder_of(id: &str) -> String {
    match id {
        "17track" => "adapters/track17".to_owned(),
        id => format!("adapters/{}", id.replace('-', "_")),
    }
}

/// Code without its comments and without its test module.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next();
    let text = text.unwrap_or_default();
    let line = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_carrier_is_named_only_in_its_folder_the_list_and_the_simulator() {
    let mut offenders = Vec::new();
    for folder in ["core", "adapters", "src"] {
        for path in files(folder, &[".rs"]) {
            let name = short(&path);
            // The demonstration and `waybill sim` drive the simulator, which has these carriers, and
            // `waybill shadow` is told by name whose export it reads.
            let is_tour = name.starts_with("src/cli/demo")
                || name.starts_with("src/cli/shadow/")
                || name == "src/cli/sim.rs";
            if is_tour || is_test(&name) {
                continue;
            }
            let code = code(&read(&path));
            for id in ids() {
                // A carrier's test system is called so too.
                if id == "sandbox" && name.starts_with("adapters/") {
                    continue;
                }
                // Sources of a carrier with an API per division name the carrier: `dhl-express`.
                let division = format!("adapters/{}_", id.replace('-', "_"));
                let own = format!("{}/", folder_of(id));
                if name != "adapters/lib.rs"
                    && !name.starts_with(&own)
                    && !name.starts_with(&division)
                    && code.contains(&format!("\"{id}\""))
                {
                    offenders.push(format!("{name} names {id:?}"));
                }
            }
        }
    }
    assert!(offenders.is_empty(), "{offenders:#?}");
}

#[test]
fn only_the_program_names_the_built_in_adapters() {
    for path in files("src", &[".rs"]) {
        let is_program = short(&path) == "src/main.rs";
        assert!(
            is_program || !code(&read(&path)).contains("waybill_adapters"),
            "{}",
            short(&path)
        );
    }
}

#[test]
fn every_source_is_documented_and_has_fixtures() {
    for source in waybill_adapters::ALL {
        let folder = folder_of(source.id);
        let module = read(
            &Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(&folder)
                .join("mod.rs"),
        );
        assert!(
            module
                .lines()
                .take_while(|line| line.starts_with("//!"))
                .count()
                >= 5,
            "{folder}"
        );
        if source.settings.iter().any(|setting| setting.secret) {
            let fixtures = files(&format!("{folder}/fixtures"), &[".json"]);
            assert!(
                fixtures.len() >= 10,
                "{folder} has {} fixtures",
                fixtures.len()
            );
        }
    }
}

#[test]
fn core_and_adapters_import_nothing_that_does_things() {
    let forbidden = [
        "tokio",
        "tower",
        "tonic",
        "prost",
        "redis",
        "reqwest",
        "std::env",
        "SystemTime",
        "std::fs",
    ];
    for folder in ["core", "adapters"] {
        let manifest = read(
            &Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(folder)
                .join("Cargo.toml"),
        );
        // What only its tests need, nobody who uses it gets.
        let needed = manifest.split("[dev-dependencies]").next().unwrap();
        for name in ["tokio", "tower", "tonic", "prost", "redis", "reqwest"] {
            assert!(
                !needed.contains(&format!("\n{name}")),
                "{folder}/Cargo.toml depends on {name}"
            );
        }
        for path in files(folder, &[".rs"]) {
            if is_test(&short(&path)) {
                continue;
            }
            let code = code(&read(&path));
            for name in forbidden {
                let used = code.lines().any(|line| {
                    line.trim_start().starts_with(&format!("use {name}"))
                        || line.contains(&format!("{name}::"))
                });
                assert!(!used, "{} uses {name}", short(&path));
            }
        }
    }
}

#[test]
fn no_file_outgrows_a_room() {
    for path in files(".", &[".rs"]) {
        let lines = read(&path).lines().count();
        assert!(lines <= 600, "{} has {lines} lines", short(&path));
    }
}

#[test]
fn every_module_says_what_it_owns() {
    for folder in ["core", "adapters", "src"] {
        for path in files(folder, &[".rs"]) {
            if is_test(&short(&path)) {
                continue;
            }
            let first = read(&path).lines().next().unwrap_or_default().to_owned();
            assert!(
                first.starts_with("//!"),
                "{} starts with {first:?}",
                short(&path)
            );
        }
    }
}

#[test]
fn the_table_of_limits_is_the_configuration() {
    let defaults = serde_json::to_value(waybill::config::Config::default()).unwrap();
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md"));
    let mut rows = BTreeMap::new();
    for line in text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| setting"))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        rows.insert(cells[1].to_owned(), cells[2].to_owned());
    }
    for (setting, stated) in &rows {
        let value = setting.split('.').fold(&defaults, |value, key| &value[key]);
        let actual = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) if number.is_f64() => {
                number.as_f64().unwrap().to_string()
            }
            other => other.to_string(),
        };
        assert_eq!(&actual, stated, "{setting}");
    }
    for section in [
        "calls",
        "drain",
        "evidence",
        "front",
        "guard",
        "http",
        "freshness",
        "load",
        "log",
        "push",
        "quota",
        "schedule",
        "streams",
        "trace",
    ] {
        for setting in leaves(section, &defaults[section]) {
            assert!(rows.contains_key(&setting), "{setting} is not in the table");
        }
    }
}

/// Paths of the settings below a section.
fn leaves(path: &str, value: &serde_json::Value) -> Vec<String> {
    match value.as_object() {
        None => vec![path.to_owned()],
        Some(inner) => inner
            .iter()
            .flat_map(|(key, value)| leaves(&format!("{path}.{key}"), value))
            .collect(),
    }
}

#[test]
fn every_metric_is_described() {
    let described = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry.rs"));
    for path in files("src", &[".rs"]) {
        for part in read(&path).split("\"waybill_").skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            let used = part.starts_with(&format!("{name}\"")) && !name.is_empty();
            let whole = format!("\"waybill_{name}\"");
            assert!(
                !used || described.contains(&whole),
                "{} uses waybill_{name}",
                short(&path)
            );
        }
    }
}

#[test]
fn protos_import_nothing_but_google_protobuf_and_each_other() {
    for path in files("proto", &[".proto"]) {
        for line in read(&path)
            .lines()
            .filter(|line| line.starts_with("import "))
        {
            let allowed = line.contains("\"google/protobuf/") || line.contains("\"waybill/v1/");
            assert!(allowed, "{}: {line}", short(&path));
        }
    }
}
