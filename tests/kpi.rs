//! Key figures as a client and a person at a terminal see them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use std::net::SocketAddr;

use common::program::{err, json, out, run_beside};
use common::watching::by_number;
use common::{World, ask, channel, track, trailers};
use jiff::Timestamp;
use tonic::Code;
use tonic_types::StatusExt;
use waybill::app::{self, App};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::pipeline::{Enrolled, Enrolment};
use waybill::v1::analytics_service_client::AnalyticsServiceClient;
use waybill::v1::{self, KpiDimension, KpiMetric, KpiPeriod};
use waybill_core::adapter::Hints;
use waybill_core::number::TrackingNumber;
use waybill_core::overlay::Promise;
use waybill_simulator::Fault;

const DAY: i64 = 86_400;

/// The last 400 days, today and tomorrow's clock included.
fn window(clock: &Clock) -> v1::TimeWindow {
    let today = clock.now().as_second().div_euclid(DAY);
    let midnight = |day: i64| prost_types::Timestamp {
        seconds: day * DAY,
        nanos: 0,
    };
    v1::TimeWindow {
        start_time: Some(midnight(today - 398)),
        end_time: Some(midnight(today + 2)),
    }
}

fn question(metrics: &[KpiMetric], by: &[KpiDimension]) -> v1::QueryKpisRequest {
    v1::QueryKpisRequest {
        metrics: metrics.iter().map(|metric| *metric as i32).collect(),
        window: Some(window(&Clock::system())),
        group_by: by.iter().map(|dimension| *dimension as i32).collect(),
        ..Default::default()
    }
}

async fn query(address: SocketAddr, request: v1::QueryKpisRequest) -> v1::QueryKpisResponse {
    let mut client = AnalyticsServiceClient::new(channel(address).await);
    client.query_kpis(request).await.unwrap().into_inner()
}

async fn rows(address: SocketAddr, metric: KpiMetric, by: &[KpiDimension]) -> Vec<v1::KpiRow> {
    query(address, question(&[metric], by)).await.rows
}

/// A gateway with nothing but the test numbers.
async fn sandbox(change: impl FnOnce(&mut Config)) -> App {
    let mut config = Config::default();
    config.server.listen = common::ANY;
    config.server.side = common::ANY;
    config
        .sources
        .insert("sandbox".to_owned(), toml::Table::new());
    change(&mut config);
    app::start(config, common::registry(), Clock::system())
        .await
        .unwrap()
}

