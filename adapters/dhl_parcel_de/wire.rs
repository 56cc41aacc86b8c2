//! The XML of DHL Parcel DE Tracking: nested `data` elements that say everything in attributes. It
//! must not know what the values mean.
//!
//! What arrives may be hostile. A document type is refused, so that nobody can define entities;
//! depth, size and the attributes of an element have caps; no element is kept that is not known.
//! Names of people other than who accepted the parcel, streets and towns of addresses are not read.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event as Xml;
use quick_xml::events::attributes::{Attribute, Attributes};

use crate::wire::MOST;

/// Largest body that is read: twenty pieces with long histories stay far below.
const MAX_BYTES: usize = 4 << 20;
/// The documented answers have four levels.
const MAX_DEPTH: usize = 16;
/// Attributes that are looked at in one element; a piece has about sixty.
const MAX_ATTRIBUTES: usize = 200;

/// An answer.
#[derive(Default)]
pub(super) struct Body<'a> {
    /// Outcome of the request; `None` if the answer states none.
    pub(super) code: Option<Cow<'a, str>>,
    pub(super) shipments: Vec<Shipment<'a>>,
    /// It is an answer about the image of a signature.
    pub(super) signature: bool,
}

/// Writes a struct of texts and how they are filled from attributes.
macro_rules! element {
    ($(#[$doc:meta])* $name:ident { $($field:ident = $attribute:literal),* $(,)? } $($more:tt)*) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: Cow<'a, str>,)*
            $($more)*
        }

        impl<'a> $name<'a> {
            fn set(&mut self, attribute: &Attribute<'a>) {
                match attribute.key.as_ref() {
                    $($attribute => self.$field = value(attribute),)*
                    _ => {}
                }
            }
        }
    };
}

element! {
    /// A piece and its current status.
    Shipment {
        piece_id = b"piece-id",
        piece_code = b"piece-code",
        searched_piece_code = b"searched-piece-code",
        piece_identifier = b"piece-identifier",
        error_status = b"error-status",
        piece_status = b"piece-status",
        status = b"status",
        status_timestamp = b"status-timestamp",
        last_event_timestamp = b"last-event-timestamp",
        ice = b"ice",
        ric = b"ric",
        standard_event_code = b"standard-event-code",
        event_location = b"event-location",
        event_country = b"event-country",
        accepted_by = b"recipient-name",
        delivery_event_flag = b"delivery-event-flag",
        return_leg = b"ruecksendung",
        destination_country = b"dest-country",
        origin_country = b"origin-country",
        recipient_postal_code = b"pan-recipient-postalcode",
        product_name = b"product-name",
        weight = b"shipment-weight",
        length = b"shipment-length",
        width = b"shipment-width",
        height = b"shipment-height",
        upu = b"upu",
        airway_bill_number = b"airway-bill-number",
        domestic_id = b"domestic-id",
        piece_reference = b"piece-customer-reference",
        shipment_reference = b"shipment-customer-reference",
        delivery_date = b"delivery-date",
        preferred_day = b"preferred-delivery-day",
        preferred_from = b"preferred-delivery-timeframe-from",
        preferred_to = b"preferred-delivery-timeframe-to",
    }
    /// Oldest first.
    pub(super) events: Vec<Event<'a>>,
}

element! {
    /// One row of the history.
    Event {
        timestamp = b"event-timestamp",
        status = b"event-status",
        text = b"event-text",
        short_status = b"event-short-status",
        ice = b"ice",
        ric = b"ric",
        standard_event_code = b"standard-event-code",
        location = b"event-location",
        country = b"event-country",
        return_leg = b"ruecksendung",
    }
}

/// Makes text of a body: UTF-8, or Latin-1 if it says so.
pub(super) fn text(body: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    if body.len() > MAX_BYTES {
        return Err("response is larger than any documented answer");
    }
    if let Ok(text) = std::str::from_utf8(body) {
        return Ok(Cow::Borrowed(text.trim_start_matches('\u{feff}')));
    }
    let head = String::from_utf8_lossy(body.get(..100).unwrap_or(body));
    if head.to_ascii_lowercase().contains("iso-8859-1") {
        return Ok(body.iter().map(|byte| char::from(*byte)).collect());
    }
    Err("response is not text in a stated encoding")
}

