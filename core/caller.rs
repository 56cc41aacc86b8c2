//! Who asks.

/// The principal behind a call: which tenant it acts for and what it may see.
///
/// The tenant comes from the credential and never from a request field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Tenant id, `[a-z0-9-]+`.
    pub tenant: String,
    /// What the caller may see and do.
    pub scopes: Scopes,
}

/// What a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes {
    /// Fields whose comment says "Personal data.".
    pub personal: bool,
}

impl Caller {
    /// Returns the caller of a server that has no authentication: the machine's own user, who may
    /// see everything.
    pub fn local() -> Self {
        Self {
            tenant: "local".to_owned(),
            scopes: Scopes { personal: true },
        }
    }
}
