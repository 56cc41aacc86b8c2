//! What USPS states about an item beside its events.

use jiff::Timestamp;
use waybill_core::code::EventCode;
use waybill_core::event::Claim;
use waybill_core::place::{FacilityKind, Location};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{
    Estimate, EstimateKind, Facts, Identifier, IdentifierKind, Proof, Requirements,
};
use waybill_core::status::Status;

use super::clock::{self, Spot};
use super::place::Found;
use super::wire::Item;

/// Reads what does not depend on the events.
pub(super) fn facts(item: &Item<'_>, origin: &Found, destination: &Found) -> Facts {
    let piece = item.unique_mail_piece_id.trim();
    let identifier = |value: &str| Identifier {
        kind: IdentifierKind::Piece,
        value: Pii::new(value.to_owned()),
        carrier: super::DESCRIPTOR.carrier.to_owned(),
        check_digit_valid: None,
    };
    Facts {
        service: plain(&item.mail_class),
        origin: origin.location.clone().map(Box::new),
        destination: destination.location.clone().map(Box::new),
        identifiers: Some(piece)
            .filter(|piece| !piece.is_empty())
            .map(identifier)
            .into_iter()
            .collect(),
        estimates: estimates(item, destination.spot()),
        ..Facts::default()
    }
}

/// The most precise forecast, and what was guaranteed. Both versions of the API are looked at.
fn estimates(item: &Item<'_>, spot: Spot<'_>) -> Vec<Estimate> {
    let newer = &item.delivery_date_expectation;
    let either = |one: &'_ str, other: &'_ str| match one.trim() {
        "" => other.trim().to_owned(),
        one => one.to_owned(),
    };
    let predicted = either(
        &item.predicted_delivery_date,
        &newer.predicted_delivery_date,
    );
    let start = either(
        &item.predicted_delivery_window_start_time,
        &newer.predicted_delivery_window_start_time,
    );
    let end = either(
        &item.predicted_delivery_window_end_time,
        &newer.predicted_delivery_window_end_time,
    );
    let end = either(&end, &either(&item.end_of_day, &newer.end_of_day));
    let expected = either(
        &item.expected_delivery_time_stamp,
        &newer.expected_delivery_date,
    );
    let guaranteed = either(
        &item.guaranteed_delivery_time_stamp,
        &newer.guaranteed_delivery_date,
    );
    let estimate = |kind| {
        move |window| Estimate {
            kind,
            source: String::new(),
            window,
            receive_time: Timestamp::UNIX_EPOCH,
        }
    };
    let forecast =
        clock::window(&predicted, &start, &end, spot).or_else(|| clock::by(&expected, spot));
    let promise = clock::by(&guaranteed, spot);
    forecast
        .map(estimate(EstimateKind::CarrierForecast))
        .into_iter()
        .chain(promise.map(estimate(EstimateKind::CarrierCommitment)))
        .collect()
}

/// Who signed. Nobody has signed for what waits in a locker.
pub(super) fn proof(item: &Item<'_>, claims: &[Claim]) -> Option<Proof> {
    newest(claims).filter(|claim| claim.code.status() == Some(Status::Delivered))?;
    let mut names = item.tracking_events.iter().map(|event| event.name.trim());
    let signed_by = names.find(|name| !name.is_empty())?;
    Some(Proof {
        signed_by: Pii::new(signed_by.to_owned()),
        documents: Vec::new(),
    })
}

/// Where the item waits and until when.
pub(super) fn requirements(item: &Item<'_>, claims: &[Claim]) -> Option<Requirements> {
    let newest = newest(claims)?;
    let waits = newest.code.status() == Some(Status::AvailableForPickup);
    let attempted = newest.code == EventCode::DELIVERY_ATTEMPTED;
    if !waits && !attempted {
        return None;
    }
    let requirements = Requirements {
        pickup_place: newest.location.clone().filter(|_| waits).map(counter),
        collect_by: clock::day(&item.return_date_notice),
        ..Requirements::default()
    };
    (requirements != Requirements::default()).then_some(requirements)
}

fn counter(mut place: Location) -> Location {
    place.facility.get_or_insert_default().kind = FacilityKind::CollectionPoint;
    place
}

/// The newest claim that sets a status.
pub(super) fn newest(claims: &[Claim]) -> Option<&Claim> {
    claims
        .iter()
        .rev()
        .find(|claim| claim.code.status().is_some())
}

/// Text without the HTML that names of services come with: "Priority Mail<SUP>&reg;</SUP>".
pub(super) fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html.trim();
    while let Some(at) = rest.find(['<', '&']) {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let close = if tail.starts_with('<') { '>' } else { ';' };
        let Some((inner, after)) = tail
            .split_once(close)
            .filter(|(inner, _)| inner.len() <= 24)
        else {
            out.push_str(tail);
            return out;
        };
        if close == ';' {
            match entity(inner) {
                Some(sign) => out.push(sign),
                None => {
                    out.push_str(inner);
                    out.push(close);
                }
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The character of an entity, given with its ampersand.
fn entity(text: &str) -> Option<char> {
    match text {
        "&reg" | "&#174" => Some('®'),
        // 153 is the sign's place in Windows-1252.
        "&trade" | "&#153" | "&#8482" => Some('™'),
        "&amp" | "&#38" => Some('&'),
        "&nbsp" | "&#160" => Some(' '),
        "&quot" | "&#34" => Some('"'),
        "&apos" | "&#39" => Some('\''),
        _ => None,
    }
}
