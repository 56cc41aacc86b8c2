//! OAuth2: one token for all calls of an account.
//!
//! What callers share of it: `token.rs`. Requests for tokens are counted per address of the
//! caller, whatever the account, so a refusal stands for some minutes. The age of a token is
//! judged by the moment of asking.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::{SignedDuration, Timestamp};
use waybill_core::adapter::{Confidential, Ctx, Settings};
use waybill_core::error::Error;
use waybill_core::privacy::Secret;

use super::wire::Body;
use super::{fault, internal};
use crate::token::{self, Grant, Refused, Token};

/// How long a refusal stands.
const REFUSAL: SignedDuration = SignedDuration::from_mins(2);

/// The token of an account and how to get it.
pub(super) struct Tokens {
    url: String,
    /// The form, credentials included.
    form: Secret,
    kept: token::Tokens,
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
            kept: token::Tokens::default(),
        })
    }

    /// Returns the token, or a new one if it is old or if the source refused the one of flight
    /// `refused`.
    pub(super) async fn get(&self, ctx: Ctx<'_>, refused: Option<u64>) -> Result<Token, Error> {
        self.kept.get(ctx.now, refused, self.ask(ctx)).await
    }

    async fn ask(&self, ctx: Ctx<'_>) -> Result<Grant, Refused> {
        let request = http::Request::post(&self.url)
            .extension(Confidential)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(Bytes::copy_from_slice(self.form.expose().as_bytes()))
            .map_err(internal)?;
        let response = ctx.http.send(request).await?;
        if !response.status().is_success() {
            let stands = response.status().is_client_error();
            return Err(Refused {
                error: refusal(&response, ctx.now),
                stands: ctx.now.checked_add(REFUSAL).ok().filter(|_| stands),
            });
        }
        let token: Body<'_> =
            crate::wire::from_slice(response.body()).map_err(|_| token::malformed())?;
        // It is given up when nine tenths of its life are over.
        let use_for = |seconds| seconds * 9 / 10;
        let grant = Grant::bearer(&token.access_token, &token.expires_in, use_for, ctx.now)?;
        Ok(grant)
    }
}

/// A refused request for a token is never about a number.
fn refusal(response: &http::Response<Bytes>, now: Timestamp) -> Error {
    let error = fault::of_response(response, now);
    let is_of_a_number = fault::is_of_a_number(&error);
    token::refusal(error, is_of_a_number)
}
