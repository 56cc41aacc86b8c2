//! waybill asks every carrier that may know about a parcel and answers with one record.

/// The generated messages, client and server of `waybill.v1`; documented in `proto/`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("waybill.v1");
    /// The compiled `.proto` files, for reflection and JSON.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/waybill.binpb"));
}

/// What a plug-in speaks with the gateway; see `docs/plugins.md`.
pub mod adapter {
    /// The generated messages, client and server of `waybill.adapter.v1`; documented in `proto/`.
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("waybill.adapter.v1");
        /// The compiled `.proto` files with those of `waybill.v1`, for JSON.
        pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/adapter.binpb"));
    }
}

/// For operators; see `docs/explain.md`.
pub mod admin {
    /// The generated messages, client and server of `waybill.admin.v1`; documented in `proto/`.
    #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
    pub mod v1 {
        tonic::include_proto!("waybill.admin.v1");
        /// The compiled `.proto` files with those of `waybill.v1`, for reflection and JSON.
        pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/admin.binpb"));
    }
}

pub mod client;

#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod auth;
#[cfg(feature = "server")]
pub mod backup;
#[cfg(feature = "server")]
pub mod cache;
#[cfg(feature = "server")]
pub mod chance;
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod conform;
#[cfg(feature = "server")]
pub mod control;
#[cfg(feature = "server")]
pub mod evidence;
#[cfg(feature = "server")]
pub mod grpc;
#[cfg(feature = "server")]
pub mod guard;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod json;
#[cfg(feature = "server")]
pub mod kpi;
#[cfg(feature = "server")]
pub mod method;
#[cfg(feature = "server")]
pub mod money;
#[cfg(feature = "server")]
pub mod pipeline;
#[cfg(feature = "server")]
pub mod push;
#[cfg(feature = "server")]
pub mod quota;
#[cfg(feature = "server")]
pub mod redis;
#[cfg(feature = "server")]
pub mod remote;
#[cfg(feature = "server")]
pub mod retention;
#[cfg(feature = "server")]
pub mod schedule;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod spend;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod tasks;
#[cfg(feature = "server")]
pub mod telemetry;
#[cfg(feature = "server")]
pub mod texts;
#[cfg(feature = "server")]
pub mod trace;
#[cfg(feature = "server")]
pub mod watch;
