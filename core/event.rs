//! Claims, observations and events.
//!
//! A [`Claim`] is one row of a source's answer, mapped. An [`Observation`] is a claim with an
//! identity: which source said it, and when we first heard it. An [`Event`] is what we believe
//! happened, with the observations behind it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::{EventCode, ReasonCode};
use crate::place::Location;
use crate::privacy::Pii;
use crate::status::{Severity, Status};
use crate::time::EventTime;

/// One row of a source's answer: what it said, and what we take it to mean.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Event id of the source, if it gives one; empty otherwise.
    pub native_id: String,
    /// Code of the source, unchanged, for example "I/DP"; empty if it gave none.
    pub native_code: String,
    /// Reason code of the source, unchanged.
    pub native_reason: String,
    /// Text of the source, unchanged, at most 1,000 characters.
    pub native_text: Pii<String>,
    /// Mapped code; [`EventCode::UNMAPPED`] if the table has no entry.
    pub code: EventCode,
    /// Mapped reason.
    pub reason: Option<ReasonCode>,
    /// How `code` was found.
    pub basis: MappingBasis,
    /// When, as the source says.
    pub time: EventTime,
    /// Where, as the source says.
    pub location: Option<Location>,
    /// Carrier that the source names for the event; empty: the carrier of the report.
    pub carrier: String,
    /// Fact or forecast.
    pub classifier: Classifier,
    /// The source withdrew it.
    pub retracted: bool,
    /// The source contradicts itself within this row (for example two clocks that do not agree):
    /// an English sentence for developers without personal data.
    pub doubt: Option<String>,
}

impl Claim {
    /// Tells whether the source says that it happened, and stands by it.
    pub(crate) fn happened(&self) -> bool {
        self.classifier == Classifier::Actual && !self.retracted
    }
}

/// A claim with its identity.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Content hash; see [`crate::reconcile`] for what goes into it.
    pub id: Digest,
    /// Source id.
    pub source: Arc<str>,
    /// Class of the source.
    pub class: SourceClass,
    /// Whose data it is, for example "usps" when an aggregator relays USPS.
    pub evidence_root: Arc<str>,
    /// BCP 47 tag of the text; "und" if unknown.
    pub language: Arc<str>,
    /// Position in the source's own list, oldest 0.
    pub sequence: u32,
    /// When we received it first.
    pub receive_time: Timestamp,
    /// When we received the newest report that lists it; what it says is taken from there.
    pub last_listed: Timestamp,
    /// What it says; shared with the report.
    pub claim: Arc<Claim>,
}

/// What happened, as far as we believe.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Stable within the shipment: the id of the first observation.
    pub id: Digest,
    /// What.
    pub code: EventCode,
    /// Status effect; `None` keeps the status.
    pub status: Option<Status>,
    /// Why.
    pub reason: Option<ReasonCode>,
    /// How urgent, with the reason taken into account.
    pub severity: Severity,
    /// Carrier that made the scan; empty if unknown.
    pub carrier: Arc<str>,
    /// Fact or forecast.
    pub classifier: Classifier,
    /// Whether it counts.
    pub standing: Standing,
    /// Independent evidence roots behind it.
    pub source_count: u32,
    /// The most trusted report behind it; shared with the dossier.
    pub said: Arc<Observation>,
    /// Further reports behind it, most trusted first.
    pub also: Vec<Arc<Observation>>,
    /// Position, among its reports, of the one that knows the time best.
    pub time_of: usize,
    /// Position, among its reports, of the one that knows the place best.
    pub place_of: usize,
    /// Ids under which parts of it were shown before they turned out to be one event.
    pub superseded: Vec<Digest>,
    /// When the gateway first learned of it.
    pub ingest_time: Timestamp,
    /// Shipment revision that added or last changed it; 0 before it is stored.
    pub revision: u32,
    /// Shipment revision that added it; 0 before it is stored.
    #[serde(default)]
    pub added: u32,
    /// Number of a delivery attempt, from 1; 0 if it is none.
    pub attempt: u32,
}

impl Event {
    /// When.
    pub fn time(&self) -> &EventTime {
        &self.report(self.time_of).claim.time
    }

    /// Where.
    pub fn location(&self) -> Option<&Location> {
        self.report(self.place_of).claim.location.as_ref()
    }

    fn report(&self, at: usize) -> &Observation {
        let further = at.checked_sub(1).and_then(|at| self.also.get(at));
        further.unwrap_or(&self.said)
    }

    /// The reports behind it, most trusted first.
    pub fn observations(&self) -> impl Iterator<Item = &Observation> {
        let all = std::iter::once(&self.said).chain(&self.also);
        all.map(AsRef::as_ref)
    }
}

/// A SHA-256 digest. It is shown by its first 130 bits, as 26 characters `0-9a-v`: short enough
/// for an id in every event of an answer, and as good as unique.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        let mut text = [0; 26];
        let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, self.0.iter());
        for place in &mut text {
            if held < 5 {
                bits = bits << 8 | u32::from(bytes.next().copied().unwrap_or(0));
                held += 8;
            }
            held -= 5;
            *place = DIGITS[(bits >> held & 31) as usize];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    /// All of it, as 64 hexadecimal digits: what is stored must not lose bits.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use fmt::Write;
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            write!(text, "{byte:02x}").map_err(serde::ser::Error::custom)?;
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(serde::de::Error::custom(
                "a digest has 64 hexadecimal digits",
            ));
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| (c as char).to_digit(16).map(|value| value as u8);
            match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => {
                    return Err(serde::de::Error::custom(
                        "a digest has hexadecimal digits only",
                    ));
                }
            }
        }
        Ok(Self(bytes))
    }
}

/// Kind of statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Classifier {
    /// It happened.
    #[default]
    Actual,
    /// Estimated; never counts.
    Estimated,
    /// Planned; never counts.
    Planned,
}

/// Whether an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Counts for status and milestones.
    Accepted,
    /// Breaks a rule or contradicts better evidence; kept and shown.
    Disputed,
    /// Withdrawn by its source.
    Retracted,
}

/// Class of a source, most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SourceClass {
    /// The operator's own scans.
    Internal,
    /// The carrier that has custody at that point.
    Custodian,
    /// Another carrier of the journey.
    Carrier,
    /// Repeats what carriers say.
    Aggregator,
}

/// How a native code was mapped. Numbers as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MappingBasis {
    /// Exact entry for the native code.
    Code = 1,
    /// Entry for code and reason or text pattern.
    CodeAndText = 2,
    /// Text pattern only.
    Text = 3,
    /// The source's coarse status only.
    AggregatedStatus = 4,
    /// No entry.
    None = 5,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shown_short_and_stored_whole() {
        let mut bytes = [0; 32];
        assert_eq!(Digest(bytes).to_string(), "0".repeat(26));
        bytes[0] = 0b0000_1000;
        assert_eq!(Digest(bytes).to_string(), format!("1{}", "0".repeat(25)));
        let digest = Digest([0xff; 32]);
        assert_eq!(digest.to_string(), "v".repeat(26));
        let stored = serde_json::to_string(&digest).unwrap();
        assert_eq!(stored, format!("\"{}\"", "ff".repeat(32)));
        assert_eq!(serde_json::from_str::<Digest>(&stored).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"ff\"").is_err());
    }
}
