//! How each interface is asked: addresses, credentials, requests.

use std::collections::BTreeMap;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::Timestamp;
use serde::Serialize;
use waybill_core::adapter::{Query, Settings};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::order::Order;
use waybill_core::privacy::Secret;

use super::clock;
use super::sign::{self, Method};

const LINK_PATH: &str = "/gateway/link.do";
const ROUTER_PATH: &str = "/router/rest";
const PAGE_PATH: &str = "/global/detail.json";
/// The part of the path of 1688 that is signed, without the app key at its end.
const OPEN_API: &str =
    "param2/1/com.alibaba.logistics/alibaba.trade.getLogisticsTraceInfo.buyerView/";
const TRADE_SEARCH: &str = "taobao.logistics.trace.search";

/// Hosts of an environment: LINK, Taobao router, 1688, public page.
type Hosts = [&'static str; 4];

fn hosts(environment: &str) -> Option<Hosts> {
    let open = "https://gw.open.1688.com";
    let page = "https://global.cainiao.com";
    let router = "https://eco.taobao.com";
    match environment {
        "" | "production" => Some(["https://link.cainiao.com", router, open, page]),
        "production-eu" => Some([
            "https://de-link.cainiao.com",
            "https://api.taobao.com",
            open,
            page,
        ]),
        "pre-production" => Some(["https://prelink.cainiao.com", router, open, page]),
        "sandbox" => Some([
            "https://linkdaily.tbsandbox.com",
            "http://gw.api.tbsandbox.com",
            open,
            page,
        ]),
        _ => None,
    }
}

/// An app at one of the interfaces.
struct App {
    root: String,
    key: String,
    secret: Secret,
}

impl App {
    /// Reads key and secret; `None` if neither is set.
    fn read(
        settings: &Settings,
        root: &str,
        key: &str,
        secret: &str,
    ) -> Result<Option<Self>, String> {
        match (settings.get(key), settings.get(secret)) {
            ("", "") => Ok(None),
            ("", _) => Err(format!("{secret} is set and {key} is not")),
            (_, "") => Err(format!("{key} is set and {secret} is not")),
            (name, _) => Ok(Some(Self {
                root: root.to_owned(),
                key: name.to_owned(),
                secret: settings.secret(secret),
            })),
        }
    }
}

/// Tracking APIs of LINK.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LinkApi {
    Overseas,
    CrossBorder,
}

impl LinkApi {
    const fn name(self) -> &'static str {
        match self {
            Self::Overseas => "CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING",
            Self::CrossBorder => "CROSSBORDER_LOGISTICS_DETAIL_QUERY",
        }
    }
}

/// Content of CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OverseasQuestion<'a> {
    mail_no: &'a str,
    locale: &'a str,
    role: &'a str,
}

/// Content of CROSSBORDER_LOGISTICS_DETAIL_QUERY.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CrossBorderQuestion<'a> {
    lg_order_code: &'a str,
    user_id: &'a str,
}

/// Where the orders of a shop are looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Market {
    /// Taobao and Tmall, at the router.
    Taobao,
    /// 1688 or Alibaba.com, by the name that the request has for it.
    Open(&'static str),
}

impl Market {
    /// Reads the first word of a platform: "taobao", or "taobao-shop-2".
    fn of(platform: &str) -> Option<Self> {
        match platform.split('-').next().unwrap_or_default() {
            "taobao" | "tmall" => Some(Self::Taobao),
            "1688" => Some(Self::Open("1688")),
            "alibaba" => Some(Self::Open("alibaba")),
            _ => None,
        }
    }
}

/// A shop with its own token.
struct Shop {
    platform: String,
    market: Market,
    token: Secret,
}

/// Everything that can be asked with the credentials of an account.
pub(super) struct Desk {
    link: Option<App>,
    link_api: LinkApi,
    to_code: String,
    user_id: String,
    router: Option<App>,
    method: Method,
    open: Option<App>,
    shops: Vec<Shop>,
    /// Root of the public page, where numbers are asked of it.
    page: Option<String>,
    language: String,
}

