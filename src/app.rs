//! From a configuration to a running server: all wiring, and nothing else.

mod kept;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use waybill_core::adapter::{Adapter, Descriptor, Http, Limits};
use waybill_core::owner;
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
use crate::clock::Clock;
use crate::config::{self, Config, Reflection};
use crate::control::{Control, Making, Origin};
use crate::evidence::Evidence;
use crate::grpc;
use crate::grpc::follow::Streams;
use crate::guard::{self, Guard, Ledger, Purse};
use crate::kpi::Kpis;
use crate::money::{Amount, Budget};
use crate::pipeline::{MadeOf, Pack, Parts, Pipeline, Source};
use crate::push::Push;
use crate::remote::{self, Remote};
use crate::schedule::Scheduler;
use crate::server;
use crate::server::{Load, Port, Readiness, Side, Tls, serve_side};
use crate::store::seal::Keys;
use crate::texts::Texts;
use crate::watch::token::Secrets;
use crate::watch::{Hub, told};

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
    kpis: Kpis,
    evidence: Evidence,
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
    let listen = config.server.listen;
    may_listen(&config)?;
    crate::http::install_crypto();
    let Kept {
        store,
        keys,
        vault,
        files,
        is_working,
    } = store(&config, &clock).await?;
    let cache = cache(&config, &keys, &clock)?;
    let registry = remote::registry(registry, &config.plugins)?;
    let way_out = http_client(&config)?;
    let sources = sources_after(&config, registry, &clock, &way_out, &[])?;
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
    let backups = files.map(|files| Backups::new(files, Some(evidence.clone()), audit));
    let control = Control::new(Making {
        pipeline: pipeline.clone(),
        registry,
        clock,
        http: way_out,
        origin,
        config: config.clone(),
    });
    let watching = crate::tasks::spawn("config", control.clone().watch());

    let carriers = grpc::carrier::Carriers::new(registry, pipeline.clone(), Arc::clone(&texts));
    let sweep = crate::retention::sweep_forever(pipeline.clone(), config.privacy.clone());
    let forgetting = crate::tasks::spawn("retention", sweep);
    let load = Load::new(&config.load);
    let scheduler = Scheduler::start(
        &config.schedule,
        folder,
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
        &server_id(),
        secrets,
        drained.clone(),
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
    let front = grpc::service(
        auth.clone(),
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
    let admin_port = bind(admin_address(&config.server)?, "server.admin").await?;
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
        metrics: crate::telemetry::metrics_handle()?,
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
    let mut others = vec![
        side_serving,
        admin_serving,
        sweeping,
        clearing,
        forgetting,
        telling,
        watching,
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
        kpis,
        evidence,
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
        for other in self.others {
            other.abort();
            let _aborted = other.await;
        }
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
             set auth.keys_file (docs/auth.md), or auth.mode = \"none\" (or --insecure) to let \
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

/// Where the operators' port is to be. Nobody is asked who they are there, so it is never anywhere
/// but on loopback, whatever the other ports are told.
fn admin_address(settings: &config::Server) -> Result<SocketAddr, String> {
    if settings.admin.is_empty() {
        let port = match settings.side.port() {
            0 => 0,
            side => side.checked_add(1).unwrap_or(0),
        };
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let address: SocketAddr = settings
        .admin
        .parse()
        .map_err(|_| "server.admin: is not an address with a port".to_owned())?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "server.admin: {address} is not a loopback address, and operators are not authenticated"
    ))
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

/// Builds every account of every configured source, behind its guard. The registry has the
/// plug-ins in it; see [`remote::registry`].
///
/// # Errors
/// Names the setting that is wrong.
pub fn sources(
    config: &Config,
    registry: Registry,
    clock: &Clock,
) -> Result<Vec<Arc<Source>>, String> {
    sources_after(config, registry, clock, &http_client(config)?, &[])
}

/// Builds what takes the place of `before`. An account whose settings are the same stays the same,
/// connections, tokens and all; of the others the guards stay, with what is spent and how it stands.
///
/// # Errors
/// Names the setting that is wrong.
pub(crate) fn sources_after(
    config: &Config,
    registry: Registry,
    clock: &Clock,
    http: &crate::http::Client,
    before: &[Arc<Source>],
) -> Result<Vec<Arc<Source>>, String> {
    let budget = config.routing.daily_budget;
    let all = Arc::new(match before.first() {
        Some(source) => source.guard.purse().of_all().with_budget(budget),
        None => Ledger::new("routing.daily_budget".to_owned(), budget),
    });
    let known = |id: &str, account: &str| {
        let mut before = before.iter();
        before.find(|source| source.descriptor.id == id && source.account == account)
    };
    let purse = |section: &str, id: &str, account: &str, cost: Amount, budget: Budget| {
        if let Some(source) = known(id, account) {
            return source.guard.purse().after(cost, budget, Arc::clone(&all));
        }
        let own = Ledger::new(format!("{section}.{id}.daily_budget"), budget);
        Purse::new(cost, own, Arc::clone(&all))
    };
    let guarded = |descriptor: &'static Descriptor,
                   account: String,
                   adapter: Arc<dyn Adapter>,
                   limits: Limits,
                   tenants: Vec<String>,
                   purse: Purse,
                   enabled: bool,
                   made_of: MadeOf|
     -> Result<Arc<Source>, String> {
        let known = known(descriptor.id, &account);
        if let Some(same) = known.filter(|source| source.made_of == made_of) {
            return Ok(Arc::clone(same));
        }
        let only = http.only(&adapter.reaches());
        let http: Arc<dyn Http> =
            Arc::new(only.map_err(|error| format!("sources.{}: {error}", descriptor.id))?);
        let platforms = adapter.platforms();
        let whose = guard::Account {
            source: descriptor.id,
            name: &account,
            limits,
            purse,
        };
        let guard = Guard::after(
            whose,
            Arc::clone(&adapter),
            http,
            &config.guard,
            clock.clone(),
            known.map(|source| guard::Before {
                guard: &source.guard,
                same_credentials: source.made_of.credentials == made_of.credentials,
            }),
        );
        Ok(Arc::new(Source {
            descriptor,
            account,
            name: owner::name_of(descriptor.id, &tenants),
            tenants,
            limits,
            platforms,
            adapter,
            guard,
            pack: Pack::default(),
            enabled,
            made_of,
        }))
    };
    let mut sources = Vec::new();
    for (id, section) in &config.sources {
        let descriptor = registry.get(id)?;
        for account in config::accounts(id, section)? {
            let made_of = MadeOf::of(config, section, &account.pairs);
            let adapter: Arc<dyn Adapter> = Arc::from(registry.build(id, account.pairs)?);
            let mut limits = account.limits.over(descriptor.limits);
            limits.batch = adapter.batch(&limits).max(1);
            let (name, tenants, enabled) = (account.name, account.tenants, account.enabled);
            let purse = purse("sources", id, &name, account.cost, account.daily_budget);
            sources.push(guarded(
                descriptor, name, adapter, limits, tenants, purse, enabled, made_of,
            )?);
        }
    }
    for (id, settings) in &config.plugins {
        let descriptor = registry.get(id)?;
        let limits = descriptor.limits;
        let adapter = Remote::new(descriptor, &settings.endpoint, &limits)
            .map_err(|error| format!("plugins.{id}.endpoint: {error}"))?;
        sources.push(guarded(
            descriptor,
            "default".to_owned(),
            Arc::new(adapter),
            limits,
            Vec::new(),
            purse(
                "plugins",
                id,
                "default",
                settings.cost,
                settings.daily_budget,
            ),
            true,
            // Its settings are those of the start, whatever the file says by now.
            MadeOf::of(config, &toml::Table::new(), &[]),
        )?);
    }
    Ok(sources)
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
