#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use jiff::SignedDuration;
use waybill_core::adapter::{Http, Report};
use waybill_core::assess::assess;
use waybill_core::code::{EventCode, ReasonCode};
use waybill_core::event::{Digest, MappingBasis, Standing};
use waybill_core::exception::{Category, Exception, NextAction, Responsibility};
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::reconcile::Dossier;
use waybill_core::registry::Registry;
use waybill_core::shipment::{FindingKind, Shipment, ShipmentId, TrackingState};
use waybill_core::status::{Severity, Status};
use waybill_core::time::Basis;

use super::*;

/// A way out that nobody may take.
struct NoHttp;

impl Http for NoHttp {
    fn send(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        panic!("the sandbox sends nothing")
    }
}

fn noon() -> Timestamp {
    "2026-03-10T12:34:56Z".parse().unwrap()
}

/// First and last second of a day, and the leap day.
fn moments() -> [Timestamp; 3] {
    [
        "2026-03-10T00:00:00Z",
        "2026-03-10T23:59:59Z",
        "2028-02-29T12:00:00Z",
    ]
    .map(|text| text.parse().unwrap())
}

fn query(number: &str) -> Query {
    Query {
        format: ID.to_owned(),
        ..Query::of(TrackingNumber::parse(number).unwrap())
    }
}

fn ask_with(query: Query, now: Timestamp) -> Answer {
    let adapter = Registry::new(crate::ALL).build(ID, []).unwrap();
    let ctx = Ctx {
        http: &NoHttp,
        now,
        within: std::time::Duration::from_secs(8),
    };
    let mut answers = pollster::block_on(adapter.fetch(ctx, &[query]));
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn ask(number: &str, now: Timestamp) -> Answer {
    ask_with(query(number), now)
}

fn refused(number: &str, now: Timestamp) -> Error {
    let error = ask(number, now).err();
    error.unwrap_or_else(|| panic!("{number} has an answer"))
}

fn reports(number: &str, now: Timestamp) -> Vec<Report> {
    ask(number, now).unwrap_or_else(|error| panic!("{number}: {error}"))
}

fn dossier(report: &Report) -> Dossier {
    Dossier::new(
        ShipmentId("a".to_owned()),
        report.number.clone(),
        ID.to_owned(),
    )
}

fn record_of(report: &Report, now: Timestamp) -> Shipment {
    let mut dossier = dossier(report);
    dossier.absorb(ID, SourceClass::Custodian, report, now);
    assess(dossier.record(), now).0
}

fn record(number: &str, now: Timestamp) -> Shipment {
    let reports = reports(number, now);
    assert_eq!(reports.len(), 1, "{number}");
    assert!(reports[0].number.reveal() == number);
    record_of(&reports[0], now)
}

fn open(record: &Shipment) -> impl Iterator<Item = &Exception> {
    record
        .exceptions
        .iter()
        .filter(|exception| exception.close_time.is_none())
}

fn open_categories(record: &Shipment) -> Vec<Category> {
    open(record).map(|exception| exception.category).collect()
}

/// The number that is named after a variant of an enumeration.
fn named(variant: impl std::fmt::Debug) -> String {
    format!("SANDBOX{}", format!("{variant:?}").to_uppercase())
}

#[test]
fn each_number_is_one_that_clients_can_send_and_stands_once() {
    let all: BTreeSet<&str> = numbers().map(|(number, _)| number).collect();
    assert_eq!(all.len(), ROWS.len());
    for (number, shows) in numbers() {
        let name = number.strip_prefix("SANDBOX").unwrap();
        assert!(
            !name.is_empty() && name.bytes().all(|c| c.is_ascii_uppercase()),
            "{number}"
        );
        let typed = format!(" sandbox-{} ", name.to_lowercase());
        assert!(TrackingNumber::parse(&typed).unwrap().reveal() == number);
        assert!(!shows.is_empty(), "{number}");
    }
}

#[test]
fn the_documentation_lists_the_numbers_of_the_table() {
    let documented: Vec<(&str, &str)> = include_str!("../../docs/sandbox.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `SANDBOX").map(|_| line))
        .map(|line| {
            let (number, shows) = line
                .strip_prefix("| `")
                .and_then(|line| line.strip_suffix(" |"))
                .and_then(|line| line.split_once("` | "))
                .unwrap();
            (number, shows)
        })
        .collect();
    assert_eq!(documented, numbers().collect::<Vec<_>>());
}

