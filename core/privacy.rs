//! Values that must not leak: personal data and credentials.
//!
//! **Invariant:** neither type has `Debug` or `Display`, so a struct that holds one cannot be
//! printed by accident and a log line that tries does not compile. Whoever needs the value says
//! so with [`Pii::reveal`] or [`Secret::expose`], which a reviewer can search for.

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// Personal data: tracking numbers, names, postal codes, free text of a carrier.
///
/// It serialises in clear, because what is stored is sealed as a whole; never serialise one into
/// a log, a metric or an error.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks a value as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value, for those who are meant to see it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Returns the value and gives up the mark.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsRef<str>> Pii<T> {
    /// Returns a form fit for a log: everything but the last four characters is hidden, and of
    /// eight or fewer characters everything is.
    pub fn masked(&self) -> String {
        let text = self.0.as_ref();
        let count = text.chars().count();
        if count <= 8 {
            return "*".repeat(count);
        }
        let tail: String = text.chars().skip(count - 4).collect();
        format!("{}{tail}", "*".repeat(count - 4))
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// A credential. It is wiped from memory when dropped and cannot be serialised.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// Returns the credential, for the request that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether nothing was configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_keeps_at_most_the_last_four_characters() {
        assert_eq!(
            Pii::new("1Z999AA10123456784").masked(),
            "**************6784"
        );
        assert_eq!(Pii::new("12345678").masked(), "********");
        assert_eq!(Pii::new("").masked(), "");
        assert_eq!(Pii::new("ÄÖÜ456789").masked(), "*****6789");
    }
}
