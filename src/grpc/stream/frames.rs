//! The body of a stream: its work runs whenever the connection has room for more, so a stream needs
//! neither a task nor a queue of its own, and a reader that stops reading stops the work.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use http_body::Frame;
use prost::Message as _;
use tonic::Status;

use crate::grpc::front::HEAD;
use crate::grpc::status::Failure;
use crate::v1;

/// Messages that are ready before the work waits for the reader.
const WINDOW: usize = 8;

/// Messages that the work has made and the connection has not taken.
#[derive(Clone, Default)]
pub(super) struct Outbox(Arc<Mutex<VecDeque<Bytes>>>);

/// A body that is made by some work.
pub struct Frames {
    work: Option<BoxFuture<'static, Result<(), Status>>>,
    outbox: Outbox,
}

impl Outbox {
    /// Adds a message, and waits while there are many: the body asks the work again only once they
    /// are taken, so nobody has to be woken.
    pub(super) async fn push(&self, frame: Bytes) {
        let mut frame = Some(frame);
        std::future::poll_fn(|_| {
            if let Some(frame) = frame.take() {
                self.lock().push_back(frame);
            }
            match self.lock().len() < WINDOW {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    fn pop(&self) -> Option<Bytes> {
        let mut frames = self.lock();
        let frame = frames.pop_front();
        // What a burst has taken is given back: most streams are quiet for most of their time.
        if frames.is_empty() && frames.capacity() > WINDOW {
            *frames = VecDeque::new();
        }
        frame
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frames {
    /// A body that ends with the status of its work.
    pub(super) fn new(
        outbox: Outbox,
        work: impl Future<Output = Result<(), Status>> + Send + 'static,
    ) -> Self {
        let work = AssertUnwindSafe(work).catch_unwind().map(|ended| {
            ended.unwrap_or_else(|_| Err(Failure::internal("a stream panicked").into()))
        });
        Self {
            work: Some(Box::pin(work)),
            outbox,
        }
    }

    /// Whether nothing more comes.
    pub(in crate::grpc) fn is_over(&self) -> bool {
        self.work.is_none() && self.outbox.lock().is_empty()
    }

    /// The next frame: messages, then the trailers.
    pub(in crate::grpc) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(frame) = self.outbox.pop() {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let Some(work) = &mut self.work else {
            return Poll::Ready(None);
        };
        let ended = Pin::new(work).poll(context);
        if let Some(frame) = self.outbox.pop() {
            if let Poll::Ready(ended) = ended {
                self.work = Some(Box::pin(std::future::ready(ended)));
            }
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let Poll::Ready(ended) = ended else {
            return Poll::Pending;
        };
        self.work = None;
        let status = ended.err().unwrap_or_else(|| Status::ok(""));
        let mut trailers = HeaderMap::with_capacity(1);
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }
}

/// The part of a message that says something, encoded: what many streams have in common.
pub(super) fn encode(kind: v1::watch_message::Kind) -> Bytes {
    let message = v1::WatchMessage {
        kind: Some(kind),
        ..Default::default()
    };
    message.encode_to_vec().into()
}

/// A message with its frame head: what only one stream has, and what it says.
pub(super) fn frame(sequence: u64, resume_token: &Bytes, kind: &[u8]) -> Bytes {
    let own = v1::WatchMessage {
        sequence,
        resume_token: resume_token.to_vec(),
        kind: None,
    };
    let length = own.encoded_len() + kind.len();
    let mut frame = BytesMut::with_capacity(HEAD + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    own.encode_raw(&mut frame);
    // Fields of one message can stand one behind the other.
    frame.put_slice(kind);
    frame.freeze()
}
