//! The fake DHL Express keeps the contract of MyDHL API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{Kind, Quota, SPAN, Simulator, Source};

const HOUR: Duration = Duration::from_secs(3600);
const FULL: &str = "trackingView=all-checkpoints-with-remarks&levelOfDetail=all";

fn source(sim: &Simulator) -> &dyn Source {
    sim.source("dhl-express").unwrap()
}

fn setting(sim: &Simulator, key: &str) -> String {
    let settings = source(sim).settings();
    let found = settings.into_iter().find(|(known, _)| *known == key);
    found.unwrap().1
}

fn ask(client: &Client, sim: &Simulator, path: &str) -> RequestBuilder {
    let url = format!("{}{path}", setting(sim, "base_url"));
    let (user, password) = (setting(sim, "username"), setting(sim, "password"));
    client.get(url).basic_auth(user, Some(password))
}

fn number(sim: &Simulator, name: &str) -> &'static str {
    source(sim).scenario(name).unwrap().number
}

async fn single(client: &Client, sim: &Simulator, name: &str, query: &str) -> Value {
    let path = format!("/shipments/{}/tracking?{query}", number(sim, name));
    let (status, body) = send(ask(client, sim, &path)).await;
    assert_eq!(status, StatusCode::OK, "{name}: {body}");
    body["shipments"][0].clone()
}

