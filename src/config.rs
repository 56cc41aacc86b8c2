//! One typed tree of settings, read from `waybill.toml` and the environment.
//!
//! Every default is here and in `docs/limits.md`; a test compares them. An unknown key is refused,
//! naming the known ones. Credentials come from file, `<key>_file` or environment, into no error.

mod accounts;
mod calls;
mod origin;
mod ports;
mod redis;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use waybill_core::adapter::Limits;

pub use self::accounts::{Account, LimitSettings, accounts};
pub use self::calls::Calls;
pub use self::leave::DrainSettings;
pub use self::log::LogSettings;
pub use self::origin::Files;
pub use self::privacy::{PrivacySettings, TenantRetention};
use crate::money::{Amount, Budget};

/// All settings.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the server listens.
    pub server: Server,
    /// What is logged.
    pub log: LogSettings,
    /// Spans for a collector.
    pub trace: crate::trace::Settings,
    /// Limits of calls.
    pub calls: CallSettings,
    /// Which sources are asked.
    pub routing: Routing,
    /// Limits of streams.
    pub streams: StreamSettings,
    /// The front door: connections and their limits.
    pub front: crate::server::Settings,
    /// How much work is taken on at once.
    pub load: crate::server::LoadSettings,
    /// How much each tenant may ask for.
    pub quota: crate::quota::QuotaSettings,
    /// How the server takes its leave.
    pub drain: DrainSettings,
    /// The cache of sources' answers.
    pub cache: CacheSettings,
    /// How long an answer is fresh.
    pub freshness: crate::cache::Freshness,
    /// Where the truth is kept.
    pub store: StoreSettings,
    /// Protection of and from sources.
    pub guard: crate::guard::Tuning,
    /// Key figures.
    pub kpi: crate::kpi::Settings,
    /// Polls of followed shipments.
    pub schedule: crate::schedule::Settings,
    /// What sources said, as received.
    pub evidence: crate::evidence::Settings,
    /// How long what is kept, and the audit log.
    pub privacy: PrivacySettings,
    /// Who may call.
    pub auth: crate::auth::settings::Settings,
    /// What carriers send by themselves.
    pub push: crate::push::Settings,
    /// The way out.
    pub http: crate::http::Settings,
    /// Texts for people.
    pub texts: crate::texts::Settings,
    /// Sources by id, each with its own keys.
    #[serde(skip_serializing)]
    pub sources: BTreeMap<String, toml::Table>,
    /// Plug-ins by id: sources whose adapters are processes of their own.
    #[serde(skip_serializing)]
    pub plugins: BTreeMap<String, PluginSettings>,
}

/// A length of time, written as "300ms", "5s", "2m" or "24h".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Span(
    /// The length.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub Duration,
);

const fn ms(millis: u64) -> Span {
    Span(Duration::from_millis(millis))
}

const fn secs(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

/// Declares a section: its fields, their defaults, and what they mean, each once.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind,)* }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

// After the macro that they use.
mod leave;
mod log;
mod privacy;

section! {
    /// `[server]`
    Server {
        /// Address of the gRPC port.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 50_051)),
        /// Address of the side port: health and metrics.
        side: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9_464)),
        /// Address of the operators' port, on loopback; empty: the port after the side port.
        admin: String = String::new(),
        /// Listen beyond loopback in clear, because what stands before this server speaks TLS.
        insecure: bool = false,
        /// Whether reflection is served.
        reflection: Reflection = Reflection::Auto,
        /// Certificates; without them connections are in clear.
        tls: crate::server::TlsSettings = crate::server::TlsSettings::default(),
    }
}

/// Whether reflection is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reflection {
    /// On a loopback address only.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

section! {
    /// `[calls]`
    CallSettings {
        /// Time for a unary call that states none.
        default_deadline: Span = secs(5),
        /// Longest time of a unary call.
        unary_cap: Span = secs(30),
        /// Longest time of a batch.
        batch_cap: Span = secs(120),
        /// Wait for the others after the first usable direct answer.
        patience: Span = ms(300),
        /// Items of one batch, and shipments of one stream.
        batch_items: usize = 1_000,
        /// Events of one call that takes in those of the operator's own systems.
        ingest_events: usize = 500,
        /// Greatest size of a request in bytes.
        request_bytes: usize = 256 * 1_024,
        /// Greatest size of a batch request in bytes.
        batch_bytes: usize = 1_024 * 1_024,
        /// Greatest size of an answer in bytes.
        response_bytes: usize = 4 * 1_024 * 1_024,
    }
}

section! {
    /// `[routing]`
    Routing {
        /// When aggregators are asked.
        aggregators: crate::pipeline::Aggregators = crate::pipeline::Aggregators::After,
        /// Ask sources that bill each call or register each number also for callers who do not
        /// say `allow_paid`; each stays within its daily limit and the budgets.
        allow_paid: bool = false,
        /// What all sources together may cost in a UTC day, in the unit of their `cost`, counted by
        /// all servers that share a store; empty: no limit.
        daily_budget: Budget = Budget::default(),
        /// How long a number waits for others to share an upstream request with, at sources that
        /// take several at once.
        batch_window: Span = ms(10),
    }
}

