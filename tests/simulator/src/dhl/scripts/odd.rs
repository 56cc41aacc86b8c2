//! Owns the shipments whose data is odd, late or contradictory. Knows no JSON and no HTTP.

use super::*;

pub(super) static SCRIPTS: [Script; 9] = [
    Script {
        name: "reused-number",
        number: "513007",
        title: "A short number three shipments share, years apart",
        shows: "the newest must be chosen; old events must not be mixed in",
        parcels: &[
            Parcel {
                number: "513007",
                references: References::List(&[("customer-confirmation-number", "513007")]),
                events: &[
                    ev(0, "pre-transit", "EN ROUTE TO DHL ECOMMERCE").only_status(),
                    ev(9 * HOUR, "transit", "PROCESSED")
                        .only_status()
                        .place(&COMPTON),
                    ev(3 * DAY, "delivered", "FRONT DOOR")
                        .status("DELIVERED")
                        .place(&BOISE),
                ],
                ..ECOMMERCE
            },
            Parcel {
                number: "513007",
                events: &[
                    ev(-730 * DAY, "transit", "PROCESSED")
                        .only_status()
                        .place(&COMPTON),
                    ev(-726 * DAY, "delivered", "MAILBOX")
                        .status("DELIVERED")
                        .place(&BOISE),
                ],
                ..ECOMMERCE
            },
            Parcel {
                number: "513007",
                origin: &BOISE,
                destination: &COMPTON,
                events: &[
                    ev(-1500 * DAY, "transit", "PROCESSED")
                        .only_status()
                        .place(&BOISE),
                    ev(-1497 * DAY, "failure", "RETURNED TO SENDER")
                        .only_status()
                        .place(&BOISE),
                ],
                ..ECOMMERCE
            },
        ],
    },
    Script {
        name: "crowded-number",
        number: "51300",
        title: "Seven shipments of three divisions answer to one short number",
        shows: "paging: five in the first answer, two behind nextUrl; the service narrows it",
        parcels: &CROWD,
    },
    Script {
        name: "not-found-yet",
        number: "9000000774",
        title: "Unknown to DHL for the first six hours",
        shows: "404 at first, then a label: not found is not final",
        parcels: &[Parcel {
            number: "9000000774",
            events: &[
                ev(6 * HOUR, "pre-transit", "Shipment information received"),
                ev(12 * HOUR, "transit", "Shipment picked up").place(&LYON),
            ],
            ..BASE
        }],
    },
    Script {
        name: "label-only",
        number: "00340434990000000011",
        title: "A label was printed and never scanned",
        shows: "information received is all there ever is",
        parcels: &[Parcel {
            number: "00340434990000000011",
            pieces: &["340434990000000011"],
            events: &[ev(
                0,
                "pre-transit",
                "The sender has announced the shipment electronically",
            )],
            ..PARCEL_DE
        }],
    },
    Script {
        name: "unknown-code",
        number: "9000000881",
        title: "Codes and texts nobody has seen before",
        shows: "an unknown statusCode, one left out and a strange text are kept, not dropped",
        parcels: &[Parcel {
            number: "9000000881",
            events: &[
                LABEL,
                PICKED_UP,
                ev(DAY, "quarantined", "Zebra gate 7 passed")
                    .status("QX-7")
                    .place(&LEIPZIG),
                ev(DAY + HOUR, "", "Moonlight transfer")
                    .no_code()
                    .place(&LEIPZIG),
                ev(DAY + 2 * HOUR, "unknown", "Awaiting zebra").place(&LEIPZIG),
            ],
            ..BASE
        }],
    },
    Script {
        name: "local-times",
        number: "900000000335",
        title: "Kassel to Kiel with times that name no zone",
        shows: "German local times without an offset; the first event has no place either",
        parcels: &[Parcel {
            number: "900000000335",
            events: &[
                ev(
                    0,
                    "pre-transit",
                    "The sender has announced the shipment electronically",
                ),
                ev(
                    9 * HOUR,
                    "transit",
                    "The shipment was processed in the parcel center of origin",
                )
                .place(&KASSEL),
                ev(
                    DAY,
                    "transit",
                    "The shipment was loaded onto the delivery vehicle",
                ),
                ev(DAY + 3 * HOUR, "delivered", "The shipment was delivered").place(&KIEL),
            ],
            ..PARCEL_DE
        }],
    },
    Script {
        name: "day-only",
        number: "900000000442",
        title: "Freight whose events carry only a date",
        shows: "a date is a day, not midnight",
        parcels: &[Parcel {
            number: "900000000442",
            service: "freight",
            product: "DHL Freight EUROCONNECT",
            times: Times::Day,
            events: &[
                ev(0, "pre-transit", "Order received"),
                ev(DAY, "transit", "Collected from the shipper").place(&LYON),
                ev(3 * DAY, "transit", "Arrived at the terminal").place(&BERLIN),
            ],
            ..BASE
        }],
    },
    Script {
        name: "contradiction",
        number: "9000000995",
        title: "The status block says delivered, the events say on the way",
        shows: "the newest event wins and the contradiction is reported",
        parcels: &[Parcel {
            number: "9000000995",
            status: Some(ev(0, "delivered", "Delivered").status("delivered")),
            events: &[LABEL, PICKED_UP, AT_HUB],
            ..BASE
        }],
    },
    Script {
        name: "from-china",
        number: "GM5130071234567890",
        title: "Guangzhou to Boise, last mile by the post",
        shows: "two continents, offsets on some events only, a partner's number for the last mile",
        parcels: &[Parcel {
            number: "GM5130071234567890",
            origin: &GUANGZHOU,
            references: References::List(&[
                ("ecommerce-number", "GM5130071234567890"),
                ("local-tracking-number", "9261290000000051300074"),
            ]),
            events: &[
                ev(0, "pre-transit", "EN ROUTE TO DHL ECOMMERCE").only_status(),
                ev(8 * HOUR, "transit", "PROCESSED")
                    .only_status()
                    .place(&GUANGZHOU),
                ev(DAY, "transit", "DEPARTURE ORIGIN DHL FACILITY")
                    .only_status()
                    .place(&GUANGZHOU),
                ev(3 * DAY, "transit", "ARRIVED AT CUSTOMS")
                    .only_status()
                    .place(&COMPTON),
                ev(4 * DAY, "transit", "CLEARED CUSTOMS")
                    .only_status()
                    .place(&COMPTON),
                ev(5 * DAY, "transit", "TENDERED TO DELIVERY SERVICE PROVIDER")
                    .only_status()
                    .place(&BOISE),
                ev(6 * DAY, "transit", "OUT FOR DELIVERY")
                    .only_status()
                    .place(&BOISE),
                ev(6 * DAY + 5 * HOUR, "delivered", "FRONT DOOR")
                    .status("DELIVERED")
                    .place(&BOISE),
            ],
            ..ECOMMERCE
        }],
    },
];

