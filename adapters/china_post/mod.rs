//! China Post and EMS: the open platform for contract customers, api.ems.com.cn.
//!
//! # What it is
//! One address for all business codes, each a form with an envelope in SM4; see `envelope.rs`.
//! 040001 asks for the operations of one number, 040002 pushes one operation each. The platform's
//! documents are behind a login. The call, the answer and the push are known from public clients
//! and receivers; the operation codes with their names are those of the platform's table as
//! published by open-logistics-tracking/OLTS (`mappings/cn/ems.csv`, CC BY 4.0), the events of the
//! UPU those of EMSEVT. There is no anonymous API; the consumer page has a CAPTCHA and is not
//! asked.
//!
//! # Limits
//! None are published. One public client asks every four hours, and the defaults are low. Only
//! numbers of the contract customer are sure to be found. Which numbers are pushed is agreed with
//! the platform and not asked for, so there is nothing to subscribe to.
//!
//! # Clocks
//! No time has an offset: Beijing for what happened in China, open with bounds for the rest; see
//! `clock.rs`. Foreign legs come from the other post hours or days late and out of order.
//!
//! # Quirks
//! - `retBody` is a text that holds JSON, or the object, or the list itself.
//! - *Not found* is success without rows and with some text.
//! - Reversals take back the latest operation of their kind, a delivery too. They are kept as notes.
//! - "Delivered" with a code of a locker, point or kiosk waits there until 748; see `meaning.rs`.
//! - A push is one operation: a report that is not complete. After a reversal the number is asked
//!   for, because the push does not hold what was taken back.
//! - Public receivers read the decrypted push as it is, so that the key text does not stand behind
//!   it as it does behind a query; both are taken.
//!
//! Names and numbers of operators are not read; sentences have them too and are kept as personal.
//! This file owns how the platform is asked and must not know what answers say.

mod answer;
mod clock;
mod envelope;
mod fault;
mod map;
mod meaning;
mod place;
mod push;
#[cfg(test)]
mod tests;
mod upu;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, Response, Uri};
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Proof, Pushed, Query,
    Setting, Settings,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;
use waybill_core::privacy::Secret;

use self::answer::{Reader, share_out};
use self::envelope::Keys;

/// The source as data.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "china-post",
    carrier: "china-post",
    display_name: "China Post / EMS",
    api: "open platform for contract customers (040001, 040002)",
    country: "CN",
    // The consumer page takes no number in its address.
    tracking_url: "",
    pages: &[],
    class: SourceClass::Custodian,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: Some(Proof::Signature),
        order_lookup: false,
        required_hints: &[],
        optional_hints: &[],
        language: "zh-CN",
        default_time_zone: clock::ZONE,
        delivery_estimate: false,
        proof_of_delivery: false,
        history_days: 0,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: 1,
        per_second: 1.0,
        burst: 2,
        per_day: 0,
        timeout: Duration::from_secs(10),
        slow: Duration::from_secs(4),
        min_interval: Duration::from_secs(1_800),
    },
    formats: &["china_post_13", "china_post_alpha", "s10"],
    carriers: &[],
    settings: &[
        Setting::required("sender_no", "number of the contract customer"),
        Setting::secret("authorization", "authorisation code of the environment"),
        Setting::secret("sign_key", "sm4 key of the environment, base64 of 16 bytes"),
        Setting::optional_secret(
            "sign_key_before",
            "the key that sign_key replaced, while pushes under it may come",
        ),
        Setting::optional("user_code", "", "userCode, if the contract names one"),
        Setting::optional("environment", "production", "production or test"),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace those of the platform",
        ),
    ],
    build,
};

/// Business code of the query.
const QUERY: &str = "040001";

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(ChinaPost::new(settings)?))
}

/// One account.
struct ChinaPost {
    url: String,
    sender_no: String,
    authorization: Secret,
    user_code: String,
    reader: Reader,
}

impl ChinaPost {
    fn new(settings: &Settings) -> Result<Self, String> {
        let base_url = match settings.get("base_url") {
            "" => "https://api.ems.com.cn",
            url => url.trim_end_matches('/'),
        };
        let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !base_url.parse().is_ok_and(|uri| is_http(&uri)) {
            return Err("base_url must be an http or https url".to_owned());
        }
        let environment = match settings.get("environment") {
            "production" => "open",
            "test" => "test",
            _ => return Err("environment must be production or test".to_owned()),
        };
        Ok(Self {
            url: format!("{base_url}/amp-prod-api/f/amp/api/{environment}"),
            sender_no: settings.get("sender_no").to_owned(),
            authorization: settings.secret("authorization"),
            user_code: settings.get("user_code").to_owned(),
            reader: Reader {
                codes: meaning::CODES.as_ref().map_err(Clone::clone)?,
                keys: Keys::new(settings, &["sign_key", "sign_key_before"])?,
            },
        })
    }

    async fn ask(&self, ctx: Ctx<'_>, query: &Query) -> Answer {
        let response = ctx.http.send(self.request(query, ctx.now)?).await?;
        self.reader.read(&response, Some(&query.number), ctx.now)
    }

    fn request(&self, query: &Query, now: Timestamp) -> Result<Request<Bytes>, Error> {
        let defect = || Error::new(ErrorKind::Internal, "request cannot be built").unspent();
        // A number has letters and digits only, so nothing needs to be escaped.
        let number = query.number.reveal();
        let json = format!(r#"{{"waybillNo":"{number}","direction":"0"}}"#);
        let sealed = self.reader.keys.seal(&json).ok_or_else(defect)?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("apiCode", QUERY)
            .append_pair("senderNo", &self.sender_no)
            .append_pair("authorization", self.authorization.expose())
            .append_pair("msgType", "0")
            .append_pair("timeStamp", &clock::of_call(now))
            .append_pair("version", "V1.0.0")
            .append_pair("logitcsInterface", &sealed);
        if !self.user_code.is_empty() {
            form.append_pair("userCode", &self.user_code);
        }
        Request::post(&self.url)
            .header(
                CONTENT_TYPE,
                "application/x-www-form-urlencoded; charset=UTF-8",
            )
            .header(ACCEPT, "application/json")
            .body(Bytes::from(form.finish()))
            .map_err(|_| defect())
    }
}

impl Adapter for ChinaPost {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.url]
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(queries.len());
            for query in queries {
                answers.push(self.ask(ctx, query).await);
            }
            answers
        })
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let asked = queries.first().filter(|_| queries.len() == 1);
        match self
            .reader
            .read(response, asked.map(|query| &query.number), now)
        {
            Ok(reports) => share_out(reports, queries),
            Err(error) => vec![Err(error); queries.len().max(1)],
        }
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a Request<Bytes>,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        let pushed = push::translate(&self.reader, &self.sender_no, push);
        Box::pin(std::future::ready(pushed))
    }
}
