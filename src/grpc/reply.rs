//! The body of an answer: one frame that is kept, a stream of ours, or what tonic made.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use tonic::{Code, Status};

use super::status::Failure;
use super::stream::frames::Frames;
use crate::server::Running;
use crate::v1;

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

pub(super) fn ok(frame: Bytes) -> Response<Reply> {
    reply(Reply::Frame(Some(frame)))
}

pub(super) fn reply(body: Reply) -> Response<Reply> {
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, grpc);
    response
}

/// Gives the failures that tonic itself finds (a message too large, not decodable, an unknown
/// method) the reason and the trailers that every failed call carries.
pub(super) fn typed(response: Response<tonic::body::Body>, limit: usize) -> Response<Reply> {
    let failed = Status::from_header_map(response.headers())
        .filter(|_| !response.headers().contains_key("waybill-reason"));
    match failed.and_then(|status| found_by_tonic(status.code(), limit)) {
        Some(failure) => Status::from(failure).into_http(),
        None => response.map(|body| Reply::Tonic(Box::new(body), None)),
    }
}

/// What tonic means by a code that only it uses.
pub(super) fn found_by_tonic(code: Code, limit: usize) -> Option<Failure> {
    match code {
        Code::OutOfRange => Some(Failure::too_large(limit)),
        Code::Unimplemented => Some(Failure::new(
            v1::ErrorReason::Unsupported,
            "no such method or encoding",
        )),
        Code::Internal => Some(Failure::field(
            "request",
            "is not one well-formed gRPC message",
        )),
        _ => None,
    }
}
