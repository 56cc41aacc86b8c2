//! The upstream system fails, and what that must become.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use jiff::SignedDuration;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::time::Instant;
use waybill_core::adapter::Answer;
use waybill_core::error::{Error, ErrorKind, Retry};

use super::super::upstream::{How, Plan, Reply, Upstream};
use super::super::{Checked, Not, PATIENCE, Subject, failed};
use super::{reports, word};

/// Bytes that are no text in any encoding that anybody sends.
pub(super) const GARBAGE: &[u8] = b"\x00\xff\xfe\x9c{\x80[\x1b\x07\xc3\x28<\xf0\x28\x8c\xbc\x00";
/// What people see instead of an answer.
const PAGE: &[u8] = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>We will be \
    back soon</h1><script>{\"a\":[]}</script></body></html>";
/// Time of a call that is made to run out of it.
const SHORT: Duration = Duration::from_secs(1);

/// One way to fail.
pub(super) struct Fault {
    /// `None`: as in the case.
    status: Option<u16>,
    content_type: &'static str,
    /// `None`: as in the case.
    body: Option<&'static [u8]>,
    how: How,
    kinds: &'static [ErrorKind],
    advice: Advice,
}

/// What the upstream advises, and what must arrive of it.
enum Advice {
    None,
    /// Nothing, and yet there is a wait.
    Wait,
    /// A header, and the seconds that may become of it.
    After(&'static str, RangeInclusive<u64>),
    /// A date so many seconds ahead.
    Date(i64, RangeInclusive<u64>),
}

const fn whole(kinds: &'static [ErrorKind]) -> Fault {
    Fault {
        status: None,
        content_type: "application/json",
        body: None,
        how: How::Whole,
        kinds,
        advice: Advice::None,
    }
}

/// An HTTP status, with a body that only people understand.
pub(super) const fn status(status: u16, text: &'static str, kinds: &'static [ErrorKind]) -> Fault {
    Fault {
        status: Some(status),
        content_type: "text/plain",
        body: Some(text.as_bytes()),
        ..whole(kinds)
    }
}

/// An HTTP status with a page for people.
pub(super) const fn page(status: u16, kinds: &'static [ErrorKind]) -> Fault {
    Fault {
        status: Some(status),
        content_type: "text/html",
        body: Some(PAGE),
        ..whole(kinds)
    }
}

/// The right status with a wrong body.
pub(super) const fn body(body: &'static [u8], kinds: &'static [ErrorKind]) -> Fault {
    Fault {
        body: Some(body),
        ..whole(kinds)
    }
}

/// The right answer, badly sent.
pub(super) const fn broken(how: How, kinds: &'static [ErrorKind]) -> Fault {
    Fault {
        how,
        ..whole(kinds)
    }
}

impl Fault {
    pub(super) const fn waits(self) -> Self {
        self.advises(Advice::Wait)
    }

    pub(super) const fn after(self, header: &'static str, seconds: RangeInclusive<u64>) -> Self {
        self.advises(Advice::After(header, seconds))
    }

    pub(super) const fn after_date(self, ahead: i64, seconds: RangeInclusive<u64>) -> Self {
        self.advises(Advice::Date(ahead, seconds))
    }

    const fn advises(self, advice: Advice) -> Self {
        Self {
            status: self.status,
            content_type: self.content_type,
            body: self.body,
            how: self.how,
            kinds: self.kinds,
            advice,
        }
    }

    fn reply(&self, subject: &Subject) -> Result<Reply, Not> {
        let mut reply = subject.good()?.clone();
        if let Some(status) = self.status {
            reply.status = status;
        }
        if let Some(body) = self.body {
            reply.body = Bytes::from_static(body);
            reply.headers = vec![("content-type".to_owned(), self.content_type.to_owned())];
        }
        reply.how = self.how;
        let mut after = |value| reply.headers.push(("retry-after".to_owned(), value));
        match &self.advice {
            Advice::None | Advice::Wait => {}
            Advice::After(seconds, _) => after((*seconds).to_owned()),
            Advice::Date(ahead, _) => {
                let at = subject.now().checked_add(SignedDuration::from_secs(*ahead));
                let date =
                    at.and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at));
                let date = date.map_err(|error| Not::Held(error.to_string()))?;
                after(date);
            }
        }
        Ok(reply)
    }

    pub(super) async fn try_on(&self, subject: &Subject) -> Checked {
        let upstream = subject.upstream()?;
        let case = subject.main()?;
        upstream.plan(Plan::Always(self.reply(subject)?));
        let answers = subject.ask(&case.queries).await?;
        if upstream.counts().requests == 0 {
            return failed("the upstream was not asked");
        }
        let error = self.is_right(&answers)?;
        let seen = match error.retry {
            Retry::After(wait) => format!("{}, after {} s", error.kind.as_str(), wait.as_secs()),
            Retry::Now | Retry::Never => error.kind.as_str().to_owned(),
        };
        works(subject).await?;
        Ok(seen)
    }

    fn is_right<'a>(&self, answers: &'a [Answer]) -> Result<&'a Error, Not> {
        let Some(Err(error)) = answers.first() else {
            return failed("becomes a report");
        };
        if !self.kinds.contains(&error.kind) {
            return failed(format!("becomes {error}"));
        }
        let wait = match error.retry {
            Retry::After(wait) => Some(wait.as_secs()),
            Retry::Now | Retry::Never => None,
        };
        let is_advised = match &self.advice {
            Advice::None => true,
            Advice::Wait => wait.is_some_and(|wait| wait > 0),
            Advice::After(_, seconds) | Advice::Date(_, seconds) => {
                wait.is_some_and(|wait| seconds.contains(&wait))
            }
        };
        if is_advised {
            return Ok(error);
        }
        failed(match wait {
            None => format!("{} without a wait", error.kind.as_str()),
            Some(wait) => format!("{} with a wait of {wait} s", error.kind.as_str()),
        })
    }
}

