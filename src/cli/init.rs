//! `waybill init`: a commented configuration with every setting and every source.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use waybill::config::Config;
use waybill_core::registry::Registry;

use super::out::say;

#[derive(Args)]
pub(super) struct Options {
    /// File to write; the standard output if it is not given. An existing file is not touched.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) fn run(options: &Options, registry: Registry) -> Result<ExitCode, String> {
    let text = text(registry)?;
    match &options.out {
        None => say!("{}", text.trim_end()),
        Some(path) => {
            let mut file = std::fs::File::create_new(path)
                .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
            std::io::Write::write_all(&mut file, text.as_bytes())
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            say!("{}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The whole configuration: sections with their defaults, commented out, then the sources.
fn text(registry: Registry) -> Result<String, String> {
    let mut text = String::from(
        "## waybill.toml. Every line that begins with a single # shows a default and can be\n\
         ## un-commented as it stands; words for people have two.\n\
         ## Any setting can come from the environment: WAYBILL_CALLS__PATIENCE=1s sets calls.patience.\n\
         ## A credential can be read from a file: api_key_file = \"/run/secrets/dhl\".\n\n",
    );
    let defaults = toml::to_string(&Config::default()).map_err(|error| error.to_string())?;
    for line in defaults.lines() {
        if line == "[push]" {
            text.push_str(PUSH);
        }
        match line.strip_prefix('[') {
            Some(_) => text.push_str(&format!("{line}\n")),
            None if line.is_empty() => text.push('\n'),
            None => text.push_str(&format!("# {line}\n")),
        }
    }
    for source in registry.iter() {
        text.push_str(&format!(
            "\n## {} ({})\n# [sources.{}]\n",
            source.display_name, source.carrier, source.id
        ));
        if source.capabilities.push.is_some() {
            text.push_str(&format!(
                "## it can push, to /push/{} at push.listen (docs/push.md)\n",
                source.id
            ));
        }
        for setting in source.settings {
            let need = if setting.required {
                "required"
            } else {
                "optional"
            };
            text.push_str(&format!(
                "## {} ({need})\n# {} = {:?}\n",
                setting.help, setting.key, setting.default
            ));
        }
        text.push_str(
            "## price of one call, in whatever unit you count, and what may be spent in a UTC day\n\
             # cost = \"0\"\n# daily_budget = \"\"\n",
        );
        let limits = &source.limits;
        text.push_str(&format!(
            "# limits = {{ per_second = {}, burst = {}, per_day = {}, timeout = \"{}ms\", min_interval = \"{}s\" }}\n",
            limits.per_second,
            limits.burst,
            limits.per_day,
            limits.timeout.as_millis(),
            limits.min_interval.as_secs(),
        ));
    }
    text.push_str(PLUGIN);
    Ok(text)
}

const PUSH: &str = "## Carriers' pushes come in here, on a listener of their own that speaks HTTP in clear: put a\n\
     ## proxy with TLS in front of it. listen = \"127.0.0.1:8780\" starts it; docs/push.md has the rest.\n";

/// A source whose adapter is a process of its own; what else it can be told is in docs/plugins.md.
const PLUGIN: &str = "\n## A plug-in: a source in a process of its own, in any language (docs/plugins.md)\n\
     # [plugins.my-carrier]\n\
     ## where it listens: http://host:port or unix:/path (required)\n\
     # endpoint = \"http://127.0.0.1:50061\"\n\
     ## carrier that it speaks for; left out for an aggregator\n\
     # carrier = \"my-carrier\"\n\
     ## it understands pushes, to /push/my-carrier at push.listen\n\
     # push = false\n";
