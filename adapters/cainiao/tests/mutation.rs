//! Answers that are damaged in any way end in reports or a typed error.

use proptest::prelude::*;
use serde_json::Value;

use super::fixtures::FIXTURES;
use super::*;
use crate::damage::{self, change, size};

/// What is wrong with what a damaged answer became, if anything is.
fn flaw(answer: &Answer) -> Option<&'static str> {
    if answer.as_ref().is_ok_and(Vec::is_empty) {
        return Some("success without a report");
    }
    damage::flaw(answer, "LP00")
}

proptest! {
    #[test]
    fn a_damaged_answer_never_panics(
        which in 0..FIXTURES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..10_usize), 1..4),
    ) {
        let mut document: Value = serde_json::from_str(FIXTURES[which].1).unwrap();
        for (index, how) in changes {
            let mut at = index.index(size(&document));
            change(&mut document, &mut at, how);
        }
        assert_eq!(flaw(&understood(&document.to_string())), None);
    }

    #[test]
    fn a_cut_answer_never_panics(
        which in 0..FIXTURES.len(),
        cut in any::<prop::sample::Index>(),
        tail in "[\\[{\"}0]{0,3}",
    ) {
        let text = FIXTURES[which].1;
        let cut = text.floor_char_boundary(cut.index(text.len()));
        let (head, _) = text.split_at(cut);
        assert_eq!(flaw(&understood(&format!("{head}{tail}"))), None);
    }
}

/// The content of a push that is damaged and signed afterwards.
fn pushed(content: &str) {
    let secret = "waybillAppSecret0000000000000001";
    let digest = sign::link(content.as_bytes(), secret);
    let fields = [
        ("data_digest", digest.as_str()),
        ("logistics_interface", content),
    ];
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let push = http::Request::post("/").body(Bytes::from(form)).unwrap();
    let adapter = adapter(ALL);
    if let Ok(pushed) = pollster::block_on(adapter.translate_push(&push, now())) {
        assert_eq!(flaw(&Ok(pushed.reports)), None);
    }
}

#[test]
fn every_single_change_is_survived() {
    for (name, text, _) in FIXTURES {
        let document: Value = serde_json::from_str(text).unwrap();
        for at in 0..size(&document) {
            for how in 0..10 {
                let mut changed = document.clone();
                change(&mut changed, &mut at.clone(), how);
                let changed = changed.to_string();
                assert_eq!(flaw(&understood(&changed)), None);
                if *name == "tracepush" {
                    pushed(&changed);
                }
            }
        }
    }
}
