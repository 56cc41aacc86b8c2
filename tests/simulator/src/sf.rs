//! Owns the wire contract of SF's open platform: envelope, digest, tokens, verdicts, services.
//! Does not know what a waybill's answer looks like, nor which waybills exist.
//!
//! Everything is answered with status 200; what went wrong stands in `apiResultCode`, and inside, in JSON
//! written as a string, in `errorCode`.

mod account;
mod load;
mod scripts;
mod waybill;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake::Dialect;
use crate::lock;
use crate::quota::Quota;
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

use account::{Account, Proof};
use waybill::Known;

const SERVICE_PATH: &str = "/std/service";
const TOKEN_PATH: &str = "/oauth2/accessToken";
const SEARCH: &str = "EXP_RECE_SEARCH_ROUTES";
const REGISTER: &str = "EXP_RECE_REGISTER_ROUTE";
const PARTNER: &str = "SIMULATED";
const CHECK_WORD: &str = "simulatedCheckWord00000000000001";
const PUSH_TOKEN: &str = "simulated-sf-push";
/// Numbers in one question.
const MOST: usize = 10;
/// Digits of the telephone that belongs to waybills of other customers.
const PHONE: &str = "5678";

/// SF's side of a fake.
pub(crate) struct Sf {
    clock: Clock,
    account: Mutex<Account>,
    /// Request ids that were used.
    requests: Mutex<HashSet<String>>,
    answers: AtomicU64,
}

impl Sf {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            account: Mutex::new(Account::new(PARTNER, CHECK_WORD)),
            requests: Mutex::default(),
            answers: AtomicU64::new(0),
        }
    }
}

/// A refusal of the platform: code and message.
type Refusal = (&'static str, &'static str);
/// A refusal of a service: code and message.
type Verdict = (&'static str, &'static str);

impl Dialect for Sf {
    fn id(&self) -> &'static str {
        "sf"
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", root.to_owned()),
            ("partner_id", PARTNER.to_owned()),
            ("check_word", CHECK_WORD.to_owned()),
            ("push_token", PUSH_TOKEN.to_owned()),
        ]
    }

    fn set_quota(&self, quota: Quota) {
        lock(&self.account).set_quota(quota);
    }

    fn load_number(&self, n: u64) -> String {
        load::number(n)
    }

    fn has_tokens(&self) -> bool {
        true
    }

    fn kind(&self, seen: &Seen) -> Kind {
        match seen.path.as_str() {
            TOKEN_PATH => Kind::Token,
            SERVICE_PATH => match field(seen, "serviceCode").as_deref() {
                Some(SEARCH) => Kind::Tracking,
                Some(REGISTER) => Kind::Register,
                _ => Kind::Other,
            },
            _ => Kind::Other,
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        let message = field(seen, "msgData").unwrap_or_default();
        let message: Value = serde_json::from_str(&message).unwrap_or_default();
        let listed = message["trackingNumber"].as_array();
        let all = listed.into_iter().flatten().filter_map(Value::as_str);
        all.map(str::to_owned).collect()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        if !matches!(seen.path.as_str(), SERVICE_PATH | TOKEN_PATH) {
            return self.error(StatusCode::NOT_FOUND);
        }
        let answered = match kind {
            Kind::Token => self.token(seen),
            _ => self.service(seen),
        };
        let body = match answered {
            Ok(body) => body,
            Err((code, message)) => self.envelope(code, message, json!("")),
        };
        Answer::json(StatusCode::OK, "application/json;charset=UTF-8", &body)
    }

    fn error(&self, status: StatusCode) -> Answer {
        let (code, message) = match status.as_u16() {
            401 => ("A1006", "数字签名无效"),
            403 => ("A1004", "无对应服务权限"),
            429 => ("A1005", "流量受控"),
            400..500 => ("A1001", "必传参数不可为空"),
            _ => ("A1099", "系统异常"),
        };
        let body = self.envelope(code, message, json!(""));
        Answer::json(status, "application/json;charset=UTF-8", &body)
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let told = |script: &scripts::Script| Scenario {
            name: script.name,
            number: script.waybill.number,
            title: script.title,
            shows: script.shows,
            last_event: minutes(script.waybill.last_event()),
        };
        scripts::SCRIPTS.iter().map(told).collect()
    }
}

