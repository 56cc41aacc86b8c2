//! Tenants share what carriers tell everybody, and see nothing else of each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::callers::{Bearer, Client, KeysFile, with_key};
use common::own::{event, key};
use common::shops::{DAMAGED, full, lately, say, tenants, world};
use common::watching::shipments;
use common::{World, ask, channel, track, trailers};
use futures_util::{StreamExt as _, stream};
use prost::Message as _;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tonic::{Code, Status};
use waybill::v1::analytics_service_client::AnalyticsServiceClient;
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::watch_message::Kind;
use waybill::v1::{self, EventCode, ExceptionActivity};

/// What the other tenant's calls were answered with.
#[derive(Clone)]
struct Theirs {
    canary: &'static str,
    page_token: String,
    resume_token: Vec<u8>,
}

/// What a stream says until it is in step.
async fn followed(client: &mut Client, open: v1::WatchOpen) -> Result<(Vec<u8>, Vec<u8>), Status> {
    let open = v1::WatchOpen {
        view: v1::ShipmentView::Full as i32,
        ..open
    };
    let request = v1::FollowRequest { open: Some(open) };
    let mut stream = client.follow(request).await?.into_inner();
    let mut said = Vec::new();
    while let Some(message) = stream.message().await? {
        said.extend(message.encode_to_vec());
        if matches!(message.kind, Some(Kind::Synced(_))) {
            return Ok((said, message.resume_token));
        }
    }
    Ok((said, Vec::new()))
}

/// All of a shipment's evidence.
async fn evidence(client: &mut Client, id: &str) -> Result<Vec<u8>, Status> {
    let request = v1::GetEvidenceRequest {
        shipment_id: id.to_owned(),
        ..Default::default()
    };
    let mut parts = client.get_evidence(request).await?.into_inner();
    let mut said = Vec::new();
    while let Some(part) = parts.message().await? {
        said.extend(part.path.into_bytes());
        said.extend(part.content);
    }
    Ok(said)
}

/// One call of some kind, and everything that it said.
async fn one(
    client: &mut Client,
    kind: u32,
    numbers: &[String],
    id: &str,
    theirs: &Theirs,
) -> Vec<u8> {
    let other = theirs.canary;
    let number = &numbers[kind as usize % numbers.len()];
    let ended = async {
        Ok::<_, Status>(match kind % KINDS {
            0..=2 => client
                .track(full(number))
                .await?
                .into_inner()
                .encode_to_vec(),
            3 => client
                .track(ask(number))
                .await?
                .into_inner()
                .encode_to_vec(),
            4 => {
                let request = v1::GetShipmentRequest {
                    id: id.to_owned(),
                    view: v1::ShipmentView::Full as i32,
                    ..Default::default()
                };
                client
                    .get_shipment(request)
                    .await?
                    .into_inner()
                    .encode_to_vec()
            }
            5 => {
                let request = v1::ListEventsRequest {
                    shipment_id: id.to_owned(),
                    include_observations: true,
                    include_uncounted: true,
                    ..Default::default()
                };
                client
                    .list_events(request)
                    .await?
                    .into_inner()
                    .encode_to_vec()
            }
            6 => {
                let request = v1::ListShipmentsRequest {
                    view: v1::ShipmentView::Full as i32,
                    ..Default::default()
                };
                client
                    .list_shipments(request)
                    .await?
                    .into_inner()
                    .encode_to_vec()
            }
            // What only the other tenant has a name for.
            7 => {
                let order = key(("webshop", &format!("{other}-{number}")));
                let request = v1::TrackRequest {
                    order: Some(order),
                    tracking_number: String::new(),
                    ..full("")
                };
                client.track(request).await?.into_inner().encode_to_vec()
            }
            8 => {
                let request = v1::TrackRequest {
                    order: Some(key(("webshop", "1001"))),
                    ..full("")
                };
                client.track(request).await?.into_inner().encode_to_vec()
            }
            // Evidence, streams, and tokens that were made for the other tenant.
            9 => evidence(client, id).await?,
            10 => followed(client, shipments([number.clone()])).await?.0,
            11 => {
                let open = v1::WatchOpen {
                    target: Some(v1::watch_open::Target::AllRegistered(true)),
                    ..Default::default()
                };
                followed(client, open).await?.0
            }
            12 => {
                let open = v1::WatchOpen {
                    resume_token: theirs.resume_token.clone(),
                    ..shipments([DAMAGED.to_owned()])
                };
                followed(client, open).await?.0
            }
            13 => {
                let request = v1::ListShipmentsRequest {
                    page_token: theirs.page_token.clone(),
                    ..Default::default()
                };
                let answer = client.list_shipments(request).await?;
                answer.into_inner().encode_to_vec()
            }
            _ => {
                let request = v1::UpdateExceptionRequest {
                    shipment_id: id.to_owned(),
                    exception_id: "unknown".to_owned(),
                    activity: ExceptionActivity::Acknowledge as i32,
                    ..Default::default()
                };
                let answer = client.update_exception(request).await?;
                answer.into_inner().encode_to_vec()
            }
        })
    };
    match ended.await {
        Ok(bytes) => bytes,
        Err(status) => format!("{status:?}").into_bytes(),
    }
}

