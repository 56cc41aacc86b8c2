//! What is sent, over a scripted way out: signatures, the company of a number, subscriptions.

use std::sync::Mutex;

use waybill_core::error::Retry;

use super::*;
use crate::kuaidi100::sign::SignType;
use waybill_core::privacy::Secret;

const TAKEN: &str = r#"{"result":true,"returnCode":"200","message":"提交成功"}"#;

/// A way out that answers in order and remembers what it sent.
struct Script {
    sent: Mutex<Vec<http::Request<Bytes>>>,
    answers: Mutex<Vec<http::Response<Bytes>>>,
}

impl Script {
    fn new(answers: &[&str]) -> Self {
        let answers = answers.iter().rev().map(|body| response(200, body));
        Self {
            sent: Mutex::default(),
            answers: Mutex::new(answers.collect()),
        }
    }

    fn ctx(&self) -> Ctx<'_> {
        Ctx {
            http: self,
            now: now(),
            within: Duration::from_secs(15),
        }
    }

    fn fetch(&self, kuaidi: &Kuaidi, query: &Query) -> Answer {
        let queries = std::slice::from_ref(query);
        let mut answers = pollster::block_on(kuaidi.fetch(self.ctx(), queries));
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    fn subscribe(&self, kuaidi: &Kuaidi, query: &Query, change: Subscription) -> Subscribed {
        let queries = std::slice::from_ref(query);
        let mut answers = pollster::block_on(kuaidi.subscribe(self.ctx(), queries, change));
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    /// Path and form of each request.
    fn forms(&self) -> Vec<(String, Vec<(String, String)>)> {
        let sent = self.sent.lock().unwrap();
        let form = |request: &http::Request<Bytes>| {
            assert_eq!(request.method(), http::Method::POST);
            assert!(request.uri().query().is_none(), "no secret in an address");
            let fields = form_urlencoded::parse(request.body());
            (
                request.uri().to_string(),
                fields.into_owned().collect::<Vec<_>>(),
            )
        };
        sent.iter().map(form).collect()
    }

    fn params(&self) -> Vec<serde_json::Value> {
        let forms = self.forms();
        let params = forms.iter().flat_map(|(_, fields)| fields);
        params
            .filter(|(name, _)| name == "param")
            .map(|(_, value)| serde_json::from_str(value).unwrap())
            .collect()
    }
}

impl Http for Script {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        self.sent.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop();
        Box::pin(std::future::ready(answer.ok_or_else(|| {
            Error::new(ErrorKind::Timeout, "nothing more is scripted")
        })))
    }
}

#[test]
fn a_query_is_signed_over_the_text_that_is_sent() {
    let script = Script::new(&[include_str!("../fixtures/delivered.json")]);
    let query = query("YT7700000000018", "yto");
    let reports = script.fetch(&adapter(&[]), &query).unwrap();
    assert!(reports[0].number == query.number);
    let [(url, fields)] = script.forms().try_into().unwrap();
    assert_eq!(url, "https://poll.kuaidi100.com/poll/query.do");
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["customer", "sign", "param"]);
    let param = r#"{"com":"yuantong","num":"YT7700000000018","phone":"","resultv2":"4","show":"0","order":"desc","lang":"zh"}"#;
    assert_eq!(fields[2].1, param);
    let (key, customer) = (Secret::new(KEY.into()), Secret::new(CUSTOMER.into()));
    assert_eq!(fields[1].1, SignType::Md5.query(param, &key, &customer));
}

/// Digests computed apart from this program, over made-up credentials.
#[test]
fn the_worked_signatures_are_reproduced() {
    let (key, customer) = (Secret::new(KEY.into()), Secret::new(CUSTOMER.into()));
    let latin = adapter(&[])
        .asker
        .question("yuantong", "YT9693083639795", "");
    let latin = latin.unwrap();
    let han = r#"{"com":"ems","num":"EA123456785CN","from":"广东省深圳市南山区","to":"北京市朝阳区","resultv2":"4"}"#;
    for (param, kind, sign) in [
        (&*latin, SignType::Md5, "EDA481E893399C89E2CA72BF64C78D74"),
        (
            &*latin,
            SignType::Sha256,
            "0108A195DDE9C9B65451EF94DDE1EA49011E4E6C1F8E5FA264C2A1164DDC65F1",
        ),
        (han, SignType::Md5, "B64D7415A55EAD1B7BADD617B4B7C656"),
        (
            han,
            SignType::Sha256,
            "91A4FF25FC654B705170EE06CB88F588D78A77B4ADE7FE9D7FF8C7ADAA66ED60",
        ),
    ] {
        assert_eq!(kind.query(param, &key, &customer), sign);
    }
}

