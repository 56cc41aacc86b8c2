//! Owns the places of the parcels of 17TRACK.

use super::record::Place;

const fn place(
    country: &'static str,
    state: Option<&'static str>,
    city: &'static str,
    zone: &'static str,
) -> Place {
    Place {
        country,
        state,
        city,
        zone,
    }
}

pub(super) static SHENZHEN: Place = place("CN", Some("GD"), "Shenzhen", "Asia/Shanghai");
pub(super) static LOS_ANGELES: Place =
    place("US", Some("CA"), "Los Angeles", "America/Los_Angeles");
pub(super) static LIEGE: Place = place("BE", None, "Liege", "Europe/Brussels");
pub(super) static LYON: Place = place("FR", None, "Lyon", "Europe/Paris");
pub(super) static DENVER: Place = place("US", Some("CO"), "Denver", "America/Denver");
pub(super) static BONN: Place = place("DE", None, "Bonn", "Europe/Berlin");
pub(super) static LEEDS: Place = place("GB", None, "Leeds", "Europe/London");
pub(super) static HANGZHOU: Place = place("CN", Some("ZJ"), "Hangzhou", "Asia/Shanghai");
pub(super) static DELHI: Place = place("IN", Some("DL"), "New Delhi", "Asia/Kolkata");
pub(super) static RECIFE: Place = place("BR", Some("PE"), "Recife", "America/Recife");
pub(super) static CINCINNATI: Place = place("US", Some("OH"), "Cincinnati", "America/New_York");
pub(super) static CHICAGO: Place = place("US", Some("IL"), "Chicago", "America/Chicago");
pub(super) static COLUMBUS: Place = place("US", Some("OH"), "Columbus", "America/New_York");