impl Desk {
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let hosts = hosts(settings.get("environment"))
            .ok_or("environment must be production, production-eu, pre-production or sandbox")?;
        let base_url = settings.get("base_url").trim_end_matches('/');
        let is_http = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !base_url.is_empty() && !base_url.parse().is_ok_and(|uri| is_http(&uri)) {
            return Err("base_url must be an http or https url".to_owned());
        }
        let root = |host: &str| match base_url {
            "" => host.to_owned(),
            url => url.to_owned(),
        };
        let [link, router, open, page] = hosts.map(root);
        let link_api = match settings.get("link_api") {
            "" | "CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING" => LinkApi::Overseas,
            "CROSSBORDER_LOGISTICS_DETAIL_QUERY" => LinkApi::CrossBorder,
            _ => {
                return Err("link_api must be CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING or \
                            CROSSBORDER_LOGISTICS_DETAIL_QUERY"
                    .to_owned());
            }
        };
        let method = match settings.get("taobao_sign_method") {
            "" => Method::HmacSha256,
            name => {
                Method::parse(name).ok_or("taobao_sign_method must be md5, hmac or hmac-sha256")?
            }
        };
        let page = match settings.get("global_page") {
            "" | "off" => None,
            "on" => Some(page),
            _ => return Err("global_page must be on or off".to_owned()),
        };
        let desk = Self {
            link: App::read(settings, &link, "app_key", "app_secret")?,
            link_api,
            to_code: settings.get("to_code").to_owned(),
            user_id: settings.get("user_id").to_owned(),
            router: App::read(settings, &router, "taobao_app_key", "taobao_app_secret")?,
            method,
            open: App::read(settings, &open, "open_app_key", "open_app_secret")?,
            shops: shops(settings.secret("shops").expose())?,
            page,
            language: language(settings.get("language")).ok_or("language must look like en-US")?,
        };
        desk.check()?;
        Ok(desk)
    }

    /// Roots of everything that is asked.
    pub(super) fn roots(&self) -> Vec<&str> {
        let apps = [&self.link, &self.router, &self.open];
        let apps = apps.into_iter().flatten().map(|app| app.root.as_str());
        apps.chain(self.page.as_deref()).collect()
    }

    fn check(&self) -> Result<(), String> {
        let cross_border = self.link_api == LinkApi::CrossBorder;
        if cross_border && self.link.is_some() && self.user_id.is_empty() {
            return Err("CROSSBORDER_LOGISTICS_DETAIL_QUERY needs user_id".to_owned());
        }
        for shop in &self.shops {
            let (app, setting) = match shop.market {
                Market::Taobao => (&self.router, "taobao_app_key"),
                Market::Open(_) => (&self.open, "open_app_key"),
            };
            if app.is_none() {
                return Err(format!(
                    "shops names {}, which needs {setting}",
                    shop.platform
                ));
            }
        }
        let safe = |app: &App| app.key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !self.open.as_ref().is_none_or(safe) {
            return Err("open_app_key must be letters and digits".to_owned());
        }
        Ok(())
    }

    /// Language of the texts, as a tag.
    pub(super) fn language(&self) -> &str {
        &self.language
    }

    /// Whether numbers are asked of the public page.
    pub(super) const fn asks_page(&self) -> bool {
        self.page.is_some()
    }

    /// Shops whose orders can be looked up.
    pub(super) fn platforms(&self) -> Vec<String> {
        let shops = self.shops.iter();
        shops.map(|shop| shop.platform.clone()).collect()
    }

    /// The request for one number.
    pub(super) fn request(&self, query: &Query) -> Result<Request<Bytes>, Error> {
        match &self.page {
            Some(_) => self.numbers(std::slice::from_ref(query)),
            None => self.link(query.number.reveal()),
        }
    }

    /// The request for several numbers at the public page.
    pub(super) fn numbers(&self, queries: &[Query]) -> Result<Request<Bytes>, Error> {
        let root = self.page.as_deref().unwrap_or_default();
        let numbers: Vec<&str> = queries.iter().map(|query| query.number.reveal()).collect();
        let (numbers, language) = (numbers.join(","), &self.language);
        Request::get(format!(
            "{root}{PAGE_PATH}?mailNos={numbers}&lang={language}&language={language}"
        ))
        .header(ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(internal)
    }

    fn link(&self, number: &str) -> Result<Request<Bytes>, Error> {
        let app = self.link.as_ref().ok_or_else(|| unset("app_key"))?;
        let content = match self.link_api {
            LinkApi::Overseas => serde_json::to_string(&OverseasQuestion {
                mail_no: number,
                locale: &self.language.replace('-', "_"),
                role: "endUser",
            }),
            LinkApi::CrossBorder => serde_json::to_string(&CrossBorderQuestion {
                lg_order_code: number,
                user_id: &self.user_id,
            }),
        }
        .map_err(internal)?;
        let digest = sign::link(content.as_bytes(), app.secret.expose());
        let mut fields = vec![
            ("msg_type", self.link_api.name()),
            ("logistic_provider_id", &app.key),
            ("logistics_interface", &content),
            ("data_digest", &digest),
        ];
        if !self.to_code.is_empty() {
            fields.push(("to_code", &self.to_code));
        }
        post(&format!("{}{LINK_PATH}", app.root), &fields)
    }

    /// The request for one order.
    pub(super) fn order(&self, order: &Order, now: Timestamp) -> Result<Request<Bytes>, Error> {
        let mut shops = self.shops.iter();
        let shop = shops.find(|shop| shop.platform == order.platform());
        let shop = shop.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "no token of this shop is set").unspent()
        })?;
        let order = order.reveal();
        if !order.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = "the id of an order there has digits only";
            return Err(Error::new(ErrorKind::InvalidQuery, message).unspent());
        }
        match shop.market {
            Market::Taobao => self.trade(order, shop.token.expose(), now),
            Market::Open(site) => self.open_order(order, site, shop.token.expose(), now),
        }
    }

    fn trade(&self, id: &str, session: &str, now: Timestamp) -> Result<Request<Bytes>, Error> {
        let app = self
            .router
            .as_ref()
            .ok_or_else(|| unset("taobao_app_key"))?;
        let mut parameters = BTreeMap::from([
            ("method", TRADE_SEARCH.to_owned()),
            ("app_key", app.key.clone()),
            ("session", session.to_owned()),
            ("timestamp", clock::request_time(now)),
            ("format", "json".to_owned()),
            ("v", "2.0".to_owned()),
            ("sign_method", self.method.name().to_owned()),
            ("tid", id.to_owned()),
        ]);
        let signature = sign::router(self.method, app.secret.expose(), &parameters);
        parameters.insert("sign", signature);
        post_all(&format!("{}{ROUTER_PATH}", app.root), &parameters)
    }

    fn open_order(
        &self,
        id: &str,
        site: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Request<Bytes>, Error> {
        let app = self.open.as_ref().ok_or_else(|| unset("open_app_key"))?;
        let path = format!("{OPEN_API}{}", app.key);
        let mut parameters = BTreeMap::from([
            ("orderId", id.to_owned()),
            ("webSite", site.to_owned()),
            ("access_token", token.to_owned()),
            ("_aop_timestamp", now.as_millisecond().to_string()),
        ]);
        let signature = sign::open(app.secret.expose(), &path, &parameters);
        parameters.insert("_aop_signature", signature);
        post_all(&format!("{}/openapi/{path}", app.root), &parameters)
    }
}

