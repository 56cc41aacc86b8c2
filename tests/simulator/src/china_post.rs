//! Owns the wire contract of China Post's platform for contract customers: form, envelope, failures.
//! Does not know what an item's operations look like, nor which items exist.
//!
//! The platform publishes no table of its failures; their words here are the kinds that public
//! clients tell apart.

mod item;
mod load;
mod scripts;
mod sm4;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::fake::Dialect;
use crate::lock;
use crate::push::Push;
use crate::quota::{Quota, Usage};
use crate::scenario::{Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

pub use load::china_post_load_number;

const PATH: &str = "/amp-prod-api/f/amp/api/";
const SENDER: &str = "1100000513001";
const SUCCESS: &str = "00000";

/// Credentials are of one environment and refused by the other.
struct Account {
    environment: &'static str,
    authorization: &'static str,
    key: &'static str,
}

const ACCOUNTS: [Account; 2] = [
    Account {
        environment: "open",
        authorization: "SimulatedOpen001",
        // "simulated-key-01"
        key: "c2ltdWxhdGVkLWtleS0wMQ==",
    },
    Account {
        environment: "test",
        authorization: "SimulatedTest001",
        // "simulated-key-02"
        key: "c2ltdWxhdGVkLWtleS0wMg==",
    },
];

/// China Post's side of a fake.
pub(crate) struct ChinaPost {
    clock: Clock,
    usage: Mutex<Usage>,
    serial: AtomicU64,
}

/// A failure as the platform reports it.
struct Failure(&'static str, &'static str);

impl ChinaPost {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            usage: Mutex::default(),
            serial: AtomicU64::new(1),
        }
    }

    fn serial(&self) -> String {
        format!("{:020}", self.serial.fetch_add(1, Ordering::Relaxed))
    }

    /// The operations of the number that a form asks for.
    fn ask(&self, account: &Account, seen: &Seen) -> Result<Value, Failure> {
        let form = Form::of(seen);
        if form.get("apiCode") != "040001" {
            return Err(Failure("B00001", "接口代码未开通"));
        }
        if form.get("senderNo") != SENDER {
            return Err(Failure("B00002", "客户号不存在"));
        }
        if form.get("authorization") != account.authorization {
            return Err(Failure("B00003", "授权码错误"));
        }
        if !matches!(form.get("msgType"), "" | "0") || !is_moment(form.get("timeStamp")) {
            return Err(Failure("B00004", "请求参数有误"));
        }
        let business =
            sm4::open(form.get("logitcsInterface"), account.key).map_err(
                |broken| match broken {
                    sm4::Broken::Sealed => Failure("B00005", "报文解密失败"),
                    sm4::Broken::Unsigned => Failure("B00006", "签名校验失败"),
                },
            )?;
        let business: Value = serde_json::from_str(&business).unwrap_or_default();
        let number = business["waybillNo"].as_str().unwrap_or_default();
        if number.is_empty() {
            return Err(Failure("B00007", "运单号不能为空"));
        }
        Ok(self.found(number))
    }

    fn found(&self, number: &str) -> Value {
        let known = scripts::find(number).or_else(|| load::item(number));
        let told = known.map(|item| (item.operations(&self.clock), item.form));
        let serial = self.serial();
        let (rows, form) = told.unwrap_or_default();
        let message = if rows.is_empty() {
            "无此邮件信息"
        } else {
            "成功"
        };
        let body = match form {
            item::Form::Packed => json!(json!({ "responseItems": rows }).to_string()),
            item::Form::Object => json!({ "responseItems": rows }),
            item::Form::List => json!(rows),
        };
        json!({
            "serialNo": serial, "retCode": SUCCESS, "retMsg": message, "success": true,
            "retBody": body,
        })
    }

    fn failed(&self, status: StatusCode, code: &str, message: &str) -> Answer {
        let body = json!({
            "serialNo": self.serial(), "retCode": code, "retMsg": message, "success": false,
            "retBody": null,
        });
        Answer::json(status, "application/json;charset=UTF-8", &body)
    }
}

