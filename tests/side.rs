//! The side port over real sockets.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waybill::server::{Readiness, Side, serve_side};
use waybill::telemetry;

struct Port {
    address: SocketAddr,
    ready: Arc<AtomicBool>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

async fn port() -> Port {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ready = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&ready);
    let side = Side {
        readiness: Arc::new(move || Readiness {
            ready: seen.load(Ordering::SeqCst),
            degraded: vec!["cache".to_owned()],
        }),
        metrics: telemetry::metrics_handle().unwrap(),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(serve_side(listener, side, async {
        let _ = stopped.await;
    }));
    Port {
        address,
        ready,
        stop,
        ended,
    }
}

/// Returns the head and the body.
async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: side\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn it_is_alive_while_it_drains_but_not_ready() {
    let port = port().await;
    let (head, body) = get(port.address, "/readyz").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, r#"{"ready":true,"degraded":["cache"]}"#);
    port.ready.store(false, Ordering::SeqCst);
    let (head, body) = get(port.address, "/readyz").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert_eq!(body, r#"{"ready":false,"degraded":["cache"]}"#);
    let (head, body) = get(port.address, "/livez").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "ok");
    let (head, _) = get(port.address, "/elsewhere").await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[tokio::test]
async fn metrics_come_as_prometheus_text_with_buckets() {
    let port = port().await;
    metrics::counter!("waybill_retries_total", "source" => "test").increment(2);
    metrics::histogram!("waybill_carrier_attempt_seconds", "source" => "test").record(0.02);
    let (head, body) = get(port.address, "/metrics").await;
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    let expected = r#"waybill_retries_total{source="test"} 2"#;
    assert!(body.contains(expected), "{body}");
    let expected = r#"waybill_carrier_attempt_seconds_bucket{source="test",le="0.025"} 1"#;
    assert!(body.contains(expected), "{body}");
    assert!(
        body.contains("# HELP waybill_retries_total further attempts"),
        "{body}"
    );
}

#[tokio::test]
async fn silent_peers_are_bounded_and_do_not_hold_up_the_end() {
    let port = port().await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(port.address).await.unwrap());
    }
    assert!(!answers(port.address).await);
    silent.pop();
    // The place is free as soon as the server has seen the end of that connection.
    while !answers(port.address).await {}
    port.stop.send(()).unwrap();
    port.ended.await.unwrap();
}

async fn answers(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /livez HTTP/1.1\r\nhost: side\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request).await.is_ok()
        && stream.read_to_string(&mut answer).await.is_ok()
        && answer.ends_with("ok")
}
