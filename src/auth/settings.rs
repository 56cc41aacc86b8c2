//! `[auth]` and `[tenants]`: who may call, and how much.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use waybill_core::caller::{Scope, Scopes, is_tenant};
use waybill_core::privacy::Secret;

/// `[auth]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether callers are asked who they are.
    pub mode: Mode,
    /// File of the API keys, written by `waybill keys`; empty: no API keys.
    pub keys_file: PathBuf,
    /// File of the pepper that keys are hashed with; empty: `keys_file` with `.pepper` after it.
    pub pepper_file: PathBuf,
    /// File of the pepper before, with which older keys were hashed; empty: none.
    pub previous_pepper_file: PathBuf,
    /// The pepper itself, over the file; for the environment.
    #[serde(skip_serializing)]
    pub pepper: Hidden,
    /// The pepper before itself, over the file; for the environment.
    #[serde(skip_serializing)]
    pub previous_pepper: Hidden,
    /// Serve reflection to callers without a credential.
    pub open_reflection: bool,
    /// Issuers of tokens, by a name of your choice.
    pub jwt: BTreeMap<String, JwtSettings>,
    /// Clients with certificates, by the exact SPIFFE id in them.
    pub spiffe: BTreeMap<String, SpiffeSettings>,
}

/// Whether callers are asked who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// If there is a way to know them: a keys file, an issuer or a SPIFFE id.
    #[default]
    Auto,
    /// Never, whatever the address: everybody is the same caller and may do everything.
    None,
}

/// `[auth.jwt.<name>]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct JwtSettings {
    /// Exact value of the claim `iss`.
    pub issuer: String,
    /// Values of the claim `aud`, one of which has to be there.
    pub audiences: Vec<String>,
    /// Algorithms that are taken: RS256, PS256, ES256, EdDSA; empty: all of these.
    pub algorithms: Vec<String>,
    /// File of the issuer's public keys, a JWK set.
    pub jwks_file: PathBuf,
    /// Address of the issuer's public keys, https.
    pub jwks_url: String,
    /// Claim that has the tenant; empty: `tenant`.
    pub tenant_claim: String,
    /// Claim that has the scopes, a text with spaces between or a list; empty: `scope`.
    pub scopes_claim: String,
    /// What stands before each scope that is meant for this service, for example `waybill:`.
    pub scopes_prefix: String,
    /// Tenants that the issuer can speak for; empty: every one.
    pub tenants: Vec<String>,
}

/// `[auth.spiffe."spiffe://..."]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpiffeSettings {
    /// Tenant of the client.
    pub tenant: String,
    /// What it may see and do.
    pub scopes: Vec<String>,
}

/// A credential in the configuration. It is never printed and never written.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "String")]
pub struct Hidden(pub Secret);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hidden")
    }
}

impl Settings {
    /// Whether there is a way to know callers.
    pub fn knows_callers(&self) -> bool {
        self.has_keys() || !self.jwt.is_empty() || !self.spiffe.is_empty()
    }

    /// Whether there are API keys.
    pub fn has_keys(&self) -> bool {
        !self.keys_file.as_os_str().is_empty()
    }

