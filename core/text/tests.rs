#![allow(clippy::unwrap_used, clippy::panic)]

mod files;
mod forecast;
mod silence;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::catalogue::Catalogue;
use super::{Audience, Text, message};
use crate::code::{EVENT_CODES, EventCode, REASON_CODES, ReasonCode};
use crate::event::Digest;
use crate::exception::{Category, Exception, NextAction, Responsibility};
use crate::number::TrackingNumber;
use crate::place::Location;
use crate::shipment::{
    LocalWindow, NextStep, Physical, Requirements, Shipment, ShipmentId, TrackingState,
};
use crate::status::{Milestone, Severity, Status};
use crate::time::{Clues, EventTime, parse_iso, resolve};

const CATEGORIES: [Category; 15] = [
    Category::Delay,
    Category::NoUpdate,
    Category::Customs,
    Category::Address,
    Category::FailedDelivery,
    Category::RefusedOrUnclaimed,
    Category::Hold,
    Category::Damage,
    Category::Loss,
    Category::Routing,
    Category::Return,
    Category::Compliance,
    Category::DataQuality,
    Category::Other,
    Category::MissingContents,
];
const ACTIONS: [NextAction; 14] = [
    NextAction::Wait,
    NextAction::ProvideInformation,
    NextAction::PayCharges,
    NextAction::CorrectAddress,
    NextAction::ArrangeRedelivery,
    NextAction::Collect,
    NextAction::ContactCarrier,
    NextAction::FileClaim,
    NextAction::ReshipOrRefund,
    NextAction::ReviewData,
    NextAction::ChangeToPickupPoint,
    NextAction::ReturnOrDispose,
    NextAction::OpenInvestigation,
    NextAction::CollectEvidence,
];
const OWNERS: [Responsibility; 6] = [
    Responsibility::Nobody,
    Responsibility::Recipient,
    Responsibility::Shipper,
    Responsibility::Carrier,
    Responsibility::Authority,
    Responsibility::Operator,
];
const MILESTONES: [Milestone; 12] = [
    Milestone::InfoReceived,
    Milestone::PickedUp,
    Milestone::InTransit,
    Milestone::AtFacility,
    Milestone::DepartedOrigin,
    Milestone::ArrivedDestination,
    Milestone::CustomsCleared,
    Milestone::OutForDelivery,
    Milestone::AvailableForPickup,
    Milestone::Delivered,
    Milestone::Returning,
    Milestone::Returned,
];
/// Words of the trade that no recipient has to know.
const JARGON: [&str; 24] = [
    "exception",
    "scan",
    "manifest",
    "linehaul",
    "line haul",
    "line-haul",
    "clearance",
    "cleared",
    "hub",
    "facility",
    "consignee",
    "consignor",
    "custody",
    "milestone",
    "office of exchange",
    "in transit",
    "undeliverable",
    "terminated",
    "waybill",
    "despatch",
    "edi",
    "eta",
    "shipper",
    "event",
];

fn catalogue() -> Catalogue {
    Catalogue::new(&[]).unwrap()
}

