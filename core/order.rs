//! Orders of shops and platforms, and what a shipment can be looked up by.
//!
//! **Invariant:** the id of an order is kept as it was given, to the last character: hyphens, dots
//! and slashes, which a tracking number loses, tell one order from another.

use serde::{Deserialize, Serialize};

use crate::caller::LOCAL;
use crate::number::TrackingNumber;
use crate::privacy::Pii;

/// An order of a shop or platform, for those who have no tracking number. One order can be sent in
/// several parcels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Order {
    platform: String,
    id: Pii<String>,
    /// Tenant whose order it is; empty for the only tenant of a server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    owner: String,
}

/// A part of an order that breaks its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Field of the order, as the API calls it.
    pub field: &'static str,
    /// What it has to be; never what it is.
    pub description: &'static str,
}

/// Most characters of a platform, and of an id.
const LENGTH: usize = 64;

impl Order {
    /// Checks a platform, 1 to 64 of `a-z`, `0-9` and hyphen, and an id, 1 to 64 printable
    /// characters without white space at its ends.
    ///
    /// # Errors
    /// Says which of the two is wrong, without its value.
    pub fn parse(platform: &str, id: &str) -> Result<Self, Wrong> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if !(1..=LENGTH).contains(&platform.len()) || !platform.bytes().all(plain) {
            return Err(Wrong {
                field: "platform",
                description: "must be 1 to 64 of a-z, 0-9 and hyphen",
            });
        }
        let length = id.chars().take(LENGTH + 1).count();
        if !(1..=LENGTH).contains(&length) || id.trim() != id || !id.chars().all(is_printable) {
            return Err(Wrong {
                field: "order_id",
                description: "must be 1 to 64 printable characters without spaces at its ends",
            });
        }
        Ok(Self {
            platform: platform.to_owned(),
            id: Pii::new(id.to_owned()),
            owner: String::new(),
        })
    }

    /// The order of a tenant. What two tenants call the same are two orders.
    #[must_use]
    pub fn of(mut self, tenant: &str) -> Self {
        self.owner = match tenant {
            LOCAL => String::new(),
            tenant => tenant.to_owned(),
        };
        self
    }

    /// Tenant whose order it is; empty for the only tenant of a server.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Shop or platform.
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// The id in clear, as it was given.
    pub fn reveal(&self) -> &str {
        self.id.reveal()
    }
}

/// Whether a character shows: no control, no line break, nothing invisible or that turns the text
/// around it.
fn is_printable(c: char) -> bool {
    let is_hidden = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    );
    !c.is_control() && !is_hidden
}

/// What a shipment can be looked up by. An order never equals a number, whatever its id is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A tracking number.
    Number(TrackingNumber),
    /// An order.
    Order(Order),
}

impl From<TrackingNumber> for Subject {
    fn from(number: TrackingNumber) -> Self {
        Self::Number(number)
    }
}

impl From<Order> for Subject {
    fn from(order: Order) -> Self {
        Self::Order(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_as_it_was_given() {
        for id in [
            "1",
            "12-34_5/6.7",
            "#1001",
            "order 7",
            "订单77",
            &"é".repeat(64),
        ] {
            let order = Order::parse("shop-a", id).ok().unwrap();
            assert_eq!((order.platform(), order.reveal()), ("shop-a", id));
        }
        let ids = ["12-34", "1234", "12.34", "12/34"];
        let orders = ids.map(|id| Order::parse("shop-a", id).ok().unwrap());
        assert_eq!(std::collections::BTreeSet::from(orders).len(), ids.len());
    }

    #[test]
    fn what_cannot_be_an_order_is_refused_without_its_value() {
        let long = "7".repeat(65);
        for id in [
            "",
            " ",
            " 77",
            "77\n",
            "7\u{0}7",
            "7\u{200b}7",
            "7\u{202e}7",
            &long,
        ] {
            let wrong = Order::parse("shop-a", id).err().unwrap();
            assert_eq!(wrong.field, "order_id");
            assert!(!wrong.description.contains("77"));
        }
        let long = "a".repeat(65);
        for platform in ["", "Shop", "shop_a", "shop a", &long] {
            assert_eq!(
                Order::parse(platform, "77").err().unwrap().field,
                "platform"
            );
        }
    }

    #[test]
    fn an_order_is_never_a_number() {
        let number = Subject::from(TrackingNumber::parse("12345678").ok().unwrap());
        let order = Subject::from(Order::parse("shop-a", "12345678").ok().unwrap());
        assert!(number != order);
    }
}
