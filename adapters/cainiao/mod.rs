//! Cainiao: the network of Alibaba, which has no single tracking API but four interfaces.
//!
//! **Interfaces.**
//! - *LINK* (`link.cainiao.com`): parcels by number, under contract, and the push TRACEPUSH. The
//!   fields of an API stand behind a login of open.cainiao.com; what is read here is what public
//!   clients and receivers of the two tracking APIs and of the push read.
//!   `CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING` is the European last mile.
//!   `CROSSBORDER_LOGISTICS_DETAIL_QUERY` is asked by LP order and gives the number and partner of
//!   each leg; the time of its events is read where it has one.
//! - *Taobao router*: `taobao.logistics.trace.search`, by trade, with the session of the shop
//!   (document 101617 of open.taobao.com for its signature).
//! - *1688 and Alibaba.com*: `alibaba.trade.getLogisticsTraceInfo.buyerView` of open.1688.com, by
//!   order, with the token of the buyer. Orders older than a year are not served.
//! - *Public page*: `global.cainiao.com/global/detail.json`, behind the setting `global_page`, off
//!   unless set. It is undocumented and has no key; it may change or be shut at any time, so it
//!   must never be the only source of a number: keep an aggregator that knows Cainiao beside it.
//!   With it, numbers are not asked of LINK.
//! - An answer of AliExpress (`aliexpress.logistics.redefining.querytrackingresult`) is understood
//!   and not asked for.
//!
//! A number without a platform goes to LINK, or to the public page. A platform is a shop of the
//! setting `shops`: `taobao`, `tmall`, `1688` or `alibaba`, or one of these with the name of a
//! shop behind a hyphen; each has its own token. An order has a report per parcel.
//!
//! **Limits.** None is published. The public page is asked for up to 10 numbers at once, as its
//! clients do, and answers with a slider when it has had enough: then it is left alone for half an
//! hour. An hour between two questions about a number is what those clients advise.
//!
//! **Clocks.** See `clock.rs`. The epoch of an event on the public page is no instant.
//!
//! **Quirks.**
//! - *Hand-offs*: `copyRealMailNo`, `realMailNo`, `nextMailNo`, the `mailNo` of a node,
//!   `logisticsBillNo` and `crossMailNo` are further numbers of the parcel. A parcel can be
//!   delivered without any of them.
//! - `GTMS_STA_SIGNED` is the station's signature and no delivery.
//! - Refusals of LINK come as XML or JSON whatever was asked for; `success` is a boolean or text.
//! - The status of a parcel on the page has no stable vocabulary, and a trade shipped without a
//!   waybill of the platform is called signed at once: neither makes an event, they are compared.
//! - The public page gives towns of recipients behind the country, AliExpress names who signed:
//!   neither is read.
//!
//! This module must not know statuses, retries or caches.

mod answer;
mod ask;
mod clock;
mod facts;
mod fault;
mod link;
mod map;
mod meaning;
mod page;
mod place;
mod push;
mod shops;
mod sign;
#[cfg(test)]
mod tests;
mod wire;
mod words;
mod xml;

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, OrderQuery, Proof, Pushed,
    Query, Setting, Settings,
};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::event::SourceClass;

use self::ask::Desk;
use self::map::Reader;
use crate::sign::Secrets;

