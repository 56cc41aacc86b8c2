//! Carriers' pushes: who is believed, what becomes of it, and what is answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::push::{fake, held, metric, number, push_of, record, send, world};
use common::{World, ask, eventually, plugin};
use http::StatusCode;
use waybill::v1;
use waybill::v1::watch_message::Kind;
use waybill_core::shipment::ShipmentId;
use waybill_simulator::Push;

/// Sources whose pushes are signed, and what their documents want as the answer.
const SIGNED: [(&str, &str); 5] = [
    ("aftership", ""),
    ("17track", ""),
    (
        "kuaidi100",
        r#"{"result":true,"returnCode":"200","message":"成功"}"#,
    ),
    ("cainiao", r#"{"success":true}"#),
    ("china-post", r#""code":"00000""#),
];

fn changed(push: &Push, body: impl Into<Bytes>) -> Push {
    Push {
        body: body.into(),
        ..push.clone()
    }
}

fn is_pushed(world: &World, id: &str) -> bool {
    let id = ShipmentId(id.to_owned());
    world.app.pipeline.is_pushed(&id, world.clock.now())
}

#[tokio::test]
async fn a_signed_push_becomes_a_record_and_is_answered_as_documented() {
    let world = world(|_| {}).await;
    for (source, expected) in SIGNED {
        let number = number(&world, source);
        assert!(held(world.app.address, &number).await.is_none(), "{source}");
        let begun = Instant::now();
        let (status, body) = send(&world, source, &push_of(&world, source, &number)).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{source}");
        assert_eq!(status, StatusCode::OK, "{source}");
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(expected), "{source}: {body}");
        assert_eq!(body.is_empty(), expected.is_empty(), "{source}: {body}");
        let record = record(&world, &number).await;
        assert!(!record.events.is_empty(), "{source}");
        let said = record.events.iter().flat_map(|event| &event.observations);
        assert!(said.into_iter().all(|one| one.source == source), "{source}");
        assert_eq!(fake(&world, source).requests(), 0, "{source} was asked");
        let is_pushed = is_pushed(&world, &record.id);
        assert!(is_pushed, "{source}: it need not be polled as often");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_push_reaches_those_who_follow() {
    let world = world(|config| config.sources.retain(|id, _| id == "17track")).await;
    let number = fake(&world, "17track")
        .scenario("delivered")
        .unwrap()
        .number;
    world.simulator.set_now(world.simulator.clock().start());
    world.simulator.advance(Duration::from_hours(24));
    send(&world, "17track", &push_of(&world, "17track", number)).await;
    let before = record(&world, number).await;

    let key = v1::shipment_key::Key::TrackingNumber(number.to_owned());
    let shipments = vec![v1::ShipmentKey {
        key: Some(key),
        ..Default::default()
    }];
    let target = v1::watch_open::Target::Shipments(v1::WatchShipments { shipments });
    let open = v1::WatchOpen {
        target: Some(target),
        ..Default::default()
    };
    let request = v1::FollowRequest { open: Some(open) };
    let mut stream = world
        .client()
        .await
        .follow(request)
        .await
        .unwrap()
        .into_inner();
    let mut next = async || {
        let message = tokio::time::timeout(Duration::from_secs(20), stream.message());
        message
            .await
            .expect("in time")
            .unwrap()
            .unwrap()
            .kind
            .unwrap()
    };
    while !matches!(next().await, Kind::Synced(_)) {}

    world.simulator.advance(Duration::from_hours(10 * 24));
    let (status, _) = send(&world, "17track", &push_of(&world, "17track", number)).await;
    assert_eq!(status, StatusCode::OK);
    let update = loop {
        if let Kind::Update(update) = next().await {
            break update;
        }
    };
    let after = update.shipment.unwrap();
    assert_eq!(after.id, before.id);
    assert_eq!(update.previous_revision, before.revision);
    assert!(after.events.len() > before.events.len());
    assert_eq!(after.status(), v1::ShipmentStatus::Delivered);
    assert_eq!(fake(&world, "17track").requests(), 0);
    world.stop().await;
}

#[tokio::test]
async fn one_bit_flipped_is_refused_and_changes_nothing() {
    let world = world(|_| {}).await;
    for (source, _) in SIGNED {
        let number = number(&world, source);
        let push = push_of(&world, source, &number);
        // In the middle of what is signed, whatever stands around it.
        let at = push.body.len() / 2;
        for bit in [0_u8, 1, 3] {
            let mut body = push.body.to_vec();
            body[at] ^= 1 << bit;
            let (status, answer) = send(&world, source, &changed(&push, body)).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{source}, bit {bit}");
            assert!(answer.is_empty(), "{source} is told why");
        }
        if let Some((header, proof)) = &push.proof {
            let mut wrong = proof.clone().into_bytes();
            wrong[3] ^= 1;
            let wrong = String::from_utf8(wrong).unwrap();
            for proof in [Some((*header, wrong)), None] {
                let push = Push {
                    proof,
                    ..push.clone()
                };
                let (status, _) = send(&world, source, &push).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{source}");
            }
        }
        assert!(held(world.app.address, &number).await.is_none(), "{source}");
        let denied = format!("waybill_pushes_total{{source=\"{source}\",outcome=\"denied\"}}");
        assert!(metric(&world, &denied).await >= 3, "{source}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_same_content_written_otherwise_is_refused() {
    let world = world(|_| {}).await;
    for source in ["aftership", "17track"] {
        let number = number(&world, source);
        let push = push_of(&world, source, &number);
        let json: serde_json::Value = serde_json::from_slice(&push.body).unwrap();
        let pretty = serde_json::to_vec_pretty(&json).unwrap();
        let (status, _) = send(&world, source, &changed(&push, pretty)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{source}");
        let trailing = [push.body.as_ref(), b"\n"].concat();
        let (status, _) = send(&world, source, &changed(&push, trailing)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{source}");
        assert!(held(world.app.address, &number).await.is_none(), "{source}");
        assert_eq!(send(&world, source, &push).await.0, StatusCode::OK);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_thousand_repetitions_make_one_revision() {
    let folder = tempfile::tempdir().unwrap();
    for data_dir in [None, Some(folder.path())] {
        let world = world(|config| {
            config.store.data_dir = data_dir.map(ToOwned::to_owned).unwrap_or_default();
        })
        .await;
        let known = |outcome: &str| {
            format!("waybill_pushes_total{{source=\"aftership\",outcome=\"{outcome}\"}}")
        };
        let before = [
            metric(&world, &known("accepted")).await,
            metric(&world, &known("repeated")).await,
        ];
        let number = number(&world, "aftership");
        let push = push_of(&world, "aftership", &number);
        for _ in 0..50 {
            let all = (0..20).map(|_| send(&world, "aftership", &push));
            for (status, _) in futures_util::future::join_all(all).await {
                assert_eq!(status, StatusCode::OK);
            }
        }
        let record = record(&world, &number).await;
        assert_eq!(record.revision, 1);
        assert_eq!(metric(&world, &known("accepted")).await, before[0] + 1);
        assert_eq!(metric(&world, &known("repeated")).await, before[1] + 999);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_repetition_after_a_restart_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let start = || async { world(|config| config.store.data_dir = folder.path().to_owned()).await };
    let first = start().await;
    let number = number(&first, "17track");
    let push = push_of(&first, "17track", &number);
    send(&first, "17track", &push).await;
    let before = record(&first, &number).await;
    first.stop().await;

    let second = start().await;
    let repeated = "waybill_pushes_total{source=\"17track\",outcome=\"repeated\"}";
    let known = metric(&second, repeated).await;
    assert_eq!(send(&second, "17track", &push).await.0, StatusCode::OK);
    assert_eq!(metric(&second, repeated).await, known + 1);
    assert_eq!(record(&second, &number).await.revision, before.revision);
    second.stop().await;
}

#[tokio::test]
async fn pushes_out_of_order_end_where_those_in_order_do() {
    let mut records = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let world = world(|_| {}).await;
        let number = fake(&world, "17track")
            .scenario("delivered")
            .unwrap()
            .number;
        world.simulator.set_now(world.simulator.clock().start());
        let mut pushes = Vec::new();
        for hours in [24, 48, 8 * 24] {
            world.simulator.advance(Duration::from_hours(hours));
            pushes.push(push_of(&world, "17track", number));
        }
        for at in order {
            let (status, _) = send(&world, "17track", &pushes[at]).await;
            assert_eq!(status, StatusCode::OK);
        }
        eventually("all three are worked on", async || {
            let waiting = metric(&world, "waybill_push_waiting{source=\"17track\"}").await;
            waiting == 0
        })
        .await;
        let record = record(&world, number).await;
        assert_eq!(record.status(), v1::ShipmentStatus::Delivered, "{order:?}");
        let codes = record.events.iter().map(|event| event.code);
        records.push(codes.collect::<Vec<_>>());
        world.stop().await;
    }
    assert_eq!(records[0], records[1]);
    assert_eq!(records[0], records[2]);
}

#[tokio::test]
async fn a_credential_beside_the_content_only_starts_a_poll() {
    let world = world(|_| {}).await;
    let number = fake(&world, "ups").scenario("in-transit").unwrap().number;
    let push = push_of(&world, "ups", number);
    let forged: serde_json::Value = serde_json::from_slice(&push.body).unwrap();
    let mut forged = forged;
    forged["activityStatus"] =
        serde_json::json!({ "type": "D", "code": "FS", "description": "DELIVERED" });
    for body in [push.body.to_vec(), forged.to_string().into_bytes()] {
        let (status, body) = send(&world, "ups", &changed(&push, body)).await;
        assert_eq!((status, body.len()), (StatusCode::OK, 0));
    }
    let record = record(&world, number).await;
    assert_ne!(record.status(), v1::ShipmentStatus::Delivered);
    assert!(fake(&world, "ups").requests_for(number) >= 1);
    let is_pushed = is_pushed(&world, &record.id);
    assert!(!is_pushed, "what is not believed is no reason to poll less");
    let wrong = Push {
        proof: Some(("credential", "guessed".to_owned())),
        ..push
    };
    assert_eq!(
        send(&world, "ups", &wrong).await.0,
        StatusCode::UNAUTHORIZED
    );
    world.stop().await;
}

#[tokio::test]
async fn a_token_in_the_address_only_starts_a_poll() {
    let world = world(|_| {}).await;
    let sf = fake(&world, "sf");
    let settings = sf.settings();
    let token = settings.iter().find(|(key, _)| *key == "push_token");
    let token = &token.unwrap().1;
    let number = sf.scenarios()[0].number;
    let body = serde_json::json!({ "Body": { "WaybillRoute": [{
        "mailno": number, "acceptAddress": "深圳市", "reasonName": "", "orderid": "",
        "acceptTime": "2026-03-03 10:00:00", "remark": "已签收", "opCode": "80", "id": "1",
        "reasonCode": "",
    }]}});
    let push = Push {
        media: "application/json",
        proof: None,
        body: Bytes::from(body.to_string()),
    };
    let to = world.app.push.unwrap();
    for path in ["/push/sf", "/push/sf/guessed", "/push/sf?token=guessed"] {
        let (status, _) = push.send(to, path).await.unwrap();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(sf.requests_for(number), 0);
    let paths = [
        format!("/push/sf/{token}"),
        format!("/push/sf?token={token}"),
        format!("/push/sf/default/{token}"),
    ];
    for path in paths {
        let (status, answer) = push.send(to, &path).await.unwrap();
        assert_eq!(status, StatusCode::OK);
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert!(answer.contains(r#""return_code":"0000""#), "{answer}");
    }
    eventually("sf is asked", async || sf.requests_for(number) > 0).await;
    world.stop().await;
}

#[tokio::test]
async fn each_account_has_its_own_address_and_secret() {
    let world = world(|config| {
        let mut section = config.sources["17track"].clone();
        let own = section.remove("api_key").unwrap();
        let mut accounts = toml::Table::new();
        for (name, key) in [("shop-a", own), ("shop-b", "another key".into())] {
            let account = toml::Table::from_iter([("api_key".to_owned(), key)]);
            accounts.insert(name.to_owned(), account.into());
        }
        section.insert("accounts".to_owned(), accounts.into());
        config.sources.insert("17track".to_owned(), section);
    })
    .await;
    let number = number(&world, "17track");
    let push = push_of(&world, "17track", &number);
    for (source, expected) in [
        ("17track", StatusCode::NOT_FOUND),
        ("17track/shop-b", StatusCode::UNAUTHORIZED),
        ("17track/shop-a", StatusCode::OK),
    ] {
        assert_eq!(send(&world, source, &push).await.0, expected, "{source}");
    }
    record(&world, &number).await;
    world.stop().await;
}

#[tokio::test]
async fn what_is_signed_and_not_understood_is_counted_and_holds_up_nobody() {
    let world = world(|_| {}).await;
    let (body, proof) = waybill_simulator::track17_push("NO_SUCH_EVENT", &serde_json::json!([7]));
    let strange = Push {
        media: "application/json",
        proof: Some(("sign", proof)),
        body: Bytes::from(body),
    };
    let not_understood = "waybill_pushes_total{source=\"17track\",outcome=\"not_understood\"}";
    let before = metric(&world, not_understood).await;
    assert_eq!(send(&world, "17track", &strange).await.0, StatusCode::OK);
    assert_eq!(metric(&world, not_understood).await, before + 1);
    let number = number(&world, "17track");
    let push = push_of(&world, "17track", &number);
    assert_eq!(send(&world, "17track", &push).await.0, StatusCode::OK);
    record(&world, &number).await;
    world.stop().await;
}

#[tokio::test]
async fn a_number_that_was_just_asked_for_is_asked_for_again_when_it_may_be() {
    let world = world(|config| {
        let section = config.sources.get_mut("ups").unwrap();
        let limits = section["limits"].as_table_mut().unwrap();
        limits.insert("min_interval".to_owned(), "2s".into());
    })
    .await;
    let ups = fake(&world, "ups");
    let number = ups.scenario("in-transit").unwrap().number;
    world.client().await.track(ask(number)).await.unwrap();
    assert_eq!(ups.requests_for(number), 1);
    for hours in 1..4 {
        world.simulator.advance(Duration::from_hours(hours));
        let push = push_of(&world, "ups", number);
        assert_eq!(send(&world, "ups", &push).await.0, StatusCode::OK);
    }
    let waiting = "waybill_push_waiting{source=\"ups\"}";
    assert_eq!(ups.requests_for(number), 1, "not before it may be");
    eventually("nothing waits", async || metric(&world, waiting).await == 0).await;
    assert_eq!(ups.requests_for(number), 2, "once for all three pushes");
    world.stop().await;
}

#[tokio::test]
async fn a_push_that_is_not_known_any_more_still_makes_no_revision() {
    let world = world(|config| config.push.digests = 1).await;
    let aftership = fake(&world, "aftership");
    let numbers = [aftership.load_number(1), aftership.load_number(2)];
    let pushes = numbers
        .each_ref()
        .map(|number| push_of(&world, "aftership", number));
    for _ in 0..5 {
        for push in &pushes {
            assert_eq!(send(&world, "aftership", push).await.0, StatusCode::OK);
        }
    }
    let taken = "waybill_push_work_total{source=\"aftership\",outcome=\"taken\"}";
    eventually("each is worked on", async || {
        metric(&world, taken).await == 10
    })
    .await;
    for number in &numbers {
        assert_eq!(record(&world, number).await.revision, 1);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_plug_in_can_take_pushes() {
    let plugin = plugin::Running::start(plugin::Does::Hangs).await;
    let world = world(|config| {
        let mut settings = plugin.settings.clone();
        settings.push = true;
        config.plugins.insert("acme".to_owned(), settings);
    })
    .await;
    let to = world.app.push.unwrap();
    let push = |signature: &str| Push {
        media: "text/plain",
        proof: Some(("x-signature", signature.to_owned())),
        body: Bytes::from_static(plugin::NUMBER.as_bytes()),
    };
    let (status, _) = push("bad").send(to, "/push/acme?a=b").await.unwrap();
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, body) = push("good").send(to, "/push/acme?a=b").await.unwrap();
    assert_eq!(
        (status.as_u16(), body.as_ref()),
        (202, b"thanks".as_slice())
    );
    record(&world, plugin::NUMBER).await;
    *plugin.does.lock().unwrap() = plugin::Does::Fails(tonic::Code::Unavailable);
    let (status, _) = push("good").send(to, "/push/acme?a=b").await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    world.stop().await;
}

/// The vector was computed by another program from the rule in the documents.
#[tokio::test]
async fn a_known_answer_is_taken_and_its_neighbour_is_not() {
    let world = world(|config| {
        let section = config.sources.get_mut("17track").unwrap();
        section.insert("api_key".to_owned(), "123456ABCDEF".into());
    })
    .await;
    let body = r#"{"event":"TRACKING_UPDATED","data":{"number":"RR123456789CN","carrier":3011,"tag":null}}"#;
    let sign = "45acb4a6f4a194a6ac1f0f712182c4e314b1ae9399941ea086987408f3166994";
    let push = |body: &str| Push {
        media: "application/json",
        proof: Some(("sign", sign.to_owned())),
        body: Bytes::from(body.to_owned()),
    };
    let (status, _) = send(&world, "17track", &push(body)).await;
    assert_eq!(status, StatusCode::OK);
    let stopped = body.replace("UPDATED", "STOPPED");
    let (status, _) = send(&world, "17track", &push(&stopped)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    world.stop().await;
}

#[tokio::test]
async fn handshakes_are_answered() {
    let world = world(|config| {
        let section = config.sources.get_mut("dhl").unwrap();
        section.insert("push_url".to_owned(), "https://a.example/push/dhl".into());
        section.insert("push_token".to_owned(), "a long random text".into());
    })
    .await;
    let push = |proof: Option<(&'static str, &str)>, body: serde_json::Value| Push {
        media: "application/json",
        proof: proof.map(|(header, value)| (header, value.to_owned())),
        body: Bytes::from(body.to_string()),
    };
    let challenge = push(None, serde_json::json!({ "challenge": "c-1" }));
    let (status, body) = send(&world, "usps", &challenge).await;
    let answer = (status.as_u16(), body.as_ref());
    assert_eq!(answer, (200, br#"{"challenge":"c-1"}"#.as_slice()));
    let validate = serde_json::json!({
        "scope": "subscription.validate",
        "self": "https://api-eu.dhl.com/tracking/push/v1/subscription/1",
        "secret": "a secret",
    });
    for (token, expected) in [("guessed", 401), ("a long random text", 200)] {
        let proof = Some(("x-waybill-push-token", token));
        let (status, body) = send(&world, "dhl", &push(proof, validate.clone())).await;
        assert_eq!((status.as_u16(), body.len()), (expected, 0));
    }
    world.stop().await;
}
