//! Pushes: the signature, the form, the reply.

use form_urlencoded::Serializer;

use super::*;
use crate::kuaidi100::push::field;
use crate::kuaidi100::sign::callback;

fn form(param: &str, sign: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("sign", sign).append_pair("param", param);
    form.finish()
}

fn push(kuaidi: &Kuaidi, body: &str) -> Result<Pushed, Error> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let request = http::Request::post("/push").body(body).unwrap();
    pollster::block_on(kuaidi.translate_push(&request, now()))
}

fn signed(param: &str, salt: &str) -> String {
    form(param, &callback(param.as_bytes(), salt))
}

#[test]
fn a_signed_push_is_understood_and_confirmed_in_the_exact_words() {
    for (param, reports, poll) in [
        (include_str!("../fixtures/push_polling.json"), 1, 0),
        (include_str!("../fixtures/push_shutdown.json"), 1, 0),
        (include_str!("../fixtures/push_updateall.json"), 1, 0),
        (include_str!("../fixtures/push_abort_unchanged.json"), 1, 0),
        (include_str!("../fixtures/push_abort_empty.json"), 0, 1),
        (include_str!("../fixtures/push_both_legs.json"), 1, 0),
    ] {
        let pushed = push(&adapter(&[]), &signed(param, SALT)).unwrap();
        assert_eq!((pushed.reports.len(), pushed.poll.len()), (reports, poll));
        assert!(pushed.reports == understood(param).unwrap_or_default());
        assert_eq!(pushed.id, "", "a push has none");
        assert_eq!(pushed.reply.status(), StatusCode::OK);
        assert_eq!(
            pushed.reply.body(),
            r#"{"result":true,"returnCode":"200","message":"成功"}"#.as_bytes()
        );
        assert_eq!(
            pushed.reply.headers()["content-type"],
            "application/json;charset=UTF-8"
        );
    }
    let ended = include_str!("../fixtures/push_abort_empty.json");
    let pushed = push(&adapter(&[]), &signed(ended, SALT)).unwrap();
    assert!(pushed.poll[0].reveal() == "7700000000204");
    let waiting = ended.replace("\"abort\"", "\"polling\"");
    let pushed = push(&adapter(&[]), &signed(&waiting, SALT)).unwrap();
    assert!(pushed.poll.is_empty(), "it is still followed");
}

#[test]
fn the_salt_before_still_counts_and_no_other_does() {
    let param = include_str!("../fixtures/push_polling.json");
    let kuaidi = adapter(&[("salt_before", "salt-of-last-year")]);
    assert!(push(&kuaidi, &signed(param, SALT)).is_ok());
    assert!(push(&kuaidi, &signed(param, "salt-of-last-year")).is_ok());
    let good = callback(param.as_bytes(), SALT);
    for body in [
        signed(param, "salt-of-others"),
        signed(param, ""),
        form(param, ""),
        form(param, &good.to_ascii_lowercase()),
        form(&param.replace("00:00", "00:01"), &good),
        form(param.trim_end(), &good),
        signed(param, SALT).replace("sign=", "sing="),
        signed(param, SALT).replace("param=", "papam="),
        param.to_owned(),
        String::new(),
    ] {
        let error = push(&kuaidi, &body).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(!error.to_string().contains("770000000000166"), "{error}");
    }
    let unsalted = adapter(&[("salt", "")]);
    let error = push(&unsalted, &signed(param, "")).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Denied);
}

#[test]
fn what_is_signed_and_no_push_is_malformed() {
    for param in [
        "{",
        "{}",
        "[]",
        r#"{"status":"polling","lastResult":"none"}"#,
        r#"{"status":"abort","lastResult":{"status":"201","data":[],"nu":"?"}}"#,
        r#"{"status":"polling","lastResult":{"status":"200","nu":"7700000000018"}}"#,
    ] {
        let error = push(&adapter(&[]), &signed(param, SALT)).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Malformed, "{param}");
    }
}

#[test]
fn the_form_is_understood_without_its_signature_where_nobody_trusts_it() {
    let param = include_str!("../fixtures/push_polling.json");
    let reports = understood(&form(param, "unchecked")).unwrap();
    assert!(reports == understood(param).unwrap());
}

#[test]
fn a_field_is_taken_as_bytes() {
    let form = b"a=1&param=x+y%2Bz%FF%2&param=second&sign=";
    assert_eq!(field(form, "param").unwrap(), b"x y+z\xff%2".as_slice());
    assert_eq!(field(form, "sign").unwrap(), b"".as_slice());
    assert!(field(form, "para").is_none());
}

/// Digests computed apart from this program.
#[test]
fn callback_digests_are_reproduced() {
    for (param, salt, sign) in [
        ("", "123", "202CB962AC59075B964B07152D234B70"),
        (
            include_str!("../fixtures/push_polling.json"),
            SALT,
            "F0AE28C261B9BAEE2B14EA66EA2EB6CD",
        ),
        (
            include_str!("../fixtures/push_both_legs.json"),
            SALT,
            "5A4F90315B635F51B4A1852CFFBF6A0E",
        ),
        (
            include_str!("../fixtures/push_abort_empty.json"),
            SALT,
            "A0769E93FDA498CF4950989B230FDD68",
        ),
    ] {
        assert_eq!(callback(param.as_bytes(), salt), sign);
    }
}
