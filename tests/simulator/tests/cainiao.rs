//! The fake Cainiao keeps the contracts of its four interfaces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::Serializer;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;
use support::{client, send, simulator};
use waybill_simulator::{Kind, Quota, SPAN, Simulator, cainiao_load_number};

const DAY: Duration = Duration::from_secs(86_400);
const OPEN: &str =
    "param2/1/com.alibaba.logistics/alibaba.trade.getLogisticsTraceInfo.buyerView/88002";

struct Session {
    sim: Simulator,
    client: Client,
}

type Fields<'a> = Vec<(&'a str, String)>;

impl Session {
    async fn new() -> Self {
        Self {
            sim: simulator().await,
            client: client(),
        }
    }

    fn setting(&self, name: &str) -> String {
        let source = self.sim.source("cainiao").unwrap();
        let mut settings = source.settings().into_iter();
        settings.find(|(key, _)| *key == name).unwrap().1
    }

    async fn post(&self, path: &str, fields: &Fields<'_>) -> (StatusCode, String) {
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        let url = format!("{}{path}", self.sim.cainiao().base_url());
        let request = self.client.post(url).body(form);
        let answer = request
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn page(&self, numbers: &str) -> Value {
        let url = format!(
            "{}/global/detail.json?mailNos={numbers}&lang=en-US&language=en-US",
            self.sim.cainiao().base_url()
        );
        let (status, body) = send(self.client.get(url)).await;
        assert_eq!(status, StatusCode::OK);
        body
    }

    /// Fields of a request to LINK about a number.
    fn link(&self, number: &str) -> Fields<'static> {
        let content = json!({ "mailNo": number, "locale": "en_US", "role": "endUser" });
        self.link_with(
            "CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING",
            &content.to_string(),
        )
    }

    fn link_with(&self, kind: &str, content: &str) -> Fields<'static> {
        let secret = self.setting("app_secret");
        vec![
            ("msg_type", kind.to_owned()),
            ("logistic_provider_id", self.setting("app_key")),
            ("to_code", self.setting("to_code")),
            ("logistics_interface", content.to_owned()),
            (
                "data_digest",
                STANDARD.encode(Md5::digest(format!("{content}{secret}"))),
            ),
        ]
    }

    async fn track(&self, number: &str) -> Value {
        let (status, body) = self.post("/gateway/link.do", &self.link(number)).await;
        assert_eq!(status, StatusCode::OK);
        serde_json::from_str(&body).unwrap()
    }

    fn number(&self, name: &str) -> &'static str {
        self.sim.cainiao().scenario(name).unwrap().number
    }

    fn order(&self, id: &str, site: &str) -> Fields<'static> {
        let mut fields = vec![
            ("_aop_timestamp", "1772438400000".to_owned()),
            ("access_token", format!("simulated-{site}-token")),
            ("orderId", id.to_owned()),
            ("webSite", site.to_owned()),
        ];
        let text: String = fields
            .iter()
            .map(|(name, value)| format!("{name}{value}"))
            .collect();
        let secret = self.setting("open_app_secret");
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{OPEN}{text}").as_bytes());
        fields.push(("_aop_signature", upper(&mac.finalize().into_bytes())));
        fields
    }

    fn trade(&self, id: &str) -> Fields<'static> {
        let mut fields = vec![
            ("app_key", self.setting("taobao_app_key")),
            ("format", "json".to_owned()),
            ("method", "taobao.logistics.trace.search".to_owned()),
            ("session", "simulated-session".to_owned()),
            ("sign_method", "md5".to_owned()),
            ("tid", id.to_owned()),
            ("timestamp", "2026-03-02 16:00:00".to_owned()),
            ("v", "2.0".to_owned()),
        ];
        let text: String = fields
            .iter()
            .map(|(name, value)| format!("{name}{value}"))
            .collect();
        let secret = self.setting("taobao_app_secret");
        let digest = Md5::digest(format!("{secret}{text}{secret}"));
        fields.push(("sign", upper(&digest)));
        fields
    }
}

