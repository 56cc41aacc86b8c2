//! Owns a postal item as data, and its operations in the platform's form. Does not know which items
//! exist nor who may ask.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{Clock, local};
use crate::scenario::HOUR;

/// An office: of China Post with its eight digits, or what another post calls its own.
pub(super) struct Office {
    pub(super) province: &'static str,
    pub(super) city: &'static str,
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    /// Whose clock the operations of the office are written in.
    pub(super) zone: &'static str,
}

/// In what `retBody` comes.
#[derive(Clone, Copy, Default)]
pub(super) enum Form {
    /// A text that holds JSON.
    #[default]
    Packed,
    /// The object itself.
    Object,
    /// The list alone.
    List,
}

/// One operation; `at` is minutes from the start of the scenarios.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) at: i64,
    /// Minutes until the platform hears of it: foreign posts report in batches.
    late: i64,
    code: &'static str,
    name: &'static str,
    office: &'static Office,
    deliver: Option<&'static str>,
    attempt: Option<&'static str>,
}

impl Operation {
    pub(super) const fn new(
        at: i64,
        code: &'static str,
        name: &'static str,
        office: &'static Office,
    ) -> Self {
        Self {
            at,
            late: 0,
            code,
            name,
            office,
            deliver: None,
            attempt: None,
        }
    }

    /// With the way of delivery.
    pub(super) const fn deliver(self, code: &'static str) -> Self {
        Self {
            deliver: Some(code),
            ..self
        }
    }

    /// With the reason why it was not delivered.
    pub(super) const fn attempt(self, code: &'static str) -> Self {
        Self {
            attempt: Some(code),
            ..self
        }
    }

    /// Reported so many hours after it happened.
    pub(super) const fn late(self, hours: i64) -> Self {
        Self {
            late: hours * HOUR,
            ..self
        }
    }

    /// When the platform knows of it.
    fn known(&self) -> i64 {
        self.at + self.late
    }

    fn render(&self, number: &str, product: &str, clock: &Clock) -> Value {
        let office = self.office;
        let at = local(clock.minutes_from_start(self.at), office.zone);
        let operator = if office.code.is_empty() {
            ""
        } else {
            "系统自动"
        };
        json!({
            "waybillNo": number,
            "opTime": at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "opCode": self.code,
            "opName": self.name,
            "opDesc": format!("【{}】{}", office.name, self.name),
            "opOrgProvName": office.province,
            "opOrgCity": office.city,
            "opOrgCode": office.code,
            "opOrgName": office.name,
            "operatorNo": if operator.is_empty() { "" } else { "XTZD" },
            "operatorName": operator,
            "deliverCode": self.deliver,
            "attemptDeliveryCode": self.attempt,
            "productName": product,
        })
    }
}

/// An item. Operations are listed in the order in which the platform heard of them.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) number: &'static str,
    pub(super) product: &'static str,
    pub(super) form: Form,
    pub(super) operations: &'static [Operation],
}

impl Item {
    /// Minutes from the start until everything is known.
    pub(super) fn last_known(&self) -> i64 {
        let known = self.operations.iter().map(Operation::known);
        known.max().unwrap_or(0)
    }
}

/// An item that may have been made for the number asked.
pub(super) struct Known {
    pub(super) number: Cow<'static, str>,
    pub(super) product: &'static str,
    pub(super) form: Form,
    pub(super) operations: Cow<'static, [Operation]>,
}

impl From<&Item> for Known {
    fn from(item: &Item) -> Self {
        Self {
            number: Cow::Borrowed(item.number),
            product: item.product,
            form: item.form,
            operations: Cow::Borrowed(item.operations),
        }
    }
}

impl Known {
    /// What the platform knows now, in the order in which it came to know it.
    pub(super) fn operations(&self, clock: &Clock) -> Vec<Value> {
        let now: Timestamp = clock.now();
        let heard = |operation: &&Operation| clock.minutes_from_start(operation.known()) <= now;
        let mut heard: Vec<_> = self.operations.iter().filter(heard).collect();
        heard.sort_by_key(|operation| operation.known());
        heard
            .into_iter()
            .map(|operation| operation.render(&self.number, self.product, clock))
            .collect()
    }
}
