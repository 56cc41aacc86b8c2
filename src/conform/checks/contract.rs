//! What an adapter promises without anything going wrong.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use waybill_core::adapter::{Answer, Query};
use waybill_core::error::ErrorKind;

use super::super::cases::{Case, query};
use super::super::upstream::Plan;
use super::super::{Checked, Not, Subject, describe, failed, unharmed};
use super::{is_expected, reports, tally, word};
use crate::adapter::v1 as wire;
use crate::adapter::v1::adapter_service_client::AdapterServiceClient;
use crate::remote;
use crate::v1;
use tonic::transport::Channel;

/// Calls at the same time.
const AT_ONCE: usize = 16;
/// Longest version of a plug-in.
const VERSION: usize = 64;
/// What nobody's number looks like: as long as one can be, and of one letter.
const NO_NUMBER: &str = "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ";

const BUILT_IN: Not = Not::Tried("a built-in source has no such call");

fn plugin(subject: &Subject) -> Result<AdapterServiceClient<Channel>, Not> {
    subject.plugin.clone().ok_or(BUILT_IN)
}

pub(super) async fn describe_valid(subject: &Subject) -> Checked {
    let mut client = plugin(subject)?;
    let offer = describe(&mut client, subject.within).await;
    let offer = offer.map_err(Not::Held)?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || b".-+".contains(&c);
    if offer.adapter_version.len() > VERSION || !offer.adapter_version.bytes().all(plain) {
        return failed(
            "adapter_version has more than 64 characters, or others than [A-Za-z0-9.+-]",
        );
    }
    let mut ids: Vec<&str> = offer.sources.iter().map(|it| it.id.as_str()).collect();
    let count = ids.len();
    if !ids.iter().all(|id| remote::is_id(id)) {
        return failed("an id is not 1 to 64 of [a-z0-9-]");
    }
    let mut carriers = offer.sources.iter().map(|it| it.carrier.as_str());
    if !carriers.all(|carrier| carrier.is_empty() || remote::is_id(carrier)) {
        return failed("a carrier is not 1 to 64 of [a-z0-9-]");
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != count {
        return failed("an id occurs twice");
    }
    Ok(format!("sources: {count}"))
}

pub(super) async fn describe_stable(subject: &Subject) -> Checked {
    let mut client = plugin(subject)?;
    let mut offers = Vec::new();
    for _ in 0..3 {
        let offer = describe(&mut client, subject.within).await;
        offers.push(offer.map_err(Not::Held)?);
    }
    if offers.windows(2).any(|pair| pair[0] != pair[1]) {
        return failed("two answers differ");
    }
    Ok("3 answers are the same".to_owned())
}

/// Asks for cases, each by itself, and compares.
async fn as_expected<'a>(
    subject: &Subject,
    cases: impl Iterator<Item = &'a Case>,
    none: &'static str,
) -> Checked {
    let mut count = 0;
    for case in cases {
        subject.plan(case);
        let answers = subject.ask(&case.queries).await?;
        is_expected(subject, case, &answers)?;
        count += 1;
    }
    match count {
        0 => Err(Not::Tried(none)),
        count => Ok(format!("cases: {count}")),
    }
}

/// A batch is asked for only where the source takes as many.
fn fits(subject: &Subject) -> impl Fn(&&Case) -> bool {
    let batch = subject.adapter.batch(&subject.source.limits);
    move |case| case.queries.len() <= batch
}

pub(super) async fn found(subject: &Subject) -> Checked {
    let cases = subject.cases.cases.iter().filter(|case| case.is_found());
    let none = "no number is known to be found";
    as_expected(subject, cases.filter(fits(subject)), none).await
}

pub(super) async fn failures(subject: &Subject) -> Checked {
    let cases = subject.cases.cases.iter().filter(|case| !case.is_found());
    as_expected(subject, cases, "no failure is documented").await
}

pub(super) async fn error_in_200(subject: &Subject) -> Checked {
    let is_200 = |case: &&Case| case.reply.as_ref().is_some_and(|it| it.status == 200);
    let cases = subject.cases.cases.iter();
    let cases = cases.filter(|case| !case.is_found()).filter(is_200);
    let none = "no case is an error within status 200";
    as_expected(subject, cases, none).await
}

