//! The fake SF keeps SF's contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{Kind, Quota, SPAN, Simulator, Source};

const HOUR: Duration = Duration::from_secs(3600);
const SEARCH: &str = "EXP_RECE_SEARCH_ROUTES";
const REGISTER: &str = "EXP_RECE_REGISTER_ROUTE";
const MEDIA: &str = "application/x-www-form-urlencoded;charset=UTF-8";

struct Session {
    sim: Simulator,
    client: Client,
    serial: std::cell::Cell<u32>,
}

impl Session {
    async fn new() -> Self {
        Self {
            sim: simulator().await,
            client: client(),
            serial: std::cell::Cell::new(0),
        }
    }

    fn source(&self) -> &dyn Source {
        self.sim.source("sf").unwrap()
    }

    fn setting(&self, key: &str) -> String {
        let all = self.source().settings();
        all.into_iter().find(|(name, _)| *name == key).unwrap().1
    }

    fn number(&self, name: &str) -> &'static str {
        self.source().scenario(name).unwrap().number
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.client
            .post(format!("{}{path}", self.setting("base_url")))
            .header("content-type", MEDIA)
            .body(body)
    }

    fn request_id(&self) -> String {
        self.serial.set(self.serial.get() + 1);
        format!("request-{}", self.serial.get())
    }

    /// A call that is right, but for the fields in `change`.
    fn call(&self, service: &str, message: &str, change: &[(&str, &str)]) -> RequestBuilder {
        let (partner, word) = (self.setting("partner_id"), self.setting("check_word"));
        let plain = format!("{message}1772438400000{word}");
        let encoded: String = form_urlencoded::byte_serialize(plain.as_bytes()).collect();
        let digest = STANDARD.encode(Md5::digest(encoded));
        let request = self.request_id();
        let mut form = vec![
            ("partnerID", partner.as_str()),
            ("requestID", &request),
            ("serviceCode", service),
            ("timestamp", "1772438400000"),
            ("msgDigest", &digest),
            ("msgData", message),
        ];
        for (key, value) in change {
            match form.iter_mut().find(|(name, _)| name == key) {
                Some(field) => field.1 = value,
                None => form.push((key, value)),
            }
        }
        self.post("/std/service", &form)
    }

    async fn platform(&self, request: RequestBuilder) -> (String, Value) {
        let (status, mut body) = send(request).await;
        assert_eq!(status, 200, "{body}");
        let code = body["apiResultCode"].as_str().unwrap().to_owned();
        (code, body["apiResultData"].take())
    }

    /// The inner document of a call that the platform lets through.
    async fn inner(&self, service: &str, message: &Value) -> Value {
        let call = self.call(service, &message.to_string(), &[]);
        let (code, data) = self.platform(call).await;
        assert_eq!(code, "A1000");
        match data {
            Value::String(text) => serde_json::from_str(&text).unwrap(),
            other => other,
        }
    }

    async fn search(&self, message: &Value) -> Value {
        let mut inner = self.inner(SEARCH, message).await;
        assert_eq!(
            (&inner["success"], &inner["errorCode"]),
            (&json!(true), &json!("S0000"))
        );
        inner["msgData"]["routeResps"].take()
    }

    async fn routes(&self, name: &str) -> Vec<Value> {
        let number = self.number(name);
        let found = self.search(&json!({"trackingNumber": [number]})).await;
        assert_eq!(found[0]["mailNo"], number);
        found[0]["routes"].as_array().unwrap().clone()
    }

    async fn verdict(&self, service: &str, message: &Value) -> String {
        let inner = self.inner(service, message).await;
        assert_eq!(
            (&inner["success"], &inner["msgData"]),
            (&json!(false), &Value::Null)
        );
        inner["errorCode"].as_str().unwrap().to_owned()
    }
}

