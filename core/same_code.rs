//! Which codes can mean the same: sources tell one thing more or less precisely.

use crate::code::EventCode as E;
use crate::same_place::Place;

/// How well two codes agree, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Equal,
    Generalises,
    /// One of them has no code that says what happened, and the words are equal.
    Words,
}

/// A code that says only that something of its kind happened, less precise the greater; 0 for
/// the others.
pub(crate) const fn breadth(code: E) -> u8 {
    match code {
        E::UNMAPPED => 4,
        E::INFORMATION => NO_CODE,
        E::INFO_RECEIVED
        | E::IN_TRANSIT
        | E::CUSTOMS_PROCESSING
        | E::CUSTOMS_RELEASED
        | E::DELIVERED
        | E::DELIVERY_ATTEMPTED
        | E::RETURNED_TO_SENDER
        | E::EXCEPTION => 2,
        E::ARRIVED_AT_FACILITY => 1,
        _ => 0,
    }
}

/// From this breadth on a code says nothing.
pub(crate) const NO_CODE: u8 = 3;

/// Codes that can mean the same have one family.
pub(crate) const fn family(code: E) -> u16 {
    match code.0 {
        101..=105 => 101,
        201 | 203 => 203,
        301..=315 | 501 => 301,
        401 | 411 | 421 => 421,
        403 | 413 | 422 => 422,
        505 | 601..=610 | 704 => 601,
        651..=655 => 651,
        801..=817 => 801,
        other => other,
    }
}

/// Tells whether two codes can mean the same, one being the other or a generalisation of it.
pub(crate) fn related(a: E, b: E, place: Place) -> Option<Code> {
    if a == b {
        return (breadth(a) < NO_CODE).then_some(Code::Equal);
    }
    if family(a) != family(b) {
        return None;
    }
    let at_a_facility = |code: E| matches!(code.0, 302 | 304 | 309 | 501);
    let general = |code: E| matches!(code.0, 101 | 301 | 421 | 422 | 601 | 651 | 801);
    // 301 covers transport, not the arrival at the office that delivers.
    let covers = |wide: E, narrow: E| general(wide) && !(wide == E::IN_TRANSIT && narrow.0 == 501);
    let same = covers(a, b)
        || covers(b, a)
        || matches!((a.0, b.0), (201, 203) | (203, 201))
        || (at_a_facility(a) && at_a_facility(b) && place == Place::SameFacility);
    same.then_some(Code::Generalises)
}
