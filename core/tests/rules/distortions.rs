//! One journey as sources distort it: whatever they cut, coarsen, translate or leave out, a scan is
//! one event, and two scans are two.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz};
use proptest::collection::vec;
use proptest::prelude::*;
use waybill_core::code::EventCode as E;
use waybill_core::event::{Claim, SourceClass};
use waybill_core::place::Location;
use waybill_core::privacy::Pii;
use waybill_core::shipment::Facts;
use waybill_core::time::{Clues, Precision, Stated, resolve};

use crate::support::*;

/// What can happen: the precise code, the one of a coarse source, and words in two languages.
const STEPS: [(E, E, &str, &str); 8] = [
    (E::ACCEPTED, E::PICKED_UP, "已收寄", "Accepted"),
    (E::ARRIVED_AT_FACILITY, E::IN_TRANSIT, "到达", "Arrived"),
    (E::SORTED, E::IN_TRANSIT, "分拣", "Sorted"),
    (E::DEPARTED_FACILITY, E::IN_TRANSIT, "离开", "Left"),
    (
        E::EXPORT_CUSTOMS_PRESENTED,
        E::CUSTOMS_PROCESSING,
        "送交海关",
        "To customs",
    ),
    (
        E::EXPORT_CUSTOMS_RELEASED,
        E::CUSTOMS_RELEASED,
        "海关放行",
        "Released",
    ),
    (
        E::OUT_FOR_DELIVERY,
        E::OUT_FOR_DELIVERY,
        "派送",
        "Out for delivery",
    ),
    (E::DELIVERED_SIGNED, E::DELIVERED, "签收", "Delivered"),
];
const TOWNS: [(&str, &str); 3] = [
    ("深圳", "Shenzhen"),
    ("广州市", "Guangzhou"),
    ("长沙", "Changsha"),
];

/// How a source tells what happened.
#[derive(Clone, Copy, Debug)]
struct Manner {
    coarse: bool,
    translated: bool,
    cuts_seconds: bool,
    /// States no offset; without a place nobody can know it then.
    local: bool,
    /// 0: town, 1: country, 2: none.
    place: u8,
    /// Bits of the steps that it leaves out.
    leaves_out: u32,
}

prop_compose! {
    fn manner()(
        coarse in any::<bool>(),
        translated in any::<bool>(),
        cuts_seconds in any::<bool>(),
        local in any::<bool>(),
        place in 0_u8..3,
        leaves_out in prop_oneof![Just(0), any::<u32>().prop_map(|bits| bits & (bits >> 7))],
    ) -> Manner {
        Manner { coarse, translated, cuts_seconds, local, place, leaves_out }
    }
}

/// The scan at this position of the journey as the source tells it.
fn told(at: usize, step: usize, town: usize, when: Timestamp, manner: Manner) -> Claim {
    let (precise, coarse, chinese, english) = STEPS[step];
    let local = tz::Offset::constant(8).to_datetime(when);
    let local = if manner.cuts_seconds {
        local - SignedDuration::from_secs(i64::from(local.second()))
    } else {
        local
    };
    let (here, there) = TOWNS[town];
    let place = (manner.place < 2).then(|| Location {
        country: "CN".to_owned(),
        locality: match (manner.place, manner.translated) {
            (0, false) => here.to_owned(),
            (0, true) => there.to_owned(),
            _ => String::new(),
        },
        ..Location::default()
    });
    let clues = Clues {
        country: place.as_ref().map(|_| "CN"),
        ..Clues::default()
    };
    let raw = local.to_string();
    let offset = (!manner.local).then_some(8 * 3_600);
    let stated = Stated {
        local,
        precision: Precision::Second,
        offset,
        raw: &raw,
    };
    Claim {
        native_id: format!("scan {at}"),
        native_text: Pii::new(if manner.translated { english } else { chinese }.to_owned()),
        location: place,
        ..claim(
            if manner.coarse { coarse } else { precise },
            resolve(stated, clues),
        )
    }
}

proptest! {
    #[test]
    fn a_scan_is_one_event_however_it_is_told(
        journey in vec((0..STEPS.len(), 0..TOWNS.len(), 1_i64..40), 1..20),
        manners in vec(manner(), 4),
        heard in vec(0_i64..3, 4),
    ) {
        let mut when = ts("2026-03-02T02:10:11Z");
        let mut scans = Vec::new();
        for (step, town, pause) in journey {
            // No two scans are a whole number of quarters of an hour apart.
            when += SignedDuration::from_secs(900 * pause + 37);
            scans.push((step, town, when));
        }
        let mut dossier = dossier();
        let names = ["acme", "relay", "second", "third"];
        for ((name, manner), day_heard) in names.into_iter().zip(&manners).zip(heard) {
            let rows = scans.iter().enumerate().filter(|(at, _)| manner.leaves_out >> at & 1 == 0);
            let claims = rows.map(|(at, (step, town, when))| {
                Arc::new(told(at, *step, *town, *when, *manner))
            });
            let mut report = report(Vec::new(), Facts::default());
            report.claims = claims.collect();
            let class = if name == "acme" {
                SourceClass::Custodian
            } else {
                SourceClass::Aggregator
            };
            dossier.absorb(name, class, &report, day(100 + day_heard));
        }
        let record = dossier.record();
        let mut told: Vec<&str> = Vec::new();
        for event in &record.events {
            let scan = &event.said.claim.native_id;
            let others = event.also.iter().map(|one| &one.claim.native_id);
            prop_assert!(others.into_iter().all(|other| other == scan), "merged with {scan}");
            prop_assert!(!told.contains(&&**scan), "{scan} is two events");
            told.push(scan);
            let at: usize = scan["scan ".len()..].parse().unwrap();
            let seconds = event.time().instant.map(|instant| scans[at].2.duration_since(instant));
            prop_assert!(seconds.is_none_or(|late| (0..60).contains(&late.as_secs())));
        }
    }
}
