//! `waybill serve`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use waybill::auth::settings::Mode;
use waybill::clock::Clock;
use waybill::config::{Config, Files, Reflection};
use waybill::control::Origin as _;
use waybill::telemetry;
use waybill_core::registry::Registry;

use super::Configured;

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    configured: Configured,
    /// Address of the gRPC port; over the configuration.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Address of the side port; over the configuration.
    #[arg(long)]
    side: Option<SocketAddr>,
    /// Address of the operators' port, on loopback; over the configuration.
    #[arg(long)]
    admin: Option<SocketAddr>,
    /// Address where carriers push; over the configuration.
    #[arg(long)]
    push: Option<SocketAddr>,
    /// Folder of the store; over the configuration.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Redis in which nodes share carriers' answers; over the configuration.
    #[arg(long)]
    redis: Option<String>,
    /// Redis that holds the shipments of all nodes; over the configuration.
    #[arg(long)]
    state_redis: Option<String>,
    /// File of the master key, the same on every node; over the configuration.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Listen beyond loopback in clear, and without asking callers who they are if nothing configured
    /// says how.
    #[arg(long)]
    insecure: bool,
    /// Serve reflection on any address.
    #[arg(long)]
    reflection: bool,
    /// Form of the log.
    #[arg(long, value_enum, default_value = "plain")]
    log: Log,
    /// What to log, for example "info" or "waybill=debug"; over the configuration.
    #[arg(long, env = "WAYBILL_LOG")]
    filter: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    /// Lines for people.
    Plain,
    /// One JSON object per line.
    Json,
}

impl Options {
    /// Puts what the command line says over a configuration.
    fn adjust(&self, config: &mut Config) {
        if let Some(filter) = &self.filter {
            config.log.filter.clone_from(filter);
        }
        if self.insecure {
            config.server.insecure = true;
            if !config.auth.knows_callers() {
                config.auth.mode = Mode::None;
            }
        }
        if self.reflection {
            config.server.reflection = Reflection::On;
        }
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(side) = self.side {
            config.server.side = side;
        }
        if let Some(admin) = self.admin {
            config.server.admin = admin.to_string();
        }
        if let Some(push) = self.push {
            config.push.listen = push.to_string();
        }
        if let Some(folder) = &self.data_dir {
            config.store.data_dir.clone_from(folder);
        }
        if let Some(redis) = &self.redis {
            config.cache.redis.clone_from(redis);
        }
        if let Some(redis) = &self.state_redis {
            config.store.redis.clone_from(redis);
        }
        if let Some(file) = &self.key_file {
            config.store.key_file.clone_from(file);
        }
    }
}

pub(super) async fn run(options: Options, registry: Registry) -> Result<ExitCode, String> {
    let format = match options.log {
        Log::Plain => telemetry::Format::Plain,
        Log::Json => telemetry::Format::Json,
    };
    let file = options.configured.file();
    let origin = Files::new(file, move |config| options.adjust(config));
    let config = origin.read()?;
    telemetry::init(format, &config.log.filter)?;
    let stop = stop_signal()?;
    let mut again = hang_up()?;
    let clock = Clock::system();
    let app = waybill::app::start_from(config, registry, clock, Some(Box::new(origin))).await?;
    // A server whose output nobody reads serves all the same.
    let _told = writeln!(
        std::io::stdout(),
        "waybill listens on {} (operators' port {}, side port {})",
        app.address,
        app.admin,
        app.side
    );
    if let Some(push) = app.push {
        let _told = writeln!(
            std::io::stdout(),
            "carriers push to http://{push}/push/SOURCE"
        );
    }
    let control = app.control.clone();
    let mut stop = std::pin::pin!(stop);
    let stopped = loop {
        tokio::select! {
            stopped = &mut stop => break stopped,
            () = control.asked_to_leave() => break Stop::Terminate,
            _ = again.recv() => {
                // What is wrong with it is in the log.
                let _reported = control.reload("signal", false).await;
            }
        }
    };
    match stopped {
        Stop::Terminate => app.leave().await,
        // Somebody waits at a terminal.
        Stop::Interrupt => app.stop().await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Which signal it was.
pub(super) enum Stop {
    /// An orchestrator wants the program to go.
    Terminate,
    /// Somebody at a terminal does.
    Interrupt,
}

/// Listens for the signal that asks the program to read its configuration anew.
fn hang_up() -> Result<tokio::signal::unix::Signal, String> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::hangup()).map_err(|error| format!("cannot listen for signals: {error}"))
}

/// Listens for the signals that ask the program to stop; what is returned waits for one.
///
/// Made before a program says that it runs, because a signal that nobody listens for kills it.
pub(super) fn stop_signal() -> Result<impl Future<Output = Stop>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => Stop::Terminate,
            _ = interrupt.recv() => Stop::Interrupt,
        }
    })
}
