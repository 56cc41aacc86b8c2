//! Nothing that a source answers or a caller asks for makes the gateway connect to anybody else
//! than the source: sixty ways to try, and no connection.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use waybill::http::{Client, Names, Settings};
use waybill_core::adapter::{BoxFuture, Http};
use waybill_core::error::{Error, ErrorKind};

/// Host of the source's base URL.
const CARRIER: &str = "api.carrier.example";

/// A resolver that answers as it is told, and counts.
#[derive(Default)]
struct Told {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Told {
    /// What a name leads to, one time after the other; the last one for ever.
    fn says(&self, name: &str, times: &[&[&str]]) {
        let read = |ips: &&[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect();
        let times = times.iter().map(read).collect();
        self.answers.lock().unwrap().insert(name.to_owned(), times);
    }
}

impl Names for Told {
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let found = answers.get_mut(name).map(|times| match times.len() {
            1 => times[0].clone(),
            _ => times.remove(0),
        });
        let found = found.ok_or_else(|| io::Error::other("no such name"));
        Box::pin(std::future::ready(found))
    }
}

/// A server on this machine that must never be reached, and the count of who did.
async fn target() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dialled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dialled);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";
                stream.write_all(answer).await
            });
        }
    });
    (port, dialled)
}

async fn get(client: &Client, url: &str) -> Result<http::Response<Bytes>, Error> {
    // Some forms are not even a URI; then there is nothing to send.
    let Ok(request) = http::Request::get(url).body(Bytes::new()) else {
        return Err(Error::new(ErrorKind::Internal, "no uri"));
    };
    client.send(request).await
}

