//! The fake USPS keeps USPS' contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{Kind, Quota, SPAN, Simulator, Source};

const HOUR: Duration = Duration::from_secs(3600);
const BATCH: &str = "/tracking/v3r2/tracking";
const DESK: &str = "/subscriptions-tracking/v3/subscriptions";
const LISTENER: &str = "https://listener.example/usps";
const SECRET: &str = "a-secret-of-thirty-two-characters";

struct Session {
    sim: Simulator,
    client: Client,
    root: String,
    token: String,
}

fn setting(source: &dyn Source, key: &str) -> String {
    let settings = source.settings();
    let found = settings.into_iter().find(|(known, _)| *known == key);
    found.unwrap().1
}

impl Session {
    async fn new() -> Self {
        let (sim, client) = (simulator().await, client());
        let root = setting(sim.source("usps").unwrap(), "base_url");
        let mut session = Self {
            sim,
            client,
            root,
            token: String::new(),
        };
        session.token = session.token_for("tracking subscriptions-tracking").await;
        session
    }

    fn fake(&self) -> &dyn Source {
        self.sim.source("usps").unwrap()
    }

    fn credentials(&self, scope: &str) -> Value {
        json!({
            "client_id": setting(self.fake(), "client_id"),
            "client_secret": setting(self.fake(), "client_secret"),
            "grant_type": "client_credentials",
            "scope": scope,
        })
    }

    async fn ask_token(&self, body: &Value) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}/oauth2/v3/token", self.root));
        send(with_json(request, body)).await
    }

    async fn token_for(&self, scope: &str) -> String {
        let (status, body) = self.ask_token(&self.credentials(scope)).await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = self.client.get(format!("{}{path}", self.root));
        send(request.bearer_auth(&self.token)).await
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.root));
        send(with_json(request.bearer_auth(&self.token), body)).await
    }

    fn number(&self, name: &str) -> &'static str {
        self.fake().scenario(name).unwrap().number
    }

    async fn detail(&self, name: &str) -> Value {
        let number = self.number(name);
        let (status, body) = self
            .get(&format!("/tracking/v3/tracking/{number}?expand=DETAIL"))
            .await;
        assert_eq!(status, 200, "{name}: {body}");
        body
    }
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request
        .header("content-type", "application/json")
        .body(body.to_string())
}

fn code(body: &Value) -> &str {
    body["error"]["errors"][0]["code"]
        .as_str()
        .unwrap_or_default()
}

