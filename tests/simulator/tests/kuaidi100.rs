//! The fake Kuaidi100 keeps Kuaidi100's contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use md5::{Digest, Md5};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use support::{client, send, simulator};
use waybill_simulator::{Kind, Quota, SPAN, Simulator, Source, kuaidi100_load_number};

const HOUR: Duration = Duration::from_secs(3600);

fn hex<D: Digest>(text: &str) -> String {
    let digits = |byte: u8| format!("{byte:02X}");
    D::digest(text).iter().copied().map(digits).collect()
}

fn setting(sim: &Simulator, key: &str) -> String {
    let mut settings = Source::settings(sim.kuaidi100()).into_iter();
    settings.find(|(name, _)| *name == key).unwrap().1
}

async fn post(client: &Client, sim: &Simulator, path: &str, fields: &[(&str, &str)]) -> Value {
    let url = format!("{}{path}", sim.kuaidi100().base_url());
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let request = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.finish());
    let (status, body) = send(request).await;
    assert_eq!(status, StatusCode::OK, "every answer has this status");
    body
}

/// A signed query.
async fn ask(client: &Client, sim: &Simulator, param: &Value) -> Value {
    let (param, customer) = (param.to_string(), setting(sim, "customer"));
    let sign = hex::<Md5>(&[&param, &*setting(sim, "key"), &customer].concat());
    let fields = [
        ("customer", &*customer),
        ("sign", &*sign),
        ("param", &*param),
    ];
    post(client, sim, "/poll/query.do", &fields).await
}

fn question(com: &str, num: &str) -> Value {
    json!({ "com": com, "num": num, "phone": "0199", "resultv2": "4" })
}

async fn track(client: &Client, sim: &Simulator, com: &str, num: &str) -> Value {
    ask(client, sim, &question(com, num)).await
}

fn number(sim: &Simulator, name: &str) -> &'static str {
    sim.kuaidi100().scenario(name).unwrap().number
}

fn rows<'a>(answer: &'a Value, field: &str) -> Vec<&'a str> {
    let rows = answer["data"].as_array().unwrap();
    rows.iter()
        .map(|row| row[field].as_str().unwrap_or_default())
        .collect()
}

async fn subscribe(client: &Client, sim: &Simulator, param: &Value) -> Value {
    let fields = [("schema", "json"), ("param", &*param.to_string())];
    post(client, sim, "/poll", &fields).await
}

fn order(sim: &Simulator, com: &str, num: &str) -> Value {
    json!({
        "company": com, "number": num, "key": setting(sim, "key"),
        "parameters": {
            "callbackurl": "http://gateway.example/k?tenant=1", "salt": "pepper-1",
            "resultv2": "4", "autoCom": "0", "interCom": "1",
        },
    })
}

/// The form of a push: what is in it, and whether it is signed.
fn read(body: &str, salt: &str) -> (Value, bool) {
    let fields: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    };
    let param = field("param").unwrap();
    let expected = hex::<Md5>(&[&*param, salt].concat());
    let signed = field("sign") == Some(expected);
    (serde_json::from_str(&param).unwrap(), signed)
}

fn code(answer: &Value) -> &str {
    assert_eq!(answer["result"], false, "{answer}");
    assert!(answer.get("data").is_none());
    answer["returnCode"].as_str().unwrap()
}

#[tokio::test]
async fn a_wrong_signature_is_503_with_status_200() {
    let (sim, client) = (simulator().await, client());
    let param = question("yuantong", number(&sim, "delivered")).to_string();
    let (customer, key) = (setting(&sim, "customer"), setting(&sim, "key"));
    let sign = hex::<Md5>(&[&*param, &*key, &*customer].concat());
    let sha = hex::<Sha256>(&[&*param, &*key, &*customer].concat());
    for (fields, expected) in [
        (vec![("customer", &*customer), ("sign", &*sign)], "400"),
        (vec![("customer", &*customer), ("sign", "AB")], "503"),
        (
            vec![
                ("customer", &*customer),
                ("sign", &*sign.to_ascii_lowercase()),
            ],
            "503",
        ),
        (vec![("customer", "OTHER"), ("sign", &*sign)], "503"),
        (vec![("customer", &*customer), ("sign", &*sha)], "503"),
        (
            vec![
                ("customer", &*customer),
                ("sign", &*sha),
                ("signType", "SM3"),
            ],
            "503",
        ),
    ] {
        let with_param = [fields.clone(), vec![("param", &*param)]].concat();
        let fields = if expected == "400" {
            &fields
        } else {
            &with_param
        };
        let answer = post(&client, &sim, "/poll/query.do", fields).await;
        assert_eq!(code(&answer), expected, "{fields:?}");
    }
    let fields = [
        ("customer", &*customer),
        ("sign", &*sha),
        ("signType", "SHA256"),
        ("param", &*param),
    ];
    let answer = post(&client, &sim, "/poll/query.do", &fields).await;
    assert_eq!(answer["message"], "ok");
    // The parameters in another body than a form.
    let url = format!("{}/poll/query.do", sim.kuaidi100().base_url());
    let (_, answer) = send(client.post(url).body(param)).await;
    assert_eq!(code(&answer), "400");
}

