//! The vocabulary: what can happen to a parcel and why, one row per code.
//!
//! Codes are open sets of numbers, as in the API: an unknown number is carried, not refused. The
//! hundreds digit is the phase of an [`EventCode`] and the responsible sphere of a
//! [`ReasonCode`]; both are frozen. A code's meaning and status effect never change.

use serde::{Deserialize, Serialize};

use crate::exception::Responsibility;
use crate::status::{Milestone, Severity, Status};

/// What happened to the item. See [`EVENT_CODES`] for the meaning of each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventCode(pub u16);

/// Why it happened. See [`REASON_CODES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReasonCode(pub u16);

/// Row of the event-code table.
#[derive(Debug)]
pub struct EventCodeInfo {
    /// The code.
    pub code: EventCode,
    /// Its name, as in the API without the prefix.
    pub name: &'static str,
    /// Status that it sets; `None` keeps the status.
    pub status: Option<Status>,
    /// Milestone that it reaches.
    pub milestone: Option<Milestone>,
    /// Severity when no reason is given.
    pub severity: Severity,
    /// UPU EMSEVT V3 codes that mean it.
    pub upu: &'static [&'static str],
    /// Short name in English, as carriers say it; what people are told is in [`crate::text`].
    pub title: &'static str,
}

/// Row of the reason-code table.
#[derive(Debug)]
pub struct ReasonCodeInfo {
    /// The code.
    pub code: ReasonCode,
    /// Its name, as in the API without the prefix.
    pub name: &'static str,
    /// Who acts unless the exception says otherwise.
    pub owner: Responsibility,
}

macro_rules! optional {
    ($kind:ident, -) => {
        None
    };
    ($kind:ident, $name:ident) => {
        Some($kind::$name)
    };
}

