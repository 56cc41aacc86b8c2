//! The fake AfterShip keeps AfterShip's contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{
    AFTERSHIP_AES, Kind, Quota, SPAN, Simulator, Source, aftership_load_number, aftership_push,
    aftership_sign,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const PATH: &str = "/tracking/2026-07/trackings";

struct Session {
    sim: Simulator,
    client: Client,
}

impl Session {
    async fn new() -> Self {
        let (sim, client) = (simulator().await, client());
        Self { sim, client }
    }

    fn fake(&self) -> &dyn Source {
        self.sim.source("aftership").unwrap()
    }

    fn setting(&self, name: &str) -> String {
        let mut all = self.fake().settings().into_iter();
        all.find(|(key, _)| *key == name).unwrap().1
    }

    fn number(&self, name: &str) -> &'static str {
        self.fake().scenario(name).unwrap().number
    }

    fn request(&self, method: Method, resource: &str) -> RequestBuilder {
        let url = format!("{}{resource}", self.setting("base_url"));
        self.client.request(method, url)
    }

    async fn call(&self, method: Method, rest: &str, body: &str) -> (StatusCode, Value) {
        let request = self.request(method, &format!("{PATH}{rest}"));
        let request = request.header("as-api-key", self.setting("api_key"));
        send(request.body(body.to_owned())).await
    }

    async fn list(&self, rest: &str) -> Vec<Value> {
        let (status, mut body) = self.call(Method::GET, rest, "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["meta"]["code"], 200);
        serde_json::from_value(body["data"]["trackings"].take()).unwrap()
    }

    /// The trackings of a scenario.
    async fn tracked(&self, name: &str) -> Vec<Value> {
        let number = self.number(name);
        self.list(&format!("?limit=200&tracking_numbers={number}"))
            .await
    }

    async fn create(&self, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, "", &body.to_string()).await
    }
}

fn code(body: &Value) -> u64 {
    body["meta"]["code"].as_u64().unwrap()
}

