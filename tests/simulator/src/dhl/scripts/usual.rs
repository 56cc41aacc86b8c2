//! Owns the shipments whose data is as it should be, whatever happens to the parcel. Knows no JSON and no HTTP.

use super::*;

pub(super) static SCRIPTS: [Script; 8] = [
    Script {
        name: "delivered",
        number: "9000000111",
        title: "Lyon to Berlin by express, signed for",
        shows: "a whole life from label to proof of delivery",
        parcels: &[Parcel {
            number: "9000000111",
            due: Some(2 * DAY + 12 * HOUR),
            signed_by: Some("M MUSTER"),
            events: &[
                LABEL,
                PICKED_UP,
                AT_HUB,
                ON_ROAD,
                ev(
                    2 * DAY + 4 * HOUR,
                    "delivered",
                    "Delivered - Signed for by: M MUSTER",
                )
                .status("delivered")
                .place(&BERLIN),
            ],
            ..BASE
        }],
    },
    Script {
        name: "in-transit",
        number: "9000000225",
        title: "Lyon to Berlin, still out for delivery",
        shows: "nothing after out for delivery: the state must not run ahead",
        parcels: &[Parcel {
            number: "9000000225",
            due: Some(3 * DAY),
            events: &[LABEL, PICKED_UP, AT_HUB, ON_ROAD],
            ..BASE
        }],
    },
    Script {
        name: "failed-attempt",
        number: "9000000332",
        title: "Nobody home, delivered the next day",
        shows: "a failed attempt is not final and is followed by a second tour",
        parcels: &[Parcel {
            number: "9000000332",
            signed_by: Some("P PROBE"),
            events: &[
                LABEL,
                PICKED_UP,
                AT_HUB,
                ON_ROAD,
                ev(
                    2 * DAY + 5 * HOUR,
                    "failure",
                    "Delivery attempted; recipient not home",
                )
                .place(&BERLIN)
                .remark("A card was left", "Choose another day or a service point"),
                ev(
                    3 * DAY,
                    "transit",
                    "Shipment is out with courier for delivery",
                )
                .place(&BERLIN),
                ev(
                    3 * DAY + 3 * HOUR,
                    "delivered",
                    "Delivered - Signed for by: P PROBE",
                )
                .place(&BERLIN),
            ],
            ..BASE
        }],
    },
    Script {
        name: "customs-hold",
        number: "9000000446",
        title: "Cincinnati to Warsaw, stopped by customs for a day",
        shows: "statusCode failure during clearance is an incident, not the end",
        parcels: &[Parcel {
            number: "9000000446",
            origin: &CINCINNATI,
            destination: &WARSAW,
            events: &[
                LABEL,
                ev(6 * HOUR, "transit", "Shipment picked up").place(&CINCINNATI),
                ev(DAY, "transit", "Customs clearance status updated").place(&LEIPZIG),
                ev(DAY + 2 * HOUR, "failure", "Clearance event")
                    .place(&LEIPZIG)
                    .remark(
                        "Customs paperwork is missing",
                        "The importer is asked for an invoice",
                    ),
                ev(
                    2 * DAY + 2 * HOUR,
                    "transit",
                    "Clearance processing complete",
                )
                .place(&LEIPZIG),
                ev(
                    3 * DAY,
                    "transit",
                    "Shipment is out with courier for delivery",
                )
                .place(&WARSAW),
                ev(3 * DAY + 2 * HOUR, "delivered", "Delivered").place(&WARSAW),
            ],
            ..BASE
        }],
    },
    Script {
        name: "locker",
        number: "900000000111",
        title: "Put into a Packstation, collected a day later",
        shows: "ready for pickup is not delivery; the postal code 24103 unlocks receiver and proof",
        parcels: &[Parcel {
            number: "900000000111",
            locked_by: Some("24103"),
            pieces: &["90000000011"],
            signed_by: Some("Robin Muster"),
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
                    20 * HOUR,
                    "transit",
                    "The shipment was loaded onto the delivery vehicle",
                ),
                ev(
                    DAY + HOUR,
                    "transit",
                    "The shipment is ready for collection at the Packstation",
                )
                .place(&KIEL),
                ev(
                    2 * DAY,
                    "delivered",
                    "The recipient has collected the shipment from the Packstation",
                )
                .place(&KIEL),
            ],
            ..PARCEL_DE
        }],
    },
    Script {
        name: "access-point",
        number: "900000000228",
        title: "Handed to a parcel shop, which DHL itself calls delivered",
        shows: "statusCode delivered for codes 43 to 46 is only the deposit",
        parcels: &[Parcel {
            number: "900000000228",
            service: "ecommerce-europe",
            product: "DHL Parcel Connect",
            origin: &KASSEL,
            destination: &GRAZ,
            times: Times::Offset,
            events: &[
                ev(0, "pre-transit", "The shipment data has been received").status("1"),
                ev(
                    8 * HOUR,
                    "transit",
                    "The shipment has been sorted at the origin hub",
                )
                .status("11")
                .place(&KASSEL),
                ev(
                    DAY + 9 * HOUR,
                    "delivered",
                    "The shipment has been handed over to the Parcelshop",
                )
                .status("44")
                .place(&GRAZ),
                ev(
                    3 * DAY,
                    "delivered",
                    "The shipment has been collected by the recipient",
                )
                .status("40")
                .place(&GRAZ),
            ],
            ..BASE
        }],
    },
    Script {
        name: "return-to-sender",
        number: "9000000553",
        title: "Refused at the door and sent back to Lyon",
        shows: "returning, then returned: the last delivered belongs to the sender",
        parcels: &[Parcel {
            number: "9000000553",
            events: &[
                LABEL,
                PICKED_UP,
                AT_HUB,
                ON_ROAD,
                ev(2 * DAY + 4 * HOUR, "failure", "Recipient refused delivery").place(&BERLIN),
                ev(
                    3 * DAY,
                    "transit",
                    "Shipment is being returned to the shipper",
                )
                .place(&BERLIN),
                ev(5 * DAY, "delivered", "Returned to shipper").place(&LYON),
            ],
            ..BASE
        }],
    },
    Script {
        name: "multi-piece",
        number: "9000000660",
        title: "Three pieces that travel apart",
        shows: "two pieces delivered are not a delivered shipment; ids and references in odd types",
        parcels: &[Parcel {
            number: "9000000660",
            numeric_id: true,
            pieces: &PIECES,
            weight: Some((17.5, "KGM")),
            references: References::Bare("customer-reference", "ORDER 51300"),
            events: &[
                LABEL.pieces(&PIECES),
                PICKED_UP.pieces(&PIECES),
                ev(DAY, "transit", "Arrived at DHL Sort Facility")
                    .place(&LEIPZIG)
                    .pieces(&["JD014600000000000011", "JD014600000000000012"]),
                ev(2 * DAY, "delivered", "Delivered")
                    .place(&BERLIN)
                    .pieces(&["JD014600000000000011", "JD014600000000000012"]),
                ev(
                    2 * DAY + HOUR,
                    "failure",
                    "Shipment on hold: piece missorted",
                )
                .place(&LEIPZIG)
                .pieces(&["JD014600000000000013"]),
                ev(4 * DAY, "delivered", "Delivered")
                    .place(&BERLIN)
                    .pieces(&["JD014600000000000013"]),
            ],
            ..BASE
        }],
    },
];
