//! Owns the scripted USPS items, all made up: number, places, events. Knows no JSON and no HTTP.
//!
//! Numbers are of the made-up mailer `778`, with right check digits.

use super::item::{Act, Item, Place};
use crate::scenario::{DAY, HOUR, STORY, TOLD};

/// A script: what is told about it and its item.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) item: Item,
}

const fn us(
    city: &'static str,
    state: &'static str,
    zip: &'static str,
    zone: &'static str,
) -> Place {
    Place {
        city,
        state,
        zip,
        country: "",
        zone,
    }
}

pub(super) static CHICAGO: Place = us("CHICAGO", "IL", "60607", "America/Chicago");
pub(super) static DENVER: Place = us("DENVER", "CO", "80202", "America/Denver");
pub(super) static SEATTLE: Place = us("SEATTLE", "WA", "98101", "America/Los_Angeles");
pub(super) static DALLAS: Place = us("DALLAS", "TX", "75201", "America/Chicago");
pub(super) static ATLANTA: Place = us("ATLANTA", "GA", "30303", "America/New_York");
static PLANT: Place = us("CHICAGO IL DISTRIBUTION CENTER", "", "", "America/Chicago");
static ISC: Place = us("ISC LOS ANGELES CA(USPS)", "", "", "America/Los_Angeles");
static CHICAGO_ISC: Place = us("ISC CHICAGO IL(USPS)", "", "", "America/Chicago");
static COLUMBUS: Place = us("COLUMBUS", "OH", "43215", "America/New_York");
static SHENZHEN: Place = Place {
    country: "CHINA",
    ..us("SHENZHEN", "", "", "Asia/Shanghai")
};

const LABEL: Act = Act::new(
    0,
    &CHICAGO,
    "GX",
    "Shipping Label Created, USPS Awaiting Item",
    "Pre-Shipment",
);
const ACCEPTED: Act = Act::new(
    6 * HOUR,
    &CHICAGO,
    "03",
    "USPS in possession of item",
    "Accepted",
);
const ARRIVED: Act = Act::new(
    20 * HOUR,
    &PLANT,
    "10",
    "Arrived at USPS Regional Origin Facility",
    "In Transit",
)
.day_early();
const DEPARTED: Act = Act::new(
    DAY + 8 * HOUR,
    &PLANT,
    "EF",
    "Departed USPS Regional Facility",
    "In Transit",
);
const AT_OFFICE: Act = Act::new(
    3 * DAY + 11 * HOUR,
    &DENVER,
    "07",
    "Arrived at Post Office",
    "In Transit",
);
const ON_ROAD: Act = Act::new(
    3 * DAY + 14 * HOUR,
    &DENVER,
    "OF",
    "Out for Delivery",
    "Out for Delivery",
);

const ITEM: Item = Item {
    acts: &[],
    service: "USPS Ground Advantage<SUP>&#153;</SUP>",
    origin: &CHICAGO,
    destination: &DENVER,
    due: None,
    goes_back: None,
    announced: None,
    category: None,
    of_another: false,
};

/// What load items share.
pub(super) static LOAD: Item = ITEM;

