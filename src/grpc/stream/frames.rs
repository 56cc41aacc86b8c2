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
use prost::encoding;
use tonic::Status;

use crate::grpc::front::HEAD;
use crate::grpc::status::Failure;
use crate::v1;

/// Messages that are ready before the work waits for the reader.
const WINDOW: usize = 8;

/// Numbers of the fields of a message that are a stream's own.
const SEQUENCE: u32 = 1;
const RESUME_TOKEN: u32 = 2;

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
    let own = encoding::uint64::encoded_len(SEQUENCE, &sequence)
        + encoding::bytes::encoded_len(RESUME_TOKEN, resume_token);
    let length = own + kind.len();
    let mut frame = BytesMut::with_capacity(HEAD + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    encoding::uint64::encode(SEQUENCE, &sequence, &mut frame);
    encoding::bytes::encode(RESUME_TOKEN, resume_token, &mut frame);
    // Fields of one message can stand one behind the other.
    frame.put_slice(kind);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_parts_is_the_message_as_a_whole() {
        use v1::watch_message::Kind;
        let kind = Kind::Synced(v1::WatchSynced { shipment_count: 7 });
        for token in [Bytes::new(), Bytes::from_static(b"token")] {
            let frame = frame(300, &token, &encode(kind.clone()));
            let (head, message) = frame.split_at(HEAD);
            assert_eq!(head[0], 0);
            assert_eq!(
                u32::try_from(message.len()).unwrap().to_be_bytes(),
                head[1..]
            );
            let expected = v1::WatchMessage {
                sequence: 300,
                resume_token: token.to_vec(),
                kind: Some(kind.clone()),
            };
            assert_eq!(v1::WatchMessage::decode(message).unwrap(), expected);
        }
    }

    fn next(frames: &mut Frames) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        frames.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }

    fn trailer(frames: &mut Frames) -> String {
        let Poll::Ready(Some(Ok(frame))) = next(frames) else {
            unreachable!("there are trailers")
        };
        let trailers = frame.into_trailers().unwrap();
        assert!(matches!(next(frames), Poll::Ready(None)) && frames.is_over());
        trailers["grpc-status"].to_str().unwrap().to_owned()
    }

    #[test]
    fn work_waits_for_a_reader_that_does_not_read_and_ends_with_its_status() {
        let outbox = Outbox::default();
        let (made, counted) = (Arc::new(Mutex::new(0)), outbox.clone());
        let count = Arc::clone(&made);
        let mut frames = Frames::new(outbox, async move {
            for at in 0..3 * WINDOW {
                *count.lock().unwrap() = at + 1;
                counted.push(Bytes::from(vec![at as u8])).await;
            }
            Ok(())
        });
        for at in 0..3 * WINDOW {
            let Poll::Ready(Some(Ok(frame))) = next(&mut frames) else {
                unreachable!("message {at}")
            };
            assert_eq!(frame.into_data().unwrap(), [at as u8][..]);
            assert!(*made.lock().unwrap() <= at + WINDOW, "no further ahead");
        }
        assert_eq!(trailer(&mut frames), "0");
        let panics = async { std::panic::panic_any("on purpose") };
        assert_eq!(trailer(&mut Frames::new(Outbox::default(), panics)), "13");
    }
}
