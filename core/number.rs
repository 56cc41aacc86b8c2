//! Tracking numbers: how they are normalised, which formats they have, who may have issued them.

use serde::{Deserialize, Serialize};

use crate::privacy::Pii;

/// A normalised tracking number: 4 to 50 characters `A-Z 0-9`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackingNumber(Pii<String>);

impl TrackingNumber {
    /// The number in clear.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// A form fit for a log; see [`Pii::masked`].
    pub fn masked(&self) -> String {
        self.0.masked()
    }
}

impl TrackingNumber {
    /// Normalises a number as printed or typed: NFKC, white space and hyphens removed, upper case.
    ///
    /// # Errors
    /// Says what is wrong, without the number: length outside 4 to 50 or other characters.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        use unicode_normalization::UnicodeNormalization;
        let normal: String = text
            .nfkc()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .flat_map(char::to_uppercase)
            .take(51)
            .collect();
        if !normal
            .bytes()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        {
            return Err(
                "must consist of letters A-Z and digits once spaces and hyphens are removed",
            );
        }
        if !(4..=50).contains(&normal.len()) {
            return Err("must have 4 to 50 characters once spaces and hyphens are removed");
        }
        Ok(Self(Pii::new(normal)))
    }
}
