//! Owns Kuaidi100's wire contract: query, detection of the company, subscription, push; signatures and
//! errors. Does not know what a parcel's answer looks like, nor which parcels exist.
//!
//! Documents `5f0ffb5ebc8da837cbd8aefc`, `5f0ffa8f2977d50a94e1023c` and `5f1106542977d50a94e10241` of
//! api.kuaidi100.com. Every answer has status 200.

mod book;
mod load;
mod parcel;
mod scripts;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use form_urlencoded::Serializer;
use http::{Method, StatusCode};
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::clock::Clock;
use crate::fake::{Dialect, Fake};
use crate::lock;
use crate::push::Push;
use crate::quota::{Quota, Usage};
use crate::scenario::{DAY, Scenario, minutes};
use crate::seen::{Answer, Kind, Seen};

use book::{Book, Subscription};
pub use load::kuaidi100_load_number;
use parcel::{Known, Silence};

const QUERY: &str = "/poll/query.do";
const SUBSCRIBE: &str = "/poll";
const DETECT: &str = "/autonumber/auto";
const CUSTOMER: &str = "SIMULATEDKUAIDI100CUSTOMER000001";
const KEY: &str = "simKey100Wxy";
const SALT: &str = "simulated-kuaidi100-salt";
const CALLBACK: &str = "http://gateway.invalid/push/kuaidi100";
/// Companies that do not answer without a telephone number.
const NEED_PHONE: [&str; 3] = ["shunfeng", "shunfengkuaiyun", "zhongtong"];
const CUTOFF: i64 = 3 * DAY;

/// Kuaidi100's side of a [`Fake`].
pub struct Kuaidi100 {
    clock: Clock,
    per_second: Mutex<Usage>,
    per_day: Mutex<Usage>,
    /// Least time between two queries for one number, if it is kept.
    floor: Mutex<Option<Duration>>,
    asked: Mutex<HashMap<String, Timestamp>>,
    book: Mutex<Book>,
}

/// A push as it would be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kuaidi100Push {
    /// Where to.
    pub url: String,
    /// The form.
    pub body: String,
}

impl Kuaidi100 {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            per_second: Mutex::default(),
            per_day: Mutex::default(),
            floor: Mutex::new(None),
            asked: Mutex::default(),
            book: Mutex::default(),
        }
    }
}

impl Fake<Kuaidi100> {
    /// What stands in for both hosts of Kuaidi100.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Locks a number that is asked for again before this much time has passed, as the real one does
    /// after 30 minutes. Off from the start, because simulated parcels may be asked for at will.
    pub fn set_floor(&self, floor: Option<Duration>) {
        *lock(&self.carrier.dialect.floor) = floor;
    }

    /// The push about a number, if it is subscribed to and there is something to say. One that ends
    /// the subscription ends it here.
    pub fn push(&self, number: &str) -> Option<Kuaidi100Push> {
        self.carrier.dialect.push(number)
    }
}

