//! Companies of Kuaidi100: which carrier of ours each is, whose clock it writes, and which of
//! several keys of one carrier a number belongs under.
//!
//! `carriers.csv` holds the keys of the public list that matter here; every other key is taken as
//! it is. Columns: `key`, `carrier` (our id; empty: it has none), `numbers` (see [`Numbers`]), `clock`
//! (see [`Clock`]), `post` (ISO country whose post it is), `name`. A number is asked for under the
//! first row of its carrier that takes it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use waybill_core::adapter::Query;

use super::DESCRIPTOR;

/// Every known company.
pub(super) static COMPANIES: LazyLock<Result<Companies, String>> =
    LazyLock::new(|| Companies::parse(include_str!("carriers.csv")));

/// Companies that cannot be asked without a telephone number.
const NEED_PHONE: &[&str] = &["shunfeng", "shunfengkuaiyun", "zhongtong", "fengwang"];

/// Whose wall clock a company's rows show where they name no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Clock {
    /// It works in China only.
    China,
    /// China Post: China's for a domestic number, unknown for one that crosses borders.
    Post,
    /// A Chinese line that carries abroad: unknown, and scans in China are on the way out.
    Export,
    /// Unknown.
    #[default]
    Foreign,
}

/// Which numbers of its carrier a key takes. The products of China Post and the divisions of DHL are
/// companies of their own, and a number is known under the right one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// Every one.
    Any,
    /// S10 numbers.
    S10,
    /// Digits only, but not ten of them: those are waybills of the express division.
    Digits,
    /// Parcels within China.
    Post,
    /// EMS within China; also out of it, unless the destination is known to be abroad.
    Ems,
    /// EMS across borders.
    EmsAbroad,
}

struct Company {
    carrier: String,
    clock: Clock,
}

/// The table.
pub(super) struct Companies {
    by_key: HashMap<String, Company>,
    by_carrier: HashMap<String, Vec<(Numbers, String)>>,
    posts: HashMap<String, String>,
}

impl Companies {
    /// Reads the table.
    ///
    /// # Errors
    /// Names the line and what is wrong with it.
    pub(super) fn parse(csv: &str) -> Result<Self, String> {
        let mut all = Self {
            by_key: HashMap::new(),
            by_carrier: HashMap::new(),
            posts: HashMap::new(),
        };
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        for (at, row) in reader.records().enumerate() {
            let line = at + 2;
            let row = row.map_err(|error| format!("line {line}: {error}"))?;
            let column = |index| row.get(index).unwrap_or("");
            let (key, carrier, post) = (column(0), column(1), column(4));
            let numbers = match column(2) {
                "" => Numbers::Any,
                "s10" => Numbers::S10,
                "digits" => Numbers::Digits,
                "post" => Numbers::Post,
                "ems" => Numbers::Ems,
                "ems-abroad" => Numbers::EmsAbroad,
                other => return Err(format!("line {line}: unknown numbers {other:?}")),
            };
            let clock = match column(3) {
                "china" => Clock::China,
                "post" => Clock::Post,
                "export" => Clock::Export,
                "" => Clock::Foreign,
                other => return Err(format!("line {line}: unknown clock {other:?}")),
            };
            if plain(key).is_none() {
                return Err(format!("line {line}: {key:?} is no key"));
            }
            let company = Company {
                carrier: carrier.to_owned(),
                clock,
            };
            if all.by_key.insert(key.to_owned(), company).is_some() {
                return Err(format!("line {line}: key {key:?} stands twice"));
            }
            if !carrier.is_empty() {
                let keys = all.by_carrier.entry(carrier.to_owned()).or_default();
                keys.push((numbers, key.to_owned()));
            }
            if !post.is_empty() {
                all.posts.insert(post.to_owned(), key.to_owned());
            }
        }
        Ok(all)
    }

    /// Our id of the carrier behind a key; one of our making if we have none.
    pub(super) fn carrier(&self, key: &str) -> String {
        let known = self.by_key.get(key).map_or("", |company| &company.carrier);
        if known.is_empty() {
            format!("{}-{key}", DESCRIPTOR.id)
        } else {
            known.to_owned()
        }
    }

    /// The clock of a company.
    pub(super) fn clock(&self, key: &str) -> Clock {
        self.by_key
            .get(key)
            .map_or(Clock::Foreign, |company| company.clock)
    }

    /// Key of the post of a country.
    pub(super) fn post(&self, country: &str) -> Option<&str> {
        self.posts.get(country).map(String::as_str)
    }

    /// Key under which the number of a query is asked for; `None` if its carrier has none.
    pub(super) fn key<'a>(&'a self, query: &'a Query) -> Option<&'a str> {
        let carrier = query.carrier.as_str();
        let own = carrier
            .strip_prefix(DESCRIPTOR.id)
            .and_then(|rest| rest.strip_prefix('-'));
        if let Some(key) = own {
            return plain(key).filter(|key| !key.is_empty());
        }
        let mut keys = self.by_carrier.get(carrier)?.iter();
        keys.find(|(numbers, _)| numbers.take(query))
            .map(|(_, key)| key.as_str())
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.by_key.keys().map(String::as_str)
    }
}

impl Numbers {
    fn take(self, query: &Query) -> bool {
        let number = query.number.reveal();
        let issuer = s10_issuer(number);
        let is_chinese = issuer == Some("CN");
        let begins = |letters: &[u8]| {
            number
                .as_bytes()
                .first()
                .is_some_and(|c| letters.contains(c))
        };
        let stays = matches!(query.hints.destination_country.as_str(), "" | "CN");
        let is_domestic_ems = number.len() == 13 && begins(b"1");
        match self {
            Self::Any => true,
            Self::S10 => issuer.is_some(),
            Self::Digits => number.len() != 10 && number.bytes().all(|c| c.is_ascii_digit()),
            Self::Post if issuer.is_none() => !is_domestic_ems,
            Self::Post => is_chinese && begins(b"ABDGNPZ"),
            Self::Ems if issuer.is_none() => is_domestic_ems,
            Self::Ems => is_chinese && begins(b"E") && stays,
            Self::EmsAbroad => issuer.is_some() && begins(b"E"),
        }
    }
}

/// Tells whether a company demands a telephone number.
pub(super) fn needs_phone(key: &str) -> bool {
    NEED_PHONE.contains(&key)
}

/// A key as the documents write them: lower case.
pub(super) fn plain(key: &str) -> Option<&str> {
    let fits = key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (fits && key.len() <= 40).then_some(key)
}

/// A key as an answer states it; empty if it is none.
pub(super) fn stated<'a>(key: &'a str) -> Cow<'a, str> {
    let key = key.trim();
    match plain(key) {
        Some(key) => Cow::Borrowed(key),
        None => {
            let lower = key.to_ascii_lowercase();
            Cow::Owned(plain(&lower).unwrap_or("").to_owned())
        }
    }
}

/// Country that issued an S10 number; `None` if the number has another form.
pub(super) fn s10_issuer(number: &str) -> Option<&str> {
    let bytes = number.as_bytes();
    let letters = |part: &[u8]| part.iter().all(u8::is_ascii_uppercase);
    let fits = bytes.len() == 13
        && letters(bytes.get(..2)?)
        && bytes.get(2..11)?.iter().all(u8::is_ascii_digit)
        && letters(bytes.get(11..)?);
    if fits { number.get(11..) } else { None }
}
