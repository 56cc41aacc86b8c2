//! The test numbers, one row each. `docs/sandbox.md` repeats number and sentence of every row.
//!
//! A number is `SANDBOX` and an upper-case name. Names of statuses, exception categories and
//! errors are those of the API without underscores.

use waybill_core::code::{EventCode as E, ReasonCode as R};
use waybill_core::error::ErrorKind;

use super::script::{Lane, Place, Row, Says, Script, Step, because, refusal, script, step};

/// One row whose only shipment has the number of the row.
macro_rules! shipment {
    ($number:literal, $shows:literal, $start:expr, [$($step:expr),* $(,)?] $(, $set:ident($($value:expr)?))*) => {
        Row {
            number: $number,
            shows: $shows,
            says: Says::Shipments(&[script($number, $start, &[$($step),*])$(.$set($($value)?))*]),
        }
    };
}

const NOTHING: &[Step] = &[];
const ANNOUNCED: &[Step] = &[step(E::LABEL_CREATED, 70, Place::Origin)];
const ON_THE_WAY: &[Step] = &[
    step(E::LABEL_CREATED, 70, Place::Origin),
    step(E::PICKED_UP, 60, Place::Origin),
    step(E::ARRIVED_AT_FACILITY, 50, Place::Hub),
    step(E::DEPARTED_FACILITY, 40, Place::Hub),
];
const AT_THE_OFFICE: &[Step] = &[
    step(E::LABEL_CREATED, 70, Place::Origin),
    step(E::PICKED_UP, 60, Place::Origin),
    step(E::ARRIVED_AT_FACILITY, 50, Place::Hub),
    step(E::DEPARTED_FACILITY, 40, Place::Hub),
    step(E::ARRIVED_AT_DELIVERY_OFFICE, 30, Place::Office),
];
const AT_THE_DOOR: &[Step] = &[
    step(E::LABEL_CREATED, 70, Place::Origin),
    step(E::PICKED_UP, 60, Place::Origin),
    step(E::ARRIVED_AT_FACILITY, 50, Place::Hub),
    step(E::DEPARTED_FACILITY, 40, Place::Hub),
    step(E::ARRIVED_AT_DELIVERY_OFFICE, 30, Place::Office),
    step(E::OUT_FOR_DELIVERY, 16, Place::Office),
];
const AT_CUSTOMS: &[Step] = &[
    step(E::PICKED_UP, 60, Place::Abroad),
    step(E::DEPARTED_EXPORT_OFFICE, 50, Place::Abroad),
    step(E::ARRIVED_AT_IMPORT_OFFICE, 30, Place::Customs),
    step(E::IMPORT_CUSTOMS_PRESENTED, 26, Place::Customs),
];

/// Seconds after which an error of the connection may be tried again. Their kinds would advise to
/// ask again at once, which here could only fail again.
const WAIT: u64 = 30;

