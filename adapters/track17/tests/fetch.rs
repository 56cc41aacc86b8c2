//! What is asked, in which order, and what is paid for.

use serde_json::{Value, json};

use super::*;

const TWO: &str = include_str!("../fixtures/two_legs.json");
const NUMBER: &str = "LX702200015CN";
const NOT_REGISTERED: i64 = -18_019_902;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn taken(number: &str) -> String {
    format!(
        r#"{{"code":0,"data":{{"accepted":[{{"origin":1,"number":"{number}","carrier":3013}}],"rejected":[]}}}}"#
    )
}

#[test]
fn a_call_is_what_the_documents_say() {
    let script = Script::new(|_, _| response(200, TWO));
    let answers = script.fetch(&adapter(&[]), &[query_of("china-post", NUMBER)]);
    assert_eq!(kinds(&answers), [Ok(1)]);
    let sent = script.sent.lock().unwrap();
    let [call] = sent.as_slice() else {
        panic!("one call");
    };
    assert_eq!(call.method(), http::Method::POST);
    assert_eq!(
        call.uri(),
        "https://api.17track.net/track/v2.4/gettrackinfo"
    );
    assert_eq!(call.headers()["17token"], "s3cret-word");
    assert!(call.headers()["17token"].is_sensitive());
    assert_eq!(call.headers()["content-type"], "application/json");
    assert_eq!(
        json(std::str::from_utf8(call.body()).unwrap()),
        json!([{"number": NUMBER, "carrier": 3011}])
    );
    assert!(!format!("{:?}", call.headers()).contains("s3cret"));
}

#[test]
fn only_what_is_not_registered_is_registered() {
    let script = Script::new(|path, body| match path {
        "gettrackinfo" if body.contains("LX702200041CN") => {
            let mut all = json(TWO);
            all["data"]["rejected"] =
                json(&refusal("LX702200041CN", NOT_REGISTERED))["data"]["rejected"].take();
            response(200, &all.to_string())
        }
        "register" => response(200, &taken("LX702200041CN")),
        _ => response(404, ""),
    });
    let queries = [query(NUMBER), query("LX702200041CN")];
    let answers = script.fetch(&adapter(&[]), &queries);
    assert_eq!(kinds(&answers), [Ok(1), Err(ErrorKind::NotFound)]);
    let pending = answers[1].as_ref().err().unwrap();
    assert_eq!(
        pending.retry,
        waybill_core::error::Retry::After(Duration::from_secs(15))
    );
    let sent = script.sent();
    assert_eq!(
        sent.len(),
        2,
        "nobody named a carrier, so that nothing is asked twice"
    );
    assert_eq!(
        json(&sent[0].1),
        json!([{"number": NUMBER}, {"number": "LX702200041CN"}])
    );
    assert_eq!(sent[1].0, "register");
    assert_eq!(json(&sent[1].1), json!([{"number": "LX702200041CN"}]));
}

#[test]
fn a_number_whose_carrier_was_corrected_is_not_paid_for_again() {
    let script = Script::new(|path, body| match path {
        "gettrackinfo" if body.contains("carrier") => {
            response(200, &refusal(NUMBER, NOT_REGISTERED))
        }
        "gettrackinfo" => response(200, TWO),
        _ => response(404, ""),
    });
    let answers = script.fetch(&adapter(&[]), &[query_of("17track-3012", NUMBER)]);
    assert_eq!(kinds(&answers), [Ok(1)]);
    let paths: Vec<_> = script.sent().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["gettrackinfo", "gettrackinfo"]);
}

