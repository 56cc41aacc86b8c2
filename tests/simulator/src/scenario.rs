//! Owns what a caller is told about a script, and the numbers load tests use. Knows no wire format.

use std::time::Duration;

/// A scripted shipment, as told to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Short name, the same at every carrier that has it.
    pub name: &'static str,
    /// The number to ask for.
    pub number: &'static str,
    /// One line on what happens.
    pub title: &'static str,
    /// What a client can get wrong here.
    pub shows: &'static str,
    /// When the last event happens, counted from the start of the scenarios.
    pub last_event: Duration,
}

/// One parcel from Shenzhen to Ohio that four sources tell about, each in its own way: its number,
/// and when it is announced, in minutes from the start of the scenarios.
pub(crate) const STORY: &str = "LZ261101065CN";
pub(crate) const TOLD: i64 = 90 * HOUR;

pub(crate) const HOUR: i64 = 60;
pub(crate) const DAY: i64 = 24 * HOUR;

pub(crate) fn minutes(minutes: i64) -> Duration {
    Duration::from_secs(u64::try_from(minutes).unwrap_or(0) * 60)
}

/// Spreads consecutive numbers evenly (the finalizer of SplitMix64).
pub(crate) fn spread(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
