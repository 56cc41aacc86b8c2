//! Carriers' pushes in: a listener of its own that serves nothing else.
//!
//! A push is verified over its raw bytes, kept, and only then acknowledged as its source wants it
//! (`door.rs`). What is kept lies in a queue, in a data directory on the disk, from which workers
//! take it to steps 4 to 8 (`queue.rs`, `shelf.rs`, `work.rs`). A repeated push is acknowledged like
//! the first and does nothing.
//!
//! **Invariant:** nothing is acknowledged that is not kept: what cannot be kept gets a 503, and the
//! sender tries again. No body, number or credential is ever logged.

mod door;
mod queue;
mod shelf;
mod work;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use self::door::Door;
use self::queue::Queue;
use self::shelf::Shelf;
use crate::config::Span;
use crate::pipeline::{Pipeline, Source};
use crate::store::seal::Keys;
use crate::watch::told;

/// `[push]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address of the listener; empty: there is none.
    pub listen: String,
    /// Greatest size of a push in bytes.
    pub body_bytes: usize,
    /// Time for the head of a request, and for an idle connection.
    pub head_timeout: Span,
    /// Time for the body of a request.
    pub body_timeout: Span,
    /// Connections at once.
    pub connections: usize,
    /// Requests that are worked on at once.
    pub requests: usize,
    /// Time for a push to be verified and kept; beyond it the sender has to try again.
    pub acknowledge: Span,
    /// Pushes of one account of a source that may wait to be worked on.
    pub queue: usize,
    /// Their greatest size together, in bytes.
    pub queue_bytes: usize,
    /// How long a push is known, so that a repeated one does nothing.
    pub replay: Span,
    /// Pushes that are known at most; the oldest go first.
    pub digests: usize,
    /// Time for waiting pushes to be worked on when the server stops.
    pub drain: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: String::new(),
            body_bytes: 1 << 20,
            head_timeout: Span(Duration::from_secs(10)),
            body_timeout: Span(Duration::from_secs(10)),
            connections: 256,
            requests: 64,
            acknowledge: Span(Duration::from_secs(1)),
            queue: 10_000,
            queue_bytes: 16 << 20,
            replay: Span(Duration::from_hours(72)),
            digests: 500_000,
            drain: Span(Duration::from_secs(10)),
        }
    }
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the setting and its bounds.
    pub fn check(&self) -> Result<(), String> {
        self.address()?;
        let counts = [
            ("body_bytes", self.body_bytes),
            ("connections", self.connections),
            ("requests", self.requests),
            ("queue", self.queue),
            ("queue_bytes", self.queue_bytes),
            ("digests", self.digests),
        ];
        for (setting, count) in counts {
            if count == 0 || u32::try_from(count).is_err() {
                return Err(format!("push.{setting}: must be 1 to {}", u32::MAX));
            }
        }
        let spans = [
            ("head_timeout", self.head_timeout),
            ("body_timeout", self.body_timeout),
            ("acknowledge", self.acknowledge),
        ];
        for (setting, span) in spans {
            if span.0.is_zero() || span.0 > Duration::from_secs(60) {
                return Err(format!(
                    "push.{setting}: must be more than 0 s, at most 60 s"
                ));
            }
        }
        if self.replay.0 > Duration::from_hours(30 * 24) {
            return Err("push.replay: must be at most 30 d".to_owned());
        }
        Ok(())
    }

    /// Address of the listener; `None` if there is none.
    ///
    /// # Errors
    /// Says that it is no address.
    pub fn address(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address = self.listen.parse();
        let wrong = |_| "push.listen: is not an address with a port".to_owned();
        address.map(Some).map_err(wrong)
    }
}

/// Path of the pushes of one account of a source, if it has any; `alone`: it is the only account.
pub fn path(source: &Source, alone: bool) -> Option<String> {
    source.descriptor.capabilities.push?;
    let id = source.descriptor.id;
    Some(match alone {
        true => format!("/push/{id}"),
        false => format!("/push/{id}/{}", source.account),
    })
}

/// The running listener, queue and workers.
pub struct Push {
    door: JoinHandle<()>,
    queue: Arc<Queue>,
    takers: Vec<AbortOnDropHandle<()>>,
    pollers: Vec<AbortOnDropHandle<()>>,
    stop: watch::Sender<bool>,
    drain: Duration,
}

impl Push {
    /// Starts, with what waits in `folder`, or with nothing and in memory, until `drained` says that
    /// the server stops.
    ///
    /// # Errors
    /// The file of the queue cannot be opened.
    pub fn start(
        settings: &Settings,
        listener: TcpListener,
        pipeline: &Pipeline,
        keys: &Arc<Keys>,
        folder: Option<&Path>,
        mut drained: watch::Receiver<bool>,
    ) -> Result<Self, String> {
        let shelf = Shelf::open(folder, keys, settings)?;
        let (queue, work) = Queue::start(settings, shelf, pipeline)?;
        let (stop, stopped) = watch::channel(false);
        let (mut takers, mut pollers) = (Vec::new(), Vec::new());
        for (desk, inbox) in queue.desks().iter().zip(work) {
            let taking = work::take(
                Arc::clone(desk),
                Arc::clone(&queue),
                pipeline.clone(),
                inbox.news,
                stopped.clone(),
            );
            let taking = crate::tasks::spawn("push-take", taking);
            takers.push(AbortOnDropHandle::new(taking));
            let polling = work::poll(
                Arc::clone(desk),
                Arc::clone(&queue),
                pipeline.clone(),
                inbox.polls,
            );
            let polling = crate::tasks::spawn("push-poll", polling);
            pollers.push(AbortOnDropHandle::new(polling));
        }
        let door = Door::new(
            settings,
            Arc::clone(&queue),
            pipeline.clone(),
            Arc::clone(keys),
        );
        let door = crate::tasks::spawn("push", async move {
            door::run(listener, door, async move { told(&mut drained).await }).await;
        });
        Ok(Self {
            door,
            queue,
            takers,
            pollers,
            stop,
            drain: settings.drain.0,
        })
    }

    /// Waits until nobody can push any more, works on what waits as long as there is time, and
    /// closes the file. Polls that wait are not waited for.
    pub async fn stop(self) {
        let _reported = self.door.await;
        drop(self.pollers);
        let _listened = self.stop.send(true);
        let taking = async {
            for taker in self.takers {
                let _reported = taker.await;
            }
        };
        if tokio::time::timeout(self.drain, taking).await.is_err() {
            tracing::warn!("pushes still wait to be worked on");
        }
        self.queue.stop().await;
    }
}
