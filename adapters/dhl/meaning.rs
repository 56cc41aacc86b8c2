//! What a DHL event means. It knows codes and words and must not know clocks, places or the shape
//! of a message.
//!
//! The Unified API gives a division's own code in `status`, or only words, and always a coarse
//! class. They are asked in this order, the first answer wins:
//! 1. the division's code (`codes.csv`),
//! 2. the division's words, whole (`codes.csv`),
//! 3. general English words ([`RULES`]),
//! 4. the class.
//!
//! "Delivered" is the exception: a code or class that says it without saying how gives way to
//! words that say more, because some divisions call a hand-over to a shop, locker or partner
//! delivered (ecommerce-europe codes 43 to 46, 302 and 366). And a class of "pre-transit" keeps
//! words such as "processed" from claiming possession.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::RegexSet;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::MappingBasis;
use waybill_core::status::Status;

use super::wire::Event;
use crate::codes::{Codes, Meaning};

/// What an event was found to mean.
pub(super) struct Found {
    pub(super) code: EventCode,
    pub(super) reason: Option<ReasonCode>,
    pub(super) basis: MappingBasis,
    /// "division/code", or the class if there is no code.
    pub(super) native_code: String,
}

pub(super) static TABLE: &str = include_str!("codes.csv");
/// Empty only if the file is broken, which a test rules out.
static CODES: LazyLock<Codes> = LazyLock::new(|| Codes::parse(TABLE).unwrap_or_default());
/// Likewise.
static WORDS: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(RULES.iter().map(|rule| rule.words)).unwrap_or_default());

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
    let whole = |text: &str| {
        (!text.is_empty())
            .then(|| CODES.by_text(scope, text))
            .flatten()
    };
    let native_code = match coded {
        Some((_, code)) => format!("{service}/{code}"),
        None if looks_like_code(&words) => format!("{service}/{words}"),
        None => class.to_owned(),
    };
    let found = |meaning: Meaning, basis| Found {
        code: meaning.event,
        reason: meaning.reason,
        basis,
        native_code: native_code.clone(),
    };

    if let Some((meaning, _)) = coded {
        if meaning.event != EventCode::DELIVERED {
            return found(meaning, MappingBasis::Code);
        }
        let said = whole(&description).or_else(|| rule(&description, Class::Delivered));
        return match said.filter(|said| said.event != EventCode::DELIVERED) {
            Some(said) => found(said, MappingBasis::CodeAndText),
            None => found(meaning, MappingBasis::Code),
        };
    }
    if let Some(meaning) = whole(&description) {
        return found(meaning, MappingBasis::Text);
    }
    let class = Class::read(class);
    let tabled = whole(&words);
    if let Some(meaning) = tabled.filter(|meaning| meaning.event != EventCode::DELIVERED) {
        return found(meaning, MappingBasis::Text);
    }
    let said = rule(&description, class)
        .map(|meaning| closer(meaning, &event.remark, class))
        .or_else(|| rule(&words, class))
        .or(tabled);
    if let Some(meaning) = said {
        return found(meaning, MappingBasis::Text);
    }
    match class.event() {
        Some(event) => found(
            Meaning {
                event,
                reason: None,
            },
            MappingBasis::AggregatedStatus,
        ),
        None => found(
            Meaning {
                event: EventCode::UNMAPPED,
                reason: None,
            },
            MappingBasis::None,
        ),
    }
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

