//! What the front has to know of each method before it reads a request.

use std::time::Duration;

use http::HeaderMap;

use crate::config::Calls;
use crate::server::{Class, parse_grpc_timeout};

/// Methods of ours by their full names, and what they are for.
const METHODS: [(&str, Class); 18] = [
    ("waybill.v1.TrackingService/Track", Class::Interactive),
    ("waybill.v1.TrackingService/GetShipment", Class::Interactive),
    ("waybill.v1.TrackingService/BatchTrack", Class::Batch),
    ("waybill.v1.TrackingService/Watch", Class::Stream),
    ("waybill.v1.TrackingService/Follow", Class::Stream),
    ("waybill.v1.TrackingService/ListEvents", Class::Interactive),
    (
        "waybill.v1.TrackingService/RegisterShipment",
        Class::Interactive,
    ),
    ("waybill.v1.TrackingService/BatchRegister", Class::Batch),
    (
        "waybill.v1.TrackingService/UnregisterShipment",
        Class::Interactive,
    ),
    (
        "waybill.v1.TrackingService/ListShipments",
        Class::Interactive,
    ),
    (
        "waybill.v1.TrackingService/UpdateException",
        Class::Interactive,
    ),
    ("waybill.v1.TrackingService/GetEvidence", Class::Batch),
    ("waybill.v1.CarrierService/ListCarriers", Class::Interactive),
    ("waybill.v1.CarrierService/GetCarrier", Class::Interactive),
    (
        "waybill.v1.CarrierService/DetectCarriers",
        Class::Interactive,
    ),
    (
        "waybill.v1.CarrierService/ListEventCodes",
        Class::Interactive,
    ),
    ("waybill.v1.AnalyticsService/QueryKpis", Class::Batch),
    ("waybill.v1.IngestService/IngestEvents", Class::Batch),
];

/// What is not ours is called so, as the conventions of OpenTelemetry have it.
const OTHER: &str = "_OTHER";

/// Full name and class of a method by its path. Whatever is not ours has one name, which keeps the
/// labels of metrics few; whoever asks for the health of the server is never turned away.
pub(super) fn of(path: &str) -> (&'static str, Option<Class>) {
    let path = path.strip_prefix('/').unwrap_or_default();
    let known = METHODS.into_iter().find(|(name, _)| *name == path);
    match known {
        Some((name, class)) => (name, Some(class)),
        None if path == "grpc.health.v1.Health/Check" => ("grpc.health.v1.Health/Check", None),
        None if path.starts_with("grpc.health.") => (OTHER, None),
        None => (OTHER, Some(Class::Batch)),
    }
}

/// Time until a call's answer has to begin, and the greatest size of its request. What streams
/// ends by rules of its own.
pub(super) fn bounds(method: &str, headers: &HeaderMap, calls: &Calls) -> (Duration, usize) {
    let stated = parse_grpc_timeout(headers);
    match method.rsplit('/').next().unwrap_or_default() {
        "BatchTrack" => (calls.time_for(stated, calls.batch_cap), calls.batch_bytes),
        "IngestEvents" => (calls.time_for(stated, calls.unary_cap), calls.batch_bytes),
        "Follow" => (calls.default_deadline, calls.request_bytes),
        _ => (calls.time_for(stated, calls.unary_cap), calls.request_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A method that is added to a proto is given a class here.
    #[test]
    fn every_method_of_the_protos_is_known() {
        let pool = prost_reflect::DescriptorPool::decode(crate::v1::DESCRIPTORS).unwrap();
        let mut count = 0;
        for service in pool.services() {
            for method in service.methods() {
                let path = format!("/{}/{}", service.full_name(), method.name());
                assert_eq!(of(&path).0, &path[1..], "{path}");
                count += 1;
            }
        }
        assert_eq!(count, METHODS.len(), "a name is used twice or not at all");
    }

    #[test]
    fn health_is_never_turned_away_and_strangers_are_last() {
        assert_eq!(
            of("/grpc.health.v1.Health/Check"),
            ("grpc.health.v1.Health/Check", None)
        );
        assert_eq!(of("/acme.v1.Parcels/Track"), ("_OTHER", Some(Class::Batch)));
    }
}
