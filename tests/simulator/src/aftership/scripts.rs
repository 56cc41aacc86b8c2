//! Owns the scripted parcels of AfterShip, all made up: number, slug, checkpoints, and what becomes of
//! them when they are created. Knows no JSON and no HTTP.

use super::tracking::{Parcel, Place, Scan};
use crate::scenario::{DAY, HOUR};

/// What becomes of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Tracked since long ago.
    Known,
    /// Not tracked.
    Unknown,
    /// Tracked, though no list shows it.
    Hidden,
    /// Not tracked; its courier cannot be told by the number.
    Undetected,
    /// Not tracked; the postal code of the destination is needed.
    NeedsPostcode,
    /// Refused, because the plan's quota is used up.
    OverPlan,
}

/// A script: what is told about it and its parcel.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) slug: &'static str,
    pub(super) fate: Fate,
    pub(super) parcel: Parcel,
}

impl Script {
    /// Minutes from the start to the last checkpoint.
    pub(super) fn last_event(&self) -> i64 {
        let scans = self.parcel.scans.iter();
        scans.map(|scan| scan.at).max().unwrap_or(0)
    }
}

const fn place(
    country: &'static str,
    name: &'static str,
    state: Option<&'static str>,
    city: &'static str,
    zone: &'static str,
) -> Place {
    Place {
        country,
        name,
        state,
        city,
        zone,
    }
}

pub(super) static SHENZHEN: Place = place("CHN", "China", None, "Shenzhen", "Asia/Shanghai");
pub(super) static LYON: Place = place("FRA", "France", None, "Lyon", "Europe/Paris");
pub(super) static FRESNO: Place = place(
    "USA",
    "United States",
    Some("CA"),
    "Fresno",
    "America/Los_Angeles",
);
static DALLAS: Place = place(
    "USA",
    "United States",
    Some("TX"),
    "Dallas",
    "America/Chicago",
);
static JENA: Place = place("DEU", "Germany", None, "Jena", "Europe/Berlin");
static LEEDS: Place = place("GBR", "United Kingdom", None, "Leeds", "Europe/London");

pub(super) const PARCEL: Parcel = Parcel {
    scans: &[],
    origin: &SHENZHEN,
    destination: &FRESNO,
    service: None,
    due: None,
    last_mile: None,
    shuffled: false,
    signed_by: None,
    never: None,
};
const BASE: Script = Script {
    name: "",
    number: "",
    title: "",
    shows: "",
    slug: "",
    fate: Fate::Known,
    parcel: PARCEL,
};

const fn with(scans: &'static [Scan]) -> Parcel {
    Parcel { scans, ..PARCEL }
}

