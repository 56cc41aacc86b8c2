//! What is sent, over a scripted way out.

use std::sync::Mutex;

use waybill_core::adapter::Http;

use super::fixtures::body;
use super::*;

/// A way out that answers everything alike and remembers what it sent.
struct Script {
    sent: Mutex<Vec<http::Request<Bytes>>>,
    answer: &'static str,
}

impl Http for Script {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        self.sent.lock().unwrap().push(request);
        Box::pin(std::future::ready(Ok(response(200, self.answer))))
    }
}

/// Asks, and returns the answers and what was sent for them.
fn fetch(
    adapter: &Cainiao,
    queries: &[Query],
    answer: &'static str,
) -> (Vec<Answer>, Vec<http::Request<Bytes>>) {
    let script = Script {
        sent: Mutex::default(),
        answer,
    };
    let ctx = Ctx {
        http: &script,
        now: now(),
        within: Duration::from_secs(8),
    };
    let answers = pollster::block_on(adapter.fetch(ctx, queries));
    assert_eq!(answers.len(), queries.len());
    (answers, script.sent.into_inner().unwrap())
}

/// Looks each order up; a list like [`fetch`]'s comes back.
fn look_up(
    adapter: &Cainiao,
    orders: &[OrderQuery],
    answer: &'static str,
) -> (Vec<Answer>, Vec<http::Request<Bytes>>) {
    let script = Script {
        sent: Mutex::default(),
        answer,
    };
    let ctx = Ctx {
        http: &script,
        now: now(),
        within: Duration::from_secs(8),
    };
    let asked = orders.iter();
    let answers = asked.map(|order| pollster::block_on(adapter.look_up(ctx, order)));
    (answers.collect(), script.sent.into_inner().unwrap())
}

fn form(request: &http::Request<Bytes>) -> Vec<(String, String)> {
    let content_type = &request.headers()["content-type"];
    assert_eq!(
        content_type,
        "application/x-www-form-urlencoded;charset=utf-8"
    );
    form_urlencoded::parse(request.body())
        .into_owned()
        .collect()
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    let mut fields = form.iter();
    fields
        .find(|(key, _)| key == name)
        .map_or("", |(_, value)| value.as_str())
}

#[test]
fn link_gets_a_form_with_a_digest_over_its_content() {
    let adapter = adapter(&[ALL, &[("to_code", "CNL_EU")]].concat());
    let asked = query("CNPRT00000000000710000001");
    let (answers, sent) = fetch(&adapter, &[asked], body("link_overseas"));
    assert!(answers[0].is_ok());
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].method(), "POST");
    assert_eq!(sent[0].uri(), "https://link.cainiao.com/gateway/link.do");
    let form = form(&sent[0]);
    assert_eq!(
        field(&form, "msg_type"),
        "CN_OVERSEA_LOGISTICS_INQUIRY_TRACKING"
    );
    assert_eq!(field(&form, "logistic_provider_id"), "710001");
    assert_eq!(field(&form, "to_code"), "CNL_EU");
    let content = field(&form, "logistics_interface");
    assert_eq!(
        content,
        r#"{"mailNo":"CNPRT00000000000710000001","locale":"en_US","role":"endUser"}"#
    );
    let digest = sign::link(content.as_bytes(), "waybillAppSecret0000000000000001");
    assert_eq!(field(&form, "data_digest"), digest);
}

#[test]
fn the_worked_example_of_link_is_what_is_sent() {
    let (_, sent) = fetch(&adapter(ALL), &[query("LP00123456789012")], "{}");
    let form = form(&sent[0]);
    assert_eq!(field(&form, "data_digest"), "dqY/+kvo/bQvGDvtiEQxQg==");
    assert!(!form.iter().any(|(name, _)| name == "to_code"));
}

#[test]
fn a_cross_border_order_is_asked_by_its_code_and_user() {
    let adapter = adapter(
        &[
            ALL,
            &[
                ("link_api", "CROSSBORDER_LOGISTICS_DETAIL_QUERY"),
                ("user_id", "71"),
                ("environment", "production-eu"),
            ],
        ]
        .concat(),
    );
    let (answers, sent) = fetch(
        &adapter,
        &[query("LP00710000000063")],
        body("link_cross_border"),
    );
    assert!(answers[0].is_ok());
    assert_eq!(sent[0].uri().host(), Some("de-link.cainiao.com"));
    let form = form(&sent[0]);
    assert_eq!(
        field(&form, "logistics_interface"),
        r#"{"lgOrderCode":"LP00710000000063","userId":"71"}"#
    );
}

