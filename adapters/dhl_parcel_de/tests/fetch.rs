//! How the source is asked.

use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use waybill_core::adapter::Http;

use super::*;

/// Answers requests from a list and keeps the XML that was asked.
struct Script {
    replies: Mutex<Vec<Result<Response<Bytes>, Error>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(replies: Vec<Result<Response<Bytes>, Error>>) -> Self {
        Self {
            replies: Mutex::new(replies.into_iter().rev().collect()),
            asked: Mutex::default(),
        }
    }

    /// Values of an attribute in the requests so far.
    fn asked(&self, attribute: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let value = |xml: &String| {
            let rest = xml.split(&format!(" {attribute}=\"")).nth(1)?;
            rest.split('"').next().map(str::to_owned)
        };
        asked.iter().filter_map(value).collect()
    }
}

impl Http for Script {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        let authorization = &request.headers()["authorization"];
        let expected = format!("Basic {}", STANDARD.encode("key:s3cret"));
        assert!(authorization.is_sensitive() && *authorization == *expected);
        assert!(request.uri().path().ends_with("/tracking/v0/shipments"));
        let query = request.uri().query().unwrap().as_bytes();
        let xml = form_urlencoded::parse(query).find(|(name, _)| name == "xml");
        self.asked.lock().unwrap().push(xml.unwrap().1.into_owned());
        let reply = self.replies.lock().unwrap().pop().unwrap();
        Box::pin(async move { reply })
    }
}

fn fetch(adapter: &ParcelDe, http: &Script, queries: &[Query]) -> Vec<Answer> {
    let ctx = Ctx {
        http,
        now: now(),
        within: Duration::from_secs(8),
    };
    let answers = pollster::block_on(adapter.fetch(ctx, queries));
    assert_eq!(answers.len(), queries.len());
    answers
}

fn counts(answers: Vec<Answer>) -> Vec<Result<usize, ErrorKind>> {
    let count = |answer: Answer| answer.map(|found| found.len()).map_err(|error| error.kind);
    answers.into_iter().map(count).collect()
}

fn root(code: &str) -> Result<Response<Bytes>, Error> {
    Ok(response(200, format!("<data code=\"{code}\"/>")))
}

fn pieces(numbers: &[&str]) -> Result<Response<Bytes>, Error> {
    let piece = |number: &&str| {
        format!(
            "<data name=\"piece-shipment\" piece-code=\"{number}\" ice=\"PARCV\" ric=\"NRQRD\" \
             standard-event-code=\"VA\" status-timestamp=\"02.03.2026 16:40\"/>"
        )
    };
    let all: String = numbers.iter().map(piece).collect();
    Ok(response(200, format!("<data code=\"0\">{all}</data>")))
}

#[test]
fn one_call_asks_for_many_and_each_gets_its_own() {
    let http = Script::new(vec![Ok(response(
        200,
        include_str!("../fixtures/batch.xml"),
    ))]);
    let numbers = [
        "00340435100000003700",
        "00340435100000004073",
        "340435100000004448",
        "00340435100000099990",
        "00340435100000003700",
    ];
    let known: Vec<String> = super::fixtures::FIXTURES
        .iter()
        .find(|(name, ..)| *name == "batch")
        .map(|(_, xml, _)| {
            let found = xml.split(" piece-identifier=\"").skip(1);
            found.map(|rest| rest[..18].to_owned()).collect()
        })
        .unwrap();
    assert!(known.contains(&numbers[0][2..].to_owned()), "{known:?}");
    let queries = numbers.map(query);
    let answers = counts(fetch(&adapter(&[]), &http, &queries));
    let missing = Err(ErrorKind::NotFound);
    // The second has an error of its own, the fourth is not in the answer, the last is asked twice.
    assert_eq!(answers, [Ok(1), missing, Ok(1), missing, Ok(1)]);
    assert_eq!(http.asked("piece-code"), [numbers[..4].join(";")]);
    assert_eq!(http.asked("request"), ["d-get-piece-detail"]);
    assert_eq!(http.asked("appname"), ["zt0"]);
    assert_eq!(http.asked("password"), ["a&lt;b&amp;&quot;c"]);
    assert_eq!(http.asked("language-code"), ["en"]);
    assert_eq!(http.asked("zip-code"), [""; 0]);
}

