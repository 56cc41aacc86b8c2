//! Erasing shipments, and keeping what is erased from coming back.
//!
//! Every number and order that led to an erased shipment is barred for a time: nobody is asked about
//! it, and what is said of it all the same, by a poll that was on its way, an answer in a cache or a
//! push, is not taken in. A tenant that registers the number again lifts the bar.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waybill_core::adapter::Report;
use waybill_core::order::Subject;
use waybill_core::shipment::ShipmentId;

use super::{Miss, Pipeline};
use crate::store::{Erasure, Note, NoteKey, StoreError, Stored};
use crate::watch::log::names;

/// How often a bar is written again when somebody else has written it meanwhile.
const ROUNDS: usize = 8;

/// What a note about a number or order says.
#[derive(Serialize, Deserialize)]
struct Bar {
    /// When what it led to was erased.
    erased: Timestamp,
    /// When a tenant registered it again.
    lifted: Option<Timestamp>,
}

/// What was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Names this erasure: `er_` and 16 hexadecimal digits.
    pub id: String,
    /// When.
    pub time: Timestamp,
    /// Shipments, in order of their ids.
    pub shipments: Vec<Gone>,
}

/// One shipment that was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Which.
    pub id: ShipmentId,
    /// There was something of it.
    pub was_held: bool,
    /// Numbers that led to it and are barred.
    pub numbers: usize,
    /// Tenants that had added something.
    pub tenants: usize,
    /// Answers of sources, as received.
    pub answers: usize,
    /// Its place in the audit log; 0 if none is kept.
    pub audit: u64,
}

impl Pipeline {
    /// Erases shipments and what they turned out to be the same as: in the store, its keys, the
    /// caches, the answers as received, what is kept of them for answers and streams, and the
    /// schedule. `who` is for the audit log, which is written first: what it does not take is not
    /// erased. With `bar`, what led to them is barred.
    ///
    /// # Errors
    /// [`Miss::Store`]; to erase again then goes on.
    pub async fn erase(&self, who: &str, ids: &[ShipmentId], bar: bool) -> Result<Receipt, Miss> {
        let failed = |error: StoreError| Miss::Store(error.to_string());
        let time = self.now();
        let receipt = format!("er_{:016x}", rand::random::<u64>());
        let mut all: BTreeSet<ShipmentId> = ids.iter().cloned().collect();
        for id in ids {
            // Of one that turned out to be another, the other one is what is known of it.
            if let Some(stored) = self.parts.store.load(id).await.map_err(failed)? {
                all.insert(stored.dossier.id.clone());
                let superseded = stored.dossier.superseded.iter();
                all.extend(superseded.map(|one| one.id.clone()));
            }
        }
        let mut shipments = Vec::with_capacity(all.len());
        for id in all {
            let gone = self.erase_one(who, id, &receipt, time, bar).await;
            shipments.push(gone.map_err(failed)?);
        }
        metrics::counter!("waybill_erasures_total").increment(shipments.len() as u64);
        Ok(Receipt {
            id: receipt,
            time,
            shipments,
        })
    }

    async fn erase_one(
        &self,
        who: &str,
        id: ShipmentId,
        receipt: &str,
        time: Timestamp,
        bar: bool,
    ) -> Result<Gone, StoreError> {
        let parts = &self.parts;
        let stored = parts.store.load_stored(&id).await?;
        let overlays = parts.store.overlays(&id).await?;
        let subjects = stored.as_ref().map(|one| subjects(one)).unwrap_or_default();
        let audit = parts
            .audit
            .erased(time, who, &id, &[("receipt", receipt)])
            .map_err(|error| StoreError::new(format_args!("audit log: {error}")))?;
        if bar {
            for subject in &subjects {
                self.note_bar(subject, Some(time)).await?;
            }
        }
        let erasure = Erasure {
            id: id.clone(),
            subjects: subjects.iter().cloned().collect(),
            time,
        };
        // Before, because whoever reads the change log drops them as well, and again, because some
        // may have come meanwhile.
        let mut answers = parts.evidence.erase(&id).await?;
        let was_held = parts.store.erase(erasure).await?;
        answers += parts.evidence.erase(&id).await?;
        let about = subjects.iter().map(|subject| parts.keys.subject(subject));
        parts.cache.forget(&about.collect::<Vec<_>>()).await;
        self.lapses.invalidate_all();
        self.pushed.invalidate(&id);
        // The change log says it to everybody; here it is true when the call returns.
        parts.hub.erased(&id);
        Ok(Gone {
            id,
            was_held: was_held || answers > 0,
            numbers: subjects.len(),
            tenants: overlays.len(),
            answers,
            audit,
        })
    }

