//! What DHL's answers become. The messages have the shapes of the OpenAPI document of Shipment
//! Tracking - Unified 1.4.1; numbers, names and towns are made up.

use std::sync::Mutex;

use http::header::CONTENT_LANGUAGE;
use serde_json::Value;
use waybill_core::adapter::{Hints, Http, Report};
use waybill_core::error::Retry;
use waybill_core::event::{Claim, Classifier, MappingBasis};
use waybill_core::number::TrackingNumber;
use waybill_core::shipment::IdentifierKind;
use waybill_core::status::Status;
use waybill_core::time::{Basis, Precision};

use super::*;

macro_rules! fixtures {
    ($($name:ident),*) => {
        const FIXTURES: &[(&str, &str, &str)] = &[$((
            stringify!($name),
            include_str!(concat!("../fixtures/", stringify!($name), ".json")),
            include_str!(concat!("../fixtures/", stringify!($name), ".expected.json")),
        )),*];
    };
}

fixtures!(
    contradiction,
    dgf_freight,
    ecommerce_one_number,
    express_pieces_proof,
    handed_over_not_delivered,
    parcel_de_delivered,
    parcel_de_pre_transit,
    status_only,
    unknown_codes
);

fn now() -> Timestamp {
    "2026-03-07T12:00:00Z".parse().unwrap()
}

fn fixture(name: &str) -> &'static str {
    let found = FIXTURES.iter().find(|(known, ..)| *known == name);
    found.map(|(_, json, _)| *json).unwrap()
}

