//! How values look at rest, the same in every store that outlives the process, so that versions of
//! waybill can take turns on one store and a value means the same wherever it lies.
//!
//! A shipment is `schema (1 byte), version (8, big endian), sealed JSON`; what a tenant adds is
//! `schema (1 byte), revision (4, big endian), sealed JSON`; a note is `version (8, big endian),
//! sealed bytes`. Each is sealed for its place and head, and opens nowhere else. What is of a shipment
//! is sealed with a key of its own, which is kept apart: without it nothing opens any more. Values of
//! earlier versions, sealed with the key of the installation, are still read.
//!
//! **Invariant:** a value that cannot be read, of a schema of another version for example, is counted
//! and absent, never an error: it is asked for again and written anew.

use std::fmt;

use waybill_core::order::Order;
use waybill_core::overlay::Overlay;
use waybill_core::shipment::ShipmentId;

use super::seal::{DataKey, Keys};
use super::{Note, NoteKey, OverlayCommit, StoreError, Stored};

/// Meaning of a shipment's value.
const SHIPMENT: u8 = 2;
const SHIPMENT_HEAD: usize = 9;
/// Meaning of what a tenant adds.
const OVERLAY: u8 = 1;
const OVERLAY_HEAD: usize = 5;
/// Bytes of the version of a note.
const NOTE_HEAD: usize = 8;

/// Keyed hash of an order, under a label that says for what. One tenant's order is never another's.
pub(crate) fn order_key(keys: &Keys, label: &str, order: &Order) -> [u8; 32] {
    let (platform, id) = (order.platform().as_bytes(), order.reveal().as_bytes());
    match order.owner() {
        "" => keys.hash(label, &[platform, id]),
        owner => keys.hash(label, &[platform, id, owner.as_bytes()]),
    }
}

pub(super) fn seal_shipment(
    keys: &Keys,
    own: &DataKey,
    stored: &Stored,
) -> Result<Vec<u8>, StoreError> {
    let Stored {
        version: _,
        dossier,
        record,
        time,
        next_change,
    } = stored;
    let plain = serde_json::to_vec(&(dossier, record, time, next_change))
        .map_err(|error| unsealed(&error))?;
    let mut value = Vec::with_capacity(SHIPMENT_HEAD + plain.len() + 64);
    value.push(SHIPMENT);
    value.extend_from_slice(&stored.version.to_be_bytes());
    let place = [b"shipments", stored.dossier.id.0.as_bytes(), &value];
    let sealed = keys
        .seal_own(Some(own), &place, &plain)
        .map_err(|error| unsealed(&error))?;
    value.extend_from_slice(&sealed);
    Ok(value)
}

pub(super) fn open_shipment(
    keys: &Keys,
    own: Option<&DataKey>,
    id: &ShipmentId,
    value: &[u8],
) -> Option<Stored> {
    let decode = || {
        let (head, sealed) = value.split_at_checked(SHIPMENT_HEAD).ok_or("format")?;
        if head[0] != SHIPMENT {
            return Err("schema");
        }
        let place = [b"shipments", id.0.as_bytes(), head];
        let plain = keys.open_own(own, &place, sealed);
        let plain = plain.map_err(|error| error.as_str())?;
        let (dossier, record, time, next_change) =
            serde_json::from_slice(&plain).map_err(|_| "json")?;
        Ok(Stored {
            version: version_in(value),
            dossier,
            record,
            time,
            next_change,
        })
    };
    decode()
        .inspect_err(|reason| {
            unreadable(reason);
            tracing::warn!(shipment = %id.0, reason, "stored shipment cannot be read");
        })
        .ok()
}

/// Version in the head of a shipment's value.
pub(super) fn version_in(value: &[u8]) -> u64 {
    value
        .get(1..SHIPMENT_HEAD)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_be_bytes)
}

pub(super) fn seal_overlay(
    keys: &Keys,
    own: &DataKey,
    commit: &OverlayCommit,
) -> Result<Vec<u8>, StoreError> {
    let plain = serde_json::to_vec(&*commit.overlay).map_err(|error| unsealed(&error))?;
    let mut value = vec![OVERLAY];
    value.extend_from_slice(&commit.overlay.revision.to_be_bytes());
    let (id, tenant) = (commit.id.0.as_bytes(), commit.tenant.as_bytes());
    let sealed = keys.seal_own(Some(own), &[b"overlays", id, tenant, &value], &plain);
    value.extend_from_slice(&sealed.map_err(|error| unsealed(&error))?);
    Ok(value)
}

pub(super) fn open_overlay(
    keys: &Keys,
    own: Option<&DataKey>,
    id: &ShipmentId,
    tenant: &str,
    value: &[u8],
) -> Option<Overlay> {
    let decode = || {
        let (head, sealed) = value.split_at_checked(OVERLAY_HEAD).ok_or("format")?;
        if head[0] != OVERLAY {
            return Err("schema");
        }
        let place = [b"overlays", id.0.as_bytes(), tenant.as_bytes(), head];
        let plain = keys.open_own(own, &place, sealed);
        let plain = plain.map_err(|error| error.as_str())?;
        serde_json::from_slice(&plain).map_err(|_| "json")
    };
    decode()
        .inspect_err(|reason| {
            unreadable(reason);
            tracing::warn!(shipment = %id.0, reason, "what a tenant added cannot be read");
        })
        .ok()
}

pub(super) fn seal_note(keys: &Keys, key: &NoteKey, note: &Note) -> Result<Vec<u8>, StoreError> {
    let head = note.version.to_be_bytes();
    let sealed = keys.seal(&[b"notes", key, &head], &note.value);
    let sealed = sealed.map_err(|error| unsealed(&error))?;
    Ok([head.as_slice(), &sealed].concat())
}

pub(super) fn open_note(keys: &Keys, key: &NoteKey, value: &[u8]) -> Option<Note> {
    let (head, sealed) = value.split_at_checked(NOTE_HEAD)?;
    let opened = keys.open(&[b"notes", key, head], sealed);
    let opened = opened.inspect_err(|reason| {
        let reason = reason.as_str();
        unreadable(reason);
        tracing::warn!(reason, "stored note cannot be read");
    });
    Some(Note {
        version: head.try_into().map_or(0, u64::from_be_bytes),
        value: opened.ok()?,
    })
}

fn unreadable(reason: &'static str) {
    metrics::counter!("waybill_store_unreadable_total", "reason" => reason).increment(1);
}

fn unsealed(error: &dyn fmt::Display) -> StoreError {
    StoreError::new(format_args!("cannot encode: {error}"))
}
