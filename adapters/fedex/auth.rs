//! OAuth2: one token for all calls of an account.
//!
//! One request for a token is under way at a time; who had to wait for it takes its outcome,
//! token or error, instead of asking again. Requests for tokens are counted per address of the
//! caller, whatever the account, so a refusal stands for some minutes. The age of a token is
//! judged by the moment of asking.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::lock::Mutex;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Confidential, Ctx, Settings};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::privacy::Secret;

use super::wire::Body;
use super::{fault, internal};

/// How long a refusal stands.
const REFUSAL: SignedDuration = SignedDuration::from_mins(2);

/// The token of an account and how to get it.
pub(super) struct Tokens {
    url: String,
    /// The form, credentials included.
    form: Secret,
    /// Requests for a token that have ended.
    flights: AtomicU64,
    last: Mutex<Option<Last>>,
}

/// What came of the last request.
struct Last {
    outcome: Outcome,
    /// Until when a refusal stands.
    stands: Option<Timestamp>,
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
    ///
    /// # Errors
    /// Names the setting that is missing or wrong.
    pub(super) fn new(base_url: &str, settings: &Settings) -> Result<Self, String> {
        let grant = settings.get("grant_type");
        let child = match grant {
            "client_credentials" => false,
            "csp_credentials" | "client_pc_credentials" => true,
            _ => {
                return Err("grant_type must be client_credentials, csp_credentials or \
                            client_pc_credentials"
                    .to_owned());
            }
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", grant);
        form.append_pair("client_id", settings.get("client_id"));
        form.append_pair("client_secret", settings.get("client_secret"));
        if child {
            for (key, name) in [("child_key", "child_Key"), ("child_secret", "child_secret")] {
                let value = settings.get(key);
                if value.is_empty() {
                    return Err(format!("{key} must be set for this grant_type"));
                }
                form.append_pair(name, value);
            }
        }
        Ok(Self {
            url: format!("{base_url}/oauth/token"),
            form: Secret::new(form.finish()),
            flights: AtomicU64::new(0),
            last: Mutex::new(None),
        })
    }

    /// Returns the token, or a new one if it is old or if the source refused the one of flight
    /// `refused`.
    pub(super) async fn get(&self, ctx: Ctx<'_>, refused: Option<u64>) -> Outcome {
        let seen = self.flights.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        let waited = self.flights.load(Ordering::Acquire) > seen;
        match last.as_ref().map(|last| (&last.outcome, last.stands)) {
            Some((Ok(token), _))
                if refused != Some(token.flight) && (waited || token.expires > ctx.now) =>
            {
                return Ok(token.clone());
            }
            Some((Err(error), _)) if waited => return Err(error.clone()),
            Some((Err(error), Some(until))) if until > ctx.now => {
                return Err(error.clone().unspent());
            }
            _ => {}
        }
        let flight = self.flights.load(Ordering::Acquire) + 1;
        let mut stands = None;
        let outcome = self.ask(ctx, flight, &mut stands).await;
        *last = Some(Last {
            outcome: outcome.clone(),
            stands,
        });
        self.flights.store(flight, Ordering::Release);
        outcome
    }

    async fn ask(&self, ctx: Ctx<'_>, flight: u64, stands: &mut Option<Timestamp>) -> Outcome {
        let request = http::Request::post(&self.url)
            .extension(Confidential)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(Bytes::copy_from_slice(self.form.expose().as_bytes()))
            .map_err(internal)?;
        let response = ctx.http.send(request).await?;
        if !response.status().is_success() {
            if response.status().is_client_error() {
                *stands = ctx.now.checked_add(REFUSAL).ok();
            }
            return Err(refusal(&response, ctx.now));
        }
        let malformed = || Error::new(ErrorKind::Malformed, "token answer not understood");
        let token: Body<'_> = serde_json::from_slice(response.body()).map_err(|_| malformed())?;
        let seconds: u32 = token.expires_in.trim().parse().map_err(|_| malformed())?;
        if token.access_token.is_empty() {
            return Err(malformed());
        }
        // It is given up when nine tenths of its life are over.
        let life = SignedDuration::from_secs(i64::from(seconds) * 9 / 10);
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
    if fault::is_of_a_number(&error) {
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
