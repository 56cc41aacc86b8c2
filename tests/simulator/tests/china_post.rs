//! The fake China Post keeps the contract of the platform.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sm4::Sm4;
use sm4::cipher::generic_array::GenericArray;
use sm4::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use support::{client, send, simulator};
use waybill_simulator::{
    Kind, Quota, SPAN, Simulator, Source, china_post_load_number, china_post_push,
};

const HOUR: Duration = Duration::from_secs(3600);

fn fake(sim: &Simulator) -> &dyn Source {
    sim.source("china-post").unwrap()
}

fn setting(sim: &Simulator, key: &str) -> String {
    let settings = fake(sim).settings();
    settings
        .into_iter()
        .find(|(name, _)| *name == key)
        .unwrap()
        .1
}

fn cipher(key: &str) -> Sm4 {
    Sm4::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap()
}

/// An envelope by the documents: text, padded, block by block.
fn seal(text: &str, key: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let padding = 16 - bytes.len() % 16;
    bytes.resize(bytes.len() + padding, u8::try_from(padding).unwrap());
    for block in bytes.chunks_exact_mut(16) {
        cipher(key).encrypt_block(GenericArray::from_mut_slice(block));
    }
    format!("|$4|{}", STANDARD.encode(bytes))
}

/// A form with what makes it good, except for what is to be otherwise.
fn ask(client: &Client, sim: &Simulator, number: &str, other: &[(&str, &str)]) -> RequestBuilder {
    let key = setting(sim, "sign_key");
    let json = json!({ "waybillNo": number, "direction": "0" }).to_string();
    let mut form = vec![
        ("apiCode", "040001".to_owned()),
        ("senderNo", setting(sim, "sender_no")),
        ("authorization", setting(sim, "authorization")),
        ("msgType", "0".to_owned()),
        ("timeStamp", "2026-03-02 16:00:00".to_owned()),
        ("version", "V1.0.0".to_owned()),
        ("logitcsInterface", seal(&format!("{json}{key}"), &key)),
    ];
    for (name, value) in other {
        form.retain(|(key, _)| key != name);
        form.push((name, (*value).to_owned()));
    }
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    post(client, sim, "open", body.finish())
}

fn post(client: &Client, sim: &Simulator, environment: &str, body: String) -> RequestBuilder {
    let base = setting(sim, "base_url");
    client
        .post(format!("{base}/amp-prod-api/f/amp/api/{environment}"))
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        )
        .body(body)
}

async fn track(client: &Client, sim: &Simulator, number: &str) -> Value {
    let (status, body) = send(ask(client, sim, number, &[])).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["retCode"], "00000", "{body}");
    body
}

/// The rows of an answer, in whatever they come.
fn rows(answer: &Value) -> Vec<Value> {
    let unpacked = answer["retBody"].as_str().map(serde_json::from_str);
    let body: Value = unpacked.map_or_else(|| answer["retBody"].clone(), Result::unwrap);
    let list = body.get("responseItems").unwrap_or(&body);
    list.as_array().unwrap().clone()
}

async fn codes(client: &Client, sim: &Simulator, name: &str) -> Vec<String> {
    let number = fake(sim).scenario(name).unwrap().number;
    let answer = track(client, sim, number).await;
    let code = |row: &Value| row["opCode"].as_str().unwrap().to_owned();
    rows(&answer).iter().map(code).collect()
}