fn codes(item: &Value) -> Vec<&str> {
    let events = item["trackingEvents"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["eventCode"].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn a_token_is_for_a_scope_and_its_numbers_are_strings() {
    let mut session = Session::new().await;
    let (status, body) = session.ask_token(&session.credentials("tracking")).await;
    assert_eq!(status, 200);
    assert_eq!(body["expires_in"], "28799");
    assert_eq!(body["issued_at"].as_str().unwrap().len(), 13);
    let mut wrong = session.credentials("tracking");
    wrong["client_secret"] = json!("wrong");
    let (status, body) = session.ask_token(&wrong).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (401, &json!("invalid_client"))
    );
    let (status, body) = session.ask_token(&session.credentials("labels")).await;
    assert_eq!(
        (status.as_u16(), &body["error"]),
        (400, &json!("invalid_scope"))
    );
    session.token = session.token_for("").await;
    let number = session.number("delivered");
    let path = format!("/tracking/v3/tracking/{number}");
    let (status, body) = session.get(&path).await;
    assert_eq!(status, 401, "given out and refused: {body}");
    session.token = session.token_for("tracking").await;
    assert_eq!(session.get(&path).await.0, 200);
    assert_eq!(session.get(&format!("{DESK}?MID=1")).await.0, 401);
    session.token = "made up".to_owned();
    assert_eq!(session.get(&path).await.0, 401);
    assert_eq!(session.fake().requests_of(Kind::Token), 6);
}

#[tokio::test]
async fn events_carry_local_time_with_a_false_z() {
    let session = Session::new().await;
    assert_eq!(codes(&session.detail("delivered").await), ["GX"]);
    session.sim.advance(26 * HOUR);
    let item = session.detail("delivered").await;
    assert_eq!(codes(&item), ["10", "03", "GX"]);
    let accepted = &item["trackingEvents"][1];
    assert_eq!(accepted["eventTimestamp"], "2026-03-02T08:00:00Z");
    assert_eq!(accepted["GMTTimestamp"], "2026-03-02T14:00:17Z");
    assert_eq!(accepted["GMTOffset"], "-6:00");
    assert_eq!(item["expectedDeliveryTimeStamp"], "2026-03-05T20:00:00Z");
    assert_eq!(item["statusCategory"], "In Transit");
    assert_eq!(item["proofOfDeliveryEnabled"], "false");
}

#[tokio::test]
async fn parameters_of_v3_are_checked() {
    let session = Session::new().await;
    let number = session.number("delivered");
    for query in [
        "expand=FULL",
        "destinationZIPCode=8020",
        "mailingDate=yesterday",
        "locale=en",
    ] {
        let path = format!("/tracking/v3/tracking/{number}?{query}");
        assert_eq!(session.get(&path).await.0, 400, "{query}");
    }
    let path = format!(
        "/tracking/v3/tracking/{number}?expand=DETAIL&destinationZIPCode=80202&mailingDate=2026-03-02"
    );
    assert_eq!(session.get(&path).await.0, 200);
    let (_, summary) = session
        .get(&format!("/tracking/v3/tracking/{number}"))
        .await;
    assert!(summary["eventSummaries"][0].is_string());
    assert!(summary.get("trackingEvents").is_none());
    for odd in ["12345", "94001", "LZ12345678CN", "94007780000000000000aa"] {
        let path = format!("/tracking/v3/tracking/{odd}?expand=DETAIL");
        assert_eq!(session.get(&path).await.0, 400, "{odd}");
    }
    assert_eq!(session.get("/tracking/v9").await.0, 404);
    assert_eq!(session.get(BATCH).await.0, 405);
}

#[tokio::test]
async fn announced_and_unknown_have_codes_of_their_own() {
    let session = Session::new().await;
    for (name, expected) in [("not-scanned-yet", "150009"), ("not-found-yet", "150002")] {
        let path = format!("/tracking/v3/tracking/{}", session.number(name));
        let (status, body) = session.get(&path).await;
        assert_eq!((status.as_u16(), code(&body)), (400, expected));
    }
    session.sim.advance(6 * HOUR);
    assert_eq!(codes(&session.detail("not-scanned-yet").await), ["03"]);
    assert_eq!(codes(&session.detail("not-found-yet").await), ["GX"]);
    let path = format!("/tracking/v3/tracking/{}", session.number("other-mailer"));
    assert_eq!(session.get(&path).await.0, 403);
}

#[tokio::test]
async fn a_batch_is_mixed_when_one_fails() {
    let session = Session::new().await;
    let ask = |name: &str| json!({ "trackingNumber": session.number(name) });
    let all = json!([ask("delivered"), ask("in-transit")]);
    let (status, body) = session.post(BATCH, &all).await;
    assert_eq!(status, 200);
    assert_eq!(body.as_array().unwrap().len(), 2);
    let item = &body[0];
    assert_eq!(item["destinationZIPCode"], "80202");
    assert!(item.get("destinationZIP").is_none());
    assert_eq!(item["trackingEvents"][0]["eventZIPCode"], "60607");
    assert_eq!(
        item["deliveryDateExpectation"]["expectedDeliveryDate"],
        "2026-03-05"
    );
    let mixed = json!([
        ask("delivered"),
        ask("not-scanned-yet"),
        ask("other-mailer"),
        { "trackingNumber": "XYZ", "destinationZIPCode": "80202", "mailingDate": "2026-03-02" },
    ]);
    let (status, body) = session.post(BATCH, &mixed).await;
    assert_eq!(status, 207);
    let failures: Vec<_> = (1..4)
        .map(|at| (body[at]["statusCode"].as_str().unwrap(), code(&body[at])))
        .collect();
    assert_eq!(
        failures,
        [("400", "150009"), ("403", ""), ("400", "150002")]
    );
    assert_eq!(session.fake().requests_for(session.number("delivered")), 2);
}

#[tokio::test]
async fn a_wrong_batch_is_refused_whole() {
    let session = Session::new().await;
    let good = json!({ "trackingNumber": session.number("delivered") });
    let mut unknown = good.clone();
    unknown["expand"] = json!("DETAIL");
    for body in [
        json!([]),
        good.clone(),
        json!("x"),
        json!([unknown]),
        json!([7]),
        json!([{ "trackingNumber": 7 }]),
        Value::from(vec![good.clone(); 36]),
    ] {
        let (status, answer) = session.post(BATCH, &body).await;
        assert_eq!(status, 400, "{body}: {answer}");
    }
    assert_eq!(
        session.post(BATCH, &Value::from(vec![good; 35])).await.0,
        200
    );
}

#[tokio::test]
async fn odd_data_is_odd_on_the_wire() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let china = session.detail("from-china").await;
    assert_eq!(china["originCity"], Value::Null);
    let events = china["trackingEvents"].as_array().unwrap();
    let first = events.last().unwrap();
    assert_eq!(
        (&first["eventCountry"], &first["GMTOffset"]),
        (&json!("CHINA"), &json!("+8:00"))
    );
    let customs = &events[5];
    assert_eq!(customs["eventCode"], Value::Null);
    // Seven in the evening in Los Angeles is the next day in UTC; the field has the same day.
    assert_eq!(customs["eventTimestamp"], "2026-03-04T19:00:00Z");
    assert_eq!(customs["GMTTimestamp"], "2026-03-04T03:00:17Z");
    let old = session.detail("local-times").await;
    assert!(old["trackingEvents"][0].get("GMTOffset").is_none());
    let contradiction = session.detail("contradiction").await;
    assert_eq!(contradiction["statusCategory"], "Delivered");
    assert_eq!(codes(&contradiction)[0], "OF");
    assert_eq!(codes(&session.detail("unknown-code").await)[0], "ZQ");
    let locker = session.detail("locker").await;
    assert_eq!(locker["status"], "Delivered, Parcel Locker");
}

