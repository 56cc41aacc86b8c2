//! The front door against clients that are silent, idle, slow or hostile. Connections are
//! in-memory pipes and the clock stands still, so hours pass in no time and nothing is flaky.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use waybill::server::{Drained, Listener, Peer, Settings, run};

/// Connections that a test puts in.
struct Pipes(mpsc::UnboundedReceiver<(DuplexStream, SocketAddr)>);

impl Listener for Pipes {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(accepted) => Ok(accepted),
            None => std::future::pending().await,
        }
    }
}

/// A running server: `/` answers at once, `/slow` when `release` is notified, `/panic` never.
struct Server {
    connect: mpsc::UnboundedSender<(DuplexStream, SocketAddr)>,
    release: Arc<Notify>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
}

impl Server {
    fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let (connect, pipes) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let release = Arc::new(Notify::new());
        let service = service(Arc::clone(&release));
        let ended = tokio::spawn(run(Pipes(pipes), service, settings, async {
            let _ = stopped.await;
        }));
        Self {
            connect,
            release,
            stop,
            ended,
        }
    }

    fn pipe_from(&self, peer: &str) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        self.connect.send((theirs, peer)).unwrap();
        ours
    }

    fn pipe(&self) -> DuplexStream {
        self.pipe_from("192.0.2.1")
    }

    async fn client(&self) -> Client {
        let io = TokioIo::new(self.pipe());
        let executor = TokioExecutor::new();
        let (send, connection) = hyper::client::conn::http2::handshake(executor, io)
            .await
            .unwrap();
        let closed = tokio::spawn(async move {
            let _ = connection.await;
        });
        Client { send, closed }
    }

    async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap()
    }
}

type Answer = Result<Response<Full<Bytes>>, Infallible>;

fn service(
    release: Arc<Notify>,
) -> impl tower::Service<
    Request<Incoming>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future = impl Future<Output = Answer> + Send + 'static,
> + Clone
+ Send
+ 'static {
    tower::service_fn(move |request: Request<Incoming>| {
        let release = Arc::clone(&release);
        async move {
            if request.uri().path() == "/slow" {
                release.notified().await;
            }
            assert_ne!(request.uri().path(), "/panic", "on purpose");
            let peer = request.extensions().get::<Peer>().unwrap();
            if let Some(principal) = request.uri().path().strip_prefix("/as/")
                && !peer.count_for(principal)
            {
                let mut refused = Response::new(Full::new(Bytes::new()));
                *refused.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
                return Ok(refused);
            }
            Ok(Response::new(Full::new(Bytes::from_static(b"done"))))
        }
    })
}

struct Client {
    send: SendRequest<Empty<Bytes>>,
    closed: JoinHandle<()>,
}

impl Client {
    /// Sends a request; the future waits for the answer.
    fn get(&mut self, path: &str) -> impl Future<Output = hyper::Result<u16>> + use<> {
        let uri = format!("http://waybill.test{path}");
        let request = Request::get(uri).body(Empty::new()).unwrap();
        let answer = self.send.send_request(request);
        async move { answer.await.map(|answer| answer.status().as_u16()) }
    }
}

/// Waits until the peer has closed, and says how long that took from `since`.
async fn closed_after(pipe: &mut DuplexStream, since: Instant) -> Duration {
    let mut rest = Vec::new();
    // A reset is as good an end as any.
    let _ = pipe.read_to_end(&mut rest).await;
    since.elapsed()
}

/// Lets everything run that can run without the clock.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

