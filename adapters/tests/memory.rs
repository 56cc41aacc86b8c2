//! Understanding an answer takes at most twice its body and 1 MiB beyond it, whatever the source
//! and whatever somebody did to the body; two sources can list so many rows in so few bytes that
//! the record of them alone takes more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "../../fuzz/check.rs"]
mod check;
#[path = "../../fuzz/push.rs"]
mod push;
#[path = "../../fuzz/seed.rs"]
mod seed;
#[path = "../../fuzz/target.rs"]
mod target;
#[path = "../../fuzz/tokens.rs"]
mod tokens;

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use peak_alloc::PeakAlloc;
use serde_json::Value;
use waybill_core::adapter::Adapter;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One measurement at a time: the counter is that of the process.
static ALONE: Mutex<()> = Mutex::new(());

/// Size of a big body.
const BIG: usize = 1 << 20;

/// Times its body that an answer may take beyond 1 MiB where twice is not enough. What is kept of it
/// does not fit into twice: a row takes some 600 bytes in a record, whoever reads it.
const RECORDS: &[(&str, usize)] = &[
    // A row has 150 bytes in the answers of the UPU.
    ("china-post", 4),
    // A row has 230 bytes, and the list is a text within the answer.
    ("sf", 3),
];

/// Bytes that understanding a body may take beyond it.
fn allowed(id: &str, bytes: usize) -> usize {
    let more = RECORDS.iter().find(|(source, _)| *source == id);
    more.map_or(target::allowed(bytes), |(_, times)| {
        times * bytes + (1 << 20)
    })
}

/// Bytes that understanding a body takes beyond it, at most at once.
fn used(adapter: &dyn Adapter, body: &[u8]) -> usize {
    let response = http::Response::new(Bytes::copy_from_slice(body));
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let answers = adapter.interpret(&[], &response, target::now());
    let used = MEMORY.peak_usage().saturating_sub(before);
    assert_eq!(answers.len(), 1);
    used
}

/// Places of a document by what they are called: JSON pointers, of which each but the first leads on
/// within the text at which the one before ends.
type Places = BTreeMap<String, Vec<String>>;

/// Finds every list of objects and every text; of places that differ in indices only the first.
fn places(value: &Value, name: &str, at: &mut Vec<String>, lists: &mut Places, texts: &mut Places) {
    let mut inside = |key: &str, pointer: String, value: &Value| {
        let end = at.len() - 1;
        let length = at[end].len();
        at[end].push_str(&pointer);
        places(value, &format!("{name}/{key}"), at, lists, texts);
        at[end].truncate(length);
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                inside(
                    key,
                    format!("/{}", key.replace('~', "~0").replace('/', "~1")),
                    value,
                );
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                inside("", format!("/{index}"), value);
            }
            if items.iter().any(Value::is_object) {
                lists.entry(name.to_owned()).or_insert_with(|| at.clone());
            }
        }
        Value::String(text) => {
            texts.entry(name.to_owned()).or_insert_with(|| at.clone());
            if let (true, Ok(document)) = (text.starts_with(['{', '[']), serde_json::from_str(text))
            {
                at.push(String::new());
                places(&document, &format!("{name}#"), at, lists, texts);
                at.pop();
            }
        }
        _ => {}
    }
}

/// What is done to a place.
type Change<'a> = &'a dyn Fn(&mut Value);

/// The document with one place changed.
fn changed(document: &Value, place: &[String], change: Change<'_>) -> Value {
    let mut document = document.clone();
    let node = document.pointer_mut(&place[0]).unwrap();
    match &place[1..] {
        [] => change(node),
        rest => {
            let inner = serde_json::from_str(node.as_str().unwrap()).unwrap();
            *node = changed(&inner, rest, change).to_string().into();
        }
    }
    document
}

