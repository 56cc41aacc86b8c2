//! Envelopes and pushes.

use waybill_core::adapter::Pushed;
use waybill_core::code::EventCode;

use super::envelope::Opened;
use super::*;

const SERIAL: &str = "TEST0000000000000007";
const EVENT: &str = include_str!("../fixtures/push.json");

/// The sample of the platform's document, as public clients quote it, and one of our own.
const VECTORS: &[(&str, &str, &str)] = &[
    (
        r#"{"language":"zh-CN","orderId":"QIAO-20200618-004"}"#,
        "TvaBgrhE46sft3nZlfe7xw==",
        "|$4|efB6PnjDpgHG4xfrvYlXonyBuMJoGTynkfasopHvbl2u3nmNeP+rznA3DyRwb/2GeZL7I3rL6HKD5+Tv3Uy6x8jIDISbYG8Bg14caH2flYE=",
    ),
    (
        r#"{"waybillNo":"EA123456785CN","direction":"0"}"#,
        KEY,
        "|$4|5AzaNq5rF7LqDClexjq6N34uDDBxIH7UjH5qOW6t3IL4MIePi9va3SVacX3hKhJGFRwVVIWcx4ruJc4aw0f4GC4Zg/+Nh5ntdJZoiSBzGvY=",
    ),
];

/// An envelope without the key text at its end, as public receivers expect it.
fn bare(json: &str, key: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ecb::cipher::block_padding::Pkcs7;
    use ecb::cipher::{BlockEncryptMut, KeyInit};
    let key: [u8; 16] = STANDARD.decode(key).unwrap().try_into().unwrap();
    let sealed = ecb::Encryptor::<sm4::Sm4>::new(&key.into())
        .encrypt_padded_vec_mut::<Pkcs7>(json.as_bytes());
    format!("|$4|{}", STANDARD.encode(sealed))
}

fn outer(envelope: &str) -> String {
    serde_json::json!({
        "serialNo": SERIAL, "senderNo": "1100000000001", "method": "040002",
        "msgType": "0", "logitcsInterface": envelope,
    })
    .to_string()
}

fn translate(adapter: &ChinaPost, body: &str) -> Result<Pushed, Error> {
    let push = Request::post("/push")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    pollster::block_on(adapter.translate_push(&push, now()))
}

fn kind(adapter: &ChinaPost, body: &str) -> ErrorKind {
    let error = translate(adapter, body).err().unwrap();
    assert!(!error.to_string().contains("EE88"), "{error}");
    error.kind
}

#[test]
fn worked_examples_are_reproduced_both_ways() {
    for (json, key, envelope) in VECTORS {
        let keys = keys(key);
        assert_eq!(keys.seal(json).as_deref(), Some(*envelope));
        let opened = Opened {
            text: (*json).to_owned(),
            signed: true,
        };
        assert_eq!(keys.open(envelope), Some(opened));
    }
}

#[test]
fn a_push_is_understood_and_answered_as_the_platform_wants() {
    let adapter = adapter(&[]);
    for envelope in [keys(KEY).seal(EVENT).unwrap(), bare(EVENT, KEY)] {
        let pushed = translate(&adapter, &outer(&envelope)).unwrap();
        let again = outer(&envelope).replace(SERIAL, "TEST0000000000000008");
        assert_eq!(pushed.id, translate(&adapter, &again).unwrap().id);
        let other = EVENT.replace("10:", "11:");
        assert_ne!(EVENT, other);
        let other = outer(&keys(KEY).seal(&other).unwrap());
        assert_ne!(pushed.id, translate(&adapter, &other).unwrap().id);
        assert!(pushed.poll.is_empty());
        assert_eq!(pushed.reports.len(), 1);
        assert!(pushed.reports == understood(EVENT).unwrap());
        assert_eq!(pushed.reply.status(), 200);
        assert_eq!(pushed.reply.headers()["content-type"], "application/json");
        let expected = format!(
            r#"{{"serialNo":"{SERIAL}","code":"00000","codeMessage":"","senderNo":"1100000000001"}}"#
        );
        assert_eq!(pushed.reply.body().as_ref(), expected.as_bytes());
        // Shown as a body, it is the same.
        assert!(understood(&outer(&envelope)).unwrap() == pushed.reports);
    }
}

