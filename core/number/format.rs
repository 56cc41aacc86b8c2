//! The table of number formats, read from `data/number-formats.json`.
//!
//! A pattern never decides alone: how much a match says is the format's [`Evidence`], and whether
//! its check digit is right is asked separately.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};
use serde::Deserialize;

use super::check::Check;

/// A format of tracking numbers.
#[derive(Debug, Deserialize)]
pub struct Format {
    /// Id, for example "s10" or "dhl_express".
    pub id: String,
    /// Carrier that issues it; empty where the number itself names the issuer.
    pub carrier: String,
    /// Name for people.
    pub name: String,
    /// RE2 patterns over the normalised number, tried in order.
    pub patterns: Vec<String>,
    /// How much a match says.
    pub evidence: Evidence,
    /// ISO 3166-1 alpha-2 of the country where such numbers are common; empty: anywhere.
    #[serde(default)]
    pub home: String,
    /// Where it stands better than its evidence says.
    #[serde(default)]
    pub(super) stands: Option<Stands>,
    /// Check digit method; `None` if it has no check digit.
    #[serde(default)]
    pub check: Option<Check>,
    /// A made-up number with a right check digit.
    pub example: String,
    /// Compiled patterns of a format with a check digit.
    #[serde(skip)]
    readings: Vec<Regex>,
}

/// What the match of a format says, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Prefix or letters, length and check digit.
    StructuredCheck,
    /// Length and check digit.
    NumericCheck,
    /// Prefix and length.
    PrefixOnly,
    /// Length and a check digit that many numbers pass.
    NumericCheckWeak,
    /// A published range of numbers.
    RangeOnly,
    /// Length.
    LengthOnly,
}

/// A case in which a format is taken for stronger than it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stands {
    /// The number must start with this.
    #[serde(default)]
    pub(super) prefix: String,
    /// The hints must name this country and no other.
    #[serde(default)]
    pub(super) domestic: String,
    /// The evidence that it then counts as.
    #[serde(rename = "as")]
    pub(super) evidence: Evidence,
}

/// A format that a number matches.
pub(super) struct Match {
    pub(super) format: &'static Format,
    /// Place in the table.
    pub(super) order: usize,
    /// Whether the check digit is right; `None` if there is none.
    pub(super) valid: Option<bool>,
    /// Who issued an S10 number.
    pub(super) issuer: Option<Issuer>,
}

/// What the letters of an S10 number say.
pub(super) struct Issuer {
    /// ISO 3166-1 alpha-2.
    pub(super) country: &'static str,
    /// Name of the post; empty if unknown.
    pub(super) operator: &'static str,
    /// Carrier id; empty if unknown.
    pub(super) carrier: &'static str,
    /// Meaning of the service letters; empty if unknown.
    pub(super) service: &'static str,
}

/// Lists all formats.
pub fn formats() -> impl Iterator<Item = &'static Format> {
    TABLE.formats.iter()
}

/// Finds a format by id.
pub fn format(id: &str) -> Option<&'static Format> {
    formats().find(|format| format.id == id)
}

/// Carrier id of the post that issues the S10 numbers of a country; `None` if it has none here.
pub fn post_of(country: &str) -> Option<&'static str> {
    let table: &'static Table = &TABLE;
    let (_, carrier) = table.operators.get(country)?;
    Some(carrier.as_str()).filter(|carrier| !carrier.is_empty())
}

/// Tells whether a carrier is a post, so that it goes on with S10 numbers of other posts.
pub fn is_post(carrier: &str) -> bool {
    let mut posts = TABLE.operators.values();
    !carrier.is_empty() && posts.any(|(_, post)| post == carrier)
}

impl Format {
    /// Name of the check digit method; empty if it has no check digit.
    pub fn check_digit(&self) -> &'static str {
        self.check.as_ref().map_or("", Check::name)
    }

    /// Whether the check digit is right in one of the ways to read the number.
    fn verify(&self, number: &str) -> Option<bool> {
        let check = self.check.as_ref()?;
        let right = |groups: Captures<'_>| {
            // S10 has its service letters before the payload.
            let first = if *check == Check::S10 { 2 } else { 1 };
            match (groups.get(first), groups.get(first + 1)) {
                (Some(payload), Some(digit)) => check.accepts(payload.as_str(), digit.as_str()),
                _ => false,
            }
        };
        Some(
            self.readings
                .iter()
                .filter_map(|reading| reading.captures(number))
                .any(right),
        )
    }
}

