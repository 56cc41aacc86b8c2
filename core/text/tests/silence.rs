//! What is said while nobody is expected to see the parcel.

use super::*;
use crate::lane::{Silence, SilenceReason};

#[test]
fn an_expected_silence_is_told_and_nobody_is_blamed() {
    for (reason, words) in [
        (SilenceReason::Sea, "It is on a ship."),
        (SilenceReason::Air, "between two countries"),
        (SilenceReason::LaneNorm, "out of sight"),
        (SilenceReason::Peak, "busy season"),
    ] {
        let mut record = parcel();
        let until = at("2026-06-20T12:00:00Z");
        record.silence = Some(Silence { until, reason });
        let text = say(&record, Audience::Recipient, "en");
        assert!(text.next_step.contains(words), "{}", text.next_step);
        assert!(
            text.next_step.contains("June 20, 2026") || text.next_step.contains("20 June 2026")
        );
        for language in ["de", "es", "fr", "zh-Hans"] {
            let text = say(&record, Audience::Shipper, language);
            let day = if language == "zh-Hans" { "20日" } else { "20" };
            assert!(text.next_step.contains(day), "{}", text.next_step);
        }
    }
}