/// Reads "taobao=token 1688-shop-2=token"; commas and new lines part them too.
fn shops(text: &str) -> Result<Vec<Shop>, String> {
    let mut found: Vec<Shop> = Vec::new();
    let parts = text.split(|c: char| c == ',' || c.is_whitespace());
    for (at, part) in parts.filter(|part| !part.is_empty()).enumerate() {
        // The entry itself is not shown: it holds a token.
        let wrong = |what: &str| format!("shops: entry {} {what}", at + 1);
        let (platform, token) = part
            .split_once('=')
            .filter(|(_, token)| !token.is_empty())
            .ok_or_else(|| wrong("must be platform=token"))?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let market = Market::of(platform)
            .filter(|_| platform.bytes().all(plain))
            .ok_or_else(|| wrong("must begin with taobao, tmall, 1688 or alibaba"))?;
        if found.iter().any(|shop| shop.platform == platform) {
            return Err(wrong("names a platform twice"));
        }
        found.push(Shop {
            platform: platform.to_owned(),
            market,
            token: Secret::new(token.to_owned()),
        });
    }
    Ok(found)
}

fn language(tag: &str) -> Option<String> {
    let tag = if tag.is_empty() { "en-US" } else { tag };
    let (language, country) = tag.split_once('-')?;
    let lower = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
    let upper = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    (lower && upper).then(|| tag.to_owned())
}

fn post_all(url: &str, parameters: &BTreeMap<&str, String>) -> Result<Request<Bytes>, Error> {
    let fields: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    post(url, &fields)
}

fn post(url: &str, fields: &[(&str, &str)]) -> Result<Request<Bytes>, Error> {
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    Request::post(url)
        .header(
            CONTENT_TYPE,
            "application/x-www-form-urlencoded;charset=utf-8",
        )
        .header(ACCEPT, "application/json")
        .body(Bytes::from(body))
        .map_err(internal)
}

fn unset(setting: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("{setting} is not set")).unspent()
}

/// A request that could not be made.
fn internal<E>(_: E) -> Error {
    Error::new(ErrorKind::Internal, "request could not be made").unspent()
}
