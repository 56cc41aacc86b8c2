//! What is asked, in which order, and which answer a query gets.

use super::*;

/// Lists nothing, creates everything.
fn unknown(request: &http::Request<Bytes>) -> http::Response<Bytes> {
    if request.method() == http::Method::POST {
        return response(201, include_str!("../fixtures/created.json"));
    }
    response(200, include_str!("../fixtures/empty_list.json"))
}

#[test]
fn numbers_are_asked_for_at_once_and_answered_in_their_order() {
    let script = Script::new(|request| {
        if request.method() == http::Method::POST {
            return response(400, &refusal(4005, "{}"));
        }
        let rows = [
            moving("702200211", "ups"),
            moving("702200209", "fedex"),
            moving("702200210", "dpd-uk"),
        ];
        response(200, &page(&rows))
    });
    let queries = [
        query("702200209"),
        query("702200210"),
        query("BAD702200"),
        query("702200211"),
    ];
    let answers = script.fetch(&adapter(&[]), &queries);
    let expected = [Ok(1), Ok(1), Err(ErrorKind::InvalidQuery), Ok(1)];
    assert_eq!(kinds(&answers), expected);
    let relays = |at: usize| answers[at].as_ref().unwrap()[0].relays.clone();
    assert_eq!([relays(0), relays(1), relays(3)], ["fedex", "dpd", "ups"]);
    let sent = [
        "GET trackings?limit=200&tracking_numbers=702200209%2C702200210%2CBAD702200%2C702200211",
        r#"POST trackings {"tracking_number":"BAD702200"}"#,
    ];
    assert_eq!(script.sent(), sent);
    assert_eq!(script.header(0, "as-api-key").unwrap(), "s3cret-word");
    assert_eq!(script.header(0, "content-type"), None);
    assert_eq!(
        script.header(1, "content-type").unwrap(),
        "application/json"
    );
    assert_eq!(script.header(1, "as-signature-hmac-sha256"), None);
}

#[test]
fn a_number_without_a_tracking_is_registered_with_what_is_known() {
    let script = Script::new(unknown);
    let mut asked = query_of("usps", "9200190202200999999990");
    asked.hints.postal_code = "93721".to_owned().into();
    asked.hints.destination_country = "US".to_owned();
    asked.hints.origin_country = "CN".to_owned();
    asked.hints.ship_date = "2026-02-20".to_owned();
    let answers = script.fetch(&adapter(&[]), &[asked]);
    let error = answers[0].as_ref().err().unwrap();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.starts_with("registered now"), "{error}");
    assert_eq!(
        script.sent()[1],
        r#"POST trackings {"tracking_number":"9200190202200999999990","slug":"usps","destination_postal_code":"93721","destination_country_region":"USA","origin_country_region":"CHN","tracking_ship_date":"2026-02-20"}"#
    );
}

#[test]
fn nothing_is_registered_against_the_setting() {
    let script = Script::new(unknown);
    let answers = script.fetch(&adapter(&[("register", "no")]), &[query("702200220")]);
    assert_eq!(kinds(&answers), [Err(ErrorKind::NotFound)]);
    assert_eq!(script.sent().len(), 1);
}

#[test]
fn a_tracking_that_exists_is_found_by_its_id_or_else_by_number_and_carrier() {
    let script = Script::new(|request| {
        let path = request.uri().path();
        if path.ends_with("/0f0e0d0c0b0a09080706050403020100") {
            let body = format!(
                r#"{{"meta":{{"code":200}},"data":{}}}"#,
                moving("702200133", "fedex")
            );
            return response(200, &body);
        }
        match request.method() {
            &http::Method::POST => response(400, include_str!("../fixtures/exists.json")),
            _ => unknown(request),
        }
    });
    let answers = script.fetch(&adapter(&[]), &[query_of("fedex", "702200133")]);
    assert_eq!(kinds(&answers), [Ok(1)]);
    assert_eq!(
        script.sent()[2],
        "GET trackings/0f0e0d0c0b0a09080706050403020100"
    );
    // Without an id, or with one that cannot stand in a path.
    for data in ["{}", r#"{"id":"../couriers"}"#, r#"{"id":7.5}"#] {
        let script = Script::new(move |request| {
            let query = request.uri().query().unwrap_or_default();
            match request.method() {
                &http::Method::POST => response(400, &refusal(4003, data)),
                _ if query.contains("slug=fedex") => {
                    response(200, &page(&[moving("702200133", "fedex")]))
                }
                _ => unknown(request),
            }
        });
        let answers = script.fetch(&adapter(&[]), &[query_of("fedex", "702200133")]);
        assert_eq!(kinds(&answers), [Ok(1)], "{data}");
        assert_eq!(
            script.sent()[2],
            "GET trackings?limit=200&slug=fedex&tracking_numbers=702200133"
        );
        // The list does not show it yet.
        let answers = script.fetch(&adapter(&[]), &[query_of("ups", "702200133")]);
        let error = answers[0].as_ref().err().unwrap();
        assert_eq!(error.native_code, "4003");
    }
    let gone = Script::new(|request| match request.method() {
        &http::Method::POST => response(400, include_str!("../fixtures/exists.json")),
        _ if request.uri().query().is_none() => response(404, &refusal(4004, "{}")),
        _ => unknown(request),
    });
    let answers = gone.fetch(&adapter(&[]), &[query("702200133")]);
    assert_eq!(answers[0].as_ref().err().unwrap().native_code, "4004");
}