#[tokio::test]
async fn rows_appear_as_the_clock_advances() {
    let (sim, client) = (simulator().await, client());
    let num = number(&sim, "delivered");
    let answer = track(&client, &sim, "yuantong", num).await;
    assert_eq!(rows(&answer, "statusCode"), ["101"]);
    assert_eq!(answer["state"], "101");
    // The scenarios start at 08:00 UTC.
    assert_eq!(answer["data"][0]["ftime"], "2026-03-02 16:00:00");
    sim.advance(60 * HOUR);
    let answer = track(&client, &sim, "yuantong", num).await;
    let way = ["301", "5", "1001", "1002", "103", "101"];
    assert_eq!(rows(&answer, "statusCode"), way, "newest first");
    assert_eq!(
        (&answer["ischeck"], &answer["state"]),
        (&json!("1"), &json!("301"))
    );
    assert_eq!(answer["data"][0]["areaCode"], "CN110105000000");
    assert_eq!(answer["routeInfo"]["from"]["name"], "浙江,杭州市");
    sim.set_now(sim.clock().start());
    let answer = track(&client, &sim, "yuantong", num).await;
    assert_eq!(rows(&answer, "statusCode").len(), 1);
    assert_eq!(sim.kuaidi100().requests_for(num), 3);
}

#[tokio::test]
async fn the_variant_of_the_result_decides_what_a_row_states() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let num = number(&sim, "locker");
    let mut answers = Vec::new();
    for variant in ["", "1", "4"] {
        let param = json!({ "com": "yuantong", "num": num, "resultv2": variant });
        answers.push(ask(&client, &sim, &param).await);
    }
    assert!(answers[0]["data"][0].get("status").is_none());
    assert!(answers[1]["data"][0].get("statusCode").is_none());
    assert_eq!(answers[1]["data"][0]["status"], "签收", "the state alone");
    assert_eq!(answers[1]["state"], "3");
    assert_eq!(answers[2]["data"][0]["status"], "投柜或站签收");
    assert_eq!(answers[2]["state"], "304");
    let param = json!({ "com": "yuantong", "num": num, "resultv2": "8" });
    let answer = ask(&client, &sim, &param).await;
    assert_eq!(code(&answer), "400", "without a destination");
}

#[tokio::test]
async fn what_is_wrong_with_a_query_has_its_code() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let sf = number(&sim, "phone-needed");
    for (param, expected) in [
        (json!({ "num": "7712000000055" }), "400"),
        (json!({ "com": "yunda" }), "400"),
        (json!({ "com": "Yunda", "num": "7712000000055" }), "400"),
        (json!({ "com": "yunda", "num": "77120" }), "400"),
        (json!({ "com": "shunfeng", "num": sf }), "408"),
        (
            json!({ "com": "shunfeng", "num": sf, "phone": "0200" }),
            "408",
        ),
        (json!({ "com": "zhongtong", "num": "7712000000055" }), "408"),
        (json!({ "com": "shentong", "num": "7712000000055" }), "500"),
        (json!({ "com": "yunda", "num": "7712000000156" }), "500"),
        (json!({ "com": "yunda", "num": "7712999999999" }), "500"),
    ] {
        let answer = ask(&client, &sim, &param).await;
        assert_eq!(code(&answer), expected, "{param}");
    }
    let full = json!({ "com": "shunfeng", "num": sf, "phone": "13800000199", "resultv2": "4" });
    assert_eq!(ask(&client, &sim, &full).await["com"], "shunfeng");
    let (customer, key) = (setting(&sim, "customer"), setting(&sim, "key"));
    let sign = hex::<Md5>(&["{", &*key, &*customer].concat());
    let fields = [("customer", &*customer), ("sign", &*sign), ("param", "{")];
    let answer = post(&client, &sim, "/poll/query.do", &fields).await;
    assert_eq!(code(&answer), "501");
}

