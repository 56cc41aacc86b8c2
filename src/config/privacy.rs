//! How long what is kept, and where it is written down who did what with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Span, secs};

const DAY: u64 = 24 * 3_600;

section! {
    /// `[privacy]`
    PrivacySettings {
        /// File of the audit log, which erasures, exports and what operators do are written into
        /// first; empty: `audit.log` in `store.data_dir`, or none without a data directory. Keep a
        /// copy of it elsewhere: it is what erases again in what is restored.
        audit_file: PathBuf = PathBuf::new(),
        /// How long what led to an erased shipment is neither asked about nor taken in, unless a
        /// tenant registers it again.
        barred: Span = secs(180 * DAY),
        /// A record goes so long after it changed last, as a whole.
        record: Span = secs(180 * DAY),
        /// How often what is too old is looked for.
        sweep: Span = secs(3_600),
        /// Other times for the shipments that a tenant has registered, by tenant id. Of several
        /// tenants the longest counts.
        tenants: BTreeMap<String, TenantRetention> = BTreeMap::new(),
    }
}

/// `[privacy.tenants.<id>]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TenantRetention {
    /// As in `[privacy]`.
    pub record: Span,
}

impl PrivacySettings {
    /// How long a shipment is kept after its last change that these tenants have registered.
    pub fn record_for<'a>(&self, tenants: impl Iterator<Item = &'a str>) -> Duration {
        let own = |tenant: &str| {
            let own = self.tenants.get(tenant);
            own.map_or(self.record.0, |own| own.record.0)
        };
        tenants.map(own).max().unwrap_or(self.record.0)
    }
}
