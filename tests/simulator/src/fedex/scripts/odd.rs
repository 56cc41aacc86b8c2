//! Owns the shipments whose data is odd, late or contradictory. Knows no JSON and no HTTP.

use super::*;

pub(super) static SCRIPTS: [Script; 6] = [
    Script {
        name: "not-found-yet",
        number: "605200000130",
        title: "Unknown to FedEx for the first six hours",
        shows: "an error inside status 200 at first, then a label",
        parcels: &[Parcel {
            number: "605200000130",
            acts: &[
                act(
                    6 * HOUR,
                    &PORTLAND,
                    "OC",
                    "Shipment information sent to FedEx",
                ),
                act(12 * HOUR, &PORTLAND, "PU", "Picked up"),
            ],
            shipment: &GROUND,
        }],
        ..SCRIPT
    },
    Script {
        name: "reused-number",
        number: "605200000140",
        title: "A number that was used a year ago, too",
        shows: "two results, told apart by their unique ids and days of shipping",
        parcels: &[
            Parcel {
                number: "605200000140",
                acts: &[
                    act(
                        -365 * DAY,
                        &MIAMI,
                        "OC",
                        "Shipment information sent to FedEx",
                    ),
                    act(-364 * DAY, &MIAMI, "PU", "Picked up"),
                    act(-361 * DAY, &STLOUIS, "DL", "Delivered"),
                ],
                shipment: &Shipment {
                    seq: "11811",
                    origin: &MIAMI,
                    due: None,
                    ..EXPRESS
                },
            },
            Parcel {
                number: "605200000140",
                acts: &[LABEL, PICKED_UP, DEPARTED],
                shipment: &GROUND,
            },
        ],
        ..SCRIPT
    },
    Script {
        name: "partner-last-mile",
        number: "61299000000000000017",
        title: "Ground Economy: handed to the post for the last mile",
        shows: "the partner's number is a second leg; its data are sent after the parcel has moved",
        parcels: &[Parcel {
            number: "61299000000000000017",
            acts: &[
                LABEL,
                PICKED_UP,
                DEPARTED,
                act(
                    DAY + 6 * HOUR,
                    &STLOUIS,
                    "OX",
                    "Shipment information sent to U.S. Postal Service",
                ),
                act(2 * DAY, &STLOUIS, "AX", "At U.S. Postal Service facility"),
                act(3 * DAY, &STLOUIS, "DL", "Delivered by U.S. Postal Service"),
            ],
            shipment: &Shipment {
                carrier_code: "FXSP",
                service: ["SMART_POST", "FedEx Ground Economy"],
                further: &[["PARTNER_CARRIER_NUMBER", "9261299000000000000017"]],
                received: None,
                ..GROUND
            },
        }],
        ..SCRIPT
    },
    Script {
        name: "late-notes",
        number: "605200000151",
        title: "Label and pickup are noted hours too late",
        shows: "times of these two scans lie after those of later ones",
        parcels: &[Parcel {
            number: "605200000151",
            acts: &[
                LABEL.noted_late(9 * HOUR),
                PICKED_UP.noted_late(6 * HOUR),
                DEPARTED,
                AT_HUB,
            ],
            shipment: &GROUND,
        }],
        ..SCRIPT
    },
    Script {
        name: "weather-delay",
        number: "605200000162",
        title: "Snow in Memphis",
        shows: "the delay has a type; nothing else changes",
        parcels: &[Parcel {
            number: "605200000162",
            acts: &[
                LABEL,
                PICKED_UP,
                DEPARTED,
                AT_HUB,
                act(DAY, &MEMPHIS, "DD", "Delivery delay").delayed("WEATHER"),
                act(3 * DAY, &STLOUIS, "OD", "On FedEx vehicle for delivery"),
                act(3 * DAY + 5 * HOUR, &STLOUIS, "DL", "Delivered"),
            ],
            shipment: &GROUND,
        }],
        ..SCRIPT
    },
    Script {
        name: "unknown-code",
        number: "605200000173",
        title: "Two scans whose codes are in no list",
        shows: "event types that nobody knows, one of them without a coarse status that helps",
        parcels: &[Parcel {
            number: "605200000173",
            acts: &[
                LABEL,
                PICKED_UP,
                act(DAY, &MEMPHIS, "Z9", "Scanned by something new"),
                act(DAY + HOUR, &MEMPHIS, "Z8", "Scanned by something newer"),
            ],
            shipment: &GROUND,
        }],
        ..SCRIPT
    },
];
