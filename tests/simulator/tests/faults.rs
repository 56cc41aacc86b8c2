//! Each fault does on the wire what its name says, and the control port switches it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{ErrorBody, Fault, Options, RetryAfter, Simulator, Target};

const MIB: usize = 1 << 20;

fn ask(client: &Client, sim: &Simulator) -> RequestBuilder {
    let url = format!(
        "{}/shipments?trackingNumber=9000000111",
        sim.dhl().base_url()
    );
    client.get(url).header("DHL-API-Key", sim.dhl().api_key())
}

async fn body(request: RequestBuilder) -> reqwest::Result<Vec<u8>> {
    Ok(request.send().await?.bytes().await?.to_vec())
}

fn fault(text: &str) -> Fault {
    text.parse().unwrap()
}

#[tokio::test]
async fn statuses_come_with_the_body_that_was_asked_for() {
    let (sim, client) = (simulator().await, client());
    for code in [401_u16, 403, 500, 502, 503, 504] {
        sim.dhl()
            .set_fault(Some(fault(&format!("status:{code}:json"))));
        let (status, problem) = send(ask(&client, &sim)).await;
        assert_eq!((status.as_u16(), &problem["status"]), (code, &json!(code)));
        sim.dhl()
            .set_fault(Some(fault(&format!("status:{code}:html"))));
        let response = ask(&client, &sim).send().await.unwrap();
        assert_eq!(
            response.headers()["content-type"],
            "text/html; charset=utf-8"
        );
        assert_eq!(response.status(), code);
        sim.dhl()
            .set_fault(Some(fault(&format!("status:{code}:empty"))));
        let response = ask(&client, &sim).send().await.unwrap();
        assert_eq!(response.status(), code);
        assert!(response.bytes().await.unwrap().is_empty());
    }
    sim.dhl().set_fault(None);
    assert_eq!(send(ask(&client, &sim)).await.0, 200);
}

#[tokio::test]
async fn a_counted_fault_hits_that_many_requests() {
    let (sim, client) = (simulator().await, client());
    sim.dhl().set_fault_times(
        Fault::Status(http::StatusCode::BAD_GATEWAY, ErrorBody::Json),
        2,
    );
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(send(ask(&client, &sim)).await.0.as_u16());
    }
    assert_eq!(statuses, [502, 502, 200]);
    assert_eq!(sim.dhl().requests(), 3, "faulty requests are counted too");
}

#[tokio::test]
async fn rate_limits_say_when_to_come_back_or_not() {
    let (sim, client) = (simulator().await, client());
    for (after, expected) in [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds(30), Some("30".len())),
        (
            RetryAfter::Date(30),
            Some("Mon, 02 Mar 2026 08:00:00 GMT".len()),
        ),
    ] {
        sim.dhl().set_fault(Some(Fault::RateLimited(after)));
        let response = ask(&client, &sim).send().await.unwrap();
        assert_eq!(response.status(), 429);
        assert_eq!(
            response
                .headers()
                .get("retry-after")
                .map(|value| value.len()),
            expected
        );
    }
}

