//! The work of setting a stream up, as the server counts it.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::server::Running;
use crate::tasks;

/// How long the snapshot of a stream counts as work of the server. Most take milliseconds.
const BEGINNING: Duration = Duration::from_secs(5);

/// A place among the work of the server, until it is dropped and for a time at most: a reader that does
/// not read must not keep it, and while it does not, the stream is not asked to go on.
pub(super) struct Beginning(JoinHandle<()>);

impl Beginning {
    pub(super) fn new(running: Running) -> Self {
        Self(tasks::spawn("stream_begins", async move {
            let _running = running;
            sleep(BEGINNING).await;
        }))
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        self.0.abort();
    }
}
