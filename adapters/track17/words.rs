//! What the carrier's words say where a code of 17TRACK says little: its "delivered" is also said of
//! lockers, hand-overs and failures, its "other" of most scans. English and Chinese; words of other
//! languages are read in the translation, if there is one. It must not know codes or clocks.

use std::sync::LazyLock;

use regex::RegexSet;
use waybill_core::code::{EventCode, ReasonCode};

use crate::codes::Meaning;

/// Rules for one event, lower case; the first that matches wins. A rule without an event leaves the
/// code as it is.
struct Rules {
    of: EventCode,
    rows: &'static [(&'static str, Option<EventCode>, Option<ReasonCode>)],
}

static RULES: &[Rules] = &[
    Rules {
        of: EventCode::DELIVERED,
        rows: &[
            (
                r"\b(un|not (yet )?(be(en)? )?)delivered|(could|can)( ?not|n't) (be )?deliver|unable to deliver|delivery( attempt)? (was |has )?(failed|unsuccessful|not )|未妥投|投递失败|未能投递",
                Some(EventCode::DELIVERY_ATTEMPTED),
                None,
            ),
            (
                r"(returned|delivered( back)?) to (the )?(sender|shipper|consignor)|退回.{0,12}(妥投|签收)|退件.{0,6}签收",
                Some(EventCode::RETURNED_TO_SENDER),
                None,
            ),
            (
                r"(picked up|collected|retrieved) (by|from|at)|取件成功|已取件|已取出|已自提|被取走",
                Some(EventCode::COLLECTED_BY_RECIPIENT),
                None,
            ),
            (
                r"locker|parcel ?shop|packstation|access point|(pick-? ?up|collection|service) (point|station|location|shop)|ready (for|to) (be )?(pick|collect)|丰巢|驿站|快递柜|智能柜|自提|代收点|待取",
                Some(EventCode::AVAILABLE_FOR_PICKUP),
                None,
            ),
            (
                r"(delivered|handed|tendered|transferred|given)( over)? to (the |a )?(local|another|next|partner|delivery|last[- ]mile|final[- ]mile)[a-z -]{0,20}(carrier|courier|agent|partner|post|company|service)",
                Some(EventCode::HANDED_OVER_TO_PARTNER),
                None,
            ),
            (
                r"neighbou?r|邻居",
                Some(EventCode::DELIVERED_TO_NEIGHBOUR),
                None,
            ),
            (
                r"mail ?box|letter ?box|信箱|邮箱|信报箱",
                Some(EventCode::DELIVERED_TO_MAILBOX),
                None,
            ),
            (
                r"front desk|reception|mail ?room|concierge|前台|收发室",
                Some(EventCode::DELIVERED_TO_RECEPTION),
                None,
            ),
            (
                r"front door|back door|side door|porch|garage|safe place|left at door",
                Some(EventCode::DELIVERED_TO_SAFE_PLACE),
                None,
            ),
            (
                r"\bsigned (for )?by|本人签收",
                Some(EventCode::DELIVERED_SIGNED),
                None,
            ),
        ],
    },
    Rules {
        of: EventCode::IN_TRANSIT,
        rows: &[
            (
                r"(will|to) be returned|return (was |has been )?(initiated|requested)",
                Some(EventCode::RETURN_INITIATED),
                None,
            ),
            (
                r"(being|is) returned|returning to (the )?(sender|shipper)|退回途中|正在退回",
                Some(EventCode::RETURN_IN_TRANSIT),
                None,
            ),
            (
                r"returned to (the )?(sender|shipper|consignor)",
                Some(EventCode::RETURNED_TO_SENDER),
                None,
            ),
            (
                r"(parcel|package|shipment|label|order) (has been |was |is )?(void|cancell?ed)",
                Some(EventCode::CANCELLED),
                None,
            ),
            (
                r"expected|estimated|scheduled|\bwill\b|预计|即将|准备发往",
                None,
                None,
            ),
            (
                r"arriv[a-z]* (at|in) (the |your )?(local |destination )?(delivery (office|depot|unit|station|cent)|post office|courier facility)|到达.{0,20}(投递部|揽投部|投递站|营业部|营业点|网点)",
                Some(EventCode::ARRIVED_AT_DELIVERY_OFFICE),
                None,
            ),
            (
                r"\bdeparted|\bleft\b|\bdispatched from|离开|已发出|发往",
                Some(EventCode::DEPARTED_FACILITY),
                None,
            ),
            (
                r"\bsorted\b|sorting (is |has been )?complete|\bprocessed (at|through|in)\b|完成分拣|分拣完成",
                Some(EventCode::SORTED),
                None,
            ),
            (
                r"\barrived\b|\barrival (at|scan|in)\b|到达|抵达",
                Some(EventCode::ARRIVED_AT_FACILITY),
                None,
            ),
        ],
    },
    Rules {
        of: EventCode::TRANSPORT_DEPARTED,
        rows: &[(
            r"office of exchange|export (office|cent)|outward|international (mail |sort|processing|service|distribution)[a-z ]*(cent|office|facility)|互换局|国际(处理|邮件|交换|中心|】)|出口(处理|互换)",
            Some(EventCode::DEPARTED_EXPORT_OFFICE),
            None,
        )],
    },
    Rules {
        of: EventCode::TRANSPORT_ARRIVED,
        rows: &[(
            r"office of exchange|import (office|cent)|inward|international (mail |sort|processing|service|distribution)[a-z ]*(cent|office|facility)|互换局|国际(处理|邮件|交换|中心|】)|进口(处理|互换)",
            Some(EventCode::ARRIVED_AT_IMPORT_OFFICE),
            None,
        )],
    },
    Rules {
        of: EventCode::HELD,
        rows: &[
            (
                r"\bseiz|confiscat|没收",
                Some(EventCode::SEIZED),
                Some(ReasonCode::CUSTOMS_PROHIBITED),
            ),
            (
                r"import[a-z]* (is |was |has been )?(prohibited|refused|denied|not (permitted|allowed))|(refused|denied) (import|entry)|禁止进口|退运",
                Some(EventCode::IMPORT_TERMINATED),
                Some(ReasonCode::CUSTOMS_PROHIBITED),
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

/// What words say beyond `event`; `None` if nothing.
pub(super) fn closer(event: EventCode, words: &str) -> Option<Meaning> {
    if words.is_empty() {
        return None;
    }
    let at = RULES.iter().position(|rules| rules.of == event)?;
    let set = SETS.get(at)?.as_ref()?;
    let first = set.matches(&words.to_lowercase()).iter().next()?;
    let (_, event, reason) = RULES.get(at)?.rows.get(first)?;
    Some(Meaning {
        event: (*event)?,
        reason: *reason,
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
        for (event, words, said) in [
            (
                EventCode::DELIVERED,
                "Not delivered: nobody home",
                "DELIVERY_ATTEMPTED",
            ),
            (EventCode::DELIVERED, "Undelivered", "DELIVERY_ATTEMPTED"),
            (
                EventCode::DELIVERED,
                "Delivered to local carrier",
                "HANDED_OVER_TO_PARTNER",
            ),
            (
                EventCode::DELIVERED,
                "Delivered to the local delivery partner",
                "HANDED_OVER_TO_PARTNER",
            ),
            (
                EventCode::DELIVERED,
                "Delivered to parcel locker 7",
                "AVAILABLE_FOR_PICKUP",
            ),
            (
                EventCode::DELIVERED,
                "快件已存放至丰巢柜",
                "AVAILABLE_FOR_PICKUP",
            ),
            (
                EventCode::DELIVERED,
                "已投递至菜鸟驿站",
                "AVAILABLE_FOR_PICKUP",
            ),
            (
                EventCode::DELIVERED,
                "Collected by recipient at the locker",
                "COLLECTED_BY_RECIPIENT",
            ),
            (
                EventCode::DELIVERED,
                "Delivered to sender",
                "RETURNED_TO_SENDER",
            ),
            (
                EventCode::DELIVERED,
                "Delivered, In/At Mailbox",
                "DELIVERED_TO_MAILBOX",
            ),
            (
                EventCode::DELIVERED,
                "Delivered, signed by A",
                "DELIVERED_SIGNED",
            ),
            (EventCode::DELIVERED, "Delivered", ""),
            (EventCode::DELIVERED, "已签收", ""),
            (
                EventCode::IN_TRANSIT,
                "Returned to sender",
                "RETURNED_TO_SENDER",
            ),
            (
                EventCode::IN_TRANSIT,
                "Item will be returned to sender",
                "RETURN_INITIATED",
            ),
            (
                EventCode::IN_TRANSIT,
                "Item is being returned to sender",
                "RETURN_IN_TRANSIT",
            ),
            (EventCode::IN_TRANSIT, "Parcel void", "CANCELLED"),
            (EventCode::IN_TRANSIT, "Label voided", "CANCELLED"),
            (
                EventCode::IN_TRANSIT,
                "Departed from hub, arrived late",
                "DEPARTED_FACILITY",
            ),
            (
                EventCode::IN_TRANSIT,
                "Arrived at hub",
                "ARRIVED_AT_FACILITY",
            ),
            (
                EventCode::IN_TRANSIT,
                "Arrived at delivery office",
                "ARRIVED_AT_DELIVERY_OFFICE",
            ),
            (
                EventCode::IN_TRANSIT,
                "Expected to have arrived by noon",
                "",
            ),
            (
                EventCode::IN_TRANSIT,
                "Processed through facility",
                "SORTED",
            ),
            (
                EventCode::IN_TRANSIT,
                "到达【某地揽投部】",
                "ARRIVED_AT_DELIVERY_OFFICE",
            ),
            (EventCode::IN_TRANSIT, "Leftover", ""),
            (
                EventCode::TRANSPORT_DEPARTED,
                "离开【广州国际】",
                "DEPARTED_EXPORT_OFFICE",
            ),
            (EventCode::TRANSPORT_DEPARTED, "飞机离开国际机场", ""),
            (
                EventCode::TRANSPORT_ARRIVED,
                "Arrival at inward office of exchange",
                "ARRIVED_AT_IMPORT_OFFICE",
            ),
            (EventCode::TRANSPORT_ARRIVED, "Flight landed", ""),
            (EventCode::HELD, "Seized by customs", "SEIZED"),
            (EventCode::HELD, "Import prohibited", "IMPORT_TERMINATED"),
            (EventCode::HELD, "Charges due", ""),
            (EventCode::OUT_FOR_DELIVERY, "Delivered to locker", ""),
        ] {
            let found = closer(event, words).map_or("", |meaning| {
                meaning.event.info().map_or("?", |row| row.name)
            });
            assert_eq!(found, said, "{words}");
        }
    }
}
