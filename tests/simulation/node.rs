//! A node on a simulated host: the real front door, services, pipeline, change log and streams,
//! without sources.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::transport::{Channel, Endpoint};
use turmoil::net::{TcpListener, TcpStream};
use waybill::auth::Auth;
use waybill::cache::memory::MemoryCache;
use waybill::chance::Chance;
use waybill::clock::Clock;
use waybill::config::{Calls, Config, Span};
use waybill::evidence::Evidence;
use waybill::grpc;
use waybill::grpc::follow::Streams;
use waybill::kpi::Kpis;
use waybill::pipeline::{Parts, Pipeline};
use waybill::server::{Listener, Load};
use waybill::store::Store;
use waybill::store::seal::Keys;
use waybill::texts::Texts;
use waybill::watch::Hub;
use waybill::watch::token::Secrets;
use waybill_core::adapter::{BoxFuture, Http};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::registry::Registry;

use super::store::{Disk, Remote};

pub const HOSTS: [&str; 2] = ["node-0", "node-1"];
pub const PORT: u16 = 50_051;
/// A look at the change log for what other nodes have written.
const LOOK: Duration = Duration::from_millis(200);

/// What only counts, in real time and on threads of its own, has no say in a life.
static ASIDE: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// There is nobody outside.
struct Nobody;

impl Http for Nobody {
    fn send(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        let error = Error::new(ErrorKind::Unavailable, "nobody is there");
        Box::pin(std::future::ready(Err(error)))
    }
}

struct Door(TcpListener);

impl Listener for Door {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}

/// A node, until its host dies.
pub async fn serve(disk: Arc<Disk>, clock: Clock, seed: u64) -> turmoil::Result {
    let mut config = Config::default();
    config.streams.max_age = Span(Duration::from_secs(30));
    let store: Arc<dyn Store> = Arc::new(Remote::new(disk));
    let keys = Arc::new(Keys::new(&[7; 32]));
    let registry = Registry::new(&[]);
    let texts = Arc::new(Texts::load(&config.texts.folder, registry)?);
    let http: Arc<dyn Http> = Arc::new(Nobody);
    let (auth, _) = Auth::start(&config.auth, &http, clock.clone()).await?;
    let hub = Arc::new(Hub::default());
    let telling = waybill::watch::log::tell_forever(Arc::clone(&store), Arc::clone(&hub));
    waybill::tasks::spawn("change-log", telling);
    let ringing = Arc::clone(&store);
    waybill::tasks::spawn("look", async move {
        loop {
            sleep(LOOK).await;
            ringing.bell().ring();
        }
    });
    let (kpis, evidence) = {
        let _aside = ASIDE.enter();
        let evidence = Evidence::start(&config.evidence, None, &keys, Arc::clone(&store))?;
        (Kpis::start(&config.kpi, None, &keys)?, evidence)
    };
    let analytics = grpc::analytics::Analytics::new(kpis.clone(), 1.0, clock.clone());
    let pipeline = Pipeline::new(Parts {
        sources: Vec::new(),
        store,
        keys,
        cache: Arc::new(MemoryCache::new(1 << 20, clock.clone())),
        policy: config.freshness,
        patience: config.calls.patience.0,
        routing: config.routing.clone(),
        clock,
        hub,
        kpis,
        evidence,
        has_tenants: auth.asks(),
    });
    let carriers = grpc::carrier::Carriers::new(registry, pipeline.clone(), Arc::clone(&texts));
    let (_retire, retired) = watch::channel(false);
    let (_drain, drained) = watch::channel(false);
    let calls = Arc::new(Calls::from(&config.calls));
    let streams = Streams::new(
        &config.streams,
        &calls,
        "simulated",
        Secrets::new([[9; 32]]),
        drained.clone(),
        Chance::seeded(seed),
    );
    let tracking =
        grpc::tracking::Tracking::new(pipeline.clone(), Arc::clone(&calls), streams, texts);
    let front = grpc::service(
        auth,
        None,
        tracking,
        carriers,
        analytics,
        grpc::ingest::Ingest::new(pipeline, Arc::clone(&calls)),
        &calls,
        false,
        Load::new(&config.load),
        grpc::Exit {
            retire: retired,
            drain: drained,
            finish: Duration::from_secs(1),
        },
    )?;
    let door = Door(TcpListener::bind(("0.0.0.0", PORT)).await?);
    waybill::server::run(door, front, config.front, std::future::pending()).await;
    Ok(())
}

/// A connection to a node over the simulated network.
pub fn channel(address: SocketAddr) -> Channel {
    let connector = tower::service_fn(move |_| async move {
        let stream = TcpStream::connect(address).await?;
        Ok::<_, io::Error>(TokioIo::new(stream))
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint
        .http2_keep_alive_interval(Duration::from_secs(2))
        .keep_alive_timeout(Duration::from_secs(2))
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(connector)
}
