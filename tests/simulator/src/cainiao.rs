//! Owns Cainiao's wire contract: the gateway LINK, the Taobao router, 1688 and the public page, with
//! their signatures, quotas and refusals. Does not know what parcels look like, nor which exist.

mod orders;
mod parcel;
mod proof;
mod scripts;

use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake::{Dialect, Fake};
use crate::lock;
use crate::push::Push;
use crate::quota::{Quota, Usage};
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

use orders::{ORDERS, TRADES};
pub use scripts::cainiao_load_number;

const LINK_PATH: &str = "/gateway/link.do";
const ROUTER_PATH: &str = "/router/rest";
const OPEN_PATH: &str =
    "/openapi/param2/1/com.alibaba.logistics/alibaba.trade.getLogisticsTraceInfo.buyerView/";
const PAGE_PATH: &str = "/global/detail.json";

const PROVIDER: &str = "SIMULATED-CP";
const SECRET: &str = "simulated-link-secret";
const TARGET: &str = "CNL_EU";
const USER: &str = "880001";
const APP: &str = "88001";
const APP_SECRET: &str = "simulated-taobao-secret";
const SESSION: &str = "simulated-session";
const OPEN_APP: &str = "88002";
const OPEN_SECRET: &str = "simulated-1688-secret";
const TOKENS: [(&str, &str); 2] = [
    ("1688", "simulated-1688-token"),
    ("alibaba", "simulated-alibaba-token"),
];
/// Numbers in one request to the public page, as its clients cap them.
const PAGE: usize = 10;

/// Cainiao's side of a [`Fake`].
pub struct Cainiao {
    clock: Clock,
    usage: Mutex<Usage>,
}

impl Cainiao {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            usage: Mutex::default(),
        }
    }
}

impl Fake<Cainiao> {
    /// Scheme and host of all four interfaces.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Orders that the shops have: platform and id.
    pub fn orders(&self) -> Vec<(&'static str, &'static str)> {
        let orders = ORDERS.iter().map(|order| (order.site, order.id));
        let trades = TRADES.iter().map(|trade| ("taobao", trade.id));
        orders.chain(trades).collect()
    }

    /// The form of a signed TRACEPUSH with all that has happened to a parcel; `None` if it is not
    /// known.
    pub fn trace_push(&self, number: &str) -> Option<String> {
        self.carrier.dialect.trace_push(number)
    }
}

impl Cainiao {
    fn trace_push(&self, number: &str) -> Option<String> {
        let clock = &self.clock;
        let content = scripts::find(number)?
            .pushed(clock, clock.now())
            .to_string();
        let digest = proof::digest(&content, SECRET);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("msg_type", "TRACEPUSH");
        form.append_pair("partner_code", PROVIDER);
        form.append_pair("data_digest", &digest);
        form.append_pair("logistics_interface", &content);
        Some(form.finish())
    }
}

impl Dialect for Cainiao {
    fn id(&self) -> &'static str {
        "cainiao"
    }

    fn push(&self, number: &str) -> Option<Push> {
        self.trace_push(number).map(Push::form)
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        let [(site, token), (other, other_token)] = TOKENS;
        let shops = format!("taobao={SESSION} {site}={token} {other}={other_token}");
        vec![
            ("base_url", root.to_owned()),
            ("app_key", PROVIDER.to_owned()),
            ("app_secret", SECRET.to_owned()),
            ("to_code", TARGET.to_owned()),
            ("taobao_app_key", APP.to_owned()),
            ("taobao_app_secret", APP_SECRET.to_owned()),
            ("open_app_key", OPEN_APP.to_owned()),
            ("open_app_secret", OPEN_SECRET.to_owned()),
            ("shops", shops),
        ]
    }

    fn set_quota(&self, quota: Quota) {
        *lock(&self.usage) = Usage::new(quota);
    }

    fn load_number(&self, n: u64) -> String {
        cainiao_load_number(n)
    }

    fn kind(&self, seen: &Seen) -> Kind {
        let posted = seen.method == Method::POST;
        let tracks = match seen.path.as_str() {
            LINK_PATH | ROUTER_PATH => posted,
            PAGE_PATH => seen.method == Method::GET,
            path => posted && path.starts_with(OPEN_PATH),
        };
        if tracks { Kind::Tracking } else { Kind::Other }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        if seen.path == PAGE_PATH {
            return asked(seen).map(str::to_owned).collect();
        }
        let form = Form::of(seen);
        let content: Value =
            serde_json::from_str(form.get("logistics_interface")).unwrap_or_default();
        let in_content = ["mailNo", "lgOrderCode"]
            .into_iter()
            .filter_map(|field| content[field].as_str());
        let in_form = ["tid", "orderId"].into_iter().map(|field| form.get(field));
        let all = in_content
            .chain(in_form)
            .filter(|number| !number.is_empty());
        all.map(str::to_owned).collect()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        if kind != Kind::Tracking {
            return html(
                StatusCode::NOT_FOUND,
                "<html><body>nothing here</body></html>",
            );
        }
        let answered = match seen.path.as_str() {
            LINK_PATH => self.link(&Form::of(seen)),
            ROUTER_PATH => self.router(&Form::of(seen)),
            PAGE_PATH => self.page(seen),
            path => self.open(path, &Form::of(seen)),
        };
        match answered {
            Ok(body) => Answer::json(StatusCode::OK, "application/json;charset=UTF-8", &body),
            Err(refusal) => refusal,
        }
    }

    fn error(&self, status: StatusCode) -> Answer {
        let code = match status {
            StatusCode::TOO_MANY_REQUESTS => "S112",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "S02",
            StatusCode::NOT_FOUND => "S09",
            _ => "S07",
        };
        let mut answer = refused(code, "the request could not be served");
        answer.status = status;
        answer
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let told = |script: &scripts::Script| Scenario {
            name: script.name,
            number: script.parcel.number,
            title: script.title,
            shows: script.shows,
            last_event: minutes(script.last_event()),
        };
        scripts::SCRIPTS.iter().map(told).collect()
    }
}

