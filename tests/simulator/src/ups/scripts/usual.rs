//! Owns the shipments whose data is as it should be, whatever happens to the parcel. Knows no JSON and no HTTP.

use super::*;

pub(super) static SCRIPTS: [Script; 8] = [
    Script {
        name: "delivered",
        number: "1ZSIM0010300000017",
        title: "Louisville to Chicago, signed for",
        shows: "a whole life; signature and proof only when asked for",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000017",
                received: Some(("MUSTER", "Front Desk")),
                acts: &[LABEL, ORIGIN, DEPARTED, ARRIVED, ON_ROAD, DELIVERED],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "in-transit",
        number: "1ZSIM0010300000026",
        title: "Louisville to Chicago, still out for delivery",
        shows: "nothing after out for delivery: the state must not run ahead",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000026",
                acts: &[LABEL, ORIGIN, DEPARTED, ARRIVED, ON_ROAD],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "failed-attempt",
        number: "1ZSIM0010300000035",
        title: "Nobody home, delivered the next day",
        shows: "an attempt is not final; the promised day moves to RDD with a window",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000035",
                moved: Some((DAY + 9 * HOUR, 2 * DAY + 9 * HOUR)),
                received: Some(("PROBE", "Porch")),
                acts: &[
                    LABEL,
                    ORIGIN,
                    ARRIVED,
                    ON_ROAD,
                    act(
                        DAY + 9 * HOUR,
                        &CHICAGO,
                        "X",
                        "48",
                        "022",
                        "The receiver was not available for delivery.",
                    ),
                    act(
                        2 * DAY + 6 * HOUR,
                        &CHICAGO,
                        "I",
                        "OT",
                        "021",
                        "Out For Delivery Today",
                    ),
                    act(2 * DAY + 9 * HOUR, &CHICAGO, "D", "FS", "011", "DELIVERED "),
                ],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "customs-hold",
        number: "1ZSIM0016600000015",
        title: "Koeln to Toronto, stopped by customs for two days",
        shows: "information required, then cleared: customs is a phase, not the end",
        shipment: &Shipment {
            origin: &COLOGNE,
            destination: &TORONTO,
            packages: &[Package {
                number: "1ZSIM0016600000015",
                due: Some(4 * DAY),
                acts: &[
                    act(
                        0,
                        &COLOGNE,
                        "M",
                        "MP",
                        "003",
                        "Shipper created a label, UPS does not have the package yet. ",
                    ),
                    act(6 * HOUR, &COLOGNE, "I", "OR", "005", "Origin Scan"),
                    act(DAY, &COLOGNE, "I", "EP", "005", "Export Scan"),
                    act(
                        DAY + 12 * HOUR,
                        &TORONTO,
                        "X",
                        "4C",
                        "012",
                        "Your package is being prepared for clearance.",
                    )
                    .logical(),
                    act(
                        DAY + 14 * HOUR,
                        &TORONTO,
                        "X",
                        "RS",
                        "058",
                        "Clearance information is needed from the importer.",
                    ),
                    act(
                        3 * DAY,
                        &TORONTO,
                        "X",
                        "BN",
                        "014",
                        "Your package has cleared customs.",
                    )
                    .logical(),
                    act(
                        3 * DAY + 8 * HOUR,
                        &TORONTO,
                        "I",
                        "OT",
                        "021",
                        "Out For Delivery Today",
                    ),
                    act(
                        3 * DAY + 12 * HOUR,
                        &TORONTO,
                        "D",
                        "FS",
                        "011",
                        "DELIVERED ",
                    ),
                ],
                ..PACKAGE
            }],
            ..WORLDWIDE
        },
    },
    Script {
        name: "access-point",
        number: "1ZSIM0010300000044",
        title: "Left at an access point, collected three days later",
        shows: "type D with status 161 is a deposit, not delivery; it has a last day for pickup",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000044",
                pickup_by: Some(8 * DAY),
                received: Some(("MUSTER", "UPS Access Point")),
                acts: &[
                    LABEL,
                    ORIGIN,
                    ARRIVED,
                    act(
                        DAY + 6 * HOUR,
                        &CHICAGO,
                        "I",
                        "YI",
                        "057",
                        "On the Way to a Local UPS Access Point",
                    ),
                    act(
                        DAY + 9 * HOUR,
                        &CHICAGO,
                        "D",
                        "2Q",
                        "161",
                        "Delivered to UPS Access Point",
                    ),
                    act(
                        4 * DAY,
                        &CHICAGO,
                        "D",
                        "2W",
                        "011",
                        "Package picked up at UPS Access Point",
                    ),
                ],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "return-to-sender",
        number: "1ZSIM0010300000053",
        title: "Refused in Chicago and sent back to Louisville",
        shows: "refused, returning, returned: type D at the sender's is not a delivery",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000053",
                acts: &[
                    LABEL,
                    ORIGIN,
                    ARRIVED,
                    ON_ROAD,
                    act(
                        DAY + 9 * HOUR,
                        &CHICAGO,
                        "X",
                        "8H",
                        "064",
                        "The receiver does not want the package and refused it.",
                    ),
                    act(
                        DAY + 12 * HOUR,
                        &CHICAGO,
                        "X",
                        "4R",
                        "035",
                        "The package is on its way back to the sender.",
                    ),
                    act(
                        2 * DAY,
                        &LOUISVILLE,
                        "I",
                        "AR",
                        "036",
                        "Arrived at Facility",
                    ),
                    act(
                        3 * DAY,
                        &LOUISVILLE,
                        "D",
                        "B0",
                        "034",
                        "Returned to the sender",
                    ),
                ],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "multi-piece",
        number: "1ZSIM0010300000062",
        title: "Three packages, one of them late",
        shows: "the lead number shows all three; the shipment is not delivered with the first",
        shipment: &Shipment {
            together: true,
            packages: &[
                Package {
                    number: "1ZSIM0010300000062",
                    received: Some(("MUSTER", "Dock")),
                    acts: &[LABEL, ORIGIN, ARRIVED, ON_ROAD, DELIVERED],
                    ..PACKAGE
                },
                Package {
                    number: "1ZSIM0010300000071",
                    received: Some(("MUSTER", "Dock")),
                    acts: &[LABEL, ORIGIN, ARRIVED, ON_ROAD, DELIVERED],
                    ..PACKAGE
                },
                Package {
                    number: "1ZSIM0010300000080",
                    acts: &[
                        LABEL,
                        ORIGIN,
                        act(
                            DAY + 5 * HOUR,
                            &DALLAS,
                            "X",
                            "DJ",
                            "052",
                            "Severe weather has delayed delivery.",
                        ),
                        act(
                            3 * DAY,
                            &CHICAGO,
                            "I",
                            "OT",
                            "021",
                            "Out For Delivery Today",
                        ),
                        act(3 * DAY + 4 * HOUR, &CHICAGO, "D", "FS", "011", "DELIVERED "),
                    ],
                    ..PACKAGE
                },
            ],
            ..SHIPMENT
        },
    },
    Script {
        name: "multi-piece-paged",
        number: "1ZSIM0010390000009",
        title: "Sixty packages, only one of them in an answer",
        shows: "packageCount says 60; the rest comes in pages of 50 from shipment/details",
        shipment: &BULK,
    },
];
