//! Our own expectation of delivery as a client and a person at a terminal see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::plugin::{Does, Running, claim, found};
use common::program::{out, run_beside};
use common::{World, ask, channel, client, config, registry, simulator, track};
use jiff::{SignedDuration, Timestamp};
use waybill::adapter::v1::SourceReport;
use waybill::app;
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1::analytics_service_client::AnalyticsServiceClient;
use waybill::v1::watch_message::Kind;
use waybill::v1::{self, EstimateKind, ForecastBasis, KpiMetric, ShipmentStatus};
use waybill_simulator::ups_load_number;

/// Deliveries below which nothing is expected.
const LEAST: u64 = 30;

/// A gateway on the clock of its carriers, whose parcels are in every stage.
async fn on_the_clock_of_carriers(change: impl FnOnce(&mut Config)) -> World {
    let simulator = simulator(Duration::ZERO).await;
    let mut config = config(&simulator);
    change(&mut config);
    let clock = Clock::manual(simulator.clock().now());
    let app = app::start(config, registry(), clock.clone()).await.unwrap();
    World {
        simulator,
        app,
        clock,
    }
}

async fn answer(address: SocketAddr, request: v1::TrackRequest) -> v1::TrackResponse {
    let answer = client(address).await.track(request).await;
    answer.unwrap().into_inner()
}

/// Number of delivered shipments that are counted. Whoever asks waits for the counting.
async fn counted(address: SocketAddr) -> u64 {
    let today = Timestamp::now().as_second().div_euclid(86_400);
    let midnight = |day: i64| prost_types::Timestamp {
        seconds: day * 86_400,
        nanos: 0,
    };
    let request = v1::QueryKpisRequest {
        metrics: vec![KpiMetric::TransitTime as i32],
        window: Some(v1::TimeWindow {
            start_time: Some(midnight(today - 90)),
            end_time: Some(midnight(today + 1)),
        }),
        ..Default::default()
    };
    let mut client = AnalyticsServiceClient::new(channel(address).await);
    let rows = client.query_kpis(request).await.unwrap().into_inner().rows;
    rows.iter().map(|row| row.count).sum()
}

/// Tracks parcels until `enough` are delivered; returns the first that is on its way, as it was
/// answered before there was anything to learn from.
async fn feed(address: SocketAddr, enough: u64) -> v1::Shipment {
    let (mut moving, mut delivered) = (None, 0);
    for index in 0.. {
        let answer = answer(address, ask(&ups_load_number(index))).await;
        let record = answer.shipments.into_iter().next().unwrap();
        match record.status() {
            ShipmentStatus::Delivered => delivered += 1,
            ShipmentStatus::InTransit => {
                assert!(delivered >= LEAST || answer.forecasts.is_empty());
                moving = moving.or(Some(record));
            }
            _ => {}
        }
        if delivered >= enough
            && let Some(moving) = moving.take()
        {
            assert_eq!(counted(address).await, delivered);
            return moving;
        }
    }
    unreachable!("the carrier has more parcels than anybody asks for")
}

fn only(answer: &v1::TrackResponse) -> &v1::DeliveryForecast {
    let [forecast] = &answer.forecasts[..] else {
        panic!("one forecast, not {:?}", answer.forecasts)
    };
    forecast
}

fn instants(forecast: &v1::DeliveryForecast) -> [i64; 3] {
    let estimate = forecast.estimate.as_ref().unwrap();
    let window = estimate.window.as_ref().unwrap();
    let of = |time: &Option<v1::EventTime>| time.as_ref().unwrap().instant.unwrap().seconds;
    let made = estimate.update_time.unwrap().seconds;
    [made, of(&window.start), of(&window.end)]
}

