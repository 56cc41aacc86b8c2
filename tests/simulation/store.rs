//! A store on a simulated host: a real store in memory, asked over the simulated network.
//!
//! The network carries a ticket, and the host does what was left under it: what is modelled is when
//! a question arrives, whether its answer does, and what is left after the host has died, and not
//! how it is encoded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::time::timeout;
use turmoil::net::{TcpListener, TcpStream};
use waybill::store::memory::MemoryStore;
use waybill::store::{
    Bell, Commit, CommitError, Head, Note, NoteKey, OverlayCommit, Page, Place, Store, StoreError,
    Stored,
};
use waybill_core::adapter::BoxFuture;
use waybill_core::order::Subject;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

pub const HOST: &str = "store";
const PORT: u16 = 6_379;
/// A question without an answer for so long has failed, whatever has become of it.
const TIME: Duration = Duration::from_millis(500);

type Job = Box<dyn FnOnce(&Disk) + Send>;

/// What outlives the store's host.
pub struct Disk {
    capacity: usize,
    store: Mutex<Arc<MemoryStore>>,
    /// All that was written, in its order.
    written: Mutex<Vec<Written>>,
    jobs: Mutex<BTreeMap<u64, Job>>,
    tickets: AtomicU64,
}

enum Written {
    Record(Commit),
    Overlay(OverlayCommit),
    Notes(Vec<(NoteKey, Note)>),
}

impl Disk {
    /// An empty one, whose change log has this many entries.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            store: Mutex::new(Arc::new(MemoryStore::new(capacity))),
            written: Mutex::default(),
            jobs: Mutex::default(),
            tickets: AtomicU64::new(0),
        })
    }

    fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.store.lock().unwrap())
    }

    /// A replica that has everything takes over: the same records, another change log.
    pub fn fail_over(&self) {
        let replica = MemoryStore::new(self.capacity);
        for written in &*self.written.lock().unwrap() {
            match written {
                Written::Record(commit) => drop(now(replica.commit(commit.clone())).unwrap()),
                Written::Overlay(commit) => now(replica.commit_overlay(commit.clone())).unwrap(),
                Written::Notes(notes) => drop(now(replica.keep(notes.clone())).unwrap()),
            }
        }
        *self.store.lock().unwrap() = Arc::new(replica);
    }

    fn note<T, E>(&self, result: Result<T, E>, written: impl FnOnce() -> Written) -> Result<T, E> {
        if result.is_ok() {
            self.written.lock().unwrap().push(written());
        }
        result
    }
}

/// A store in memory answers at once.
fn now<T>(future: BoxFuture<'_, T>) -> T {
    future.now_or_never().expect("nothing to wait for")
}

/// The store's host.
pub async fn serve(disk: Arc<Disk>) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    // All in one task: a host that dies lets go of its connections in a fixed order.
    let mut serving = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => serving.push(answer(accepted?.0, &disk)),
            Some(()) = serving.next() => {}
        }
    }
}

async fn answer(mut stream: TcpStream, disk: &Disk) {
    while let Ok(ticket) = stream.read_u64().await {
        let job = disk.jobs.lock().unwrap().remove(&ticket);
        if let Some(job) = job {
            job(disk);
        }
        if stream.write_u8(0).await.is_err() {
            return;
        }
    }
}

/// The store as a node sees it.
pub struct Remote {
    disk: Arc<Disk>,
    bell: Bell,
    /// Connections that nobody is using.
    idle: Mutex<Vec<TcpStream>>,
}

impl Remote {
    pub fn new(disk: Arc<Disk>) -> Self {
        Self {
            disk,
            bell: Bell::default(),
            idle: Mutex::default(),
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Disk) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, mut told) = oneshot::channel();
        let ticket = self.disk.tickets.fetch_add(1, Ordering::Relaxed);
        let job: Job = Box::new(move |disk| {
            let _gone = tell.send(job(disk));
        });
        self.disk.jobs.lock().unwrap().insert(ticket, job);
        let asking = async {
            let idle = self.idle.lock().unwrap().pop();
            let mut stream = match idle {
                Some(stream) => stream,
                None => TcpStream::connect((HOST, PORT)).await?,
            };
            stream.write_u64(ticket).await?;
            stream.read_u8().await?;
            Ok::<_, std::io::Error>(stream)
        };
        let stream = timeout(TIME, asking).await;
        let stream = stream.map_err(StoreError::new)?;
        self.idle
            .lock()
            .unwrap()
            .push(stream.map_err(StoreError::new)?);
        told.try_recv().map_err(StoreError::new)
    }
}

impl Store for Remote {
    fn find<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<ShipmentId>, StoreError>> {
        let subject = subject.clone();
        Box::pin(async move { self.ask(move |it| now(it.store().find(&subject))).await? })
    }

    fn load_stored<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Stored>>, StoreError>> {
        let id = id.clone();
        Box::pin(async move { self.ask(move |it| now(it.store().load_stored(&id))).await? })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async move {
            let done = self.ask(move |it| {
                let done = now(it.store().commit(commit.clone()));
                it.note(done, || Written::Record(commit))
            });
            let done = done.await.map_err(CommitError::Store)?;
            self.bell.ring();
            done
        })
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, StoreError>> {
        Box::pin(async move { self.ask(|it| now(it.store().heads())).await? })
    }

    fn changes(
        &self,
        partition: u16,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            self.ask(move |it| now(it.store().changes(partition, after, limit)))
                .await?
        })
    }

    fn bell(&self) -> &Bell {
        &self.bell
    }

    fn registered<'a>(
        &'a self,
        tenant: &'a str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Place>, StoreError>> {
        let tenant = tenant.to_owned();
        Box::pin(async move {
            self.ask(move |it| now(it.store().registered(&tenant, after, limit)))
                .await?
        })
    }

    fn tenants(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move { self.ask(|it| now(it.store().tenants())).await? })
    }

    fn overlay<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Option<Arc<Overlay>>, StoreError>> {
        let (tenant, id) = (tenant.to_owned(), id.clone());
        Box::pin(async move {
            self.ask(move |it| now(it.store().overlay(&tenant, &id)))
                .await?
        })
    }

    fn overlays<'a>(
        &'a self,
        id: &'a ShipmentId,
    ) -> BoxFuture<'a, Result<Vec<(String, Arc<Overlay>)>, StoreError>> {
        let id = id.clone();
        Box::pin(async move { self.ask(move |it| now(it.store().overlays(&id))).await? })
    }

    fn commit_overlay(&self, commit: OverlayCommit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let done = self.ask(move |it| {
                let done = now(it.store().commit_overlay(commit.clone()));
                it.note(done, || Written::Overlay(commit))
            });
            let done = done.await.map_err(CommitError::Store)?;
            self.bell.ring();
            done
        })
    }

    fn notes<'a>(
        &'a self,
        keys: &'a [NoteKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Note>>, StoreError>> {
        let keys = keys.to_vec();
        Box::pin(async move { self.ask(move |it| now(it.store().notes(&keys))).await? })
    }

    fn keep(&self, notes: Vec<(NoteKey, Note)>) -> BoxFuture<'_, Result<Vec<bool>, StoreError>> {
        Box::pin(async move {
            self.ask(move |it| {
                let done = now(it.store().keep(notes.clone()));
                it.note(done, || Written::Notes(notes))
            })
            .await?
        })
    }
}
