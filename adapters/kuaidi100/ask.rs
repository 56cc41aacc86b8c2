//! What is sent to Kuaidi100: queries, detections of a company, subscriptions; all of them forms.
//! It must not know what comes back.

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use waybill_core::adapter::{Query, Settings};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::privacy::Secret;

use super::company::{Companies, needs_phone, s10_issuer};
use super::fault;
use super::sign::SignType;
use super::wire::{Order, Parameters, Question};

const POLL: &str = "https://poll.kuaidi100.com";
const WEB: &str = "https://www.kuaidi100.com";
/// State names and sub-states with codes; what else there is needs a destination in Chinese.
const RESULT: &str = "4";

/// Makes requests.
pub(super) struct Asker {
    poll: String,
    web: String,
    customer: Secret,
    key: Secret,
    sign_type: SignType,
    /// `zh` or `en`.
    pub(super) lang: String,
    callback_url: String,
    salt: Secret,
}

impl Asker {
    /// Roots of everything that is asked.
    pub(super) fn roots(&self) -> Vec<&str> {
        vec![&self.poll, &self.web]
    }

    /// Takes the settings.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let is_http = |url: &str| {
            let uri: Option<http::Uri> = url.parse().ok();
            uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")))
        };
        let base = settings.get("base_url").trim_end_matches('/');
        if !base.is_empty() && !is_http(base) {
            return Err("base_url must be an http or https url".to_owned());
        }
        let or = |default: &str| if base.is_empty() { default } else { base }.to_owned();
        let sign_type = SignType::by_name(settings.get("sign_type"))
            .ok_or("sign_type must be MD5 or SHA256")?;
        let lang = settings.get("lang");
        if !matches!(lang, "zh" | "en") {
            return Err("lang must be zh or en".to_owned());
        }
        let callback_url = settings.get("callback_url");
        if !callback_url.is_empty() && !is_http(callback_url) {
            return Err("callback_url must be an http or https url".to_owned());
        }
        if [settings.get("salt"), settings.get("salt_before")]
            .iter()
            .any(|salt| salt.chars().count() > 32)
        {
            return Err("salt and salt_before have at most 32 characters".to_owned());
        }
        if !callback_url.is_empty() && settings.get("salt").is_empty() {
            return Err("callback_url needs salt: without it pushes are not signed".to_owned());
        }
        Ok(Self {
            poll: or(POLL),
            web: or(WEB),
            customer: settings.secret("customer"),
            key: settings.secret("key"),
            sign_type,
            lang: lang.to_owned(),
            callback_url: callback_url.to_owned(),
            salt: settings.secret("salt"),
        })
    }

    /// Asks for a number under a company's key.
    pub(super) fn query(&self, query: &Query, key: &str) -> Result<Request<Bytes>, Error> {
        let phone = phone(query, key)?;
        let param = self.question(key, query.number.reveal(), phone)?;
        let sign = self.sign_type.query(&param, &self.key, &self.customer);
        let mut form = Serializer::new(String::new());
        form.append_pair("customer", self.customer.expose());
        if self.sign_type == SignType::Sha256 {
            form.append_pair("signType", "SHA256");
        }
        form.append_pair("sign", &sign);
        form.append_pair("param", &param);
        post(format!("{}/poll/query.do", self.poll), form.finish())
    }

    /// The text of a query, which is what gets signed.
    pub(super) fn question(&self, com: &str, num: &str, phone: &str) -> Result<String, Error> {
        let question = Question {
            com,
            num,
            phone,
            resultv2: RESULT,
            show: "0",
            order: "desc",
            lang: &self.lang,
        };
        serde_json::to_string(&question).map_err(internal)
    }

    /// Asks which company a number is of.
    pub(super) fn detect(&self, number: &str) -> Result<Request<Bytes>, Error> {
        let mut form = Serializer::new(String::new());
        form.append_pair("num", number);
        form.append_pair("key", self.key.expose());
        post(format!("{}/autonumber/auto", self.web), form.finish())
    }

    /// Asks for pushes about a number; `key` is `None` if nobody knows the company.
    pub(super) fn subscribe(
        &self,
        companies: &Companies,
        query: &Query,
        key: Option<&str>,
    ) -> Result<Request<Bytes>, Error> {
        if self.callback_url.is_empty() {
            let message = "a subscription needs the settings callback_url and salt";
            return Err(Error::new(ErrorKind::Unsupported, message).unspent());
        }
        let number = query.number.reveal();
        let mut parameters = Parameters {
            callbackurl: &self.callback_url,
            salt: self.salt.expose(),
            resultv2: RESULT,
            auto_com: if key.is_some() { "0" } else { "1" },
            inter_com: "0",
            phone: phone(query, key.unwrap_or(""))?,
            ..Parameters::default()
        };
        if let Some(legs) = Legs::of(companies, query, key) {
            parameters.inter_com = "1";
            parameters.departure_country = legs.from;
            parameters.departure_com = legs.first;
            parameters.destination_country = legs.to;
            parameters.destination_com = legs.last;
        }
        let order = Order {
            company: key.unwrap_or(""),
            number,
            key: self.key.expose(),
            parameters,
        };
        let param = serde_json::to_string(&order).map_err(internal)?;
        let mut form = Serializer::new(String::new());
        form.append_pair("schema", "json");
        form.append_pair("param", &param);
        post(format!("{}/poll", self.poll), form.finish())
    }
}

/// Both ends of a postal item that crosses a border: the only kind of which both legs are pushed.
struct Legs<'a> {
    from: &'a str,
    first: &'a str,
    to: &'a str,
    last: &'a str,
}

impl<'a> Legs<'a> {
    fn of(companies: &'a Companies, query: &'a Query, key: Option<&'a str>) -> Option<Self> {
        let from = s10_issuer(query.number.reveal())?;
        let to = query.hints.destination_country.as_str();
        if from == to {
            return None;
        }
        let first = match key {
            Some(key) if from == "CN" => key,
            _ => companies.post(from)?,
        };
        Some(Self {
            from,
            first,
            to,
            last: companies.post(to)?,
        })
    }
}

/// The telephone number to send along; companies that need one are not asked without it.
fn phone<'a>(query: &'a Query, key: &str) -> Result<&'a str, Error> {
    let phone = query.hints.phone_last_four.reveal().as_str();
    if phone.is_empty() && needs_phone(key) {
        return Err(fault::phone_required());
    }
    Ok(phone)
}

fn post(url: String, form: String) -> Result<Request<Bytes>, Error> {
    Request::post(url)
        .header(
            CONTENT_TYPE,
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .header(ACCEPT, "application/json")
        .body(Bytes::from(form))
        .map_err(internal)
}

/// A request that could not be made.
fn internal<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "request could not be made").unspent()
}
