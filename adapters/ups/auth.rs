//! OAuth2 client credentials: one token for all calls of an account.
//!
//! What callers share of it: `token.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use waybill_core::adapter::{Confidential, Ctx};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::privacy::Secret;

use super::wire::Token as WireToken;
use super::{fault, internal};
use crate::token::{self, Grant, Token};

/// Seconds before it expires in which a token is not used any more.
const MARGIN: i64 = 60;

/// The token of an account and how to get it.
pub(super) struct Tokens {
    url: String,
    basic: Secret,
    merchant: String,
    kept: token::Tokens,
}

impl Tokens {
    /// Wraps credentials. `merchant` is the shipper number, or empty.
    pub(super) fn new(base_url: &str, id: &str, secret: &Secret, merchant: &str) -> Self {
        let pair = Secret::new(format!("{id}:{}", secret.expose()));
        Self {
            url: format!("{base_url}/security/v1/oauth/token"),
            basic: Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))),
            merchant: merchant.to_owned(),
            kept: token::Tokens::default(),
        }
    }

    /// Returns the token, or a new one if it is old or if the source refused the one of flight
    /// `refused`.
    pub(super) async fn get(&self, ctx: Ctx<'_>, refused: Option<u64>) -> Result<Token, Error> {
        self.kept.get(ctx.now, refused, self.ask(ctx)).await
    }

    async fn ask(&self, ctx: Ctx<'_>) -> Result<Grant, Error> {
        let mut request = http::Request::post(&self.url)
            .extension(Confidential)
            .header(AUTHORIZATION, token::secret_header(self.basic.expose())?)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        if !self.merchant.is_empty() {
            request = request.header("x-merchant-id", &self.merchant);
        }
        let body = Bytes::from_static(b"grant_type=client_credentials");
        let request = request.body(body).map_err(internal)?;
        let response = ctx.http.send(request).await?;
        if !response.status().is_success() {
            return Err(refusal(&response, ctx.now));
        }
        let token: WireToken<'_> =
            crate::wire::from_slice(response.body()).map_err(|_| token::malformed())?;
        let use_for = |seconds| seconds - MARGIN;
        Grant::bearer(&token.access_token, &token.expires_in, use_for, ctx.now)
    }
}

/// A refused request for a token is never about a number.
fn refusal(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let error = fault::of_response(response, now);
    let is_of_a_number = matches!(error.kind, ErrorKind::InvalidQuery | ErrorKind::NotFound);
    token::refusal(error, is_of_a_number)
}
