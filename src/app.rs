//! From a configuration to a running server: all wiring, and nothing else.

mod kept;
mod sources;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use waybill_core::adapter::Http;
use waybill_core::registry::Registry;

use self::kept::{Kept, store};
pub use self::kept::{audit_file, shared_keys};
use crate::audit::Audit;
use crate::auth::settings::Mode;
use crate::auth::{Auth, Gate};
use crate::backup::Backups;
use crate::cache::memory::MemoryCache;
use crate::cache::redis::RedisCache;
use crate::cache::{Cache, CacheState};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::{self, Config, Reflection};
use crate::control::{Control, Making, Origin};
use crate::evidence::Evidence;
use crate::grpc;
use crate::grpc::follow::Streams;
use crate::guard::Nodes;
use crate::kpi::Kpis;
use crate::pipeline::{Parts, Pipeline};
use crate::push::Push;
use crate::quota::Quotas;
use crate::remote::{self};
use crate::schedule::{Keep, Scheduler};
use crate::server;
use crate::server::{Load, Port, Readiness, Side, Tls, serve_side};
use crate::spend::Books;
use crate::store::seal::Keys;
use crate::texts::Texts;
use crate::trace::Exporter;
use crate::watch::token::Secrets;
use crate::watch::{Hub, told};

pub use sources::sources;
pub(crate) use sources::sources_after;