#[tokio::test]
async fn every_scenario_ends_within_the_span_and_answers_with_its_number() {
    let (sim, client) = (simulator().await, client());
    sim.advance(SPAN);
    let scenarios = sim.kuaidi100().scenarios();
    assert!(scenarios.len() >= 15);
    for scenario in scenarios {
        assert!(scenario.last_event < SPAN, "{} is too long", scenario.name);
        let fields = [("num", scenario.number), ("key", &*setting(&sim, "key"))];
        let guess = post(&client, &sim, "/autonumber/auto", &fields).await;
        let com = guess[0]["comCode"].as_str().unwrap();
        let answer = track(&client, &sim, com, scenario.number).await;
        if matches!(scenario.name, "never-scanned" | "wrong-company") {
            assert_eq!(code(&answer), "500", "{}", scenario.name);
        } else {
            assert_eq!(answer["nu"], scenario.number);
            assert_eq!(answer["com"], com);
        }
    }
}

#[tokio::test]
async fn odd_scenarios_are_odd() {
    let (sim, client) = (simulator().await, client());
    let early = number(&sim, "not-found-yet");
    assert_eq!(code(&track(&client, &sim, "yuantong", early).await), "500");
    sim.advance(SPAN);
    let answer = track(&client, &sim, "yuantong", early).await;
    assert_eq!(rows(&answer, "statusCode"), ["103"]);
    let answer = track(&client, &sim, "youzhengguonei", number(&sim, "local-times")).await;
    let row = &answer["data"][0];
    assert_eq!(row["time"], "2026-3-3 16:00:00");
    assert_eq!(row["ftime"], "2026-03-03 16:00:00");
    assert_eq!(answer["data"][1]["ftime"], row["ftime"], "in one second");
    assert_eq!(row["areaCode"], Value::Null);
    let answer = track(&client, &sim, "yuantong", number(&sim, "contradiction")).await;
    assert_eq!(
        (&answer["state"], &answer["data"][0]["statusCode"]),
        (&json!("3"), &json!("1002"))
    );
    let answer = track(&client, &sim, "emsguoji", number(&sim, "from-china")).await;
    assert_eq!(
        rows(&answer, "statusCode"),
        ["1002", "12", "1"],
        "one leg only"
    );
    let answer = track(&client, &sim, "yunda", number(&sim, "return-to-sender")).await;
    assert_eq!(
        (&answer["state"], &answer["ischeck"]),
        (&json!("14"), &json!("1"))
    );
}

#[tokio::test]
async fn a_number_is_locked_for_half_an_hour_if_that_is_kept() {
    let (sim, client) = (simulator().await, client());
    let num = number(&sim, "delivered");
    sim.kuaidi100().set_floor(Some(HOUR / 2));
    assert_eq!(track(&client, &sim, "yuantong", num).await["message"], "ok");
    assert_eq!(code(&track(&client, &sim, "yuantong", num).await), "504");
    let other = number(&sim, "in-transit");
    let answer = track(&client, &sim, "yuantong", other).await;
    assert_eq!(answer["message"], "ok", "another number is not");
    sim.advance(HOUR / 2);
    assert_eq!(track(&client, &sim, "yuantong", num).await["message"], "ok");
    sim.kuaidi100().set_floor(None);
    assert_eq!(track(&client, &sim, "yuantong", num).await["message"], "ok");
}

#[tokio::test]
async fn quotas_have_their_codes() {
    let (sim, client) = (simulator().await, client());
    let num = number(&sim, "delivered");
    let quota = |per_second, per_day| Quota {
        per_second,
        per_day,
    };
    Source::set_quota(sim.kuaidi100(), quota(Some(1), None));
    assert_eq!(track(&client, &sim, "yuantong", num).await["message"], "ok");
    assert_eq!(code(&track(&client, &sim, "yuantong", num).await), "502");
    Source::set_quota(sim.kuaidi100(), quota(None, Some(1)));
    assert_eq!(track(&client, &sim, "yuantong", num).await["message"], "ok");
    assert_eq!(code(&track(&client, &sim, "yuantong", num).await), "601");
    let answer = subscribe(&client, &sim, &order(&sim, "yuantong", num)).await;
    assert_eq!(code(&answer), "601");
}

