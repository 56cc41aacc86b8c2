//! Answers that are damaged in any way end in reports or a typed error.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::damage::{self, change, size};

const ANSWERS: &[&str] = &[
    include_str!("../fixtures/two_legs.json"),
    include_str!("../fixtures/clocks.json"),
    include_str!("../fixtures/problems.json"),
    include_str!("../fixtures/facts.json"),
    include_str!("../fixtures/push_updated.json"),
    include_str!("../fixtures/v4_wrapped.json"),
    include_str!("../fixtures/last_checkpoint.json"),
    include_str!("../fixtures/exists.json"),
    include_str!("../fixtures/deleted.json"),
];

/// What is wrong with what a damaged answer became, if anything is.
fn flaw(answer: &Answer) -> Option<&'static str> {
    damage::flaw(answer, "7022")
}

proptest! {
    #[test]
    fn a_damaged_answer_never_panics(
        which in 0..ANSWERS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..10_usize), 1..4),
    ) {
        let mut document: Value = serde_json::from_str(ANSWERS[which]).unwrap();
        for (index, how) in changes {
            let mut at = index.index(size(&document));
            change(&mut document, &mut at, how);
        }
        assert_eq!(flaw(&understood(&document.to_string())), None);
    }

    #[test]
    fn a_cut_answer_never_panics(
        which in 0..ANSWERS.len(),
        cut in any::<prop::sample::Index>(),
        tail in "[\\[{\"}0]{0,3}",
    ) {
        let text = ANSWERS[which];
        let cut = text.floor_char_boundary(cut.index(text.len()));
        let (head, _) = text.split_at(cut);
        assert_eq!(flaw(&understood(&format!("{head}{tail}"))), None);
    }
}

#[test]
fn every_single_change_is_survived() {
    for text in [
        include_str!("../fixtures/facts.json"),
        include_str!("../fixtures/clocks.json"),
        include_str!("../fixtures/exists.json"),
    ] {
        let document: Value = serde_json::from_str(text).unwrap();
        for at in 0..size(&document) {
            for how in 0..10 {
                let mut changed = document.clone();
                change(&mut changed, &mut at.clone(), how);
                assert_eq!(flaw(&understood(&changed.to_string())), None);
            }
        }
    }
}