pub(super) async fn oldest_first(subject: &Subject) -> Checked {
    let mut rows = 0;
    let cases = subject.cases.cases.iter().filter(|case| case.is_found());
    for case in cases.filter(fits(subject)) {
        subject.plan(case);
        let answers = subject.ask(&case.queries).await?;
        let all = answers.iter().flatten().flatten();
        for claims in all.map(|report| &report.claims) {
            rows += claims.len();
            let instants: Vec<_> = claims.iter().filter_map(|row| row.time.instant).collect();
            if !instants.is_sorted() {
                return failed(format!(
                    "{}: a row is older than the one before it",
                    case.name
                ));
            }
        }
    }
    match rows {
        0 => Err(Not::Tried("no row is known")),
        rows => Ok(format!("{rows} rows")),
    }
}

/// A question as a plug-in gets it.
fn question(query: &Query) -> wire::Query {
    wire::Query {
        shipment: Some(v1::ShipmentKey {
            key: Some(v1::shipment_key::Key::TrackingNumber(
                query.number.reveal().to_owned(),
            )),
            carrier: query.carrier.clone(),
            hints: None,
        }),
        format: query.format.clone(),
    }
}

/// Indices that a plug-in answers to a bare call, in order.
async fn indices(
    subject: &Subject,
    source: &str,
    queries: &[Query],
) -> Result<Result<Vec<u32>, tonic::Code>, Not> {
    let mut client = plugin(subject)?;
    let mut request = tonic::Request::new(wire::FetchRequest {
        source: source.to_owned(),
        queries: queries.iter().map(question).collect(),
    });
    request.set_timeout(subject.within);
    let mut stream = match client.fetch(request).await {
        Ok(stream) => stream.into_inner(),
        Err(status) => return Ok(Err(status.code())),
    };
    let mut indices = Vec::new();
    loop {
        match stream.message().await {
            Err(status) => return Ok(Err(status.code())),
            Ok(None) => break,
            Ok(Some(message)) => indices.push(message.index),
        }
    }
    indices.sort_unstable();
    Ok(Ok(indices))
}

pub(super) async fn once(subject: &Subject) -> Checked {
    plugin(subject)?;
    let case = subject.main()?;
    subject.plan(case);
    let batch = subject.source.limits.batch;
    let queries: Vec<Query> = case.queries.iter().cycle().take(batch).cloned().collect();
    match indices(subject, subject.source.id, &queries).await? {
        Err(code) => failed(format!("the call fails with {code:?}")),
        Ok(indices)
            if indices
                .iter()
                .copied()
                .eq(0..u32::try_from(batch).unwrap_or(0)) =>
        {
            Ok(format!("{batch} queries"))
        }
        Ok(indices) => failed(format!(
            "{} answers to {batch} queries, or an index that is none",
            indices.len()
        )),
    }
}

/// Lets the upstream answer for each number of the cases.
fn plan_by_number(subject: &Subject) {
    let Some(upstream) = &subject.upstream else {
        return;
    };
    let row = |case: &Case| {
        let numbers = case.queries.iter();
        let numbers = numbers.map(|query| query.number.reveal().to_owned());
        Some((numbers.collect::<Vec<_>>(), case.reply.clone()?))
    };
    let rows: Vec<_> = subject.cases.cases.iter().filter_map(row).collect();
    upstream.plan(Plan::ByNumber(Arc::from(rows)));
}

/// Why answers by number say nothing, if they do not.
fn is_planned(subject: &Subject) -> Result<(), Not> {
    match &subject.upstream {
        Some(upstream) if upstream.counts().unplanned > 0 => Err(Not::Tried(
            "no case answers what the source asks for several numbers",
        )),
        _ => Ok(()),
    }
}

/// Cases of one number each, no number twice: of found ones the first, and the first failure.
fn singles(subject: &Subject) -> Vec<&Case> {
    let mut singles: Vec<&Case> = Vec::new();
    for case in &subject.cases.cases {
        let [query] = case.queries.as_slice() else {
            continue;
        };
        let is_new = singles
            .iter()
            .all(|it| it.queries[0].number != query.number);
        if is_new {
            singles.push(case);
        }
    }
    singles
}

