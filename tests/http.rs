//! The HTTP client against servers that misbehave, over real sockets.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::io::Write;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use waybill::http::{Client, Settings};
use waybill_core::adapter::Http;
use waybill_core::error::{Error, ErrorKind, Retry};

/// A made-up tracking number; it must never come back in an error.
const NUMBER: &str = "1Z999AA10123456784";

/// Serves every connection with `script`, which gets the socket once the request head is read.
async fn server<F>(script: fn(TcpStream, String) -> F) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                script(stream, String::from_utf8(head).unwrap()).await;
            });
        }
    });
    format!("http://{address}")
}

fn client(change: impl FnOnce(&mut Settings)) -> Client {
    let mut settings = Settings::default();
    change(&mut settings);
    Client::new(&settings).unwrap()
}

async fn get(client: &Client, base: &str) -> Result<http::Response<Bytes>, Error> {
    let request = http::Request::get(format!("{base}/track/{NUMBER}?key=s3cr3t"))
        .body(Bytes::new())
        .unwrap();
    let result = client.only(&[base]).unwrap().send(request).await;
    if let Err(error) = &result {
        for text in [format!("{error}"), format!("{error:?}")] {
            assert!(!text.contains(NUMBER) && !text.contains("s3cr3t"), "{text}");
        }
    }
    result
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn respond(stream: &mut TcpStream, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
}

#[tokio::test]
async fn the_whole_response_comes_back_whatever_its_status() {
    let base = server(|mut stream, head| async move {
        let body = format!("{head}!");
        let answer = format!(
            "HTTP/1.1 404 Not Found\r\nx-native: 17\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let response = get(&client(|_| ()), &base).await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["x-native"], "17");
    let seen = String::from_utf8(response.into_body().to_vec()).unwrap();
    assert!(seen.starts_with(&format!("GET /track/{NUMBER}?key=s3cr3t HTTP/1.1\r\n")));
    assert!(seen.contains("user-agent: waybill/"), "{seen}");
    assert!(seen.contains("accept-encoding: gzip"), "{seen}");
}

#[tokio::test]
async fn a_body_is_sent_and_a_compressed_answer_is_read() {
    let base = server(|mut stream, head| async move {
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap()
            .parse()
            .unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        respond(&mut stream, "content-encoding: gzip\r\n", &gzip(&body)).await;
    })
    .await;
    let request = http::Request::post(&base)
        .body(Bytes::from_static(b"{\"numbers\":[]}"))
        .unwrap();
    let response = client(|_| ())
        .only(&[&base])
        .unwrap()
        .send(request)
        .await
        .unwrap();
    assert_eq!(&response.body()[..], b"{\"numbers\":[]}");
    assert!(!response.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn a_body_up_to_the_cap_is_fine_and_one_byte_more_is_not() {
    let base = server(|mut stream, _| async move {
        // Without a length: the end of the connection ends the body.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = stream.write_all(&[b'x'; 5000]).await;
    })
    .await;
    let whole = get(&client(|it| it.body_cap = 5000), &base).await.unwrap();
    assert_eq!(whole.body().len(), 5000);
    let error = get(&client(|it| it.body_cap = 4999), &base)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert_eq!(error.native_code, "too_large");
    assert_eq!(error.retry, Retry::Never);
    assert!(error.spent);
}

#[tokio::test]
async fn a_stated_length_over_the_cap_is_refused_before_the_body() {
    let base = server(|mut stream, _| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n";
        stream.write_all(head).await.unwrap();
        // No body: a client that waited for it would wait for ever.
        let _ = stream.read_u8().await;
    })
    .await;
    let error = get(&client(|_| ()), &base).await.unwrap_err();
    assert_eq!(error.native_code, "too_large");
}

#[tokio::test]
async fn a_gzip_bomb_is_cut_off_by_what_it_unpacks_to() {
    let base = server(|mut stream, _| async move {
        let bomb = gzip(&vec![0; 8 * 1024 * 1024]);
        assert!(bomb.len() < 100_000);
        respond(&mut stream, "content-encoding: gzip\r\n", &bomb).await;
    })
    .await;
    let error = get(&client(|_| ()), &base).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert_eq!(error.native_code, "too_large");
}

#[tokio::test]
async fn what_is_not_gzip_or_ends_too_early_is_malformed() {
    let broken = server(|mut stream, _| async move {
        respond(&mut stream, "content-encoding: gzip\r\n", b"no gzip at all").await;
    })
    .await;
    let cut = server(|mut stream, _| async move {
        let whole = gzip(b"a body that is longer than what comes of it");
        let headers = "content-encoding: gzip\r\n";
        respond(&mut stream, headers, &whole[..whole.len() - 10]).await;
    })
    .await;
    for base in [broken, cut] {
        let error = get(&client(|_| ()), &base).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Malformed);
        assert_eq!(error.native_code, "bad_encoding");
    }
}

#[tokio::test]
async fn a_drip_is_cut_off_and_a_body_at_the_floor_is_not() {
    let base = server(|mut stream, _| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n";
        stream.write_all(head).await.unwrap();
        for _ in 0..300 {
            if stream.write_all(b"x").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    // 300 bytes in 0.6 s or more: far below this floor, and the grace is far shorter.
    let impatient = client(|it| {
        it.body_floor = NonZeroU32::new(1_000_000).unwrap();
        it.body_grace = Duration::from_millis(100);
    });
    let error = get(&impatient, &base).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(error.message, "body came too slowly");
    // The same drip is far above a floor of one byte per second.
    let patient = client(|it| {
        it.body_floor = NonZeroU32::MIN;
        it.body_grace = Duration::from_secs(30);
    });
    let whole = get(&patient, &base).await.unwrap();
    assert_eq!(whole.body().len(), 300);
}

#[tokio::test]
async fn a_fast_start_earns_no_patience_for_a_stall() {
    let base = server(|mut stream, _| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        stream.write_all(&[b'x'; 200_000]).await.unwrap();
        let _ = stream.read_u8().await;
    })
    .await;
    let client = client(|it| it.body_grace = Duration::from_millis(200));
    let error = get(&client, &base).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(error.message, "body came too slowly");
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_timeout() {
    let base = server(|mut stream, _| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let hasty = client(|it| it.total_timeout = Duration::from_millis(100));
    let error = get(&hasty, &base).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.spent, "the carrier may have counted it");
}

#[tokio::test]
async fn a_lost_connection_is_unavailable_at_every_point() {
    let before_head = server(|stream, _| async move { drop(stream) }).await;
    let truncated = server(|mut stream, _| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of it";
        stream.write_all(head).await.unwrap();
    })
    .await;
    let reset = server(|mut stream, _| async move {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of it";
        stream.write_all(head).await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let within_gzip = server(|mut stream, _| async move {
        let whole = gzip(b"a body that is longer than what comes of it");
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            whole.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&whole[..12]).await.unwrap();
    })
    .await;
    for base in [before_head, truncated, reset, within_gzip] {
        let error = get(&client(|_| ()), &base).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_eq!(error.retry, Retry::Now);
        assert!(error.spent);
    }
}

#[tokio::test]
async fn what_is_not_http_is_malformed() {
    let base = server(|mut stream, _| async move {
        let _ = stream.write_all(b"220 mail.example ready\r\n\r\n").await;
    })
    .await;
    let error = get(&client(|_| ()), &base).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert_eq!(error.native_code, "not_http");
}

#[tokio::test]
async fn no_connection_is_unavailable_and_costs_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let not_tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let https = format!("https://{}", not_tls.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = not_tls.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Plain\r\n\r\n")
            .await
            .unwrap();
    });
    for base in [free, https] {
        let error = get(&client(|_| ()), &base).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_eq!(error.message, "no connection");
        assert!(!error.spent);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let base = server(|mut stream, head| async move {
        assert!(!head.contains("/elsewhere"), "{head}");
        let answer = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    })
    .await;
    let response = get(&client(|_| ()), &base).await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], "/elsewhere");
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_the_host_and_the_outcome_and_nothing_personal() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let good = server(|mut stream, _| async move { respond(&mut stream, "", b"{}").await }).await;
    let bad = server(|stream, _| async move { drop(stream) }).await;
    get(&client(|_| ()), &good).await.unwrap();
    get(&client(|_| ()), &bad).await.unwrap_err();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("host=\"127.0.0.1\" method=GET status=200"),
        "{text}"
    );
    assert!(text.contains("method=GET kind=\"unavailable\""), "{text}");
    assert!(!text.contains(NUMBER) && !text.contains("s3cr3t"), "{text}");
}

#[tokio::test]
async fn a_request_without_a_host_is_our_own_fault() {
    let request = http::Request::get(format!("/track/{NUMBER}"))
        .body(Bytes::new())
        .unwrap();
    let error = client(|_| ()).send(request).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(!error.spent);
    assert!(!error.to_string().contains(NUMBER));
}

#[test]
fn settings_are_read_from_toml_and_a_misspelt_one_is_refused() {
    let read: Settings = toml::from_str("body_cap = 10\nconnect_timeout = \"250ms\"").unwrap();
    let expected = Settings {
        body_cap: 10,
        connect_timeout: Duration::from_millis(250),
        ..Settings::default()
    };
    assert!(read == expected);
    assert!(toml::from_str::<Settings>("body_capp = 10").is_err());
    assert!(toml::from_str::<Settings>("body_floor = 0").is_err());
    let written = toml::to_string(&Settings::default()).unwrap();
    assert!(written.contains("body_cap = 2097152"), "{written}");
    assert!(written.contains("body_floor = 1024"), "{written}");
    assert!(written.contains("body_grace = \"2s\""), "{written}");
}
