//! The due queue on the disk: a redb file of its own beside the store.
//!
//! The queue works in memory; what has changed is written every second, with the place in the
//! change log up to which it counts. So a crash costs polls of a second, which come again, and never
//! a registration: those are the store's, and the log is read on from that place.

use std::path::Path;
use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable as _, TableDefinition};
use waybill_core::poll::Lane;
use waybill_core::shipment::ShipmentId;

use super::memory::MemoryDue;
use super::planner::NOBODY;
use super::queue::{Due as _, Flow, Item, Places, Task};
use crate::store::disk::Disk;
use crate::store::{Head, StoreError};

/// Id and task -> source, tenant, lane, due time in milliseconds since 1970, interval in
/// milliseconds, failures. Another meaning gets another name.
const ITEMS: TableDefinition<'_, (&str, u8), Value<'_>> = TableDefinition::new("schedule_1");
/// Partition of the change log -> epoch and sequence up to which the items count.
const PLACES: TableDefinition<'_, u16, (u64, u64)> = TableDefinition::new("schedule_places_1");
/// One row: the sources for which the items were planned.
const SOURCES: TableDefinition<'_, (), &str> = TableDefinition::new("schedule_sources_1");

type Value<'a> = (&'a str, &'a str, u8, i64, u64, u8);

/// The file.
pub(super) struct File {
    disk: Disk,
    sources: String,
}

impl File {
    /// Opens the file in a folder, and enters what it holds into the queue. If that is nothing that
    /// counts, the queue knows no places, and has to be made from the registrations.
    ///
    /// # Errors
    /// Names the path and the reason.
    pub(super) fn open(
        folder: &Path,
        sources: &[&'static str],
        queue: &MemoryDue,
    ) -> Result<Self, String> {
        let path = folder.join("schedule.redb");
        let disk = Disk::open(&path).map_err(|error| error.to_string())?;
        let file = Self {
            disk,
            sources: sources.join(" "),
        };
        let loaded = file.load(sources, queue);
        loaded.map_err(|error| format!("{}: {error}", path.display()))?;
        queue.remember();
        Ok(file)
    }

    fn load(&self, sources: &[&'static str], queue: &MemoryDue) -> Result<(), StoreError> {
        // The first opening makes the tables.
        let is_same = self.disk.write(|tx| {
            tx.open_table(PLACES)?;
            let mut planned = tx.open_table(SOURCES)?;
            let known = planned.insert((), self.sources.as_str())?;
            let is_same = known.is_some_and(|known| known.value() == self.sources);
            if !is_same {
                // What it was planned for is not there any more, or could be asked otherwise.
                tx.delete_table(ITEMS)?;
                tx.delete_table(PLACES)?;
                tx.open_table(PLACES)?;
            }
            tx.open_table(ITEMS)?;
            Ok(is_same)
        })?;
        if !is_same {
            return Ok(());
        }
        let (items, places) = self.disk.read(|tx| {
            let mut items = Vec::new();
            for row in tx.open_table(ITEMS)?.iter()? {
                let (key, value) = row?;
                items.extend(item(sources, key.value(), value.value()));
            }
            Ok((items, places(tx)?))
        })?;
        // It answers at once, from memory.
        let entered = futures_util::FutureExt::now_or_never(queue.put(i64::MIN, items));
        entered.unwrap_or(Ok(()))?;
        let known = futures_util::FutureExt::now_or_never(queue.has_read(places));
        known.unwrap_or(Ok(()))
    }

    /// Writes what has changed, and up to where that counts.
    pub(super) fn save(&self, queue: &MemoryDue) -> Result<(), StoreError> {
        let (changes, places) = queue.changes();
        let written = self.disk.write(|tx| {
            let mut items = tx.open_table(ITEMS)?;
            for ((task, id), item) in &changes {
                let key = (id.0.as_str(), number(*task));
                match item {
                    None => {
                        items.remove(key)?;
                    }
                    Some(item) => {
                        let flow = &item.flow;
                        let value = (
                            flow.source,
                            &*flow.tenant,
                            flow.lane as u8,
                            item.due,
                            item.interval,
                            item.failures,
                        );
                        items.insert(key, value)?;
                    }
                }
            }
            let mut table = tx.open_table(PLACES)?;
            for (partition, place) in &places {
                table.insert(partition, (place.epoch, place.sequence))?;
            }
            Ok(())
        });
        if written.is_err() {
            queue.renew(changes.into_iter().map(|(key, _)| key));
        }
        written
    }
}

impl File {
    /// Gives the file back.
    pub(super) fn close(&self) {
        self.disk.close();
    }
}

fn places(tx: &ReadTransaction) -> Result<Places, redb::Error> {
    let mut places = Places::new();
    for row in tx.open_table(PLACES)?.iter()? {
        let (partition, place) = row?;
        let (epoch, sequence) = place.value();
        places.insert(partition.value(), Head { epoch, sequence });
    }
    Ok(places)
}

const fn number(task: Task) -> u8 {
    match task {
        Task::Poll => 0,
        Task::Review => 1,
    }
}

/// What cannot be understood was never written by this version, and is left out.
fn item(sources: &[&'static str], (id, task): (&str, u8), value: Value<'_>) -> Option<Item> {
    let (source, tenant, lane, due, interval, failures) = value;
    let all = sources.iter().chain([&NOBODY]);
    Some(Item {
        task: [Task::Poll, Task::Review]
            .into_iter()
            .find(|one| number(*one) == task)?,
        id: ShipmentId(id.to_owned()),
        flow: Flow {
            source: all.copied().find(|one| *one == source)?,
            lane: Lane::ALL.into_iter().find(|one| *one as u8 == lane)?,
            tenant: Arc::from(tenant),
        },
        due,
        interval,
        failures,
    })
}
