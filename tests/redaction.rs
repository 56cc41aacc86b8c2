//! Personal data is left out of answers to those who may not see it, and named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::callers::{Bearer, KeysFile, with_key};
use common::channel;
use common::own::event;
use common::shops::{DAMAGED, full, lately, say, tenants, world};
use common::watching::shipments;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage, Value};
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::watch_message::Kind;
use waybill::v1::{self, EventCode};

/// Fields whose comment says that they are personal, by message.
fn personal_fields() -> BTreeMap<String, BTreeSet<String>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/waybill/v1");
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let (mut message, mut is_personal) = (String::new(), false);
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("message ") {
                message = format!("waybill.v1.{}", rest.split(' ').next().unwrap());
            }
            if line.starts_with("//") {
                is_personal |= line.ends_with("ersonal data.") && !line.contains("without");
            } else if let Some((field, _)) = line.split_once(" = ") {
                if is_personal {
                    let name = field.rsplit(' ').next().unwrap().to_owned();
                    all.entry(message.clone()).or_default().insert(name);
                }
                is_personal = false;
            }
        }
    }
    all
}

/// Personal fields of a message that have a value, by message and field.
fn found(
    message: &DynamicMessage,
    personal: &BTreeMap<String, BTreeSet<String>>,
    all: &mut BTreeSet<String>,
) {
    let name = message.descriptor().full_name().to_owned();
    for (field, value) in message.fields() {
        if personal
            .get(&name)
            .is_some_and(|known| known.contains(field.name()))
        {
            all.insert(format!("{name}.{}", field.name()));
        }
        match value {
            Value::Message(inner) => found(inner, personal, all),
            Value::List(list) => {
                let inner = list.iter().filter_map(Value::as_message);
                inner.for_each(|inner| found(inner, personal, all));
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn every_personal_field_is_left_out_and_named_without_its_scope() {
    let file = KeysFile::new();
    let both = tenants(&file);
    let world = world(&file).await;
    let channel = channel(world.app.address).await;
    let pool = DescriptorPool::decode(waybill::v1::DESCRIPTORS).unwrap();
    let personal = personal_fields();
    let numbers = [
        DAMAGED.to_owned(),
        world.ups_number("delivered"),
        world.ups_number("multi-piece"),
        world.dhl_number("delivered"),
    ];
    let (mut seen, mut redacted) = (BTreeSet::new(), BTreeSet::new());
    for number in &numbers {
        say(&channel, &both[0], number).await;
        for (key, may_see) in [(&both[0].full, true), (&both[0].plain, false)] {
            let mut client = with_key(&channel, key);
            let answer = client.track(full(number)).await.unwrap().into_inner();
            let id = answer.shipments[0].id.clone();
            let request = v1::ListEventsRequest {
                shipment_id: id,
                include_observations: true,
                ..Default::default()
            };
            let events = client.list_events(request).await.unwrap().into_inner();
            let mut there = BTreeSet::new();
            for (name, bytes) in [
                ("TrackResponse", answer.encode_to_vec()),
                ("ListEventsResponse", events.encode_to_vec()),
            ] {
                let kind = pool
                    .get_message_by_name(&format!("waybill.v1.{name}"))
                    .unwrap();
                let message = DynamicMessage::decode(kind, bytes.as_slice()).unwrap();
                found(&message, &personal, &mut there);
            }
            let records = answer.shipments.iter().flat_map(|it| &it.redacted_fields);
            let overlays = answer.overlays.iter().flat_map(|it| &it.redacted_fields);
            let named: BTreeSet<&String> = records
                .chain(overlays)
                .chain(&events.redacted_fields)
                .collect();
            if may_see {
                assert!(named.is_empty(), "{named:?}");
                seen.extend(there);
            } else {
                assert!(there.is_empty(), "{there:?}");
                redacted.extend(named.into_iter().cloned());
            }
        }
    }
    for field in [
        "waybill.v1.Shipment.tracking_number",
        "waybill.v1.Identifier.value",
        "waybill.v1.Location.postal_code",
        "waybill.v1.Observation.native_text",
        "waybill.v1.ProofOfDelivery.signed_by",
        "waybill.v1.PhotoReference.uri",
        "waybill.v1.OrderKey.order_id",
        "waybill.v1.ExceptionHistoryEntry.comment",
    ] {
        assert!(seen.contains(field), "{field} was never there: {seen:?}");
    }
    for field in [
        "tracking_number",
        "proof_of_delivery.signed_by",
        "events.observations.native_text",
        "exceptions.history.comment",
        "order_reference.order_id",
    ] {
        assert!(
            redacted.contains(field),
            "{field} is not named: {redacted:?}"
        );
    }
    world.stop().await;
}

/// The next update of a record that a stream sends, as text, and the update.
async fn update(stream: &mut tonic::Streaming<v1::WatchMessage>) -> (String, v1::WatchUpdate) {
    loop {
        let message = stream.message().await.unwrap().expect("it goes on");
        if let Some(Kind::Update(update)) = message.kind
            && update.change() == v1::WatchChange::Updated
        {
            return (format!("{update:?}"), update);
        }
    }
}

#[tokio::test]
async fn streams_share_what_they_send_only_with_those_who_may_see_the_same() {
    let file = KeysFile::new();
    let both = tenants(&file);
    let world = world(&file).await;
    let channel = channel(world.app.address).await;
    let number = world.ups_number("in-transit");
    let mut streams = Vec::new();
    for tenant in &both {
        for key in [&tenant.full, &tenant.plain, &tenant.full, &tenant.plain] {
            let open = v1::WatchOpen {
                view: v1::ShipmentView::Full as i32,
                ..shipments([number.clone()])
            };
            let request = v1::FollowRequest { open: Some(open) };
            let stream = with_key(&channel, key).follow(request).await.unwrap();
            let mut stream = stream.into_inner();
            loop {
                let message = stream.message().await.unwrap().unwrap();
                if matches!(message.kind, Some(Kind::Synced(_))) {
                    break;
                }
            }
            streams.push(stream);
        }
    }
    for (at, tenant) in both.iter().enumerate() {
        let mut own = event("packed", &number, EventCode::AwaitingHandover, &lately());
        own.text = format!("{} packed it", tenant.canary);
        let bearer = Bearer(tenant.full.clone());
        let mut ingest = IngestServiceClient::with_interceptor(channel.clone(), bearer);
        let request = v1::IngestEventsRequest {
            events: vec![own],
            ..Default::default()
        };
        ingest.ingest_events(request).await.unwrap();
        // The first change reaches the first tenant's streams only: what the others get first is
        // their own.
        for (place, stream) in streams[4 * at..4 * at + 4].iter_mut().enumerate() {
            let personal = place % 2 == 0;
            let (text, update) = update(stream).await;
            let record = update.shipment.unwrap();
            assert_eq!(text.contains("packed it"), personal, "{place}");
            assert_eq!(record.tracking_number == number, personal, "{place}");
            let named = &record.redacted_fields;
            let is_named = named
                .iter()
                .any(|one| one == "events.observations.native_text");
            assert_eq!(is_named, !personal, "{named:?}");
            let codes: Vec<_> = record.events.iter().map(v1::TrackingEvent::code).collect();
            let own = codes
                .iter()
                .filter(|code| **code == EventCode::AwaitingHandover);
            assert_eq!(own.count(), 1, "its own event and no other's: {codes:?}");
            for other in both.iter().filter(|one| one.id != tenant.id) {
                assert!(!text.contains(other.canary) && !text.contains(other.id));
            }
        }
    }
    world.stop().await;
}
