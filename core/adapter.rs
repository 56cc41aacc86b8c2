//! The contract between the gateway and a source.
//!
//! **Invariant:** an adapter speaks one wire format and nothing else. It opens no connection of
//! its own, keeps no cache, retries nothing, reads no clock and never states a status.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::event::{Claim, SourceClass};
use crate::number::TrackingNumber;
use crate::privacy::Pii;
use crate::shipment::Facts;

/// A future in a box, so that adapters are objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A source, for one account.
pub trait Adapter: Send + Sync {
    /// Asks for `queries`, at most [`Limits::batch`] of them, and returns one answer per query in
    /// their order.
    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>>;

    /// Understands one raw response to `queries` without asking anything: what
    /// [`Adapter::fetch`] does with it once it has arrived. Shipments that the response holds and
    /// nobody asked for are returned too, with the first query. `queries` can be empty; then the
    /// result has one answer with everything that the response holds.
    fn interpret(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer>;
}

/// What a source says to one query: the shipments it found, or why there are none.
pub type Answer = Result<Vec<Report>, Error>;

/// What an adapter may use while it asks.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    /// The way out.
    pub http: &'a dyn Http,
    /// The moment of asking.
    pub now: Timestamp,
}

/// The only way out. Time-outs, size caps and redaction are the implementer's.
pub trait Http: Send + Sync {
    /// Sends a request and returns the whole response, of whatever status.
    ///
    /// # Errors
    /// `Timeout`, `Unavailable` or `Malformed` (too large, not decompressible) when there is no
    /// usable response.
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>>;
}

/// One question to a source.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    /// The number.
    pub number: TrackingNumber,
    /// Facts that some sources need.
    pub hints: Hints,
    /// Format that the number was detected as, for example "dhl_express_waybill"; empty if none.
    pub format: String,
}

/// Extra facts for a lookup; empty means unknown.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hints {
    /// Postal code of the destination.
    pub postal_code: Pii<String>,
    /// ISO 3166-1 alpha-2 of the destination.
    pub destination_country: String,
    /// ISO 3166-1 alpha-2 of the origin.
    pub origin_country: String,
    /// Day of shipping, "YYYY-MM-DD".
    pub ship_date: String,
}

/// One shipment in an answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The source's own number of the shipment, normalised.
    pub number: TrackingNumber,
    /// Whose data it is; the carrier id of a direct source.
    pub relays: String,
    /// The report lists everything that the source knows, so that a missing row means something.
    pub complete: bool,
    /// BCP 47 tag of the texts; "und" if unknown.
    pub language: String,
    /// Rows, oldest first.
    pub claims: Vec<Arc<Claim>>,
    /// Everything else.
    pub facts: Facts,
}

/// What a source is, as data. The registry holds one per source.
#[derive(Debug)]
pub struct Descriptor {
    /// Source id, `[a-z0-9-]+`.
    pub id: &'static str,
    /// Carrier that it speaks for; empty for an aggregator.
    pub carrier: &'static str,
    /// Name for people.
    pub display_name: &'static str,
    /// ISO 3166-1 alpha-2 of the carrier's seat.
    pub country: &'static str,
    /// Public tracking page with `{tracking_number}` in it; empty if none.
    pub tracking_url: &'static str,
    /// Class.
    pub class: SourceClass,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How hard it may be asked.
    pub limits: Limits,
    /// Number formats that it serves, by id of the format table.
    pub formats: &'static [&'static str],
    /// Settings that it understands; an unknown key is refused.
    pub settings: &'static [Setting],
    /// Makes an adapter from checked settings.
    pub build: fn(&Settings) -> Result<Box<dyn Adapter>, String>,
}

/// What a source can do.
#[derive(Debug)]
pub struct Capabilities {
    /// It bills each call.
    pub paid: bool,
    /// Hints that it needs, by field name.
    pub required_hints: &'static [&'static str],
    /// Hints that it can use, by field name.
    pub optional_hints: &'static [&'static str],
    /// Language in which it is asked, BCP 47.
    pub language: &'static str,
    /// Zone of its times where it states none, IANA; empty: unknown.
    pub default_time_zone: &'static str,
    /// It gives an expected delivery time.
    pub delivery_estimate: bool,
    /// It gives proof of delivery.
    pub proof_of_delivery: bool,
    /// How long it keeps history, in days; 0: unknown.
    pub history_days: u32,
    /// It calls a deposit at a locker or shop delivered and cannot tell.
    pub deposit_reported_as_delivered: bool,
}

/// How hard a source may be asked, from its own documents. All can be changed in the configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Queries in one upstream request.
    pub batch: usize,
    /// Requests per second, sustained.
    pub per_second: f64,
    /// Requests that may come at once.
    pub burst: u32,
    /// Requests per UTC day; 0: no daily limit is known.
    pub per_day: u32,
    /// Time for one attempt.
    pub timeout: Duration,
    /// A call slower than this counts as slow for the breaker.
    pub slow: Duration,
    /// Least time between two requests for one number.
    pub min_interval: Duration,
}

/// One setting of a source.
#[derive(Debug)]
pub struct Setting {
    /// Key in `[sources.<id>]`.
    pub key: &'static str,
    /// It must be set.
    pub required: bool,
    /// It is a credential: read from `<key>_file` or an environment variable as well, never shown.
    pub secret: bool,
    /// Value when it is not set; empty if none.
    pub default: &'static str,
    /// One line for `waybill init`.
    pub help: &'static str,
}

/// Checked settings of one account: every required key is there, no unknown one is.
#[derive(Default)]
pub struct Settings {
    values: std::collections::BTreeMap<&'static str, crate::privacy::Secret>,
}

impl Settings {
    /// Makes settings from pairs; keys come from a [`Descriptor`].
    pub fn new(pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let values = pairs
            .into_iter()
            .map(|(key, value)| (key, crate::privacy::Secret::new(value)))
            .collect();
        Self { values }
    }

    /// Returns a setting, empty if it is not set and has no default.
    pub fn get(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |value| value.expose())
    }

    /// Returns a credential.
    pub fn secret(&self, key: &str) -> crate::privacy::Secret {
        self.values.get(key).cloned().unwrap_or_default()
    }
}
