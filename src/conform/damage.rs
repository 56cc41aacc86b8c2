//! Changes of one node of a JSON document. It must not know what the document says.

use serde_json::Value;

/// One step from a document to a node of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To a field.
    Key(String),
    /// To an item.
    At(usize),
    /// Into the document that a text holds.
    Inside,
}

/// A node of a document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) steps: Vec<Step>,
    /// Where it is: fields by name with dots between, every index written as `[]`, a document within
    /// a text after `#`, as in `result#events[].code`.
    pub(super) path: String,
    pub(super) value: Value,
}

impl Node {
    /// It holds no other nodes.
    pub(super) const fn is_leaf(&self) -> bool {
        !matches!(self.value, Value::Array(_) | Value::Object(_))
    }
}

/// What to do to a node.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Remove,
    /// Once more behind it; only an item can be.
    Twice,
    Set(Value),
}

/// Every node of a document but the document itself, or nothing if it is not JSON.
pub(super) fn nodes(text: &[u8]) -> Vec<Node> {
    let mut nodes = Vec::new();
    if let Ok(document) = serde_json::from_slice(text) {
        walk(&document, &mut Vec::new(), "", &mut nodes);
    }
    nodes
}

fn walk(value: &Value, steps: &mut Vec<Step>, path: &str, out: &mut Vec<Node>) {
    let mut below = |step: Step, path: String, value: &Value| {
        steps.push(step);
        out.push(Node {
            steps: steps.clone(),
            path: path.clone(),
            value: value.clone(),
        });
        walk(value, steps, &path, out);
        steps.pop();
    };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                below(Step::At(index), format!("{path}[]"), item);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                let dot = if path.is_empty() || path.ends_with('#') {
                    ""
                } else {
                    "."
                };
                below(Step::Key(key.clone()), format!("{path}{dot}{key}"), item);
            }
        }
        Value::String(text) if text.starts_with(['{', '[']) => {
            if let Ok(inner) = serde_json::from_str::<Value>(text) {
                below(Step::Inside, format!("{path}#"), &inner);
            }
        }
        _ => {}
    }
}

/// The document with every listed node changed.
pub(super) fn changed<'a>(
    text: &[u8],
    changes: impl IntoIterator<Item = (&'a Node, Change)>,
) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice(text) else {
        return text.to_vec();
    };
    // From the last node to the first, so that a removed item moves none that is still to come.
    let changes: Vec<_> = changes.into_iter().collect();
    for (node, change) in changes.into_iter().rev() {
        edit(&mut document, &node.steps, &change);
    }
    document.to_string().into_bytes()
}

fn edit(value: &mut Value, steps: &[Step], change: &Change) {
    match (steps, &mut *value) {
        ([], _) => {
            if let Change::Set(new) = change {
                *value = new.clone();
            }
        }
        ([Step::Inside, rest @ ..], Value::String(text)) => {
            if let Ok(mut inner) = serde_json::from_str::<Value>(text) {
                edit(&mut inner, rest, change);
                *text = inner.to_string();
            }
        }
        ([Step::Key(key)], Value::Object(fields)) if matches!(change, Change::Remove) => {
            fields.remove(key);
        }
        ([Step::At(index)], Value::Array(items))
            if matches!(change, Change::Remove) && *index < items.len() =>
        {
            items.remove(*index);
        }
        ([Step::At(index)], Value::Array(items)) if matches!(change, Change::Twice) => {
            if let Some(item) = items.get(*index).cloned() {
                items.insert(*index, item);
            }
        }
        ([Step::Key(key), rest @ ..], Value::Object(fields)) => {
            if let Some(field) = fields.get_mut(key) {
                edit(field, rest, change);
            }
        }
        ([Step::At(index), rest @ ..], Value::Array(items)) => {
            if let Some(item) = items.get_mut(*index) {
                edit(item, rest, change);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_named_and_changed_where_they_are() {
        let text = br#"{"a":[{"b":1},{"b":2}],"c":"{\"d\":3}"}"#;
        let nodes = nodes(text);
        let paths: Vec<&str> = nodes.iter().map(|node| node.path.as_str()).collect();
        assert_eq!(
            paths,
            ["a", "a[]", "a[].b", "a[]", "a[].b", "c", "c#", "c#d"]
        );
        let change =
            |at: usize, change| String::from_utf8(changed(text, [(&nodes[at], change)])).unwrap();
        assert_eq!(
            change(1, Change::Remove),
            r#"{"a":[{"b":2}],"c":"{\"d\":3}"}"#
        );
        assert_eq!(change(0, Change::Remove), r#"{"c":"{\"d\":3}"}"#);
        let twice = change(3, Change::Twice);
        assert_eq!(twice, r#"{"a":[{"b":1},{"b":2},{"b":2}],"c":"{\"d\":3}"}"#);
        let inside = change(7, Change::Set("x".into()));
        assert_eq!(inside, r#"{"a":[{"b":1},{"b":2}],"c":"{\"d\":\"x\"}"}"#);
        let both = [(&nodes[1], Change::Remove), (&nodes[3], Change::Remove)];
        assert_eq!(changed(text, both), br#"{"a":[],"c":"{\"d\":3}"}"#);
    }
}
