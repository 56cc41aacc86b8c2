//! Exceptions as people work them: over gRPC, on streams, at the terminal and in the figures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::time::Duration;

use common::callers::{Bearer, KeysFile, with_key};
use common::program::{err, out, run_beside};
use common::shops::ALL;
use common::{ask, channel, client, trailers};
use tonic::transport::Channel;
use tonic::{Code, Streaming};
use tonic_types::StatusExt as _;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::v1::analytics_service_client::AnalyticsServiceClient;
use waybill::v1::tracking_service_client::TrackingServiceClient;
use waybill::v1::watch_message::Kind;
use waybill::v1::{self, ExceptionActivity as Activity, ExceptionCategory, WatchChange};

const DAMAGED: &str = "SANDBOXDAMAGE";
/// Noon of a day, so that the test numbers stay the same for hours.
const NOON: &str = "2026-03-10T12:00:00Z";

/// A gateway with nothing but the test numbers, and its clock.
async fn gateway(change: impl FnOnce(&mut Config)) -> (App, Clock) {
    let mut config = Config::default();
    config.server.listen = common::ANY;
    config.server.side = common::ANY;
    let limits = "limits = { min_interval = \"0s\" }".parse::<toml::Table>();
    config.sources.insert("sandbox".to_owned(), limits.unwrap());
    change(&mut config);
    let clock = Clock::manual(NOON.parse().unwrap());
    let app = app::start(config, common::registry(), clock.clone())
        .await
        .unwrap();
    (app, clock)
}

type Client = TrackingServiceClient<Channel>;

async fn tracked(client: &mut Client) -> v1::TrackResponse {
    client.track(ask(DAMAGED)).await.unwrap().into_inner()
}

fn damage(record: &v1::Shipment) -> &v1::ShipmentException {
    let mut all = record.exceptions.iter();
    let is_damage = |one: &&v1::ShipmentException| one.category() == ExceptionCategory::Damage;
    all.find(is_damage).expect("it is damaged")
}

fn step(record: &v1::Shipment, activity: Activity) -> v1::UpdateExceptionRequest {
    v1::UpdateExceptionRequest {
        shipment_id: record.id.clone(),
        exception_id: damage(record).id.clone(),
        activity: activity as i32,
        actor: "Ada".to_owned(),
        ..Default::default()
    }
}

async fn take(client: &mut Client, request: v1::UpdateExceptionRequest) -> v1::TenantOverlay {
    let response = client.update_exception(request).await.unwrap();
    response.into_inner().overlay.expect("an overlay")
}