impl Sf {
    fn envelope(&self, code: &str, message: &str, data: Value) -> Value {
        let serial = self.answers.fetch_add(1, Ordering::Relaxed);
        json!({
            "apiErrorMsg": message,
            "apiResponseID": format!("00019000000000{serial:016X}3F"),
            "apiResultCode": code,
            "apiResultData": data,
        })
    }

    fn token(&self, seen: &Seen) -> Result<Value, Refusal> {
        is_form(seen)?;
        let required = |key| {
            field(seen, key)
                .filter(|value| !value.is_empty())
                .ok_or(MISSING)
        };
        let (partner, secret) = (required("partnerID")?, required("secret")?);
        if required("grantType")? != "password" {
            return Err(MISSING);
        }
        let token = lock(&self.account).issue(&partner, &secret, self.clock.now());
        let token = token.ok_or(("A1006", "数字签名无效"))?;
        Ok(json!({
            "apiErrorMsg": "",
            "apiResponseID": "",
            "apiResultCode": "A1000",
            "accessToken": token,
        }))
    }

    fn service(&self, seen: &Seen) -> Result<Value, Refusal> {
        is_form(seen)?;
        let required = |key| {
            field(seen, key)
                .filter(|value| !value.is_empty())
                .ok_or(MISSING)
        };
        let (partner, request) = (required("partnerID")?, required("requestID")?);
        let (service, timestamp) = (required("serviceCode")?, required("timestamp")?);
        let text = required("msgData")?;
        let is_time = (1..=16).contains(&timestamp.len())
            && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        if !is_time || request.chars().count() > 40 {
            return Err(MISSING);
        }
        let message: Value = serde_json::from_str(&text).map_err(|_| MISSING)?;
        if !message.is_object() {
            return Err(MISSING);
        }
        let proof = match (field(seen, "msgDigest"), field(seen, "accessToken")) {
            (Some(digest), _) if !digest.is_empty() => Proof::Digest {
                digest,
                signed: format!("{text}{timestamp}"),
            },
            (_, Some(token)) if !token.is_empty() => Proof::Token(token),
            _ => return Err(MISSING),
        };
        lock(&self.account).admit(&partner, &proof, &service, self.clock.now())?;
        if !lock(&self.requests).insert(request) {
            return Err(("A1007", "重复请求"));
        }
        let answered = match service.as_str() {
            SEARCH => self.search(&message),
            REGISTER => self.register(&message),
            _ => return Err(("A1004", "无对应服务权限")),
        };
        let (inner, as_object) = match answered {
            Ok((found, as_object)) => (
                json!({ "success": true, "errorCode": "S0000", "errorMsg": null, "msgData": found }),
                as_object,
            ),
            Err((code, text)) => (
                json!({ "success": false, "errorCode": code, "errorMsg": text, "msgData": null }),
                false,
            ),
        };
        let data = match as_object {
            true => inner,
            false => Value::String(inner.to_string()),
        };
        Ok(self.envelope("A1000", "", data))
    }