    /// Whether a number or order led to something that was erased not long ago.
    ///
    /// # Errors
    /// The store fails.
    pub(super) async fn is_barred(&self, subject: &Subject) -> Result<bool, StoreError> {
        let key = self.bar_key(subject);
        let note = self.parts.store.notes(&[key]).await?.pop().flatten();
        let bar: Option<Bar> = note.and_then(|note| serde_json::from_slice(&note.value).ok());
        let now = self.now();
        Ok(bar.is_some_and(|bar| {
            let age = Duration::try_from(now.duration_since(bar.erased));
            bar.lifted.is_none() && age.unwrap_or_default() < self.parts.barred_for
        }))
    }

    /// Lets a number or order be asked about again.
    ///
    /// # Errors
    /// The store fails.
    pub(super) async fn lift_bar(&self, subject: &Subject) -> Result<(), StoreError> {
        match self.is_barred(subject).await? {
            true => self.note_bar(subject, None).await,
            false => Ok(()),
        }
    }

    /// Bars from a time on, or lifts.
    async fn note_bar(
        &self,
        subject: &Subject,
        erased: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let key = self.bar_key(subject);
        let lifted = erased.is_none().then(|| self.now());
        let erased = erased.unwrap_or_else(|| self.now());
        let value = serde_json::to_vec(&Bar { erased, lifted }).map_err(StoreError::new)?;
        for _ in 0..ROUNDS {
            let known = self.parts.store.notes(&[key]).await?.pop().flatten();
            let note = Note {
                version: known.map_or(0, |known| known.version) + 1,
                value: value.clone(),
            };
            if self
                .parts
                .store
                .keep(vec![(key, note)])
                .await?
                .contains(&true)
            {
                return Ok(());
            }
        }
        Err(StoreError::new("a bar kept changing while it was written"))
    }

    fn bar_key(&self, subject: &Subject) -> NoteKey {
        let hash = self.parts.keys.subject(subject);
        self.parts.keys.hash("barred", &[&hash])
    }

    /// Whether none of these reports is about something that was erased.
    pub(super) async fn admits(&self, reports: &[Report]) -> Result<bool, StoreError> {
        for report in reports {
            let subject = Subject::Number(report.number.clone());
            // What is known has been registered again, or was never erased.
            if self.parts.store.find(&subject).await?.is_empty() && self.is_barred(&subject).await?
            {
                metrics::counter!("waybill_reports_barred_total").increment(1);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The reports that are not about something that was erased.
    pub(super) async fn admitted(&self, reports: Vec<Report>) -> Result<Vec<Report>, StoreError> {
        let mut admitted = Vec::with_capacity(reports.len());
        for report in reports {
            if self.admits(std::slice::from_ref(&report)).await? {
                admitted.push(report);
            }
        }
        Ok(admitted)
    }
}

/// Numbers that lead to a shipment, as far as it says so itself.
fn subjects(stored: &Stored) -> BTreeSet<Subject> {
    let dossier = &stored.dossier;
    let own = std::iter::once(dossier.number.clone());
    let told = dossier.told.iter().cloned();
    let under = dossier.facts.iter().flat_map(|facts| facts.under.iter());
    let all = own.chain(told).chain(under.cloned()).map(Subject::Number);
    all.chain(names(&stored.record)).collect()
}
