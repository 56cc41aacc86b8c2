//! Adapters that each break one rule, and the checks of the conformance suite that must notice.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use waybill::conform::{Cases, Outcome, Subject, Verdict};
use waybill_core::adapter::{
    Adapter, Answer, BoxFuture, Capabilities, Ctx, Descriptor, Limits, Pushed, Query, Report,
    Setting,
};
use waybill_core::code::EventCode;
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::event::{Claim, Classifier, MappingBasis, SourceClass};
use waybill_core::number::TrackingNumber;
use waybill_core::privacy::Pii;
use waybill_core::registry::Registry;
use waybill_core::shipment::Facts;
use waybill_core::time::{Clues, parse_iso, resolve};

const fn kept(key: &'static str) -> Setting {
    Setting::optional(key, "", "for the test")
}

static ACME: Descriptor = Descriptor {
    id: "acme",
    carrier: "acme",
    display_name: "Acme",
    api: "none",
    country: "",
    tracking_url: "",
    pages: &[],
    class: SourceClass::Carrier,
    capabilities: Capabilities {
        paid: false,
        registers: false,
        push: None,
        order_lookup: false,
        required_hints: &[],
        optional_hints: &[],
        language: "en",
        default_time_zone: "",
        delivery_estimate: false,
        proof_of_delivery: false,
        history_days: 0,
        deposit_reported_as_delivered: false,
    },
    limits: Limits {
        batch: 5,
        per_second: 1.0,
        burst: 1,
        per_day: 0,
        timeout: Duration::from_secs(5),
        slow: Duration::from_secs(3),
        min_interval: Duration::ZERO,
    },
    formats: &[],
    carriers: &[],
    settings: &[kept("base_url"), kept("vice")],
    build: |settings| {
        Ok(Box::new(Acme {
            base_url: settings.get("base_url").to_owned(),
            vice: settings.get("vice").to_owned(),
        }))
    },
};

struct Acme {
    base_url: String,
    vice: String,
}

impl Acme {
    fn has(&self, vice: &str) -> bool {
        self.vice == vice
    }

    async fn ask(&self, ctx: Ctx<'_>, query: &Query) -> Answer {
        let url = format!("{}/{}", self.base_url, query.number.reveal());
        let send = || {
            let request = http::Request::get(&url).body(Bytes::new()).unwrap();
            ctx.http.send(request)
        };
        let mut response = send().await;
        let is_bad = |it: &Result<http::Response<Bytes>, Error>| {
            it.as_ref().map_or(true, |it| it.status() != 200)
        };
        if self.has("retries") && is_bad(&response) {
            response = send().await;
        }
        let answer = match response {
            Ok(response) => self.read(&response, query, ctx.now),
            Err(error) => Err(error),
        };
        match answer {
            Err(_) if self.has("credulous") => Ok(vec![report(&query.number, Vec::new())]),
            Err(_) if self.has("hasty") => Err(Error::new(ErrorKind::NotFound, "not found")),
            other => other,
        }
    }

    fn read(&self, response: &http::Response<Bytes>, query: &Query, now: Timestamp) -> Answer {
        let kind = match response.status().as_u16() {
            200 => None,
            401 | 403 => Some(ErrorKind::Denied),
            404 => Some(ErrorKind::NotFound),
            429 => Some(ErrorKind::Throttled),
            500.. => Some(ErrorKind::Unavailable),
            _ => Some(ErrorKind::Malformed),
        };
        if let Some(kind) = kind {
            let error = Error::new(kind, "by status");
            let wait = response.headers().get("retry-after");
            let wait = wait.and_then(|value| value.to_str().ok());
            let seconds = wait.and_then(|text| {
                let date = || jiff::fmt::rfc2822::parse(text).ok();
                let ahead = || Some(date()?.timestamp().duration_since(now).as_secs());
                text.parse().ok().or_else(ahead)
            });
            return Err(match seconds.and_then(|it| u64::try_from(it).ok()) {
                _ if self.has("impatient") => error.with_retry(Retry::Now),
                Some(seconds) => error.with_retry(Retry::After(Duration::from_secs(seconds))),
                None => error,
            });
        }
        let malformed = || Error::new(ErrorKind::Malformed, "not understood");
        let body: Value = serde_json::from_slice(response.body()).map_err(|_| malformed())?;
        let rows = body["rows"].as_array().ok_or_else(malformed)?;
        let claims = rows.iter().enumerate().map(|(at, row)| self.claim(at, row));
        let mut claims = claims.collect::<Option<Vec<_>>>().ok_or_else(malformed)?;
        if self.has("newest first") {
            claims.reverse();
        }
        Ok(vec![report(&query.number, claims)])
    }