#[tokio::test]
async fn the_company_of_a_number_is_guessed() {
    let (sim, client) = (simulator().await, client());
    let key = setting(&sim, "key");
    for (num, key, expected) in [
        ("7712000000055", "", "701"),
        ("7712000000055", "other", "601"),
        ("", &*key, "201"),
        ("77 12000", &*key, "201"),
    ] {
        let fields = [("num", num), ("key", key)];
        let answer = post(&client, &sim, "/autonumber/auto", &fields).await;
        assert_eq!(code(&answer), expected);
    }
    let fields = [("num", "0000000000"), ("key", &*key)];
    let answer = post(&client, &sim, "/autonumber/auto", &fields).await;
    assert_eq!(answer, json!([]));
    let url = format!("{}/autonumber/auto", sim.kuaidi100().base_url());
    let load = kuaidi100_load_number(7);
    let (_, answer) = send(client.get(format!("{url}?num={load}&key={key}"))).await;
    assert_eq!(answer[0]["comCode"], "yuantong");
    assert_eq!(answer[0]["lengthPre"], 15);
    assert_eq!(sim.kuaidi100().requests(), 0, "no tracking");
}

#[tokio::test]
async fn a_subscription_is_pushed_signed_until_it_ends() {
    let (sim, client) = (simulator().await, client());
    let (num, fake) = (number(&sim, "delivered"), sim.kuaidi100());
    assert!(fake.push(num).is_none(), "nobody asked");
    let answer = subscribe(&client, &sim, &order(&sim, "yuantong", num)).await;
    assert_eq!(answer["result"], true);
    assert_eq!(fake.requests_of(Kind::Register), 1);
    let push = fake.push(num).unwrap();
    assert_eq!(push.url, "http://gateway.example/k?tenant=1");
    let (param, signed) = read(&push.body, "pepper-1");
    assert!(signed && !read(&push.body, "pepper-2").1);
    assert_eq!(param["status"], "polling");
    assert_eq!(
        param["lastResult"],
        track(&client, &sim, "yuantong", num).await
    );
    assert!(param.get("destResult").is_none());
    sim.advance(60 * HOUR);
    let (param, _) = read(&fake.push(num).unwrap().body, "");
    assert_eq!(param["status"], "shutdown");
    assert!(fake.push(num).is_none(), "it has ended");
}

#[tokio::test]
async fn both_legs_of_an_international_item_are_pushed_if_asked_for() {
    let (sim, client) = (simulator().await, client());
    let (num, fake) = (number(&sim, "from-china"), sim.kuaidi100());
    subscribe(&client, &sim, &order(&sim, "ems", num)).await;
    sim.advance(5 * 24 * HOUR);
    let (param, _) = read(&fake.push(num).unwrap().body, "");
    assert_eq!(param["status"], "polling");
    assert_eq!(param["lastResult"]["com"], "ems");
    let dest = &param["destResult"];
    assert_eq!(dest["com"], "japanposten");
    assert_eq!(rows(dest, "statusCode"), ["5", "0"]);
    // Tokyo's clock: 08:00 UTC is 17:00 there.
    assert_eq!(dest["data"][0]["ftime"], "2026-03-07 17:00:00");
    assert_eq!(dest["data"][0]["areaCode"], Value::Null);
    sim.advance(3 * HOUR);
    let (param, _) = read(&fake.push(num).unwrap().body, "");
    assert_eq!(param["status"], "shutdown", "delivered abroad");
}

#[tokio::test]
async fn three_days_of_silence_end_a_subscription() {
    let (sim, client) = (simulator().await, client());
    let fake = sim.kuaidi100();
    for (name, com_new) in [("never-scanned", ""), ("wrong-company", "jtexpress")] {
        let num = number(&sim, name);
        subscribe(&client, &sim, &order(&sim, "yunda", num)).await;
        assert!(fake.push(num).is_none(), "nothing to say yet");
        sim.advance(72 * HOUR);
        let (param, signed) = read(&fake.push(num).unwrap().body, "pepper-1");
        assert!(signed);
        assert_eq!(param["status"], "abort");
        assert_eq!(param["comNew"], com_new);
        assert_eq!(param["lastResult"]["status"], "201");
        assert_eq!(param["lastResult"]["data"], json!([]));
    }
}

