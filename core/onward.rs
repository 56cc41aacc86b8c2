//! The number under which a parcel goes on, read from the texts of its events.
//!
//! Structured fields say so better and come first. A text is words that anybody may have written,
//! so a number in it counts only if a phrase of handing on stands before it, its check digit is
//! right, and the carrier that is named beside it, or the format alone, says whose it is. What is
//! read is shown with its origin; whether the parcel is found under it is decided where the owners
//! of numbers are known, see `pipeline/settle.rs`.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use crate::adapter::Hints;
use crate::event::Observation;
use crate::fold::moment;
use crate::number::{self, Evidence, TrackingNumber};

/// A number that a text names.
pub(crate) struct Onward<'a> {
    pub(crate) number: TrackingNumber,
    /// Carrier that goes on with the parcel; empty if its post has no id here.
    pub(crate) carrier: &'static str,
    /// Source whose text it is.
    pub(crate) source: &'a str,
    /// When the parcel was handed on.
    pub(crate) at: Timestamp,
}

/// Numbers read from the texts of one parcel; who writes more writes no parcel's journey.
const MOST: usize = 4;
/// Letters and digits of the shortest number that says by itself whose it is. One in ten order
/// numbers has a right check digit, and short ones look like many things.
const LEAST_ALONE: usize = 13;
/// Digits without which a word is not looked at.
const LEAST_DIGITS: usize = 8;
/// Characters of the longest number with a check digit.
const LONGEST: usize = 34;
/// Characters before a number in which words count.
const WINDOW: usize = 80;
/// Characters behind a number in which its carrier may be named: "(USPS)".
const BEHIND: usize = 16;

/// Phrases before a number, and how many characters may stand between.
const PHRASES: [(&str, usize); 34] = [
    // The number is another one from now on.
    ("latest tracking number", 8),
    ("new tracking number", 32),
    ("new tracking no", 32),
    ("new waybill number", 32),
    ("last mile tracking number", 32),
    ("last-mile tracking number", 32),
    ("local tracking number", 32),
    ("forwarding number", 32),
    ("relabelled", 40),
    ("relabeled", 40),
    ("新单号", 40),
    ("新运单号", 40),
    ("转单号", 40),
    ("转单", 40),
    ("换单号", 40),
    ("换单", 40),
    ("末端单号", 40),
    ("尾程单号", 40),
    ("派送单号", 40),
    // Somebody else has the parcel from now on.
    ("handed over to", 60),
    ("handed to", 60),
    ("handed off to", 60),
    ("handover to", 60),
    ("transferred to", 60),
    ("forwarded to", 60),
    ("tendered to", 60),
    ("passed on to", 60),
    ("turned over to", 60),
    ("转交", 40),
    ("移交", 40),
    ("交由", 40),
    ("交给", 40),
    ("转投", 40),
    ("交航", 40),
];

/// Words that turn a phrase into its opposite, or the number into the one that was left behind.
const NOT: [&str; 17] = [
    "not ",
    "n't ",
    "never ",
    "return",
    "previous",
    "former",
    "original",
    "old tracking",
    "old number",
    "instead of",
    "未",
    "退回",
    "退件",
    "退货",
    "原单号",
    "原运单",
    "旧单号",
];

/// Names of carriers in texts, in lower case, and our ids.
static NAMES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let rows = include_str!("data/carrier-names.csv").lines().skip(1);
    rows.filter_map(|row| row.split_once(',')).collect()
});

/// Reads the numbers that texts of events name, the earliest first. `is_known` tells which numbers
/// the parcel has anyhow.
pub(crate) fn numbers<'a>(
    observations: &'a [Arc<Observation>],
    is_known: impl Fn(&str) -> bool,
) -> Vec<Onward<'a>> {
    let mut told: Vec<(Timestamp, &'a Observation)> = observations
        .iter()
        .filter(|one| one.claim.happened() && has_number(one.claim.native_text.reveal()))
        .map(|one| (moment(&one.claim.time), &**one))
        .collect();
    told.sort_by_key(|(at, one)| (*at, one.id));
    let mut seen: HashSet<TrackingNumber> = HashSet::new();
    let mut found = Vec::new();
    for (at, one) in told {
        let Some((number, carrier)) = read(one.claim.native_text.reveal(), &is_known) else {
            continue;
        };
        if seen.insert(number.clone()) && found.len() < MOST {
            found.push(Onward {
                number,
                carrier,
                source: &one.source,
                at,
            });
        }
    }
    found
}

/// Tells cheaply that a text can have no number in it.
fn has_number(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= LEAST_DIGITS
}