    /// Routes by number, and whether this account gets the inner document as an object.
    fn search(&self, message: &Value) -> Result<(Value, bool), Verdict> {
        let numbers = texts(&message["trackingNumber"])?;
        let by_order = one_of(message, "trackingType", "1")? == "2";
        one_of(message, "methodType", "1")?;
        if numbers.is_empty() {
            return Err(("8013", "未传入运单号或订单号"));
        }
        if numbers.len() > MOST {
            return Err(("8003", "查询单号超过最大限制"));
        }
        let phone = message["checkPhoneNo"].as_str().unwrap_or_default();
        let mut found = Vec::with_capacity(numbers.len());
        let mut as_object = false;
        for number in &numbers {
            let known = match by_order {
                true => Some(find_order(number).ok_or(("6150", "找不到该订单"))?),
                false if is_waybill(number) => find(number),
                false => return Err(("8247", "运单号不合法")),
            };
            let Some(known) = known else {
                found.push(json!({ "mailNo": number, "routes": [] }));
                continue;
            };
            if known.waybill.omitted {
                continue;
            }
            as_object |= known.waybill.as_object && numbers.len() == 1;
            let routes = match known.waybill.phone {
                Some(digits) if !phone.split(',').any(|given| given == digits) => Vec::new(),
                _ => known.routes(&self.clock, self.clock.now()),
            };
            found.push(json!({ "mailNo": known.number, "routes": routes }));
        }
        Ok((json!({ "routeResps": found }), as_object))
    }

    fn register(&self, message: &Value) -> Result<(Value, bool), Verdict> {
        let number = message["attributeNo"].as_str().unwrap_or_default();
        let known = match message["type"].as_str() {
            Some("1") => find_order(number).ok_or(("6150", "找不到该订单"))?,
            Some("2") if !is_waybill(number) => return Err(("8247", "运单号不合法")),
            Some("2") => find(number).ok_or(("8018", "未获取到订单信息"))?,
            _ => return Err(("8191", "参数格式错误")),
        };
        let phone = message["checkPhoneNo"].as_str().unwrap_or_default();
        match known.waybill.phone {
            Some(digits) if digits != phone => Err(("8018", "未获取到订单信息")),
            _ => Ok((Value::Null, false)),
        }
    }
}

const MISSING: Refusal = ("A1001", "必传参数不可为空");

fn is_form(seen: &Seen) -> Result<(), Refusal> {
    let media = seen.header("content-type").unwrap_or_default();
    let media = media.split(';').next().map(str::trim);
    let right = seen.method == Method::POST && media == Some("application/x-www-form-urlencoded");
    right.then_some(()).ok_or(MISSING)
}

/// A field of the form.
fn field(seen: &Seen, key: &str) -> Option<String> {
    let mut form = form_urlencoded::parse(&seen.body);
    let found = form.find(|(name, _)| name == key);
    found.map(|(_, value)| value.into_owned())
}

fn texts(list: &Value) -> Result<Vec<String>, Verdict> {
    let wrong = ("8191", "参数格式错误");
    let all = list.as_array().ok_or(wrong)?.iter();
    all.map(|one| one.as_str().map(str::to_owned).ok_or(wrong))
        .collect()
}

/// A choice between 1 and 2, as text or as a number.
fn one_of(message: &Value, key: &str, default: &'static str) -> Result<&'static str, Verdict> {
    match &message[key] {
        Value::Null => Ok(default),
        Value::String(text) if text == "1" => Ok("1"),
        Value::String(text) if text == "2" => Ok("2"),
        Value::Number(one) if one.as_u64() == Some(1) => Ok("1"),
        Value::Number(two) if two.as_u64() == Some(2) => Ok("2"),
        _ => Err(("8191", "参数格式错误")),
    }
}

/// SF and 12 to 15 digits, or 12 digits.
fn is_waybill(number: &str) -> bool {
    let digits = number.strip_prefix("SF").unwrap_or(number);
    let length =
        digits.len() == 12 || (number.starts_with("SF") && (12..=15).contains(&digits.len()));
    length && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn find(number: &str) -> Option<Known> {
    let mut scripts = scripts::SCRIPTS.iter();
    let script = scripts.find(|script| script.waybill.number == number);
    match script {
        Some(script) => Some(Known::from(&script.waybill)),
        None => load::find(number),
    }
}

fn find_order(order: &str) -> Option<Known> {
    let mut scripts = scripts::SCRIPTS.iter();
    let script = scripts.find(|script| script.waybill.order == order && !order.is_empty())?;
    Some(Known::from(&script.waybill))
}