#[tokio::test]
async fn what_others_took_is_expected_of_a_parcel_of_which_nobody_says_when_it_comes() {
    let world = on_the_clock_of_carriers(|config| {
        config.freshness.transit = Duration::from_secs(90 * 86_400);
    })
    .await;
    let address = world.app.address;
    let before = feed(address, 40).await;
    let number = before.tracking_number.clone();
    assert!(before.estimates.is_empty());

    // The others were delivered, and the record is what it was.
    let after = answer(address, ask(&number)).await;
    assert_eq!(after.shipments[0].etag, before.etag);
    assert_eq!(after.shipments[0].revision, before.revision);
    assert!(after.shipments[0].estimates.is_empty());
    let forecast = only(&after);
    assert_eq!(forecast.shipment_id, before.id);
    assert_eq!(forecast.delivery_count, 40);
    assert_eq!(forecast.basis(), ForecastBasis::LaneCarrierService);
    let estimate = forecast.estimate.as_ref().unwrap();
    assert_eq!(estimate.kind(), EstimateKind::GatewayForecast);
    assert!(estimate.source.is_empty());
    let [made, start, end] = instants(forecast);
    assert!(made <= start && start <= end, "{estimate:?}");
    assert!(end - made < 3 * 86_400, "nobody took longer: {estimate:?}");
    let says = "This is our own estimate from 40 parcels on this route";
    assert!(forecast.text.contains(says), "{}", forecast.text);

    // It is sent to who holds the record already, and in the other answers.
    let held = v1::TrackRequest {
        if_none_match: before.etag.clone(),
        language: "de".to_owned(),
        ..ask(&number)
    };
    let held = answer(address, held).await;
    assert!(held.not_modified && held.shipments.is_empty());
    assert!(only(&held).text.contains("schätzen wir selbst aus 40"));
    let request = v1::GetShipmentRequest {
        id: before.id.clone(),
        ..Default::default()
    };
    let got = client(address).await.get_shipment(request).await.unwrap();
    let got = got.into_inner().forecast.unwrap();
    assert_eq!(got.delivery_count, 40);
    let key = v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(number.clone())),
        ..Default::default()
    };
    let target = v1::WatchShipments {
        shipments: vec![key],
    };
    let request = v1::FollowRequest {
        open: Some(v1::WatchOpen {
            target: Some(v1::watch_open::Target::Shipments(target)),
            ..Default::default()
        }),
    };
    let mut stream = client(address)
        .await
        .follow(request)
        .await
        .unwrap()
        .into_inner();
    let followed = loop {
        match stream.message().await.unwrap().unwrap().kind.unwrap() {
            Kind::Update(update) => break update.forecast.unwrap(),
            Kind::Opened(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(followed.delivery_count, 40);

    // An answer that is kept is kept with it.
    let first = answer(address, track(&number)).await;
    let again = answer(address, track(&number)).await;
    assert_eq!(only(&first), only(&again));

    let server = format!("http://{address}");
    let arguments = ["track", "--address", &server, &number];
    for plain in [&[][..], &["--plain"]] {
        let text = run_beside(&[&arguments, plain].concat()).await;
        let text = out(&text);
        assert!(text.contains("We expect delivery "), "{text}");
        assert!(text.contains(says), "{text}");
    }

    // A kept answer is not kept longer than it is true: no forecast begins in the past.
    let begins = Duration::from_secs((start - made).unsigned_abs() + 60);
    world.clock.advance(begins);
    let later = answer(address, track(&number)).await;
    let now = world.clock.now().as_second();
    assert!(later.forecasts.iter().all(|one| instants(one)[1] >= now));
    world.stop().await;
}

#[tokio::test]
async fn what_was_learned_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = on_the_clock_of_carriers(|config| {
        config.store.data_dir = folder.path().to_owned();
    })
    .await;
    let moving = feed(world.app.address, 33).await;
    let World {
        simulator,
        app,
        clock,
    } = world;
    app.stop().await;
    let mut config = config(&simulator);
    config.store.data_dir = folder.path().to_owned();
    let app = app::start(config, registry(), clock).await.unwrap();
    let answer = answer(app.address, track(&moving.tracking_number)).await;
    assert_eq!(answer.shipments[0].etag, moving.etag);
    assert_eq!(only(&answer).delivery_count, 33);
    app.stop().await;
    simulator.stop().await;
}

/// Hours ago on the clock of the plug-in's carrier.
fn ago(hours: i64) -> String {
    let at = Timestamp::now() - SignedDuration::from_hours(hours);
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M").to_string()
}

fn country(code: &str) -> Option<v1::Location> {
    Some(v1::Location {
        country_code: code.to_owned(),
        ..Default::default()
    })
}

/// A parcel from Austria to Germany with events of codes, hours ago.
fn told(number: &str, events: &[(i32, i64)]) -> SourceReport {
    let events = events.iter();
    SourceReport {
        tracking_number: number.to_owned(),
        claims: events
            .map(|(code, hours)| claim(*code, &ago(*hours)))
            .collect(),
        origin: country("AT"),
        destination: country("DE"),
        ..Default::default()
    }
}

#[tokio::test]
async fn an_estimate_of_the_carrier_takes_the_place_of_ours() {
    let plugin = Running::start(Does::Hangs).await;
    let settings = plugin.settings.clone();
    let world = World::start(|config| {
        config.plugins.insert("acme".to_owned(), settings);
    })
    .await;
    let address = world.app.address;
    let look = async |report: SourceReport| {
        let request = v1::TrackRequest {
            carrier: "acme".to_owned(),
            ..ask(&report.tracking_number)
        };
        plugin.says(vec![found(0, vec![report])]);
        answer(address, request).await
    };
    // From one day to four days; this one has been under way for two and a half.
    for number in 0..72 {
        let number = format!("ACME{number:06}");
        let hours = 24 + number[4..].parse::<i64>().unwrap();
        look(told(&number, &[(201, hours + 5), (601, 5)])).await;
    }
    assert_eq!(counted(address).await, 72);
    let moving = || told("ACME999999", &[(201, 60), (301, 50)]);
    let own = look(moving()).await;
    let forecast = only(&own);
    assert_eq!(own.shipments[0].status(), ShipmentStatus::InTransit);
    assert_eq!(
        forecast.basis(),
        ForecastBasis::LaneCarrier,
        "no service is known"
    );
    let [made, start, end] = instants(forecast);
    assert!(made <= start && start < end);
    // Half of the others were faster.
    assert!((33..=37).contains(&forecast.delivery_count), "{forecast:?}");
    assert!(end - made < 37 * 3_600, "{forecast:?}");
    let zone = &forecast
        .estimate
        .as_ref()
        .unwrap()
        .window
        .as_ref()
        .unwrap()
        .end;
    assert_eq!(zone.as_ref().unwrap().time_zone, "Europe/Berlin");

    let stated = |kind: EstimateKind, hours: i64| {
        let end = v1::EventTime {
            local_time: ago(-hours),
            time_zone: "Europe/Berlin".to_owned(),
            ..Default::default()
        };
        v1::DeliveryEstimate {
            kind: kind as i32,
            window: Some(v1::LocalWindow {
                start: None,
                end: Some(end),
            }),
            ..Default::default()
        }
    };
    let mut report = moving();
    report.estimates = vec![
        stated(EstimateKind::CarrierCommitment, 10),
        stated(EstimateKind::CarrierForecast, 30),
        // Nobody but the gateway speaks for the gateway.
        stated(EstimateKind::GatewayForecast, 1),
    ];
    let carriers = look(report.clone()).await;
    assert!(carriers.forecasts.is_empty(), "{:?}", carriers.forecasts);
    let record = &carriers.shipments[0];
    let kinds: Vec<EstimateKind> = record.estimates.iter().map(|one| one.kind()).collect();
    let (promise, expected) = (
        EstimateKind::CarrierCommitment,
        EstimateKind::CarrierForecast,
    );
    assert_eq!(
        kinds,
        [expected, promise],
        "promise and estimate are kept apart"
    );
    assert_ne!(record.etag, own.shipments[0].etag);
    let shown = run_beside(&[
        "track",
        "--address",
        &format!("http://{address}"),
        "--carrier",
        "acme",
        "ACME999999",
    ])
    .await;
    let shown = out(&shown);
    assert!(shown.contains("Promised by the carrier: "), "{shown}");
    assert!(shown.contains("Now expected: "), "{shown}");
    assert!(!shown.contains("our own estimate"), "{shown}");

    // Once it was wrong, ours is back, and the carrier is late against its own word.
    report.estimates = vec![stated(EstimateKind::CarrierForecast, -2)];
    let late = look(report).await;
    assert_eq!(only(&late).delivery_count, forecast.delivery_count);
    let problems = |answer: &v1::TrackResponse| {
        let problems = answer.shipments[0].exceptions.iter();
        problems.map(|one| one.category()).collect::<Vec<_>>()
    };
    assert_eq!(problems(&late), [v1::ExceptionCategory::Delay]);
    assert_eq!(problems(&own), [], "nobody is late against ours");
    world.stop().await;
}
