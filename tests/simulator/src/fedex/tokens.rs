//! Owns FedEx projects and their access tokens (Authorization API). Knows no tracking.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::quota::{Quota, Usage};

const LIFETIME: Duration = Duration::from_secs(3_600);

/// Why a call is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The token is unknown or has expired.
    Token,
    /// The words alone say which limit it was.
    OverQuota(&'static str),
}

struct Account {
    secret: String,
    usage: Usage,
}

pub(super) struct Tokens {
    accounts: BTreeMap<String, Account>,
    /// Whose token it is, and until when it is good.
    tokens: HashMap<String, (String, Instant)>,
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

    pub(super) fn set_lifetime(&mut self, lifetime: Duration) {
        self.lifetime = lifetime;
    }

    pub(super) fn expire_all(&mut self) {
        self.tokens.clear();
    }

    /// The token reply; `None` if the client is not known by that secret.
    pub(super) fn issue(&mut self, client_id: &str, secret: &str) -> Option<Value> {
        self.accounts
            .get(client_id)
            .filter(|account| account.secret == secret)?;
        self.serial += 1;
        let access_token = format!("simulated.{:08x}.jwt", self.serial);
        let good_until = Instant::now() + self.lifetime;
        let token = (client_id.to_owned(), good_until);
        self.tokens.insert(access_token.clone(), token);
        Some(json!({
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": self.lifetime.as_secs(),
            "scope": "CXS",
        }))
    }

    /// Checks a Bearer `Authorization` and counts the call to its account.
    pub(super) fn admit(&mut self, authorization: &str, now: Timestamp) -> Result<(), Refused> {
        let bearer = authorization
            .strip_prefix("Bearer ")
            .ok_or(Refused::Token)?;
        let (client_id, good_until) = self.tokens.get(bearer).ok_or(Refused::Token)?;
        if *good_until <= Instant::now() {
            return Err(Refused::Token);
        }
        let account = self.accounts.get_mut(client_id).ok_or(Refused::Token)?;
        if account.usage.admit(now) {
            return Ok(());
        }
        Err(Refused::OverQuota(match account.usage.quota.per_second {
            None => "The daily limit of the project is reached.",
            Some(_) => "Too many transactions within ten seconds.",
        }))
    }
}
