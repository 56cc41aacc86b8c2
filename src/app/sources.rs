//! The configured sources, each of their accounts behind its guard.

use std::sync::Arc;

use waybill_core::adapter::{Adapter, Descriptor, Http, Limits};
use waybill_core::owner;
use waybill_core::registry::Registry;

use super::http_client;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::guard::{self, Guard, Ledger, Nodes, Purse};
use crate::money::{Amount, Budget};
use crate::pipeline::{MadeOf, Pack, Source};
use crate::remote::Remote;

/// Builds every account of every configured source, behind its guard. The registry has the
/// plug-ins in it; see [`crate::remote::registry`].
///
/// # Errors
/// Names the setting that is wrong.
pub fn sources(
    config: &Config,
    registry: Registry,
    clock: &Clock,
) -> Result<Vec<Arc<Source>>, String> {
    sources_after(config, registry, clock, &http_client(config)?, &[], None)
}

/// Builds what takes the place of `before`. An account whose settings are the same stays the same,
/// connections, tokens and all; of the others the guards stay, with what is spent and how it stands.
///
/// # Errors
/// Names the setting that is wrong.
pub(crate) fn sources_after(
    config: &Config,
    registry: Registry,
    clock: &Clock,
    http: &crate::http::Client,
    before: &[Arc<Source>],
    nodes: Option<&Nodes>,
) -> Result<Vec<Arc<Source>>, String> {
    let budget = config.routing.daily_budget;
    let all = Arc::new(match before.first() {
        Some(source) => source.guard.purse().of_all().with_budget(budget),
        None => Ledger::new("routing.daily_budget".to_owned(), budget),
    });
    let known = |id: &str, account: &str| {
        let mut before = before.iter();
        before.find(|source| source.descriptor.id == id && source.account == account)
    };
    let purse = |section: &str, id: &str, account: &str, cost: Amount, budget: Budget| {
        if let Some(source) = known(id, account) {
            return source.guard.purse().after(cost, budget, Arc::clone(&all));
        }
        let own = Ledger::new(format!("{section}.{id}.daily_budget"), budget);
        Purse::new(cost, own, Arc::clone(&all))
    };
    let guarded = |descriptor: &'static Descriptor,
                   account: String,
                   adapter: Arc<dyn Adapter>,
                   limits: Limits,
                   tenants: Vec<String>,
                   purse: Purse,
                   enabled: bool,
                   made_of: MadeOf|
     -> Result<Arc<Source>, String> {
        let known = known(descriptor.id, &account);
        if let Some(same) = known.filter(|source| source.made_of == made_of) {
            return Ok(Arc::clone(same));
        }
        let only = http.only(&adapter.reaches());
        let http: Arc<dyn Http> =
            Arc::new(only.map_err(|error| format!("sources.{}: {error}", descriptor.id))?);
        let platforms = adapter.platforms();
        let whose = guard::Account {
            source: descriptor.id,
            name: &account,
            limits,
            purse,
            nodes: nodes.cloned(),
        };
        let guard = Guard::after(
            whose,
            Arc::clone(&adapter),
            http,
            &config.guard,
            clock.clone(),
            known.map(|source| guard::Before {
                guard: &source.guard,
                same_credentials: source.made_of.credentials == made_of.credentials,
            }),
        );
        Ok(Arc::new(Source {
            descriptor,
            account,
            name: owner::name_of(descriptor.id, &tenants),
            tenants,
            limits,
            platforms,
            adapter,
            guard,
            pack: Pack::default(),
            enabled,
            made_of,
        }))
    };
    let mut sources = Vec::new();
    for (id, section) in &config.sources {
        let descriptor = registry.get(id)?;
        for account in config::accounts(id, section)? {
            let made_of = MadeOf::of(config, section, &account.pairs);
            let mut adapter: Arc<dyn Adapter> = Arc::from(registry.build(id, account.pairs)?);
            if let Some(same) = known(id, &account.name)
                && same.made_of.credentials == made_of.credentials
            {
                // It has a token already.
                adapter = Arc::clone(&same.adapter);
            }
            let mut limits = account.limits.over(descriptor.limits);
            limits.batch = adapter.batch(&limits).max(1);
            let (name, tenants, enabled) = (account.name, account.tenants, account.enabled);
            let purse = purse("sources", id, &name, account.cost, account.daily_budget);
            sources.push(guarded(
                descriptor, name, adapter, limits, tenants, purse, enabled, made_of,
            )?);
        }
    }
    for (id, settings) in &config.plugins {
        let descriptor = registry.get(id)?;
        let limits = descriptor.limits;
        let adapter = Remote::new(descriptor, &settings.endpoint, &limits)
            .map_err(|error| format!("plugins.{id}.endpoint: {error}"))?;
        sources.push(guarded(
            descriptor,
            "default".to_owned(),
            Arc::new(adapter),
            limits,
            Vec::new(),
            purse(
                "plugins",
                id,
                "default",
                settings.cost,
                settings.daily_budget,
            ),
            true,
            // Its settings are those of the start, whatever the file says by now.
            MadeOf::of(config, &toml::Table::new(), &[]),
        )?);
    }
    Ok(sources)
}
