//! One folder per carrier. This file is the only list of them: to add one, write its folder, then
//! add its `mod` line and its line in [`ALL`].

use waybill_core::adapter::Descriptor;

mod codes;
mod dhl;
mod retry_after;
mod sandbox;
mod wire;

/// Every source that is built in.
pub static ALL: &[&Descriptor] = &[&sandbox::DESCRIPTOR, &dhl::DESCRIPTOR];

/// Every test number of the source `sandbox` with what it shows.
pub fn sandbox_numbers() -> impl Iterator<Item = (&'static str, &'static str)> {
    sandbox::numbers()
}