/// A running server.
pub struct App {
    /// Where the gRPC port is.
    pub address: SocketAddr,
    /// Where the side port is.
    pub side: SocketAddr,
    /// Where the operators' port is; always on loopback.
    pub admin: SocketAddr,
    /// Where carriers push, if they can.
    pub push: Option<SocketAddr>,
    /// The eight steps, for callers inside this process.
    pub pipeline: Pipeline,
    /// When followed shipments are asked about.
    pub scheduler: Scheduler,
    /// What an operator can do with it.
    pub control: Control,
    spans: Exporter,
    kpis: Kpis,
    evidence: Evidence,
    books: Arc<Books>,
    pushes: Option<Push>,
    retire: watch::Sender<bool>,
    drain: watch::Sender<bool>,
    leave: config::DrainSettings,
    serving: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

/// How often what nobody follows any more is forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// Starts a server. Everything that can be wrong with a configuration is found here, before the
/// first connection.
///
/// # Errors
/// Names the setting, the file or the address that is wrong.
pub async fn start(config: Config, registry: Registry, clock: Clock) -> Result<App, String> {
    start_from(config, registry, clock, None).await
}

/// The same with a configuration that can be read anew where it comes from.
///
/// # Errors
/// As of [`start`].
pub async fn start_from(
    config: Config,
    registry: Registry,
    clock: Clock,
    origin: Option<Box<dyn Origin>>,
) -> Result<App, String> {
    config.check_all()?;
    // First, so that levels that are told once are not lost.
    let metrics = crate::telemetry::metrics_handle()?;
    let listen = config.server.listen;
    may_listen(&config)?;
    crate::http::install_crypto();
    let Kept {
        store,
        keys,
        beside,
        vault,
        files,
        is_working,
    } = store(&config, &clock).await?;
    let cache = cache(&config, &keys, &clock)?;
    let registry = remote::registry(registry, &config.plugins)?;
    let way_out = http_client(&config)?;
    let nodes = beside.clone().map(Nodes::new);
    let sources = sources_after(&config, registry, &clock, &way_out, &[], nodes.as_ref())?;
    let books = Books::new(
        &sources,
        Arc::clone(&store),
        Arc::clone(&keys),
        clock.clone(),
    );
    let books = Arc::new(books);
    // Before the first call, which would else find the budget of the day untouched.
    let works = books.try_to_balance(true).await;
    let texts = Arc::new(Texts::load(&config.texts.folder, registry)?);
    let issuers = config.auth.jwt.values();
    let issuers = issuers.map(|issuer| issuer.jwks_url.as_str());
    let issuers: Vec<&str> = issuers.filter(|url| !url.is_empty()).collect();
    let http = way_out.only(&issuers);
    let http: Arc<dyn Http> = Arc::new(http.map_err(|error| format!("auth.jwt: {error}"))?);
    let (auth, auth_tasks) = Auth::start(&config.auth, &http, clock.clone()).await?;
    let hub = Arc::new(Hub::default());
    let telling = crate::watch::log::tell_forever(Arc::clone(&store), Arc::clone(&hub));
    let telling = crate::tasks::spawn("change-log", telling);
    let folder = Some(config.store.data_dir.as_path()).filter(|path| !path.as_os_str().is_empty());
    let kpis = Kpis::start(&config.kpi, folder, &keys)?;
    let target = config.kpi.completeness_target;
    let analytics = grpc::analytics::Analytics::new(kpis.clone(), target, clock.clone());
    let evidence = Evidence::start(
        &config.evidence,
        folder.zip(vault),
        &keys,
        Arc::clone(&store),
    )?;
    let every = config.evidence.sweep_interval.0;
    let clearing = evidence.clone().sweep_forever(clock.clone(), every);
    let clearing = crate::tasks::spawn("evidence-sweep", clearing);
    let audit = Audit::new(audit_file(&config), Arc::clone(&keys));
    let secrets = Secrets::of(&config.streams, &keys)?;
    let pipeline = Pipeline::new(Parts {
        sources,
        store: Arc::clone(&store),
        keys: Arc::clone(&keys),
        cache: Arc::clone(&cache),
        policy: config.freshness,
        patience: config.calls.patience.0,
        routing: config.routing.clone(),
        clock: clock.clone(),
        hub: Arc::clone(&hub),
        kpis: kpis.clone(),
        evidence: evidence.clone(),
        has_tenants: auth.asks(),
        audit: audit.clone(),
        barred_for: config.privacy.barred.0,
    });
    let instance = server_id();
    let spans = Exporter::start(&config.trace, &instance)?;
    let backups = files.map(|files| Backups::new(files, Some(evidence.clone()), audit));
    let control = Control::new(Making {
        pipeline: pipeline.clone(),
        registry,
        clock,
        http: way_out,
        nodes,
        origin,
        config: config.clone(),
    });
    crate::telemetry::set_kept_percent(config.log.kept_percent);
    let watching = crate::tasks::spawn("config", control.clone().watch());
    let showing = crate::tasks::spawn("figures", control.clone().show());

    let keep = match (beside, folder) {
        (Some(beside), _) => Keep::Shared(beside),
        (None, Some(folder)) => Keep::Folder(folder),
        (None, None) => Keep::Nowhere,
    };
    let carriers = grpc::carrier::Carriers::new(registry, pipeline.clone(), Arc::clone(&texts));
    let sweep = crate::retention::sweep_forever(pipeline.clone(), config.privacy.clone());
    let forgetting = crate::tasks::spawn("retention", sweep);
    let load = Load::new(&config.load);
    let scheduler = Scheduler::start(
        &config.schedule,
        keep,
        pipeline.clone(),
        store,
        Arc::clone(&load),
        config.push.address()?.is_some(),
    )?;
    let (retire, retired) = watch::channel(false);
    let (drain, drained) = watch::channel(false);
    let calls = Arc::new(config::Calls::from(&config.calls));
    let streams = Streams::new(
        &config.streams,
        &calls,
        &instance,
        secrets,
        drained.clone(),
        Chance::default(),
    );
    let admin = grpc::admin::service(
        pipeline.clone(),
        Arc::clone(&texts),
        scheduler.clone(),
        control.clone(),
        backups,
        config.calls.unary_cap.0,
    )?;
    let tracking =
        grpc::tracking::Tracking::new(pipeline.clone(), Arc::clone(&calls), streams, texts);
    let ingest = grpc::ingest::Ingest::new(pipeline.clone(), Arc::clone(&calls));
    let reflection = match config.server.reflection {
        Reflection::On => true,
        Reflection::Off => false,
        Reflection::Auto => listen.ip().is_loopback(),
    };
    let quotas = auth
        .asks()
        .then(|| Quotas::new(config.quota.clone(), config.load));
    let front = grpc::service(
        auth.clone(),
        quotas,
        tracking,
        carriers,
        analytics,
        ingest,
        &calls,
        reflection,
        load,
        grpc::Exit {
            retire: retired.clone(),
            drain: drained.clone(),
            finish: config.drain.calls.0,
        },
    )?;

    let grpc_port = bind(listen, "server.listen").await?;
    let side_port = bind(config.server.side, "server.side").await?;
    let admin_port = bind(config.server.admin_address()?, "server.admin").await?;
    let (tls, certificates) = match config.server.tls.is_on() {
        true => Tls::open(&config.server.tls).map(Option::Some)?.unzip(),
        false => (None, None),
    };
    let address = grpc_port.local_addr().map_err(|error| error.to_string())?;
    let side = side_port.local_addr().map_err(|error| error.to_string())?;
    let admin_at = admin_port.local_addr().map_err(|error| error.to_string())?;

    let pushes = match config.push.address()? {
        None => None,
        Some(address) => {
            let port = bind(address, "push.listen").await?;
            let address = port.local_addr().map_err(|error| error.to_string())?;
            let drained = drained.clone();
            let push = Push::start(&config.push, port, &pipeline, &keys, folder, drained)?;
            Some((address, push))
        }
    };
    let (push, pushes) = pushes.unzip();

    let mut stop = drained.clone();
    let settings = config.front.clone();
    let serving = crate::tasks::spawn("server", async move {
        let shutdown = async move { told(&mut stop).await };
        server::run(Port::new(grpc_port, tls), front, settings, shutdown).await;
    });
    let settings = config.front.clone();
    let admin_serving = crate::tasks::spawn("admin", async move {
        // Whoever looks into a server that stops wants to go on doing so.
        server::run(
            admin_port,
            Gate::new(auth, admin),
            settings,
            std::future::pending(),
        )
        .await;
    });
    let view = Side {
        readiness: Arc::new(move || readiness(cache.as_ref(), is_working(), *retired.borrow())),
        metrics,
    };
    let side_serving = crate::tasks::spawn("side", async move {
        // Probes must see the drain, so the side port ends with the process or its app.
        serve_side(side_port, view, std::future::pending()).await;
    });
    let sweeping = crate::tasks::spawn("sweep", async move {
        loop {
            tokio::time::sleep(SWEEP).await;
            hub.sweep();
        }
    });
    let balancing = Arc::clone(&books).balance_forever(pipeline.clone(), works);
    let balancing = crate::tasks::spawn("spend", balancing);
    let mut others = vec![
        side_serving,
        admin_serving,
        sweeping,
        clearing,
        forgetting,
        telling,
        watching,
        showing,
        balancing,
    ];
    others.extend(auth_tasks);
    others.extend(certificates.map(|watching| crate::tasks::spawn("certificates", watching)));
    Ok(App {
        address,
        side,
        admin: admin_at,
        push,
        pipeline,
        scheduler,
        control,
        spans,
        kpis,
        evidence,
        books,
        pushes,
        retire,
        drain,
        leave: config.drain,
        serving,
        others,
    })
}

impl App {
    /// Takes its leave as balancers want it: says that the server goes, serves on until they have
    /// noticed, and stops.
    pub async fn leave(self) {
        let (total, notice) = (self.leave.total.0, self.leave.notice.0);
        self.retire.send_replace(true);
        tracing::info!("going; calls are taken until balancers have noticed");
        let leaving = async {
            tokio::time::sleep(notice).await;
            self.end().await;
        };
        in_time(total, leaving).await;
    }

