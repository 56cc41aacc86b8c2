//! One folder per carrier. This file is the only list of them: to add one, write its folder, then
//! add its `mod` line and its line in [`ALL`].

use waybill_core::adapter::Descriptor;

mod aftership;
mod codes;
mod dhl;
mod retry_after;
mod sandbox;
mod sign;
mod ups;
mod wire;

/// Every source that is built in.
pub static ALL: &[&Descriptor] = &[
    &sandbox::DESCRIPTOR,
    &aftership::DESCRIPTOR,
    &dhl::DESCRIPTOR,
    &ups::DESCRIPTOR,
];
