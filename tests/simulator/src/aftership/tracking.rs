//! Owns a tracking of AfterShip as data and its JSON in the form of version 2026-07. Does not know who
//! may ask, nor which trackings exist.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{Clock, local};

/// A place as AfterShip words it.
pub(super) struct Place {
    /// ISO 3166-1 alpha-3.
    pub(super) country: &'static str,
    pub(super) name: &'static str,
    pub(super) state: Option<&'static str>,
    pub(super) city: &'static str,
    pub(super) zone: &'static str,
}

/// One checkpoint; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Scan {
    pub(super) at: i64,
    place: &'static Place,
    subtag: &'static str,
    message: &'static str,
    raw_tag: Option<&'static str>,
    slug: Option<&'static str>,
    /// The time comes without its offset.
    naive: bool,
    by_user: bool,
    /// It is listed twice.
    twice: bool,
}

impl Scan {
    pub(super) const fn new(
        at: i64,
        place: &'static Place,
        subtag: &'static str,
        message: &'static str,
    ) -> Self {
        Self {
            at,
            place,
            subtag,
            message,
            raw_tag: None,
            slug: None,
            naive: false,
            by_user: false,
            twice: false,
        }
    }

    pub(super) const fn raw(self, raw_tag: &'static str) -> Self {
        Self {
            raw_tag: Some(raw_tag),
            ..self
        }
    }

    /// Another courier's than that of the tracking.
    pub(super) const fn of(self, slug: &'static str) -> Self {
        Self {
            slug: Some(slug),
            ..self
        }
    }

    pub(super) const fn naive(self) -> Self {
        Self {
            naive: true,
            ..self
        }
    }

    pub(super) const fn by_user(self) -> Self {
        Self {
            by_user: true,
            ..self
        }
    }

    pub(super) const fn twice(self) -> Self {
        Self {
            twice: true,
            ..self
        }
    }

    fn render(&self, slug: &str, clock: &Clock) -> Value {
        let moment = clock.minutes_from_start(self.at);
        let there = local(moment, self.place.zone);
        let form = if self.naive {
            "%Y-%m-%dT%H:%M:%S"
        } else {
            "%Y-%m-%dT%H:%M:%S%:z"
        };
        let slug = self.slug.unwrap_or(slug);
        let source = if self.by_user { "user" } else { "carrier" };
        json!({
            "created_at": utc(moment),
            "slug": slug,
            "checkpoint_time": there.strftime(form).to_string(),
            "location": format!("{}, {}", self.place.city, self.place.name),
            "city": self.place.city,
            "state": self.place.state,
            "postal_code": null,
            "coordinate": null,
            "country_region": self.place.country,
            "country_region_name": self.place.name,
            "message": self.message,
            "tag": tag(self.subtag),
            "subtag": self.subtag,
            "subtag_message": null,
            "raw_tag": self.raw_tag,
            "events": [],
            "source": source,
            "hash": format!("{slug}-{}-{}", self.at, self.subtag),
        })
    }
}

/// The tag of a sub-tag.
fn tag(subtag: &str) -> &str {
    subtag.split('_').next().unwrap_or(subtag)
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// What a carrier knows of a parcel.
#[derive(Clone, Copy)]
pub(super) struct Parcel {
    /// In the order in which they happen.
    pub(super) scans: &'static [Scan],
    pub(super) origin: &'static Place,
    pub(super) destination: &'static Place,
    pub(super) service: Option<&'static str>,
    /// Forecast of AfterShip, minutes from the start.
    pub(super) due: Option<i64>,
    /// Number and slug of the last mile.
    pub(super) last_mile: Option<(&'static str, &'static str)>,
    /// Checkpoints come in no order.
    pub(super) shuffled: bool,
    pub(super) signed_by: Option<&'static str>,
    /// No result is ever found: the sub-tag says so.
    pub(super) never: Option<&'static str>,
}

/// A parcel whose checkpoints may have been made for its number.
pub(super) struct Known {
    pub(super) parcel: Parcel,
    pub(super) scans: Cow<'static, [Scan]>,
}

/// Which tracking is rendered.
pub(super) struct Named<'a> {
    pub(super) id: &'a str,
    pub(super) number: &'a str,
    pub(super) slug: &'a str,
    pub(super) since: Timestamp,
    /// The carrier has been asked.
    pub(super) pulled: bool,
}