/// Every script.
pub(super) static SCRIPTS: [Script; 15] = [
    Script {
        name: "delivered",
        number: "9400778000000000000014",
        title: "Chicago to Denver, left at the door",
        shows: "a whole life; the evening scan has the local date in its UTC field",
        item: Item {
            acts: &[
                LABEL,
                ACCEPTED,
                ARRIVED,
                DEPARTED,
                AT_OFFICE,
                ON_ROAD,
                Act::new(
                    3 * DAY + 19 * HOUR,
                    &DENVER,
                    "01",
                    "Delivered, Front Door/Porch",
                    "Delivered",
                ),
            ],
            due: Some(3 * DAY + 20 * HOUR),
            ..ITEM
        },
    },
    Script {
        name: "in-transit",
        number: "9400778000000000000021",
        title: "Chicago to Denver, still out for delivery",
        shows: "nothing after out for delivery: the state must not run ahead",
        item: Item {
            acts: &[LABEL, ACCEPTED, ARRIVED, DEPARTED, AT_OFFICE, ON_ROAD],
            due: Some(3 * DAY + 20 * HOUR),
            ..ITEM
        },
    },
    Script {
        name: "failed-attempt",
        number: "9400778000000000000038",
        title: "Notice left, delivered the next day",
        shows: "an attempt is not final",
        item: Item {
            acts: &[
                LABEL,
                ACCEPTED,
                ARRIVED,
                DEPARTED,
                AT_OFFICE,
                ON_ROAD,
                Act::new(
                    3 * DAY + 18 * HOUR,
                    &DENVER,
                    "02",
                    "Notice Left (No Authorized Recipient Available)",
                    "Delivery Attempt",
                ),
                Act::new(
                    4 * DAY + 14 * HOUR,
                    &DENVER,
                    "OF",
                    "Out for Delivery",
                    "Out for Delivery",
                ),
                Act::new(
                    4 * DAY + 18 * HOUR,
                    &DENVER,
                    "01",
                    "Delivered, Left with Individual",
                    "Delivered",
                ),
            ],
            goes_back: Some(9 * DAY),
            ..ITEM
        },
    },
    Script {
        name: "label-only",
        number: "9400778000000000000045",
        title: "A label that nobody handed in",
        shows: "a label is not possession",
        item: Item {
            acts: &[LABEL],
            ..ITEM
        },
    },
    Script {
        name: "not-scanned-yet",
        number: "9400778000000000000052",
        title: "Announced, scanned after six hours",
        shows: "150009 is not 150002: the item is known",
        item: Item {
            acts: &[Act::new(
                6 * HOUR,
                &CHICAGO,
                "03",
                "USPS in possession of item",
                "Accepted",
            )],
            announced: Some(0),
            ..ITEM
        },
    },
    Script {
        name: "not-found-yet",
        number: "9400778000000000000069",
        title: "Unknown for six hours, then announced",
        shows: "150002 may end",
        item: Item {
            acts: &[Act::new(
                6 * HOUR,
                &CHICAGO,
                "GX",
                "Shipping Label Created, USPS Awaiting Item",
                "Pre-Shipment",
            )],
            ..ITEM
        },
    },
    Script {
        name: "access-point",
        number: "9400778000000000000076",
        title: "Notice left, waits at the post office, collected",
        shows: "waiting is not delivered; the last day is told",
        item: Item {
            acts: &[
                LABEL,
                ACCEPTED,
                ARRIVED,
                DEPARTED,
                AT_OFFICE,
                ON_ROAD,
                Act::new(
                    3 * DAY + 18 * HOUR,
                    &DENVER,
                    "02",
                    "Notice Left (Receptacle Full/Item Oversized)",
                    "Delivery Attempt",
                ),
                Act::new(
                    4 * DAY + 16 * HOUR,
                    &DENVER,
                    "16",
                    "Available for Pickup",
                    "Available for Pickup",
                ),
                Act::new(
                    6 * DAY + 17 * HOUR,
                    &DENVER,
                    "01",
                    "Delivered, Individual Picked Up at Post Office",
                    "Delivered",
                ),
            ],
            goes_back: Some(9 * DAY),
            ..ITEM
        },
    },
    Script {
        name: "locker",
        number: "9400778000000000000083",
        title: "Put into a parcel locker",
        shows: "code 01 and category Delivered, and it still waits",
        item: Item {
            acts: &[
                LABEL,
                ACCEPTED,
                ARRIVED,
                DEPARTED,
                AT_OFFICE,
                ON_ROAD,
                Act::new(
                    3 * DAY + 19 * HOUR,
                    &DENVER,
                    "01",
                    "Delivered, Parcel Locker",
                    "Delivered",
                ),
            ],
            ..ITEM
        },
    },
    Script {
        name: "returned",
        number: "9400778000000000000090",
        title: "Addressee unknown, back with the sender",
        shows: "code 01 again: delivered to the sender is a return",
        item: Item {
            acts: &[
                LABEL,
                ACCEPTED,
                ARRIVED,
                DEPARTED,
                AT_OFFICE,
                ON_ROAD,
                Act::new(
                    4 * DAY + 15 * HOUR,
                    &DENVER,
                    "25",
                    "Addressee Unknown",
                    "Return to Sender",
                ),
                Act::new(
                    4 * DAY + 16 * HOUR,
                    &DENVER,
                    "09",
                    "Return to Sender Processed",
                    "Return to Sender",
                ),
                Act::new(
                    7 * DAY + 16 * HOUR,
                    &CHICAGO,
                    "01",
                    "Delivered, To Original Sender",
                    "Delivered",
                ),
            ],
            ..ITEM
        },
    },
    Script {
        name: "from-china",
        number: "LZ778000016CN",
        title: "Shenzhen to Denver, two days in customs",
        shows: "events abroad, customs without codes, an evening scan a day early",
        item: Item {
            acts: &[
                Act::new(0, &SHENZHEN, "03", "Acceptance", "Accepted"),
                Act::new(10 * HOUR, &SHENZHEN, "EF", "Departed", "In Transit"),
                Act::new(
                    2 * DAY + 19 * HOUR,
                    &ISC,
                    "",
                    "Inbound Into Customs",
                    "In Transit",
                )
                .uncoded()
                .day_early(),
                Act::new(3 * DAY, &ISC, "", "Held in Customs", "Alert").uncoded(),
                Act::new(4 * DAY, &ISC, "", "Inbound Out of Customs", "In Transit").uncoded(),
                Act::new(
                    4 * DAY + 2 * HOUR,
                    &ISC,
                    "10",
                    "Processed Through Facility",
                    "In Transit",
                ),
                Act::new(
                    6 * DAY + 14 * HOUR,
                    &DENVER,
                    "OF",
                    "Out for Delivery",
                    "Out for Delivery",
                ),
                Act::new(
                    6 * DAY + 20 * HOUR,
                    &DENVER,
                    "01",
                    "Delivered, In/At Mailbox",
                    "Delivered",
                ),
            ],
            origin: &SHENZHEN,
            due: Some(6 * DAY + 20 * HOUR),
            service: "First-Class Package International<SUP>&reg;</SUP>",
            ..ITEM
        },
    },
    Script {
        name: "unknown-code",
        number: "9400778000000000000106",
        title: "Events whose codes are in no list",
        shows: "unknown codes are kept and guess nothing",
        item: Item {
            acts: &[
                LABEL,
                ACCEPTED,
                ARRIVED,
                DEPARTED,
                Act::new(
                    2 * DAY,
                    &DENVER,
                    "ZQ",
                    "Something That No List Has",
                    "Some New Category",
                ),
            ],
            ..ITEM
        },
    },
    Script {
        name: "local-times",
        number: "9400778000000000000113",
        title: "The form of 2023: no UTC fields",
        shows: "local times are not UTC, whatever their Z says",
        item: Item {
            acts: &[
                LABEL.local_only(),
                ACCEPTED.local_only(),
                ARRIVED.local_only(),
                DEPARTED.local_only(),
            ],
            ..ITEM
        },
    },
    Script {
        name: "contradiction",
        number: "9400778000000000000120",
        title: "Category says delivered, no event does",
        shows: "the category is not evidence of a delivery",
        item: Item {
            acts: &[LABEL, ACCEPTED, ARRIVED, DEPARTED, AT_OFFICE, ON_ROAD],
            category: Some("Delivered"),
            ..ITEM
        },
    },
    Script {
        name: "other-mailer",
        number: "9400778000000000000137",
        title: "Item of a mailer whose data is not shared",
        shows: "403 for one number only",
        item: Item {
            acts: &[LABEL],
            of_another: true,
            ..ITEM
        },
    },
    Script {
        name: "story",
        number: STORY,
        title: "Shenzhen to Columbus, held by customs, delivered",
        shows: "who has the parcel now knows best",
        item: Item {
            acts: &[
                Act::new(
                    TOLD + 40 * HOUR,
                    &CHICAGO_ISC,
                    "",
                    "Inbound Into Customs",
                    "In Transit",
                )
                .uncoded(),
                Act::new(
                    TOLD + 44 * HOUR,
                    &CHICAGO_ISC,
                    "",
                    "Held in Customs",
                    "Alert",
                )
                .uncoded(),
                Act::new(
                    TOLD + 70 * HOUR,
                    &CHICAGO_ISC,
                    "",
                    "Inbound Out of Customs",
                    "In Transit",
                )
                .uncoded(),
                Act::new(
                    TOLD + 72 * HOUR,
                    &CHICAGO_ISC,
                    "10",
                    "Processed Through Facility",
                    "In Transit",
                ),
                Act::new(
                    TOLD + 100 * HOUR,
                    &COLUMBUS,
                    "07",
                    "Arrived at Post Office",
                    "In Transit",
                ),
                Act::new(
                    TOLD + 124 * HOUR,
                    &COLUMBUS,
                    "OF",
                    "Out for Delivery",
                    "Out for Delivery",
                ),
                Act::new(
                    TOLD + 130 * HOUR,
                    &COLUMBUS,
                    "01",
                    "Delivered, Front Door/Porch",
                    "Delivered",
                ),
            ],
            origin: &SHENZHEN,
            destination: &COLUMBUS,
            service: "First-Class Package International<SUP>&reg;</SUP>",
            ..ITEM
        },
    },
];