/// The first number of a text that it says the parcel goes on under, and the carrier.
fn read(text: &str, is_known: impl Fn(&str) -> bool) -> Option<(TrackingNumber, &'static str)> {
    // Lower case of ASCII alone leaves every letter where it is.
    let lower = text.to_ascii_lowercase();
    words(text).find_map(|(start, ends)| {
        let before = tail(lower.get(..start)?, WINDOW);
        let before = handing_on(before)?;
        ends.into_iter().find_map(|end| {
            let behind = head(lower.get(end..)?, BEHIND);
            let named = named(before).or_else(|| named(behind));
            let number = TrackingNumber::parse(text.get(start..end)?).ok()?;
            let carrier = owner(&number, named.unwrap_or_default())?;
            (!is_known(number.reveal())).then_some((number, carrier))
        })
    })
}

/// Words that can be numbers: where they begin, and where they end with and without the groups of
/// digits that follow ("9400 1118 9922 ...").
fn words(text: &str) -> impl Iterator<Item = (usize, [usize; 2])> {
    let bytes = text.as_bytes();
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from
                + bytes
                    .get(from..)?
                    .iter()
                    .position(u8::is_ascii_alphanumeric)?;
            let end = word_end(bytes, start);
            from = end;
            let mut last = end;
            while let (Some(b' ' | b'-'), Some(next)) = (bytes.get(last), bytes.get(last + 1))
                && next.is_ascii_digit()
                && bytes
                    .get(last.wrapping_sub(1))
                    .is_some_and(u8::is_ascii_digit)
                && last - start <= 2 * LONGEST
            {
                last = word_end(bytes, last + 1);
            }
            let whole = bytes.get(start..last)?;
            let digits = whole.iter().filter(|byte| byte.is_ascii_digit()).count();
            if (LEAST_DIGITS..=LONGEST).contains(&digits) {
                return Some((start, [last, end]));
            }
        }
    })
}

fn word_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric());
    start + length.unwrap_or(rest.len())
}

/// What stands before a number from the phrase on that says that the parcel goes on under it.
fn handing_on(before: &str) -> Option<&str> {
    if NOT.iter().any(|word| before.contains(word)) {
        return None;
    }
    let near = PHRASES.iter().filter_map(|(phrase, reach)| {
        let at = before.rfind(phrase)?;
        let between = before.get(at + phrase.len()..)?;
        (between.chars().count() <= *reach).then_some(at)
    });
    before.get(near.min()?..)
}

/// The carrier that is named last.
fn named(text: &str) -> Option<&'static str> {
    let at = |name: &str| {
        let found = text.rmatch_indices(name).map(|(at, _)| at);
        let apart = |at: &usize| {
            let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            let before = text.get(..*at).and_then(|text| text.chars().next_back());
            let after = text
                .get(at + name.len()..)
                .and_then(|text| text.chars().next());
            !name.is_ascii() || !is_letter(before) && !is_letter(after)
        };
        found.filter(apart).max()
    };
    let mut best: Option<(usize, &'static str)> = None;
    for (name, carrier) in NAMES.iter() {
        if let Some(end) = at(name).map(|at| at + name.len())
            && best.is_none_or(|(known, _)| known < end)
        {
            best = Some((end, carrier));
        }
    }
    best.map(|(_, carrier)| carrier)
}

