//! From `[plugins.<id>]` to a descriptor: what a built-in source states in its folder, a plug-in's
//! operator states in the configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;

use waybill_core::adapter::{Capabilities, Descriptor, Proof};
use waybill_core::event::SourceClass;
use waybill_core::number;
use waybill_core::registry::Registry;

use super::read::{is_id, is_language};
use crate::config::{PluginClass, PluginSettings};

/// Hints that the API has.
pub(crate) const HINTS: [&str; 5] = [
    "postal_code",
    "destination_country",
    "origin_country",
    "ship_date",
    "phone_last_four",
];
/// Greatest number of queries in one call.
const BATCH: usize = 100;

/// Adds the configured plug-ins to the built-in sources.
///
/// # Errors
/// Names the setting that is wrong.
pub fn registry(
    built_in: Registry,
    plugins: &BTreeMap<String, PluginSettings>,
) -> Result<Registry, String> {
    if plugins.is_empty() {
        return Ok(built_in);
    }
    let mut all: Vec<&'static Descriptor> = built_in.iter().collect();
    for (id, settings) in plugins {
        if built_in.iter().any(|source| source.id == id) {
            return Err(format!("plugins.{id}: is the id of a built-in source"));
        }
        let descriptor =
            descriptor(id, settings).map_err(|error| format!("plugins.{id}{error}"))?;
        // Descriptors live as long as the program everywhere. Those of plug-ins are made once, at
        // the start, a few hundred bytes each, so that is what these do, too.
        all.push(Box::leak(Box::new(descriptor)));
    }
    Ok(Registry::new(all.leak()))
}

fn descriptor(id: &str, settings: &PluginSettings) -> Result<Descriptor, String> {
    if !is_id(id) {
        return Err(": an id consists of a-z, 0-9 and hyphen, at most 64".to_owned());
    }
    check_endpoint(settings)?;
    let is_aggregator = settings.class == PluginClass::Aggregator;
    if is_aggregator != settings.carrier.is_empty() {
        return Err(".carrier: must be set, and must not be set for an aggregator".to_owned());
    }
    if !is_aggregator && !is_id(&settings.carrier) {
        return Err(".carrier: must consist of a-z, 0-9 and hyphen, at most 64".to_owned());
    }
    if !is_language(&settings.language) {
        return Err(".language: must be a BCP 47 tag, such as \"en\"".to_owned());
    }
    if !(1..=BATCH).contains(&settings.batch) {
        return Err(format!(".batch: must be 1 to {BATCH}"));
    }
    if let Some(unknown) = settings
        .formats
        .iter()
        .find(|id| number::format(id).is_none())
    {
        return Err(format!(".formats: there is no format {unknown:?}"));
    }
    let limits = settings.limits();
    if limits.timeout.is_zero() {
        return Err(".timeout: must be more than 0 s".to_owned());
    }
    let name = match settings.name.as_str() {
        "" => id,
        name => name,
    };
    let formats: Vec<&'static str> = settings.formats.iter().map(|id| leak(id)).collect();
    Ok(Descriptor {
        id: leak(id),
        carrier: leak(&settings.carrier),
        display_name: leak(name),
        api: "plug-in (waybill.adapter.v1)",
        country: "",
        tracking_url: "",
        pages: &[],
        class: match settings.class {
            PluginClass::Carrier => SourceClass::Carrier,
            PluginClass::Aggregator => SourceClass::Aggregator,
            PluginClass::Internal => SourceClass::Internal,
        },
        capabilities: Capabilities {
            paid: false,
            registers: false,
            push: settings.push.then_some(Proof::Signature),
            order_lookup: false,
            required_hints: hints("required_hints", &settings.required_hints)?,
            optional_hints: hints("hints", &settings.hints)?,
            language: leak(&settings.language),
            default_time_zone: "",
            delivery_estimate: false,
            proof_of_delivery: false,
            history_days: 0,
            deposit_reported_as_delivered: false,
        },
        limits,
        formats: formats.leak(),
        carriers: &[],
        settings: &[],
        build: |_| Err("is a plug-in: its settings belong under [plugins]".to_owned()),
    })
}

fn leak(text: &str) -> &'static str {
    text.to_owned().leak()
}