impl Cainiao {
    fn admit(&self) -> bool {
        lock(&self.usage).admit(self.clock.now())
    }

    /// LINK. What the gateway itself refuses comes as XML, what an API refuses as JSON.
    fn link(&self, form: &Form) -> Result<Value, Answer> {
        for (field, name) in [
            ("msg_type", "api"),
            ("logistic_provider_id", "fromCode"),
            ("data_digest", "DataDigest"),
            ("logistics_interface", "content"),
        ] {
            if form.get(field).is_empty() {
                let message = format!("request param {name} can not be null");
                return Err(refused_in_xml("S12", &message));
            }
        }
        if form.get("logistic_provider_id") != PROVIDER {
            return Err(refused_in_xml("S16", "service route failed"));
        }
        match form.get("to_code") {
            TARGET => {}
            "" => return Err(refused_in_xml("S16", "service route failed")),
            _ => return Err(refused("S23", "toCode is not authorized")),
        }
        let content = form.get("logistics_interface");
        if form.get("data_digest") != proof::digest(content, SECRET) {
            return Err(refused("S02", "illegal signature"));
        }
        if !self.admit() {
            return Err(refused("S112", "flow control"));
        }
        let Ok(content) = serde_json::from_str::<Value>(content) else {
            return Err(refused("S01", "illegal json"));
        };
        let text = |field: &str| content[field].as_str().unwrap_or_default().to_owned();
        let now = self.clock.now();
        match form.get("msg_type") {
            "CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING" => {
                let (number, locale) = (text("mailNo"), text("locale"));
                if number.is_empty() || locale.is_empty() || text("role").is_empty() {
                    return Err(refused("S05", "illegal content"));
                }
                let known = scripts::find(&number);
                let body = known.and_then(|known| known.overseas(&self.clock, now));
                body.ok_or_else(|| refused("S09", "no data"))
            }
            "CROSSBORDER_LOGISTICS_DETAIL_QUERY" => {
                if text("userId") != USER {
                    return Err(refused("S05", "illegal content"));
                }
                let known = scripts::find(&text("lgOrderCode"));
                let known = known.ok_or_else(|| refused("S09", "no data"))?;
                Ok(self.nodes(&known))
            }
            _ => Err(refused("S04", "illegal message type")),
        }
    }

    /// The legs of an order: the last mile is one of its own once it has a number.
    fn nodes(&self, known: &parcel::Known) -> Value {
        let pushed = known.pushed(&self.clock, self.clock.now());
        let traces = pushed["tracesList"]["traces"].as_array();
        let transit = |trace: &Value| {
            let zone = trace["tz"].as_str().unwrap_or_default();
            json!({
                "action": trace["action"],
                "time": trace["time"],
                "timeZone": format!("GMT{zone}"),
                "desc": trace["desc"],
            })
        };
        let all: Vec<Value> = traces.into_iter().flatten().map(transit).collect();
        let mut nodes = vec![json!({
            "mailNo": known.number,
            "partnerList": [{ "partnerCode": "SIMULATEDCP" }],
            "packageStatus": { "logisticStatus": "TRANSIT", "logisticStatusDesc": "on its way" },
            "transitList": all,
        })];
        let last = traces.and_then(|traces| traces.last());
        if let Some(last) = last.filter(|last| last["nextMailNo"] != "") {
            nodes.push(json!({
                "mailNo": last["nextMailNo"],
                "partnerList": [{ "partnerCode": last["nextTpCode"] }],
                "transitList": [],
            }));
        }
        json!({ "success": true, "errorCode": "", "errorMsg": "", "nodeList": nodes })
    }

