//! The conformance suite: what every adapter has to do, ours and plug-ins alike, as named checks.
//!
//! A [`Subject`] is an adapter with what stands around it: a plug-in behind its connection, or a
//! built-in source behind the gateway's own HTTP client. Between it and its upstream system the
//! suite can put one of its own (`upstream.rs`), which answers with the cases that the author of the
//! adapter wrote down (`cases.rs`), whole or damaged. The checks (`checks/`) are one table and see
//! only what the gateway sees: the answers.
//!
//! **Invariant:** a check states what a user of the gateway would notice, and what it prints holds no
//! number.

mod cases;
mod checks;
mod damage;
mod upstream;

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use waybill_core::adapter::{Adapter, Answer, BoxFuture, Ctx, Descriptor, Query};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::registry::Registry;

use crate::adapter::v1 as wire;
use crate::adapter::v1::adapter_service_client::AdapterServiceClient;
use crate::clock::Clock;
use crate::config::{PluginClass, PluginSettings, Span};
use crate::http::{self, Client};
use crate::remote::{self, Remote};

pub use self::cases::Cases;
pub use self::checks::{CHECKS, Check};

use self::cases::Case;
use self::upstream::{Plan, Reply, Upstream};

/// What a call may take beyond its time before it counts as one that does not end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Greatest number of queries in one call, as for any plug-in.
const BATCH: usize = 100;

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It does not, and the author says why that is right.
    Differs,
    /// It could not be tried.
    Skipped,
}

impl Verdict {
    /// Name as it is printed.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Differs => "differs",
            Self::Skipped => "skipped",
        }
    }
}

/// One row of the result.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Id of the check.
    pub check: &'static str,
    /// What it asserts.
    pub asserts: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What was seen, or why it failed or was not tried.
    pub detail: String,
}

/// Why a check did not pass.
enum Not {
    Held(String),
    Tried(&'static str),
}

/// What a check comes to: what was seen, if it holds.
type Checked = Result<String, Not>;

/// A check has failed.
fn failed<T>(detail: impl Into<String>) -> Result<T, Not> {
    Err(Not::Held(detail.into()))
}

/// A plug-in to be tried.
pub struct Plugin {
    /// `http://host:port` or `unix:/path`.
    pub endpoint: String,
    /// Which of its sources; may be left out if it offers one.
    pub source: Option<String>,
}

/// An adapter under test.
pub struct Subject {
    source: &'static Descriptor,
    adapter: Box<dyn Adapter>,
    http: Client,
    /// The bare connection to a plug-in.
    plugin: Option<AdapterServiceClient<Channel>>,
    upstream: Option<Upstream>,
    cases: Cases,
    /// Time for a call that is to work.
    within: Duration,
    clock: Clock,
}

impl Subject {
    /// Connects to a plug-in as the gateway does. With `upstream` the suite listens there and
    /// answers what the plug-in asks.
    ///
    /// # Errors
    /// Says why the plug-in cannot be tried.
    pub async fn plugin(
        plugin: &Plugin,
        upstream: Option<SocketAddr>,
        mut cases: Cases,
        within: Duration,
    ) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(plugin.endpoint.clone())
            .map_err(|_| "the endpoint must be http://host:port or unix:/path".to_owned())?;
        let channel = endpoint.connect_timeout(PATIENCE).connect().await;
        let channel = channel.map_err(|_| format!("cannot connect to {}", plugin.endpoint))?;
        let mut client = AdapterServiceClient::new(channel);
        let offer = describe(&mut client, within).await?;
        let offered = match &plugin.source {
            Some(id) => offer.sources.iter().find(|source| source.id == *id),
            None if offer.sources.len() > 1 => {
                let ids = offer.sources.iter().map(|source| source.id.as_str());
                let ids = ids.collect::<Vec<_>>().join(", ");
                return Err(format!("it offers several sources, name one: {ids}"));
            }
            None => offer.sources.first(),
        };
        let offered = offered.ok_or("the plug-in does not offer this source")?;
        let batch = usize::try_from(offered.max_batch_size).unwrap_or(BATCH);
        let settings = PluginSettings {
            endpoint: plugin.endpoint.clone(),
            insecure: true,
            carrier: offered.carrier.clone(),
            class: match offered.carrier.as_str() {
                "" => PluginClass::Aggregator,
                _ => PluginClass::Carrier,
            },
            batch: batch.clamp(1, BATCH),
            hints: remote::HINTS.map(str::to_owned).to_vec(),
            timeout: Span(within),
            ..PluginSettings::default()
        };
        let registry =
            remote::registry(Registry::new(&[]), &[(offered.id.clone(), settings)].into())?;
        let source = registry.get(&offered.id)?;
        let adapter = Remote::new(source, &plugin.endpoint, &source.limits)?;
        cases.detect(source);
        let upstream = match upstream {
            Some(address) => Some(listen(address, &cases).await?),
            None => None,
        };
        Ok(Self {
            source,
            adapter: Box::new(adapter),
            // A plug-in goes its own ways.
            http: client_for(within, &[])?,
            plugin: Some(client),
            upstream,
            cases,
            within,
            clock: Clock::system(),
        })
    }

