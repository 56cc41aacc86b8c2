//! Which sources exist: a table of descriptors that can be looked up by id.

use crate::adapter::{Adapter, Descriptor, Settings};

/// All known sources, in the order of their table.
#[derive(Clone, Copy)]
pub struct Registry {
    descriptors: &'static [&'static Descriptor],
}

impl Registry {
    /// Wraps a table.
    pub const fn new(descriptors: &'static [&'static Descriptor]) -> Self {
        Self { descriptors }
    }

    /// Every descriptor.
    pub fn iter(self) -> impl Iterator<Item = &'static Descriptor> {
        self.descriptors.iter().copied()
    }

    /// Finds a source by id.
    ///
    /// # Errors
    /// Names the known ids.
    pub fn get(self, id: &str) -> Result<&'static Descriptor, String> {
        self.iter()
            .find(|descriptor| descriptor.id == id)
            .ok_or_else(|| {
                let known: Vec<_> = self.iter().map(|descriptor| descriptor.id).collect();
                format!("unknown source {id:?}; known sources: {}", known.join(", "))
            })
    }

    /// Builds the adapter of one account from raw key-value pairs.
    ///
    /// # Errors
    /// An unknown key (naming the known ones), a missing required key, or what the source's own
    /// check says.
    pub fn build(
        self,
        id: &str,
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Box<dyn Adapter>, String> {
        let descriptor = self.get(id)?;
        let mut values: Vec<(&'static str, String)> = Vec::new();
        for (key, value) in pairs {
            let setting = descriptor
                .settings
                .iter()
                .find(|setting| setting.key == key);
            let setting = setting.ok_or_else(|| {
                let known: Vec<_> = descriptor
                    .settings
                    .iter()
                    .map(|setting| setting.key)
                    .collect();
                format!(
                    "sources.{id}: unknown key {key:?}; known keys: {}",
                    known.join(", ")
                )
            })?;
            values.push((setting.key, value));
        }
        for setting in descriptor.settings {
            let given = values
                .iter()
                .any(|(key, value)| *key == setting.key && !value.is_empty());
            if !given && setting.required {
                return Err(format!("sources.{id}: {} is required", setting.key));
            }
            if !given && !setting.default.is_empty() {
                values.retain(|(key, _)| *key != setting.key);
                values.push((setting.key, setting.default.to_owned()));
            }
        }
        (descriptor.build)(&Settings::new(values)).map_err(|error| format!("sources.{id}: {error}"))
    }
}