fn about(seconds: u64) -> impl Fn(Duration) -> bool {
    let expected = Duration::from_secs(seconds);
    move |actual| actual.abs_diff(expected) < Duration::from_millis(100)
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_whole_preface_is_closed_after_ten_seconds() {
    let server = Server::start(|_| ());
    let start = Instant::now();
    let mut silent = server.pipe();
    let mut half = server.pipe();
    half.write_all(&PREFACE[..12]).await.unwrap();
    let (silent, half) = tokio::join!(
        closed_after(&mut silent, start),
        closed_after(&mut half, start)
    );
    assert!(about(10)(silent), "{silent:?}");
    assert!(about(10)(half), "{half:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_nothing_is_told_to_go_after_a_minute() {
    let server = Server::start(|_| ());
    let start = Instant::now();
    let client = server.client().await;
    client.closed.await.unwrap();
    assert!(about(60)(start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn something_else_than_http2_is_closed_at_once() {
    let server = Server::start(|_| ());
    let start = Instant::now();
    let mut pipe = server.pipe();
    let request = b"GET / HTTP/1.1\r\nhost: waybill.test\r\n\r\n";
    pipe.write_all(request).await.unwrap();
    let took = closed_after(&mut pipe, start).await;
    assert!(about(0)(took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_is_told_to_go_and_its_running_request_ends_well() {
    let server = Server::start(|settings| settings.grace = Duration::from_secs(600));
    let start = Instant::now();
    let mut client = server.client().await;
    assert_eq!(client.get("/").await.unwrap(), 200);
    let slow = client.get("/slow");
    // The latest age is 38.5 minutes.
    sleep(Duration::from_secs(39 * 60)).await;
    assert!(client.get("/").await.is_err(), "it takes new requests");
    server.release.notify_one();
    assert_eq!(slow.await.unwrap(), 200);
    client.closed.await.unwrap();
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    assert!(minutes < 39.1, "{minutes}");
}

#[tokio::test(start_paused = true)]
async fn ages_differ_within_ten_per_cent() {
    let server = Server::start(|_| ());
    let start = Instant::now();
    let mut ages = Vec::new();
    for _ in 0..20 {
        let mut client = server.client().await;
        client.get("/").await.unwrap();
        ages.push(tokio::spawn(async move {
            let _held = client.send;
            client.closed.await.unwrap();
            start.elapsed().as_secs()
        }));
    }
    let mut seconds = Vec::new();
    for age in ages {
        seconds.push(age.await.unwrap());
    }
    seconds.sort_unstable();
    assert!(
        seconds[0] >= 35 * 54 && seconds[19] <= 35 * 66,
        "{seconds:?}"
    );
    seconds.dedup();
    assert!(seconds.len() > 10, "they leave together: {seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_outlives_age_and_grace_is_cut() {
    let server = Server::start(|settings| settings.age = Duration::from_secs(600));
    let start = Instant::now();
    let mut client = server.client().await;
    assert!(client.get("/slow").await.is_err());
    let took = start.elapsed().as_secs();
    assert!((540 + 60..=660 + 61).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_panics_takes_nobody_with_it() {
    let server = Server::start(|_| ());
    let mut client = server.client().await;
    let slow = client.get("/slow");
    assert!(client.get("/panic").await.is_err());
    server.release.notify_one();
    assert_eq!(slow.await.unwrap(), 200);
    assert_eq!(client.get("/").await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanished_is_noticed_by_keep_alive() {
    let server = Server::start(|_| ());
    let mut pipe = server.pipe();
    pipe.write_all(PREFACE).await.unwrap();
    // Settings, then a request, then nothing ever again: no answer to a ping either.
    pipe.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    pipe.write_all(&headers(1)).await.unwrap();
    let start = Instant::now();
    let took = closed_after(&mut pipe, start).await;
    assert!(about(50)(took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_nobody_but_running_requests() {
    let server = Server::start(|_| ());
    let mut silent = server.pipe();
    let idle = server.client().await;
    let mut busy = server.client().await;
    let slow = busy.get("/slow");
    settle().await;
    let start = Instant::now();
    let release = Arc::clone(&server.release);
    let stopped = tokio::spawn(server.stop());
    idle.closed.await.unwrap();
    let took = closed_after(&mut silent, start).await;
    assert!(about(0)(took), "{took:?}");
    assert!(
        !stopped.is_finished(),
        "the running request was not waited for"
    );
    sleep(Duration::from_secs(5)).await;
    release.notify_one();
    assert_eq!(slow.await.unwrap(), 200);
    assert_eq!(stopped.await.unwrap(), Drained { open: 3, cut: 0 });
    assert!(about(5)(start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_at_its_deadline_and_cuts_what_still_runs() {
    let server = Server::start(|_| ());
    let mut client = server.client().await;
    let slow = client.get("/slow");
    settle().await;
    let start = Instant::now();
    let connect = server.connect.clone();
    assert_eq!(server.stop().await, Drained { open: 1, cut: 1 });
    assert!(about(40)(start.elapsed()), "{:?}", start.elapsed());
    assert!(slow.await.is_err());
    assert!(connect.is_closed(), "it still listens");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_server_closes_its_connections() {
    let server = Server::start(|_| ());
    let mut client = server.client().await;
    client.get("/").await.unwrap();
    server.ended.abort();
    client.closed.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_address_cannot_take_every_connection() {
    let server = Server::start(|settings| settings.connections_per_address = 2);
    let mut first = server.client().await;
    let second = server.pipe();
    let start = Instant::now();
    let mut third = server.pipe();
    assert!(about(0)(closed_after(&mut third, start).await));
    // The same address, written as IPv6.
    let mut mapped = server.pipe_from("::ffff:192.0.2.1");
    assert!(about(0)(closed_after(&mut mapped, start).await));
    let mut other = server.pipe_from("192.0.2.2");
    assert!(about(10)(closed_after(&mut other, start).await));
    assert_eq!(first.get("/").await.unwrap(), 200);
    // A place that was given back can be taken again.
    drop(second);
    settle().await;
    let mut again = server.client().await;
    assert_eq!(again.get("/").await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn behind_a_trusted_proxy_the_clients_are_counted_and_not_the_proxy() {
    let server = Server::start(|settings| {
        settings.connections_per_address = 2;
        settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    });
    let start = Instant::now();
    let open = async |from: &str, header: &str| {
        let mut pipe = server.pipe_from(from);
        pipe.write_all(header.as_bytes()).await.unwrap();
        pipe.write_all(PREFACE).await.unwrap();
        pipe.write_all(&frame(4, 0, 0, &[])).await.unwrap();
        let mut answer = Vec::new();
        let ended = pipe.read_to_end(&mut answer);
        let kept = tokio::time::timeout(Duration::from_millis(1), ended).await;
        kept.is_err().then_some(pipe)
    };
    let header = |client: &str| format!("PROXY TCP4 {client} 10.0.0.1 5000 50051\r\n");
    let mut kept = Vec::new();
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        kept.push(open("10.1.1.1", &header(client)).await.expect(client));
    }
    assert!(open("10.1.1.2", &header("192.0.2.1")).await.is_none());
    // The client's own connection counts with those through the proxy.
    assert!(open("192.0.2.1", "").await.is_none());
    assert!(open("192.0.2.4", "").await.is_some());
    // Nobody else is believed, and the proxy has to say it.
    assert!(open("192.0.2.9", &header("192.0.2.8")).await.is_none());
    assert!(open("10.1.1.1", "").await.is_none());
    assert!(about(0)(start.elapsed()), "{:?}", start.elapsed());
    let mut silent = server.pipe_from("10.1.1.1");
    assert!(about(10)(closed_after(&mut silent, start).await));
}

#[tokio::test(start_paused = true)]
async fn a_silent_proxy_does_not_hold_up_a_drain() {
    let server = Server::start(|settings| {
        settings.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
    });
    let _silent = server.pipe();
    settle().await;
    let start = Instant::now();
    assert_eq!(server.stop().await, Drained { open: 1, cut: 0 });
    assert!(about(0)(start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_principal_has_so_many_connections_and_no_more() {
    let server = Server::start(|settings| settings.connections_per_principal = 2);
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(server.client().await);
    }
    let mut answers = Vec::new();
    for client in &mut clients {
        answers.push(client.get("/as/acme").await.unwrap());
    }
    assert_eq!(answers, [200, 200, 429]);
    // A connection counts once, however often it asks, and others are others.
    assert_eq!(clients[0].get("/as/acme").await.unwrap(), 200);
    assert_eq!(clients[2].get("/as/other").await.unwrap(), 200);
    drop(clients.remove(0));
    settle().await;
    assert_eq!(clients[1].get("/as/acme").await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_frames_that_only_make_work_is_cut() {
    let ping = frame(6, 0, 0, &[7; 8]);
    let settings = frame(4, 0, 0, &[]);
    let priority = frame(2, 0, 1, &[0, 0, 0, 3, 1]);
    for flood in [ping, settings, priority] {
        let server = Server::start(|_| ());
        let mut pipe = server.pipe();
        pipe.write_all(PREFACE).await.unwrap();
        pipe.write_all(&frame(4, 0, 0, &[])).await.unwrap();
        let (mut read, mut write) = tokio::io::split(pipe);
        // As many as a lively client may send, at a lively pace, are answered.
        for _ in 0..4 {
            write.write_all(&flood.repeat(90)).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        write.write_all(&flood.repeat(900)).await.unwrap();
        let attack =
            tokio::spawn(async move { while write.write_all(&flood.repeat(100)).await.is_ok() {} });
        let start = Instant::now();
        let mut answer = Vec::new();
        let _ = read.read_to_end(&mut answer).await;
        assert!(about(0)(start.elapsed()), "{:?}", start.elapsed());
        attack.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_limits_are_announced() {
    let server = Server::start(|settings| settings.streams_per_connection = 7);
    let mut pipe = server.pipe();
    pipe.write_all(PREFACE).await.unwrap();
    let mut head = [0; 9];
    pipe.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the first frame holds the settings");
    let mut body = vec![0; usize::from(head[2])];
    pipe.read_exact(&mut body).await.unwrap();
    let value = |id: u8| {
        let entry = body.chunks(6).find(|entry| entry[1] == id)?;
        Some(u32::from_be_bytes(entry[2..].try_into().unwrap()))
    };
    assert_eq!(value(3), Some(7), "concurrent streams");
    assert_eq!(value(4), Some(65_536), "stream window");
    assert_eq!(value(5), Some(16_384), "frame size");
    assert_eq!(value(6), Some(16_384), "header list");
}

/// HEADERS of `GET http://…/slow`, end of stream.
fn headers(stream: u32) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, 0x05];
    block.extend_from_slice(b"/slow");
    frame(1, 0x5, stream, &block)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

#[tokio::test(start_paused = true)]
async fn floods_of_resets_end_the_connection() {
    let rapid_reset: fn(u32) -> Vec<u8> = |stream| {
        let mut frames = headers(stream);
        frames.extend(frame(3, 0, stream, &[0, 0, 0, 8]));
        frames
    };
    // A header that HTTP/2 forbids.
    let malformed: fn(u32) -> Vec<u8> = |stream| {
        let block = b"\x82\x86\x84\x00\x0aconnection\x01x";
        frame(1, 0x5, stream, block)
    };
    for flood in [rapid_reset, malformed] {
        let server = Server::start(|_| ());
        let (mut read, mut write) = tokio::io::split(server.pipe());
        let attack = tokio::spawn(async move {
            write.write_all(PREFACE).await.unwrap();
            let settings = frame(4, 0, 0, &[]);
            write.write_all(&settings).await.unwrap();
            for stream in 0..1000 {
                if write.write_all(&flood(stream * 2 + 1)).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        });
        let start = Instant::now();
        let mut answer = Vec::new();
        let _ = read.read_to_end(&mut answer).await;
        assert!(about(0)(start.elapsed()), "{:?}", start.elapsed());
        let enhance_your_calm = [0, 0, 0, 11];
        assert!(
            answer.windows(4).any(|bytes| bytes == enhance_your_calm),
            "{answer:?}"
        );
        attack.abort();
    }
}

#[tokio::test]
async fn over_tcp_the_connection_limit_refuses_at_once_and_leaves_the_others_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = Settings {
        connections: 2,
        preface_timeout: Duration::from_secs(3_600),
        ..Settings::default()
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let service = service(Arc::new(Notify::new()));
    let server = tokio::spawn(run(listener, service, settings, async {
        stopped.await.unwrap();
    }));
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (send, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    let closed = tokio::spawn(async move { connection.await.unwrap() });
    let mut client = Client { send, closed };
    assert_eq!(client.get("/").await.unwrap(), 200);
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut refused = TcpStream::connect(address).await.unwrap();
    assert!(matches!(refused.read(&mut [0]).await, Ok(0) | Err(_)));
    assert_eq!(client.get("/").await.unwrap(), 200);
    stop.send(()).unwrap();
    assert_eq!(server.await.unwrap(), Drained { open: 2, cut: 0 });
    client.closed.await.unwrap();
    silent.read_to_end(&mut Vec::new()).await.unwrap();
}

#[test]
fn settings_are_read_from_toml_and_a_misspelt_one_is_refused() {
    let read: Settings = toml::from_str("connections = 5\nage = \"1h 30m\"").unwrap();
    let expected = Settings {
        connections: 5,
        age: Duration::from_secs(5_400),
        ..Settings::default()
    };
    assert!(read == expected);
    assert!(toml::from_str::<Settings>("conections = 5").is_err());
    let written = toml::to_string(&Settings::default()).unwrap();
    assert!(written.contains("age = \"35m\""), "{written}");
}
