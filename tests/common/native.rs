//! Every fixture of every source, its native nodes, and changes of one node at a time.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "tests"
)]

use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use waybill_core::adapter::{Adapter, Answer, Descriptor};
use waybill_core::registry::Registry;

/// A credential that passes for a text, a token and a key of 16 bytes.
const PLACEHOLDER: &str = "b2ZmbGluZS0tb2ZmbGluZQ==";

/// A source that has fixtures, for an account without credentials.
pub struct Source {
    pub descriptor: &'static Descriptor,
    pub adapter: Box<dyn Adapter>,
    pub fixtures: Vec<Fixture>,
}

/// One answer or push of a source.
pub struct Fixture {
    pub name: String,
    pub status: u16,
    pub body: String,
    /// Number of reports that it must become; `None` if nothing says so.
    pub reports: Option<usize>,
}

/// Folder of a source: its id as a name in Rust, which cannot begin with a digit.
pub fn folder(id: &str) -> PathBuf {
    let digits = id.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = id.split_at(digits);
    let name = format!("{}{digits}", rest.replace('-', "_"));
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("adapters")
        .join(name)
}

/// Every source with fixtures, in the order of the table.
pub fn sources() -> Vec<Source> {
    let registry = Registry::new(waybill_adapters::ALL);
    let mut sources = Vec::new();
    for descriptor in registry.iter() {
        let fixtures = fixtures(&folder(descriptor.id).join("fixtures"));
        if fixtures.is_empty() {
            continue;
        }
        let required = descriptor.settings.iter().filter(|each| each.required);
        let pairs = required.map(|each| (each.key.to_owned(), PLACEHOLDER.to_owned()));
        sources.push(Source {
            descriptor,
            adapter: registry.build(descriptor.id, pairs).unwrap(),
            fixtures,
        });
    }
    assert!(sources.len() > 10);
    sources
}

fn fixtures(folder: &Path) -> Vec<Fixture> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.to_str().unwrap().ends_with(".expected.json"));
    paths.sort();
    let fixture = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let expected = std::fs::read(path.with_extension("expected.json"));
        let expected: Option<Value> = expected
            .ok()
            .map(|text| serde_json::from_slice(&text).unwrap());
        Fixture {
            status: name
                .split('_')
                .find_map(|part| part.parse().ok())
                .unwrap_or(200),
            body: std::fs::read_to_string(&path).unwrap(),
            reports: expected.and_then(|expected| Some(expected.as_array()?.len())),
            name,
        }
    };
    paths.into_iter().map(fixture).collect()
}

impl Source {
    /// Understands a body as an answer to nobody's question.
    pub fn read(&self, status: u16, body: impl Into<Bytes>) -> Answer {
        let response = http::Response::builder()
            .status(status)
            .body(body.into())
            .unwrap();
        let now = "2026-03-10T12:00:00Z".parse().unwrap();
        let mut answers = self.adapter.interpret(&[], &response, now);
        assert_eq!(answers.len(), 1, "{}", self.descriptor.id);
        answers.remove(0)
    }
}

/// One step from a document to a node of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    At(usize),
    /// Into the document that a text holds.
    Inside,
    /// To this part of an XML document.
    Bytes(Range<usize>),
}

/// A node of a document.
#[derive(Clone)]
pub struct Node {
    pub steps: Vec<Step>,
    /// Where it is, every index written as `[]`, a document within a text after `#`.
    pub path: String,
    /// What it holds; `None` if it holds other nodes.
    pub value: Option<Value>,
}

/// What to do to a node.
#[derive(Clone)]
pub enum Change {
    Remove,
    /// Once more beside it; in a JSON object under the same key.
    Twice,
    Set(Value),
    /// Within this many lists or elements.
    Bury(usize),
}

/// A key that is written and then renamed, because a map cannot hold a key twice.
const TWIN: &str = "@twin of ";

/// Every node of a document, JSON or XML.
pub fn nodes(text: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    if text.trim_start().starts_with('<') {
        super::xml::nodes(text, &[], "", &mut nodes);
    } else if let Ok(document) = serde_json::from_str(text) {
        walk(&document, &mut Vec::new(), "", &mut nodes);
    }
    nodes
}

fn walk(value: &Value, steps: &mut Vec<Step>, path: &str, out: &mut Vec<Node>) {
    let at = out.len();
    out.push(Node {
        steps: steps.clone(),
        path: path.to_owned(),
        value: None,
    });
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::At(index));
                walk(item, steps, &format!("{path}[]"), out);
                steps.pop();
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                let path = match path {
                    "" => key.clone(),
                    path if path.ends_with('#') => format!("{path}{key}"),
                    path => format!("{path}.{key}"),
                };
                steps.push(Step::Key(key.clone()));
                walk(item, steps, &path, out);
                steps.pop();
            }
        }
        Value::String(text) if text.starts_with(['{', '[', '<']) => {
            steps.push(Step::Inside);
            let path = format!("{path}#");
            match serde_json::from_str::<Value>(text) {
                Ok(inner) => walk(&inner, steps, &path, out),
                Err(_) if text.starts_with('<') => super::xml::nodes(text, steps, &path, out),
                Err(_) => out[at].value = Some(value.clone()),
            }
            steps.pop();
        }
        leaf => out[at].value = Some(leaf.clone()),
    }
}

/// The document with one node changed.
pub fn changed(text: &str, steps: &[Step], change: &Change) -> String {
    if let [Step::Bytes(range)] = steps {
        return super::xml::changed(text, range, change);
    }
    let mut document: Value = serde_json::from_str(text).unwrap();
    edit(&mut document, steps, change);
    let text = document.to_string();
    if matches!(change, Change::Twice) {
        return text.replace(TWIN, "");
    }
    text
}

fn edit(value: &mut Value, steps: &[Step], change: &Change) {
    match (steps, &mut *value) {
        ([], _) => match change {
            Change::Remove => *value = Value::Null,
            Change::Twice => *value = Value::Array(vec![value.clone(), value.clone()]),
            Change::Set(new) => *value = new.clone(),
            Change::Bury(depth) => {
                for _ in 0..*depth {
                    *value = Value::Array(vec![value.take()]);
                }
            }
        },
        ([Step::Inside, rest @ ..], Value::String(text)) => *text = changed(text, rest, change),
        ([Step::Key(key)], Value::Object(fields)) if matches!(change, Change::Remove) => {
            fields.remove(key);
        }
        ([Step::Key(key)], Value::Object(fields)) if matches!(change, Change::Twice) => {
            fields.insert(format!("{TWIN}{key}"), fields[key].clone());
        }
        ([Step::At(index)], Value::Array(items)) if matches!(change, Change::Remove) => {
            items.remove(*index);
        }
        ([Step::At(index)], Value::Array(items)) if matches!(change, Change::Twice) => {
            items.insert(*index, items[*index].clone());
        }
        ([Step::Key(key), rest @ ..], Value::Object(fields)) => {
            edit(&mut fields[key], rest, change);
        }
        ([Step::At(index), rest @ ..], Value::Array(items)) => {
            edit(&mut items[*index], rest, change);
        }
        _ => panic!("the steps do not fit the document"),
    }
}
