//! What is made of a shipment once, for all streams that show it: looked up once, encoded once.
//!
//! **Invariant:** whoever has been told of a change never gets what was looked up before it. The
//! change log raises the version of a shipment before it tells anybody, and what was looked up
//! under another version does not count.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::sync::oneshot;
use tokio::time::Instant;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::{Shipment, ShipmentId};

use crate::grpc::convert::View;
use crate::pipeline::{Freshness, Miss, Pipeline};
use crate::tasks;
use crate::watch::Topic;
use crate::watch::filter::Seen;

const STRIPES: usize = 16;
/// Shipments of one stripe; more are not kept longer than it takes to send them.
const ROOM: usize = 64;
/// Different faces that are kept of a shipment.
const FACES: usize = 32;
/// Time moves on too: what is said about freshness is never older than this.
const KEPT: Duration = Duration::from_millis(500);

/// What was looked up last.
pub(in crate::grpc) struct Press {
    stripes: [Mutex<HashMap<ShipmentId, Vec<Arc<Plate>>>>; STRIPES],
}

struct Plate {
    tenant: String,
    version: Arc<AtomicU64>,
    /// The version before the look.
    then: u64,
    made: Instant,
    look: Shared<oneshot::Receiver<Looked>>,
}

type Looked = Result<Option<Arc<Look>>, Miss>;

/// A shipment as a tenant may see it.
pub(super) struct Look {
    pub(super) record: Arc<Shipment>,
    pub(super) freshness: Freshness,
    pub(super) overlay: Option<Arc<Overlay>>,
    /// What the record shows.
    pub(super) seen: Seen,
    faces: Mutex<Vec<(Face, Bytes)>>,
}

/// How it is shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Face {
    pub(super) view: View,
    pub(super) language: Arc<str>,
    /// With personal data.
    pub(super) personal: bool,
    /// Revision that the reader holds.
    pub(super) previous: u32,
}

impl Default for Press {
    fn default() -> Self {
        let stripes = std::array::from_fn(|_| Mutex::default());
        Self { stripes }
    }
}

impl Press {
    /// A shipment as of now; `None` if there is none.
    pub(super) async fn look(
        &self,
        pipeline: &Pipeline,
        tenant: &str,
        id: &ShipmentId,
    ) -> Result<Option<Arc<Look>>, Miss> {
        match self.plate(pipeline, tenant, id).look.clone().await {
            Ok(looked) => looked,
            // It panicked.
            Err(_) => look(pipeline, tenant, id).await,
        }
    }

    fn plate(&self, pipeline: &Pipeline, tenant: &str, id: &ShipmentId) -> Arc<Plate> {
        let last = id.0.bytes().last().unwrap_or_default();
        let mut plates = lock(&self.stripes[usize::from(last) % STRIPES]);
        if let Some(known) = plates.get_mut(id) {
            known.retain(|plate| plate.holds());
            if let Some(plate) = known.iter().find(|plate| plate.tenant == tenant) {
                return Arc::clone(plate);
            }
        } else if plates.len() >= ROOM {
            plates.clear();
        }
        let version = pipeline.hub().version(Topic::Shipment(id.clone()));
        let (tell, looked) = oneshot::channel();
        let plate = Arc::new(Plate {
            tenant: tenant.to_owned(),
            then: version.load(Ordering::Acquire),
            version,
            made: Instant::now(),
            look: looked.shared(),
        });
        // By itself: the stream that comes first may not be asked to go on as long as its reader does
        // not read, and the others wait for this too.
        let (pipeline, tenant, of) = (pipeline.clone(), tenant.to_owned(), id.clone());
        tasks::spawn("look", async move {
            let _gone = tell.send(look(&pipeline, &tenant, &of).await);
        });
        plates
            .entry(id.clone())
            .or_default()
            .push(Arc::clone(&plate));
        plate
    }
}

impl Plate {
    fn holds(&self) -> bool {
        let has_failed = matches!(self.look.peek(), Some(Ok(Err(_)) | Err(_)));
        self.version.load(Ordering::Acquire) == self.then
            && self.made.elapsed() < KEPT
            && !has_failed
    }
}

/// Looks a shipment up.
pub(super) async fn look(
    pipeline: &Pipeline,
    tenant: &str,
    id: &ShipmentId,
) -> Result<Option<Arc<Look>>, Miss> {
    let (record, freshness) = match pipeline.held(tenant, id).await {
        Ok(held) => held,
        Err(Miss::UnknownId) => return Ok(None),
        Err(miss) => return Err(miss),
    };
    let overlay = pipeline.overlay(tenant, &record).await?;
    let seen = Seen::of(&record);
    Ok(Some(Arc::new(Look::new(record, freshness, overlay, seen))))
}

impl Look {
    /// Of what was looked up.
    pub(super) fn new(
        record: Arc<Shipment>,
        freshness: Freshness,
        overlay: Option<Arc<Overlay>>,
        seen: Seen,
    ) -> Self {
        Self {
            record,
            freshness,
            overlay,
            seen,
            faces: Mutex::default(),
        }
    }

    /// The encoded form for a face, made if nobody has yet.
    pub(super) fn face(&self, face: &Face, make: impl FnOnce() -> Bytes) -> Bytes {
        let find = |faces: &Vec<(Face, Bytes)>| {
            let mut faces = faces.iter();
            faces.find_map(|(known, bytes)| (known == face).then(|| bytes.clone()))
        };
        if let Some(known) = find(&lock(&self.faces)) {
            return known;
        }
        let made = make();
        let mut faces = lock(&self.faces);
        if faces.len() < FACES {
            faces.push((face.clone(), made.clone()));
        }
        made
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
