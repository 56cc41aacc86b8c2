//! `[log]`

use serde::{Deserialize, Serialize};

use super::Config;

section! {
    /// `[log]`
    LogSettings {
        /// What is logged: a level, or levels by module as in "info,waybill::guard=debug".
        filter: String = "info".to_owned(),
        /// Percent of the calls answered from kept bytes that get a line; every other call has one.
        kept_percent: f64 = 1.0,
    }
}

impl Config {
    /// Checks every section that has something to be checked.
    ///
    /// # Errors
    /// Names the setting and its bounds.
    pub fn check_all(&self) -> Result<(), String> {
        self.check()?;
        self.server.tls.check()?;
        if !self.auth.spiffe.is_empty() && !self.server.tls.asks_clients() {
            return Err("auth.spiffe: needs server.tls.client_ca_file".to_owned());
        }
        self.kpi.check()?;
        self.quota.check()?;
        self.evidence.check()?;
        self.push.check()?;
        self.schedule.check()?;
        self.trace.check()?;
        if !(0.0..=100.0).contains(&self.log.kept_percent) {
            return Err("log.kept_percent: must be 0 to 100".to_owned());
        }
        Ok(())
    }
}
