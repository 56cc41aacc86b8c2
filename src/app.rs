//! From a configuration to a running server: all wiring, and nothing else.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use waybill_core::adapter::{Adapter, Http, Limits};
use waybill_core::registry::Registry;

use crate::cache::{self, Cache, CacheState};
use crate::clock::Clock;
use crate::config::{self, Config, LimitSettings, Reflection};
use crate::grpc;
use crate::grpc::follow::Streams;
use crate::guard::Guard;
use crate::pipeline::{Parts, Pipeline, Source};
use crate::server;
use crate::server::side::Readiness;
use crate::store::seal::Keys;
use crate::store::{self, Store};
use crate::watch::Hub;

/// A running server.
pub struct App {
    /// Where the gRPC port is.
    pub address: SocketAddr,
    /// Where the side port is.
    pub side: SocketAddr,
    /// The eight steps, for callers inside this process.
    pub pipeline: Pipeline,
    drain: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// How often what nobody follows any more is forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// Starts a server. Everything that can be wrong with a configuration is found here, before the
/// first connection.
///
/// # Errors
/// Names the setting, the file or the address that is wrong.
pub async fn start(config: Config, registry: Registry, clock: Clock) -> Result<App, String> {
    let listen = config.server.listen;
    if !listen.ip().is_loopback() && !config.server.insecure {
        return Err(format!(
            "server.listen: {listen} is not a loopback address and callers are not authenticated; \
             set server.insecure (or --insecure) to listen there all the same"
        ));
    }
    let keys = Arc::new(keys(&config)?);
    let store = store(&config, &keys)?;
    let cache = cache(&config, &keys, &clock)?;
    let sources = sources(&config, registry, &clock)?;
    let configured: BTreeSet<&str> = sources.iter().map(|source| source.descriptor.id).collect();
    let carriers = grpc::carrier::Carriers::new(registry, &configured);
    let hub = Arc::new(Hub::default());
    let pipeline = Pipeline::new(Parts {
        sources,
        store,
        keys,
        cache: Arc::clone(&cache),
        policy: cache::Policy::new(&config.freshness),
        patience: config.calls.patience.0,
        clock,
        hub: Arc::clone(&hub),
    });

    let (drain, drained) = watch::channel(false);
    let calls = Arc::new(config::Calls::from(&config.calls));
    let streams = Streams::new(&config.streams, &calls, &server_id(), drained.clone());
    let tracking = grpc::tracking::Tracking::new(pipeline.clone(), Arc::clone(&calls), streams);
    let reflection = match config.server.reflection {
        Reflection::On => true,
        Reflection::Off => false,
        Reflection::Auto => listen.ip().is_loopback(),
    };
    let front = grpc::service(tracking, carriers, &calls, reflection, drained.clone())?;

    let grpc_port = bind(listen, "server.listen").await?;
    let side_port = bind(config.server.side, "server.side").await?;
    let address = grpc_port.local_addr().map_err(|error| error.to_string())?;
    let side = side_port.local_addr().map_err(|error| error.to_string())?;

    let mut stop = drained.clone();
    let settings = server::Settings::from(&config.server);
    let serving = crate::tasks::spawn("server", async move {
        let shutdown = async move {
            let _stopping = stop.wait_for(|drain| *drain).await;
        };
        server::run(grpc_port, front, settings, shutdown).await;
    });
    let mut stop = drained.clone();
    let readiness = move || readiness(cache.as_ref(), *drained.borrow());
    let side_serving = crate::tasks::spawn("side", async move {
        let shutdown = async move {
            let _stopping = stop.wait_for(|drain| *drain).await;
        };
        server::side::serve(side_port, readiness, shutdown).await;
    });
    let sweeping = crate::tasks::spawn("sweep", async move {
        loop {
            tokio::time::sleep(SWEEP).await;
            hub.sweep();
        }
    });
    let tasks = vec![serving, side_serving, sweeping];
    Ok(App { address, side, pipeline, drain, tasks })
}

impl App {
    /// Says that the server stops, and waits until it has.
    pub async fn stop(self) {
        // Nobody listens any more only if everything has ended already.
        let _ended = self.drain.send(true);
        let mut tasks = self.tasks.into_iter();
        for task in tasks.by_ref().take(2) {
            // A task that panicked has been reported where it happened.
            let _reported = task.await;
        }
        tasks.for_each(|task| task.abort());
    }
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, String> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("{setting}: cannot listen on {address}: {error}"))
}

