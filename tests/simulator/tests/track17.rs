//! The fake 17TRACK keeps 17TRACK's contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use support::{client, send, simulator};
use waybill_simulator::{Kind, Quota, SPAN, Simulator, Source, track17_load_number, track17_push};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

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
        self.sim.source("17track").unwrap()
    }

    fn setting(&self, name: &str) -> String {
        let mut all = self.fake().settings().into_iter();
        all.find(|(key, _)| *key == name).unwrap().1
    }

    fn number(&self, name: &str) -> &'static str {
        self.fake().scenario(name).unwrap().number
    }

    async fn raw(&self, path: &str, key: &str, body: String) -> (StatusCode, Value) {
        let url = format!("{}/track/v2.4/{path}", self.setting("base_url"));
        send(self.client.post(url).header("17token", key).body(body)).await
    }

    async fn call(&self, path: &str, body: &Value) -> Value {
        let key = self.setting("api_key");
        let (status, body) = self.raw(path, &key, body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// The code that refuses an item; 0 if it is accepted.
    async fn code(&self, path: &str, item: Value) -> i64 {
        let body = self.call(path, &json!([item])).await;
        assert_eq!(body["code"], 0);
        let rejected = &body["data"]["rejected"][0];
        match rejected["error"]["code"].as_i64() {
            Some(code) => {
                assert_eq!(rejected["number"], item["number"]);
                code
            }
            None => {
                assert!(body["data"]["accepted"][0].is_object(), "{body}");
                0
            }
        }
    }

    /// The tracking of a scenario.
    async fn info(&self, name: &str) -> Value {
        let mut body = self
            .call("gettrackinfo", &json!([{ "number": self.number(name) }]))
            .await;
        body["data"]["accepted"][0]["track_info"].take()
    }
}

fn events(info: &Value, leg: usize) -> &Vec<Value> {
    let leg = &info["tracking"]["providers"][leg];
    leg["events"].as_array().unwrap()
}

fn subs(info: &Value) -> Vec<&str> {
    let all = info["tracking"]["providers"].as_array().unwrap();
    let events = all.iter().flat_map(|leg| leg["events"].as_array().unwrap());
    events
        .map(|event| event["sub_status"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_path_are_refused_by_status() {
    let session = Session::new().await;
    let key = session.setting("api_key");
    let (status, body) = session.raw("getquota", "wrong", "[]".to_owned()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(body["code"], -18_010_002);
    assert_eq!(body["data"]["errors"][0]["code"], -18_010_002);
    let (status, _) = session.raw("nowhere", &key, "[]".to_owned()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let url = format!("{}/track/v2.4/getquota", session.setting("base_url"));
    let (status, _) = send(session.client.get(url).header("17token", key)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "every endpoint is POST");
}

#[tokio::test]
async fn a_call_fails_as_a_whole_with_or_without_a_code() {
    let session = Session::new().await;
    let key = session.setting("api_key");
    for body in ["", "{}", "[]", "[7]"] {
        let (status, body) = session.raw("gettrackinfo", &key, body.to_owned()).await;
        assert_eq!((status.as_u16(), &body["code"]), (200, &json!(0)));
        assert_eq!(body["data"]["errors"][0]["code"], -18_010_013);
    }
    let many: Vec<Value> = (0..41)
        .map(|n| json!({ "number": track17_load_number(n) }))
        .collect();
    let body = session.call("gettrackinfo", &json!(many)).await;
    assert_eq!(body["code"], -18_010_014);
    let body = session.call("gettrackinfo", &json!(many[..40])).await;
    assert_eq!(body["data"]["accepted"].as_array().unwrap().len(), 40);
}

#[tokio::test]
async fn a_bad_number_fails_alone() {
    let session = Session::new().await;
    let numbers = json!([{ "number": "1234" }, { "number": session.number("label-only") }]);
    let body = session.call("gettrackinfo", &numbers).await;
    assert_eq!(body["data"]["rejected"][0]["error"]["code"], -18_010_012);
    assert_eq!(body["data"]["rejected"][0]["carrier"], 0);
    assert_eq!(body["data"]["accepted"].as_array().unwrap().len(), 1);
    let bad = json!({ "number": "LX170000999CN", "carrier": "x" });
    assert_eq!(session.code("register", bad).await, -18_019_910);
}

#[tokio::test]
async fn a_registration_costs_once_and_its_result_comes_later() {
    let session = Session::new().await;
    let item = json!({ "number": session.number("not-registered") });
    assert_eq!(
        session.code("gettrackinfo", item.clone()).await,
        -18_019_902
    );
    assert_eq!(session.code("register", item.clone()).await, 0);
    assert_eq!(session.code("register", item.clone()).await, -18_019_901);
    let balance = session.call("getquota", &json!([])).await;
    assert_eq!(balance["data"]["quota_used"], 1);
    assert_eq!(
        session.code("gettrackinfo", item.clone()).await,
        -18_019_909
    );
    session.sim.advance(5 * MINUTE);
    let info = session.info("not-registered").await;
    assert_eq!(subs(&info), ["InTransit_PickedUp"]);
    assert_eq!(session.fake().requests_of(Kind::Register), 2);
    assert_eq!(session.code("deletetrack", item.clone()).await, 0);
    assert_eq!(session.code("gettrackinfo", item).await, -18_019_902);
}

#[tokio::test]
async fn a_carrier_is_found_corrected_or_wanted() {
    let session = Session::new().await;
    let given = json!([{ "number": session.number("corrected-carrier"), "carrier": 3013 }]);
    let body = session.call("register", &given).await;
    let taken = &body["data"]["accepted"][0];
    assert_eq!(
        (&taken["carrier"], &taken["origin"]),
        (&json!(3011), &json!(1))
    );
    session.sim.advance(5 * MINUTE);
    let under = |key| json!({ "number": session.number("corrected-carrier"), "carrier": key });
    assert_eq!(session.code("gettrackinfo", under(3013)).await, -18_019_902);
    assert_eq!(session.code("gettrackinfo", under(3011)).await, 0);
    assert_eq!(session.code("register", under(3013)).await, -18_019_901);
    let strange = session.number("undetected");
    assert_eq!(
        session.code("register", json!({ "number": strange })).await,
        -18_019_903
    );
    let known = json!({ "number": strange, "carrier": 190_094 });
    assert_eq!(session.code("register", known).await, 0);
    let bare = json!({ "number": session.number("needs-postcode") });
    assert_eq!(session.code("register", bare.clone()).await, -18_010_019);
    let mut full = bare;
    full["destination_postal_code"] = json!("1012AB");
    assert_eq!(session.code("register", full).await, 0);
}

#[tokio::test]
async fn one_number_under_two_carriers_is_two_records() {
    let session = Session::new().await;
    let number = session.number("in-transit");
    let other = json!({ "number": number, "carrier": 190_012 });
    assert_eq!(session.code("register", other).await, 0);
    session.sim.advance(5 * MINUTE);
    let body = session
        .call("gettrackinfo", &json!([{ "number": number }]))
        .await;
    let all = body["data"]["accepted"].as_array().unwrap();
    let statuses: Vec<_> = all
        .iter()
        .map(|item| {
            (
                item["carrier"].clone(),
                item["track_info"]["latest_status"]["status"].clone(),
            )
        })
        .collect();
    let two = [
        (json!(190_008), json!("InTransit")),
        (json!(190_012), json!("NotFound")),
    ];
    assert_eq!(statuses, two);
}

#[tokio::test]
async fn tracking_is_stopped_and_taken_up_again_once() {
    let session = Session::new().await;
    let item = json!({ "number": session.number("stopped") });
    assert_eq!(session.code("register", item.clone()).await, -18_019_901);
    assert_eq!(session.code("stoptrack", item.clone()).await, -18_019_906);
    assert_eq!(session.code("retrack", item.clone()).await, 0);
    assert_eq!(session.code("retrack", item.clone()).await, -18_019_904);
    assert_eq!(session.code("stoptrack", item.clone()).await, 0);
    assert_eq!(session.code("retrack", item).await, -18_019_905);
    let strange = json!({ "number": "LX170000999CN" });
    for path in ["stoptrack", "retrack", "deletetrack"] {
        assert_eq!(session.code(path, strange.clone()).await, -18_019_902);
    }
    let filter = json!({ "number": session.number("stopped") });
    let list = session.call("gettracklist", &filter).await;
    assert_eq!(list["page"]["data_total"], 1, "beside the data");
    assert_eq!(list["data"]["accepted"][0]["tracking_status"], "Stopped");
}

#[tokio::test]
async fn quotas_run_out_and_refill_with_the_simulated_clock() {
    let session = Session::new().await;
    session.fake().set_quota(Quota {
        per_second: Some(3),
        per_day: Some(1),
    });
    let key = session.setting("api_key");
    for _ in 0..3 {
        session.call("getquota", &json!([])).await;
    }
    let (status, body) = session.raw("getquota", &key, "[]".to_owned()).await;
    assert_eq!((status.as_u16(), &body["code"]), (429, &json!(429)));
    session.sim.advance(MINUTE);
    let first = json!({ "number": "LX170000111CN" });
    let second = json!({ "number": "LX170000222CN" });
    assert_eq!(session.code("register", first).await, 0);
    assert_eq!(session.code("register", second.clone()).await, -18_019_907);
    session.sim.advance(DAY);
    assert_eq!(session.code("register", second).await, 0);
    session.fake().set_quota(Quota::UNLIMITED);
    for (name, code) in [("daily-limit", -18_019_907), ("quota-spent", -18_019_908)] {
        let item = json!({ "number": session.number(name) });
        assert_eq!(session.code("register", item).await, code);
    }
}

#[tokio::test]
async fn rows_appear_as_the_clock_advances_and_legs_come_newest_first() {
    let session = Session::new().await;
    let info = session.info("delivered").await;
    assert_eq!(subs(&info), ["InTransit_PickedUp"]);
    assert_eq!(info["latest_status"]["status"], "InTransit");
    session.sim.advance(SPAN);
    let info = session.info("delivered").await;
    assert_eq!(info["latest_status"]["sub_status"], "Delivered_Other");
    let key = |leg: usize| &info["tracking"]["providers"][leg]["provider"]["key"];
    assert_eq!((key(0), key(1)), (&json!(21_051), &json!(3_011)));
    assert_eq!(info["latest_event"], events(&info, 0)[0]);
    let undated = &events(&info, 1)[2];
    assert_eq!(undated["time_iso"], Value::Null);
    assert_eq!(undated["time_raw"]["date"], Value::Null);
    let milestones = info["milestone"].as_array().unwrap();
    assert_eq!(milestones.len(), 9, "the unreached ones too");
    assert_eq!(milestones[6]["time_iso"], events(&info, 0)[0]["time_iso"]);
    assert_eq!(milestones[8]["time_iso"], Value::Null);
}

#[tokio::test]
async fn times_come_as_each_carrier_and_17track_write_them() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let stated = session.info("in-transit").await;
    let last = &events(&stated, 0)[3];
    assert_eq!(last["time_iso"], "2026-03-02T16:00:00+08:00");
    assert_eq!(last["time_utc"], "2026-03-02T08:00:00Z");
    assert_eq!(last["time_raw"]["timezone"], "+08:00");
    let guessed = session.info("out-for-delivery").await;
    assert_eq!(events(&guessed, 0)[0]["time_raw"]["timezone"], Value::Null);
    let half = session.info("half-an-hour-off").await;
    let booked = &events(&half, 0)[1];
    assert_eq!(booked["time_iso"], "2026-03-02T13:30:00+05:30");
    assert_eq!(booked["time_utc"], "2026-03-02T08:30:00Z");
    let stamped = session.info("one-offset").await;
    let picked_up = &events(&stamped, 0)[2];
    assert_eq!(picked_up["time_iso"], "2026-03-02T16:00:00-05:00");
    assert_eq!(picked_up["time_utc"], "2026-03-02T21:00:00Z");
    let odd = session.info("odd-rows").await;
    assert_eq!(events(&odd, 0)[0]["time_iso"], Value::Null);
    assert_eq!(events(&odd, 0)[1]["time_raw"]["time"], Value::Null);
}

#[tokio::test]
async fn every_scenario_ends_within_the_span() {
    let session = Session::new().await;
    let scenarios = session.fake().scenarios();
    assert!(scenarios.len() >= 12);
    let names: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.name).collect();
    let numbers: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.number).collect();
    assert_eq!(
        (names.len(), numbers.len()),
        (scenarios.len(), scenarios.len())
    );
    for scenario in &scenarios {
        assert!(scenario.last_event < SPAN, "{} is too long", scenario.name);
    }
    session.sim.advance(SPAN);
    assert_eq!(
        session.info("stale-status").await["latest_status"]["status"],
        "Expired"
    );
    let returned = session.info("returned").await;
    assert_eq!(subs(&returned)[0], "Exception_Returned");
}

#[tokio::test]
async fn load_numbers_are_registered_distinct_and_stable() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let numbers: Vec<String> = (0..200).map(track17_load_number).collect();
    let mut failed = 0;
    for chunk in numbers.chunks(40) {
        let items: Vec<Value> = chunk
            .iter()
            .map(|number| json!({ "number": number }))
            .collect();
        let body = session.call("gettrackinfo", &json!(items)).await;
        assert_eq!(body, session.call("gettrackinfo", &json!(items)).await);
        for item in body["data"]["accepted"].as_array().unwrap() {
            assert_eq!(events(&item["track_info"], 0).len(), 8);
            failed += u32::from(item["track_info"]["latest_status"]["status"] == "DeliveryFailure");
        }
    }
    assert!((1..100).contains(&failed), "{failed} of 200 failed");
    assert_eq!(session.fake().requests_for(&numbers[0]), 2);
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 200);
}

#[tokio::test]
async fn a_push_is_signed_over_its_bytes() {
    let (body, sign) = track17_push("TRACKING_STOPPED", &json!({ "number": "LX170000019CN" }));
    assert!(body.contains("TRACKING_STOPPED"));
    assert_eq!(sign.len(), 64);
    assert!(
        sign.bytes()
            .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
    );
    let (_, other) = track17_push("TRACKING_UPDATED", &json!({ "number": "LX170000019CN" }));
    assert_ne!(sign, other);
}