pub(super) async fn batch(subject: &Subject) -> Checked {
    let batch = subject.adapter.batch(&subject.source.limits);
    if batch < 2 {
        return Err(Not::Tried("the source takes one number at a time"));
    }
    let cases = subject.cases.cases.iter();
    let mut batches = cases.filter(|case| (2..=batch).contains(&case.queries.len()));
    if let Some(case) = batches.next() {
        subject.plan(case);
        let answers = subject.ask(&case.queries).await?;
        is_expected(subject, case, &answers)?;
        return Ok(format!("{} numbers in one answer", answers.len()));
    }
    let mut cases = singles(subject);
    cases.truncate(batch);
    if cases.len() < 2 {
        return Err(Not::Tried("fewer than two numbers are known"));
    }
    // From the last to the first, so that an order of its own is noticed.
    cases.reverse();
    let queries: Vec<Query> = cases.iter().map(|case| case.queries[0].clone()).collect();
    plan_by_number(subject);
    let answers = subject.ask(&queries).await?;
    is_planned(subject)?;
    for (case, answer) in cases.iter().zip(&answers) {
        is_expected(subject, case, std::slice::from_ref(answer))?;
    }
    Ok(tally(answers.iter().map(word)))
}

pub(super) async fn bad_number(subject: &Subject) -> Checked {
    let main = subject.main()?;
    let bad = query(NO_NUMBER).map_err(Not::Held)?;
    let alone = async |queries: &[Query]| {
        plan_by_number(subject);
        subject.ask(queries).await
    };
    let batch = subject.adapter.batch(&subject.source.limits);
    let answers = if batch < 2 {
        subject.plan(main);
        let mut answers = subject.ask(&main.queries).await?;
        answers.extend(alone(std::slice::from_ref(&bad)).await?);
        answers
    } else {
        alone(&[main.queries[0].clone(), bad]).await?
    };
    let [good, bad] = answers.as_slice() else {
        return failed("the number of answers is wrong");
    };
    if reports(good, &main.queries[0]).is_err() {
        is_planned(subject)?;
        return failed(format!("the good number beside it is {}", word(good)));
    }
    match bad {
        Ok(_) => failed("it is found"),
        Err(error) => Ok(error.kind.as_str().to_owned()),
    }
}

pub(super) async fn unknown_source(subject: &Subject) -> Checked {
    let main = subject.main()?;
    subject.plan(main);
    let answer = indices(subject, "conform-no-such-source", &main.queries).await?;
    match answer {
        Err(code) => Ok(format!("{code:?}")),
        Ok(_) => failed("it answers"),
    }
}

pub(super) async fn parallel(subject: &Subject) -> Checked {
    let cases = singles(subject);
    if cases.is_empty() {
        return Err(Not::Tried("no number is known"));
    }
    plan_by_number(subject);
    let calls = cases.iter().cycle().take(AT_ONCE.max(cases.len()));
    let calls: Vec<&Case> = calls.copied().collect();
    let answers = calls.iter().map(|case| subject.ask(&case.queries));
    let answers = join_all(answers).await;
    is_planned(subject)?;
    let mut all: Vec<Answer> = Vec::new();
    for (case, answers) in calls.iter().zip(answers) {
        let answers = answers?;
        is_expected(subject, case, &answers)?;
        all.extend(answers);
    }
    Ok(tally(all.iter().map(word)))
}

pub(super) async fn unsigned(subject: &Subject) -> Checked {
    let body = Bytes::from_static(br#"{"conform":"nobody signed this"}"#);
    let push = http::Request::post("/push").header("content-type", "application/json");
    let push = push
        .body(body)
        .map_err(|error| Not::Held(error.to_string()))?;
    let pushed = unharmed(subject.adapter.translate_push(&push, subject.now())).await?;
    match pushed {
        Ok(_) => failed("it is believed"),
        Err(error) => match error.kind {
            ErrorKind::Denied | ErrorKind::Unsupported | ErrorKind::Malformed => {
                Ok(error.kind.as_str().to_owned())
            }
            kind => failed(format!("becomes {}", kind.as_str())),
        },
    }
}