fn subtags(tracking: &Value) -> Vec<&str> {
    let checkpoints = tracking["checkpoints"].as_array().unwrap().iter();
    checkpoints
        .map(|checkpoint| checkpoint["subtag"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_key_is_needed_and_an_aes_key_needs_a_signature() {
    let session = Session::new().await;
    for key in [None, Some("wrong"), Some(AFTERSHIP_AES[0])] {
        let mut request = session.request(Method::GET, PATH);
        if let Some(key) = key {
            request = request.header("as-api-key", key);
        }
        let (status, body) = send(request).await;
        assert_eq!((status.as_u16(), code(&body)), (401, 401), "{key:?}");
        assert_eq!(body["meta"]["type"], "Unauthorized");
    }
    let now = jiff_now(0);
    let old = jiff_now(-200);
    let number = session.number("delivered");
    let list = format!("{PATH}?limit=50&tracking_numbers={number}%2Cx");
    let right = aftership_sign("GET", &list, "", &now);
    let sent = |date: &str, signature: &str| {
        // The order in which parameters are sent does not matter.
        let swapped = format!("{PATH}?tracking_numbers={number}%2Cx&limit=50");
        let request = session.request(Method::GET, &swapped);
        request
            .header("as-api-key", AFTERSHIP_AES[0])
            .header("date", date)
            .header("as-signature-hmac-sha256", signature)
    };
    let (status, body) = send(sent(&now, &right)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    for (date, signature) in [
        (&now, aftership_sign("GET", PATH, "", &now)),
        (&now, aftership_sign("POST", &list, "", &now)),
        (&old, right.clone()),
        (&old, aftership_sign("GET", &list, "", &old)),
        (&now, String::new()),
    ] {
        let (status, body) = send(sent(date, &signature)).await;
        assert_eq!((status.as_u16(), code(&body)), (401, 401));
    }
    let body = json!({ "tracking_number": "YT9900000000000001", "slug": "yunexpress" }).to_string();
    let post = |signed: &str| {
        let request = session.request(Method::POST, PATH);
        request
            .header("as-api-key", AFTERSHIP_AES[0])
            .header("content-type", "application/json")
            .header("date", &now)
            .header(
                "as-signature-hmac-sha256",
                aftership_sign("POST", PATH, signed, &now),
            )
            .body(body.clone())
    };
    assert_eq!(send(post("{}")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(post(&body)).await.0, StatusCode::CREATED);
}

/// The real moment, some seconds off, as the header `date` has it.
fn jiff_now(seconds: i64) -> String {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let at = i64::try_from(since.as_secs()).unwrap() + seconds;
    let at = jiff::Timestamp::from_second(at).unwrap();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[tokio::test]
async fn checkpoints_appear_with_the_clock_and_state_the_time_of_their_place() {
    let session = Session::new().await;
    let tracking = session.tracked("delivered").await.remove(0);
    assert_eq!(subtags(&tracking), ["InTransit_002"]);
    assert_eq!(tracking["tag"], "InTransit");
    assert_eq!(tracking["signed_by"], Value::Null);
    session.sim.advance(2 * DAY);
    let tracking = session.tracked("delivered").await.remove(0);
    assert_eq!(
        subtags(&tracking),
        ["InTransit_002", "OutForDelivery_001", "Delivered_003"]
    );
    assert_eq!(tracking["signed_by"], "M. MUSTER");
    assert_eq!(tracking["active"], false);
    let first = &tracking["checkpoints"][0];
    assert_eq!(first["checkpoint_time"], "2026-03-02T02:00:00-06:00");
    assert_eq!(first["country_region"], "USA");
    let naive = session.tracked("out-for-delivery").await.remove(0);
    let time = naive["checkpoints"][0]["checkpoint_time"].as_str().unwrap();
    assert_eq!(time, "2026-03-02T02:00:00", "no offset");
}

#[tokio::test]
async fn every_scenario_ends_within_the_span_and_answers_with_its_number() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let scenarios = session.fake().scenarios();
    assert!(scenarios.len() >= 16);
    for scenario in scenarios {
        assert!(scenario.last_event < SPAN, "{} is too long", scenario.name);
        let found = session.tracked(scenario.name).await;
        let expected = match scenario.name {
            "not-registered" | "hidden" | "needs-postcode" | "no-carrier" | "over-plan" => 0,
            "two-carriers" => 2,
            _ => 1,
        };
        assert_eq!(found.len(), expected, "{}", scenario.name);
        for tracking in found {
            assert_eq!(tracking["tracking_number"], scenario.number);
        }
    }
}

#[tokio::test]
async fn a_created_tracking_is_pending_for_a_minute() {
    let session = Session::new().await;
    let number = session.number("not-registered");
    let (status, body) = session.create(json!({ "tracking_number": number })).await;
    assert_eq!((status.as_u16(), code(&body)), (201, 201));
    assert_eq!(body["data"]["slug"], "yunexpress", "detected");
    assert_eq!(body["data"]["subtag"], "Pending_001");
    let id = body["data"]["id"].as_str().unwrap().to_owned();
    session.sim.advance(MINUTE);
    let (_, body) = session.call(Method::GET, &format!("/{id}"), "").await;
    assert_eq!(subtags(&body["data"]), ["InTransit_002"]);
    let (status, body) = session.create(json!({ "tracking_number": number })).await;
    assert_eq!((status.as_u16(), code(&body)), (400, 4003));
    assert_eq!(body["data"]["id"], id);
    let (status, body) = session.call(Method::DELETE, &format!("/{id}"), "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["data"]["tracking_number"], number);
    for method in [Method::GET, Method::DELETE] {
        let (status, body) = session.call(method, &format!("/{id}"), "").await;
        assert_eq!((status.as_u16(), code(&body)), (404, 4004));
    }
    assert!(session.tracked("not-registered").await.is_empty());
    assert_eq!(session.fake().requests_of(Kind::Register), 2);
    assert_eq!(session.fake().requests_for(number), 1);
}

#[tokio::test]
async fn creations_are_refused_for_what_is_wrong_with_them() {
    let session = Session::new().await;
    let number = |name| session.number(name);
    for (body, expected) in [
        (json!({}), 4007),
        (json!({ "tracking_number": "X" }), 4005),
        (json!({ "tracking_number": "A B C D" }), 4005),
        (json!({ "tracking_number": "ABCD1", "slug": "UPS" }), 4010),
        (json!({ "tracking_number": "ABCD1", "slug": 7 }), 4010),
        (json!({ "tracking_number": "ABCD1" }), 4012),
        (
            json!({ "tracking_number": "ABCD1", "slug": "ups", "origin_country_region": "US" }),
            4008,
        ),
        (json!({ "tracking_number": number("no-carrier") }), 4012),
        (json!({ "tracking_number": number("needs-postcode") }), 4011),
        (json!({ "tracking_number": number("over-plan") }), 402),
        (json!({ "tracking_number": number("hidden") }), 4003),
    ] {
        let (_, answer) = session.create(body.clone()).await;
        assert_eq!(code(&answer), expected, "{body}");
    }
    let (_, answer) = session.call(Method::POST, "", "{").await;
    assert_eq!(code(&answer), 4001);
    let whole = json!({
        "tracking_number": number("needs-postcode"),
        "destination_postal_code": "07743",
    });
    assert_eq!(session.create(whole).await.0, StatusCode::CREATED);
    let told = json!({ "tracking_number": number("no-carrier"), "slug": "ontrac" });
    assert_eq!(session.create(told).await.0, StatusCode::CREATED);
    for (method, path) in [
        (Method::PATCH, PATH),
        (Method::GET, "/tracking/2026-07/elsewhere"),
        (Method::GET, "/v4/trackings"),
    ] {
        let request = session.request(method, path);
        let (status, body) = send(request).await;
        assert_eq!((status.as_u16(), code(&body)), (404, 404), "{path}");
    }
}

#[tokio::test]
async fn lists_have_limits_pages_and_couriers() {
    let session = Session::new().await;
    let number = session.number("two-carriers");
    let one = session
        .list(&format!("?slug=yodel&tracking_numbers={number}"))
        .await;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["slug"], "yodel");
    let first = format!("?limit=1&tracking_numbers={number}");
    let (_, body) = session.call(Method::GET, &first, "").await;
    let pagination = &body["data"]["pagination"];
    assert_eq!(
        (&pagination["total"], &pagination["has_next_page"]),
        (&json!(2), &json!(true))
    );
    let cursor = pagination["next_cursor"].as_str().unwrap();
    let (_, rest) = session
        .call(Method::GET, &format!("{first}&cursor={cursor}"), "")
        .await;
    assert_eq!(rest["data"]["pagination"]["has_next_page"], false);
    assert_ne!(
        rest["data"]["trackings"][0]["id"],
        body["data"]["trackings"][0]["id"]
    );
    let many = vec!["ABCD1"; 51].join(",");
    for wrong in [
        "?limit=201",
        "?limit=x",
        "?cursor=x",
        &format!("?tracking_numbers={many}"),
    ] {
        let (status, _) = session.call(Method::GET, wrong, "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn odd_data_is_odd_on_the_wire() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let legs = session.tracked("two-legs").await.remove(0);
    assert_eq!(
        subtags(&legs),
        [
            "InTransit_005",
            "OutForDelivery_001",
            "Delivered_001",
            "InTransit_002",
            "InTransit_002",
            "InTransit_007",
        ],
        "in no order, one twice"
    );
    let rows = legs["checkpoints"].as_array().unwrap();
    assert_eq!(rows[0]["raw_tag"], "CC_IM_START");
    assert_eq!(
        (&rows[1]["slug"], &rows[0]["slug"]),
        (&json!("usps"), &json!("cainiao"))
    );
    assert_eq!(rows[3]["hash"], rows[4]["hash"]);
    assert_eq!(legs["last_mile"]["slug"], "usps");
    let by_hand = session.tracked("by-hand").await.remove(0);
    assert_eq!(by_hand["checkpoints"][1]["source"], "user");
    let expired = session.tracked("expired").await.remove(0);
    assert_eq!(
        (&expired["tag"], &expired["active"]),
        (&json!("Expired"), &json!(false))
    );
    let returned = session.tracked("returned").await.remove(0);
    assert_eq!(returned["return_to_sender"], true);
}

#[tokio::test]
async fn a_quota_is_of_each_endpoint_and_says_when_it_begins_anew() {
    let session = Session::new().await;
    session.fake().set_quota(Quota {
        per_second: Some(1),
        per_day: Some(1),
    });
    assert_eq!(session.call(Method::GET, "", "").await.0, StatusCode::OK);
    let request = session.request(Method::GET, PATH);
    let request = request.header("as-api-key", session.setting("api_key"));
    let refused = request.send().await.unwrap();
    assert_eq!(refused.headers()["x-ratelimit-limit"], "6");
    assert_eq!(refused.headers()["x-ratelimit-remaining"], "0");
    assert!(refused.headers().contains_key("x-ratelimit-reset"));
    let (status, body) = support::json(refused).await;
    assert_eq!((status.as_u16(), code(&body)), (429, 429));
    let made = json!({ "tracking_number": session.number("not-registered") });
    assert_eq!(session.create(made).await.0, StatusCode::CREATED);
    session.sim.advance(MINUTE);
    let next = json!({ "tracking_number": "1Z9990010399999999" });
    assert_eq!(
        session.create(next.clone()).await.0,
        StatusCode::PAYMENT_REQUIRED
    );
    session.sim.advance(DAY);
    assert_eq!(session.create(next).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn load_numbers_are_known_and_distinct() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let numbers: Vec<String> = (0..200).map(aftership_load_number).collect();
    for numbers in numbers.chunks(50) {
        let rest = format!("?limit=200&tracking_numbers={}", numbers.join(","));
        let found = session.list(&rest).await;
        assert_eq!(found.len(), 50);
        for tracking in &found {
            assert_eq!(tracking["checkpoints"].as_array().unwrap().len(), 8);
        }
    }
    assert_eq!(session.fake().requests_for(&numbers[7]), 1);
    let distinct: BTreeSet<&String> = numbers.iter().collect();
    assert_eq!(distinct.len(), 200);
}

#[tokio::test]
async fn a_push_is_signed_over_its_body() {
    let session = Session::new().await;
    let tracking = session.tracked("in-transit").await.remove(0);
    let push = |id| aftership_push("tracking_update", id, &tracking);
    let (body, signature) = push("5a0f9c1e-1111-4222-8333-444455556666");
    let parsed: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(parsed["msg"], tracking);
    assert_eq!(parsed["event"], "tracking_update");
    assert_eq!(signature.len(), 44, "base64 of 32 bytes");
    assert_ne!(push("another").1, signature);
}