/// The tracking object as known at an instant.
pub(super) fn render(found: Option<&Known>, named: &Named<'_>, clock: &Clock) -> Value {
    let now = clock.now();
    let happened = |scan: &&Scan| clock.minutes_from_start(scan.at) <= now;
    let parcel = found.map(|known| &known.parcel);
    let known: Vec<&Scan> = found
        .filter(|_| named.pulled)
        .into_iter()
        .flat_map(|known| known.scans.iter())
        .filter(happened)
        .collect();
    let newest = known.last();
    let never = parcel.and_then(|parcel| parcel.never);
    let subtag = newest.map_or(never.unwrap_or("Pending_001"), |scan| scan.subtag);
    let mut checkpoints: Vec<Value> = Vec::new();
    for scan in &known {
        checkpoints.push(scan.render(named.slug, clock));
        if scan.twice {
            checkpoints.push(scan.render(named.slug, clock));
        }
    }
    if parcel.is_some_and(|parcel| parcel.shuffled) {
        let middle = checkpoints.len() / 2;
        checkpoints.rotate_left(middle);
    }
    let ended = matches!(tag(subtag), "Delivered" | "Expired");
    let mut json = json!({
        "id": named.id,
        "legacy_id": null,
        "created_at": utc(named.since),
        "updated_at": utc(now),
        "tracking_number": named.number,
        "slug": named.slug,
        "active": !ended,
        "custom_fields": null,
        "transit_time": null,
        "tag": tag(subtag),
        "subtag": subtag,
        "subtag_message": null,
        "title": named.number,
        "source": "api",
        "tracked_count": u8::from(named.pulled),
        "checkpoints": checkpoints,
        "signed_by": null,
        "return_to_sender": known.iter().any(|scan| matches!(scan.subtag, "Exception_010" | "Exception_011")),
        "order_id": null,
        "order_promised_delivery_date": null,
        "shipment_weight": null,
        "shipment_dimensions": null,
        "courier_estimated_delivery_date": null,
        "first_mile": null,
        "last_mile": null,
        "customers": [],
        "proof_of_delivery": null,
        "multi_piece_info": null,
    });
    if let (Some(parcel), Some(newest)) = (parcel, newest) {
        json["origin_country_region"] = json!(parcel.origin.country);
        json["origin_city"] = json!(parcel.origin.city);
        json["destination_country_region"] = json!(parcel.destination.country);
        json["destination_state"] = json!(parcel.destination.state);
        json["destination_city"] = json!(parcel.destination.city);
        json["shipment_type"] = json!(parcel.service);
        if let Some((number, slug)) = parcel.last_mile {
            json["last_mile"] =
                json!({ "tracking_number": number, "slug": slug, "source": "system" });
        }
        if let Some(due) = parcel.due {
            let day = local(clock.minutes_from_start(due), parcel.destination.zone);
            let day = day.strftime("%Y-%m-%d").to_string();
            json["aftership_estimated_delivery_date"] = json!({
                "estimated_delivery_date": day,
                "estimated_delivery_date_min": day,
                "estimated_delivery_date_max": null,
                "confidence_code": 1_002,
            });
            json["latest_estimated_delivery"] = json!({
                "type": "specific", "source": "AfterShip EDD", "datetime": day,
                "datetime_min": null, "datetime_max": null, "revise_reason": null,
            });
        }
        if tag(newest.subtag) == "Delivered" {
            json["signed_by"] = json!(parcel.signed_by);
        }
    }
    json
}