fn adapter(pairs: &[(&'static str, &str)]) -> Box<dyn Adapter> {
    let key = ("api_key", "k".to_owned());
    let pairs = pairs.iter().map(|(key, value)| (*key, (*value).to_owned()));
    build(&Settings::new(pairs.chain([key])))
        .map_err(drop)
        .unwrap()
}

fn response(status: u16, body: &str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header(CONTENT_LANGUAGE, "en")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn query(number: &str) -> Query {
    Query::of(TrackingNumber::parse(number).unwrap())
}

fn answers(body: &str, queries: &[Query]) -> Vec<Answer> {
    adapter(&[]).interpret(queries, &response(200, body), now())
}

fn reports(name: &str) -> Vec<Report> {
    let mut answers = answers(fixture(name), &[query("71204")]);
    answers
        .pop()
        .unwrap()
        .map_err(|error| error.message)
        .unwrap_or_default()
}

fn only(name: &str) -> Report {
    let mut reports = reports(name);
    assert_eq!(reports.len(), 1, "{name}");
    reports.remove(0)
}

fn codes(report: &Report) -> Vec<u16> {
    report.claims.iter().map(|claim| claim.code.0).collect()
}

fn local(claim: &Claim) -> String {
    claim.time.local.to_string()
}

#[test]
fn every_fixture_becomes_the_report_beside_it() {
    for (name, _, expected) in FIXTURES {
        let actual = serde_json::to_value(reports(name)).unwrap();
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert!(actual == expected, "{name}: {actual:#}");
    }
}

#[test]
fn german_parcels_run_on_german_time() {
    let report = only("parcel_de_delivered");
    assert_eq!(codes(&report), [101, 201, 204, 304, 502, 601]);
    let delivered = &report.claims[5];
    assert_eq!(
        delivered.time.instant,
        Some("2026-03-05T09:21:00Z".parse().unwrap())
    );
    assert_eq!(delivered.time.zone, "Europe/Berlin");
    // The town names Germany; the scan at the vehicle names nothing at all.
    assert_eq!(delivered.time.basis, Basis::Country);
    assert_eq!(report.claims[4].time.basis, Basis::SourceConvention);
    let pickup = &report.claims[1];
    assert_eq!(pickup.native_code, "parcel-de/AE");
    assert_eq!(pickup.basis, MappingBasis::Code);
    assert_eq!(pickup.time.precision, Precision::Day);
    assert_eq!(pickup.location.as_ref().unwrap().locality, "Seefeld");
    assert!(report.complete);
    assert_eq!(report.language, "en");
    assert_eq!(report.facts.physical.weight_grams, Some(1_250));
    // Neither the receiver nor a page without encryption is kept.
    assert!(report.facts.proof.is_none());
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("Nobody") && !json.contains("http:"));
}

#[test]
fn data_is_not_possession() {
    let report = only("parcel_de_pre_transit");
    assert_eq!(codes(&report), [101]);
    let physical = &report.facts.physical;
    assert_eq!(physical.weight_grams, Some(800));
    assert_eq!(
        (physical.length_mm, physical.width_mm, physical.height_mm),
        (Some(380), Some(300), Some(140))
    );
    assert_eq!(physical.piece_count, Some(2));
    let start = report.facts.estimates[0].window.start.as_ref().unwrap();
    assert_eq!(start.precision, Precision::Day);
    assert_eq!(start.zone, "Europe/Berlin");
}

#[test]
fn pieces_of_one_number_are_one_shipment_and_its_z_is_local_time() {
    let report = only("express_pieces_proof");
    assert_eq!(report.number.reveal(), "7001122332");
    assert_eq!(codes(&report), [201, 401, 304, 415, 608, 413, 502, 602]);
    let pieces = report.facts.identifiers.iter();
    let pieces = pieces.filter(|id| id.kind == IdentifierKind::Piece);
    assert_eq!(pieces.count(), 2);
    let last = report.claims.last().unwrap();
    assert_eq!(local(last), "2026-03-06T11:42:00");
    assert_eq!(last.time.raw, "2026-03-06T11:42:00Z");
    assert_ne!(last.time.basis, Basis::Stated);
    let processed = &report.claims[2];
    assert_eq!(
        processed.time.instant,
        Some("2026-03-04T21:10:00Z".parse().unwrap())
    );
    assert_eq!(processed.location.as_ref().unwrap().locality, "LEIPZIG");
    let proof = report.facts.proof.as_ref().unwrap();
    assert_eq!(proof.signed_by.reveal(), "M VISSER");
    assert_eq!(proof.documents.len(), 2);
    // One page is no https page; the window and the day after it are two forecasts.
    assert_eq!(report.facts.contacts.len(), 1);
    assert_eq!(
        report.facts.contacts[0].url,
        "https://delivery.dhl.example/change"
    );
    assert_eq!(report.facts.estimates.len(), 2);
    let text = report.claims[3].native_text.reveal();
    assert_eq!(
        text,
        "Clearance event; Customs paperwork is being requested; DHL will contact the importer"
    );
}

#[test]
fn a_used_number_answers_with_all_its_shipments() {
    let reports = reports("ecommerce_one_number");
    assert_eq!(reports.len(), 3);
    assert!(
        reports
            .iter()
            .all(|report| report.number.reveal() == "71204")
    );
    assert_eq!(codes(&reports[0]), [101, 207, 302, 304, 314, 501, 502, 606]);
    assert_eq!(codes(&reports[1]), [604]);
    assert_eq!(codes(&reports[2]), [505]);
    let times: Vec<_> = reports[0]
        .claims
        .iter()
        .map(|claim| claim.time.basis)
        .collect();
    assert_eq!(
        times[..3],
        [Basis::Unresolved, Basis::Unresolved, Basis::Stated]
    );
    let place = reports[0].claims[7].location.as_ref().unwrap();
    assert_eq!((&*place.locality, &*place.subdivision), ("Wilmette", "IL"));
    let kinds: Vec<_> = reports[0]
        .facts
        .identifiers
        .iter()
        .map(|id| id.kind)
        .collect();
    let (own, partner) = (IdentifierKind::Carrier, IdentifierKind::LastMile);
    assert_eq!(kinds, [IdentifierKind::Reference, own, partner]);
    assert_eq!(reports[0].facts.identifiers[2].carrier, "usps");
    assert_eq!(reports[0].facts.physical.weight_grams, Some(372));
}

#[test]
fn a_hand_over_is_not_a_delivery() {
    let report = only("handed_over_not_delivered");
    assert_eq!(codes(&report), [413, 505, 651, 314, 505]);
    let ends = |claim: &std::sync::Arc<Claim>| claim.code.status().is_some_and(Status::is_terminal);
    assert!(!report.claims.iter().any(ends));
    assert_eq!(report.claims[4].native_code, "ecommerce-europe/44");
}

#[test]
fn freight_legs_are_forecasts() {
    let report = only("dgf_freight");
    let actual = |claim: &&std::sync::Arc<Claim>| claim.classifier == Classifier::Actual;
    let events: Vec<_> = report
        .claims
        .iter()
        .filter(actual)
        .map(|claim| claim.code.0)
        .collect();
    assert_eq!(events, [101, 101, 313, 303, 601]);
    let legs: Vec<_> = report
        .claims
        .iter()
        .filter(|claim| !actual(claim))
        .collect();
    assert_eq!(legs.len(), 2);
    assert_eq!(
        legs[0].code,
        waybill_core::code::EventCode::TRANSPORT_DEPARTED
    );
    assert_eq!(legs[0].time.precision, Precision::Day);
    assert_eq!(legs[0].native_text.reveal(), "EXAMPLE STAR 902S");
    let place = legs[0].location.as_ref().unwrap();
    assert_eq!(place.facility.as_ref().unwrap().code, "MYTPP");
    assert_eq!(
        report.claims.last().unwrap().basis,
        MappingBasis::AggregatedStatus
    );
    assert_eq!(report.facts.physical.weight_grams, Some(2_732_800));
}

#[test]
fn an_unknown_code_is_kept_and_not_guessed() {
    let report = only("unknown_codes");
    assert_eq!(codes(&report), [999, 999, 301, 502, 101, 505, 603, 601]);
    let unmapped = &report.claims[0];
    assert_eq!(unmapped.native_code, "parcel-nl/QX7");
    assert_eq!(unmapped.native_text.reveal(), "QX7");
    assert_eq!(unmapped.basis, MappingBasis::None);
    assert_eq!(report.claims[1].native_code, "unknown");
    assert_eq!(report.claims[2].basis, MappingBasis::AggregatedStatus);
    let tagged = &report.claims[3];
    assert_eq!(tagged.basis, MappingBasis::Text);
    assert!(tagged.native_text.reveal().starts_with("<b>Shipment</b>"));
    assert_eq!(report.claims[5].basis, MappingBasis::CodeAndText);
    assert!(!report.complete);
    assert_eq!(
        report.facts.doubts,
        ["1 events have no readable time and are left out"]
    );
}

#[test]
fn a_status_against_the_events_is_doubted() {
    let report = only("contradiction");
    assert_eq!(
        report.facts.doubts,
        ["the status block says delivered and the newest event says transit"]
    );
    assert_eq!(codes(&report), [303, 412]);
    let report = only("status_only");
    assert_eq!(codes(&report), [502]);
    assert!(!report.complete && report.facts.doubts.is_empty());
}

#[test]
fn each_failure_has_its_kind_and_its_advice() {
    let hour = |seconds| Retry::After(Duration::from_secs(seconds));
    let error = |status, body: &str| {
        let mut answers =
            adapter(&[]).interpret(&[query("7001122332")], &response(status, body), now());
        answers.pop().unwrap().map(drop).unwrap_err()
    };
    for (status, body, kind, retry) in [
        (
            400,
            include_str!("../fixtures/error_400.json"),
            ErrorKind::InvalidQuery,
            Retry::Never,
        ),
        (
            401,
            include_str!("../fixtures/error_401.json"),
            ErrorKind::Denied,
            Retry::Never,
        ),
        (403, "", ErrorKind::Denied, Retry::Never),
        (
            404,
            include_str!("../fixtures/error_404.json"),
            ErrorKind::NotFound,
            hour(1_800),
        ),
        (404, "<html>", ErrorKind::NotFound, hour(1_800)),
        (
            429,
            include_str!("../fixtures/error_429.json"),
            ErrorKind::Throttled,
            hour(5),
        ),
        (
            503,
            include_str!("../fixtures/error_503.json"),
            ErrorKind::Unavailable,
            Retry::Now,
        ),
        (302, "", ErrorKind::Malformed, Retry::Never),
        (204, "", ErrorKind::Malformed, Retry::Never),
        (200, "", ErrorKind::Malformed, Retry::Never),
        (200, "{}", ErrorKind::Malformed, Retry::Never),
        (
            200,
            r#"{"shipments":null}"#,
            ErrorKind::Malformed,
            Retry::Never,
        ),
        (
            200,
            r#"{"shipments":[7,[]]}"#,
            ErrorKind::Malformed,
            Retry::Never,
        ),
        (200, "<html>down</html>", ErrorKind::Malformed, Retry::Never),
        (
            200,
            r#"{"shipments":[{"id":"1"#,
            ErrorKind::Malformed,
            Retry::Never,
        ),
        (
            200,
            r#"{"shipments":[{}]}"#,
            ErrorKind::Malformed,
            Retry::Never,
        ),
        (
            200,
            r#"{"shipments":[{"id":"12345","events":[{"timestamp":"soon"}]}]}"#,
            ErrorKind::Malformed,
            Retry::Never,
        ),
        (200, r#"{"shipments":[]}"#, ErrorKind::NotFound, hour(1_800)),
        (
            200,
            include_str!("../fixtures/error_404.json"),
            ErrorKind::NotFound,
            hour(1_800),
        ),
        (200, r#"{"status":"401"}"#, ErrorKind::Denied, Retry::Never),
    ] {
        let error = error(status, body);
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {body}");
        assert!(!error.to_string().contains("7001122332"), "{error}");
    }
    assert_eq!(error(429, "").native_code, "429");
    let wait = Response::builder().status(429).header("retry-after", "120");
    let wait = wait.body(Bytes::new()).unwrap();
    let answers = adapter(&[]).interpret(&[], &wait, now());
    assert_eq!(answers[0].as_ref().map(drop).unwrap_err().retry, hour(120));
}

#[test]
fn reports_go_to_the_query_that_names_them() {
    let body = r#"{"shipments":[
        {"id":"7004455662","status":{"timestamp":"2026-03-01T10:00:00+01:00","statusCode":"transit"}},
        {"id":"9","status":{"timestamp":"2026-03-01T10:00:00+01:00","statusCode":"transit"}},
        {"id":"7001122332","details":{"pieceIds":["JD010000000000000201"]}}]}"#;
    let queries = [
        query("7001122332"),
        query("JD010000000000000201"),
        query("7004455662"),
    ];
    let counts: Vec<_> = answers(body, &queries)
        .into_iter()
        .map(|answer| {
            answer
                .map(|reports| reports.len())
                .map_err(|error| error.kind)
        })
        .collect();
    // The one without a number of its own takes the one that was asked for first.
    assert_eq!(counts, [Ok(2), Err(ErrorKind::NotFound), Ok(1)]);
    let everything = answers(body, &[]).remove(0).map_err(drop).unwrap();
    assert_eq!(everything.len(), 2);
}

/// Answers requests from a list and keeps their addresses.
#[derive(Default)]
struct Script {
    replies: Mutex<Vec<Result<Response<Bytes>, Error>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(replies: Vec<Result<Response<Bytes>, Error>>) -> Self {
        let replies = Mutex::new(replies.into_iter().rev().collect());
        Self {
            replies,
            ..Self::default()
        }
    }
}

impl Http for Script {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        let key = request.headers().get("dhl-api-key").unwrap();
        assert!(key == "k" && key.is_sensitive());
        self.asked.lock().unwrap().push(request.uri().to_string());
        let reply = self.replies.lock().unwrap().pop().unwrap();
        Box::pin(async move { reply })
    }
}

fn fetch(adapter: &dyn Adapter, http: &Script, query: Query) -> Answer {
    let ctx = Ctx {
        http,
        now: now(),
        within: std::time::Duration::from_secs(8),
    };
    pollster::block_on(adapter.fetch(ctx, &[query])).remove(0)
}

fn page(id: u64, next: &str) -> Result<Response<Bytes>, Error> {
    let body = format!(
        r#"{{"nextUrl":"{next}","shipments":[{{"id":{id},"status":{{"timestamp":"2026-03-01T10:00:00+01:00","statusCode":"transit"}}}}]}}"#
    );
    Ok(response(200, &body))
}

#[test]
fn a_query_says_all_it_knows() {
    let http = Script::new(vec![page(7_001_122_332, ""), page(7_001_122_332, "")]);
    let mut asked = query("7001122332");
    asked.format = "dhl_express".to_owned();
    asked.hints.postal_code = "1012 AB".to_owned().into();
    asked.hints.origin_country = "cn".to_owned();
    let plain = adapter(&[("requester_country", "nl")]);
    assert_eq!(
        fetch(&*plain, &http, asked.clone())
            .map_err(drop)
            .unwrap()
            .len(),
        1
    );
    let configured = adapter(&[("service", "parcel-nl"), ("environment", "sandbox")]);
    asked.hints = Hints::default();
    assert!(fetch(&*configured, &http, asked).is_ok());
    assert_eq!(
        *http.asked.lock().unwrap(),
        [
            "https://api-eu.dhl.com/track/shipments?language=en&trackingNumber=7001122332\
             &service=express&requesterCountryCode=NL&originCountryCode=CN\
             &recipientPostalCode=1012%20AB",
            "https://api-test.dhl.com/track/shipments?language=en&trackingNumber=7001122332\
             &service=parcel-nl"
        ]
    );
}

#[test]
fn pages_are_followed_at_home_only_and_not_for_ever() {
    let home = "https://api-eu.dhl.com/track/shipments?trackingNumber=71204&offset=";
    let relative = "/shipments?trackingNumber=71204&limit=5&offset=";
    let more = "the source has more shipments under this number than were read";
    let count = |pages| {
        let http = Script::new(pages);
        let reports = fetch(&*adapter(&[]), &http, query("71204"))
            .map_err(drop)
            .unwrap();
        let doubted = reports
            .iter()
            .any(|report| report.facts.doubts.contains(&more.to_owned()));
        let asked = http.asked.lock().unwrap().clone();
        let here = |url: &String| url.starts_with("https://api-eu.dhl.com/track/shipments?");
        assert!(asked.iter().all(here));
        (reports.len(), doubted)
    };
    let next = |base: &str, offset: u64| page(70_000 + offset, &format!("{base}{offset}"));
    assert_eq!(
        count(vec![next(home, 5), next(relative, 10), page(1_234, "")]),
        (3, false)
    );
    let elsewhere = "https://api-eu.dhl.com.evil.example/track/shipments?offset=5";
    assert_eq!(count(vec![page(1_234, elsewhere)]), (1, true));
    assert_eq!(count(vec![next(home, 5), next(home, 5)]), (2, true));
    assert_eq!(
        count((1..=10).map(|at| next(home, at)).collect()),
        (10, true)
    );
    let broken = Err(Error::new(ErrorKind::Timeout, "slow"));
    assert_eq!(count(vec![next(home, 5), broken]), (1, true));
}

#[test]
fn settings_are_checked() {
    let refused = |pairs: &[(&'static str, &str)]| {
        let pairs = pairs.iter().map(|(key, value)| (*key, (*value).to_owned()));
        build(&Settings::new(pairs)).map(drop).unwrap_err()
    };
    for (key, value, word) in [
        ("environment", "staging", "environment"),
        ("base_url", "http://api.example/track", "https"),
        ("base_url", "not an address", "base_url"),
        ("service", "Express", "service"),
        ("requester_country", "NLD", "requester_country"),
        ("api_key", "a\nb", "api_key"),
    ] {
        assert!(refused(&[(key, value)]).contains(word), "{key}");
    }
    adapter(&[("base_url", "http://127.0.0.1:8080/track/")]);
}

mod push;
mod table;