/// How many kinds of calls there are.
const KINDS: u32 = 15;

fn has(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_across_tenants_leak_nothing() {
    let file = KeysFile::new();
    let both = tenants(&file);
    let world = world(&file).await;
    let channel = channel(world.app.address).await;
    let numbers: Vec<String> = vec![
        DAMAGED.to_owned(),
        world.ups_number("delivered"),
        world.ups_number("in-transit"),
        "WHNUMBER0001".to_owned(),
    ];
    let mut ids = BTreeSet::new();
    for tenant in &both {
        for number in &numbers[..3] {
            let said = say(&channel, tenant, number).await;
            ids.extend(said.shipments.iter().map(|it| it.id.clone()));
            let bytes = said.encode_to_vec();
            assert!(has(&bytes, tenant.canary), "{} sees its own", tenant.id);
        }
    }
    // A number that only one tenant's warehouse knows.
    let mut own = event("alone", &numbers[3], EventCode::AwaitingHandover, &lately());
    own.text = both[0].canary.to_owned();
    let bearer = Bearer(both[0].full.clone());
    let mut ingest = IngestServiceClient::with_interceptor(channel.clone(), bearer);
    let request = v1::IngestEventsRequest {
        events: vec![own],
        ..Default::default()
    };
    let taken = ingest.ingest_events(request).await.unwrap().into_inner();
    let alone = taken.results[0].shipment_ids[0].clone();
    ids.insert(alone.clone());
    let request = v1::GetShipmentRequest {
        id: alone,
        ..Default::default()
    };
    let mut mine = with_key(&channel, &both[0].full);
    let mine = mine.get_shipment(request.clone());
    assert!(
        !mine
            .await
            .is_err_and(|status| status.code() == Code::NotFound)
    );
    let theirs = with_key(&channel, &both[1].full)
        .get_shipment(request)
        .await;
    assert_eq!(theirs.unwrap_err().code(), Code::NotFound);

    let mut made = Vec::new();
    for tenant in &both {
        let mut client = with_key(&channel, &tenant.full);
        let open = shipments([DAMAGED.to_owned()]);
        let (_, resume_token) = followed(&mut client, open).await.unwrap();
        let request = v1::ListShipmentsRequest {
            page_size: 1,
            ..Default::default()
        };
        let page = client.list_shipments(request).await.unwrap().into_inner();
        assert!(!resume_token.is_empty() && !page.next_page_token.is_empty());
        made.push(Theirs {
            canary: tenant.canary,
            page_token: page.next_page_token,
            resume_token,
        });
    }

    let ids: Arc<Vec<String>> = Arc::new(ids.into_iter().collect());
    let numbers = Arc::new(numbers);
    let own_seen = Arc::new(AtomicUsize::new(0));
    let calls = stream::iter(0..10_000_u64).map(|at| {
        let mut random = SmallRng::seed_from_u64(at);
        let (me, other) = match random.random_bool(0.5) {
            true => (both[0].clone(), (both[1].id, made[1].clone())),
            false => (both[1].clone(), (both[0].id, made[0].clone())),
        };
        let personal = random.random_bool(0.5);
        let (ids, numbers) = (Arc::clone(&ids), Arc::clone(&numbers));
        let (channel, own_seen) = (channel.clone(), Arc::clone(&own_seen));
        tokio::spawn(async move {
            let key = if personal { &me.full } else { &me.plain };
            let mut client = with_key(&channel, key);
            let id = &ids[random.random_range(0..ids.len())];
            let kind = random.random_range(0..1_000);
            let bytes = one(&mut client, kind, &numbers, id, &other.1).await;
            for theirs in [other.1.canary, other.0] {
                assert!(!has(&bytes, theirs), "call {at} of kind {}", kind % KINDS);
            }
            own_seen.fetch_add(usize::from(has(&bytes, me.canary)), Ordering::Relaxed);
            if !personal {
                for text in [
                    "98765POST",
                    "packed it",
                    "called the carrier",
                    "https://photos",
                ] {
                    assert!(
                        !has(&bytes, text),
                        "call {at} of kind {} has {text}",
                        kind % 10
                    );
                }
            }
        })
    });
    let ended: Vec<_> = calls.buffer_unordered(64).collect().await;
    ended.into_iter().for_each(|one| one.unwrap());
    assert!(own_seen.load(Ordering::Relaxed) > 2_000, "{own_seen:?}");

    // What is left: evidence, streams and figures.
    for (me, other) in [(&both[0], &both[1]), (&both[1], &both[0])] {
        let mut client = with_key(&channel, &me.full);
        let mut said = Vec::new();
        for id in ids.iter() {
            said.extend(evidence(&mut client, id).await.unwrap_or_default());
        }
        assert!(has(&said, me.canary));
        for open in [
            shipments(numbers.iter().cloned()),
            v1::WatchOpen {
                target: Some(v1::watch_open::Target::AllRegistered(true)),
                ..Default::default()
            },
        ] {
            said.extend(followed(&mut client, open).await.unwrap().0);
        }
        let bearer = Bearer(me.full.clone());
        let mut figures = AnalyticsServiceClient::with_interceptor(channel.clone(), bearer);
        let day = |seconds| {
            Some(prost_types::Timestamp {
                seconds: seconds / 86_400 * 86_400,
                nanos: 0,
            })
        };
        let now = jiff::Timestamp::now().as_second();
        let request = v1::QueryKpisRequest {
            metrics: vec![v1::KpiMetric::FeedLatency as i32],
            window: Some(v1::TimeWindow {
                start_time: day(now - 90 * 86_400),
                end_time: day(now + 2 * 86_400),
            }),
            group_by: vec![v1::KpiDimension::Source as i32],
            ..Default::default()
        };
        let rows = figures.query_kpis(request).await.unwrap().into_inner();
        said.extend(rows.encode_to_vec());
        for theirs in [other.canary, other.id] {
            assert!(!has(&said, theirs), "{} sees {theirs}", me.id);
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_hot_answer_is_read_by_swapping_tenants_and_scopes() {
    let file = KeysFile::new();
    let both = tenants(&file);
    let world = world(&file).await;
    let channel = channel(world.app.address).await;
    let number = world.ups_number("delivered");
    for tenant in &both {
        say(&channel, tenant, &number).await;
    }
    for round in 0..100 {
        for tenant in &both {
            for (key, personal) in [(&tenant.full, true), (&tenant.plain, false)] {
                let answer = with_key(&channel, key).track(track(&number)).await.unwrap();
                let answer = answer.into_inner();
                let record = &answer.shipments[0];
                assert_eq!(record.tracking_number == number, personal, "round {round}");
                let named = record
                    .redacted_fields
                    .contains(&"tracking_number".to_owned());
                assert_eq!(named, !personal);
                let overlay = &answer.overlays[0];
                assert_eq!(overlay.labels["shop"], tenant.canary);
                let order = overlay.order_reference.as_ref().unwrap();
                assert_eq!(order.order_id.starts_with(tenant.canary), personal);
            }
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn tokens_are_their_callers() {
    let file = KeysFile::new();
    let both = tenants(&file);
    let world = world(&file).await;
    let channel = channel(world.app.address).await;
    for tenant in &both {
        say(&channel, tenant, DAMAGED).await;
        say(&channel, tenant, &world.ups_number("delivered")).await;
    }
    let request = v1::ListShipmentsRequest {
        page_size: 1,
        ..Default::default()
    };
    let mut mine = with_key(&channel, &both[0].full);
    let page = mine.list_shipments(request.clone()).await.unwrap();
    let next = v1::ListShipmentsRequest {
        page_token: page.into_inner().next_page_token,
        ..request
    };
    let mut theirs = with_key(&channel, &both[1].full);
    let status = theirs.list_shipments(next.clone()).await.unwrap_err();
    assert_eq!(trailers(&status).0, "TOKEN_INVALID");
    assert_eq!(
        mine.list_shipments(next)
            .await
            .unwrap()
            .into_inner()
            .shipments
            .len(),
        1
    );

    let open = shipments([DAMAGED.to_owned()]);
    let request = v1::FollowRequest {
        open: Some(open.clone()),
    };
    let mut stream = mine.follow(request).await.unwrap().into_inner();
    let token = loop {
        let message = stream.message().await.unwrap().unwrap();
        if matches!(message.kind, Some(Kind::Synced(_))) {
            break message.resume_token;
        }
    };
    let request = v1::FollowRequest {
        open: Some(v1::WatchOpen {
            resume_token: token,
            ..open
        }),
    };
    for key in [&both[1].full, &both[0].plain] {
        let status = with_key(&channel, key)
            .follow(request.clone())
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(trailers(&status).0, "TOKEN_INVALID");
    }
    let mut stream = mine.follow(request).await.unwrap().into_inner();
    loop {
        match stream.message().await.unwrap().unwrap().kind {
            Some(Kind::Reset(reset)) => panic!("{reset:?}"),
            Some(Kind::Synced(_)) => break,
            _ => {}
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn what_an_account_of_a_tenant_says_is_that_tenants() {
    let file = KeysFile::new();
    let both = tenants(&file);
    let world = World::start(|config| {
        config.auth = file.settings();
        let ups = config.sources.get_mut("ups").unwrap();
        let accounts = "[own]\ntenants = [\"tenant-aa\"]".parse::<toml::Table>();
        ups.insert("accounts".to_owned(), accounts.unwrap().into());
    })
    .await;
    let channel = channel(world.app.address).await;
    let (mut mine, mut theirs) = (
        with_key(&channel, &both[0].full),
        with_key(&channel, &both[1].full),
    );
    let number = world.ups_number("delivered");
    let request = v1::TrackRequest {
        carrier: "ups".to_owned(),
        ..full(&number)
    };
    let answer = mine.track(request.clone()).await.unwrap().into_inner();
    let record = &answer.shipments[0];
    assert!(!record.events.is_empty());
    let sources = record.events.iter().flat_map(|event| &event.observations);
    assert!(sources.clone().count() > 0 && sources.clone().all(|it| it.source == "ups"));
    let status = theirs.track(request.clone()).await.unwrap_err();
    assert_eq!(trailers(&status).0, "NO_SOURCE_CONFIGURED", "{status}");
    let request = v1::GetShipmentRequest {
        id: record.id.clone(),
        ..Default::default()
    };
    let status = theirs.get_shipment(request.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    mine.get_shipment(request).await.unwrap();
    world.stop().await;
}