    /// Takes a built-in source, whose cases name the settings that lead it to the suite's upstream:
    /// `{upstream}` in one stands for the address.
    ///
    /// # Errors
    /// Says why the source cannot be tried.
    pub async fn built_in(
        registry: Registry,
        id: &str,
        mut cases: Cases,
        within: Duration,
    ) -> Result<Self, String> {
        let source = registry.get(id)?;
        cases.detect(source);
        let upstream = listen(SocketAddr::from(([127, 0, 0, 1], 0)), &cases).await?;
        let base = format!("http://{}", upstream.address());
        let settings = cases.settings.iter();
        let settings =
            settings.map(|(key, value)| (key.clone(), value.replace("{upstream}", &base)));
        let adapter = registry.build(id, settings)?;
        let http = client_for(within, &adapter.reaches())?;
        Ok(Self {
            source,
            adapter,
            http,
            plugin: None,
            upstream: Some(upstream),
            cases,
            within,
            clock: Clock::system(),
        })
    }

    /// Id of the source.
    pub const fn source(&self) -> &'static str {
        self.source.id
    }

    /// Runs the checks of which `is_wanted` takes the id, one after the other.
    pub async fn run(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for check in CHECKS.iter().filter(|check| is_wanted(check.id)) {
            let checked = check.try_on(self).await;
            let reason = self.cases.differs.get(check.id);
            let (verdict, detail) = match (checked, reason) {
                (Ok(detail), None) => (Verdict::Passed, detail),
                // A reason that is no longer one would hide the next failure.
                (Ok(_), Some(_)) => (
                    Verdict::Failed,
                    "it is listed as different, and is not".to_owned(),
                ),
                (Err(Not::Held(_)), Some(reason)) => (Verdict::Differs, reason.clone()),
                (Err(Not::Held(detail)), None) => (Verdict::Failed, detail),
                (Err(Not::Tried(reason)), _) => (Verdict::Skipped, reason.to_owned()),
            };
            outcomes.push(Outcome {
                check: check.id,
                asserts: check.asserts,
                verdict,
                detail,
            });
        }
        outcomes
    }

    fn now(&self) -> Timestamp {
        self.cases.now.unwrap_or_else(|| self.clock.now())
    }

    /// Asks as the guard of the gateway would.
    async fn ask_within(&self, queries: &[Query], within: Duration) -> Result<Vec<Answer>, Not> {
        let ctx = Ctx {
            http: &self.http,
            now: self.now(),
            within,
        };
        let is_built_in = self.plugin.is_none();
        let asking = async {
            if is_built_in {
                // The guard ends the attempts of built-in sources.
                let ended = timeout(within, self.adapter.fetch(ctx, queries)).await;
                let late = Error::new(ErrorKind::Timeout, "the source did not answer in time");
                return ended
                    .unwrap_or_else(|_| queries.iter().map(|_| Err(late.clone())).collect());
            }
            self.adapter.fetch(ctx, queries).await
        };
        let answers = unharmed(timeout(within + PATIENCE, asking)).await?;
        let Ok(answers) = answers else {
            return failed("the call does not end");
        };
        if answers.len() != queries.len() {
            return failed(format!(
                "{} answers to {} queries",
                answers.len(),
                queries.len()
            ));
        }
        Ok(answers)
    }

    async fn ask(&self, queries: &[Query]) -> Result<Vec<Answer>, Not> {
        self.ask_within(queries, self.within).await
    }

    /// The suite's upstream.
    fn upstream(&self) -> Result<&Upstream, Not> {
        let missing = "the suite is not its upstream: --upstream and --cases are not given";
        self.upstream.as_ref().ok_or(Not::Tried(missing))
    }

    /// The first case that is found, with one number; most checks are made with it.
    fn main(&self) -> Result<&Case, Not> {
        let mut cases = self.cases.cases.iter();
        cases
            .find(|case| case.is_found() && case.queries.len() == 1)
            .ok_or(Not::Tried("no number is known to be found"))
    }

    /// The answer of the upstream system to [`Subject::main`].
    fn good(&self) -> Result<&Reply, Not> {
        let reply = self.main()?.reply.as_ref();
        reply.ok_or(Not::Tried("no answer of the upstream system is known"))
    }

    /// Lets the upstream answer with a case, if the suite is the upstream.
    fn plan(&self, case: &Case) {
        if let (Some(upstream), Some(reply)) = (&self.upstream, &case.reply) {
            upstream.plan(Plan::Always(reply.clone()));
        }
    }
}

/// Runs an adapter's work; a panic is a verdict.
async fn unharmed<T>(work: impl Future<Output = T>) -> Result<T, Not> {
    // What a panic leaves behind is what the checks after it look at.
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.map_err(|_| Not::Held("it panics".to_owned()))
}

/// Asks a plug-in what it offers.
async fn describe(
    client: &mut AdapterServiceClient<Channel>,
    within: Duration,
) -> Result<wire::DescribeResponse, String> {
    let mut request = tonic::Request::new(wire::DescribeRequest {
        gateway_version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    request.set_timeout(within);
    let answer = client.describe(request).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| format!("Describe fails with {:?}", status.code()))
}

async fn listen(address: SocketAddr, cases: &Cases) -> Result<Upstream, String> {
    let upstream = Upstream::start(address, cases.routes.clone()).await;
    upstream.map_err(|error| format!("cannot listen on {address}: {error}"))
}

fn client_for(within: Duration, urls: &[&str]) -> Result<Client, String> {
    let settings = http::Settings {
        total_timeout: within,
        ..http::Settings::default()
    };
    let client = Client::new(&settings).map_err(|error| error.to_string())?;
    client.only(urls)
}

/// A check as a function.
type Run = for<'a> fn(&'a Subject) -> BoxFuture<'a, Checked>;
