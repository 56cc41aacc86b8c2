//! Who asks.

/// The principal behind a call: which tenant it acts for and what it may see and do.
///
/// The tenant comes from the credential and never from a request field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Tenant id; see [`is_tenant`].
    pub tenant: String,
    /// What the caller may see and do.
    pub scopes: Scopes,
}

/// Something that a caller may do or see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Look shipments up.
    Track,
    /// Follow them by streams.
    Watch,
    /// Register and unregister shipments, and list what is registered.
    Register,
    /// Work on exceptions.
    Exceptions,
    /// Report events of the tenant's own systems.
    Ingest,
    /// Ask for key figures.
    Analytics,
    /// See the fields whose comment says "Personal data.".
    Personal,
    /// Have sources asked that bill each call or register each number.
    Paid,
    /// Take out what is held of a shipment, as received.
    Evidence,
    /// Operate the gateway.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Track,
        Self::Watch,
        Self::Register,
        Self::Exceptions,
        Self::Ingest,
        Self::Analytics,
        Self::Personal,
        Self::Paid,
        Self::Evidence,
        Self::Admin,
    ];

    /// Name, as credentials and errors have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Watch => "watch",
            Self::Register => "register",
            Self::Exceptions => "exceptions",
            Self::Ingest => "ingest",
            Self::Analytics => "analytics",
            Self::Personal => "personal",
            Self::Paid => "paid",
            Self::Evidence => "evidence",
            Self::Admin => "admin",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// What a caller may see and do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u16);

impl Scopes {
    /// Everything.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Tells whether a scope is among them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u16) != 0
    }

    /// Those that both have.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The scopes, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let bits = scopes.into_iter().map(|scope| 1 << scope as u16);
        Self(bits.fold(0, |all: u16, bit: u16| all | bit))
    }
}

/// Tenant of a server that has no authentication.
pub const LOCAL: &str = "local";

impl Caller {
    /// Returns nobody: a tenant that no credential has, and no scopes.
    pub fn nobody() -> Self {
        Self {
            tenant: String::new(),
            scopes: Scopes::default(),
        }
    }

    /// Returns the caller of a server that has no authentication: the machine's own user, who may
    /// see everything.
    pub fn local() -> Self {
        Self {
            tenant: LOCAL.to_owned(),
            scopes: Scopes::all(),
        }
    }
}

/// Whether a text can be the id of a tenant: 1 to 64 characters a-z, 0-9 and hyphen.
pub fn is_tenant(id: &str) -> bool {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=64).contains(&id.len()) && id.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_hold_what_was_put_into_them_and_nothing_else() {
        for scope in Scope::ALL {
            let one = Scopes::from_iter([scope]);
            assert_eq!(one.iter().collect::<Vec<_>>(), [scope]);
            assert_eq!(Scope::from_name(scope.as_str()), Some(scope));
            assert!(Scopes::all().has(scope) && !Scopes::default().has(scope));
            assert_eq!(one.and(Scopes::all()), one);
        }
        assert_eq!(Scope::from_name("everything"), None);
    }

    #[test]
    fn a_tenant_has_a_short_plain_id() {
        assert!(is_tenant("shop-a") && is_tenant(&"a".repeat(64)));
        for wrong in ["", "Shop", "shop_a", "shop a", "shöp", &"a".repeat(65)] {
            assert!(!is_tenant(wrong), "{wrong}");
        }
    }
}
