//! Answers that are damaged or meant to harm end in reports or a typed error, soon.

use std::time::Instant;

use proptest::prelude::*;

use super::fixtures::FIXTURES;
use super::*;
use crate::damage;

fn refusal(body: impl AsRef<[u8]>) -> Error {
    let start = Instant::now();
    let error = understood(body).map(drop).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    error
}

#[test]
fn a_document_type_is_refused_whatever_it_defines() {
    for body in [
        "<!DOCTYPE data [<!ENTITY a \"1234567890\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
         <data name=\"piece-shipment-list\" code=\"0\" error=\"&b;\"/>",
        "<?xml version=\"1.0\"?><!DOCTYPE data SYSTEM \"file:///etc/passwd\"><data code=\"0\"/>",
        "<!DOCTYPE data [<!ENTITY x SYSTEM \"http://127.0.0.1/\">]><data code=\"&x;\"/>",
    ] {
        let error = refusal(body);
        assert_eq!(error.kind, ErrorKind::Malformed);
        assert!(error.message.contains("document type"), "{error}");
    }
}

#[test]
fn an_entity_that_nobody_defined_stays_as_it_stands() {
    let body = include_str!("../fixtures/delivered.xml");
    let odd = body.replace("Seefeld", "See&auml;feld & &#x41;");
    let report = understood(&odd).unwrap().remove(0);
    let place = report.claims[1].location.as_ref().unwrap();
    assert_eq!(place.locality, "See&auml;feld & &#x41;");
    let known = body.replace("Seefeld", "M&#252;hl&amp;Tal");
    let report = understood(&known).unwrap().remove(0);
    let place = report.claims[1].location.as_ref().unwrap();
    assert_eq!(place.locality, "Mühl&Tal");
}

#[test]
fn depth_size_and_width_have_ends() {
    let deep = "<data name=\"piece-shipment-list\">".repeat(100_000);
    assert!(refusal(&deep).message.contains("deeply"));
    let closed = format!("{}{}", "<data>".repeat(16), "</data>".repeat(16));
    assert!(refusal(&closed).message.contains("neither a code"));
    let wide: String = (0..100_000).map(|at| format!(" a{at}=\"1\"")).collect();
    assert!(
        refusal(format!("<data code=\"0\"{wide}/>"))
            .message
            .contains("attributes")
    );
    let huge = format!("<data code=\"0\" error=\"{}\"/>", "x".repeat(5 << 20));
    assert!(refusal(&huge).message.contains("larger"));
    let unknown = format!("<data code=\"100\">{}</data>", "<p/>".repeat(100_000));
    assert_eq!(refusal(&unknown).kind, ErrorKind::NotFound);
}

#[test]
fn bytes_are_read_in_the_stated_encoding_only() {
    let body = include_str!("../fixtures/status_only.xml").replace("Nordstadt", "M\u{fc}nchen");
    let latin: Vec<u8> = body.chars().map(|c| u32::from(c) as u8).collect();
    assert!(refusal(&latin).message.contains("encoding"));
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend_from_slice(body.as_bytes());
    let stated = body.replace("UTF-8", "ISO-8859-1");
    let stated: Vec<u8> = stated.chars().map(|c| u32::from(c) as u8).collect();
    for bytes in [marked, stated] {
        let report = understood(bytes).unwrap().remove(0);
        let place = report.claims[0].location.as_ref().unwrap();
        assert_eq!(place.locality, "München");
    }
}

/// What is wrong with what a damaged answer became, if anything is.
fn flaw(answer: &Answer) -> Option<&'static str> {
    damage::flaw(answer, "0034043")
}

/// Where the nodes of a document are: tags, and attributes with the space before them.
fn nodes(text: &str) -> Vec<(usize, usize)> {
    let pattern = regex::Regex::new(r#"<[^>]*>| [A-Za-z_-]+="[^"]*""#).unwrap();
    let inner = regex::Regex::new(r#" [A-Za-z_-]+="[^"]*""#).unwrap();
    let tags = pattern.find_iter(text).map(|found| found.range());
    let attributes = inner.find_iter(text).map(|found| found.range());
    tags.chain(attributes)
        .map(|at| (at.start, at.end))
        .collect()
}

/// Deletes a node, doubles it, empties it, cuts it, or puts something odd in its place.
fn change(text: &str, (from, to): (usize, usize), how: usize) -> String {
    let (head, node, tail) = (&text[..from], &text[from..to], &text[to..]);
    let name = node.split('=').next().unwrap_or_default();
    let node = match how {
        0 => String::new(),
        1 => format!("{node}{node}"),
        2 => format!("{name}=\"\""),
        3 => format!("{name}=\"99999999999999999999\""),
        4 => format!("{name}=\"&#x110000;&lt;Ωß{}\"", "x".repeat(2_000)),
        5 => format!("{name}='-1.5e300'"),
        6 => format!("{name}="),
        7 => node.chars().take(node.chars().count() / 2).collect(),
        8 => format!("<!-- {name} -->"),
        _ => format!("<![CDATA[{node}]]>"),
    };
    format!("{head}{node}{tail}")
}

#[test]
fn every_single_change_is_survived() {
    for (_, text, _) in FIXTURES
        .iter()
        .filter(|(name, ..)| ["abroad", "batch", "public", "unknown_codes"].contains(name))
    {
        for at in nodes(text) {
            for how in 0..10 {
                assert_eq!(flaw(&understood(change(text, at, how))), None);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_answer_never_panics(
        which in 0..FIXTURES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..10_usize), 1..4),
        cut in any::<prop::sample::Index>(),
        tail in "[<>/&\"a]{0,4}",
    ) {
        let mut text = FIXTURES[which].1.to_owned();
        for (index, how) in changes {
            let nodes = nodes(&text);
            if nodes.is_empty() {
                break;
            }
            text = change(&text, nodes[index.index(nodes.len())], how);
        }
        assert_eq!(flaw(&understood(&text)), None);
        let cut = text.floor_char_boundary(cut.index(text.len().max(1)));
        assert_eq!(flaw(&understood(format!("{}{tail}", &text[..cut]))), None);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        assert_eq!(flaw(&understood(bytes)), None);
    }
}
