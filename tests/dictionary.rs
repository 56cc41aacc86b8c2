//! `docs/data-dictionary.md` and `docs/sources.md` say what the adapters do. `WAYBILL_WRITE_DOCS=1`
//! writes them anew.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "common/dictionary.rs"]
mod dictionary;
#[path = "common/native.rs"]
mod native;
#[path = "common/xml.rs"]
mod xml;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use waybill_core::adapter::{Descriptor, Proof};

const DICTIONARY: &str = "\
# Data dictionary

Which node of a source's message fills which field of its reports. `tests/dictionary.rs` made this
from the fixtures in `adapters/*/fixtures` and fails when it is no longer true;
`WAYBILL_WRITE_DOCS=1 cargo test --test dictionary` writes it anew.

It is measured, not written: of every fixture one value at a time is altered or taken away, the
adapter reads the message again, and the fields that come out differently belong to that value.
The first and the last value of each path are tried in each fixture, the same value in two fixtures
at most; they are altered a little, and to what other fixtures hold there. Fields that no fixture
fills are not here.

- **record field**: of `Report` in `core/adapter.rs`. Members of a list are told apart by their kind;
  `claims[]` itself is whether there is a row, `(report)` whether there is a report, `(answer)`
  whether the message is understood as an answer. Of a time, `time` is the wall clock with its
  precision, and `time.clock` the offset, the zone and how they were found; the instant and its
  bounds follow from these.
- **native path**: an index is `[]`; what follows `#` is within a document that a text holds. In XML,
  an element is called by its attribute `name` if it has one, and an attribute follows `@`. A path
  in italics only counts by being there: no other value of it changed the field, its absence did.
- **format**: shapes of the values in the fixtures; `9` is a digit, `A` a letter, `D` a day and so on.
- **clock**: of times, how their offset from UTC was found, and their precision.
";

const SOURCES: &str = "\
# Sources

What the table of sources says, one row each; `tests/dictionary.rs` made this from
`adapters/lib.rs` and fails when it is no longer true. `WAYBILL_WRITE_DOCS=1 cargo test --test
dictionary` writes it anew. The limits are defaults; `[sources.<id>]` in the configuration changes
them. `waybill carriers` says which are configured. A push that is `signed` is believed, one with a
secret in a header or in its address only starts a poll ([push.md](push.md)).
";

const NO_EVENT: &str = "
## Codes that stand for no event

What has such a code is an event all the same, UNMAPPED and with its own text. A code that is in no
table is one, too.

| source | kind | code | why |
|---|---|---|---|
";

fn pushes(proof: Option<Proof>) -> String {
    let word = match proof {
        Some(Proof::Signature) => "signed",
        Some(Proof::Header) => "header",
        Some(Proof::Address) => "address",
        None => "-",
    };
    word.to_owned()
}

#[test]
fn the_data_dictionary_is_what_the_adapters_do() {
    let mut page = DICTIONARY.to_owned();
    let sources = native::sources();
    let sections: Vec<String> = std::thread::scope(|scope| {
        let work = sources.iter().map(|source| {
            let section = move || dictionary::section(source);
            scope.spawn(section)
        });
        let work: Vec<_> = work.collect();
        work.into_iter().map(|each| each.join().unwrap()).collect()
    });
    for section in sections {
        page.push_str(&section);
    }
    assert_eq!(difference("data-dictionary.md", &page), None);
}

