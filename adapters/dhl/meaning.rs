//! What a DHL event means. It knows codes and words and must not know clocks, places or the shape
//! of a message.
//!
//! The Unified API gives a division's own code in `status`, or only words, and always a coarse
//! class. They are asked in this order, the first answer wins:
//! 1. the division's code (`codes.csv`),
//! 2. the division's words, whole (`codes.csv`),
//! 3. general English words ([`super::words`]),
//! 4. the class.
//!
//! "Delivered" is the exception: a code or class that says it without saying how gives way to
//! words that say more, because some divisions call a hand-over to a shop, locker or partner
//! delivered (ecommerce-europe codes 43 to 46, 302 and 366).

use std::borrow::Cow;
use std::sync::LazyLock;

use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;

use super::wire::Event;
use super::words::rule;
use crate::codes::{Codes, Meaning};

/// What an event was found to mean.
pub(super) struct Found {
    pub(super) code: EventCode,
    pub(super) reason: Option<ReasonCode>,
    pub(super) basis: MappingBasis,
    /// "division/code", or the class if there is no code.
    pub(super) native_code: String,
    /// The status is that code, and no words.
    pub(super) status_is_code: bool,
}

pub(super) static TABLE: &str = include_str!("codes.csv");
/// Empty only if the file is broken, which a test rules out.
static CODES: LazyLock<Codes> = LazyLock::new(|| Codes::parse(TABLE).unwrap_or_default());

/// Divisions that have rows in the table, with the names under which they are seen.
const SCOPES: &[(&str, &str)] = &[
    ("express", "express"),
    ("parcel-de", "parcel-de"),
    ("ecommerce", "ecommerce"),
    ("ecommerce-apac", "ecommerce"),
    ("ecommerce-europe", "ecommerce-europe"),
    ("ecommerce-ppl", "ecommerce-ppl"),
    ("parcel-nl", "parcel-nl"),
    ("parcel-pl", "parcel-pl"),
    ("dgf", "dgf"),
    ("freight", "freight"),
    ("svb", "svb"),
    ("post-de", "svb"),
];

/// Finds the meaning of an event of a division.
pub(super) fn find(service: &str, event: &Event<'_>) -> Found {
    let scope = SCOPES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(service))
        .map_or("", |(_, scope)| scope);
    let class = event.status_code.trim();
    let status = event.status.trim();
    let description = without_tags(event.description.trim());
    // A status that repeats the class says nothing of its own.
    let words = if status.eq_ignore_ascii_case(class) {
        Cow::Borrowed("")
    } else {
        without_tags(status)
    };
    let coded = [status, description.as_ref()]
        .into_iter()
        .find_map(|code| Some((CODES.by_code(scope, code)?, code)));
    let code = match coded {
        Some((_, code)) => code,
        None if looks_like_code(&words) => &words,
        None => "",
    };
    let (meaning, basis) = match coded {
        Some((meaning, _)) => by_code(scope, meaning, &description),
        None => by_words(scope, &description, &words, event),
    };
    Found {
        code: meaning.event,
        reason: meaning.reason,
        basis,
        status_is_code: !code.is_empty() && code == status,
        native_code: if code.is_empty() {
            class.to_owned()
        } else {
            format!("{service}/{code}")
        },
    }
}

/// A code of the table is believed, except a bare "delivered" whose words say more.
fn by_code(scope: &str, meaning: Meaning, description: &str) -> (Meaning, MappingBasis) {
    if meaning.event == EventCode::DELIVERED {
        let said = whole(scope, description).or_else(|| rule(description, Class::Delivered));
        if let Some(said) = said.filter(|said| said.event != EventCode::DELIVERED) {
            return (said, MappingBasis::CodeAndText);
        }
    }
    (meaning, MappingBasis::Code)
}

fn by_words(
    scope: &str,
    description: &str,
    words: &str,
    event: &Event<'_>,
) -> (Meaning, MappingBasis) {
    let class = Class::read(&event.status_code);
    let tabled = whole(scope, words);
    let said = whole(scope, description)
        .or_else(|| tabled.filter(|meaning| meaning.event != EventCode::DELIVERED))
        .or_else(|| Some(closer(rule(description, class)?, &event.remark, class)))
        .or_else(|| rule(words, class))
        .or(tabled);
    let bare = |event| Meaning {
        event,
        reason: None,
    };
    match (said, class.event()) {
        (Some(meaning), _) => (meaning, MappingBasis::Text),
        (None, Some(event)) => (bare(event), MappingBasis::AggregatedStatus),
        (None, None) => (bare(EventCode::UNMAPPED), MappingBasis::None),
    }
}

/// Looks a whole text up in the table.
fn whole(scope: &str, text: &str) -> Option<Meaning> {
    if text.is_empty() {
        return None;
    }
    CODES.by_text(scope, text)
}

/// The coarse class of an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    PreTransit,
    Transit,
    Delivered,
    Failure,
    Unknown,
}

impl Class {
    pub(super) fn read(text: &str) -> Self {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        match () {
            () if is("pre-transit") => Self::PreTransit,
            () if is("transit") => Self::Transit,
            () if is("delivered") => Self::Delivered,
            () if is("failure") => Self::Failure,
            () => Self::Unknown,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::PreTransit => "pre-transit",
            Self::Transit => "transit",
            Self::Delivered => "delivered",
            Self::Failure => "failure",
            Self::Unknown => "unknown",
        }
    }

    const fn event(self) -> Option<EventCode> {
        match self {
            Self::PreTransit => Some(EventCode::INFO_RECEIVED),
            Self::Transit => Some(EventCode::IN_TRANSIT),
            Self::Delivered => Some(EventCode::DELIVERED),
            Self::Failure => Some(EventCode::EXCEPTION),
            Self::Unknown => None,
        }
    }
}

/// A clearance event often says what is wrong in its remark only.
fn closer(meaning: Meaning, remark: &str, class: Class) -> Meaning {
    if meaning.event != EventCode::CUSTOMS_PROCESSING || meaning.reason.is_some() {
        return meaning;
    }
    rule(&without_tags(remark), class)
        .filter(|said| said.event.phase() == 4)
        .unwrap_or(meaning)
}

/// Tells whether a status is a code that the table does not have, and not a shouted word.
fn looks_like_code(status: &str) -> bool {
    let symbol = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || b"_-/".contains(&c);
    let coded = status.len() <= 3 || status.bytes().any(|c| c.is_ascii_digit() || c == b'_');
    (1..=64).contains(&status.len()) && status.bytes().all(symbol) && coded
}

/// Takes HTML tags out; each leaves a space.
fn without_tags(text: &str) -> Cow<'_, str> {
    if !text.contains('<') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(before);
        match tag.split_once('>') {
            Some((_, after)) => {
                out.push(' ');
                rest = after;
            }
            None => {
                out.push('<');
                rest = tag;
            }
        }
    }
    out.push_str(rest);
    let words: Vec<_> = out.split_whitespace().collect();
    Cow::Owned(words.join(" "))
}