fn keys(config: &Config) -> Result<Keys, String> {
    let store = &config.store;
    if !store.key_file.as_os_str().is_empty() {
        return Keys::read(&store.key_file).map_err(|error| format!("store.key_file: {error}"));
    }
    if store.data_dir.as_os_str().is_empty() {
        return Ok(Keys::random());
    }
    Keys::read_or_create(&store.data_dir).map_err(|error| format!("store.data_dir: {error}"))
}

fn store(config: &Config, keys: &Arc<Keys>) -> Result<Arc<dyn Store>, String> {
    let settings = &config.store;
    if settings.data_dir.as_os_str().is_empty() {
        return Ok(Arc::new(store::memory::Memory::new(settings.memory_shipments, Arc::clone(keys))));
    }
    let file = store::file::File::open(&settings.data_dir, Arc::clone(keys));
    Ok(Arc::new(file.map_err(|error| format!("store.data_dir: {error}"))?))
}

fn cache(config: &Config, keys: &Arc<Keys>, clock: &Clock) -> Result<Arc<dyn Cache>, String> {
    let settings = &config.cache;
    let memory = cache::memory::Memory::new(settings.memory_bytes, clock.clone());
    if settings.redis.is_empty() {
        return Ok(Arc::new(memory));
    }
    let redis = cache::redis::Redis::new(settings, memory, Arc::clone(keys), clock.clone());
    Ok(Arc::new(redis.map_err(|error| format!("cache.redis: {error}"))?))
}

/// Builds every account of every configured source, behind its guard.
///
/// # Errors
/// Names the setting that is wrong.
pub fn sources(
    config: &Config,
    registry: Registry,
    clock: &Clock,
) -> Result<Vec<Arc<Source>>, String> {
    let http: Arc<dyn Http> = Arc::new(crate::http::Client::new(&config.http)?);
    let mut sources = Vec::new();
    for (id, section) in &config.sources {
        let descriptor = registry.get(id)?;
        for account in config::accounts(id, section)? {
            let adapter: Arc<dyn Adapter> = Arc::from(registry.build(id, account.pairs)?);
            let limits = limits(descriptor.limits, &account.limits);
            let guard = Guard::new(
                descriptor.id,
                &account.name,
                adapter,
                Arc::clone(&http),
                limits,
                &config.guard,
                clock.clone(),
            );
            sources.push(Arc::new(Source { descriptor, account: account.name, limits, guard }));
        }
    }
    Ok(sources)
}

fn limits(own: Limits, changes: &LimitSettings) -> Limits {
    Limits {
        batch: own.batch,
        per_second: changes.per_second.unwrap_or(own.per_second),
        burst: changes.burst.unwrap_or(own.burst),
        per_day: changes.per_day.unwrap_or(own.per_day),
        timeout: changes.timeout.map_or(own.timeout, |span| span.0),
        slow: changes.slow.map_or(own.slow, |span| span.0),
        min_interval: changes.min_interval.map_or(own.min_interval, |span| span.0),
    }
}

fn readiness(cache: &dyn Cache, draining: bool) -> Readiness {
    let degraded = match cache.state() {
        CacheState::Working => Vec::new(),
        CacheState::Degraded { .. } => vec!["cache"],
    };
    Readiness { ready: !draining, degraded }
}

/// Tells servers apart in diagnosis; says nothing about where they run.
fn server_id() -> String {
    format!("{:08x}", rand::random::<u32>())
}
