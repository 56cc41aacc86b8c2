//! The simulated carriers push what they know, signed, to whom they were told to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use support::client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use waybill_simulator::{Options, SPAN, Simulator};

#[tokio::test]
async fn the_control_port_has_a_carrier_push() {
    let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = Options {
        elapsed: SPAN,
        control_port: Some(0),
        push_to: Some(gateway.local_addr().unwrap()),
        ..Options::default()
    };
    let sim = Simulator::start(options).await.unwrap();
    let control = sim.control_address().unwrap();
    let number = sim
        .source("17track")
        .unwrap()
        .scenario("delivered")
        .unwrap()
        .number;
    let url = format!("http://{control}/_sim/push?carrier=17track&number={number}");
    for (answer, expected) in [("200 OK", 200), ("401 Unauthorized", 502)] {
        let told = client().post(&url).send();
        let answered = async {
            let (mut stream, _) = gateway.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\"TRACKING_UPDATED\"}") {
                stream.read_buf(&mut request).await.unwrap();
            }
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        };
        let (told, request) = tokio::join!(told, answered);
        assert_eq!(told.unwrap().status(), expected);
        assert!(
            request.starts_with("POST /push/17track HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains("\r\nsign: ") && request.contains(number),
            "{request}"
        );
    }
    for wrong in ["carrier=17track&number=NOBODYS", "carrier=dhl&number=1"] {
        let url = format!("http://{control}/_sim/push?{wrong}");
        assert_eq!(client().post(&url).send().await.unwrap().status(), 400);
    }
    sim.stop().await;
}

#[tokio::test]
async fn the_same_news_is_the_same_push_and_later_news_is_another() {
    let sim = Simulator::start(Options::default()).await.unwrap();
    sim.advance(SPAN / 4);
    for source in ["aftership", "17track", "cainiao", "kuaidi100"] {
        let source = sim.source(source).unwrap();
        let number = source.scenario("delivered").unwrap().number;
        let first = source.push(number).unwrap();
        assert_eq!(
            first.body,
            source.push(number).unwrap().body,
            "{}",
            source.id()
        );
    }
    let source = sim.source("17track").unwrap();
    let number = source.scenario("delivered").unwrap().number;
    let before = source.push(number).unwrap();
    sim.advance(SPAN);
    assert_ne!(before.body, source.push(number).unwrap().body);
    sim.stop().await;
}