async fn tell(app: &App, numbers: &[&str]) {
    let mut client = common::client(app.address).await;
    for number in numbers {
        client.track(ask(number)).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_tracked_is_counted_once_however_often_it_is_asked_for() {
    let app = sandbox(|_| {}).await;
    assert!(
        rows(app.address, KpiMetric::TransitTime, &[])
            .await
            .is_empty()
    );
    for _ in 0..3 {
        tell(&app, &["SANDBOXDELIVERED", "SANDBOXINTRANSIT"]).await;
    }
    let transit = rows(
        app.address,
        KpiMetric::TransitTime,
        &[KpiDimension::Carrier],
    )
    .await;
    assert_eq!(transit.len(), 1, "{transit:?}");
    assert_eq!(
        (transit[0].count, &*transit[0].group),
        (1, &["sandbox".to_owned()][..])
    );
    let quantiles = transit[0].quantiles.unwrap();
    assert!(transit[0].value > 3_600.0 && transit[0].value == quantiles.p50);
    let stays = rows(app.address, KpiMetric::HubDwell, &[KpiDimension::Hub]).await;
    assert!(
        !stays.is_empty() && stays.iter().all(|row| !row.group[0].is_empty()),
        "{stays:?}"
    );
    let complete = rows(
        app.address,
        KpiMetric::Completeness,
        &[KpiDimension::Source],
    )
    .await;
    assert_eq!(complete[0].group, ["sandbox"]);
    assert_eq!(complete[0].target, Some(0.95));
    assert!(complete[0].quantiles.is_none());
    app.stop().await;
}

#[tokio::test]
async fn figures_survive_a_restart_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let start = || sandbox(|config| config.store.data_dir = folder.path().to_owned());
    let app = start().await;
    tell(
        &app,
        &["SANDBOXDELIVERED", "SANDBOXRETURNED", "SANDBOXINTRANSIT"],
    )
    .await;
    let by = [KpiDimension::Carrier, KpiDimension::Lane];
    let all = |address| async move {
        let metrics = [
            KpiMetric::ExceptionRate,
            KpiMetric::TransitTime,
            KpiMetric::HubDwell,
        ];
        query(address, question(&metrics, &by)).await.rows
    };
    let before = all(app.address).await;
    app.stop().await;
    let app = start().await;
    assert_eq!(all(app.address).await, before);
    // What was counted before is not counted again.
    tell(
        &app,
        &["SANDBOXDELIVERED", "SANDBOXRETURNED", "SANDBOXINTRANSIT"],
    )
    .await;
    assert_eq!(all(app.address).await, before);
    tell(&app, &["SANDBOXLOSS", "SANDBOXFAILED"]).await;
    assert_ne!(all(app.address).await, before);
    app.stop().await;
}

/// Follows a number as the caller with a promise; returns the shipment's id.
async fn promise(app: &App, number: &str, end: Timestamp) -> String {
    let registration = v1::Registration {
        shipment: Some(by_number(number)),
        promise: Some(v1::TimeWindow {
            start_time: None,
            end_time: Some(prost_types::Timestamp {
                seconds: end.as_second(),
                nanos: 0,
            }),
        }),
        ..Default::default()
    };
    let request = v1::RegisterShipmentRequest {
        registration: Some(registration),
    };
    let mut client = common::client(app.address).await;
    let answer = client.register_shipment(request).await.unwrap();
    answer.into_inner().shipment_ids.remove(0)
}

#[tokio::test]
async fn deliveries_are_measured_by_what_the_tenant_itself_promised() {
    let app = sandbox(|_| {}).await;
    let now = Clock::system().now();
    let (late, early) = (
        now + jiff::SignedDuration::from_hours(24),
        now - jiff::SignedDuration::from_hours(24 * 60),
    );
    let count = async |expected: Option<(u64, f64)>| {
        let by = [KpiDimension::Carrier];
        let rows = rows(app.address, KpiMetric::OnTimeToPromise, &by).await;
        let found = rows.first().map(|row| (row.count, row.value));
        assert_eq!(found, expected, "{rows:?}");
    };
    // Another tenant's promise is nothing that this one sees.
    let rival = Enrolment {
        target: Enrolled::Subject(TrackingNumber::parse("SANDBOXDELIVERED").unwrap().into()),
        carrier: String::new(),
        hints: Hints::default(),
        labels: Default::default(),
        order: None,
        promise: Some(Promise {
            start: None,
            end: Some(early),
        }),
    };
    app.pipeline.register("rival", &rival).await.unwrap();
    // Promised before anything is known of it, kept, and counted once.
    let id = promise(&app, "SANDBOXDELIVERED", late).await;
    count(None).await;
    tell(&app, &["SANDBOXDELIVERED", "SANDBOXINTRANSIT"]).await;
    count(Some((1, 1.0))).await;
    tell(&app, &["SANDBOXDELIVERED"]).await;
    count(Some((1, 1.0))).await;
    // Promised after the delivery, and broken; what is under way counts nowhere.
    tell(&app, &["SANDBOXMULTIPIECE", "SANDBOXAVAILABLEFORPICKUP"]).await;
    promise(&app, "SANDBOXINTRANSIT", early).await;
    count(Some((1, 1.0))).await;
    promise(&app, "SANDBOXDELIVERED", early).await;
    count(Some((1, 0.0))).await;
    // The table has it, and what is no longer followed is not measured.
    let address = format!("http://{}", app.address);
    let words = [
        "kpi",
        "--metric",
        "on-time-to-promise",
        "--address",
        &address,
    ];
    let table = out(&run_beside(&words).await);
    assert!(
        table.contains("on time to promise") && table.contains("0.0 %"),
        "{table}"
    );
    let request = v1::UnregisterShipmentRequest { id };
    let mut client = common::client(app.address).await;
    client.unregister_shipment(request).await.unwrap();
    count(None).await;
    app.stop().await;
}

#[tokio::test]
async fn a_sick_source_shows_in_its_availability() {
    let world = World::start(|config| {
        config.guard.retry.attempts = std::num::NonZeroU32::MIN;
    })
    .await;
    let mut client = world.client().await;
    let number = world.ups_number("delivered");
    client.track(track(&number)).await.unwrap();
    world.simulator.ups().set_fault(Some(Fault::TcpReset));
    client.track(ask(&number)).await.unwrap();
    let by = [KpiDimension::Source];
    let available = rows(world.app.address, KpiMetric::SourceAvailability, &by).await;
    let ups = available.iter().find(|row| row.group == ["ups"]).unwrap();
    assert_eq!((ups.count, ups.value), (2, 0.5), "{available:?}");
    let took = rows(world.app.address, KpiMetric::SourceLatency, &by).await;
    let ups = took.iter().find(|row| row.group == ["ups"]).unwrap();
    assert_eq!(ups.count, 1, "only what answered has a time");
    world.stop().await;
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_says_which_field_is_wrong() {
    let app = sandbox(|_| {}).await;
    let mut client = AnalyticsServiceClient::new(channel(app.address).await);
    let good = || question(&[KpiMetric::TransitTime], &[KpiDimension::Carrier]);
    client.query_kpis(good()).await.unwrap();
    let hour = |mut window: v1::TimeWindow| {
        window.start_time.as_mut().unwrap().seconds += 3_600;
        Some(window)
    };
    let long = |mut window: v1::TimeWindow| {
        window.start_time.as_mut().unwrap().seconds -= 2 * DAY;
        Some(window)
    };
    let now = window(&Clock::system());
    let filter = |values: &[&str]| v1::KpiFilter {
        dimension: KpiDimension::Carrier as i32,
        values: values.iter().map(|&value| value.to_owned()).collect(),
    };
    type Change<'a> = Box<dyn Fn(&mut v1::QueryKpisRequest) + 'a>;
    let cases: Vec<(&str, Change<'_>)> = vec![
        ("metrics", Box::new(|it| it.metrics.clear())),
        ("metrics", Box::new(|it| it.metrics = vec![3; 9])),
        ("metrics[0]", Box::new(|it| it.metrics = vec![99])),
        (
            "metrics",
            Box::new(|it| it.group_by.push(KpiDimension::Hub as i32)),
        ),
        ("group_by", Box::new(|it| it.group_by = vec![1, 1])),
        ("group_by[0]", Box::new(|it| it.group_by = vec![0])),
        ("window.start_time", Box::new(|it| it.window = None)),
        ("window.start_time", Box::new(|it| it.window = hour(now))),
        ("window", Box::new(|it| it.window = long(now))),
        ("period", Box::new(|it| it.period = 9)),
        ("worst", Box::new(|it| it.worst = 10_001)),
        (
            "filters[0].values",
            Box::new(|it| it.filters = vec![filter(&[])]),
        ),
        (
            "filters[1].dimension",
            Box::new(|it| it.filters = vec![filter(&["a"]), filter(&["b"])]),
        ),
    ];
    for (field, change) in cases {
        let mut request = good();
        change(&mut request);
        let status = client.query_kpis(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        assert_eq!(trailers(&status).0, "FIELD_INVALID");
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, field, "{status:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn filters_periods_and_the_worst_narrow_the_answer() {
    let app = sandbox(|_| {}).await;
    tell(
        &app,
        &["SANDBOXDELIVERED", "SANDBOXRETURNED", "SANDBOXROUTING"],
    )
    .await;
    let metric = KpiMetric::HubDwell;
    let all = rows(app.address, metric, &[KpiDimension::Hub]).await;
    let hub = all[0].group[0].clone();
    let narrowed = v1::QueryKpisRequest {
        filters: vec![v1::KpiFilter {
            dimension: KpiDimension::Hub as i32,
            values: vec![hub.clone()],
        }],
        period: KpiPeriod::Day as i32,
        ..question(&[metric], &[KpiDimension::Hub])
    };
    let narrowed = query(app.address, narrowed).await.rows;
    assert!(narrowed.iter().all(|row| row.group == [hub.as_str()]));
    assert_eq!(
        narrowed.iter().map(|row| row.count).sum::<u64>(),
        all[0].count
    );
    let worst = v1::QueryKpisRequest {
        worst: 1,
        ..question(&[metric], &[KpiDimension::Hub])
    };
    let worst = query(app.address, worst).await.rows;
    let p95 = |row: &v1::KpiRow| row.quantiles.unwrap().p95;
    assert_eq!(worst.len(), 1);
    assert!(all.iter().all(|row| p95(row) <= p95(&worst[0])));
    app.stop().await;
}

#[tokio::test]
async fn a_person_sees_a_table_and_a_program_json() {
    let app = sandbox(|_| {}).await;
    tell(&app, &["SANDBOXDELIVERED"]).await;
    let address = format!("http://{}", app.address);
    let table = run_beside(&[
        "kpi",
        "--address",
        &address,
        "--metric",
        "transit-time,completeness",
        "--by",
        "carrier",
        "--period",
        "month",
    ])
    .await;
    let table = out(&table);
    for part in [
        "transit time",
        "carrier",
        "median",
        "sandbox",
        "completeness",
        "target 95.0 %",
    ] {
        assert!(table.contains(part), "{part} in {table}");
    }
    let program = run_beside(&["kpi", "--address", &address, "--json"]).await;
    let answer = json(&program);
    assert_eq!(answer["rows"][0]["metric"], "KPI_METRIC_TRANSIT_TIME");
    assert_eq!(answer["rows"][0]["count"], "1");
    let wrong = run_beside(&["kpi", "--address", &address, "--by", "hub"]).await;
    assert!(err(&wrong).contains("KPI_METRIC_TRANSIT_TIME has no KPI_DIMENSION_HUB"));
    assert_eq!(wrong.status.code(), Some(1));
    app.stop().await;
}