#[test]
fn the_page_of_sources_is_the_table() {
    let mut page = SOURCES.to_owned();
    let ids = |list: &[&str]| list.join(", ");
    let yes = |is: bool| if is { "yes" } else { "-" }.to_owned();
    table(
        &mut page,
        "What they are",
        &["source", "name", "class", "speaks for", "seat", "API"],
        |source| {
            vec![
                source.display_name.to_owned(),
                format!("{:?}", source.class).to_lowercase(),
                source.carrier.to_owned(),
                source.country.to_owned(),
                source.api.to_owned(),
            ]
        },
    );
    table(
        &mut page,
        "What they can do",
        &[
            "source",
            "paid",
            "registers",
            "push",
            "orders",
            "estimate",
            "proof",
            "history",
            "language",
            "time zone",
            "needs",
            "can use",
        ],
        |source| {
            let can = &source.capabilities;
            vec![
                yes(can.paid),
                yes(can.registers),
                pushes(can.push),
                yes(can.order_lookup),
                yes(can.delivery_estimate),
                yes(can.proof_of_delivery),
                days(can.history_days),
                can.language.to_owned(),
                can.default_time_zone.to_owned(),
                ids(can.required_hints),
                ids(can.optional_hints),
            ]
        },
    );
    table(
        &mut page,
        "How hard they may be asked",
        &[
            "source",
            "numbers per call",
            "rate",
            "burst",
            "calls per day",
            "timeout",
            "slow after",
            "between two calls for a number",
        ],
        |source| {
            let limits = &source.limits;
            let per_day = limits.per_day;
            vec![
                limits.batch.to_string(),
                rate(limits.per_second),
                limits.burst.to_string(),
                if per_day == 0 {
                    "not known".to_owned()
                } else {
                    per_day.to_string()
                },
                seconds(limits.timeout),
                seconds(limits.slow),
                seconds(limits.min_interval),
            ]
        },
    );
    table(
        &mut page,
        "What they know",
        &[
            "source",
            "number formats",
            "carriers",
            "codes",
            "of these UNMAPPED",
        ],
        |source| {
            let codes = codes(source);
            let carriers = match (source.carrier, source.carriers) {
                ("", []) => "any".to_owned(),
                (own, []) => own.to_owned(),
                (_, all) => ids(all),
            };
            let unmapped = codes.iter().filter(|row| row[2] == "UNMAPPED").count();
            vec![
                ids(source.formats),
                carriers,
                codes.len().to_string(),
                unmapped.to_string(),
            ]
        },
    );
    page.push_str(NO_EVENT);
    for source in waybill_adapters::ALL {
        for row in codes(source) {
            if row[2] == "UNMAPPED" {
                let (scope, code, why) = (&row[0], &row[1], &row[4]);
                assert!(!why.is_empty(), "{} {code}: why", source.id);
                println!("{}: {scope} {code} is unmapped: {why}", source.id);
                writeln!(page, "| `{}` | {scope} | `{code}` | {why} |", source.id).unwrap();
            }
        }
    }
    assert_eq!(difference("sources.md", &page), None);
}

/// Appends a table with one row per source.
fn table(
    page: &mut String,
    title: &str,
    header: &[&str],
    row: impl Fn(&Descriptor) -> Vec<String>,
) {
    writeln!(page, "\n## {title}\n\n| {} |", header.join(" | ")).unwrap();
    writeln!(page, "|{}", "---|".repeat(header.len())).unwrap();
    for source in waybill_adapters::ALL {
        let mut cells = row(source);
        cells.insert(0, format!("`{}`", source.id));
        assert_eq!(cells.len(), header.len());
        for cell in &mut cells {
            if cell.is_empty() {
                cell.push('-');
            }
        }
        writeln!(page, "| {} |", cells.join(" | ")).unwrap();
    }
}

fn days(days: u32) -> String {
    match days {
        0 => "not known".to_owned(),
        days => format!("{days} days"),
    }
}

fn seconds(span: Duration) -> String {
    match span.as_secs_f64() {
        0.0 => "0".to_owned(),
        seconds => format!("{seconds} s"),
    }
}

fn rate(per_second: f64) -> String {
    if per_second < 1.0 {
        let per_hour = (per_second * 3_600.0).round();
        format!("{per_hour} per hour")
    } else {
        format!("{per_second} per second")
    }
}

/// The source's code table: scope, code, event, reason, text.
fn codes(source: &Descriptor) -> Vec<Vec<String>> {
    let path = native::folder(source.id).join("codes.csv");
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    let row = |row: &str| {
        let mut columns = vec![String::new()];
        let mut quoted = false;
        for c in row.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => columns.push(String::new()),
                c => columns.last_mut().unwrap().push(c),
            }
        }
        assert!(columns.len() >= 5, "{row}");
        columns
    };
    text.lines().skip(1).map(row).collect()
}

/// In what a page differs from the one in `docs/`, if it does; or writes it there.
fn difference(name: &str, page: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    #[allow(clippy::disallowed_methods, reason = "a switch of this test")]
    if std::env::var_os("WAYBILL_WRITE_DOCS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = written
        .lines()
        .chain(std::iter::repeat("(nothing)"))
        .zip(page.lines().chain(["(nothing)"]));
    let first = lines.enumerate().find(|(_, (is, should))| is != should);
    let told = first.map(|(line, (is, should))| {
        let line = line + 1;
        format!("docs/{name}, line {line}: is {is:?}, should be {should:?}; see its head")
    });
    told.or_else(|| (written != page).then(|| format!("docs/{name} is longer than it should be")))
}
