//! What the Tracking API sends, exactly, read without copying.
//!
//! Field names are those of `Tracking.yaml` in `UPS-API/api-documentation`. Every field is
//! optional, numbers and booleans come as strings or as themselves, and a list of one may come as
//! an object. Images and documents (`signature`, `deliveryPhoto`, `pod`) have no field here, so
//! they are skipped while reading. This module must not know what a value means.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::{list, object, sound_list, text, texts};

/// An answer of any kind: shipments, or errors.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    /// One if it is there.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) track_response: Vec<Track<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) response: Failure<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Failure<'a> {
    #[serde(borrow, deserialize_with = "list")]
    pub(super) errors: Vec<Notice<'a>>,
}

/// An error or a warning.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Notice<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Track<'a> {
    /// `None` if the field holds something else; without it there is no shipment.
    #[serde(borrow, deserialize_with = "sound_list")]
    pub(super) shipment: Option<Vec<Shipment<'a>>>,
}

impl Default for Track<'_> {
    fn default() -> Self {
        Self {
            shipment: Some(Vec::new()),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Shipment<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) inquiry_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) warnings: Vec<Notice<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) package: Vec<Package<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Package<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    /// Newest first.
    #[serde(borrow, deserialize_with = "list")]
    pub(super) activity: Vec<Activity<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) current_status: Status<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) delivery_date: Vec<DeliveryDate<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) delivery_time: DeliveryTime<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) delivery_information: DeliveryInformation<'a>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) package_address: Vec<PackageAddress<'a>>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) package_count: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) reference_number: Vec<Number<'a>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) alternate_tracking_number: Vec<Number<'a>>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) service: Service<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) weight: Weight<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) dimension: Dimension<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) access_point_information: AccessPoint<'a>,
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) additional_services: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "list")]
    pub(super) payment_information: Vec<Payment<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Activity<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) location: Location<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) status: Status<'a>,
    /// `YYYYMMDD`, at the place of the activity.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) date: Cow<'a, str>,
    /// `HHMMSS`, at the place of the activity.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) time: Cow<'a, str>,
    /// `YYYYMMDD`, UTC.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) gmt_date: Cow<'a, str>,
    /// `HH:MM:SS` or `HHMMSS` with or without its leading zeros, UTC.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) gmt_time: Cow<'a, str>,
    /// `-05:00`: what `date` and `time` are away from UTC.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) gmt_offset: Cow<'a, str>,
    /// `true`: made from data, nobody scanned anything there.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) logical_scan: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Location<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) address: Address<'a>,
    /// Number of the UPS site.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) slic: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Address<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) city: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) state_province: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) postal_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) country: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) status_code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) simplified_text_description: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DeliveryDate<'a> {
    /// `SDD`, `RDD` or `DEL`.
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) date: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DeliveryTime<'a> {
    /// `EOD`, `CMT`, `EDW`, `CDW`, `IDW` or `DEL`.
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) start_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) end_time: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DeliveryInformation<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) received_by: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) location: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PackageAddress<'a> {
    /// `ORIGIN`, `DESTINATION` and others.
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) address: Address<'a>,
}

/// A reference or another tracking number.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Number<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) number: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Service<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Weight<'a> {
    /// `LBS` or `KGS`.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unit_of_measurement: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) weight: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Dimension<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) height: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) length: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) width: Cow<'a, str>,
    /// `IN` or `CM`.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) unit_of_dimension: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AccessPoint<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) pickup_by_date: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Payment<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) paid: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) amount: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) currency: Cow<'a, str>,
}

/// A token; every value of it is a string in the documents.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Token<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) access_token: Cow<'a, str>,
    /// Seconds.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) expires_in: Cow<'a, str>,
}

/// A push of Track Alert: one activity. Blank texts are usual.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Alert<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) tracking_number: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) local_activity_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) local_activity_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) gmt_activity_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) gmt_activity_time: Cow<'a, str>,
    /// `-04.00`, with a dot.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) gmt_offset: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) activity_location: Address<'a>,
    #[serde(borrow, deserialize_with = "object")]
    pub(super) activity_status: AlertStatus<'a>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) scheduled_delivery_date: Cow<'a, str>,
    /// Blank before the delivery.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) actual_delivery_date: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) delivery_start_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) delivery_end_time: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) received_by: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) alternate_tracking_number: Vec<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AlertStatus<'a> {
    #[serde(rename = "type", borrow, deserialize_with = "text")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) code: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description: Cow<'a, str>,
    /// The status code of the Tracking API.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) description_code: Cow<'a, str>,
}

impl Alert<'_> {
    /// The same in the form of the Tracking API: a package with one activity.
    pub(super) fn package(&self) -> Package<'_> {
        fn same(text: &str) -> Cow<'_, str> {
            Cow::Borrowed(text)
        }
        let (status, place) = (&self.activity_status, &self.activity_location);
        let activity = Activity {
            location: Location {
                address: Address {
                    city: same(&place.city),
                    state_province: same(&place.state_province),
                    postal_code: same(&place.postal_code),
                    country_code: same(&place.country_code),
                    country: same(&place.country),
                },
                ..Location::default()
            },
            status: Status {
                kind: same(&status.kind),
                code: same(&status.code),
                status_code: same(&status.description_code),
                description: same(&status.description),
                ..Status::default()
            },
            date: same(&self.local_activity_date),
            time: same(&self.local_activity_time),
            gmt_date: same(&self.gmt_activity_date),
            gmt_time: same(&self.gmt_activity_time),
            gmt_offset: same(&self.gmt_offset),
            ..Activity::default()
        };
        let scheduled = DeliveryDate {
            kind: Cow::Borrowed("SDD"),
            date: same(&self.scheduled_delivery_date),
        };
        let is_open = self.actual_delivery_date.trim().is_empty();
        let others = self.alternate_tracking_number.iter();
        let others = others.map(|number| Number {
            number: same(number),
            ..Number::default()
        });
        Package {
            tracking_number: same(&self.tracking_number),
            activity: vec![activity],
            delivery_date: Some(scheduled).filter(|_| is_open).into_iter().collect(),
            delivery_time: DeliveryTime {
                start_time: same(&self.delivery_start_time),
                end_time: same(&self.delivery_end_time),
                ..DeliveryTime::default()
            },
            delivery_information: DeliveryInformation {
                received_by: same(&self.received_by),
                ..DeliveryInformation::default()
            },
            alternate_tracking_number: others.collect(),
            ..Package::default()
        }
    }
}

/// A request to be told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscribe<'a> {
    pub(super) locale: &'a str,
    pub(super) country_code: &'a str,
    pub(super) tracking_number_list: &'a [&'a str],
    /// Version 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event_preferences: Option<&'a [&'a str]>,
    /// Version 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination: Option<Destination<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Destination<'a> {
    pub(super) url: &'a str,
    pub(super) credential_type: &'a str,
    pub(super) credential: &'a str,
}

/// What became of the numbers of a [`Subscribe`].
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SubscribeAnswer<'a> {
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) valid_tracking_numbers: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "texts")]
    pub(super) invalid_tracking_numbers: Vec<Cow<'a, str>>,
}
