//! What travels through the guard's stack, and the shape of one step of it.
//!
//! A step knows the call and the rest of the stack and nothing about its neighbours.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::Instant;
use tower::{Layer, Service};
use waybill_core::adapter::{Answer, BoxFuture};
use waybill_core::error::{Error, ErrorKind};

use super::{Asking, Priority, Share};

/// A call on its way to the source.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) asking: Asking,
    pub(super) deadline: Instant,
    pub(super) priority: Priority,
    pub(super) share: Share,
    /// Attempts that have left so far; shared by all clones of one call.
    pub(super) attempts: Arc<AtomicU32>,
    /// Requests of the attempt beside its first one, until the quota has counted them.
    pub(super) extra: Arc<AtomicU32>,
}

impl Call {
    /// When a call that has begun to wait now stops waiting.
    pub(super) fn give_up(&self, patience: Duration) -> Instant {
        match self.priority {
            Priority::Background => self.deadline,
            Priority::Interactive => later(Instant::now(), patience).min(self.deadline),
        }
    }
}

/// The source said something about at least one query.
pub(super) struct Reply {
    pub(super) answers: Vec<Answer>,
    pub(super) took: Duration,
    /// What it said, as received.
    pub(super) raw: Vec<Bytes>,
    /// When subscriptions have to be made again.
    pub(super) renewals: Vec<Option<Timestamp>>,
}

/// The call failed as a whole.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// How long the source was asked; `None`: the call never left.
    pub(super) took: Option<Duration>,
    /// The caller's deadline ended the attempt before the source could be called slow, which says
    /// nothing about the source.
    pub(super) cut: bool,
}

impl Failure {
    /// A call that was refused here.
    pub(super) fn unsent(kind: ErrorKind, message: &'static str) -> Self {
        Self {
            error: Error::new(kind, message).unspent(),
            took: None,
            cut: false,
        }
    }
}

/// What became of a call.
pub(super) type Outcome = Result<Reply, Failure>;

/// The rest of the stack, seen from one step.
pub(super) trait Next:
    Service<Call, Response = Reply, Error = Failure, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Next for S where
    S: Service<Call, Response = Reply, Error = Failure, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Something to do around the rest of the stack. Cheap to clone.
pub(super) trait Step: Clone + Send + Sync + 'static {
    /// Passes the call on, or refuses it.
    fn around<N: Next>(self, call: Call, next: N) -> impl Future<Output = Outcome> + Send;
}

/// Makes a tower layer of a step. It is always ready and decides in `call`: a decision taken in
/// `poll_ready` would be about no call in particular, and would be lost if none followed.
#[derive(Clone)]
pub(super) struct Around<T>(pub(super) T);

impl<T: Step, S> Layer<S> for Around<T> {
    type Service = Stepped<T, S>;

    fn layer(&self, next: S) -> Self::Service {
        Stepped {
            step: self.0.clone(),
            next,
        }
    }
}

/// A step in front of the rest of the stack.
#[derive(Clone)]
pub(super) struct Stepped<T, S> {
    step: T,
    next: S,
}

impl<T: Step, S: Next> Service<Call> for Stepped<T, S> {
    type Response = Reply;
    type Error = Failure;
    type Future = BoxFuture<'static, Outcome>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        Box::pin(self.step.clone().around(call, self.next.clone()))
    }
}

/// `at` plus `by`, or a time that nobody lives to see.
pub(super) fn later(at: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(86_400 * 365);
    at.checked_add(by).unwrap_or_else(|| at + FAR)
}
