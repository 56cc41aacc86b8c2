//! The methods of every service, in one table: what a call needs, and what the front has to know of
//! it before it reads a request.
//!
//! **Invariant:** whatever is not in the table needs a credential and goes last, so a method that
//! somebody forgets is neither open nor urgent; tests compare the table with the descriptors, so
//! nobody forgets one.

use waybill_core::caller::Scope;

use crate::server::Class;

/// What a call needs before anything of it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: probes have no credential.
    Nothing,
    /// A valid credential, whatever its scopes.
    Credential,
    /// A valid credential with these scopes.
    Scopes(&'static [Scope]),
    /// A valid credential, unless `auth.open_reflection` is set.
    Reflection,
}

/// Time until an answer has to begin, and the greatest size of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Of a call that somebody waits for.
    Call,
    /// Of a list of lookups, which may take longer.
    Batch,
    /// Of a list that is only written down.
    List,
    /// Of a stream, whose end has rules of its own.
    Stream,
}

/// One method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Path of its calls.
    pub path: &'static str,
    /// What a call needs.
    pub need: Need,
    /// What a call is for; `None`: it is never turned away.
    pub class: Option<Class>,
    /// Its bounds.
    pub bounds: Bounds,
}

/// Every method. The ones that are called most stand first.
pub const METHODS: &[Method] = {
    use Bounds::{Batch as Long, Call, List, Stream as Endless};
    use Class::{Batch, Interactive, Stream};
    use Need::{Credential, Nothing, Reflection, Scopes as Of};
    use Scope::{Admin, Analytics, Evidence, Exceptions, Ingest, Personal, Register, Track, Watch};
    &[
        row(
            "/waybill.v1.TrackingService/Track",
            Of(&[Track]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/GetShipment",
            Of(&[Track]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/BatchTrack",
            Of(&[Track]),
            Some(Batch),
            Long,
        ),
        row(
            "/waybill.v1.TrackingService/ListEvents",
            Of(&[Track]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/Watch",
            Of(&[Watch]),
            Some(Stream),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/Follow",
            Of(&[Watch]),
            Some(Stream),
            Endless,
        ),
        row(
            "/waybill.v1.TrackingService/RegisterShipment",
            Of(&[Register]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/BatchRegister",
            Of(&[Register]),
            Some(Batch),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/UnregisterShipment",
            Of(&[Register]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/ListShipments",
            Of(&[Register]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/UpdateException",
            Of(&[Exceptions]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.TrackingService/GetEvidence",
            Of(&[Evidence, Personal]),
            Some(Batch),
            Call,
        ),
        row(
            "/waybill.v1.IngestService/IngestEvents",
            Of(&[Ingest]),
            Some(Batch),
            List,
        ),
        row(
            "/waybill.v1.AnalyticsService/QueryKpis",
            Of(&[Analytics]),
            Some(Batch),
            Call,
        ),
        row(
            "/waybill.v1.CarrierService/ListCarriers",
            Credential,
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.CarrierService/GetCarrier",
            Credential,
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.CarrierService/DetectCarriers",
            Credential,
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.v1.CarrierService/ListEventCodes",
            Credential,
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.AdminService/ExplainShipment",
            Of(&[Admin, Personal]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.AdminService/RebuildShipment",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.AdminService/GetSchedule",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.OperationsService/ListSources",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.OperationsService/SetBreaker",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.OperationsService/SetSource",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.OperationsService/Drain",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.OperationsService/Reload",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.OperationsService/SetLogLevel",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.OperationsService/ReplayEvidence",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.PrivacyService/EraseShipment",
            Of(&[Admin, Personal]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.PrivacyService/EraseRecipient",
            Of(&[Admin, Personal]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.PrivacyService/ExportShipment",
            Of(&[Admin, Personal]),
            Some(Interactive),
            Call,
        ),
        row(
            "/waybill.admin.v1.PrivacyService/CreateBackup",
            Of(&[Admin]),
            Some(Interactive),
            Call,
        ),
        row("/grpc.health.v1.Health/Check", Nothing, None, Call),
        row("/grpc.health.v1.Health/Watch", Nothing, None, Call),
        row(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            Reflection,
            Some(Batch),
            Call,
        ),
        row(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            Reflection,
            Some(Batch),
            Call,
        ),
    ]
};

const fn row(path: &'static str, need: Need, class: Option<Class>, bounds: Bounds) -> Method {
    Method {
        path,
        need,
        class,
        bounds,
    }
}

/// What counts for whatever is not in the table.
const OTHER: Method = row("", Need::Credential, Some(Class::Batch), Bounds::Call);

impl Method {
    /// Full name in metrics and lines. Whatever is not in the table is "_OTHER", as the conventions of
    /// OpenTelemetry have it, which keeps the labels few.
    pub fn name(&self) -> &'static str {
        self.path.strip_prefix('/').unwrap_or("_OTHER")
    }
}

/// The method of a path.
pub fn of(path: &str) -> &'static Method {
    let mut all = METHODS.iter();
    all.find(|one| one.path == path).unwrap_or(&OTHER)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_method_is_there_twice() {
        let distinct: BTreeSet<_> = METHODS.iter().map(Method::name).collect();
        assert_eq!(METHODS.len(), distinct.len());
    }

    #[test]
    fn health_is_never_turned_away_and_strangers_are_last() {
        let health = of("/grpc.health.v1.Health/Check");
        let expected = ("grpc.health.v1.Health/Check", None);
        assert_eq!((health.name(), health.class), expected);
        let other = of("/acme.v1.Parcels/Track");
        let expected = ("_OTHER", Some(Class::Batch), Need::Credential);
        assert_eq!((other.name(), other.class, other.need), expected);
    }
}
