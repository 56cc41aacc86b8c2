//! Owns the shipments whose data is as it should be, whatever happens to the parcel. Knows no JSON and no HTTP.

use super::*;

pub(super) static SCRIPTS: [Script; 10] = [
    Script {
        name: "label-only",
        number: "605200000015",
        title: "A label that nobody has handed in",
        shows: "an order is no parcel: FedEx says that it does not have it",
        parcels: &[Parcel {
            number: "605200000015",
            acts: &[LABEL],
            shipment: &Shipment {
                due: None,
                ..GROUND
            },
        }],
        ..SCRIPT
    },
    Script {
        name: "delivered",
        number: "605200000026",
        title: "Portland to Saint Louis, left at the front door",
        shows: "an exception code on a delivery is no exception; nobody signed",
        parcels: &[Parcel {
            number: "605200000026",
            acts: &[
                LABEL,
                PICKED_UP,
                DEPARTED,
                AT_HUB,
                LOCAL,
                ON_ROAD,
                DELIVERED.because(
                    "014",
                    "Left at front door. Signature Service not requested.",
                ),
            ],
            shipment: &GROUND,
        }],
        ..SCRIPT
    },
    Script {
        name: "in-transit",
        number: "605200000037",
        title: "Portland to Saint Louis, somewhere after Memphis",
        shows: "days are midnights with an offset that means nothing; a window without one",
        parcels: &[Parcel {
            number: "605200000037",
            acts: &[LABEL, PICKED_UP, DEPARTED, AT_HUB],
            shipment: &Shipment {
                window: true,
                ..GROUND
            },
        }],
        ..SCRIPT
    },
    Script {
        name: "out-for-delivery",
        number: "605200000048",
        title: "Portland to Saint Louis, still on the vehicle",
        shows: "nothing after out for delivery: the state must not run ahead",
        parcels: &[Parcel {
            number: "605200000048",
            acts: &[LABEL, PICKED_UP, DEPARTED, AT_HUB, LOCAL, ON_ROAD],
            shipment: &GROUND,
        }],
        ..SCRIPT
    },
    Script {
        name: "failed-attempt",
        number: "605200000059",
        title: "Nobody home, delivered the next day",
        shows: "an attempt is not final; the reason is the exception code",
        parcels: &[Parcel {
            number: "605200000059",
            acts: &[
                LABEL,
                PICKED_UP,
                DEPARTED,
                LOCAL,
                ON_ROAD,
                act(DAY + 22 * HOUR, &STLOUIS, "DE", "Delivery exception")
                    .because("08", "Customer not available or business closed")
                    .delayed("GENERAL"),
                act(
                    2 * DAY + 18 * HOUR,
                    &STLOUIS,
                    "OD",
                    "On FedEx vehicle for delivery",
                ),
                act(2 * DAY + 21 * HOUR, &STLOUIS, "DL", "Delivered"),
            ],
            shipment: &GROUND,
        }],
        ..SCRIPT
    },
    Script {
        name: "customs-hold",
        number: "605200000060",
        title: "Guangzhou to Miami, stopped by customs for a day",
        shows: "clearance delay, then released: customs is a phase, not the end",
        parcels: &[Parcel {
            number: "605200000060",
            acts: &[
                act(0, &GUANGZHOU, "OC", "Shipment information sent to FedEx"),
                act(5 * HOUR, &GUANGZHOU, "PU", "Picked up"),
                act(12 * HOUR, &GUANGZHOU, "DP", "Left FedEx origin facility"),
                act(30 * HOUR, &MEMPHIS, "AR", "Arrived at FedEx hub"),
                act(46 * HOUR, &MIAMI, "CD", "Clearance delay - Import")
                    .because("50", "Commercial invoice is missing or incomplete")
                    .delayed("CLEARANCE"),
                act(
                    70 * HOUR,
                    &MIAMI,
                    "CC",
                    "International shipment release - Import",
                ),
                act(76 * HOUR, &MIAMI, "OD", "On FedEx vehicle for delivery"),
                act(79 * HOUR, &MIAMI, "DL", "Delivered"),
            ],
            shipment: &Shipment {
                origin: &GUANGZHOU,
                destination: &MIAMI,
                due: Some(3 * DAY),
                ..EXPRESS
            },
        }],
        ..SCRIPT
    },
    Script {
        name: "return-to-sender",
        number: "605200000070",
        title: "Refused in Saint Louis, back to Portland",
        shows: "a return has a number of its own; the last delivery is one to the sender",
        parcels: &[Parcel {
            number: "605200000070",
            acts: &[
                LABEL,
                PICKED_UP,
                DEPARTED,
                LOCAL,
                ON_ROAD,
                act(DAY + 22 * HOUR, &STLOUIS, "DE", "Delivery exception")
                    .because("071", "Shipment refused by recipient"),
                act(3 * DAY, &STLOUIS, "RS", "Returning package to shipper"),
                act(6 * DAY, &PORTLAND, "DL", "Delivered"),
            ],
            shipment: &Shipment {
                further: &[["RETURNED_TO_SHIPPER_TRACKING_NUMBER", "605200000081"]],
                received: None,
                ..GROUND
            },
        }],
        ..SCRIPT
    },
    Script {
        name: "access-point",
        number: "605200000092",
        title: "Held at a shop, collected two days later",
        shows: "ready for pickup is derived as in transit: the event has to win",
        parcels: &[Parcel {
            number: "605200000092",
            acts: &[
                LABEL,
                PICKED_UP,
                DEPARTED,
                act(DAY, &STLOUIS, "HA", "Hold at location request accepted")
                    .because("A13", "Hold at location request accepted"),
                LOCAL,
                act(
                    DAY + 22 * HOUR,
                    &STLOUIS,
                    "HP",
                    "Ready for recipient pickup",
                )
                .because("015A", "Package available for pickup")
                .at_shop("STLKA"),
                act(4 * DAY, &STLOUIS, "DL", "Delivered").at_shop("STLKA"),
            ],
            shipment: &Shipment {
                hold: Some("STLKA"),
                received: Some(["P.ROBE", "FEDEX_LOCATION", "FedEx Location"]),
                ..GROUND
            },
        }],
        ..SCRIPT
    },
    Script {
        name: "multi-piece",
        number: "605200000118",
        title: "Three pieces, one of them late",
        shows: "one piece answers for itself; the others are asked for by the master",
        pieces: &["605200000107", "605200000118", "605200000129"],
        parcels: &[
            Parcel {
                number: "605200000107",
                acts: &[LABEL, PICKED_UP, DEPARTED, LOCAL, ON_ROAD, DELIVERED],
                shipment: &GROUND,
            },
            Parcel {
                number: "605200000118",
                acts: &[LABEL, PICKED_UP, DEPARTED, LOCAL, ON_ROAD, DELIVERED],
                shipment: &GROUND,
            },
            Parcel {
                number: "605200000129",
                acts: &[
                    LABEL,
                    PICKED_UP,
                    DEPARTED,
                    act(DAY, &MEMPHIS, "SE", "Shipment exception")
                        .because("??", "Package sorted to wrong route"),
                ],
                shipment: &GROUND,
            },
        ],
    },
    Script {
        name: "cancelled",
        number: "605200000195",
        title: "Called off by the shipper",
        shows: "an end without a parcel",
        parcels: &[Parcel {
            number: "605200000195",
            acts: &[
                LABEL,
                act(8 * HOUR, &PORTLAND, "CA", "Shipment cancelled by sender"),
            ],
            shipment: &Shipment {
                due: None,
                ..GROUND
            },
        }],
        ..SCRIPT
    },
];
