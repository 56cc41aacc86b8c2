//! The fake FedEx keeps FedEx' contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{Kind, Quota, RetryAfter, SPAN, Simulator, Source, fedex_load_number};

const HOUR: Duration = Duration::from_secs(3600);
const DELIVERED: &str = "605200000026";

fn token_request(client: &Client, sim: &Simulator, id: &str, secret: &str) -> RequestBuilder {
    client
        .post(format!("{}/oauth/token", sim.fedex().base_url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "grant_type=client_credentials&client_id={id}&client_secret={secret}"
        ))
}

async fn token(client: &Client, sim: &Simulator) -> String {
    let (id, secret) = (sim.fedex().client_id(), sim.fedex().client_secret());
    let (status, body) = send(token_request(client, sim, id, secret)).await;
    assert_eq!(status, StatusCode::OK);
    body["access_token"].as_str().unwrap().to_owned()
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

    fn request(&self, path: &str) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.sim.fedex().base_url()))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        send(self.request(path).body(body.to_string())).await
    }

    async fn track(&self, infos: Value) -> (StatusCode, Value) {
        let body = json!({ "includeDetailedScans": true, "trackingInfo": infos });
        self.post("/track/v1/trackingnumbers", &body).await
    }

    async fn entries(&self, numbers: &[&str]) -> Vec<Value> {
        let infos: Vec<Value> = numbers.iter().map(|number| info(number)).collect();
        let (status, mut body) = self.track(json!(infos)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let entries = body["output"]["completeTrackResults"].take();
        entries.as_array().unwrap().clone()
    }

    async fn result(&self, number: &str) -> Value {
        self.entries(&[number]).await[0]["trackResults"][0].take()
    }

    async fn scenario(&self, name: &str) -> Value {
        let number = self.sim.fedex().scenario(name).unwrap().number;
        self.result(number).await
    }
}

fn info(number: &str) -> Value {
    json!({ "trackingNumberInfo": { "trackingNumber": number } })
}

fn code(body: &Value) -> &str {
    body["errors"][0]["code"].as_str().unwrap()
}

