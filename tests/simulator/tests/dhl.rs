//! The fake DHL keeps DHL's contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{Kind, Options, Quota, RetryAfter, SPAN, Simulator, dhl_load_number};

const HOUR: Duration = Duration::from_secs(3600);

fn ask(client: &Client, sim: &Simulator, query: &str) -> RequestBuilder {
    let url = format!("{}/shipments?{query}", sim.dhl().base_url());
    client.get(url).header("DHL-API-Key", sim.dhl().api_key())
}

async fn track(client: &Client, sim: &Simulator, query: &str) -> Value {
    let (status, body) = send(ask(client, sim, query)).await;
    assert_eq!(status, StatusCode::OK, "{query}: {body}");
    body
}

async fn scenario(client: &Client, sim: &Simulator, name: &str) -> Value {
    let number = sim.dhl().scenario(name).unwrap().number;
    track(client, sim, &format!("trackingNumber={number}")).await
}

fn texts<'a>(shipment: &'a Value, field: &str) -> Vec<&'a str> {
    let events = shipment["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event[field].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_a_problem_401() {
    let (sim, client) = (simulator().await, client());
    let url = format!(
        "{}/shipments?trackingNumber=9000000111",
        sim.dhl().base_url()
    );
    for request in [
        client.get(&url),
        client.get(&url).header("DHL-API-Key", "wrong"),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let (status, body) = support::json(response).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let expected = json!({
            "title": "Unauthorized", "status": 401, "detail": "Unauthorized for given resource."
        });
        assert_eq!(body, expected);
    }
    sim.dhl().remove_account(sim.dhl().api_key());
    assert_eq!(
        send(ask(&client, &sim, "trackingNumber=9000000111"))
            .await
            .0,
        401
    );
}

#[tokio::test]
async fn events_appear_as_the_clock_advances() {
    let (sim, client) = (simulator().await, client());
    let at_start = scenario(&client, &sim, "delivered").await;
    let shipment = &at_start["shipments"][0];
    assert_eq!(texts(shipment, "statusCode"), ["pre-transit"]);
    assert_eq!(shipment["estimatedTimeOfDelivery"], "2026-03-04T21:00:00");
    assert_eq!(shipment["details"].get("proofOfDelivery"), None);

    sim.advance(24 * HOUR);
    let next_day = scenario(&client, &sim, "delivered").await;
    let shipment = &next_day["shipments"][0];
    assert_eq!(
        texts(shipment, "statusCode"),
        ["transit", "transit", "pre-transit"]
    );
    // Express writes the local wall clock and calls it Z: 08:00 UTC is 09:00 in Leipzig.
    assert_eq!(shipment["events"][0]["timestamp"], "2026-03-03T09:00:00Z");
    assert_eq!(shipment["status"], shipment["events"][0]);

    sim.advance(48 * HOUR);
    let done = scenario(&client, &sim, "delivered").await;
    let shipment = &done["shipments"][0];
    assert_eq!(shipment["status"]["statusCode"], "delivered");
    assert_eq!(
        shipment["details"]["proofOfDelivery"]["signed"]["name"],
        "M MUSTER"
    );
    assert_eq!(shipment.get("estimatedTimeOfDelivery"), None);

    sim.set_now(sim.clock().start());
    assert_eq!(scenario(&client, &sim, "delivered").await, at_start);
}

#[tokio::test]
async fn every_scenario_ends_within_the_span_and_answers_with_its_number() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let scenarios = sim.dhl().scenarios();
    assert!(scenarios.len() >= 12);
    for scenario in scenarios {
        assert!(scenario.last_event < SPAN, "{} is too long", scenario.name);
        let answer = track(
            &client,
            &sim,
            &format!("trackingNumber={}", scenario.number),
        )
        .await;
        let id = match &answer["shipments"][0]["id"] {
            Value::Number(id) => id.to_string(),
            id => id.as_str().unwrap().to_owned(),
        };
        assert_eq!(id, scenario.number);
        let express = answer["shipments"][0]["service"] == "express";
        if express && scenario.number.len() == 10 {
            let number: u64 = scenario.number.parse().unwrap();
            assert_eq!(
                number / 10 % 7,
                number % 10,
                "check digit of {}",
                scenario.name
            );
        }
    }
}

#[tokio::test]
async fn not_found_turns_into_a_label() {
    let (sim, client) = (simulator().await, client());
    let (status, body) = send(ask(&client, &sim, "trackingNumber=9000000774")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["title"], "No result found");
    assert_eq!(body["status"], 404);
    assert_eq!(body["instance"], "/shipment/9000000774");
    sim.advance(6 * HOUR);
    let answer = scenario(&client, &sim, "not-found-yet").await;
    assert_eq!(
        texts(&answer["shipments"][0], "statusCode"),
        ["pre-transit"]
    );
}

