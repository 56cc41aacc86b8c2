//! Looking back at what is stored, for operators: why a record is what it is, and making it again.
//!
//! **Invariant:** no source is asked, and what is made again goes through the same commit as news.

use std::sync::Arc;

use jiff::Timestamp;
use waybill_core::assess::assess;
use waybill_core::explain::{Explanation, explain};
use waybill_core::revision::differing;
use waybill_core::shipment::{Shipment, ShipmentId};
use waybill_core::status::Status;

use super::settle::commit;
use super::{Miss, Pipeline};
use crate::store::{CommitError, Stored};

/// How often a record is made again when it changes meanwhile.
const ROUNDS: usize = 16;

/// A record, why it is so, and whether the rules would make the stored one differently by now.
pub struct Explained {
    /// Why.
    pub explanation: Explanation,
    /// Fields of the API in which the stored record differs.
    pub changed: Vec<&'static str>,
}

/// What making a record again came to.
pub struct Rebuilt {
    /// Which.
    pub id: ShipmentId,
    /// Fields of the API that differ from before.
    pub changed: Vec<&'static str>,
    /// Status before.
    pub before: Status,
    /// Status as made now.
    pub after: Status,
    /// Revision that is stored now.
    pub revision: u32,
}

impl Pipeline {
    /// Explains a stored record.
    ///
    /// # Errors
    /// [`Miss::Store`] or [`Miss::UnknownId`].
    pub async fn explain(&self, id: &ShipmentId) -> Result<Explained, Miss> {
        let stored = self.stored(id).await?;
        let now = self.now();
        let (_, changed) = compare(&stored, now);
        Ok(Explained {
            explanation: explain(&stored.dossier, Some(&stored.record), now),
            changed,
        })
    }

    /// Makes a stored record again from its observations, and stores it if it differs, unless
    /// `dry` says not to.
    ///
    /// # Errors
    /// [`Miss::Store`] or [`Miss::UnknownId`].
    pub async fn rebuild(&self, id: &ShipmentId, dry: bool) -> Result<Rebuilt, Miss> {
        for _ in 0..ROUNDS {
            let stored = self.stored(id).await?;
            let (record, changed) = compare(&stored, self.now());
            let mut rebuilt = Rebuilt {
                id: stored.dossier.id.clone(),
                before: stored.record.status,
                after: record.status,
                revision: stored.record.revision,
                changed,
            };
            if dry || rebuilt.changed.is_empty() {
                return Ok(rebuilt);
            }
            match commit(
                self,
                Some(&stored),
                stored.dossier.clone(),
                Vec::new(),
                false,
            )
            .await
            {
                Ok((record, _)) => {
                    rebuilt.revision = record.revision;
                    return Ok(rebuilt);
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Store(error)) => return Err(Miss::Store(error.to_string())),
            }
        }
        Err(Miss::Store(
            "the shipment kept changing while it was made again".to_owned(),
        ))
    }

    async fn stored(&self, id: &ShipmentId) -> Result<Arc<Stored>, Miss> {
        let loaded = self.parts.store.load(id).await;
        let stored = loaded.map_err(|error| Miss::Store(error.to_string()))?;
        stored.ok_or(Miss::UnknownId)
    }
}

/// The record as its dossier makes it now, and how the stored one differs from it at the same
/// moment: what time alone changes is no difference.
fn compare(stored: &Stored, now: Timestamp) -> (Shipment, Vec<&'static str>) {
    let mut dossier = stored.dossier.clone();
    let mut record = dossier.record();
    if dossier.outlive(&stored.record, &record) {
        record = dossier.record();
    }
    let (record, _) = assess(record, now);
    let (shown, _) = assess(Shipment::clone(&stored.record), now);
    let changed = differing(&shown, &record);
    (record, changed)
}
