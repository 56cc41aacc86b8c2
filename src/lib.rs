//! waybill.

#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod guard;
#[cfg(feature = "server")]
pub mod tasks;
