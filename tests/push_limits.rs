//! The listener of carriers' pushes: what it serves, its limits, and who has to wait.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod common;

use std::io::Write as _;
use std::time::Duration;

use common::program::{err, out, run};
use common::push::{fake, held, number, push_of, record, send, world};
use common::span;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    const MIB: usize = 1 << 20;
    let world = world(|_| {}).await;
    for length in ["content-length: 10485760", "transfer-encoding: chunked"] {
        let mut stream = TcpStream::connect(world.app.push.unwrap()).await.unwrap();
        let head = format!("POST /push/17track HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let part = vec![b'a'; 64 * 1_024];
        let is_chunked = length.contains("chunked");
        let mut sent = 0;
        let writing = async {
            while sent < 10 * MIB {
                if is_chunked && write.write_all(b"10000\r\n").await.is_err() {
                    break;
                }
                if write.write_all(&part).await.is_err() {
                    break;
                }
                sent += part.len();
                if is_chunked && write.write_all(b"\r\n").await.is_err() {
                    break;
                }
            }
        };
        let mut answer = vec![0; 12];
        let reading = async {
            read.read_exact(&mut answer).await.unwrap();
        };
        // Nobody writes on once the answer is there.
        tokio::select! {
            () = reading => {}
            () = async { writing.await; std::future::pending().await } => {}
        }
        assert_eq!(answer, b"HTTP/1.1 413", "{length}");
        assert!(sent < 8 * MIB, "{sent} bytes were taken");
    }
    assert_eq!(fake(&world, "17track").requests(), 0);
    let number = number(&world, "17track");
    let push = push_of(&world, "17track", &number);
    assert_eq!(send(&world, "17track", &push).await.0, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn the_listener_serves_nothing_else() {
    let world = world(|_| {}).await;
    let to = world.app.push.unwrap();
    let number = number(&world, "17track");
    let push = push_of(&world, "17track", &number);
    for path in [
        "/",
        "/push",
        "/push/",
        "/push/nobody",
        "/push/dhl-express",
        "/push/17track/",
        "/push/17track/other",
        "/push/17track/default/more",
        "/push//17track",
        "/metrics",
        "/livez",
        "/waybill.v1.TrackingService/Track",
    ] {
        let (status, body) = push.send(to, path).await.unwrap();
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(body.is_empty(), "{path}");
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let head = format!("{method} /push/17track HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{method}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{method}: {answer}");
    }
    assert!(held(world.app.address, &number).await.is_none());
    world.stop().await;
}

#[tokio::test]
async fn a_flood_is_told_to_wait_and_nothing_acknowledged_is_lost() {
    let world = world(|config| config.push.queue = 20).await;
    let ups = fake(&world, "ups");
    // Slow enough that the queue fills before the first of these has an answer.
    ups.set_latency(Duration::from_secs(2));
    let numbers: Vec<String> = (0..60).map(|n| ups.load_number(n)).collect();
    let all = numbers.iter().map(async |number| {
        let push = push_of(&world, "ups", number);
        let to = world.app.push.unwrap();
        let stream = TcpStream::connect(to).await.unwrap();
        let (header, proof) = push.proof.unwrap();
        let head = format!(
            "POST /push/ups HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{header}: {proof}\r\n\
             content-length: {}\r\n\r\n",
            push.body.len()
        );
        let (mut read, mut write) = stream.into_split();
        let request = [head.as_bytes(), &push.body].concat();
        write.write_all(&request).await.unwrap();
        let mut answer = String::new();
        read.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let answers = futures_util::future::join_all(all).await;
    let mut kept = Vec::new();
    for (number, answer) in numbers.iter().zip(&answers) {
        if answer.starts_with("HTTP/1.1 200") {
            kept.push(number);
        } else {
            assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
            assert!(answer.contains("retry-after: 10\r\n"), "{answer}");
        }
    }
    assert_eq!(kept.len(), 20);
    // Others are not held up.
    let other = number(&world, "17track");
    let push = push_of(&world, "17track", &other);
    assert_eq!(send(&world, "17track", &push).await.0, StatusCode::OK);
    record(&world, &other).await;
    for number in kept {
        record(&world, number).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn who_is_slow_is_cut_off() {
    let world = world(|config| {
        config.push.head_timeout = span(200);
        config.push.body_timeout = span(200);
    })
    .await;
    for (sent, expected) in [
        ("", ""),
        ("POST /push/17track HTTP/1.1\r\nhost", ""),
        (
            "POST /push/17track HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{",
            "HTTP/1.1 408",
        ),
    ] {
        let mut stream = TcpStream::connect(world.app.push.unwrap()).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(expected), "{sent}: {answer}");
        assert_eq!(answer.is_empty(), expected.is_empty(), "{sent}: {answer}");
    }
    world.stop().await;
}

#[tokio::test]
async fn connections_are_counted() {
    let world = world(|config| config.push.connections = 2).await;
    let to = world.app.push.unwrap();
    let kept = [
        TcpStream::connect(to).await.unwrap(),
        TcpStream::connect(to).await.unwrap(),
    ];
    let mut third = TcpStream::connect(to).await.unwrap();
    let closed = third.read(&mut [0]).await;
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    drop(kept);
    let number = number(&world, "17track");
    let push = push_of(&world, "17track", &number);
    let mut last = None;
    common::eventually("a place is free again", async || {
        last = push.send(to, "/push/17track").await.ok();
        last.is_some()
    })
    .await;
    assert_eq!(last.unwrap().0, StatusCode::OK);
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_setting_is_named() {
    let start = async |change: &dyn Fn(&mut waybill::push::Settings)| {
        let mut config = waybill::config::Config::default();
        (config.server.listen, config.server.side) = (common::ANY, common::ANY);
        change(&mut config.push);
        let clock = waybill::clock::Clock::system();
        let app = waybill::app::start(config, common::registry(), clock).await;
        app.err().unwrap()
    };
    let error = start(&|push| push.listen = "everywhere".to_owned()).await;
    assert!(error.starts_with("push.listen: "), "{error}");
    let error = start(&|push| push.queue = 0).await;
    assert!(error.starts_with("push.queue: "), "{error}");
    let error = start(&|push| push.acknowledge = span(0)).await;
    assert!(error.starts_with("push.acknowledge: "), "{error}");
}

#[test]
fn check_says_where_carriers_push_and_what_that_is_worth() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let accounts = "[sources.17track.accounts.a]\napi_key = \"1\"\n\
                    [sources.17track.accounts.b]\napi_key = \"2\"\n\
                    [sources.ups]\nclient_id = \"a\"\nclient_secret = \"b\"\n";
    write!(file, "[push]\nlisten = \"127.0.0.1:8780\"\n{accounts}").unwrap();
    let checked = run(&["check", "--config", file.path().to_str().unwrap()]);
    let text = out(&checked);
    assert!(checked.status.success(), "{}", err(&checked));
    for line in [
        "push        POST http://127.0.0.1:8780/push/17track/a: signed, is believed",
        "push        POST http://127.0.0.1:8780/push/17track/b: signed, is believed",
        "push        POST http://127.0.0.1:8780/push/ups: a secret in a header, starts a poll",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let mut wrong = tempfile::NamedTempFile::new().unwrap();
    write!(wrong, "[push]\nlisten = \"8780\"\n{accounts}").unwrap();
    let checked = run(&["check", "--config", wrong.path().to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(err(&checked).contains("push.listen"), "{}", err(&checked));
}
