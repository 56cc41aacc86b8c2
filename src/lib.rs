//! waybill.