#[tokio::test]
async fn every_scenario_ends_within_the_span_and_answers_with_its_number() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let scenarios = session.fake().scenarios();
    assert!(scenarios.len() >= 12);
    for scenario in scenarios {
        assert!(scenario.last_event < SPAN, "{} is too long", scenario.name);
        if scenario.name != "other-mailer" {
            let item = session.detail(scenario.name).await;
            assert_eq!(item["trackingNumber"], scenario.number);
        }
    }
}

#[tokio::test]
async fn what_waits_says_until_when() {
    let session = Session::new().await;
    session.sim.advance(90 * HOUR);
    let item = session.detail("access-point").await;
    assert_eq!(codes(&item)[0], "02");
    assert_eq!(item["returnDateNotice"], "2026-03-11");
    session.sim.advance(80 * HOUR);
    let item = session.detail("access-point").await;
    assert_eq!(
        item["status"],
        "Delivered, Individual Picked Up at Post Office"
    );
    assert!(item.get("returnDateNotice").is_none());
}

#[tokio::test]
async fn a_spent_quota_says_when_to_come_back() {
    let session = Session::new().await;
    session.fake().set_quota(Quota {
        per_second: None,
        per_day: Some(1),
    });
    let path = format!("/tracking/v3/tracking/{}", session.number("delivered"));
    assert_eq!(session.get(&path).await.0, 200);
    let request = session.client.get(format!("{}{path}", session.root));
    let refused = request.bearer_auth(&session.token).send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "60");
    let (status, body) = support::json(refused).await;
    assert_eq!(
        (status.as_u16(), &body["error"]["code"]),
        (429, &json!("429"))
    );
    // The quota is one over all endpoints.
    assert_eq!(session.get(&format!("{DESK}?MID=1")).await.0, 429);
}

