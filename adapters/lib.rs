//! One folder per carrier. This file is the only list of them: to add one, write its folder, then
//! add its `mod` line and its line in [`ALL`].

use waybill_core::adapter::Descriptor;

mod aftership;
mod cainiao;
mod china_post;
mod codes;
#[cfg(test)]
mod damage;
mod dhl;
mod dhl_express;
mod dhl_parcel_de;
mod fedex;
mod kuaidi100;
mod retry_after;
mod sandbox;
mod sf;
mod sign;
mod token;
mod track17;
mod unasked;
mod ups;
mod usps;
mod wire;

/// Every source that is built in.
pub static ALL: &[&Descriptor] = &[
    &sandbox::DESCRIPTOR,
    &dhl::DESCRIPTOR,
    &dhl_express::DESCRIPTOR,
    &dhl_parcel_de::DESCRIPTOR,
    &fedex::DESCRIPTOR,
    &ups::DESCRIPTOR,
    &usps::DESCRIPTOR,
    &china_post::DESCRIPTOR,
    &cainiao::DESCRIPTOR,
    &sf::DESCRIPTOR,
    &kuaidi100::DESCRIPTOR,
    &track17::DESCRIPTOR,
    &aftership::DESCRIPTOR,
];
