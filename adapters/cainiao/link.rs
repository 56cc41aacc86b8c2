//! What LINK says: the answers of its two tracking APIs, and the push of traces.

use waybill_core::code::EventCode;
use waybill_core::error::Error;
use waybill_core::number::TrackingNumber;
use waybill_core::place::{Facility, FacilityKind, Location};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Facts, IdentifierKind, Physical, Requirements};

use super::map::{Asked, Entry, Reader, Row, Rows, first, malformed, newest, report};
use super::meaning::{self, Said};
use super::place::{self, cut};
use super::wire::{Node, Overseas, Package, Pushed, Station};
use super::{clock, facts, fault};

/// Most numbers that one push is taken to be about.
const PUSHED: usize = 100;
/// Events of a push at most; those of a list are repeated for each of its numbers.
const EVENTS: usize = 2_000;

impl Reader {
    /// CROSSBORDER_LOGISTICS_DETAIL_QUERY. The nodes are the legs of one order; each names the
    /// number under which, and the partner with whom, it travels.
    pub(super) fn cross_border(
        &self,
        nodes: &[Node<'_>],
        order: &str,
        asked: Asked<'_>,
    ) -> Result<Entry, Error> {
        let (number, doubt) = match TrackingNumber::parse(order) {
            Ok(number) => (number, None),
            Err(_) => asked.number()?,
        };
        if nodes.is_empty() {
            return Ok(Entry {
                number,
                answer: Err(fault::not_found("number not found")),
            });
        }
        let mut doubts: Vec<String> = doubt.into_iter().collect();
        let mut numbers = facts::Numbers::of(&number);
        let mut rows = Rows::default();
        for node in nodes {
            let codes = || {
                node.partner_list
                    .iter()
                    .map(|partner| &partner.partner_code)
            };
            let partner = codes().find_map(|code| {
                let carrier = facts::carrier(&[code]);
                (!carrier.is_empty()).then_some(carrier)
            });
            let partner = partner.unwrap_or_default();
            numbers.add(IdentifierKind::LastMile, &node.mail_no, partner);
            for transit in &node.transit_list {
                let code = meaning::normal(&transit.action);
                let said = Said {
                    code: &code,
                    text: transit.desc.trim(),
                    ..Said::default()
                };
                rows.add(Row {
                    code: &transit.action,
                    reason: "",
                    text: &transit.desc,
                    meaning: meaning::of(self.codes, said),
                    time: clock::zoned(&transit.time, transit.time_zone.trim()),
                    location: None,
                    carrier: partner,
                });
            }
        }
        let claims = rows.in_order(&mut doubts);
        let facts = Facts {
            identifiers: numbers.into_found(),
            doubts,
            ..Facts::default()
        };
        Ok(Entry {
            answer: Ok(report(number.clone(), "und", claims, facts)),
            number,
        })
    }

    /// CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING.
    pub(super) fn overseas(
        &self,
        rows: &[Overseas<'_>],
        package: &Package<'_>,
        station: &Station<'_>,
        asked: Asked<'_>,
    ) -> Result<Entry, Error> {
        let named = std::iter::once(&package.tracking_number)
            .chain(rows.iter().map(|row| &row.mail_no))
            .find_map(|number| TrackingNumber::parse(number).ok());
        let (number, doubt) = match (named, asked) {
            // The number of the package may be another one of the parcel that was asked for.
            (_, Asked::Number(number)) if rows.iter().any(|row| of(row, number)) => {
                (number.clone(), None)
            }
            (Some(named), _) => (named, None),
            (None, _) => asked.number()?,
        };
        if rows.is_empty() && package.tracking_number.trim().is_empty() {
            return Ok(Entry {
                number,
                answer: Err(fault::not_found("number not found")),
            });
        }
        let mut doubts: Vec<String> = doubt.into_iter().collect();
        let mut numbers = facts::Numbers::of(&number);
        numbers.add(IdentifierKind::Carrier, &package.tracking_number, "");
        let mut found = Rows::default();
        for row in rows {
            let code = meaning::normal(&row.action_code);
            let text = first(&[&row.description, &row.status_name]);
            let said = Said {
                code: &code,
                group: &row.status_group,
                text,
                ..Said::default()
            };
            found.add(Row {
                code: first(&[&row.action_code, &row.status_group]),
                reason: "",
                text,
                meaning: meaning::of(self.codes, said),
                time: clock::with_suffix(&row.datetime),
                location: None,
                carrier: "",
            });
        }
        let claims = found.newest_first(&mut doubts);
        let waits =
            newest(&claims).is_some_and(|claim| claim.code == EventCode::AVAILABLE_FOR_PICKUP);
        let pickup_place = pickup_place(station).filter(|_| waits);
        let facts = Facts {
            destination: destination(package).map(Box::new),
            identifiers: numbers.into_found(),
            physical: Physical {
                weight_grams: grams(package),
                ..Physical::default()
            },
            requirements: pickup_place
                .map(|place| Requirements {
                    pickup_place: Some(place),
                    ..Requirements::default()
                })
                .map(Box::new),
            doubts,
            ..Facts::default()
        };
        Ok(Entry {
            answer: Ok(report(number.clone(), &self.language, claims, facts)),
            number,
        })
    }

    /// TRACEPUSH. It holds what is new, not all that is known.
    pub(super) fn pushed(&self, lists: &[Pushed<'_>]) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let mut events = 0;
        for list in lists {
            let separators = [',', ';', '，', '；', ' ', '\n'];
            let texts = list.mail_nos.iter();
            let numbers: Vec<TrackingNumber> = texts
                .flat_map(|text| text.split(separators))
                .filter_map(|number| TrackingNumber::parse(number).ok())
                .take(PUSHED + 1)
                .collect();
            if numbers.is_empty() {
                return Err(malformed("tracesList.mailNos: no tracking number"));
            }
            let traces = list.traces.as_ref().map_or(0, Vec::len);
            events += numbers.len() * traces;
            if entries.len() + numbers.len() > PUSHED || events > EVENTS {
                return Err(malformed("tracesList.mailNos: too many numbers"));
            }
            for number in numbers {
                entries.push(self.push_of(number, list)?);
            }
        }
        if entries.is_empty() {
            return Err(malformed("tracesList is empty"));
        }
        Ok(entries)
    }

    fn push_of(&self, number: TrackingNumber, list: &Pushed<'_>) -> Result<Entry, Error> {
        let Some(traces) = &list.traces else {
            return Err(malformed("tracesList.traces: no list of objects"));
        };
        let mut numbers = facts::Numbers::of(&number);
        let order = list.order.trim();
        match order.starts_with("LP") {
            true => numbers.add(IdentifierKind::Carrier, order, super::DESCRIPTOR.carrier),
            false => numbers.order(order),
        }
        let provider = facts::carrier(&[&list.provider]);
        let mut rows = Rows::default();
        for trace in traces {
            let code = meaning::normal(&trace.action);
            let said = Said {
                code: &code,
                text: trace.desc.trim(),
                ..Said::default()
            };
            rows.add(Row {
                code: &trace.action,
                reason: "",
                text: &trace.desc,
                meaning: meaning::of(self.codes, said),
                time: clock::zoned(&trace.time, trace.tz.trim()),
                location: place::facility(trace),
                carrier: provider,
            });
            let next = facts::carrier(&[&trace.next_tp_code]);
            numbers.add(IdentifierKind::LastMile, &trace.next_mail_no, next);
        }
        let mut doubts = Vec::new();
        let claims = rows.in_order(&mut doubts);
        let facts = Facts {
            identifiers: numbers.into_found(),
            doubts,
            ..Facts::default()
        };
        let mut report = report(number.clone(), "und", claims, facts);
        report.complete = false;
        Ok(Entry {
            number,
            answer: Ok(report),
        })
    }
}

fn of(row: &Overseas<'_>, number: &TrackingNumber) -> bool {
    TrackingNumber::parse(&row.mail_no).is_ok_and(|named| named == *number)
}

/// The town of the recipient, without a country: the answer gives none.
fn destination(package: &Package<'_>) -> Option<Location> {
    let place = Location {
        locality: cut(package.to_city.trim(), 100),
        postal_code: Pii::new(cut(package.to_zipcode.trim(), 20)),
        ..Location::default()
    };
    (!place.is_empty()).then_some(place)
}

fn pickup_place(station: &Station<'_>) -> Option<Location> {
    let (name, address) = (station.station_name.trim(), station.detail_address.trim());
    if name.is_empty() && address.is_empty() {
        return None;
    }
    Some(Location {
        facility: Some(Facility {
            name: cut(name, 100),
            kind: FacilityKind::CollectionPoint,
            ..Facility::default()
        }),
        raw: Pii::new(cut(address, 200)),
        ..Location::default()
    })
}

/// The weight, where it states its unit; zero is unknown.
fn grams(package: &Package<'_>) -> Option<u32> {
    let weight = &package.dim_weight;
    let unit = match weight.weight_unit.trim() {
        "g" | "G" => 1.0,
        "kg" | "KG" => 1_000.0,
        _ => return None,
    };
    let value = (weight.weight.trim().parse::<f64>().ok()? * unit).round();
    // The range is checked, so the cast loses nothing.
    (1.0..f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}