#[tokio::test]
async fn a_number_can_be_subscribed_to_once_at_a_time_and_four_times_a_month() {
    let (sim, client) = (simulator().await, client());
    let num = number(&sim, "never-scanned");
    let wanted = order(&sim, "yunda", num);
    for _ in 0..4 {
        assert_eq!(subscribe(&client, &sim, &wanted).await["result"], true);
        assert_eq!(code(&subscribe(&client, &sim, &wanted).await), "501");
        sim.advance(72 * HOUR);
        assert!(sim.kuaidi100().push(num).is_some());
        let answer = subscribe(&client, &sim, &wanted).await;
        assert_eq!(code(&answer), "501", "too soon after the end");
        sim.advance(HOUR / 2);
    }
    assert_eq!(code(&subscribe(&client, &sim, &wanted).await), "501");
    sim.advance(30 * 24 * HOUR);
    assert_eq!(subscribe(&client, &sim, &wanted).await["result"], true);
}

#[tokio::test]
async fn what_is_wrong_with_a_subscription_has_its_code() {
    let (sim, client) = (simulator().await, client());
    let num = number(&sim, "delivered");
    let with = |path: &str, value: Value| {
        let mut order = order(&sim, "yuantong", num);
        *order.pointer_mut(path).unwrap() = value;
        order
    };
    for (param, expected) in [
        (json!("x"), "600"),
        (with("/key", json!("other")), "600"),
        (with("/number", json!("")), "700"),
        (with("/number", json!("7".repeat(33))), "700"),
        (with("/company", json!("YTO")), "700"),
        (with("/company", json!("")), "700"),
        (with("/parameters/callbackurl", json!("")), "700"),
        (
            with("/parameters/callbackurl", json!("https://gateway.example")),
            "700",
        ),
        (with("/parameters/salt", json!("s".repeat(33))), "700"),
    ] {
        let answer = subscribe(&client, &sim, &param).await;
        assert_eq!(code(&answer), expected, "{param}");
    }
    let mut auto = with("/company", json!(""));
    auto["parameters"]["autoCom"] = json!("1");
    auto["number"] = json!("0000000000");
    assert_eq!(code(&subscribe(&client, &sim, &auto).await), "702");
    auto["number"] = json!(num);
    assert_eq!(subscribe(&client, &sim, &auto).await["result"], true);
    let answer = subscribe(&client, &sim, &order(&sim, "yuantong", num)).await;
    assert_eq!(code(&answer), "501", "under the company that was found");
    let answer = post(&client, &sim, "/poll", &[("param", "{")]).await;
    assert_eq!(code(&answer), "500");
}

#[tokio::test]
async fn load_numbers_are_known_and_in_every_stage() {
    let (sim, client) = (simulator().await, client());
    let mut states = std::collections::BTreeSet::new();
    for index in 0..40 {
        let num = kuaidi100_load_number(index);
        assert_eq!(num, Source::load_number(sim.kuaidi100(), index));
        let answer = track(&client, &sim, "yuantong", &num).await;
        assert_eq!(answer["nu"], num);
        states.insert(answer["state"].as_str().unwrap().to_owned());
    }
    assert!(states.len() >= 3, "{states:?}");
    let last = kuaidi100_load_number(10_000_000);
    assert_eq!(last, kuaidi100_load_number(0));
    let answer = track(&client, &sim, "yuantong", "YT9900010000000").await;
    assert_eq!(code(&answer), "500", "none follows the last");
}

#[tokio::test]
async fn faults_and_other_pages_are_as_elsewhere() {
    let (sim, client) = (simulator().await, client());
    let root = sim.kuaidi100().base_url();
    for path in ["/", "/poll/query.do", "/poll/maptrack.do"] {
        let response = client.get(format!("{root}{path}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for (status, expected) in [
        (401, "503"),
        (404, "500"),
        (429, "504"),
        (500, "501"),
        (503, "502"),
    ] {
        let fault = format!("status:{status}:json").parse().unwrap();
        sim.kuaidi100().set_fault_times(fault, 1);
        let (found, body) = send(client.post(format!("{root}/poll/query.do"))).await;
        assert_eq!((found.as_u16(), code(&body)), (status, expected));
    }
}
