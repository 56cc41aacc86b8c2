//! Tokens of issuers: whose they are, whether they are right, and for how long.
//!
//! **Invariant:** algorithm and key come from the settings and the issuer's keys; what a token says
//! of itself only chooses among them. Times are checked here, by the server's own clock: a claim of
//! the wrong type is wrong, not absent.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use serde_json::Value;
use waybill_core::caller::{Caller, Scope, Scopes, is_tenant};

use super::Denied;
use super::jwks::{Jwks, KeySet};
use super::ring::ALGORITHMS;
use super::settings::JwtSettings;

/// By how many seconds clocks may differ.
const LEEWAY: i64 = 60;
/// Greatest length of a token.
pub(super) const LONGEST: usize = 8 * 1_024;

/// One issuer.
pub(super) struct Issuer {
    /// Its public keys.
    pub(super) jwks: Jwks,
    settings: JwtSettings,
    algorithms: Vec<Algorithm>,
}

/// What a token says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verified {
    /// Whose it is.
    pub(super) caller: Caller,
    /// Until when it works, the leeway included; seconds since 1970.
    pub(super) until: i64,
}

/// Why a token is not verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unverified {
    /// It is wrong.
    Denied(Denied),
    /// The issuer may have a newer key.
    UnknownKey,
}

impl From<Denied> for Unverified {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Issuer {
    /// Takes the settings of an issuer.
    ///
    /// # Errors
    /// Names the algorithm that is not known.
    pub(super) fn new(name: &str, settings: &JwtSettings, jwks: Jwks) -> Result<Self, String> {
        let wanted = |name: &&str| {
            let names = &settings.algorithms;
            names.is_empty() || names.iter().any(|known| known == name)
        };
        let known = |name: &String| ALGORITHMS.iter().any(|(known, _)| known == name);
        if let Some(unknown) = settings.algorithms.iter().find(|name| !known(name)) {
            let names = ALGORITHMS.map(|(name, _)| name).join(", ");
            return Err(format!(
                "auth.jwt.{name}.algorithms: {unknown:?} is not one of {names}"
            ));
        }
        let algorithms = ALGORITHMS.iter().filter(|(name, _)| wanted(name));
        Ok(Self {
            jwks,
            algorithms: algorithms.map(|(_, algorithm)| *algorithm).collect(),
            settings: settings.clone(),
        })
    }

    /// Whether a token says that it is of this issuer.
    pub(super) fn issued(&self, issuer: &str) -> bool {
        self.settings.issuer == issuer
    }

    /// Finds out whose a token is.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Unverified> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Denied::Malformed)?;
        if header.crit.is_some() || !self.algorithms.contains(&header.alg) {
            return Err(Denied::Algorithm.into());
        }
        let keys: std::sync::Arc<KeySet> = self.jwks.keys().ok_or(Unverified::UnknownKey)?;
        let key = keys.find(header.kid.as_deref(), header.alg);
        let key = key.ok_or(Unverified::UnknownKey)?;
        let mut validation = Validation::new(header.alg);
        validation.algorithms = vec![header.alg];
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let read = jsonwebtoken::decode::<serde_json::Map<String, Value>>(token, key, &validation);
        let claims = read.map_err(|_| Denied::Signature)?.claims;
        Ok(self.read(&claims, now.as_second())?)
    }

    fn read(&self, claims: &serde_json::Map<String, Value>, now: i64) -> Result<Verified, Denied> {
        let settings = &self.settings;
        if claims.get("iss").and_then(Value::as_str) != Some(&settings.issuer) {
            return Err(Denied::Issuer);
        }
        let is_ours = |value: &Value| {
            let text = value.as_str();
            text.is_some_and(|text| settings.audiences.iter().any(|known| known == text))
        };
        let for_us = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        if !for_us {
            return Err(Denied::Audience);
        }
        let until = claims
            .get("exp")
            .and_then(seconds)
            .ok_or(Denied::Malformed)?;
        let until = until.saturating_add(LEEWAY);
        if until <= now {
            return Err(Denied::Expired);
        }
        if let Some(start) = claims.get("nbf") {
            let start = seconds(start).ok_or(Denied::Malformed)?;
            if start.saturating_sub(LEEWAY) > now {
                return Err(Denied::Early);
            }
        }
        let named = |setting: &str, usual: &'static str| match setting.is_empty() {
            true => claims.get(usual),
            false => claims.get(setting),
        };
        let tenant = named(&settings.tenant_claim, "tenant").and_then(Value::as_str);
        let tenant = tenant.filter(|tenant| is_tenant(tenant));
        let tenant = tenant.ok_or(Denied::Tenant)?;
        let tenants = &settings.tenants;
        if !tenants.is_empty() && !tenants.iter().any(|known| known == tenant) {
            return Err(Denied::Tenant);
        }
        let scope = |text: &str| {
            let name = text.strip_prefix(settings.scopes_prefix.as_str())?;
            Scope::from_name(name)
        };
        // Scopes for other services are none of ours.
        let scopes: Scopes = match named(&settings.scopes_claim, "scope") {
            Some(Value::String(text)) => text.split_ascii_whitespace().filter_map(scope).collect(),
            Some(Value::Array(all)) => {
                let texts = all.iter().filter_map(Value::as_str);
                texts.filter_map(scope).collect()
            }
            _ => Scopes::default(),
        };
        Ok(Verified {
            caller: Caller {
                tenant: tenant.to_owned(),
                scopes,
            },
            until,
        })
    }
}

/// A NumericDate: seconds since 1970, perhaps with a fraction.
fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    let whole = |number: f64| number.is_finite().then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(whole))
}

/// The issuer that a token names, before anything of it is believed.
pub(super) fn stated_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token);
    claims.ok().map(|claims| claims.iss)
}