#[test]
fn what_nobody_asked_for_goes_to_the_first() {
    let body = pieces(&["111111111111", "222222222222"]).unwrap();
    let queries = [query("222222222222"), query("333333333333")];
    let answers = counts(adapter(&[]).interpret(&queries, &body, now()));
    assert_eq!(answers, [Ok(2), Err(ErrorKind::NotFound)]);
    let all = counts(adapter(&[]).interpret(&[], &body, now()));
    assert_eq!(all, [Ok(2)]);
}

#[test]
fn one_bad_number_fails_alone() {
    let names = ["100000000001", "100000000002", "100000000003"];
    let http = Script::new(vec![
        root("41"),
        pieces(&names[..1]),
        root("41"),
        root("41"),
        pieces(&names[2..]),
    ]);
    let answers = counts(fetch(&adapter(&[]), &http, &names.map(query)));
    assert_eq!(answers, [Ok(1), Err(ErrorKind::InvalidQuery), Ok(1)]);
    let asked = http.asked("piece-code");
    let (first, rest) = (names[0], names[1..].join(";"));
    assert_eq!(asked[1..3], [first.to_owned(), rest]);
    // Wrong credentials are not about a number, and neither is a lost connection.
    for reply in [root("5"), Err(Error::new(ErrorKind::Timeout, "slow"))] {
        let http = Script::new(vec![reply]);
        let answers = counts(fetch(&adapter(&[]), &http, &names.map(query)));
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }
}

#[test]
fn a_postal_code_goes_with_one_number() {
    let public = adapter(&[("access", "public"), ("environment", "sandbox")]);
    let mut asked = query("100000000001");
    asked.hints.postal_code = " 24103\"x ".to_owned().into();
    let http = Script::new(vec![pieces(&["100000000001"])]);
    assert_eq!(counts(fetch(&public, &http, &[asked])), [Ok(1)]);
    assert_eq!(http.asked("zip-code"), ["24103&quot;x"]);
    assert_eq!(http.asked("request"), ["get-status-for-public-user"]);
    let most = |adapter: &ParcelDe| Adapter::batch(adapter, &DESCRIPTOR.limits);
    assert_eq!((most(&public), most(&adapter(&[]))), (15, 20));
    // More than one call takes are asked in several.
    let many: Vec<Query> = (0..16)
        .map(|at| query(&format!("1000000000{at:02}")))
        .collect();
    let http = Script::new(vec![root("100"), root("100")]);
    let answers = counts(fetch(&public, &http, &many));
    assert!(
        answers
            .iter()
            .all(|answer| *answer == Err(ErrorKind::NotFound))
    );
    assert_eq!(http.asked("piece-code").len(), 2);
}

#[test]
fn a_piece_without_a_number_is_the_only_one_asked_for() {
    let body = pieces(&[""]).unwrap();
    let one = [query("100000000001")];
    assert_eq!(counts(adapter(&[]).interpret(&one, &body, now())), [Ok(1)]);
    let two = [query("100000000001"), query("100000000002")];
    let answers = counts(adapter(&[]).interpret(&two, &body, now()));
    assert_eq!(
        answers,
        [Err(ErrorKind::Malformed), Err(ErrorKind::NotFound)]
    );
}

#[test]
fn settings_are_checked() {
    for (key, value, word) in [
        ("environment", "staging", "environment"),
        ("access", "all", "access"),
        ("base_url", "http://api.example/track", "https"),
        ("base_url", "not an address", "base_url"),
        ("base_url", "https://api.example/?a=b", "query"),
        ("api_key", "a:b", "colon"),
    ] {
        let refused = ParcelDe::new(&settings(&[(key, value)])).map(drop);
        assert!(refused.unwrap_err().contains(word), "{key}");
    }
    adapter(&[("base_url", "http://127.0.0.1:8080/parcel/de/tracking/v0/")]);
    assert!(build(&settings(&[])).is_ok());
}