    fn claim(&self, at: usize, row: &Value) -> Option<Arc<Claim>> {
        let mut when = row["when"].as_str();
        if self.has("panics") {
            when = Some(when.expect("is always there"));
        }
        let raw = when?;
        let day = raw.replace("2026-02-30", "2026-03-02");
        let read = if self.has("rolls over") {
            day.as_str()
        } else {
            raw
        };
        let mut stated = parse_iso(read)?;
        stated.raw = raw;
        if self.has("takes all for utc") {
            stated.offset = stated.offset.or(Some(0));
        }
        let native_code = row["code"].as_str()?.to_owned();
        let code = match native_code.as_str() {
            "PU" => EventCode::PICKED_UP,
            "DL" => EventCode::DELIVERED,
            _ if self.has("guesses") => EventCode::IN_TRANSIT,
            _ => EventCode::UNMAPPED,
        };
        Some(Arc::new(Claim {
            native_id: if self.has("counts") {
                at.to_string()
            } else {
                String::new()
            },
            native_code,
            native_reason: String::new(),
            native_text: Pii::new(row["text"].as_str()?.chars().take(1_000).collect()),
            code,
            reason: None,
            basis: match code {
                EventCode::UNMAPPED => MappingBasis::None,
                _ => MappingBasis::Code,
            },
            time: resolve(stated, Clues::default()),
            location: None,
            carrier: String::new(),
            classifier: Classifier::Actual,
            retracted: false,
            doubt: None,
        }))
    }
}

fn report(number: &TrackingNumber, claims: Vec<Arc<Claim>>) -> Report {
    Report {
        number: number.clone(),
        relays: "acme".to_owned(),
        complete: true,
        language: "en".to_owned(),
        claims,
        facts: Facts::default(),
    }
}

impl Adapter for Acme {
    fn reaches(&self) -> Vec<&str> {
        vec![&self.base_url]
    }

    fn fetch<'a>(&'a self, ctx: Ctx<'a>, queries: &'a [Query]) -> BoxFuture<'a, Vec<Answer>> {
        Box::pin(async move {
            let mut answers = Vec::new();
            for query in queries {
                answers.push(self.ask(ctx, query).await);
            }
            if self.has("mixes up") {
                answers.reverse();
            }
            answers
        })
    }

    fn interpret(
        &self,
        queries: &[Query],
        response: &http::Response<Bytes>,
        now: Timestamp,
    ) -> Vec<Answer> {
        let read = |query| self.read(response, query, now);
        queries.iter().map(read).collect()
    }

    fn translate_push<'a>(
        &'a self,
        _push: &'a http::Request<Bytes>,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Pushed, Error>> {
        let pushed = if self.has("believes everybody") {
            Ok(Pushed {
                id: String::new(),
                reports: Vec::new(),
                poll: Vec::new(),
                reply: http::Response::new(Bytes::new()),
            })
        } else {
            Err(Error::new(ErrorKind::Unsupported, "no push"))
        };
        Box::pin(std::future::ready(pushed))
    }
}

const CASES: &str = r#"
codes = ["rows[].code"]
texts = ["rows[].text"]

[settings]
base_url = "{upstream}"
vice = "VICE"

