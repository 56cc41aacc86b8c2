//! What each method needs, in one table.
//!
//! **Invariant:** whatever is not in the table needs a credential, so a method that somebody forgets
//! is not open; a test compares the table with the descriptors, so nobody forgets one.

use waybill_core::caller::Scope;

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

/// Path of a method, and what it needs.
pub const METHODS: &[(&str, Need)] = {
    use Need::{Credential, Nothing, Reflection, Scopes as Of};
    use Scope::{Admin, Analytics, Evidence, Exceptions, Ingest, Personal, Register, Track, Watch};
    &[
        ("/waybill.v1.TrackingService/Track", Of(&[Track])),
        ("/waybill.v1.TrackingService/GetShipment", Of(&[Track])),
        ("/waybill.v1.TrackingService/BatchTrack", Of(&[Track])),
        ("/waybill.v1.TrackingService/ListEvents", Of(&[Track])),
        ("/waybill.v1.TrackingService/Watch", Of(&[Watch])),
        ("/waybill.v1.TrackingService/Follow", Of(&[Watch])),
        (
            "/waybill.v1.TrackingService/RegisterShipment",
            Of(&[Register]),
        ),
        ("/waybill.v1.TrackingService/BatchRegister", Of(&[Register])),
        (
            "/waybill.v1.TrackingService/UnregisterShipment",
            Of(&[Register]),
        ),
        ("/waybill.v1.TrackingService/ListShipments", Of(&[Register])),
        (
            "/waybill.v1.TrackingService/UpdateException",
            Of(&[Exceptions]),
        ),
        (
            "/waybill.v1.TrackingService/GetEvidence",
            Of(&[Evidence, Personal]),
        ),
        ("/waybill.v1.IngestService/IngestEvents", Of(&[Ingest])),
        ("/waybill.v1.AnalyticsService/QueryKpis", Of(&[Analytics])),
        ("/waybill.v1.CarrierService/ListCarriers", Credential),
        ("/waybill.v1.CarrierService/GetCarrier", Credential),
        ("/waybill.v1.CarrierService/DetectCarriers", Credential),
        ("/waybill.v1.CarrierService/ListEventCodes", Credential),
        (
            "/waybill.admin.v1.AdminService/ExplainShipment",
            Of(&[Admin, Personal]),
        ),
        (
            "/waybill.admin.v1.AdminService/RebuildShipment",
            Of(&[Admin]),
        ),
        ("/waybill.admin.v1.AdminService/GetSchedule", Of(&[Admin])),
        (
            "/waybill.admin.v1.OperationsService/ListSources",
            Of(&[Admin]),
        ),
        (
            "/waybill.admin.v1.OperationsService/SetBreaker",
            Of(&[Admin]),
        ),
        (
            "/waybill.admin.v1.OperationsService/SetSource",
            Of(&[Admin]),
        ),
        ("/waybill.admin.v1.OperationsService/Drain", Of(&[Admin])),
        ("/waybill.admin.v1.OperationsService/Reload", Of(&[Admin])),
        (
            "/waybill.admin.v1.OperationsService/SetLogLevel",
            Of(&[Admin]),
        ),
        (
            "/waybill.admin.v1.OperationsService/ReplayEvidence",
            Of(&[Admin]),
        ),
        (
            "/waybill.admin.v1.PrivacyService/EraseShipment",
            Of(&[Admin, Personal]),
        ),
        (
            "/waybill.admin.v1.PrivacyService/EraseRecipient",
            Of(&[Admin, Personal]),
        ),
        (
            "/waybill.admin.v1.PrivacyService/ExportShipment",
            Of(&[Admin, Personal]),
        ),
        (
            "/waybill.admin.v1.PrivacyService/CreateBackup",
            Of(&[Admin]),
        ),
        ("/grpc.health.v1.Health/Check", Nothing),
        ("/grpc.health.v1.Health/Watch", Nothing),
        (
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            Reflection,
        ),
        (
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            Reflection,
        ),
    ]
};

/// What a call to a path needs.
pub fn need(path: &str) -> Need {
    let row = METHODS.iter().find(|(known, _)| *known == path);
    row.map_or(Need::Credential, |(_, need)| *need)
}