/// The source.
pub(crate) static DESCRIPTOR: Descriptor = Descriptor {
    id: "cainiao",
    carrier: "cainiao",
    display_name: "Cainiao",
    api: "LINK, TOP, 1688 or Alibaba.com trace, or the public page",
    country: "CN",
    tracking_url: "https://global.cainiao.com/newDetail.htm?mailNoList={tracking_number}",
    pages: &[],
    class: SourceClass::Carrier,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: Some(Proof::Signature),
        order_lookup: true,
        required_hints: &[],
        optional_hints: &[],
        language: "en-US",
        default_time_zone: "",
        delivery_estimate: true,
        proof_of_delivery: false,
        history_days: 0,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: 10,
        per_second: 1.0,
        burst: 2,
        per_day: 0,
        timeout: Duration::from_secs(10),
        slow: Duration::from_secs(4),
        min_interval: Duration::from_secs(3_600),
    },
    formats: &["cainiao_lp", "cainiao_word", "s10"],
    carriers: &[],
    settings: &[
        Setting::optional("app_key", "", "LINK: AppKey, sent as logistic_provider_id"),
        Setting::optional_secret(
            "app_secret",
            "LINK: AppSecret; requests and pushes are signed with it",
        ),
        Setting::optional_secret(
            "app_secret_before",
            "LINK: AppSecret that app_secret replaces, still taken for pushes",
        ),
        Setting::optional(
            "link_api",
            "CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING",
            "LINK: API to ask, that or CROSSBORDER_LOGISTICS_DETAIL_QUERY",
        ),
        Setting::optional(
            "to_code",
            "",
            "LINK: target of the request, where the API has one",
        ),
        Setting::optional(
            "user_id",
            "",
            "LINK: user whose orders CROSSBORDER_LOGISTICS_DETAIL_QUERY looks up",
        ),
        Setting::optional("taobao_app_key", "", "app at the Taobao router"),
        Setting::optional_secret(
            "taobao_app_secret",
            "secret of the app at the Taobao router",
        ),
        Setting::optional(
            "taobao_sign_method",
            "hmac-sha256",
            "md5, hmac or hmac-sha256",
        ),
        Setting::optional("open_app_key", "", "app at open.1688.com"),
        Setting::optional_secret("open_app_secret", "secret of the app at open.1688.com"),
        Setting::optional_secret(
            "shops",
            "shops whose orders are looked up, with their tokens: taobao=... 1688-shop-2=...",
        ),
        Setting::optional(
            "global_page",
            "off",
            "on: ask the undocumented public page for numbers; never let it be the only source",
        ),
        Setting::optional(
            "environment",
            "production",
            "production, production-eu, pre-production or sandbox",
        ),
        Setting::optional(
            "base_url",
            "",
            "scheme and host that replace those of the environment",
        ),
        Setting::optional("language", "en-US", "language and country of the texts"),
    ],
    build,
};

fn build(settings: &Settings) -> Result<Box<dyn Adapter>, String> {
    Ok(Box::new(Cainiao::new(settings)?))
}

struct Cainiao {
    desk: Desk,
    reader: Reader,
    secrets: Secrets,
}

impl Cainiao {
    fn new(settings: &Settings) -> Result<Self, String> {
        let desk = Desk::new(settings)?;
        let codes = meaning::CODES.as_ref().map_err(Clone::clone)?;
        Ok(Self {
            reader: Reader {
                codes,
                language: desk.language().to_owned(),
                asks_page: desk.asks_page(),
            },
            desk,
            secrets: Secrets::new(settings, &["app_secret", "app_secret_before"]),
        })
    }

    async fn ask(&self, ctx: Ctx<'_>, query: &Query) -> Answer {
        let request = self.desk.request(query)?;
        let response = ctx.http.send(request).await?;
        let queries = std::slice::from_ref(query);
        let mut answers = self.reader.answers(queries, &response, ctx.now);
        answers.pop().unwrap_or_else(|| Err(lost()))
    }

    /// Asks for several numbers at once and returns as many answers.
    async fn ask_page(&self, ctx: Ctx<'_>, queries: &[Query]) -> Vec<Answer> {
        let answer = async {
            let request = self.desk.numbers(queries)?;
            ctx.http.send(request).await
        };
        match answer.await {
            Ok(response) => self.reader.answers(queries, &response, ctx.now),
            Err(error) => vec![Err(error); queries.len()],
        }
    }
}

impl Adapter for Cainiao {
    fn reaches(&self) -> Vec<&str> {
        self.desk.roots()
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            if self.desk.asks_page() {
                return self.ask_page(ctx, queries).await;
            }
            let mut answers = Vec::with_capacity(queries.len());
            for query in queries {
                answers.push(self.ask(ctx, query).await);
            }
            answers
        })
    }

    fn look_up<'a>(&'a self, ctx: Ctx<'a>, query: &'a OrderQuery) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let request = self.desk.order(&query.order, ctx.now)?;
            let response = ctx.http.send(request).await?;
            self.reader.order(&query.order, &response, ctx.now)
        })
    }

    fn platforms(&self) -> Vec<String> {
        self.desk.platforms()
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        self.reader.answers(queries, response, now)
    }

    fn batch(&self, limits: &Limits) -> usize {
        if self.desk.asks_page() {
            limits.batch
        } else {
            1
        }
    }

    fn translate_push<'a>(
        &'a self,
        push: &'a http::Request<Bytes>,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        let pushed = push::translate(&self.reader, &self.secrets, push.body());
        Box::pin(std::future::ready(pushed))
    }
}

/// An answer is missing, which cannot be.
fn lost() -> Error {
    Error::new(ErrorKind::Internal, "an answer got lost")
}
