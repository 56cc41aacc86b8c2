//! Owns UPS accounts and their access tokens (OAuthClientCredentials.yaml). Knows no tracking.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::quota::{Quota, Usage};

const LIFETIME: Duration = Duration::from_secs(14_399);

/// Why a call is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Unknown,
    Expired,
    Revoked,
    OverQuota,
}

struct Account {
    secret: String,
    usage: Usage,
}

struct Token {
    client_id: String,
    good_until: Instant,
    ended: Option<Refused>,
}

pub(super) struct Tokens {
    accounts: BTreeMap<String, Account>,
    tokens: HashMap<String, Token>,
    lifetime: Duration,
    serial: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            accounts: BTreeMap::new(),
            tokens: HashMap::new(),
            lifetime: LIFETIME,
            serial: 0,
        }
    }
}

impl Tokens {
    pub(super) fn set_account(&mut self, client_id: &str, secret: &str, quota: Quota) {
        let account = Account {
            secret: secret.to_owned(),
            usage: Usage::new(quota),
        };
        self.accounts.insert(client_id.to_owned(), account);
    }

    pub(super) fn remove_account(&mut self, client_id: &str) {
        self.accounts.remove(client_id);
        self.tokens.retain(|_, token| token.client_id != client_id);
    }

    pub(super) fn set_lifetime(&mut self, lifetime: Duration) {
        self.lifetime = lifetime;
    }

    pub(super) fn end_all(&mut self, how: Refused) {
        for token in self.tokens.values_mut() {
            token.ended = Some(how);
        }
    }

    /// The token reply for a Basic `Authorization`; `None` if the client is not known by that secret.
    pub(super) fn issue(&mut self, authorization: &str, now: Timestamp) -> Option<Value> {
        let pair = STANDARD
            .decode(authorization.strip_prefix("Basic ")?)
            .ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (client_id, secret) = pair.split_once(':')?;
        self.accounts
            .get(client_id)
            .filter(|account| account.secret == secret)?;
        self.serial += 1;
        let access_token = format!("simulated.{:08x}.{client_id}", self.serial);
        let token = Token {
            client_id: client_id.to_owned(),
            good_until: Instant::now() + self.lifetime,
            ended: None,
        };
        self.tokens.insert(access_token.clone(), token);
        Some(json!({
            "token_type": "Bearer",
            "issued_at": now.as_millisecond().to_string(),
            "client_id": client_id,
            "access_token": access_token,
            "scope": "",
            "expires_in": self.lifetime.as_secs().to_string(),
            "refresh_count": "0",
            "status": "approved",
        }))
    }

    /// Checks a Bearer `Authorization` and counts the call to its account.
    pub(super) fn admit(&mut self, authorization: &str, now: Timestamp) -> Result<(), Refused> {
        let bearer = authorization
            .strip_prefix("Bearer ")
            .ok_or(Refused::Unknown)?;
        let token = self.tokens.get(bearer).ok_or(Refused::Unknown)?;
        if let Some(how) = token.ended {
            return Err(how);
        }
        if token.good_until <= Instant::now() {
            return Err(Refused::Expired);
        }
        let account = self
            .accounts
            .get_mut(&token.client_id)
            .ok_or(Refused::Unknown)?;
        if account.usage.admit(now) {
            Ok(())
        } else {
            Err(Refused::OverQuota)
        }
    }
}