fn codes(events: &Value) -> Vec<&str> {
    let events = events.as_array().unwrap();
    events
        .iter()
        .map(|event| event["typeCode"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn wrong_credentials_are_a_problem_401() {
    let (sim, client) = (simulator().await, client());
    let url = format!(
        "{}/tracking?shipmentTrackingNumber=9100000114",
        setting(&sim, "base_url")
    );
    for request in [
        client.get(&url),
        client.get(&url).basic_auth("a", Some("b")),
    ] {
        let (status, body) = send(request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(body["status"], "401", "a text");
    }
}

#[tokio::test]
async fn checkpoints_are_oldest_first_in_local_time_with_offsets_on_demand() {
    let (sim, client) = (simulator().await, client());
    sim.advance(24 * HOUR);
    let plain = single(&client, &sim, "delivered", "").await;
    assert_eq!(codes(&plain["events"]), ["PU", "DF", "AF"]);
    let first = &plain["events"][0];
    // 13:00 UTC is 21:00 in Hong Kong.
    assert_eq!(
        (&first["date"], &first["time"]),
        (&json!("2026-03-02"), &json!("21:00:00"))
    );
    assert_eq!(first.get("GMTOffset"), None);
    assert_eq!(plain["events"][1].get("remarks"), None);
    assert_eq!(plain.get("pieces"), None);
    let query = format!("{FULL}&requestGMTOffsetPerEvent=true");
    let full = single(&client, &sim, "delivered", &query).await;
    assert_eq!(full["events"][0]["GMTOffset"], "+08:00");
    assert_eq!(full["events"][2]["GMTOffset"], "+01:00");
    assert!(full["events"][1]["remarks"][0]["value"].is_string());
    assert_eq!(full["pieces"][0]["events"].as_array().unwrap().len(), 3);
    assert_eq!(full["estimatedDeliveryDate"], "2026-03-05T23:59:00");
    sim.advance(SPAN);
    let done = single(&client, &sim, "delivered", &query).await;
    assert_eq!(done.get("estimatedDeliveryDate"), None);
    let last = single(&client, &sim, "delivered", "trackingView=last-checkpoint").await;
    assert_eq!(codes(&last["events"]), ["OK"]);
    let details = single(
        &client,
        &sim,
        "delivered",
        "trackingView=shipment-details-only",
    )
    .await;
    assert_eq!(codes(&details["events"]), [""; 0]);
}

#[tokio::test]
async fn a_batch_leaves_out_what_it_does_not_know() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let path = format!(
        "/tracking?{FULL}&requestGMTOffsetPerEvent=true&shipmentTrackingNumber={}\
         &shipmentTrackingNumber=9109999999&shipmentTrackingNumber={}",
        number(&sim, "in-transit"),
        number(&sim, "local-times"),
    );
    let (status, body) = send(ask(&client, &sim, &path)).await;
    assert_eq!(status, StatusCode::OK);
    let shipments = body["shipments"].as_array().unwrap();
    assert_eq!(shipments.len(), 2);
    assert_eq!(shipments[0]["events"][0].get("GMTOffset"), None, "not here");
    let last = &shipments[1]["events"][3];
    assert_eq!(last["time"], "00:00:00", "Los Angeles");
    assert_eq!(source(&sim).requests_for("9109999999"), 1);
    let pieces = "/tracking?levelOfDetail=piece&pieceTrackingNumber=JJD014610000000001103\
                  &pieceTrackingNumber=JD014610000000001101";
    let (_, body) = send(ask(&client, &sim, pieces)).await;
    let shipments = body["shipments"].as_array().unwrap();
    assert_eq!(shipments.len(), 1, "both are of one shipment");
    assert_eq!(
        codes(&shipments[0]["pieces"][2]["events"]),
        ["PU", "MS", "OK"]
    );
    assert_eq!(
        codes(&shipments[0]["pieces"][0]["events"]),
        ["PU", "WC", "OK"]
    );
}

#[tokio::test]
async fn bad_requests_are_problems() {
    let (sim, client) = (simulator().await, client());
    let many = "&shipmentTrackingNumber=9100000114".repeat(201);
    for (path, status, word) in [
        ("/shipments/9109999999/tracking", 404, "No data"),
        (
            "/shipments/910000011/tracking",
            400,
            "shipmentTrackingNumber",
        ),
        (
            "/shipments/9100000114/tracking?trackingView=all",
            400,
            "trackingView",
        ),
        (
            "/shipments/9100000114/tracking?levelOfDetail=some",
            400,
            "levelOfDetail",
        ),
        ("/tracking", 400, "required"),
        (
            "/tracking?pieceTrackingNumber=17",
            400,
            "pieceTrackingNumber",
        ),
        (&format!("/tracking?a=b{many}"), 400, "200"),
        ("/rates", 404, "No resource"),
    ] {
        let (found, body) = send(ask(&client, &sim, path)).await;
        assert_eq!(found, status, "{path}");
        assert_eq!(body["status"], status.to_string());
        assert!(body["detail"].as_str().unwrap().contains(word), "{body}");
    }
    assert_eq!(source(&sim).requests_of(Kind::Other), 1);
}

#[tokio::test]
async fn quotas_and_scenarios() {
    let (sim, client) = (simulator().await, client());
    let early = format!("/shipments/{}/tracking", number(&sim, "not-found-yet"));
    assert_eq!(send(ask(&client, &sim, &early)).await.0, 404);
    let label = single(&client, &sim, "label-only", FULL).await;
    assert_eq!(label["events"], json!([]));
    sim.advance(SPAN);
    assert!(source(&sim).scenarios().len() >= 8);
    for scenario in source(&sim).scenarios() {
        assert!(scenario.last_event < SPAN);
        let found = single(&client, &sim, scenario.name, FULL).await;
        assert_eq!(found["shipmentTrackingNumber"], scenario.number);
    }
    source(&sim).set_quota(Quota {
        per_second: None,
        per_day: Some(1),
    });
    assert_eq!(send(ask(&client, &sim, &early)).await.0, 200);
    let (status, body) = send(ask(&client, &sim, &early)).await;
    assert_eq!((status.as_u16(), &body["status"]), (429, &json!("429")));
}

#[tokio::test]
async fn load_numbers_are_known_distinct_and_stable() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let mut numbers: Vec<String> = (0..400).map(|n| source(&sim).load_number(n)).collect();
    for part in numbers.chunks(200) {
        let query: String = part
            .iter()
            .map(|number| format!("&shipmentTrackingNumber={number}"))
            .collect();
        let path = format!("/tracking?{FULL}{query}");
        let (status, body) = send(ask(&client, &sim, &path)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body["shipments"].as_array().unwrap().len(), 200);
        assert_eq!(send(ask(&client, &sim, &path)).await.1, body);
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 400);
}
