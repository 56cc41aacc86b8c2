//! The OAuth2 variant: one token for all calls of an account, instead of a digest in each.
//!
//! What callers share of it: `token.rs`.

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::SignedDuration;
use waybill_core::adapter::{Confidential, Ctx};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::privacy::Secret;

use super::wire::Envelope;
use super::{FORM, fault, internal};
use crate::token::{self, Grant, Token};

/// A token is good for two hours, and given up a minute before.
const LIFETIME: SignedDuration = SignedDuration::from_secs(2 * 3_600 - 60);

/// The token of an account and how to get it.
pub(super) struct Tokens {
    url: String,
    partner: String,
    check_word: Secret,
    kept: token::Tokens,
}

impl Tokens {
    /// Wraps credentials.
    pub(super) fn new(base_url: &str, partner: &str, check_word: &Secret) -> Self {
        Self {
            url: format!("{base_url}/oauth2/accessToken"),
            partner: partner.to_owned(),
            check_word: check_word.clone(),
            kept: token::Tokens::default(),
        }
    }

    /// Returns the token, or a new one if it is old or if the source refused the one of flight
    /// `refused`.
    pub(super) async fn get(&self, ctx: Ctx<'_>, refused: Option<u64>) -> Result<Token, Error> {
        self.kept.get(ctx.now, refused, self.ask(ctx)).await
    }

    async fn ask(&self, ctx: Ctx<'_>) -> Result<Grant, Error> {
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
        let envelope: Envelope<'_> =
            crate::wire::from_slice(response.body()).map_err(|_| token::malformed())?;
        if envelope.code.is_empty() {
            return Err(token::malformed());
        }
        fault::of_platform(&envelope)
            .map_err(|error| refusal(fault::timed(error, &response, ctx.now)))?;
        let value = envelope.access_token.trim();
        if value.is_empty() {
            return Err(token::malformed());
        }
        Ok(Grant::new(value.to_owned(), LIFETIME, ctx.now))
    }
}

/// A refused request for a token is never about a number.
fn refusal(error: Error) -> Error {
    let is_of_a_number = error.kind == ErrorKind::InvalidQuery;
    token::refusal(error, is_of_a_number)
}