/// Finds the formats of a normalised number, in the order of the table.
pub(super) fn matches(number: &str) -> Vec<Match> {
    let table: &'static Table = &TABLE;
    let mut found: Vec<Match> = Vec::new();
    for pattern in table.set.matches(number) {
        let order = table.owners[pattern];
        let format = &table.formats[order];
        if found.last().is_some_and(|last| last.order == order) {
            continue;
        }
        let issuer = if format.check == Some(Check::S10) {
            match table.issuer(number) {
                Some(issuer) => Some(issuer),
                None => continue,
            }
        } else {
            None
        };
        found.push(Match {
            format,
            order,
            valid: format.verify(number),
            issuer,
        });
    }
    found
}

static TABLE: LazyLock<Table> = LazyLock::new(|| load(DATA).unwrap_or_default());

const DATA: &str = include_str!("../data/number-formats.json");

/// The table. Its data is part of the program and a test loads it; if it were unreadable, the
/// table would be empty and no number would have a format.
#[derive(Default)]
struct Table {
    formats: Vec<Format>,
    /// All patterns of all formats.
    set: RegexSet,
    /// Place of the format that each pattern belongs to.
    owners: Vec<usize>,
    /// Country, and name and carrier id of its post.
    operators: HashMap<String, (String, String)>,
    /// First and last service letters, and what they mean.
    services: Vec<(String, String, String)>,
}

impl Table {
    fn issuer(&'static self, number: &str) -> Option<Issuer> {
        let (letters, country) = (number.get(..2)?, number.get(11..)?);
        let (country, (operator, carrier)) = self.operators.get_key_value(country)?;
        let service = self
            .services
            .iter()
            .find(|(first, last, _)| (first.as_str()..=last.as_str()).contains(&letters))
            .map_or("", |(_, _, service)| service);
        Some(Issuer {
            country,
            operator,
            carrier,
            service,
        })
    }
}

