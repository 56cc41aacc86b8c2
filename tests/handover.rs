//! What the events of a warehouse make of a shipment, before and beside those of its carrier.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::own::{
    NUMBER, START, advance, event, finds, full, local, packed, send, sent, standing, the_one,
    tracked,
};
use common::{ask, track};
use waybill::v1::{
    self, EventCode, ExceptionCategory, NextAction, QualityFindingKind, ReasonCode, Responsibility,
    ShipmentStatus, TimeBasis,
};

#[tokio::test]
async fn a_clock_without_an_offset_is_read_in_its_zone_or_left_open() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let at = "2026-03-02T06:00:00";
    let timed = |id: &str, number: &str, time: v1::EventTime, location: Option<v1::Location>| {
        v1::IngestEvent {
            time: Some(time),
            location,
            ..packed(id, number)
        }
    };
    let bare = || local(at).unwrap();
    let zone = |time_zone: &str| v1::EventTime {
        time_zone: time_zone.to_owned(),
        ..bare()
    };
    let place = v1::Location {
        country_code: "CN".to_owned(),
        ..Default::default()
    };
    sent(
        address,
        vec![
            timed("a", "WHZONE0001", zone("Europe/Berlin"), None),
            timed("b", "WHZONE0002", bare(), Some(place)),
            timed("c", "WHZONE0003", bare(), None),
        ],
    )
    .await;
    for (number, instant, basis) in [
        ("WHZONE0001", Some(START - 3 * 3_600), TimeBasis::Facility),
        ("WHZONE0002", Some(START - 10 * 3_600), TimeBasis::Country),
        ("WHZONE0003", None, TimeBasis::Unresolved),
    ] {
        let shipment = the_one(address, full(number)).await;
        let time = shipment.events[0].time.clone().unwrap();
        assert_eq!(time.local_time, at);
        assert_eq!(time.instant.map(|instant| instant.seconds), instant);
        assert_eq!(time.basis(), basis);
        let open = finds(&shipment, QualityFindingKind::TimeZoneAssumed);
        assert_eq!(open, instant.is_none());
    }
    let wrong = send(
        address,
        vec![timed("d", "WHZONE0004", zone("Mars/Olympus"), None)],
    )
    .await;
    let problem = wrong.results[0].error.as_ref().unwrap();
    assert_eq!(problem.violations[0].field, "events[0].time.time_zone");
    world.stop().await;
}

#[tokio::test]
async fn packed_short_opens_missing_contents_and_photographs_are_referred_to() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let photos = ["https://warehouse.example/p/1.jpg", "s3://photos/2.jpg"];
    let short = v1::IngestEvent {
        reason: ReasonCode::PackedShort as i32,
        text: "two of three".to_owned(),
        photo_uris: photos.map(str::to_owned).to_vec(),
        requirements: Some(v1::DeliveryRequirements {
            signature: Some(true),
            ..Default::default()
        }),
        ..event(
            "short",
            NUMBER,
            EventCode::ContentsMissing,
            "2026-03-02T06:30:00Z",
        )
    };
    let told = v1::IngestEvent {
        requirements: Some(v1::DeliveryRequirements {
            instructions: "to the back door".to_owned(),
            ..Default::default()
        }),
        ..packed("packed", NUMBER)
    };
    sent(address, vec![short]).await;
    sent(address, vec![told]).await;
    let shipment = the_one(address, full(NUMBER)).await;
    assert_eq!(shipment.status(), ShipmentStatus::InfoReceived);
    let problem = &shipment.exceptions[0];
    assert_eq!(problem.category(), ExceptionCategory::MissingContents);
    assert_eq!(problem.reason(), ReasonCode::PackedShort);
    assert_eq!(problem.owner(), Responsibility::Shipper);
    assert_eq!(problem.next_action(), NextAction::ReshipOrRefund);
    let kept: Vec<_> = shipment.photos.iter().map(|it| it.uri.as_str()).collect();
    assert_eq!(kept, photos);
    assert!(
        shipment
            .photos
            .iter()
            .all(|it| problem.event_ids == [it.event_id.clone()])
    );
    // What one event demands is not lost by another one that demands something else.
    let needs = shipment.requirements.unwrap();
    assert_eq!(needs.signature, Some(true));
    assert_eq!(needs.instructions, "to the back door");
    // References are for those who ask for everything.
    assert!(the_one(address, track(NUMBER)).await.photos.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_hand_over_that_the_carrier_does_not_confirm_is_a_problem_until_it_does() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    let number = world.ups_number("delivered");
    let given = EventCode::WarehouseDispatched;
    sent(
        address,
        vec![
            event(
                "a",
                &number,
                EventCode::AwaitingHandover,
                "2026-03-01T10:00:00Z",
            ),
            event("b", &number, given, "2026-03-01T12:00:00Z"),
        ],
    )
    .await;
    // The carrier knows the label only, and data is not possession.
    let shipment = the_one(
        address,
        v1::TrackRequest {
            max_age: ask("").max_age,
            ..full(&number)
        },
    );
    let shipment = shipment.await;
    assert_eq!(shipment.status(), ShipmentStatus::InfoReceived);
    assert_eq!(shipment.carrier, "ups");
    assert!(shipment.exceptions.is_empty(), "{:?}", shipment.exceptions);

    advance(&world, 5);
    let waiting = the_one(address, full(&number)).await;
    let [problem] = &waiting.exceptions[..] else {
        panic!("{:?}", waiting.exceptions);
    };
    assert_eq!(problem.category(), ExceptionCategory::NoUpdate);
    assert_eq!(problem.owner(), Responsibility::Carrier);
    assert_eq!(problem.next_action(), NextAction::ContactCarrier);
    assert!(problem.derived && problem.close_time.is_none());
    let day_after = START + 4 * 3_600;
    assert_eq!(problem.open_time.unwrap().seconds, day_after);
    assert!(waiting.revision > shipment.revision);

    advance(&world, 2);
    let asked = v1::TrackRequest {
        max_age: ask("").max_age,
        ..full(&number)
    };
    let confirmed = the_one(address, asked).await;
    assert_eq!(confirmed.id, shipment.id);
    assert_eq!(confirmed.status(), ShipmentStatus::InTransit);
    let [closed] = &confirmed.exceptions[..] else {
        panic!("{:?}", confirmed.exceptions);
    };
    assert_eq!(closed.id, problem.id);
    assert_eq!(closed.close_time.unwrap().seconds, START + 6 * 3_600);
    assert!(!finds(&confirmed, QualityFindingKind::WarehouseUnaware));
    world.stop().await;
}

