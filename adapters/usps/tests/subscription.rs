//! Subscriptions over a scripted way out.

use super::*;

const NUMBER: &str = "9400770000000000000001";
const SECRET: &str = "waybill-usps-push-secret-00000032";
const ID: &str = "7d0c1f1e-0000-4000-8000-0000000000a1";
const PATH: &str = "/subscriptions-tracking/v3r2/subscriptions";

fn listening(more: &[(&'static str, &str)]) -> Usps {
    let mut all = vec![
        ("push_secret", SECRET),
        ("callback_url", "https://a.example/usps"),
        ("admin_email", "ops@a.example"),
    ];
    all.extend(more);
    adapter(&all)
}

fn change(script: &Script, usps: &Usps, numbers: &[&str], change: Subscription) -> Vec<Subscribed> {
    let queries: Vec<_> = numbers.iter().map(|number| query(number)).collect();
    pollster::block_on(usps.subscribe(script.ctx(now()), &queries, change))
}

/// A source with one subscription, there or not, that answers as documented.
fn source(there: bool) -> Script {
    let there = Mutex::new(there);
    Script::issuing(move |request| {
        let mut there = there.lock().unwrap();
        match request.method().as_str() {
            "POST" if *there => {
                let text = format!("A subscription exists, subscriptionId: {ID}.");
                let body = serde_json::json!({"error": {"code": "400", "message": text}});
                response(400, &body.to_string())
            }
            "POST" => {
                *there = true;
                let body = serde_json::json!({"subscriptionId": ID, "secret": SECRET});
                response(201, &body.to_string())
            }
            _ if !*there => response(404, r#"{"error":{"code":"404"}}"#),
            "GET" => {
                let mut found = response(200, &format!(r#"{{"subscriptionId":"{ID}"}}"#));
                let tag = http::HeaderValue::from_static("\"v7\"");
                found.headers_mut().insert("etag", tag);
                found
            }
            "DELETE" if header(request, "if-match") == "\"v7\"" => {
                *there = false;
                response(204, "")
            }
            _ => response(412, r#"{"error":{"code":"412"}}"#),
        }
    })
}

fn ways(script: &Script) -> Vec<String> {
    let way = |call: &http::Request<Bytes>| {
        let path = call.uri().path().replace(PATH, "").replace(ID, "id");
        format!("{} {path}", call.method())
    };
    script.calls().iter().map(way).collect()
}

#[test]
fn a_subscription_is_what_the_documents_say() {
    let script = source(false);
    let answers = change(&script, &listening(&[]), &[NUMBER], Subscription::Start);
    let renewal = "2026-03-29T20:00:00Z".parse().unwrap();
    assert_eq!(answers, [Ok(Some(renewal))], "before the 25th day");
    let sent = script.sent();
    assert_eq!(json(&sent[0])["scope"], "tracking subscriptions-tracking");
    assert_eq!(sent[1].uri().path(), PATH);
    assert_eq!(
        json(&sent[1]),
        serde_json::json!({
            "listenerURL": "https://a.example/usps",
            "secret": SECRET,
            "adminNotification": [{"email": "ops@a.example"}],
            "filterProperties": {
                "trackingNumber": NUMBER,
                "trackingEventTypes": ["ALL_UPDATES"],
            },
        })
    );
    assert_eq!(ways(&script), ["POST "]);
}

#[test]
fn renewing_is_making_anew() {
    let script = source(true);
    let answers = change(&script, &listening(&[]), &[NUMBER], Subscription::Start);
    assert!(matches!(answers[..], [Ok(Some(_))]));
    assert_eq!(ways(&script), ["POST ", "GET /id", "DELETE /id", "POST "]);
}

#[test]
fn an_end_finds_the_id_first() {
    for there in [true, false] {
        let script = source(there);
        let answers = change(&script, &listening(&[]), &[NUMBER], Subscription::Stop);
        assert_eq!(answers, [Ok(None)]);
        assert_eq!(ways(&script), ["POST ", "GET /id", "DELETE /id"]);
    }
}

#[test]
fn a_mailer_has_one_subscription_for_all() {
    for there in [true, false] {
        let script = source(there);
        let usps = listening(&[("mid", "900000001"), ("event_types", "ALL"), ("api", "v3")]);
        let numbers = [NUMBER, "9400770000000000000018"];
        let answers = change(&script, &usps, &numbers, Subscription::Start);
        assert!(matches!(answers[..], [Ok(Some(_)), Ok(Some(_))]));
        let answers = change(&script, &usps, &numbers, Subscription::Stop);
        assert_eq!(answers, [Ok(None), Ok(None)], "the others go on");
        let [call] = &script.calls()[..] else {
            panic!("one call");
        };
        assert_eq!(
            call.uri().path(),
            "/subscriptions-tracking/v3/subscriptions"
        );
        assert_eq!(
            json(call)["filterProperties"],
            serde_json::json!({"MID": "900000001", "trackingEventTypes": ["ALL"]})
        );
    }
}

#[test]
fn one_failure_is_one_number() {
    let script = Script::issuing(|request| {
        if json(request)["filterProperties"]["trackingNumber"] == NUMBER {
            return response(400, r#"{"error":{"code":"400","message":"no"}}"#);
        }
        response(201, &format!(r#"{{"subscriptionId":"{ID}"}}"#))
    });
    let numbers = [NUMBER, "9400770000000000000018"];
    let answers = change(&script, &listening(&[]), &numbers, Subscription::Start);
    let [Err(error), Ok(Some(_))] = &answers[..] else {
        panic!("the first fails");
    };
    assert_eq!(error.kind, ErrorKind::InvalidQuery);
}

#[test]
fn failures_have_their_kind() {
    for (status, body, kind) in [
        (201, "{}", ErrorKind::Malformed),
        (201, "<html>", ErrorKind::Malformed),
        (
            400,
            r#"{"error":{"message":"subscriptionId: ../../x"}}"#,
            ErrorKind::InvalidQuery,
        ),
        (401, "", ErrorKind::Denied),
        (403, "", ErrorKind::Denied),
        (429, "", ErrorKind::Throttled),
        (503, "", ErrorKind::Unavailable),
    ] {
        let script = Script::issuing(move |_| response(status, body));
        let answers = change(&script, &listening(&[]), &[NUMBER], Subscription::Start);
        let error = answers[0].as_ref().err().unwrap();
        assert_eq!(error.kind, kind, "{status} {body}");
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
    let script = source(false);
    let answers = change(&script, &adapter(&[]), &[NUMBER], Subscription::Start);
    let error = answers[0].as_ref().err().unwrap();
    assert_eq!((error.kind, error.spent), (ErrorKind::Unsupported, false));
    assert!(script.sent().is_empty());
}
