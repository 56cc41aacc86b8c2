//! Who may have issued a number: all formats that fit, best first, each with the reason for its
//! place. A wrong check digit is a finding and never a refusal.

use super::TrackingNumber;
use super::format::{Evidence, Match, matches};
use crate::adapter::Hints;

/// A format and carrier that a number can belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Id in the format table.
    pub format: &'static str,
    /// Carrier id; empty if the issuer is a post that we have no id for.
    pub carrier: String,
    /// Whether the check digit is right; `None` if the format has none.
    pub check_digit_valid: Option<bool>,
    /// Place in the list, from 1.
    pub rank: u32,
    /// Why it stands there, in English and without the number.
    pub reason: String,
    /// ISO 3166-1 alpha-2 that the number states; empty if it states none.
    pub country: String,
}

/// Lists who may have issued a number, best first: by evidence, then by what the hints favour,
/// then the narrower format. Candidates with a wrong check digit come last.
pub fn detect(number: &TrackingNumber, hints: &Hints) -> Vec<Candidate> {
    ranked(number.reveal(), hints)
        .into_iter()
        .zip(1..)
        .map(|(found, rank)| {
            let reason = found.reason(number.reveal(), hints);
            let issuer = found.issuer.as_ref();
            Candidate {
                format: &found.format.id,
                carrier: issuer
                    .map_or(found.format.carrier.as_str(), |i| i.carrier)
                    .to_owned(),
                check_digit_valid: found.valid,
                rank,
                reason,
                country: issuer.map_or("", |i| i.country).to_owned(),
            }
        })
        .collect()
}

/// Tells whether the check digit of a number is right if `carrier` issued it, or in its most
/// likely reading if that is empty; `None` if there is no check digit or nothing fits. S10 is a
/// standard of all posts, so its digit is checked whoever the carrier is.
pub fn check_digit_valid(value: &str, carrier: &str) -> Option<bool> {
    let number = TrackingNumber::parse(value).ok()?;
    ranked(number.reveal(), &Hints::default())
        .into_iter()
        .find(|found| {
            carrier.is_empty() || found.issuer.is_some() || found.format.carrier == carrier
        })?
        .valid
}

fn ranked(number: &str, hints: &Hints) -> Vec<Match> {
    let mut found = matches(number);
    found.sort_by_cached_key(|found| {
        (
            found.valid == Some(false),
            found.standing(number, hints),
            found.home(hints),
            found.format.evidence,
            found.order,
        )
    });
    found
}

/// What the hints say about the home of a format, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Home {
    Destination,
    Origin,
    Elsewhere,
}

impl Match {
    /// The evidence that the match counts as.
    fn standing(&self, number: &str, hints: &Hints) -> Evidence {
        match &self.format.stands {
            Some(case)
                if number.starts_with(&case.prefix)
                    && (case.domestic.is_empty() || only(hints, &case.domestic)) =>
            {
                case.evidence
            }
            _ => self.format.evidence,
        }
    }

    fn home(&self, hints: &Hints) -> Home {
        let home = &self.format.home;
        if home.is_empty() {
            Home::Elsewhere
        } else if hints.destination_country == *home {
            Home::Destination
        } else if hints.origin_country == *home {
            Home::Origin
        } else {
            Home::Elsewhere
        }
    }

    fn reason(&self, number: &str, hints: &Hints) -> String {
        let name = &self.format.name;
        let mut reason = if self.valid == Some(false) {
            format!("the shape is that of {name}, but its check digit is wrong")
        } else {
            match self.format.evidence {
                Evidence::StructuredCheck => {
                    format!("structure and check digit of {name} are right")
                }
                Evidence::NumericCheck => format!("length and check digit of {name} are right"),
                Evidence::NumericCheckWeak => format!(
                    "length and check digit of {name} are right, which one in ten numbers is by chance"
                ),
                Evidence::PrefixOnly => {
                    format!("prefix and length are those of {name}, which has no check digit")
                }
                Evidence::RangeOnly => {
                    format!("it is in a range of {name}, which has no check digit")
                }
                Evidence::LengthOnly => {
                    format!("only the shape is that of {name}, which has no check digit")
                }
            }
        };
        if let Some(issuer) = &self.issuer {
            reason.push_str("; issued in ");
            reason.push_str(issuer.country);
            for (before, text) in [(" by ", issuer.operator), (": ", issuer.service)] {
                if !text.is_empty() {
                    reason.push_str(before);
                    reason.push_str(text);
                }
            }
        }
        if self.valid == Some(false) {
            return reason;
        }
        if let Some(case) = &self.format.stands
            && self.standing(number, hints) != self.format.evidence
        {
            reason.push_str(match (case.prefix.is_empty(), case.domestic.is_empty()) {
                (false, _) => "; its routing prefix adds to that",
                (_, false) => "; the hints name its country and no other",
                _ => "; most numbers of this length are of this kind",
            });
        } else if self.home(hints) != Home::Elsewhere {
            reason.push_str("; the hints name its country");
        }
        reason
    }
}