/// English words of all divisions, lower case; the first row that matches wins. Only rows of
/// [`When::Delivered`] and the one that is tied to both ends of the text may end a journey with a
/// delivery.
static RULES: &[Rule] = &[
    // A name follows, which may be any word.
    delivered(r"^delivered\W+signed for by", EventCode::DELIVERED_SIGNED),
    // The way back.
    always(r"delivered (back )?to (the )?(business )?(sender|shipper|consignor)\b|returns? (was |has been )?delivered", EventCode::RETURNED_TO_SENDER),
    delivered(r"returned to (the )?(sender|shipper|consignor)", EventCode::RETURNED_TO_SENDER),
    always(r"(will|to) be (returned|sent back)|will return to|return (was |has been )?(initiated|started|requested|ordered)", EventCode::RETURN_INITIATED),
    always(r"return(ed|ing)? to (the )?(sender|shipper|consignor|origin)|(being|been|is|was) sent back|being returned|on (its|the) way back", EventCode::RETURN_IN_TRANSIT),
    because(r"refus|rejected by (the )?(recipient|consignee|receiver|customer)", EventCode::REFUSED, ReasonCode::RECIPIENT_REFUSED),
    // Customs.
    because(r"(customs|clearance).*(delay|\bheld\b|on hold)|(held|delayed) (at|by|in|with) (the )?customs|not (yet )?(been )?cleared|clearance (was |is )?not possible", EventCode::CUSTOMS_PROCESSING, ReasonCode::CUSTOMS_DELAY),
    because(r"(customs|clearance|commercial).*(documents?|documentation|paperwork|invoice|information).*(request|requir|need|missing|incomplete|await)|(missing|incomplete|await\w*).*(customs|clearance|commercial).*(document|paperwork|invoice)", EventCode::CUSTOMS_INFORMATION_REQUIRED, ReasonCode::CUSTOMS_DOCUMENTATION),
    because(r"(duty|duties|tax|taxes|customs charges).*(due|await|outstanding|pending|requir|request|unpaid)|await\w*.*(duty|duties|tax\b|taxes)", EventCode::CUSTOMS_PAYMENT_REQUIRED, ReasonCode::CUSTOMS_CHARGES_UNPAID),
    always(r"(duty|duties|tax|taxes).*(paid|received)", EventCode::CUSTOMS_PAYMENT_RECEIVED),
    always(r"(customs|clearance) (processing )?(is |was |has been )?(complete|cleared|released?\b)|(cleared|released) (by |from |at |through )?(the )?customs|customs clearance (is |was |has been )?complete", EventCode::CUSTOMS_RELEASED),
    always(r"customs|clearance|broker", EventCode::CUSTOMS_PROCESSING),
    // Not delivered, with a reason if there is one.
    always(r"partial(ly)? deliver|delivered in part|partly delivered", EventCode::DELIVERED_IN_PART),
    because(r"(recipient|consignee|receiver|addressee|customer)( was| is)? (absent|not (at )?home|not present|not available|unavailable|not met)|(nobody|no one|no-one|not) (at )?home|missed you", EventCode::DELIVERY_ATTEMPTED, ReasonCode::RECIPIENT_NOT_AVAILABLE),
    because(r"(business|premises|company|office|recipient|consignee|receiver)( was| is)? closed|closed on arrival", EventCode::DELIVERY_ATTEMPTED, ReasonCode::RECIPIENT_BUSINESS_CLOSED),
    because(r"(recipient|consignee|receiver|customer|addressee)( has)? moved", EventCode::ADDRESS_PROBLEM, ReasonCode::RECIPIENT_MOVED),
    because(r"(incorrect|bad|incomplete|wrong|insufficient|invalid|unknown) (\w+ ){0,2}address|address (\w+ ){0,3}(incorrect|incomplete|wrong|insufficient|unknown|invalid|not found|required|needed)", EventCode::ADDRESS_PROBLEM, ReasonCode::RECIPIENT_INCORRECT_ADDRESS),
    because(r"no access|access (was )?(denied|not possible)|could not access", EventCode::DELIVERY_ATTEMPTED, ReasonCode::RECIPIENT_ACCESS_RESTRICTED),
    because(r"unclaimed|not (been )?(collected|picked up) (by (the )?(recipient|consignee|receiver)|in time|within)|(recipient|consignee|receiver) (has |did )?not (collect|pick)", EventCode::UNCLAIMED, ReasonCode::RECIPIENT_NOT_COLLECTED),
    because(r"weather", EventCode::DELAYED, ReasonCode::WEATHER),
    always(r"pick-?up.*(unsuccessful|not successful|failed|not possible)|not (been )?picked up", EventCode::PICKUP_FAILED),
    always(r"deliver\w* (attempt )?(was |is |has been )?(unsuccessful|not successful|failed|not possible)|(unsuccessful|failed|missed) delivery|delivery attempt|attempted delivery|(could not|couldn.t|unable to) (be )?deliver|not (been |be )?delivered|undelivered", EventCode::DELIVERY_ATTEMPTED),
    always(r"undeliverable|cannot be delivered", EventCode::UNDELIVERABLE),
    // Damage and loss. What will or may happen is not an end.
    always(r"(will|to|may|can) be (destroyed|disposed|seized)", EventCode::UNDELIVERABLE),
    delivered(r"damage", EventCode::DELIVERED_DAMAGED),
    always(r"damage", EventCode::DAMAGED),
    always(r"(shipment|parcel|package|consignment) (is |was |has been )?(declared |confirmed )?(as )?lost", EventCode::LOST),
    always(r"(shipment|parcel|package|piece|consignment)s? (is |was |has been )?(reported )?missing|(search|investigation|trace) (was |has been )?(started|initiated)", EventCode::SEARCH_STARTED),
    always(r"(was|been|is) (destroyed|disposed)", EventCode::DESTROYED),
    always(r"(was|been|is) (seized|confiscated)", EventCode::SEIZED),
    always(r"(was|been|is) stolen", EventCode::STOLEN),
    always(r"^(the )?(shipment|consignment|parcel|order) (was |is |has been )?cancell?ed", EventCode::CANCELLED),
    // Collection by the recipient.
    delivered(r"(picked up|collected).*(by|from)|(recipient|consignee|receiver|addressee) (has )?(picked up|collected)", EventCode::COLLECTED_BY_RECIPIENT),
    always(r"(ready|available|held) for (customer |recipient )?(collection|pick-?up)|await\w* (\w+ )?(collection|pick-?up)|(can be|to be) (collected|picked up)|not yet (been )?(collected|picked up)", EventCode::AVAILABLE_FOR_PICKUP),
    always(r"(brought|taken|on (its|the) way|transported|forwarded|en route) to (\w+ ){0,3}(service ?point|parcel ?shop|packstation|locker|post office|retail outlet|access point|pick-?up)", EventCode::IN_TRANSIT),
    always(r"(delivered|handed over|deposited|stored|placed|arriv\w+) ([\w-]+ ){0,4}(service ?point|parcel ?shop|packstation|parcelstation|locker|post ?office|postfiliale|retail outlet|access point|pick-?up.?(point|location|station)|collection point|agency)", EventCode::AVAILABLE_FOR_PICKUP),
    always(r"(delivered|handed over|handed|transferred|tendered|forwarded|given|passed) (over )?to .*(agent|partner|carrier|third party|3rd party|provider|postal service|connecting)|for final delivery", EventCode::HANDED_OVER_TO_PARTNER),
    // The last mile.
    always(r"out for delivery|(out )?with (the )?(delivery )?courier|loaded (onto|on|into|to) (the )?(delivery )?(vehicle|van)", EventCode::OUT_FOR_DELIVERY),
    always(r"resched|postponed|new delivery (date|day|time)", EventCode::DELIVERY_RESCHEDULED),
    always(r"(delivery|redelivery) (\w+ ){0,2}(scheduled|arranged|planned|agreed|booked)|(scheduled|agreed) (for )?delivery|will be delivered", EventCode::DELIVERY_SCHEDULED),
    always(r"redirect|rerout|(new|changed?|change of) (of )?(the )?(delivery )?address", EventCode::REDIRECTED),
    always(r"(recipient|consignee|customer|receiver) (has been |was |is )?(notified|contacted|informed)", EventCode::RECIPIENT_CONTACTED),
    always(r"(estimated|expected) (time|date|day|delivery|arrival|departure)", EventCode::ESTIMATE_UPDATED),
    // How it was delivered.
    delivered(r"neighbo", EventCode::DELIVERED_TO_NEIGHBOUR),
    delivered(r"mail ?box|letter ?box|p\.?o\.? box|post box", EventCode::DELIVERED_TO_MAILBOX),
    delivered(r"porch|front door|back door|garage|safe ?place|preferred location|foyer|garden|\bshed\b|patio", EventCode::DELIVERED_TO_SAFE_PLACE),
    delivered(r"reception|front desk|concierge|mail ?room|security guard|leasing office", EventCode::DELIVERED_TO_RECEPTION),
    delivered(r"service ?point|parcel ?shop|packstation|parcelstation|locker|post office|postfiliale|filiale|retail outlet|access point|pick-?up (point|location)", EventCode::AVAILABLE_FOR_PICKUP),
    delivered(r"\bsigned\b|against signature|signature of", EventCode::DELIVERED_SIGNED),
    delivered(r"delivered", EventCode::DELIVERED),
    always(r"^(the )?(shipment |parcel |package )?(was |has been )?(successfully )?delivered( successfully)?( to (the )?(recipient|consignee|receiver|addressee))?\.?$", EventCode::DELIVERED),
    always(r"proof of delivery", EventCode::PROOF_OF_DELIVERY_AVAILABLE),
    // Problems on the way.
    because(r"mis-?(rout|sort|sent|ship|cod)|incorrectly sorted", EventCode::MISROUTED, ReasonCode::CARRIER_SORTING_ERROR),
    always(r"delay", EventCode::DELAYED),
    always(r"on hold|\bheld\b", EventCode::HELD),
    // The first mile.
    always(r"label (was |has been )?(created|printed)", EventCode::LABEL_CREATED),
    always(r"(instruction|shipment|electronic\w*|shipping) (data|info\w*|notification)|booking received|entered into system|pre-?advi[sc]e", EventCode::INFO_RECEIVED),
    always(r"pick-?up (\w+ ){0,2}(scheduled|arranged|booked|requested|ordered)|scheduled for pick-?up", EventCode::PICKUP_SCHEDULED),
    always(r"en ?route to dhl", EventCode::WAREHOUSE_DISPATCHED),
    always(r"dropped off|drop-off", EventCode::DROPPED_OFF),
    always(r"picked up|pick-?up (was )?successful", EventCode::PICKED_UP),
    always(r"(shipment|parcel|package|item) (was |has been )?accepted|acceptance scan", EventCode::ACCEPTED),
    // The way.
    always(r"(vessel|flight|aircraft|plane) (has )?(arriv|land)", EventCode::TRANSPORT_ARRIVED),
    always(r"(vessel|flight|aircraft|plane) (has )?depart|departed on .*(flight|vessel)", EventCode::TRANSPORT_DEPARTED),
    always(r"gated? in\b", EventCode::ARRIVED_AT_FACILITY),
    always(r"gated? out\b", EventCode::DEPARTED_FACILITY),
    always(r"arriv\w* (\w+ ){0,2}(delivery (facility|depot|office|terminal|station|base)|post office)", EventCode::ARRIVED_AT_DELIVERY_OFFICE),
    always(r"arriv", EventCode::ARRIVED_AT_FACILITY),
    always(r"depart|left (the )?(facility|depot|terminal|hub|sorting)|shipped from", EventCode::DEPARTED_FACILITY),
    always(r"(parcel|sorting) cent(er|re) of origin", EventCode::ORIGIN_PROCESSED),
    always(r"\bsort|processed|processing", EventCode::SORTED),
    always(r"in transit|en ?route|on (its|the) way|transported|forwarded", EventCode::IN_TRANSIT),
];

/// Looks for general words.
fn rule(text: &str, class: Class) -> Option<Meaning> {
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

/// A clearance event often says what is wrong in its remark only.
fn closer(meaning: Meaning, remark: &str, class: Class) -> Meaning {
    if meaning.event != EventCode::CUSTOMS_PROCESSING || meaning.reason.is_some() {
        return meaning;
    }
    rule(&without_tags(remark), class)
        .filter(|said| said.event.phase() == 4)
        .unwrap_or(meaning)
}

/// Tells whether a status is a code that the table does not have.
fn looks_like_code(status: &str) -> bool {
    let symbol = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || b"_-/".contains(&c);
    (1..=64).contains(&status.len()) && status.bytes().all(symbol)
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
