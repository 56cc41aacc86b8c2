//! The baseline: a tonic stream that gets encoded messages through a channel, and nothing else.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};

/// Messages that wait for one reader.
const WINDOW: usize = 8;

type Readers = Arc<Mutex<Vec<mpsc::Sender<Result<Bytes, Status>>>>>;

/// Serves until it is killed; every line of the standard input is a frame for everybody.
pub(super) async fn serve() {
    let readers = Readers::default();
    let service = Bare(Arc::clone(&readers));
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", port.local_addr().unwrap().port());
    let incoming = tonic::transport::server::TcpIncoming::from(port).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    let (lines, mut frames) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let line = line.unwrap();
            let bytes = (0..line.len()).step_by(2);
            let bytes = bytes.map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap());
            // Without the head, which tonic writes itself.
            let message: Bytes = bytes.skip(5).collect();
            lines.send(message).unwrap();
        }
    });
    while let Some(message) = frames.recv().await {
        let all = readers.lock().unwrap().clone();
        for reader in all {
            let _gone = reader.send(Ok(message.clone())).await;
        }
    }
    std::future::pending::<()>().await;
}

#[derive(Clone)]
struct Bare(Readers);

impl NamedService for Bare {
    const NAME: &'static str = "waybill.v1.TrackingService";
}

impl tower::Service<http::Request<tonic::body::Body>> for Bare {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let service = Follow(Arc::clone(&self.0));
        Box::pin(async move { Ok(Grpc::new(Raw).server_streaming(service, request).await) })
    }
}

struct Follow(Readers);

impl ServerStreamingService<Bytes> for Follow {
    type Response = Bytes;
    type ResponseStream = ReceiverStream<Result<Bytes, Status>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        let (sender, receiver) = mpsc::channel(WINDOW);
        // One message, as ours begins with more than one.
        sender.try_send(Ok(Bytes::from_static(b"opened"))).unwrap();
        self.0.lock().unwrap().push(sender);
        std::future::ready(Ok(Response::new(ReceiverStream::new(receiver))))
    }
}

/// Bytes as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
