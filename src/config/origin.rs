//! Where the configuration of a program comes from, to read it again.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::{Config, environment, load};
use crate::control::Origin;

/// Puts what the command line says over a configuration.
type Adjust = Box<dyn Fn(&mut Config) + Send + Sync>;

/// A file, the environment and the command line.
pub struct Files {
    file: Option<PathBuf>,
    adjust: Adjust,
    /// Files of credentials that the last configuration named.
    named: Mutex<Vec<PathBuf>>,
}

impl Files {
    /// Of a file, if there is one. `adjust` has the last word.
    pub fn new(
        file: Option<PathBuf>,
        adjust: impl Fn(&mut Config) + Send + Sync + 'static,
    ) -> Self {
        Self {
            file,
            adjust: Box::new(adjust),
            named: Mutex::default(),
        }
    }
}

impl Origin for Files {
    fn read(&self) -> Result<Config, String> {
        let mut config = load(self.file.as_deref(), environment())?;
        (self.adjust)(&mut config);
        let mut named = Vec::new();
        for section in config.sources.values() {
            gather(section, &mut named);
        }
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = named;
        Ok(config)
    }

    fn digest(&self) -> [u8; 32] {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hash = Sha256::new();
        for path in self.file.iter().chain(named.iter()) {
            add(&mut hash, path);
        }
        hash.finalize().into()
    }
}

fn add(hash: &mut Sha256, path: &Path) {
    match std::fs::read(path) {
        Ok(bytes) => {
            hash.update(bytes.len().to_be_bytes());
            hash.update(bytes);
        }
        // A file that is gone is another one than an empty file.
        Err(error) => hash.update(format!("{:?}", error.kind())),
    }
}

/// Files of credentials in a section and those in it.
fn gather(section: &toml::Table, named: &mut Vec<PathBuf>) {
    for (key, value) in section {
        match value {
            toml::Value::Table(inner) => gather(inner, named),
            toml::Value::String(path) if key.ends_with("_file") => named.push(path.into()),
            _ => {}
        }
    }
}
