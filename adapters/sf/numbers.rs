//! Further numbers of an item: those that SF writes into its sentences, and the shipper's order.
//!
//! An item that is sent back or forwarded goes on under a new waybill (648, 631), and one that
//! another courier takes over gets that courier's number (626, 627). Both stand in the sentence
//! only, beside names and telephone numbers.

use std::sync::LazyLock;

use waybill_core::number::check_digit_valid;
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Identifier, IdentifierKind};

use super::wire::Route;

/// Words that SF uses for other couriers, and our ids of them.
static COURIERS: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    let rows = include_str!("couriers.csv").lines().skip(1);
    rows.filter_map(|row| row.split_once(',')).collect()
});

/// Adds the numbers that an event names to `found`. `own` is the number of the report.
pub(super) fn collect(route: &Route<'_>, own: &str, found: &mut Vec<Identifier>) {
    let remark = route.remark.trim();
    let named = |kind, carrier: &str| {
        named(remark, own).map(|value| identifier(kind, value.to_ascii_uppercase(), carrier))
    };
    let new = match route.op_code.trim() {
        "648" | "631" => named(IdentifierKind::Carrier, super::DESCRIPTOR.carrier),
        "626" => named(IdentifierKind::LastMile, courier(remark)),
        "627" => named(IdentifierKind::Carrier, courier(remark)),
        _ => None,
    };
    let order = route.orderid.trim();
    let order =
        (!order.is_empty()).then(|| identifier(IdentifierKind::Reference, order.to_owned(), ""));
    for one in new.into_iter().chain(order) {
        if !found.contains(&one) {
            found.push(one);
        }
    }
}

fn identifier(kind: IdentifierKind, value: String, carrier: &str) -> Identifier {
    let check_digit_valid = match carrier {
        "" => None,
        carrier => check_digit_valid(&value, carrier),
    };
    Identifier {
        kind,
        value: Pii::new(value),
        carrier: carrier.to_owned(),
        check_digit_valid,
    }
}

fn courier(remark: &str) -> &'static str {
    let known = COURIERS.iter().find(|(word, _)| remark.contains(word));
    known.map_or("", |(_, id)| id)
}

/// The number that a sentence names: behind the word for it, else the only thing that looks like
/// one. A telephone number does not.
fn named<'a>(remark: &'a str, own: &str) -> Option<&'a str> {
    let announced = ["单号", "運單號", "waybill", "Waybill", "number"]
        .iter()
        .filter_map(|word| remark.split_once(word));
    let behind = announced
        .filter_map(|(_, rest)| tokens(rest).find(|token| is_number(token, own)))
        .next();
    behind.or_else(|| {
        let mut all = tokens(remark).filter(|token| is_number(token, own) && !is_phone(token));
        all.next().filter(|_| all.next().is_none())
    })
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|token| !token.is_empty())
}

fn is_number(token: &str, own: &str) -> bool {
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    (8..=34).contains(&token.len()) && digits >= 6 && !token.eq_ignore_ascii_case(own)
}

/// A mobile number of the mainland has eleven digits and starts with 1; numbers of couriers that
/// have eleven digits are not told from it.
fn is_phone(token: &str) -> bool {
    token.len() == 11 && token.starts_with('1') && token.bytes().all(|byte| byte.is_ascii_digit())
}
