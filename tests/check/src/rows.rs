//! A history as JSON lines: what was committed, the end, then what was seen.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::{History, Seen};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Commit {
        shipment: String,
        revision: u32,
        events: BTreeSet<String>,
    },
    End {
        shipment: String,
        revision: u32,
    },
    Seen {
        watcher: String,
        #[serde(flatten)]
        seen: Seen,
    },
}

impl History {
    /// Writes every line.
    ///
    /// # Errors
    /// The place cannot be written.
    pub fn write(&self, mut to: impl Write) -> std::io::Result<()> {
        let mut put = |row: Row| {
            serde_json::to_writer(&mut to, &row)?;
            to.write_all(b"\n")
        };
        for (shipment, revisions) in &self.commits.0 {
            for (revision, events) in revisions {
                put(Row::Commit {
                    shipment: shipment.clone(),
                    revision: *revision,
                    events: events.clone(),
                })?;
            }
        }
        for (shipment, revision) in &self.end {
            put(Row::End {
                shipment: shipment.clone(),
                revision: *revision,
            })?;
        }
        for (watcher, all) in &self.watchers {
            for seen in all {
                put(Row::Seen {
                    watcher: watcher.clone(),
                    seen: seen.clone(),
                })?;
            }
        }
        Ok(())
    }

    /// Reads what [`History::write`] wrote.
    ///
    /// # Errors
    /// The place cannot be read, or a line is none of a history.
    pub fn read(from: impl BufRead) -> std::io::Result<Self> {
        let mut history = Self::default();
        for line in from.lines() {
            match serde_json::from_str(&line?)? {
                Row::Commit {
                    shipment,
                    revision,
                    events,
                } => history.commits.note(&shipment, revision, events),
                Row::End { shipment, revision } => {
                    history.end.insert(shipment, revision);
                }
                Row::Seen { watcher, seen } => {
                    history.watchers.entry(watcher).or_default().push(seen);
                }
            }
        }
        Ok(history)
    }
}
