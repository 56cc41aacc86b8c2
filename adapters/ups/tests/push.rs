//! Pushes of Track Alert and their subscriptions.

use std::sync::Mutex;

use serde_json::json;
use waybill_core::adapter::Http;
use waybill_core::code::EventCode;
use waybill_core::number::TrackingNumber;
use waybill_core::shipment::IdentifierKind;
use waybill_core::time::Basis;

use super::*;

const ON_ROAD: &str = include_str!("../fixtures/alert_out_for_delivery.json");
const DELIVERED: &str = include_str!("../fixtures/alert_delivered.json");
const EXCEPTION: &str = include_str!("../fixtures/alert_exception.json");
const NUMBER: &str = "1Z7W4A210300001015";

fn pushed(body: &str, header: (&str, &str)) -> http::Request<Bytes> {
    http::Request::post("https://a.example/ups")
        .header("User-Agent", "UPSPubSubTrackingService")
        .header(header.0, header.1)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn translate(push: &http::Request<Bytes>) -> Result<Pushed, Error> {
    let ups = adapter(&[
        ("push_credential", "open"),
        ("push_credential_before", "sesame"),
    ]);
    pollster::block_on(ups.translate_push(push, now()))
}

fn good(body: &str) -> Pushed {
    translate(&pushed(body, ("credential", "open"))).unwrap_or_else(|error| panic!("{error}"))
}

fn kind(push: &http::Request<Bytes>) -> Option<ErrorKind> {
    translate(push).err().map(|error| error.kind)
}

#[test]
fn a_push_is_read_as_an_answer() {
    for (body, expected) in [
        (
            ON_ROAD,
            include_str!("../fixtures/alert_out_for_delivery.expected.json"),
        ),
        (
            DELIVERED,
            include_str!("../fixtures/alert_delivered.expected.json"),
        ),
        (
            EXCEPTION,
            include_str!("../fixtures/alert_exception.expected.json"),
        ),
    ] {
        let reports = understood(body).unwrap_or_else(|error| panic!("{error}"));
        let found = serde_json::to_value(&reports).unwrap();
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert!(found == expected, "{found:#}");
        assert!(!reports[0].complete, "it tells one activity");
        let asked = adapter(&[]).interpret(&[query(NUMBER)], &response(200, body), now());
        assert!(asked[0].as_ref().is_ok_and(|again| *again == reports));
    }
}

#[test]
fn an_activity_has_both_clocks_and_its_window() {
    let push = good(ON_ROAD);
    let [report] = push.reports.as_slice() else {
        panic!("one report");
    };
    assert!(report.number.reveal() == NUMBER, "blanks do not matter");
    let claim = &report.claims[0];
    assert_eq!(claim.code, EventCode::OUT_FOR_DELIVERY);
    assert_eq!(claim.native_code, "I/OT/021");
    assert_eq!(
        claim.time.instant,
        Some("2026-03-04T15:30:15Z".parse().unwrap())
    );
    assert_eq!(claim.time.offset, Some(-7 * 3_600), "from the two clocks");
    let window = &report.facts.estimates[0].window;
    assert_eq!(
        window.end.as_ref().unwrap().local.to_string(),
        "2026-03-04T15:45:00"
    );
    let [other] = report.facts.identifiers.as_slice() else {
        panic!("the other number");
    };
    assert_eq!(other.kind, IdentifierKind::Carrier);
    assert!(push.poll.is_empty());
    assert_eq!(
        (push.reply.status().as_u16(), push.reply.body().len()),
        (200, 0)
    );
    let local = &good(EXCEPTION).reports[0];
    assert_eq!(local.claims[0].code, EventCode::DELIVERY_ATTEMPTED);
    assert_eq!(
        local.claims[0].time.instant,
        Some("2026-03-04T19:00:00Z".parse().unwrap()),
        "noon in Colorado, never read as UTC"
    );
    assert_eq!(local.claims[0].time.basis, Basis::Locality);
}

#[test]
fn the_end_of_a_journey_is_asked_for() {
    let push = good(DELIVERED);
    assert!(
        push.reports.is_empty(),
        "anyone who knows the credential can say so"
    );
    assert!(push.poll == [query(NUMBER).number]);
    let reports = understood(DELIVERED).unwrap_or_default();
    let claim = &reports[0].claims[0];
    assert_eq!(claim.code, EventCode::DELIVERED);
    assert_eq!(
        claim.time.instant,
        Some("2026-03-04T21:02:11Z".parse().unwrap())
    );
    assert!(reports[0].facts.estimates.is_empty(), "it is there");
    let undated = DELIVERED.replace("20260304", "").replace("\"D\"", "\"I\"");
    assert!(good(&undated).poll == [query(NUMBER).number]);
}

#[test]
fn the_credential_comes_in_one_of_two_headers() {
    for header in [
        ("credential", "open"),
        ("credential", "sesame"),
        ("Authorization", "Bearer open"),
        ("Authorization", "Bearer sesame"),
    ] {
        assert_eq!(kind(&pushed(ON_ROAD, header)), None, "{header:?}");
    }
    let denied = Some(ErrorKind::Denied);
    for header in [
        ("credential", "Open"),
        ("credential", ""),
        ("credential", "open sesame"),
        ("Authorization", "open"),
        ("Authorization", "Basic open"),
        ("x-api-key", "open"),
    ] {
        assert_eq!(kind(&pushed(ON_ROAD, header)), denied, "{header:?}");
    }
    // The body does not matter before the credential does.
    assert_eq!(kind(&pushed("nonsense", ("credential", "no"))), denied);
    let none = adapter(&[]);
    let push = pushed(ON_ROAD, ("credential", ""));
    let error = pollster::block_on(none.translate_push(&push, now())).err();
    assert_eq!(error.map(|error| error.kind), denied);
}

#[test]
fn nonsense_is_malformed() {
    for body in [
        "",
        "[]",
        "{}",
        "7",
        r#"{"trackingNumber":"1Z7W4A210300001015"}"#,
        r#"{"trackingNumber":"","activityStatus":{"type":"I"}}"#,
        r#"{"trackingNumber":"Ω","activityStatus":{"type":"I"}}"#,
    ] {
        let push = pushed(body, ("credential", "open"));
        assert_eq!(kind(&push), Some(ErrorKind::Malformed), "{body}");
    }
}

#[test]
fn the_same_activity_has_the_same_id() {
    let id = good(ON_ROAD).id;
    assert_eq!(id.len(), 64);
    assert_eq!(id, good(&ON_ROAD.replace(" 1Z7W", "1Z7W")).id);
    assert_ne!(id, good(&ON_ROAD.replace("153015", "153016")).id);
    assert_ne!(id, good(&ON_ROAD.replace("154500", "160000")).id);
}

#[test]
fn what_is_said_about_subscriptions_holds_no_shipments() {
    for body in [
        r#"{"validTrackingNumbers":["1Z7W4A210300001015"]}"#,
        r#"{"invalidTrackingNumbers":["1Z7"]}"#,
        r#"{"access_token":"t","expires_in":"14399"}"#,
    ] {
        assert!(
            understood(body).is_ok_and(|reports| reports.is_empty()),
            "{body}"
        );
        let asked = adapter(&[]).interpret(&[query(NUMBER)], &response(200, body), now());
        let error = asked[0].as_ref().err().unwrap();
        assert_eq!(error.kind, ErrorKind::Malformed, "{body}");
    }
}

/// Gives out a token and answers subscriptions by a function of the list of numbers.
struct Desk {
    sent: Mutex<Vec<http::Request<Bytes>>>,
    answer: fn(&[String]) -> (u16, String),
}

impl Desk {
    fn new(answer: fn(&[String]) -> (u16, String)) -> Self {
        Self {
            sent: Mutex::default(),
            answer,
        }
    }

    fn change(&self, ups: &Ups, numbers: &[&str], change: Subscription) -> Vec<Subscribed> {
        let queries: Vec<_> = numbers
            .iter()
            .map(|number| Query::of(TrackingNumber::parse(number).unwrap()))
            .collect();
        let ctx = Ctx {
            http: self,
            now: now(),
            within: Duration::from_secs(8),
        };
        pollster::block_on(ups.subscribe(ctx, &queries, change))
    }

    /// Paths and bodies of the subscriptions.
    fn calls(&self) -> Vec<(String, serde_json::Value)> {
        let sent = self.sent.lock().unwrap();
        let calls = sent
            .iter()
            .filter(|call| call.uri().path().contains("subscription"));
        calls
            .map(|call| {
                let body = serde_json::from_slice(call.body()).unwrap();
                (call.uri().path().to_owned(), body)
            })
            .collect()
    }
}

impl Http for Desk {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        let is_token = request.uri().path().ends_with("/oauth/token");
        let answer = if is_token {
            response(200, r#"{"access_token":"t","expires_in":"14399"}"#)
        } else {
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            let list = body["trackingNumberList"].as_array().unwrap();
            let list: Vec<_> = list
                .iter()
                .map(|n| n.as_str().unwrap().to_owned())
                .collect();
            let (status, body) = (self.answer)(&list);
            response(status, &body)
        };
        self.sent.lock().unwrap().push(request);
        Box::pin(std::future::ready(Ok(answer)))
    }
}

fn all_valid(list: &[String]) -> (u16, String) {
    (200, json!({ "validTrackingNumbers": list }).to_string())
}

#[test]
fn a_subscription_lasts_14_days_and_is_renewed_before() {
    let desk = Desk::new(all_valid);
    let ups = adapter(&[("push_credential", "open"), ("locale", "de_DE")]);
    let answers = desk.change(&ups, &[NUMBER], Subscription::Start);
    assert_eq!(answers, [Ok(Some("2026-03-18T12:00:00Z".parse().unwrap()))]);
    let [(path, body)] = &desk.calls()[..] else {
        panic!("one call");
    };
    assert_eq!(path, "/api/track/v2/subscription/standard/package");
    assert_eq!(
        *body,
        json!({
            "locale": "de_DE",
            "countryCode": "DE",
            "trackingNumberList": [NUMBER],
            "eventPreferences": ["D", "I", "M"],
        })
    );
    let sent = desk.sent.lock().unwrap();
    let call = sent.last().unwrap();
    assert_eq!(call.method(), http::Method::POST);
    for name in ["transid", "transactionsrc", "authorization"] {
        assert!(call.headers().contains_key(name), "{name}");
    }
}

#[test]
fn version_1_names_its_listener() {
    let desk = Desk::new(all_valid);
    let ups = adapter(&[
        ("push_credential", "open"),
        ("callback_url", "https://a.example/ups"),
        ("push_level", "enhanced"),
    ]);
    desk.change(&ups, &[NUMBER], Subscription::Start);
    let [(path, body)] = &desk.calls()[..] else {
        panic!("one call");
    };
    assert_eq!(path, "/api/track/v1/subscription/enhanced/package");
    assert_eq!(
        body["destination"],
        json!({
            "url": "https://a.example/ups",
            "credentialType": "Bearer",
            "credential": "open",
        })
    );
    assert!(body.get("eventPreferences").is_none());
}

#[test]
fn a_hundred_numbers_go_at_a_time_and_each_has_its_answer() {
    let desk = Desk::new(|list| {
        let (bad, good): (Vec<_>, Vec<_>) = list.iter().partition(|number| number.ends_with('7'));
        let good = &good[..good.len() - 1];
        let body = json!({ "validTrackingNumbers": good, "invalidTrackingNumbers": bad });
        (200, body.to_string())
    });
    let mut numbers: Vec<String> = (0..120).map(|at| format!("1Z7W4A2103{at:08}")).collect();
    numbers[5] = "H7012345678".to_owned();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let ups = adapter(&[("push_credential", "open")]);
    let answers = desk.change(&ups, &numbers, Subscription::Start);
    assert_eq!(answers.len(), 120);
    let sizes: Vec<_> = desk
        .calls()
        .iter()
        .map(|(_, body)| body["trackingNumberList"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [100, 19]);
    let kind = |at: usize| {
        answers[at]
            .as_ref()
            .map_err(|error| (error.kind, error.spent))
    };
    assert!(kind(4).is_ok());
    assert_eq!(kind(5), Err((ErrorKind::InvalidQuery, false)));
    assert_eq!(kind(7), Err((ErrorKind::InvalidQuery, true)));
    assert_eq!(kind(119), Err((ErrorKind::Malformed, true)), "left out");
}

#[test]
fn refusals_have_their_kind() {
    let ups = adapter(&[("push_credential", "open")]);
    let refused = |answer| {
        let answers = Desk::new(answer).change(&ups, &[NUMBER], Subscription::Start);
        let error = answers.into_iter().next().unwrap().unwrap_err();
        (error.kind, error.native_code)
    };
    let coded = |kind, code: &str| (kind, code.to_owned());
    assert_eq!(
        refused(|_| (
            400,
            r#"{"response":{"errors":[{"code":"VSS220"}]}}"#.to_owned()
        )),
        coded(ErrorKind::InvalidQuery, "VSS220")
    );
    assert_eq!(
        refused(|_| (
            500,
            r#"{"response":{"errors":[{"code":"VSS100"}]}}"#.to_owned()
        )),
        coded(ErrorKind::Unavailable, "VSS100")
    );
    assert_eq!(
        refused(|_| (429, String::new())),
        coded(ErrorKind::Throttled, "")
    );
    assert_eq!(
        refused(|_| (200, "<html>".to_owned())),
        coded(ErrorKind::Malformed, "")
    );
    assert_eq!(
        refused(|_| (200, "{}".to_owned())),
        coded(ErrorKind::Malformed, "")
    );
}

#[test]
fn without_a_credential_or_an_end_nothing_is_sent() {
    let desk = Desk::new(all_valid);
    for (more, change) in [
        (&[][..], Subscription::Start),
        (&[("push_credential", "open")][..], Subscription::Stop),
    ] {
        let answers = desk.change(&adapter(more), &[NUMBER, NUMBER], change);
        assert_eq!(answers.len(), 2);
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!((error.kind, error.spent), (ErrorKind::Unsupported, false));
        }
    }
    assert!(desk.sent.lock().unwrap().is_empty());
    for (key, value) in [
        ("callback_url", "http://a.example"),
        ("callback_url", "a.example"),
        ("push_level", "all"),
    ] {
        let error = (DESCRIPTOR.build)(&settings(&[(key, value)])).err();
        assert!(error.is_some_and(|error| error.contains(key)), "{key}");
    }
}
