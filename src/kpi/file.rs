//! Figures on the disk: a redb file of its own beside the store, one sealed value for each day.
//!
//! It is written by days that have changed, each whole, in one transaction. A day that cannot be
//! read (another key, another version) is left out and said so: figures are worth less than a
//! server that starts.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{ReadableTable as _, TableDefinition};
use waybill_core::kpi::figures::{DAYS_KEPT, Figures, Image};

use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::seal::Keys;

/// Day since 1970 -> sealed JSON of an image. Another meaning gets another name.
const DAYS: TableDefinition<'_, i32, &[u8]> = TableDefinition::new("kpi_days_2");
/// What the values are sealed for, with the day.
const PLACE: &[u8] = b"kpi_days_2";

/// The file.
pub(super) struct File {
    disk: Disk,
    keys: Arc<Keys>,
}

impl File {
    /// Opens the file in a folder, and adds what it holds to the figures.
    ///
    /// # Errors
    /// Names the path and the reason.
    pub(super) fn open(
        folder: &Path,
        keys: Arc<Keys>,
        figures: &mut Figures,
    ) -> Result<Self, String> {
        let path = folder.join("kpi.redb");
        let disk = Disk::open(&path).map_err(|error| error.to_string())?;
        let file = Self { disk, keys };
        let days = file
            .load()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        for (day, sealed) in days {
            match file.image(day, &sealed) {
                Some(image) => {
                    figures.merge(&image);
                    // It is on the disk already.
                    figures.settle(day);
                }
                None => tracing::error!(day, "the figures of a day cannot be read"),
            }
        }
        Ok(file)
    }

    fn load(&self) -> Result<Vec<(i32, Vec<u8>)>, StoreError> {
        // The first opening makes the table.
        self.disk.write(|tx| {
            tx.open_table(DAYS)?;
            Ok(())
        })?;
        self.disk.read(|tx| {
            let table = tx.open_table(DAYS)?;
            let mut days = Vec::new();
            for row in table.iter()? {
                let (day, sealed) = row?;
                days.push((day.value(), sealed.value().to_vec()));
            }
            Ok(days)
        })
    }

    fn image(&self, day: i32, sealed: &[u8]) -> Option<Image> {
        let plain = self.keys.open(&[PLACE, &day.to_be_bytes()], sealed).ok()?;
        let image: Image = serde_json::from_slice(&plain).ok()?;
        (image.day == day).then_some(image)
    }

    /// Writes the days that have changed, and drops those that are too old.
    pub(super) fn save(&self, figures: &RwLock<Figures>) -> Result<(), String> {
        let lock = || figures.write().unwrap_or_else(PoisonError::into_inner);
        let days = lock().new_days();
        let Some(newest) = days.last().copied() else {
            return Ok(());
        };
        let written = self.write(figures, &days, newest);
        if written.is_err() {
            let mut figures = lock();
            days.iter().for_each(|day| figures.renew(*day));
        }
        written
    }

    fn write(&self, figures: &RwLock<Figures>, days: &[i32], newest: i32) -> Result<(), String> {
        let mut values = Vec::with_capacity(days.len());
        for day in days {
            let mut figures = figures.write().unwrap_or_else(PoisonError::into_inner);
            let image = figures.image(*day);
            drop(figures);
            let Some(image) = image else {
                continue;
            };
            let plain = serde_json::to_vec(&image).map_err(|error| error.to_string())?;
            let sealed = self.keys.seal(&[PLACE, &day.to_be_bytes()], &plain);
            values.push((*day, sealed.map_err(|error| error.to_string())?));
        }
        let written = self.disk.write(|tx| {
            let mut table = tx.open_table(DAYS)?;
            for (day, sealed) in &values {
                table.insert(day, sealed.as_slice())?;
            }
            let old = ..newest.saturating_sub(DAYS_KEPT);
            table.retain_in(old, |_, _| false)?;
            Ok(())
        });
        written.map_err(|error| error.to_string())
    }
}
