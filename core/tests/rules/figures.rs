//! Key figures: what a record adds, what a correction takes back, and how they are kept and asked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::date;
use waybill_core::code::EventCode as E;
use waybill_core::event::{Claim, SourceClass};
use waybill_core::kpi::figures::Figures;
use waybill_core::kpi::query::{Gathering, Query, Refusal, Row};
use waybill_core::kpi::{Change, Dimension, Journey, Metric, Sample, announced, changes, kept};
use waybill_core::overlay::Promise;
use waybill_core::place::{CodeSystem, Facility, Location};
use waybill_core::reconcile::Dossier;
use waybill_core::shipment::{EstimateKind, Facts, Shipment};
use waybill_core::time::EventTime;

use crate::support::*;

pub(crate) const ROOMY: usize = 256 << 20;

pub(crate) fn question(metric: Metric, group_by: &[Dimension]) -> Query {
    Query {
        tenant: "shop".to_owned(),
        metrics: vec![metric],
        from: date(2026, 1, 1),
        until: date(2026, 12, 31),
        group_by: group_by.to_vec(),
        period: None,
        filters: Vec::new(),
        least_count: 0,
        worst: 0,
    }
}

pub(crate) fn answer(figures: &Figures, query: Query) -> Result<Vec<Row>, Refusal> {
    query.check()?;
    let mut gathering = Gathering::new(query, figures);
    for day in gathering.days() {
        gathering.gather(figures, day)?;
    }
    gathering.rows(figures)
}

/// Count and value of the one row without groups; nothing if there is no sample.
fn total(figures: &Figures, metric: Metric) -> Option<(u64, f64)> {
    let rows = answer(figures, question(metric, &[])).unwrap();
    assert!(rows.len() < 2);
    rows.first().map(|row| (row.count, row.value))
}

pub(crate) fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 0.01 * expected
}

/// A shipment that is told of bit by bit, and the figures that follow it.
struct Told {
    figures: Figures,
    dossier: Dossier,
    last: Option<(Dossier, Shipment)>,
}

impl Told {
    fn new() -> Self {
        Self {
            figures: Figures::new(ROOMY),
            dossier: dossier(),
            last: None,
        }
    }

    /// Takes a report, and returns how many samples came and went.
    fn report(&mut self, claims: Vec<Claim>, facts: Facts, now: Timestamp) -> (usize, usize) {
        let report = report(claims, facts);
        self.dossier
            .absorb("acme", SourceClass::Custodian, &report, now);
        self.follow(now)
    }

    fn follow(&mut self, now: Timestamp) -> (usize, usize) {
        let record = at(&self.dossier.record(), now);
        let old = self.last.as_ref();
        let old = old.map(|(dossier, record)| Journey::new(record, announced(&dossier.facts)));
        let new = Journey::new(&record, announced(&self.dossier.facts));
        let mut counts = (0, 0);
        for (sample, change) in changes(old.as_ref(), &new) {
            match change {
                Change::Add => counts.0 += 1,
                Change::Take => counts.1 += 1,
            }
            self.figures.count(&sample, change, now);
        }
        self.last = Some((self.dossier.clone(), record));
        counts
    }
}

fn scan(code: E, number: i64, hub: &str) -> Claim {
    let facility = Facility {
        code: hub.to_owned(),
        system: CodeSystem::Iata,
        ..Facility::default()
    };
    Claim {
        location: Some(Location {
            country: "US".to_owned(),
            facility: Some(facility),
            ..Location::default()
        }),
        ..claim(code, known(day(number)))
    }
}

/// Two hubs, delivered on the ninth day.
fn journey() -> Vec<Claim> {
    vec![
        claim(E::LABEL_CREATED, known(day(0))),
        scan(E::PICKED_UP, 1, "AAA"),
        scan(E::ARRIVED_AT_FACILITY, 2, "AAA"),
        scan(E::DEPARTED_FACILITY, 3, "AAA"),
        scan(E::ARRIVED_AT_FACILITY, 6, "BBB"),
        scan(E::OUT_FOR_DELIVERY, 8, "BBB"),
        claim(E::DELIVERED, known(day(9))),
    ]
}