impl Dialect for Kuaidi100 {
    fn id(&self) -> &'static str {
        "kuaidi100"
    }

    fn push(&self, number: &str) -> Option<Push> {
        let asked = self.push(number).map(|push| push.body);
        asked.or_else(|| self.unasked(number)).map(Push::form)
    }

    fn settings(&self, root: &str) -> Vec<(&'static str, String)> {
        vec![
            ("base_url", root.to_owned()),
            ("customer", CUSTOMER.to_owned()),
            ("key", KEY.to_owned()),
            ("salt", SALT.to_owned()),
            ("callback_url", CALLBACK.to_owned()),
        ]
    }

    fn kind(&self, seen: &Seen) -> Kind {
        match (&seen.method, seen.path.as_str()) {
            (&Method::POST, QUERY) => Kind::Tracking,
            (&Method::POST, SUBSCRIBE) => Kind::Register,
            _ => Kind::Other,
        }
    }

    fn numbers(&self, seen: &Seen) -> Vec<String> {
        if self.kind(seen) != Kind::Tracking {
            return Vec::new();
        }
        let param = field(seen, "param").unwrap_or_default();
        let param: Value = serde_json::from_str(&param).unwrap_or_default();
        text(&param, "num").into_iter().map(str::to_owned).collect()
    }

    fn answer(&self, kind: Kind, seen: &Seen) -> Answer {
        let found = match kind {
            Kind::Tracking => self.query(seen),
            Kind::Register => self.subscribe(seen),
            _ if seen.path == DETECT => self.detect(seen),
            _ => {
                let body = json!({ "error": "no such page" });
                return Answer::json(StatusCode::NOT_FOUND, "application/json", &body);
            }
        };
        ok(&found.unwrap_or_else(|refusal| refusal.body()))
    }

    fn error(&self, status: StatusCode) -> Answer {
        let refusal = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SIGNATURE,
            StatusCode::NOT_FOUND => NO_RESULT,
            StatusCode::TOO_MANY_REQUESTS => LOCKED,
            StatusCode::SERVICE_UNAVAILABLE => BUSY,
            _ => Refusal("501", "服务器错误"),
        };
        Answer::json(status, "application/json;charset=UTF-8", &refusal.body())
    }

    fn scenarios(&self) -> Vec<Scenario> {
        let told = |script: &scripts::Script| Scenario {
            name: script.name,
            number: script.number,
            title: script.title,
            shows: script.shows,
            last_event: minutes(script.last_event()),
        };
        scripts::SCRIPTS.iter().map(told).collect()
    }

    fn set_quota(&self, quota: Quota) {
        let only = |per_second, per_day| {
            Usage::new(Quota {
                per_second,
                per_day,
            })
        };
        *lock(&self.per_second) = only(quota.per_second, None);
        *lock(&self.per_day) = only(None, quota.per_day);
    }

    fn load_number(&self, n: u64) -> String {
        kuaidi100_load_number(n)
    }
}

/// An error: code and message.
struct Refusal(&'static str, &'static str);

impl Refusal {
    fn body(&self) -> Value {
        json!({ "result": false, "returnCode": self.0, "message": self.1 })
    }
}

const INCOMPLETE: Refusal = Refusal("400", "提交的数据不完整，或者账号未充值");
const NO_COMPANY: Refusal = Refusal("400", "找不到对应公司");
const PHONE: Refusal = Refusal("408", "快递公司参数异常：验证码错误");
const NO_RESULT: Refusal = Refusal("500", "查询无结果，请隔段时间再查");
const BUSY: Refusal = Refusal("502", "服务器繁忙");
const SIGNATURE: Refusal = Refusal("503", "验证签名失败");
const LOCKED: Refusal = Refusal("504", "同一单号查询过于频繁");
const QUOTA: Refusal = Refusal("601", "KEY已过期");

impl Kuaidi100 {
    /// Real-time query.
    fn query(&self, seen: &Seen) -> Result<Value, Refusal> {
        let param = field(seen, "param").ok_or(INCOMPLETE)?;
        let (customer, sign) = (field(seen, "customer"), field(seen, "sign"));
        let (customer, sign) = (customer.ok_or(INCOMPLETE)?, sign.ok_or(INCOMPLETE)?);
        let signed = [&param, KEY, &customer].concat();
        let expected = match field(seen, "signType").as_deref() {
            None | Some("" | "MD5") => digest::<Md5>(&signed),
            Some("SHA256") => digest::<Sha256>(&signed),
            Some(_) => return Err(SIGNATURE),
        };
        if customer != CUSTOMER || sign != expected {
            return Err(SIGNATURE);
        }
        self.admit()?;
        let malformed = Refusal("501", "服务器错误");
        let param: Value = serde_json::from_str(&param).map_err(|_| malformed)?;
        let (com, num) = (text(&param, "com"), text(&param, "num"));
        let (com, num) = (com.ok_or(INCOMPLETE)?, num.ok_or(INCOMPLETE)?);
        if !is_key(com) {
            return Err(NO_COMPANY);
        }
        if !(6..=32).contains(&num.len()) {
            return Err(INCOMPLETE);
        }
        let resultv2 = text(&param, "resultv2").unwrap_or("");
        if resultv2 == "8" && text(&param, "to").is_none() {
            return Err(INCOMPLETE);
        }
        let phone = text(&param, "phone").unwrap_or("");
        if NEED_PHONE.contains(&com) && phone.len() < 4 {
            return Err(PHONE);
        }
        self.keep_floor(num)?;
        let found = find(num).filter(|known| knows(known.parcel.com, com));
        let known = found.ok_or(NO_RESULT)?;
        if known
            .parcel
            .phone
            .is_some_and(|digits| !phone.ends_with(digits))
        {
            return Err(PHONE);
        }
        let now = self.clock.now();
        if !known.is_known(&self.clock, now) {
            return Err(NO_RESULT);
        }
        Ok(known.render(&self.clock, now, resultv2))
    }

