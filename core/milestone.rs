//! Milestones: which ones lie on the route, which are reached, and what comes next.
//!
//! The route is the carrier's, not ours: a milestone that need not happen is not on it until it
//! does. Knows nothing of the clock.

use crate::code::EventCode;
use crate::fold::{Folded, Row};
use crate::shipment::{Estimate, MilestoneProgress, NextStep};
use crate::status::{Milestone, Status};

/// Every milestone in the order of a journey out and back.
const JOURNEY: [Milestone; 12] = [
    Milestone::InfoReceived,
    Milestone::PickedUp,
    Milestone::InTransit,
    Milestone::AtFacility,
    Milestone::DepartedOrigin,
    Milestone::ArrivedDestination,
    Milestone::CustomsCleared,
    Milestone::OutForDelivery,
    Milestone::AvailableForPickup,
    Milestone::Delivered,
    Milestone::Returning,
    Milestone::Returned,
];

/// Countries between which goods pass without customs: the customs union of the European Union
/// and Monaco (Regulation (EU) No 952/2013, article 4).
const CUSTOMS_UNION: [&str; 28] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MC", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Finds the milestones of the route in order. Countries are empty if unknown.
pub(crate) fn milestones(
    folded: &Folded<'_>,
    origin: &str,
    destination: &str,
    pickup_known: bool,
) -> Vec<MilestoneProgress> {
    let domestic = !origin.is_empty() && origin == destination;
    let abroad = !origin.is_empty() && !destination.is_empty() && !domestic;
    let mut reached: [Option<&Row<'_>>; JOURNEY.len()] = [None; JOURNEY.len()];
    for row in folded.counting() {
        let Some(milestone) = reached_by(row, domestic) else {
            continue;
        };
        let slot = &mut reached[milestone as usize];
        if slot.is_none() || milestone == Milestone::AtFacility {
            *slot = Some(row);
        }
    }
    let seen = |milestone: Milestone| reached[milestone as usize].is_some();
    let union = CUSTOMS_UNION.contains(&origin) && CUSTOMS_UNION.contains(&destination);
    let going_back = seen(Milestone::Returning) || seen(Milestone::Returned);
    let furthest_out = JOURNEY[..Milestone::Delivered as usize]
        .iter()
        .rposition(|&milestone| seen(milestone));
    let on_route = |milestone: Milestone| {
        seen(milestone)
            || match milestone {
                Milestone::Returning | Milestone::Returned => going_back,
                // A journey that turned round passes nothing further on.
                _ if going_back && furthest_out.is_none_or(|last| milestone as usize > last) => {
                    seen(Milestone::Delivered) && is_certain(milestone)
                }
                Milestone::DepartedOrigin | Milestone::ArrivedDestination => abroad,
                Milestone::CustomsCleared => abroad && !union,
                Milestone::OutForDelivery => !seen(Milestone::AvailableForPickup),
                Milestone::AvailableForPickup => pickup_known,
                _ => true,
            }
    };
    let passed = |milestone: Milestone| {
        JOURNEY[milestone as usize + 1..].iter().any(|&later| {
            // The first facility is often where the item was handed in: no movement yet.
            seen(later) && !(later == Milestone::AtFacility && milestone == Milestone::InTransit)
        })
    };
    JOURNEY
        .into_iter()
        .filter(|&milestone| on_route(milestone))
        .map(|milestone| {
            let row = reached[milestone as usize];
            MilestoneProgress {
                milestone,
                time: row.map(|row| row.time().clone()),
                location: row.and_then(|row| row.place().cloned()),
                event: row.map(|row| row.id),
                inferred: row.is_none() && passed(milestone),
            }
        })
        .collect()
}

/// Milestones without which nothing is delivered.
const fn is_certain(milestone: Milestone) -> bool {
    matches!(
        milestone,
        Milestone::InfoReceived
            | Milestone::PickedUp
            | Milestone::InTransit
            | Milestone::AtFacility
            | Milestone::OutForDelivery
    )
}

fn reached_by(row: &Row<'_>, domestic: bool) -> Option<Milestone> {
    let own = row.code.info().and_then(|info| info.milestone);
    match row.effect {
        Some(Status::Returning) if row.way_back => {
            own.filter(|milestone| *milestone == Milestone::AtFacility)
        }
        Some(Status::Returning) => Some(Milestone::Returning),
        // A flight within one country leaves no origin country.
        _ if domestic
            && matches!(
                row.code,
                EventCode::TRANSPORT_DEPARTED | EventCode::TRANSPORT_ARRIVED
            ) =>
        {
            Some(Milestone::InTransit)
        }
        _ => own,
    }
}

/// Names what should come next; nothing once the journey is over.
pub(crate) fn next_step(
    milestones: &[MilestoneProgress],
    status: Status,
    best: Option<&Estimate>,
) -> Option<NextStep> {
    if status.is_terminal() {
        return None;
    }
    let next = milestones
        .iter()
        .find(|one| !one.is_reached())
        .map(|one| one.milestone)?;
    let forecast = matches!(next, Milestone::OutForDelivery | Milestone::Delivered);
    Some(NextStep {
        milestone: next,
        window: best
            .filter(|_| forecast)
            .map(|estimate| estimate.window.clone()),
    })
}
