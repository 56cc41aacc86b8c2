//! Companies of Kuaidi100: which carrier of ours each is, whose clock it writes, and which of
//! several keys of one carrier a number belongs under.
//!
//! `carriers.csv` holds the keys of the public list that matter here; every other key is taken as
//! it is. Columns: `key`, `carrier` (our id; empty: it has none), `clock` (see [`Clock`]), `post`
//! (ISO country whose post it is), `name`. The first row of a carrier is the one it is asked under.

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

struct Company {
    carrier: String,
    clock: Clock,
}

/// The table.
pub(super) struct Companies {
    by_key: HashMap<String, Company>,
    by_carrier: HashMap<String, String>,
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
            let (key, carrier, post) = (column(0), column(1), column(3));
            let clock = match column(2) {
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
            for (table, name) in [(&mut all.by_carrier, carrier), (&mut all.posts, post)] {
                if !name.is_empty() {
                    table
                        .entry(name.to_owned())
                        .or_insert_with(|| key.to_owned());
                }
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
        match carrier {
            "china-post" => Some(china_post(query)),
            "dhl" => Some(dhl(query.number.reveal())),
            _ => match own {
                Some(key) => plain(key).filter(|key| !key.is_empty()),
                None => self.by_carrier.get(carrier).map(String::as_str),
            },
        }
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.by_key.keys().map(String::as_str)
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

/// China Post has a key for each of its products, and a number is known under the right one only.
fn china_post(query: &Query) -> &'static str {
    let number = query.number.reveal();
    let Some(issuer) = s10_issuer(number) else {
        let is_ems = number.len() == 13 && number.starts_with('1');
        return if is_ems { "ems" } else { "youzhengguonei" };
    };
    let to = query.hints.destination_country.as_str();
    match number.as_bytes().first() {
        Some(b'E') if issuer == "CN" && matches!(to, "" | "CN") => "ems",
        Some(b'E') => "emsguoji",
        Some(b'A' | b'B' | b'D' | b'G' | b'N' | b'P' | b'Z') if issuer == "CN" => "youzhengguonei",
        _ => "youzhengguoji",
    }
}

/// The express division, the post and the parcels in Germany are companies of their own.
fn dhl(number: &str) -> &'static str {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    if digits && number.len() == 10 {
        "dhlen"
    } else if s10_issuer(number).is_some() {
        "deutschepost"
    } else if digits {
        "dhlde"
    } else {
        "dhlen"
    }
}
