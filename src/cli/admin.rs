//! `waybill admin`: what operators do with a running gateway, over its operators' port.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use prost::Message;
use waybill::admin::v1 as admin;
use waybill::admin::v1::operations_service_client::OperationsServiceClient;
use waybill::v1;

use super::client::{Caller, caller, failed};
use super::local::table;
use super::out::say;
use super::{Shown, json};

/// Exit code of a configuration that is not taken.
const NOT_TAKEN: u8 = 1;

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
    /// Address of the operators' port of the gateway.
    #[arg(
        long,
        global = true,
        env = "WAYBILL_ADMIN_ADDRESS",
        default_value = "http://127.0.0.1:9465"
    )]
    admin: String,
    #[command(flatten)]
    shown: Shown,
    /// Print proto3 JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// List every account of every source: whether it is asked, its breakers, quota, errors, latency.
    Sources {
        /// Source id; all if left out.
        #[arg(default_value = "")]
        source: String,
    },
    /// Have a breaker let nobody or everybody through for a time, or decide for itself.
    Breaker {
        /// Source id.
        source: String,
        /// What it has to do.
        order: BreakerOrder,
        /// For how long, for example "10m".
        #[arg(long = "for", value_parser = span)]
        time: Option<Duration>,
        /// Name of the account; all if left out.
        #[arg(long, default_value = "")]
        account: String,
        /// The breaker of our credentials instead of that of the source.
        #[arg(long)]
        credential: bool,
    },
    /// Turn a source on or off, or let it be as configured.
    Source {
        /// Source id.
        source: String,
        /// What is wanted.
        order: SourceOrder,
        /// Name of the account; all if left out.
        #[arg(long, default_value = "")]
        account: String,
    },
    /// Have the gateway take its leave as after SIGTERM.
    Drain,
    /// Have the gateway read its configuration anew. Exit status 1: it is not taken.
    Reload {
        /// Only check it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Log more or less for a time, or as configured again.
    Log {
        /// What to log, for example "debug" or "info,waybill::guard=debug"; as configured if left out.
        #[arg(default_value = "")]
        filter: String,
        /// For how long, for example "10m".
        #[arg(long = "for", value_parser = span)]
        time: Option<Duration>,
    },
    /// Read again what a source has answered about a number, with the adapter as it is now.
    Replay {
        /// Source id.
        source: String,
        /// The number.
        number: String,
        /// Name of the account whose adapter reads; the first if left out.
        #[arg(long, default_value = "")]
        account: String,
        /// Only tell what can be read.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum BreakerOrder {
    /// Let nobody through.
    Trip,
    /// Let everybody through.
    Pass,
    /// Decide for itself.
    Auto,
}

#[derive(Clone, Copy, ValueEnum)]
enum SourceOrder {
    /// It is asked.
    On,
    /// It is not.
    Off,
    /// As the configuration says.
    Configured,
}

fn span(text: &str) -> Result<Duration, String> {
    let length: jiff::SignedDuration = text.parse().map_err(|_| "is not a time".to_owned())?;
    Duration::try_from(length).map_err(|_| "is not a time".to_owned())
}

pub(super) async fn run(options: Options) -> Result<ExitCode, String> {
    let client = OperationsServiceClient::new(caller(&options.admin, &options.shown).await?);
    let done = act(client, options.command, options.json).await;
    done.unwrap_or_else(|status| Ok(failed(&status)))
}

/// What a command comes to, or the status of the call that failed.
type Done = Result<Result<ExitCode, String>, tonic::Status>;

async fn act(mut client: OperationsServiceClient<Caller>, command: Command, json: bool) -> Done {
    let (name, accounts) = match command {
        Command::Sources { source } => {
            let request = admin::ListSourcesRequest { source };
            let answer = client.list_sources(request).await?.into_inner();
            if json {
                return Ok(line("ListSourcesResponse", &answer));
            }
            say!("configuration {}", answer.generation);
            ("", answer.accounts)
        }
        Command::Breaker {
            source,
            order,
            time,
            account,
            credential,
        } => {
            let kind = if credential {
                admin::BreakerKind::Credential
            } else {
                admin::BreakerKind::Source
            };
            let order = match order {
                BreakerOrder::Trip => admin::BreakerOrder::Trip,
                BreakerOrder::Pass => admin::BreakerOrder::Pass,
                BreakerOrder::Auto => admin::BreakerOrder::Auto,
            };
            let request = admin::SetBreakerRequest {
                source,
                account,
                kind: kind.into(),
                order: order.into(),
                duration: length(time),
            };
            let answer = client.set_breaker(request).await?.into_inner();
            ("SetBreakerResponse", answer.accounts)
        }
        Command::Source {
            source,
            order,
            account,
        } => {
            let order = match order {
                SourceOrder::On => admin::SourceOrder::On,
                SourceOrder::Off => admin::SourceOrder::Off,
                SourceOrder::Configured => admin::SourceOrder::Configured,
            };
            let request = admin::SetSourceRequest {
                source,
                account,
                order: order.into(),
            };
            let answer = client.set_source(request).await?.into_inner();
            ("SetSourceResponse", answer.accounts)
        }
        Command::Drain => {
            let answer = client.drain(admin::DrainRequest {}).await?.into_inner();
            if json {
                return Ok(line("DrainResponse", &answer));
            }
            let after = |time: Option<prost_types::Duration>| shown(time.as_ref());
            say!(
                "it goes: no more calls are taken in {}",
                after(answer.stops_after)
            );
            say!("streams are ended in {}", after(answer.streams_ended_after));
            say!("calls are ended in {}", after(answer.calls_ended_after));
            say!(
                "it has ended in {} at the latest",
                after(answer.exits_after)
            );
            return Ok(Ok(ExitCode::SUCCESS));
        }
        Command::Reload { dry_run } => {
            let request = admin::ReloadRequest {
                validate_only: dry_run,
            };
            let answer = client.reload(request).await?.into_inner();
            return Ok(reloaded(&answer, dry_run, json));
        }
        Command::Log { filter, time } => {
            let request = admin::SetLogLevelRequest {
                filter,
                duration: length(time),
            };
            let answer = client.set_log_level(request).await?.into_inner();
            if json {
                return Ok(line("SetLogLevelResponse", &answer));
            }
            match &answer.until {
                Some(until) => say!("logs {:?} until {}", answer.filter, moment(until)),
                None => say!("logs {:?}, as configured", answer.filter),
            }
            return Ok(Ok(ExitCode::SUCCESS));
        }
        Command::Replay {
            source,
            number,
            account,
            dry_run,
        } => {
            let key = v1::shipment_key::Key::TrackingNumber(number);
            let request = admin::ReplayEvidenceRequest {
                source,
                account,
                shipment: Some(v1::ShipmentKey {
                    key: Some(key),
                    ..Default::default()
                }),
                validate_only: dry_run,
            };
            let answer = client.replay_evidence(request).await?.into_inner();
            if json {
                return Ok(line("ReplayEvidenceResponse", &answer));
            }
            for one in &answer.shipments {
                say!(
                    "{}: {} answers, {} of them not understood; revision {} -> {}, {} -> {}",
                    one.id,
                    one.answer_count,
                    one.unreadable_count,
                    one.revision_before,
                    one.revision_after,
                    status(one.status_before()),
                    status(one.status_after()),
                );
            }
            return Ok(Ok(ExitCode::SUCCESS));
        }
    };
    Ok(listed(name, accounts, json))
}

fn line<M: Message>(name: &str, answer: &M) -> Result<ExitCode, String> {
    json::line(&format!("admin.v1.{name}"), answer)?;
    Ok(ExitCode::SUCCESS)
}

fn reloaded(answer: &admin::ReloadResponse, dry: bool, json: bool) -> Result<ExitCode, String> {
    let code = match answer.accepted {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NOT_TAKEN),
    };
    if json {
        line("ReloadResponse", answer)?;
        return Ok(code);
    }
    if !answer.accepted {
        say!("not taken, configuration {} stays", answer.generation);
        say!("{}", answer.problem);
        return Ok(code);
    }
    let done = if dry { "in order" } else { "taken" };
    say!("{done}, configuration {}", answer.generation);
    for name in &answer.applied_settings {
        say!("changed: {name}");
    }
    for name in &answer.restart_settings {
        say!("changed, needs a start: {name}");
    }
    Ok(code)
}

