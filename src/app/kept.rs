//! Where what is known is kept: which store a configuration means, and what belongs to it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backup::AUDIT;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::store::Store;
use crate::store::file::FileStore;
use crate::store::memory::MemoryStore;
use crate::store::redis::{Beside, RedisStore};
use crate::store::seal::Keys;
use crate::store::vault::Vault;

/// The store, the keys that belong to it, and whether it works.
pub(super) struct Kept {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Arc<Keys>,
    /// Where nodes share what is due and what may be asked, if they do.
    pub(super) beside: Option<Beside>,
    /// Keys of shipments in the data directory, if there is one.
    pub(super) vault: Option<Arc<Vault>>,
    /// The store, if it is the data directory.
    pub(super) files: Option<Arc<FileStore>>,
    pub(super) is_working: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Kept {
    /// A store that depends on nothing that can be away.
    fn here(store: Arc<dyn Store>, keys: Arc<Keys>) -> Self {
        Self {
            store,
            keys,
            beside: None,
            vault: None,
            files: None,
            is_working: Box::new(|| true),
        }
    }
}

/// Where the audit log is, if one is kept.
pub fn audit_file(config: &Config) -> Option<PathBuf> {
    let (file, folder) = (&config.privacy.audit_file, &config.store.data_dir);
    match (file.as_os_str().is_empty(), folder.as_os_str().is_empty()) {
        (false, _) => Some(file.clone()),
        (true, false) => Some(folder.join(AUDIT)),
        (true, true) => None,
    }
}

/// The keys in the data directory of a node whose store is elsewhere.
fn vault_of(
    settings: &config::StoreSettings,
    keys: &Arc<Keys>,
) -> Result<Option<Arc<Vault>>, String> {
    if settings.data_dir.as_os_str().is_empty() {
        return Ok(None);
    }
    let vault = Vault::open(&settings.data_dir, Arc::clone(keys));
    let vault = vault.map_err(|error| format!("store.data_dir: {error}"))?;
    Ok(Some(Arc::new(vault)))
}

/// Opens what the configuration names.
pub(super) async fn store(config: &Config, clock: &Clock) -> Result<Kept, String> {
    let settings = &config.store;
    let key_file = Some(&settings.key_file).filter(|path| !path.as_os_str().is_empty());
    if let Some(redis) = settings.redis() {
        let keys = shared_keys(settings)?;
        let store = RedisStore::open(redis, Arc::clone(&keys), clock.clone());
        let store = store
            .await
            .map_err(|error| format!("store.redis: {error}"))?;
        let store = Arc::new(store);
        let looking = Arc::clone(&store);
        return Ok(Kept {
            beside: Some(store.beside()),
            store,
            vault: vault_of(settings, &keys)?,
            keys,
            files: None,
            is_working: Box::new(move || looking.is_working()),
        });
    }
    if !settings.data_dir.as_os_str().is_empty() {
        let store = FileStore::open(&settings.data_dir, key_file.map(AsRef::as_ref))
            .map_err(|error| format!("store.data_dir: {error}"))?;
        let keys = Arc::clone(store.keys());
        let store = Arc::new(store);
        return Ok(Kept {
            vault: Some(Arc::clone(store.vault())),
            files: Some(Arc::clone(&store)),
            ..Kept::here(store, keys)
        });
    }
    let keys = match key_file {
        Some(path) => Keys::read(path).map_err(|error| format!("store.key_file: {error}"))?,
        None => Keys::random().map_err(|error| format!("no random bytes for a key: {error}"))?,
    };
    let store = Arc::new(MemoryStore::new(settings.memory_shipments));
    Ok(Kept::here(store, Arc::new(keys)))
}

/// The keys of nodes that share a store.
///
/// # Errors
/// No file is named, or it cannot be read.
pub fn shared_keys(settings: &config::StoreSettings) -> Result<Arc<Keys>, String> {
    if settings.key_file.as_os_str().is_empty() {
        return Err(
            "store.redis: nodes that share a store need the same master key: set store.key_file"
                .to_owned(),
        );
    }
    let keys = Keys::read(&settings.key_file);
    keys.map(Arc::new)
        .map_err(|error| format!("store.key_file: {error}"))
}
