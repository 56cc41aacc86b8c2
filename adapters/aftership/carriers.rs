//! Which carrier a slug of AfterShip stands for, and under which slug a carrier of ours is asked for.
//!
//! `carriers.csv` lists the slugs of carriers that we have an id for: `slug`, `carrier` (our id),
//! `ask`, `name`. `ask` says when the slug is sent: `*` for every number of the carrier, `^E` for
//! those that begin so, else the formats of numbers for which it is right; a slug without it is only
//! read. A carrier whose slug is not certain is left to the detection of AfterShip, because a
//! tracking under a wrong slug costs quota and finds nothing.

use std::collections::HashMap;
use std::sync::LazyLock;

use waybill_core::adapter::Query;

use super::DESCRIPTOR;

/// The table; empty only if the file is broken, which a test rules out.
pub(super) static CARRIERS: LazyLock<Carriers> =
    LazyLock::new(|| Carriers::parse(include_str!("carriers.csv")).unwrap_or_default());

/// Slugs and carriers, both ways.
#[derive(Default)]
pub(super) struct Carriers {
    by_slug: HashMap<String, String>,
    by_carrier: HashMap<String, Vec<Ask>>,
}

struct Ask {
    slug: String,
    when: Vec<String>,
}

impl Carriers {
    pub(super) fn parse(csv: &str) -> Result<Self, String> {
        let mut carriers = Self::default();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        for (at, row) in reader.records().enumerate() {
            let line = at + 2;
            let row = row.map_err(|error| format!("line {line}: {error}"))?;
            let column = |index| row.get(index).unwrap_or("").trim();
            let (slug, carrier) = (column(0), column(1));
            if !is_slug(slug) || carrier.is_empty() {
                return Err(format!("line {line}: no slug or no carrier"));
            }
            let known = carriers.by_slug.insert(slug.to_owned(), carrier.to_owned());
            if known.is_some() {
                return Err(format!("line {line}: slug {slug} stands twice"));
            }
            let when: Vec<_> = column(2).split_whitespace().map(str::to_owned).collect();
            if !when.is_empty() {
                let slug = slug.to_owned();
                let asks = carriers.by_carrier.entry(carrier.to_owned()).or_default();
                asks.push(Ask { slug, when });
            }
        }
        Ok(carriers)
    }

    /// Our id of the carrier with this slug, else one made of the slug; empty if there is none.
    pub(super) fn id(&self, slug: &str) -> String {
        let slug = slug.trim();
        match self.by_slug.get(slug) {
            Some(id) => id.clone(),
            None if is_slug(slug) => format!("{}-{slug}", DESCRIPTOR.id),
            None => String::new(),
        }
    }

    /// Whether the slug is that of a carrier that we know.
    pub(super) fn knows(&self, slug: &str) -> bool {
        self.by_slug.contains_key(slug)
    }

    /// The slug under which the carrier of a query is asked for; `None` if AfterShip has to find out.
    pub(super) fn slug<'a>(&'a self, query: &'a Query) -> Option<&'a str> {
        let own = query.carrier.strip_prefix(DESCRIPTOR.id);
        if let Some(slug) = own.and_then(|rest| rest.strip_prefix('-')) {
            return Some(slug).filter(|slug| is_slug(slug) && *slug != UNRECOGNIZED);
        }
        let asks = self.by_carrier.get(&query.carrier)?;
        let begins = |word: &str| {
            word.strip_prefix('^')
                .is_some_and(|start| query.number.reveal().starts_with(start))
        };
        let says = |fits: &dyn Fn(&str) -> bool| {
            asks.iter()
                .find(|ask| ask.when.iter().any(|word| fits(word)))
                .map(|ask| ask.slug.as_str())
        };
        says(&|word| word == query.format || begins(word)).or_else(|| says(&|word| word == "*"))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_slug.len()
    }
}

/// What stands for a slug when AfterShip could not tell the carrier.
pub(super) const UNRECOGNIZED: &str = "unrecognized";

fn is_slug(text: &str) -> bool {
    let plain = |byte: u8| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}