#[test]
fn a_trade_is_asked_with_the_session_of_its_shop_in_beijing_time() {
    let (answers, sent) = look_up(
        &adapter(ALL),
        &[
            order("taobao", "7100000000000001"),
            order("tmall-two", "7100000000000001"),
        ],
        body("trade_signed"),
    );
    let report = &answers[0].as_ref().ok().unwrap()[0];
    assert!(report.number.reveal() == "75710000000001");
    assert_eq!(sent[0].uri(), "https://eco.taobao.com/router/rest");
    let first = form(&sent[0]);
    assert_eq!(field(&first, "timestamp"), "2026-03-05 20:00:00");
    assert_eq!(field(&first, "session"), "waybill-session");
    assert_eq!(field(&first, "sign_method"), "hmac-sha256");
    assert_eq!(field(&first, "sign").len(), 64);
    assert_eq!(field(&form(&sent[1]), "session"), "t2");
}

#[test]
fn an_order_of_1688_is_asked_with_a_signature_over_path_and_form() {
    let (answers, sent) = look_up(
        &adapter(ALL),
        &[
            order("1688", "710000000000000001"),
            order("alibaba", "710000000000000001"),
        ],
        body("order_two_parcels"),
    );
    assert_eq!(answers[0].as_ref().ok().unwrap().len(), 2);
    assert_eq!(
        sent[0].uri(),
        "https://gw.open.1688.com/openapi/param2/1/com.alibaba.logistics/\
         alibaba.trade.getLogisticsTraceInfo.buyerView/1234567"
    );
    let first = form(&sent[0]);
    assert_eq!(field(&first, "webSite"), "1688");
    assert_eq!(field(&first, "_aop_timestamp"), "1772712000000");
    assert_eq!(field(&first, "access_token"), "waybill-token");
    assert_eq!(field(&first, "_aop_signature").len(), 40);
    let second = form(&sent[1]);
    assert_eq!(field(&second, "webSite"), "alibaba");
    assert_eq!(field(&second, "access_token"), "a1");
}

#[test]
fn the_public_page_is_asked_for_several_numbers_at_once_and_only_when_set() {
    let queries = [query("LP00710000000039"), query("LP00710000000047")];
    let page = adapter(&[("global_page", "on"), ("language", "es-ES")]);
    let (answers, sent) = fetch(&page, &queries, body("page_batch"));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(sent.len(), 1);
    assert_eq!(
        sent[0].uri(),
        "https://global.cainiao.com/global/detail.json\
         ?mailNos=LP00710000000039,LP00710000000047&lang=es-ES&language=es-ES"
    );
    assert_eq!(page.batch(&DESCRIPTOR.limits), 10);
    assert_eq!(adapter(ALL).batch(&DESCRIPTOR.limits), 1);
    let (_, sent) = fetch(&adapter(ALL), &queries, "{}");
    assert!(
        sent.iter()
            .all(|request| request.uri().path() == "/gateway/link.do")
    );
}

#[test]
fn numbers_go_to_the_page_and_orders_to_their_shops() {
    let both = adapter(
        &[
            ALL,
            &[("global_page", "on"), ("base_url", "http://127.0.0.1:1/")],
        ]
        .concat(),
    );
    assert_eq!(both.batch(&DESCRIPTOR.limits), 10);
    let queries = [query("LP00710000000047"), query("LP00710000000020")];
    let (answers, mut sent) = fetch(&both, &queries, body("page_batch"));
    assert_eq!(answers[1].as_ref().err().unwrap().kind, ErrorKind::NotFound);
    let orders = [order("1688", "710000000000000001")];
    sent.extend(look_up(&both, &orders, body("order_two_parcels")).1);
    let paths: Vec<_> = sent.iter().map(|request| request.uri().path()).collect();
    assert_eq!(paths.len(), 2);
    assert_eq!(paths[0], "/global/detail.json");
    assert!(paths[1].starts_with("/openapi/param2/1/"));
    assert!(
        sent.iter()
            .all(|sent| sent.uri().authority().unwrap() == "127.0.0.1:1")
    );
}

#[test]
fn what_cannot_be_asked_is_not_sent() {
    let unspent = |(answers, sent): (Vec<Answer>, Vec<http::Request<Bytes>>)| {
        let error = answers[0].as_ref().err().unwrap();
        assert!(!error.spent && sent.is_empty());
        error.kind
    };
    let number = fetch(&adapter(&[]), &[query("LP00710000000047")], "{}");
    assert_eq!(unspent(number), ErrorKind::Denied);
    for (order, kind) in [
        (order("ebay", "7100"), ErrorKind::Unsupported),
        (order("taobao-nine", "7100"), ErrorKind::Unsupported),
        (order("taobao", "AB71"), ErrorKind::InvalidQuery),
        (order("taobao", "71-00"), ErrorKind::InvalidQuery),
    ] {
        assert_eq!(unspent(look_up(&adapter(ALL), &[order], "{}")), kind);
    }
    let platforms = adapter(ALL).platforms();
    assert!(platforms.contains(&"tmall-two".to_owned()) && !platforms.contains(&"ebay".to_owned()));
    assert!(adapter(&[]).platforms().is_empty());
}