/// Checks that the next call is answered as if nothing had happened.
pub(super) async fn works(subject: &Subject) -> Result<(), Not> {
    let case = subject.main()?;
    subject.plan(case);
    let answers = subject.ask(&case.queries).await?;
    for (answer, query) in answers.iter().zip(&case.queries) {
        if let Err(Not::Held(detail)) = reports(answer, query) {
            return failed(format!("the next call {detail}"));
        }
    }
    Ok(())
}

/// Lets the upstream answer in this way.
fn sends(subject: &Subject, how: How) -> Result<&Upstream, Not> {
    let upstream = subject.upstream()?;
    let reply = Reply {
        how,
        ..subject.good()?.clone()
    };
    upstream.plan(Plan::Always(reply));
    Ok(upstream)
}

/// Checks that nobody waits for the upstream any more.
async fn is_left(upstream: &Upstream, what: &str) -> Result<(), Not> {
    if upstream.until(PATIENCE, |counts| counts.open == 0).await {
        return Ok(());
    }
    failed(format!("it still waits for the upstream 5 s after {what}"))
}

/// Checks that a call ends at its time with a time-out.
async fn times_out(subject: &Subject, how: How) -> Checked {
    let upstream = sends(subject, how)?;
    let queries = &subject.main()?.queries;
    let begun = Instant::now();
    let answers = subject.ask_within(queries, SHORT).await?;
    let took = begun.elapsed();
    let arrived = upstream.counts().requests > 0;
    if !arrived {
        return failed("the upstream was not asked");
    }
    if let Some(word) = answers.iter().map(word).find(|word| *word != "timeout") {
        return failed(format!("becomes {word}"));
    }
    is_left(upstream, "the deadline").await?;
    works(subject).await?;
    Ok(format!("timeout, {:.1} s of 1 s", took.as_secs_f64()))
}

pub(super) async fn slow(subject: &Subject) -> Checked {
    times_out(subject, How::Hang).await
}

pub(super) async fn drip(subject: &Subject) -> Checked {
    times_out(subject, How::Drip).await
}

pub(super) async fn cancelled(subject: &Subject) -> Checked {
    let upstream = sends(subject, How::Hang)?;
    let queries = &subject.main()?.queries;
    let arrived = upstream.until(subject.within, |counts| counts.requests > 0);
    tokio::select! {
        answers = subject.ask(queries) => {
            answers?;
            return failed("it answers although the upstream did not");
        }
        arrived = arrived => if !arrived {
            return failed("the upstream was not asked");
        }
    }
    is_left(upstream, "the call was cancelled").await?;
    works(subject).await?;
    Ok("the upstream was left".to_owned())
}

pub(super) async fn no_retries(subject: &Subject) -> Checked {
    let allowed = subject.cases.requests;
    let queries = &subject.main()?.queries;
    let mut most = 0;
    for (status, how) in [
        (StatusCode::SERVICE_UNAVAILABLE, How::Whole),
        (StatusCode::TOO_MANY_REQUESTS, How::Whole),
        (StatusCode::OK, How::Close),
        (StatusCode::OK, How::Cut),
    ] {
        let upstream = subject.upstream()?;
        let reply = Reply {
            how,
            status: status.as_u16(),
            ..subject.good()?.clone()
        };
        upstream.plan(Plan::Always(reply));
        subject.ask(queries).await?;
        let asked = upstream.counts().requests;
        if asked > allowed {
            let name = if how == How::Whole {
                status.as_str()
            } else {
                "a lost connection"
            };
            return failed(format!(
                "{asked} requests after {name}, of {allowed} allowed"
            ));
        }
        most = most.max(asked);
    }
    Ok(format!("at most {most} requests of {allowed} allowed"))
}
