//! The program with its defaults against a client that speaks HTTP/2 as nobody should: each attack
//! is made twice, from another address than that of the caller who goes on calling.
#![cfg(feature = "server")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::figure::{figure, quantile};
use common::program::Running;
use common::{client, track};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use waybill_faults::probe::{
    CALM, END_HEADERS, END_STREAM, PREFACE, Probe, Seen, call, frame, kind, message,
};

const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const TRACK: &str = "/waybill.v1.TrackingService/Track";
const FOLLOW: &str = "/waybill.v1.TrackingService/Follow";
/// A number of the sandbox.
const NUMBER: &str = "SANDBOXINTRANSIT";
/// Memory that a second attack may take beyond what the first one took, in KiB: how full the pages
/// of the allocator are is never twice the same.
const SLACK: u64 = 8 * 1_024;
/// Memory of a stream that nobody reads, in KiB: its send buffer, and as much again for the rest of
/// it, unoptimised.
const STALLED: u64 = 128;
/// Times below this are the noise of a busy machine.
const NOISE: Duration = Duration::from_millis(25);

struct Gateway {
    program: Running,
    address: SocketAddr,
    _config: tempfile::NamedTempFile,
}

impl Gateway {
    fn start() -> Self {
        let config = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(config.path(), "[sources.sandbox]\n").unwrap();
        let path = config.path().to_str().unwrap();
        let listen = ["--listen", "127.0.0.1:0", "--side", "127.0.0.1:0"];
        let arguments = [
            &["serve", "--config", path, "--filter", "error"][..],
            &listen,
        ];
        let mut program = Running::start(&arguments.concat());
        let [address, ..] = program.addresses();
        Self {
            program,
            address,
            _config: config,
        }
    }

    /// Calls one after the other until it is told to stop; the times that they took.
    fn caller(&self, stop: &Arc<AtomicBool>) -> tokio::task::JoinHandle<Vec<Duration>> {
        let (address, stop) = (self.address, Arc::clone(stop));
        tokio::spawn(async move {
            let mut client = client(address).await;
            let mut times = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let start = Instant::now();
                client.track(track(NUMBER)).await.unwrap();
                times.push(start.elapsed());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            times
        })
    }

