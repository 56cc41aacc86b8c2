//! Amounts of money without a currency: whatever the operator counts in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount in millionths of a unit. It is written as a decimal number such as "0.004".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u64);

/// Digits behind the point.
const PLACES: usize = 6;
const UNIT: u64 = 1_000_000;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Of so many millionths of a unit.
    pub const fn of_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Millionths of a unit.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The sum; as much as an amount can be if it is more.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// So many times as much; as much as an amount can be if it is more.
    #[must_use]
    pub const fn times(self, count: u32) -> Self {
        Self(self.0.saturating_mul(count as u64))
    }

    /// The difference; nothing if it is less.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "must be a decimal number of at most six places, such as \"0.004\"";
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > PLACES {
            return Err(WRONG);
        }
        let whole: u64 = whole.parse().map_err(|_| WRONG)?;
        let part: u64 = format!("{part:0<PLACES$}").parse().map_err(|_| WRONG)?;
        let micros = whole.checked_mul(UNIT).and_then(|it| it.checked_add(part));
        micros.map(Self).ok_or(WRONG)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / UNIT, self.0 % UNIT);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let part = format!("{part:0>PLACES$}");
        write!(f, "{whole}.{}", part.trim_end_matches('0'))
    }
}

/// What may be spent in a UTC day; nothing stated: as much as it takes. Written like an amount, or
/// "" for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget(pub Option<Amount>);

impl FromStr for Budget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Ok(Self(None)),
            text => text.parse().map(|amount| Self(Some(amount))),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |amount| amount.fmt(f))
    }
}

/// A text, or a number as a file or a variable may have it without quotes.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Whole(u64),
    Part(f64),
}

/// Reads an amount or a budget.
fn read<'de, D: Deserializer<'de>, T: FromStr<Err = &'static str>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::Whole(number) => number.to_string(),
        Written::Part(number) => number.to_string(),
    };
    text.parse().map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_to_the_millionth_and_written_back() {
        for (text, micros, back) in [
            ("0", 0, "0"),
            ("1", 1_000_000, "1"),
            ("0.004", 4_000, "0.004"),
            ("12.50", 12_500_000, "12.5"),
            ("0.000001", 1, "0.000001"),
        ] {
            let amount: Amount = text.parse().unwrap();
            assert_eq!(amount.micros(), micros);
            assert_eq!(amount.to_string(), back);
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "0.0000001",
            "1,5",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_budget_of_nothing_is_not_the_same_as_none() {
        assert_eq!("".parse(), Ok(Budget(None)));
        assert_eq!("0".parse(), Ok(Budget(Some(Amount::ZERO))));
        let read = |text: &str| serde_json::from_str::<Budget>(text).ok();
        assert_eq!(read("2.5"), "2.5".parse().ok());
        assert_eq!(read("3"), read("\"3\""));
        assert_eq!(read("-1"), None);
    }
}
