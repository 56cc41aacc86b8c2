//! Two places too far apart for the time between them.
//!
//! Only scans with the item in hand, in a city or facility that is known for certain, are
//! compared, and every doubt speaks for the source: the nearest that the two places can be, and the
//! longest that the time between them can have been. A clock whose zone is unknown can lie anywhere
//! in its bounds, which is longer than any flight, so it accuses nobody.

use jiff::Timestamp;

use crate::event::{Digest, SourceClass, Standing};
use crate::fold::{Objection, Row, is_future};
use crate::gazetteer::{self, Area};
use crate::leg::Chain;
use crate::place::{Location, Resolution};
use crate::rule::is_movement;
use crate::time::Basis;

/// No freight flies faster, in km per hour.
const SPEED: f64 = 1_000.0;
/// Hours that scanning may lag behind handling, or run ahead of it.
const HANDLING: f64 = 2.0;
/// Nanoseconds of an hour.
const HOUR: f64 = 3.6e12;

/// A pair of events that cannot both be as told.
pub(crate) struct Impossible {
    /// Their ids, in the order of the journey.
    pub(crate) ids: [Digest; 2],
    /// Source of the one that does not count. If both are equally trusted, both count, and it is
    /// their source, or empty if they have two.
    pub(crate) source: String,
    /// The least distance of their places.
    pub(crate) km: f64,
    /// The longest time between them.
    pub(crate) hours: f64,
}

/// A row that says for certain where the item was.
struct Seen {
    at: usize,
    area: Area,
    earliest: Timestamp,
    latest: Timestamp,
    /// Class of its best report, and of the worse of those that know its time and place.
    best: SourceClass,
    known_by: SourceClass,
}

/// Compares each row with the one before it, and disputes the less trusted one of a pair that
/// cannot be. The rows are in order.
pub(crate) fn object(rows: &mut [Row<'_>], chain: &Chain<'_>) -> Vec<Impossible> {
    let mut found = Vec::new();
    // One place alone is near itself, and most journeys of a day have few.
    let mut areas: Vec<(&Location, Option<Area>)> = Vec::new();
    let mut way: Vec<Seen> = Vec::new();
    for at in 0..rows.len() {
        let Some(next) = seen(at, &rows[at], chain, &mut areas) else {
            continue;
        };
        let mut counts = true;
        while let Some(before) = way.last() {
            let Some((km, hours)) = apart(before, &next) else {
                break;
            };
            let accused = if next.best > before.known_by {
                Some(next.at)
            } else if before.best > next.known_by {
                Some(before.at)
            } else {
                None
            };
            let [one, two] = [before.at, next.at].map(|at| &*rows[at].lead.source);
            let source = match accused {
                Some(at) => &*rows[at].lead.source,
                None if one == two => one,
                None => "",
            };
            found.push(Impossible {
                ids: [rows[before.at].id, rows[next.at].id],
                source: source.to_owned(),
                km,
                hours,
            });
            let Some(accused) = accused else { break };
            rows[accused].standing = Standing::Disputed;
            rows[accused].objection = Some(Objection::Travel);
            if accused == next.at {
                counts = false;
                break;
            }
            way.pop();
        }
        if counts {
            way.push(next);
        }
    }
    found
}

fn seen<'a>(
    at: usize,
    row: &Row<'a>,
    chain: &Chain<'_>,
    areas: &mut Vec<(&'a Location, Option<Area>)>,
) -> Option<Seen> {
    let time = row.time();
    let in_hand = row.standing == Standing::Accepted && row.is_actual() && is_movement(row.code);
    // What a source does by convention it may not have done here.
    let clock_known = time.basis != Basis::SourceConvention && !row.zone_mistaken;
    let place = row.place().filter(|_| in_hand && clock_known)?;
    let area = match areas.iter().find(|(known, _)| *known == place) {
        Some((_, area)) => *area,
        None => {
            let area = gazetteer::resolve(place).area;
            let area = area.filter(|area| area.level >= Resolution::Locality);
            areas.push((place, area));
            area
        }
    }?;
    if is_future(row) {
        return None;
    }
    let trust = |one| chain.trust(one, row.anchor);
    Some(Seen {
        at,
        area,
        earliest: time.earliest,
        latest: time.latest,
        best: trust(row.lead),
        known_by: trust(row.time_report()).max(trust(row.place_report())),
    })
}

/// Distance in km and time in hours between two scans, if nothing travels that fast. Which of the
/// two came first may be as uncertain as when.
fn apart(one: &Seen, two: &Seen) -> Option<(f64, f64)> {
    if one.area == two.area {
        return None;
    }
    let forth = two.latest.duration_since(one.earliest);
    let back = one.latest.duration_since(two.earliest);
    let hours = forth.max(back).as_nanos() as f64 / HOUR;
    let km = gazetteer::distance_km(&one.area, &two.area);
    (km > (hours.max(0.0) + HANDLING) * SPEED).then_some((km, hours))
}