    /// Stops at once: takes no more calls, lets those that run end, and waits until all has ended.
    pub async fn stop(self) {
        let total = self.leave.total.0;
        in_time(total, self.end()).await;
    }

    async fn end(self) {
        self.retire.send_replace(true);
        self.drain.send_replace(true);
        // A task that panicked has been reported where it happened.
        let _reported = self.serving.await;
        if let Some(pushes) = self.pushes {
            pushes.stop().await;
        }
        self.scheduler.stop().await;
        self.kpis.stop().await;
        self.spans.stop().await;
        for other in self.others {
            other.abort();
            let _aborted = other.await;
        }
        self.books.try_to_balance(true).await;
        self.evidence.stop().await;
    }
}

/// Whatever was acknowledged is kept before it is acknowledged, so that nothing is lost by an end
/// in the middle.
async fn in_time(total: Duration, ending: impl Future<Output = ()>) {
    if tokio::time::timeout(total, ending).await.is_err() {
        tracing::warn!("not everything has ended in time; it ends all the same");
    }
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, String> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("{setting}: cannot listen on {address}: {error}"))
}

/// Beyond loopback, callers are known and connections are not in clear, unless the configuration says
/// otherwise.
fn may_listen(config: &Config) -> Result<(), String> {
    let listen = config.server.listen;
    if listen.ip().is_loopback() || config.auth.mode == Mode::None {
        return Ok(());
    }
    if !config.auth.knows_callers() {
        return Err(format!(
            "server.listen: {listen} is not a loopback address and callers are not authenticated; \
             set auth.keys_file (docs/authentication.md), or auth.mode = \"none\" (or --insecure) to let \
             everybody in"
        ));
    }
    if !config.server.insecure && !config.server.tls.is_on() {
        return Err(format!(
            "server.listen: {listen} is not a loopback address, and credentials would go there in \
             clear; set server.tls, or server.insecure (or --insecure) if what stands before this server speaks TLS"
        ));
    }
    Ok(())
}

fn http_client(config: &Config) -> Result<crate::http::Client, String> {
    crate::http::Client::new(&config.http).map_err(|error| error.to_string())
}

fn cache(config: &Config, keys: &Arc<Keys>, clock: &Clock) -> Result<Arc<dyn Cache>, String> {
    let settings = &config.cache;
    let memory = MemoryCache::new(settings.memory_bytes, clock.clone());
    let Some(redis) = settings.redis() else {
        return Ok(Arc::new(memory));
    };
    let cache = RedisCache::new(redis, Arc::clone(keys), memory, clock.clone());
    Ok(Arc::new(
        cache.map_err(|error| format!("cache.redis: {error}"))?,
    ))
}

fn readiness(cache: &dyn Cache, store_works: bool, draining: bool) -> Readiness {
    let mut degraded = match cache.state() {
        CacheState::Working => Vec::new(),
        CacheState::Degraded { .. } => vec!["cache".to_owned()],
    };
    if !store_works {
        degraded.push("store".to_owned());
    }
    Readiness {
        ready: !draining,
        degraded,
    }
}

/// Tells servers apart in diagnosis; says nothing about where they run.
fn server_id() -> String {
    format!("{:08x}", rand::random::<u32>())
}
