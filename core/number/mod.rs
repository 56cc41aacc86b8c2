//! Tracking numbers: how they are normalised, which formats they have, who may have issued them.
//!
//! Knows shapes and check digits only. Whether a parcel exists, and which source to ask, is not
//! decided here.

mod check;
mod detect;
mod format;

use serde::{Deserialize, Serialize};
use unicode_normalization::char::decompose_compatible;

pub use check::Check;
pub use detect::{Candidate, check_digit_valid, detect};
pub use format::{Evidence, Format, format, formats, is_post, post_of};

use crate::privacy::Pii;

/// A normalised tracking number: 4 to 50 characters `A-Z 0-9`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackingNumber(Pii<String>);

/// Fewest and most characters of a normalised number.
const LENGTH: std::ops::RangeInclusive<usize> = 4..=50;

const WRONG_CHARACTER: &str =
    "must consist of letters A-Z and digits once spaces and hyphens are removed";
const WRONG_LENGTH: &str = "must have 4 to 50 characters once spaces and hyphens are removed";

impl TrackingNumber {
    /// The number in clear.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// A form fit for a log; see [`Pii::masked`].
    pub fn masked(&self) -> String {
        self.0.masked()
    }

    /// Normalises a number as printed or typed: NFKC, white space, zero-width characters and
    /// hyphens removed, upper case. However long the text is, no more than 50 characters are kept.
    ///
    /// # Errors
    /// Says what is wrong, without the number: length outside 4 to 50 or other characters.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit();
        if LENGTH.contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(Pii::new(text.to_owned())));
        }
        let mut normal = String::with_capacity(*LENGTH.end());
        for c in text.chars().filter(|c| !is_removed(*c)) {
            let mut fits = true;
            // Per character, not over the text: composition never yields A-Z or 0-9, and the
            // iterator over a text buffers combining marks without limit.
            decompose_compatible(c, |part| {
                if part.is_ascii_alphanumeric() {
                    normal.push(part.to_ascii_uppercase());
                } else {
                    fits &= is_removed(part);
                }
            });
            if !fits {
                return Err(WRONG_CHARACTER);
            }
            if normal.len() > *LENGTH.end() {
                return Err(WRONG_LENGTH);
            }
        }
        if normal.len() < *LENGTH.start() {
            return Err(WRONG_LENGTH);
        }
        Ok(Self(Pii::new(normal)))
    }
}

/// White space, hyphens and dashes, and characters that show nothing.
fn is_removed(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2010}'..='\u{2015}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}' | '\u{2212}' | '\u{feff}'
    ) || c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> Option<String> {
        TrackingNumber::parse(text)
            .ok()
            .map(|number| number.reveal().to_owned())
    }

    #[test]
    fn what_people_paste_becomes_one_number() {
        for text in [
            "RB123456785CN",
            "rb 123 456 785 cn",
            " RB-123-456-785-CN\r\n",
            "ＲＢ１２３４５６７８５ＣＮ",
            "\u{feff}RB1234\u{200b}56785\u{2060}CN\u{200e}",
            "RB123\u{a0}456\u{2011}785\u{2013}CN",
            "RB123\u{ad}456785\u{3000}CN",
        ] {
            assert!(normal(text).as_deref() == Some("RB123456785CN"));
        }
    }

    #[test]
    fn other_characters_are_refused() {
        for text in [
            "RB123456785C\u{0}N",
            "RB12345\u{7}6785CN",
            "RB12345\u{1b}[0m6785CN",
            "RB123456785_CN",
            "RÉ123456785CN",
            "RE\u{301}123456785CN",
            "STRAßE12",
            "ıABC123",
            "١٢٣٤٥",
            "顺丰12345",
        ] {
            assert_eq!(TrackingNumber::parse(text).err(), Some(WRONG_CHARACTER));
        }
    }

    #[test]
    fn length_counts_after_normalisation() {
        assert_eq!(TrackingNumber::parse("").err(), Some(WRONG_LENGTH));
        assert_eq!(TrackingNumber::parse("1 2-3").err(), Some(WRONG_LENGTH));
        assert!(normal("1 2-3 4").as_deref() == Some("1234"));
        assert!(normal(&"7".repeat(50)).is_some());
        assert!(normal(&"7 ".repeat(50)).is_some());
        assert_eq!(
            TrackingNumber::parse(&"7".repeat(51)).err(),
            Some(WRONG_LENGTH)
        );
    }

    #[test]
    fn a_very_long_text_is_refused() {
        for text in ["7", "a", " ", "\u{200b}", "\u{301}", "\u{fdfa}"] {
            assert!(TrackingNumber::parse(&text.repeat(256 * 1024 / text.len())).is_err());
        }
    }

    #[test]
    fn the_error_does_not_repeat_the_number() {
        for text in [
            "1Z999AA1_0123456784",
            "77777777777777777777777777777777777777777777777777777",
        ] {
            let error = TrackingNumber::parse(text).err().unwrap();
            assert!(!error.contains("999AA1") && !error.contains("777"));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_parse_or_detect_panic(text in "\\PC*|[A-Z0-9 -]{0,60}|\\w{4,50}") {
            if let Ok(number) = TrackingNumber::parse(&text) {
                let kept = number.reveal();
                prop_assert!(LENGTH.contains(&kept.len()));
                prop_assert!(kept.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
                prop_assert!(TrackingNumber::parse(kept).is_ok_and(|again| again == number));
                let candidates = detect(&number, &crate::adapter::Hints::default());
                prop_assert!(candidates.len() <= 10);
            }
        }

        #[test]
        fn spacing_and_case_do_not_matter(plain in "[A-Z0-9]{4,50}", at in 0_usize..50) {
            let mut typed = plain.to_lowercase();
            typed.insert(at.min(typed.len()), ' ');
            prop_assert!(normal(&typed) == Some(plain));
        }
    }
}
