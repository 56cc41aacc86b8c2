//! Owns the scripted parcels of 17TRACK, all made up: number, carriers, rows, and what becomes of
//! them when they are registered. Knows no JSON and no HTTP.

mod story;

use std::borrow::Cow;

use super::places::{
    BONN, CINCINNATI, DELHI, DENVER, HANGZHOU, LEEDS, LIEGE, LOS_ANGELES, LYON, RECIFE, SHENZHEN,
};
use super::record::{Leg, Place, Record, Scan, Zones};
use crate::scenario::{DAY, HOUR};

/// What becomes of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Registered long ago.
    Known,
    /// Registered long ago, its tracking has ended.
    Stopped,
    /// Not registered.
    Unknown,
    /// Not registered; whatever carrier is given, it is registered under the right one.
    Corrected,
    /// Not registered; its carrier cannot be found out.
    Undetected,
    /// Not registered; the postal code of the destination is needed.
    NeedsPostcode,
    /// Refused, because the day's registrations are used up.
    OverDay,
    /// Refused, because the bought quota is used up.
    OverQuota,
}

/// A script: what is told about it and its parcel.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) carrier: u64,
    pub(super) fate: Fate,
    legs: &'static [Leg],
    origin: &'static Place,
    destination: &'static Place,
    status: Option<&'static str>,
    due: Option<(i64, &'static str)>,
}

impl Script {
    /// Minutes from the start to the last row.
    pub(super) fn last_event(&self) -> i64 {
        let scans = self.legs.iter().flat_map(|leg| leg.scans);
        scans.map(|scan| scan.at).max().unwrap_or(0)
    }

    pub(super) fn record(&self) -> Record {
        Record {
            carrier: self.carrier,
            fate: self.fate,
            legs: Cow::Borrowed(self.legs),
            made: None,
            origin: self.origin,
            destination: self.destination,
            status: self.status,
            due: self.due,
        }
    }
}

const LEG: Leg = Leg {
    key: 0,
    name: "",
    country: "",
    language: None,
    zones: Zones::Stated,
    scans: &[],
};
const POST: Leg = Leg {
    key: 3_011,
    name: "China Post",
    country: "CN",
    zones: Zones::Guessed,
    ..LEG
};
const USPS: Leg = Leg {
    key: 21_051,
    name: "USPS",
    country: "US",
    zones: Zones::Guessed,
    ..LEG
};
const YUN: Leg = Leg {
    key: 190_008,
    name: "YunExpress",
    country: "CN",
    language: Some("en"),
    ..LEG
};
const BASE: Script = Script {
    name: "",
    number: "",
    title: "",
    shows: "",
    carrier: 0,
    fate: Fate::Known,
    legs: &[],
    origin: &SHENZHEN,
    destination: &LOS_ANGELES,
    status: None,
    due: None,
};

const POSTED: Scan = Scan::new(0, &SHENZHEN, "InTransit_PickedUp", "已收寄").stage("PickedUp");
const LEFT: Scan = Scan::new(
    DAY,
    &SHENZHEN,
    "InTransit_Departure",
    "离开【深圳国际】,下一站【美国】",
)
.stage("Departure");

