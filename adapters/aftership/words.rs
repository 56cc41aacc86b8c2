//! What the carrier's words say where a code of AfterShip says little: its "delivered" is also said
//! of lockers and shops, its "out for delivery" of hand-overs, one of its delays has several causes.
//! English, as most texts are. It must not know codes or clocks.

use std::sync::LazyLock;

use regex::RegexSet;
use waybill_core::code::{EventCode, ReasonCode};

use crate::codes::Meaning;

type Rule = (&'static str, Option<EventCode>, Option<ReasonCode>);

/// Rules for one meaning, lower case; the first that matches wins. What a rule leaves out stays as
/// it is.
struct Rules {
    of: EventCode,
    /// Only with this reason; `None` with any.
    reason: Option<ReasonCode>,
    rows: &'static [Rule],
}

static RULES: &[Rules] = &[
    Rules {
        of: EventCode::DELIVERED,
        reason: None,
        rows: &[
            (
                r"\b(un|not (yet )?(be(en)? )?)delivered|(could|can)( ?not|n't) (be )?deliver|unable to deliver|delivery( attempt)? (was |has )?(failed|unsuccessful)",
                Some(EventCode::DELIVERY_ATTEMPTED),
                None,
            ),
            (
                r"(returned|delivered( back)?) to (the )?(sender|shipper|consignor)",
                Some(EventCode::RETURNED_TO_SENDER),
                None,
            ),
            (
                r"(picked up|collected|retrieved) (by|from|at)",
                Some(EventCode::COLLECTED_BY_RECIPIENT),
                None,
            ),
            (
                r"locker|parcel ?shop|packstation|access point|(pick-? ?up|collection|service) (point|station|location|shop)|ready (for|to) (be )?(pick|collect)",
                Some(EventCode::AVAILABLE_FOR_PICKUP),
                None,
            ),
            (
                r"(delivered|handed|tendered|transferred)( over)? to (the |an? )?(local|authori[sz]ed|another|next|partner|delivery|last[- ]mile|final[- ]mile)[a-z -]{0,20}(carrier|courier|agent|partner|post|company|service)",
                Some(EventCode::HANDED_OVER_TO_PARTNER),
                None,
            ),
            (r"neighbou?r", Some(EventCode::DELIVERED_TO_NEIGHBOUR), None),
            (
                r"mail ?box|letter ?box",
                Some(EventCode::DELIVERED_TO_MAILBOX),
                None,
            ),
            (
                r"front desk|reception|mail ?room|concierge",
                Some(EventCode::DELIVERED_TO_RECEPTION),
                None,
            ),
            (
                r"(front|back|side) door|porch|garage|safe place|left at door",
                Some(EventCode::DELIVERED_TO_SAFE_PLACE),
                None,
            ),
            (
                r"\bsigned (for )?by",
                Some(EventCode::DELIVERED_SIGNED),
                None,
            ),
        ],
    },
    Rules {
        of: EventCode::OUT_FOR_DELIVERY,
        reason: None,
        rows: &[(
            r"(handed|tendered|transferred)( over)? to (the |an? )?(local|authori[sz]ed|another|next|partner|delivery|last[- ]mile|final[- ]mile)[a-z -]{0,20}(carrier|courier|agent|partner|post|company|service)",
            Some(EventCode::HANDED_OVER_TO_PARTNER),
            None,
        )],
    },
    Rules {
        of: EventCode::HELD,
        reason: Some(ReasonCode::RECIPIENT_PAYMENT_PENDING),
        rows: &[(
            r"customs|\bdut(y|ies)\b|import (tax|vat|charge)|\bvat\b",
            Some(EventCode::CUSTOMS_PAYMENT_REQUIRED),
            Some(ReasonCode::CUSTOMS_CHARGES_UNPAID),
        )],
    },
    Rules {
        of: EventCode::DELAYED,
        reason: Some(ReasonCode::CARRIER_SORTING_ERROR),
        rows: &[
            (
                r"vehicle|truck|\bvan\b|breakdown|mechanical",
                None,
                Some(ReasonCode::CARRIER_VEHICLE_ISSUE),
            ),
            (
                r"capacity|volume|backlog|peak season",
                None,
                Some(ReasonCode::CARRIER_CAPACITY),
            ),
            (
                r"mis-?(routed|sorted|directed|sent)|wrong (route|facility|hub)",
                Some(EventCode::MISROUTED),
                None,
            ),
        ],
    },
];

/// One set for each of [`RULES`]; `None` only if a pattern is broken, which a test rules out.
static SETS: LazyLock<Vec<Option<RegexSet>>> = LazyLock::new(|| {
    let set = |rules: &Rules| RegexSet::new(rules.rows.iter().map(|row| ascii(row.0))).ok();
    RULES.iter().map(set).collect()
});

/// Word boundaries of ASCII are enough, and faster.
fn ascii(pattern: &str) -> String {
    pattern.replace(r"\b", r"(?-u:\b)")
}

/// What words say beyond `meaning`; `None` if nothing.
pub(super) fn closer(meaning: Meaning, words: &str) -> Option<Meaning> {
    if words.is_empty() {
        return None;
    }
    let fits = |rules: &Rules| {
        rules.of == meaning.event && (rules.reason.is_none() || rules.reason == meaning.reason)
    };
    let at = RULES.iter().position(fits)?;
    let set = SETS.get(at)?.as_ref()?;
    let first = set.matches(&words.to_lowercase()).iter().next()?;
    let (_, event, reason) = RULES.get(at)?.rows.get(first)?;
    Some(Meaning {
        event: event.unwrap_or(meaning.event),
        reason: reason.or(meaning.reason),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_sound() {
        assert!(SETS.iter().all(Option::is_some));
    }

    #[test]
    fn words_say_more_than_the_code() {
        let delay = Some(ReasonCode::CARRIER_SORTING_ERROR);
        let pay = Some(ReasonCode::RECIPIENT_PAYMENT_PENDING);
        for (event, reason, words, said) in [
            (EventCode::DELIVERED, None, "Delivered", ""),
            (
                EventCode::DELIVERED,
                None,
                "Undelivered",
                "DELIVERY_ATTEMPTED",
            ),
            (
                EventCode::DELIVERED,
                None,
                "Delivered to Parcel Locker 9",
                "AVAILABLE_FOR_PICKUP",
            ),
            (
                EventCode::DELIVERED,
                None,
                "Collected by recipient at the locker",
                "COLLECTED_BY_RECIPIENT",
            ),
            (
                EventCode::DELIVERED,
                None,
                "Delivered to shipper",
                "RETURNED_TO_SENDER",
            ),
            (
                EventCode::DELIVERED,
                None,
                "Delivered - Left at side door",
                "DELIVERED_TO_SAFE_PLACE",
            ),
            (
                EventCode::OUT_FOR_DELIVERY,
                None,
                "Handed over to a local delivery partner",
                "HANDED_OVER_TO_PARTNER",
            ),
            (EventCode::OUT_FOR_DELIVERY, None, "On vehicle", ""),
            (
                EventCode::HELD,
                pay,
                "Customs duty is due",
                "CUSTOMS_PAYMENT_REQUIRED",
            ),
            (EventCode::HELD, pay, "Postage due", ""),
            (EventCode::DELAYED, delay, "Truck broke down", "DELAYED"),
            (
                EventCode::DELAYED,
                delay,
                "Parcel was missorted",
                "MISROUTED",
            ),
            (EventCode::DELAYED, None, "Truck broke down", ""),
        ] {
            let found = closer(Meaning { event, reason }, words);
            let found = found.map_or("", |said| said.event.info().map_or("?", |row| row.name));
            assert_eq!(found, said, "{words}");
        }
        let truck = Meaning {
            event: EventCode::DELAYED,
            reason: delay,
        };
        let said = closer(truck, "Truck broke down").unwrap();
        assert_eq!(said.reason, Some(ReasonCode::CARRIER_VEHICLE_ISSUE));
    }
}
