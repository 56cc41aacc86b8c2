//! What every answer has to be, whatever came: fit for a record.

#![allow(dead_code, reason = "each user takes a part of it")]
#![allow(unreachable_pub, reason = "it is included, not linked")]

use waybill_core::adapter::{Answer, Report};
use waybill_core::code::EventCode;
use waybill_core::event::MappingBasis;

/// Checks what every answer has to be, whatever the body of so many bytes was, and tells whether it
/// holds reports.
pub fn answer(answer: &Answer, bytes: usize) -> bool {
    match answer {
        Ok(reports) => {
            self::reports(reports, bytes);
            !reports.is_empty()
        }
        Err(error) => {
            let length = error.to_string().chars().count();
            assert!(length <= 2_000, "an error of {length} characters");
            false
        }
    }
}

/// Checks reports that came of so many bytes.
pub fn reports(reports: &[Report], bytes: usize) {
    let claims = reports.iter().flat_map(|report| &report.claims);
    assert!(claims.clone().count() <= bytes, "rows out of nothing");
    for claim in claims {
        assert!(claim.native_text.reveal().chars().count() <= 1_000);
        assert!(claim.time.raw.chars().count() <= 64);
        assert!(claim.time.earliest <= claim.time.latest);
        let is_unmapped = claim.code == EventCode::UNMAPPED;
        assert!(is_unmapped || claim.basis != MappingBasis::None);
        let place = claim.location.as_ref();
        assert!(place.is_none_or(|place| place.raw.reveal().chars().count() <= 200));
    }
}
