//! Numbers that texts of events name: the parcel is found under them, and under nobody else's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::own::{event, sent};
use common::{ANY, ask, client, post, track};
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1::{self, EventCode, IdentifierBasis, IdentifierKind};

/// A gateway that asks the test post only.
async fn gateway() -> App {
    let mut config = Config::default();
    config.server.listen = ANY;
    config.server.side = ANY;
    config
        .sources
        .insert(post::CARRIER.to_owned(), toml::Table::new());
    app::start(config, post::registry(), Clock::system())
        .await
        .unwrap()
}

/// What is found under a number once its carrier has been asked.
async fn asked(app: &App, number: &str) -> Vec<v1::Shipment> {
    let request = v1::TrackRequest {
        carrier: post::CARRIER.into(),
        view: v1::ShipmentView::Full as i32,
        ..ask(number)
    };
    let found = client(app.address).await.track(request).await;
    found.unwrap().into_inner().shipments
}

/// What is found under a number without asking anybody.
async fn held(app: &App, number: &str) -> Vec<v1::Shipment> {
    let request = v1::TrackRequest {
        cache_only: true,
        view: v1::ShipmentView::Full as i32,
        ..track(number)
    };
    match client(app.address).await.track(request).await {
        Ok(found) => found.into_inner().shipments,
        Err(_) => Vec::new(),
    }
}

fn identifier<'a>(shipment: &'a v1::Shipment, number: &str) -> Option<&'a v1::Identifier> {
    shipment.identifiers.iter().find(|one| one.value == number)
}

#[tokio::test]
async fn a_parcel_is_found_under_the_number_that_a_text_names() {
    let app = gateway().await;
    let (number, onward) = ("TPON00000001", "9400111899223100000017");
    post::tells(
        number,
        &[
            (9, "Accepted"),
            (
                2,
                "Your parcel is handed over to USPS, tracking number 9400111899223100000017",
            ),
        ],
    );
    let first = asked(&app, number).await.remove(0);
    let shown = identifier(&first, onward).unwrap();
    assert_eq!(shown.kind(), IdentifierKind::LastMile);
    assert_eq!(shown.basis(), IdentifierBasis::EventText);
    assert_eq!(shown.source, post::CARRIER);
    assert_eq!(shown.carrier, "usps");
    let own = identifier(&first, number).unwrap();
    assert_eq!(own.basis(), IdentifierBasis::Own);
    let last = first.legs.last().unwrap();
    assert_eq!((&*last.carrier, &*last.tracking_number), ("usps", onward));
    assert_eq!(
        last.start_time,
        first.events[0].time.clone().unwrap().instant
    );
    assert_eq!(first.legs[0].end_time, last.start_time);

    let [under] = &held(&app, onward).await[..] else {
        panic!("not found under the number of the next carrier");
    };
    assert_eq!(under.id, first.id);
    app.stop().await;
}

#[tokio::test]
async fn a_text_that_is_written_wrongly_names_nothing() {
    let app = gateway().await;
    let texts = [
        (
            "TPON00000011",
            "Handed over to USPS, tracking number 9400111899223100000018",
        ),
        (
            "TPON00000012",
            "Tracking number 9400111899223100000017 is out of our hands",
        ),
        (
            "TPON00000013",
            "Handed over to UPS, tracking number 9400111899223100000017",
        ),
    ];
    for (number, text) in texts {
        post::tells(number, &[(9, "Accepted"), (2, text)]);
        let found = asked(&app, number).await.remove(0);
        assert_eq!(found.identifiers.len(), 1, "{text}");
    }
    for onward in ["9400111899223100000017", "9400111899223100000018"] {
        assert!(held(&app, onward).await.is_empty());
    }
    app.stop().await;
}

#[tokio::test]
async fn a_text_never_leads_to_a_parcel_whose_number_another_one_has() {
    let app = gateway().await;
    let victim = "9400111899223100000024";
    post::says(victim, &[&[5, 3]]);
    let theirs = asked(&app, victim).await.remove(0);

    let crafted = "TPON00000021";
    let text = "Handed over to USPS, tracking number 9400111899223100000024";
    post::tells(crafted, &[(9, "Accepted"), (2, text)]);
    let mine = asked(&app, crafted).await.remove(0);
    // What the source says is shown, with where it comes from; it leads nowhere.
    let shown = identifier(&mine, victim).unwrap();
    assert_eq!(shown.basis(), IdentifierBasis::EventText);
    for found in [held(&app, victim).await, asked(&app, victim).await] {
        let [found] = &found[..] else {
            panic!("{} shipments", found.len());
        };
        assert_eq!(found.id, theirs.id);
        assert_eq!(found.event_count, theirs.event_count);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_text_gives_way_when_the_owner_of_the_number_appears() {
    let app = gateway().await;
    let victim = "9400111899223100000031";
    let crafted = "TPON00000031";
    let text = "Handed over to USPS, tracking number 9400111899223100000031";
    post::tells(crafted, &[(9, "Accepted"), (2, text)]);
    let mine = asked(&app, crafted).await.remove(0);
    assert_eq!(held(&app, victim).await[0].id, mine.id);

    post::says(victim, &[&[5, 3]]);
    let found = asked(&app, victim).await;
    let [theirs] = &found[..] else {
        panic!("{} shipments", found.len());
    };
    assert_ne!(theirs.id, mine.id);
    assert_eq!(theirs.event_count, 2);
    // Nor does the parcel with the text take it back with its next news.
    post::tells(crafted, &[(9, "Accepted"), (2, text), (1, "Departed")]);
    assert_eq!(asked(&app, crafted).await[0].event_count, 3);
    assert_eq!(held(&app, victim).await[0].id, theirs.id);
    assert_eq!(held(&app, victim).await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn what_a_warehouse_says_of_a_number_is_not_of_the_parcel_whose_text_names_it() {
    let app = gateway().await;
    let victim = "9400111899223100000048";
    let crafted = "TPON00000041";
    let text = "Handed over to USPS, tracking number 9400111899223100000048";
    post::tells(crafted, &[(9, "Accepted"), (2, text)]);
    let mine = asked(&app, crafted).await.remove(0);
    let at = (Clock::system().now() - jiff::SignedDuration::from_hours(24)).to_string();
    let packed = event("a", victim, EventCode::AwaitingHandover, &at);
    let shipments = sent(app.address, vec![packed]).await.remove(0);
    assert_eq!(shipments.len(), 1);
    assert_ne!(shipments[0], mine.id);
    assert_eq!(held(&app, victim).await[0].id, shipments[0]);
    let again = held(&app, crafted).await.remove(0);
    assert_eq!(again.event_count, mine.event_count);
    app.stop().await;
}