#[tokio::test]
async fn bad_parameters_are_400() {
    let (sim, client) = (simulator().await, client());
    for query in [
        "",
        "trackingNumber=",
        "trackingNumber=9000000111,9000000225",
        "trackingNumber=9000000111&language=en_de",
        "trackingNumber=9000000111&service=pigeon",
        "trackingNumber=9000000111&requesterCountryCode=de",
        "trackingNumber=9000000111&limit=0",
        "trackingNumber=9000000111&offset=-1",
        "trackingNumber=9000000111&offset=99999999999999999999",
    ] {
        let (status, body) = send(ask(&client, &sim, query)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(body["title"], "Invalid input");
        assert!(
            body["detail"]
                .as_str()
                .unwrap()
                .starts_with("Input is invalid: ")
        );
    }
    let elsewhere = format!("{}/shipment", sim.dhl().base_url());
    let request = client
        .get(elsewhere)
        .header("DHL-API-Key", sim.dhl().api_key());
    assert_eq!(send(request).await.0, StatusCode::NOT_FOUND);
    assert_eq!(sim.dhl().requests_of(Kind::Other), 1);
}

#[tokio::test]
async fn quotas_of_two_keys_run_out_and_refill_with_the_simulated_clock() {
    let (sim, client) = (simulator().await, client());
    let quota = Quota {
        per_second: Some(1),
        per_day: Some(2),
    };
    sim.dhl().set_account("small", quota);
    let url = format!(
        "{}/shipments?trackingNumber=9000000111",
        sim.dhl().base_url()
    );
    let call = async || {
        client
            .get(&url)
            .header("DHL-API-Key", "small")
            .send()
            .await
            .unwrap()
    };
    assert_eq!(call().await.status(), 200);
    let refused = call().await;
    assert_eq!(refused.headers().get("retry-after"), None);
    let (status, body) = support::json(refused).await;
    assert_eq!(
        (status.as_u16(), &body["title"]),
        (429, &json!("Too Many Requests"))
    );
    assert_eq!(
        send(ask(&client, &sim, "trackingNumber=9000000111"))
            .await
            .0,
        200,
        "another key"
    );

    sim.advance(Duration::from_secs(1));
    assert_eq!(call().await.status(), 200, "the second is over");
    sim.advance(Duration::from_secs(1));
    sim.dhl().set_retry_after(RetryAfter::Seconds(7));
    assert_eq!(
        call().await.headers()["retry-after"],
        "7",
        "the day's quota is spent"
    );
    sim.dhl().set_retry_after(RetryAfter::Date(7));
    let date = call().await.headers()["retry-after"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    // The simulator starts at 08:00: the GMT day is over 16 hours later.
    sim.advance(15 * HOUR);
    assert_eq!(call().await.status(), 429);
    sim.advance(HOUR);
    assert_eq!(call().await.status(), 200);
}

#[tokio::test]
async fn a_crowded_number_comes_in_pages() {
    let (sim, client) = (simulator().await, client());
    let first = scenario(&client, &sim, "crowded-number").await;
    assert_eq!(first["shipments"].as_array().unwrap().len(), 5);
    assert_eq!(first.get("prevUrl"), None);
    let next = first["nextUrl"].as_str().unwrap();
    let second = track(&client, &sim, next.split_once('?').unwrap().1).await;
    assert_eq!(second["shipments"].as_array().unwrap().len(), 2);
    assert_eq!(second.get("nextUrl"), None);
    assert_eq!(second["prevUrl"], first["url"]);
    let narrowed = track(&client, &sim, "trackingNumber=51300&service=parcel-nl").await;
    assert_eq!(narrowed["shipments"].as_array().unwrap().len(), 1);
    assert_eq!(narrowed["shipments"][0]["service"], "parcel-nl");
    let (status, _) = send(ask(&client, &sim, "trackingNumber=51300&service=dgf")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_reused_number_answers_with_shipments_years_apart() {
    let (sim, client) = (simulator().await, client());
    let answer = scenario(&client, &sim, "reused-number").await;
    let shipments = answer["shipments"].as_array().unwrap();
    let year = |index: usize| &shipments[index]["status"]["timestamp"].as_str().unwrap()[..4];
    assert_eq!([year(0), year(1), year(2)], ["2026", "2024", "2022"]);
}

#[tokio::test]
async fn a_piece_id_finds_the_shipment_with_its_pieces_apart() {
    let (sim, client) = (simulator().await, client());
    sim.advance(50 * HOUR);
    let answer = track(&client, &sim, "trackingNumber=JD014600000000000013").await;
    let shipment = &answer["shipments"][0];
    assert_eq!(shipment["id"], json!(9_000_000_660_u64));
    assert_eq!(shipment["details"]["totalNumberOfPieces"], 3);
    assert!(shipment["details"]["references"].is_object());
    let newest = &shipment["events"][0];
    assert_eq!(newest["pieceIds"], json!(["JD014600000000000013"]));
    assert_eq!(newest["statusCode"], "failure");
}

#[tokio::test]
async fn the_postal_code_unlocks_a_german_parcel() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let locked = track(&client, &sim, "trackingNumber=900000000111").await;
    assert!(locked["possibleAdditionalShipmentsUrl"].is_array());
    let details = &locked["shipments"][0]["details"];
    assert!(details.get("receiver").is_none() && details.get("proofOfDelivery").is_none());
    for code in ["24103", "10115"] {
        let query = format!("trackingNumber=900000000111&recipientPostalCode={code}");
        let answer = track(&client, &sim, &query).await;
        let named = answer["shipments"][0]["details"].get("receiver").is_some();
        assert_eq!(named, code == "24103");
    }
}

#[tokio::test]
async fn times_come_as_each_division_writes_them() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let stamp = |answer: &Value, index: usize| {
        answer["shipments"][0]["events"][index]["timestamp"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        stamp(&scenario(&client, &sim, "local-times").await, 0),
        "2026-03-03T12:00:00"
    );
    assert_eq!(
        stamp(&scenario(&client, &sim, "day-only").await, 0),
        "2026-03-05"
    );
    let access = scenario(&client, &sim, "access-point").await;
    assert_eq!(stamp(&access, 0), "2026-03-05T09:00:00+01:00");
    let china = scenario(&client, &sim, "from-china").await;
    assert_eq!(stamp(&china, 6), "2026-03-03T00:00:00+08:00");
    assert_eq!(stamp(&china, 7), "2026-03-02T16:00:00");
}

#[tokio::test]
async fn odd_data_is_odd_on_the_wire() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let unknown = scenario(&client, &sim, "unknown-code").await;
    assert_eq!(
        texts(&unknown["shipments"][0], "statusCode")[..3],
        ["unknown", "", "quarantined"]
    );
    assert_eq!(unknown["shipments"][0]["events"][1].get("statusCode"), None);
    let contradiction = scenario(&client, &sim, "contradiction").await;
    assert_eq!(
        contradiction["shipments"][0]["status"]["statusCode"],
        "delivered"
    );
    assert!(!texts(&contradiction["shipments"][0], "statusCode").contains(&"delivered"));
    let locker = scenario(&client, &sim, "access-point").await;
    assert_eq!(
        locker["shipments"][0]["events"][1]["statusCode"],
        "delivered"
    );
    assert_eq!(locker["shipments"][0]["events"][1]["status"], "44");
    let label = scenario(&client, &sim, "label-only").await;
    assert_eq!(texts(&label["shipments"][0], "statusCode"), ["pre-transit"]);
}

#[tokio::test]
async fn load_numbers_are_known_distinct_and_stable() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let mut numbers: Vec<String> = (0..500).map(dhl_load_number).collect();
    let mut undelivered = 0;
    for number in &numbers {
        assert!(number.len() == 10 && number.starts_with("77"));
        let query = format!("trackingNumber={number}");
        let answer = track(&client, &sim, &query).await;
        assert_eq!(
            answer["shipments"][0]["events"].as_array().unwrap().len(),
            8
        );
        undelivered += u32::from(answer["shipments"][0]["status"]["statusCode"] == "failure");
        if number.ends_with('0') {
            assert_eq!(answer, track(&client, &sim, &query).await);
        }
    }
    assert!(
        (1..250).contains(&undelivered),
        "{undelivered} of 500 failed"
    );
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 500);
    let wrong_digit = format!("{}9", &numbers[0][..9]);
    let (status, _) = send(ask(&client, &sim, &format!("trackingNumber={wrong_digit}"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn requests_are_counted_and_the_last_one_is_kept() {
    let (sim, client) = (simulator().await, client());
    assert!(sim.dhl().last_request().is_none());
    let query = "trackingNumber=9000000111&language=de&service=express";
    let response = ask(&client, &sim, query).send().await.unwrap();
    assert_eq!(response.headers()["content-language"], "en");
    assert!(response.headers().contains_key("correlation-id"));
    response.bytes().await.unwrap();
    ask(&client, &sim, "trackingNumber=9000000225")
        .send()
        .await
        .unwrap();
    assert_eq!(sim.dhl().requests(), 2);
    assert_eq!(sim.dhl().requests_for("9000000111"), 1);
    assert_eq!(sim.dhl().requests_for("9000000332"), 0);
    let last = sim.dhl().last_request().unwrap();
    assert_eq!(last.query("trackingNumber"), Some("9000000225"));
    assert_eq!(last.query("language"), None);
    assert_eq!(last.header("dhl-api-key"), Some(sim.dhl().api_key()));
    assert!(sim.dhl().open_connections() >= 1);
    assert!(sim.dhl().accepted_connections() >= 1);
}

#[tokio::test]
async fn a_live_simulator_never_shows_an_event_of_the_future() {
    let options = Options {
        elapsed: SPAN,
        ..Options::live(3600.0)
    };
    let latest = options.start;
    let sim = Simulator::start(options).await.unwrap();
    assert!(sim.clock().now() >= latest);
    let real_now = latest.as_second() + i64::try_from(SPAN.as_secs()).unwrap();
    for scenario in sim
        .dhl()
        .scenarios()
        .into_iter()
        .chain(sim.ups().scenarios())
    {
        let last = i64::try_from(scenario.last_event.as_secs()).unwrap();
        assert!(latest.as_second() + last < real_now, "{}", scenario.name);
    }
    sim.stop().await;
}
