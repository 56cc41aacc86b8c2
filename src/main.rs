//! waybill.
fn main() {}
