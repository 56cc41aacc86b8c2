//! The change log, and what each tenant follows in the order in which it changed.

use jiff::Timestamp;
use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};
use waybill_core::shipment::ShipmentId;

use super::super::{Change, Head, Page, Place, What, changes_kept_since};
use super::Inner;

/// Sequence -> id, tenant (empty: the record itself), revision of the record, nanoseconds since
/// 1970.
const CHANGES: TableDefinition<'_, u64, (&str, &str, u32, i128)> =
    TableDefinition::new("changes_2");
/// Stands in the place of a revision, of which none is 0, once a shipment is erased.
const ERASED: u32 = 0;
/// The log of earlier versions.
const OLD_CHANGES: TableDefinition<'_, u64, (&str, u32, i128)> = TableDefinition::new("changes");
/// One row: epoch of the log.
const EPOCH: TableDefinition<'_, (), u64> = TableDefinition::new("changes_epoch");
/// Tenant, update time of the record in nanoseconds since 1970, id.
const REGISTERED: TableDefinition<'_, (&str, i128, &str), ()> = TableDefinition::new("registered");
/// Id and tenant -> the time under which it stands in [`REGISTERED`].
const FOLLOWERS: TableDefinition<'_, (&str, &str), i128> = TableDefinition::new("followers");

/// Makes what is missing. Returns the epoch of the log.
pub(super) fn make_tables(tx: &WriteTransaction) -> Result<u64, redb::Error> {
    tx.open_table(CHANGES)?;
    tx.open_table(REGISTERED)?;
    tx.open_table(FOLLOWERS)?;
    tx.delete_table(OLD_CHANGES)?;
    let mut epochs = tx.open_table(EPOCH)?;
    let known = epochs.get(())?.map(|epoch| epoch.value());
    let epoch = known.unwrap_or_else(rand::random);
    if known.is_none() {
        epochs.insert((), epoch)?;
    }
    Ok(epoch)
}

pub(super) fn heads(inner: &Inner, tx: &ReadTransaction) -> Result<Vec<Head>, redb::Error> {
    let changes = tx.open_table(CHANGES)?;
    let sequence = changes.last()?.map_or(0, |(last, _)| last.value());
    let epoch = inner.epoch;
    Ok(vec![Head { epoch, sequence }])
}

pub(super) fn read(
    inner: &Inner,
    tx: &ReadTransaction,
    after: u64,
    limit: usize,
) -> Result<Page, redb::Error> {
    let table = tx.open_table(CHANGES)?;
    let mut changes = Vec::new();
    let newer = after.saturating_add(1)..;
    for row in table.range(newer)?.take(limit) {
        let (sequence, value) = row?;
        let (id, tenant, revision, time) = value.value();
        changes.push(Change {
            sequence: sequence.value(),
            id: ShipmentId(id.to_owned()),
            what: match tenant {
                "" if revision == ERASED => What::Erased,
                "" => What::Record(revision),
                tenant => What::Overlay(tenant.to_owned()),
            },
            time: Timestamp::from_nanosecond(time).unwrap_or_default(),
        });
    }
    let epoch = inner.epoch;
    Ok(Page { epoch, changes })
}

/// Adds an entry and drops those that are too old. Returns its sequence.
pub(super) fn write(
    tx: &WriteTransaction,
    id: &ShipmentId,
    what: &What,
    time: Timestamp,
) -> Result<u64, redb::Error> {
    let mut changes = tx.open_table(CHANGES)?;
    let sequence = changes.last()?.map_or(0, |(last, _)| last.value()) + 1;
    let (tenant, revision) = match what {
        What::Record(revision) => ("", *revision),
        What::Overlay(tenant) => (tenant.as_str(), 0),
        What::Erased => ("", ERASED),
    };
    let entry = (id.0.as_str(), tenant, revision, time.as_nanosecond());
    changes.insert(sequence, entry)?;
    let since = changes_kept_since(time).as_nanosecond();
    loop {
        let oldest = changes
            .first()?
            .map(|(key, row)| (key.value(), row.value().3));
        match oldest {
            Some((oldest, time)) if time < since && oldest < sequence => {
                changes.remove(oldest)?;
            }
            _ => return Ok(sequence),
        }
    }
}

/// A record has changed: it moves to the end of what its tenants follow.
pub(super) fn moved(
    tx: &WriteTransaction,
    id: &ShipmentId,
    updated: Timestamp,
) -> Result<(), redb::Error> {
    let followers = tx.open_table(FOLLOWERS)?;
    let mut tenants = Vec::new();
    for row in followers.range((id.0.as_str(), "")..)? {
        let (key, _) = row?;
        let (of, tenant) = key.value();
        if of != id.0 {
            break;
        }
        tenants.push(tenant.to_owned());
    }
    drop(followers);
    for tenant in tenants {
        follow(tx, id, &tenant, Some(updated))?;
    }
    Ok(())
}

/// A tenant follows a shipment whose record was updated then, or no longer.
pub(super) fn follow(
    tx: &WriteTransaction,
    id: &ShipmentId,
    tenant: &str,
    updated: Option<Timestamp>,
) -> Result<(), redb::Error> {
    let mut followers = tx.open_table(FOLLOWERS)?;
    let mut registered = tx.open_table(REGISTERED)?;
    let updated = updated.map(Timestamp::as_nanosecond);
    let key = (id.0.as_str(), tenant);
    let before = match updated {
        Some(updated) => followers.insert(key, updated)?.map(|old| old.value()),
        None => followers.remove(key)?.map(|old| old.value()),
    };
    if let Some(before) = before {
        registered.remove((tenant, before, id.0.as_str()))?;
    }
    if let Some(updated) = updated {
        registered.insert((tenant, updated, id.0.as_str()), ())?;
    }
    Ok(())
}

/// What a tenant follows, after a place.
pub(super) fn registered(
    tx: &ReadTransaction,
    tenant: &str,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Place>, redb::Error> {
    let table = tx.open_table(REGISTERED)?;
    let from = after.map_or((tenant, i128::MIN, ""), |place| {
        (tenant, place.updated.as_nanosecond(), place.id.0.as_str())
    });
    let mut places = Vec::new();
    for row in table.range(from..)? {
        let (key, ()) = row.map(|(key, value)| (key, value.value()))?;
        let (of, updated, id) = key.value();
        if of != tenant || places.len() == limit {
            break;
        }
        let place = Place {
            updated: Timestamp::from_nanosecond(updated).unwrap_or_default(),
            id: ShipmentId(id.to_owned()),
        };
        if after != Some(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

/// Tenants that follow anything, each found by one step over all that it follows.
pub(super) fn tenants(tx: &ReadTransaction) -> Result<Vec<String>, redb::Error> {
    let table = tx.open_table(REGISTERED)?;
    let mut tenants: Vec<String> = Vec::new();
    let mut from = String::new();
    while let Some(row) = table.range((from.as_str(), i128::MIN, "")..)?.next() {
        let tenant = row?.0.value().0.to_owned();
        // The least text that is greater.
        from = format!("{tenant}\0");
        tenants.push(tenant);
    }
    Ok(tenants)
}