static SCRIPTS: [Script; 20] = [
    Script {
        name: "label-only",
        number: "1Z9990010300000014",
        title: "data without a parcel",
        shows: "the status stays at the order data",
        slug: "ups",
        parcel: with(&[Scan::new(0, &DALLAS, "InfoReceived_001", "Label created")]),
        ..BASE
    },
    Script {
        name: "in-transit",
        number: "YT2600000000000026",
        title: "on its way, with a forecast of AfterShip",
        shows: "a forecast that is not the carrier's",
        slug: "yunexpress",
        parcel: Parcel {
            destination: &LYON,
            due: Some(6 * DAY),
            ..with(&[
                Scan::new(0, &SHENZHEN, "InTransit_002", "Picked up"),
                Scan::new(DAY, &SHENZHEN, "InTransit_007", "Flight departed"),
                Scan::new(2 * DAY, &LYON, "InTransit_004", "Flight landed"),
            ])
        },
        ..BASE
    },
    Script {
        name: "out-for-delivery",
        number: "9400100000000000000262",
        title: "on the vehicle, times without offsets",
        shows: "the zone follows from the state where it has one, and not in Texas",
        slug: "usps",
        parcel: with(&[
            Scan::new(0, &DALLAS, "InTransit_002", "Accepted").naive(),
            Scan::new(DAY, &FRESNO, "InTransit_003", "Arrived at facility").naive(),
            Scan::new(
                DAY + 9 * HOUR,
                &FRESNO,
                "OutForDelivery_001",
                "Out for Delivery",
            )
            .naive(),
        ]),
        ..BASE
    },
    Script {
        name: "delivered",
        number: "260000000017",
        title: "delivered and signed for",
        shows: "who signed",
        slug: "fedex",
        parcel: Parcel {
            signed_by: Some("M. MUSTER"),
            service: Some("Ground"),
            origin: &DALLAS,
            ..with(&[
                Scan::new(0, &DALLAS, "InTransit_002", "Picked up"),
                Scan::new(DAY, &FRESNO, "OutForDelivery_001", "On vehicle"),
                Scan::new(DAY + 6 * HOUR, &FRESNO, "Delivered_003", "Delivered"),
            ])
        },
        ..BASE
    },
    Script {
        name: "failed-attempt",
        number: "260000000028",
        title: "nobody at home, an appointment, delivered",
        shows: "an appointment is no vehicle",
        slug: "fedex",
        parcel: with(&[
            Scan::new(0, &FRESNO, "OutForDelivery_001", "On vehicle"),
            Scan::new(4 * HOUR, &FRESNO, "AttemptFail_002", "Nobody at home"),
            Scan::new(8 * HOUR, &FRESNO, "OutForDelivery_004", "Appointment made"),
            Scan::new(DAY + 4 * HOUR, &FRESNO, "Delivered_001", "Delivered"),
        ]),
        ..BASE
    },
    Script {
        name: "customs-hold",
        number: "RA260000026CN",
        title: "held in clearance, paid, released",
        shows: "the direction follows from the country of the scan",
        slug: "china-post",
        parcel: Parcel {
            destination: &LEEDS,
            ..with(&[
                Scan::new(0, &SHENZHEN, "InTransit_006", "Export clearance"),
                Scan::new(HOUR, &SHENZHEN, "InTransit_005", "Export clearance done"),
                Scan::new(2 * DAY, &LEEDS, "InTransit_006", "Presented to customs"),
                Scan::new(
                    3 * DAY,
                    &LEEDS,
                    "Exception_006",
                    "Import duty is to be paid",
                ),
                Scan::new(5 * DAY, &LEEDS, "InTransit_005", "Released by customs"),
            ])
        },
        ..BASE
    },
    Script {
        name: "returned",
        number: "RT260000026GB",
        title: "refused and sent back",
        shows: "the way back ends the journey",
        slug: "royal-mail",
        parcel: Parcel {
            origin: &LEEDS,
            destination: &LEEDS,
            ..with(&[
                Scan::new(0, &LEEDS, "Exception_003", "Refused by the addressee"),
                Scan::new(DAY, &LEEDS, "Exception_010", "On its way back"),
                Scan::new(3 * DAY, &LEEDS, "Exception_011", "Back at the sender"),
            ])
        },
        ..BASE
    },
    Script {
        name: "pickup-point",
        number: "00340000000026000018",
        title: "laid into a locker, collected later",
        shows: "the deposit is called delivered",
        slug: "dhl-germany",
        parcel: Parcel {
            origin: &JENA,
            destination: &JENA,
            ..with(&[
                Scan::new(0, &JENA, "OutForDelivery_001", "Loaded"),
                Scan::new(
                    5 * HOUR,
                    &JENA,
                    "Delivered_001",
                    "Delivered to a parcel locker",
                ),
                Scan::new(
                    2 * DAY,
                    &JENA,
                    "Delivered_002",
                    "Collected by the recipient",
                ),
            ])
        },
        ..BASE
    },
    Script {
        name: "two-legs",
        number: "LP00260000000012",
        title: "two couriers, rows in no order and twice",
        shows: "the carrier's own code contradicts the sub-tag",
        slug: "cainiao",
        parcel: Parcel {
            last_mile: Some(("9200190000000000000264", "usps")),
            shuffled: true,
            ..with(&[
                Scan::new(0, &SHENZHEN, "InTransit_002", "Accepted by carrier")
                    .raw("PU_PICKUP_SUCCESS")
                    .twice(),
                Scan::new(DAY, &SHENZHEN, "InTransit_007", "Left the country").raw("LH_DEPART"),
                Scan::new(
                    2 * DAY,
                    &FRESNO,
                    "InTransit_005",
                    "Import clearance started",
                )
                .raw("CC_IM_START"),
                Scan::new(3 * DAY, &FRESNO, "OutForDelivery_001", "Out for Delivery").of("usps"),
                Scan::new(
                    3 * DAY + HOUR,
                    &FRESNO,
                    "Delivered_001",
                    "Delivered, Front Desk",
                )
                .of("usps"),
            ])
        },
        ..BASE
    },
    Script {
        name: "handed-over",
        number: "260000000039",
        title: "tendered to an agent, which is called out for delivery",
        shows: "words that say less than the tag",
        slug: "fedex",
        parcel: with(&[Scan::new(
            0,
            &FRESNO,
            "OutForDelivery_001",
            "In transit - Tendered to authorized agent",
        )]),
        ..BASE
    },
    Script {
        name: "by-hand",
        number: "260000000040",
        title: "marked as lost by a user",
        shows: "a row that no carrier reported",
        slug: "fedex",
        parcel: with(&[
            Scan::new(0, &DALLAS, "InTransit_002", "Picked up"),
            Scan::new(DAY, &DALLAS, "Exception_013", "Marked as lost").by_user(),
        ]),
        ..BASE
    },
    Script {
        name: "unknown-code",
        number: "260000000051",
        title: "a sub-tag that is not in the documents",
        shows: "the list of sub-tags is open",
        slug: "fedex",
        parcel: with(&[
            Scan::new(0, &DALLAS, "InTransit_002", "Picked up"),
            Scan::new(DAY, &DALLAS, "Exception_099", "Something new"),
        ]),
        ..BASE
    },
    Script {
        name: "not-registered",
        number: "YT2600000000000037",
        title: "not tracked until somebody creates a tracking",
        shows: "the first result comes a minute after the creation",
        slug: "yunexpress",
        fate: Fate::Unknown,
        parcel: with(&[
            Scan::new(0, &SHENZHEN, "InTransit_002", "Picked up"),
            Scan::new(DAY, &SHENZHEN, "InTransit_007", "Departed"),
        ]),
    },
    Script {
        name: "never-found",
        number: "YT2600000000000048",
        title: "tracked, and the carrier never has a result",
        shows: "pending is no negative answer",
        slug: "yunexpress",
        parcel: Parcel {
            never: Some("Pending_001"),
            ..PARCEL
        },
        ..BASE
    },
    Script {
        name: "expired",
        number: "YT2600000000000059",
        title: "given up after a month without news",
        shows: "expired says nothing about the parcel",
        slug: "yunexpress",
        parcel: Parcel {
            never: Some("Expired_001"),
            ..PARCEL
        },
        ..BASE
    },
    Script {
        name: "hidden",
        number: "260000000062",
        title: "a tracking that no list shows and that cannot be created",
        shows: "the refusal names its id",
        slug: "fedex",
        fate: Fate::Hidden,
        parcel: with(&[Scan::new(0, &DALLAS, "InTransit_002", "Picked up")]),
    },
    Script {
        name: "two-carriers",
        number: "260000000073",
        title: "one number, two parcels",
        shows: "the carrier tells them apart",
        slug: "fedex",
        parcel: with(&[Scan::new(0, &DALLAS, "InTransit_002", "Picked up")]),
        ..BASE
    },
    Script {
        name: "needs-postcode",
        number: "3SABCD260000017",
        title: "wants the postal code of the destination",
        shows: "only the message names the field",
        slug: "postnl",
        fate: Fate::NeedsPostcode,
        parcel: Parcel {
            destination: &JENA,
            ..with(&[Scan::new(0, &JENA, "InTransit_002", "Accepted")])
        },
    },
    Script {
        name: "no-carrier",
        number: "260000000084",
        title: "its courier cannot be told",
        shows: "a hint is missing and no parcel",
        slug: "ontrac",
        fate: Fate::Undetected,
        parcel: with(&[Scan::new(0, &DALLAS, "InTransit_002", "Picked up")]),
    },
    Script {
        name: "over-plan",
        number: "260000000095",
        title: "the plan's quota is used up",
        shows: "reading goes on and creating does not",
        slug: "fedex",
        fate: Fate::OverPlan,
        ..BASE
    },
];

/// Every script.
pub(super) fn all() -> impl Iterator<Item = &'static Script> {
    SCRIPTS.iter()
}

/// The other parcel of a number that two carriers use.
pub(super) fn twin(script: &Script) -> Option<&'static str> {
    (script.name == "two-carriers").then_some("yodel")
}
