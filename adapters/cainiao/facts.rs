//! Further numbers of a parcel: what it continues under, and what it was ordered under.

use std::collections::HashMap;
use std::sync::LazyLock;

use waybill_core::exception::NextAction;
use waybill_core::number::{TrackingNumber, check_digit_valid};
use waybill_core::privacy::Pii;
use waybill_core::shipment::{Contact, Identifier, IdentifierKind};

use super::place::pairs;
use super::wire::Module;

/// Our carrier ids by the names of partners, in lower case and without anything but letters and
/// digits. Codes of partners that are no such name are not guessed.
static PARTNERS: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| pairs(include_str!("partners.csv")));

/// Our id of the carrier that one of these names is of; empty if none is known.
pub(super) fn carrier(names: &[&str]) -> &'static str {
    let normal = |name: &str| -> String {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    names
        .iter()
        .find_map(|name| PARTNERS.get(normal(name).as_str()))
        .copied()
        .unwrap_or_default()
}

/// Numbers of a parcel, each once and without its own.
#[derive(Default)]
pub(super) struct Numbers {
    own: String,
    found: Vec<Identifier>,
}

impl Numbers {
    pub(super) fn of(own: &TrackingNumber) -> Self {
        Self {
            own: own.reveal().to_owned(),
            found: Vec::new(),
        }
    }

    /// Adds a number, unless it is none, or there already.
    pub(super) fn add(&mut self, kind: IdentifierKind, number: &str, carrier: &str) {
        let Ok(number) = TrackingNumber::parse(number) else {
            return;
        };
        let value = number.reveal();
        let known = self
            .found
            .iter_mut()
            .find(|known| known.value.reveal() == value);
        if let Some(known) = known {
            // The same number named twice: the better description stays.
            if known.carrier.is_empty() && !carrier.is_empty() {
                carrier.clone_into(&mut known.carrier);
                known.check_digit_valid = check_digit_valid(value, carrier);
            }
            return;
        }
        if value == self.own {
            return;
        }
        self.found.push(Identifier {
            kind,
            value: Pii::new(value.to_owned()),
            carrier: carrier.to_owned(),
            check_digit_valid: check_digit_valid(value, carrier),
        });
    }

    /// Adds the id of an order.
    pub(super) fn order(&mut self, id: &str) {
        let id = id.trim();
        let known = self.found.iter().any(|known| known.value.reveal() == id);
        if id.is_empty() || known {
            return;
        }
        self.found.push(Identifier {
            kind: IdentifierKind::Reference,
            value: Pii::new(id.chars().take(100).collect()),
            carrier: String::new(),
            check_digit_valid: None,
        });
    }

    pub(super) fn into_found(self) -> Vec<Identifier> {
        self.found
    }
}

/// The numbers that the public page gives for the last mile: a clean one, and a text for people
/// that holds one. With a carrier it is the last mile's; alone it is the number that replaced the
/// one asked for.
pub(super) fn of_page(numbers: &mut Numbers, module: &Module<'_>) {
    let partner = &module.dest_cp_info;
    let names = [
        partner.cp_name.as_ref(),
        partner.cp_code.as_ref(),
        partner.cpcode.as_ref(),
    ];
    let mut issuer = carrier(&names);
    let shown = module.real_mail_no.trim();
    let token = token(shown);
    if issuer.is_empty() {
        // "PostNL 3SDFC0123456789"
        issuer = token
            .and_then(|token| shown.split(token).next())
            .map_or("", |name| carrier(&[name]));
    }
    let clean = module.copy_real_mail_no.trim();
    if !clean.is_empty() {
        numbers.add(IdentifierKind::LastMile, clean, issuer);
    }
    if let Some(token) = token {
        let named = names.iter().any(|name| !name.trim().is_empty()) || !issuer.is_empty();
        let kind = if named {
            IdentifierKind::LastMile
        } else {
            IdentifierKind::Carrier
        };
        numbers.add(kind, token, issuer);
    }
}

/// The number in a text for people: the last run of 8 to 30 letters and digits with a digit in it.
fn token(text: &str) -> Option<&str> {
    let letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let number = |part: &&str| {
        (8..=30).contains(&part.len()) && part.bytes().any(|byte| byte.is_ascii_digit())
    };
    text.rsplit(|c| !letter(c)).find(number)
}

/// The page of the carrier of the last mile, if it is a safe address.
pub(super) fn contact(url: &str, phone: &str) -> Vec<Contact> {
    let (url, phone) = (url.trim(), Contact::phone(phone));
    let safe = url.strip_prefix("https://").is_some_and(|rest| {
        !rest.is_empty() && rest.len() <= 500 && rest.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let contact = Contact {
        action: NextAction::ContactCarrier,
        url: if safe { url.to_owned() } else { String::new() },
        phone,
    };
    let useful = !contact.url.is_empty() || !contact.phone.is_empty();
    useful.then_some(contact).into_iter().collect()
}
