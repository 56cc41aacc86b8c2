//! The body of an answer: one frame that is kept, a stream of ours, or what tonic made.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

use super::stream::frames::Frames;
use crate::server::Running;

/// Body of an answer.
#[derive(Default)]
pub enum Reply {
    /// One frame, then the trailer of success.
    Frame(Option<Bytes>),
    /// Messages as they come.
    Stream(Box<Frames>),
    /// What tonic made, and the work that it stands for as long as it is sent.
    Tonic(Box<tonic::body::Body>, Option<Running>),
    /// Nothing more.
    #[default]
    Done,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        match this {
            Self::Tonic(body, _) => Pin::new(body.as_mut()).poll_frame(cx),
            Self::Stream(frames) => frames.poll(cx),
            Self::Done => Poll::Ready(None),
            Self::Frame(frame) => match frame.take() {
                Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                None => {
                    *this = Self::Done;
                    let mut trailers = HeaderMap::with_capacity(1);
                    trailers.insert("grpc-status", HeaderValue::from_static("0"));
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Frame(_) => false,
            Self::Tonic(body, _) => body.is_end_stream(),
            Self::Stream(frames) => frames.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Tonic(body, _) => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
