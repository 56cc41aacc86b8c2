//! Pushes: what is verified, what is understood, what is answered.

use form_urlencoded::Serializer;

use super::fixtures::body;
use super::*;

const SECRET: &str = "waybillAppSecret0000000000000001";

fn posted(fields: &[(&str, &str)]) -> http::Request<Bytes> {
    let form = Serializer::new(String::new()).extend_pairs(fields).finish();
    http::Request::post("/push/cainiao")
        .body(Bytes::from(form))
        .unwrap()
}

fn signed(kind: &str, content: &str, secret: &str) -> http::Request<Bytes> {
    let digest = sign::link(content.as_bytes(), secret);
    posted(&[
        ("msg_type", kind),
        ("partner_code", "TESTCP"),
        ("data_digest", &digest),
        ("logistics_interface", content),
    ])
}

fn translated(push: &http::Request<Bytes>) -> Result<Pushed, Error> {
    let secrets = [ALL, &[("app_secret_before", "the one before")]].concat();
    let adapter = adapter(&secrets);
    pollster::block_on(adapter.translate_push(push, now()))
}

fn refused(push: &http::Request<Bytes>) -> ErrorKind {
    translated(push).err().unwrap().kind
}

#[test]
fn a_push_is_read_as_an_answer_is_and_answered_with_success() {
    let content = body("tracepush");
    for secret in [SECRET, "the one before"] {
        let pushed = translated(&signed("TRACEPUSH", content, secret))
            .ok()
            .unwrap();
        let looked_at = understood(content).ok().unwrap();
        assert!(pushed.reports == looked_at);
        assert!(!pushed.reports[0].complete, "only what is new");
        assert!(pushed.poll.is_empty());
        assert_eq!(pushed.id, sign::link(content.as_bytes(), secret));
        assert_eq!(pushed.reply.status(), 200);
        assert_eq!(pushed.reply.body().as_ref(), br#"{"success":true}"#);
        let media = &pushed.reply.headers()["content-type"];
        assert_eq!(media, "application/json;charset=utf-8");
    }
}

#[test]
fn the_form_of_a_push_can_be_looked_at() {
    let push = signed("TRACEPUSH", body("tracepush"), "unknown");
    let form = std::str::from_utf8(push.body()).unwrap();
    assert!(understood(form).ok().unwrap() == understood(body("tracepush")).ok().unwrap());
}

#[test]
fn a_push_that_is_not_signed_is_denied() {
    let content = body("tracepush");
    let digest = sign::link(content.as_bytes(), SECRET);
    let changed = content.replace("TST71", "TST72");
    for fields in [
        &[("logistics_interface", content)][..],
        &[("logistics_interface", content), ("data_digest", "")],
        &[("logistics_interface", content), ("data_digest", "AAAA")],
        &[("logistics_interface", &changed), ("data_digest", &digest)],
        &[("data_digest", &digest)],
        &[],
    ] {
        assert_eq!(refused(&posted(fields)), ErrorKind::Denied);
    }
    let other = signed("TRACEPUSH", content, "another secret");
    assert_eq!(refused(&other), ErrorKind::Denied);
    // Without a secret no digest is right, not even one made with none.
    let bare = adapter(&[]);
    let push = signed("TRACEPUSH", content, "");
    let error = pollster::block_on(bare.translate_push(&push, now())).err();
    assert_eq!(error.unwrap().kind, ErrorKind::Denied);
}

#[test]
fn the_digest_is_over_the_bytes_that_came() {
    // Not UTF-8: the digest fits, and then the content cannot be read.
    let content = b"{\"tracesList\":\xff}";
    let digest = sign::link(content, SECRET);
    let mut form = Serializer::new(String::new())
        .append_pair("data_digest", &digest)
        .finish();
    form.push_str("&logistics_interface=%7B%22tracesList%22%3A%FF%7D");
    let push = http::Request::post("/").body(Bytes::from(form)).unwrap();
    assert_eq!(refused(&push), ErrorKind::Malformed);
}

#[test]
fn an_api_set_to_xml_is_understood_and_answered_in_xml() {
    let content = "<request><tracesList><logisticProviderID>TESTCP</logisticProviderID>\
        <mailNos>TST71000000002,TST71000000003</mailNos><traces><trace>\
        <time>2026-03-02 10:05:39</time><tz>+8</tz><desc>A &amp; B</desc>\
        <action>GTMS_ACCEPT</action><nextMailNo>420000711</nextMailNo>\
        <nextTpCode>USPS</nextTpCode><country>Korea</country></trace><trace>\
        <time>2026-03-03 10:05:39</time><tz>+8</tz><action>GTMS_SIGNED</action></trace>\
        </traces></tracesList></request>";
    let pushed = translated(&signed("TRACEPUSH", content, SECRET))
        .ok()
        .unwrap();
    assert_eq!(pushed.reports.len(), 2, "one for each number");
    for report in &pushed.reports {
        let way = [EventCode::HANDED_OVER_TO_PARTNER, EventCode::DELIVERED];
        assert_eq!(codes(report), way);
        assert!(report.claims[0].native_text.reveal() == "A & B");
        assert_eq!(numbers(report)[0].1, "420000711");
    }
    let reply = pushed.reply.body();
    assert_eq!(
        reply.as_ref(),
        b"<response><success>true</success></response>"
    );
}

#[test]
fn other_pushes_say_that_there_is_news_or_are_refused() {
    let sync = "CAINIAO_GLOBAL_FULFILL_STATUS_SYNC";
    let content = r#"{"mailNo":"LB100000051CN","lgOrderCode":"LP00710000000080","status":"x"}"#;
    let pushed = translated(&signed(sync, content, SECRET)).ok().unwrap();
    assert!(pushed.reports.is_empty());
    let poll: Vec<_> = pushed.poll.iter().map(TrackingNumber::reveal).collect();
    assert_eq!(poll, ["LB100000051CN", "LP00710000000080"]);
    for (kind, content, expected) in [
        (sync, "{}", ErrorKind::Malformed),
        ("TRACEPUSH", "{}", ErrorKind::Malformed),
        ("TRACEPUSH", "nothing", ErrorKind::Malformed),
        (
            "TRACEPUSH",
            r#"{"tracesList":{"mailNos":7}}"#,
            ErrorKind::Malformed,
        ),
        ("TRACEPUSH", r#"{"tracesList":[]}"#, ErrorKind::Malformed),
        (
            "CAINIAO_GLOBAL_LASTMILE_HOIN_CALLBACK",
            "{}",
            ErrorKind::Unsupported,
        ),
    ] {
        assert_eq!(
            refused(&signed(kind, content, SECRET)),
            expected,
            "{content}"
        );
    }
}

#[test]
fn the_numbers_of_a_push_are_a_text_or_a_list() {
    for (numbers, count) in [
        (r#""TST71000000004""#, Ok(1)),
        (r#""TST71000000004; TST71000000005""#, Ok(2)),
        (
            r#"["TST71000000004","TST71000000005","TST71000000006"]"#,
            Ok(3),
        ),
        (r#""?""#, Err(ErrorKind::Malformed)),
    ] {
        let content = format!(
            r#"{{"tracesList":{{"mailNos":{numbers},"traces":[{{"time":"2026-03-02 10:05:39","tz":"+8","action":"GOT"}}]}}}}"#
        );
        let pushed = translated(&signed("TRACEPUSH", &content, SECRET));
        let found = pushed
            .map(|pushed| pushed.reports.len())
            .map_err(|error| error.kind);
        assert_eq!(found, count, "{numbers}");
    }
}

#[test]
fn subscriptions_are_made_in_the_console() {
    struct Nowhere;
    impl waybill_core::adapter::Http for Nowhere {
        fn send(
            &self,
            _: http::Request<Bytes>,
        ) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
            panic!("nothing is sent");
        }
    }
    let ctx = Ctx {
        http: &Nowhere,
        now: now(),
        within: Duration::from_secs(1),
    };
    let queries = [query("LP00710000000080")];
    let adapter = adapter(ALL);
    let change = waybill_core::adapter::Subscription::Start;
    let answers = pollster::block_on(adapter.subscribe(ctx, &queries, change));
    assert_eq!(
        answers[0].as_ref().err().unwrap().kind,
        ErrorKind::Unsupported
    );
}