static SCRIPTS: [Script; 20] = [
    Script {
        name: "label-only",
        number: "00340000000017000019",
        title: "data without a parcel",
        shows: "the status stays at the order data",
        carrier: 7_041,
        legs: &[Leg {
            key: 7_041,
            name: "DHL Paket",
            country: "DE",
            scans: &[
                Scan::new(0, &BONN, "InfoReceived", "Order data received").stage("InfoReceived")
            ],
            ..LEG
        }],
        origin: &BONN,
        destination: &BONN,
        ..BASE
    },
    Script {
        name: "in-transit",
        number: "YT2600000000000017",
        title: "on its way over the sea, with a forecast of 17TRACK",
        shows: "the carrier states every offset",
        carrier: 190_008,
        legs: &[Leg {
            scans: &[
                Scan::new(0, &SHENZHEN, "InTransit_PickedUp", "Picked up").stage("PickedUp"),
                Scan::new(
                    9 * HOUR,
                    &SHENZHEN,
                    "InTransit_Other",
                    "Departed from facility",
                ),
                Scan::new(DAY, &SHENZHEN, "InTransit_Departure", "Flight departed")
                    .stage("Departure"),
                Scan::new(2 * DAY, &LIEGE, "InTransit_Arrival", "Flight landed").stage("Arrival"),
            ],
            ..YUN
        }],
        destination: &LYON,
        due: Some((6 * DAY, "17TRACK")),
        ..BASE
    },
    Script {
        name: "out-for-delivery",
        number: "9400100000000000000170",
        title: "on the vehicle",
        shows: "17TRACK made up the offsets, in a country with many",
        carrier: 21_051,
        legs: &[Leg {
            scans: &[
                Scan::new(0, &LOS_ANGELES, "InTransit_PickedUp", "Accepted").stage("PickedUp"),
                Scan::new(DAY, &DENVER, "InTransit_Other", "Arrived at facility"),
                Scan::new(2 * DAY, &DENVER, "OutForDelivery_Other", "Out for Delivery")
                    .stage("OutForDelivery"),
            ],
            ..USPS
        }],
        origin: &LOS_ANGELES,
        destination: &DENVER,
        due: Some((2 * DAY + 8 * HOUR, "Official")),
        ..BASE
    },
    Script {
        name: "delivered",
        number: "LX170000019CN",
        title: "from China to the United States, delivered",
        shows: "two carriers in one record, and a row without a time",
        carrier: 3_011,
        legs: &[
            Leg {
                scans: &[
                    POSTED,
                    Scan::new(
                        12 * HOUR,
                        &SHENZHEN,
                        "InTransit_Other",
                        "后续信息请查询寄达国邮政",
                    )
                    .undated(),
                    Scan::new(
                        18 * HOUR,
                        &SHENZHEN,
                        "InTransit_CustomsReleased",
                        "出口海关/放行",
                    ),
                    LEFT,
                ],
                ..POST
            },
            Leg {
                scans: &[
                    Scan::new(
                        3 * DAY,
                        &LOS_ANGELES,
                        "InTransit_Arrival",
                        "Processed Through Facility",
                    )
                    .stage("Arrival"),
                    Scan::new(
                        4 * DAY,
                        &LOS_ANGELES,
                        "OutForDelivery_Other",
                        "Out for Delivery",
                    )
                    .stage("OutForDelivery"),
                    Scan::new(
                        4 * DAY + 6 * HOUR,
                        &LOS_ANGELES,
                        "Delivered_Other",
                        "Delivered, In/At Mailbox",
                    )
                    .stage("Delivered"),
                ],
                ..USPS
            },
        ],
        ..BASE
    },
    Script {
        name: "attempted",
        number: "RX170000018GB",
        title: "nobody at home, delivered the next day",
        shows: "a failed attempt between two rounds",
        carrier: 11_031,
        legs: &[Leg {
            key: 11_031,
            name: "Royal Mail",
            country: "GB",
            language: Some("en"),
            scans: &[
                Scan::new(0, &LEEDS, "InTransit_PickedUp", "Accepted").stage("PickedUp"),
                Scan::new(DAY, &LEEDS, "OutForDelivery_Other", "Out for delivery")
                    .stage("OutForDelivery"),
                Scan::new(
                    DAY + 4 * HOUR,
                    &LEEDS,
                    "DeliveryFailure_NoBody",
                    "Nobody at home",
                ),
                Scan::new(2 * DAY, &LEEDS, "OutForDelivery_Other", "Out for delivery"),
                Scan::new(2 * DAY + 4 * HOUR, &LEEDS, "Delivered_Other", "Delivered")
                    .stage("Delivered"),
            ],
            ..LEG
        }],
        origin: &LEEDS,
        destination: &LEEDS,
        ..BASE
    },
    Script {
        name: "customs",
        number: "LP00000000170019",
        title: "held by customs for papers",
        shows: "clearance on both sides of the border",
        carrier: 190_271,
        legs: &[Leg {
            key: 190_271,
            name: "Cainiao",
            country: "CN",
            language: Some("en"),
            scans: &[
                Scan::new(0, &HANGZHOU, "InTransit_PickedUp", "Picked up").stage("PickedUp"),
                Scan::new(
                    DAY,
                    &HANGZHOU,
                    "InTransit_CustomsProcessing",
                    "Export customs",
                ),
                Scan::new(
                    DAY + HOUR,
                    &HANGZHOU,
                    "InTransit_CustomsReleased",
                    "Export customs cleared",
                ),
                Scan::new(
                    3 * DAY,
                    &LYON,
                    "InTransit_CustomsProcessing",
                    "Import customs",
                ),
                Scan::new(
                    4 * DAY,
                    &LYON,
                    "InTransit_CustomsRequiringInformation",
                    "Documents requested",
                ),
                Scan::new(
                    5 * DAY,
                    &LYON,
                    "InTransit_CustomsReleased",
                    "Import customs cleared",
                ),
            ],
            ..LEG
        }],
        origin: &HANGZHOU,
        destination: &LYON,
        ..BASE
    },
    Script {
        name: "returned",
        number: "YW170000019CN",
        title: "refused and sent back",
        shows: "the way back, of a carrier that we have no id for",
        carrier: 190_012,
        legs: &[Leg {
            key: 190_012,
            name: "Yanwen",
            country: "CN",
            scans: &[
                Scan::new(0, &SHENZHEN, "InTransit_PickedUp", "Picked up").stage("PickedUp"),
                Scan::new(
                    3 * DAY,
                    &LYON,
                    "DeliveryFailure_Rejected",
                    "Refused by the recipient",
                ),
                Scan::new(4 * DAY, &LYON, "Exception_Returning", "On the way back")
                    .stage("Returning"),
                Scan::new(8 * DAY, &SHENZHEN, "Exception_Returned", "Returned").stage("Returned"),
            ],
            ..LEG
        }],
        destination: &LYON,
        ..BASE
    },
    Script {
        name: "pickup-point",
        number: "6A00000017019",
        title: "waits at a post office",
        shows: "ready to collect is not delivered",
        carrier: 6_051,
        legs: &[Leg {
            key: 6_051,
            name: "La Poste",
            country: "FR",
            language: Some("fr"),
            scans: &[
                Scan::new(0, &LYON, "InTransit_PickedUp", "Pris en charge").stage("PickedUp"),
                Scan::new(
                    DAY,
                    &LYON,
                    "AvailableForPickup_Other",
                    "Disponible au bureau de poste",
                )
                .stage("AvailableForPickup"),
            ],
            ..LEG
        }],
        origin: &LYON,
        destination: &LYON,
        ..BASE
    },
    Script {
        name: "locker",
        number: "SF1700000000019",
        title: "put into a locker",
        shows: "called delivered, and only the words say where it is",
        carrier: 190_766,
        legs: &[Leg {
            key: 190_766,
            name: "SF Express",
            country: "CN",
            language: Some("zh-cn"),
            zones: Zones::Guessed,
            scans: &[
                Scan::new(0, &SHENZHEN, "InTransit_PickedUp", "已收取快件").stage("PickedUp"),
                Scan::new(
                    DAY,
                    &HANGZHOU,
                    "Delivered_Other",
                    "快件已存放至丰巢柜,请凭取件码取件",
                )
                .stage("Delivered"),
            ],
        }],
        destination: &HANGZHOU,
        ..BASE
    },
    Script {
        name: "stale-status",
        number: "1Z17TRACK300000019",
        title: "moves again after a long silence",
        shows: "the main status still says expired",
        carrier: 100_002,
        legs: &[Leg {
            key: 100_002,
            name: "UPS",
            country: "US",
            language: Some("en"),
            scans: &[
                Scan::new(0, &DENVER, "InTransit_PickedUp", "Origin Scan").stage("PickedUp"),
                Scan::new(DAY, &LOS_ANGELES, "InTransit_Other", "Arrived at Facility"),
            ],
            ..LEG
        }],
        origin: &DENVER,
        status: Some("Expired"),
        ..BASE
    },
    Script {
        name: "odd-rows",
        number: "AX170000014BR",
        title: "a code of the future and times in every form",
        shows: "a day, a time without an offset, an unknown sub-status",
        carrier: 2_151,
        legs: &[Leg {
            key: 2_151,
            name: "Correios Brazil",
            country: "BR",
            language: Some("pt"),
            zones: Zones::Guessed,
            scans: &[
                Scan::new(0, &RECIFE, "InTransit_PickedUp", "Objeto postado").stage("PickedUp"),
                Scan::new(
                    6 * HOUR,
                    &RECIFE,
                    "InTransit_Teleported",
                    "Objeto teletransportado",
                ),
                Scan::new(DAY, &RECIFE, "InTransit_Other", "Objeto em trânsito").day(),
                Scan::new(2 * DAY, &RECIFE, "Delivered_Other", "Objeto entregue")
                    .stage("Delivered")
                    .raw_only(),
            ],
        }],
        origin: &RECIFE,
        destination: &RECIFE,
        ..BASE
    },
    Script {
        name: "half-an-hour-off",
        number: "EX170000018IN",
        title: "an Indian parcel",
        shows: "the two clocks of a row contradict each other",
        carrier: 9_021,
        legs: &[Leg {
            key: 9_021,
            name: "India Post",
            country: "IN",
            zones: Zones::HalfAnHourOff,
            scans: &[
                Scan::new(0, &DELHI, "InTransit_PickedUp", "Booked").stage("PickedUp"),
                Scan::new(DAY, &DELHI, "InTransit_Other", "Dispatched"),
            ],
            ..LEG
        }],
        origin: &DELHI,
        destination: &DELHI,
        ..BASE
    },
    Script {
        name: "one-offset",
        number: "1700000014",
        title: "an express parcel over three continents",
        shows: "every row is stamped with the offset of the destination",
        carrier: 100_001,
        legs: &[Leg {
            key: 100_001,
            name: "DHL",
            country: "DE",
            language: Some("en"),
            zones: Zones::Stamped("-05:00"),
            scans: &[
                Scan::new(0, &SHENZHEN, "InTransit_PickedUp", "Shipment picked up")
                    .stage("PickedUp"),
                Scan::new(DAY, &BONN, "InTransit_Other", "Arrived at facility"),
                Scan::new(
                    2 * DAY,
                    &CINCINNATI,
                    "InTransit_Arrival",
                    "Arrived at facility",
                )
                .stage("Arrival"),
            ],
        }],
        destination: &CINCINNATI,
        ..BASE
    },
    Script {
        name: "not-registered",
        number: "YT2600000000000025",
        title: "unknown until it is registered",
        shows: "the first result comes five minutes after the registration",
        carrier: 190_008,
        fate: Fate::Unknown,
        legs: &[Leg {
            scans: &[Scan::new(0, &SHENZHEN, "InTransit_PickedUp", "Picked up").stage("PickedUp")],
            ..YUN
        }],
        destination: &LYON,
        ..BASE
    },
    Script {
        name: "corrected-carrier",
        number: "EX170000018CN",
        title: "registered under another carrier than was given",
        shows: "asking under the given carrier finds nothing and must not cost again",
        carrier: 3_011,
        fate: Fate::Corrected,
        legs: &[Leg {
            scans: &[POSTED, LEFT],
            ..POST
        }],
        ..BASE
    },
    Script {
        name: "undetected",
        number: "ZQ0000000170019",
        title: "a number of no known form",
        shows: "it cannot be registered without a carrier",
        carrier: 190_094,
        fate: Fate::Undetected,
        legs: &[],
        ..BASE
    },
    Script {
        name: "needs-postcode",
        number: "ZP0000000170019",
        title: "a carrier that wants the postal code",
        shows: "it cannot be registered without the hint",
        carrier: 14_041,
        fate: Fate::NeedsPostcode,
        legs: &[],
        ..BASE
    },
    Script {
        name: "daily-limit",
        number: "ZD0000000170019",
        title: "one registration too many today",
        shows: "a refusal for want of quota",
        carrier: 190_008,
        fate: Fate::OverDay,
        legs: &[],
        ..BASE
    },
    Script {
        name: "quota-spent",
        number: "ZS0000000170019",
        title: "nothing left of the bought quota",
        shows: "a refusal for want of quota",
        carrier: 190_008,
        fate: Fate::OverQuota,
        legs: &[],
        ..BASE
    },
    Script {
        name: "stopped",
        number: "YT2600000000000033",
        title: "registered, and tracked no longer",
        shows: "it is registered already and can be taken up again once",
        carrier: 190_008,
        fate: Fate::Stopped,
        legs: &[Leg {
            scans: &[Scan::new(0, &SHENZHEN, "InTransit_PickedUp", "Picked up").stage("PickedUp")],
            ..YUN
        }],
        destination: &LYON,
        ..BASE
    },
];

/// Every script.
pub(super) fn all() -> impl Iterator<Item = &'static Script> {
    SCRIPTS.iter().chain([&story::SCRIPT])
}