fn facts() -> Facts {
    Facts {
        service: "Express".to_owned(),
        estimates: vec![estimate(EstimateKind::CarrierForecast, day(10))],
        ..lane("CN", "US")
    }
}

const DAY: f64 = 86_400.0;

#[test]
fn a_delivered_shipment_counts_once_in_each_figure() {
    let mut told = Told::new();
    told.report(journey()[..2].to_vec(), facts(), day(1));
    told.report(journey(), facts(), day(9) + hours(1));
    let figures = &told.figures;
    let transit = total(figures, Metric::TransitTime).unwrap();
    assert!(transit.0 == 1 && near(transit.1, 8.0 * DAY), "{transit:?}");
    let by = [Dimension::Carrier, Dimension::Service, Dimension::Lane];
    let rows = answer(figures, question(Metric::TransitTime, &by)).unwrap();
    assert_eq!(rows[0].group, ["acme", "Express", "CN-US"]);
    let stays = answer(figures, question(Metric::HubDwell, &[Dimension::Hub])).unwrap();
    let stays: Vec<_> = stays
        .iter()
        .map(|row| (&*row.group[0], row.count))
        .collect();
    assert_eq!(stays, [("iata:AAA", 1), ("iata:BBB", 1)]);
    let legs = answer(figures, question(Metric::LegTime, &[Dimension::Leg])).unwrap();
    assert_eq!(legs[0].group, ["iata:AAA>iata:BBB"]);
    assert!(near(legs[0].value, 3.0 * DAY));
    assert_eq!(total(figures, Metric::OnTimeToEstimate), Some((1, 1.0)));
    assert_eq!(
        total(figures, Metric::ExceptionRate).map(|all| all.0),
        Some(1)
    );
    assert_eq!(total(figures, Metric::MisrouteRate), Some((1, 0.0)));
    assert_eq!(total(figures, Metric::DetourRate), Some((1, 0.0)));
    // Of the five events of the second report; what the first one told was perhaps known for long.
    assert_eq!(
        total(figures, Metric::FeedLatency).map(|all| all.0),
        Some(5)
    );
    // Five gaps between six events with the item under way, in eight days.
    assert_eq!(total(figures, Metric::Silence).map(|all| all.0), Some(5));
    let frequency = total(figures, Metric::UpdateFrequency).unwrap();
    assert!(near(frequency.1, 6.0 / 8.0), "{frequency:?}");
}

#[test]
fn hearing_the_same_again_adds_nothing() {
    let mut told = Told::new();
    told.report(journey(), facts(), day(10));
    for number in 11..14 {
        assert_eq!(told.report(journey(), facts(), day(number)), (0, 0));
    }
}

#[test]
fn a_withdrawn_delivery_is_taken_back_and_the_right_one_counts() {
    let mut told = Told::new();
    told.report(journey(), facts(), day(10));
    let mut claims = journey();
    claims[6].retracted = true;
    told.report(claims.clone(), facts(), day(11));
    assert_eq!(total(&told.figures, Metric::TransitTime), None);
    assert_eq!(total(&told.figures, Metric::OnTimeToEstimate), None);
    assert!(
        total(&told.figures, Metric::HubDwell).is_some(),
        "the stays stay"
    );
    claims.push(claim(E::DELIVERED, known(day(12))));
    told.report(claims, facts(), day(13));
    let transit = total(&told.figures, Metric::TransitTime).unwrap();
    assert!(transit.0 == 1 && near(transit.1, 11.0 * DAY), "{transit:?}");
    assert_eq!(
        total(&told.figures, Metric::OnTimeToEstimate),
        Some((1, 0.0))
    );
}