/// Every number.
pub(super) static ROWS: &[Row] = &[
    // Statuses.
    shipment!(
        "SANDBOXINFORECEIVED",
        "status INFO_RECEIVED: a label was made, and no carrier has the item",
        ANNOUNCED,
        [],
        due(4)
    ),
    shipment!(
        "SANDBOXINTRANSIT",
        "status IN_TRANSIT: between two facilities, with a forecast of delivery",
        ON_THE_WAY,
        [],
        due(2)
    ),
    shipment!(
        "SANDBOXOUTFORDELIVERY",
        "status OUT_FOR_DELIVERY: on the round, with a forecast of delivery",
        AT_THE_DOOR,
        [],
        due(1)
    ),
    shipment!(
        "SANDBOXDELIVERYATTEMPTED",
        "status DELIVERY_ATTEMPTED: nobody was at home, a warning",
        AT_THE_DOOR,
        [because(
            E::DELIVERY_ATTEMPTED,
            R::RECIPIENT_NOT_AVAILABLE,
            10,
            Place::Destination
        )]
    ),
    shipment!(
        "SANDBOXAVAILABLEFORPICKUP",
        "status AVAILABLE_FOR_PICKUP: waits in a shop, with the last day to collect it",
        AT_THE_OFFICE,
        [step(E::AVAILABLE_FOR_PICKUP, 10, Place::Shop)],
        collect_within(6)
    ),
    shipment!(
        "SANDBOXDELIVERED",
        "status DELIVERED: signed for, with proof of delivery",
        AT_THE_DOOR,
        [step(E::DELIVERED_SIGNED, 10, Place::Destination)],
        signed()
    ),
    shipment!(
        "SANDBOXRETURNING",
        "status RETURNING: on its way back to the sender",
        AT_THE_DOOR,
        [
            because(E::REFUSED, R::RECIPIENT_REFUSED, 10, Place::Destination),
            step(E::RETURN_IN_TRANSIT, 4, Place::Office),
        ]
    ),
    shipment!(
        "SANDBOXRETURNED",
        "status RETURNED: the sender has it again",
        AT_THE_OFFICE,
        [
            because(E::REFUSED, R::RECIPIENT_REFUSED, 20, Place::Destination),
            step(E::RETURN_IN_TRANSIT, 14, Place::Office),
            step(E::RETURNED_TO_SENDER, 4, Place::Origin),
        ]
    ),
    shipment!(
        "SANDBOXCANCELLED",
        "status CANCELLED: voided by the sender before the first scan",
        ANNOUNCED,
        [because(
            E::CANCELLED,
            R::SHIPPER_CANCELLED,
            10,
            Place::Origin
        )]
    ),
    shipment!(
        "SANDBOXFAILED",
        "status FAILED: lost by the carrier, and the exception LOSS is open",
        ON_THE_WAY,
        [because(E::LOST, R::CARRIER_LOSS, 4, Place::Hub)]
    ),
    // Exceptions.
    shipment!(
        "SANDBOXDELAY",
        "exception DELAY: the weather holds it up, and nobody has to act",
        ON_THE_WAY,
        [because(E::DELAYED, R::WEATHER, 10, Place::Hub)],
        due(3)
    ),
    shipment!(
        "SANDBOXOVERDUE",
        "exception DELAY: derived, because the carrier's own forecast has passed",
        ON_THE_WAY,
        [],
        due(-1)
    ),
    shipment!(
        "SANDBOXNOUPDATE",
        "exception NO_UPDATE: derived, because nothing was heard for more than a week",
        NOTHING,
        [
            step(E::PICKED_UP, 220, Place::Origin),
            step(E::ARRIVED_AT_FACILITY, 200, Place::Hub),
        ]
    ),
    shipment!(
        "SANDBOXCUSTOMS",
        "exception CUSTOMS: held for inspection, the authority has to act",
        AT_CUSTOMS,
        [because(
            E::IMPORT_CUSTOMS_HELD,
            R::CUSTOMS_INSPECTION,
            10,
            Place::Customs
        )],
        from(Lane::Abroad)
    ),
    shipment!(
        "SANDBOXCUSTOMSDOCUMENTS",
        "exception CUSTOMS: critical, the shipper has to send an invoice",
        AT_CUSTOMS,
        [because(
            E::CUSTOMS_INFORMATION_REQUIRED,
            R::MISSING_INVOICE,
            10,
            Place::Customs
        )],
        from(Lane::Abroad)
    ),
    shipment!(
        "SANDBOXCUSTOMSPAYMENT",
        "exception CUSTOMS: critical, the recipient has to pay",
        AT_CUSTOMS,
        [because(
            E::CUSTOMS_PAYMENT_REQUIRED,
            R::CUSTOMS_CHARGES_UNPAID,
            10,
            Place::Customs
        )],
        from(Lane::Abroad)
    ),
    shipment!(
        "SANDBOXADDRESS",
        "exception ADDRESS: critical, the recipient has to correct the address",
        AT_THE_OFFICE,
        [because(
            E::ADDRESS_PROBLEM,
            R::RECIPIENT_INCORRECT_ADDRESS,
            10,
            Place::Office
        )]
    ),
    shipment!(
        "SANDBOXFAILEDDELIVERY",
        "exception FAILED_DELIVERY: critical after the second and last attempt",
        AT_THE_OFFICE,
        [
            because(
                E::DELIVERY_ATTEMPTED,
                R::RECIPIENT_NOT_AVAILABLE,
                26,
                Place::Destination
            ),
            step(E::OUT_FOR_DELIVERY, 16, Place::Office),
            because(
                E::FINAL_ATTEMPT_FAILED,
                R::RECIPIENT_NOT_AVAILABLE,
                10,
                Place::Destination
            ),
        ]
    ),
    shipment!(
        "SANDBOXREFUSEDORUNCLAIMED",
        "exception REFUSED_OR_UNCLAIMED: critical, the recipient refused it",
        AT_THE_DOOR,
        [because(
            E::REFUSED,
            R::RECIPIENT_REFUSED,
            10,
            Place::Destination
        )]
    ),
    shipment!(
        "SANDBOXCOLLECTSOON",
        "exception REFUSED_OR_UNCLAIMED: derived, because storage in the shop ends tomorrow",
        AT_THE_OFFICE,
        [step(E::AVAILABLE_FOR_PICKUP, 20, Place::Shop)],
        collect_within(1)
    ),
    shipment!(
        "SANDBOXHOLD",
        "exception HOLD: the carrier holds it for a security check",
        ON_THE_WAY,
        [because(E::HELD, R::SECURITY_CHECK, 10, Place::Hub)]
    ),
    shipment!(
        "SANDBOXDAMAGE",
        "exception DAMAGE: critical, damaged in handling",
        ON_THE_WAY,
        [because(
            E::DAMAGED,
            R::CARRIER_HANDLING_DAMAGE,
            10,
            Place::Hub
        )]
    ),
    shipment!(
        "SANDBOXLOSS",
        "exception LOSS: critical, the carrier searches for it",
        ON_THE_WAY,
        [because(
            E::SEARCH_STARTED,
            R::UNDER_INVESTIGATION,
            10,
            Place::Hub
        )]
    ),
    shipment!(
        "SANDBOXROUTING",
        "exception ROUTING: sent to a wrong place by a sorting error",
        ON_THE_WAY,
        [because(
            E::MISROUTED,
            R::CARRIER_SORTING_ERROR,
            10,
            Place::Hub
        )]
    ),
    shipment!(
        "SANDBOXRETURN",
        "exception RETURN: critical, cannot be delivered and was ordered back",
        AT_THE_OFFICE,
        [
            because(E::UNDELIVERABLE, R::RECIPIENT_MOVED, 10, Place::Office),
            step(E::RETURN_INITIATED, 4, Place::Office),
        ]
    ),
    shipment!(
        "SANDBOXCOMPLIANCE",
        "exception COMPLIANCE: critical, the carrier rejects prohibited content",
        ON_THE_WAY,
        [because(
            E::REJECTED_BY_CARRIER,
            R::SHIPPER_PROHIBITED_CONTENT,
            10,
            Place::Hub
        )]
    ),
    shipment!(
        "SANDBOXDATAQUALITY",
        "exception DATA_QUALITY: a scan after the delivery, which is disputed",
        AT_THE_OFFICE,
        [
            step(E::DELIVERED, 20, Place::Destination),
            step(E::SORTED, 4, Place::Hub),
        ]
    ),
    shipment!(
        "SANDBOXOTHER",
        "exception OTHER: a problem that the carrier does not explain",
        ON_THE_WAY,
        [step(E::EXCEPTION, 10, Place::Hub)]
    ),
    shipment!(
        "SANDBOXMISSINGCONTENTS",
        "exception MISSING_CONTENTS: critical, it was opened and something is gone",
        ON_THE_WAY,
        [because(E::CONTENTS_MISSING, R::TAMPERED, 10, Place::Hub)]
    ),
    // Errors.
    refusal(
        "SANDBOXNOTFOUND",
        "error not_found: the source does not know the number",
        ErrorKind::NotFound,
        0,
    ),
    refusal(
        "SANDBOXINVALIDQUERY",
        "error invalid_query: the source refuses the query as wrong",
        ErrorKind::InvalidQuery,
        0,
    ),
    Row {
        number: "SANDBOXHINTREQUIRED",
        shows: "error hint_required without a postal code; delivered with any",
        says: Says::WithPostalCode(&[script(
            "SANDBOXHINTREQUIRED",
            AT_THE_DOOR,
            &[step(E::DELIVERED, 10, Place::Destination)],
        )]),
    },
    refusal(
        "SANDBOXDENIED",
        "error denied: the source refuses the operator's credentials",
        ErrorKind::Denied,
        0,
    ),
    refusal(
        "SANDBOXTHROTTLED",
        "error throttled: the source asks to wait for 30 seconds",
        ErrorKind::Throttled,
        WAIT,
    ),
    refusal(
        "SANDBOXTIMEOUT",
        "error timeout: the source does not answer in time (the sandbox says so at once)",
        ErrorKind::Timeout,
        WAIT,
    ),
    refusal(
        "SANDBOXUNAVAILABLE",
        "error unavailable: the source has a server error",
        ErrorKind::Unavailable,
        WAIT,
    ),
    refusal(
        "SANDBOXTRIPPED",
        "error tripped: the breaker of the source lets no call through",
        ErrorKind::Tripped,
        WAIT,
    ),
    refusal(
        "SANDBOXOVERLOADED",
        "error overloaded: too many calls wait for the source",
        ErrorKind::Overloaded,
        WAIT,
    ),
    refusal(
        "SANDBOXMALFORMED",
        "error malformed: the answer of the source cannot be understood",
        ErrorKind::Malformed,
        0,
    ),
    refusal(
        "SANDBOXUNSUPPORTED",
        "error unsupported: the source cannot do what was asked",
        ErrorKind::Unsupported,
        0,
    ),
    refusal(
        "SANDBOXINTERNAL",
        "error internal: a defect of the gateway",
        ErrorKind::Internal,
        0,
    ),
    // The rest.
    shipment!(
        "SANDBOXUNKNOWNZONE",
        "an event whose clock has no known offset: no instant, but bounds and a finding",
        NOTHING,
        [step(E::PICKED_UP, 60, Place::SeveralZones)],
        from(Lane::Unzoned)
    ),
    shipment!(
        "SANDBOXUNMAPPED",
        "an event whose native code has no mapping: UNMAPPED, with its text and a finding",
        ON_THE_WAY,
        [step(E::UNMAPPED, 10, Place::Hub)]
    ),
    Row {
        number: "SANDBOXMULTIPIECE",
        shows: "two pieces of one consignment: this one is delivered, the other is not",
        says: Says::Shipments(PIECES),
    },
    Row {
        number: "SANDBOXSECONDPIECE",
        shows: "the other piece of SANDBOXMULTIPIECE: on the round",
        says: Says::Shipments(PIECES),
    },
    Row {
        number: "SANDBOXREUSED",
        shows: "two shipments of one number: one delivered 200 days ago, one in transit",
        says: Says::Shipments(&[
            script(
                "SANDBOXREUSED",
                NOTHING,
                &[
                    step(E::PICKED_UP, 4_860, Place::Origin),
                    step(E::DELIVERED, 4_800, Place::Destination),
                ],
            ),
            script("SANDBOXREUSED", ON_THE_WAY, &[]),
        ]),
    },
    Row {
        number: "SANDBOXMOVING",
        shows: "an endless journey with a new event each minute, to try Follow",
        says: Says::Moves(&script(
            "SANDBOXMOVING",
            NOTHING,
            &[
                step(E::REDIRECTED, 0, Place::Office),
                step(E::DEPARTED_FACILITY, 0, Place::Office),
                step(E::ARRIVED_AT_FACILITY, 0, Place::Hub),
                step(E::SORTED, 0, Place::Hub),
                step(E::DEPARTED_FACILITY, 0, Place::Hub),
                step(E::ARRIVED_AT_DELIVERY_OFFICE, 0, Place::Office),
                step(E::OUT_FOR_DELIVERY, 0, Place::Office),
                because(
                    E::DELIVERY_ATTEMPTED,
                    R::RECIPIENT_NOT_AVAILABLE,
                    0,
                    Place::Destination,
                ),
                step(E::RECIPIENT_CONTACTED, 0, Place::Office),
                step(E::AVAILABLE_FOR_PICKUP, 0, Place::Shop),
            ],
        )),
    },
];

const PIECES: &[Script] = &[
    script(
        "SANDBOXMULTIPIECE",
        AT_THE_DOOR,
        &[step(E::DELIVERED, 10, Place::Destination)],
    )
    .of_two(),
    script("SANDBOXSECONDPIECE", AT_THE_DOOR, &[]).of_two(),
];