fn wish(filter: Value) -> Value {
    json!({
        "listenerURL": LISTENER,
        "secret": SECRET,
        "adminNotification": [{ "email": "ops@listener.example" }],
        "filterProperties": filter,
    })
}

#[tokio::test]
async fn a_subscription_is_made_once_and_ended_by_its_version() {
    let session = Session::new().await;
    let number = session.number("delivered");
    let good = wish(json!({ "trackingNumber": number, "trackingEventTypes": ["ALL_UPDATES"] }));
    let (status, made) = session.post(DESK, &good).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["secret"], SECRET, "it is repeated");
    let id = made["subscriptionId"].as_str().unwrap().to_owned();
    let (status, again) = session.post(DESK, &good).await;
    assert_eq!(status, 400);
    assert!(again.to_string().contains(&id), "{again}");

    let url = format!("{}{DESK}/{id}", session.root);
    let found = session.client.get(&url).bearer_auth(&session.token);
    let found = found.send().await.unwrap();
    let tag = found.headers()["etag"].to_str().unwrap().to_owned();
    let end = |tag: &str| {
        let request = session.client.delete(&url).bearer_auth(&session.token);
        request.header("if-match", tag).send()
    };
    assert_eq!(end("\"old\"").await.unwrap().status(), 412);
    assert_eq!(end(&tag).await.unwrap().status(), 204);
    assert_eq!(end(&tag).await.unwrap().status(), 404);
    assert_eq!(session.post(DESK, &good).await.0, 201);
    assert_eq!(session.fake().requests_of(Kind::Register), 3);
}

#[tokio::test]
async fn a_wrong_subscription_is_refused() {
    let session = Session::new().await;
    let number = json!({ "trackingNumber": session.number("delivered") });
    for (key, value) in [
        ("listenerURL", json!("http://listener.example")),
        ("secret", json!("short")),
        ("filterProperties", json!({})),
        (
            "filterProperties",
            json!({ "MID": "1", "trackingNumber": "2" }),
        ),
        (
            "filterProperties",
            json!({ "MID": "1", "trackingEventTypes": ["SOME"] }),
        ),
        ("extra", json!(1)),
    ] {
        let mut bad = wish(number.clone());
        bad[key] = value;
        assert_eq!(session.post(DESK, &bad).await.0, 400, "{bad}");
    }
    assert_eq!(session.get(DESK).await.0, 400);
    assert_eq!(session.get(&format!("{DESK}?MID=900000001")).await.0, 404);
    let mailer = wish(json!({ "MID": "900000001" }));
    assert_eq!(session.post(DESK, &mailer).await.0, 201);
    let (status, list) = session.get(&format!("{DESK}?MID=900000001")).await;
    assert_eq!((status.as_u16(), list.as_array().unwrap().len()), (200, 1));
}

#[tokio::test]
async fn load_numbers_are_known_and_distinct() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let mut numbers: Vec<String> = (0..70).map(|n| session.fake().load_number(n)).collect();
    for part in numbers.chunks(35) {
        let asks: Vec<_> = part
            .iter()
            .map(|n| json!({ "trackingNumber": n }))
            .collect();
        let (status, body) = session.post(BATCH, &Value::from(asks)).await;
        assert_eq!(status, 200);
        for (number, item) in part.iter().zip(body.as_array().unwrap()) {
            assert!(number.len() == 22 && number.starts_with("94007799"));
            assert_eq!(item["trackingNumber"], *number);
            assert_eq!(codes(item).len(), 8);
        }
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 70);
}