section! {
    /// `[streams]`
    StreamSettings {
        /// Age at which a stream is ended, +-10 %.
        max_age: Span = secs(30 * 60),
        /// Silence after which a heartbeat is sent, unless the client asks otherwise.
        heartbeat: Span = secs(30),
        /// Streams at the same time.
        count: usize = 10_000,
        /// Shipments that one stream follows by their keys.
        shipments: usize = 10_000,
        /// Time over which streams are ended, one after the other, when the server stops.
        drain_spread: Span = secs(20),
        /// Revisions that wait for a reader who wants every one; beyond that it starts anew.
        revisions: usize = 1_000,
        /// File of the secret that resume tokens are sealed with, 32 bytes or 64 hexadecimal
        /// digits; empty: made from the key of the store. Every node needs the same.
        token_secret_file: PathBuf = PathBuf::new(),
        /// File of the secret before, whose tokens are still read; empty: none.
        previous_token_secret_file: PathBuf = PathBuf::new(),
    }
}

section! {
    /// `[cache]`
    CacheSettings {
        /// Address of a Redis that nodes share, `redis://[user:password@]host:port[/db]`, and other
        /// forms in docs/redis.md; empty: each node by itself.
        redis: String = String::new(),
        /// File of its password, over the one in the address.
        redis_password_file: PathBuf = PathBuf::new(),
        /// File of the password of its sentinels; empty: they ask for none.
        redis_sentinel_password_file: PathBuf = PathBuf::new(),
        /// File of the certificates, PEM, that are trusted over TLS; empty: the system's.
        redis_ca_file: PathBuf = PathBuf::new(),
        /// What every key in Redis starts with.
        prefix: String = "waybill:".to_owned(),
        /// Greatest size of the cache in this process, in bytes.
        memory_bytes: u64 = 256 * 1_024 * 1_024,
        /// Time for one answer of Redis.
        redis_time: Span = ms(100),
        /// Time for a connection to Redis.
        redis_connect_time: Span = ms(250),
    }
}

section! {
    /// `[store]`
    StoreSettings {
        /// Folder of the store; empty: in memory, and gone when the server stops.
        data_dir: PathBuf = PathBuf::new(),
        /// File of the master key, 32 bytes or 64 hexadecimal digits; empty: `key` in `data_dir`,
        /// made at the first start.
        key_file: PathBuf = PathBuf::new(),
        /// Shipments kept in memory.
        memory_shipments: usize = 1_000_000,
        /// Address of the Redis that holds the truth for all nodes, as in `[cache]`; needs
        /// `key_file`, the same on every node. Empty: each node by itself.
        redis: String = String::new(),
        /// File of its password, over the one in the address.
        redis_password_file: PathBuf = PathBuf::new(),
        /// File of the password of its sentinels; empty: they ask for none.
        redis_sentinel_password_file: PathBuf = PathBuf::new(),
        /// File of the certificates, PEM, that are trusted over TLS; empty: the system's.
        redis_ca_file: PathBuf = PathBuf::new(),
        /// What every key in Redis starts with.
        prefix: String = "waybill:".to_owned(),
        /// Time for one answer of Redis.
        redis_time: Span = ms(500),
        /// Time for a connection to Redis.
        redis_connect_time: Span = secs(1),
    }
}

section! {
    /// `[plugins.<id>]`
    PluginSettings {
        /// Where the plug-in listens: `http://host:port` or `unix:/path`.
        endpoint: String = String::new(),
        /// Speak to another machine although the connection is in clear.
        insecure: bool = false,
        /// Name for people; empty: the id.
        name: String = String::new(),
        /// Carrier that it speaks for; empty for an aggregator.
        carrier: String = String::new(),
        /// Class of the source.
        class: PluginClass = PluginClass::Carrier,
        /// Number formats that it serves, by id of the format table.
        formats: Vec<String> = Vec::new(),
        /// Queries in one call.
        batch: usize = 1,
        /// Language of its texts where they state none, BCP 47.
        language: String = "und".to_owned(),
        /// Hints that it can use; no other is sent to it.
        hints: Vec<String> = Vec::new(),
        /// Hints without which it is not asked.
        required_hints: Vec<String> = Vec::new(),
        /// Time for one attempt.
        timeout: Span = secs(5),
        /// Price of one call, in whatever unit the operator counts.
        cost: Amount = Amount::ZERO,
        /// What it may cost in a UTC day; empty: no limit.
        daily_budget: Budget = Budget::default(),
        /// It understands pushes, and checks itself that they are its upstream's.
        push: bool = false,
        /// How hard it may be asked; a time-out here goes over the one above.
        limits: LimitSettings = LimitSettings::default(),
    }
}