fn upper(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn set(fields: &mut Fields<'_>, name: &str, value: &str) {
    let mut all = fields.iter_mut();
    let field = all.find(|(key, _)| *key == name).unwrap();
    value.clone_into(&mut field.1);
}

fn codes(body: &Value) -> Vec<&str> {
    let rows = body["statuses"].as_array().unwrap();
    rows.iter()
        .map(|row| row["actionCode"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn link_answers_newest_first_with_offsets_and_a_textual_success() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let body = session.track(session.number("delivered")).await;
    assert_eq!(body["success"], json!("true"));
    let codes = codes(&body);
    assert_eq!(
        (codes[0], codes[codes.len() - 1]),
        ("GTMS_SIGNED", "GWMS_ACCEPT")
    );
    let time = |at: usize| {
        body["statuses"][at]["datetime"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(time(0), "2026-03-06 13:00:00 UTC+0");
    assert_eq!(time(codes.len() - 1), "2026-03-02 16:00:00 UTC+8");
}

#[tokio::test]
async fn parcels_live_on_the_simulated_clock() {
    let session = Session::new().await;
    let number = session.number("access-point");
    assert_eq!(codes(&session.track(number).await), ["GWMS_ACCEPT"]);
    session.sim.advance(4 * DAY);
    let body = session.track(number).await;
    assert_eq!(codes(&body)[0], "GTMS_STA_SIGNED");
    assert_eq!(
        body["popStationParam"]["stationName"],
        json!("Corner Kiosk")
    );
    session.sim.advance(2 * DAY);
    assert_eq!(codes(&session.track(number).await)[0], "GSTA_SIGN");
    let kept = session.sim.cainiao();
    assert_eq!(kept.requests_for(number), 3);
    assert_eq!(kept.requests_of(Kind::Tracking), 3);
}

#[tokio::test]
async fn link_refuses_in_xml_and_in_json() {
    let session = Session::new().await;
    let number = session.number("in-transit");
    for (name, value, code, in_xml) in [
        ("data_digest", "", "S12", true),
        ("msg_type", "", "S12", true),
        ("logistic_provider_id", "nobody", "S16", true),
        ("to_code", "", "S16", true),
        ("to_code", "ES", "S23", false),
        ("data_digest", "suibianxie", "S02", false),
        ("logistics_interface", "{}", "S02", false),
    ] {
        let mut fields = session.link(number);
        set(&mut fields, name, value);
        let (status, body) = session.post("/gateway/link.do", &fields).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains(code), "{name}: {body}");
        assert_eq!(body.starts_with("<response>"), in_xml, "{name}: {body}");
    }
    let overseas = "CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING";
    for (kind, content, code) in [
        ("LOGISTICS_DETAIL_QUERY", "{}", "S04"),
        (overseas, "nothing", "S01"),
        (overseas, "{}", "S05"),
        (
            "CROSSBORDER_LOGISTICS_DETAIL_QUERY",
            r#"{"lgOrderCode":"LP1"}"#,
            "S05",
        ),
        (
            overseas,
            r#"{"mailNo":"LP1","locale":"en_US","role":"endUser"}"#,
            "S09",
        ),
    ] {
        let fields = session.link_with(kind, content);
        let (_, body) = session.post("/gateway/link.do", &fields).await;
        assert!(body.contains(code), "{kind}: {body}");
    }
    session.sim.cainiao().limit(1);
    let (_, body) = session
        .post("/gateway/link.do", &session.link(number))
        .await;
    assert!(body.contains("statuses"));
    let (_, body) = session
        .post("/gateway/link.do", &session.link(number))
        .await;
    assert!(body.contains("S112"));
}

#[tokio::test]
async fn a_cross_border_order_names_the_leg_of_the_last_mile() {
    let session = Session::new().await;
    let content = json!({ "lgOrderCode": session.number("delivered"), "userId": "880001" });
    let fields = session.link_with("CROSSBORDER_LOGISTICS_DETAIL_QUERY", &content.to_string());
    let nodes = |body: &str| {
        let body: Value = serde_json::from_str(body).unwrap();
        body["nodeList"].as_array().unwrap().clone()
    };
    let (_, body) = session.post("/gateway/link.do", &fields).await;
    assert_eq!(nodes(&body).len(), 1);
    session.sim.advance(SPAN);
    let (_, body) = session.post("/gateway/link.do", &fields).await;
    let nodes = nodes(&body);
    assert_eq!(nodes[1]["mailNo"], json!("DA880000033PT"));
    assert_eq!(nodes[1]["partnerList"][0]["partnerCode"], json!("CTT"));
    assert_eq!(nodes[0]["transitList"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn the_public_page_has_its_own_order_and_a_wrong_epoch() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let (new, unknown) = (session.number("renumbered"), "LP00000000000000");
    let body = session.page(&format!("{new},{unknown}")).await;
    let modules = body["module"].as_array().unwrap();
    assert_eq!(modules[0]["mailNo"], json!(unknown));
    assert_eq!(modules[0]["mailNoSource"], json!("EXTERNAL"));
    assert_eq!(modules[0]["detailList"], json!([]));
    let parcel = &modules[1];
    let shown = parcel["realMailNo"].as_str().unwrap();
    assert_eq!(shown, "Latest Tracking Number:\tLB880000095EE");
    // 10:00 in Kyiv; the epoch is 10:00 in Beijing.
    let newest = &parcel["detailList"][0];
    assert_eq!(newest["timeStr"], json!("2026-03-05 10:00:00"));
    assert_eq!(newest["timeZone"], json!("GMT+2"));
    assert_eq!(newest["time"], json!(1_772_676_000_000_i64));
    let stamped = session.page(session.number("local-times")).await;
    let rows = stamped["module"][0]["detailList"]
        .as_array()
        .unwrap()
        .clone();
    assert!(rows.iter().all(|row| row["timeZone"] == json!("GMT+08:00")));
    let pickup = session.page(session.number("access-point")).await;
    assert_eq!(
        pickup["module"][0]["copyRealMailNo"],
        json!("3SSIMU8800000088")
    );
}

#[tokio::test]
async fn the_public_page_takes_ten_numbers_and_then_wants_a_person() {
    let session = Session::new().await;
    let numbers: Vec<String> = (0..11).map(cainiao_load_number).collect();
    let body = session.page(&numbers[..10].join(",")).await;
    assert_eq!(body["module"].as_array().unwrap().len(), 10);
    assert_eq!(
        session.page(&numbers.join(",")).await["success"],
        json!(false)
    );
    session.sim.cainiao().limit(0);
    let url = format!(
        "{}/global/detail.json?mailNos={}",
        session.sim.cainiao().base_url(),
        numbers[0]
    );
    let answer = session.client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    assert!(page.contains("rgv587_flag") && page.contains("/_____tmd_____/punish"));
}

#[tokio::test]
async fn an_order_of_1688_has_a_row_per_parcel() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let path = format!("/openapi/{OPEN}");
    let fields = session.order("880000000000000001", "1688");
    let (status, body) = session.post(&path, &fields).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let parcels = body["logisticsTrace"].as_array().unwrap();
    assert_eq!(parcels.len(), 2);
    assert_eq!(parcels[0]["orderId"], json!(880_000_000_000_000_001_u64));
    let steps = parcels[0]["logisticsSteps"].as_array().unwrap();
    assert_eq!(steps.len(), 5);
    assert_eq!(steps[0]["acceptTime"], json!("2026-03-02 16:00:00"));
    for (id, site, code) in [
        ("880000000000000001", "alibaba", "order.nopermission.buyer"),
        ("100000000000000001", "1688", "order.createtime.history"),
        ("880000000000000009", "1688", "404"),
    ] {
        let (_, body) = session.post(&path, &session.order(id, site)).await;
        assert!(body.contains(code), "{body}");
    }
    let mut wrong = session.order("880000000000000001", "1688");
    set(&mut wrong, "_aop_signature", "00");
    let (status, body) = session.post(&path, &wrong).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("gw.SignatureInvalid"));
    let other = path.replace("88002", "1");
    let (status, body) = session.post(&other, &fields).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("gw.APIACLDecline"));
}

#[tokio::test]
async fn the_router_checks_app_signature_and_session_in_this_order() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let id = "8800000000000011";
    let (_, body) = session.post("/router/rest", &session.trade(id)).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let trade = &body["logistics_trace_search_response"];
    assert_eq!(trade["tid"], json!(8_800_000_000_000_011_u64));
    let steps = trade["trace_list"]["transit_step_info"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    for (name, value, code) in [
        ("method", "", 21),
        ("app_key", "1", 29),
        ("session", "", 26),
        ("sign", "00", 25),
        ("session", "x", 25),
    ] {
        let mut fields = session.trade(id);
        set(&mut fields, name, value);
        let (status, body) = session.post("/router/rest", &fields).await;
        assert_eq!(status, StatusCode::OK);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error_response"]["code"], json!(code), "{name}");
    }
    let (_, body) = session.post("/router/rest", &session.trade("1")).await;
    assert!(body.contains("isv.trade-not-exist"));
    session.sim.cainiao().limit(0);
    let (_, body) = session.post("/router/rest", &session.trade(id)).await;
    assert!(body.contains(r#""code":7"#));
}

#[tokio::test]
async fn a_push_is_signed_over_its_content() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let number = session.number("delivered");
    let form = session.sim.cainiao().trace_push(number).unwrap();
    let fields: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    let field = |name: &str| {
        let mut all = fields.iter();
        all.find(|(key, _)| key == name).unwrap().1.clone()
    };
    let content = field("logistics_interface");
    let secret = session.setting("app_secret");
    let digest = STANDARD.encode(Md5::digest(format!("{content}{secret}")));
    assert_eq!(field("data_digest"), digest);
    let content: Value = serde_json::from_str(&content).unwrap();
    let list = &content["tracesList"];
    assert_eq!(list["mailNos"], json!(number));
    assert_eq!(list["traces"][0]["tz"], json!("+8"));
    assert_eq!(list["traces"][7]["nextMailNo"], json!("DA880000033PT"));
    assert!(session.sim.cainiao().trace_push("LP1").is_none());
}

#[tokio::test]
async fn every_scenario_and_load_number_is_known() {
    let session = Session::new().await;
    session.sim.advance(SPAN);
    let scenarios = session.sim.cainiao().scenarios();
    assert!(scenarios.len() >= 8);
    for scenario in &scenarios {
        assert!(scenario.last_event <= SPAN, "{}", scenario.name);
        let body = session.track(scenario.number).await;
        assert_eq!(body["success"], json!("true"), "{}", scenario.name);
    }
    for index in [0, 7, 9_999_999, 10_000_000] {
        let body = session.track(&cainiao_load_number(index)).await;
        assert!(!codes(&body).is_empty(), "{index}");
    }
    assert_eq!(session.sim.cainiao().orders().len(), 4);
}

/// Shorthand for a daily quota.
trait Limit {
    fn limit(&self, per_day: u32);
}

impl Limit for waybill_simulator::Fake<waybill_simulator::Cainiao> {
    fn limit(&self, per_day: u32) {
        let quota = Quota {
            per_day: Some(per_day),
            ..Quota::UNLIMITED
        };
        waybill_simulator::Source::set_quota(self, quota);
    }
}
