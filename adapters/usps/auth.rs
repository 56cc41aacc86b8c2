//! OAuth2 client credentials: one token for all calls of an account, good for about eight hours.
//!
//! One request for a token is under way at a time; who had to wait for it takes its outcome,
//! token or error, instead of asking again. The age of a token is judged by the moment of asking.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::lock::Mutex;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Confidential, Ctx};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::privacy::Secret;

use super::wire::{Body, Credentials};
use super::{fault, internal};

/// A token is given up this long before it expires.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// The token of an account and how to get it.
pub(super) struct Tokens {
    url: String,
    id: String,
    secret: Secret,
    /// Without its scope a token is given out and refused later.
    scope: &'static str,
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
    /// Wraps credentials. `pushes` adds the scope of subscriptions.
    pub(super) fn new(base_url: &str, id: &str, secret: Secret, pushes: bool) -> Self {
        Self {
            url: format!("{base_url}/oauth2/v3/token"),
            id: id.to_owned(),
            secret,
            scope: if pushes {
                "tracking subscriptions-tracking"
            } else {
                "tracking"
            },
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
        let credentials = Credentials {
            client_id: &self.id,
            client_secret: self.secret.expose(),
            grant_type: "client_credentials",
            scope: self.scope,
        };
        let request = http::Request::post(&self.url)
            .extension(Confidential)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(serde_json::to_vec(&credentials).map_err(internal)?.into())
            .map_err(internal)?;
        let response: http::Response<Bytes> = ctx.http.send(request).await?;
        if !response.status().is_success() {
            return Err(refusal(&response, ctx.now));
        }
        let malformed = || Error::new(ErrorKind::Malformed, "token answer not understood");
        let body: Body<'_> = serde_json::from_slice(response.body()).map_err(|_| malformed())?;
        let token = body.items.first().ok_or_else(malformed)?;
        let seconds: u32 = token.expires_in.trim().parse().map_err(|_| malformed())?;
        if token.access_token.is_empty() {
            return Err(malformed());
        }
        let life = SignedDuration::from_secs(i64::from(seconds)) - MARGIN;
        Ok(Token {
            value: Secret::new(format!("Bearer {}", token.access_token)),
            flight,
            expires: ctx.now.checked_add(life).unwrap_or(Timestamp::MAX),
        })
    }
}

/// A refused request for a token is never about a number.
fn refusal(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let mut error = fault::of_response(response, now);
    if matches!(error.kind, ErrorKind::InvalidQuery | ErrorKind::NotFound) {
        error.kind = ErrorKind::Denied;
        error.retry = Retry::Never;
    }
    error.message = format!("no token: {}", error.message);
    error
}

/// Makes a header that nobody prints.
pub(super) fn secret_header(value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value).map_err(internal)?;
    value.set_sensitive(true);
    Ok(value)
}
