//! The clock of SF: `acceptTime` is a wall clock without an offset.
//!
//! For mainland China, Hong Kong, Macao and Taiwan it is eight hours ahead of UTC. Whether a scan
//! abroad is told in local or in Beijing time is documented nowhere, so it stays unresolved, and so
//! does a scan of a journey that goes abroad if its place is not known.

use waybill_core::code::EventCode;
use waybill_core::time::{Clues, EventTime, parse_iso, resolve};

use super::place::Clock;

/// Zone of every time at home.
pub(super) const ZONE: &str = "Asia/Shanghai";

/// Reads the time of an event; `None` if no date can be read. `goes_abroad`: the journey does.
pub(super) fn read(text: &str, place: Clock, goes_abroad: bool) -> Option<EventTime> {
    let at_home = match place {
        Clock::China => true,
        Clock::Unknown => !goes_abroad,
        Clock::Abroad => false,
    };
    let clues = Clues {
        convention: at_home.then_some(ZONE),
        ..Clues::default()
    };
    Some(resolve(parse_iso(text.trim())?, clues))
}

/// Whether an event happens on journeys across borders only.
pub(super) fn is_of_borders(event: EventCode) -> bool {
    event.phase() == 4
}