fn hints(setting: &str, names: &[String]) -> Result<&'static [&'static str], String> {
    let known = |name: &String| HINTS.into_iter().find(|hint| hint == name);
    let read: Option<Vec<&'static str>> = names.iter().map(known).collect();
    let read = read.ok_or_else(|| format!(".{setting}: known hints: {}", HINTS.join(", ")))?;
    Ok(read.leak())
}

/// Numbers and names go to a plug-in in clear, so by default it is on the same machine.
fn check_endpoint(settings: &PluginSettings) -> Result<(), String> {
    let endpoint = settings.endpoint.as_str();
    if endpoint.is_empty() {
        return Err(".endpoint: is required".to_owned());
    }
    if endpoint.starts_with("unix:/") {
        return Ok(());
    }
    let uri: Option<http::Uri> = endpoint.parse().ok();
    let host = uri
        .as_ref()
        .filter(|uri| uri.scheme_str() == Some("http") && uri.port().is_some())
        .and_then(|uri| uri.host())
        .ok_or(".endpoint: must be http://host:port or unix:/path")?;
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = address
        .parse::<IpAddr>()
        .map_or(address == "localhost", |it| it.is_loopback());
    if is_here || settings.insecure {
        Ok(())
    } else {
        Err(
            ".endpoint: is not on this machine and would be spoken to in clear; set insecure to \
             do so all the same"
                .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Descriptor, String> {
        descriptor("acme", &toml::from_str(text).unwrap())
    }

    #[test]
    fn what_is_wrong_is_named() {
        let here = "endpoint = \"http://127.0.0.1:1\"\n";
        for (text, expected) in [
            ("carrier = \"acme\"", ".endpoint"),
            (
                "endpoint = \"127.0.0.1:1\"\ncarrier = \"acme\"",
                ".endpoint",
            ),
            (
                "endpoint = \"https://[::1]:1\"\ncarrier = \"acme\"",
                ".endpoint",
            ),
            (
                "endpoint = \"http://[2001:db8::1]:1\"\ncarrier = \"acme\"",
                "insecure",
            ),
            (here, ".carrier"),
            (&format!("{here}carrier = \"Acme\""), ".carrier"),
            (
                &format!("{here}carrier = \"acme\"\nclass = \"aggregator\""),
                ".carrier",
            ),
            (
                &format!("{here}carrier = \"acme\"\nlanguage = \"?\""),
                ".language",
            ),
            (&format!("{here}carrier = \"acme\"\nbatch = 0"), ".batch"),
            (
                &format!("{here}carrier = \"acme\"\nformats = [\"none\"]"),
                ".formats",
            ),
            (
                &format!("{here}carrier = \"acme\"\nhints = [\"name\"]"),
                ".hints",
            ),
            (
                &format!("{here}carrier = \"acme\"\ntimeout = \"0s\""),
                ".timeout",
            ),
        ] {
            let error = check(text).map(|_| ()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_plug_in_is_a_source_with_what_the_operator_states() {
        let source = check(
            "endpoint = \"unix:/run/acme\"\ncarrier = \"acme\"\nformats = [\"s10\"]\nbatch = 5\n\
             timeout = \"2s\"\nhints = [\"postal_code\"]\nlimits = { per_day = 9 }",
        )
        .unwrap();
        assert_eq!(
            (source.id, source.carrier, source.display_name),
            ("acme", "acme", "acme")
        );
        assert_eq!((source.limits.batch, source.limits.per_day), (5, 9));
        assert_eq!(source.limits.timeout.as_secs(), 2);
        assert_eq!(source.formats, ["s10"]);
        assert_eq!(source.capabilities.optional_hints, ["postal_code"]);
        let elsewhere = "endpoint = \"http://plugin:1\"\ncarrier = \"acme\"\ninsecure = true";
        assert!(check(elsewhere).is_ok());
    }

    #[test]
    fn a_built_in_id_is_taken() {
        let plugins = BTreeMap::from([(
            "acme".to_owned(),
            PluginSettings {
                endpoint: "http://localhost:1".to_owned(),
                carrier: "acme".to_owned(),
                ..PluginSettings::default()
            },
        )]);
        let once = registry(Registry::new(&[]), &plugins).unwrap();
        assert!(once.get("acme").is_ok());
        let twice = registry(once, &plugins).map(|_| ()).unwrap_err();
        assert!(twice.contains("built-in"), "{twice}");
        let error = once.build("acme", []).map(|_| ()).unwrap_err();
        assert!(error.contains("[plugins]"), "{error}");
    }
}
