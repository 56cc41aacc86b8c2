//! English words of all divisions and what they mean: the last resort before the coarse class. It
//! must not know codes or divisions.

use std::sync::LazyLock;

use regex::RegexSet;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::status::Status;

use super::meaning::Class;
use crate::codes::Meaning;

/// Empty only if a pattern is broken, which a test rules out.
static WORDS: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(RULES.iter().map(|rule| rule.words)).unwrap_or_default());

/// When a rule applies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// The class or the code says delivered.
    Delivered,
}

struct Rule {
    when: When,
    words: &'static str,
    meaning: Meaning,
}

const fn rule_of(when: When, words: &'static str, event: EventCode) -> Rule {
    let reason = None;
    Rule {
        when,
        words,
        meaning: Meaning { event, reason },
    }
}

const fn because(words: &'static str, event: EventCode, reason: ReasonCode) -> Rule {
    let reason = Some(reason);
    Rule {
        when: When::Always,
        words,
        meaning: Meaning { event, reason },
    }
}

const fn always(words: &'static str, event: EventCode) -> Rule {
    rule_of(When::Always, words, event)
}

const fn delivered(words: &'static str, event: EventCode) -> Rule {
    rule_of(When::Delivered, words, event)
}

/// English words of all divisions, lower case; the first row that matches wins. Classes are ASCII:
/// the set stays small enough to be matched in one pass. Only rows of
/// [`When::Delivered`] and the one that is tied to both ends of the text may end a journey with a
/// delivery.
static RULES: &[Rule] = &[
    // A name follows, which may be any word.
    delivered(
        r"^delivered[ ,:;–-]+signed for by",
        EventCode::DELIVERED_SIGNED,
    ),
    // The way back.
    always(
        r"delivered (back )?to (the )?(business )?(sender|shipper|consignor)(?-u:\b)|returns? (was |has been )?delivered",
        EventCode::RETURNED_TO_SENDER,
    ),
    delivered(
        r"returned to (the )?(sender|shipper|consignor)",
        EventCode::RETURNED_TO_SENDER,
    ),
    always(
        r"(will|to) be (returned|sent back)|will return to|return (was |has been )?(initiated|started|requested|ordered)",
        EventCode::RETURN_INITIATED,
    ),
    always(
        r"return(ed|ing)? to (the )?(sender|shipper|consignor|origin)|(being|been|is|was) sent back|being returned|on (its|the) way back",
        EventCode::RETURN_IN_TRANSIT,
    ),
    because(
        r"refus|rejected by (the )?(recipient|consignee|receiver|customer)",
        EventCode::REFUSED,
        ReasonCode::RECIPIENT_REFUSED,
    ),
    // Customs.
    because(
        r"(customs|clearance).*(delay|(?-u:\b)held(?-u:\b)|on hold)|(held|delayed) (at|by|in|with) (the )?customs|not (yet )?(been )?cleared|clearance (was |is )?not possible",
        EventCode::CUSTOMS_PROCESSING,
        ReasonCode::CUSTOMS_DELAY,
    ),
    because(
        r"(customs|clearance|commercial).*(documents?|documentation|paperwork|invoice|information).*(request|requir|need|missing|incomplete|await)|(missing|incomplete|await[a-z]*).*(customs|clearance|commercial).*(document|paperwork|invoice)",
        EventCode::CUSTOMS_INFORMATION_REQUIRED,
        ReasonCode::CUSTOMS_DOCUMENTATION,
    ),
    because(
        r"(duty|duties|tax|taxes|customs charges).*(due|await|outstanding|pending|requir|request|unpaid)|await[a-z]*.*(duty|duties|tax(?-u:\b)|taxes)",
        EventCode::CUSTOMS_PAYMENT_REQUIRED,
        ReasonCode::CUSTOMS_CHARGES_UNPAID,
    ),
    always(
        r"(duty|duties|tax|taxes).*(paid|received)",
        EventCode::CUSTOMS_PAYMENT_RECEIVED,
    ),
    always(
        r"(customs|clearance) (processing )?(is |was |has been )?(complete|cleared|released?(?-u:\b))|(cleared|released) (by |from |at |through )?(the )?customs|customs clearance (is |was |has been )?complete",
        EventCode::CUSTOMS_RELEASED,
    ),
    always(r"customs|clearance|broker", EventCode::CUSTOMS_PROCESSING),
    // Not delivered, with a reason if there is one. A missed cycle is no visit.
    always(r"missed delivery cycle", EventCode::DELAYED),
    always(
        r"partial(ly)? deliver|delivered in part|partly delivered",
        EventCode::DELIVERED_IN_PART,
    ),
    because(
        r"(recipient|consignee|receiver|addressee|customer)( was| is)? (absent|not (at )?home|not present|not available|unavailable|not met)|(nobody|no one|no-one|not) (at )?home|missed you",
        EventCode::DELIVERY_ATTEMPTED,
        ReasonCode::RECIPIENT_NOT_AVAILABLE,
    ),
    because(
        r"(business|premises|company|office|recipient|consignee|receiver)( was| is)? closed|closed on arrival",
        EventCode::DELIVERY_ATTEMPTED,
        ReasonCode::RECIPIENT_BUSINESS_CLOSED,
    ),
    because(
        r"(recipient|consignee|receiver|customer|addressee)( has)? moved",
        EventCode::ADDRESS_PROBLEM,
        ReasonCode::RECIPIENT_MOVED,
    ),
    because(
        r"(incorrect|bad|incomplete|wrong|insufficient|invalid|unknown) ([a-z]+ ){0,2}address|address ([a-z]+ ){0,3}(incorrect|incomplete|wrong|insufficient|unknown|invalid|not found|required|needed)",
        EventCode::ADDRESS_PROBLEM,
        ReasonCode::RECIPIENT_INCORRECT_ADDRESS,
    ),
    because(
        r"no access|access (was )?(denied|not possible)|could not access",
        EventCode::DELIVERY_ATTEMPTED,
        ReasonCode::RECIPIENT_ACCESS_RESTRICTED,
    ),
    because(
        r"unclaimed|not (been )?(collected|picked up) (by (the )?(recipient|consignee|receiver)|in time|within)|(recipient|consignee|receiver) (has |did )?not (collect|pick)",
        EventCode::UNCLAIMED,
        ReasonCode::RECIPIENT_NOT_COLLECTED,
    ),
    because(r"weather", EventCode::DELAYED, ReasonCode::WEATHER),
    always(
        r"pick-?up.*(unsuccessful|not successful|failed|not possible)|not (been )?picked up",
        EventCode::PICKUP_FAILED,
    ),
    always(
        r"deliver[a-z]* (attempt )?(was |is |has been )?(unsuccessful|not successful|failed|not possible)|(unsuccessful|failed|missed) delivery|delivery attempt|attempted delivery|attempt[a-z]* to deliver|(could not|couldn.t|unable to) (be )?deliver|not (been |be )?delivered|undelivered",
        EventCode::DELIVERY_ATTEMPTED,
    ),
    always(
        r"undeliverable|cannot be delivered",
        EventCode::UNDELIVERABLE,
    ),
    // Damage and loss. What will or may happen is not an end.
    always(
        r"(may|can|might) be (destroyed|disposed|seized)",
        EventCode::EXCEPTION,
    ),
    always(
        r"(will|to) be (destroyed|disposed|seized)",
        EventCode::UNDELIVERABLE,
    ),
    delivered(r"damage", EventCode::DELIVERED_DAMAGED),
    always(r"damage", EventCode::DAMAGED),
    always(
        r"(shipment|parcel|package|consignment) (is |was |has been )?(declared |confirmed )?(as )?lost",
        EventCode::LOST,
    ),
    always(
        r"(shipment|parcel|package|piece|consignment)s? (is |was |has been )?(reported )?missing|(search|investigation|trace) (was |has been )?(started|initiated)",
        EventCode::SEARCH_STARTED,
    ),
    always(r"(was|been|is) (destroyed|disposed)", EventCode::DESTROYED),
    always(r"(was|been|is) (seized|confiscated)", EventCode::SEIZED),
    always(r"(was|been|is) stolen", EventCode::STOLEN),
    always(
        r"^(the )?(shipment|consignment|parcel|order) (was |is |has been )?cancell?ed",
        EventCode::CANCELLED,
    ),
    // Handed in by the sender, often where others collect.
    always(
        r"posted (by|at)|(deposited|handed in|handed over|dropped) by (the )?sender|sender (has )?(handed|dropped|posted|brought)",
        EventCode::DROPPED_OFF,
    ),
    // A letter box is no post office.
    delivered(
        r"mail ?box|letter ?box|p\.?o\.? box|post (office )?box",
        EventCode::DELIVERED_TO_MAILBOX,
    ),
    // Collection by the recipient.
    delivered(
        r"(picked up|collected).*(by|from)|(recipient|consignee|receiver|addressee) (has )?(picked up|collected)",
        EventCode::COLLECTED_BY_RECIPIENT,
    ),
    always(
        r"(ready|available|held) for (customer |recipient )?(collection|pick-?up)|await[a-z]* ([a-z]+ )?(collection|pick-?up)|(can be|to be) (collected|picked up)|not yet (been )?(collected|picked up)",
        EventCode::AVAILABLE_FOR_PICKUP,
    ),
    always(
        r"(brought|taken|on (its|the) way|transported|forwarded|en route) to ([a-z]+ ){0,3}(service ?point|parcel ?shop|packstation|locker|post office|retail outlet|access point|pick-?up)",
        EventCode::IN_TRANSIT,
    ),
    always(
        r"(delivered|handed over|deposited|stored|placed|arriv[a-z]+) ([a-z-]+ ){0,4}(service ?point|parcel ?shop|packstation|parcelstation|locker|post ?office|postfiliale|retail outlet|access point|pick-?up.?(point|location|station)|collection point|agency)",
        EventCode::AVAILABLE_FOR_PICKUP,
    ),
    always(
        r"(delivered|handed over|handed|transferred|tendered|forwarded|given|passed) (over )?to .*(agent|partner|carrier|third party|3rd party|provider|postal service|connecting)|for final delivery",
        EventCode::HANDED_OVER_TO_PARTNER,
    ),
    // The last mile.
    always(
        r"out for delivery|(out )?with (the )?(delivery )?courier|loaded (onto|on|into|to) (the )?(delivery )?(vehicle|van)",
        EventCode::OUT_FOR_DELIVERY,
    ),
    always(
        r"resched|postponed|new delivery (date|day|time)",
        EventCode::DELIVERY_RESCHEDULED,
    ),
    always(
        r"(delivery|redelivery) ([a-z]+ ){0,2}(scheduled|arranged|planned|agreed|booked)|(scheduled|agreed) (for )?delivery|will be delivered",
        EventCode::DELIVERY_SCHEDULED,
    ),
    always(
        r"redirect|rerout|(new|changed?|change of) (of )?(the )?(delivery )?address",
        EventCode::REDIRECTED,
    ),
    always(
        r"(recipient|consignee|customer|receiver) (has been |was |is )?(notified|contacted|informed)",
        EventCode::RECIPIENT_CONTACTED,
    ),
    always(
        r"(estimated|expected) (time|date|day|delivery|arrival|departure)",
        EventCode::ESTIMATE_UPDATED,
    ),
    // How it was delivered.
    delivered(r"neighbo", EventCode::DELIVERED_TO_NEIGHBOUR),
    delivered(
        r"porch|front door|back door|garage|safe ?place|preferred location|foyer|garden|(?-u:\b)shed(?-u:\b)|patio",
        EventCode::DELIVERED_TO_SAFE_PLACE,
    ),
    delivered(
        r"reception|front desk|concierge|mail ?room|security guard|leasing office",
        EventCode::DELIVERED_TO_RECEPTION,
    ),
    delivered(
        r"service ?point|parcel ?shop|packstation|parcelstation|locker|post office|postfiliale|filiale|retail outlet|access point|pick-?up (point|location)",
        EventCode::AVAILABLE_FOR_PICKUP,
    ),
    delivered(
        r"(?-u:\b)signed(?-u:\b)|against signature|signature of",
        EventCode::DELIVERED_SIGNED,
    ),
    delivered(r"delivered|left with ", EventCode::DELIVERED),
    always(
        r"^(the )?(shipment |parcel |package )?(was |has been )?(successfully )?delivered( successfully)?( to (the )?(recipient|consignee|receiver|addressee))?\.?$",
        EventCode::DELIVERED,
    ),
    always(r"proof of delivery", EventCode::PROOF_OF_DELIVERY_AVAILABLE),
    // Problems on the way.
    because(
        r"mis-?(rout|sort|sent|ship|cod)|incorrectly sorted",
        EventCode::MISROUTED,
        ReasonCode::CARRIER_SORTING_ERROR,
    ),
    always(r"delay", EventCode::DELAYED),
    always(r"on hold|(?-u:\b)held(?-u:\b)", EventCode::HELD),
    // The first mile.
    always(
        r"label (was |has been )?(created|printed)",
        EventCode::LABEL_CREATED,
    ),
    always(
        r"(instruction|shipment|electronic[a-z]*|shipping) (data|info[a-z]*|notification)|booking received|entered into system|pre-?advi[sc]e",
        EventCode::INFO_RECEIVED,
    ),
    always(
        r"pick-?up ([a-z]+ ){0,2}(scheduled|arranged|booked|requested|ordered)|scheduled for pick-?up",
        EventCode::PICKUP_SCHEDULED,
    ),
    always(r"en ?route to dhl", EventCode::WAREHOUSE_DISPATCHED),
    always(r"dropped off|drop-off", EventCode::DROPPED_OFF),
    always(
        r"picked up|pick-?up (was )?successful",
        EventCode::PICKED_UP,
    ),
    always(
        r"(shipment|parcel|package|item) (was |has been )?accepted|acceptance scan",
        EventCode::ACCEPTED,
    ),
    // The way.
    always(
        r"(vessel|flight|aircraft|plane) (has )?(arriv|land)",
        EventCode::TRANSPORT_ARRIVED,
    ),
    always(
        r"(vessel|flight|aircraft|plane) (has )?depart|departed on .*(flight|vessel)",
        EventCode::TRANSPORT_DEPARTED,
    ),
    always(r"gated? in(?-u:\b)", EventCode::ARRIVED_AT_FACILITY),
    always(r"gated? out(?-u:\b)", EventCode::DEPARTED_FACILITY),
    always(
        r"arriv[a-z]* ([a-z]+ ){0,2}(delivery (facility|depot|office|terminal|station|base)|post office)",
        EventCode::ARRIVED_AT_DELIVERY_OFFICE,
    ),
    always(r"arriv", EventCode::ARRIVED_AT_FACILITY),
    always(
        r"depart|left (the )?(facility|depot|terminal|hub|sorting)|shipped from",
        EventCode::DEPARTED_FACILITY,
    ),
    always(
        r"(parcel|sorting) cent(er|re) of origin",
        EventCode::ORIGIN_PROCESSED,
    ),
    always(r"(?-u:\b)sort|processed|processing", EventCode::SORTED),
    always(
        r"in transit|en ?route|on (its|the) way|transported|forwarded",
        EventCode::IN_TRANSIT,
    ),
];

/// Looks for general words.
pub(super) fn rule(text: &str, class: Class) -> Option<Meaning> {
    if text.is_empty() {
        return None;
    }
    let lower = text.to_lowercase();
    let meaning = WORDS
        .matches(&lower)
        .iter()
        .filter_map(|at| RULES.get(at))
        .find(|rule| rule.when == When::Always || class == Class::Delivered)?
        .meaning;
    let claims_custody = !matches!(meaning.event.status(), None | Some(Status::InfoReceived));
    // Data is not possession: "processed" before transit means data. Ends other than a delivery
    // are believed.
    let moves = claims_custody && meaning.event.phase() < 7;
    (!(moves && class == Class::PreTransit)).then_some(meaning)
}
