//! Answers that are damaged in any way, of every source at once: a typed error or reports, never a
//! panic and never more than the record can hold.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../fuzz/check.rs"]
mod check;
#[path = "common/native.rs"]
mod native;
#[path = "common/xml.rs"]
mod xml;

use std::panic::{AssertUnwindSafe, catch_unwind};

use native::{Change, Fixture, Node, Source};
use serde_json::{Value, json};

/// Changes of each fixture, of those that there are; the choice depends on the fixture alone.
const CASES: usize = 60;
/// Places where each fixture is cut.
const CUTS: usize = 12;

/// Another value of another type, or of a size that nobody sends.
fn values() -> Vec<Value> {
    vec![
        Value::Null,
        true.into(),
        20_260_304.into(),
        u64::MAX.into(),
        json!(-1.5e300),
        json!({}),
        json!([]),
        json!([null, {"a": []}, "x"]),
        "".into(),
        "99999999999999999999".into(),
        "9999-12-31T23:59:59+23:59".into(),
        "-0001-01-01".into(),
        "\u{2028}Ω\u{0}ß\u{1f4e6}".repeat(400).into(),
        "{\"a\":".into(),
    ]
}

fn changes() -> Vec<Change> {
    let mut changes = vec![Change::Remove, Change::Twice, Change::Bury(200)];
    changes.extend(values().into_iter().map(Change::Set));
    changes
}

/// Every `step`-th case in an order that mixes nodes and changes.
fn cases(nodes: &[Node]) -> Vec<(&Node, Change)> {
    let changes = changes();
    let all = nodes.len() * changes.len();
    // A step that shares no factor with the number of changes meets all of them.
    let mut step = (all / CASES).max(1);
    while step > 1 && step.is_multiple_of(changes.len()) {
        step += 1;
    }
    let cases = (0..all).step_by(step);
    cases
        .map(|case| {
            (
                &nodes[case / changes.len()],
                changes[case % changes.len()].clone(),
            )
        })
        .collect()
}

/// Reads a body and tells whether reports came of it; an error names what was read, without its content.
fn survives(source: &Source, fixture: &Fixture, body: &[u8], what: &str) -> Result<bool, String> {
    let read = || check::answer(&source.read(fixture.status, body.to_vec()), body.len());
    catch_unwind(AssertUnwindSafe(read)).map_err(|cause| {
        let cause = cause.downcast_ref::<String>().cloned().unwrap_or_default();
        format!("{}/{}: {what}: {cause}", source.descriptor.id, fixture.name)
    })
}

fn label(change: &Change) -> String {
    match change {
        Change::Remove => "removed".to_owned(),
        Change::Twice => "twice".to_owned(),
        Change::Bury(depth) => format!("{depth} deep"),
        Change::Set(value) => value.to_string().chars().take(30).collect(),
    }
}

/// Numbers of cases that ended in reports and in an error or nothing.
fn all_survive(
    of: impl Fn(&Source, &Fixture) -> Vec<Result<bool, String>> + Sync,
) -> (usize, usize) {
    let sources = native::sources();
    let results: Vec<Result<bool, String>> = std::thread::scope(|scope| {
        let of = &of;
        let work: Vec<_> = sources
            .iter()
            .map(|source| {
                let fixtures = move || source.fixtures.iter().flat_map(|each| of(source, each));
                scope.spawn(move || fixtures().collect::<Vec<_>>())
            })
            .collect();
        work.into_iter()
            .flat_map(|each| each.join().unwrap())
            .collect()
    });
    let failures: Vec<&String> = results
        .iter()
        .filter_map(|each| each.as_ref().err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {}: {failures:#?}",
        failures.len(),
        results.len()
    );
    let understood = results.iter().filter(|each| **each == Ok(true)).count();
    (understood, results.len() - understood)
}

#[test]
fn a_changed_node_is_an_error_or_a_report() {
    let (reports, errors) = all_survive(|source, fixture| {
        let nodes = native::nodes(&fixture.body);
        let case = |(node, change): (&Node, Change)| {
            let body = native::changed(&fixture.body, &node.steps, &change);
            let what = format!("{} {}", node.path, label(&change));
            survives(source, fixture, body.as_bytes(), &what)
        };
        cases(&nodes).into_iter().map(case).collect()
    });
    assert!(reports > 5_000 && errors > 1_000, "{reports} and {errors}");
}

#[test]
fn a_cut_answer_is_an_error_or_a_report() {
    let (reports, errors) = all_survive(|source, fixture| {
        let bytes = fixture.body.as_bytes();
        let cut = |part: usize| {
            // Cuts can fall into a character.
            let (head, _) = bytes.split_at(bytes.len() * part / CUTS);
            survives(source, fixture, head, &format!("cut at {}", head.len()))
        };
        (0..CUTS).map(cut).collect()
    });
    assert!(reports < errors && errors > 1_000, "{reports} and {errors}");
}

#[test]
fn what_is_no_answer_at_all_is_an_error_or_a_report() {
    let deep = [["[", "]"], ["{\"a\":", "}"], ["<a>", "</a>"]];
    let deep =
        deep.map(|[open, close]| format!("{}1{}", open.repeat(100_000), close.repeat(100_000)));
    let mut bodies: Vec<Vec<u8>> = deep.into_iter().map(String::into_bytes).collect();
    let texts = [
        "",
        " ",
        "null",
        "0",
        "\"\"",
        "[]",
        "{}",
        "<html></html>",
        "<a",
        "{\"a\":1,\"a\":2}",
    ];
    bodies.extend(texts.iter().map(|text| text.as_bytes().to_vec()));
    bodies.push(vec![0xff, 0xfe, 0, 0]);
    bodies.push(vec![0; 10_000]);
    for source in native::sources() {
        for status in [200, 204, 301, 400, 401, 403, 404, 429, 500, 503] {
            for (at, body) in bodies.iter().enumerate() {
                let nobody = Fixture {
                    name: format!("body {at}"),
                    status,
                    body: String::new(),
                    reports: None,
                };
                survives(&source, &nobody, body, &format!("status {status}")).unwrap();
            }
        }
    }
}