    /// Detection of the company: guesses, the best first.
    fn detect(&self, seen: &Seen) -> Result<Value, Refusal> {
        let sent = |name| {
            field(seen, name)
                .or_else(|| seen.query(name).map(str::to_owned))
                .filter(|value| !value.is_empty())
        };
        match sent("key").as_deref() {
            None => return Err(Refusal("701", "key缺失")),
            Some(KEY) => {}
            Some(_) => return Err(Refusal("601", "未开通智能识别")),
        }
        let number = sent("num").filter(|number| {
            number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let number = number.ok_or(Refusal("201", "单号不合法"))?;
        let guess = find(&number).map(|known| known.parcel.com);
        let all = guess.into_iter().map(
            |com| json!({ "lengthPre": number.len(), "comCode": com, "name": format!("名称 {com}") }),
        );
        Ok(all.collect())
    }

    /// Subscription.
    fn subscribe(&self, seen: &Seen) -> Result<Value, Refusal> {
        let bad = |message| Refusal("700", message);
        let param = field(seen, "param").ok_or(Refusal("500", "POLL:服务器错误"))?;
        let param: Value =
            serde_json::from_str(&param).map_err(|_| Refusal("500", "POLL:服务器错误"))?;
        if text(&param, "key") != Some(KEY) {
            return Err(Refusal("600", "POLL:您不是合法的订阅者"));
        }
        if !lock(&self.per_day).admit(self.clock.now()) {
            return Err(Refusal("601", "POLL:KEY已过期"));
        }
        let number = text(&param, "number").filter(|number| number.len() <= 32);
        let number = number.ok_or(bad("POLL:订阅方的订阅数据存在错误"))?;
        let wanted = &param["parameters"];
        let callback = text(wanted, "callbackurl").filter(|url| url.starts_with("http://"));
        let callback = callback.ok_or(bad("POLL:回调地址错误"))?;
        let salt = text(wanted, "salt").unwrap_or("");
        if salt.chars().count() > 32 {
            return Err(bad("POLL:订阅方的订阅数据存在错误"));
        }
        let found = find(number);
        let com = match (text(&param, "company"), text(wanted, "autoCom")) {
            (Some(com), _) => com,
            (None, Some("1")) => found
                .as_ref()
                .map(|known| known.parcel.com)
                .ok_or(Refusal("702", "POLL:识别不到该单号对应的快递公司"))?,
            (None, _) => return Err(bad("POLL:订阅方的订阅数据存在错误")),
        };
        if !is_key(com) {
            return Err(bad("POLL:不支持的快递公司"));
        }
        let taken = lock(&self.book).take(Subscription {
            number: number.to_owned(),
            com: com.to_owned(),
            callback: callback.to_owned(),
            salt: salt.to_owned(),
            resultv2: text(wanted, "resultv2").unwrap_or("").to_owned(),
            both: text(wanted, "interCom") == Some("1"),
            since: self.clock.now(),
            ended: None,
        });
        if !taken {
            return Err(Refusal("501", "POLL:重复订阅"));
        }
        Ok(json!({ "result": true, "returnCode": "200", "message": "提交成功" }))
    }

    fn push(&self, number: &str) -> Option<Kuaidi100Push> {
        let now = self.clock.now();
        let mut book = lock(&self.book);
        let wanted = book.of(number).filter(|entry| entry.ended.is_none())?;
        let found = find(number);
        let silence = found.as_ref().map(|known| known.parcel.silence);
        let known = found.filter(|known| {
            knows(known.parcel.com, &wanted.com) && known.is_known(&self.clock, now)
        });
        let mut push = json!({
            "status": "polling", "billstatus": "got", "message": "",
            "autoCheck": "0", "comOld": "", "comNew": "",
        });
        match &known {
            Some(parcel) => {
                if parcel.is_signed(&self.clock, now) {
                    push["status"] = json!("shutdown");
                }
                push["lastResult"] = parcel.render(&self.clock, now, &wanted.resultv2);
                let dest = parcel.render_dest(&self.clock, now, &wanted.resultv2);
                if let Some(dest) = dest.filter(|_| wanted.both) {
                    push["destResult"] = dest;
                }
            }
            None => {
                let waited = now.duration_since(wanted.since).as_mins();
                if waited < CUTOFF {
                    return None;
                }
                push["status"] = json!("abort");
                push["message"] = json!("3天查询无记录");
                if let Some(Silence::Elsewhere(com)) = silence {
                    push["comNew"] = json!(com);
                }
                push["lastResult"] = json!({
                    "message": "快递公司参数异常：单号不存在或者已经过期",
                    "nu": number, "ischeck": "0", "condition": "", "com": wanted.com,
                    "status": "201", "state": "0", "data": [],
                });
            }
        }
        if push["status"] != "polling" {
            wanted.ended = Some(now);
        }
        let param = push.to_string();
        let mut form = Serializer::new(String::new());
        if !wanted.salt.is_empty() {
            form.append_pair("sign", &digest::<Md5>(&[&param, &*wanted.salt].concat()));
        }
        form.append_pair("param", &param);
        Some(Kuaidi100Push {
            url: wanted.callback.clone(),
            body: form.finish(),
        })
    }

    /// A push about a number whose subscription was made before.
    fn unasked(&self, number: &str) -> Option<String> {
        let now = self.clock.now();
        let known = find(number).filter(|known| known.is_known(&self.clock, now))?;
        let param = json!({
            "status": "polling", "billstatus": "got", "message": "",
            "autoCheck": "0", "comOld": "", "comNew": "",
            "lastResult": known.render(&self.clock, now, "4"),
        });
        let param = param.to_string();
        let mut form = Serializer::new(String::new());
        form.append_pair("sign", &digest::<Md5>(&[&param, SALT].concat()));
        form.append_pair("param", &param);
        Some(form.finish())
    }

    fn admit(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        if !lock(&self.per_second).admit(now) {
            return Err(BUSY);
        }
        if !lock(&self.per_day).admit(now) {
            return Err(QUOTA);
        }
        Ok(())
    }

    fn keep_floor(&self, number: &str) -> Result<(), Refusal> {
        let Some(floor) = *lock(&self.floor) else {
            return Ok(());
        };
        let now = self.clock.now();
        let before = lock(&self.asked).insert(number.to_owned(), now);
        let passed = before.map(|before| now.duration_since(before).unsigned_abs());
        if passed.is_some_and(|passed| passed < floor) {
            return Err(LOCKED);
        }
        Ok(())
    }
}

/// A scripted parcel, else a load parcel.
fn find(number: &str) -> Option<Known> {
    let mut scripts = scripts::SCRIPTS.iter();
    let scripted = scripts.find(|script| script.number == number);
    let known = |script: &scripts::Script| Known {
        number: number.to_owned(),
        events: Cow::Borrowed(script.parcel.events),
        parcel: script.parcel,
    };
    scripted.map(known).or_else(|| load::parcel(number))
}

/// Whether a company that is asked knows the parcels of another: China Post's international keys share them.
fn knows(own: &str, asked: &str) -> bool {
    let post = |com: &str| matches!(com, "ems" | "emsguoji" | "youzhengguoji");
    own == asked || (post(own) && post(asked))
}

fn is_key(com: &str) -> bool {
    com.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A field of a form, if the body is one.
fn field(seen: &Seen, name: &str) -> Option<String> {
    let is_form = seen
        .header("content-type")
        .is_some_and(|media| media.starts_with("application/x-www-form-urlencoded"));
    let mut fields = form_urlencoded::parse(&seen.body);
    let found = fields.find(|(key, _)| key == name && is_form)?;
    Some(found.1.into_owned())
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value[name].as_str().filter(|text| !text.is_empty())
}

/// A digest as upper-case hexadecimal digits.
fn digest<D: Digest>(signed: &str) -> String {
    use std::fmt::Write;
    let mut digits = String::new();
    for byte in D::digest(signed) {
        // Writing to a string does not fail.
        let _infallible = write!(digits, "{byte:02X}");
    }
    digits
}

fn ok(body: &Value) -> Answer {
    Answer::json(StatusCode::OK, "application/json;charset=UTF-8", body)
}
