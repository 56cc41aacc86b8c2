//! The fake UPS keeps UPS' contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{Kind, Quota, RetryAfter, SPAN, Simulator, ups_load_number};

const HOUR: Duration = Duration::from_secs(3600);

fn token_request(client: &Client, sim: &Simulator, id: &str, secret: &str) -> RequestBuilder {
    client
        .post(format!("{}/security/v1/oauth/token", sim.ups().base_url()))
        .basic_auth(id, Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials")
}

async fn token(client: &Client, sim: &Simulator) -> String {
    let (id, secret) = (sim.ups().client_id(), sim.ups().client_secret());
    let (status, body) = send(token_request(client, sim, id, secret)).await;
    assert_eq!(status, StatusCode::OK);
    body["access_token"].as_str().unwrap().to_owned()
}

fn ask(client: &Client, sim: &Simulator, token: &str, path: &str) -> RequestBuilder {
    client
        .get(format!("{}/api/track/v1/{path}", sim.ups().base_url()))
        .bearer_auth(token)
        .header("transId", "test-1")
        .header("transactionSrc", "simulator-tests")
}

struct Session {
    sim: Simulator,
    client: Client,
    token: String,
}

impl Session {
    async fn new() -> Self {
        let (sim, client) = (simulator().await, client());
        let token = token(&client, &sim).await;
        Self { sim, client, token }
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        send(ask(&self.client, &self.sim, &self.token, path)).await
    }

    async fn shipment(&self, path: &str) -> Value {
        let (status, mut body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body["trackResponse"]["shipment"][0].take()
    }

    async fn package(&self, name: &str, query: &str) -> Value {
        let number = self.sim.ups().scenario(name).unwrap().number;
        self.shipment(&format!("details/{number}{query}")).await["package"][0].take()
    }
}

fn code(body: &Value) -> &str {
    body["response"]["errors"][0]["code"].as_str().unwrap()
}

fn statuses(package: &Value) -> Vec<&str> {
    let activity = package["activity"].as_array().unwrap();
    activity
        .iter()
        .map(|act| act["status"]["statusCode"].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn a_token_reply_is_all_strings() {
    let (sim, client) = (simulator().await, client());
    let (id, secret) = (sim.ups().client_id(), sim.ups().client_secret());
    let (status, body) = send(token_request(&client, &sim, id, secret)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        body.as_object().unwrap().values().all(Value::is_string),
        "{body}"
    );
    assert_eq!(
        (&body["expires_in"], &body["token_type"]),
        (&json!("14399"), &json!("Bearer"))
    );
    assert_eq!(
        body["issued_at"].as_str().unwrap().len(),
        13,
        "epoch milliseconds"
    );
    assert_eq!(sim.ups().token_requests(), 1);
    assert_eq!(sim.ups().requests(), 0);
}

#[tokio::test]
async fn a_wrong_token_request_is_refused() {
    let (sim, client) = (simulator().await, client());
    let (id, secret) = (sim.ups().client_id(), sim.ups().client_secret());
    let (status, body) = send(token_request(&client, &sim, id, "wrong")).await;
    assert_eq!((status.as_u16(), code(&body)), (401, "250002"));
    let url = format!("{}/security/v1/oauth/token", sim.ups().base_url());
    let (status, body) = send(client.get(&url).basic_auth(id, Some(secret))).await;
    assert_eq!((status.as_u16(), code(&body)), (405, "405"));
    let as_json = client.post(&url).basic_auth(id, Some(secret));
    let as_json = as_json
        .header("content-type", "application/json")
        .body("{}");
    let (status, body) = send(as_json).await;
    assert_eq!((status.as_u16(), code(&body)), (400, "10007"));
    let (status, _) = send(token_request(&client, &sim, id, secret).body("grant_type=x")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn tokens_expire_and_are_revoked_on_command() {
    let mut session = Session::new().await;
    let path = "details/1ZSIM0010300000017";
    assert_eq!(session.get(path).await.0, 200);
    session.sim.ups().expire_tokens();
    let (status, body) = session.get(path).await;
    assert_eq!((status.as_u16(), code(&body)), (401, "251004"));
    session.token = token(&session.client, &session.sim).await;
    assert_eq!(session.get(path).await.0, 200);
    session.sim.ups().revoke_tokens();
    let (status, body) = session.get(path).await;
    assert_eq!((status.as_u16(), code(&body)), (401, "250002"));
    session.token = "made up".to_owned();
    let (status, body) = session.get(path).await;
    assert_eq!((status.as_u16(), code(&body)), (401, "UJ0001"));
    session.sim.ups().set_token_lifetime(Duration::ZERO);
    session.token = token(&session.client, &session.sim).await;
    let (_, body) = session.get(path).await;
    assert_eq!(code(&body), "251004");
}

#[tokio::test]
async fn required_headers_and_parameters_are_checked() {
    let session = Session::new().await;
    let url = format!(
        "{}/api/track/v1/details/1ZSIM0010300000017",
        session.sim.ups().base_url()
    );
    for (name, present) in [("transId", "transactionSrc"), ("transactionSrc", "transId")] {
        let request = session
            .client
            .get(&url)
            .bearer_auth(&session.token)
            .header(present, "x");
        let (status, body) = send(request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(
            body["response"]["errors"][0]["message"],
            format!("Missing {name}")
        );
    }
    for query in [
        "locale=en",
        "returnPOD=1",
        "returnMilestones=yes",
        "returnSignature=TRUE",
    ] {
        let (status, _) = session
            .get(&format!("details/1ZSIM0010300000017?{query}"))
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
    for number in [
        "1ZSIM0010300000018",
        "1ZSIM001",
        "ABC",
        "1zsim0010300000017",
    ] {
        let (status, body) = session.get(&format!("details/{number}")).await;
        assert_eq!((status.as_u16(), code(&body)), (400, "TV1002"), "{number}");
    }
    let (status, body) = session.get("elsewhere").await;
    assert_eq!((status.as_u16(), code(&body)), (404, "404"));
}

#[tokio::test]
async fn not_found_is_a_warning_inside_200() {
    let session = Session::new().await;
    let expected = json!({
        "inquiryNumber": "1ZSIM0010300000099",
        "warnings": [{ "code": "TW0001", "message": "Tracking Information Not Found" }],
    });
    assert_eq!(
        session.shipment("details/1ZSIM0010300000099").await,
        expected
    );
    session.sim.advance(6 * HOUR);
    let package = session.package("not-found-yet", "").await;
    assert_eq!(statuses(&package), ["003"]);
    assert_eq!(
        package["activity"][0]["location"],
        json!({ "address": { "countryCode": "US", "country": "US" } })
    );
}

#[tokio::test]
async fn activities_carry_local_and_utc_time_and_appear_with_the_clock() {
    let session = Session::new().await;
    assert_eq!(statuses(&session.package("delivered", "").await), ["003"]);
    session.sim.advance(6 * HOUR);
    let package = session.package("delivered", "").await;
    assert_eq!(statuses(&package), ["005", "003"]);
    let scan = &package["activity"][0];
    assert_eq!([&scan["date"], &scan["time"]], ["20260302", "090000"]);
    assert_eq!(
        [&scan["gmtDate"], &scan["gmtTime"], &scan["gmtOffset"]],
        ["20260302", "14:00:00", "-05:00"]
    );
    assert_eq!(
        package["deliveryDate"],
        json!([{ "type": "SDD", "date": "20260303" }])
    );
    assert_eq!(package["currentStatus"]["code"], "005");
}

#[tokio::test]
async fn milestones_signature_and_proof_come_only_when_asked_for() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let plain = session.package("delivered", "").await;
    let information = &plain["deliveryInformation"];
    assert_eq!(information["receivedBy"], "MUSTER");
    assert!(information.get("signature").is_none() && information.get("pod").is_none());
    assert!(plain.get("milestones").is_none());
    assert_eq!(
        plain["deliveryDate"][0],
        json!({ "type": "DEL", "date": "20260303" })
    );

    let query = "?returnMilestones=true&returnSignature=true&returnPOD=true&locale=de_DE";
    let full = session.package("delivered", query).await;
    assert!(full["deliveryInformation"]["signature"]["image"].is_string());
    assert!(full["deliveryInformation"]["pod"]["content"].is_string());
    let last = full["milestones"].as_array().unwrap().last().unwrap();
    assert_eq!([&last["code"], &last["linkedActivity"]], ["011", "0"]);
    assert_eq!(last["current"], true);
}

#[tokio::test]
async fn every_scenario_ends_within_the_span_and_answers_with_its_number() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let scenarios = session.sim.ups().scenarios();
    assert!(scenarios.len() >= 12);
    for scenario in scenarios {
        assert!(scenario.last_event < SPAN, "{} is too long", scenario.name);
        let package = session.package(scenario.name, "").await;
        assert_eq!(package["trackingNumber"], scenario.number);
    }
}

#[tokio::test]
async fn a_small_shipment_comes_whole_and_a_large_one_in_pages() {
    let session = Session::new().await;
    session.sim.advance(48 * HOUR);
    let lead = session.shipment("details/1ZSIM0010300000062").await;
    let packages = lead["package"].as_array().unwrap();
    assert_eq!(packages.len(), 3);
    let newest: Vec<&str> = packages
        .iter()
        .map(|package| statuses(package)[0])
        .collect();
    assert_eq!(newest, ["011", "011", "052"]);
    let second = session.shipment("details/1ZSIM0010300000071").await;
    assert_eq!(second["package"].as_array().unwrap().len(), 1);
    assert_eq!(second["package"][0]["packageCount"], 3);

    let number = session
        .sim
        .ups()
        .scenario("multi-piece-paged")
        .unwrap()
        .number;
    let one = session.shipment(&format!("details/{number}")).await;
    assert_eq!(one["package"].as_array().unwrap().len(), 1);
    assert_eq!(one["package"][0]["packageCount"], 60);
    let mut seen = Vec::new();
    for (query, expected) in [("", 50), ("?offset=50&count=50", 10), ("?offset=60", 0)] {
        let page = session
            .shipment(&format!("shipment/details/{number}{query}"))
            .await;
        let page = page["package"].as_array().unwrap().clone();
        assert_eq!(page.len(), expected, "{query}");
        seen.extend(
            page.iter()
                .map(|package| package["trackingNumber"].to_string()),
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 60);
    let (status, _) = session
        .get(&format!("shipment/details/{number}?count=51"))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(session.sim.ups().requests_of(Kind::Packages), 4);
}

#[tokio::test]
async fn odd_data_is_odd_on_the_wire() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let unknown = session.package("unknown-code", "").await;
    assert_eq!(statuses(&unknown), ["", "987", "005", "003"]);
    assert_eq!(unknown["activity"][0]["status"].get("statusCode"), None);
    let old = session
        .package("local-times", "?returnMilestones=true")
        .await;
    for field in ["gmtDate", "gmtTime", "gmtOffset"] {
        assert!(old["activity"][0].get(field).is_none());
    }
    assert!(old.get("currentStatus").is_none() && old.get("milestones").is_none());
    let scan = &session.package("contradiction", "").await["activity"][0];
    // Chicago is six hours behind UTC, the UTC fields say nine.
    assert_eq!(
        [&scan["time"], &scan["gmtTime"], &scan["gmtOffset"]],
        ["020000", "11:00:00", "-06:00"]
    );
    let china = session.package("from-china", "").await;
    assert_eq!(china["activity"][6]["gmtOffset"], "+08:00");
    let hold = session.package("customs-hold", "").await;
    assert!(
        hold["activity"]
            .as_array()
            .unwrap()
            .iter()
            .any(|act| act["logicalScan"] == true)
    );
}

#[tokio::test]
async fn a_deposit_is_shown_with_its_deadline_and_no_delivery() {
    let session = Session::new().await;
    session.sim.advance(40 * HOUR);
    let package = session.package("access-point", "").await;
    assert_eq!(statuses(&package)[0], "161");
    assert_eq!(
        package["accessPointInformation"]["pickupByDate"],
        "20260310"
    );
    assert_eq!(package["deliveryDate"][0]["type"], "SDD");
    assert!(package.get("deliveryInformation").is_none());
    let attempt = session.package("failed-attempt", "").await;
    assert_eq!(
        attempt["deliveryDate"][0],
        json!({ "type": "RDD", "date": "20260304" })
    );
    assert_eq!(attempt["deliveryTime"]["type"], "EDW");
}

#[tokio::test]
async fn a_spent_quota_is_10429_for_that_client_only() {
    let mut session = Session::new().await;
    session.sim.ups().set_account(
        "small",
        "secret",
        Quota {
            per_second: None,
            per_day: Some(1),
        },
    );
    let first = session.token.clone();
    let request = token_request(&session.client, &session.sim, "small", "secret");
    session.token = send(request).await.1["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = "details/1ZSIM0010300000017";
    assert_eq!(session.get(path).await.0, 200);
    session.sim.ups().set_retry_after(RetryAfter::Seconds(3));
    let request = ask(&session.client, &session.sim, &session.token, path);
    let refused = request.send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "3");
    let (status, body) = support::json(refused).await;
    assert_eq!((status.as_u16(), code(&body)), (429, "10429"));
    session.sim.ups().remove_account("small");
    assert_eq!(code(&session.get(path).await.1), "UJ0001");
    session.token = first;
    assert_eq!(session.get(path).await.0, 200);
}

#[tokio::test]
async fn load_numbers_are_known_and_distinct() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let mut numbers: Vec<String> = (0..200).map(ups_load_number).collect();
    for number in &numbers {
        assert!(number.len() == 18 && number.starts_with("1ZLOAD00"));
        let shipment = session.shipment(&format!("details/{number}")).await;
        assert_eq!(shipment["package"][0]["trackingNumber"], *number);
        assert_eq!(
            shipment["package"][0]["activity"].as_array().unwrap().len(),
            8
        );
    }
    assert_eq!(session.sim.ups().requests_for(&numbers[7]), 1);
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 200);
}

impl Session {
    async fn subscribe(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self
            .client
            .post(format!("{}/api/track/{path}", self.sim.ups().base_url()))
            .bearer_auth(&self.token)
            .header("transId", "test-1")
            .header("transactionSrc", "simulator-tests");
        send(request.body(body.to_string())).await
    }
}

const ALERTS: &str = "v2/subscription/standard/package";

fn wish(numbers: &[&str]) -> Value {
    json!({
        "locale": "en_US",
        "countryCode": "US",
        "trackingNumberList": numbers,
        "eventPreferences": ["D", "I", "M"],
    })
}

#[tokio::test]
async fn a_subscription_covers_the_good_numbers_for_14_days() {
    let session = Session::new().await;
    let good = "1ZSIM0010300000017";
    let (status, body) = session.subscribe(ALERTS, &wish(&[good, "1Z7$8"])).await;
    assert_eq!(status, 200);
    let expected = json!({ "validTrackingNumbers": [good], "invalidTrackingNumbers": ["1Z7$8"] });
    assert_eq!(body, expected);
    let until = session.sim.ups().subscribed_until(good).unwrap();
    let start = session.sim.clock().now();
    assert_eq!(until.as_second() - start.as_second(), 14 * 86_400);
    session.sim.advance(14 * 24 * HOUR);
    assert_eq!(session.sim.ups().subscribed_until(good), None);
    assert_eq!(session.sim.ups().subscribed_until("1Z7$8"), None);
    assert_eq!(session.sim.ups().requests_of(Kind::Register), 1);
}

#[tokio::test]
async fn a_wrong_subscription_is_refused_whole() {
    let session = Session::new().await;
    let number = "1ZSIM0010300000017";
    let many = vec![number; 101];
    let changed = |key: &str, value: Value| {
        let mut body = wish(&[number]);
        body[key] = value;
        body
    };
    let listener = |key: &str| {
        let mut destination = json!({
            "url": "https://a.example", "credentialType": "Bearer", "credential": "open",
        });
        destination[key] = json!("");
        changed("destination", destination)
    };
    let first = "v1/subscription/standard/package";
    for (path, body, expected) in [
        (ALERTS, json!({}), "VSS110"),
        ("v2/subscription/better/package", wish(&[number]), "VSS930"),
        (ALERTS, changed("locale", Value::Null), "VSS300"),
        (ALERTS, changed("locale", json!("english")), "VSS310"),
        (ALERTS, changed("countryCode", json!("USA")), "VSS400"),
        (ALERTS, wish(&[]), "VSS200"),
        (ALERTS, wish(&["1Z7", "H7012345678"]), "VSS210"),
        (ALERTS, wish(&many), "VSS220"),
        (ALERTS, changed("eventPreferences", json!(["X"])), "VSS000"),
        (first, wish(&[number]), "VSS500"),
        (first, listener("url"), "VSS600"),
        (first, listener("credential"), "VSS700"),
        (first, listener("credentialType"), "VSS800"),
    ] {
        let (status, answer) = session.subscribe(path, &body).await;
        assert_eq!((status.as_u16(), code(&answer)), (400, expected), "{path}");
    }
    assert_eq!(session.sim.ups().subscribed_until(number), None);
    let enhanced = changed("eventPreferences", json!(["D", "X"]));
    let (status, _) = session
        .subscribe("v2/subscription/enhanced/package", &enhanced)
        .await;
    assert_eq!(status, 200);
    assert_eq!(session.subscribe(first, &listener("unused")).await.0, 200);
    assert_eq!(session.subscribe(ALERTS, &wish(&many[..100])).await.0, 200);
    let (status, answer) = session.get("../v2/subscription/standard/package").await;
    assert_eq!((status.as_u16(), code(&answer)), (405, "405"));
}