    /// Makes an attack twice. The caller beside it is served as before, and the second attack finds
    /// no memory that the first one has not.
    async fn withstands(&self, row: &str, attack: impl AsyncFn(SocketAddr)) {
        let calm = self.measured(async { tokio::time::sleep(Duration::from_millis(700)).await });
        let (calm, _) = calm.await;
        let mut memory = Vec::new();
        let mut worst = Duration::ZERO;
        for _ in 0..2 {
            let (p99, peak) = self.measured(attack(self.address)).await;
            worst = worst.max(p99);
            memory.push(peak);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let [first, second] = memory[..] else {
            unreachable!("two attacks")
        };
        figure(
            row,
            format!("p99 of others {calm:?} -> {worst:?}; most memory {first} -> {second} KiB"),
        );
        assert!(
            worst < (calm * 2).max(NOISE),
            "{row}: {calm:?} -> {worst:?}"
        );
        assert!(second <= first + SLACK, "{row}: {first} -> {second} KiB");
    }

    /// p99 of a caller beside some work, and the most memory meanwhile.
    async fn measured(&self, work: impl Future<Output = ()>) -> (Duration, u64) {
        let stop = Arc::default();
        let caller = self.caller(&stop);
        // It has connected and made a few calls before.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut most = 0;
        let looking = async {
            loop {
                most = most.max(self.program.memory());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = looking => {}
        }
        stop.store(true, Ordering::SeqCst);
        (quantile(caller.await.unwrap(), 0.99), most)
    }
}

/// Floods as many connections as fit into about a second.
async fn flood(address: SocketAddr, pieces: impl Fn() -> Box<dyn Iterator<Item = Bytes>>) -> Seen {
    let start = Instant::now();
    loop {
        let probe = Probe::connect(ATTACKER, address).await.unwrap();
        let seen = probe.flood(pieces(), Duration::from_secs(5)).await;
        assert!(!seen.is_open(), "it is let go on");
        if start.elapsed() > Duration::from_secs(1) {
            return seen;
        }
    }
}

fn headers(stream: u32, flags: u8, block: &[u8]) -> Bytes {
    frame(kind::HEADERS, END_HEADERS | flags, stream, block)
}

fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|at| at * 2 + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_resets_end_the_connection() {
    let gateway = Gateway::start();
    let reset_at_once = || {
        let block = call(TRACK, &[]);
        let cancel = [0, 0, 0, 8];
        let pieces = streams(20_000).map(move |stream| {
            let reset = frame(kind::RST_STREAM, 0, stream, &cancel);
            [headers(stream, 0, &block), reset].concat().into()
        });
        Box::new(pieces) as Box<dyn Iterator<Item = Bytes>>
    };
    let attack = async |address| {
        let seen = flood(address, reset_at_once).await;
        assert_eq!(seen.goaway(), Some(CALM));
    };
    gateway.withstands("rapid reset", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_headers_end_the_connection() {
    let gateway = Gateway::start();
    let malformed = || {
        let block = call(TRACK, &[("connection", "close")]);
        let pieces = streams(20_000).map(move |stream| headers(stream, END_STREAM, &block));
        Box::new(pieces) as Box<dyn Iterator<Item = Bytes>>
    };
    let attack = async |address| {
        let seen = flood(address, malformed).await;
        assert_eq!(seen.goaway(), Some(CALM));
        let resets = seen.of(kind::RST_STREAM).count();
        assert!(resets <= 1_024, "{resets}");
    };
    gateway.withstands("malformed headers", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_headers_end_the_connection() {
    let gateway = Gateway::start();
    let endless = || {
        let start = frame(kind::HEADERS, 0, 1, &call(TRACK, &[]));
        let more = frame(kind::CONTINUATION, 0, 1, &call(TRACK, &[])[..1]);
        let pieces = std::iter::once(start).chain(std::iter::repeat_n(more, 200_000));
        Box::new(pieces) as Box<dyn Iterator<Item = Bytes>>
    };
    let attack = async |address| {
        let seen = flood(address, endless).await;
        assert_eq!(seen.of(kind::HEADERS).count(), 0, "nothing was served");
    };
    gateway.withstands("CONTINUATION flood", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_only_make_work_end_the_connection() {
    let gateway = Gateway::start();
    for (row, one) in [
        ("PING flood", frame(kind::PING, 0, 0, &[7; 8])),
        ("SETTINGS flood", frame(kind::SETTINGS, 0, 0, &[])),
    ] {
        let pieces = || {
            let bunch: Bytes = one.repeat(100).into();
            Box::new(std::iter::repeat_n(bunch, 2_000)) as Box<dyn Iterator<Item = Bytes>>
        };
        let attack = async |address| {
            let seen = flood(address, pieces).await;
            let answered = seen.of(kind::PING).count() + seen.of(kind::SETTINGS).count();
            assert!(answered <= 1_100, "{answered}");
        };
        gateway.withstands(row, attack).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_data_ends_the_connection() {
    let gateway = Gateway::start();
    let empty = || {
        let open = headers(1, 0, &call(TRACK, &[]));
        let bunch: Bytes = frame(kind::DATA, 0, 1, &[]).repeat(100).into();
        let pieces = std::iter::once(open).chain(std::iter::repeat_n(bunch, 20_000));
        Box::new(pieces) as Box<dyn Iterator<Item = Bytes>>
    };
    let attack = async |address| {
        let seen = flood(address, empty).await;
        assert_eq!(seen.goaway(), Some(CALM));
        let served = seen.of(kind::DATA).count();
        assert_eq!(served, 0, "an unfinished question has no answer");
    };
    gateway.withstands("empty DATA flood", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_too_many_is_refused_and_the_others_go_on() {
    let gateway = Gateway::start();
    let attack = async |address| {
        let mut probe = Probe::connect(ATTACKER, address).await.unwrap();
        let start = probe.listen(Duration::from_millis(100)).await;
        assert_eq!(start.setting(3), Some(100));
        let block = call(TRACK, &[]);
        for stream in streams(101) {
            probe.send(&headers(stream, 0, &block)).await.unwrap();
        }
        let refused = probe.answer(201, Duration::from_secs(10)).await;
        let resets: Vec<_> = refused.of(kind::RST_STREAM).collect();
        assert_eq!(resets.len(), 1, "{resets:?}");
        let refused_stream = 7;
        assert_eq!(resets[0].error(), Some(refused_stream));
        assert_eq!(resets[0].stream, 201);
        // The first one is still served.
        let ask = frame(kind::DATA, END_STREAM, 1, &message(b"\x0a\x05ABCDE"));
        probe.send(&ask).await.unwrap();
        let served = probe.answer(1, Duration::from_secs(10)).await;
        assert!(served.is_open() && served.of(kind::HEADERS).any(|it| it.stream == 1));
    };
    gateway.withstands("stream 101", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_too_large_are_refused_and_the_connection_lives() {
    let gateway = Gateway::start();
    let attack = async |address| {
        let mut probe = Probe::connect(ATTACKER, address).await.unwrap();
        let large = "x".repeat(5_000);
        let many: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| (name, large.as_str()))
            .into();
        let block = call(TRACK, &many);
        let (first, rest) = block.split_at(16_000);
        probe
            .send(&frame(kind::HEADERS, END_STREAM, 1, first))
            .await
            .unwrap();
        probe
            .send(&frame(kind::CONTINUATION, END_HEADERS, 1, rest))
            .await
            .unwrap();
        let refused = probe.answer(1, Duration::from_secs(10)).await;
        assert!(refused.is_open(), "{refused:?}");
        assert!(
            refused.frames.iter().any(|it| it.stream == 1),
            "{refused:?}"
        );
        probe.ping().await.unwrap();
    };
    gateway.withstands("header list of 20 KiB", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_silent_connections_are_gone_after_ten_seconds() {
    let gateway = Gateway::start();
    let attack = async |address| {
        let mut probes = tokio::task::JoinSet::new();
        for at in 0..2_000_u32 {
            let from = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + at / 250).unwrap());
            let mut probe = Probe::silent(from.into(), address).await.unwrap();
            if at % 2 == 0 {
                probe.send(&PREFACE[..12]).await.unwrap();
            }
            probes.spawn(async move { probe.listen(Duration::from_secs(30)).await });
        }
        let seen = probes.join_all().await;
        let closed = seen.iter().map(|seen| seen.closed.expect("closed"));
        let (least, most) = (closed.clone().min().unwrap(), closed.max().unwrap());
        figure(
            "silent sockets",
            format!("closed after {least:?} to {most:?}"),
        );
        assert!(least >= Duration::from_secs(9), "{least:?}");
        assert!(most <= Duration::from_secs(14), "{most:?}");
    };
    gateway.withstands("silent sockets", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_of_an_address_are_closed_at_once() {
    let gateway = Gateway::start();
    let attack = async |address| {
        let mut kept = Vec::new();
        let mut refused = 0;
        for _ in 0..306 {
            // One that is refused may end before it has said hello.
            let Ok(mut probe) = Probe::connect(ATTACKER, address).await else {
                refused += 1;
                continue;
            };
            match probe.ping().await {
                Ok(()) => kept.push(probe),
                Err(_) => refused += 1,
            }
        }
        assert_eq!((kept.len(), refused), (256, 50));
        for probe in &mut kept {
            probe.ping().await.unwrap();
        }
    };
    gateway
        .withstands("306 connections of one address", attack)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_slow_uploads_cost_little() {
    let gateway = Gateway::start();
    let attack = async |address| {
        let before = gateway.program.memory();
        let mut probe = Probe::connect(ATTACKER, address).await.unwrap();
        let block = call(TRACK, &[]);
        // A message of 200 KiB is announced; a bit of it comes at a time.
        let begin = [0, 0, 3, 0x20, 0];
        for stream in streams(100) {
            probe.send(&headers(stream, 0, &block)).await.unwrap();
            probe
                .send(&frame(kind::DATA, 0, stream, &begin))
                .await
                .unwrap();
        }
        for _ in 0..20 {
            for stream in streams(100) {
                probe
                    .send(&frame(kind::DATA, 0, stream, &[b'x'; 500]))
                    .await
                    .unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let grown = gateway.program.memory().saturating_sub(before);
        assert!(grown <= 8 * 1_024, "{grown} KiB");
        // After the deadline of a call, each is told so.
        let seen = probe.answer(1, Duration::from_secs(10)).await;
        assert!(seen.of(kind::HEADERS).any(|it| it.stream == 1), "{seen:?}");
    };
    gateway.withstands("100 slow uploads", attack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_streams_that_nobody_reads_cost_little() {
    let gateway = Gateway::start();
    let attack = async |address| {
        let before = gateway.program.memory();
        let mut probes = Vec::new();
        for _ in 0..3 {
            let mut probe = Probe::silent(ATTACKER, address).await.unwrap();
            probe.send(PREFACE).await.unwrap();
            // A window of nothing: the server may never send a byte of an answer's body.
            let no_window = [0, 4, 0, 0, 0, 0];
            probe
                .send(&frame(kind::SETTINGS, 0, 0, &no_window))
                .await
                .unwrap();
            probe
                .send(&frame(kind::SETTINGS, END_STREAM, 0, &[]))
                .await
                .unwrap();
            let block = call(FOLLOW, &[]);
            // open { shipments { shipments { tracking_number: "ABCDE123" } } }
            let open = message(b"\x0a\x0e\x0a\x0c\x0a\x0a\x12\x08ABCDE123");
            for stream in streams(100) {
                probe.send(&headers(stream, 0, &block)).await.unwrap();
                probe
                    .send(&frame(kind::DATA, END_STREAM, stream, &open))
                    .await
                    .unwrap();
            }
            probe.ping().await.unwrap();
            probes.push(probe);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let grown = gateway.program.memory().saturating_sub(before);
        figure("300 stalled streams", format!("{grown} KiB"));
        assert!(grown <= 300 * STALLED, "{grown} KiB");
    };
    gateway.withstands("300 stalled streams", attack).await;
}

/// One call with these bytes as its body: status and reason.
async fn raw(address: SocketAddr, more: &[(&str, &str)], body: Vec<u8>) -> (String, String) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let executor = TokioExecutor::new();
    let (mut send, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    let running = tokio::spawn(connection);
    let mut request = http::Request::post(format!("http://{address}{TRACK}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let response = send.send_request(request).await.unwrap();
    let mut all = response.headers().clone();
    let body = response.into_body().collect().await;
    // A server that has refused a request does not read the rest of it.
    if let Some(trailers) = body.ok().as_ref().and_then(|body| body.trailers()) {
        all.extend(trailers.clone());
    }
    running.abort();
    let text = |name| all.get(name).map_or("", |value| value.to_str().unwrap());
    (
        text("grpc-status").to_owned(),
        text("waybill-reason").to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_too_much_are_refused_by_name() {
    let gateway = Gateway::start();
    let refused =
        async |row: &str, more: &[(&str, &str)], body: Vec<u8>, expected: (&str, &str)| {
            let attack = async |address| {
                for _ in 0..20 {
                    let (status, reason) = raw(address, more, body.clone()).await;
                    assert_eq!((status.as_str(), reason.as_str()), expected, "{row}");
                }
            };
            gateway.withstands(row, attack).await;
        };
    // A field that nobody knows fills the message up to the limit, and one byte beyond.
    let of_size = |size: usize| {
        let mut field = vec![0x0a, 16];
        field.extend_from_slice(NUMBER.as_bytes());
        field.extend_from_slice(b"\xfa\x7f");
        let rest = size - field.len() - 3;
        prost::encoding::encode_varint(rest as u64, &mut field);
        field.resize(size, b'x');
        assert_eq!(field.len(), size);
        message(&field).to_vec()
    };
    let limit = 256 * 1_024;
    let fits = raw(gateway.address, &[], of_size(limit)).await;
    assert_eq!(fits.0, "0", "it was read: {fits:?}");
    let too_large = ("8", "MESSAGE_TOO_LARGE");
    refused("256 KiB and a byte", &[], of_size(limit + 1), too_large).await;
    refused(
        "a length that is a lie",
        &[],
        vec![0, 255, 255, 255, 255, 1],
        ("3", "FIELD_INVALID"),
    )
    .await;
    // 1 MiB of zeros as gzip, about 1 KiB.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut gzip, &vec![0; 1 << 20]).unwrap();
    let mut bomb = message(&gzip.finish().unwrap()).to_vec();
    bomb[0] = 1;
    let encoding = [("grpc-encoding", "gzip")];
    refused("gzip bomb", &encoding, bomb, ("12", "UNSUPPORTED")).await;
    // 10,000 groups, each inside the one before.
    let deep = message(&b"\xfb\x7f".repeat(10_000)).to_vec();
    refused("10,000 levels", &[], deep, ("3", "FIELD_INVALID")).await;
}
