//! Owns the scripted items of China Post, all made up: number, offices, operations. Knows no JSON and
//! no HTTP.
//!
//! Numbers of the UPU have a right check digit; domestic ones have thirteen digits and none.

mod odd;
mod usual;

use super::item::{Form, Item, Known, Office, Operation};
use crate::scenario::{DAY, HOUR, STORY, TOLD};

/// A script: what is told about it, and the item that answers to its number.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) shows: &'static str,
    pub(super) item: Item,
}

const fn china(
    province: &'static str,
    city: &'static str,
    code: &'static str,
    name: &'static str,
) -> Office {
    Office {
        province,
        city,
        code,
        name,
        zone: "Asia/Shanghai",
    }
}

/// An office of another post, with its own clock; the platform gets no more than a name.
const fn abroad(name: &'static str, zone: &'static str) -> Office {
    Office {
        province: "",
        city: "",
        code: "",
        name,
        zone,
    }
}

pub(super) const CHENGDU: Office = china("四川省", "成都市", "61051301", "成都市试验营业部");
pub(super) const BEIJING_HUB: Office = china("北京市", "北京市", "10051302", "北京试验处理中心");
pub(super) const BEIJING_DELIVERY: Office =
    china("北京市", "北京市", "10051303", "北京市试验揽投部");
const SHENZHEN: Office = china("广东省", "深圳市", "51851304", "深圳市试验揽投部");
const GUANGZHOU: Office = china("广东省", "广州市", "51051305", "广州试验国际处理中心");
const OSAKA: Office = abroad("OSAKA", "Asia/Tokyo");
const CHICAGO: Office = abroad("CHICAGO", "America/Chicago");
const STOCKHOLM: Office = abroad("STOCKHOLM", "Europe/Stockholm");
const UNKNOWN: Office = abroad("", "Asia/Shanghai");

const BASE: Item = Item {
    number: "",
    product: "快递包裹",
    form: Form::Packed,
    operations: &[],
};
const EMS: Item = Item {
    product: "国际特快专递",
    ..BASE
};

const fn op(at: i64, code: &'static str, name: &'static str, office: &'static Office) -> Operation {
    Operation::new(at, code, name, office)
}

const ACCEPTED: Operation = op(2 * HOUR, "203", "收寄计费信息", &CHENGDU);
const AT_HUB: Operation = op(20 * HOUR, "954", "邮件到达处理中心", &BEIJING_HUB);
const AT_OFFICE: Operation = op(40 * HOUR, "713", "到达投递机构", &BEIJING_DELIVERY);
const ON_ROAD: Operation = op(41 * HOUR, "702", "投递下段", &BEIJING_DELIVERY);

/// Every script.
pub(super) fn all() -> impl Iterator<Item = &'static Script> {
    usual::SCRIPTS.iter().chain(&odd::SCRIPTS)
}

/// The scripted item of a number.
pub(super) fn find(number: &str) -> Option<Known> {
    let mut items = all().map(|script| &script.item);
    items.find(|item| item.number == number).map(Known::from)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    /// Check digit of S10: weights 8 6 4 2 3 5 9 7, modulo 11.
    fn is_s10(number: &str) -> bool {
        let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
        let (serial, check) = digits.split_at(8);
        let weights = [8, 6, 4, 2, 3, 5, 9, 7];
        let sum: u32 = serial.iter().zip(weights).map(|(d, w)| d * w).sum();
        let digit = match 11 - sum % 11 {
            10 => 0,
            11 => 5,
            digit => digit,
        };
        check == [digit]
    }

    #[test]
    fn numbers_are_well_formed_and_told_apart() {
        let mut numbers: Vec<_> = all().map(|script| script.item.number).collect();
        for number in &numbers {
            assert_eq!(number.len(), 13, "{number}");
            let domestic = number.bytes().all(|byte| byte.is_ascii_digit());
            assert!(domestic || is_s10(number), "{number}");
        }
        numbers.extend(all().map(|script| script.name));
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }

    #[test]
    fn every_office_has_a_known_zone() {
        for office in [&CHENGDU, &OSAKA, &CHICAGO, &STOCKHOLM, &UNKNOWN] {
            assert!(TimeZone::get(office.zone).is_ok(), "{}", office.name);
        }
    }
}
