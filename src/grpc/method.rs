//! What the front has to know of each method before it reads a request.

use std::time::Duration;

use http::HeaderMap;

use crate::config::Calls;
use crate::server::{Class, parse_grpc_timeout};

/// Methods of ours by their names, which are unique, and what they are for.
const METHODS: [(&str, Class); 18] = [
    ("Track", Class::Interactive),
    ("GetShipment", Class::Interactive),
    ("BatchTrack", Class::Batch),
    ("Watch", Class::Stream),
    ("Follow", Class::Stream),
    ("ListEvents", Class::Interactive),
    ("RegisterShipment", Class::Interactive),
    ("BatchRegister", Class::Batch),
    ("UnregisterShipment", Class::Interactive),
    ("ListShipments", Class::Interactive),
    ("UpdateException", Class::Interactive),
    ("GetEvidence", Class::Batch),
    ("ListCarriers", Class::Interactive),
    ("GetCarrier", Class::Interactive),
    ("DetectCarriers", Class::Interactive),
    ("ListEventCodes", Class::Interactive),
    ("QueryKpis", Class::Batch),
    ("IngestEvents", Class::Batch),
];

/// Name and class of a method by its path. Whatever is not ours is "other", which keeps the labels
/// of metrics few; whoever asks for the health of the server is never turned away.
pub(super) fn of(path: &str) -> (&'static str, Option<Class>) {
    let last = path.rsplit('/').next().unwrap_or_default();
    let known = METHODS
        .into_iter()
        .find(|(name, _)| path.starts_with("/waybill.") && *name == last);
    match known {
        Some((name, class)) => (name, Some(class)),
        None if path.starts_with("/grpc.health.") => ("other", None),
        None => ("other", Some(Class::Batch)),
    }
}

/// Time until a call's answer has to begin, and the greatest size of its request. What streams
/// ends by rules of its own.
pub(super) fn bounds(method: &str, headers: &HeaderMap, calls: &Calls) -> (Duration, usize) {
    let stated = parse_grpc_timeout(headers);
    match method {
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
                assert_eq!(of(&path).0, method.name(), "{path}");
                count += 1;
            }
        }
        assert_eq!(count, METHODS.len(), "a name is used twice or not at all");
    }

    #[test]
    fn health_is_never_turned_away_and_strangers_are_last() {
        assert_eq!(of("/grpc.health.v1.Health/Check"), ("other", None));
        assert_eq!(of("/acme.v1.Parcels/Track"), ("other", Some(Class::Batch)));
    }
}