const CROWDED: Parcel = Parcel {
    number: "51300",
    ..BASE
};
const CROWD: [Parcel; 7] = [
    Parcel {
        events: &[LABEL, PICKED_UP],
        ..CROWDED
    },
    Parcel {
        service: "parcel-nl",
        product: "DHL For You",
        origin: &ROTTERDAM,
        destination: &ROTTERDAM,
        times: Times::Offset,
        events: &[ev(-90 * DAY, "delivered", "Delivered").place(&ROTTERDAM)],
        ..CROWDED
    },
    crowded_in_the_past(&[ev(-200 * DAY, "delivered", "MAILBOX").place(&BOISE)]),
    crowded_in_the_past(&[ev(-400 * DAY, "delivered", "MAILBOX").place(&BOISE)]),
    crowded_in_the_past(&[ev(-600 * DAY, "delivered", "PORCH").place(&COMPTON)]),
    crowded_in_the_past(&[ev(-800 * DAY, "failure", "LOST").place(&COMPTON)]),
    crowded_in_the_past(&[ev(-900 * DAY, "delivered", "MAILBOX").place(&BOISE)]),
];

const fn crowded_in_the_past(events: &'static [Event]) -> Parcel {
    Parcel {
        number: "51300",
        events,
        ..ECOMMERCE
    }
}