#[test]
fn a_registration_carries_the_carrier_the_hints_and_the_language() {
    let script = Script::new(|path, _| match path {
        "register" => response(200, &taken("EX702200012CN")),
        _ => response(200, &refusal("EX702200012CN", NOT_REGISTERED)),
    });
    let mut asked = query_of("china-post", "EX702200012CN");
    asked.hints.postal_code = "85701".to_owned().into();
    asked.hints.destination_country = "US".to_owned();
    asked.hints.origin_country = "CN".to_owned();
    asked.hints.ship_date = "2026-02-19".to_owned();
    asked.hints.phone_last_four = "0015".to_owned().into();
    let answers = script.fetch(&adapter(&[("language", "en")]), &[asked]);
    assert_eq!(
        kinds(&answers),
        [Err(ErrorKind::NotFound)],
        "its first result is to come"
    );
    let sent = script.sent();
    assert_eq!(sent.len(), 3);
    assert_eq!(
        json(&sent[2].1),
        json!([{
            "number": "EX702200012CN", "carrier": 3013, "lang": "en",
            "origin_country": "CN", "destination_country": "US",
            "destination_postal_code": "85701", "ship_date": "2026-02-19",
            "phone_number_last_4": "0015",
        }])
    );
}

#[test]
fn registering_can_be_refused_or_forbidden() {
    for (code, kind) in [
        (-18_019_901, ErrorKind::NotFound),
        (-18_019_903, ErrorKind::HintRequired),
        (-18_019_907, ErrorKind::Throttled),
        (-18_019_908, ErrorKind::Throttled),
        (-18_010_012, ErrorKind::InvalidQuery),
        (-18_010_019, ErrorKind::HintRequired),
    ] {
        let script = Script::new(move |path, _| {
            let code = if path == "register" {
                code
            } else {
                NOT_REGISTERED
            };
            response(200, &refusal(NUMBER, code))
        });
        let answers = script.fetch(&adapter(&[]), &[query(NUMBER)]);
        assert_eq!(kinds(&answers), [Err(kind)], "{code}");
    }
    let script = Script::new(|_, _| response(200, &refusal(NUMBER, NOT_REGISTERED)));
    let answers = script.fetch(&adapter(&[("register", "no")]), &[query(NUMBER)]);
    let error = answers[0].as_ref().err().unwrap();
    assert_eq!(
        (error.kind, &*error.native_code),
        (ErrorKind::NotFound, "-18019902")
    );
    assert_eq!(script.sent().len(), 1);
}

#[test]
fn what_is_refused_otherwise_is_not_registered() {
    for code in [-18_019_909, -18_010_012, -18_019_903, -18_099_999] {
        let script = Script::new(move |_, _| response(200, &refusal(NUMBER, code)));
        let answers = script.fetch(&adapter(&[]), &[query(NUMBER)]);
        assert!(answers[0].is_err());
        assert_eq!(script.sent().len(), 1, "{code}");
    }
    for answer in [
        response(500, ""),
        response(200, "{}"),
        response(200, r#"{"code":0,"data":{}}"#),
    ] {
        let script = Script::new(move |_, _| answer.clone());
        let answers = script.fetch(&adapter(&[]), &[query(NUMBER), query("LX702200041CN")]);
        assert!(answers.iter().all(Result::is_err));
        assert_eq!(script.sent().len(), 1);
    }
}

#[test]
fn what_cannot_be_asked_is_not_sent() {
    let script = Script::new(|_, _| response(200, TWO));
    let answers = script.fetch(&adapter(&[]), &[query("1234"), query(NUMBER)]);
    assert_eq!(kinds(&answers), [Err(ErrorKind::InvalidQuery), Ok(1)]);
    assert!(answers[0].as_ref().is_err_and(|error| !error.spent));
    assert_eq!(json(&script.sent()[0].1), json!([{"number": NUMBER}]));
    let nothing = Script::new(|_, _| response(500, ""));
    nothing.fetch(&adapter(&[]), &[query("1234")]);
    assert!(nothing.sent().is_empty());
    assert!(nothing.fetch(&adapter(&[]), &[]).is_empty());
}

#[test]
fn a_number_that_is_asked_for_twice_is_sent_once() {
    let script = Script::new(|_, _| response(200, TWO));
    let queries = [query(NUMBER), query(NUMBER), query_of("usps", NUMBER)];
    let answers = script.fetch(&adapter(&[]), &queries);
    assert_eq!(kinds(&answers), [Ok(1); 3]);
    let sent = script.sent();
    assert_eq!(
        json(&sent[0].1),
        json!([{"number": NUMBER}, {"number": NUMBER, "carrier": 21051}])
    );
    assert_eq!(adapter(&[]).batch(&DESCRIPTOR.limits), 40);
}
