//! Samples of simulated shipments, the same ones every time, in a shape that real ones have: twelve
//! carriers on two hundred lanes over five hundred hubs in ninety days.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use waybill_core::kpi::{Metric, Sample};

pub(crate) const DAYS: u64 = 90;
const CARRIERS: u64 = 12;
const LANES: u64 = 200;
const HUBS: u64 = 500;
const TENANTS: u64 = 20;
/// Hubs of one route.
const STOPS: u64 = 5;
const EVENTS: u64 = 10;

/// Names, made once.
pub(crate) struct World {
    carriers: Vec<String>,
    services: Vec<String>,
    lanes: Vec<String>,
    hubs: Vec<String>,
    tenants: Vec<String>,
    start: Timestamp,
    shipments: u64,
}

/// Splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn share(&mut self) -> f64 {
        self.below(1 << 52) as f64 / (1_u64 << 52) as f64
    }

    /// Around `middle`, with a long tail to the right.
    fn quantity(&mut self, middle: f64) -> f64 {
        let sum: f64 = (0..4).map(|_| self.share() - 0.5).sum();
        middle * (1.5 * sum).exp()
    }
}

impl World {
    pub(crate) fn new(shipments: u64) -> Self {
        let names = |count: u64, name: fn(u64) -> String| (0..count).map(name).collect();
        Self {
            carriers: names(CARRIERS, |at| format!("carrier-{at}")),
            services: names(CARRIERS * 4, |at| format!("Service No. {at}")),
            lanes: names(LANES, |at| format!("{:02}-{:02}", at / 14, at % 14)),
            hubs: names(HUBS, |at| format!("iata:H{at:03}")),
            tenants: names(TENANTS, |at| format!("tenant-{at}")),
            shipments,
            start: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    /// The moment after all of it, midnight in UTC.
    pub(crate) fn end(&self) -> Timestamp {
        self.start + SignedDuration::from_hours(24 * (DAYS as i64 + 3))
    }

    /// Hands out the samples of one shipment.
    pub(crate) fn shipment<'a>(&'a self, number: u64, mut give: impl FnMut(Sample<'a>)) {
        let mut dice = Dice(number);
        let lane = dice.below(LANES);
        // Three carriers serve a lane, with two services each, over hubs of their own.
        let carrier = (lane + dice.below(3) * 5) % CARRIERS;
        let service = carrier * 4 + dice.below(2);
        let route = (lane * 31 + carrier * 17) % HUBS;
        let hub = |stop: u64| self.hubs[((route + stop * 7) % HUBS) as usize].as_str();
        // One after the other, within three days.
        let at = number * DAYS * 86_400 / self.shipments + dice.below(3 * 86_400);
        let end = self.start + SignedDuration::from_secs(at as i64);
        let none = Cow::Borrowed("");
        // One in three is followed by one of twenty tenants, who has promised something.
        if number.is_multiple_of(3) {
            let is = f64::from(u8::from(dice.share() < 0.85));
            let tenant = &self.tenants[dice.below(TENANTS) as usize];
            give(Sample {
                metric: Metric::OnTimeToPromise,
                carrier: &self.carriers[carrier as usize],
                service: &self.services[service as usize],
                lane: &self.lanes[lane as usize],
                last: none.clone(),
                tenant,
                value: is,
                time: end,
            });
        }
        let mut sample = |metric, last: Cow<'a, str>, value, time| {
            give(Sample {
                metric,
                carrier: &self.carriers[carrier as usize],
                service: &self.services[service as usize],
                lane: &self.lanes[lane as usize],
                last,
                tenant: "",
                value,
                time,
            });
        };
        for stop in 0..STOPS {
            let stay = dice.quantity(20_000.0 + 300.0 * ((route + stop * 7) % HUBS) as f64);
            sample(Metric::HubDwell, hub(stop).into(), stay, end);
            if stop > 0 {
                let leg = format!("{}>{}", hub(stop - 1), hub(stop));
                sample(Metric::LegTime, leg.into(), dice.quantity(50_000.0), end);
            }
        }
        let transit = dice.quantity(300_000.0 + 2_000.0 * lane as f64);
        sample(Metric::TransitTime, none.clone(), transit, end);
        for (metric, often) in [
            (Metric::OnTimeToEstimate, 0.9),
            (Metric::ExceptionRate, 0.12),
            (Metric::MisrouteRate, 0.01),
            (Metric::DetourRate, 0.02),
        ] {
            let is = f64::from(u8::from(dice.share() < often));
            sample(metric, none.clone(), is, end);
        }
        if dice.share() < 0.12 {
            let category = ["DELAY", "CUSTOMS", "ADDRESS"][dice.below(3) as usize];
            let lasted = dice.quantity(90_000.0);
            sample(Metric::ExceptionTime, category.into(), lasted, end);
        }
        let own = self.carriers[carrier as usize].as_str();
        let is_relayed = dice.share() < 0.3;
        for source in [Some(own), is_relayed.then_some("aggregator")]
            .into_iter()
            .flatten()
        {
            for _ in 0..EVENTS {
                let (latency, gap) = (dice.quantity(2_400.0), dice.quantity(40_000.0));
                sample(Metric::FeedLatency, source.into(), latency, end);
                sample(Metric::Silence, source.into(), gap, end);
            }
            let frequency = dice.quantity(2.5);
            sample(Metric::UpdateFrequency, source.into(), frequency, end);
            let reported = 5 + dice.below(4);
            let share = reported as f64 / 8.0;
            sample(Metric::Completeness, source.into(), share, end);
            for _ in 0..4 {
                let is = f64::from(u8::from(dice.share() < 0.995));
                let took = dice.quantity(0.3);
                sample(Metric::SourceAvailability, source.into(), is, end);
                sample(Metric::SourceLatency, source.into(), took, end);
            }
        }
    }
}
