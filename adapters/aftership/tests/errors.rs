//! What failures are understood as.

use waybill_core::error::Retry;

use super::*;

fn error_of(status: u16, body: &str) -> Error {
    let answers = adapter(&[]).interpret(&[], &response(status, body), now());
    answers.into_iter().next().unwrap().err().unwrap()
}

fn after(seconds: u64) -> Retry {
    Retry::After(Duration::from_secs(seconds))
}

#[test]
fn every_documented_code_has_its_kind() {
    for (code, kind) in [
        (400, ErrorKind::Internal),
        (4001, ErrorKind::Internal),
        (4003, ErrorKind::NotFound),
        (4004, ErrorKind::NotFound),
        (4005, ErrorKind::InvalidQuery),
        (4006, ErrorKind::Internal),
        (4007, ErrorKind::Internal),
        (4008, ErrorKind::InvalidQuery),
        (4009, ErrorKind::Internal),
        (4010, ErrorKind::Unsupported),
        (4011, ErrorKind::HintRequired),
        (4012, ErrorKind::Unsupported),
        (4013, ErrorKind::Internal),
        (4014, ErrorKind::Internal),
        (4015, ErrorKind::Internal),
        (4016, ErrorKind::Unsupported),
        (4017, ErrorKind::InvalidQuery),
        (401, ErrorKind::Denied),
        (402, ErrorKind::Throttled),
        (403, ErrorKind::Denied),
        (404, ErrorKind::Unsupported),
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
        (504, ErrorKind::Unavailable),
        (599, ErrorKind::Unavailable),
        (4999, ErrorKind::Internal),
    ] {
        // The envelope counts, whatever the status: recorded answers are read without theirs.
        for status in [200, 400] {
            let error = error_of(status, &refusal(code, "{}"));
            assert_eq!(error.kind, kind, "{code}");
            assert_eq!(error.native_code, code.to_string());
            assert!(error.spent);
        }
    }
    assert_eq!(error_of(200, &refusal(4999, "{}")).retry, after(60));
}

#[test]
fn a_missing_field_is_named_and_the_message_is_not_passed_on() {
    let error = error_of(400, include_str!("../fixtures/missing_field.json"));
    assert_eq!(error.kind, ErrorKind::HintRequired);
    assert_eq!(error.message, "hint postal_code is needed");
    let with = |field: &str| {
        let body = include_str!("../fixtures/missing_field.json");
        error_of(400, &body.replace("destination_postal_code", field))
    };
    for (field, kind, message) in [
        ("tracking_ship_date", ErrorKind::HintRequired, "ship_date"),
        (
            "tracking_destination_country",
            ErrorKind::HintRequired,
            "destination_country",
        ),
        (
            "origin_country_region",
            ErrorKind::HintRequired,
            "origin_country",
        ),
        (
            "tracking_account_number",
            ErrorKind::Unsupported,
            "account number",
        ),
        ("tracking_key", ErrorKind::Unsupported, "key of its own"),
        ("destination_state", ErrorKind::Unsupported, "state"),
        ("x", ErrorKind::HintRequired, "a field"),
    ] {
        let error = with(field);
        assert_eq!(error.kind, kind, "{field}");
        assert!(error.message.contains(message), "{field}: {error}");
    }
    let error = error_of(400, include_str!("../fixtures/bad_courier.json"));
    assert_eq!(error.kind, ErrorKind::HintRequired);
    assert!(!error.to_string().contains("702200144"));
}

#[test]
fn a_failure_can_be_plain_text() {
    for (status, kind) in [
        (401, ErrorKind::Denied),
        (403, ErrorKind::Denied),
        (404, ErrorKind::Unsupported),
        (408, ErrorKind::Timeout),
        (418, ErrorKind::Malformed),
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
        (521, ErrorKind::Unavailable),
        (302, ErrorKind::Malformed),
    ] {
        for body in ["Gone wrong", "", "<html>", "null", "{}"] {
            let error = error_of(status, body);
            assert_eq!(error.kind, kind, "{status} {body}");
            assert_eq!(error.native_code, "", "the envelope gave none");
        }
    }
    for body in [
        "Fine",
        "",
        "<html>",
        "{}",
        "[]",
        "7",
        r#"{"meta":{"code":200}}"#,
    ] {
        assert_eq!(error_of(200, body).kind, ErrorKind::Malformed, "{body}");
    }
    let bare = r#"{"meta":{"code":200},"data":{}}"#;
    assert_eq!(error_of(200, bare).kind, ErrorKind::Malformed);
}

#[test]
fn the_wait_is_that_of_the_window() {
    let with = |status: u16, headers: &[(&str, &str)]| {
        let mut response = response(status, include_str!("../fixtures/too_many.json"));
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        let answers = adapter(&[]).interpret(&[], &response, now());
        answers.into_iter().next().unwrap().err().unwrap().retry
    };
    let at = |seconds: i64| (now().as_second() + seconds).to_string();
    assert_eq!(with(429, &[]), after(1));
    assert_eq!(with(429, &[("X-RateLimit-Reset", &at(3))]), after(3));
    assert_eq!(with(429, &[("X-RateLimit-Reset", &at(-3))]), after(1));
    assert_eq!(with(429, &[("X-RateLimit-Reset", &at(86_400))]), after(60));
    assert_eq!(with(429, &[("X-RateLimit-Reset", "soon")]), after(1));
    let both = [("X-RateLimit-Reset", "1"), ("Retry-After", "7")];
    assert_eq!(with(429, &both), after(7));
    let paid = error_of(402, &refusal(402, "{}"));
    assert_eq!(
        paid.retry,
        after(3_600),
        "a quota of the plan has no window"
    );
}

#[test]
fn a_tracking_without_checkpoints_is_not_found_yet() {
    let created = include_str!("../fixtures/created.json");
    let error = understood(created).err().unwrap();
    assert_eq!((error.kind, error.retry), (ErrorKind::NotFound, after(15)));
    assert_eq!(error.native_code, "Pending_001");
    for (from, to, wait) in [
        ("2026-03-05T11:59:30", "2026-03-05T11:58:30", 60),
        ("2026-03-05T11:59:30", "2026-03-04T11:58:30", 300),
        ("2026-03-05T11:59:30", "nonsense", 300),
        ("\"active\": true", "\"active\": false", 6 * 3_600),
        ("\"tag\": \"Pending\"", "\"tag\": \"Expired\"", 6 * 3_600),
        ("\"tag\": \"Pending\"", "\"tag\": null", 15),
    ] {
        let body = created.replace(from, to);
        assert_ne!(body, created);
        let error = understood(&body).err().unwrap();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert_eq!(error.retry, after(wait), "{to}");
    }
}

#[test]
fn no_error_tells_the_number() {
    for body in [
        include_str!("../fixtures/exists.json"),
        include_str!("../fixtures/bad_courier.json"),
        include_str!("../fixtures/created.json"),
        include_str!("../fixtures/wrong_key.json"),
        r#"{"meta":{"code":200},"data":{"tracking_number":"Ω 7022","tag":"InTransit"}}"#,
    ] {
        let error = understood(body).err().unwrap();
        assert!(!error.to_string().contains("7022"), "{error}");
    }
}