#[tokio::test]
async fn what_the_carrier_has_and_the_warehouse_never_gave_is_found() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    advance(&world, 8);
    let number = world.ups_number("delivered");
    // The carrier comes first this time.
    let alone = the_one(address, full(&number)).await;
    assert_eq!(alone.status(), ShipmentStatus::InTransit);
    let shipments = sent(address, vec![packed("a", &number)]).await;
    assert_eq!(
        shipments,
        [vec![alone.id.clone()]],
        "it is the carrier's shipment"
    );
    let shipment = the_one(address, full(&number)).await;
    let finding = |one: &&v1::QualityFinding| one.kind() == QualityFindingKind::WarehouseUnaware;
    let finding = shipment.findings.iter().find(finding).unwrap();
    assert_eq!(finding.sources, ["internal"]);
    assert_eq!(shipment.status(), ShipmentStatus::InTransit);

    let given = EventCode::WarehouseDispatched;
    sent(
        address,
        vec![event("b", &number, given, "2026-03-02T09:00:00Z")],
    )
    .await;
    let settled = the_one(address, full(&number)).await;
    assert!(!finds(&settled, QualityFindingKind::WarehouseUnaware));
    assert!(settled.exceptions.is_empty());
    assert_eq!(settled.status(), ShipmentStatus::InTransit);
    world.stop().await;
}

#[tokio::test]
async fn a_number_whose_format_does_not_tell_the_carrier_is_one_shipment_all_the_same() {
    let world = standing(|_| ()).await;
    let address = world.app.address;
    advance(&world, 60);
    // No format fits the first, which was used three times over the years; the second one's points
    // to another carrier, without a check digit that would prove it.
    for (number, uses) in [("513007", 3), ("GM5130071234567890", 1)] {
        let mine = sent(address, vec![packed(number, number)]).await.remove(0);
        let asked = v1::TrackRequest {
            carrier: "dhl".to_owned(),
            ..full(number)
        };
        for _ in 0..2 {
            let found = tracked(address, asked.clone()).await;
            assert_eq!(found.len(), uses, "{number}");
            let of_ours = |shipment: &&v1::Shipment| shipment.id == mine[0];
            let shipment = found.iter().find(of_ours).unwrap();
            assert_eq!(shipment.carrier, "dhl");
            assert!(
                shipment.event_count > 1,
                "what the carrier says is beside it"
            );
        }
        // What the warehouse says later finds its way as well.
        let given = EventCode::WarehouseDispatched;
        let given = event(
            &format!("out-{number}"),
            number,
            given,
            "2026-03-02T07:00:00Z",
        );
        assert_eq!(sent(address, vec![given]).await, [mine]);
    }
    world.stop().await;
}
