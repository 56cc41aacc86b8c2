//! Owns the items of load tests: many known numbers without a table. Knows no HTTP.

use std::borrow::Cow;

use super::item::{Form, Known, Operation};
use super::scripts::{BEIJING_DELIVERY, BEIJING_HUB, CHENGDU};
use crate::scenario::{DAY, HOUR, spread};

/// Load numbers are 97 and eleven digits.
const COUNT: u64 = 100_000_000_000;

/// The number of an item that is known to the fake China Post: thirteen digits from 97 on.
pub fn china_post_load_number(index: u64) -> String {
    format!("97{:011}", index % COUNT)
}

pub(super) fn item(number: &str) -> Option<Known> {
    let index = number.strip_prefix("97").filter(|rest| rest.len() == 11)?;
    let seed = spread(index.parse().ok()?);
    // Items are in every stage when the scenarios start.
    let begin = -(i64::try_from(seed >> 8).unwrap_or(0) % (5 * DAY));
    let mut operations = vec![
        Operation::new(begin, "203", "收寄计费信息", &CHENGDU),
        Operation::new(begin + 6 * HOUR, "305", "揽投发运/封车", &CHENGDU),
        Operation::new(begin + DAY, "954", "邮件到达处理中心", &BEIJING_HUB),
        Operation::new(begin + DAY + 4 * HOUR, "389", "处理中心封车", &BEIJING_HUB),
        Operation::new(begin + 2 * DAY, "713", "到达投递机构", &BEIJING_DELIVERY),
        Operation::new(begin + 2 * DAY + HOUR, "702", "投递下段", &BEIJING_DELIVERY),
    ];
    let end = begin + 2 * DAY + 5 * HOUR;
    operations.push(if seed.is_multiple_of(16) {
        Operation::new(end, "705", "投递结果反馈-未妥投", &BEIJING_DELIVERY).attempt("4")
    } else {
        Operation::new(end, "704", "投递结果反馈-妥投", &BEIJING_DELIVERY).deliver("10")
    });
    Some(Known {
        number: Cow::Owned(number.to_owned()),
        product: "快递包裹",
        form: Form::Packed,
        operations: Cow::Owned(operations),
    })
}