#[test]
fn a_creation_that_has_a_result_already_is_an_answer() {
    let script = Script::new(|request| match request.method() {
        &http::Method::POST => {
            let body = format!(
                r#"{{"meta":{{"code":201}},"data":{}}}"#,
                moving("702200240", "gls")
            );
            response(201, &body)
        }
        _ => unknown(request),
    });
    let answers = script.fetch(&adapter(&[]), &[query("702200240")]);
    assert_eq!(answers[0].as_ref().unwrap()[0].relays, "aftership-gls");
    let answers = script.fetch(&adapter(&[]), &[query("702200241")]);
    assert_eq!(
        kinds(&answers),
        [Err(ErrorKind::NotFound)],
        "another number"
    );
}

#[test]
fn the_carrier_decides_between_trackings_of_one_number() {
    let rows = [
        moving("702200250", "fedex"),
        moving("702200250", "yanwen"),
        moving("702200250", "usps"),
    ];
    let body = page(&rows);
    let ask = |carrier: &str| {
        let queries = [query_of(carrier, "702200250")];
        let answers = adapter(&[]).interpret(&queries, &response(200, &body), now());
        let reports = answers.into_iter().next().unwrap().unwrap_or_default();
        reports
            .into_iter()
            .map(|report| report.relays)
            .collect::<Vec<_>>()
    };
    assert_eq!(ask(""), ["fedex", "aftership-yanwen", "usps"]);
    assert_eq!(ask("usps"), ["usps"]);
    assert_eq!(ask("aftership-yanwen"), ["aftership-yanwen"]);
    // Nobody knows whether a carrier without an id of ours is this one; UPS surely is none of those.
    assert_eq!(ask("ups"), ["aftership-yanwen"]);
}

#[test]
fn pages_are_followed_to_their_end_and_not_for_ever() {
    let script = Script::new(|request| {
        let query = request.uri().query().unwrap();
        let (rows, next) = if query.starts_with("cursor=b%2F2") {
            (moving("702200261", "ups"), "null, \"has_next_page\": false")
        } else {
            (
                moving("702200260", "ups"),
                "\"b/2\", \"has_next_page\": true",
            )
        };
        response(
            200,
            &format!(
                r#"{{"meta":{{"code":200}},"data":{{"pagination":{{"next_cursor":{next}}},"trackings":[{rows}]}}}}"#
            ),
        )
    });
    let queries = [query("702200260"), query("702200261")];
    let answers = script.fetch(&adapter(&[]), &queries);
    assert_eq!(kinds(&answers), [Ok(1), Ok(1)]);
    assert_eq!(script.sent().len(), 2);
    let endless = Script::new(|request| match request.method() {
        &http::Method::POST => unknown(request),
        _ => response(
            200,
            r#"{"meta":{"code":200},"data":{"pagination":{"next_cursor":"x","has_next_page":true},"trackings":[]}}"#,
        ),
    });
    let answers = endless.fetch(&adapter(&[("register", "no")]), &queries);
    assert_eq!(kinds(&answers), [Err(ErrorKind::NotFound); 2]);
    assert_eq!(endless.sent().len(), 5);
}

#[test]
fn a_failure_of_the_list_is_that_of_every_number() {
    let script = Script::new(|_| response(502, "Bad"));
    let answers = script.fetch(&adapter(&[]), &[query("702200270"), query("702200271")]);
    assert_eq!(kinds(&answers), [Err(ErrorKind::Unavailable); 2]);
    assert_eq!(script.sent().len(), 1);
}

#[test]
fn requests_are_signed_if_there_is_a_secret() {
    let script = Script::new(unknown);
    let settings = [
        ("api_key", "c25b1e6fee2348b3a8bd21599b6ac2de"),
        ("api_secret", "waybill_api_secret"),
        ("base_url", "http://127.0.0.1:9/"),
    ];
    script.fetch(&adapter(&settings), &[query("702200280")]);
    for at in [0, 1] {
        let date = script.header(at, "date").unwrap();
        assert_eq!(date, "Thu, 05 Mar 2026 12:00:00 GMT");
        let signature = script.header(at, "as-signature-hmac-sha256").unwrap();
        let sent = script.sent.lock().unwrap();
        assert_eq!(sent[at].uri().host(), Some("127.0.0.1"));
        let signed = sign::Signed {
            method: sent[at].method(),
            resource: sent[at].uri().path_and_query().unwrap().as_str(),
            body: sent[at].body(),
            date: &date,
            api_key: "c25b1e6fee2348b3a8bd21599b6ac2de",
        };
        assert_eq!(signature, sign::signature("waybill_api_secret", &signed));
    }
}
