//! Owns the shipments whose data is odd, late or contradictory. Knows no JSON and no HTTP.

use super::*;

pub(super) static SCRIPTS: [Script; 7] = [
    Script {
        name: "partner-last-mile",
        number: "1ZSIM001YW00000019",
        title: "SurePost: handed to the post for the last mile",
        shows: "the partner's number is a second leg; the post delivers",
        shipment: &Shipment {
            service: ["092", "092", "UPS SurePost"],
            packages: &[Package {
                number: "1ZSIM001YW00000019",
                alternate: Some(("USPS_PIC", "92612903029511513000000018")),
                acts: &[
                    LABEL,
                    ORIGIN,
                    ARRIVED,
                    act(
                        2 * DAY,
                        &CHICAGO,
                        "I",
                        "XR",
                        "074",
                        "The local post office has the package.",
                    ),
                    act(
                        3 * DAY,
                        &CHICAGO,
                        "D",
                        "YC",
                        "026",
                        "Delivered by Local Post Office",
                    ),
                ],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "not-found-yet",
        number: "1ZSIM0010300000099",
        title: "Unknown to UPS for the first six hours",
        shows: "status 200 with warning TW0001 at first, then a label",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000099",
                acts: &[
                    act(
                        6 * HOUR,
                        &LOUISVILLE,
                        "M",
                        "MP",
                        "003",
                        "Shipper created a label, UPS does not have the package yet. ",
                    ),
                    act(12 * HOUR, &LOUISVILLE, "I", "OR", "005", "Origin Scan"),
                ],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "label-only",
        number: "1ZSIM0010300000106",
        title: "A label was printed and never scanned",
        shows: "information received is all there ever is; its place is only a country",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000106",
                acts: &[LABEL],
                due: None,
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "unknown-code",
        number: "1ZSIM0010300000115",
        title: "Codes and texts nobody has seen before",
        shows: "an unknown type, code and status are kept, not dropped",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000115",
                acts: &[
                    LABEL,
                    ORIGIN,
                    act(DAY, &CHICAGO, "Q", "7Z", "987", "Zebra gate 7 passed"),
                    act(DAY + HOUR, &CHICAGO, "Q", "", "", "Moonlight transfer"),
                ],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "local-times",
        number: "1ZSIM0010300000124",
        title: "An answer in the old form without UTC fields",
        shows: "only local date and time and the country, no currentStatus: nobody can know the zone",
        shipment: &Shipment {
            old_form: true,
            packages: &[Package {
                number: "1ZSIM0010300000124",
                acts: &[
                    LABEL.at(&SOMEWHERE),
                    ORIGIN.at(&SOMEWHERE),
                    ARRIVED.at(&SOMEWHERE),
                    ON_ROAD.at(&SOMEWHERE),
                    DELIVERED.at(&SOMEWHERE),
                ],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "contradiction",
        number: "1ZSIM0010300000133",
        title: "Local and UTC time of one scan are three hours apart",
        shows: "the UTC fields win and the contradiction is reported",
        shipment: &Shipment {
            packages: &[Package {
                number: "1ZSIM0010300000133",
                acts: &[LABEL, ORIGIN, ARRIVED.gmt_ahead(180)],
                ..PACKAGE
            }],
            ..SHIPMENT
        },
    },
    Script {
        name: "from-china",
        number: "1ZSIM0016600000024",
        title: "Shenzhen to Seattle across the date line",
        shows: "local days run backwards on the way while UTC does not",
        shipment: &Shipment {
            origin: &SHENZHEN,
            destination: &SEATTLE,
            packages: &[Package {
                number: "1ZSIM0016600000024",
                due: Some(4 * DAY),
                received: Some(("PROBE", "Reception")),
                acts: &[
                    act(
                        0,
                        &SHENZHEN,
                        "M",
                        "MP",
                        "003",
                        "Shipper created a label, UPS does not have the package yet. ",
                    ),
                    act(8 * HOUR, &SHENZHEN, "I", "OR", "005", "Origin Scan"),
                    act(14 * HOUR, &SHENZHEN, "I", "EP", "005", "Export Scan"),
                    act(28 * HOUR, &SEATTLE, "I", "IP", "005", "Import Scan"),
                    act(
                        29 * HOUR,
                        &SEATTLE,
                        "X",
                        "4C",
                        "012",
                        "Your package is being prepared for clearance.",
                    )
                    .logical(),
                    act(
                        2 * DAY,
                        &SEATTLE,
                        "X",
                        "BN",
                        "014",
                        "Your package has cleared customs.",
                    )
                    .logical(),
                    act(
                        3 * DAY,
                        &SEATTLE,
                        "I",
                        "OT",
                        "021",
                        "Out For Delivery Today",
                    ),
                    act(3 * DAY + 5 * HOUR, &SEATTLE, "D", "FS", "011", "DELIVERED "),
                ],
                ..PACKAGE
            }],
            ..WORLDWIDE
        },
    },
];