    /// Where the pepper is, unless it is given itself.
    pub fn pepper_path(&self) -> PathBuf {
        match self.pepper_file.as_os_str().is_empty() {
            true => beside(&self.keys_file, "pepper"),
            false => self.pepper_file.clone(),
        }
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), String> {
        if self.mode == Mode::None && self.knows_callers() {
            return Err(
                "auth.mode: is \"none\", although keys_file, jwt or spiffe say who callers are; \
                 take one of them away"
                    .to_owned(),
            );
        }
        for (name, issuer) in &self.jwt {
            let wrong = |field: &str, why: &str| Err(format!("auth.jwt.{name}.{field}: {why}"));
            if issuer.issuer.is_empty() {
                return wrong("issuer", "is required");
            }
            if issuer.audiences.is_empty() {
                return wrong(
                    "audiences",
                    "is required: tokens for other services must not work here",
                );
            }
            let has_file = !issuer.jwks_file.as_os_str().is_empty();
            if has_file != issuer.jwks_url.is_empty() {
                return wrong("jwks_url", "set exactly one of jwks_file and jwks_url");
            }
            if !has_file && !is_safe(&issuer.jwks_url) {
                return wrong("jwks_url", "must begin with https://");
            }
            if let Some(tenant) = issuer.tenants.iter().find(|tenant| !is_tenant(tenant)) {
                return wrong("tenants", &format!("{tenant:?} is not the id of a tenant"));
            }
        }
        let mut issuers: Vec<&str> = self.jwt.values().map(|it| it.issuer.as_str()).collect();
        issuers.sort_unstable();
        if issuers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("auth.jwt: two sections have the same issuer".to_owned());
        }
        for (id, client) in &self.spiffe {
            if !id.starts_with("spiffe://") {
                return Err(format!("auth.spiffe.{id:?}: must begin with spiffe://"));
            }
            if !is_tenant(&client.tenant) {
                return Err(format!("auth.spiffe.{id:?}.tenant: {TENANT}"));
            }
            scopes(&client.scopes).map_err(|why| format!("auth.spiffe.{id:?}.scopes: {why}"))?;
        }
        Ok(())
    }
}

/// What a tenant's id has to be.
pub const TENANT: &str = "must be 1 to 64 characters a-z, 0-9 and hyphen";

/// Only loopback may be spoken to in clear: a proxy that adds TLS, and tests.
fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let is_here = matches!(uri.host(), Some("127.0.0.1" | "[::1]"));
    match uri.scheme_str() {
        Some("https") => uri.host().is_some(),
        Some("http") => is_here,
        _ => false,
    }
}

/// Reads names of scopes.
///
/// # Errors
/// Names the one that is not known, and those that are.
pub fn scopes<T: AsRef<str>>(names: &[T]) -> Result<Scopes, String> {
    let read = |name: &T| {
        let name = name.as_ref();
        Scope::from_name(name).ok_or_else(|| {
            let known = Scope::ALL.map(Scope::as_str).join(", ");
            format!("{name:?} is not a scope; there are {known}")
        })
    };
    names.iter().map(read).collect()
}

/// A file beside another one, with a further ending.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(), String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check()
    }

    #[test]
    fn what_would_let_the_wrong_one_in_is_refused_by_name() {
        let jwt = "[jwt.idp]\nissuer = \"https://idp\"\n";
        let whole = "audiences = [\"waybill\"]\njwks_url = \"https://idp/keys\"\n";
        let cases = [
            ("mode = \"none\"\nkeys_file = \"keys\"", "auth.mode"),
            (jwt, "auth.jwt.idp.audiences"),
            ("[jwt.idp]\naudiences = [\"a\"]", "auth.jwt.idp.issuer"),
            (
                &format!("{jwt}audiences = [\"a\"]"),
                "auth.jwt.idp.jwks_url",
            ),
            (
                &format!("{jwt}{whole}jwks_file = \"x\""),
                "auth.jwt.idp.jwks_url",
            ),
            (
                &format!("{jwt}audiences = [\"a\"]\njwks_url = \"http://idp/keys\""),
                "https",
            ),
            (
                &format!("{jwt}{whole}tenants = [\"A\"]"),
                "auth.jwt.idp.tenants",
            ),
            ("[spiffe.\"https://a\"]\ntenant = \"a\"", "spiffe://"),
            ("[spiffe.\"spiffe://a\"]", "tenant"),
            (
                "[spiffe.\"spiffe://a\"]\ntenant = \"a\"\nscopes = [\"all\"]",
                "\"all\" is not a scope",
            ),
        ];
        for (text, expected) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        read(&format!("{jwt}{whole}")).unwrap();
        read("[spiffe.\"spiffe://a/b\"]\ntenant = \"a\"\nscopes = [\"track\"]").unwrap();
    }

    #[test]
    fn a_pepper_is_neither_printed_nor_written() {
        let settings: Settings = toml::from_str("pepper = \"hunter2\"").unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(!toml::to_string(&settings).unwrap().contains("hunter2"));
        assert_eq!(settings.pepper.0.expose(), "hunter2");
    }
}
