//! Whose an observation is: what the carriers tell everybody is shared, and what came by a tenant's
//! own account or from its own systems is seen by that tenant only.
//!
//! The owner is part of the name under which a source stands in a dossier, `source@tenant` or
//! `source@tenant+tenant`, so that two tenants' claims never are one claim, replace each other, or
//! have one id. Without an owner a name is the id of the source, and what it says is shared.

use std::collections::BTreeSet;

use crate::caller::LOCAL;
use crate::event::Digest;
use crate::number::TrackingNumber;
use crate::reconcile::Dossier;

/// Between a source and its owners; no id has it.
const OWNED_BY: char = '@';
/// Between two owners; no tenant's id has it.
const AND: char = '+';

/// Nobody in particular: no tenant has this id.
pub const SHARED: &str = "";

/// Name of a source that these tenants own; the id of the source itself if it is shared, or the
/// server's only tenant's.
pub fn name_of<T: AsRef<str>>(source: &str, tenants: &[T]) -> String {
    let tenants: Vec<&str> = tenants.iter().map(AsRef::as_ref).collect();
    if tenants.is_empty() || tenants == [LOCAL] {
        return source.to_owned();
    }
    format!("{source}{OWNED_BY}{}", tenants.join(&AND.to_string()))
}

/// Id of the source behind a name.
pub fn source_of(name: &str) -> &str {
    name.split_once(OWNED_BY).map_or(name, |(source, _)| source)
}

/// Tenants that own a name, as they stand in it; `None` if it is shared.
pub fn owner_of(name: &str) -> Option<&str> {
    name.split_once(OWNED_BY).map(|(_, owners)| owners)
}

/// Whether a tenant sees what stands under a name.
pub fn sees(tenant: &str, name: &str) -> bool {
    match owner_of(name) {
        None => true,
        Some(owners) => owners.split(AND).any(|owner| owner == tenant),
    }
}

/// What a tenant sees of a dossier.
pub enum View {
    /// All of it.
    All,
    /// This.
    Part(Box<Dossier>),
    /// Nothing but that it exists: only others have spoken of it.
    Nothing(Box<Dossier>),
}

impl Dossier {
    /// Whether somebody whom this shows has named it by this number. A number that only another
    /// tenant's own sources connect with it leads nobody else to it.
    pub fn is_named(&self, number: &TrackingNumber) -> bool {
        *number == self.number
            || self.is_stated(number.reveal())
            || self.facts.iter().any(|facts| facts.under.contains(number))
            || self.superseded.iter().any(|one| one.number == *number)
            || self.told_numbers().contains(number)
    }

    /// The tenant whose own sources alone have spoken of it; `None` if there is no such one.
    pub fn only_owner(&self) -> Option<&str> {
        let observed = self.observations.iter().map(|one| &*one.source);
        let stated = self.facts.iter().map(|facts| facts.source.as_str());
        let mut owners = observed.chain(stated).map(|name| {
            let owners = owner_of(name)?;
            (!owners.contains(AND)).then_some(owners)
        });
        let first = owners.next()??;
        owners.all(|one| one == Some(first)).then_some(first)
    }

    /// What a tenant sees of it.
    pub fn seen_by(&self, tenant: &str) -> View {
        let observed = self.observations.iter().map(|one| &*one.source);
        let stated = self.facts.iter().map(|facts| facts.source.as_str());
        if observed.chain(stated).all(|name| sees(tenant, name)) {
            return View::All;
        }
        let mut part = self.clone();
        part.observations.retain(|one| sees(tenant, &one.source));
        part.facts.retain(|facts| sees(tenant, &facts.source));
        let seen: BTreeSet<Digest> = part.observations.iter().map(|one| one.id).collect();
        part.photos.retain(|photo| seen.contains(&photo.event));
        if part.observations.is_empty() && part.facts.is_empty() {
            return View::Nothing(Box::new(part));
        }
        View::Part(Box::new(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_it_is() {
        let shared = name_of::<&str>("ups", &[]);
        let own = name_of("ups", &["shop-a", "shop-b"]);
        assert_eq!(
            (shared.as_str(), own.as_str()),
            ("ups", "ups@shop-a+shop-b")
        );
        assert_eq!(name_of("internal", &[LOCAL]), "internal");
        assert_eq!((source_of(&shared), source_of(&own)), ("ups", "ups"));
        for (tenant, seen) in [
            ("shop-a", true),
            ("shop-b", true),
            ("shop", false),
            ("", false),
        ] {
            assert!(sees(tenant, &shared));
            assert_eq!(sees(tenant, &own), seen, "{tenant}");
        }
    }
}