#[tokio::test]
async fn a_call_that_is_not_right_fails_with_status_200() {
    let (sim, client) = (simulator().await, client());
    let key = setting(&sim, "sign_key");
    let unsigned = seal(r#"{"waybillNo":"9951300000001"}"#, &key);
    let foreign = "d2F5YmlsbC1zbTQta2V5IQ==";
    let foreign = seal(
        &format!(r#"{{"waybillNo":"9951300000001"}}{foreign}"#),
        foreign,
    );
    let empty = seal(&format!("{{}}{key}"), &key);
    for (name, value, words) in [
        ("apiCode", "040002", "接口"),
        ("senderNo", "1", "客户号"),
        ("authorization", "wrong", "授权"),
        ("authorization", "SimulatedTest001", "授权"),
        ("msgType", "1", "参数"),
        ("timeStamp", "yesterday", "参数"),
        ("logitcsInterface", "", "解密"),
        ("logitcsInterface", "{}", "解密"),
        ("logitcsInterface", &foreign, "解密"),
        ("logitcsInterface", &unsigned, "签名"),
        ("logitcsInterface", &empty, "运单号"),
    ] {
        let call = ask(&client, &sim, "9951300000001", &[(name, value)]);
        let (status, body) = send(call).await;
        assert_eq!(status, StatusCode::OK, "{name}={value}");
        assert_ne!(body["retCode"], "00000");
        assert_eq!(body["success"], false);
        assert!(body["retMsg"].as_str().unwrap().contains(words), "{body}");
    }
    let json = client
        .post(format!(
            "{}/amp-prod-api/f/amp/api/open",
            setting(&sim, "base_url")
        ))
        .body("{}");
    assert_ne!(send(json).await.1["retCode"], "00000", "no form");
}

#[tokio::test]
async fn the_environments_have_credentials_of_their_own() {
    let (sim, client) = (simulator().await, client());
    let (key, sender) = ("c2ltdWxhdGVkLWtleS0wMg==", setting(&sim, "sender_no"));
    let sealed = seal(&format!(r#"{{"waybillNo":"EA513001003CN"}}{key}"#), key);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("apiCode", "040001")
        .append_pair("senderNo", &sender)
        .append_pair("authorization", "SimulatedTest001")
        .append_pair("timeStamp", "2026-03-02 16:00:00")
        .append_pair("logitcsInterface", &sealed);
    let body = form.finish();
    let test = send(post(&client, &sim, "test", body.clone())).await;
    assert_eq!(test.1["retCode"], "00000");
    let open = send(post(&client, &sim, "open", body.clone())).await;
    assert_ne!(open.1["retCode"], "00000");
    let nowhere = send(post(&client, &sim, "elsewhere", body)).await;
    assert_eq!(nowhere.0, StatusCode::NOT_FOUND);
    assert_eq!(fake(&sim).requests_of(Kind::Other), 1);
}

#[tokio::test]
async fn an_unknown_number_is_success_without_rows() {
    let (sim, client) = (simulator().await, client());
    let answer = track(&client, &sim, "9951300009999").await;
    assert_eq!(answer["retMsg"], "无此邮件信息");
    assert!(rows(&answer).is_empty());
    assert!(codes(&client, &sim, "not-found-yet").await.is_empty());
    sim.advance(6 * HOUR);
    assert_eq!(codes(&client, &sim, "not-found-yet").await, ["203"]);
}

#[tokio::test]
async fn operations_appear_as_the_clock_advances() {
    let (sim, client) = (simulator().await, client());
    sim.advance(20 * HOUR);
    assert_eq!(codes(&client, &sim, "delivered").await, ["203", "954"]);
    sim.advance(24 * HOUR);
    let all = ["203", "954", "713", "702", "704"];
    assert_eq!(codes(&client, &sim, "delivered").await, all);
}

#[tokio::test]
async fn every_scenario_ends_within_the_span_and_has_its_number() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let scenarios = fake(&sim).scenarios();
    assert!(scenarios.len() >= 14);
    for scenario in scenarios {
        assert!(scenario.last_event < SPAN, "{} is too long", scenario.name);
        let answer = track(&client, &sim, scenario.number).await;
        let rows = rows(&answer);
        assert!(!rows.is_empty(), "{}", scenario.name);
        assert!(rows.iter().all(|row| row["waybillNo"] == scenario.number));
    }
}

#[tokio::test]
async fn the_body_comes_as_text_object_and_list() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    for (name, is) in [
        ("delivered", "text"),
        ("failed-attempt", "object"),
        ("access-point", "list"),
    ] {
        let number = fake(&sim).scenario(name).unwrap().number;
        let body = track(&client, &sim, number).await["retBody"].take();
        let found = match body {
            Value::String(_) => "text",
            Value::Object(_) => "object",
            _ => "list",
        };
        assert_eq!(found, is, "{name}");
    }
}

#[tokio::test]
async fn each_office_writes_its_own_clock() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let rows = rows(&track(&client, &sim, "EA513001003CN").await);
    // The scripts start at 08:00 UTC: one hour later it is 17:00 in China.
    assert_eq!(rows[0]["opTime"], "2026-03-02 17:00:00");
    assert_eq!(rows[0]["opOrgProvName"], "广东省");
    // 53 hours later it is 22:00 in Japan, and the row does not say so.
    let last = rows.last().unwrap();
    assert_eq!(last["opTime"], "2026-03-04 22:00:00");
    assert_eq!(
        (&last["opOrgCode"], &last["opOrgProvName"]),
        (&json!(""), &json!(""))
    );
}

#[tokio::test]
async fn what_other_posts_report_comes_late_and_out_of_order() {
    let (sim, client) = (simulator().await, client());
    sim.advance(54 * HOUR);
    assert!(
        !codes(&client, &sim, "to-japan")
            .await
            .contains(&"463".into())
    );
    sim.advance(5 * HOUR);
    assert!(
        codes(&client, &sim, "to-japan")
            .await
            .contains(&"463".into())
    );
    sim.advance(SPAN);
    let told = codes(&client, &sim, "out-of-order").await;
    assert_eq!(told, ["203", "423", "461", "459", "487"]);
}

#[tokio::test]
async fn a_delivery_is_taken_back() {
    let (sim, client) = (simulator().await, client());
    sim.advance(42 * HOUR);
    let told = codes(&client, &sim, "withdrawn-delivery").await;
    assert_eq!(told.last().unwrap(), "704");
    sim.advance(2 * HOUR);
    let told = codes(&client, &sim, "withdrawn-delivery").await;
    assert_eq!(told[3..], ["704", "743", "742"]);
}

#[tokio::test]
async fn a_spent_quota_is_429_until_the_second_is_over() {
    let (sim, client) = (simulator().await, client());
    fake(&sim).set_quota(Quota {
        per_second: Some(1),
        per_day: None,
    });
    track(&client, &sim, "9951300000001").await;
    let (status, body) = send(ask(&client, &sim, "9951300000001", &[])).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(body["retMsg"], "请求过于频繁");
    sim.advance(Duration::from_secs(1));
    track(&client, &sim, "9951300000001").await;
    assert_eq!(fake(&sim).requests(), 3);
    assert_eq!(fake(&sim).requests_for("9951300000001"), 3);
}

#[tokio::test]
async fn load_numbers_are_known_distinct_and_stable() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let mut numbers: Vec<String> = (0..200).map(china_post_load_number).collect();
    let mut failed = 0;
    for number in &numbers {
        assert!(number.len() == 13 && number.starts_with("97"));
        let told = rows(&track(&client, &sim, number).await);
        assert_eq!(told.len(), 7);
        failed += u32::from(told[6]["opCode"] == "705");
    }
    assert!((1..100).contains(&failed), "{failed} of 200 failed");
    numbers.dedup();
    assert_eq!(numbers.len(), 200);
}

#[tokio::test]
async fn a_push_is_one_operation_under_the_key_of_the_account() {
    let sim = simulator().await;
    let operation = json!({ "waybillNo": "9951300000001", "opCode": "704" });
    let push = china_post_push("0001", &operation);
    assert_eq!(
        (&push["serialNo"], &push["method"]),
        (&json!("0001"), &json!("040002"))
    );
    let sealed = push["logitcsInterface"].as_str().unwrap();
    let mut bytes = STANDARD.decode(sealed.trim_start_matches("|$4|")).unwrap();
    let key = setting(&sim, "sign_key");
    for block in bytes.chunks_exact_mut(16) {
        cipher(&key).decrypt_block(GenericArray::from_mut_slice(block));
    }
    let padding = usize::from(*bytes.last().unwrap());
    bytes.truncate(bytes.len() - padding);
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), operation);
}
