//! Which native value fills which field of a report, found by changing one value at a time.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;
use waybill_core::adapter::{Answer, Report};
use waybill_core::event::Claim;

use super::native::{self, Change, Node, Source};

/// Values of one path that are changed in one fixture, beside the last one.
const FIRST: usize = 1;
/// Times that one value of one path is changed in all fixtures of a source.
const PER_VALUE: usize = 2;
/// Formats and clocks in one cell; more are counted.
const IN_CELL: usize = 4;

/// Values by field.
#[derive(Clone, Default, PartialEq, Eq)]
struct Fields {
    values: BTreeMap<String, Vec<String>>,
    /// Clock of each field that is a time.
    clocks: BTreeMap<String, BTreeSet<String>>,
}

/// What is known of a field and a path that acts on it.
#[derive(Default)]
struct Link {
    /// Another value makes another field.
    by_value: bool,
    clocks: BTreeSet<String>,
}

type Links = BTreeMap<(String, String), Link>;

/// The section of one source.
pub fn section(source: &Source) -> String {
    let mut shapes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut read = Vec::new();
    for fixture in &source.fixtures {
        let nodes: Vec<Node> = native::nodes(&fixture.body);
        assert!(
            !nodes.is_empty(),
            "{}/{}",
            source.descriptor.id,
            fixture.name
        );
        let answer = source.read(fixture.status, fixture.body.clone());
        if let (Some(expected), Ok(reports)) = (fixture.reports, &answer) {
            let name = &fixture.name;
            assert_eq!(reports.len(), expected, "{}/{name}", source.descriptor.id);
        }
        for node in &nodes {
            let Some(value) = &node.value else { continue };
            if let Some(shape) = shape(value) {
                shapes.entry(node.path.clone()).or_default().insert(shape);
            }
            let known = values.entry(node.path.clone()).or_default();
            if !value.is_null() && !known.contains(value) {
                known.push(value.clone());
            }
        }
        if answer.is_ok() {
            read.push((fixture, nodes, answer));
        }
    }
    let mut links = Links::new();
    let mut tried: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (fixture, nodes, before) in &read {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for node in nodes.iter().filter(|node| node.value.is_some()) {
            *counts.entry(&node.path).or_default() += 1;
        }
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for node in nodes {
            let Some(value) = &node.value else { continue };
            let seen = seen.entry(&node.path).or_default();
            *seen += 1;
            if (*seen > FIRST && *seen < counts[&*node.path]) || value.is_null() {
                continue;
            }
            let tried = tried.entry((&node.path, value.to_string())).or_default();
            *tried += 1;
            if *tried > PER_VALUE {
                continue;
            }
            let mut changes = vec![(Change::Remove, false)];
            let others = alternatives(value, &values[&node.path], *seen);
            changes.extend(others.into_iter().map(|other| (Change::Set(other), true)));
            for (change, by_value) in changes {
                let body = native::changed(&fixture.body, &node.steps, &change);
                let after = source.read(fixture.status, body);
                note(&mut links, &node.path, by_value, before, &after);
            }
        }
    }
    render(source, read.len(), &links, &shapes)
}

fn fields(prefix: &str, value: &Value) -> Fields {
    let mut fields = Fields::default();
    flatten(prefix, value, &mut fields);
    fields
}

/// Follows from other parts of a time, or is filled in when the report is absorbed.
const LEFT_OUT: &[&str] = &["instant", "earliest", "latest", "raw"];

/// Numbers and contacts are one field each, told apart by their kind.
const WHOLE: &[(&str, &str)] = &[
    ("facts.identifiers", "kind"),
    ("facts.contacts", "action"),
    ("facts.estimates", "kind"),
];

fn flatten(path: &str, value: &Value, out: &mut Fields) {
    match value {
        Value::Object(members) if members.contains_key("earliest") => {
            let clocks = out.clocks.entry(path.to_owned());
            clocks.or_default().insert(clock(value));
            for (key, member) in members {
                match key.as_str() {
                    key if LEFT_OUT.contains(&key) => {}
                    "local" | "precision" => flatten(path, member, out),
                    _ => flatten(&format!("{path}.clock"), member, out),
                }
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{key}"), member, out);
            }
        }
        Value::Array(items) => {
            let kind = WHOLE.iter().find(|(list, _)| *list == path);
            for item in items {
                let kind = kind.and_then(|(_, key)| item[key].as_str());
                let path = format!("{path}[{}]", kind.unwrap_or_default());
                match item.get("window") {
                    Some(window) => flatten(&path, window, out),
                    None if kind.is_some() => flatten(&path, &item.to_string().into(), out),
                    None => flatten(&path, item, out),
                }
            }
        }
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        leaf => {
            let values = out.values.entry(path.to_owned()).or_default();
            values.push(leaf.to_string());
        }
    }
}

