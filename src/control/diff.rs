//! Which settings a running server takes up, and what differs between two configurations.

use serde_json::Value;

use crate::config::Config;

/// Settings that a running server takes up, each with everything below it. All others need a start.
pub const LIVE: &[&str] = &[
    "calls.patience",
    "freshness",
    "guard",
    "log",
    "routing",
    "sources",
];

/// Names of settings that differ: those that a running server takes up, and the others.
pub(super) fn between(running: &Config, new: &Config) -> (Vec<String>, Vec<String>) {
    let mut names = Vec::new();
    compare("", &tree(running), &tree(new), &mut names);
    // Sections hold credentials, so they are in no tree.
    let ids = running.sources.keys().chain(new.sources.keys());
    for id in ids {
        let name = format!("sources.{id}");
        if running.sources.get(id) != new.sources.get(id) && !names.contains(&name) {
            names.push(name);
        }
    }
    let ids = running.plugins.keys().chain(new.plugins.keys());
    for id in ids {
        let text = |config: &Config| {
            let plugin = config.plugins.get(id);
            plugin.map(|plugin| serde_json::to_value(plugin).unwrap_or_default())
        };
        let name = format!("plugins.{id}");
        if text(running) != text(new) && !names.contains(&name) {
            names.push(name);
        }
    }
    names.sort();
    names.into_iter().partition(|name| is_live(name))
}

/// The running configuration with what a running server takes up of the new one.
pub(super) fn live(running: &Config, new: &Config) -> Config {
    let mut taken = running.clone();
    taken.calls.patience = new.calls.patience;
    taken.freshness = new.freshness;
    taken.guard = new.guard.clone();
    taken.log = new.log.clone();
    taken.routing = new.routing.clone();
    taken.sources = new.sources.clone();
    taken
}

fn is_live(name: &str) -> bool {
    LIVE.iter().any(|live| {
        let rest = name.strip_prefix(live);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Every setting that can be shown.
fn tree(config: &Config) -> Value {
    // A configuration that was read can be written.
    serde_json::to_value(config).unwrap_or_default()
}

fn compare(path: &str, one: &Value, other: &Value, names: &mut Vec<String>) {
    let (Value::Object(left), Value::Object(right)) = (one, other) else {
        if one != other {
            names.push(path.to_owned());
        }
        return;
    };
    let keys = left
        .keys()
        .chain(right.keys().filter(|key| !left.contains_key(*key)));
    for key in keys {
        let below = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        let (left, right) = (left.get(key), right.get(key));
        match (left, right) {
            (Some(left), Some(right)) => compare(&below, left, right, names),
            _ => names.push(below),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Span;

    /// What is taken up is what is said to be: each setting is changed by itself.
    #[test]
    fn exactly_the_live_settings_are_taken_up() {
        let running = Config::default();
        let mut new = Config::default();
        new.calls.patience = Span(Duration::from_millis(7));
        new.calls.batch_items = 7;
        new.guard.patience = Duration::from_millis(7);
        new.routing.allow_paid = true;
        new.log.filter = "debug".to_owned();
        new.log.kept_percent = 7.0;
        new.load.requests = 7;
        new.sources.insert("dhl".to_owned(), toml::Table::new());
        let plugin = crate::config::PluginSettings::default();
        new.plugins.insert("own".to_owned(), plugin);
        let (applied, restart) = between(&running, &new);
        let live_names = [
            "calls.patience",
            "guard.patience",
            "log.filter",
            "log.kept_percent",
            "routing.allow_paid",
            "sources.dhl",
        ];
        assert_eq!(applied, live_names);
        let others = ["calls.batch_items", "load.requests", "plugins.own"];
        assert_eq!(restart, others);
        let taken = live(&running, &new);
        let (applied, restart) = between(&taken, &new);
        assert_eq!((applied.as_slice(), restart.len()), (&[][..], others.len()));
        assert!(between(&new, &new).0.is_empty());
    }
}