#[test]
fn what_is_learned_later_moves_the_samples_to_their_group() {
    let mut told = Told::new();
    told.report(journey(), Facts::default(), day(10));
    let by_lane = || question(Metric::HubDwell, &[Dimension::Lane]);
    let rows = answer(&told.figures, by_lane()).unwrap();
    assert_eq!((rows[0].group[0].as_str(), rows[0].count), ("", 2));
    told.report(journey(), facts(), day(11));
    let rows = answer(&told.figures, by_lane()).unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].group[0].as_str(), rows[0].count), ("CN-US", 2));
}

#[test]
fn figures_do_not_depend_on_how_the_news_came() {
    let whole = {
        let mut told = Told::new();
        told.report(journey()[..1].to_vec(), facts(), day(1));
        told.report(journey(), facts(), day(20));
        told
    };
    // In every order of two halves.
    for cut in 0_u32..1 << 6 {
        let part = |inside: bool| {
            let all = journey().into_iter().skip(1).zip(0..);
            let part = all.filter(|(_, at)| (cut >> at & 1 == 1) == inside);
            part.map(|(claim, _)| claim).collect::<Vec<_>>()
        };
        let mut told = Told::new();
        told.report(journey()[..1].to_vec(), facts(), day(1));
        told.report(part(true), facts(), day(20));
        told.report(part(false), facts(), day(20));
        for (metric, _, dimensions) in Metric::ALL {
            let of = |told: &Told| answer(&told.figures, question(metric, dimensions));
            assert_eq!(of(&told), of(&whole), "{metric:?} with {cut:b}");
        }
    }
}

#[test]
fn a_promise_is_judged_as_far_as_the_clock_of_the_delivery_goes() {
    let share = |record: &Shipment, end: Timestamp| {
        let promise = Promise {
            start: Some(day(0)),
            end: Some(end),
        };
        let sample = kept(record, &promise, "CN-US", "shop");
        sample.map(|sample| sample.value)
    };
    let delivered = record(journey());
    let moment = jiff::SignedDuration::from_nanos(1);
    assert_eq!(share(&delivered, day(9) + moment), Some(1.0));
    assert_eq!(share(&delivered, day(9)), Some(0.0), "the end is too late");
    let mut claims = journey();
    claims[6].time = unknown("2026-03-10T12:00:00");
    let somewhere = record(claims);
    let time = delivery_of(&somewhere);
    assert_eq!(share(&somewhere, time.latest + moment), Some(1.0));
    assert_eq!(share(&somewhere, time.earliest), Some(0.0));
    assert_eq!(share(&somewhere, time.anchor()), None, "it can be either");
    let open = Promise {
        start: Some(day(0)),
        end: None,
    };
    assert!(kept(&delivered, &open, "", "shop").is_none());
    let under_way = record(journey()[..6].to_vec());
    assert_eq!(share(&under_way, day(30)), None);
}

fn delivery_of(record: &Shipment) -> &EventTime {
    let last = record.events.iter().find(|one| one.code == E::DELIVERED);
    last.unwrap().time()
}

#[test]
fn what_is_a_tenants_own_is_counted_for_nobody_else() {
    let mut figures = Figures::new(ROOMY);
    let mut give = |metric, tenant, value| {
        let sample = Sample {
            tenant,
            ..sample(metric, "acme", "", value)
        };
        figures.count(&sample, Change::Add, day(6));
    };
    give(Metric::OnTimeToPromise, "shop", 1.0);
    give(Metric::OnTimeToPromise, "shop", 0.0);
    give(Metric::OnTimeToPromise, "rival", 0.0);
    give(Metric::TimeToResolve, "rival", 60.0);
    give(Metric::TransitTime, "", 60.0);
    let of = |figures: &Figures, tenant: &str, metric| {
        let question = Query {
            tenant: tenant.to_owned(),
            ..question(metric, &[])
        };
        let rows = answer(figures, question).unwrap();
        rows.first().map_or(0, |row| row.count)
    };
    let check = |figures: &Figures| {
        for (tenant, metric, count) in [
            ("shop", Metric::OnTimeToPromise, 2),
            ("rival", Metric::OnTimeToPromise, 1),
            ("stranger", Metric::OnTimeToPromise, 0),
            ("", Metric::OnTimeToPromise, 0),
            ("other", Metric::OnTimeToPromise, 0),
            ("shop", Metric::TimeToResolve, 0),
            ("rival", Metric::TimeToResolve, 1),
            ("shop", Metric::TransitTime, 1),
            ("stranger", Metric::TransitTime, 1),
        ] {
            assert_eq!(of(figures, tenant, metric), count, "{tenant} {metric:?}");
        }
    };
    check(&figures);
    // Nor when the day becomes coarse, nor from an image.
    let day_number = figures.new_days()[0];
    let image = figures.image(day_number).unwrap();
    let mut again = Figures::new(ROOMY);
    again.merge(&image);
    check(&again);
    let mut small = Figures::new(1);
    small.merge(&image);
    check(&small);
}