fn load(text: &str) -> Result<Table, Box<dyn std::error::Error>> {
    #[derive(Deserialize)]
    struct File {
        formats: Vec<Format>,
        s10: S10,
    }
    #[derive(Deserialize)]
    struct S10 {
        operators: HashMap<String, (String, String)>,
        services: Vec<(String, String, String)>,
    }
    let mut file: File = serde_json::from_str(text)?;
    let mut owners = Vec::new();
    for (order, format) in file.formats.iter_mut().enumerate() {
        owners.extend(format.patterns.iter().map(|_| order));
        if format.check.is_some() {
            format.readings = format
                .patterns
                .iter()
                .map(|pattern| Regex::new(pattern))
                .collect::<Result<_, _>>()?;
        }
    }
    let set = RegexSet::new(file.formats.iter().flat_map(|format| &format.patterns))?;
    Ok(Table {
        formats: file.formats,
        set,
        owners,
        operators: file.s10.operators,
        services: file.s10.services,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::super::TrackingNumber;
    use super::*;

    fn data() -> Value {
        serde_json::from_str(DATA).unwrap()
    }

    fn texts(list: &Value) -> impl Iterator<Item = &str> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
    }

    fn normal(text: &str) -> String {
        TrackingNumber::parse(text)
            .ok()
            .unwrap()
            .reveal()
            .to_owned()
    }

    fn found(id: &str, number: &str) -> Option<Match> {
        matches(number)
            .into_iter()
            .find(|found| found.format.id == id)
    }

    #[test]
    fn the_table_loads() {
        let table = load(DATA).unwrap();
        assert_eq!(table.formats.len(), 67);
        assert_eq!(formats().count(), 67);
        let ids: HashSet<_> = formats().map(|format| format.id.as_str()).collect();
        assert_eq!(ids.len(), 67);
        assert!(load("{").is_err());
    }

    #[test]
    fn every_format_is_fit_for_the_api() {
        for format in formats() {
            assert!(
                !format.name.is_empty() && !format.patterns.is_empty(),
                "{}",
                format.id
            );
            let slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(format.carrier.chars().all(slug), "{}", format.id);
            assert_eq!(format.carrier.is_empty(), format.id == "s10");
            assert!(normal(&format.example) == format.example, "{}", format.id);
            let example = found(&format.id, &format.example).unwrap();
            assert_ne!(example.valid, Some(false), "{}", format.id);
            assert_eq!(example.valid.is_none(), format.check_digit().is_empty());
        }
        assert_eq!(format("usps_legacy").unwrap().check_digit(), "mod10");
        assert!(format("upu").is_none());
    }

    #[test]
    fn published_numbers_are_read_as_published() {
        let data = data();
        let mut count = 0;
        for row in data["formats"].as_array().unwrap() {
            let id = row["id"].as_str().unwrap();
            for text in texts(&row["valid"]) {
                let found = found(id, &normal(text));
                assert!(
                    found.is_some_and(|found| found.valid != Some(false)),
                    "{id} {text}"
                );
                count += 1;
            }
            for text in texts(&row["invalid"]) {
                let found = found(id, &normal(text));
                assert!(
                    found.is_none_or(|found| found.valid == Some(false)),
                    "{id} {text}"
                );
                count += 1;
            }
        }
        assert!(count > 180, "{count}");
    }

    #[test]
    fn s10_numbers_of_other_sources() {
        let s10 = &data()["s10"];
        for text in texts(&s10["valid"]) {
            assert_eq!(found("s10", text).unwrap().valid, Some(true), "{text}");
        }
        for text in texts(&s10["wrong_check_digit"]) {
            assert_eq!(found("s10", text).unwrap().valid, Some(false), "{text}");
        }
        for text in texts(&s10["not_s10"]) {
            assert!(found("s10", text).is_none(), "{text}");
        }
    }

    #[test]
    fn every_other_check_character_is_wrong() {
        let data = data();
        for row in data["formats"].as_array().unwrap() {
            let format = format(row["id"].as_str().unwrap()).unwrap();
            if format.check.is_none() {
                continue;
            }
            let examples = texts(&row["valid"]).chain([format.example.as_str()]);
            for number in examples.map(normal) {
                let reading = format
                    .readings
                    .iter()
                    .find_map(|reading| reading.captures(&number));
                let groups = reading.unwrap();
                let digit = groups.get(if format.id == "s10" { 3 } else { 2 }).unwrap();
                for other in "0123456789"
                    .chars()
                    .filter(|c| *c.to_string() != *digit.as_str())
                {
                    let mut wrong = number.clone();
                    wrong.replace_range(digit.range(), &other.to_string());
                    if let Some(found) = found(&format.id, &wrong) {
                        assert_eq!(found.valid, Some(false), "{} {wrong}", format.id);
                    }
                }
            }
        }
    }

    #[test]
    fn s10_needs_a_country_and_knows_its_post() {
        let post = |number: &str| {
            let issuer = found("s10", number)?.issuer?;
            Some((issuer.country, issuer.carrier, issuer.service))
        };
        assert_eq!(post("EB123456785CN"), Some(("CN", "china-post", "EMS")));
        assert_eq!(post("CP123456785US"), Some(("US", "usps", "parcel")));
        assert_eq!(
            post("RB123456785GB"),
            Some(("GB", "royal-mail", "registered letter"))
        );
        assert_eq!(post("LX123456785DE"), Some(("DE", "dhl", "tracked letter")));
        assert_eq!(
            post("JA123456785CN"),
            Some(("CN", "china-post", "reserved letters"))
        );
        assert_eq!(post("FA123456785BB"), Some(("BB", "", "")));
        // A country whose post is not listed is accepted, no country is not.
        assert_eq!(post("RB123456785KY"), Some(("KY", "", "registered letter")));
        assert_eq!(post("RB123456785TW").map(|post| post.0), Some("TW"));
        for number in ["RB123456785XX", "RB123456785UK", "RB123456785ZZ"] {
            assert!(post(number).is_none(), "{number}");
        }
    }
}
