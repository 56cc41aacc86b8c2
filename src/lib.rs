//! waybill asks every carrier that may know about a parcel and answers with one record.

/// The generated messages, client and server of `waybill.v1`; documented in `proto/`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("waybill.v1");
    /// The compiled `.proto` files, for reflection and JSON.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/waybill.binpb"));
}

#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod tasks;