#[test]
fn a_forecast_that_comes_with_the_delivery_foretells_nothing() {
    let mut told = Told::new();
    told.report(journey(), facts(), day(10));
    assert_eq!(total(&told.figures, Metric::OnTimeToEstimate), None);
    let mut told = Told::new();
    told.report(journey()[..2].to_vec(), facts(), day(1));
    // The carrier moves its forecast to the day of delivery; the first one counts.
    let late = Facts {
        estimates: vec![estimate(EstimateKind::CarrierForecast, day(30))],
        ..facts()
    };
    let mut claims = journey();
    claims[6] = claim(E::DELIVERED, known(day(11)));
    told.report(claims, late, day(12));
    assert_eq!(
        total(&told.figures, Metric::OnTimeToEstimate),
        Some((1, 0.0))
    );
}

#[test]
fn a_way_back_to_a_hub_is_a_detour_and_a_misroute_is_told_by_the_carrier() {
    let mut claims = journey();
    claims.insert(5, scan(E::MISROUTED, 7, "AAA"));
    let mut back = scan(E::ARRIVED_AT_FACILITY, 7, "BBB");
    back.time = known(day(7) + hours(12));
    claims.insert(6, back);
    let mut told = Told::new();
    told.report(claims, facts(), day(10));
    assert_eq!(total(&told.figures, Metric::DetourRate), Some((1, 1.0)));
    assert_eq!(total(&told.figures, Metric::MisrouteRate), Some((1, 1.0)));
    let by = [Dimension::Category];
    let exceptions = answer(&told.figures, question(Metric::ExceptionTime, &by)).unwrap();
    assert!(exceptions.iter().any(|row| row.group == ["ROUTING"]));
}

#[test]
fn a_source_is_measured_against_all_milestones_that_were_passed() {
    let mut told = Told::new();
    told.report(journey(), facts(), day(10));
    let all = total(&told.figures, Metric::Completeness).unwrap();
    let poor = report(vec![claim(E::DELIVERED, known(day(9)))], Facts::default());
    let class = SourceClass::Aggregator;
    told.dossier.absorb("other-source", class, &poor, day(10));
    told.follow(day(11));
    let rows = answer(
        &told.figures,
        question(Metric::Completeness, &[Dimension::Source]),
    );
    let shares: BTreeMap<String, f64> = rows
        .unwrap()
        .into_iter()
        .map(|row| (row.group[0].clone(), row.value))
        .collect();
    assert!(near(shares["acme"], all.1), "{shares:?} {all:?}");
    assert!(
        shares["other-source"] < 0.3 && shares["other-source"] > 0.0,
        "{shares:?}"
    );
}

#[test]
fn what_never_began_does_not_count_as_ended() {
    let mut told = Told::new();
    told.report(days(&[E::LABEL_CREATED, E::CANCELLED]), facts(), day(10));
    assert_eq!(told.figures.cells(), 0);
}

pub(crate) fn sample(
    metric: Metric,
    carrier: &'static str,
    last: &str,
    value: f64,
) -> Sample<'static> {
    Sample {
        metric,
        carrier,
        service: "",
        lane: "",
        last: last.to_owned().into(),
        tenant: "",
        value,
        time: day(5),
    }
}
