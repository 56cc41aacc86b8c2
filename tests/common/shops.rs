//! Two tenants of one gateway, and what they say of the same numbers.

use tonic::transport::Channel;
use waybill::v1::ingest_service_client::IngestServiceClient;
use waybill::v1::{self, EventCode, ExceptionActivity};

use super::callers::{Bearer, KeysFile, with_key};
use super::own::{event, key, of_order};
use super::watching::by_number;
use super::{World, ask, track};

pub const ALL: [&str; 8] = [
    "track",
    "watch",
    "register",
    "exceptions",
    "ingest",
    "analytics",
    "personal",
    "evidence",
];
pub const DAMAGED: &str = "SANDBOXDAMAGE";

/// A tenant: its id, a text that is in everything that it says, and its keys.
#[derive(Clone)]
pub struct Tenant {
    pub id: &'static str,
    pub canary: &'static str,
    pub full: String,
    /// Without `personal`.
    pub plain: String,
}

pub fn tenants(file: &KeysFile) -> [Tenant; 2] {
    let without: Vec<&str> = ALL.into_iter().filter(|it| *it != "personal").collect();
    [("tenant-aa", "CANARYaa"), ("tenant-bb", "CANARYbb")].map(|(id, canary)| Tenant {
        id,
        canary,
        full: file.key(id, &ALL),
        plain: file.key(id, &without),
    })
}

pub async fn world(file: &KeysFile) -> World {
    World::start(|config| {
        config.auth = file.settings();
        // Tests call as fast as they can.
        config.quota.requests_per_second = 0.0;
        config
            .sources
            .insert("sandbox".to_owned(), toml::Table::new());
    })
    .await
}

pub fn full(number: &str) -> v1::TrackRequest {
    v1::TrackRequest {
        view: v1::ShipmentView::Full as i32,
        ..track(number)
    }
}

/// What a tenant says of a number: a registration, events of its warehouse, and a step about an
/// exception.
pub async fn say(channel: &Channel, tenant: &Tenant, number: &str) -> v1::TrackResponse {
    let canary = tenant.canary;
    let mut client = with_key(channel, &tenant.full);
    client.track(ask(number)).await.unwrap();
    let registration = v1::Registration {
        shipment: Some(by_number(number)),
        labels: [("shop".to_owned(), canary.to_owned())].into(),
        order_reference: Some(key(("webshop", &format!("{canary}-{number}")))),
        ..Default::default()
    };
    let request = v1::RegisterShipmentRequest {
        registration: Some(registration),
    };
    client.register_shipment(request).await.unwrap();
    // Near the carrier's own events: what lies years apart is another use of the number.
    let mut own = event("same-id", number, EventCode::AwaitingHandover, &lately());
    own.client_event_id = format!("same-id-{number}");
    own.text = format!("{canary} packed it");
    own.photo_uris = vec![format!("https://photos/{canary}")];
    own.location = Some(v1::Location {
        locality: canary.to_owned(),
        postal_code: "98765POST".to_owned(),
        ..Default::default()
    });
    let order = ("webshop", "1001");
    let announced = v1::IngestEvent {
        client_event_id: format!("of-order-{number}"),
        tracking_number: String::new(),
        ..of_order(order, own.clone())
    };
    let request = v1::IngestEventsRequest {
        events: vec![own.clone(), of_order(order, own), announced],
        ..Default::default()
    };
    let bearer = Bearer(tenant.full.clone());
    let mut ingest = IngestServiceClient::with_interceptor(channel.clone(), bearer);
    let taken = ingest.ingest_events(request).await.unwrap().into_inner();
    // Ids of another tenant's events are nobody else's business.
    let errors: Vec<_> = taken
        .results
        .iter()
        .filter_map(|it| it.error.as_ref())
        .collect();
    assert!(errors.len() <= 1, "{errors:?}");
    let answer = client.track(full(number)).await.unwrap().into_inner();
    let record = &answer.shipments[0];
    if let Some(problem) = record.exceptions.first() {
        let request = v1::UpdateExceptionRequest {
            shipment_id: record.id.clone(),
            exception_id: problem.id.clone(),
            activity: ExceptionActivity::Comment as i32,
            comment: format!("{canary} called the carrier"),
            actor: canary.to_owned(),
            ..Default::default()
        };
        client.update_exception(request).await.unwrap();
    }
    client.track(full(number)).await.unwrap().into_inner()
}

/// A time on the day that was four days ago.
pub fn lately() -> String {
    let now = jiff::Timestamp::now().as_second() / 86_400 * 86_400;
    let then = jiff::Timestamp::from_second(now - 4 * 86_400).unwrap();
    then.to_string()
}
