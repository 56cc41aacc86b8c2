//! The OAuth2 variant: one token for all calls of an account, instead of a digest in each.
//!
//! One request for a token is under way at a time; who had to wait for it takes its outcome,
//! token or error, instead of asking again. The age of a token is judged by the moment of asking.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use form_urlencoded::Serializer;
use futures_util::lock::Mutex;
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Confidential, Ctx};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::privacy::Secret;

use super::wire::Envelope;
use super::{FORM, fault, internal};

/// A token is good for two hours, and given up a minute before.
const LIFETIME: SignedDuration = SignedDuration::from_secs(2 * 3_600 - 60);

/// The token of an account and how to get it.
pub(super) struct Tokens {
    url: String,
    partner: String,
    check_word: Secret,
    /// Requests for a token that have ended.
    flights: AtomicU64,
    last: Mutex<Option<Outcome>>,
}

type Outcome = Result<Token, Error>;

/// A token; `flight` tells it from its successors.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) value: Secret,
    pub(super) flight: u64,
    expires: Timestamp,
}

impl Tokens {
    /// Wraps credentials.
    pub(super) fn new(base_url: &str, partner: &str, check_word: &Secret) -> Self {
        Self {
            url: format!("{base_url}/oauth2/accessToken"),
            partner: partner.to_owned(),
            check_word: check_word.clone(),
            flights: AtomicU64::new(0),
            last: Mutex::new(None),
        }
    }

    /// Returns the token, or a new one if it is old or if the source refused the one of flight
    /// `refused`.
    pub(super) async fn get(&self, ctx: Ctx<'_>, refused: Option<u64>) -> Outcome {
        let seen = self.flights.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        let waited = self.flights.load(Ordering::Acquire) > seen;
        match last.as_ref() {
            Some(Ok(token))
                if refused != Some(token.flight) && (waited || token.expires > ctx.now) =>
            {
                return Ok(token.clone());
            }
            Some(Err(error)) if waited => return Err(error.clone()),
            _ => {}
        }
        let flight = self.flights.load(Ordering::Acquire) + 1;
        let outcome = self.ask(ctx, flight).await;
        *last = Some(outcome.clone());
        self.flights.store(flight, Ordering::Release);
        outcome
    }

    async fn ask(&self, ctx: Ctx<'_>, flight: u64) -> Outcome {
        let form = Serializer::new(String::new())
            .append_pair("partnerID", &self.partner)
            .append_pair("secret", self.check_word.expose())
            .append_pair("grantType", "password")
            .finish();
        let request = http::Request::post(&self.url)
            .extension(Confidential)
            .header(CONTENT_TYPE, FORM)
            .header(ACCEPT, "application/json")
            .body(Bytes::from(form))
            .map_err(internal)?;
        let response = ctx.http.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(fault::of_status(&response, ctx.now)));
        }
        let malformed = || Error::new(ErrorKind::Malformed, "token answer not understood");
        let envelope: Envelope<'_> =
            serde_json::from_slice(response.body()).map_err(|_| malformed())?;
        if envelope.code.is_empty() {
            return Err(malformed());
        }
        fault::of_platform(&envelope)
            .map_err(|error| refusal(fault::timed(error, &response, ctx.now)))?;
        if envelope.access_token.trim().is_empty() {
            return Err(malformed());
        }
        Ok(Token {
            value: Secret::new(envelope.access_token.trim().to_owned()),
            flight,
            expires: ctx.now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX),
        })
    }
}

/// A refused request for a token is never about a number.
fn refusal(mut error: Error) -> Error {
    if error.kind == ErrorKind::InvalidQuery {
        error.kind = ErrorKind::Denied;
        error.retry = Retry::Never;
    }
    error.message = format!("no token: {}", error.message);
    error
}
