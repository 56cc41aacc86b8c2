//! What is shipped for those who run it names metrics, settings and pages that there are.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use waybill::config::Config;
use waybill::telemetry::{Kind, METRICS};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of metrics in an expression of Prometheus.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c: char| !is_part(c));
    let ours = words.filter(|word| word.starts_with("waybill_") || word.starts_with("rpc_server"));
    ours.map(str::to_owned).collect()
}

/// Whether a name is what a metric of ours is exported as.
fn is_exported(name: &str) -> bool {
    METRICS.iter().any(|metric| match metric.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .iter()
            .any(|part| name.strip_suffix(part) == Some(metric.name)),
        Kind::Counter | Kind::Gauge => name == metric.name,
    })
}

#[test]
fn alerts_are_about_metrics_that_there_are() {
    let text = read("deploy/prometheus/alerts.yaml");
    let used = metrics(&text);
    assert!(used.len() > 10, "{used:?}");
    let unknown: Vec<&String> = used.iter().filter(|name| !is_exported(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn metrics_that_pages_name_are_there() {
    for page in [
        "docs/operations.md",
        "docs/runbooks.md",
        "docs/schedule.md",
        "docs/push.md",
    ] {
        for name in metrics(&read(page)) {
            let known = METRICS.iter().any(|metric| metric.name == name) || is_exported(&name);
            assert!(known, "{page} names {name}");
        }
    }
}

#[test]
fn every_alert_has_a_section_and_every_section_an_alert() {
    let rules = read("deploy/prometheus/alerts.yaml");
    let page = read("docs/runbooks.md");
    let alerts: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    let sections: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(alerts, sections);
    for alert in alerts {
        let link = format!("runbook: docs/runbooks.md#{}", alert.to_lowercase());
        assert_eq!(rules.matches(&format!("{link}\n")).count(), 1, "{alert}");
        let section = page.split(&format!("## {alert}\n")).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        for part in ["**Means.**", "**Look at.**", "**Do.**"] {
            assert!(section.contains(part), "{alert} lacks {part}");
        }
    }
}

/// The number after a word.
fn number(text: &str, word: &str) -> u64 {
    let rest = text.split(word).nth(1).unwrap_or_else(|| panic!("{word}"));
    let digits = rest.chars().skip_while(|c| !c.is_ascii_digit());
    let digits: String = digits.take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn orchestrators_wait_longer_than_a_leave_takes() {
    let config = Config::default();
    let unit = read("deploy/systemd/waybill.service");
    let pods = read("deploy/kubernetes/waybill.yaml");
    let total = config.drain.total.0;
    let waits = [
        number(&unit, "TimeoutStopSec="),
        number(&pods, "terminationGracePeriodSeconds:"),
    ];
    for wait in waits {
        assert!(
            Duration::from_secs(wait) > total,
            "{wait} s against {total:?}"
        );
    }
    let notice = number(&pods, "WAYBILL_DRAIN__NOTICE");
    assert_eq!(Duration::from_secs(notice), config.drain.notice.0);
    // Balancers notice within the time that they are given: the probe's period and a refused one.
    let readiness = pods.split("readinessProbe:").nth(1).unwrap();
    let period = number(readiness, "periodSeconds:");
    let failures = number(readiness, "failureThreshold:");
    assert!(Duration::from_secs(period * failures) < config.drain.notice.0);
}

#[test]
fn variables_of_the_manifest_are_settings() {
    let pods = read("deploy/kubernetes/waybill.yaml");
    let mut variables = Vec::new();
    for line in pods.lines().filter(|line| line.contains("name: WAYBILL_")) {
        let field = |name: &str| {
            let rest = line.split(&format!("{name}: ")).nth(1).unwrap();
            let end = rest.find([',', '}']).unwrap();
            rest[..end].trim_matches('"').to_owned()
        };
        variables.push((field("name"), field("value")));
    }
    assert_eq!(variables.len(), 4);
    let config = waybill::config::load(None, variables).unwrap();
    assert_eq!(config.server.side.port(), 9_464);
    assert!(config.server.admin.starts_with("127.0.0.1:"));
}