#[test]
fn each_status_but_pending_has_a_number_that_leads_to_it() {
    for now in moments() {
        for status in Status::ALL {
            if status == Status::Pending {
                assert_eq!(refused(&named(status), now).kind, ErrorKind::NotFound);
                continue;
            }
            let record = record(&named(status), now);
            assert_eq!(record.status, status, "{status:?} at {now}");
            assert_eq!(record.tracking, TrackingState::Active, "{status:?}");
            assert!(
                record
                    .events
                    .iter()
                    .all(|event| event.standing == Standing::Accepted),
                "{status:?}"
            );
        }
    }
}

#[test]
fn each_exception_has_a_number_that_leaves_it_open() {
    let categories = [
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
    for now in moments() {
        for category in categories {
            let record = record(&named(category), now);
            assert!(
                open_categories(&record).contains(&category),
                "{category:?} at {now}: {:?}",
                open_categories(&record)
            );
        }
    }
}

#[test]
fn a_number_shows_no_exception_beside_the_one_it_is_for() {
    for now in moments() {
        for (number, expected) in [
            ("SANDBOXINFORECEIVED", &[][..]),
            ("SANDBOXINTRANSIT", &[]),
            ("SANDBOXOUTFORDELIVERY", &[]),
            ("SANDBOXDELIVERYATTEMPTED", &[Category::FailedDelivery]),
            ("SANDBOXAVAILABLEFORPICKUP", &[]),
            ("SANDBOXDELIVERED", &[]),
            ("SANDBOXRETURNED", &[]),
            ("SANDBOXCANCELLED", &[]),
            ("SANDBOXFAILED", &[Category::Loss]),
            ("SANDBOXDELAY", &[Category::Delay]),
            ("SANDBOXNOUPDATE", &[Category::NoUpdate]),
            ("SANDBOXCUSTOMS", &[Category::Customs]),
            ("SANDBOXHOLD", &[Category::Hold]),
            ("SANDBOXUNKNOWNZONE", &[]),
            ("SANDBOXUNMAPPED", &[]),
        ] {
            let record = record(number, now);
            assert_eq!(open_categories(&record), expected, "{number} at {now}");
        }
    }
}

#[test]
fn variants_of_an_exception_name_who_has_to_act() {
    for (number, severity, owner, action, derived) in [
        (
            "SANDBOXOVERDUE",
            Severity::Warning,
            Responsibility::Carrier,
            NextAction::Wait,
            true,
        ),
        (
            "SANDBOXCUSTOMS",
            Severity::Warning,
            Responsibility::Authority,
            NextAction::Wait,
            false,
        ),
        (
            "SANDBOXCUSTOMSDOCUMENTS",
            Severity::Critical,
            Responsibility::Shipper,
            NextAction::ProvideInformation,
            false,
        ),
        (
            "SANDBOXCUSTOMSPAYMENT",
            Severity::Critical,
            Responsibility::Recipient,
            NextAction::PayCharges,
            false,
        ),
        (
            "SANDBOXFAILEDDELIVERY",
            Severity::Critical,
            Responsibility::Recipient,
            NextAction::ArrangeRedelivery,
            false,
        ),
    ] {
        let record = record(number, noon());
        let found = open(&record).next().unwrap();
        assert_eq!(found.severity, severity, "{number}");
        assert_eq!(found.owner, owner, "{number}");
        assert_eq!(found.next_action, action, "{number}");
        assert_eq!(found.derived, derived, "{number}");
    }
}

#[test]
fn storage_that_ends_tomorrow_is_urgent_at_any_hour() {
    for now in moments() {
        let record = record("SANDBOXCOLLECTSOON", now);
        assert_eq!(record.status, Status::AvailableForPickup);
        let found = open(&record).next().unwrap();
        assert_eq!(found.category, Category::RefusedOrUnclaimed);
        assert_eq!(found.next_action, NextAction::Collect);
        assert!(found.due_time.unwrap() > now);
    }
}

#[test]
fn each_kind_of_error_has_a_number() {
    for kind in ErrorKind::ALL {
        let number = format!("SANDBOX{}", kind.as_str().replace('_', "").to_uppercase());
        let error = refused(&number, noon());
        assert_eq!(error.kind, kind);
        assert_eq!(
            error.native_code,
            format!("sandbox/{}", kind.as_str().to_uppercase())
        );
        assert!(!error.message.contains(&number), "{number}");
    }
}

#[test]
fn no_error_counts_as_a_request_or_invites_to_ask_again_at_once() {
    for (number, _) in numbers() {
        if let Err(error) = ask(number, noon()) {
            assert!(!error.spent, "{number}");
            assert_ne!(error.retry, Retry::Now, "{number}");
        }
    }
    let wait = |number| refused(number, noon()).retry;
    let half_a_minute = Retry::After(Duration::from_secs(30));
    for number in ["SANDBOXTHROTTLED", "SANDBOXTIMEOUT", "SANDBOXUNAVAILABLE"] {
        assert_eq!(wait(number), half_a_minute);
    }
    assert_eq!(wait("SANDBOXDENIED"), Retry::Never);
}

#[test]
fn a_postal_code_answers_the_number_that_needs_one() {
    let mut query = query("SANDBOXHINTREQUIRED");
    query.hints.postal_code = Pii::new("12345".to_owned());
    let reports = ask_with(query, noon()).unwrap();
    assert_eq!(record_of(&reports[0], noon()).status, Status::Delivered);
}

#[test]
fn a_name_that_the_table_does_not_have_is_not_found() {
    for number in ["SANDBOXWORMHOLE", "SANDBOX", "JD0002"] {
        let error = refused(number, noon());
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(!error.message.contains(number));
    }
}

#[test]
fn a_delivery_comes_with_its_proof_and_a_shop_with_its_day() {
    let delivered = record("SANDBOXDELIVERED", noon());
    assert!(delivered.proof.unwrap().signed_by.reveal() == "A. Example");
    assert_eq!(delivered.service, "Sandbox Parcel");
    assert!(delivered.origin.unwrap().locality == "Musterstadt");
    let waiting = record("SANDBOXAVAILABLEFORPICKUP", noon());
    assert_eq!(waiting.requirements.unwrap().collect_by, "2026-03-16");
    let moving = record("SANDBOXINTRANSIT", noon());
    let window = &moving.estimates[0].window;
    assert_eq!(window.start.as_ref().unwrap().raw, "2026-03-12");
}

#[test]
fn what_the_sandbox_says_of_an_event_is_its_code_in_words_of_its_own() {
    let reports = reports("SANDBOXDELIVERYATTEMPTED", noon());
    let claim = reports[0].claims.last().unwrap();
    assert_eq!(claim.native_code, "sandbox/DELIVERY_ATTEMPTED");
    assert_eq!(claim.native_reason, "RECIPIENT_NOT_AVAILABLE");
    assert!(claim.native_text.reveal() == "Delivery attempted");
    assert_eq!(claim.code, EventCode::DELIVERY_ATTEMPTED);
    assert_eq!(claim.reason, Some(ReasonCode::RECIPIENT_NOT_AVAILABLE));
    assert_eq!(claim.basis, MappingBasis::Code);
    assert_eq!(claim.time.raw, "2026-03-09T14:00:00Z");
    assert_eq!(claim.time.basis, Basis::Stated);
}

#[test]
fn an_unknown_zone_and_an_unknown_code_are_findings_and_not_guesses() {
    let unzoned = record("SANDBOXUNKNOWNZONE", noon());
    let time = unzoned.last_event_time.unwrap();
    assert_eq!(time.instant, None);
    assert_eq!(time.basis, Basis::Unresolved);
    assert!(time.earliest < time.latest && time.latest < noon());
    assert_eq!(unzoned.findings[0].kind, FindingKind::TimeZoneAssumed);

    let unmapped = record("SANDBOXUNMAPPED", noon());
    assert_eq!(unmapped.status, Status::InTransit);
    assert_eq!(unmapped.events[0].code, EventCode::UNMAPPED);
    let claim = &unmapped.events[0].said.claim;
    assert!(!claim.native_text.reveal().is_empty());
    assert_eq!(claim.basis, MappingBasis::None);
    assert!(
        unmapped
            .findings
            .iter()
            .any(|finding| finding.kind == FindingKind::UnmappedCode)
    );
}

#[test]
fn a_scan_after_the_delivery_is_disputed_and_does_not_move_it() {
    let record = record("SANDBOXDATAQUALITY", noon());
    assert_eq!(record.status, Status::Delivered);
    assert_eq!(record.events[0].standing, Standing::Disputed);
}

#[test]
fn either_piece_finds_both() {
    for number in ["SANDBOXMULTIPIECE", "SANDBOXSECONDPIECE"] {
        let found: Vec<(String, Status)> = reports(number, noon())
            .iter()
            .map(|report| {
                let record = record_of(report, noon());
                assert_eq!(record.physical.piece_count, Some(2));
                (report.number.reveal().to_owned(), record.status)
            })
            .collect();
        let expected = [
            ("SANDBOXMULTIPIECE".to_owned(), Status::Delivered),
            ("SANDBOXSECONDPIECE".to_owned(), Status::OutForDelivery),
        ];
        assert_eq!(found, expected);
    }
}

#[test]
fn a_number_used_twice_is_two_shipments_that_share_no_event() {
    let reports = reports("SANDBOXREUSED", noon());
    let [old, new] = reports.as_slice() else {
        panic!("two shipments");
    };
    assert!(old.number == new.number);
    let mut first = dossier(old);
    first.absorb(ID, SourceClass::Custodian, old, noon());
    assert!(!first.shares_observation(ID, new));
    assert_eq!(first.record().status, Status::Delivered);
    assert_eq!(record_of(new, noon()).status, Status::InTransit);
    let begin = record_of(new, noon())
        .events
        .last()
        .unwrap()
        .time()
        .earliest;
    let apart = begin.duration_since(first.newest().unwrap());
    assert!(apart > SignedDuration::from_hours(24 * 180));
}

#[test]
fn the_same_day_gives_the_same_answer_and_every_day_the_same_events() {
    let [dawn, night, _] = moments();
    let later = night + SignedDuration::from_hours(24 * 3);
    for row in ROWS {
        let (Says::Shipments(_) | Says::Moves(_)) = row.says else {
            continue;
        };
        let (today, then) = (reports(row.number, dawn), reports(row.number, later));
        if matches!(row.says, Says::Shipments(_)) {
            assert!(today == reports(row.number, night), "{}", row.number);
            assert!(today != then, "{}", row.number);
        }
        for (report, again) in today.iter().zip(&then) {
            let mut dossier = dossier(report);
            dossier.absorb(ID, SourceClass::Custodian, report, dawn);
            let ids = |dossier: &Dossier| -> BTreeSet<Digest> {
                dossier.observations.iter().map(|one| one.id).collect()
            };
            let before = ids(&dossier);
            assert_eq!(before.len(), report.claims.len(), "{}", row.number);
            dossier.absorb(ID, SourceClass::Custodian, again, later);
            assert_eq!(ids(&dossier), before, "{}", row.number);
            let grown = assess(dossier.record(), later).0;
            let fresh = record_of(again, later);
            assert_eq!(grown.status, fresh.status, "{}", row.number);
            assert_eq!(
                open_categories(&grown),
                open_categories(&fresh),
                "{}",
                row.number
            );
        }
    }
}

#[test]
fn the_moving_shipment_has_a_new_event_each_minute_and_never_ends() {
    let number = "SANDBOXMOVING";
    let start: Timestamp = "2026-03-10T23:50:30Z".parse().unwrap();
    let mut dossier = dossier(&reports(number, start)[0]);
    let mut seen: BTreeSet<Status> = BTreeSet::new();
    let mut before = None;
    for minute in 0..25 {
        let now = start + SignedDuration::from_mins(minute);
        let report = reports(number, now).remove(0);
        assert!(report == reports(number, now + SignedDuration::from_secs(29)).remove(0));
        dossier.absorb(ID, SourceClass::Custodian, &report, now);
        let record = assess(dossier.record(), now).0;
        let newest = record.events[0].time().instant.unwrap();
        assert_eq!(newest, now - SignedDuration::from_secs(30));
        assert_ne!(
            before.replace(record.events[0].id),
            Some(record.events[0].id)
        );
        assert_eq!(record.events.len(), report.claims.len());
        assert!(
            record
                .events
                .iter()
                .all(|event| event.standing == Standing::Accepted)
        );
        assert!(!record.status.is_terminal());
        seen.insert(record.status);
    }
    let expected = [
        Status::InTransit,
        Status::OutForDelivery,
        Status::DeliveryAttempted,
        Status::AvailableForPickup,
    ];
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn a_response_is_not_looked_at_and_a_number_is_needed() {
    let adapter = Registry::new(crate::ALL).build(ID, []).unwrap();
    let response = http::Response::new(Bytes::from_static(b"anything"));
    let asked = query("SANDBOXDELIVERED");
    let answers = adapter.interpret(std::slice::from_ref(&asked), &response, noon());
    assert!(answers == [ask_with(asked, noon())]);
    let nothing = adapter.interpret(&[], &response, noon());
    assert_eq!(nothing.len(), 1);
    assert!(matches!(&nothing[0], Err(error) if error.kind == ErrorKind::Unsupported));
}

#[test]
fn no_clock_is_too_odd_to_be_asked_at() {
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        for (number, _) in numbers() {
            match ask(number, now) {
                Ok(reports) => assert!(!reports.is_empty(), "{number}"),
                Err(error) => assert!(!error.spent, "{number}"),
            }
        }
    }
}

#[test]
fn it_has_no_settings() {
    let pairs = [("key".to_owned(), "value".to_owned())];
    assert!(Registry::new(crate::ALL).build(ID, pairs).is_err());
}

/// Every test number with what it shows, in the order of the documentation.
fn numbers() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.number, row.shows))
}
