//! The accounts of a source: `[sources.<id>]` and `[sources.<id>.accounts.<name>]`.

use serde::{Deserialize, Serialize};
use waybill_core::adapter::Limits;
use waybill_core::caller::is_tenant;

use super::Span;
use crate::money::{Amount, Budget};

/// One account of a source: its own settings and its limits.
pub struct Account {
    /// Name, "default" if the source has only one.
    pub name: String,
    /// Settings for the registry, with `<key>_file` read.
    pub pairs: Vec<(String, String)>,
    /// `limits.*`
    pub limits: LimitSettings,
    /// Price of one call, however many numbers it asks for, in whatever unit the operator counts.
    pub cost: Amount,
    /// What the account may cost in a UTC day.
    pub daily_budget: Budget,
    /// Tenants that may use it and see what it says; empty: all of them.
    pub tenants: Vec<String>,
    /// It is asked.
    pub enabled: bool,
}

/// `[sources.<id>.limits]`: changes to what the source's own documents allow.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Requests per second.
    pub per_second: Option<f64>,
    /// Requests that may come at once.
    pub burst: Option<u32>,
    /// Requests per UTC day; 0: no daily limit.
    pub per_day: Option<u32>,
    /// Time for one attempt.
    pub timeout: Option<Span>,
    /// A call slower than this counts as slow for the breaker.
    pub slow: Option<Span>,
    /// Least time between two requests for one number.
    pub min_interval: Option<Span>,
}

impl LimitSettings {
    /// Puts the changes over what the source's own documents allow.
    pub fn over(&self, own: Limits) -> Limits {
        Limits {
            batch: own.batch,
            per_second: self.per_second.unwrap_or(own.per_second),
            burst: self.burst.unwrap_or(own.burst),
            per_day: self.per_day.unwrap_or(own.per_day),
            timeout: self.timeout.map_or(own.timeout, |span| span.0),
            slow: self.slow.map_or(own.slow, |span| span.0),
            min_interval: self.min_interval.map_or(own.min_interval, |span| span.0),
        }
    }
}

/// Reads the accounts of a source: the section, or each of `accounts` over the section's keys.
///
/// # Errors
/// Names the section and what is wrong with it, never a value.
pub fn accounts(id: &str, section: &toml::Table) -> Result<Vec<Account>, String> {
    let mut shared = section.clone();
    let limits = match shared.remove("limits") {
        None => LimitSettings::default(),
        Some(limits) => LimitSettings::deserialize(limits)
            .map_err(|error| format!("sources.{id}.limits: {}", error.message()))?,
    };
    let accounts = match shared.remove("accounts") {
        None => return Ok(vec![account(id, "default", &shared, limits)?]),
        Some(toml::Value::Table(accounts)) => accounts,
        Some(_) => return Err(format!("sources.{id}.accounts: is not a section")),
    };
    let mut all = Vec::new();
    for (name, own) in &accounts {
        let toml::Value::Table(own) = own else {
            return Err(format!("sources.{id}.accounts.{name}: is not a section"));
        };
        let mut merged = shared.clone();
        merged.extend(own.clone());
        all.push(account(id, name, &merged, limits.clone())?);
    }
    Ok(all)
}

fn account(
    id: &str,
    name: &str,
    table: &toml::Table,
    limits: LimitSettings,
) -> Result<Account, String> {
    let mut pairs = Vec::new();
    let (mut cost, mut daily_budget) = (Amount::ZERO, Budget::default());
    let mut tenants = Vec::new();
    let mut enabled = true;
    let wrong = |key: &str, error: &str| format!("sources.{id}.{key}: {error}");
    for (key, value) in table {
        if key == "tenants" {
            tenants = Vec::deserialize(value.clone())
                .ok()
                .filter(|all: &Vec<String>| all.iter().all(|one| is_tenant(one)))
                .ok_or_else(|| wrong(key, "must be a list of tenants' ids"))?;
            continue;
        }
        let value = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
                value.to_string()
            }
            _ => {
                return Err(format!(
                    "sources.{id}.{key}: must be a text, a number or a boolean"
                ));
            }
        };
        match key.as_str() {
            "enabled" => {
                let read = value.parse();
                enabled = read.map_err(|_| wrong(key, "must be true or false"))?;
                continue;
            }
            "cost" => {
                cost = value.parse().map_err(|error| wrong(key, error))?;
                continue;
            }
            "daily_budget" => {
                daily_budget = value.parse().map_err(|error| wrong(key, error))?;
                continue;
            }
            _ => {}
        }
        match key.strip_suffix("_file") {
            Some(key) => {
                let secret = std::fs::read_to_string(&value).map_err(|error| {
                    format!("sources.{id}.{key}_file: cannot read {value}: {error}")
                })?;
                pairs.push((key.to_owned(), secret.trim().to_owned()));
            }
            None => pairs.push((key.clone(), value)),
        }
    }
    Ok(Account {
        name: name.to_owned(),
        pairs,
        limits,
        cost,
        daily_budget,
        tenants,
        enabled,
    })
}
