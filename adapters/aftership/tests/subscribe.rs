//! Subscriptions: a tracking is created, or deleted.

use super::*;

#[test]
fn a_start_creates_a_tracking_and_one_that_exists_will_do() {
    let script = Script::new(|request| {
        let body = std::str::from_utf8(request.body()).unwrap();
        if body.contains("702200411") {
            return response(400, include_str!("../fixtures/exists.json"));
        }
        if body.contains("702200412") {
            return response(400, include_str!("../fixtures/bad_courier.json"));
        }
        response(201, include_str!("../fixtures/created.json"))
    });
    let mut queries = vec![query_of("ups", "702200410"), query("702200411")];
    queries.push(query("702200412"));
    queries.extend((0..40).map(|at| query(&format!("7022005{at:02}"))));
    let done = script.subscribe(&adapter(&[]), &queries, Subscription::Start);
    assert_eq!(done.len(), queries.len());
    assert!(matches!(done[0], Ok(None)) && matches!(done[1], Ok(None)));
    assert_eq!(
        done[2].as_ref().err().unwrap().kind,
        ErrorKind::HintRequired
    );
    assert!(done[3..].iter().all(Result::is_ok));
    assert_eq!(
        script.sent()[0],
        r#"POST trackings {"tracking_number":"702200410","slug":"ups"}"#
    );
}

#[test]
fn a_stop_deletes_what_is_there() {
    let script = Script::new(|request| match *request.method() {
        http::Method::DELETE if request.uri().path().ends_with("id-gls") => {
            response(404, &refusal(4004, "{}"))
        }
        http::Method::DELETE if request.uri().path().ends_with("id-dpd-uk") => {
            response(403, &refusal(403, "{}"))
        }
        http::Method::DELETE => response(200, include_str!("../fixtures/deleted.json")),
        _ => {
            let rows = [
                moving("702200420", "fedex"),
                moving("702200420", "ups"),
                moving("702200421", "gls"),
                moving("702200422", "dpd-uk"),
            ];
            response(200, &page(&rows))
        }
    });
    let queries = [
        query_of("ups", "702200420"),
        query("702200421"),
        query("702200422"),
        query("702200423"),
    ];
    let done = script.subscribe(&adapter(&[]), &queries, Subscription::Stop);
    let kinds: Vec<_> = done
        .iter()
        .map(|done| done.as_ref().err().map(|error| error.kind))
        .collect();
    let denied = Some(ErrorKind::Denied);
    assert_eq!(kinds, [None, None, denied, None]);
    let sent = script.sent();
    assert_eq!(
        sent[1], "DELETE trackings/id-ups",
        "that of the carrier only"
    );
    assert_eq!(sent.len(), 4);
}

#[test]
fn a_failure_stops_nothing() {
    let script = Script::new(|_| response(502, "Bad"));
    for change in [Subscription::Start, Subscription::Stop] {
        let done = script.subscribe(&adapter(&[]), &[query("702200430")], change);
        assert_eq!(done[0].as_ref().err().unwrap().kind, ErrorKind::Unavailable);
    }
}
