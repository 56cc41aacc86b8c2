//! Owns what 17TRACK says of the parcel that four sources tell about: the rows of two posts, one
//! without an offset, and one that belongs to another parcel. Knows no JSON and no HTTP.

use super::super::places::{CHICAGO, COLUMBUS, SHENZHEN};
use super::super::record::{Leg, Scan};
use super::{BASE, POST, Script, USPS};
use crate::scenario::{HOUR, STORY, TOLD};

pub(super) static SCRIPT: Script = Script {
    name: "story",
    number: STORY,
    title: "Shenzhen to Ohio, delivered in Shenzhen by mistake",
    shows: "a row of another parcel, and one without an offset",
    carrier: 3_011,
    legs: &[
        Leg {
            scans: &[
                Scan::new(
                    TOLD + 2 * HOUR,
                    &SHENZHEN,
                    "InTransit_PickedUp",
                    "收寄计费信息",
                )
                .stage("PickedUp"),
                Scan::new(
                    TOLD + 18 * HOUR,
                    &SHENZHEN,
                    "InTransit_Departure",
                    "交航扫描",
                )
                .stage("Departure")
                .raw_only(),
                Scan::new(TOLD + 101 * HOUR, &SHENZHEN, "Delivered_Other", "已妥投")
                    .stage("Delivered"),
            ],
            ..POST
        },
        Leg {
            scans: &[
                Scan::new(
                    TOLD + 72 * HOUR,
                    &CHICAGO,
                    "InTransit_Arrival",
                    "Processed Through Facility",
                )
                .stage("Arrival"),
                Scan::new(
                    TOLD + 124 * HOUR,
                    &COLUMBUS,
                    "OutForDelivery_Other",
                    "Out for Delivery",
                )
                .stage("OutForDelivery"),
                Scan::new(
                    TOLD + 130 * HOUR,
                    &COLUMBUS,
                    "Delivered_Other",
                    "Delivered, Front Door/Porch",
                )
                .stage("Delivered"),
            ],
            ..USPS
        },
    ],
    destination: &COLUMBUS,
    ..BASE
};