impl PluginSettings {
    /// Limits with the defaults of plug-ins: ten requests per second and no daily limit.
    pub fn limits(&self) -> Limits {
        let own = Limits {
            batch: self.batch,
            per_second: 10.0,
            burst: 10,
            per_day: 0,
            timeout: self.timeout.0,
            slow: self.timeout.0.mul_f64(0.6),
            min_interval: Duration::ZERO,
        };
        self.limits.over(own)
    }
}

/// Class of a plug-in's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginClass {
    /// A carrier.
    Carrier,
    /// Repeats what carriers say.
    Aggregator,
    /// The operator's own scans.
    Internal,
}

/// Longest time that a setting of calls or streams may have.
const LONGEST: Span = secs(7 * 24 * 3_600);

impl Config {
    /// Checks what the types of the settings do not.
    ///
    /// # Errors
    /// Names the setting and its bounds.
    pub fn check(&self) -> Result<(), String> {
        let (calls, streams) = (&self.calls, &self.streams);
        let spans = [
            ("calls.default_deadline", calls.default_deadline),
            ("calls.unary_cap", calls.unary_cap),
            ("calls.batch_cap", calls.batch_cap),
            ("streams.max_age", streams.max_age),
            ("streams.heartbeat", streams.heartbeat),
        ];
        for (setting, span) in spans {
            if span.0.is_zero() || span.0 > LONGEST.0 {
                return Err(format!("{setting}: must be more than 0 s, at most 7 d"));
            }
        }
        let counts = [
            ("calls.batch_items", calls.batch_items),
            ("calls.ingest_events", calls.ingest_events),
            ("calls.request_bytes", calls.request_bytes),
            ("calls.batch_bytes", calls.batch_bytes),
            ("calls.response_bytes", calls.response_bytes),
            ("streams.count", streams.count),
        ];
        for (setting, count) in counts {
            if count == 0 || u32::try_from(count).is_err() {
                return Err(format!("{setting}: must be 1 to {}", u32::MAX));
            }
        }
        self.check_leave()?;
        if calls.patience.0 > LONGEST.0 {
            return Err("calls.patience: must be at most 7 d".to_owned());
        }
        Ok(())
    }
}

/// What every variable that is read starts with; `WAYBILL_CALLS__PATIENCE` is `calls.patience`.
const PREFIX: &str = "WAYBILL_";

/// Reads a file, if there is one, and the environment over it.
///
/// # Errors
/// Names the file, the key, and what is wrong with it.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, String> {
    let mut table = match file {
        None => toml::Table::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            // The parser's own message quotes the line, which can hold a credential.
            text.parse::<toml::Table>().map_err(|error| {
                let line = error
                    .span()
                    .map_or(0, |span| text[..span.start].lines().count());
                format!("{}: line {line}: {}", path.display(), error.message())
            })?
        }
    };
    for (name, value) in environment {
        if let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains("__")) {
            let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            // A credential that looks like a number is still a text.
            let is_source = keys[0] == "sources" && !keys.iter().any(|key| key == "limits");
            let is_text = is_source || keys[0] == "auth" && keys[1].ends_with("pepper");
            set(&mut table, &keys, value, is_text).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Config::deserialize(table).map_err(|error| error.message().to_owned())
}

/// Puts a value where the keys say. Source and account ids are written with underscores in a
/// variable's name and with hyphens in the file.
fn set(
    table: &mut toml::Table,
    keys: &[String],
    value: String,
    is_text: bool,
) -> Result<(), String> {
    let [key, rest @ ..] = keys else {
        return Err("names no setting".to_owned());
    };
    if rest.is_empty() && is_text {
        table.insert(key.clone(), toml::Value::String(value));
        return Ok(());
    }
    if rest.is_empty() {
        let parsed = format!("v = {value}").parse::<toml::Table>();
        let parsed = parsed.ok().and_then(|mut table| table.remove("v"));
        let value = match parsed {
            Some(number @ (toml::Value::Integer(_) | toml::Value::Float(_))) => number,
            Some(boolean @ toml::Value::Boolean(_)) => boolean,
            _ => toml::Value::String(value),
        };
        table.insert(key.clone(), value);
        return Ok(());
    }
    let hyphened = key.replace('_', "-");
    let key = if table.contains_key(&hyphened) {
        hyphened
    } else {
        key.clone()
    };
    let inner = table
        .entry(key)
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    match inner {
        toml::Value::Table(inner) => set(inner, rest, value, is_text),
        _ => Err("is not a section".to_owned()),
    }
}

/// The credential that commands show to a gateway, from the environment; `None` if there is none.
#[expect(clippy::disallowed_methods, reason = "this is the config module")]
pub fn credential() -> Option<waybill_core::privacy::Secret> {
    let text = std::env::var("WAYBILL_KEY").ok()?;
    (!text.is_empty()).then(|| waybill_core::privacy::Secret::new(text))
}

/// Reads the process's environment: the only place that does.
#[expect(clippy::disallowed_methods, reason = "this is the config module")]
pub fn environment() -> Vec<(String, String)> {
    std::env::vars()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

#[cfg(test)]
mod tests;