    fn router(&self, form: &Form) -> Result<Value, Answer> {
        let failed = |code: u32, message: &str, sub: &str| {
            let error = json!({ "code": code, "msg": message, "sub_code": sub });
            let body = json!({ "error_response": error });
            Err(Answer::json(
                StatusCode::OK,
                "text/javascript;charset=UTF-8",
                &body,
            ))
        };
        if form.get("method").is_empty() {
            return failed(21, "Missing Method", "");
        }
        if form.get("app_key") != APP {
            return failed(29, "Invalid App Key", "");
        }
        if form.get("session").is_empty() {
            return failed(26, "Missing Session", "");
        }
        let signature = proof::router(&form.0, form.get("sign_method"), APP_SECRET);
        if signature.as_deref() != Some(form.get("sign")) {
            return failed(25, "Invalid Signature", "");
        }
        if form.get("session") != SESSION {
            return failed(27, "Invalid Session", "");
        }
        if !self.admit() {
            return failed(
                7,
                "App Call Limited",
                "accesscontrol.limited-by-app-access-count",
            );
        }
        if form.get("method") != "taobao.logistics.trace.search" {
            return failed(22, "Invalid Method", "");
        }
        let trade = TRADES.iter().find(|trade| trade.id == form.get("tid"));
        match trade {
            Some(trade) => Ok(trade.render(&self.clock, self.clock.now())),
            None => failed(15, "Remote service error", "isv.trade-not-exist"),
        }
    }

    fn open(&self, path: &str, form: &Form) -> Result<Value, Answer> {
        let failed = |status: StatusCode, code: &str| {
            let body = json!({ "error_code": code, "error_message": "refused" });
            Err(Answer::json(
                status,
                "application/json;charset=UTF-8",
                &body,
            ))
        };
        let signed = path.trim_start_matches("/openapi/");
        if !signed.ends_with(&format!("/{OPEN_APP}")) {
            return failed(StatusCode::FORBIDDEN, "gw.APIACLDecline");
        }
        let signature = proof::open(&form.0, signed, OPEN_SECRET);
        if signature.as_deref() != Some(form.get("_aop_signature")) {
            return failed(StatusCode::BAD_REQUEST, "gw.SignatureInvalid");
        }
        let site = form.get("webSite");
        let token = TOKENS.iter().find(|(known, _)| *known == site);
        if token.map(|(_, token)| *token) != Some(form.get("access_token")) {
            let body = json!({ "error_message": "Request need user authorized" });
            return Err(Answer::json(
                StatusCode::UNAUTHORIZED,
                "application/json",
                &body,
            ));
        }
        if !self.admit() {
            return failed(StatusCode::BAD_REQUEST, "gw.QosAppFrequencyLimit");
        }
        let order = ORDERS.iter().find(|order| order.id == form.get("orderId"));
        match order {
            Some(order) if order.site == site => Ok(order.render(&self.clock, self.clock.now())),
            Some(_) => Ok(json!({ "success": false, "errorCode": "order.nopermission.buyer" })),
            // Ids that begin with 1 were given out years ago.
            None if form.get("orderId").starts_with('1') => {
                Ok(json!({ "success": false, "errorCode": "order.createtime.history" }))
            }
            None => Ok(json!({ "success": "false", "errorCode": "404" })),
        }
    }

    /// The public page. Over its quota it wants a person.
    fn page(&self, seen: &Seen) -> Result<Value, Answer> {
        if !self.admit() {
            return Err(html(StatusCode::OK, SLIDER));
        }
        let numbers: Vec<&str> = asked(seen).collect();
        if numbers.is_empty() || numbers.len() > PAGE {
            return Ok(json!({ "success": false, "errorCode": "PARAM", "errorMsg": "mailNos" }));
        }
        let now = self.clock.now();
        let module = |number: &&str| match scripts::find(number) {
            Some(known) => known.module(&self.clock, now),
            None => json!({ "mailNo": number, "mailNoSource": "EXTERNAL", "detailList": [] }),
        };
        // The order is not that of the question.
        let modules: Vec<Value> = numbers.iter().rev().map(module).collect();
        Ok(json!({ "module": modules, "success": true }))
    }
}

const SLIDER: &str = "<!DOCTYPE html><html><body><script>var page={\"rgv587_flag\":\"sm\",\
\"url\":\"/global/detail.json/_____tmd_____/punish\"}</script></body></html>";

/// A posted form.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(seen: &Seen) -> Self {
        Self(form_urlencoded::parse(&seen.body).into_owned().collect())
    }

    fn get(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        fields
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    }
}

/// The numbers that the public page is asked for.
fn asked(seen: &Seen) -> impl Iterator<Item = &str> {
    let numbers = seen.query("mailNos").unwrap_or_default().split(',');
    numbers.filter(|number| !number.is_empty())
}

fn refused(code: &str, message: &str) -> Answer {
    let body = json!({ "success": "false", "errorCode": code, "errorMsg": message });
    Answer::json(StatusCode::OK, "application/json;charset=UTF-8", &body)
}

fn refused_in_xml(code: &str, message: &str) -> Answer {
    let body = format!(
        "<response><success>false</success><errorCode>{code}</errorCode>\
         <errorMsg>{message}</errorMsg></response>"
    );
    Answer {
        status: StatusCode::OK,
        headers: vec![(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/xml;charset=UTF-8"),
        )],
        body: Bytes::from(body),
    }
}

fn html(status: StatusCode, page: &'static str) -> Answer {
    Answer {
        status,
        headers: vec![(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html;charset=UTF-8"),
        )],
        body: Bytes::from_static(page.as_bytes()),
    }
}
