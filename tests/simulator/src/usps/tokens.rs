//! Owns USPS accounts and their access tokens. Knows no tracking.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::quota::{Quota, Usage};

const LIFETIME: Duration = Duration::from_secs(28_799);

/// Why a call is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Token,
    Scope,
    OverQuota,
}

struct Account {
    secret: String,
    usage: Usage,
}

struct Token {
    client_id: String,
    scopes: Vec<String>,
    good_until: Instant,
}

#[derive(Default)]
pub(super) struct Tokens {
    accounts: BTreeMap<String, Account>,
    tokens: HashMap<String, Token>,
    serial: u64,
}

impl Tokens {
    pub(super) fn set_account(&mut self, client_id: &str, secret: &str, quota: Quota) {
        let account = Account {
            secret: secret.to_owned(),
            usage: Usage::new(quota),
        };
        self.accounts.insert(client_id.to_owned(), account);
    }

    /// The token reply, numbers as strings; `None` if the client is not known by that secret. A token is
    /// given for whatever scope is asked, none included.
    pub(super) fn issue(
        &mut self,
        client_id: &str,
        secret: &str,
        scopes: Vec<String>,
        now: Timestamp,
    ) -> Option<Value> {
        self.accounts
            .get(client_id)
            .filter(|account| account.secret == secret)?;
        self.serial += 1;
        let access_token = format!("simulated.{:08x}.{client_id}", self.serial);
        let scope = scopes.join(" ");
        let token = Token {
            client_id: client_id.to_owned(),
            scopes,
            good_until: Instant::now() + LIFETIME,
        };
        self.tokens.insert(access_token.clone(), token);
        Some(json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "issued_at": now.as_millisecond().to_string(),
            "expires_in": LIFETIME.as_secs().to_string(),
            "status": "approved",
            "scope": scope,
            "issuer": "https://keyc.example/realms/simulated",
            "client_id": client_id,
            "application_name": "simulated",
            "api_products": "[simulated]",
        }))
    }

    /// Checks a Bearer `Authorization` and counts the call to its account.
    pub(super) fn admit(
        &mut self,
        authorization: &str,
        scope: &str,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let bearer = authorization
            .strip_prefix("Bearer ")
            .ok_or(Refused::Token)?;
        let token = self.tokens.get(bearer).ok_or(Refused::Token)?;
        if token.good_until <= Instant::now() {
            return Err(Refused::Token);
        }
        if !token.scopes.iter().any(|held| held == scope) {
            return Err(Refused::Scope);
        }
        let account = self
            .accounts
            .get_mut(&token.client_id)
            .ok_or(Refused::Token)?;
        if account.usage.admit(now) {
            Ok(())
        } else {
            Err(Refused::OverQuota)
        }
    }
}