/// How the offset of a time was found, and the precision of the time.
fn clock(time: &Value) -> String {
    let zone = time["zone"].as_str().unwrap_or_default();
    let found = match time["basis"].as_str().unwrap() {
        "Stated" => "stated".to_owned(),
        "Facility" => "zone of the facility".to_owned(),
        "Locality" => "zone of the place".to_owned(),
        "Country" => "zone of the country".to_owned(),
        "SourceConvention" if zone.is_empty() => "convention of the source".to_owned(),
        "SourceConvention" => format!("convention of the source: {zone}"),
        "Unresolved" => "left open".to_owned(),
        other => panic!("unknown basis {other}"),
    };
    let precision = time["precision"].as_str().unwrap().to_lowercase();
    format!("{found} ({precision})")
}

/// Other values for a node: what stands there elsewhere, and what differs a little.
fn alternatives(value: &Value, known: &[Value], turn: usize) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    match value {
        Value::Bool(is) => all.push(Value::Bool(!is)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => all.push((number + 1).into()),
            None => all.push((number.as_f64().unwrap() + 1.0).into()),
        },
        Value::String(text) => {
            all.extend(digits(text).into_iter().map(Value::String));
            if all.is_empty() {
                all.push(Value::String(format!("{text}x")));
            }
        }
        _ => {}
    }
    let others: Vec<&Value> = known.iter().filter(|other| *other != value).collect();
    let some = others
        .iter()
        .cycle()
        .skip(turn)
        .take(others.len().min(3 - all.len()));
    all.extend(some.map(|other| (*other).clone()));
    all
}

/// The text with the last digit of its third and its last run of digits changed.
fn digits(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let is_end = |at: &usize| {
        bytes[*at].is_ascii_digit() && !bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
    };
    let ends: Vec<usize> = (0..bytes.len()).filter(is_end).collect();
    let chosen = [ends.get(2), ends.last()];
    let chosen: BTreeSet<usize> = chosen.into_iter().flatten().copied().collect();
    let other = |at: usize| {
        let digit = match bytes[at] {
            b'0'..=b'7' => bytes[at] + 1,
            digit => digit - 1,
        };
        format!("{}{}{}", &text[..at], char::from(digit), &text[at + 1..])
    };
    chosen.into_iter().map(other).collect()
}

/// Notes which fields a change of `path` reached.
fn note(links: &mut Links, path: &str, by_value: bool, before: &Answer, after: &Answer) {
    let mut link = |field: &str, clocks: Option<&BTreeSet<String>>| {
        let link = links
            .entry((field.to_owned(), path.to_owned()))
            .or_default();
        link.by_value |= by_value;
        link.clocks.extend(clocks.into_iter().flatten().cloned());
    };
    let (Ok(before), Ok(after)) = (before, after) else {
        return link("(answer)", None);
    };
    let Some(pairs) = differing(before, after, head) else {
        return link("(report)", None);
    };
    for (old, new) in pairs {
        let mut parts = vec![(head(old), head(new))];
        match differing(&old.claims, &new.claims, claim_fields) {
            Some(pairs) => parts.extend(
                pairs
                    .iter()
                    .map(|(old, new)| (claim_fields(old), claim_fields(new))),
            ),
            None => link("claims[]", None),
        }
        for (old, new) in parts {
            for field in different(&old, &new) {
                link(field, old.clocks.get(field));
            }
        }
    }
}

/// Everything in a report but its claims.
fn head(report: &Report) -> Fields {
    let report = Report {
        claims: Vec::new(),
        ..report.clone()
    };
    let mut fields = fields("", &serde_json::to_value(report).unwrap());
    fields.values.remove("claims[]");
    fields
}

fn claim_fields(claim: &Arc<Claim>) -> Fields {
    fields("claims[]", &serde_json::to_value(claim).unwrap())
}

fn different<'a>(old: &'a Fields, new: &'a Fields) -> BTreeSet<&'a String> {
    let keys = old.values.keys().chain(new.values.keys());
    keys.filter(|key| old.values.get(*key) != new.values.get(*key))
        .collect()
}

