//! Numbers that wait a moment to be asked for together, at sources that take several in one
//! upstream request.
//!
//! **Invariant:** who asks gets the answer to its own number, whatever becomes of the others: a
//! pack is sent when it is full or its window is over, and nobody waits for a number to come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use waybill_core::adapter::{Answer, Query};
use waybill_core::error::{Error, ErrorKind, Retry};

use super::{Question, Source};
use crate::guard::{Ask, Asked, Asking, Priority, Share};

/// Background calls of one source that are on their way at a time: fewer than its bulkhead lets
/// through, so that a batch of a thousand numbers is never shed, and callers who wait have room.
const BACKGROUND: usize = 16;
/// Time that a background call needs once it has its turn. With less it would wait for the quota,
/// leave at the last moment, and be spent on an answer that comes too late.
const BACKGROUND_LEAST: Duration = Duration::from_secs(5);
/// Nobody waits for a background call, which can wait longer for company.
const BACKGROUND_WINDOWS: u32 = 5;

/// The packs of one source that are still open, one for each kind of call.
pub struct Pack {
    packs: Mutex<Packs>,
    background: Semaphore,
}

impl Default for Pack {
    fn default() -> Self {
        Self {
            packs: Mutex::default(),
            background: Semaphore::new(BACKGROUND),
        }
    }
}

#[derive(Default)]
struct Packs {
    open: HashMap<(Priority, Share), Open>,
    /// Packs opened so far.
    opened: u64,
}

/// A pack that takes further numbers.
struct Open {
    /// Tells it from the one that takes its place.
    serial: u64,
    deadline: Instant,
    queries: Vec<Query>,
    replies: Vec<oneshot::Sender<Answered>>,
}

/// What came of one number.
pub(super) struct Answered {
    pub(super) answer: Answer,
    /// Upstream requests of the call that it was part of.
    pub(super) attempts: u32,
    pub(super) latency: Option<Duration>,
    /// Bodies of that call, as received.
    pub(super) raw: Arc<[Bytes]>,
}

/// Asks a source for one number, together with others that come within `window`, or for one order
/// by itself.
pub(super) async fn ask(
    source: &Arc<Source>,
    question: Question,
    deadline: Instant,
    priority: Priority,
    share: Share,
    window: Duration,
) -> Answered {
    let kind = (priority, share);
    let query = match question {
        Question::Order(query) => {
            let asking = Asking::Order(Arc::new(query));
            return first(send(source, asking, deadline, kind).await);
        }
        Question::Number(query) if source.limits.batch <= 1 => {
            let asking = Asking::Numbers(Arc::from([query]));
            return first(send(source, asking, deadline, kind).await);
        }
        Question::Number(query) => query,
    };
    let (reply, answered) = oneshot::channel();
    let (serial, count) = {
        let mut packs = lock(&source.pack);
        let Packs { open, opened } = &mut *packs;
        let open = open.entry(kind).or_insert_with(|| {
            *opened += 1;
            Open {
                serial: *opened,
                deadline,
                queries: Vec::new(),
                replies: Vec::new(),
            }
        });
        open.deadline = open.deadline.max(deadline);
        open.queries.push(query);
        open.replies.push(reply);
        (open.serial, open.queries.len())
    };
    if count >= source.limits.batch {
        close(source, kind, serial);
    } else if count == 1 {
        let source = Arc::clone(source);
        let window = match priority {
            Priority::Interactive => window,
            Priority::Background => window * BACKGROUND_WINDOWS,
        };
        crate::tasks::spawn("pack", async move {
            sleep(window).await;
            close(&source, kind, serial);
        });
    }
    answered.await.unwrap_or_else(|_| Answered {
        answer: Err(Error::new(ErrorKind::Internal, "the question to the source died").unspent()),
        attempts: 0,
        latency: None,
        raw: Arc::default(),
    })
}

/// Sends a pack off, unless that has been done.
fn close(source: &Arc<Source>, kind: (Priority, Share), serial: u64) {
    let open = {
        let mut packs = lock(&source.pack);
        match packs.open.get(&kind) {
            Some(open) if open.serial == serial => packs.open.remove(&kind),
            _ => None,
        }
    };
    let Some(Open {
        deadline,
        queries,
        replies,
        ..
    }) = open
    else {
        return;
    };
    let source = Arc::clone(source);
    crate::tasks::spawn("ask", async move {
        let Asked {
            answers,
            attempts,
            latency,
            raw,
            ..
        } = send(&source, Asking::Numbers(queries.into()), deadline, kind).await;
        for (reply, answer) in replies.into_iter().zip(answers) {
            // Who has gone does not need it.
            let _gone = reply.send(Answered {
                answer,
                attempts,
                latency,
                raw: Arc::clone(&raw),
            });
        }
    });
}

async fn send(
    source: &Source,
    asking: Asking,
    deadline: Instant,
    (priority, share): (Priority, Share),
) -> Asked {
    let turn = match priority {
        Priority::Interactive => None,
        Priority::Background => {
            let latest = deadline - BACKGROUND_LEAST;
            let Ok(turn) = timeout_at(latest, source.pack.background.acquire()).await else {
                return Asked {
                    renewals: Vec::new(),
                    answers: vec![Err(no_turn(source)); asking.count()],
                    attempts: 0,
                    latency: None,
                    raw: Arc::default(),
                };
            };
            turn.ok()
        }
    };
    let asked = source
        .guard
        .ask(Ask {
            asking,
            deadline,
            priority,
            share,
        })
        .await;
    drop(turn);
    asked
}

/// Why a background call had no turn in time: those before it wait for the quota, or for a source
/// that is slow.
fn no_turn(source: &Source) -> Error {
    let due = source.guard.quota_due();
    if due.is_zero() {
        let message = "others waited for the source, too, and were first";
        return Error::new(ErrorKind::Overloaded, message).unspent();
    }
    let message = "others waited for the quota, too, and were first";
    let error = Error::new(ErrorKind::Throttled, message).unspent();
    error.with_retry(Retry::After(due))
}

fn first(asked: Asked) -> Answered {
    let answer = asked.answers.into_iter().next().unwrap_or_else(|| {
        let message = "the adapter gave no answer to the query";
        Err(Error::new(ErrorKind::Internal, message))
    });
    Answered {
        answer,
        attempts: asked.attempts,
        latency: asked.latency,
        raw: asked.raw,
    }
}

/// Locks; a panic elsewhere leaves whole packs behind.
fn lock(pack: &Pack) -> std::sync::MutexGuard<'_, Packs> {
    pack.packs.lock().unwrap_or_else(PoisonError::into_inner)
}
