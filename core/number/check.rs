//! Check digit methods. Each takes the payload of a number and says which check character belongs
//! to it; what the payload is belongs to the format.

use serde::Deserialize;

/// A check digit method with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// UPU S10: fixed weights, modulo 11.
    S10,
    /// Weighted sum, modulo 10. A letter counts as its ASCII code less 3, modulo 10.
    Mod10 {
        /// Weight of the first, third, ... character.
        even: u32,
        /// Weight of the second, fourth, ... character.
        odd: u32,
        /// Characters that belong before the payload where it does not start with them.
        #[serde(default)]
        prepend: String,
    },
    /// Weighted sum, modulo 11, modulo 10.
    #[serde(rename = "mod11_mod10")]
    Mod11 {
        /// One weight for each digit.
        weights: Vec<u32>,
    },
    /// The payload as an integer, modulo 7.
    Mod7,
    /// Luhn: every second digit from the right is doubled.
    Luhn,
    /// ISO 7064 MOD 37,36.
    #[serde(rename = "mod37_36")]
    Mod37,
}

const S10_WEIGHTS: [u32; 8] = [8, 6, 4, 2, 3, 5, 9, 7];

impl Check {
    /// Name of the method, as in the format table.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::S10 => "s10",
            Self::Mod10 { .. } => "mod10",
            Self::Mod11 { .. } => "mod11_mod10",
            Self::Mod7 => "mod7",
            Self::Luhn => "luhn",
            Self::Mod37 => "mod37_36",
        }
    }

    /// Tells whether `check` is the right check character of `payload`, both `A-Z 0-9`.
    pub(super) fn accepts(&self, payload: &str, check: &str) -> bool {
        let digits = || payload.bytes().map(value);
        let right = match self {
            Self::S10 => match weighted(digits(), &S10_WEIGHTS) % 11 {
                0 => 5,
                1 => 0,
                rest => 11 - rest,
            },
            Self::Mod10 { even, odd, prepend } => {
                let before = if payload.starts_with(prepend.as_str()) {
                    ""
                } else {
                    prepend
                };
                let all = before.bytes().map(value).chain(digits());
                complement(weighted(all, &[*even, *odd]))
            }
            Self::Mod11 { weights } => weighted(digits(), weights) % 11 % 10,
            Self::Mod7 => digits().fold(0, |rest, digit| (rest * 10 + digit) % 7),
            Self::Luhn => {
                let sum = digits()
                    .rev()
                    .enumerate()
                    .map(|(index, digit)| match index % 2 {
                        0 => digit * 2 / 10 + digit * 2 % 10,
                        _ => digit,
                    });
                complement(sum.sum())
            }
            Self::Mod37 => {
                let rest = payload.bytes().map(base36).fold(36, |rest, digit| {
                    let sum = rest + digit;
                    (if sum > 36 { sum - 36 } else { sum }) * 2 % 37
                });
                (37 - rest) % 36
            }
        };
        check.bytes().map(base36).eq([right])
    }
}

/// Sums `digits`, each times its weight; the weights repeat.
fn weighted(digits: impl Iterator<Item = u32>, weights: &[u32]) -> u32 {
    digits
        .zip(weights.iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .sum()
}

/// What is missing to the next ten.
const fn complement(sum: u32) -> u32 {
    (10 - sum % 10) % 10
}

/// Value of a character in the decimal methods.
fn value(c: u8) -> u32 {
    match c {
        b'0'..=b'9' => u32::from(c - b'0'),
        _ => u32::from(c.saturating_sub(3)) % 10,
    }
}

/// Value of a character as a digit in base 36.
fn base36(c: u8) -> u32 {
    char::from(c).to_digit(36).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mod10(even: u32, odd: u32, prepend: &str) -> Check {
        Check::Mod10 {
            even,
            odd,
            prepend: prepend.to_owned(),
        }
    }

    #[test]
    fn worked_examples() {
        let express = Check::Mod11 {
            weights: vec![3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1],
        };
        for (method, payload, check) in [
            (Check::S10, "12345678", "5"),
            (mod10(1, 2, ""), "591580685558773", "6"),
            (mod10(1, 2, ""), "999AA1012345678", "4"),
            (express.clone(), "98657878885", "5"),
            (Check::Mod7, "331881002", "5"),
            (mod10(3, 1, "92"), "6129999882082117181", "1"),
            (mod10(4, 9, ""), "21802580906", "6"),
            (Check::Luhn, "7992739871", "3"),
        ] {
            for digit in "0123456789".chars() {
                let digit = digit.to_string();
                assert_eq!(
                    method.accepts(payload, &digit),
                    digit == check,
                    "{} {payload}",
                    method.name()
                );
            }
        }
        assert!(!Check::Mod7.accepts("331881001", "0"));
        assert!(!mod10(3, 1, "").accepts("6129999882082117181", "1"));
        assert!(!mod10(3, 1, "91").accepts("6129999882082117181", "1"));
    }

    #[test]
    fn the_remainders_that_need_care() {
        // Sums 0 and 12: remainder 0 is written 5, remainder 1 is written 0.
        assert!(Check::S10.accepts("00000000", "5"));
        assert!(Check::S10.accepts("00300000", "0"));
        assert!(!Check::S10.accepts("00300000", "1"));
        // A remainder of 10 is written 0.
        let one = Check::Mod11 { weights: vec![1] };
        assert!(one.accepts("55", "0"));
    }

    #[test]
    fn an_empty_or_long_check_is_never_right() {
        assert!(!Check::Luhn.accepts("7992739871", ""));
        assert!(!Check::Luhn.accepts("7992739871", "33"));
    }
}