[[cases]]
numbers = ["ACME000001"]
text = '''{"rows":[{"code":"PU","text":"Picked up","when":"2026-03-01T10:00:00+01:00"},
{"code":"DL","text":"Delivered","when":"2026-03-02T10:00:00+01:00"}]}'''

[[cases]]
numbers = ["ACME000002"]
status = 404
text = '{}'
error = "not_found"

[[cases]]
numbers = ["ACME000003"]
status = 429
text = '{}'
error = "throttled"
"#;

/// What the suite says of an adapter with this vice; of these checks alone, if there are any.
async fn outcomes(vice: &str, more: &str, only: &[&str]) -> Vec<Outcome> {
    static ALL: &[&Descriptor] = &[&ACME];
    let folder = tempfile::tempdir().unwrap();
    let cases = format!("{}{more}", CASES.replace("VICE", vice));
    std::fs::write(folder.path().join("conform.toml"), cases).unwrap();
    let cases = Cases::read(folder.path()).unwrap();
    let subject = Subject::built_in(Registry::new(ALL), "acme", cases, Duration::from_secs(60));
    let is_wanted = |id: &str| only.is_empty() || only.contains(&id);
    subject.await.unwrap().run(is_wanted).await
}

fn with(verdict: &Verdict, outcomes: &[Outcome]) -> Vec<&'static str> {
    let ones = outcomes.iter().filter(|it| it.verdict == *verdict);
    ones.map(|it| it.check).collect()
}

#[tokio::test]
async fn an_adapter_without_vices_passes() {
    let outcomes = outcomes("", "", &[]).await;
    let failed = outcomes.iter().filter(|it| it.verdict == Verdict::Failed);
    assert_eq!(failed.count(), 0, "{outcomes:#?}");
    assert!(with(&Verdict::Passed, &outcomes).len() > 35);
}

#[tokio::test]
async fn each_vice_is_noticed() {
    for (vice, noticed) in [
        ("retries", &["upstream.no_retries"][..]),
        ("panics", &["damage.missing"]),
        ("guesses", &["codes.unknown"]),
        ("takes all for utc", &["clock.no_offset"]),
        ("rolls over", &["clock.no_such_day"]),
        ("counts", &["damage.duplicates"]),
        ("newest first", &["fetch.order"]),
        ("mixes up", &["fetch.batch"]),
        ("believes everybody", &["push.unsigned"]),
        (
            "impatient",
            &[
                "upstream.429",
                "upstream.429_retry_after",
                "upstream.429_retry_after_date",
                "upstream.503_retry_after",
            ],
        ),
        (
            "hasty",
            &[
                "upstream.401",
                "upstream.403",
                "upstream.500",
                "upstream.502",
                "upstream.closed",
                "upstream.cut",
                "upstream.not_http",
                "upstream.garbage",
                "upstream.html",
                "upstream.empty",
                "upstream.other_json",
                "upstream.huge",
                "upstream.truncated",
            ],
        ),
        (
            "credulous",
            &["fetch.failures", "upstream.400", "upstream.404"],
        ),
    ] {
        let outcomes = outcomes(vice, "", noticed).await;
        let failed = with(&Verdict::Failed, &outcomes);
        assert_eq!(failed.len(), noticed.len(), "{vice}: {failed:?}");
    }
}

#[tokio::test]
async fn a_reason_is_shown_and_one_that_is_none_is_a_failure() {
    let more = "[differs]\n\"codes.unknown\" = \"all of them move\"\n\"upstream.401\" = \"why\"\n";
    let outcomes = outcomes("guesses", more, &["codes.unknown", "upstream.401"]).await;
    let of = |check| outcomes.iter().find(|it| it.check == check).unwrap();
    let differs = of("codes.unknown");
    assert_eq!(
        (&differs.verdict, differs.detail.as_str()),
        (&Verdict::Differs, "all of them move")
    );
    assert_eq!(of("upstream.401").verdict, Verdict::Failed);
}