/// Reads a document.
pub(super) fn body(text: &str) -> Result<Body<'_>, &'static str> {
    let mut reader = Reader::from_str(text);
    let mut body = Body::default();
    let (mut depth, mut seen) = (0_usize, false);
    loop {
        let from = position(&reader);
        let event = reader
            .read_event()
            .map_err(|_| "response is no well-formed XML")?;
        let (name, tail) = match &event {
            Xml::Start(tag) => {
                depth += 1;
                (tag.name().as_ref().len(), 1)
            }
            Xml::Empty(tag) => (tag.name().as_ref().len(), 2),
            Xml::End(_) => {
                depth -= 1;
                continue;
            }
            Xml::DocType(_) => return Err("response has a document type, which is refused"),
            Xml::Eof if depth > 0 => return Err("response ends inside an element"),
            Xml::Eof if !seen => return Err("response has no data element"),
            Xml::Eof => return Ok(body),
            _ => continue,
        };
        if depth > MAX_DEPTH {
            return Err("response is nested too deeply");
        }
        // The tag is taken from the text, whose life is longer than that of the event.
        let tag = text
            .get(from + 1..position(&reader) - tail)
            .unwrap_or_default();
        if tag.get(..name) == Some("data") {
            let attributes = attributes(tag, name)?;
            body.element(&attributes, !seen);
            let events = body.shipments.last().map_or(0, |piece| piece.events.len());
            if body.shipments.len().max(events) > MOST {
                return Err("response has too many pieces or events");
            }
            seen = true;
        } else if !seen {
            return Err("response is not the documented XML");
        }
    }
}

/// Where the reader stands. A body is far smaller than what the number can hold.
fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// The attributes of a tag; broken ones are left out, because the others still say something.
fn attributes(tag: &str, name: usize) -> Result<Vec<Attribute<'_>>, &'static str> {
    let mut all = Attributes::new(tag, name);
    // Looking for doubles costs the square of their number.
    all.with_checks(false);
    let mut found = Vec::with_capacity(16);
    for (at, attribute) in all.enumerate() {
        if at == MAX_ATTRIBUTES {
            return Err("an element has too many attributes");
        }
        found.extend(attribute);
    }
    Ok(found)
}

/// The value with the five entities of XML and numbers of characters resolved; as it stands if
/// it names another entity.
fn value<'a>(attribute: &Attribute<'a>) -> Cow<'a, str> {
    attribute.unescape_value().unwrap_or_else(|_| {
        let raw = String::from_utf8_lossy(&attribute.value);
        Cow::Owned(raw.into_owned())
    })
}

impl<'a> Body<'a> {
    fn element(&mut self, attributes: &[Attribute<'a>], root: bool) {
        let find = |key: &[u8]| {
            let found = attributes.iter().find(|one| one.key.as_ref() == key);
            found.map(value)
        };
        let name = find(b"name").unwrap_or_default();
        let is = |known: &str| name.bytes().filter(|c| *c != b'-').eq(known.bytes());
        if is("pieceshipment") || is("piecestatuspublic") {
            let mut shipment = Shipment::default();
            attributes.iter().for_each(|one| shipment.set(one));
            self.shipments.push(shipment);
        } else if is("pieceevent") {
            let mut event = Event::default();
            attributes.iter().for_each(|one| event.set(one));
            if self.shipments.is_empty() {
                self.shipments.push(Shipment::default());
            }
            if let Some(shipment) = self.shipments.last_mut() {
                shipment.events.push(event);
            }
        } else if is("pieceeventlist") {
            self.event_list(attributes);
        } else if is("signaturelist") || is("signature") {
            self.signature = true;
        }
        // The public list states its outcome one level below the root.
        if (root || is("piecestatuspubliclist")) && self.code.is_none() {
            self.code = find(b"code");
        }
    }

    /// A list of events can stand without its piece, or behind it instead of in it.
    fn event_list(&mut self, attributes: &[Attribute<'a>]) {
        let mut stated = Shipment::default();
        attributes.iter().for_each(|one| stated.set(one));
        let same = |one: &str, other: &str| !one.is_empty() && one == other;
        let belongs = self.shipments.last().is_some_and(|last| {
            stated.piece_identifier.is_empty()
                || same(&stated.piece_identifier, &last.piece_identifier)
                || same(&stated.piece_id, &last.piece_id)
        });
        if !belongs {
            self.shipments.push(Shipment {
                piece_id: stated.piece_id,
                piece_identifier: stated.piece_identifier,
                ..Shipment::default()
            });
        }
    }
}
