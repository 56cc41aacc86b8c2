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

use crate::error::{Error, ErrorKind};
use crate::event::{Claim, SourceClass};
use crate::exception::NextAction;
use crate::number::TrackingNumber;
use crate::order::Order;
use crate::privacy::Pii;
use crate::shipment::Facts;

/// A future in a box, so that adapters are objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A source, for one account.
pub trait Adapter: Send + Sync {
    /// Asks for `queries`, at most [`Limits::batch`] of them, and returns one answer per query in
    /// their order.
    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>>;

    /// URLs at the hosts that it asks, with its settings: the way out leads to these hosts, by the same
    /// scheme and port, and nowhere else.
    fn reaches(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Finds the shipments of an order: one report for each parcel, which names the order among its
    /// references as the source does. Asked only if [`Adapter::platforms`] has its platform.
    fn look_up<'a>(&'a self, _ctx: Ctx<'a>, _query: &'a OrderQuery) -> BoxFuture<'a, Answer> {
        let message = "the source finds no orders";
        let error = Error::new(ErrorKind::Unsupported, message).unspent();
        Box::pin(std::future::ready(Err(error)))
    }

    /// Shops and platforms whose orders it can look up with its settings.
    fn platforms(&self) -> Vec<String> {
        Vec::new()
    }

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

    /// Whether the source bills each number that is registered, and reading is free; otherwise a
    /// price is that of a call. Requests that register have the mark [`Registers`].
    fn bills_registrations(&self) -> bool {
        false
    }

    /// Greatest number of queries in one call, where settings change what the source takes.
    fn batch(&self, limits: &Limits) -> usize {
        limits.batch
    }

    /// Asks the source to push news of `queries`, or to stop doing so, and returns one answer per
    /// query in their order.
    fn subscribe<'a>(
        &'a self,
        _ctx: Ctx<'a>,
        queries: &'a [Query],
        _change: Subscription,
    ) -> BoxFuture<'a, Vec<Subscribed>> {
        let answers = queries.iter().map(|_| Err(unsupported())).collect();
        Box::pin(std::future::ready(answers))
    }

    /// Checks that a push comes from the source, over its raw bytes, and understands it as
    /// [`Adapter::interpret`] understands an answer.
    ///
    /// Errors: `Denied` if the signature or credential is missing or wrong, or cannot be looked
    /// for; `Malformed` or `Unsupported` if it is right and the body cannot be understood;
    /// `Unsupported` if the source has no push.
    fn translate_push<'a>(
        &'a self,
        _push: &'a http::Request<Bytes>,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        Box::pin(std::future::ready(Err(unsupported())))
    }
}

fn unsupported() -> Error {
    Error::new(ErrorKind::Unsupported, "the source has no push").unspent()
}

/// What to do about the push of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// Begin, or go on.
    Start,
    /// End.
    Stop,
}

/// What came of a subscription: when it has to be renewed, `None` if never.
pub type Subscribed = Result<Option<Timestamp>, Error>;

/// A push, understood.
pub struct Pushed {
    /// Id of the push at the source, to drop repeated ones; empty if it has none. Two pushes with
    /// one id say the same, so of a signed push it is something that the signature covers.
    pub id: String,
    /// What it reports.
    pub reports: Vec<Report>,
    /// Numbers of which it only says that there is news, or that cannot be trusted without asking.
    pub poll: Vec<TrackingNumber>,
    /// What to answer, whole.
    pub reply: http::Response<Bytes>,
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
    /// Time left for this attempt. The guard ends it by itself; a source that has to be told how
    /// long it may take learns it from here.
    pub within: Duration,
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

    /// Hears that so many numbers of requests with the mark [`Registers`] were not billed: the
    /// source refused them, or had them already.
    fn not_billed(&self, _numbers: u32) {}
}

/// Mark in the extensions of a request: its answer holds a credential, and nobody may keep it.
#[derive(Clone, Copy, Debug)]
pub struct Confidential;

/// Mark in the extensions of a request: it registers so many numbers, each of which the source
/// bills; see [`Adapter::bills_registrations`]. An answer without success bills nothing.
#[derive(Clone, Copy, Debug)]
pub struct Registers(pub u32);