/// Tells whether the hints name `country` and no other.
fn only(hints: &Hints, country: &str) -> bool {
    let mut named = [&hints.origin_country, &hints.destination_country]
        .into_iter()
        .filter(|named| !named.is_empty())
        .peekable();
    named.peek().is_some() && named.all(|named| named == country)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(number: &str, origin: &str, destination: &str) -> Vec<Candidate> {
        let hints = Hints {
            origin_country: origin.to_owned(),
            destination_country: destination.to_owned(),
            ..Hints::default()
        };
        detect(&TrackingNumber::parse(number).ok().unwrap(), &hints)
    }

    fn ids(number: &str, origin: &str, destination: &str) -> Vec<&'static str> {
        list(number, origin, destination)
            .iter()
            .map(|candidate| candidate.format)
            .collect()
    }

    #[test]
    fn a_ups_number_has_one_reading() {
        let candidates = list("1z 999 aa1 01 2345 6784", "", "");
        assert_eq!(
            candidates,
            [Candidate {
                format: "ups",
                carrier: "ups".to_owned(),
                check_digit_valid: Some(true),
                rank: 1,
                reason: "structure and check digit of UPS 1Z are right".to_owned(),
                country: String::new(),
            }]
        );
    }

    #[test]
    fn an_s10_number_names_its_post() {
        let candidates = list("RB123456785CN", "", "US");
        assert_eq!(candidates[0].carrier, "china-post");
        assert_eq!(candidates[0].country, "CN");
        assert_eq!(
            candidates[0].reason,
            "structure and check digit of UPU S10 are right; issued in CN by China Post: \
             registered letter"
        );
    }

    #[test]
    fn a_wrong_check_digit_is_listed_last() {
        let candidates = list("RR123456789CN", "", "");
        assert_eq!(candidates.len(), 1);
        assert_eq!(candidates[0].check_digit_valid, Some(false));
        assert!(candidates[0].reason.contains("check digit is wrong"));

        // Not a DHL waybill by its check digit, so Deppon comes first.
        assert_eq!(ids("3318810010", "", ""), ["deppon_short", "dhl_express"]);
        let candidates = list("LX123456786DE", "", "");
        let order: Vec<_> = candidates
            .iter()
            .map(|c| (c.format, c.check_digit_valid, c.rank))
            .collect();
        assert_eq!(order, [("dhl_ecommerce", None, 1), ("s10", Some(false), 2)]);
    }

    #[test]
    fn overlapping_formats_stand_in_the_agreed_order() {
        for (number, origin, destination, expected) in [
            // S10 before DHL eCommerce when its check digit is right.
            ("LX123456785DE", "", "", "s10 dhl_ecommerce"),
            // 34 digits with 420: USPS before FedEx, even when both check digits are right.
            (
                "4201002334249200190132607600833457",
                "",
                "",
                "usps_impb_c fedex_34",
            ),
            (
                "4201000123459101123456789012340046",
                "",
                "",
                "usps_legacy fedex_34",
            ),
            // YT: 18 characters are YunExpress, 15 are YTO.
            ("YT2229521272164446", "", "", "yunexpress"),
            ("YT1234567890123", "", "", "yto_13 yto_other"),
            // JD and 16 digits by country.
            ("JD0002254405060992", "", "GB", "yodel jd_prefixed jd_alnum"),
            (
                "JD0002254405060992",
                "CN",
                "GB",
                "yodel jd_prefixed jd_alnum",
            ),
            ("JD0002254405060992", "CN", "", "jd_prefixed jd_alnum yodel"),
            ("JD0002254405060992", "", "CN", "jd_prefixed jd_alnum yodel"),
            // 12 digits: FedEx if its digit is right, Chinese carriers within China.
            ("986578788855", "", "", "fedex_12 sf_12 dhl_paket_12"),
            ("986578788855", "CN", "", "sf_12 fedex_12 dhl_paket_12"),
            ("986578788855", "CN", "US", "fedex_12 sf_12 dhl_paket_12"),
            (
                "688123456783",
                "",
                "CN",
                "zto_12 sto_12 sf_12 fedex_12 dhl_paket_12",
            ),
            (
                "688123456783",
                "",
                "",
                "zto_12 sto_12 sf_12 fedex_12 dhl_paket_12",
            ),
            // Purolator in Canada, when both digits are right.
            (
                "123456781103",
                "",
                "",
                "fedex_12 purolator_numeric dhl_paket_12 sf_12",
            ),
            (
                "123456781103",
                "",
                "CA",
                "purolator_numeric fedex_12 dhl_paket_12 sf_12",
            ),
            (
                "123456781104",
                "",
                "CA",
                "sf_12 purolator_numeric fedex_12 dhl_paket_12",
            ),
            // 13 digits: the post first, Yunda second.
            ("1012345678901", "", "", "china_post_13 yunda_13"),
            ("1012345678901", "CN", "CN", "china_post_13 yunda_13"),
            // 10 digits: DHL if its digit is right, else Deppon.
            ("3318810025", "", "", "dhl_express deppon_short"),
            ("3318810025", "CN", "CN", "dhl_express deppon_short"),
            // Three letters and 9 digits.
            (
                "JAB123456789",
                "",
                "",
                "dhl_express_piece_id purolator_alpha",
            ),
            // Luhn is stronger than modulo 7.
            ("07209562763", "", "", "old_dominion dhl_express"),
            (
                "61299998820821171811",
                "",
                "",
                "fedex_smartpost_20 usps_legacy usps_20",
            ),
            ("TBA123456789012", "", "", "amazon_logistics"),
        ] {
            assert_eq!(
                ids(number, origin, destination).join(" "),
                expected,
                "{number} {origin}>{destination}"
            );
        }
    }

    #[test]
    fn nothing_that_fits_gives_an_empty_list() {
        assert!(list("QQQQ", "", "").is_empty());
    }

    #[test]
    fn hints_are_named_in_the_reason() {
        let reasons = |number, origin| list(number, origin, "")[0].reason.clone();
        assert!(reasons("986578788855", "CN").ends_with("the hints name its country and no other"));
        assert!(reasons("JD0002254405060992", "CN").ends_with("the hints name its country"));
        assert!(
            reasons("1012345678901", "").ends_with("most numbers of this length are of this kind")
        );
    }

    #[test]
    fn the_check_digit_belongs_to_a_carrier() {
        assert_eq!(check_digit_valid("1Z999AA10123456784", "ups"), Some(true));
        assert_eq!(check_digit_valid("1Z999AA10123456785", "ups"), Some(false));
        assert_eq!(check_digit_valid("1Z999AA10123456785", ""), Some(false));
        // A post that only delivers does not change the digit.
        assert_eq!(check_digit_valid("RB123456785CN", "usps"), Some(true));
        assert_eq!(
            check_digit_valid("RR123456789CN", "china-post"),
            Some(false)
        );
        // The same number, as FedEx and as SF Express.
        assert_eq!(check_digit_valid("996578788855", "fedex"), Some(false));
        assert_eq!(check_digit_valid("996578788855", "sf"), None);
        assert_eq!(check_digit_valid("996578788855", ""), None);
        assert_eq!(check_digit_valid("ORDER_7", "ups"), None);
        assert_eq!(check_digit_valid("SF1234567890123", "sf"), None);
    }

    proptest! {
        #[test]
        fn ranks_are_places_and_wrong_digits_come_last(
            number in "[0-9]{8,34}|(420|9[1-6])[0-9]{18,31}|[A-Z]{2}[0-9]{9}(CN|US|DE)|(JD|YT|LX|1Z|C|D|K)[0-9]{9,18}",
            origin in "(CN|US|GB|CA)?",
            destination in "(CN|US|GB|CA)?",
        ) {
            let candidates = list(&number, &origin, &destination);
            prop_assert!(candidates.iter().map(|candidate| candidate.rank).eq((1..).take(candidates.len())));
            prop_assert!(candidates.is_sorted_by_key(|candidate| candidate.check_digit_valid == Some(false)));
            // Hints change the order and neither add nor remove a candidate.
            let plain = list(&number, "", "");
            prop_assert_eq!(candidates.len(), plain.len());
            for candidate in &candidates {
                prop_assert!(!candidate.reason.contains(&number));
                let digit = plain
                    .iter()
                    .find(|other| other.format == candidate.format)
                    .map(|other| other.check_digit_valid);
                prop_assert_eq!(digit, Some(candidate.check_digit_valid));
            }
        }
    }
}