#[test]
fn both_active_keys_are_taken_and_no_other() {
    let (new, old) = (bare(EVENT, KEY), bare(EVENT, OLD_KEY));
    let both = adapter(&[("sign_key_before", OLD_KEY)]);
    for envelope in [&new, &old] {
        assert!(translate(&both, &outer(envelope)).is_ok());
    }
    let one = adapter(&[]);
    assert!(translate(&one, &outer(&new)).is_ok());
    assert_eq!(kind(&one, &outer(&old)), ErrorKind::Denied);
    let signed = keys(OLD_KEY).seal(EVENT).unwrap();
    assert_eq!(kind(&one, &outer(&signed)), ErrorKind::Denied);
    assert_eq!(
        both.reader.keys.seal("{}"),
        keys(KEY).seal("{}"),
        "asked under the key in use"
    );
}

#[test]
fn what_does_not_open_is_denied() {
    let adapter = adapter(&[]);
    let good = keys(KEY).seal(EVENT).unwrap();
    for envelope in [
        "",
        "|$4|",
        "|$4|not base64",
        "|$4|AAAA",
        "|$4|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        good.trim_start_matches("|$4|"),
        &good.replacen("|$4|", "|$5|", 1),
        // Opens, and is neither JSON nor signed.
        &bare("hello", KEY),
        &bare("", KEY),
        &bare("7", KEY),
    ] {
        assert_eq!(kind(&adapter, &outer(envelope)), ErrorKind::Denied);
    }
    assert_eq!(
        kind(&adapter, EVENT),
        ErrorKind::Denied,
        "not sealed at all"
    );
    assert_eq!(kind(&adapter, "{}"), ErrorKind::Denied);
    let older = include_str!("../fixtures/older_traces.json");
    assert_eq!(kind(&adapter, older), ErrorKind::Denied);
}

#[test]
fn any_changed_byte_is_denied_or_changes_no_more_than_its_block() {
    let adapter = adapter(&[]);
    let good = keys(KEY).seal(EVENT).unwrap();
    for at in (4..good.len() - 2).step_by(7) {
        let mut changed: Vec<char> = good.chars().collect();
        changed[at] = if changed[at] == 'A' { 'B' } else { 'A' };
        let changed: String = changed.into_iter().collect();
        // A block of noise in the middle of UTF-8 text is not UTF-8 again.
        assert_eq!(kind(&adapter, &outer(&changed)), ErrorKind::Denied, "{at}");
    }
}

#[test]
fn an_authentic_push_without_an_operation_is_malformed() {
    let adapter = adapter(&[]);
    for json in [
        "{}",
        "[]",
        r#"{"waybillNo":"EE880005054CN","direction":"0"}"#,
        r#"{"waybillNo":"EE880005054CN","opCode":"704"}"#,
        r#"{"opCode":"704","opTime":"2026-03-05 10:15:00"}"#,
    ] {
        let sealed = keys(KEY).seal(json).unwrap();
        assert_eq!(
            kind(&adapter, &outer(&sealed)),
            ErrorKind::Malformed,
            "{json}"
        );
    }
    let sealed = keys(KEY).seal("{broken").unwrap();
    assert_eq!(kind(&adapter, &outer(&sealed)), ErrorKind::Malformed);
    for body in ["", "hello", "[]", "{\"serialNo\":"] {
        assert_eq!(kind(&adapter, body), ErrorKind::Denied, "{body}");
    }
}

#[test]
fn several_operations_in_one_push_are_taken() {
    let event = EVENT.trim();
    for json in [
        format!("[{event},{event}]"),
        format!(r#"{{"traces":[{event},{event}]}}"#),
    ] {
        let sealed = keys(KEY).seal(&json).unwrap();
        let pushed = translate(&adapter(&[]), &outer(&sealed)).unwrap();
        assert_eq!(pushed.reports.len(), 1);
        assert_eq!(pushed.reports[0].claims.len(), 2);
    }
}

#[test]
fn a_reversal_is_a_reason_to_ask() {
    let json = r#"{"waybillNo":"9900000000011","opCode":"743","opTime":"2026-02-12 10:00:00"}"#;
    let pushed = translate(&adapter(&[]), &outer(&bare(json, KEY))).unwrap();
    assert_eq!(pushed.reports[0].claims[0].code, EventCode::INFORMATION);
    assert!(pushed.reports[0].facts.doubts.is_empty());
    let [number] = pushed.poll.as_slice() else {
        panic!("the number");
    };
    assert!(number.reveal() == "9900000000011");
}
