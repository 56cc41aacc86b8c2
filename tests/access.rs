//! Every method with every kind of credential: who gets in, and who sees what. Printed as a table.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use common::callers::{KeysFile, methods, with_key};
use common::own::{event, key};
use common::shops::{ALL, DAMAGED, full, lately, say, tenants, world};
use common::watching::{by_number, shipments};
use common::{World, channel, trailers};
use jiff::Timestamp;
use prost::Message;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use waybill::admin::v1 as admin;
use waybill::v1::watch_message::Kind;
use waybill::v1::{self, EventCode, ExceptionActivity};

/// Messages as they are on the wire.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// How a call ended, and all that it said.
struct Ended {
    code: Code,
    reason: String,
    said: Vec<u8>,
}

impl Ended {
    fn has(&self, text: &str) -> bool {
        let mut parts = self.said.windows(text.len());
        parts.any(|part| part == text.as_bytes())
    }
}

/// Calls a method, and reads until it ends or, if it does not end, has said what there is.
async fn call(channel: &Channel, path: &str, key: Option<&str>, message: Vec<u8>) -> Ended {
    let mut request = Request::new(tokio_stream::once(message));
    if let Some(key) = key {
        let value = format!("Bearer {key}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let mut said = Vec::new();
    let ended = async {
        let answer = grpc.streaming(request, path.parse().unwrap(), Raw).await?;
        let mut messages = answer.into_inner();
        while let Some(message) = messages.message().await? {
            said.extend_from_slice(&message);
            let is_all = match path.rsplit_once('/').unwrap() {
                ("/grpc.health.v1.Health", _) => true,
                (_, "Follow") => {
                    let message = v1::WatchMessage::decode(message).unwrap();
                    matches!(message.kind, Some(Kind::Synced(_)))
                }
                _ => false,
            };
            if is_all {
                break;
            }
        }
        Ok::<_, Status>(())
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
    let status = ended
        .unwrap_or_else(|_| panic!("{path} has not ended"))
        .err();
    let (code, reason) = match &status {
        None => (Code::Ok, String::new()),
        Some(status) => (status.code(), trailers(status).0),
    };
    if let Some(status) = status {
        said.extend(format!("{status:?}").into_bytes());
    }
    Ended { code, reason, said }
}

/// Its caller has the server stop.
const DRAIN: &str = "/waybill.admin.v1.OperationsService/Drain";

/// Who may see what a method says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Anybody, also without a credential.
    Probes,
    /// Whoever has a credential: it is about no tenant.
    Everybody,
    /// The tenant whose it is sees more than others do.
    Tenant,
    /// The tenant whose it is; for others it is not there.
    TenantAlone,
    /// Each tenant writes its own.
    Writer,
    /// Operators, who see every tenant's.
    Operators,
}

impl Of {
    /// What another tenant gets.
    fn shown(self) -> &'static str {
        match self {
            Self::Probes => "as everybody",
            Self::Everybody => "about no tenant",
            Self::Tenant => "without the other's",
            Self::TenantAlone => "as if it were not there",
            Self::Writer => "its own",
            Self::Operators => "operators see all",
        }
    }
}

/// What is there to be asked for.
struct There {
    /// A shipment that everybody may see, and an exception of it.
    shared: String,
    exception: String,
    /// A shipment that only one tenant knows of.
    alone: String,
    canary: &'static str,
}

/// A good request for a method, and who may see what it says. A method without a row fails.
fn row(path: &str, there: &There) -> (Vec<u8>, Of) {
    let shared = there.shared.clone();
    let full_view = v1::ShipmentView::Full as i32;
    let damaged = || full(DAMAGED);
    let order = || Some(key(("webshop", &format!("{}-{DAMAGED}", there.canary))));
    let subject = || admin::RebuildShipmentRequest {
        shipment: Some(by_number(DAMAGED)),
        validate_only: true,
    };
    let open = || v1::WatchOpen {
        view: full_view,
        ..shipments([DAMAGED.to_owned()])
    };
    match path {
        "/waybill.v1.TrackingService/Track" => (damaged().encode_to_vec(), Of::Tenant),
        "/waybill.v1.TrackingService/GetShipment" => {
            let request = v1::GetShipmentRequest {
                id: shared,
                view: full_view,
                ..Default::default()
            };
            (request.encode_to_vec(), Of::Tenant)
        }
        "/waybill.v1.TrackingService/BatchTrack" => {
            let items = [
                v1::BatchTrackItem {
                    tracking_number: DAMAGED.to_owned(),
                    ..Default::default()
                },
                v1::BatchTrackItem {
                    order: order(),
                    ..Default::default()
                },
            ];
            let request = v1::BatchTrackRequest {
                items: items.to_vec(),
                view: full_view,
                ..Default::default()
            };
            (request.encode_to_vec(), Of::Tenant)
        }
        "/waybill.v1.TrackingService/ListEvents" => {
            let request = v1::ListEventsRequest {
                shipment_id: there.alone.clone(),
                include_observations: true,
                include_uncounted: true,
                ..Default::default()
            };
            (request.encode_to_vec(), Of::TenantAlone)
        }
        "/waybill.v1.TrackingService/Watch" => {
            let request = v1::WatchRequest {
                kind: Some(v1::watch_request::Kind::Open(open())),
            };
            (request.encode_to_vec(), Of::Tenant)
        }
        "/waybill.v1.TrackingService/Follow" => {
            let request = v1::FollowRequest { open: Some(open()) };
            (request.encode_to_vec(), Of::Tenant)
        }
        "/waybill.v1.TrackingService/RegisterShipment" => {
            let request = v1::RegisterShipmentRequest {
                registration: Some(v1::Registration {
                    shipment: Some(by_number(DAMAGED)),
                    ..Default::default()
                }),
            };
            (request.encode_to_vec(), Of::Writer)
        }
        "/waybill.v1.TrackingService/BatchRegister" => {
            let request = v1::BatchRegisterRequest {
                registrations: vec![v1::Registration {
                    shipment: Some(by_number(DAMAGED)),
                    ..Default::default()
                }],
            };
            (request.encode_to_vec(), Of::Writer)
        }
        "/waybill.v1.TrackingService/UnregisterShipment" => {
            let request = v1::UnregisterShipmentRequest {
                id: there.alone.clone(),
            };
            (request.encode_to_vec(), Of::TenantAlone)
        }
        "/waybill.v1.TrackingService/ListShipments" => {
            let request = v1::ListShipmentsRequest {
                view: full_view,
                ..Default::default()
            };
            (request.encode_to_vec(), Of::Tenant)
        }
        "/waybill.v1.TrackingService/UpdateException" => {
            let request = v1::UpdateExceptionRequest {
                shipment_id: shared,
                exception_id: there.exception.clone(),
                activity: ExceptionActivity::Comment as i32,
                comment: "looked at".to_owned(),
                ..Default::default()
            };
            (request.encode_to_vec(), Of::Writer)
        }
        "/waybill.v1.TrackingService/GetEvidence" => {
            let request = v1::GetEvidenceRequest {
                shipment_id: shared,
                ..Default::default()
            };
            (request.encode_to_vec(), Of::Tenant)
        }
        "/waybill.v1.IngestService/IngestEvents" => {
            let own = event("own", DAMAGED, EventCode::AwaitingHandover, &lately());
            let request = v1::IngestEventsRequest {
                events: vec![own],
                ..Default::default()
            };
            (request.encode_to_vec(), Of::Writer)
        }
        "/waybill.v1.AnalyticsService/QueryKpis" => {
            let day = |seconds: i64| {
                Some(prost_types::Timestamp {
                    seconds: seconds / 86_400 * 86_400,
                    nanos: 0,
                })
            };
            let now = Timestamp::now().as_second();
            let request = v1::QueryKpisRequest {
                metrics: vec![v1::KpiMetric::FeedLatency as i32],
                window: Some(v1::TimeWindow {
                    start_time: day(now - 90 * 86_400),
                    end_time: day(now + 2 * 86_400),
                }),
                group_by: vec![v1::KpiDimension::Source as i32],
                ..Default::default()
            };
            (request.encode_to_vec(), Of::Writer)
        }
        "/waybill.v1.CarrierService/ListCarriers" => {
            let request = v1::ListCarriersRequest::default();
            (request.encode_to_vec(), Of::Everybody)
        }
        "/waybill.v1.CarrierService/GetCarrier" => {
            let request = v1::GetCarrierRequest {
                id: "ups".to_owned(),
            };
            (request.encode_to_vec(), Of::Everybody)
        }
        "/waybill.v1.CarrierService/DetectCarriers" => {
            let request = v1::DetectCarriersRequest {
                tracking_number: DAMAGED.to_owned(),
                ..Default::default()
            };
            (request.encode_to_vec(), Of::Everybody)
        }
        "/waybill.v1.CarrierService/ListEventCodes" => {
            let request = v1::ListEventCodesRequest::default();
            (request.encode_to_vec(), Of::Everybody)
        }
        "/waybill.admin.v1.AdminService/ExplainShipment" => {
            let request = admin::ExplainShipmentRequest {
                shipment: Some(by_number(DAMAGED)),
            };
            (request.encode_to_vec(), Of::Operators)
        }
        "/waybill.admin.v1.AdminService/RebuildShipment" => {
            (subject().encode_to_vec(), Of::Operators)
        }
        "/waybill.admin.v1.AdminService/GetSchedule" => {
            let request = admin::GetScheduleRequest::default();
            (request.encode_to_vec(), Of::Operators)
        }
        // Without anything in it, each is refused or changes nothing; who may call is asked first.
        "/waybill.admin.v1.OperationsService/ListSources"
        | "/waybill.admin.v1.OperationsService/SetBreaker"
        | "/waybill.admin.v1.OperationsService/SetSource"
        | "/waybill.admin.v1.OperationsService/Reload"
        | "/waybill.admin.v1.OperationsService/SetLogLevel"
        | "/waybill.admin.v1.OperationsService/ReplayEvidence"
        | "/waybill.admin.v1.PrivacyService/EraseShipment"
        | "/waybill.admin.v1.PrivacyService/EraseRecipient"
        | "/waybill.admin.v1.PrivacyService/ExportShipment"
        | "/waybill.admin.v1.PrivacyService/CreateBackup"
        | DRAIN => (Vec::new(), Of::Operators),
        "/grpc.health.v1.Health/Check" | "/grpc.health.v1.Health/Watch" => {
            let request = HealthCheckRequest::default();
            (request.encode_to_vec(), Of::Probes)
        }
        // Both versions have the same messages.
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        | "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" => {
            let request = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            (request.encode_to_vec(), Of::Everybody)
        }
        other => panic!("{other} has no row in this table"),
    }
}

/// Every method that a server has, by the descriptors.
fn served() -> BTreeSet<String> {
    let sets = [
        waybill::v1::DESCRIPTORS,
        waybill::admin::v1::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    // A set has what it imports, too.
    let all: BTreeSet<_> = sets.into_iter().flat_map(methods).collect();
    all.into_iter().collect()
}

/// Whether the call itself was looked at.
fn is_let_in(ended: &Ended) -> bool {
    !matches!(ended.code, Code::Unauthenticated | Code::PermissionDenied)
}

/// Lets a tenant's warehouse tell of a number that nobody else knows.
async fn say_alone(channel: &Channel, key: &str, number: &str, canary: &str) -> String {
    let mut own = event("alone", number, EventCode::AwaitingHandover, &lately());
    own.text = canary.to_owned();
    let request = v1::IngestEventsRequest {
        events: vec![own],
        ..Default::default()
    };
    let path = "/waybill.v1.IngestService/IngestEvents";
    let ended = call(channel, path, Some(key), request.encode_to_vec()).await;
    let answer = v1::IngestEventsResponse::decode(ended.said.as_slice()).unwrap();
    answer.results[0].shipment_ids[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_with_every_credential_is_a_row_of_the_table() {
    let file = KeysFile::new();
    let [owner, other] = tenants(&file);
    let everything: Vec<&str> = ALL.into_iter().chain(["admin"]).collect();
    let right = file.key(owner.id, &everything);
    let theirs = file.key(other.id, &everything);
    let (_, expired) = file.key_until(owner.id, &everything, Some(Timestamp::now()));
    let mut wrong = right.clone();
    let last = wrong.pop().unwrap();
    wrong.push(if last == '0' { '1' } else { '0' });

    let world: World = world(&file).await;
    let public = channel(world.app.address).await;
    let operators = channel(world.app.admin).await;
    let said = say(&public, &owner, DAMAGED).await;
    let there = There {
        shared: said.shipments[0].id.clone(),
        exception: said.shipments[0].exceptions[0].id.clone(),
        alone: say_alone(&public, &right, "WHNUMBER0001", owner.canary).await,
        canary: owner.canary,
    };
    // The other tenant has asked before too, so that what is kept is not kept for one only.
    let mut before = with_key(&public, &theirs);
    before.track(full(DAMAGED)).await.unwrap();

    println!("| method | no credential | wrong | expired | other tenant | right |");
    println!("|---|---|---|---|---|---|");
    let mut all: Vec<String> = served().into_iter().collect();
    all.sort_by_key(|path| path == DRAIN);
    assert_eq!(all.len(), 36, "a method has come or gone: see the rows");
    for path in &all {
        let server = match path.starts_with("/waybill.admin.") {
            true => &operators,
            false => &public,
        };
        let (message, of) = row(path, &there);
        let mut cells = Vec::new();
        for bad in [None, Some(&wrong), Some(&expired)] {
            let ended = call(server, path, bad.map(String::as_str), message.clone()).await;
            match of {
                Of::Probes => assert_eq!(ended.code, Code::Ok, "{path}"),
                _ => {
                    assert_eq!(ended.code, Code::Unauthenticated, "{path}");
                    assert_eq!(ended.reason, "UNAUTHENTICATED", "{path}");
                }
            }
            assert!(!ended.has(owner.canary), "{path}");
            cells.push(format!("{:?}", ended.code));
        }
        let ended = call(server, path, Some(&theirs), message.clone()).await;
        let expected = match of {
            Of::TenantAlone => Code::NotFound,
            _ => Code::Ok,
        };
        match of {
            Of::Operators => assert!(is_let_in(&ended), "{path} {}", ended.reason),
            _ => assert_eq!(ended.code, expected, "{path} {}", ended.reason),
        }
        if of != Of::Operators {
            for text in [owner.canary, owner.id] {
                assert!(!ended.has(text), "{path} shows {text}");
            }
        }
        cells.push(format!("{:?}: {}", ended.code, of.shown()));
        let ended = call(server, path, Some(&right), message).await;
        match of {
            Of::Operators => assert!(is_let_in(&ended), "{path} {}", ended.reason),
            _ => assert_eq!(ended.code, Code::Ok, "{path} {}", ended.reason),
        }
        if of == Of::Tenant {
            assert!(ended.has(owner.canary), "{path} shows its own");
        }
        cells.push(format!("{:?}", ended.code));
        println!(
            "| {} | {} |",
            path.trim_start_matches('/'),
            cells.join(" | ")
        );
    }
    world.stop().await;
}
