//! The nodes of small, well-formed XML documents: elements, attributes and texts, by their bytes.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests"
)]

use std::ops::Range;

use serde_json::Value;

use super::native::{Change, Node, Step};

/// An element that is open.
struct Open {
    start: usize,
    /// Where its content begins.
    inner: usize,
    path: String,
    has_elements: bool,
}

/// Appends every node of `text`. An element is called by its attribute `name` if it has one, else
/// by its tag; an attribute follows after `@`.
pub fn nodes(text: &str, steps: &[Step], prefix: &str, out: &mut Vec<Node>) {
    let mut push = |range: Range<usize>, path: String, value: Option<&str>| {
        let mut steps = steps.to_vec();
        steps.push(Step::Bytes(range));
        out.push(Node {
            steps,
            path,
            value: value.map(|text| Value::String(plain(text))),
        });
    };
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let Some(end) = text[start..].find('>').map(|found| start + found + 1) else {
            return;
        };
        let tag = &text[start + 1..end - 1];
        at = end;
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            let Some(element) = open.pop() else {
                return;
            };
            let content = &text[element.inner..start];
            if !element.has_elements && !content.trim().is_empty() {
                push(element.inner..start, element.path.clone(), Some(content));
            }
            push(element.start..end, element.path, None);
            continue;
        }
        let attributes = attributes(tag, start + 1);
        let own = attributes.iter().find(|(name, ..)| *name == "name");
        let label = match own {
            Some((_, _, value)) => &text[value.clone()],
            None => tag.split([' ', '/', '\n']).next().unwrap_or_default(),
        };
        let path = match open.last_mut() {
            None => format!("{prefix}{label}"),
            Some(parent) => {
                parent.has_elements = true;
                format!("{}/{label}", parent.path)
            }
        };
        for (name, _, value) in attributes {
            if name != "name" {
                let held = &text[value.clone()];
                push(value, format!("{path}@{name}"), Some(held));
            }
        }
        if tag.ends_with('/') {
            push(start..end, path, None);
        } else {
            open.push(Open {
                start,
                inner: end,
                path,
                has_elements: false,
            });
        }
    }
}

/// Name, whole and value of each attribute of a tag that starts at `base`.
fn attributes(tag: &str, base: usize) -> Vec<(&str, Range<usize>, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = tag.find(char::is_whitespace).unwrap_or(tag.len());
    while let Some(length) = tag[at..].find("=\"") {
        let name = tag[at..at + length].trim_start();
        let from = at + length + 2;
        let Some(size) = tag[from..].find('"') else {
            break;
        };
        let whole = base + at..base + from + size + 1;
        found.push((name, whole, base + from..base + from + size));
        at = from + size + 1;
    }
    found
}

/// The document with the bytes in `range` changed. The value of an attribute is taken away with
/// its name.
pub fn changed(text: &str, range: &Range<usize>, change: &Change) -> String {
    let mut range = range.clone();
    let is_attribute = text[..range.start].ends_with("=\"");
    if is_attribute && matches!(change, Change::Remove | Change::Twice) {
        range.start = text[..range.start].rfind(char::is_whitespace).unwrap();
        range.end += 1;
    }
    let (head, old, tail) = (
        &text[..range.start],
        &text[range.clone()],
        &text[range.end..],
    );
    let new = match change {
        Change::Remove => String::new(),
        Change::Twice => format!("{old}{old}"),
        Change::Set(Value::String(value)) => escaped(value),
        Change::Set(value) => escaped(&value.to_string()),
        Change::Bury(depth) if old.starts_with('<') => format!(
            "{}{old}{}",
            "<data name=\"n\">".repeat(*depth),
            "</data>".repeat(*depth)
        ),
        Change::Bury(depth) => format!("{}{old}", "&amp;".repeat(*depth)),
    };
    format!("{head}{new}{tail}")
}

fn plain(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&lt;", "<");
    text.replace("&gt;", ">").replace("&amp;", "&")
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