#[tokio::test]
async fn no_form_of_a_url_leads_to_another_host() {
    let (port, dialled) = target().await;
    let names = Arc::new(Told::default());
    for name in [
        CARRIER,
        "localhost",
        "localhost.",
        "evil.example",
        "127.0.0.1.nip.example",
        "api.carrier.example.evil.example",
        "carrier.example",
        "metadata.google.internal",
    ] {
        names.says(name, &[&["127.0.0.1"]]);
    }
    let client = Client::with_names(&Settings::default(), names).unwrap();
    let base = format!("https://{CARRIER}:{port}/v1");
    let client = client.only(&[&base]).unwrap();
    let forms = [
        // Other hosts, by name and by every way to write an address.
        "http://127.0.0.1:PORT/",
        "https://127.0.0.1:PORT/",
        "http://localhost:PORT/",
        "http://localhost.:PORT/",
        "http://LOCALHOST:PORT/",
        "http://127.1:PORT/",
        "http://127.0.1:PORT/",
        "http://127.0.0.1.:PORT/",
        "http://2130706433:PORT/",
        "http://0x7f000001:PORT/",
        "http://0x7f.0x0.0x0.0x1:PORT/",
        "http://0x7f.1:PORT/",
        "http://017700000001:PORT/",
        "http://0177.0.0.1:PORT/",
        "http://0177.0.0.01:PORT/",
        "http://00000177.0.0.1:PORT/",
        "http://0:PORT/",
        "http://0.0.0.0:PORT/",
        "http://[::1]:PORT/",
        "http://[::]:PORT/",
        "http://[0:0:0:0:0:0:0:1]:PORT/",
        "http://[::ffff:127.0.0.1]:PORT/",
        "http://[::ffff:7f00:1]:PORT/",
        "http://[::127.0.0.1]:PORT/",
        "http://[64:ff9b::127.0.0.1]:PORT/",
        "http://127.0.0.1.nip.example:PORT/",
        "http://evil.example:PORT/",
        "https://evil.example:PORT/",
        "https://metadata.google.internal:PORT/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://100.100.100.200/latest/meta-data/",
        // The right host in the wrong place.
        "https://api.carrier.example@127.0.0.1:PORT/",
        "https://api.carrier.example:443@127.0.0.1:PORT/",
        "https://127.0.0.1:PORT/?https://api.carrier.example/",
        "https://127.0.0.1:PORT/#api.carrier.example",
        "https://127.0.0.1:PORT/api.carrier.example",
        "https://127.0.0.1:PORT\\@api.carrier.example/",
        "https://evil.example:PORT#@api.carrier.example/",
        "https://api.carrier.example.evil.example:PORT/",
        "https://carrier.example:PORT/",
        "https://api.carrier.example%2eevil.example:PORT/",
        "https://api.carrier.example%00.evil.example:PORT/",
        // The right host with what is not its own.
        "http://api.carrier.example:PORT/",
        "https://api.carrier.example:1/",
        "https://api.carrier.example/",
        "https://user:secret@api.carrier.example:PORT/",
        "https://user@api.carrier.example:PORT/",
        "https://api.carrier.example.:PORT/",
        "ws://api.carrier.example:PORT/",
        "ftp://api.carrier.example:PORT/",
        "gopher://127.0.0.1:PORT/_x",
        "file:///etc/passwd",
        "data:text/plain,x",
        "//127.0.0.1:PORT/",
        "/v1/track",
        "127.0.0.1:PORT",
        // Characters that become others.
        "http://\u{2460}\u{2461}\u{2466}.0.0.1:PORT/",
        "http://\u{ff11}27.0.0.1:PORT/",
        "http://127\u{3002}0\u{3002}0\u{3002}1:PORT/",
        "http://\u{24db}ocalhost:PORT/",
    ];
    assert!(forms.len() >= 60, "{}", forms.len());
    for form in forms {
        let url = form.replace("PORT", &port.to_string());
        let error = get(&client, &url).await.expect_err(&url);
        assert_eq!(error.kind, ErrorKind::Internal, "{url}");
        assert!(!error.message.contains("127"), "{error}");
    }
    assert_eq!(dialled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_followed_there_whenever_it_does() {
    let (port, dialled) = target().await;
    let names = Arc::new(Told::default());
    let client = Client::with_names(&Settings::default(), Arc::clone(&names) as _).unwrap();
    let base = format!("https://{CARRIER}:{port}/");
    let client = client.only(&[&base]).unwrap();
    for ip in [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.170",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:53aa:64c::1",
        "fd00:ec2::254",
        "fc00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ] {
        names.says(CARRIER, &[&[ip]]);
        let error = get(&client, &base).await.expect_err(ip);
        assert_eq!(error.kind, ErrorKind::Unavailable, "{ip}");
        assert!(!error.spent, "{ip}");
    }
    // One bad address among good ones, and a name that changes its mind.
    names.says(CARRIER, &[&["1.1.1.1", "127.0.0.1"]]);
    assert!(get(&client, &base).await.is_err());
    names.says(CARRIER, &[&["::ffff:1.1.1.1"], &["127.0.0.1"]]);
    let before = names.asked.load(Ordering::SeqCst);
    for _ in 0..3 {
        assert!(get(&client, &base).await.is_err());
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), before + 3);
    assert_eq!(dialled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_the_operator_names_can_be_reached_and_a_redirect_leads_nowhere() {
    let (port, dialled) = target().await;
    let names = Arc::new(Told::default());
    names.says("tracker.internal", &[&["127.0.0.1"]]);
    let settings = Settings {
        private_hosts: vec!["tracker.internal".to_owned()],
        ..Settings::default()
    };
    let client = Client::with_names(&settings, names).unwrap();
    let own = format!("http://tracker.internal:{port}/");
    let client = client.only(&[&own]).unwrap();
    assert_eq!(&get(&client, &own).await.unwrap().body()[..], b"secret");
    assert_eq!(dialled.load(Ordering::SeqCst), 1);

    let redirecting = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = redirecting.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = redirecting.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _kept = stream.read_u8().await;
    });
    let base = format!("http://{at}/");
    let client = client.only(&[&base]).unwrap();
    assert_eq!(get(&client, &base).await.unwrap().status(), 307);
    assert_eq!(dialled.load(Ordering::SeqCst), 1);
}

#[test]
fn a_client_that_was_told_nothing_reaches_nobody() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, dialled) = runtime.block_on(target());
    let client = Client::new(&Settings::default()).unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    let error = runtime.block_on(get(&client, &url)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert_eq!(dialled.load(Ordering::SeqCst), 0);
}
