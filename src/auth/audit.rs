//! What auditors read: one structured line each under the target `audit`, without secrets.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

use super::Denied;
use super::keys::Record;

/// Target of the lines.
pub const TARGET: &str = "audit";
/// Milliseconds between two lines about failures; the next line says how many were left out.
const PAUSE: i64 = 1_000;

/// Counts refused credentials, and logs some of them.
#[derive(Default)]
pub(super) struct Failures {
    last: AtomicI64,
    left_out: AtomicU64,
}

impl Failures {
    /// Notes one. The method is as the caller wrote it, so it is not logged unless it is ours.
    pub(super) fn note(&self, denied: Denied, method: &'static str, now: Timestamp) {
        let reason = denied.as_str();
        metrics::counter!("waybill_auth_failures_total", "reason" => reason).increment(1);
        let now = now.as_millisecond();
        let last = self.last.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(last) >= PAUSE;
        let is_ours = is_due
            && self
                .last
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !is_ours {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        tracing::warn!(
            target: TARGET,
            reason,
            method,
            left_out,
            "authentication_failed"
        );
    }
}

/// A key was made.
pub fn key_created(key: &Record) {
    let (id, tenant) = (&key.id, &key.tenant);
    let scopes = key.scopes.join(" ");
    let expires = key.expire_time.map(|time| time.to_string());
    let expires = expires.as_deref().unwrap_or("never");
    tracing::info!(target: TARGET, key = id, tenant, scopes, expires, "key_created");
}

/// A key was revoked.
pub fn key_revoked(key: &Record) {
    let (id, tenant) = (&key.id, &key.tenant);
    tracing::info!(target: TARGET, key = id, tenant, "key_revoked");
}

/// A server has read keys anew.
pub(super) fn keys_read(generation: u64, count: usize) {
    tracing::info!(target: TARGET, generation, count, "keys_read");
}

/// A server has read its configuration anew.
pub fn configured(cause: &'static str, generation: u64, applied: &str, restart: &str) {
    tracing::info!(target: TARGET, cause, generation, applied, restart, "config_reloaded");
}

/// An operator has called a method that changes something; `what` says it in a few words, without
/// personal data.
pub fn operated(who: &str, method: &'static str, what: &str, outcome: &'static str) {
    tracing::info!(target: TARGET, tenant = who, method, what, outcome, "operator_call");
}