impl Dialect for ChinaPost {
    fn id(&self) -> &'static str {
        "china-post"
    }

    fn push(&self, number: &str) -> Option<Push> {
        let item = scripts::find(number).or_else(|| load::item(number))?;
        let newest = item.operations(&self.clock).pop()?;
        let body = china_post_push(&self.serial(), &newest).to_string();
        Some(Push {
            media: "application/json",
            proof: None,
            body: Bytes::from(body),
        })
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        let [open, _] = &ACCOUNTS;
        vec![
            ("base_url", root.to_owned()),
            ("sender_no", SENDER.to_owned()),
            ("authorization", open.authorization.to_owned()),
            ("sign_key", open.key.to_owned()),
        ]
    }

    fn kind(&self, seen: &Seen) -> Kind {
        if seen.method == Method::POST && account(seen).is_some() {
            Kind::Tracking
        } else {
            Kind::Other
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        let number = || {
            let form = Form::of(seen);
            let json = sm4::open(form.get("logitcsInterface"), account(seen)?.key).ok()?;
            let business: Value = serde_json::from_str(&json).ok()?;
            business["waybillNo"].as_str().map(str::to_owned)
        };
        number().into_iter().collect()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        let account = account(seen).filter(|_| kind == Kind::Tracking);
        let Some(account) = account else {
            return self.error(StatusCode::NOT_FOUND);
        };
        if !lock(&self.usage).admit(self.clock.now()) {
            return self.error(StatusCode::TOO_MANY_REQUESTS);
        }
        match self.ask(account, seen) {
            Ok(body) => Answer::json(StatusCode::OK, "application/json;charset=UTF-8", &body),
            // A failure of the business has status 200.
            Err(Failure(code, message)) => self.failed(StatusCode::OK, code, message),
        }
    }

    fn error(&self, status: StatusCode) -> Answer {
        let message = match status {
            StatusCode::TOO_MANY_REQUESTS => "请求过于频繁",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "授权码错误",
            _ => "系统异常",
        };
        self.failed(status, "S00001", message)
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let told = |script: &scripts::Script| Scenario {
            name: script.name,
            number: script.item.number,
            title: script.title,
            shows: script.shows,
            last_event: minutes(script.item.last_known()),
        };
        scripts::all().map(told).collect()
    }

    fn set_quota(&self, quota: Quota) {
        *lock(&self.usage) = Usage::new(quota);
    }

    fn load_number(&self, n: u64) -> String {
        china_post_load_number(n)
    }
}

/// The body of a push of 040002: the operation in an envelope under the key of the simulated
/// account, without the key text at its end, as public receivers read it.
pub fn china_post_push(serial: &str, operation: &Value) -> Value {
    let [open, _] = &ACCOUNTS;
    let sealed = sm4::encrypt(&operation.to_string(), open.key).unwrap_or_default();
    json!({
        "serialNo": serial, "senderNo": SENDER, "method": "040002", "msgType": "0",
        "version": "v1.0.0", "logitcsInterface": sealed,
    })
}

/// The account of the environment that a path names.
fn account(seen: &Seen) -> Option<&'static Account> {
    let environment = seen.path.strip_prefix(PATH)?;
    ACCOUNTS
        .iter()
        .find(|account| account.environment == environment)
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(seen: &Seen) -> Self {
        let media = seen.header("content-type").unwrap_or_default();
        if !media.starts_with("application/x-www-form-urlencoded") {
            return Self(Vec::new());
        }
        Self(form_urlencoded::parse(&seen.body).into_owned().collect())
    }

    fn get(&self, name: &str) -> &str {
        let field = self.0.iter().find(|(key, _)| key == name);
        field.map_or("", |(_, value)| value)
    }
}

/// Whether a text is a moment as `yyyy-MM-dd HH:mm:ss`.
fn is_moment(text: &str) -> bool {
    jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).is_ok()
}