#[test]
fn another_digest_is_named() {
    let script = Script::new(&[include_str!("../fixtures/delivered.json")]);
    let kuaidi = adapter(&[
        ("sign_type", "SHA256"),
        ("lang", "en"),
        ("base_url", "http://127.0.0.1:9/"),
    ]);
    let reports = script.fetch(&kuaidi, &query("YT7700000000018", "yto"));
    assert_eq!(reports.unwrap()[0].language, "en");
    let [(url, fields)] = script.forms().try_into().unwrap();
    assert_eq!(url, "http://127.0.0.1:9/poll/query.do");
    assert_eq!(fields[1], ("signType".to_owned(), "SHA256".to_owned()));
    assert_eq!(fields[2].1.len(), 64);
    assert_eq!(script.params()[0]["lang"], "en");
}

#[test]
fn without_a_carrier_the_source_says_whose_the_number_is() {
    let guess = r#"[{"lengthPre":13,"comCode":"yunda","name":"Y"},{"comCode":"ems"}]"#;
    let script = Script::new(&[guess, include_str!("../fixtures/station.json")]);
    let reports = script.fetch(&adapter(&[]), &query("7700000000034", ""));
    assert_eq!(reports.unwrap()[0].relays, "yunda");
    let forms = script.forms();
    assert_eq!(forms[0].0, "https://www.kuaidi100.com/autonumber/auto");
    let asked: Vec<_> = forms[0].1.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(asked, ["7700000000034", KEY]);
    assert_eq!(script.params()[0]["com"], "yunda");
    for (guess, kind) in [
        ("[]", ErrorKind::NotFound),
        (r#"[{"comCode":"Ü"}]"#, ErrorKind::NotFound),
        (r#"{"result":false,"returnCode":"601"}"#, ErrorKind::Denied),
        (r#"{"result":false,"returnCode":"701"}"#, ErrorKind::Denied),
        (
            r#"{"result":false,"returnCode":"201"}"#,
            ErrorKind::InvalidQuery,
        ),
        ("{}", ErrorKind::Malformed),
        ("<html>", ErrorKind::Malformed),
    ] {
        let script = Script::new(&[guess]);
        let error = script.fetch(&adapter(&[]), &query("7700000000034", ""));
        assert_eq!(error.err().map(|error| error.kind), Some(kind), "{guess}");
        assert_eq!(script.forms().len(), 1);
    }
}

#[test]
fn a_company_that_wants_a_telephone_is_not_asked_without() {
    for carrier in ["sf", "zto", "kuaidi100-shunfengkuaiyun"] {
        let script = Script::new(&[]);
        let error = script.fetch(&adapter(&[]), &query("SF7700000000051", carrier));
        let error = error.err().unwrap();
        assert_eq!(error.kind, ErrorKind::HintRequired);
        assert!(!error.spent && script.forms().is_empty());
    }
    let script = Script::new(&[include_str!("../fixtures/attempts.json")]);
    let mut query = query("SF7700000000051", "sf");
    query.hints.phone_last_four = "0199".to_owned().into();
    assert!(script.fetch(&adapter(&[]), &query).is_ok());
    assert_eq!(script.params()[0]["phone"], "0199");
    // A guess can lead to such a company as well.
    let script = Script::new(&[r#"[{"comCode":"zhongtong"}]"#]);
    let error = script.fetch(&adapter(&[]), &super::query("770000000000026", ""));
    assert_eq!(error.err().unwrap().kind, ErrorKind::HintRequired);
}

#[test]
fn what_cannot_be_asked_costs_nothing() {
    for (query, kind) in [
        (query("77000", "yunda"), ErrorKind::InvalidQuery),
        (query(&"7".repeat(33), "yunda"), ErrorKind::InvalidQuery),
        (query("LP00770000000018", "cainiao"), ErrorKind::Unsupported),
    ] {
        let script = Script::new(&[]);
        let error = script.fetch(&adapter(&[]), &query).err().unwrap();
        assert_eq!((error.kind, error.spent), (kind, false));
        assert!(script.forms().is_empty());
    }
}

#[test]
fn what_is_not_about_the_number_is_no_answer_to_a_query() {
    let other = include_str!("../fixtures/delivered.json");
    for body in [TAKEN, "[]", other] {
        let script = Script::new(&[body]);
        let error = script.fetch(&adapter(&[]), &query("7700000000034", "yunda"));
        assert_eq!(error.err().unwrap().kind, ErrorKind::Malformed);
    }
}

const CALLBACK: (&str, &str) = ("callback_url", "http://gateway.example/push?source=k");

#[test]
fn a_subscription_carries_its_address_and_salt() {
    let script = Script::new(&[TAKEN]);
    let subscribed = script.subscribe(
        &adapter(&[CALLBACK]),
        &query("7700000000034", "yunda"),
        Subscription::Start,
    );
    assert_eq!(subscribed, Ok(None), "it lasts until it ends by itself");
    let [(url, fields)] = script.forms().try_into().unwrap();
    assert_eq!(url, "https://poll.kuaidi100.com/poll");
    assert_eq!(fields[0], ("schema".to_owned(), "json".to_owned()));
    let expected = serde_json::json!({
        "company": "yunda", "number": "7700000000034", "key": KEY,
        "parameters": {
            "callbackurl": CALLBACK.1, "salt": SALT, "resultv2": "4", "autoCom": "0",
            "interCom": "0", "departureCountry": "", "departureCom": "",
            "destinationCountry": "", "destinationCom": "", "phone": "",
        },
    });
    assert_eq!(script.params(), [expected]);
}

#[test]
fn an_unknown_company_is_left_to_the_source() {
    let script = Script::new(&[TAKEN]);
    let query = query("7700000000034", "");
    let subscribed = script.subscribe(&adapter(&[CALLBACK]), &query, Subscription::Start);
    assert_eq!(subscribed, Ok(None));
    let param = &script.params()[0];
    assert_eq!(param["company"], "");
    assert_eq!(param["parameters"]["autoCom"], "1");
}

#[test]
fn both_legs_are_asked_for_where_a_postal_item_crosses_a_border() {
    for (number, carrier, to, legs) in [
        (
            "EE700000219CN",
            "china-post",
            "JP",
            Some(["CN", "emsguoji", "JP", "japanposten"]),
        ),
        (
            "RR700000219CN",
            "china-post",
            "US",
            Some(["CN", "youzhengguoji", "US", "usps"]),
        ),
        (
            "RR700000219US",
            "china-post",
            "CN",
            Some(["US", "usps", "CN", "ems"]),
        ),
        (
            "RR700000219CN",
            "",
            "CH",
            Some(["CN", "ems", "CH", "swisspost"]),
        ),
        ("RR700000219CN", "china-post", "CN", None),
        ("RR700000219CN", "china-post", "", None),
        ("RR700000219CN", "china-post", "AQ", None),
        ("YT7700000000018", "yto", "JP", None),
    ] {
        let script = Script::new(&[TAKEN]);
        let mut query = query(number, carrier);
        query.hints.destination_country = to.to_owned();
        let kuaidi = adapter(&[CALLBACK]);
        let subscribed = script.subscribe(&kuaidi, &query, Subscription::Start);
        assert_eq!(subscribed, Ok(None));
        let parameters = &script.params()[0]["parameters"];
        let wanted = if legs.is_some() { "1" } else { "0" };
        assert_eq!(parameters["interCom"], wanted, "{number} {to}");
        let names = [
            "departureCountry",
            "departureCom",
            "destinationCountry",
            "destinationCom",
        ];
        let found = names.map(|name| parameters[name].as_str().unwrap());
        assert_eq!(found, legs.unwrap_or_default(), "{number} {to}");
    }
}

#[test]
fn a_repeated_subscription_is_one() {
    let kuaidi = adapter(&[CALLBACK]);
    let asked = query("7700000000034", "yunda");
    for (code, kind) in [
        ("501", None),
        ("500", Some(ErrorKind::Unavailable)),
        ("600", Some(ErrorKind::Denied)),
        ("601", Some(ErrorKind::Denied)),
        ("700", Some(ErrorKind::InvalidQuery)),
        ("701", Some(ErrorKind::Unsupported)),
        ("702", Some(ErrorKind::NotFound)),
        ("703", Some(ErrorKind::Malformed)),
    ] {
        let body = format!(r#"{{"result":false,"returnCode":{code},"message":"x"}}"#);
        let script = Script::new(&[&body]);
        let found = script.subscribe(&kuaidi, &asked, Subscription::Start);
        assert_eq!(found.err().map(|error| error.kind), kind, "{code}");
    }
    for body in ["[]", "{}", "<html>"] {
        let script = Script::new(&[body]);
        let found = script.subscribe(&kuaidi, &asked, Subscription::Start);
        assert_eq!(found.unwrap_err().kind, ErrorKind::Malformed, "{body}");
    }
}

#[test]
fn a_subscription_needs_an_address_and_has_no_end() {
    let asked = query("7700000000034", "yunda");
    for (settings, change) in [
        (&[][..], Subscription::Start),
        (&[CALLBACK][..], Subscription::Stop),
    ] {
        let script = Script::new(&[]);
        let error = script.subscribe(&adapter(settings), &asked, change);
        let error = error.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert_eq!((error.retry, error.spent), (Retry::Never, false));
        assert!(script.forms().is_empty());
    }
}
