//! The Redis of a role, from its section.

use waybill_core::privacy::Secret;

use super::{CacheSettings, StoreSettings};
use crate::redis::RedisConfig;

/// The roles have the same keys, so that either can have a server of its own.
macro_rules! roles {
    ($($section:ident),*) => {$(
        impl $section {
            /// The Redis of this role; `None`: there is none.
            pub fn redis(&self) -> Option<RedisConfig> {
                (!self.redis.is_empty()).then(|| RedisConfig {
                    url: Secret::new(self.redis.clone()),
                    password_file: self.redis_password_file.clone(),
                    sentinel_password_file: self.redis_sentinel_password_file.clone(),
                    ca_file: self.redis_ca_file.clone(),
                    prefix: self.prefix.clone(),
                    response_timeout: self.redis_time.0,
                    connect_timeout: self.redis_connect_time.0,
                })
            }
        }
    )*};
}

roles!(CacheSettings, StoreSettings);