fn ops(routes: &[Value]) -> Vec<&str> {
    routes
        .iter()
        .map(|route| route["opCode"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_digest_is_checked() {
    let session = Session::new().await;
    let message = r#"{"trackingNumber":["SF1710000000011"]}"#;
    for (change, code) in [
        (("msgDigest", "AAAAAAAAAAAAAAAAAAAAAA=="), "A1006"),
        (("msgDigest", ""), "A1001"),
        (("timestamp", "1772438400001"), "A1006"),
        (("timestamp", "soon"), "A1001"),
        (("msgData", r#"{"trackingNumber":[]}"#), "A1006"),
        (("msgData", "not json"), "A1001"),
        (("partnerID", "SOMEBODY"), "A1004"),
        (("partnerID", ""), "A1001"),
        (("requestID", &"7".repeat(41)), "A1001"),
        (("serviceCode", "EXP_RECE_CREATE_ORDER"), "A1004"),
        (("serviceCode", SEARCH), "A1000"),
    ] {
        let call = session.call(SEARCH, message, &[change]);
        assert_eq!(session.platform(call).await.0, code, "{change:?}");
    }
    let call = session.call(SEARCH, message, &[]);
    let call = call.header("content-type", "application/json");
    // A second header of that name comes after the first and does not count.
    let answered = session.platform(call).await.0;
    assert_eq!(answered, "A1000");
    let url = format!("{}/std/service", session.setting("base_url"));
    let get = session.client.get(&url);
    assert_eq!(session.platform(get).await.0, "A1001");
    let (status, _) = send(session.post("/elsewhere", &[])).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn what_java_encodes_otherwise_is_signed_as_java_does() {
    let session = Session::new().await;
    let message = json!({"trackingNumber": ["SF1710000000011"], "remark": "a b+c*d~e'(f)! 快件"});
    assert_eq!(session.search(&message).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_id_is_good_once() {
    let session = Session::new().await;
    let message = r#"{"trackingNumber":["SF1710000000011"]}"#;
    for code in ["A1000", "A1007"] {
        let call = session.call(SEARCH, message, &[("requestID", "again")]);
        assert_eq!(session.platform(call).await.0, code);
    }
}

#[tokio::test]
async fn a_token_stands_in_for_the_digest_for_two_hours() {
    let session = Session::new().await;
    let (partner, word) = (session.setting("partner_id"), session.setting("check_word"));
    let ask = |secret: &str, grant: &str| {
        let form = [
            ("partnerID", partner.as_str()),
            ("secret", secret),
            ("grantType", grant),
        ];
        session.post("/oauth2/accessToken", &form)
    };
    assert_eq!(session.platform(ask("wrong", "password")).await.0, "A1006");
    assert_eq!(session.platform(ask(&word, "code")).await.0, "A1001");
    let (_, body) = send(ask(&word, "password")).await;
    assert_eq!(body["apiResultCode"], "A1000");
    let token = body["accessToken"].as_str().unwrap();
    let message = r#"{"trackingNumber":["SF1710000000011"]}"#;
    let with = |token: &str| {
        session.call(
            SEARCH,
            message,
            &[("msgDigest", ""), ("accessToken", token)],
        )
    };
    assert_eq!(session.platform(with(token)).await.0, "A1000");
    assert_eq!(session.platform(with("made up")).await.0, "A1006");
    session.sim.advance(2 * HOUR);
    assert_eq!(session.platform(with(token)).await.0, "A1002");
    assert_eq!(session.source().requests_of(Kind::Token), 3);
}

#[tokio::test]
async fn flow_control_counts_each_service() {
    let session = Session::new().await;
    session.source().set_quota(Quota {
        per_second: None,
        per_day: Some(1),
    });
    let routes = r#"{"trackingNumber":["SF1710000000011"]}"#;
    let waybill = r#"{"attributeNo":"SF1710000000011","type":"2"}"#;
    for (service, message, code) in [
        (SEARCH, routes, "A1000"),
        (SEARCH, routes, "A1005"),
        (REGISTER, waybill, "A1000"),
        (REGISTER, waybill, "A1005"),
    ] {
        let call = session.call(service, message, &[]);
        assert_eq!(session.platform(call).await.0, code, "{service}");
    }
    session.sim.advance(24 * HOUR);
    assert_eq!(
        session.platform(session.call(SEARCH, routes, &[])).await.0,
        "A1000"
    );
    session.source().set_quota(Quota::UNLIMITED);
    assert_eq!(
        session.platform(session.call(SEARCH, routes, &[])).await.0,
        "A1000"
    );
}

#[tokio::test]
async fn routes_appear_with_the_clock_in_local_time() {
    let session = Session::new().await;
    assert_eq!(ops(&session.routes("delivered").await), ["50"]);
    session.sim.advance(12 * HOUR);
    let routes = session.routes("delivered").await;
    assert_eq!(ops(&routes), ["50", "30", "31"]);
    assert_eq!(routes[0]["acceptTime"], "2026-03-02 16:00:00");
    assert_eq!(
        [
            &routes[0]["firstStatusCode"],
            &routes[0]["secondaryStatusCode"]
        ],
        ["1", "101"]
    );
    session.sim.advance(SPAN);
    let routes = session.routes("delivered").await;
    assert_eq!(ops(&routes), ["50", "30", "31", "36", "44", "80", "8000"]);
    assert!(routes[6].get("firstStatusCode").is_none());
}

#[tokio::test]
async fn a_question_for_routes_has_limits_and_verdicts() {
    let session = Session::new().await;
    let many: Vec<String> = (0..11).map(|n| session.source().load_number(n)).collect();
    let found = session.search(&json!({"trackingNumber": many[..10]})).await;
    assert_eq!(found.as_array().unwrap().len(), 10);
    for (message, code) in [
        (json!({"trackingNumber": many}), "8003"),
        (json!({"trackingNumber": []}), "8013"),
        (json!({"trackingNumber": "SF1710000000011"}), "8191"),
        (json!({"trackingNumber": [7]}), "8191"),
        (
            json!({"trackingNumber": ["SF1710000000011"], "methodType": "3"}),
            "8191",
        ),
        (
            json!({"trackingNumber": ["SF1710000000011", "1Z999"]}),
            "8247",
        ),
        (
            json!({"trackingNumber": ["no order"], "trackingType": "2"}),
            "6150",
        ),
    ] {
        assert_eq!(session.verdict(SEARCH, &message).await, code, "{message}");
    }
    let order = json!({"trackingNumber": ["SIM-ORDER-1"], "trackingType": "2"});
    let found = session.search(&order).await;
    assert_eq!(found[0]["mailNo"], session.number("delivered"));
    let unknown = session
        .search(&json!({"trackingNumber": ["SF1719999999999"]}))
        .await;
    assert_eq!(
        unknown,
        json!([{ "mailNo": "SF1719999999999", "routes": [] }])
    );
}

#[tokio::test]
async fn the_telephone_of_somebody_elses_waybill_is_checked() {
    let session = Session::new().await;
    let number = session.number("phone-check");
    for (phone, count) in [("", 0), ("1234", 0), ("5678", 1), ("1234,5678", 1)] {
        let message = json!({"trackingNumber": [number], "checkPhoneNo": phone});
        let found = session.search(&message).await;
        assert_eq!(
            found[0]["routes"].as_array().unwrap().len(),
            count,
            "{phone}"
        );
    }
}

#[tokio::test]
async fn a_waybill_is_registered_for_pushes() {
    let session = Session::new().await;
    let number = session.number("phone-check");
    let message = |number: &str, kind: &str, phone: &str| json!({"attributeNo": number, "type": kind, "checkPhoneNo": phone, "language": "zh-CN", "country": "CN"});
    let done = session.inner(REGISTER, &message(number, "2", "5678")).await;
    assert_eq!(
        (&done["success"], &done["msgData"]),
        (&json!(true), &Value::Null)
    );
    for (message, code) in [
        (message(number, "2", ""), "8018"),
        (message(number, "3", "5678"), "8191"),
        (message("nonsense", "2", ""), "8247"),
        (message("SF1719999999999", "2", ""), "8018"),
        (message("no order", "1", ""), "6150"),
    ] {
        assert_eq!(session.verdict(REGISTER, &message).await, code, "{message}");
    }
    assert_eq!(session.source().requests_of(Kind::Register), 6);
    assert_eq!(session.source().requests(), 0);
}

#[tokio::test]
async fn odd_data_is_odd_on_the_wire() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let number = session.number("old-account");
    let message = json!({"trackingNumber": [number]}).to_string();
    let (_, data) = session.platform(session.call(SEARCH, &message, &[])).await;
    assert!(data.is_object(), "not a string");
    let route = &data["msgData"]["routeResps"][0]["routes"][0];
    assert!(route.get("firstStatusCode").is_none());
    let left_out = json!({"trackingNumber": [session.number("left-out"), number]});
    let found = session.search(&left_out).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    let odd = session.routes("contradiction").await;
    let last = odd.last().unwrap();
    assert_eq!([&last["opCode"], &last["firstStatusCode"]], ["80", "3"]);
    let abroad = session.routes("from-china").await;
    assert_eq!(abroad[4]["acceptAddress"], "东京");
    // 17 hours after eight in the morning in London, in Japanese time.
    assert_eq!(abroad[4]["acceptTime"], "2026-03-03 10:00:00");
    let new = session.routes("return-to-sender").await;
    let remark = new.last().unwrap()["remark"].as_str().unwrap();
    assert!(remark.contains(session.number("the-way-back")));
}

#[tokio::test]
async fn every_scenario_ends_within_the_span() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let scenarios = session.source().scenarios();
    assert_eq!(scenarios.len(), 20);
    for scenario in scenarios {
        assert!(scenario.last_event < SPAN, "{} is too long", scenario.name);
        let message = json!({"trackingNumber": [scenario.number], "checkPhoneNo": "5678"});
        let found = session.search(&message).await;
        let routes = found[0]["routes"].as_array().map_or(0, Vec::len);
        assert_eq!(
            routes == 0,
            scenario.name == "left-out",
            "{}",
            scenario.name
        );
    }
}

#[tokio::test]
async fn load_numbers_are_known_and_distinct() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let numbers: Vec<String> = (0..200).map(|n| session.source().load_number(n)).collect();
    for part in numbers.chunks(10) {
        let found = session.search(&json!({"trackingNumber": part})).await;
        for (number, waybill) in part.iter().zip(found.as_array().unwrap()) {
            assert!(number.len() == 15 && waybill["mailNo"] == **number);
            assert_eq!(waybill["routes"].as_array().unwrap().len(), 7);
        }
    }
    assert_eq!(session.source().requests(), 20);
    assert_eq!(session.source().requests_for(&numbers[0]), 1);
    let mut distinct = numbers;
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 200);
}
