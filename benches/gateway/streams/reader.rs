//! Very many streams on a few connections, of which only frames are counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use waybill::v1;
use waybill::v1::watch_message::Kind;

/// Requests of one connection that wait for their head at the same time.
const OPENING: usize = 100;

/// Open streams; they end when this is dropped.
pub(super) struct Streams {
    shared: Arc<Shared>,
    _tasks: tokio::task::JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    messages: AtomicUsize,
    ended: AtomicUsize,
    last: Mutex<Bytes>,
    counter: Mutex<Option<Counter>>,
}

/// When updates were sent, and how long they took.
#[derive(Clone, Default)]
pub(super) struct Counter(Arc<Mutex<Times>>);

#[derive(Default)]
struct Times {
    /// By number; each delivery takes those that it covers.
    sent: HashMap<String, Vec<Instant>>,
    delays: Vec<f64>,
}

impl Counter {
    pub(super) fn sent(&self, number: &str, at: Instant) {
        let mut times = self.0.lock().unwrap();
        times.sent.entry(number.to_owned()).or_default().push(at);
    }

    /// An update with so many new events; what waited longest counts for itself.
    fn delivered(&self, number: &str, events: usize) {
        let now = Instant::now();
        let mut times = self.0.lock().unwrap();
        let sent = times.sent.entry(number.to_owned()).or_default();
        let covered: Vec<Instant> = sent.drain(..events.min(sent.len())).collect();
        let delays = covered.iter().map(|at| (now - *at).as_secs_f64());
        times.delays.extend(delays);
    }

    pub(super) fn delays(&self) -> Vec<f64> {
        self.0.lock().unwrap().delays.clone()
    }
}

impl Streams {
    /// Opens streams and reads the head of each.
    pub(super) async fn open(
        port: u16,
        connections: usize,
        count: usize,
        open: impl Fn(usize) -> v1::WatchOpen,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = tokio::task::JoinSet::new();
        let (heads, mut opened) = tokio::sync::mpsc::channel(OPENING);
        for connection in 0..connections {
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", port));
            let stream = stream.await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
            builder.initial_max_send_streams(OPENING);
            let (sender, driver) = builder
                .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
                .await
                .unwrap();
            tasks.spawn(async move {
                let _ended = driver.await;
            });
            for at in (connection..count).step_by(connections) {
                let request = http::Request::post(format!(
                    "http://127.0.0.1:{port}/waybill.v1.TrackingService/Follow"
                ))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(Full::new(super::request(open(at))))
                .unwrap();
                let mut sender = sender.clone();
                let (heads, shared) = (heads.clone(), Arc::clone(&shared));
                tasks.spawn(async move {
                    sender.ready().await.unwrap();
                    let answer = sender.send_request(request).await.unwrap();
                    assert!(answer.headers().get("grpc-status").is_none(), "{answer:?}");
                    heads.send(()).await.unwrap();
                    drop(heads);
                    read(answer.into_body(), &shared).await;
                    shared.ended.fetch_add(1, Ordering::Relaxed);
                });
                // A few at a time: a flood of requests is not what is measured.
                if at / connections % OPENING == OPENING - 1 {
                    for _ in 0..OPENING {
                        opened.recv().await.unwrap();
                    }
                }
            }
            let rest = (connection..count).step_by(connections).len() % OPENING;
            for _ in 0..rest {
                opened.recv().await.unwrap();
            }
        }
        Self {
            shared,
            _tasks: tasks,
        }
    }

    /// Messages that have come.
    pub(super) fn messages(&self) -> usize {
        self.shared.messages.load(Ordering::Acquire)
    }

    /// Streams that have ended.
    pub(super) fn ended(&self) -> usize {
        self.shared.ended.load(Ordering::Acquire)
    }

    /// The newest message with its frame head.
    pub(super) fn last_frame(&self) -> Bytes {
        self.shared.last.lock().unwrap().clone()
    }

    /// Decodes updates from now on.
    pub(super) fn decode_into(&self, counter: &Counter) {
        *self.shared.counter.lock().unwrap() = Some(counter.clone());
    }

    /// Waits until nothing has come for a while.
    pub(super) async fn quiet(&self) {
        let mut last = usize::MAX;
        while last != self.messages() {
            last = self.messages();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    /// Waits until so many messages have come.
    pub(super) async fn reaches(&self, count: usize) {
        while self.messages() < count {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
}

async fn read(mut body: Incoming, shared: &Shared) {
    let mut buffer = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else {
            return;
        };
        // Mostly a frame is a message.
        buffer.extend_from_slice(&data);
        while let Some(head) = buffer.first_chunk::<5>() {
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
            let length = 5 + usize::try_from(length).unwrap();
            if buffer.len() < length {
                break;
            }
            let message = buffer.split_to(length).freeze();
            if let Some(counter) = &*shared.counter.lock().unwrap() {
                count(&message[5..], counter);
            }
            *shared.last.lock().unwrap() = message;
            shared.messages.fetch_add(1, Ordering::AcqRel);
        }
        if buffer.is_empty() {
            // An idle stream holds nothing on this side either.
            buffer = BytesMut::new();
        }
    }
}

fn count(message: &[u8], counter: &Counter) {
    let message = v1::WatchMessage::decode(message).unwrap();
    let Some(Kind::Update(update)) = message.kind else {
        return;
    };
    if let Some(record) = &update.shipment {
        counter.delivered(&record.tracking_number, update.new_event_ids.len());
    }
}