#[tokio::test]
async fn steps_make_a_history_beside_a_record_that_stays_as_it_is() {
    let (app, clock) = gateway(|_| {}).await;
    let mut client = client(app.address).await;
    let before = tracked(&mut client).await;
    assert!(before.overlays.is_empty());
    let record = &before.shipments[0];
    // A second call is answered from the bytes of the first.
    assert_eq!(tracked(&mut client).await.shipments[0], *record);

    let seen = take(&mut client, step(record, Activity::Acknowledge)).await;
    assert_eq!(seen.shipment_id, record.id);
    clock.advance(Duration::from_secs(60));
    let assign = v1::UpdateExceptionRequest {
        assignee: "Claims team".to_owned(),
        comment: "photographs asked for".to_owned(),
        ..step(record, Activity::Assign)
    };
    take(&mut client, assign).await;
    let note = v1::UpdateExceptionRequest {
        comment: "ü".repeat(1_000),
        ..step(record, Activity::Comment)
    };
    take(&mut client, note).await;
    let response = client.update_exception(step(record, Activity::Resolve));
    let response = response.await.unwrap().into_inner();
    assert_eq!(response.exception.as_ref(), Some(damage(record)), "shared");

    let after = tracked(&mut client).await;
    assert_eq!(after.shipments[0], *record, "revision and etag included");
    assert_eq!(after.overlays.len(), 1);
    let overlay = &after.overlays[0];
    assert_eq!(Some(overlay), response.overlay.as_ref());
    assert_eq!(overlay.revision, 4);
    let handling = &overlay.exceptions[0];
    assert_eq!(handling.exception_id, damage(record).id);
    assert_eq!(handling.assignee, "Claims team");
    let seconds = |time: Option<prost_types::Timestamp>| time.unwrap().seconds;
    let worked = seconds(handling.resolve_time) - seconds(handling.acknowledge_time);
    assert_eq!(worked, 60);
    let history: Vec<_> = handling.history.iter().map(|one| one.activity()).collect();
    assert_eq!(
        history,
        [
            Activity::Acknowledge,
            Activity::Assign,
            Activity::Comment,
            Activity::Resolve
        ]
    );
    assert_eq!(handling.history[1].comment, "photographs asked for");
    assert!(handling.history.iter().all(|one| one.actor == "Ada"));

    // Every other way to read a shipment has it too, whether or not the record is sent.
    let get = v1::GetShipmentRequest {
        id: record.id.clone(),
        if_none_match: record.etag.clone(),
        ..Default::default()
    };
    let got = client.get_shipment(get).await.unwrap().into_inner();
    assert!(got.not_modified && got.overlay.as_ref() == Some(overlay));
    let conditional = v1::TrackRequest {
        if_none_match: record.etag.clone(),
        ..common::track(DAMAGED)
    };
    let unchanged = client.track(conditional).await.unwrap().into_inner();
    assert!(unchanged.not_modified && unchanged.overlays == after.overlays);
    let batch = v1::BatchTrackRequest {
        items: vec![v1::BatchTrackItem {
            tracking_number: DAMAGED.to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut batch = client.batch_track(batch).await.unwrap().into_inner();
    let Some(v1::batch_track_response::Message::Result(result)) =
        batch.message().await.unwrap().unwrap().message
    else {
        panic!("a result comes first")
    };
    let Some(v1::batch_track_result::Outcome::Response(response)) = result.outcome else {
        panic!("it is known")
    };
    assert_eq!(response.overlays, after.overlays);
    app.stop().await;
}

#[tokio::test]
async fn what_was_closed_by_hand_opens_with_a_later_event_and_not_before() {
    let (app, clock) = gateway(|config| {
        let short = Duration::from_secs(1);
        config.freshness.exception = short;
        config.freshness.stale_while_revalidate = 0;
    })
    .await;
    let mut client = client(app.address).await;
    let record = tracked(&mut client).await.shipments.remove(0);
    take(&mut client, step(&record, Activity::Resolve)).await;

    clock.advance(Duration::from_secs(3_600));
    let same = tracked(&mut client).await;
    assert!(same.overlays[0].exceptions[0].resolve_time.is_some());

    // The test number moves on with the days: its damage is reported again, later.
    clock.advance(Duration::from_secs(5 * 86_400));
    let later = tracked(&mut client).await;
    assert!(damage(&later.shipments[0]).close_time.is_none());
    let overlay = &later.overlays[0];
    assert_eq!(overlay.revision, 2);
    let handling = &overlay.exceptions[0];
    assert_eq!(handling.exception_id, damage(&later.shipments[0]).id);
    assert!(handling.resolve_time.is_none());
    let last = handling.history.last().unwrap();
    assert_eq!(last.activity(), Activity::Reopen);
    assert_eq!(last.actor, "", "the gateway did it");
    app.stop().await;
}

#[tokio::test]
async fn a_step_that_cannot_be_taken_says_why_by_code_and_reason() {
    let (app, _) = gateway(|_| {}).await;
    let mut client = client(app.address).await;
    let record = tracked(&mut client).await.shipments.remove(0);
    let valid = || step(&record, Activity::Comment);
    let long = v1::UpdateExceptionRequest {
        comment: "x".repeat(1_001),
        ..valid()
    };
    let empty = valid();
    let assignee = v1::UpdateExceptionRequest {
        comment: "x".to_owned(),
        assignee: "Eve".to_owned(),
        ..valid()
    };
    let unset = v1::UpdateExceptionRequest {
        activity: 0,
        ..valid()
    };
    let name = v1::UpdateExceptionRequest {
        actor: "x".repeat(129),
        comment: "x".to_owned(),
        ..valid()
    };
    for (request, field) in [
        (long, "comment"),
        (empty, "comment"),
        (assignee, "assignee"),
        (unset, "activity"),
        (name, "actor"),
    ] {
        let status = client.update_exception(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        assert_eq!(trailers(&status).0, "FIELD_INVALID");
        let wrong = status.get_details_bad_request().unwrap();
        assert_eq!(wrong.field_violations[0].field, field);
        assert!(!status.message().contains("xxx"), "no text of the caller");
    }
    let note = |id: &str, shipment: &str| v1::UpdateExceptionRequest {
        exception_id: id.to_owned(),
        shipment_id: shipment.to_owned(),
        comment: "x".to_owned(),
        ..valid()
    };
    for (request, kind) in [
        (note("nothing", &record.id), "waybill.v1.ShipmentException"),
        (
            note(&damage(&record).id, "00000000000000000000000000"),
            "waybill.v1.Shipment",
        ),
    ] {
        let status = client.update_exception(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(trailers(&status).0, "ID_NOT_FOUND");
        let resource = status.get_details_resource_info().unwrap();
        assert_eq!(resource.resource_type, kind);
    }
    let illegal = client.update_exception(step(&record, Activity::Reopen));
    let status = illegal.await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(trailers(&status).0, "CONFLICT");

    take(&mut client, step(&record, Activity::Acknowledge)).await;
    let stale = v1::UpdateExceptionRequest {
        overlay_revision: Some(0),
        ..step(&record, Activity::Resolve)
    };
    let status = client.update_exception(stale).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["revision"], "1");
    let untouched = tracked(&mut client).await;
    assert_eq!(untouched.overlays[0].revision, 1);
    app.stop().await;
}

#[tokio::test]
async fn of_many_at_once_nobody_is_lost_and_a_repeated_request_is_one_step() {
    let (app, _) = gateway(|_| {}).await;
    let mut client = client(app.address).await;
    let record = tracked(&mut client).await.shipments.remove(0);
    let calls = (0..20).map(|number| {
        let mut client = client.clone();
        let request = v1::UpdateExceptionRequest {
            comment: format!("note {number}"),
            request_id: format!("{}", number / 2),
            ..step(&record, Activity::Comment)
        };
        async move { client.update_exception(request).await.map(drop) }
    });
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
    let overlay = tracked(&mut client).await.overlays.remove(0);
    assert_eq!(overlay.revision, 10);
    assert_eq!(overlay.exceptions[0].history.len(), 10);
    app.stop().await;
}

async fn next(stream: &mut Streaming<v1::WatchMessage>) -> Kind {
    let message = tokio::time::timeout(Duration::from_secs(20), stream.message());
    let message = message.await.expect("a message in time").unwrap();
    message.expect("the stream goes on").kind.unwrap()
}

#[tokio::test]
async fn a_step_reaches_the_streams_of_the_tenant_without_a_new_record() {
    let (app, _) = gateway(|_| {}).await;
    let mut client = client(app.address).await;
    let key = v1::ShipmentKey {
        key: Some(v1::shipment_key::Key::TrackingNumber(DAMAGED.to_owned())),
        ..Default::default()
    };
    let open = v1::FollowRequest {
        open: Some(v1::WatchOpen {
            target: Some(v1::watch_open::Target::Shipments(v1::WatchShipments {
                shipments: vec![key],
            })),
            ..Default::default()
        }),
    };
    let mut stream = client.follow(open.clone()).await.unwrap().into_inner();
    let record = loop {
        match next(&mut stream).await {
            Kind::Update(update) => {
                assert!(update.overlay.is_none());
                break update.shipment.unwrap();
            }
            Kind::Opened(_) => {}
            other => panic!("unexpected: {other:?}"),
        }
    };
    assert!(matches!(next(&mut stream).await, Kind::Synced(_)));

    let overlay = take(&mut client, step(&record, Activity::Acknowledge)).await;
    let Kind::Update(update) = next(&mut stream).await else {
        panic!("an update comes next")
    };
    assert_eq!(update.change(), WatchChange::Overlay);
    assert!(update.shipment.is_none(), "no revision is sent twice");
    assert_eq!(update.overlay, Some(overlay.clone()));
    assert_eq!(update.previous_revision, record.revision);

    let mut second = client.follow(open).await.unwrap().into_inner();
    loop {
        if let Kind::Update(update) = next(&mut second).await {
            assert_eq!(update.change(), WatchChange::Snapshot);
            assert_eq!(update.overlay, Some(overlay));
            break;
        }
    }
    app.stop().await;
}

/// Asks how fast people were today.
fn how_fast(clock: &Clock) -> v1::QueryKpisRequest {
    let day = clock.now().as_second().div_euclid(86_400);
    let midnight = |day: i64| {
        Some(prost_types::Timestamp {
            seconds: day * 86_400,
            nanos: 0,
        })
    };
    v1::QueryKpisRequest {
        metrics: vec![
            v1::KpiMetric::TimeToAcknowledge as i32,
            v1::KpiMetric::TimeToResolve as i32,
        ],
        window: Some(v1::TimeWindow {
            start_time: midnight(day),
            end_time: midnight(day + 1),
        }),
        group_by: vec![
            v1::KpiDimension::Category as i32,
            v1::KpiDimension::Owner as i32,
            v1::KpiDimension::Carrier as i32,
        ],
        ..Default::default()
    }
}

#[tokio::test]
async fn how_fast_people_are_is_told_to_their_own_tenant_alone() {
    let file = KeysFile::new();
    let [one, other] = ["shop-a", "shop-b"].map(|tenant| file.key(tenant, &ALL));
    let (app, clock) = gateway(|config| config.auth = file.settings()).await;
    let channel = channel(app.address).await;
    let mut client = with_key(&channel, &one);
    let tracked = client.track(ask(DAMAGED)).await.unwrap().into_inner();
    let seen = step(&tracked.shipments[0], Activity::Acknowledge);
    client.update_exception(seen).await.unwrap();
    let mut counts = Vec::new();
    for key in [one, other] {
        let shown = Bearer(key);
        let mut figures = AnalyticsServiceClient::with_interceptor(channel.clone(), shown);
        let rows = figures.query_kpis(how_fast(&clock)).await.unwrap();
        let rows = rows.into_inner().rows;
        counts.push(rows.iter().map(|row| row.count).sum::<u64>());
    }
    assert_eq!(counts, [1, 0]);
    app.stop().await;
}

#[tokio::test]
async fn how_fast_people_are_is_a_figure_by_category_and_owner() {
    let (app, clock) = gateway(|_| {}).await;
    let mut client = client(app.address).await;
    let record = tracked(&mut client).await.shipments.remove(0);
    take(&mut client, step(&record, Activity::Acknowledge)).await;
    clock.advance(Duration::from_secs(3_600));
    take(&mut client, step(&record, Activity::Resolve)).await;

    let mut figures = AnalyticsServiceClient::new(channel(app.address).await);
    let rows = figures
        .query_kpis(how_fast(&clock))
        .await
        .unwrap()
        .into_inner()
        .rows;
    let owner = damage(&record).owner().as_str_name();
    let owner = owner.trim_start_matches("RESPONSIBILITY_");
    let group = ["DAMAGE", owner, &record.carrier];
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|row| row.count == 1 && row.group == group));
    let opened = damage(&record).open_time.unwrap().seconds;
    let now = NOON.parse::<jiff::Timestamp>().unwrap().as_second();
    let seen = (now - opened) as f64;
    assert!((rows[0].value - seen).abs() <= 0.01 * seen, "{rows:?}");
    assert!(rows[1].value > rows[0].value);
    app.stop().await;
}

#[tokio::test]
async fn at_the_terminal_an_exception_is_worked_by_words() {
    let (app, _) = gateway(|_| {}).await;
    let address = format!("http://{}", app.address);
    let exception = async |words: &[&str]| {
        let mut all = vec!["exception", "--address", &address, "--as", "Ada", DAMAGED];
        all.extend(words);
        run_beside(&all).await
    };
    let listed = out(&exception(&[]).await);
    assert!(listed.contains("  open  damage (critical)"), "{listed}");
    let id = listed.split_whitespace().next().unwrap().to_owned();
    assert!(exception(&["acknowledge"]).await.status.success());
    let given = exception(&[&id, "assign", "Claims team", "--note", "photographs"]).await;
    let given = out(&given);
    assert!(
        given.contains("assign to Claims team by Ada: photographs"),
        "{given}"
    );
    let twice = exception(&["acknowledge"]).await;
    assert_eq!(twice.status.code(), Some(1));
    assert!(err(&twice).contains("CONFLICT"), "{}", err(&twice));
    let wrong = exception(&["settle", "it"]).await;
    assert!(err(&wrong).contains("it is not a step"), "{}", err(&wrong));

    let shown = run_beside(&["track", "--address", &address, "--language", "de", DAMAGED]).await;
    let shown = out(&shown);
    assert!(shown.contains("Zugewiesen an: Claims team"), "{shown}");
    assert!(shown.contains("Gesehen: ") && shown.contains("Notiz: photographs"));
    let done = out(&exception(&["resolve"]).await);
    assert!(done.contains("  closed by hand  "), "{done}");
    assert!(done.contains("resolve by Ada"), "{done}");
    app.stop().await;
}