/// What of two lists is not the same, each with what it became: the one that differs least, since
/// a change can move a row. `None` if one list has more.
fn differing<'a, T: PartialEq>(
    before: &'a [T],
    after: &'a [T],
    fields: impl Fn(&T) -> Fields,
) -> Option<Vec<(&'a T, &'a T)>> {
    if before.len() != after.len() {
        return None;
    }
    let mut new: Vec<&T> = after.iter().collect();
    let mut old = Vec::new();
    for each in before {
        match new.iter().position(|other| *other == each) {
            Some(at) => drop(new.remove(at)),
            None => old.push(each),
        }
    }
    if old.len() < 2 {
        return Some(old.into_iter().zip(new).collect());
    }
    let mut new: Vec<(Fields, &T)> = new.iter().map(|each| (fields(each), *each)).collect();
    let became = old.into_iter().map(|each| {
        let own = fields(each);
        let distances = new.iter().map(|(other, _)| different(&own, other).len());
        let nearest = distances.enumerate().min_by_key(|(_, distance)| *distance);
        (each, new.remove(nearest.unwrap().0).1)
    });
    Some(became.collect())
}

/// Shape of a value; `None` if it says nothing.
fn shape(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Bool(_) => return Some("true or false".to_owned()),
        Value::Number(number) if number.is_f64() => return Some("decimal number".to_owned()),
        Value::Number(_) => return Some("number".to_owned()),
        Value::String(text) if text.trim().is_empty() => return None,
        Value::String(text) => text.trim(),
        _ => return Some("list or object".to_owned()),
    };
    let mask: String = text
        .chars()
        .map(|c| match c {
            '0'..='9' => '9',
            'a'..='z' | 'A'..='Z' => 'A',
            c => c,
        })
        .collect();
    const DAYS: &[(&str, &str)] = &[
        ("9999-99-99", "YYYY-MM-DD"),
        ("9999/99/99", "YYYY/MM/DD"),
        ("99.99.9999", "DD.MM.YYYY"),
    ];
    let clock = |rest: &str| {
        let rest = rest.replacen("99:99:99", "hh:mm:ss", 1);
        let rest = rest.replacen("99:99", "hh:mm", 1);
        let rest = rest.replace("+99", "+hh").replace("-99", "-hh");
        rest.replace("hh:99", "hh:mm").replace("hh99", "hhmm")
    };
    for (day, name) in DAYS {
        if let Some(rest) = mask.strip_prefix(day) {
            let is_clock = rest.len() < 20 && rest.is_ascii();
            if is_clock {
                let rest = rest.replacen('A', if text.contains('T') { "T" } else { "A" }, 1);
                let rest = match text.ends_with('Z') {
                    true => format!("{}Z", rest.trim_end_matches('A')),
                    false => rest,
                };
                return Some(format!("`{name}{}`", clock(&rest)));
            }
        }
    }
    let is_number = mask.chars().all(|c| c == '9');
    let name = match mask.as_str() {
        _ if text.starts_with("https://") || text.starts_with("http://") => "address",
        "99:99:99" => "`hh:mm:ss`",
        "99:99" => "`hh:mm`",
        "+99:99" | "-99:99" => "`+hh:mm`",
        _ if is_number && mask.len() == 8 && text.starts_with("20") => "`YYYYMMDD`",
        _ if is_number && mask.len() == 14 && text.starts_with("20") => "`YYYYMMDDhhmmss`",
        _ if is_number => "digits",
        _ if mask.len() <= 4 && mask.chars().all(|c| c == 'A' || c == '9') => {
            return Some(format!("`{mask}`"));
        }
        _ if text.parse::<f64>().is_ok() => "decimal number",
        _ => "text",
    };
    Some(name.to_owned())
}

/// Some of a set in one cell.
fn cell(all: &BTreeSet<String>) -> String {
    let is_time = all.iter().any(|each| each.contains(['Y', '(']));
    if all.contains("text") && !is_time {
        return "text".to_owned();
    }
    let mut some: Vec<&str> = all.iter().take(IN_CELL).map(String::as_str).collect();
    let more = format!("{} more", all.len().saturating_sub(IN_CELL));
    if all.len() > IN_CELL {
        some.push(&more);
    }
    some.join(", ")
}

fn render(
    source: &Source,
    read: usize,
    links: &Links,
    shapes: &BTreeMap<String, BTreeSet<String>>,
) -> String {
    let descriptor = source.descriptor;
    let mut page = format!(
        "\n## {} (`{}`)\n\nFrom {read} fixtures.\n\n",
        descriptor.display_name, descriptor.id
    );
    page.push_str("| record field | native path | format | clock |\n|---|---|---|---|\n");
    for ((field, path), link) in links {
        let path_shown = if link.by_value {
            format!("`{path}`")
        } else {
            format!("*`{path}`*")
        };
        let shape = shapes.get(path).map(cell).unwrap_or_default();
        let clocks = cell(&link.clocks);
        writeln!(page, "| `{field}` | {path_shown} | {shape} | {clocks} |").unwrap();
    }
    page
}