/// Accounts after a change, or all of them.
fn listed(name: &str, accounts: Vec<admin::SourceAccount>, json: bool) -> Result<ExitCode, String> {
    if json {
        return match name {
            "SetBreakerResponse" => line(name, &admin::SetBreakerResponse { accounts }),
            _ => line(name, &admin::SetSourceResponse { accounts }),
        };
    }
    let mut rows = table([
        "source",
        "on",
        "breaker",
        "credential",
        "quota left",
        "errors",
        "p50",
        "p99",
        "last error",
    ]);
    for one in &accounts {
        let quotas = one.quotas.iter().map(|quota| {
            let window = shown(quota.window.as_ref());
            format!("{}/{} in {window}", quota.left, quota.limit)
        });
        let mut quotas: Vec<String> = quotas.collect();
        quotas.extend(
            one.paused_until
                .iter()
                .map(|until| format!("paused until {}", moment(until))),
        );
        let name = match one.account.as_str() {
            "default" => one.source.clone(),
            account => format!("{}/{account}", one.source),
        };
        let is_on = if one.on { "on" } else { "off" };
        let by_hand = if one.switched { " (by hand)" } else { "" };
        let error = one.last_error_time.as_ref();
        let error = error.map(|at| format!("{} {}", one.last_error_kind, moment(at)));
        rows.add_row([
            name,
            format!("{is_on}{by_hand}"),
            breaker(one.source_breaker.as_ref()),
            breaker(one.credential_breaker.as_ref()),
            quotas.join("\n"),
            one.error_rate
                .map_or_else(String::new, |rate| format!("{:.1} %", rate * 100.0)),
            shown(one.latency_p50.as_ref()),
            shown(one.latency_p99.as_ref()),
            error.unwrap_or_default(),
        ]);
    }
    say!("{rows}");
    Ok(ExitCode::SUCCESS)
}

fn breaker(status: Option<&admin::BreakerStatus>) -> String {
    let Some(status) = status else {
        return String::new();
    };
    let name = status.state().as_str_name();
    let name = name.trim_start_matches("BREAKER_STATE_").to_lowercase();
    match &status.held_until {
        Some(until) => format!("{name} by hand until {}", moment(until)),
        None => name,
    }
}

fn status(status: v1::ShipmentStatus) -> String {
    let name = status.as_str_name().trim_start_matches("SHIPMENT_STATUS_");
    name.to_lowercase()
}

fn length(time: Option<Duration>) -> Option<prost_types::Duration> {
    time.and_then(|time| time.try_into().ok())
}

fn moment(time: &prost_types::Timestamp) -> String {
    let at = jiff::Timestamp::from_second(time.seconds).unwrap_or_default();
    at.to_string()
}

fn shown(time: Option<&prost_types::Duration>) -> String {
    let Some(time) = time else {
        return String::new();
    };
    let millis = time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000;
    format!("{:#}", jiff::SignedDuration::from_millis(millis))
}