#[tokio::test]
async fn broken_bodies_come_with_status_200() {
    let (sim, client) = (simulator().await, client());
    let whole = body(ask(&client, &sim)).await.unwrap();
    sim.dhl().set_fault(Some(Fault::TruncatedJson));
    let half = body(ask(&client, &sim)).await.unwrap();
    assert_eq!(half, whole[..whole.len() / 2]);
    assert!(serde_json::from_slice::<Value>(&half).is_err());
    sim.dhl().set_fault(Some(Fault::Garbage));
    let garbage = body(ask(&client, &sim)).await.unwrap();
    assert!(String::from_utf8(garbage).is_err());
    sim.dhl().set_fault(Some(Fault::HtmlPage));
    let response = ask(&client, &sim).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(
        response
            .text()
            .await
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
    sim.dhl().set_fault(Some(Fault::NoContent));
    assert_eq!(ask(&client, &sim).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_cut_body_breaks_off_after_its_headers() {
    let (sim, client) = (simulator().await, client());
    let whole = body(ask(&client, &sim)).await.unwrap().len();
    sim.dhl().set_fault(Some(Fault::CutBody));
    let response = ask(&client, &sim).send().await.unwrap();
    assert_eq!(response.headers()["content-length"], whole.to_string());
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let sim = simulator().await;
    sim.dhl().set_fault(Some(Fault::TcpReset));
    let address = sim.dhl().address();
    let error = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /track/shipments HTTP/1.1\r\nHost: dhl\r\n\r\n")
            .unwrap();
        stream.read(&mut [0; 64]).unwrap_err()
    });
    assert_eq!(
        error.await.unwrap().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_hanging_carrier_takes_the_request_and_says_nothing() {
    let (sim, client) = (simulator().await, client());
    sim.dhl().set_fault(Some(Fault::Hang));
    let error = ask(&client, &sim)
        .timeout(Duration::from_millis(200))
        .send()
        .await
        .unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(sim.dhl().requests(), 1);
}

#[tokio::test]
async fn slowness_latency_and_drip_take_their_time() {
    let (sim, client) = (simulator().await, client());
    let whole = body(ask(&client, &sim)).await.unwrap();
    let delay = Duration::from_millis(60);
    sim.dhl().set_fault(Some(Fault::Slow(delay)));
    let begun = Instant::now();
    assert_eq!(body(ask(&client, &sim)).await.unwrap(), whole);
    assert!(begun.elapsed() >= delay);
    sim.dhl().set_fault(None);
    sim.dhl().set_latency(delay);
    let begun = Instant::now();
    assert_eq!(body(ask(&client, &sim)).await.unwrap(), whole);
    assert!(begun.elapsed() >= delay);
    sim.dhl().set_latency(Duration::ZERO);
    sim.dhl()
        .set_fault(Some(Fault::Drip(Duration::from_millis(1))));
    let begun = Instant::now();
    assert_eq!(body(ask(&client, &sim)).await.unwrap(), whole);
    assert!(begun.elapsed() >= Duration::from_millis(whole.len() as u64 - 1));
}

#[tokio::test]
async fn a_huge_body_streams_50_mib_and_a_bomb_unpacks_to_64() {
    let (sim, client) = (simulator().await, client());
    sim.dhl().set_fault(Some(Fault::Huge));
    let response = ask(&client, &sim).send().await.unwrap();
    assert_eq!(response.headers().get("content-length"), None);
    assert_eq!(response.bytes().await.unwrap().len(), 50 * MIB);
    sim.dhl().set_fault(Some(Fault::GzipBomb));
    let packed = Client::builder().no_proxy().no_gzip().build().unwrap();
    let response = ask(&packed, &sim).send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert!(response.bytes().await.unwrap().len() < MIB);
    assert_eq!(body(ask(&client, &sim)).await.unwrap().len(), 64 * MIB);
}

#[tokio::test]
async fn down_refuses_and_up_listens_on_the_same_port() {
    let (sim, client) = (simulator().await, client());
    assert_eq!(send(ask(&client, &sim)).await.0, 200);
    let address = sim.dhl().address();
    sim.dhl().down().await;
    assert!(ask(&client, &sim).send().await.unwrap_err().is_connect());
    assert_eq!(sim.dhl().open_connections(), 0);
    assert!(sim.dhl().is_down());
    sim.dhl().up().await.unwrap();
    assert_eq!(sim.dhl().address(), address);
    assert_eq!(send(ask(&client, &sim)).await.0, 200);
}

#[tokio::test]
async fn stop_frees_the_ports_and_so_does_drop() {
    let sim = simulator().await;
    let dhl_port = sim.dhl().address().port();
    sim.stop().await;
    let options = Options {
        ports: [("dhl".to_owned(), dhl_port)].into(),
        ..Options::default()
    };
    let again = Simulator::start(options).await.unwrap();
    assert_eq!(again.dhl().address().port(), dhl_port);
    let address = again.dhl().address();
    drop(again);
    // Tasks end when the runtime next runs them.
    while TcpStream::connect(address).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_fault_leaves_tracking_alone() {
    let (sim, client) = (simulator().await, client());
    sim.ups().set_token_fault(Some(fault("status:503:empty")));
    let url = format!("{}/security/v1/oauth/token", sim.ups().base_url());
    assert_eq!(client.post(url).send().await.unwrap().status(), 503);
    let url = format!(
        "{}/api/track/v1/details/1ZSIM0010300000017",
        sim.ups().base_url()
    );
    assert_eq!(client.get(url).send().await.unwrap().status(), 401);
    assert_eq!(sim.ups().fault(Target::Api), None);
    sim.ups().set_fault(Some(fault("status:500:json")));
    let url = format!(
        "{}/api/track/v1/details/1ZSIM0010300000017",
        sim.ups().base_url()
    );
    let (_, error) = send(client.get(url)).await;
    assert_eq!(error["response"]["errors"][0]["code"], "10004");
}

#[tokio::test]
async fn the_control_port_switches_and_shows_everything() {
    let options = Options {
        control_port: Some(0),
        ..Options::default()
    };
    let (sim, client) = (Simulator::start(options).await.unwrap(), client());
    let control = format!("http://{}/_sim", sim.control_address().unwrap());
    let post = |command: &str| client.post(format!("{control}/{command}"));

    let (status, state) = send(client.get(&control)).await;
    assert_eq!(status, 200);
    assert_eq!(state["now"], "2026-03-02T08:00:00Z");
    let [dhl, ups] = [&state["carriers"][0], &state["carriers"][1]];
    assert_eq!(dhl["base_url"], sim.dhl().base_url());
    assert_eq!(
        dhl["scenarios"].as_array().unwrap().len(),
        sim.dhl().scenarios().len()
    );
    assert_eq!(
        (&ups["carrier"], &ups["token_requests"]),
        (&json!("ups"), &json!(0))
    );

    let (_, state) = send(post("fault?carrier=dhl&fault=status:503:json&times=1")).await;
    assert_eq!(state["carriers"][0]["fault"], "status:503:json");
    assert_eq!(send(ask(&client, &sim)).await.0, 503);
    assert_eq!(send(ask(&client, &sim)).await.0, 200);
    let (_, state) = send(post("fault?carrier=ups&fault=hang&target=token")).await;
    assert_eq!(state["carriers"][1]["token_fault"], "hang");
    assert_eq!(sim.ups().fault(Target::Token), Some(Fault::Hang));

    let (_, state) = send(post("fault?carrier=dhl&fault=down")).await;
    assert_eq!(state["carriers"][0]["down"], true);
    assert!(ask(&client, &sim).send().await.is_err());
    let (_, state) = send(post("fault?carrier=dhl&fault=none")).await;
    assert_eq!(state["carriers"][0]["down"], false);
    assert_eq!(send(ask(&client, &sim)).await.0, 200);

    let (_, state) = send(post("advance?seconds=3600")).await;
    assert_eq!(state["now"], "2026-03-02T09:00:00Z");
    send(post("latency?carrier=ups&ms=5")).await;
    assert_eq!(sim.ups().latency(), Duration::from_millis(5));
    assert_eq!(send(post("tokens?state=revoked")).await.0, 200);

    for wrong in [
        "fault?carrier=nobody&fault=hang",
        "fault?carrier=dhl",
        "fault?carrier=dhl&fault=sulk",
        "fault?carrier=dhl&fault=hang&times=x",
        "fault?carrier=dhl&fault=hang&target=moon",
        "fault?carrier=dhl&fault=hang&target=token",
        "fault?carrier=dhl&fault=down&times=2",
        "latency?carrier=dhl&ms=-1",
        "tokens?state=lost",
    ] {
        let (status, answer) = send(post(wrong)).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(answer["error"].is_string());
    }
    assert_eq!(send(post("dance")).await.0, 404);
    assert_eq!(
        send(client.get(format!("{control}/advance?seconds=1")))
            .await
            .0,
        404
    );
}