fn time(text: &str, country: &str) -> EventTime {
    let clues = Clues {
        country: Some(country),
        ..Clues::default()
    };
    resolve(parse_iso(text).unwrap(), clues)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A parcel from Guangzhou to Germany that has left the country.
fn parcel() -> Shipment {
    Shipment {
        id: ShipmentId("0".repeat(26)),
        number: TrackingNumber::parse("LX123456785CN").unwrap(),
        carrier: "post".into(),
        status: Status::InTransit,
        code: Some(EventCode::DEPARTED_EXPORT_OFFICE),
        reason: None,
        status_event: Some(Digest([1; 32])),
        source_count: 1,
        revision: 1,
        etag: String::new(),
        update_time: at("2026-05-13T00:00:00Z"),
        tracking: TrackingState::Active,
        attention: None,
        progress: None,
        next_step: Some(NextStep {
            milestone: Milestone::ArrivedDestination,
            window: None,
        }),
        silence: None,
        contacts: Vec::new(),
        requirements: None,
        last_event_time: Some(time("2026-05-12T23:30:00", "CN")),
        last_location: Some(Location {
            country: "CN".into(),
            locality: "Guangzhou".into(),
            ..Location::default()
        }),
        estimates: Vec::new(),
        events: Vec::new(),
        exceptions: Vec::new(),
        milestones: Vec::new(),
        identifiers: Vec::new(),
        legs: Vec::new(),
        service: String::new(),
        origin: None,
        destination: None,
        pieces: Vec::new(),
        superseded: Vec::new(),
        physical: Physical::default(),
        proof: None,
        photos: Vec::new(),
        findings: Vec::new(),
    }
}

fn problem(category: Category, owner: Responsibility, next_action: NextAction) -> Exception {
    Exception {
        id: Digest([9; 32]),
        category,
        reason: None,
        severity: Severity::Critical,
        owner,
        next_action,
        alternatives: Vec::new(),
        open_time: at("2026-05-12T00:00:00Z"),
        due_time: None,
        close_time: None,
        derived: false,
        event_ids: vec![Digest([2; 32])],
    }
}

fn say(record: &Shipment, audience: Audience, language: &str) -> Text {
    catalogue()
        .find(language)
        .shipment(record, audience, "China Post")
}

#[test]
fn every_language_has_every_message_with_the_same_variables() {
    let catalogue = catalogue();
    let mut languages = catalogue.languages();
    let english = languages.next().unwrap().spec();
    let mut wrong = Vec::new();
    for language in languages {
        let spec = language.spec();
        let tag = language.tag();
        // A language whose grammar does not tell the readers apart need not ask who reads.
        let content = |variables: &BTreeSet<String>| {
            let mut variables = variables.clone();
            variables.remove("audience");
            variables
        };
        for (key, variables) in &english {
            match spec.get(key) {
                None => wrong.push(format!("{tag} lacks {}.{}", key.0, key.1)),
                Some(own) if content(own) != content(variables) => {
                    wrong.push(format!("{tag}: {}.{} uses {own:?}", key.0, key.1));
                }
                Some(_) => {}
            }
        }
        let unknown = spec.keys().filter(|key| !english.contains_key(*key));
        wrong.extend(unknown.map(|key| format!("{tag} has {}.{}, English has not", key.0, key.1)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_value_has_its_message() {
    let catalogue = catalogue();
    for language in catalogue.languages() {
        let has = |id: &str, attribute: &str| {
            let audience = [("audience", "recipient".into()), ("who", "X".into())];
            let text = language.try_format(id, attribute, &audience);
            let (text, errors) =
                text.unwrap_or_else(|| panic!("{}: {id}.{attribute}", language.tag()));
            assert!(!text.is_empty() && errors.is_empty(), "{id}: {errors:?}");
        };
        for status in Status::ALL {
            for attribute in ["", "text", "next"] {
                has(message::status(status), attribute);
            }
        }
        for row in EVENT_CODES {
            has(&message::code(row.code), "");
            has(&message::code(row.code), "text");
        }
        for row in REASON_CODES {
            has(&message::reason(row.code).unwrap(), "");
        }
        for milestone in MILESTONES {
            has(message::milestone(milestone), "");
        }
        for category in CATEGORIES {
            has(message::category(category), "");
            has(message::category(category), "text");
        }
        for action in ACTIONS {
            for attribute in ["", "you", "other"] {
                has(message::action(action), attribute);
            }
        }
        for owner in OWNERS {
            has(message::owner(owner), "");
        }
    }
}

/// What a text must be, whatever it says.
fn check(text: &Text, what: &str) {
    let Text {
        language,
        title,
        body,
        next_step,
        short_form,
    } = text;
    let what = format!("{language}, {what}: {text:?}");
    assert!(!title.is_empty() && title.chars().count() <= 80, "{what}");
    assert!(!body.is_empty() && body.chars().count() <= 500, "{what}");
    assert!(next_step.chars().count() <= 500, "{what}");
    assert!(
        !short_form.is_empty() && short_form.chars().count() <= 120,
        "{what}"
    );
    assert!(!short_form.chars().any(|c| c.is_ascii_digit()), "{what}");
    let capitals = |pair: &[char]| pair.iter().all(|c| c.is_uppercase());
    let letters: Vec<char> = short_form.chars().collect();
    assert!(!letters.windows(2).any(capitals), "abbreviation: {what}");
    for text in [title, body, next_step, short_form] {
        assert!(!text.contains(['{', '}', '$']), "{what}");
        assert!(!text.contains("  ") && text.trim() == text, "{what}");
        if language == "en" {
            let text = text.to_lowercase();
            let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
            for word in JARGON {
                let used =
                    words.contains(word) || (word.contains([' ', '-']) && text.contains(word));
                assert!(!used, "{word:?} in {what}");
            }
        }
    }
}

#[test]
fn every_state_is_said_to_everybody_in_every_language() {
    let catalogue = catalogue();
    let all = |record: &Shipment, what: &str| {
        for language in catalogue.languages() {
            for audience in Audience::ALL {
                check(&language.shipment(record, audience, "China Post"), what);
            }
        }
    };
    for status in Status::ALL {
        let mut record = parcel();
        (record.status, record.code) = (status, None);
        all(&record, "status");
        record.next_step = None;
        record.last_event_time = None;
        all(&record, "status and place");
        record.last_location = None;
        all(&record, "status alone");
    }
    for row in EVENT_CODES {
        let mut record = parcel();
        record.code = Some(row.code);
        record.status = row.status.unwrap_or(Status::InTransit);
        all(&record, row.name);
    }
    for row in REASON_CODES {
        let mut record = parcel();
        record.reason = Some(row.code);
        all(&record, row.name);
    }
    let troubled = |category, owner, action| {
        let mut record = parcel();
        let mut problem = problem(category, owner, action);
        problem.due_time = Some(at("2026-05-20T12:00:00Z"));
        problem.reason = Some(ReasonCode::CUSTOMS_DOCUMENTATION);
        for language in catalogue.languages() {
            for audience in Audience::ALL {
                let text = language.exception(&problem, &record, audience, "China Post");
                check(&text, "exception");
            }
        }
        record.exceptions.push(problem);
        all(&record, "state with an exception");
    };
    for category in CATEGORIES {
        troubled(category, Responsibility::Carrier, NextAction::Wait);
    }
    for owner in OWNERS {
        for action in ACTIONS {
            troubled(Category::Customs, owner, action);
        }
    }
}

#[test]
fn every_title_is_a_plain_line() {
    let catalogue = catalogue();
    for language in catalogue.languages() {
        for row in EVENT_CODES {
            let title = language.event(row.code);
            assert!((2..=80).contains(&title.chars().count()), "{title}");
            assert!(!title.ends_with(['.', '。']), "{title}");
        }
    }
}

#[test]
fn a_parcel_from_china_in_three_languages() {
    let record = parcel();
    let english = say(&record, Audience::Recipient, "en");
    assert_eq!(english.title, "Ready to leave the country of origin");
    assert_eq!(
        english.body,
        "The parcel has left the last depot in the country of origin. \
         Last reported: Guangzhou, China, 12 May 2026."
    );
    assert_eq!(
        english.next_step,
        "You do not have to do anything. Next: Arrived in the destination country."
    );
    let german = say(&record, Audience::Recipient, "de");
    assert_eq!(
        german.body,
        "Das Paket hat das letzte Depot im Absendeland verlassen. \
         Zuletzt gemeldet: Guangzhou, China, 12. Mai 2026."
    );
    let chinese = say(&record, Audience::Recipient, "zh");
    assert_eq!(chinese.language, "zh-Hans");
    assert_eq!(
        chinese.body,
        "包裹已离开寄出国家的最后一个站点。最近一次记录：中国 Guangzhou，2026年5月12日。"
    );
    let french = catalogue().find("fr").date("2026-01-01".parse().unwrap());
    assert_eq!(french, "1er janvier 2026");
}

#[test]
fn who_must_act_is_told_what_and_until_when_and_the_other_is_told_who() {
    let mut record = parcel();
    record.code = Some(EventCode::CUSTOMS_INFORMATION_REQUIRED);
    record.last_location = Some(Location {
        country: "DE".into(),
        locality: "Frankfurt".into(),
        ..Location::default()
    });
    let mut papers = problem(
        Category::Customs,
        Responsibility::Shipper,
        NextAction::ProvideInformation,
    );
    papers.event_ids = vec![Digest([1; 32])];
    papers.reason = Some(ReasonCode::MISSING_INVOICE);
    // The end of the 20th in Germany.
    papers.due_time = Some(at("2026-05-20T22:00:00Z"));
    record.exceptions.push(papers);
    let shipper = say(&record, Audience::Shipper, "en");
    assert_eq!(shipper.title, "Customs needs information");
    assert!(
        shipper.body.contains("Reason: the invoice is missing."),
        "{shipper:?}"
    );
    assert_eq!(
        shipper.next_step,
        "Please give the carrier the papers or details that are missing. \
         Deadline: 20 May 2026. Carrier: China Post."
    );
    let recipient = say(&record, Audience::Recipient, "en");
    assert_eq!(
        recipient.next_step,
        "The sender has to provide papers or details. Deadline: 20 May 2026. \
         You can ask the sender about it."
    );
    // Where no zone is known, the clock of the deadline is named.
    record.last_location = None;
    record.last_event_time = None;
    let open = say(&record, Audience::Shipper, "en");
    assert!(open.next_step.contains("20 May 2026 (UTC)"), "{open:?}");
}

#[test]
fn a_problem_goes_before_the_status_unless_the_status_says_it() {
    let mut record = parcel();
    let delay = problem(Category::Delay, Responsibility::Nobody, NextAction::Wait);
    record.exceptions.push(delay);
    let text = say(&record, Audience::Recipient, "en");
    assert_eq!(text.title, "Delayed");
    assert_eq!(
        text.short_form,
        "The parcel will arrive later than planned. You do not have to do anything."
    );
    record.exceptions[0].event_ids = vec![Digest([1; 32])];
    let text = say(&record, Audience::Recipient, "en");
    assert_eq!(text.title, "Ready to leave the country of origin");
    record.exceptions[0].close_time = Some(at("2026-05-13T00:00:00Z"));
    record.exceptions[0].event_ids = Vec::new();
    let text = say(&record, Audience::Recipient, "en");
    assert_eq!(text.title, "Ready to leave the country of origin");
    let catalogue = catalogue();
    let english = catalogue.find("en");
    let closed = english.exception(&record.exceptions[0], &record, Audience::Recipient, "");
    assert!(closed.body.ends_with("This has been resolved.") && closed.next_step.is_empty());
}

#[test]
fn of_a_parcel_that_goes_back_the_return_is_told_and_not_why() {
    let mut record = parcel();
    record.status = Status::Returning;
    record.code = Some(EventCode::RETURN_IN_TRANSIT);
    let refused = problem(
        Category::RefusedOrUnclaimed,
        Responsibility::Shipper,
        NextAction::ReturnOrDispose,
    );
    let mut back = problem(
        Category::Return,
        Responsibility::Shipper,
        NextAction::ReshipOrRefund,
    );
    back.severity = Severity::Warning;
    back.event_ids = vec![Digest([1; 32])];
    record.exceptions = vec![refused, back];
    let text = say(&record, Audience::Recipient, "en");
    assert_eq!(text.title, "Going back to the sender");
    assert_eq!(
        text.next_step,
        "The sender decides about a replacement or a refund. You can ask the sender about it."
    );
}

#[test]
fn nothing_personal_and_no_guessed_clock_is_said() {
    let mut record = parcel();
    record.status = Status::Delivered;
    record.code = Some(EventCode::DELIVERED);
    record.last_location = Some(Location {
        country: "DE".into(),
        locality: "Musterstadt".into(),
        postal_code: "12345".to_owned().into(),
        ..Location::default()
    });
    record.last_event_time = Some(time("2026-05-12T23:30:00", ""));
    for language in catalogue().languages() {
        let text = language.shipment(&record, Audience::Recipient, "China Post");
        for secret in ["Musterstadt", "12345", "LX123456785CN", "23:30", "UTC"] {
            assert!(!text.body.contains(secret), "{text:?}");
        }
    }
    let text = say(&record, Audience::Recipient, "en");
    assert_eq!(
        text.body,
        "The parcel has been delivered. Last reported: Germany, 12 May 2026."
    );
}

#[test]
fn a_day_to_collect_it_and_a_day_of_delivery_are_named() {
    let mut record = parcel();
    record.status = Status::AvailableForPickup;
    record.code = Some(EventCode::AVAILABLE_FOR_PICKUP);
    record.next_step = None;
    record.requirements = Some(Requirements {
        collect_by: "2026-05-19".into(),
        ..Requirements::default()
    });
    let text = say(&record, Audience::Recipient, "de");
    assert_eq!(
        text.next_step,
        "Bitte holen Sie es rechtzeitig ab und bringen Sie einen Ausweis mit. \
         Letzter Tag zum Abholen: 19. Mai 2026."
    );
    let window = LocalWindow {
        start: Some(time("2026-05-14", "DE")),
        end: None,
    };
    let mut record = parcel();
    record.next_step = Some(NextStep {
        milestone: Milestone::Delivered,
        window: Some(window),
    });
    let text = say(&record, Audience::Shipper, "es");
    assert!(
        text.next_step
            .ends_with("La entrega está anunciada para el 14 de mayo de 2026.")
    );
    // Nobody repeats what a rule finds late.
    let mut late = problem(Category::Delay, Responsibility::Carrier, NextAction::Wait);
    late.derived = true;
    record.exceptions.push(late);
    let text = say(&record, Audience::Shipper, "es");
    assert!(!text.next_step.contains("anunciada"), "{text:?}");
    record.exceptions.clear();
    // A day that has passed is not announced any more.
    record.last_event_time = Some(time("2026-05-15T10:00:00", "DE"));
    let text = say(&record, Audience::Shipper, "es");
    assert!(!text.next_step.contains("anunciada"), "{text:?}");
}

#[test]
fn a_code_of_a_later_version_is_said_by_its_phase_and_then_by_the_status() {
    let mut record = parcel();
    record.code = Some(EventCode(444));
    assert_eq!(say(&record, Audience::Recipient, "en").title, "At customs");
    record.code = Some(EventCode(1_444));
    assert_eq!(say(&record, Audience::Recipient, "en").title, "On the way");
    // A depot on the way back is part of the return.
    record.code = Some(EventCode::ARRIVED_AT_FACILITY);
    record.status = Status::Returning;
    let text = say(&record, Audience::Recipient, "en");
    assert_eq!(text.title, "Going back to the sender");
    record.reason = Some(ReasonCode(999));
    assert!(
        !say(&record, Audience::Recipient, "en")
            .body
            .contains("Reason")
    );
}