/// Whose number it is, if its check digit is right and nothing contradicts. Posts share the numbers
/// of the Universal Postal Union.
fn owner(number: &TrackingNumber, named: &'static str) -> Option<&'static str> {
    let candidates = number::detect(number, &Hints::default());
    let sound = candidates
        .iter()
        .filter(|one| one.check_digit_valid == Some(true));
    for one in sound {
        let is_postal = !one.country.is_empty();
        if named.is_empty() {
            let format = number::format(one.format);
            let is_structured =
                format.is_some_and(|format| format.evidence == Evidence::StructuredCheck);
            if is_structured && number.reveal().len() >= LEAST_ALONE {
                return Some(match format {
                    _ if is_postal => number::post_of(&one.country).unwrap_or_default(),
                    Some(format) => &format.carrier,
                    None => "",
                });
            }
        } else if one.carrier == named || is_postal && number::is_post(named) {
            return Some(named);
        }
    }
    None
}

/// The last so many characters.
fn tail(text: &str, count: usize) -> &str {
    let start = text.char_indices().nth_back(count.saturating_sub(1));
    start.map_or(text, |(at, _)| text.get(at..).unwrap_or_default())
}

/// The first so many characters.
fn head(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count);
    end.map_or(text, |(at, _)| text.get(..at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USPS: &str = "9400111899223123456785";
    const S10: &str = "RB123456785GB";

    fn found(text: &str) -> Option<(String, &'static str)> {
        let (number, carrier) = read(text, |_| false)?;
        Some((number.reveal().to_owned(), carrier))
    }

    #[test]
    fn a_phrase_a_carrier_and_a_right_digit_make_a_number() {
        for (text, number, carrier) in [
            (
                "Your parcel is handed over to USPS, tracking number 9400111899223123456785",
                USPS,
                "usps",
            ),
            (
                "Handed over to USPS. Tracking no.: 9400 1118 9922 3123 4567 85.",
                USPS,
                "usps",
            ),
            (
                "Transferred to local carrier 9400111899223123456785 (USPS)",
                USPS,
                "usps",
            ),
            (
                "Transferred to local carrier, number 9400111899223123456785",
                USPS,
                "usps",
            ),
            ("Latest Tracking Number:\tRB123456785GB", S10, "royal-mail"),
            (
                "快件已转交美国邮政派送，单号9400111899223123456785",
                USPS,
                "usps",
            ),
            ("已交航，转单号：RB123456785GB", S10, "royal-mail"),
            ("转单,新单号为: rb123456785gb", S10, "royal-mail"),
            ("包裹已移交皇家邮政,RB123456785GB", S10, "royal-mail"),
            (
                "China Post: handed over to the local carrier, 9400111899223123456785",
                USPS,
                "usps",
            ),
            // A post goes on with a number that another one issued.
            (
                "Handed over to USPS, item RB123456785CN",
                "RB123456785CN",
                "usps",
            ),
            (
                "Forwarded to UPS with 1Z999AA10123456784",
                "1Z999AA10123456784",
                "ups",
            ),
            ("Passed on to FedEx: 986578788855", "986578788855", "fedex"),
            (
                "Handed to Canada Post, tracking 1234567890123452 for delivery",
                "1234567890123452",
                "canada-post",
            ),
        ] {
            assert_eq!(found(text), Some((number.to_owned(), carrier)), "{text}");
        }
    }

    #[test]
    fn what_lacks_one_of_them_is_left_alone() {
        for text in [
            "",
            // No phrase, or one that says something else.
            "Tracking number 9400111899223123456785",
            "USPS 9400111899223123456785",
            "9400111899223123456785 is handed over to USPS",
            "单号 RB123456785GB 已到达",
            "Not handed over to USPS, tracking number 9400111899223123456785",
            "Couldn't be handed over to USPS, tracking number 9400111899223123456785",
            "尚未转交美国邮政，单号9400111899223123456785",
            "快件已退回，新单号为: RB123456785GB",
            "Relabelled; previous number RB123456785GB",
            "转单，原单号 RB123456785GB",
            // Too far from it.
            "Handed over to the carrier that delivers in the country of the recipient, whose own scans will follow later: 9400111899223123456785",
            // A wrong check digit.
            "Handed over to USPS, tracking number 9400111899223123456786",
            "转单号 RB123456786GB",
            // Another carrier than the number is of.
            "Handed over to UPS, tracking number 9400111899223123456785",
            "Handed over to UPS, tracking number RB123456785GB",
            // Digits that one number in ten has right, and nobody named.
            "Handed over to the local carrier: 986578788855",
            "Handed over to the local carrier: J1234567895",
            // Formats without a check digit.
            "Handed over to SF Express, SF1234567890123",
            "Handed over to Amazon, TBA123456789012",
            // An airline's waybill, a phone number, a date.
            "已交航，提单号 157-12345675",
            "Handed over to USPS, call +1 800 275 8777",
            "Handed over to USPS 2026-03-02 10:11:12",
            // Inside a longer word.
            "转单号 XRB123456785GB7",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn the_own_number_is_passed_over() {
        let text = "转单 RB123456785CN 至 Royal Mail RB123456785GB";
        let (number, carrier) = read(text, |number| number == "RB123456785CN").unwrap();
        assert_eq!(number.reveal(), S10);
        assert_eq!(carrier, "royal-mail");
    }

    #[test]
    fn names_belong_to_carriers_that_the_formats_know() {
        let of_format = |id: &str| number::formats().any(|format| format.carrier == id);
        for (name, carrier) in NAMES.iter() {
            assert!(of_format(carrier) || number::is_post(carrier), "{carrier}");
            assert_eq!(name.to_ascii_lowercase(), *name);
        }
        assert!(
            PHRASES.iter().all(|(phrase, reach)| {
                phrase.to_ascii_lowercase() == *phrase && *reach < WINDOW
            })
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|(handed over to usps|转单号)[ -:，0-9A-Z]{0,80}") {
            if let Some((number, _)) = found(&text) {
                prop_assert!(number.len() >= LEAST_DIGITS);
            }
        }
    }
}