/// Big bodies: each list of the fixtures repeated to 1 MiB and to as many members as are read, each
/// text made 128 KiB long; all of them, or one in `every`.
fn big(id: &str, every: usize) -> Vec<(String, Vec<u8>)> {
    let (mut bodies, mut seen) = (Vec::new(), Vec::new());
    for (name, body) in seed::fixtures(id) {
        let Ok(document) = serde_json::from_slice::<Value>(&body) else {
            bodies.push((format!("{name}: a row repeated"), elements(&body)));
            continue;
        };
        let (mut lists, mut texts) = (Places::new(), Places::new());
        places(
            &document,
            "",
            &mut vec![String::new()],
            &mut lists,
            &mut texts,
        );
        let repeat = |most: usize, node: &mut Value| {
            let items = node.as_array_mut().unwrap();
            let (rows, length) = (items.len(), serde_json::to_vec(items).unwrap().len());
            let count = (BIG * rows / length).min(most);
            let all = (0..count).map(|at| items[at % rows].clone());
            *node = Value::Array(all.collect());
        };
        let to_the_most = |node: &mut Value| repeat(500, node);
        let repeat = |node: &mut Value| repeat(usize::MAX, node);
        let stretch = |node: &mut Value| *node = "包裹 parcel ".repeat(BIG / 112).into();
        let ways: [(&str, &Places, Change<'_>); 3] = [
            ("1 MiB", &lists, &repeat),
            ("500", &lists, &to_the_most),
            ("text", &texts, &stretch),
        ];
        for (way, places, change) in ways {
            for (place, at) in places {
                // Texts of one name are read in one way.
                let place = if way == "text" {
                    place.rsplit('/').next()
                } else {
                    Some(place.as_str())
                };
                let what = format!("{way} {}", place.unwrap_or_default());
                if !seen.contains(&what) {
                    seen.push(what.clone());
                    if seen.len() % every == 0 {
                        let body = changed(&document, at, change).to_string();
                        bodies.push((format!("{name}: {what}"), body.into_bytes()));
                    }
                }
            }
        }
    }
    bodies
}

/// An XML document with its first element that holds none repeated.
fn elements(body: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(body).unwrap();
    let Some(end) = text.find("/>") else {
        return body.to_vec();
    };
    let start = text[..end].rfind('<').unwrap();
    let (before, rest) = text.split_at(start);
    let (element, after) = rest.split_at(end + 2 - start);
    [before, &element.repeat(BIG / element.len()), after]
        .concat()
        .into_bytes()
}

/// Worst of what a source was given, and the names of all that took too much.
fn judge(id: &str, bodies: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<String> {
    let _alone = ALONE.lock().unwrap_or_else(|broken| broken.into_inner());
    let adapter = target::adapter(id);
    // What is read once, code tables and zones for example, is not the first body's.
    for (_, body) in seed::fixtures(id) {
        used(adapter.as_ref(), &body);
    }
    let mut too_much = Vec::new();
    for (name, body) in bodies {
        let used = used(adapter.as_ref(), &body);
        if used > allowed(id, body.len()) {
            let times = used as f64 / body.len() as f64;
            let bytes = body.len();
            too_much.push(format!(
                "{id}: {name}: {times:.1} times its {bytes} bytes: {used}"
            ));
        }
    }
    too_much
}

/// What takes too much, of all sources.
fn too_much(bodies: impl Fn(&str) -> Vec<(String, Vec<u8>)>) -> Vec<String> {
    let sources = waybill_adapters::ALL.iter().map(|source| source.id);
    sources.flat_map(|id| judge(id, bodies(id))).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_big_answer_takes_twice_its_size() {
    assert_eq!(too_much(|id| big(id, 1)), NONE);
}

/// Each list within another list, both full of members that say nothing.
fn nested(id: &str) -> Vec<(String, Vec<u8>)> {
    let mut bodies = Vec::new();
    for (name, body) in seed::fixtures(id) {
        let Ok(document) = serde_json::from_slice::<Value>(&body) else {
            continue;
        };
        let (mut lists, mut texts) = (Places::new(), Places::new());
        let mut at = vec![String::new()];
        places(&document, "", &mut at, &mut lists, &mut texts);
        for (inner, place) in &lists {
            let within = |outer: &&String| inner.starts_with(&format!("{outer}//"));
            for outer in lists.keys().filter(within) {
                let fill = |node: &mut Value| *node = vec![serde_json::json!({}); 500].into();
                let full = changed(&document, place, &fill);
                let at = &lists[outer];
                let repeat = |node: &mut Value| {
                    let items = node.as_array().unwrap();
                    let full = items.iter().max_by_key(|item| item.to_string().len());
                    *node = vec![full.unwrap().clone(); 100].into();
                };
                let body = changed(&full, at, &repeat).to_string();
                bodies.push((format!("{name}: {inner} in {outer}"), body.into_bytes()));
            }
        }
    }
    bodies
}

#[test]
fn lists_of_nothing_within_lists_take_no_more() {
    assert_eq!(too_much(nested), NONE);
}

#[test]
fn a_list_is_read_to_its_most() {
    let mut refused = Vec::new();
    for source in waybill_adapters::ALL {
        let adapter = target::adapter(source.id);
        let fixtures: BTreeMap<_, _> = seed::fixtures(source.id).into_iter().collect();
        let reads = |body: &[u8]| {
            let response = http::Response::new(Bytes::copy_from_slice(body));
            adapter.interpret(&[], &response, target::now())[0].is_ok()
        };
        for (name, body) in big(source.id, 1) {
            let Some((fixture, _)) = name.split_once(": 500 ") else {
                continue;
            };
            if reads(&fixtures[fixture]) && !reads(&body) {
                refused.push(format!("{}: {name}", source.id));
            }
        }
    }
    assert_eq!(refused, NONE);
}

#[test]
fn a_damaged_answer_takes_no_more() {
    let damaged = too_much(|id| {
        let mut bodies = Vec::new();
        for (name, body) in big(id, 11) {
            bodies.push((format!("{name}, cut"), body[..body.len() - 1].to_vec()));
            let mut noisy = body;
            let length = noisy.len();
            (0..20).for_each(|at| noisy[length * at / 20] ^= 0x55);
            bodies.push((format!("{name}, noisy"), noisy));
        }
        bodies
    });
    assert_eq!(damaged, NONE);
}

#[test]
fn a_deep_answer_takes_no_more() {
    let nested = too_much(|_| {
        let deep = [
            ["[", "]"],
            ["{\"a\":", "}"],
            ["<a>", "</a>"],
            ["[{\"data\":", "}]"],
        ];
        let whole = deep.map(|[open, close]| {
            let depth = BIG / (open.len() + close.len());
            format!("{}1{}", open.repeat(depth), close.repeat(depth))
        });
        let open = deep.map(|[open, _]| open.repeat(BIG / open.len()));
        let bodies = whole
            .into_iter()
            .chain(open)
            .chain(["{},".repeat(BIG / 3), " ".repeat(BIG)]);
        bodies
            .map(|body| ("nested".to_owned(), body.into_bytes()))
            .collect()
    });
    assert_eq!(nested, NONE);
}
