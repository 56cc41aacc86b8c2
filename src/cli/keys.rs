//! `waybill keys`: makes, lists and revokes API keys.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use waybill::app;
use waybill::audit::Audit;
use waybill::auth::audit;
use waybill::auth::keys::{self, NewKey, Record, State};
use waybill::auth::pepper::Peppers;
use waybill::auth::settings::{Settings, scopes};
use waybill::clock::Clock;
use waybill::config::Config;
use waybill::store::seal as master;
use waybill::telemetry;

use super::local::table;
use super::out::say;
use super::{Configured, json};

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    configured: Configured,
    /// File of the keys; over the configuration.
    #[arg(long, global = true)]
    keys_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key and print it, this once.
    Create(Create),
    /// List the keys, without their secrets.
    List(List),
    /// Revoke a key; running servers refuse it within ten seconds.
    Revoke {
        /// Id of the key, the part between its underscores.
        id: String,
    },
}

#[derive(Args)]
struct Create {
    /// Tenant that the key acts for: a-z, 0-9 and hyphen.
    #[arg(long)]
    tenant: String,
    /// What it may see and do, with commas between: track, watch, register, exceptions, ingest,
    /// analytics, personal, paid, evidence, admin.
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// What it is for, in your words.
    #[arg(long, default_value = "")]
    name: String,
    /// How long it works, for example "90d"; without it, until it is revoked.
    #[arg(long)]
    expires: Option<String>,
}

#[derive(Args)]
struct List {
    /// Only keys of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Print JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// One key as `keys list --json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    tenant: String,
    name: String,
    scopes: Vec<String>,
    state: &'static str,
    create_time: Timestamp,
    expire_time: Option<Timestamp>,
    revoke_time: Option<Timestamp>,
    last_use_time: Option<Timestamp>,
}

pub(super) fn run(options: Options) -> Result<ExitCode, String> {
    let config = options.configured.load()?;
    let log = written_down(&config)?;
    let mut settings = config.auth;
    if let Some(path) = options.keys_file {
        settings.keys_file = path;
    }
    if !settings.has_keys() {
        return Err(
            "no keys file is named: set auth.keys_file in the configuration, or --keys-file"
                .to_owned(),
        );
    }
    // What was done is for auditors too.
    telemetry::init(telemetry::Format::Plain, "warn,audit=info")?;
    let now = Clock::system().now();
    match options.command {
        Command::Create(options) => create(&settings, options, &log, now),
        Command::List(options) => list(&settings, &options, now),
        Command::Revoke { id } => {
            let key = keys::revoke(&settings.keys_file, &id, now)?;
            audit::key_revoked(&key);
            note(&log, now, "key_revoked", &key)?;
            say!("{id} is revoked");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The audit log of the gateway, if its configuration has one that this process can write: the key
/// that chains it is that of the store.
fn written_down(config: &Config) -> Result<Option<Audit>, String> {
    let Some(path) = app::audit_file(config) else {
        return Ok(None);
    };
    let key_file = match config.store.key_file.as_os_str().is_empty() {
        true => config.store.data_dir.join("key"),
        false => config.store.key_file.clone(),
    };
    if !key_file.exists() {
        // A gateway that has never been started has no log yet.
        return Ok(None);
    }
    let keys = master::Keys::read(&key_file).map_err(|error| error.to_string())?;
    Ok(Some(Audit::new(Some(path), Arc::new(keys))))
}

fn note(log: &Option<Audit>, now: Timestamp, what: &str, key: &Record) -> Result<(), String> {
    let Some(log) = log else {
        return Ok(());
    };
    let about = [("key", key.id.as_str()), ("tenant", key.tenant.as_str())];
    let written = log.append(now, "command line", what, &about);
    written.map(|_| ()).map_err(|error| {
        format!("the key is changed, and the audit log cannot be written: {error}")
    })
}

fn create(
    settings: &Settings,
    options: Create,
    log: &Option<Audit>,
    now: Timestamp,
) -> Result<ExitCode, String> {
    let lasts = options.expires.map(|text| lasts(&text)).transpose()?;
    let expire_time = lasts.map(|lasts| now.checked_add(lasts));
    let new = NewKey {
        tenant: options.tenant,
        name: options.name,
        scopes: scopes(&options.scopes).map_err(|error| format!("--scopes: {error}"))?,
        expire_time: expire_time
            .transpose()
            .map_err(|_| "--expires: is too far away".to_owned())?,
    };
    let peppers = Peppers::read_or_create(settings)?;
    let (record, key) = keys::create(&settings.keys_file, &peppers, new, now)?;
    audit::key_created(&record);
    note(log, now, "key_created", &record)?;
    say!("{}", key.expose());
    Ok(ExitCode::SUCCESS)
}

fn lasts(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("--expires: {text:?} is not a length of time such as \"90d\" or \"12h\"");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let day = jiff::SpanRelativeTo::days_are_24_hours();
    let lasts = span.to_duration(day).map_err(|_| wrong())?;
    let lasts = Duration::try_from(lasts).ok();
    lasts.filter(|lasts| !lasts.is_zero()).ok_or_else(wrong)
}

fn list(settings: &Settings, options: &List, now: Timestamp) -> Result<ExitCode, String> {
    let used = keys::last_used(&settings.keys_file);
    let mut keys = keys::read(&settings.keys_file)?;
    keys.retain(|key| {
        let tenant = options.tenant.as_ref();
        tenant.is_none_or(|tenant| *tenant == key.tenant)
    });
    let listed = |key: Record| Listed {
        state: match key.state(now) {
            State::Active => "active",
            State::Expired => "expired",
            State::Revoked => "revoked",
        },
        last_use_time: used.get(&key.id).copied(),
        id: key.id,
        tenant: key.tenant,
        name: key.name,
        scopes: key.scopes,
        create_time: key.create_time,
        expire_time: key.expire_time,
        revoke_time: key.revoke_time,
    };
    let keys: Vec<Listed> = keys.into_iter().map(listed).collect();
    if options.json {
        json::pretty(&serde_json::json!({ "keys": keys }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table([
        "id",
        "tenant",
        "name",
        "scopes",
        "state",
        "made",
        "expires",
        "last used",
    ]);
    let day = |time: Option<Timestamp>| match time {
        Some(time) => time.strftime("%Y-%m-%d").to_string(),
        None => "-".to_owned(),
    };
    for key in keys {
        rows.add_row([
            key.id,
            key.tenant,
            key.name,
            key.scopes.join(" "),
            key.state.to_owned(),
            day(Some(key.create_time)),
            day(key.expire_time),
            day(key.last_use_time),
        ]);
    }
    say!("{rows}");
    Ok(ExitCode::SUCCESS)
}
