//! OAuth2 client credentials: one token for all calls of an account, good for about eight hours.
//!
//! What callers share of it: `token.rs`.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::Timestamp;
use waybill_core::adapter::{Confidential, Ctx};
use waybill_core::error::{Error, ErrorKind};
use waybill_core::privacy::Secret;

use super::wire::{Body, Credentials};
use super::{fault, internal};
use crate::token::{self, Grant, Token};

/// Seconds before it expires in which a token is not used any more.
const MARGIN: i64 = 60;

/// The token of an account and how to get it.
pub(super) struct Tokens {
    url: String,
    id: String,
    secret: Secret,
    /// Without its scope a token is given out and refused later.
    scope: &'static str,
    kept: token::Tokens,
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
            kept: token::Tokens::default(),
        }
    }

    /// Returns the token, or a new one if it is old or if the source refused the one of flight
    /// `refused`.
    pub(super) async fn get(&self, ctx: Ctx<'_>, refused: Option<u64>) -> Result<Token, Error> {
        self.kept.get(ctx.now, refused, self.ask(ctx)).await
    }

    async fn ask(&self, ctx: Ctx<'_>) -> Result<Grant, Error> {
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
        let body: Body<'_> =
            crate::wire::from_slice(response.body()).map_err(|_| token::malformed())?;
        let token = body.items.first().ok_or_else(token::malformed)?;
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
