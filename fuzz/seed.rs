//! What the search for inputs begins with: the fixtures of a source, what was once found, and the
//! words of its language.

#![allow(dead_code, reason = "each user takes a part of it")]
#![allow(unreachable_pub, reason = "it is included, not linked")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Longest word, in bytes.
const WORD: usize = 40;

/// Folder of the project.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Fixtures of a source by their names; none if it has none.
pub fn fixtures(id: &str) -> Vec<(String, Vec<u8>)> {
    // A name in Rust cannot begin with a digit.
    let digits = id.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = id.split_at(digits);
    let folder = format!("adapters/{}{digits}/fixtures", rest.replace('-', "_"));
    let mut files = files(&root().join(folder));
    files.retain(|(name, _)| !name.ends_with(".expected.json"));
    files
}

/// Inputs of a target that were once found to be too much for it, and others worth keeping.
pub fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    files(&root().join("fuzz/seeds").join(target))
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let file = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(&path).unwrap())
    };
    paths.into_iter().map(file).collect()
}

/// Every seed of a target: each fixture as an answer, as the answer to a question and as a push.
pub fn all(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut seeds = kept(target);
    for (name, body) in fixtures(target) {
        let status = name
            .split(['_', '.'])
            .find(|part| part.parse::<u16>().is_ok());
        let media = if body.starts_with(b"<") { "x" } else { "j" };
        let status = status.unwrap_or("200");
        for head in [
            format!("{status}{media}\n"),
            format!("{status}{media}?\n"),
            format!("psh{media}\n"),
        ] {
            let seed = [head.as_bytes(), &body].concat();
            seeds.push((format!("{}-{name}", head.trim_end()), seed));
        }
    }
    seeds
}

/// Writes the seeds into a folder and the words of the fixtures into a dictionary of libFuzzer.
pub fn write(target: &str, corpus: &str, dictionary: &str) {
    std::fs::create_dir_all(corpus).unwrap();
    for (name, seed) in all(target) {
        std::fs::write(Path::new(corpus).join(name.replace('?', "q")), seed).unwrap();
    }
    let mut words = BTreeSet::new();
    for (_, body) in fixtures(target) {
        match serde_json::from_slice(&body) {
            Ok(document) => collect(&document, &mut words),
            Err(_) => {
                let text = String::from_utf8_lossy(&body).into_owned();
                words.extend(text.split(['<', '>', ' ', '"', '=']).map(str::to_owned));
            }
        }
    }
    let heads = [
        "200j\n",
        "psh",
        "404j",
        "500x",
        "{",
        "[",
        "null",
        "\"\":",
        "2026-03-10T12:00:00Z",
    ];
    words.extend(heads.map(str::to_owned));
    words.retain(|word| (1..=WORD).contains(&word.len()));
    let line = |word: &String| {
        let bytes = word.bytes().map(|byte| format!("\\x{byte:02x}"));
        format!("\"{}\"\n", bytes.collect::<String>())
    };
    std::fs::write(dictionary, words.iter().map(line).collect::<String>()).unwrap();
}

fn collect(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                words.insert(format!("\"{key}\":"));
                collect(value, words);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::String(text) => drop(words.insert(text.clone())),
        _ => {}
    }
}