/// One question to a source about a number.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    /// The number.
    pub number: TrackingNumber,
    /// Carrier that the number is believed to be of; empty if nobody knows. Aggregators need it.
    pub carrier: String,
    /// Facts that some sources need.
    pub hints: Hints,
    /// Format that the number was detected as, for example "dhl_express_waybill"; empty if none.
    pub format: String,
}

impl Query {
    /// A question about a number of which nothing else is known.
    pub fn of(number: TrackingNumber) -> Self {
        Self {
            number,
            carrier: String::new(),
            hints: Hints::default(),
            format: String::new(),
        }
    }
}

/// One question to a source about an order.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderQuery {
    /// The order.
    pub order: Order,
    /// Facts that some sources need.
    pub hints: Hints,
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
    /// Last four digits of the sender's or the recipient's telephone number.
    #[serde(default)]
    pub phone_last_four: Pii<String>,
}

/// One shipment in an answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The source's own number of the shipment, normalised.
    pub number: TrackingNumber,
    /// Whose data it is; the carrier id of a direct source. Of an aggregator, the carrier whose data
    /// it repeats: our id if there is one, else `<source id>-<its own key>`; a claim that names a
    /// carrier of its own repeats that one.
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

impl Report {
    /// Gives up the room that its lists have beyond their members: an answer may list hundreds of
    /// shipments, and a list with one member has room for four.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        self.claims.shrink_to_fit();
        self.facts.identifiers.shrink_to_fit();
        self.facts.estimates.shrink_to_fit();
        self.facts.contacts.shrink_to_fit();
        self.facts.doubts.shrink_to_fit();
        self
    }
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
    /// Which of its interfaces are spoken, for people.
    pub api: &'static str,
    /// ISO 3166-1 alpha-2 of the carrier's seat.
    pub country: &'static str,
    /// Public tracking page with `{tracking_number}` in it; empty if none.
    pub tracking_url: &'static str,
    /// Public pages of the carrier on which a next action can be taken, `https` only, one per action.
    pub pages: &'static [(NextAction, &'static str)],
    /// Class.
    pub class: SourceClass,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How hard it may be asked.
    pub limits: Limits,
    /// Number formats that it serves, by id of the format table. An aggregator is asked about
    /// every number of a carrier that it knows; see [`Descriptor::carriers`].
    pub formats: &'static [&'static str],
    /// Carriers that an aggregator can be asked about, by our id; empty: any.
    pub carriers: &'static [&'static str],
    /// Settings that it understands; an unknown key is refused.
    pub settings: &'static [Setting],
    /// Makes an adapter from checked settings.
    pub build: fn(&Settings) -> Result<Box<dyn Adapter>, String>,
}

/// How a source shows that a push is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The content is signed or sealed with a secret that does not travel along: it is believed.
    Signature,
    /// A secret stands in a header, in clear and beside any content: a reason to ask, no more.
    Header,
    /// The same in the address that it is sent to, as its last segment or a parameter.
    Address,
}

impl Proof {
    /// Whether what a push says can be believed without asking.
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::Signature)
    }
}

/// What a source can do.
#[derive(Debug)]
pub struct Capabilities {
    /// It bills each call.
    pub paid: bool,
    /// It must be given a number before it can be asked, which counts against a quota of its own.
    pub registers: bool,
    /// It pushes news, and shows by this that they are its own; `None` if it has no push.
    pub push: Option<Proof>,
    /// It finds shipments by the order of a shop or platform; which ones, its settings say.
    pub order_lookup: bool,
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

impl Setting {
    /// A credential that must be set.
    pub const fn secret(key: &'static str, help: &'static str) -> Self {
        Self {
            key,
            required: true,
            secret: true,
            default: "",
            help,
        }
    }

    /// A credential that can be left out.
    pub const fn optional_secret(key: &'static str, help: &'static str) -> Self {
        Self {
            key,
            required: false,
            secret: true,
            default: "",
            help,
        }
    }

    /// A value that must be set.
    pub const fn required(key: &'static str, help: &'static str) -> Self {
        Self {
            key,
            required: true,
            secret: false,
            default: "",
            help,
        }
    }

    /// A value that can be left out.
    pub const fn optional(key: &'static str, default: &'static str, help: &'static str) -> Self {
        Self {
            key,
            required: false,
            secret: false,
            default,
            help,
        }
    }
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