/// Writes one row as a constant and as an entry of the table, so that the two cannot part.
macro_rules! event_codes {
    ($($number:literal $name:ident, $status:tt, $milestone:tt, $severity:ident, [$($upu:literal),*], $title:literal;)*) => {
        impl EventCode {
            $(#[doc = $title] pub const $name: Self = Self($number);)*
        }
        /// Every event code by number: name, status effect, milestone, severity, UPU codes, title.
        pub static EVENT_CODES: &[EventCodeInfo] = &[$(EventCodeInfo {
            code: EventCode($number),
            name: stringify!($name),
            status: optional!(Status, $status),
            milestone: optional!(Milestone, $milestone),
            severity: Severity::$severity,
            upu: &[$($upu),*],
            title: $title,
        }),*];
    };
}

macro_rules! reason_codes {
    ($($number:literal $name:ident, $owner:ident;)*) => {
        impl ReasonCode {
            $(#[doc = concat!("Reason ", stringify!($name), ".")] pub const $name: Self = Self($number);)*
        }
        /// Every reason code by number: name and default owner.
        pub static REASON_CODES: &[ReasonCodeInfo] = &[$(ReasonCodeInfo {
            code: ReasonCode($number),
            name: stringify!($name),
            owner: Responsibility::$owner,
        }),*];
    };
}

event_codes! {
    101 INFO_RECEIVED, InfoReceived, InfoReceived, Informational, [], "Shipment data received";
    102 LABEL_CREATED, InfoReceived, InfoReceived, Informational, [], "Label created";
    103 PICKUP_SCHEDULED, InfoReceived, -, Informational, [], "Pickup scheduled";
    104 PICKUP_FAILED, InfoReceived, -, Warning, [], "Pickup failed";
    105 AWAITING_HANDOVER, InfoReceived, -, Informational, [], "Awaiting handover";
    201 PICKED_UP, InTransit, PickedUp, Informational, ["EMA"], "Picked up";
    202 DROPPED_OFF, InTransit, -, Informational, [], "Dropped off";
    203 ACCEPTED, InTransit, PickedUp, Informational, ["EMA"], "Accepted";
    204 ORIGIN_PROCESSED, InTransit, PickedUp, Informational, [], "Origin processed";
    205 CONSOLIDATED, InTransit, PickedUp, Informational, [], "Consolidated";
    206 WAREHOUSE_RECEIVED, InfoReceived, -, Informational, [], "Warehouse received";
    207 WAREHOUSE_DISPATCHED, InfoReceived, -, Informational, [], "Warehouse dispatched";
    301 IN_TRANSIT, InTransit, InTransit, Informational, [], "On the way";
    302 ARRIVED_AT_FACILITY, InTransit, AtFacility, Informational, [], "Arrived at facility";
    303 DEPARTED_FACILITY, InTransit, InTransit, Informational, [], "Departed facility";
    304 SORTED, InTransit, AtFacility, Informational, ["EDD", "EDE"], "Sorted";
    305 ARRIVED_AT_EXPORT_OFFICE, InTransit, AtFacility, Informational, ["EMB"], "Arrived at export office";
    306 DEPARTED_EXPORT_OFFICE, InTransit, DepartedOrigin, Informational, ["EMC"], "Departed export office";
    307 ARRIVED_AT_TRANSIT_OFFICE, InTransit, AtFacility, Informational, ["EMJ"], "Arrived at transit office";
    308 DEPARTED_TRANSIT_OFFICE, InTransit, InTransit, Informational, ["EMK"], "Departed transit office";
    309 ARRIVED_AT_IMPORT_OFFICE, InTransit, ArrivedDestination, Informational, ["EMD"], "Arrived at import office";
    310 DEPARTED_IMPORT_OFFICE, InTransit, InTransit, Informational, ["EMF"], "Departed import office";
    311 HANDED_TO_LINEHAUL, InTransit, InTransit, Informational, [], "Handed to the line haul";
    312 TRANSPORT_DEPARTED, InTransit, DepartedOrigin, Informational, [], "Transport departed";
    313 TRANSPORT_ARRIVED, InTransit, ArrivedDestination, Informational, [], "Transport arrived";
    314 HANDED_OVER_TO_PARTNER, InTransit, InTransit, Informational, [], "Handed over to partner";
    315 RECEIVED_FROM_PARTNER, InTransit, InTransit, Informational, [], "Received from partner";
    316 REDIRECTED, InTransit, -, Informational, [], "Redirected";
    401 EXPORT_CUSTOMS_PRESENTED, InTransit, -, Informational, ["EXA"], "Export customs presented";
    402 EXPORT_CUSTOMS_HELD, InTransit, -, Warning, ["EXB"], "Export customs held";
    403 EXPORT_CUSTOMS_RELEASED, InTransit, -, Informational, ["EXC"], "Export customs released";
    404 EXPORT_TERMINATED, Returning, -, Critical, ["EXX"], "Export terminated";
    405 HELD_AT_EXPORT_OFFICE, InTransit, -, Warning, ["EXD"], "Held at export office";
    411 IMPORT_CUSTOMS_PRESENTED, InTransit, ArrivedDestination, Informational, ["EDB"], "Import customs presented";
    412 IMPORT_CUSTOMS_HELD, InTransit, -, Warning, ["EME"], "Import customs held";
    413 IMPORT_CUSTOMS_RELEASED, InTransit, CustomsCleared, Informational, ["EDC"], "Import customs released";
    414 IMPORT_TERMINATED, Returning, -, Critical, ["EDX"], "Import terminated";
    415 CUSTOMS_INFORMATION_REQUIRED, InTransit, -, Critical, ["EME"], "Customs information required";
    416 CUSTOMS_PAYMENT_REQUIRED, InTransit, -, Critical, ["EME"], "Customs payment required";
    417 CUSTOMS_PAYMENT_RECEIVED, InTransit, -, Informational, [], "Customs payment received";
    418 HELD_AT_IMPORT_OFFICE, InTransit, -, Warning, ["EDA"], "Held at import office";
    421 CUSTOMS_PROCESSING, InTransit, -, Informational, [], "Customs processing";
    422 CUSTOMS_RELEASED, InTransit, CustomsCleared, Informational, [], "Customs released";
    501 ARRIVED_AT_DELIVERY_OFFICE, InTransit, AtFacility, Informational, ["EMG"], "Arrived at delivery office";
    502 OUT_FOR_DELIVERY, OutForDelivery, OutForDelivery, Informational, ["EDG"], "Out for delivery";
    503 DELIVERY_SCHEDULED, -, -, Informational, [], "Delivery scheduled";
    504 DELIVERY_RESCHEDULED, -, -, Warning, [], "Delivery rescheduled";
    505 AVAILABLE_FOR_PICKUP, AvailableForPickup, AvailableForPickup, Informational, ["EDH"], "Ready to collect";
    506 PICKUP_REMINDED, AvailableForPickup, -, Warning, [], "Pickup reminded";
    507 RECIPIENT_CONTACTED, -, -, Informational, [], "Recipient contacted";
    508 HELD_AT_DELIVERY_OFFICE, InTransit, -, Warning, ["EDF"], "Held at delivery office";
    601 DELIVERED, Delivered, Delivered, Informational, ["EMI"], "Delivered";
    602 DELIVERED_SIGNED, Delivered, Delivered, Informational, ["EMI"], "Delivered signed";
    603 DELIVERED_TO_NEIGHBOUR, Delivered, Delivered, Informational, ["EMI"], "Delivered to neighbour";
    604 DELIVERED_TO_SAFE_PLACE, Delivered, Delivered, Informational, ["EMI"], "Delivered to safe place";
    605 COLLECTED_BY_RECIPIENT, Delivered, Delivered, Informational, ["EMI"], "Collected by recipient";
    606 DELIVERED_TO_MAILBOX, Delivered, Delivered, Informational, ["EMI"], "Delivered to mailbox";
    607 DELIVERED_TO_RECEPTION, Delivered, Delivered, Informational, ["EMI"], "Delivered to reception";
    608 DELIVERED_IN_PART, -, -, Warning, [], "Delivered in part";
    609 DELIVERED_DAMAGED, Delivered, Delivered, Critical, ["EMI"], "Delivered damaged";
    610 CASH_COLLECTED, Delivered, Delivered, Informational, ["EMI"], "Cash collected";
    611 PROOF_OF_DELIVERY_AVAILABLE, -, -, Informational, [], "Proof of delivery available";
    651 DELIVERY_ATTEMPTED, DeliveryAttempted, -, Warning, ["EMH"], "Delivery attempted";
    652 FINAL_ATTEMPT_FAILED, DeliveryAttempted, -, Critical, ["EMH"], "Final attempt failed";
    653 REFUSED, DeliveryAttempted, -, Critical, ["EMH"], "Refused by the recipient";
    654 UNCLAIMED, DeliveryAttempted, -, Critical, ["EMH"], "Not collected in time";
    655 UNDELIVERABLE, DeliveryAttempted, -, Critical, ["EMH"], "Cannot be delivered";
    701 RETURN_INITIATED, Returning, Returning, Critical, [], "Return initiated";
    702 RETURN_IN_TRANSIT, Returning, Returning, Warning, [], "Return in transit";
    703 RETURN_AVAILABLE_FOR_PICKUP, Returning, -, Warning, [], "Return available for pickup";
    704 RETURNED_TO_SENDER, Returned, Returned, Warning, [], "Returned to sender";
    801 EXCEPTION, -, -, Warning, [], "Problem reported by the carrier";
    802 DELAYED, -, -, Warning, [], "Delayed";
    803 HELD, -, -, Warning, [], "Held by the carrier";
    804 DAMAGED, -, -, Critical, [], "Damaged";
    805 LOST, Failed, -, Critical, [], "Lost";
    806 SEARCH_STARTED, -, -, Critical, [], "Search started";
    807 FOUND, InTransit, -, Informational, [], "Found again";
    808 MISROUTED, InTransit, -, Warning, [], "Misrouted";
    809 ROUTE_CORRECTED, InTransit, -, Informational, [], "Route corrected";
    810 ADDRESS_PROBLEM, -, -, Critical, [], "Address problem";
    811 REJECTED_BY_CARRIER, Returning, -, Critical, [], "Rejected by carrier";
    812 DESTROYED, Failed, -, Critical, [], "Destroyed";
    813 SEIZED, Failed, -, Critical, [], "Seized";
    814 STOLEN, Failed, -, Critical, [], "Stolen";
    815 CANCELLED, Cancelled, -, Warning, ["EXX"], "Cancelled";
    816 REPACKED, -, -, Warning, [], "Repacked";
    817 CONTENTS_MISSING, -, -, Critical, [], "Contents missing";
    820 RELEASED, -, -, Informational, [], "Hold ended";
    901 INFORMATION, -, -, Informational, [], "Carrier note";
    902 ESTIMATE_UPDATED, -, -, Informational, [], "Estimate updated";
    903 IDENTIFIER_CHANGED, -, -, Informational, [], "Tracking number changed";
    999 UNMAPPED, -, -, Informational, [], "Carrier message";
}

reason_codes! {
    101 CARRIER_SORTING_ERROR, Carrier;
    102 CARRIER_VEHICLE_ISSUE, Carrier;
    103 CARRIER_CAPACITY, Carrier;
    104 CARRIER_HANDLING_DAMAGE, Carrier;
    105 CARRIER_LOSS, Carrier;
    106 CARRIER_TRANSPORT_DELAY, Carrier;
    107 CARRIER_ADDRESS_NOT_FOUND, Carrier;
    108 CARRIER_INDUSTRIAL_ACTION, Carrier;
    109 TAMPERED, Carrier;
    201 SHIPPER_INCORRECT_DATA, Shipper;
    202 SHIPPER_NOT_READY, Shipper;
    203 SHIPPER_PACKAGING, Shipper;
    204 SHIPPER_CANCELLED, Shipper;
    205 SHIPPER_PROHIBITED_CONTENT, Shipper;
    206 PACKED_SHORT, Shipper;
    207 DANGEROUS_GOODS, Shipper;
    301 RECIPIENT_NOT_AVAILABLE, Recipient;
    302 RECIPIENT_BUSINESS_CLOSED, Recipient;
    303 RECIPIENT_REFUSED, Recipient;
    304 RECIPIENT_INCORRECT_ADDRESS, Recipient;
    305 RECIPIENT_MOVED, Recipient;
    306 RECIPIENT_ACCESS_RESTRICTED, Recipient;
    307 RECIPIENT_VERIFICATION_FAILED, Recipient;
    308 RECIPIENT_NO_SAFE_PLACE, Recipient;
    309 RECIPIENT_REQUESTED_DELAY, Recipient;
    310 RECIPIENT_PAYMENT_PENDING, Recipient;
    311 RECIPIENT_NOT_COLLECTED, Recipient;
    312 RECIPIENT_CANCELLED, Recipient;
    401 CUSTOMS_DELAY, Authority;
    402 CUSTOMS_DOCUMENTATION, Shipper;
    403 CUSTOMS_CHARGES_UNPAID, Recipient;
    404 CUSTOMS_PROHIBITED, Authority;
    405 CUSTOMS_INSPECTION, Authority;
    406 SECURITY_CHECK, Authority;
    407 DECLARED_VALUE_DISPUTED, Shipper;
    408 COUNTERFEIT, Shipper;
    409 MISSING_INVOICE, Shipper;
    410 MISSING_PACKING_LIST, Shipper;
    411 MISSING_CERTIFICATE, Shipper;
    501 WEATHER, Nobody;
    502 NATURAL_DISASTER, Nobody;
    503 PUBLIC_HOLIDAY, Nobody;
    504 CIVIL_DISRUPTION, Nobody;
    505 REMOTE_AREA, Nobody;
    601 UNDER_INVESTIGATION, Carrier;
    602 DATA_CONTRADICTION, Operator;
    603 NO_RECENT_UPDATE, Carrier;
    604 OTHER, Carrier;
}

/// By number, the row of each code; [`NO_ROW`] where there is none. Codes are looked up again and
/// again while a record is made.
static EVENT_CODE_ROWS: [u8; 1_000] = {
    let mut rows = [NO_ROW; 1_000];
    let mut at = 0;
    while at < EVENT_CODES.len() {
        rows[EVENT_CODES[at].code.0 as usize] = at as u8;
        at += 1;
    }
    rows
};
const NO_ROW: u8 = u8::MAX;
const _: () = assert!(EVENT_CODES.len() < NO_ROW as usize);

impl EventCode {
    /// Returns the row of the code; `None` for a number this version does not know.
    pub fn info(self) -> Option<&'static EventCodeInfo> {
        let at = *EVENT_CODE_ROWS.get(usize::from(self.0))?;
        EVENT_CODES.get(usize::from(at))
    }

    /// Finds a code by its name, for example "DELIVERED".
    pub fn by_name(name: &str) -> Option<Self> {
        EVENT_CODES
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.code)
    }

    /// Phase of the journey, 1 to 9.
    pub const fn phase(self) -> u16 {
        self.0 / 100
    }

    /// Status that the code sets; `None` keeps the status.
    pub fn status(self) -> Option<Status> {
        self.info().and_then(|row| row.status)
    }
}

impl ReasonCode {
    /// Returns the row of the code; `None` for a number this version does not know.
    pub fn info(self) -> Option<&'static ReasonCodeInfo> {
        REASON_CODES
            .binary_search_by_key(&self, |row| row.code)
            .ok()
            .map(|at| &REASON_CODES[at])
    }

    /// Finds a reason by its name, for example "WEATHER".
    pub fn by_name(name: &str) -> Option<Self> {
        REASON_CODES
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_their_rows_are_found() {
        assert!(EVENT_CODES.is_sorted_by_key(|row| row.code));
        assert!(REASON_CODES.is_sorted_by_key(|row| row.code));
        for row in EVENT_CODES {
            assert!((1..=9).contains(&row.code.phase()), "{}", row.name);
            assert_eq!(EventCode::by_name(row.name), Some(row.code));
        }
        assert_eq!(EventCode::DELIVERED.status(), Some(Status::Delivered));
        assert_eq!(EventCode::UNMAPPED.status(), None);
        assert_eq!(EventCode(644).info().map(|row| row.name), None);
    }
}