fn events(result: &Value) -> Vec<&str> {
    let scans = result["scanEvents"].as_array().unwrap();
    scans
        .iter()
        .map(|scan| scan["eventType"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_token_is_for_a_form_with_the_right_credentials() {
    let (sim, client) = (simulator().await, client());
    let (id, secret) = (sim.fedex().client_id(), sim.fedex().client_secret());
    let (status, body) = send(token_request(&client, &sim, id, secret)).await;
    assert_eq!(status, StatusCode::OK);
    let rest = [&body["token_type"], &body["expires_in"], &body["scope"]];
    assert_eq!(rest, [&json!("bearer"), &json!(3600), &json!("CXS")]);
    let (status, body) = send(token_request(&client, &sim, id, "wrong")).await;
    assert_eq!(
        (status.as_u16(), code(&body)),
        (401, "NOT.AUTHORIZED.ERROR")
    );
    let (status, _) = send(token_request(&client, &sim, id, secret).body("grant_type=x")).await;
    assert_eq!(status, 400);
    let url = format!("{}/oauth/token", sim.fedex().base_url());
    assert_eq!(send(client.get(url)).await.0, 404);
    assert_eq!(sim.fedex().token_requests(), 4);
    assert_eq!(sim.fedex().requests(), 0);
}

#[tokio::test]
async fn tokens_expire() {
    let mut session = Session::new().await;
    assert_eq!(session.track(json!([info(DELIVERED)])).await.0, 200);
    session.sim.fedex().expire_tokens();
    let (status, body) = session.track(json!([info(DELIVERED)])).await;
    assert_eq!(
        (status.as_u16(), code(&body)),
        (401, "NOT.AUTHORIZED.ERROR")
    );
    session.sim.fedex().set_token_lifetime(Duration::ZERO);
    session.token = token(&session.client, &session.sim).await;
    assert_eq!(session.track(json!([info(DELIVERED)])).await.0, 401);
    session.token = "made up".to_owned();
    assert_eq!(session.track(json!([info(DELIVERED)])).await.0, 401);
}

#[tokio::test]
async fn a_batch_has_one_to_thirty_numbers_and_each_its_own_answer() {
    let session = Session::new().await;
    let entries = session.entries(&["605200000999", DELIVERED, "ABC"]).await;
    let found: Vec<_> = entries
        .iter()
        .map(|entry| {
            let number = entry["trackingNumber"].as_str().unwrap();
            let error = entry["trackResults"][0]["error"]["code"].as_str();
            (number, error.unwrap_or_default())
        })
        .collect();
    let expected = [
        ("ABC", "TRACKING.TRACKINGNUMBER.INVALID"),
        (DELIVERED, ""),
        ("605200000999", "TRACKING.TRACKINGNUMBER.NOTFOUND"),
    ];
    assert_eq!(found, expected, "not in the order of the question");
    let many: Vec<Value> = (0..31).map(|n| info(&fedex_load_number(n))).collect();
    let refusals = [
        (json!(many), "TRACKING.TRACKINGNUMBERS.LIMITEXCEEDED"),
        (json!([]), "TRACKING.TRACKINGNUMBER.EMPTY"),
        (json!([info("")]), "TRACKING.TRACKINGNUMBER.EMPTY"),
        (json!("none"), "TRACKING.TRACKINGNUMBER.EMPTY"),
    ];
    for (infos, expected) in refusals {
        let (status, body) = session.track(infos).await;
        assert_eq!((status.as_u16(), code(&body)), (400, expected));
    }
    assert_eq!(session.track(json!(many[..30])).await.0, 200);
    session.sim.fedex().set_strict(true);
    let (status, body) = session.track(json!([info(DELIVERED), info("ABC")])).await;
    assert_eq!(
        (status.as_u16(), code(&body)),
        (400, "TRACKING.TRACKINGNUMBER.INVALID")
    );
}

#[tokio::test]
async fn headers_and_bodies_are_checked() {
    let session = Session::new().await;
    let body = json!({ "includeDetailedScans": true, "trackingInfo": [info(DELIVERED)] });
    let path = "/track/v1/trackingnumbers";
    let request = session.request(path).header("x-locale", "english");
    let (status, answer) = send(request.body(body.to_string())).await;
    assert_eq!(
        (status.as_u16(), code(&answer)),
        (400, "TRACKING.LOCALE.INVALID")
    );
    let request = session
        .request(path)
        .header("x-customer-transaction-id", "t-1");
    let (_, answer) = send(request.body(body.to_string())).await;
    assert_eq!(answer["customerTransactionId"], "t-1");
    for broken in ["", "{", r#"{"trackingInfo":[]}"#] {
        let (status, answer) = send(session.request(path).body(broken)).await;
        assert_eq!(
            (status.as_u16(), code(&answer)),
            (422, "INVALID.INPUT.EXCEPTION")
        );
    }
    let (status, answer) = session.post("/track/v1/elsewhere", &body).await;
    assert_eq!((status.as_u16(), code(&answer)), (404, "NOT.FOUND.ERROR"));
    let bare = json!({ "includeDetailedScans": false, "trackingInfo": [info(DELIVERED)] });
    let (_, answer) = session.post(path, &bare).await;
    let result = &answer["output"]["completeTrackResults"][0]["trackResults"][0];
    assert!(result["scanEvents"].is_null());
}

#[tokio::test]
async fn scans_appear_with_the_clock_and_carry_the_offset_of_their_place() {
    let session = Session::new().await;
    assert_eq!(events(&session.scenario("delivered").await), ["OC"]);
    session.sim.advance(6 * HOUR);
    let result = session.scenario("delivered").await;
    assert_eq!(events(&result), ["PU", "OC"]);
    assert_eq!(result["scanEvents"][0]["date"], "2026-03-02T06:00:00-08:00");
    assert_eq!(result["shipmentDetails"]["possessionStatus"], true);
    let label = session.scenario("label-only").await;
    assert_eq!(label["shipmentDetails"]["possessionStatus"], false);
    session.sim.advance(SPAN);
    let result = session.scenario("delivered").await;
    let delivery = &result["scanEvents"][0];
    assert_eq!(
        [&delivery["eventType"], &delivery["exceptionCode"]],
        [&json!("DL"), &json!("014")]
    );
    let times = result["dateAndTimes"].as_array().unwrap();
    let time = |kind: &str| {
        let mut times = times.iter();
        times
            .find(|time| time["type"] == kind)
            .map(|time| time["dateTime"].clone())
    };
    assert_eq!(time("ACTUAL_DELIVERY"), Some(delivery["date"].clone()));
    assert_eq!(time("SHIP"), Some(json!("2026-03-02T00:00:00-06:00")));
}

#[tokio::test]
async fn not_found_is_an_error_inside_200() {
    let session = Session::new().await;
    let result = session.scenario("not-found-yet").await;
    assert_eq!(result["error"]["code"], "TRACKING.TRACKINGNUMBER.NOTFOUND");
    assert!(result["latestStatusDetail"].is_null());
    session.sim.advance(6 * HOUR);
    assert_eq!(events(&session.scenario("not-found-yet").await), ["OC"]);
}

#[tokio::test]
async fn a_number_used_twice_is_pinned_by_unique_id_or_days() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let number = session
        .sim
        .fedex()
        .scenario("reused-number")
        .unwrap()
        .number;
    let count = async |info: Value| {
        let (_, body) = session.track(json!([info])).await;
        let entry = &body["output"]["completeTrackResults"][0];
        entry["trackResults"].as_array().unwrap().len()
    };
    assert_eq!(count(info(number)).await, 2);
    let mut pinned = info(number);
    pinned["trackingNumberInfo"]["trackingNumberUniqueId"] = json!(format!("11811~{number}~FDEG"));
    assert_eq!(count(pinned).await, 1);
    let mut dated = info(number);
    dated["shipDateBegin"] = json!("2026-03-01");
    dated["shipDateEnd"] = json!("2026-03-03");
    assert_eq!(count(dated).await, 1);
    for (begin, end, expected) in [
        ("2026-03-01", "2027-03-01", "TRACKING.SHIPDATEEND.FUTURE"),
        (
            "2026-03-03",
            "2026-03-01",
            "TRACKING.SHIPDATE.ENDDATEBEFOREBEGINDATE",
        ),
        ("2020-03-03", "2020-03-04", "TRACKING.SHIPDATERANGE.ERROR"),
        ("2026-01-01", "2026-03-01", "TRACKING.SHIPDATERANGE.ERROR"),
        ("soon", "2026-03-01", "TRACKING.SHIPDATEBEGIN.INVALID"),
    ] {
        let mut dated = info(number);
        dated["shipDateBegin"] = json!(begin);
        dated["shipDateEnd"] = json!(end);
        let (status, body) = session.track(json!([dated])).await;
        assert_eq!((status.as_u16(), code(&body)), (400, expected));
    }
}

#[tokio::test]
async fn the_pieces_of_a_consignment_are_asked_for_by_its_master() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let piece = session.scenario("multi-piece").await;
    assert_eq!(piece["packageDetails"]["count"], "3");
    assert_eq!(piece["packageDetails"]["sequenceNumber"], "2");
    let info = &piece["additionalTrackingInfo"];
    assert_eq!(info["hasAssociatedShipments"], true);
    let identifiers = info["packageIdentifiers"].as_array().unwrap();
    let master = identifiers.iter().find(|one| one["type"] == "STANDARD_MPS");
    let master = master.unwrap()["values"][0].as_str().unwrap();
    let ask = |master: &str, kind: &str| {
        json!({ "includeDetailedScans": true, "associatedType": kind,
            "masterTrackingNumberInfo": { "trackingNumberInfo": { "trackingNumber": master } } })
    };
    let path = "/track/v1/associatedshipments";
    let (status, body) = session.post(path, &ask(master, "STANDARD_MPS")).await;
    assert_eq!(status, StatusCode::OK);
    let entries = body["output"]["completeTrackResults"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    let newest = |entry: &Value| events(&entry["trackResults"][0])[0].to_owned();
    assert!(entries.iter().map(newest).eq(["DL", "DL", "SE"]));
    for (master, kind, expected) in [
        (
            DELIVERED,
            "STANDARD_MPS",
            "TRACKING.TRACKINGNUMBER.NOTFOUND",
        ),
        ("", "STANDARD_MPS", "TRACKING.TRACKINGNUMBER.EMPTY"),
        (master, "ALL", "TRACKING.REFERENCETYPE.INVALID"),
    ] {
        let (status, body) = session.post(path, &ask(master, kind)).await;
        assert_eq!((status.as_u16(), code(&body)), (400, expected));
    }
    assert_eq!(session.sim.fedex().requests_of(Kind::Packages), 4);
}

#[tokio::test]
async fn odd_data_are_odd_as_documented() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let held = session.scenario("access-point").await;
    let ready = &held["scanEvents"][1];
    assert_eq!(
        [&ready["eventType"], &ready["derivedStatusCode"]],
        ["HP", "IT"],
        "the coarse status hides it"
    );
    let window = &session.scenario("in-transit").await["estimatedDeliveryTimeWindow"]["window"];
    assert_eq!(window["begins"], "2026-03-03T09:30:00");
    assert_eq!(window["ends"], "2026-03-03T13:30:00-06:00");
    let late = session.scenario("late-notes").await;
    let date = |at: usize| late["scanEvents"][at]["date"].as_str().unwrap().to_owned();
    assert_eq!(events(&late)[2..], ["PU", "OC"]);
    assert!(date(2) > date(1), "noted after the departure");
    let post = session.scenario("partner-last-mile").await;
    let partner = &post["additionalTrackingInfo"]["packageIdentifiers"][1];
    assert_eq!(partner["type"], "PARTNER_CARRIER_NUMBER");
    assert_eq!(post["trackingNumberInfo"]["carrierCode"], "FXSP");
    let delay = session.scenario("weather-delay").await;
    assert_eq!(delay["scanEvents"][2]["delayDetail"]["type"], "WEATHER");
    let unknown = session.scenario("unknown-code").await;
    assert_eq!(events(&unknown)[..2], ["Z8", "Z9"]);
    let coarse = |at: usize| &unknown["scanEvents"][at]["derivedStatusCode"];
    assert_eq!([coarse(0), coarse(1)], ["Z8", "IT"]);
    let customs = session.scenario("customs-hold").await;
    assert_eq!(events(&customs)[..4], ["DL", "OD", "CC", "CD"]);
    assert_eq!(
        events(&session.scenario("return-to-sender").await)[..2],
        ["DL", "RS"]
    );
    assert_eq!(events(&session.scenario("cancelled").await)[0], "CA");
}

#[tokio::test]
async fn a_spent_quota_is_429_and_names_the_limit() {
    let session = Session::new().await;
    for (quota, word) in [
        (
            Quota {
                per_day: Some(1),
                ..Quota::UNLIMITED
            },
            "daily",
        ),
        (
            Quota {
                per_second: Some(1),
                ..Quota::UNLIMITED
            },
            "ten seconds",
        ),
    ] {
        let source: &dyn Source = session.sim.fedex();
        source.set_quota(quota);
        assert_eq!(session.track(json!([info(DELIVERED)])).await.0, 200);
        let (status, body) = session.track(json!([info(DELIVERED)])).await;
        assert_eq!(status, 429);
        assert!(
            body["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains(word)
        );
    }
    session.sim.fedex().set_retry_after(RetryAfter::Seconds(7));
    let body = json!({ "includeDetailedScans": true, "trackingInfo": [info(DELIVERED)] });
    let request = session
        .request("/track/v1/trackingnumbers")
        .body(body.to_string());
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
}

#[tokio::test]
async fn load_numbers_are_known_in_every_stage() {
    let session = Session::new().await;
    let numbers: Vec<String> = (0..30).map(fedex_load_number).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let entries = session.entries(&numbers).await;
    let mut newest: Vec<String> = entries
        .iter()
        .map(|entry| events(&entry["trackResults"][0])[0].to_owned())
        .collect();
    newest.sort_unstable();
    newest.dedup();
    assert!(newest.len() >= 4, "{newest:?}");
    assert_eq!(session.sim.fedex().requests_for(numbers[0]), 1);
    let source = session.sim.source("fedex").unwrap();
    assert_eq!(source.load_number(0), numbers[0]);
    assert!(source.scenarios().len() >= 8);
}
