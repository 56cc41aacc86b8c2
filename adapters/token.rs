//! One token for all calls of an account.
//!
//! One request for a token is under way at a time; who had to wait for it takes its outcome,
//! token or error, instead of asking again. The age of a token is judged by the moment of asking.
//! How a source gives tokens out is its folder's business.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::lock::Mutex;
use http::header::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use waybill_core::error::{Error, ErrorKind, Retry};
use waybill_core::privacy::Secret;

/// The newest token of an account, or why there is none.
#[derive(Default)]
pub(crate) struct Tokens {
    /// Requests for a token that have ended.
    flights: AtomicU64,
    last: Mutex<Option<Last>>,
}

/// What came of the last request.
struct Last {
    outcome: Result<Token, Error>,
    /// Until when a refusal stands; `None` if the next call asks again.
    stands: Option<Timestamp>,
}

/// A token; `flight` tells it from its successors.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) value: Secret,
    pub(crate) flight: u64,
    expires: Timestamp,
}

/// A token as a source gave it out.
pub(crate) struct Grant {
    value: Secret,
    expires: Timestamp,
}

/// A request for a token that failed.
pub(crate) struct Refused {
    pub(crate) error: Error,
    /// Until when nobody need ask again.
    pub(crate) stands: Option<Timestamp>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            error,
            stands: None,
        }
    }
}

impl Grant {
    /// A value that is good for `life` from now on.
    pub(crate) fn new(value: String, life: SignedDuration, now: Timestamp) -> Self {
        Self {
            value: Secret::new(value),
            expires: now.checked_add(life).unwrap_or(Timestamp::MAX),
        }
    }

    /// The answer of OAuth2: a bearer token and the seconds it lives, of which `use_for` says how
    /// many it is used for.
    ///
    /// # Errors
    /// `Malformed` if either is missing.
    pub(crate) fn bearer(
        access_token: &str,
        expires_in: &str,
        use_for: impl FnOnce(i64) -> i64,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let seconds: u32 = expires_in.trim().parse().map_err(|_| malformed())?;
        if access_token.is_empty() {
            return Err(malformed());
        }
        let life = SignedDuration::from_secs(use_for(i64::from(seconds)));
        Ok(Self::new(format!("Bearer {access_token}"), life, now))
    }
}

impl Tokens {
    /// Returns the token, or a new one if it is old or if the source refused the one of flight
    /// `refused`. `ask` is begun only then.
    pub(crate) async fn get<E: Into<Refused>>(
        &self,
        now: Timestamp,
        refused: Option<u64>,
        ask: impl Future<Output = Result<Grant, E>>,
    ) -> Result<Token, Error> {
        let seen = self.flights.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        let waited = self.flights.load(Ordering::Acquire) > seen;
        match last.as_ref().map(|last| (&last.outcome, last.stands)) {
            Some((Ok(token), _))
                if refused != Some(token.flight) && (waited || token.expires > now) =>
            {
                return Ok(token.clone());
            }
            Some((Err(error), _)) if waited => return Err(error.clone()),
            Some((Err(error), Some(until))) if until > now => {
                return Err(error.clone().unspent());
            }
            _ => {}
        }
        let flight = self.flights.load(Ordering::Acquire) + 1;
        let (outcome, stands) = match ask.await.map_err(Into::into) {
            Ok(Grant { value, expires }) => {
                let token = Token {
                    value,
                    flight,
                    expires,
                };
                (Ok(token), None)
            }
            Err(Refused { error, stands }) => (Err(error), stands),
        };
        *last = Some(Last {
            outcome: outcome.clone(),
            stands,
        });
        self.flights.store(flight, Ordering::Release);
        outcome
    }
}

/// The error of a refused request for a token, which is never about a number: one that looks as
/// if it were is a refusal of the credentials.
pub(crate) fn refusal(mut error: Error, is_of_a_number: bool) -> Error {
    if is_of_a_number {
        error.kind = ErrorKind::Denied;
        error.retry = Retry::Never;
    }
    error.message = format!("no token: {}", error.message);
    error
}

/// The error of an answer without a token in it.
pub(crate) fn malformed() -> Error {
    Error::new(ErrorKind::Malformed, "token answer not understood")
}

/// Makes a header that nobody prints.
pub(crate) fn secret_header(value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Error::new(ErrorKind::Internal, "request could not be made").unspent())?;
    value.set_sensitive(true);
    Ok(value)
}
